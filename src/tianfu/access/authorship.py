"""In whose name a record that opens others' records may be written: a person's Consent, his proxy, a doctor's referral.

Rules: docs/rules/permission.md , docs/rules/family.md .
"""

from __future__ import annotations

from typing import Any

from tianfu.access.consent import read_consent
from tianfu.access.decision import Grant
from tianfu.access.derivation import relations_of
from tianfu.access.elements import coded, elements, items, local
from tianfu.access.naming import is_of_a_proxy
from tianfu.kernel.refusal import Fault, Refusal

OWNED_TYPES = frozenset({"Appointment", "Communication", "Consent", "DiagnosticReport", "Flag", "ServiceRequest"})
"""The types of which some records, once they stand, are not everybody's who may write about their patient."""

VISIT_STATE = "urn:tianfu:newborn-visit-state"
"""The extension of an Appointment that says how a newborn's visit stands: docs/rules/newborn-record.md"""

NEWBORN_CONSENT = "urn:tianfu:newborn-consent"
"""The system of the categories of a guardian's Consent about visits to a newborn: docs/rules/newborn-record.md"""

AGREEMENT_TO_EXPERTS = NEWBORN_CONSENT, "consultation"
"""Of these the category of a Consent that nobody signs on paper: docs/rules/newborn-consultations.md"""

CONSULTATION = "urn:tianfu:newborn", "remote-consultation"
"""What a ServiceRequest asks and a DiagnosticReport answers at a newborn's bed: docs/rules/newborn-consultations.md"""

EXPERT = "urn:tianfu:newborn", "remote-expert"
"""The code of a PractitionerRole that lists a doctor to be asked from elsewhere."""

VISITS_PAUSED = "urn:tianfu:newborn", "visits-paused"
"""The code of a Flag by which a doctor lets a newborn have no visits for now: docs/rules/newborn-visits.md"""

NOTE_APPROVED = "urn:tianfu:newborn-approved-by"
"""The extension of a Communication that lets families read how their newborn is: docs/rules/newborn-record.md"""


