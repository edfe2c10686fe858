"""What a reader wants to see of a life: kinds, libraries, one phase; and what there is to choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tianfu.apps.lifelong.model.kinds import HIDDEN_AT_FIRST, Kind, kind_of

FIRST_KINDS = frozenset(Kind) - HIDDEN_AT_FIRST
"""What a reader sees who has chosen nothing."""

FILTERED = "chosen"
"""The form's own field: without it no box was ever unticked, and the first choice stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many records of one library, type and category lie in one stretch of time."""

    patient: str
    type: str
    category: str
    stretch: int
    count: int

    @property
    def kind(self) -> Kind:
        """The kind of these records; the category's code stands behind the bar."""
        return kind_of(self.type, self.category.rpartition("|")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which records to show; `phase` is empty for the whole life."""

    kinds: frozenset[Kind]
    patients: frozenset[str]
    phase: str

    def shows(self, count: Count) -> bool:
        """Whether records of this sort are wanted; time is not asked."""
        return count.kind in self.kinds and count.patient in self.patients


def read_filter(query: Iterable[tuple[str, str]], patients: Sequence[str], phases: Iterable[str]) -> Filter:
    """Read the form; codes that mean nothing here are passed over, as an old link may carry them."""
    fields = list(query)
    chosen = any(name == FILTERED for name, _ in fields)
    kinds = frozenset(Kind(value) for name, value in fields if name == "kind" and value in set(Kind))
    sources = frozenset(value for name, value in fields if name == "source" and value in patients)
    wanted = next((value for name, value in fields if name == "phase"), "")
    return Filter(
        kinds=kinds if chosen or kinds else FIRST_KINDS,
        patients=sources if chosen or sources else frozenset(patients),
        phase=wanted if wanted in set(phases) else "",
    )


def by_kind(counts: Iterable[Count]) -> Counter[Kind]:
    """How many records of each kind."""
    totals: Counter[Kind] = Counter()
    for count in counts:
        totals[count.kind] += count.count
    return totals


def by_patient(counts: Iterable[Count]) -> Counter[str]:
    """How many records of each library."""
    totals: Counter[str] = Counter()
    for count in counts:
        totals[count.patient] += count.count
    return totals
