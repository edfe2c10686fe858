"""Levels and special labels: codes, security labels, types, and what holds for all records."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from tianfu.access.labels import (
    SEVERAL_SUBJECTS,
    codings_in,
    label_mask,
    label_of_security,
    labels,
    labels_of,
    labels_of_resource,
)
from tianfu.standards.china.identifier_systems import DIAGNOSES
from tianfu.standards.fhir.definitions import definitions

WHO = "http://hl7.org/fhir/sid/icd-10"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ATC = "http://www.whocc.no/atc"
MARK = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


HIV_MEDICINE = {"system": ATC, "code": "J05AR13"}


def test_bits_are_stored_and_never_change() -> None:
    assert {key: label.bit for key, label in labels().items()} == {
        "hiv": 1,
        "sexually-transmitted": 2,
        "mental": 3,
        "substance-use": 4,
        "reproductive": 5,
        "genetic": 6,
        "violence": 7,
        "restricted": 8,
        "review": 9,
        "unreleased": 10,
    }


@pytest.mark.parametrize(
    ("system", "code", "keys"),
    [
        (WHO, "B24", ["hiv"]),
        (WHO, "Z21", ["hiv"]),
        (DIAGNOSES, "B20.x00", ["hiv"]),
        (DIAGNOSES, "b20.900", ["hiv"]),
        (WHO, "B207", ["hiv"]),
        (WHO, "F02.4", ["hiv"]),
        (WHO, "F02.3", ["mental"]),
        (WHO, "A53.9", ["sexually-transmitted"]),
        (WHO, "A63.0", ["sexually-transmitted"]),
        (WHO, "A63.8", []),
        (DIAGNOSES, "F20.900", ["mental"]),
        (WHO, "F32.1", ["mental"]),
        (WHO, "F10.2", ["substance-use"]),
        (WHO, "F17.2", []),
        (DIAGNOSES, "F51.001", []),
        (WHO, "G47.0", []),
        (WHO, "O04.9", ["reproductive"]),
        (WHO, "O03.9", []),
        (WHO, "O00.1", []),
        (WHO, "O98.7", ["hiv"]),
        (WHO, "X62", ["mental", "substance-use"]),
        (WHO, "T74.1", ["violence"]),
        (WHO, "Z31.5", ["genetic"]),
        (WHO, "Z31.4", ["reproductive"]),
        (WHO, "J18.9", []),
        (WHO, "", []),
        (LOINC, "75622-1", ["hiv"]),
        (LOINC, "718-7", []),
        (SNOMED, "165829005", ["sexually-transmitted"]),
        (SNOMED, "7200002", ["substance-use"]),
        (ATC, "J05AR13", ["hiv"]),
        (ATC, "J05AF10", []),
        (ATC, "N05AH03", ["mental"]),
        (ATC, "N06AB06", []),
        ("http://hospital.example/codes", "B24", []),
        ("", "B20.x00", ["hiv"]),
        ("", "F", []),
        ("", "final", []),
        (ACT, "HIV", ["hiv"]),
        (ACT, "IMP", []),
    ],
)
def test_codes_have_labels(system: str, code: str, keys: list[str]) -> None:
    level, mask = labels_of("Condition", [(system, code)], [], has_patient=True)
    assert mask == label_mask(keys), code
    assert level == (5 if keys else 3)


@pytest.mark.parametrize(
    ("resource_type", "has_patient", "level"),
    [
        ("Patient", True, 4),
        ("RelatedPerson", True, 4),
        ("Person", False, 4),
        ("Observation", True, 3),
        ("Observation", False, 4),
        ("Group", False, 4),
        ("Binary", False, 4),
        ("Practitioner", False, 2),
        ("Organization", False, 1),
        ("ValueSet", False, 1),
    ],
)
def test_types_have_levels(resource_type: str, level: int, *, has_patient: bool) -> None:
    assert labels_of(resource_type, [], [], has_patient=has_patient) == (level, 0)


@pytest.mark.parametrize(("code", "level"), [("U", 3), ("L", 3), ("M", 3), ("N", 3), ("R", 5), ("V", 5), ("?", 3)])
def test_confidentiality_raises_and_never_lowers(code: str, level: int) -> None:
    expected = (level, label_mask(["restricted"]) if level == 5 else 0)
    assert labels_of("Observation", [], [(MARK, code)], has_patient=True) == expected


def test_a_value_set_of_hiv_codes_is_public_until_its_source_marks_it() -> None:
    assert labels_of("ValueSet", [(WHO, "B24")], [], has_patient=False) == (1, 0)
    assert labels_of("ValueSet", [], [(ACT, "HIV")], has_patient=False) == (5, label_mask(["hiv"]))


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Flag", "code": {"coding": [{"system": WHO, "code": "B24"}]}},
        {
            "resourceType": "Claim",
            "diagnosis": [{"diagnosisCodeableConcept": {"coding": [{"system": WHO, "code": "B24"}]}}],
        },
        {"resourceType": "MedicationRequest", "reasonCode": [{"coding": [{"system": WHO, "code": "B24"}]}]},
        {
            "resourceType": "MedicationRequest",
            "contained": [{"code": {"coding": [HIV_MEDICINE]}}],
        },
        {"resourceType": "Observation", "meta": {"security": [{"system": ACT, "code": "HIV"}]}},
    ],
)
def test_codes_are_found_wherever_they_stand(resource: dict[str, Any]) -> None:
    assert labels_of_resource(resource, has_patient=True) == (5, label_mask(["hiv"]))


def test_a_compositions_own_confidentiality_counts() -> None:
    restricted = {"resourceType": "Composition", "confidentiality": "R"}
    assert labels_of_resource(restricted, has_patient=True) == (5, label_mask(["restricted"]))


def test_what_is_no_coding_is_passed_over() -> None:
    odd = {
        "resourceType": "Observation",
        "meta": 3,
        "a": {"system": 1, "code": "x"},
        "b": {"system": WHO},
        "c": [1, "B24"],
    }
    assert codings_in(odd) == []
    assert labels_of_resource(odd, has_patient=True) == (3, 0)


def test_sensitivity_codes_name_labels() -> None:
    assert label_of_security(ACT, "PSY") == label_mask(["mental"])
    assert label_of_security(ACT, "IMP") == 0
    assert label_of_security(WHO, "HIV") == 0


CODES = st.sampled_from(
    [(WHO, "B24"), (WHO, "J18.9"), (ATC, "N05AH03"), (MARK, "U"), (MARK, "R"), (ACT, "SDV"), ("", "x")]
)
Pair = tuple[str, str]
TYPES = st.sampled_from(definitions().resource_types)


@forall(TYPES, st.lists(CODES), st.lists(CODES), CODES, st.booleans())
def test_one_code_more_never_lowers(
    resource_type: str,
    codings: list[tuple[str, str]],
    security: list[tuple[str, str]],
    more: tuple[str, str],
    has: bool,
) -> None:
    level, mask = labels_of(resource_type, codings, security, has_patient=has)
    for changed in (([*codings, more], security), (codings, [*security, more])):
        raised, labelled = labels_of(resource_type, *changed, has_patient=has)
        assert raised >= level
        assert labelled & mask == mask


@forall(TYPES, st.lists(CODES), st.lists(CODES), st.booleans())
def test_the_highest_level_always_has_a_label(
    resource_type: str, codings: list[tuple[str, str]], security: list[tuple[str, str]], has: bool
) -> None:
    level, mask = labels_of(resource_type, codings, security, has_patient=has)
    assert (level == 5) == (mask != 0)
    assert not mask & SEVERAL_SUBJECTS
