"""Histograms that move while a plan is optimised: by voxels of the dose's grid, of the structures that a wish is about.

The final histograms are those of the drawn shapes; these follow an iteration for the eye, and are cleared for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from tianfu.apps.radiotherapy.model.optimisation.fluence import Step
from tianfu.apps.radiotherapy.model.optimisation.regions import Rows
from tianfu.apps.radiotherapy.model.planning.subjects import Subject
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.standards.dicom.grids import Floats

Role = Literal["target", "organ"]

TOP = 1.2
"""The axis goes at least so far beyond the prescribed dose, so that it rests while the curves move. [ours]"""

PERCENT_DIGITS = 1
GY_DIGITS = 2


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A structure's histogram of one iteration: `percents[i]` of its voxels get at least the i-th of equal doses."""

    structure: str
    role: Role
    mean_gy: float
    highest_gy: float
    percents: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The curves of an iteration over doses from 0 to `top_gy`."""

    top_gy: float
    curves: tuple[Curve, ...]


@dataclass(kw_only=True, eq=False)
class Follower:
    """Finds the structures' voxels among those that an iteration has doses of, once, and makes curves of them."""

    wish: PlanWish
    subject: Subject
    most: int
    points: int
    _rows: Rows | None = None
    _places: list[tuple[str, Role, Rows]] = field(default_factory=list)

    def curves(self, step: Step) -> Curves:
        """The curves of an iteration; a structure of which it has not all voxels is left out."""
        if self._rows is not step.rows:
            self._rows, self._places = step.rows, list(self._found(step.rows))
        sorted_gy = [(name, role, np.sort(step.doses[places])) for name, role, places in self._places]
        highest = max((float(doses[-1]) for _, _, doses in sorted_gy), default=0.0)
        top_gy = max(TOP * self.wish.prescription.dose_gy, highest)
        levels = np.linspace(0.0, top_gy, self.points)
        return Curves(
            top_gy=round(top_gy, GY_DIGITS),
            curves=tuple(
                Curve(
                    structure=name,
                    role=role,
                    mean_gy=round(float(doses.mean(dtype=np.float64)), GY_DIGITS),
                    highest_gy=round(float(doses[-1]), GY_DIGITS),
                    percents=at_least_percents(doses.astype(np.float64), levels),
                )
                for name, role, doses in sorted_gy
            ),
        )

    def _found(self, rows: Rows) -> Iterator[tuple[str, Role, Rows]]:
        """The structures with the places of their voxels in an iteration's doses."""
        for name, role in followed(self.wish)[: self.most]:
            own = np.flatnonzero(self.subject.masks[name].ravel()[self.subject.wanted.voxels])
            places = np.searchsorted(rows, own)
            if len(own) and places[-1] < len(rows) and np.array_equal(rows[places], own):
                yield name, role, places


def followed(wish: PlanWish) -> list[tuple[str, Role]]:
    """The structures that are followed: what is prescribed to, other targets, then those of objectives and goals."""
    targets = dict.fromkeys((wish.prescription.structure, *wish.targets))
    made = {region.name for region in wish.regions}
    served = (each.structure for each in (*wish.objectives, *wish.goals))
    others = dict.fromkeys(name for name in served if name not in {*targets, *made})
    return [*((name, "target") for name in targets), *((name, "organ") for name in others)]


def at_least_percents(sorted_gy: Floats, levels_gy: Floats) -> tuple[float, ...]:
    """How much of ascending doses is at least each level."""
    below = np.searchsorted(sorted_gy, levels_gy, side="left")
    return tuple(np.round(100.0 * (1 - below / len(sorted_gy)), PERCENT_DIGITS).tolist())
