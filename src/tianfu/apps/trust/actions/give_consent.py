"""A person, or a child's guardian, says yes or no to an offer.  Ward rule: docs/rules/consent.md"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tianfu.access.caller import Caller
from tianfu.apps.trust.mapping.consents import Decided, consent_resource, withdrawn
from tianfu.apps.trust.mapping.elements import Resource, created, replaced, transaction
from tianfu.apps.trust.model.consent import Decision, Signed, ended_by, institution_of
from tianfu.apps.trust.model.people import Person, Say, Standing
from tianfu.apps.trust.queries.consents import WHY, Consents, read_offer
from tianfu.apps.trust.store import TrustStore
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentForm:
    """What the person sent: his decision, for which institution, and the version of the text that he read."""

    decision: Decision
    institution: str
    text_version: str
    language: str


async def give_consent(
    store: TrustStore, caller: Caller, patient_id: str, key: str, form: ConsentForm, *, now: Instant
) -> None:
    """Write the decision to all records of the person in one transaction, and end what said otherwise.

    Raises Refusal: not-found, consent-not-yours if somebody else decides, institution-missing, consent-text-changed
    if the text is no longer the one that was on the page, version-conflict if somebody else was quicker.
    """
    offered = await read_offer(store, caller, patient_id, key, now=now)
    consents, person = offered.consents, offered.consents.person
    refuse_unless_decides(consents)
    institution = institution_of(offered.standing.offer, form.decision, form.institution)
    if form.text_version != offered.text.version:
        raise Refusal("consent-text-changed", next_step="reload-and-look")
    said = Decided(
        offer=offered.standing.offer,
        text=offered.text,
        decision=form.decision,
        institution=institution,
        by="",
        is_confirmed=person.standing != Standing.DESK,
        language=form.language,
        at=now,
    )
    before = {one.patient: one for one in offered.standing.signed if one.institution == institution}
    entries = [_entry(replace(said, by=word_of(person, each)), each, before.get(each)) for each in person.patients]
    ended = ended_by(form.decision, offered.standing.signed, institution)
    entries += [ending(consents, one, now=now) for one in ended]
    await store.transaction(caller, WHY, transaction(*entries))


def _entry(said: Decided, patient_id: str, before: Signed | None) -> Resource:
    resource = consent_resource(said, patient_id)
    return created(resource) if before is None else replaced({**resource, "id": before.id}, version=before.version)


def ending(consents: Consents, signed: Signed, *, now: Instant) -> Resource:
    """The entry that ends one word that stands."""
    resource = withdrawn(
        consents.records[signed.id].value,
        by=word_of(consents.person, signed.patient),
        is_confirmed=consents.person.standing != Standing.DESK,
        now=now,
    )
    return replaced(resource, version=signed.version)


def refuse_unless_decides(consents: Consents) -> None:
    """Only the person decides, for a child under 14 the guardian."""
    if consents.say != Say.YES:
        raise Refusal("consent-not-yours", details={"say": consents.say})


def word_of(person: Person, patient_id: str) -> str:
    """Whose word a decision is: the guardian's who stands for a child, else the person's own."""
    return f"RelatedPerson/{person.related}" if person.related else f"Patient/{patient_id}"
