"""What each viewer may have seen by what people did, kept apart from the media server.  Times are milliseconds of the
machine's clock.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from enum import Enum

HELD_MS = 500.0
"""So long may a picture have lain in the bed's browser, drawn but not sent yet, when the curtain was opened: what the
server lets through is what comes from then on.  Whatever is shown before somebody opens the curtain is wrong anyway."""


@dataclass(frozen=True, slots=True, order=True)
class Seat:
    """One participant of a visit."""

    visit: str
    who: str


@dataclass(frozen=True, slots=True)
class Lens:
    """A device at a bed; another one at the same bed bears another number."""

    bed: int
    device: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A picture that somebody was shown: of which lens, when it was drawn there, and when it was shown."""

    seat: Seat
    lens: Lens
    drawn_ms: float
    shown_ms: float


class Verdict(Enum):
    """Whether somebody may have been shown a picture, or why not."""

    RIGHT = "right"
    WRONG_BED = "a bed or a device to which his visit was not bound"
    BEHIND_THE_CURTAIN = "drawn while the curtain was"
    NOT_IN_THE_ROOM = "drawn after he was let go, and shown before he came again"


@dataclass(slots=True)
class _Open:
    lens: Lens
    since_ms: float
    until_ms: float = math.inf


@dataclass(slots=True)
class _There:
    since_ms: float
    until_ms: float = math.inf


class Sights:
    """When which curtain was open on what, and who was there.

    What gives sight is told before it is asked for, what takes sight once it is acknowledged: between the two a
    picture may be shown or not.
    """

    def __init__(self) -> None:
        self._open: defaultdict[str, list[_Open]] = defaultdict(list)
        self._there: defaultdict[Seat, list[_There]] = defaultdict(list)

    def opens(self, visit: str, lens: Lens, *, at_ms: float) -> None:
        """The curtain is about to be opened on what a device shows; of one that is open nothing changes."""
        if not self.is_open(visit):
            self._open[visit].append(_Open(lens, at_ms))

    def draws(self, visit: str, *, at_ms: float) -> None:
        """The curtain was drawn; of one that was drawn already nothing changes."""
        if self.is_open(visit):
            self._open[visit][-1].until_ms = at_ms

    def comes(self, seat: Seat, *, at_ms: float) -> None:
        """Somebody is about to join; of who is there nothing changes."""
        if not self.is_there(seat):
            self._there[seat].append(_There(at_ms))

    def goes(self, seat: Seat, *, at_ms: float) -> None:
        """Somebody was let go; of who is away already nothing changes."""
        if self.is_there(seat):
            self._there[seat][-1].until_ms = at_ms

    def is_open(self, visit: str) -> bool:
        """Whether its curtain is open now."""
        return bool(self._open[visit]) and self._open[visit][-1].until_ms == math.inf

    def is_there(self, seat: Seat) -> bool:
        """Whether he is in the room now."""
        return bool(self._there[seat]) and self._there[seat][-1].until_ms == math.inf

    def judge(self, seen: Seen) -> Verdict:
        """Whether a picture may have been shown."""
        bound = [each for each in self._open[seen.seat.visit] if each.lens == seen.lens]
        if not bound:
            return Verdict.WRONG_BED
        opened = [each for each in bound if each.since_ms <= seen.shown_ms]
        if not any(each.since_ms - HELD_MS <= seen.drawn_ms <= each.until_ms for each in opened):
            return Verdict.BEHIND_THE_CURTAIN
        there = [each for each in self._there[seen.seat] if each.since_ms <= seen.shown_ms]
        if not any(seen.drawn_ms <= each.until_ms for each in there):
            return Verdict.NOT_IN_THE_ROOM
        return Verdict.RIGHT
