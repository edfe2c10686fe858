"""How a record stands: in force, ended, doubtful, ruled out or taken back, and the marks that say so."""

from __future__ import annotations

from tianfu.apps.lifelong.mapping.elements import Element, code_in
from tianfu.apps.lifelong.model.entries import Mark

ENDED_STATES = frozenset({"resolved", "remission", "inactive"})
DOUBTS = frozenset({"unconfirmed", "provisional", "differential"})
"""http://terminology.hl7.org/CodeSystem/condition-ver-status: a working diagnosis, not a certain one."""

VOID_STATES = frozenset({"refuted", "entered-in-error"})
UNDONE_STATES = frozenset({"cancelled", "not-done", "stopped", "noshow", "revoked", "refuted"})


def is_forbidden(resource: Element) -> bool:
    """Whether a request says that something must not be done."""
    return resource.get("doNotPerform") is True


def state_of(resource: Element) -> str:
    """The state a person would ask for: clinical status before workflow status."""
    for name in ("clinicalStatus", "status", "lifecycleStatus"):
        value = resource.get(name)
        if isinstance(value, dict):
            return code_in(value)
        if isinstance(value, str):
            return value
    return ""


def is_mistaken(resource: Element) -> bool:
    """Whether the writer took the record back."""
    verification = code_in(resource.get("verificationStatus"))
    return "entered-in-error" in (resource.get("status"), verification)


def doubt_of(resource: Element) -> str:
    """How a diagnosis or allergy is limited: `provisional`, `refuted`, `entered-in-error` …; empty if it stands."""
    if is_mistaken(resource):
        return "entered-in-error"
    verification = code_in(resource.get("verificationStatus"))
    return verification if verification in DOUBTS or verification == "refuted" else ""


def is_void(resource: Element) -> bool:
    """Whether the record tells of nothing any more: taken back or ruled out."""
    return doubt_of(resource) in VOID_STATES


def state_marks(resource: Element) -> list[Mark]:
    if is_mistaken(resource):
        return [Mark(status="critical", key="mark.entered-in-error")]
    return [*_forbidding_marks(resource), *_worded_state(resource)]


def _forbidding_marks(resource: Element) -> list[Mark]:
    """An order not to do something looks like an order to do it unless it says so first."""
    if not is_forbidden(resource):
        return []
    is_medicine = resource["resourceType"] == "MedicationRequest"
    return [Mark(status="critical", key="mark.do-not-give" if is_medicine else "mark.do-not-perform")]


def _worded_state(resource: Element) -> list[Mark]:
    state, doubt = state_of(resource), doubt_of(resource)
    if doubt == "refuted":
        return [Mark(status="quiet", key="mark.refuted")]
    doubts = [Mark(status="warning", key=f"mark.{doubt}")] if doubt else []
    return [*doubts, *_ended_marks(resource, state)]


def _ended_marks(resource: Element, state: str) -> list[Mark]:
    if state in UNDONE_STATES:
        return [Mark(status="quiet", key=f"mark.{state}")]
    if state in ENDED_STATES and resource["resourceType"] in ("Condition", "AllergyIntolerance"):
        return [Mark(status="quiet", key=f"mark.{state}")]
    return [Mark(status="warning", key="mark.preliminary")] if state == "preliminary" else []
