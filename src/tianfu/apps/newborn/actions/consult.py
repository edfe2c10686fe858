"""A ward's doctor asks an expert from elsewhere to a baby, and the expert says yes or no.

Each step writes the asking and its time together, or nothing of it; it stands in the trail before it is done, so that
nothing is done that is not traced.
Rule: docs/rules/newborn-consultations.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.keep_slots import turned
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.consultations import (
    Asked,
    agreed_by,
    appointment_of_consultation,
    asked_from,
    request_of,
    with_status,
)
from tianfu.apps.newborn.mapping.visits import Booked, Resource, consultation_from, restated
from tianfu.apps.newborn.mapping.wards import is_clear
from tianfu.apps.newborn.model.consultation import CLOSED, UNUSABLE, Ground, read_ask, read_declined, read_withdrawn
from tianfu.apps.newborn.model.visit import AT_THE_BED, OVER, Exit, State, Visit, left, stepped
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.consultations import open_about
from tianfu.apps.newborn.queries.desk import ward_babies
from tianfu.apps.newborn.queries.experts import is_listed, read_experts
from tianfu.apps.newborn.queries.records import (
    PLATFORM,
    WARD_WORK,
    changed,
    found_all,
    not_found,
    read_all,
    stays_in,
    ward_of_unit,
    write_together,
)
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.records.outcomes import Record

OPEN_MAX = 3
"""So many consultations about one baby may be open at once. [ours]"""

TRIES_MAX = 3
"""So often a step is tried again where the keeper of visits wrote at the same moment."""

Change = Callable[[Visit], Visit]


async def ask_expert(consulting: Consulting, caller: Caller, doctor: str, baby: str, form: Mapping[str, str]) -> str:
    """Ask an expert; the consultation's name.  A form that is sent twice asks once.

    Raises Refusal `doctor-needed`, `not-found` for a baby of another ward, `consultation-unusable` with a fault for
    each field that is wrong, `consultations-too-many`.
    """
    nursery, house = consulting.windows.nursery, consulting.windows.house
    _refuse_unless_doctor(caller)
    ward = await ward_of_unit(nursery.store, caller)
    if baby not in await ward_babies(nursery, caller):
        raise not_found()
    now = nursery.clock()
    ask = read_ask(form, now=now)
    experts = {each.practitioner for each in await read_experts(nursery.store, caller)} - {doctor}
    if ask.expert not in experts:
        raise _unusable("expert", "choose-one")
    if not await consulting.staff.works_as(ask.expert, "doctor"):
        raise _unusable("expert", "expert-without-login")
    guardian = await _agreeing(nursery, caller, baby) if ask.ground is Ground.CONSENT else ""
    if ask.ground is Ground.CONSENT and not guardian:
        raise _unusable("ground", "nobody-agreed")
    booked = Booked(
        id=new_uuid7(),
        version=0,
        state=State.APPROVED,
        baby=baby,
        guardian=guardian,
        ward=ward.id,
        start=ask.start,
        end=ask.end,
        expert=ask.expert,
        ground=ask.ground,
    )
    asked = Asked(by=doctor, expert=ask.expert, question=ask.question, reason=ask.reason, at=now)
    async with nursery.places.asking(baby):
        standing = await open_about(nursery, baby)
        if same := await _asked_already(nursery, standing, booked, asked):
            return same
        if len(standing) >= OPEN_MAX:
            raise Refusal("consultations-too-many", next_step="withdraw-one")
        facts = {"visit": booked.id, "expert": ask.expert, "ground": ask.ground.value}
        await house.trail.did(caller, "ask-expert", patient=baby, facts=facts)
        await nursery.places.consults(booked.id, booked.end)
        entries = [changed(request_of(booked, asked)), changed(appointment_of_consultation(booked))]
        await write_together(nursery.store, VISITS, entries)
    return booked.id


async def withdraw_asking(consulting: Consulting, caller: Caller, visit: str, reason: str) -> None:
    """The ward asks no more; whoever looks is cut off within a look of the keeper.

    Raises Refusal `doctor-needed`, `not-found`, `reason-missing` or `visit-not-there-yet` where it is over.
    """
    nursery, house = consulting.windows.nursery, consulting.windows.house
    _refuse_unless_doctor(caller)
    why = read_withdrawn(reason).value
    booked, ward = await _consultation(nursery, visit), await ward_of_unit(nursery.store, caller)
    if booked.ward != ward.id:  # whoever asked takes back, also where the baby lies elsewhere now
        raise not_found()
    given_up(booked.visit, why)  # what is refused is not traced
    await house.trail.did(caller, "withdraw-consultation", patient=booked.baby, facts={"visit": visit, "reason": why})
    await change_consultation(nursery, visit, lambda stands: given_up(stands, why))


async def accept_asking(consulting: Consulting, caller: Caller, expert: str, visit: str) -> None:
    """The expert comes: his page tells him who it is and what was measured, from the first to the last minute.

    Raises Refusal `not-found` for what is not asked of him, `slot-over`, `consultation-closed` where the baby has left
    the ward or the directory lists him no more, `visit-not-there-yet`.
    """
    nursery, house = consulting.windows.nursery, consulting.windows.house
    booked = await asked_of(nursery, expert, visit)
    now = nursery.clock()
    if now >= booked.end:
        raise Refusal("slot-over", next_step="ask-the-ward")
    is_known = await is_listed(nursery.store, expert) and await consulting.staff.works_as(expert, "doctor")
    if not is_known or not await stays_in(nursery.store, booked.baby, booked.ward):
        raise Refusal(CLOSED, next_step="ask-the-ward")

    def accepted(stands: Visit) -> Visit:
        return turned(stepped(stands, State.SLOT_CONFIRMED), now=now)

    accepted(booked.visit)  # what is refused is not traced
    await house.trail.did(caller, "accept-consultation", patient=booked.baby, facts={"visit": visit})
    await change_consultation(nursery, visit, accepted)


async def decline_asking(consulting: Consulting, caller: Caller, expert: str, visit: str, reason: str) -> None:
    """The expert does not come, also where he said yes before.

    Raises Refusal `not-found`, `reason-missing`, `visit-not-there-yet`.
    """
    nursery, house = consulting.windows.nursery, consulting.windows.house
    why = read_declined(reason).value
    booked = await asked_of(nursery, expert, visit)
    left(booked.visit, Exit.DECLINE, why)  # what is refused is not traced
    await house.trail.did(caller, "decline-consultation", patient=booked.baby, facts={"visit": visit, "reason": why})
    await change_consultation(nursery, visit, lambda stands: left(stands, Exit.DECLINE, why))


async def asked_of(nursery: Nursery, expert: str, visit: str) -> Booked:
    """A consultation to which this Practitioner was asked; raises Refusal `not-found`."""
    booked = await _consultation(nursery, visit)
    if booked.expert != expert:
        raise not_found()
    return booked


async def _consultation(nursery: Nursery, visit: str) -> Booked:
    """A consultation, for whoever is seen to be of it; raises Refusal `not-found`."""
    found = await read_all(nursery.store, VISITS, PLATFORM, [("Appointment", visit)])
    record = found.get(("Appointment", visit))
    booked = None if record is None else consultation_from(record.value, version=record.version)
    if booked is None:
        raise not_found()
    return booked


async def change_consultation(nursery: Nursery, visit: str, change: Change) -> None:
    """Write how a consultation stands from now on, and what follows from it, all or nothing.

    Raises Refusal `not-found`, `version-conflict`, and what the change raises.
    """
    wanted = [(kind, visit) for kind in ("Appointment", "ServiceRequest")]
    for tries in range(1, TRIES_MAX + 1):
        found = await read_all(nursery.store, VISITS, PLATFORM, wanted)
        record = found.get(("Appointment", visit))
        booked = None if record is None else consultation_from(record.value, version=record.version)
        if record is None or booked is None:
            raise not_found()
        after = change(booked.visit)
        if after == booked.visit:
            return
        entries = [changed(restated(record.value, after.state, after.reason), version=record.version)]
        entries += _following(after, found.get(("ServiceRequest", visit)))
        try:
            await write_together(nursery.store, VISITS, entries)
        except Refusal as refusal:
            if refusal.code != "version-conflict" or tries == TRIES_MAX:
                raise
            continue
        return


def given_up(visit: Visit, reason: str) -> Visit:
    """Over before its time by the ward or by what no longer holds, at the bed or before."""
    return left(visit, Exit.ABORT if visit.state in AT_THE_BED else Exit.CANCEL, reason)


def _following(after: Visit, request: Record | None) -> list[Resource]:
    """What a step means for the asking."""
    if after.state not in OVER - {State.CLOSED} or request is None or request.value.get("status") != "active":
        return []
    return [changed(with_status(request.value, "revoked"), version=request.version)]


async def _asked_already(nursery: Nursery, standing: Sequence[Booked], booked: Booked, asked: Asked) -> str:
    """The consultation that is open and asks the same of the same expert for the same time; empty if none does."""
    same = [
        each.id
        for each in standing
        if (each.expert, each.start, each.end, each.ground) == (booked.expert, booked.start, booked.end, booked.ground)
    ]
    found = await read_all(nursery.store, VISITS, PLATFORM, [("ServiceRequest", each) for each in same])
    said = {visit: asked_from(record.value) for (_, visit), record in found.items()}
    return next((visit for visit, each in said.items() if each and replace(each, at=asked.at) == asked), "")


async def _agreeing(nursery: Nursery, caller: Caller, baby: str) -> str:
    """A guardian who agrees that experts are asked, and is clearly one now; empty if there is none."""
    about = f"Patient/{baby}"
    people = await found_all(nursery.store, caller, WARD_WORK, "RelatedPerson", patient=about)
    flags = [each.value for each in await found_all(nursery.store, caller, WARD_WORK, "Flag", patient=about)]
    consents = await found_all(nursery.store, caller, WARD_WORK, "Consent", patient=about, status="active")
    guardians = [each.id for each in people if is_clear(each.value, baby, flags, now=nursery.clock())]
    return agreed_by([each.value for each in consents], guardians)


def _refuse_unless_doctor(caller: Caller) -> None:
    if caller.role != "doctor":
        raise Refusal("doctor-needed", next_step="ask-a-doctor")


def _unusable(field: str, code: str) -> Refusal:
    return Refusal(UNUSABLE, faults=(Fault(field, code),))
