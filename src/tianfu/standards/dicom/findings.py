"""What a codec tells about an object that it read all the same: a stable code each, never silence, never a warning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that a physicist should know; `code` is the key of its sentence, as a refusal's is."""

    code: str
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reading(Generic[Value]):
    """A value that was read, and what was odd about its object."""

    value: Value
    findings: tuple[Finding, ...]

    def codes(self) -> frozenset[str]:
        """The codes of all findings."""
        return frozenset(finding.code for finding in self.findings)


def found(code: str, **details: object) -> Finding:
    """A finding whose details are written out."""
    return Finding(code=code, details={name: str(value) for name, value in details.items()})
