"""What the tests of contouring share: the made chest, and how far a mask is from its equation."""

from __future__ import annotations

import numpy as np
from demo.radiotherapy.thorax import Thorax, thorax_grid
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.contouring.levels import ADULT
from tianfu.apps.radiotherapy.model.contouring.providers import Contouring, Hounsfield, contoured
from tianfu.apps.radiotherapy.model.contouring.rules import Rules
from tianfu.apps.radiotherapy.model.similarity import overlap_of_masks
from tianfu.standards.dicom.grids import Grid

GRID = thorax_grid(spacing_mm=(4.0, 4.0, 4.0))
CORONAL = np.array([[-1.0, 0, 0], [0, 0, -1.0], [0, -1.0, 0]])
"""Columns to the right, rows to the feet, slices to the front."""


def unheard(step: str, done: int, total: int) -> None:
    """Tells nobody how far it is."""


def by_rules(ct: Hounsfield) -> Contouring:
    return contoured(ct, provider=Rules(levels=ADULT), on_progress=unheard)


def dice(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return overlap_of_masks(one, other, voxel_mm3=1.0).dice


def dices(contouring: Contouring, thorax: Thorax, grid: Grid) -> dict[str, float]:
    """Dice of everything that was drawn with the chest's equations."""
    truth = thorax.parts(grid)
    return {each.name: dice(each.mask.full(), truth[each.name]) for each in contouring.drawn}


def codes(contouring: Contouring, name: str) -> set[str]:
    (found,) = [each for each in contouring.outcomes if each.name == name]
    return {reason.code for reason in found.reasons}
