"""Whether a source's numbers go on or have begun anew (RFC 3550, appendix A.1)."""

from __future__ import annotations

from enum import Enum, auto

from tianfu.services.realtime.protocol.packets import SEQUENCES

AHEAD_MAX = 3_000
BEHIND_MAX = 1_024
"""SRTP opens nothing of longer ago (its window, as aiortc sets it), so what comes from there was not sent again.

What was asked for comes within `MISSING_MAX` of when it was asked, and may be on its way for as long as it likes.
"""


class Step(Enum):
    """What a packet's number says."""

    GOES_ON = auto()
    STRAY = auto()
    """Far from all before; if the next one follows it, the count has begun anew with it."""
    ANEW = auto()


class Course:
    """The numbers of one source.  A camera that starts again may count from anywhere, under the same SSRC."""

    def __init__(self) -> None:
        self._highest: int | None = None
        self._after_stray: int | None = None

    def step(self, sequence: int) -> Step:
        """Hear of a packet."""
        if self._highest is None:
            self._highest = sequence
            return Step.GOES_ON
        ahead = (sequence - self._highest) % SEQUENCES
        if ahead < AHEAD_MAX:
            self._highest = sequence
        elif ahead < SEQUENCES - BEHIND_MAX:
            if sequence != self._after_stray:
                self._after_stray = (sequence + 1) % SEQUENCES
                return Step.STRAY
            self._highest, self._after_stray = sequence, None
            return Step.ANEW
        return Step.GOES_ON
