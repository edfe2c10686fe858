"""How late a source's packets come, so that nothing of before a moment is taken for something of after it.

A camera, an encoder or a network that is held up for a while sends on later what it saw meanwhile.  By its arrival
alone, a picture of care that was filmed behind the curtain would be one of after the curtain was opened.
"""

from __future__ import annotations

from math import inf

from tianfu.services.realtime.protocol.packets import TIMESTAMPS

HALF_SECONDS = 30.0
"""The quickest packet of so long ago, and of up to twice as long, tells how quick a packet can be: long enough to
outlast a hold-up, too short for two clocks to come apart by more than some milliseconds."""

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
        self._least = self._least_before = inf
        self._half_until = -inf

    def late(self, timestamp: int, *, at_seconds: float) -> float:
        """By how many seconds a packet that comes now is later than the quickest of the last minute; at least 0."""
        if self._timestamp is not None:
            self._ticks += (timestamp - self._timestamp + _HALF) % TIMESTAMPS - _HALF
        self._timestamp = timestamp
        took = at_seconds - self._ticks / self._clock_rate_hz
        if at_seconds >= self._half_until:
            self._least_before, self._least = self._least, inf
            self._half_until = at_seconds + HALF_SECONDS
        self._least = min(self._least, took)
        late = took - min(self._least, self._least_before)
        if late > LATE_SECONDS_MAX:
            self._least, self._least_before, late = took, inf, 0.0
        return late
