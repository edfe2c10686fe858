"""The kinds of records that a reader can choose among: what each resource type and category is to a person."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """A kind of record, in the order in which the filter lists them."""

    ENCOUNTER = "encounter"
    CONDITION = "condition"
    RESULT = "result"
    EXAMINATION = "examination"
    TREATMENT = "treatment"
    MEDICINE = "medicine"
    IMMUNISATION = "immunisation"
    CHECK = "check"
    DOCUMENT = "document"
    OTHER = "other"


HIDDEN_AT_FIRST = frozenset({Kind.OTHER})
"""Bills and bookkeeping: part of the record, but not of the story."""

LABORATORY_CATEGORIES = frozenset({"laboratory", "LAB", "CH", "HM", "MB", "SR", "IMM", "BLB", "TX", "SP", "CP", "GE"})
"""Observation categories, and diagnostic service sections of HL7 v2 table 0074, that stand for a laboratory."""

EXAMINATION_CATEGORIES = frozenset({"imaging", "procedure"})

_KIND_OF_TYPE = {
    "Encounter": Kind.ENCOUNTER,
    "EpisodeOfCare": Kind.ENCOUNTER,
    "Appointment": Kind.ENCOUNTER,
    "ServiceRequest": Kind.ENCOUNTER,
    "Condition": Kind.CONDITION,
    "AllergyIntolerance": Kind.CONDITION,
    "AdverseEvent": Kind.CONDITION,
    "ClinicalImpression": Kind.CONDITION,
    "DetectedIssue": Kind.CONDITION,
    "FamilyMemberHistory": Kind.CONDITION,
    "Flag": Kind.CONDITION,
    "RiskAssessment": Kind.CONDITION,
    "ImagingStudy": Kind.EXAMINATION,
    "Media": Kind.EXAMINATION,
    "Specimen": Kind.RESULT,
    "Procedure": Kind.TREATMENT,
    "DeviceUseStatement": Kind.TREATMENT,
    "NutritionOrder": Kind.TREATMENT,
    "MedicationRequest": Kind.MEDICINE,
    "MedicationStatement": Kind.MEDICINE,
    "MedicationDispense": Kind.MEDICINE,
    "MedicationAdministration": Kind.MEDICINE,
    "Immunization": Kind.IMMUNISATION,
    "ImmunizationEvaluation": Kind.IMMUNISATION,
    "ImmunizationRecommendation": Kind.IMMUNISATION,
    "CarePlan": Kind.CHECK,
    "CareTeam": Kind.CHECK,
    "Goal": Kind.CHECK,
    "QuestionnaireResponse": Kind.CHECK,
    "DocumentReference": Kind.DOCUMENT,
    "Composition": Kind.DOCUMENT,
    "Consent": Kind.DOCUMENT,
    "Communication": Kind.DOCUMENT,
}


def kind_of(resource_type: str, category: str) -> Kind:
    """The kind of a record by its type and the code of its first category (empty if it has none)."""
    if resource_type == "Observation":
        if category in LABORATORY_CATEGORIES:
            return Kind.RESULT
        return Kind.EXAMINATION if category in EXAMINATION_CATEGORIES else Kind.CHECK
    if resource_type == "DiagnosticReport":
        return Kind.RESULT if category in LABORATORY_CATEGORIES or not category else Kind.EXAMINATION
    return _KIND_OF_TYPE.get(resource_type, Kind.OTHER)
