"""A person asks the officer about a look at his record.  Ward rule: docs/rules/ledger.md"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.trust.actions.give_consent import word_of
from tianfu.apps.trust.mapping.elements import created, transaction
from tianfu.apps.trust.mapping.tasks import objection_resource
from tianfu.apps.trust.model.ledger import may_object
from tianfu.apps.trust.model.objection import read_objection
from tianfu.apps.trust.queries.ledger import WHY, read_look
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal


async def object_to_access(
    store: TrustStore, caller: Caller, patient_id: str, event_id: str, at: Instant, reason: str, *, now: Instant
) -> None:
    """Keep the objection for the officer.

    Raises Refusal: objection-unusable with the fault, objection-to-own-look, objection-to-system,
    objection-is-there, not-found.
    """
    reason = read_objection(reason)
    one = await read_look(store, caller, patient_id, event_id, at, now=now)
    if not may_object(one.look):
        code = "objection-to-system" if one.look.is_by_system else "objection-to-own-look"
        raise Refusal(code, next_step="start-again")
    if one.objection is not None:
        raise Refusal("objection-is-there", next_step="reload-and-look")
    patients = (patient_id, *(each for each in one.person.patients if each != patient_id))
    resource = objection_resource(one.look, reason, patients=patients, by=word_of(one.person, patient_id), now=now)
    await store.transaction(caller, WHY, transaction(created(resource)))
