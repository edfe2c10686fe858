"""What visits take of a ward's nurses: a nurse's own shift on her pages, and every shift for the head nurse.

Rule: docs/rules/newborn-visits.md
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from tianfu.access.caller import Caller
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.model.windows import MINUTE, Policy, policy_from, policy_on
from tianfu.apps.newborn.model.workload import (
    SCANNED,
    Course,
    Deed,
    Shift,
    Work,
    hers_now,
    shift_at,
    shifts_on,
    whole_in,
    work_in,
)
from tianfu.apps.newborn.queries.round import Ward, practitioner_names, read_wards
from tianfu.kernel.instants import DAY, Instant, china_date
from tianfu.services.realtime.kept import ROOMS_MAX, KeptRoom, KeptRooms

DAYS = 7
"""So many days the head nurse's page goes back, today among them. [ours]"""

SPAN_DAYS = 6
"""So many days of a ward are read at one time, where more are asked."""

BEFORE = 120 * MINUTE
"""No visit that came to the bed longer before a shift reaches into it: a slot lasts 60 minutes at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftNow:
    """The shift that runs: what visits took of a nurse and of all of the ward, and what the ward has set.

    `hers` are the visits at the bed that are hers now.
    """

    ward: Ward
    shift: Shift
    own: Work
    whole: Work
    hers: tuple[str, ...]
    limit: int | None
    at_once: int | None

    @property
    def is_reached(self) -> bool:
        """Whether visits have kept her busy for as long as the ward lets them, or longer."""
        return self.own.reaches(self.limit)

    @property
    def is_full(self) -> bool:
        """Whether she has as many visits at one time as the ward lets a nurse have."""
        return self.at_once is not None and len(self.hers) >= self.at_once


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What visits took of a nurse in a shift."""

    nurse: str
    work: Work
    is_reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftWork:
    """A shift in which visits were, with a line for each nurse who had any."""

    shift: Shift
    lines: tuple[Line, ...]
    whole: Work
    limit: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The shifts of a ward in the last days, the last of them first."""

    ward: Ward
    shifts: tuple[ShiftWork, ...]
    is_cut_off: bool


def course_of(room: KeptRoom) -> Course:
    """What happened at a visit, as its row tells; of one from before that was kept, when it came and went."""
    standing = read(room.state)
    if standing.deeds and standing.deeds[0].what == SCANNED:
        return Course(visit=room.visit, deeds=standing.deeds)
    begun = Deed(what=SCANNED, at=room.begun_at, by=room.nurse)
    over = [Deed(what=standing.visit.state.value, at=room.changed_at)] if room.is_over else []
    return Course(visit=room.visit, deeds=(begun, *standing.deeds, *over))


async def read_shift(house: House, ward: Ward, nurse: str, *, now: Instant) -> ShiftNow:
    """The shift that runs in a ward, for one of its nurses; `nurse` is her Practitioner."""
    policies = [policy_from(each) for each in await house.policies.policies(ward.id)]
    shift = shift_at(policies, now)
    courses = list(map(course_of, await house.rooms.of_ward(ward.id, since=Instant(shift.start - BEFORE))))
    work = work_in(courses, shift, now=now)
    policy = policy_on(policies, china_date(shift.start))
    return ShiftNow(
        ward=ward,
        shift=shift,
        own=work.get(nurse, Work()),
        whole=whole_in(courses, shift, now=now),
        hers=hers_now(courses, nurse),
        limit=None if policy is None else policy.nurse_minutes,
        at_once=None if policy is None else policy.nurse_at_once,
    )


async def read_shifts(house: House, caller: Caller, *, now: Instant) -> tuple[ShiftNow, ...]:
    """The shifts that run in the wards of the caller's unit."""
    nurse = caller.practitioner or ""
    return tuple([await read_shift(house, each, nurse, now=now) for each in await read_wards(house, caller)])


async def read_workload(house: House, caller: Caller, *, now: Instant) -> tuple[Workload, ...]:
    """Every shift of the last days in the wards of the caller's unit, nurse by nurse by name."""
    wards = await read_wards(house, caller)
    found = [(ward, *await _shifts(house, ward, now=now)) for ward in wards]
    ids = {nurse for _, shifts, _ in found for _, work, _, _ in shifts for nurse in work}
    names = await practitioner_names(house.store, caller, ids)
    return tuple(
        Workload(
            ward=ward,
            shifts=tuple(
                ShiftWork(
                    shift=shift,
                    lines=tuple(
                        Line(nurse=names.get(nurse, nurse), work=each, is_reached=each.reaches(_limit(policy)))
                        for nurse, each in sorted(work.items(), key=lambda one: -one[1].micros)
                    ),
                    whole=whole,
                    limit=_limit(policy),
                )
                for shift, work, whole, policy in shifts
            ),
            is_cut_off=is_cut_off,
        )
        for ward, shifts, is_cut_off in found
    )


async def _shifts(
    house: House, ward: Ward, *, now: Instant
) -> tuple[list[tuple[Shift, dict[str, Work], Work, Policy | None]], bool]:
    """The shifts of a ward in which visits were, the last first, and whether some are left out."""
    policies = [policy_from(each) for each in await house.policies.policies(ward.id)]
    today = china_date(now)
    days = [today - timedelta(days=each) for each in range(DAYS)]
    shifts = [each for day in days for each in reversed(shifts_on(policies, day)) if each.start <= now]
    rooms = await house.rooms.of_ward(ward.id, since=Instant(min(each.start for each in shifts) - BEFORE))
    courses = list(map(course_of, rooms))
    found = [
        (shift, dict(work), whole_in(courses, shift, now=now), policy_on(policies, china_date(shift.start)))
        for shift in shifts
        if (work := work_in(courses, shift, now=now))
    ]
    return found, len(rooms) >= ROOMS_MAX


def _limit(policy: Policy | None) -> int | None:
    return None if policy is None else policy.nurse_minutes


async def minutes_since(rooms: KeptRooms, ward: str, since: Instant, *, days: int, now: Instant) -> int:
    """Whole minutes that visits in a ward have taken of its nurses since an instant, so many days before now."""
    total = 0
    for day in range(0, days, SPAN_DAYS):
        span = Shift(start=Instant(since + day * DAY), end=Instant(since + min(day + SPAN_DAYS, days) * DAY))
        found: Sequence[KeptRoom] = await rooms.of_ward(ward, since=Instant(span.start - BEFORE), until=span.end)
        total += whole_in(list(map(course_of, found)), span, now=now).micros
    return total // MINUTE
