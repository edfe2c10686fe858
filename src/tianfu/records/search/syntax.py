"""The syntax tree of a search: what was asked, before anyone looks up what it means.

Grammar: https://hl7.org/fhir/R4/search.html .  Values keep their escapes until the parameter's type is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One parameter with its alternatives: `code:not=a,b`."""

    code: str
    modifier: str | None
    values: tuple[str, ...]

    @property
    def name(self) -> str:
        """The parameter as it was asked for."""
        return self.code if self.modifier is None else f"{self.code}:{self.modifier}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A condition on what a reference points to: `subject:Patient.name=li`."""

    code: str
    type: str | None
    inner: Clause

    @property
    def name(self) -> str:
        """The parameter as it was asked for."""
        return f"{self.code if self.type is None else f'{self.code}:{self.type}'}.{self.inner.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseChain:
    """A condition on what points here: `_has:Observation:patient:code=8302-2`."""

    type: str
    code: str
    inner: Clause

    @property
    def name(self) -> str:
        """The parameter as it was asked for."""
        return f"_has:{self.type}:{self.code}:{self.inner.name}"


Clause = Term | Chain | ReverseChain


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """What else to bring: `_include=Observation:subject:Patient`; a `type` or `code` of `*` means all."""

    reverse: bool
    iterate: bool
    type: str
    code: str
    target: str | None

    @property
    def name(self) -> str:
        """The parameter as it was asked for."""
        return ("_revinclude" if self.reverse else "_include") + (":iterate" if self.iterate else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey:
    """One key of the order of results."""

    code: str
    descending: bool


Total = Literal["none", "estimate", "accurate"]
Summary = Literal["true", "text", "data", "count", "false"]
TOTALS: dict[str, Total] = {"none": "none", "estimate": "estimate", "accurate": "accurate"}
SUMMARIES: dict[str, Summary] = {
    "true": "true",
    "text": "text",
    "data": "data",
    "count": "count",
    "false": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSyntax:
    """A whole search as it was asked."""

    clauses: tuple[Clause, ...]
    includes: tuple[Include, ...]
    sort: tuple[SortKey, ...]
    count: int | None
    total: Total
    summary: Summary
    elements: tuple[str, ...]
    cursor: str | None
