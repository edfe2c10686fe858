"""A blind fault as a value: what is wrong, whom it would harm, and how large it is where it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from demo.dice import Dice
from tianfu.standards.dicom.cases import Case

Plant = Callable[[Case, Dice], Case]
"""The case with the fault in it; raises ValueError if it has nothing that could be spoilt so."""


@dataclass(frozen=True, kw_only=True)
class Blind:
    """`wrong`, `harm` and `counts` are sentences; `counts` says how large the fault must be, and so is as planted."""

    id: str
    wrong: str
    harm: str
    counts: str
    plant: Plant


def blind(*, wrong: str, harm: str, counts: str) -> Callable[[Plant], Blind]:
    """Make a blind fault of a function that plants it; its name is the fault's."""

    def made(plant: Plant) -> Blind:
        return Blind(
            id=getattr(plant, "__name__", "").replace("_", "-"), wrong=wrong, harm=harm, counts=counts, plant=plant
        )

    return made
