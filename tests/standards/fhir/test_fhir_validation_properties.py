"""What holds for all resources: the valid pass, the spoilt are faulted where they were spoilt, nothing raises."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_resources import BAD, DEFINITIONS, Place, maker_of

from tianfu.standards.fhir.validation import validate
from tianfu.standards.fhir.validation.quick import is_surely_valid
from tianfu.standards.fhir.validation.walk import FAULTS_MAX, faults_of

# The first resource of a type builds its structs.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

resource_types = st.sampled_from(DEFINITIONS.resource_types)
seeds = st.integers(0, 2**32)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
element_names = st.sampled_from(
    sorted({name for t in DEFINITIONS.types.values() for e in t.elements.values() for name in e.json_names()})
)
near_fhir = st.recursive(
    json_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(element_names, inner, max_size=5),
    max_leaves=30,
)


@pytest.mark.parametrize("type_", DEFINITIONS.resource_types)
def test_made_resources_of_every_type_are_valid(type_: str) -> None:
    for seed in range(8):
        value = maker_of(seed).resource(type_)
        assert faults_of(value) == ()
        assert validate(value) == ()


@pytest.mark.parametrize("type_", DEFINITIONS.resource_types)
def test_the_quick_check_knows_most_valid_resources(type_: str) -> None:
    known = sum(is_surely_valid(maker_of(seed).resource(type_)) for seed in range(20))
    assert known >= 5


@UNHURRIED
@given(resource_types, seeds)
def test_an_unknown_element_is_faulted_where_it_stands(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    place = maker.random.choice(maker.places)
    place.parent["colour"] = "red"
    assert (f"{place.parent_path}.colour", "element-unknown") in found(value)


@UNHURRIED
@given(resource_types, seeds)
def test_a_missing_required_element_is_faulted(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    required = [place for place in maker.places if place.element.min and len(place.parent) > 1]
    if required:
        place = maker.random.choice(required)
        del place.parent[place.key]
        faults = found(value)
        assert (place.element_path, "required-missing") in faults or (place.parent_path, "element-empty") in faults


@UNHURRIED
@given(resource_types, seeds)
def test_a_value_of_the_wrong_kind_is_faulted(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    place = maker.random.choice(maker.places)
    wrong, code = maker.random.choice(wrong_kinds(place))
    place.put(wrong)
    assert (place.path, code) in found(value)


def wrong_kinds(place: Place) -> list[tuple[Any, str]]:
    """Values that can stand for no type, or not for this one, each with its fault."""
    if place.type in BAD:
        return [({"a": 1}, "type-wrong"), (None, "null-unexpected"), ([], "array-unexpected")]
    return [("text", "type-wrong"), (3, "type-wrong"), (None, "null-unexpected"), ([{}], "array-unexpected")]


@UNHURRIED
@given(resource_types, seeds)
def test_a_badly_written_primitive_is_faulted(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    primitives = [place for place in maker.places if place.type in BAD]
    if primitives:
        place = maker.random.choice(primitives)
        place.put(maker.random.choice(BAD[place.type]))
        assert place.path in {path for path, _ in found(value)}


@UNHURRIED
@given(resource_types, seeds)
def test_an_array_for_one_value_and_one_value_for_an_array_are_faulted(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    place = maker.random.choice(maker.places)
    if place.element.repeats:
        place.parent[place.key] = place.parent[place.key][0]
        assert (place.element_path, "array-expected") in found(value)
    else:
        place.parent[place.key] = [place.parent[place.key]]
        assert (place.element_path, "array-unexpected") in found(value)


@UNHURRIED
@given(resource_types, seeds)
def test_what_is_empty_is_faulted(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    place = maker.random.choice(maker.places)
    if place.element.repeats:
        place.parent[place.key] = []
        assert (place.element_path, "array-empty") in found(value)
    elif place.type not in BAD and place.type != "Resource":
        place.put({})
        assert (place.path, "element-empty") in found(value)


@UNHURRIED
@given(resource_types, seeds)
def test_a_code_from_elsewhere_is_faulted(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    bound = [p for p in maker.places if p.element.binding and DEFINITIONS.required_codes(p.element.binding)]
    if bound:
        place = maker.random.choice(bound)
        place.put("elsewhere" if place.type == "code" else {"coding": [{"system": "http://example.org", "code": "a"}]})
        assert (place.path, "code-not-in-value-set") in found(value)


@UNHURRIED
@given(resource_types, seeds)
def test_a_reference_to_a_type_not_allowed_is_faulted(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    narrow = [p for p in maker.places if p.type == "Reference" and p.element.targets]
    if narrow:
        place = maker.random.choice(narrow)
        other = maker.random.choice([t for t in DEFINITIONS.resource_types if t not in place.element.targets])
        reference = maker.random.choice((f"{other}/1", f"http://example.org/fhir/{other}/1", f"{other}?name=a"))
        place.put({"reference": reference})
        assert (f"{place.path}.reference", "reference-target") in found(value)


@UNHURRIED
@given(resource_types, seeds)
def test_two_of_one_choice_are_faulted(type_: str, seed: int) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    choices = [place for place in maker.places if place.element.choice and len(place.element.types) > 1]
    if choices:
        place = maker.random.choice(choices)
        other = maker.random.choice([name for name in place.element.json_names() if name != place.key])
        place.parent[other] = maker.one(place.element.json_names()[other], place.element, "", depth=3)
        assert (place.element_path, "choice-several") in found(value)


@UNHURRIED
@given(resource_types, seeds, st.integers(1, 4), near_fhir)
def test_the_quick_check_never_accepts_what_the_walk_refuses(type_: str, seed: int, count: int, odd: Any) -> None:
    maker = maker_of(seed)
    value = maker.resource(type_)
    for _ in range(count):
        place = maker.random.choice(maker.places)
        if place.key in place.parent:
            place.parent[place.key] = odd
    if is_surely_valid(value):
        assert faults_of(value) == ()


@UNHURRIED
@given(near_fhir)
def test_nothing_makes_validation_raise(value: Any) -> None:
    assert all(fault.path and fault.code for fault in validate(value))


@UNHURRIED
@given(resource_types, st.dictionaries(element_names, near_fhir, max_size=8))
def test_nothing_in_a_resource_makes_validation_raise(type_: str, members: dict[str, Any]) -> None:
    faults = validate({**members, "resourceType": type_})
    assert len(faults) <= FAULTS_MAX
    assert all(fault.path.startswith(type_) for fault in faults)


@UNHURRIED
@given(resource_types, seeds)
def test_validation_changes_nothing(type_: str, seed: int) -> None:
    value = maker_of(seed).resource(type_)
    before = deepcopy(value)
    validate(value)
    faults_of(value)
    assert value == before


def found(value: Any) -> set[tuple[str, str]]:
    """Paths and codes of the faults; the quick check must have seen that something is wrong."""
    assert not is_surely_valid(value)
    return {(fault.path, fault.code) for fault in validate(value)}
