"""The fast road finds what the general way finds, for every search parameter and every resource at hand."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.fhirpath import Expression, Node, compile_expression

Json = Any
GENERAL = {"%resource.referenceSeq.chromosome", "%resource.referenceSeq.referenceSeqId"}
"""Component expressions that look back at the resource, of one parameter of one rare type."""

BUNDLES = 12
PER_TYPE = 40
"""Resources compared per type and bundle; the shapes repeat soon."""

OBSERVATION = {
    "resourceType": "Observation",
    "subject": {"reference": "Patient/1"},
    "focus": [{"reference": "https://example.org/fhir/Device/1"}, {"reference": "urn:uuid:1", "type": "Patient"}],
    "performer": [{"reference": "#inside"}, {"display": "somebody"}],
    "contained": [{"resourceType": "Practitioner", "id": "inside"}],
    "valueQuantity": {"value": 1, "unit": "kg"},
    "effectivePeriod": {"start": "2020"},
    "category": [{"coding": [{"code": "a"}, {"code": "b"}]}, {"text": "no coding"}],
    "component": [
        {"code": {"text": "one"}, "valueCodeableConcept": {"text": "yes"}},
        {"code": {"text": "two"}, "valueQuantity": {"value": 2}},
    ],
}


def search_expressions() -> Iterator[tuple[str, str]]:
    """The expression of every parameter for every type, and of every component for the types of its composite."""
    for resource_type, parameters in definitions().search_parameters.items():
        for parameter in parameters:
            yield parameter.expression, resource_type
            for component in parameter.components:
                for part in parameter.expression.split("|"):
                    yield component.expression, type_at(part.strip(), resource_type)


def type_at(path: str, resource_type: str) -> str:
    return path if path in definitions().types else resource_type


def assert_both_roads_agree(expression: Expression, value: Json) -> None:
    """Compare with the general way, leaving out elements without a value."""
    items = expression.evaluate(value)
    typed = [(item.type, item.value) if isinstance(item, Node) else ("boolean", item) for item in items]
    wanted = [(kind, inside) for kind, inside in typed if inside is not None]

    assert expression.typed_values(value) == wanted, expression.text
    assert expression.values(value) == [inside for _, inside in wanted], expression.text


def test_nearly_every_search_parameter_takes_the_fast_road() -> None:
    expressions = [compile_expression(text, base_type=base_type) for text, base_type in search_expressions()]

    assert len(expressions) > 2_700
    assert {expression.text for expression in expressions if not expression.is_plain} == GENERAL


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Observation.value", [("Quantity", {"value": 1, "unit": "kg"})]),
        ("(Observation.value as Quantity).unit", [("string", "kg")]),
        ("Observation.value.as(CodeableConcept)", []),
        ("Observation.effective", [("Period", {"start": "2020"})]),
        ("Observation.effective.as(DateTime)", []),
        ("Observation.subject.where(resolve() is Patient)", [("Reference", {"reference": "Patient/1"})]),
        ("Observation.focus.where(resolve() is Device).reference", [("string", "https://example.org/fhir/Device/1")]),
        ("Observation.focus.where(resolve() is Patient).type", [("uri", "Patient")]),
        ("Observation.performer.where(resolve() is Practitioner).reference", [("string", "#inside")]),
        ("Observation.category.coding.code", [("code", "a"), ("code", "b")]),
        ("Observation.category[0].coding[1].code", [("code", "b")]),
        ("Observation.category.coding[1].code", [("code", "b")]),
        ("Observation.category.coding.where(code = 'b').code", [("code", "b")]),
        ("Observation.category.where(coding.exists()).text", []),
        ("Observation.category.where(coding.exists() or text = 'no coding').text", [("string", "no coding")]),
        ("Observation.component.value.as(Quantity).value", [("decimal", 2)]),
        ("Observation.component.code.text | Observation.component.code.text", [("string", "one"), ("string", "two")]),
        ("Observation.contained.ofType(Practitioner).id", [("id", "inside")]),
        ("Observation.contained", [("Practitioner", {"resourceType": "Practitioner", "id": "inside"})]),
        ("Observation.value.exists() and Observation.status != 'final'", []),
        ("Observation.value.exists() and Observation.value != false", [("boolean", True)]),
        ("Patient.name", []),
        ("Observation.nonsense", []),
    ],
)
def test_values_come_with_their_types(text: str, found: list[tuple[str, Json]]) -> None:
    expression = compile_expression(text, base_type="Observation")

    assert expression.typed_values(OBSERVATION) == found
    assert expression.values(OBSERVATION) == [value for _, value in found]
    assert_both_roads_agree(expression, OBSERVATION)


def test_an_expression_without_a_base_type_looks_at_its_own_type_only() -> None:
    expression = compile_expression("Patient.name.family | Patient.contact.name.family")

    assert expression.is_plain
    assert expression.values({"resourceType": "Patient", "name": [{"family": "Demo"}]}) == ["Demo"]
    assert expression.values({"resourceType": "Person", "name": [{"family": "Demo"}]}) == []


def test_parts_of_a_composite_are_read_from_the_component() -> None:
    component = compile_expression("Observation.component", base_type="Observation")
    value = compile_expression("value.as(Quantity)", base_type="Observation.component")

    found = [value.typed_values(inside, OBSERVATION) for inside in component.values(OBSERVATION)]

    assert found == [[], [("Quantity", {"value": 2})]]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("deceased.exists() and deceased != false", []),
        ("deceased | multipleBirth", [True, 1]),
        ("name.given", ["Ai"]),
        ("name.given | name.family", ["Ai"]),
        ("birthDate | name.period.start", ["1990", "1991"]),
    ],
)
def test_both_roads_agree_on_values_that_are_missing_or_alike(text: str, values: list[Json]) -> None:
    patient = {
        "resourceType": "Patient",
        "_deceasedDateTime": {"extension": [{"url": "u"}]},
        "multipleBirthInteger": 1,
        "name": [{"given": [None, "Ai"], "_given": [{"id": "x"}], "family": "Ai", "period": {"start": "1991"}}],
        "birthDate": "1990",
    }
    if text.startswith("deceased |"):
        patient["deceasedBoolean"] = True
    expression = compile_expression(text, base_type="Patient")

    assert expression.is_plain
    assert expression.values(patient) == values
    assert_both_roads_agree(expression, patient)


def test_both_roads_agree_on_synthetic_lives(synthea_folder: Path) -> None:
    for path in sorted(synthea_folder.glob("*.json.gz"))[:BUNDLES]:
        taken: dict[str, int] = defaultdict(int)
        for entry in json.loads(gzip.decompress(path.read_bytes()), parse_float=Decimal)["entry"]:
            resource = entry["resource"]
            taken[resource["resourceType"]] += 1
            if taken[resource["resourceType"]] <= PER_TYPE:
                compare_all(resource)


def test_both_roads_agree_on_official_examples(official_examples_folder: Path) -> None:
    paths = sorted(official_examples_folder.rglob("*.json"))
    resources = [json.loads(path.read_text("utf-8"), parse_float=Decimal) for path in paths]
    known_types = definitions().search_parameters
    known = [each for each in resources if isinstance(each, dict) and each.get("resourceType") in known_types]

    assert len(known) > 50
    for resource in known:
        compare_all(resource)


def compare_all(resource: Json) -> None:
    """Compare both roads for every parameter of a resource's type, components included."""
    for expression, components in expressions_of(resource["resourceType"]):
        assert_both_roads_agree(expression, resource)
        for kind, value in expression.typed_values(resource) if components else ():
            for component in components:
                assert_both_roads_agree(compile_expression(component, base_type=kind), value)


@cache
def expressions_of(resource_type: str) -> list[tuple[Expression, list[str]]]:
    return [
        (
            compile_expression(parameter.expression, base_type=resource_type),
            [component.expression for component in parameter.components if component.expression not in GENERAL],
        )
        for parameter in definitions().search_parameters[resource_type]
    ]
