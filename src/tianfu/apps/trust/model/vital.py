"""What a doctor needs first in an emergency: dangers, illnesses, medicines, results, and whom to call.

Ward rule: docs/rules/emergency-access.md
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class VitalKind(StrEnum):
    """The parts of the page, in the order of danger."""

    ALLERGY = "allergy"
    DIAGNOSIS = "diagnosis"
    MEDICINE = "medicine"
    RESULT = "result"
    PROCEDURE = "procedure"
    VISIT = "visit"
    VACCINATION = "vaccination"


LINES_MAX = {
    VitalKind.ALLERGY: 50,
    VitalKind.DIAGNOSIS: 20,
    VitalKind.MEDICINE: 15,
    VitalKind.RESULT: 15,
    VitalKind.PROCEDURE: 8,
    VitalKind.VISIT: 5,
    VitalKind.VACCINATION: 5,
}
"""So many lines of a part are shown, the newest; every part says how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalLine:
    """One thing to know; `state` is the code of what limits it, such as `resolved`, or empty."""

    kind: VitalKind
    title: str
    detail: str
    state: str
    day: date | None
    resource_type: str
    id: str

    @property
    def is_allergy(self) -> bool:
        """Whether it can kill by what we give; a warning of another sort comes after it."""
        return self.resource_type == "AllergyIntolerance"


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalPart:
    """One part of the page with its newest lines."""

    kind: VitalKind
    lines: tuple[VitalLine, ...]
    count: int
    is_cut_off: bool
    """Whether there are more than were counted."""


def parts_of(lines: Iterable[VitalLine], *, cut_off: Set[VitalKind]) -> tuple[VitalPart, ...]:
    """All parts in the order of danger; an empty part says that nothing is recorded, so none is left out.

    Of the kinds in `cut_off` there are more than these lines.
    """
    together: dict[VitalKind, list[VitalLine]] = {kind: [] for kind in VitalKind}
    for line in lines:
        together[line.kind].append(line)
    together[VitalKind.ALLERGY].sort(key=lambda line: not line.is_allergy)
    # What lasts stands before what is over, however long ago it began.
    together[VitalKind.DIAGNOSIS].sort(key=lambda line: bool(line.state))
    return tuple(
        VitalPart(kind=kind, lines=tuple(found[: LINES_MAX[kind]]), count=len(found), is_cut_off=kind in cut_off)
        for kind, found in together.items()
    )
