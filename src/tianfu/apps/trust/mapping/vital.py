"""Records of a life as the lines that a doctor needs first; what was taken back or ruled out is no line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from tianfu.apps.trust.mapping.elements import Element, day_in
from tianfu.apps.trust.model.vital import VitalKind, VitalLine

KINDS: Mapping[str, VitalKind] = MappingProxyType(
    {
        "AllergyIntolerance": VitalKind.ALLERGY,
        "Flag": VitalKind.ALLERGY,
        "Condition": VitalKind.DIAGNOSIS,
        "MedicationStatement": VitalKind.MEDICINE,
        "MedicationRequest": VitalKind.MEDICINE,
        "MedicationDispense": VitalKind.MEDICINE,
        "MedicationAdministration": VitalKind.MEDICINE,
        "Observation": VitalKind.RESULT,
        "DiagnosticReport": VitalKind.RESULT,
        "Procedure": VitalKind.PROCEDURE,
        "Encounter": VitalKind.VISIT,
        "Immunization": VitalKind.VACCINATION,
    }
)

TITLES = ("code", "medicationCodeableConcept", "vaccineCode", "type")
DATES = (
    "effectiveDateTime",
    "onsetDateTime",
    "performedDateTime",
    "occurrenceDateTime",
    "authoredOn",
    "whenHandedOver",
    "dateAsserted",
    "recordedDate",
    "issued",
    "date",
)
PERIODS = ("effectivePeriod", "onsetPeriod", "performedPeriod", "period")

VOID = frozenset({"entered-in-error", "refuted", "cancelled", "not-done", "noshow"})
LIMITS = frozenset({"resolved", "inactive", "remission", "unconfirmed", "provisional", "differential", "stopped"})


def vital_line(resource: Element) -> VitalLine | None:
    """The line of a record; None for one that tells of nothing that holds."""
    states = {_state(resource.get(name)) for name in ("status", "clinicalStatus", "verificationStatus")}
    if states & VOID or resource.get("doNotPerform") is True:
        return None
    return VitalLine(
        kind=KINDS[resource["resourceType"]],
        title=_title(resource),
        detail=_detail(resource),
        state=next(iter(sorted(states & LIMITS)), ""),
        day=_day(resource),
        resource_type=resource["resourceType"],
        id=resource["id"],
    )


def _state(value: Any) -> str:
    if isinstance(value, str):
        return value
    return next((one.get("code", "") for one in (value or {}).get("coding", ())), "")


def _title(resource: Element) -> str:
    for name in TITLES:
        value = resource.get(name)
        concept = value[0] if isinstance(value, list) and value else value
        if isinstance(concept, dict):
            return _words(concept)
    return ""


def _words(concept: Element) -> str:
    return concept.get("text") or next(
        (one.get("display") or one.get("code", "") for one in concept.get("coding", ())), ""
    )


def _detail(resource: Element) -> str:
    """Values with their units, the reaction of an allergy, the dose of a medicine, as written."""
    if resource["resourceType"] == "Observation":
        parts = [_value(resource), *(_value(one, named=True) for one in resource.get("component", ()))]
        return "；".join(part for part in parts if part)
    if resource["resourceType"] == "AllergyIntolerance":
        shown = [one for reaction in resource.get("reaction", ()) for one in reaction.get("manifestation", ())]
        return "、".join(filter(None, map(_words, shown)))
    doses = resource.get("dosageInstruction") or resource.get("dosage") or ()
    return "；".join(one["text"] for one in doses if isinstance(one, dict) and "text" in one)


def _value(element: Element, *, named: bool = False) -> str:
    said = ""
    if quantity := element.get("valueQuantity"):
        said = f"{quantity.get('comparator', '')}{quantity.get('value', '')} {quantity.get('unit', '')}".strip()
    elif concept := element.get("valueCodeableConcept"):
        said = _words(concept)
    elif isinstance(element.get("valueString"), str):
        said = element["valueString"]
    return f"{_words(element.get('code', {}))} {said}" if named and said else said


def _day(resource: Element) -> date | None:
    for name in DATES:
        if isinstance(resource.get(name), str):
            return day_in(resource[name])
    for name in PERIODS:
        period = resource.get(name)
        if isinstance(period, dict):
            return day_in(period.get("start"))
    return None
