"""Validation of FHIR R4 resources against the base specification.  https://hl7.org/fhir/R4/validation.html

Checked: unknown elements, cardinality, primitive formats, choices, required bindings, reference targets,
contained resources, extensions, narratives.  Invariants and profiles are not.
"""

from __future__ import annotations

from tianfu.kernel.refusal import Fault
from tianfu.standards.fhir.validation.quick import is_surely_valid
from tianfu.standards.fhir.validation.walk import faults_of

__all__ = ["validate"]


def validate(value: object) -> tuple[Fault, ...]:
    """All faults of a resource with their paths, at most 100; empty if it is valid.  Never raises."""
    return () if is_surely_valid(value) else faults_of(value)
