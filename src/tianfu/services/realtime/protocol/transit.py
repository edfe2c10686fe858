"""How late a source's packets come, so that nothing of before a moment is taken for something of after it.

A camera, an encoder or a network that is held up for a while sends on later what it saw meanwhile.  By its arrival
alone, a picture of care that was filmed behind the curtain would be one of after the curtain was opened.
"""

from __future__ import annotations

from math import inf

from tianfu.services.realtime.protocol.packets import TIMESTAMPS

DRIFT = 2e-4
"""By so much two clocks come apart: quartz is good for half of it. What was ever quick is forgotten so slowly."""

LATE_SECONDS_MAX = 10.0
"""A clock that goes back by more was set: nothing is sent again so late.  Nobody waits for pictures that come later."""

_HALF = TIMESTAMPS // 2


class Transit:
    """Compares a source's clock with ours (the relative transit time of RFC 3550, appendix A.8).

    How long its quickest packets take is not seen, nor how late the first ones come that are ever heard of it.
    `pauses`: its clock stands while it is muted, as that of a browser's microphone may, so that a pause longer than
    `LATE_SECONDS_MAX` is not taken for a hold-up.
    """

    def __init__(self, clock_rate_hz: int, *, pauses: bool = False) -> None:
        self._clock_rate_hz = clock_rate_hz
        self._pauses = pauses
        self._timestamp: int | None = None
        self._ticks = 0
        """The source's clock since its first packet, in whole rounds and all."""
        self._least = inf
        self._at = 0.0

    def late(self, timestamp: int, *, at_seconds: float) -> float:
        """By how many seconds a packet that comes now is later than the quickest; at least 0, with no upper end."""
        ticks = 0 if self._timestamp is None else (timestamp - self._timestamp + _HALF) % TIMESTAMPS - _HALF
        self._timestamp = timestamp
        self._ticks += ticks
        passed = max(0.0, at_seconds - self._at)
        self._at = at_seconds
        took = at_seconds - self._ticks / self._clock_rate_hz
        went = ticks / self._clock_rate_hz
        if went < -LATE_SECONDS_MAX or (self._pauses and passed - went > LATE_SECONDS_MAX):
            self._least = took
        else:
            self._least = min(self._least + DRIFT * passed, took)
        return took - self._least
