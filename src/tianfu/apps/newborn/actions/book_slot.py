"""A family, or the ward for a family, books a slot, waits for one, gives one up.  Rule: docs/rules/newborn-booking.md

The places are held first, in one transaction under the ward's lock; then their Appointments are written in one, and the
places are confirmed in one.  What is not confirmed within a minute is free again, and its Appointment is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.keep_offer import slots_now
from tianfu.apps.newborn.mapping.codes import APPROVED_BY, VISITS
from tianfu.apps.newborn.mapping.visits import Booked, Resource, appointment_of, booked_from, restated
from tianfu.apps.newborn.model.booking import (
    FAMILY_REASONS,
    WARD_REASONS,
    KeptBack,
    following,
    free_places,
    refuse_unless_a_reason,
    refuse_unless_bookable,
    refuse_unless_cancellable,
)
from tianfu.apps.newborn.model.fairness import Seen, Wish, in_order, rule, seen_before
from tianfu.apps.newborn.model.visit import Exit, State, left, stepped
from tianfu.apps.newborn.model.windows import Policy, Slot, policy_on, slot_at, slots_on
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_home import Baby, my_baby, read_babies
from tianfu.apps.newborn.queries.free_slots import as_taken, read_policies
from tianfu.apps.newborn.queries.records import (
    PLATFORM,
    changed,
    found_all,
    not_found,
    read_one,
    ward_of_unit,
    write,
    write_together,
)
from tianfu.apps.newborn.queries.staying import refuse_unless_staying
from tianfu.apps.newborn.queries.waiting import kept_back
from tianfu.kernel.instants import DAY, Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.services.booking.places import LOOK_BACK_DAYS, Place, Waiting

APPROVED_STATUSES = "booked,arrived,checked-in,fulfilled,noshow"
"""Of a baby that has one of these a doctor has said yes before."""

NOT_CONFIRMED = "not-confirmed"

_log = structlog.get_logger("tianfu.newborn")


@dataclass(frozen=True, slots=True, kw_only=True)
class For:
    """For which baby, by which guardian, in which ward."""

    baby: str
    guardian: str
    ward: str


async def book_slot(
    nursery: Nursery, caller: Caller, baby: str, start: Instant, *, all_in_a_row: bool
) -> tuple[str, ...]:
    """Book a slot for one baby, or slots one after the other for all of the guardian's in that ward.

    Returns the names of the visits.  Raises Refusal `not-found`, `consent-missing`, `slot-unknown`,
    `no-slots-in-a-row`, and as `refuse_unless_bookable` does.
    """
    chosen = await my_baby(nursery, caller, baby)
    babies = [chosen]
    if all_in_a_row:
        babies = [each for each in await read_babies(nursery, caller) if each.ward == chosen.ward]
    if not all(each.may_be_seen for each in babies):
        raise Refusal("consent-missing", next_step="sign-first")
    return await book(nursery, [_for(each) for each in babies], start, by_staff=False, who=caller)


async def book(
    nursery: Nursery, wanted: Sequence[For], start: Instant, *, by_staff: bool, who: Caller
) -> tuple[str, ...]:
    """Book for these, who have agreed; all or none.  `who` books stands in the trail.

    Raises Refusal `baby-not-here` too.
    """
    ward = wanted[0].ward
    await refuse_unless_staying(nursery.store, {(each.baby, ward) for each in wanted})
    policies = await read_policies(nursery, ward)
    day = china_date(start)
    slots, policy = slots_on(policies, day), policy_on(policies, day)
    first = slot_at(policies, day, start)
    if policy is None:
        raise Refusal("slot-unknown", next_step="reload")
    row = following(slots, first, len(wanted))
    pairs = list(zip(wanted, row, strict=True))
    by_start = {slot.start: (each.baby, slot) for each, slot in pairs}
    steps = iter(by_start.values())

    def decide(around: Sequence[Place]) -> None:
        baby, slot = next(steps)
        _refuse_unless_bookable(slot, baby, policy, slots, around, nursery.clock())

    held = await nursery.places.hold(
        ward,
        [(each.baby, each.guardian, slot.start, slot.end) for each, slot in pairs],
        decide,
        by_staff=by_staff,
    )
    await _write_visits(
        nursery, [(name, each, slot.start, slot.end) for name, (each, slot) in zip(held, pairs, strict=True)], who=who
    )
    return held


async def wait_for_slot(nursery: Nursery, caller: Caller, baby: str, start: Instant) -> None:
    """Wait for a slot that is full or kept for others.

    Raises Refusal `not-found`, `consent-missing`, `slot-unknown`, `slot-not-full`.
    """
    mine = await my_baby(nursery, caller, baby)
    if not mine.may_be_seen:
        raise Refusal("consent-missing", next_step="sign-first")
    policies = await read_policies(nursery, mine.ward)
    day = china_date(start)
    slots, policy = slots_on(policies, day), policy_on(policies, day)
    slot = slot_at(policies, day, start)
    since, until = Instant(start - LOOK_BACK_DAYS * DAY), Instant(start + DAY)
    around = await nursery.places.taken(mine.ward, since, until)
    try:
        if policy is not None:
            _refuse_unless_bookable(slot, baby, policy, slots, around, nursery.clock())
    except Refusal as refusal:
        if refusal.code not in {"slot-taken", "slot-kept-for-others"}:
            raise
        await nursery.places.wait(mine.ward, baby, mine.guardian.id, slot.start, slot.end)
        return
    raise Refusal("slot-not-full", next_step="book-it")


async def wait_no_more(nursery: Nursery, caller: Caller, wish: str) -> None:
    """Whoever waits takes it back; raises Refusal `not-found`, also for what another guardian waits for."""
    waits = [(baby.id, each) for baby in await read_babies(nursery, caller) for each in baby.waiting]
    mine = [baby for baby, each in waits if each.id == wish and each.related in caller.related]
    if not mine or not await nursery.places.wait_no_more(wish, mine):
        raise not_found()


async def cancel_visit(nursery: Nursery, caller: Caller, visit: str, reason: str) -> None:
    """Whoever booked a slot gives it up; whoever waits first moves up.

    Raises Refusal `not-found`, also for what another guardian booked, `reason-missing`, `cancel-too-late`,
    `visit-not-there-yet`.
    """
    refuse_unless_a_reason(reason, FAMILY_REASONS)
    place, ward = await nursery.places.place(visit)
    mine = await my_baby(nursery, caller, place.baby)
    if place.related not in caller.related:
        raise not_found()
    policy = policy_on(await read_policies(nursery, ward), china_date(place.start))
    if policy is not None:
        refuse_unless_cancellable(place.start, policy=policy, now=nursery.clock())
    await give_up(nursery, mine.ward, place, reason, by="family", who=caller)


async def cancel_for_ward(nursery: Nursery, caller: Caller, visit: str, reason: str) -> None:
    """The ward takes a slot back, and must tell the family; raises Refusal `not-found`, `reason-missing`."""
    refuse_unless_a_reason(reason, WARD_REASONS)
    ward = await ward_of_unit(nursery.store, caller)
    place, of = await nursery.places.place(visit)
    if of != ward.id:
        raise not_found()
    await give_up(nursery, of, place, reason, by="ward", who=caller)


async def end_for_guardian(nursery: Nursery, caller: Caller, baby: str, guardian: str) -> None:
    """Cancel every visit to come of somebody who is no guardian any more, and his waiting; `caller` ends both.

    Raises the first Refusal of what could not be cancelled, when all was tried.
    """
    failed: list[Refusal] = []
    for wish in await nursery.places.waiting(baby):
        if wish.related == guardian:
            await nursery.places.wait_no_more(wish.id, [baby])
    for each in await nursery.places.of_baby(baby):
        if each.related == guardian and each.start > nursery.clock():
            try:
                _, ward = await nursery.places.place(each.id)
                await give_up(nursery, ward, each, "guardian-revoked", by="ward", who=caller)
            except Refusal as refusal:
                failed.append(refusal)
    if failed:
        raise failed[0]


async def approve_first_visit(nursery: Nursery, caller: Caller, visit: str) -> None:
    """A doctor of the ward says that a baby may be seen; later visits need it no more.

    Raises Refusal `doctor-needed`, `not-found`, `visit-not-there-yet`.
    """
    ward = await ward_of_unit(nursery.store, caller)
    record = await read_one(nursery.store, VISITS, PLATFORM, "Appointment", visit)
    booked = booked_from(record.value, version=record.version)
    if booked is None or booked.ward != ward.id:
        raise not_found()
    if caller.role != "doctor":
        raise Refusal("doctor-needed", next_step="ask-a-doctor")
    state = stepped(stepped(booked.visit, State.APPROVED), State.SLOT_CONFIRMED).state
    resource = restated(record.value, state, "")
    resource["extension"] = [*resource["extension"], {"url": APPROVED_BY, "valueString": caller.id}]
    await write(nursery.store, resource, expected_version=record.version)


async def move_up(nursery: Nursery, ward: str, start: Instant) -> str | None:
    """Give a place that came free to whoever waits first and may have it; the name of his visit.

    Safe to repeat, whatever became of it before.  Who has not agreed that the baby is seen, or is not clearly its
    guardian now, goes on waiting and is passed over; for a baby that left the ward nobody waits any more.
    """
    policies = await read_policies(nursery, ward)
    day = china_date(start)
    slots, policy = slots_on(policies, day), policy_on(policies, day)
    slot = next((each for each in slots if each.start == start), None)
    if slot is None or policy is None or start <= nursery.clock():
        return None

    waits = await nursery.places.wishes(ward, start)
    why_not = await kept_back(nursery, waits)
    for wish in waits:
        if why_not[wish.id] is KeptBack.GONE:
            await nursery.places.wait_no_more(wish.id, [wish.baby], "over")

    def choose(waiting: Sequence[Waiting], around: Sequence[Place]) -> Waiting | None:
        # Who came to wait since then is not known to be allowed: the next look knows.
        wishes = [each for each in waiting if each.id in why_not and why_not[each.id] is None]
        taken = as_taken(around)
        if free_places(slot, taken) < 1:
            return None
        seen: dict[str, Seen] = {
            each.baby: seen_before([one.start for one in taken if one.baby == each.baby], start) for each in wishes
        }
        by_id = {each.id: each for each in wishes}
        for wish in in_order([Wish(id=each.id, baby=each.baby, since=each.since) for each in wishes], seen):
            try:
                _refuse_unless_bookable(slot, wish.baby, policy, slots, around, nursery.clock())
            except Refusal as refusal:
                if refusal.code != "slot-kept-for-others":
                    continue
            return by_id[wish.id]
        return None

    moved = await nursery.places.move_up(ward, start, choose)
    if moved is None:
        return None
    waited, name = moved
    each = For(baby=waited.baby, guardian=waited.related, ward=ward)
    await _write_visits(nursery, [(name, each, waited.start, waited.end)])
    return name


async def move_up_everywhere(nursery: Nursery) -> None:
    """Do so for every slot for which somebody waits: a place that came free while nobody saw to it goes to nobody else.

    Raises the first Refusal when all were tried.
    """
    failed: list[Refusal] = []
    for ward, start in await nursery.places.waited_for():
        try:
            while await move_up(nursery, ward, start) is not None:
                pass
        except Refusal as refusal:
            failed.append(refusal)
    if failed:
        raise failed[0]


def _refuse_unless_bookable(
    slot: Slot, baby: str, policy: Policy, slots: Sequence[Slot], around: Sequence[Place], now: Instant
) -> None:
    refuse_unless_bookable(slot, baby, policy=policy, day_slots=slots, taken=as_taken(around), rule=rule(), now=now)


Held = tuple[str, For, Instant, Instant]
"""A place that is held: its name, for whom, from when to when."""


async def _write_visits(nursery: Nursery, held: Sequence[Held], *, who: Caller | None = None) -> None:
    """Write the visits of places that are held, and confirm the places: all or none, whatever fails."""
    booked: list[Booked] = []
    is_written = False
    try:
        booked = [await _booked(nursery, *each) for each in held]
        slots = await slots_now(nursery, booked[0].ward, [each.start for each in booked])
        entries = [changed(appointment_of(each, **_slot_of(slots.get(each.start)))) for each in booked]
        await write_together(nursery.store, VISITS, [*entries, *map(changed, slots.values())])
        is_written = True
        await nursery.places.confirm(*(each.id for each in booked), who=who)
    except BaseException:
        for name, *_ in held:
            with suppress(Refusal):  # what cannot be freed now is free within a minute
                await nursery.places.free(name, by="ward", reason=NOT_CONFIRMED)
        if is_written:
            # So slow that a place was given to somebody else: what was written must not look like a visit.
            gone = [replace(each, state=State.CANCELLED, reason=NOT_CONFIRMED) for each in booked]
            await write_together(nursery.store, VISITS, [changed(appointment_of(each)) for each in gone])
        raise


def _slot_of(slot: Resource | None) -> Resource:
    """The member of an Appointment that names its Slot; none where the ward offers that time no more."""
    return {} if slot is None else {"slot": [{"reference": f"Slot/{slot['id']}"}]}


async def _booked(nursery: Nursery, name: str, each: For, start: Instant, end: Instant) -> Booked:
    before = await found_all(  # of a baby with ever so many none may keep it from being booked
        nursery.store, VISITS, PLATFORM, "Appointment", patient=f"Patient/{each.baby}", status=APPROVED_STATUSES
    )
    is_approved = any(booked_from(one.value, version=one.version) is not None for one in before)
    return Booked(
        id=name,
        version=0,
        state=State.SLOT_CONFIRMED if is_approved else State.GUARDIAN_VERIFIED,
        baby=each.baby,
        guardian=each.guardian,
        ward=each.ward,
        start=start,
        end=end,
    )


async def give_up(
    nursery: Nursery,
    ward: str,
    place: Place,
    reason: str,
    *,
    by: Literal["family", "ward"],
    who: Caller | None = None,
) -> None:
    """Cancel the visit of a place and free it; whoever waits first moves up.  `who` does it stands in the trail.

    Raises Refusal `not-found`, `visit-not-there-yet`, or `version-conflict`.
    """
    record = await read_one(nursery.store, VISITS, PLATFORM, "Appointment", place.id)
    booked = booked_from(record.value, version=record.version)
    if booked is None:
        raise not_found()
    over = left(booked.visit, Exit.CANCEL, reason)
    slots = await slots_now(nursery, ward, [place.start], without=place.id)
    after = changed(restated(record.value, over.state, reason), version=record.version)
    await write_together(nursery.store, VISITS, [after, *map(changed, slots.values())])
    await nursery.places.free(place.id, by=by, reason=reason, who=who, baby=place.baby)
    try:
        await move_up(nursery, ward, place.start)
    except Refusal as refusal:  # what was given up is given up: the next look moves up
        _log.info("nobody_moved_up_yet", appointment=place.id, code=refusal.code)


def _for(baby: Baby) -> For:
    return For(baby=baby.id, guardian=baby.guardian.id, ward=baby.ward)
