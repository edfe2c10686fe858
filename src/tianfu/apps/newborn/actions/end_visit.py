"""A nurse ends a visit at the bed, or declines one that has not come there; always with what is told the family."""

from __future__ import annotations

from contextlib import suppress

import orjson

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.keep_slots import free_place
from tianfu.apps.newborn.live.bed import change_standing, kept_visit_of
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import restated
from tianfu.apps.newborn.model.reasons import DeclineReason
from tianfu.apps.newborn.model.visit import Exit, State, Visit, ending, left
from tianfu.apps.newborn.ports import Nursery
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.standards.fhir.parsing import parse_bundle


async def end_visit(house: House, caller: Caller, visit: str, *, now: Instant) -> None:
    """End a visit whose picture was shown; raises Refusal `not-found`, `room-unknown` or `visit-not-there-yet`."""
    booked = await kept_visit_of(house, caller, visit)
    await _shield(house, visit, "ended")
    await change_standing(house, visit, ending, by=caller.practitioner or "", now=now)
    await _shield(house, visit, "ended")  # somebody may have been opening it until its row was free
    await house.trail.did(caller, "end-visit", patient=booked.baby, facts={"visit": visit})


async def decline_visit(
    house: House, nursery: Nursery, caller: Caller, visit: str, reason: DeclineReason, *, now: Instant
) -> None:
    """Give a visit up, at the bed or before; if nothing was seen of it, its place comes free.

    Raises Refusal `not-found`, `visit-not-there-yet` or `version-conflict`.
    """
    booked = await kept_visit_of(house, caller, visit)
    room = await house.rooms.find(visit)
    was_unseen = room is None
    if room is None:
        await _decline_booked(house, visit, left(booked.visit, Exit.DECLINE, reason.value), version=booked.version)
    else:
        await _shield(house, visit, reason.value)
        by = caller.practitioner or ""
        standing = await change_standing(house, visit, lambda stands: _given_up(stands, reason.value), by=by, now=now)
        await _shield(house, visit, reason.value)  # somebody may have been opening it until its row was free
        was_unseen = standing.visit.state is State.CANCELLED
    await house.trail.did(caller, "decline-visit", patient=booked.baby, facts={"visit": visit, "reason": reason.value})
    if was_unseen:
        await free_place(nursery, visit, by="ward", reason=reason.value)


def _given_up(visit: Visit, reason: str) -> Visit:
    """A visit that was never shown is cancelled, one that was is broken off."""
    return left(visit, Exit.CANCEL if visit.state is State.ARMED else Exit.ABORT, reason)


async def _decline_booked(house: House, visit: str, after: Visit, *, version: int) -> None:
    [answer] = await house.store.read_many(VISITS, Purpose.TREATMENT, [("Appointment", visit)])
    if not isinstance(answer, Found):
        raise Refusal("not-found", next_step="start-again")
    entry = {
        "resource": restated(answer.record.value, after.state, after.reason),
        "request": {"method": "PUT", "url": f"Appointment/{visit}", "ifMatch": f'W/"{version}"'},
    }
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    await house.store.transaction(VISITS, Purpose.TREATMENT, parse_bundle(orjson.dumps(bundle)))


async def _shield(house: House, visit: str, reason: str) -> None:
    with suppress(Refusal):  # the row that follows says the same, and the keeper acts on it
        await house.media.gate(visit, Gate.SHIELDED, reason)
