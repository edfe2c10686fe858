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
"""What seems later comes from a clock that was set, not from a hold-up: who sends nothing is let go sooner."""

_HALF = TIMESTAMPS // 2


class Transit:
    """Compares a source's clock with ours (the relative transit time of RFC 3550, appendix A.8).

    How long its quickest packets take is not seen, nor how late the first ones come that are ever heard of it.
    """

    def __init__(self, clock_rate_hz: int) -> None:
        self._clock_rate_hz = clock_rate_hz
        self._timestamp: int | None = None
        self._ticks = 0
        """The source's clock since its first packet, in whole rounds and all."""
        self._least = inf
        self._at = 0.0

    def late(self, timestamp: int, *, at_seconds: float) -> float:
        """By how many seconds a packet that comes now is later than the quickest; at least 0."""
        if self._timestamp is not None:
            self._ticks += (timestamp - self._timestamp + _HALF) % TIMESTAMPS - _HALF
        self._timestamp = timestamp
        took = at_seconds - self._ticks / self._clock_rate_hz
        self._least = min(self._least + DRIFT * max(0.0, at_seconds - self._at), took)
        self._at = at_seconds
        late = took - self._least
        if late > LATE_SECONDS_MAX:
            self._least, late = took, 0.0
        return late
