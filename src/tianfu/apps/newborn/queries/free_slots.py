"""The days and slots of a ward as a family, or the ward for a family, may choose them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from tianfu.apps.newborn.model.booking import Taken, free_places, refuse_unless_bookable
from tianfu.apps.newborn.model.fairness import rule
from tianfu.apps.newborn.model.windows import Policy, Slot, days_open, policy_from, policy_on, slots_on
from tianfu.apps.newborn.ports import Nursery
from tianfu.kernel.instants import DAY, Instant, china_date, day_start
from tianfu.kernel.refusal import Refusal
from tianfu.services.booking.places import Place

SlotState = Literal["free", "full", "kept", "yours", "over", "closed", "waiting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A slot with how it stands for one baby."""

    slot: Slot
    state: SlotState
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DayChoice:
    """A day of the row of days."""

    day: date
    is_closed: bool
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What the page of booking shows; `policy` is None where the ward has set nothing yet."""

    policy: Policy | None
    days: tuple[DayChoice, ...]
    day: date | None
    choices: tuple[Choice, ...]


_STATES: dict[str, SlotState] = {
    "slot-over": "over",
    "slot-yours-already": "yours",
    "slot-taken": "full",
    "slot-kept-for-others": "kept",
    "too-many-that-day": "closed",
    "slot-too-far": "closed",
}


async def read_policies(nursery: Nursery, ward: str) -> tuple[Policy, ...]:
    """What a ward has set, oldest first."""
    return tuple(policy_from(each) for each in await nursery.places.policies(ward))


async def read_calendar(nursery: Nursery, ward: str, baby: str, chosen: str) -> Calendar:
    """The days that are open and the slots of the chosen one, or of the first that has any."""
    now = nursery.clock()
    today = china_date(now)
    policies = await read_policies(nursery, ward)
    policy = policy_on(policies, today)
    if policy is None:
        return Calendar(policy=None, days=(), day=None, choices=())
    days = days_open(policies, today)
    since, until = day_start(today) - 31 * DAY, day_start(days[-1]) + DAY
    taken = as_taken(await nursery.places.taken(ward, Instant(since), Instant(until)))
    waiting = {each.start for each in await nursery.places.waiting(baby)}
    by_day = {day: _choices(policies, day, baby, taken, waiting, now) for day in days}
    row = tuple(
        DayChoice(day=day, is_closed=not choices, free=sum(each.state == "free" for each in choices))
        for day, choices in by_day.items()
    )
    first = next((each.day for each in row if each.free), days[0])
    day = next((each for each in days if each.isoformat() == chosen), first)
    return Calendar(policy=policy, days=row, day=day, choices=by_day[day])


def _choices(
    policies: Sequence[Policy], day: date, baby: str, taken: Sequence[Taken], waiting: set[Instant], now: Instant
) -> tuple[Choice, ...]:
    policy, slots = policy_on(policies, day), slots_on(policies, day)
    if policy is None:
        return ()
    choices = []
    for slot in slots:
        state: SlotState = "free"
        try:
            refuse_unless_bookable(slot, baby, policy=policy, day_slots=slots, taken=taken, rule=rule(), now=now)
        except Refusal as refusal:
            state = _STATES[refusal.code]
        if state in {"full", "kept"} and slot.start in waiting:
            state = "waiting"
        choices.append(Choice(slot=slot, state=state, free=free_places(slot, taken)))
    return tuple(choices)


def as_taken(places: Sequence[Place]) -> tuple[Taken, ...]:
    """Places as the rules know them."""
    return tuple(Taken(baby=each.baby, start=each.start, end=each.end) for each in places)
