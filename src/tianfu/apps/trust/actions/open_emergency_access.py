"""A doctor breaks the glass: half an hour, a reason, and everybody is told.

Ward rule: docs/rules/emergency-access.md
"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.trust.mapping.elements import Resource, created, transaction
from tianfu.apps.trust.mapping.notices import EMERGENCY_OPENED, notice_resources
from tianfu.apps.trust.mapping.tasks import emergency_resource
from tianfu.apps.trust.model.emergency import EmergencyWish
from tianfu.apps.trust.queries.emergency import WHY, refuse_unless_clinician
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Written
from tianfu.standards.china.identifier_systems import IDENTITY_NUMBER
from tianfu.standards.china.identity_number import shortened


async def open_emergency_access(store: TrustStore, caller: Caller, wish: EmergencyWish, *, now: Instant) -> str:
    """Open the person's records and tell him and the officer, in one transaction; returns the id of the first Task.

    Raises Refusal: not-found for a caller who may not and for a person who is not there; the answer is the same.
    """
    refuse_unless_clinician(caller)
    practitioner = caller.practitioner or ""
    patients = [wish.patient] if wish.patient else await _with_number(store, caller, wish.number)
    if not patients:
        raise Refusal("not-found", next_step="start-again")
    group = new_uuid7()
    entries: list[Resource] = []
    for patient in patients:
        address = f"urn:uuid:{new_uuid7()}"
        task = emergency_resource(wish, patient_id=patient, practitioner_id=practitioner, group=group, now=now)
        entries.append(created(task, known_as=address))
        notices = notice_resources(
            EMERGENCY_OPENED, patient_id=patient, about=address, organisation_id=caller.organisation, now=now
        )
        entries += [created(notice) for notice in notices]
    answers = await store.transaction(caller, WHY, transaction(*entries))
    first = answers[0].outcome
    if not isinstance(first, Written):
        raise Refusal("unexpected", next_step="try-again-later")
    return first.id


async def _with_number(store: TrustStore, caller: Caller, number: str) -> list[str]:
    """The Patient records that carry the identity number, in the form of today or in that used until 1999."""
    forms = (number, shortened(number)) if number[6:8] == "19" else (number,)
    found = [each for form in forms for each in await store.locate(caller, WHY, IDENTITY_NUMBER, form)]
    return list(dict.fromkeys(found))
