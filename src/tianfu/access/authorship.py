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

OWNED_TYPE = "Appointment"
"""The type of which some records, once they stand, are the platform's alone."""

VISIT_STATE = "urn:tianfu:newborn-visit-state"
"""The extension of an Appointment that says how a newborn's visit stands: docs/rules/newborn-record.md"""

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
    if resource["resourceType"] == OWNED_TYPE:
        refuse_visits_state(resource)
        return
    if resource["resourceType"] == "Communication":
        _refuse_foreign_approval(resource, grant)
        return
    if resource["resourceType"] == "RelatedPerson":
        if not grant.registers and not _is_own_proxy(resource, grant):
            raise Refusal("proxy-not-yours", next_step="sign-yourself")
        return
    if resource["resourceType"] == "Consent":
        own = {f"Patient/{each}" for each in caller.patients} | {f"RelatedPerson/{each}" for each in caller.related}
        performers = {_said(each) for each in items(resource.get("performer"))}
        if not grant.registers and not (performers and performers <= own):
            raise Refusal("consent-not-yours", next_step="sign-yourself")
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


def refuse_visits_state(appointment: dict[str, Any]) -> None:
    """Raise Refusal `visit-not-yours` for an Appointment that says how a newborn's visit stands.

    So is refused what anybody but the platform would write, and what of it stands and he would change or delete.
    """
    if any(each.get("url") == VISIT_STATE for each in elements(appointment.get("extension"))):
        raise Refusal("visit-not-yours", next_step="ask-the-ward")


def _refuse_foreign_approval(note: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal unless each approval that a note bears is its writer's own, and she is a doctor.

    Whether the baby is in her care is decided as for everything that she writes about it.
    """
    approvals = [each for each in elements(note.get("extension")) if each.get("url") == NOTE_APPROVED]
    caller = grant.caller
    is_doctor = caller.role == "doctor" and caller.practitioner is not None and not grant.registers
    own = f"Practitioner/{caller.practitioner}"
    if approvals and not (is_doctor and all(_said(each.get("valueReference")) == own for each in approvals)):
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
