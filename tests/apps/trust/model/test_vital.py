"""What a doctor needs first: dangers before anything else, and nothing that was taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tianfu.apps.trust.mapping.vital import KINDS, vital_line
from tianfu.apps.trust.model.vital import LINES_MAX, VitalKind, VitalLine, parts_of

VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"

SHOCK = {"text": "休克"}
PRESSURE = {"value": 134, "unit": "mmHg"}


def record(kind: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "r1", "code": {"text": "青霉素"}, **more}


@pytest.mark.parametrize(
    "resource",
    [
        record("Condition", verificationStatus={"coding": [{"system": VERIFICATION, "code": "refuted"}]}),
        record("Condition", verificationStatus={"coding": [{"system": VERIFICATION, "code": "entered-in-error"}]}),
        record("Observation", status="entered-in-error"),
        record("Procedure", status="not-done"),
        record("Encounter", status="cancelled"),
        record("MedicationRequest", status="active", doNotPerform=True),
    ],
)
def test_what_was_taken_back_or_ruled_out_is_no_line(resource: dict[str, Any]) -> None:
    assert vital_line(resource) is None


@pytest.mark.parametrize(
    ("resource", "detail"),
    [
        (
            record("AllergyIntolerance", reaction=[{"manifestation": [{"text": "休克"}, {"text": "皮疹"}]}]),
            "休克、皮疹",
        ),
        (record("Observation", valueQuantity={"value": 5.4, "unit": "mmol/L"}), "5.4 mmol/L"),
        (record("Observation", valueQuantity={"value": 5, "comparator": "<", "unit": "mg"}), "<5 mg"),
        (record("Observation", valueCodeableConcept={"text": "阳性"}), "阳性"),
        (record("Observation", valueString="未见异常"), "未见异常"),
        (
            record(
                "Observation", component=[{"code": {"text": "收缩压"}, "valueQuantity": {"value": 134, "unit": "mmHg"}}]
            ),
            "收缩压 134 mmHg",
        ),
        (record("MedicationRequest", dosageInstruction=[{"text": "一日三次"}]), "一日三次"),
        (record("Condition"), ""),
    ],
)
def test_a_line_says_its_value_as_written(resource: dict[str, Any], detail: str) -> None:
    line = vital_line(resource)
    assert line is not None
    assert line.detail == detail


def test_a_line_says_what_limits_it_and_when_it_was() -> None:
    line = vital_line(
        record(
            "Condition", onsetDateTime="2026-10-02T08:00:00+08:00", clinicalStatus={"coding": [{"code": "resolved"}]}
        )
    )
    assert line is not None
    assert (line.state, line.day) == ("resolved", date(2026, 10, 2))


def line(kind: VitalKind, resource_type: str = "Observation", title: str = "") -> VitalLine:
    return VitalLine(kind=kind, title=title, detail="", state="", day=None, resource_type=resource_type, id=title)


def test_every_part_is_there_dangers_first_and_allergies_before_warnings() -> None:
    parts = parts_of(
        [line(VitalKind.ALLERGY, "Flag", "b"), line(VitalKind.ALLERGY, "AllergyIntolerance", "a")], cut_off=set()
    )
    assert [part.kind for part in parts] == list(VitalKind)
    assert [each.title for each in parts[0].lines] == ["a", "b"]


def test_what_lasts_stands_before_what_is_over() -> None:
    asthma, cold = line(VitalKind.DIAGNOSIS, "Condition", "asthma"), line(VitalKind.DIAGNOSIS, "Condition", "cold")
    parts = parts_of([replace(cold, state="resolved"), asthma], cut_off=set())
    assert [each.title for each in parts[1].lines] == ["asthma", "cold"]


def test_a_long_part_says_how_many_there_are() -> None:
    limit = LINES_MAX[VitalKind.RESULT]
    part = next(
        each
        for each in parts_of([line(VitalKind.RESULT)] * (limit + 3), cut_off={VitalKind.RESULT})
        if each.kind == VitalKind.RESULT
    )
    assert (len(part.lines), part.count, part.is_cut_off) == (limit, limit + 3, True)


def test_every_kind_of_part_has_types() -> None:
    assert set(KINDS.values()) == set(VitalKind)
