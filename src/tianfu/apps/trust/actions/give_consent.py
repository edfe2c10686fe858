"""A person, or a child's guardian, says yes or no to an offer.  Ward rule: docs/rules/consent.md"""

from __future__ import annotations

from tianfu.access.caller import Caller
from tianfu.apps.trust.mapping.consents import consent_resource
from tianfu.apps.trust.mapping.elements import created, replaced, transaction
from tianfu.apps.trust.model.consent import Decision
from tianfu.apps.trust.model.people import Person, Say, Standing
from tianfu.apps.trust.queries.consents import WHY, Consents, read_offer
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal


async def give_consent(
    store: TrustStore,
    caller: Caller,
    patient_id: str,
    key: str,
    decision: Decision,
    *,
    text_version: str,
    language: str,
    now: Instant,
) -> None:
    """Write the decision to all records of the person in one transaction; the text that was read lies in it.

    Raises Refusal: not-found, consent-not-yours if somebody else decides, consent-text-changed if the text is no
    longer the one that was on the page, version-conflict if somebody else was quicker.
    """
    offered = await read_offer(store, caller, patient_id, key, now=now)
    consents = offered.consents
    refuse_unless_decides(consents)
    if text_version != offered.text.version:
        raise Refusal("consent-text-changed", next_step="reload-and-look")
    person = consents.person
    standing = {one.patient: one for one in offered.standing.signed}
    entries = []
    for patient in person.patients:
        resource = consent_resource(
            offered.standing.offer,
            offered.text,
            decision,
            patient_id=patient,
            by=word_of(person, patient),
            is_confirmed=person.standing != Standing.DESK,
            language=language,
            now=now,
        )
        before = standing.get(patient)
        entries.append(
            created(resource) if before is None else replaced({**resource, "id": before.id}, version=before.version)
        )
    await store.transaction(caller, WHY, transaction(*entries))


def refuse_unless_decides(consents: Consents) -> None:
    """Only the person decides, for a child under 14 the guardian."""
    if consents.say != Say.YES:
        raise Refusal("consent-not-yours", details={"say": consents.say})


def word_of(person: Person, patient_id: str) -> str:
    """Whose word a decision is: the guardian's who stands for a child, else the person's own."""
    return f"RelatedPerson/{person.related}" if person.related else f"Patient/{patient_id}"
