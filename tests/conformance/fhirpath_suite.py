"""Run HL7's FHIRPath cases for R4 and count the passed ones.

Source of the cases: https://github.com/FHIR/fhir-test-cases/blob/master/r4/fhirpath/tests-fhir-r4.xml
They lie in the data folder beside the project, or where TIANFU_SHARED says; they are not part of the project.

A case passes if its outputs have the values and, where stated, the types wanted, in order; or if it is refused for
the kind of reason wanted: syntax, semantic or execution.  All cases run with the strict checks.
"""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ElementTree  # test data of a known origin
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance.fhir_xml import read_xml
from tianfu.standards.fhir.fhirpath import (
    ExpressionRefused,
    FailedEvaluation,
    InvalidMeaning,
    InvalidSyntax,
    Node,
    compile_expression,
)
from tianfu.standards.fhir.fhirpath.moments import MOMENT_PREFIXES, Moment
from tianfu.standards.fhir.fhirpath.nodes import Collection, Item, system_value, type_of

REFUSALS = {"syntax": InvalidSyntax, "semantic": InvalidMeaning, "execution": FailedEvaluation}


def data_folder() -> Path:
    """The folder of data made by others."""
    beside = Path(__file__).resolve().parents[2].parent / "shared"
    return Path(os.environ.get("TIANFU_SHARED", beside)) / "data"


def cases_folder() -> Path:
    return data_folder() / "fhir-r4-tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case of the suite; its name is unique, made so by a number where the suite repeats one."""

    name: str
    expression: str
    input_file: str | None
    outputs: tuple[tuple[str | None, str], ...]
    invalid: str | None
    predicate: bool
    ordered: bool
    check_order: bool


def cases() -> Iterator[Case]:
    """All cases in their order."""
    seen: dict[str, int] = {}
    root = ElementTree.parse(cases_folder() / "fhirpath" / "tests-fhir-r4.xml").getroot()  # noqa: S314
    for element in root.iter("test"):
        name = element.attrib["name"]
        seen[name] = seen.get(name, 0) + 1
        yield _case(element, name if seen[name] == 1 else f"{name}#{seen[name]}")


def _case(element: ElementTree.Element, name: str) -> Case:
    expression = element.find("expression")
    assert expression is not None
    return Case(
        name=name,
        expression=expression.text or "",
        input_file=element.get("inputfile"),
        outputs=tuple((output.get("type"), output.text or "") for output in element.findall("output")),
        invalid=expression.get("invalid"),
        predicate=element.get("predicate") == "true",
        ordered=element.get("ordered") != "false",
        check_order=element.get("checkOrderedFunctions") == "true",
    )


@cache
def _input(name: str) -> dict[str, Any]:
    path = cases_folder() / name
    if path.suffix == ".xml":
        return read_xml(path)
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    return loaded


def outcome(case: Case) -> str | None:
    """None if the case passes, else what came instead."""
    resource = _input(case.input_file) if case.input_file else {}
    try:
        expression = compile_expression(
            case.expression, base_type=resource.get("resourceType"), strict=True, check_order=case.check_order
        )
        items = expression.evaluate(resource)
    except ExpressionRefused as refusal:
        wanted = case.invalid is not None and isinstance(refusal, REFUSALS[case.invalid])
        return None if wanted else str(refusal)
    return _difference(case, items)


def _difference(case: Case, items: Collection) -> str | None:
    if case.predicate:
        items = [bool(items)]
    found = [_shown(item) for item in items]
    said = "; ".join(f"{kind} {text}" for kind, text in found) or "nothing"
    if case.invalid is not None or len(found) != len(case.outputs):
        return said
    wanted = list(case.outputs)
    if not case.ordered:
        found, wanted = sorted(found), sorted(wanted, key=lambda output: (output[0] or "", output[1]))
    fits = all(
        kind in (None, found_kind) and text == found_text
        for (found_kind, found_text), (kind, text) in zip(found, wanted, strict=True)
    )
    return None if fits else said


def _shown(item: Item) -> tuple[str, str]:
    """An item's type and value as the suite writes them."""
    kind = type_of(item)
    name = kind.name if kind.namespace == "FHIR" or kind.name == "Quantity" else kind.name[0].lower() + kind.name[1:]
    value = system_value(item)
    if isinstance(value, bool):
        return name, "true" if value else "false"
    if isinstance(value, Moment):
        return name, MOMENT_PREFIXES[value.kind] + str(value)
    if isinstance(value, Decimal):
        return name, f"{value:f}"
    return name, json.dumps(value.value, default=str) if isinstance(value, Node) else str(value)


def run_suite() -> dict[str, Any]:
    """How many cases pass, of how many, and what came of the others."""
    outcomes = {case.name: outcome(case) for case in cases()}
    misses = [{"case": name, "came": came} for name, came in outcomes.items() if came is not None]
    return {"fhirpath_passed": len(outcomes) - len(misses), "fhirpath_cases": len(outcomes), "misses": misses}
