"""The script that compiles the table: numbers are kept, expressions narrowed, the specification restored."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts/compile_fhir_definitions.py"


@pytest.fixture(scope="module")
def script() -> Any:
    specification = importlib.util.spec_from_file_location("compile_fhir_definitions", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    # Its dataclasses look their module up by name.
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def test_numbers_are_kept_and_new_names_follow(script: Any) -> None:
    assert script.numbered(["a", "b"], {}) == {"a": 1, "b": 2}
    assert script.numbered(["a", "aa", "c"], {"a": 1, "b": 7}) == {"a": 1, "b": 7, "aa": 8, "c": 9}


def test_an_expression_is_split_at_its_outermost_bars(script: Any) -> None:
    assert script.alternatives("A.b | (C.d | C.e).f | G.where(h = 'i')") == ["A.b", "(C.d | C.e).f", "G.where(h = 'i')"]


@pytest.mark.parametrize(
    ("expression", "type_", "expected"),
    [
        ("Patient.name | Person.name", "Person", "Person.name"),
        ("(A.b as Quantity) | (A.c as Range) | AB.d", "A", "(A.b as Quantity) | (A.c as Range)"),
        ("Patient.name", "Patient", "Patient.name"),
        ("name | alias", "InsurancePlan", "name | alias"),
    ],
)
def test_an_expression_is_narrowed_to_a_type(script: Any, expression: str, type_: str, expected: str) -> None:
    assert script.narrowed(expression, type_) == expected


def test_a_binding_that_is_not_required_is_no_fact(script: Any) -> None:
    binding = {"strength": "required", "valueSet": "http://example.org/a|4.0.1"}
    assert script.required_value_set({"binding": binding}) == "http://example.org/a"
    assert script.required_value_set({"binding": binding | {"strength": "extensible"}}) is None
    assert script.required_value_set({}) is None


def element(path: str, *types: str, low: int = 0, high: str = "1") -> dict[str, Any]:
    return {"path": path, "min": low, "max": high, "type": [{"code": code} for code in types]}


def test_elements_are_restored_from_the_specification(script: Any) -> None:
    given = [
        element("A"),
        element("A.id", "id"),
        element("A.b", "string", high="*"),
        element("A.added", "string"),
        element("A.c", "BackboneElement"),
        element("A.c.id", "string"),
        element("A.c.d", "code"),
        element("A.new", "BackboneElement"),
        element("A.new.id", "string"),
        element("A.new.x", "string"),
    ]
    original = {e["path"]: e for e in [given[1], element("A.b", "string"), given[5], given[6]]}
    restored = script.restored(given, original)
    assert [e["path"] for e in restored] == ["A", "A.id", "A.b", "A.c", "A.c.id", "A.c.d"]
    assert restored[2]["max"] == "1"


def test_elements_that_the_package_took_away_come_back_in_order(script: Any) -> None:
    given = [element("A"), element("A.id", "id"), element("A.c", "BackboneElement"), element("A.c.id", "string")]
    own = [given[1], element("A.b", "string"), given[3], element("A.c.d", "code")]
    restored = script.restored(given, {e["path"]: e for e in own})
    assert [e["path"] for e in restored] == ["A", "A.id", "A.b", "A.c", "A.c.id", "A.c.d"]


def test_elements_whose_names_are_too_long_for_a_data_element_are_kept(script: Any) -> None:
    long = "A." + "b" * 62
    given = [element("A"), element("A.id", "id"), element(long, "string")]
    assert [e["path"] for e in script.restored(given, {"A.id": given[1]})] == ["A", "A.id", long]


EXCLUDED = {"system": "s", "concept": [{"code": "a"}]}


def test_value_sets_are_enumerated_through_each_other(script: Any) -> None:
    systems = {
        "s": {"content": "complete", "concept": [{"code": "a", "concept": [{"code": "b"}]}]},
        "part": {"content": "fragment", "concept": [{"code": "x"}]},
    }
    sets = {
        "whole": {"compose": {"include": [{"system": "s"}]}},
        "some": {"compose": {"include": [{"system": "t", "concept": [{"code": "c"}]}]}},
        "both": {"compose": {"include": [{"valueSet": ["whole", "some"]}], "exclude": [EXCLUDED]}},
        "filtered": {"compose": {"include": [{"system": "s", "filter": [{}]}]}},
        "partly": {"compose": {"include": [{"system": "s"}, {"system": "part"}]}},
    }
    codes = script.Codes(value_sets=sets, code_systems=systems)
    assert codes.of("whole|4.0.1") == {"s": ["a", "b"]}
    assert codes.of("both") == {"s": ["b"], "t": ["c"]}
    assert codes.of("filtered") is None
    assert codes.of("partly") is None
    assert codes.of("unknown") is None


def test_the_committed_table_is_written_as_the_script_writes(script: Any) -> None:
    committed = script.TABLE.read_text("utf-8")
    assert script.written(json.loads(committed)) == committed
