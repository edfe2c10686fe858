"""Index extraction: every base search parameter, and the shortcuts against the plain way."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest
from tests.records.conftest import SHARED

from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import range_of
from tianfu.records.index import extract as extraction
from tianfu.records.index.extract import Plan, extract, plan_for
from tianfu.records.index.hashing import UNIT_PARAMETER, identifier_hash, token_hash
from tianfu.records.index.values import EXACT, FOLDED, IndexValues
from tianfu.standards.fhir.definitions import definitions

KEY = b"k" * 32


def number(resource_type: str, code: str) -> int:
    parameter = definitions().search_parameter(resource_type, code)
    assert parameter is not None
    return parameter.number


def extracted(**resource: Any) -> IndexValues:
    return extract(resource, 1, identifier_key=KEY)


def test_every_parameter_of_every_type_compiles() -> None:
    steps = sum(len(plan_for(name, KEY).steps) for name in definitions().resource_types)
    assert steps > 1_200


def test_a_blood_pressure_is_found_by_its_parts() -> None:
    part = {
        "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
        "valueQuantity": {"value": 134, "code": "mm[Hg]", "system": "http://unitsofmeasure.org"},
    }
    found = extracted(
        resourceType="Observation",
        status="final",
        code={"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        subject={"reference": "Patient/1"},
        effectiveDateTime="2020-05-06T07:08:09Z",
        component=[part],
    )
    assert found.prid == record_number("Patient", "1")
    assert found.code == token_hash(number("Observation", "code"), "http://loinc.org", "85354-9")
    assert (found.date_low, found.date_high) == range_of("2020-05-06T07:08:09Z")
    systolic = token_hash(UNIT_PARAMETER, "http://loinc.org", "8480-6")
    unit = token_hash(UNIT_PARAMETER, "http://unitsofmeasure.org", "mm[Hg]")
    assert (number("Observation", "component-code-value-quantity"), 134.0, unit, systolic) in found.quantities
    assert found.references == []


def test_further_codings_and_encounters_lie_beside_the_columns() -> None:
    codings = [{"system": "a", "code": "1"}, {"system": "b", "code": "2"}]
    found = extracted(
        resourceType="Observation", status="final", code={"coding": codings}, encounter={"reference": "Encounter/7"}
    )
    assert token_hash(number("Observation", "code"), "b", "2") in found.tokens
    assert found.code not in found.tokens
    assert found.encounter == record_number("Encounter", "7")


def test_a_patient_is_its_own_subject_and_names_have_pinyin() -> None:
    found = extracted(
        resourceType="Patient",
        name=[{"text": "罗晚晴"}],
        identifier=[{"system": "urn:id", "value": "51010419920418042X"}],
        deceasedBoolean=False,
    )
    name = number("Patient", "name")
    assert found.prid == 1
    assert {(form, text) for n, form, text, _ in found.strings if n == name} >= {
        (EXACT, "罗晚晴"),
        (FOLDED, "luowanqing"),
        (FOLDED, "lwq"),
    }
    identifier = number("Patient", "identifier")
    for system, value in (("urn:id", "51010419920418042X"), (None, "51010419920418042X"), ("tail", "042X")):
        assert (identifier_hash(KEY, identifier, system, value), identifier) in found.identifiers
    assert token_hash(number("Patient", "deceased"), "", "false") in found.tokens


def test_a_condition_without_onset_lies_at_the_time_it_was_recorded() -> None:
    found = extracted(resourceType="Condition", subject={"reference": "Patient/1"}, recordedDate="2021-02-03")
    assert (found.date_low, found.date_high) == range_of("2021-02-03")
    assert [each[0] for each in found.dates] == [number("Condition", "recorded-date")]


def test_a_second_subject_is_noted_beside_the_first() -> None:
    found = extracted(
        resourceType="Account", status="active", subject=[{"reference": "Patient/1"}, {"reference": "Patient/2"}]
    )
    assert found.prid == record_number("Patient", "1")
    assert found.also_about == [record_number("Patient", "2")]


@pytest.mark.parametrize("resource_type", ["Group", "List"])
def test_collections_of_people_belong_to_nobody(resource_type: str) -> None:
    subject = {"subject": {"reference": "Patient/1"}} if resource_type == "List" else {}
    assert extracted(resourceType=resource_type, **subject).prid is None


def test_looking_only_at_present_members_finds_what_looking_at_all_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = SHARED / "data"
    resources = [orjson.loads(file.read_bytes()) for file in (folder / "fhir-r4-tests" / "examples").glob("*.json")]
    for file in sorted((folder / "synthea-r4").glob("*.gz"))[:3]:
        resources += [each["resource"] for each in orjson.loads(gzip.decompress(file.read_bytes()))["entry"]]
    resources = [each for each in resources if each.get("resourceType") in definitions().type_numbers]
    if not resources:
        print("the shared data folder is not there: going on without it")
        return
    quick = [_all_of(extract(each, 1, identifier_key=KEY)) for each in resources]
    monkeypatch.setattr(extraction, "plan_for", _looking_at_all)
    assert [_all_of(extract(each, 1, identifier_key=KEY)) for each in resources] == quick
    assert sum(len(each) for each in quick) > 0


def _looking_at_all(resource_type: str, key: bytes) -> Plan:
    plan = plan_for(resource_type, key)
    return Plan(plan.type_name, plan.subjects, {}, tuple(range(len(plan.steps))), plan.steps)


def _all_of(values: IndexValues) -> list[Any]:
    return [getattr(values, name) for name in IndexValues.__slots__]
