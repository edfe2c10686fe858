"""What time, and a consent that was taken back, do to remote consultations.

Rule: docs/rules/newborn-consultations.md
"""

from __future__ import annotations

import asyncio

import structlog

from tianfu.apps.newborn.actions.consult import change_consultation, given_up
from tianfu.apps.newborn.actions.keep_slots import LOOK_SECONDS, turned
from tianfu.apps.newborn.mapping.codes import CONSULTATION, VISITS
from tianfu.apps.newborn.mapping.consultations import with_status
from tianfu.apps.newborn.mapping.visits import Booked, consultation_from
from tianfu.apps.newborn.mapping.wards import allows, is_clear
from tianfu.apps.newborn.model.visit import AT_THE_BED, OVER, Exit, State, Visit, left
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.consultations import open_about
from tianfu.apps.newborn.queries.records import (
    PLATFORM,
    changed,
    found_all,
    read_all,
    stays_in,
    write_together,
)
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal, place_of

UNSEEN = OVER - {State.CLOSED, State.ABORTED}
"""Came to nothing before anything was seen: no opinion follows."""

WITHDRAWN, NOT_ANSWERED, DISCHARGED = "consent-withdrawn", "not-answered", "discharged"

_log = structlog.get_logger("tianfu.newborn")


async def keep_consultations(nursery: Nursery) -> None:
    """Look again and again; goes on until cancelled."""
    while True:
        try:
            await look_at_consultations(nursery)
        except Exception as error:
            _log.error("consultations_not_looked_at", error=place_of(error))
        await asyncio.sleep(LOOK_SECONDS)


async def look_at_consultations(nursery: Nursery) -> None:
    """One look: who begins soon waits at the bed, whom nobody answered expires, what came to nothing is asked no more.

    Where nothing is asked, nothing is read.  Of several workers the second finds nothing to do.
    """
    now, asked = nursery.clock(), await nursery.places.consultations()
    records = await read_all(nursery.store, VISITS, PLATFORM, [("Appointment", visit) for visit, _ in asked])
    settled = []
    for visit, until in asked:
        record = records.get(("Appointment", visit))
        booked = None if record is None else consultation_from(record.value, version=record.version)
        try:
            if booked is None:
                is_settled = now >= until  # before, it may be about to be written
            elif booked.state in OVER:
                is_settled = booked.state not in UNSEEN or await _revoke(nursery, visit)
            else:
                is_settled = False
                after = await _as_it_stands(nursery, booked, now)
                if after != booked.visit:
                    await _step(nursery, booked, after)
        except Refusal as refusal:  # of one baby too much is known: the others are looked at all the same
            _log.warning("consultation_not_looked_at", appointment=visit, code=refusal.code)
            continue
        if is_settled:
            settled.append(visit)
    if settled:
        await nursery.places.settle_consultations(settled)


async def end_without_ground(nursery: Nursery, baby: str, guardian: str) -> None:
    """End what a guardian's consent carried.

    What cannot be ended now is ended by the next look; the picture is cut by the keeper in any case.
    """
    for booked in await open_about(nursery, baby):
        if booked.needs_consent and booked.guardian == guardian:
            await _step(nursery, booked, given_up(booked.visit, WITHDRAWN))


async def _step(nursery: Nursery, booked: Booked, after: Visit) -> None:
    try:
        await change_consultation(nursery, booked.id, lambda stands: after if stands == booked.visit else stands)
    except Refusal as refusal:  # somebody changed it meanwhile: the next look sees how it stands then
        _log.info("consultation_not_turned", appointment=booked.id, code=refusal.code)


async def _as_it_stands(nursery: Nursery, booked: Booked, now: Instant) -> Visit:
    """What time makes of it; given up where its ground is gone, or the baby."""
    if booked.state in AT_THE_BED:
        return _turned(booked, now=now)
    if not await _has_ground(nursery, booked, now):
        return given_up(booked.visit, WITHDRAWN)
    if not await stays_in(nursery.store, booked.baby, booked.ward):
        return given_up(booked.visit, DISCHARGED)
    return _turned(booked, now=now)


def _turned(booked: Booked, *, now: Instant) -> Visit:
    """As a family's visit is turned; one that was not answered says so."""
    if booked.state is State.APPROVED:
        return left(booked.visit, Exit.EXPIRE, NOT_ANSWERED) if now >= booked.end else booked.visit
    return turned(booked.visit, now=now)


async def _has_ground(nursery: Nursery, booked: Booked, now: Instant) -> bool:
    if not booked.needs_consent:
        return True
    about, store = f"Patient/{booked.baby}", nursery.store
    consents = await found_all(store, VISITS, PLATFORM, "Consent", patient=about, status="active")
    flags = await found_all(store, VISITS, PLATFORM, "Flag", patient=about)
    people = await read_all(store, VISITS, PLATFORM, [("RelatedPerson", booked.guardian)])
    guardian = people.get(("RelatedPerson", booked.guardian))
    return (
        guardian is not None
        and is_clear(guardian.value, booked.baby, [each.value for each in flags], now=now)
        and allows([each.value for each in consents], booked.guardian, CONSULTATION)
    )


async def _revoke(nursery: Nursery, visit: str) -> bool:
    """Revoke what was asked where the time came to nothing by others, as a nurse declines it; whether it stands so."""
    request = (await read_all(nursery.store, VISITS, PLATFORM, [("ServiceRequest", visit)])).get(
        ("ServiceRequest", visit)
    )
    if request is None or request.value.get("status") != "active":
        return True
    try:
        entry = changed(with_status(request.value, "revoked"), version=request.version)
        await write_together(nursery.store, VISITS, [entry])
    except Refusal as refusal:  # somebody changed it meanwhile
        _log.info("consultation_not_revoked", appointment=visit, code=refusal.code)
        return False
    return True
