"""How many of HL7's FHIRPath cases pass, and what reading values out of resources costs: `python -m bench.fhirpath`."""

from __future__ import annotations

import argparse
import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import orjson
from tests.conformance.fhirpath_suite import run_suite

from bench.places import synthea
from tianfu.standards.fhir.definitions import definitions
from tianfu.standards.fhir.fhirpath import Expression, compile_expression

__all__ = ["run_suite", "speed"]

ROUNDS = 5
BUNDLES = 10


def speed() -> dict[str, float]:
    """Medians in microseconds, and resources a second on one core with every search parameter read from each."""
    observation, patient = _example("Observation"), _example("Patient")
    return {
        "absent_us": _microseconds(_reading("Patient.photo", "Patient"), patient),
        "absent_choice_us": _microseconds(_reading("Patient.deceased", "Patient"), {"resourceType": "Patient"}),
        "one_step_us": _microseconds(_reading("Patient.birthDate", "Patient"), patient),
        "two_steps_us": _microseconds(_reading("Patient.name.family", "Patient"), patient),
        "narrowed_us": _microseconds(_reading("(Observation.value as Quantity)", "Observation"), observation),
        "reference_us": _microseconds(
            _reading("Observation.subject.where(resolve() is Patient)", "Observation"), observation
        ),
        "general_us": _microseconds(_evaluation("Patient.name.where(use = 'official').given", "Patient"), patient),
        "observations_per_second": _per_second("Observation"),
        "patients_per_second": _per_second("Patient"),
    }


def _reading(text: str, base_type: str) -> Callable[[Any], object]:
    return compile_expression(text, base_type=base_type).typed_values


def _evaluation(text: str, base_type: str) -> Callable[[Any], object]:
    return compile_expression(text, base_type=base_type).evaluate


def _microseconds(read: Callable[[Any], object], resource: object, times: int = 20_000) -> float:
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(times):
            read(resource)
        rounds.append((time.perf_counter() - started) / times * 1e6)
    return round(sorted(rounds)[ROUNDS // 2], 3)


def _per_second(resource_type: str) -> float:
    resources = _resources(resource_type)[:2_000]
    readings = [expression.typed_values for expression in _search_expressions(resource_type)]
    rounds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for resource in resources:
            for read in readings:
                read(resource)
        rounds.append(len(resources) / (time.perf_counter() - started))
    return round(sorted(rounds)[ROUNDS // 2])


def _search_expressions(resource_type: str) -> list[Expression]:
    parameters = definitions().search_parameters[resource_type]
    return [compile_expression(parameter.expression, base_type=resource_type) for parameter in parameters]


def _example(resource_type: str) -> dict[str, Any]:
    return _resources(resource_type)[0]


def _resources(resource_type: str) -> list[dict[str, Any]]:
    files = sorted(synthea().glob("*.json.gz"))[:BUNDLES]
    entries = [entry for file in files for entry in orjson.loads(gzip.decompress(file.read_bytes()))["entry"]]
    return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == resource_type]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.fhirpath", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    result = {**run_suite(), **speed()}
    if parser.parse_args().json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
