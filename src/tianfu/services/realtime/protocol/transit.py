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
"""A clock that goes back by more was set.  Nobody waits for pictures that come later."""

PAUSE_SECONDS = 1.0
"""So long at least a sound was muted, and not held up, if what else comes by the same road came in time meanwhile."""

_HALF = TIMESTAMPS // 2


class Transit:
    """Compares a source's clock with ours (the relative transit time of RFC 3550, appendix A.8).

    How long its quickest packets take is not seen, nor how late the first ones come that are ever heard of it.
    `pauses`: its clock stands while it is muted, as that of a browser's microphone may: a pause of over
    `LATE_SECONDS_MAX`, or of over `PAUSE_SECONDS` while the road was free, is not taken for a hold-up.
    """

    def __init__(self, clock_rate_hz: int, *, pauses: bool = False) -> None:
        self._clock_rate_hz = clock_rate_hz
        self._pauses = pauses
        self._timestamp: int | None = None
        self._ticks = 0
        """The source's clock since its first packet, in whole rounds and all."""
        self._least = inf
        self._at = 0.0

    def late(self, timestamp: int, *, at_seconds: float, is_road_free: bool = False) -> float:
        """By how many seconds a packet that comes now is later than the quickest; at least 0, with no upper end.

        It is none that comes behind later ones.  `is_road_free`: what else its sender sends comes in time just now.
        """
        ticks = 0 if self._timestamp is None else (timestamp - self._timestamp + _HALF) % TIMESTAMPS - _HALF
        self._timestamp = timestamp
        self._ticks += ticks
        passed = max(0.0, at_seconds - self._at)
        self._at = at_seconds
        took = at_seconds - self._ticks / self._clock_rate_hz
        went = ticks / self._clock_rate_hz
        longest = PAUSE_SECONDS if is_road_free else LATE_SECONDS_MAX
        was_muted = self._pauses and went >= 0 and passed - went > longest
        is_round = passed > _HALF / self._clock_rate_hz  # whether its clock went on, or back, can no longer be told
        if went < -LATE_SECONDS_MAX or was_muted or is_round:
            self._least = took
        else:
            self._least = min(self._least + DRIFT * passed, took)
        return took - self._least
