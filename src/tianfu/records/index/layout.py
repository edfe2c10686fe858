"""Which search parameter of which resource type lies in which column of the table `resource`.

Everything not named here lies in `tokens` or in a narrow table, by the parameter's type.
Why columns: docs/decisions/0002-record-tables.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tianfu.standards.fhir.definitions import definitions

HOT_TYPES = (
    "Patient",
    "Observation",
    "Encounter",
    "Condition",
    "MedicationRequest",
    "Procedure",
    "DiagnosticReport",
    "Immunization",
    "DocumentReference",
    "Composition",
    "Claim",
    "ExplanationOfBenefit",
)
"""Resource types with a partition of their own; the others share `resource_other`."""

WITHOUT_COMPARTMENT = frozenset({"Group", "List"})
"""Collections of many people: their members are filtered, they belong to nobody."""

PRIMARY_SUBJECT_PARAMETERS = ("patient", "subject")
"""The parameters whose first Patient is the primary subject (`prid`), in order."""

UNIONS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Observation": {
        "combo-code": ("code", "component-code"),
        "combo-value-concept": ("value-concept", "component-value-concept"),
        "combo-value-quantity": ("value-quantity", "component-value-quantity"),
        "combo-code-value-concept": ("code-value-concept", "component-code-value-concept"),
        "combo-code-value-quantity": ("code-value-quantity", "component-code-value-quantity"),
    }
}
"""Parameters that are the union of others and are therefore not indexed a second time."""

WITHIN_COMPOSITE: Mapping[str, Mapping[str, str]] = {
    "Observation": {"component-value-quantity": "component-code-value-quantity"}
}
"""Quantity parameters found in the rows of a composite parameter, its code being ignored."""

_DATES: Mapping[str, tuple[str, ...]] = {
    "AllergyIntolerance": ("onset", "date"),
    "Appointment": ("date",),
    "CarePlan": ("date",),
    "Claim": ("created",),
    "Condition": ("onset-date", "recorded-date"),
    "Consent": ("date",),
    "CoverageEligibilityRequest": ("created",),
    "CoverageEligibilityResponse": ("created",),
    "DiagnosticReport": ("date", "issued"),
    "DocumentManifest": ("created",),
    "ExplanationOfBenefit": ("created",),
    "Goal": ("start-date",),
    "ImagingStudy": ("started",),
    "Media": ("created",),
    "MedicationAdministration": ("effective-time",),
    "MedicationDispense": ("whenhandedover", "whenprepared"),
    "MedicationRequest": ("authoredon",),
    "MedicationStatement": ("effective",),
    "NutritionOrder": ("datetime",),
    "Patient": ("birthdate",),
    "Person": ("birthdate",),
    "Provenance": ("recorded",),
    "QuestionnaireResponse": ("authored",),
    "RelatedPerson": ("birthdate",),
    "ServiceRequest": ("authored",),
    "Specimen": ("collected",),
    "Task": ("authored-on",),
}
_CODES: Mapping[str, str] = {
    "Claim": "use",
    "Composition": "type",
    "DocumentReference": "type",
    "Encounter": "type",
    "EpisodeOfCare": "type",
    "Immunization": "vaccine-code",
    "Media": "type",
    "Organization": "type",
    "Patient": "gender",
    "Specimen": "type",
}
_CATEGORIES: Mapping[str, str] = {"Encounter": "class"}
_STATUSES: Mapping[str, str] = {
    "AllergyIntolerance": "clinical-status",
    "Condition": "clinical-status",
    "Goal": "lifecycle-status",
}
_QUANTITIES: Mapping[str, str] = {"Observation": "value-quantity"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The search parameters of one resource type that have a column; None where the type has no such parameter.

    `timeline_dates` are tried in order to fill `date_low`/`date_high`; only if there is a single one is the
    column also the index of that parameter, which is then `main_date`.
    """

    table: str
    timeline_dates: tuple[str, ...]
    main_date: str | None
    code: str | None
    category: str | None
    status: str | None
    quantity: str | None
    encounter: str | None
    subjects: tuple[str, ...]
    unions: Mapping[str, tuple[str, ...]]
    within_composite: Mapping[str, str]

    @staticmethod
    def for_type(resource_type: str) -> Layout:
        """The layout of one resource type."""
        return _layout(resource_type)


@cache
def _layout(resource_type: str) -> Layout:
    types = {parameter.code: parameter.type for parameter in definitions().search_parameters[resource_type]}

    def known(code: str | None, kind: str) -> str | None:
        return code if code is not None and types.get(code) == kind else None

    dates = tuple(code for code in _DATES.get(resource_type, ("date",)) if types.get(code) == "date")
    return Layout(
        table=f"resource_{resource_type.lower()}" if resource_type in HOT_TYPES else "resource_other",
        timeline_dates=dates,
        main_date=dates[0] if len(dates) == 1 else None,
        code=known(_CODES.get(resource_type, "code"), "token"),
        category=known(_CATEGORIES.get(resource_type, "category"), "token"),
        status=known(_STATUSES.get(resource_type, "status"), "token"),
        quantity=known(_QUANTITIES.get(resource_type), "quantity"),
        encounter=known("encounter", "reference"),
        subjects=()
        if resource_type in WITHOUT_COMPARTMENT
        else tuple(code for code in PRIMARY_SUBJECT_PARAMETERS if types.get(code) == "reference"),
        unions=UNIONS.get(resource_type, {}),
        within_composite=WITHIN_COMPOSITE.get(resource_type, {}),
    )
