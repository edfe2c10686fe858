"""How time passes for visits at the bed while the wall clock is set: by a clock of this process that never steps.

The wall clock says when a visit came to the bed; from then on its time is counted, so that a clock which is set back
prolongs nothing and ages no heartbeat.  Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.services.realtime.kept import KeptRoom

NEVER = float("-inf")


@dataclass(slots=True)
class _Counted:
    """From which instant a visit's time is counted, and what was heard of its nurse; seconds are this process's."""

    instant: Instant
    at_seconds: float
    heard_at: Instant
    heard_seconds: float
    leased_until_seconds: float = NEVER


class Pace:
    """The time of each visit at the bed, from the first look on; `monotonic` counts seconds and never steps."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float], *, lease_seconds: float) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._lease = int(lease_seconds * SECOND)
        self._counted: dict[str, _Counted] = {}

    def see(self, room: KeptRoom) -> None:
        """Take a row as it stands now; to be called with each look before anything is asked about the visit."""
        wall, seconds = self._clock(), self._monotonic()
        counted = self._counted.get(room.visit)
        if counted is None:
            age = wall - room.heard_at
            # A lease was never told for longer: if it ends later, the clock was set back since.
            begun = max(wall, room.lease_until - self._lease)
            self._counted[room.visit] = _Counted(
                instant=Instant(begun),
                at_seconds=seconds,
                heard_at=room.heard_at,
                heard_seconds=seconds - age / SECOND if age >= 0 else NEVER,
            )
        elif counted.heard_at != room.heard_at:
            counted.heard_at, counted.heard_seconds = room.heard_at, seconds

    def now(self, visit: str, slot_end: Instant) -> Instant:
        """The visit's own time, which no step of the wall clock changes.

        Where the wall clock says that the slot is over it is over: of two clocks the one that ends it sooner counts.
        """
        wall, counted = self._clock(), self._counted[visit]
        passed = Instant(counted.instant + int((self._monotonic() - counted.at_seconds) * SECOND))
        return max(wall, passed) if wall >= slot_end else passed

    def heard_at(self, visit: str, now: Instant) -> Instant:
        """When the nurse's tablet was last heard of, so that `now` less it is its true age; 0 for an unknown one."""
        age_seconds = self._monotonic() - self._counted[visit].heard_seconds
        return Instant(0) if age_seconds == -NEVER else Instant(now - int(age_seconds * SECOND))

    def leased(self, visit: str, seconds: float) -> None:
        """A lease lasts so long from now on."""
        self._counted[visit].leased_until_seconds = self._monotonic() + seconds

    def lease_left(self, visit: str) -> float:
        """How many seconds of the lease that was asked for here are left."""
        return self._counted[visit].leased_until_seconds - self._monotonic()

    def forget_all_but(self, visits: Collection[str]) -> None:
        """Forget the visits that have left the bed."""
        self._counted = {visit: each for visit, each in self._counted.items() if visit in visits}

    def stand_by(self) -> None:
        """Nobody looks here for a while: what is heard meanwhile says nothing of when."""
        for each in self._counted.values():
            each.heard_seconds = each.leased_until_seconds = NEVER
