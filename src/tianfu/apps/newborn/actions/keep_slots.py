"""What time does to booked visits: they wait, nobody came, no doctor said yes; and places of what is over come free.

Rules: docs/rules/newborn-visits.md , docs/rules/newborn-booking.md
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Literal

import structlog

from tianfu.apps.newborn.actions.book_slot import NOT_CONFIRMED, give_up, move_up, move_up_everywhere
from tianfu.apps.newborn.actions.invite_relative import end_invitations_of_stay
from tianfu.apps.newborn.mapping.codes import ALARM, VISITS, VISITS_PAUSED
from tianfu.apps.newborn.mapping.halts import was_raised
from tianfu.apps.newborn.mapping.visits import Booked, booked_from, restated
from tianfu.apps.newborn.model.binding import ASK_THE_WARD
from tianfu.apps.newborn.model.reasons import DeclineReason
from tianfu.apps.newborn.model.visit import BEFORE_THE_BED, CARED_FOR, OVER, RESTS, Exit, State, Visit, left, stepped
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.records import PLATFORM, found_all, read_all, write
from tianfu.apps.newborn.queries.staying import DISCHARGED, GONE_AFTER, Stay, why_gone
from tianfu.kernel.instants import DAY, SECOND, Instant
from tianfu.kernel.refusal import Refusal, place_of

LOOK_SECONDS = 15.0
WAITS_BEFORE = 15 * 60 * SECOND
"""So long before its slot a visit waits, and the bed can be checked. [ours]"""

GONE_EACH = 4
"""With each fourth look, once in a minute, it is looked at whether the babies of all visits to come are still there."""

WHOLE_EACH, WHOLE_BEFORE = 40, 62 * DAY
"""With each fortieth look all visits to come are looked at: no ward books further ahead."""

NO_SHOW, NOT_APPROVED = "no-show", "not-approved"

FREED_BY: dict[State, Literal["family", "ward"]] = {
    State.DECLINED: "ward",
    State.CANCELLED: "ward",
    State.EXPIRED: "ward",
    State.NO_SHOW: "family",
}
"""Who gave up the place of a visit that nobody saw.  A family that saw its baby had its place, however it ended.

