"""HL7's FHIRPath cases for R4: exactly the misses that are listed with their reasons, and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.fhirpath_suite import Case, cases, cases_folder, outcome, run_suite

MISSES_FILE = Path(__file__).with_name("fhirpath_misses.json")
MISSES = {miss["case"]: miss for miss in json.loads(MISSES_FILE.read_text("utf-8"))}


@pytest.fixture(scope="module")
def all_cases() -> dict[str, Case]:
    if not cases_folder().is_dir():
        pytest.skip(f"HL7's cases are not at {cases_folder()}")
    return {case.name: case for case in cases()}


def test_every_case_passes_but_the_listed_ones(all_cases: dict[str, Case]) -> None:
    came = {name: said for name, case in all_cases.items() if (said := outcome(case)) is not None}

    assert came == {name: miss["came"] for name, miss in MISSES.items()}


def test_every_miss_has_a_reason() -> None:
    assert all(len(miss["reason"]) > 40 for miss in MISSES.values())


def test_the_count_is_of_all_cases(all_cases: dict[str, Case]) -> None:
    result = run_suite()

    assert result["fhirpath_cases"] == len(all_cases) == 935
    assert result["fhirpath_passed"] == 935 - len(MISSES)