def refuse_foreign_author(resource: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal if a Consent is not its performer's own or not clear, a referral is not its requester's own, or a
    proxy was not named by the person himself.

    A registering role writes down what people signed on paper, so it may write in their name; that is in the trace.
    How a newborn's visit stands is written by the platform alone, after its rules said yes: nobody approves his own.
    So is what is asked and answered in a remote consultation; experts for it are listed by their own house.
    That a newborn has no visits for now is said by a doctor in her own name, and taken back by a doctor.
    What families read of how a newborn is bears the approval of the doctor who writes it, and of nobody else.
    Codes: consent-not-yours, consent-unclear (with a fault for each element), referral-not-yours, proxy-not-yours,
    visit-not-yours, consultation-not-yours, expert-not-yours, approval-not-yours, pause-not-yours.
    """
    match resource["resourceType"]:
        case "Appointment":
            _refuse_visits_state(resource)
        case "Communication":
            _refuse_foreign_approval(resource, grant)
        case "Consent":
            _refuse_foreign_performer(resource, grant)
            remarks = [each for each in read_consent(resource).remarks if not _names_nobody(each, resource)]
            if remarks and resource.get("status") == "active":
                raise Refusal("consent-unclear", faults=tuple(remarks))
        case "DiagnosticReport":
            _refuse_consultation(resource)
        case "Flag":
            _refuse_foreign_pause(resource, grant)
        case "PractitionerRole":
            _refuse_foreign_expert(resource, grant)
        case "RelatedPerson":
            if not grant.registers and not _is_own_proxy(resource, grant):
                raise Refusal("proxy-not-yours", next_step="sign-yourself")
        case "ServiceRequest":
            _refuse_consultation(resource)
            _refuse_foreign_referral(resource, grant)
        case _:
            pass  # what is asked of any other type is not asked here


def refuse_foreign_owner(standing: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal if what stands, and would be written over or deleted, is not its writer's to change.

    How a newborn's visit stands is the platform's, and what is asked and answered in a remote consultation; one
    guardian's word about visits is that guardian's, and not the other's; a note that a doctor approved is a doctor's,
    and so is that a newborn has no visits for now.
    Codes: visit-not-yours, consultation-not-yours, consent-not-yours, approval-not-yours, pause-not-yours.
    """
    kind = standing.get("resourceType")
    if kind == "Appointment":
        _refuse_visits_state(standing)
    elif kind in {"DiagnosticReport", "ServiceRequest"}:
        _refuse_consultation(standing)
    elif kind == "Consent" and _is_about_visits(standing):
        _refuse_foreign_performer(standing, grant)
    elif kind == "Communication" and _approvals(standing) and not _is_doctor(grant):
        raise Refusal("approval-not-yours", next_step="ask-a-doctor")
    elif kind == "Flag" and _is_pause(standing) and not _is_doctor(grant):
        raise Refusal("pause-not-yours", next_step="ask-a-doctor")


def _refuse_visits_state(appointment: dict[str, Any]) -> None:
    """Raise Refusal `visit-not-yours` for an Appointment that says how a newborn's visit stands."""
    if any(each.get("url") == VISIT_STATE for each in elements(appointment.get("extension"))):
        raise Refusal("visit-not-yours", next_step="ask-the-ward")


def _refuse_consultation(resource: dict[str, Any]) -> None:
    """Raise Refusal `consultation-not-yours` for what is asked or answered in a remote consultation."""
    if CONSULTATION in _categories(resource) | coded(resource.get("code")):
        raise Refusal("consultation-not-yours", next_step="ask-the-ward")


def _refuse_foreign_expert(role: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal `expert-not-yours` if a house's machine lists an expert who is not at that house."""
    if not grant.registers or not any(EXPERT in coded(each) for each in items(role.get("code"))):
        return
    house = local(role.get("organization"))
    if house is None or house.type != "Organization" or house.number not in grant.actors:
        raise Refusal("expert-not-yours", next_step="ask-your-office")


def _refuse_foreign_referral(referral: dict[str, Any], grant: Grant) -> None:
    if grant.registers:
        return
    # Who refers to his own ward or house would open, or prolong, what opens to himself.
    is_to_himself = any(each.actor in grant.actors for each in relations_of(referral, 0))
    if is_to_himself or f"Practitioner/{grant.caller.practitioner}" != _said(referral.get("requester")):
        raise Refusal("referral-not-yours", next_step="sign-yourself")


def _refuse_foreign_performer(consent: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal unless it is the writer's own, or signed on paper, as no agreement to experts is."""
    caller = grant.caller
    own = {f"Patient/{each}" for each in caller.patients} | {f"RelatedPerson/{each}" for each in caller.related}
    performers = {_said(each) for each in items(consent.get("performer"))}
    may_be_paper = grant.registers and AGREEMENT_TO_EXPERTS not in _categories(consent)
    if not may_be_paper and not (performers and performers <= own):
        raise Refusal("consent-not-yours", next_step="sign-yourself")


def _is_about_visits(consent: dict[str, Any]) -> bool:
    codings = [coding for each in elements(consent.get("category")) for coding in elements(each.get("coding"))]
    return any(each.get("system") == NEWBORN_CONSENT for each in codings)


def _categories(resource: dict[str, Any]) -> set[tuple[str, str]]:
    return {pair for each in items(resource.get("category")) for pair in coded(each)}


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


def _is_pause(flag: dict[str, Any]) -> bool:
    return VISITS_PAUSED in _categories(flag) | coded(flag.get("code"))


def _refuse_foreign_pause(flag: dict[str, Any], grant: Grant) -> None:
    """Raise Refusal unless a doctor writes it, while it holds in her own name."""
    is_own = _said(flag.get("author")) == f"Practitioner/{grant.caller.practitioner}"
    if _is_pause(flag) and not (_is_doctor(grant) and (is_own or flag.get("status") != "active")):
        raise Refusal("pause-not-yours", next_step="ask-a-doctor")


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
