"""How much of a picture one viewer is sent: from what he says that he lost, and that he has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """What he is sent, least first.  A still is a picture by itself, one in five seconds at most, without sound."""

    STILLS = 0
    SOUND = 1
    SMALL = 2
    FULL = 3


LOST_BAD, LOST_GOOD = 0.10, 0.02
"""At 5 % lost, asking again still mends a picture; at 10 % it no longer comes in time."""

ROOM_BAD, ROOM_GOOD = 0.8, 1.1
"""Of what is sent.  A receiver's estimate grows to about one and a half of what arrives, and slowly.

So it is low after a picture that hardly moved, or a small one; only one that falls says that something is in the way.
"""

DOWN_SECONDS = 2.0
UP_SECONDS = 10.0
UP_SECONDS_MAX = 80.0
"""Each climb that did not hold doubles the wait for the next, up to this."""

SETTLE_SECONDS = 3.0
"""For so long after a change the reports are still of what was before."""

HELD_SECONDS = 60.0
"""What was good for so long has held: the next climb need not wait longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How it arrives: the part that was lost, what he has room for (None if he does not say), and what is sent."""

    lost_fraction: float
    room_bits_per_second: int | None
    is_room_falling: bool
    sent_bits_per_second: int

    @property
    def is_bad(self) -> bool:
        """Whether it is too much for him."""
        return self.lost_fraction >= LOST_BAD or (self.is_room_falling and self._room_is_below(ROOM_BAD))

    @property
    def is_good(self) -> bool:
        """Whether more may be tried."""
        return self.lost_fraction <= LOST_GOOD and not self._room_is_below(ROOM_GOOD)

    def _room_is_below(self, part: float) -> bool:
        room = self.room_bits_per_second
        return room is not None and room < part * self.sent_bits_per_second


class Adaptation:
    """One viewer's level.  It goes down within seconds, and up only after a while; seldom back and forth."""

    def __init__(self, at_seconds: float) -> None:
        self.level = Level.FULL
        self._changed_at = at_seconds
        self._bad_since: float | None = None
        self._good_since: float | None = None
        self._climbed = False
        self._wait_seconds = UP_SECONDS

    def look(self, arrival: Arrival, ladder: Sequence[Level], *, at_seconds: float) -> Level:
        """The level from now on, of those that there are; to be called about once a second."""
        below = [each for each in ladder if each < self.level]
        above = [each for each in ladder if each > self.level]
        if self.level not in ladder:
            self._change(max(below) if below else min(ladder), at_seconds)
        elif at_seconds - self._changed_at >= SETTLE_SECONDS:
            self._remember(arrival, at_seconds)
            if below and self._lasts(self._bad_since, DOWN_SECONDS, at_seconds):
                self._learn_from_fall()
                self._change(max(below), at_seconds)
            elif above and self._lasts(self._good_since, self._wait_seconds, at_seconds):
                self._change(min(above), at_seconds)
                self._climbed = True
        return self.level

    def _remember(self, arrival: Arrival, at_seconds: float) -> None:
        self._bad_since = (self._bad_since or at_seconds) if arrival.is_bad else None
        self._good_since = (self._good_since or at_seconds) if arrival.is_good else None
        if self._climbed and self._lasts(self._good_since, HELD_SECONDS, at_seconds):
            self._climbed, self._wait_seconds = False, UP_SECONDS

    def _learn_from_fall(self) -> None:
        if self._climbed:
            self._wait_seconds = min(2 * self._wait_seconds, UP_SECONDS_MAX)

    def _change(self, level: Level, at_seconds: float) -> None:
        self.level = level
        self._changed_at = at_seconds
        self._bad_since = self._good_since = None
        self._climbed = False

    @staticmethod
    def _lasts(since: float | None, seconds: float, at_seconds: float) -> bool:
        return since is not None and at_seconds - since >= seconds


def ladder_of(*, has_small: bool, is_ward_heard: bool, are_stills_allowed: bool) -> Sequence[Level]:
    """The levels that there are: sound alone is one only if there is sound, or nothing else is left."""
    levels = [Level.FULL]
    if has_small:
        levels.append(Level.SMALL)
    if is_ward_heard or not are_stills_allowed:
        levels.append(Level.SOUND)
    if are_stills_allowed:
        levels.append(Level.STILLS)
    return levels
