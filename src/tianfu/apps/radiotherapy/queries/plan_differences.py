"""Two plans of one case beside each other: what was wished, what was found, and doses structure by structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tianfu.apps.radiotherapy.plan_results import FieldResult, PlanResult
from tianfu.apps.radiotherapy.results import PERCENTS, Figures, StructureResult

COLUMNS: Final = (*(f"D{percent:g}%" for percent in PERCENTS), "Dmean", "Dmax")
"""What is compared of each structure, in gray; symbols of ICRU 83."""


FINGERPRINT_DIGITS: Final = 12
"""So much of a machine's fingerprint is shown to people. [ours]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A dose in both, and by how much the second is more."""

    first: float
    second: float

    @property
    def more(self) -> float:
        """Below 0 if it is less."""
        return self.second - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceRow:
    """A structure that both have, by COLUMNS."""

    name: str
    cells: tuple[Cell, ...]


def differences(first: Sequence[StructureResult], second: Sequence[StructureResult]) -> tuple[DifferenceRow, ...]:
    """Doses of structures that have figures in both, by number and name; in the order of the first."""
    others = {(one.number, one.name): one.figures for one in second}
    return tuple(
        DifferenceRow(name=one.name, cells=_cells(one.figures, other))
        for one in first
        if one.figures is not None and (other := others.get((one.number, one.name))) is not None
    )


def facts(first: PlanResult, second: PlanResult) -> tuple[tuple[str, str, str], ...]:
    """What was wished and found of the whole plans, each by a key."""
    return tuple(zip(_FACTS, _told(first), _told(second), strict=True))


_FACTS: Final = (
    *("name", "machine", "machine-file", "density-table", "density-table-file", "isocentre", "prescribed"),
    *("reached", "hottest", "goals-held", "fields", "segments", "mu", "mcs"),
)


def _told(result: PlanResult) -> tuple[str, ...]:
    complexity = result.complexity
    return (
        result.name,
        f"{result.machine.name} {result.machine.version}",
        # A file may be replaced under its name and version.
        result.machine.fingerprint[:FINGERPRINT_DIGITS],
        f"{result.density_table.name} {result.density_table.version}",
        result.density_table.fingerprint[:FINGERPRINT_DIGITS],
        "; ".join(places_mm(result)),
        f"{result.prescribed_gy:g} Gy / {result.fractions}",
        f"{result.reached_gy:.2f} Gy",
        f"{result.dose_gy_max:.2f} Gy",
        _held(result),
        str(len(result.fields)),
        str(result.segments),
        f"{result.mu:.1f}",
        "–" if complexity is None else f"{complexity.plan.mcs:.3f}",
    )


def _held(result: PlanResult) -> str:
    """How many of the goals in their order the plan keeps; a dash where objectives were weighed."""
    served = result.in_order
    return f"{sum(goal.is_held for goal in served)} / {len(served)}" if served else "–"


def places_mm(result: PlanResult) -> tuple[str, ...]:
    """Where the isocentre is, as x, y, z of the patient; more than one if fields have different ones."""
    return tuple(dict.fromkeys(place_mm(field) for field in result.fields))


def place_mm(field: FieldResult) -> str:
    """Where the isocentre of a field is: x to the patient's left, y to his back, z to his head (PS3.3 C.7.6.2.1.1)."""
    return ", ".join(f"{axis} {place:.1f}" for axis, place in zip("xyz", field.isocentre_mm, strict=True)) + " mm"


def _cells(first: Figures, second: Figures) -> tuple[Cell, ...]:
    return tuple(Cell(first=one, second=other) for one, other in zip(_doses(first), _doses(second), strict=True))


def _doses(figures: Figures) -> tuple[float, ...]:
    return (*figures.doses_gy, figures.mean_gy, figures.max_gy)
