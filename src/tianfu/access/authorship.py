"""In whose name a record that opens others' records may be written: a person's Consent, his proxy, a doctor's referral.

Rules: docs/rules/permission.md , docs/rules/family.md .
"""

from __future__ import annotations

from typing import Any

from tianfu.access.consent import read_consent
from tianfu.access.decision import Grant
from tianfu.access.derivation import relations_of
from tianfu.access.elements import elements, items, local
from tianfu.access.naming import is_of_a_proxy
from tianfu.kernel.refusal import Fault, Refusal

OWNED_TYPES = frozenset({"Appointment", "Communication", "Consent"})
"""The types of which some records, once they stand, are not everybody's who may write about their patient."""

VISIT_STATE = "urn:tianfu:newborn-visit-state"
"""The extension of an Appointment that says how a newborn's visit stands: docs/rules/newborn-record.md"""

NEWBORN_CONSENT = "urn:tianfu:newborn-consent"
"""The system of the categories of a guardian's Consent about visits to a newborn: docs/rules/newborn-record.md"""

NOTE_APPROVED = "urn:tianfu:newborn-approved-by"
"""The extension of a Communication that lets families read how their newborn is: docs/rules/newborn-record.md"""


def refuse_foreign_author(resource: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal if a Consent is not its performer's own or not clear, a referral is not its requester's own, or a
    proxy was not named by the person himself.

    A registering role writes down what people signed on paper, so it may write in their name; that is in the trace.
    How a newborn's visit stands is written by the platform alone, after its rules said yes: nobody approves his own.
    What families read of how a newborn is bears the approval of the doctor who writes it, and of nobody else.
    Codes: consent-not-yours, consent-unclear (with a fault for each element), referral-not-yours, proxy-not-yours,
    visit-not-yours, approval-not-yours.
    """
    caller = grant.caller
    if resource["resourceType"] == "Appointment":
        _refuse_visits_state(resource)
        return
    if resource["resourceType"] == "Communication":
        _refuse_foreign_approval(resource, grant)
        return
    if resource["resourceType"] == "RelatedPerson":
        if not grant.registers and not _is_own_proxy(resource, grant):
            raise Refusal("proxy-not-yours", next_step="sign-yourself")
        return
    if resource["resourceType"] == "Consent":
        _refuse_foreign_performer(resource, grant)
        remarks = [each for each in read_consent(resource).remarks if not _names_nobody(each, resource)]
        if remarks and resource.get("status") == "active":
            raise Refusal("consent-unclear", faults=tuple(remarks))
        return
    if resource["resourceType"] != "ServiceRequest" or grant.registers:
        return
    # Who refers to his own ward or house would open, or prolong, what opens to himself.
    is_to_himself = any(each.actor in grant.actors for each in relations_of(resource, 0))
    if is_to_himself or f"Practitioner/{caller.practitioner}" != _said(resource.get("requester")):
        raise Refusal("referral-not-yours", next_step="sign-yourself")


def refuse_foreign_owner(standing: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal if what stands, and would be written over or deleted, is not its writer's to change.

    How a newborn's visit stands is the platform's; one guardian's word about visits is that guardian's, and not the
    other's; a note that a doctor approved is a doctor's.  Codes: visit-not-yours, consent-not-yours,
    approval-not-yours.
    """
    kind = standing.get("resourceType")
    if kind == "Appointment":
        _refuse_visits_state(standing)
    elif kind == "Consent" and _is_about_visits(standing):
        _refuse_foreign_performer(standing, grant)
    elif kind == "Communication" and _approvals(standing) and not _is_doctor(grant):
        raise Refusal("approval-not-yours", next_step="ask-a-doctor")


def _refuse_visits_state(appointment: dict[str, Any]) -> None:
    """Raise Refusal `visit-not-yours` for an Appointment that says how a newborn's visit stands."""
    if any(each.get("url") == VISIT_STATE for each in elements(appointment.get("extension"))):
        raise Refusal("visit-not-yours", next_step="ask-the-ward")


def _refuse_foreign_performer(consent: dict[str, Any], grant: Grant) -> None:
    caller = grant.caller
    own = {f"Patient/{each}" for each in caller.patients} | {f"RelatedPerson/{each}" for each in caller.related}
    performers = {_said(each) for each in items(consent.get("performer"))}
    if not grant.registers and not (performers and performers <= own):
        raise Refusal("consent-not-yours", next_step="sign-yourself")


def _is_about_visits(consent: dict[str, Any]) -> bool:
    codings = [coding for each in elements(consent.get("category")) for coding in elements(each.get("coding"))]
    return any(each.get("system") == NEWBORN_CONSENT for each in codings)


def _is_doctor(grant: Grant) -> bool:
    return grant.caller.role == "doctor" and grant.caller.practitioner is not None and not grant.registers


def _approvals(note: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in elements(note.get("extension")) if each.get("url") == NOTE_APPROVED]


def _refuse_foreign_approval(note: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal unless each approval that a note bears is its writer's own, and she is a doctor.

    Whether the baby is in her care is decided as for everything that she writes about it.
    """
    approvals = _approvals(note)
    own = f"Practitioner/{grant.caller.practitioner}"
    if approvals and not (_is_doctor(grant) and all(_said(each.get("valueReference")) == own for each in approvals)):
        raise Refusal("approval-not-yours", next_step="ask-a-doctor")


def _is_own_proxy(person: dict[str, Any], grant: Grant) -> bool:
    """Whether somebody names who may look for himself, and says nothing by which that one would be anybody else."""
    return (
        _said(person.get("patient")) in {f"Patient/{each}" for each in grant.caller.patients}
        and is_of_a_proxy(person)
        and not relations_of(person, 0)
    )


def _names_nobody(remark: Fault, consent: dict[str, Any]) -> bool:
    """Whether the remark is that a permission has no actor: it opens nothing, as a person's general yes."""
    provision = consent.get("provision")
    return remark.path == "Consent.provision.actor[0]" and isinstance(provision, dict) and "actor" not in provision


def _said(reference: object) -> str:
    target = local(reference)
    return str(reference.get("reference")) if target is not None and isinstance(reference, dict) else ""