An aborted one may have been seen or not: its Encounter says.
"""

HALTED_BY = {VISITS_PAUSED: RESTS, ALARM: CARED_FOR}
"""What may keep a family out of its slot, and what is told of it then."""

WITHDRAWN = "consent-withdrawn"
"""Of what was given up at the bed unseen the family did this, and the ward all else."""

_log = structlog.get_logger("tianfu.newborn")


async def keep_slots(nursery: Nursery) -> None:
    """Look again and again what became of booked visits; goes on until cancelled."""
    looks = 0
    seen_gone: dict[Stay, Instant] = {}
    while True:
        await _tried(look_at_slots(nursery, before=WAITS_BEFORE if looks % WHOLE_EACH else WHOLE_BEFORE))
        await _tried(cancel_unconfirmed(nursery))
        if not looks % GONE_EACH:
            await _tried(give_up_gone(nursery, seen_gone))
        await _tried(move_up_everywhere(nursery))
        looks += 1
        await asyncio.sleep(LOOK_SECONDS)


async def _tried(step: Awaitable[None]) -> None:
    """One step of a look: that it fails keeps no other from being taken."""
    try:
        await step
    except Exception as error:
        _log.error("slots_not_looked_at", error=place_of(error))


async def look_at_slots(nursery: Nursery, *, before: int = WAITS_BEFORE) -> None:
    """One look at visits that begin within `before` or ended lately; of several workers the second finds nothing to do.

    With a wide look a place comes free whose visit was given up by who died before he freed it.
    """
    now = nursery.clock()
    around = await nursery.places.around(now, before=before)
    found = await read_all(nursery.store, VISITS, PLATFORM, [("Appointment", each.id) for each, _ in around])
    visits = {
        place.id: booked_from(record.value, version=record.version)
        for place, _ in around
        if (record := found.get(("Appointment", place.id))) is not None
    }
    unseen = await _unseen(nursery, [each for each in visits.values() if each and each.state is State.ABORTED])
    for place, ward in around:
        record, booked = found.get(("Appointment", place.id)), visits.get(place.id)
        if record is None or booked is None:
            continue
        visit = turned(booked.visit, now=now)
        try:
            if visit.state is State.NO_SHOW and (halt := await _halted_by(nursery, booked)):
                visit = left(booked.visit, Exit.CANCEL, halt)
            if visit != booked.visit:
                resource = restated(record.value, visit.state, visit.reason)
                await write(nursery.store, resource, expected_version=record.version)
            by = FREED_BY.get(visit.state) or unseen.get(place.id)
            if by is not None:
                await free_place(nursery, place.id, by=by, reason=visit.reason)
            elif visit.state is State.ABORTED and visit.reason in set(DeclineReason):
                await nursery.places.broken_off(place.id, visit.reason)
        except Refusal as refusal:  # somebody changed it meanwhile: the next look sees how it stands then
            _log.info("slot_not_turned", appointment=place.id, ward=ward, code=refusal.code)


async def cancel_unconfirmed(nursery: Nursery) -> None:
    """Take back the visits of places that nobody confirmed in time: who wrote them died, and no family was told."""
    lapsed = await nursery.places.unsettled()
    found = await read_all(nursery.store, VISITS, PLATFORM, [("Appointment", place) for place, _ in lapsed])
    for place, is_long_ago in lapsed:
        record = found.get(("Appointment", place))
        booked = None if record is None else booked_from(record.value, version=record.version)
        try:
            if record is not None and booked is not None and booked.state not in OVER:
                gone = restated(record.value, State.CANCELLED, NOT_CONFIRMED)
                await write(nursery.store, gone, expected_version=record.version)
                _log.warning("visit_without_place_cancelled", appointment=place)
            if is_long_ago:
                await nursery.places.settle(place)
        except Refusal as refusal:  # somebody changed it meanwhile: the next look sees how it stands then
            _log.info("visit_without_place_stays", appointment=place, code=refusal.code)


async def give_up_gone(nursery: Nursery, seen_gone: dict[Stay, Instant]) -> None:
    """Give up what is booked for babies that left the ward or died; whoever waits first moves up.

    Invitations are for the stay, and end with it after `GONE_AFTER`.

    Of a death at once; of a baby that left when it was gone at two looks `GONE_AFTER` apart, and here at none between:
    `seen_gone` keeps from look to look since when each is.
    Nobody gave such a place up but the ward, so it counts for no family.  A visit at the bed is cut by its keeper.
    """
    now = nursery.clock()
    to_come = [each for each in await nursery.places.around(now, before=WHOLE_BEFORE) if each[0].end > now]
    invited = await nursery.claims.invited_stays()
    gone = await why_gone(nursery.store, {*invited, *((place.baby, ward) for place, ward in to_come)})
    left_now = {stay for stay, reason in gone.items() if reason in {DISCHARGED, ASK_THE_WARD}}
    for stay in seen_gone.keys() - left_now:
        del seen_gone[stay]
    for place, ward in to_come:
        reason = gone[place.baby, ward]
        if reason == DISCHARGED and now - seen_gone.setdefault((place.baby, ward), now) < GONE_AFTER:
            continue
        if reason not in {DISCHARGED, ASK_THE_WARD}:
            continue
        try:
            await give_up(nursery, ward, place, reason, by="ward")
        except Refusal as refusal:  # at the bed, or over by now: the keeper and the other looks see to it
            _log.info("gone_baby_not_given_up", appointment=place.id, ward=ward, code=refusal.code)
    for baby, ward in left_now.intersection(invited):
        if now - seen_gone.setdefault((baby, ward), now) >= GONE_AFTER:
            try:
                await end_invitations_of_stay(nursery, baby, ward)
            except Exception as error:  # they are tried again with the next look, and keep those of no other
                _log.warning("relatives_not_let_go", ward=ward, error=place_of(error))


async def _unseen(nursery: Nursery, aborted: Sequence[Booked]) -> dict[str, Literal["family", "ward"]]:
    """Of visits that were given up at the bed those of which nothing was ever seen, and who gave each up."""
    found = await read_all(nursery.store, VISITS, PLATFORM, [("Encounter", each.id) for each in aborted])
    unseen = {name for (_, name), record in found.items() if record.value.get("status") == "cancelled"}
    return {each.id: "family" if each.reason == WITHDRAWN else "ward" for each in aborted if each.id in unseen}


async def _halted_by(nursery: Nursery, booked: Booked) -> str:
    """What kept everybody from coming in a visit's slot, a doctor's pause or an alarm, in one word; empty if nothing.

    How long it lasted is not asked: nobody knows whether the family stood at the closed curtain just then.
    """
    found = await found_all(nursery.store, VISITS, PLATFORM, "Flag", patient=f"Patient/{booked.baby}")
    flags = [each.value for each in found]
    for what, reason in HALTED_BY.items():
        if was_raised(flags, what, booked.start, booked.end):
            return reason
    return ""


def turned(visit: Visit, *, now: Instant) -> Visit:
    """What becomes of a visit before the bed by itself."""
    if visit.state not in BEFORE_THE_BED:
        return visit
    if now >= visit.slot_end:
        came_to_nothing = visit.state in {State.SLOT_CONFIRMED, State.WAITING}
        return left(visit, Exit.NO_SHOW, NO_SHOW) if came_to_nothing else left(visit, Exit.EXPIRE, NOT_APPROVED)
    if visit.state is State.SLOT_CONFIRMED and now >= visit.slot_start - WAITS_BEFORE:
        return stepped(visit, State.WAITING)
    return visit


async def free_place(nursery: Nursery, visit: str, *, by: Literal["family", "ward"], reason: str) -> None:
    """Give up the place of a visit that is over, if it still has one; whoever waits first moves up."""
    freed = await nursery.places.free(visit, by=by, reason=reason)
    if freed is not None:
        await move_up(nursery, *freed)
