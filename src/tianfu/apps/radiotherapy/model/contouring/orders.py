"""A CT of any orientation laid out as the rules think: slices towards the head, rows to the back, columns to the left.

Nothing is resampled: the array's axes are exchanged and turned round so that they lie nearest to the patient's.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tianfu.standards.dicom.grids import Grid

Values = NDArray[Any]
"""Hounsfield units in the patient's order, int16 or float32."""


@dataclass(frozen=True, kw_only=True)
class PatientOrder:
    """Which axis of an array goes where, and which are turned round; `spacing_mm` is of slices, rows and columns."""

    axes: tuple[int, int, int]
    is_turned: tuple[bool, bool, bool]
    spacing_mm: tuple[float, float, float]

    def turned(self, values: NDArray[Any]) -> NDArray[Any]:
        """A view of an array of the grid in the patient's order."""
        return values.transpose(self.axes)[self._steps]

    def back(self, values: NDArray[Any]) -> NDArray[Any]:
        """The opposite of `turned`."""
        order = np.argsort(self.axes)
        return values[self._steps].transpose(order)

    @property
    def _steps(self) -> tuple[slice, slice, slice]:
        first, second, third = (slice(None, None, -1 if turned else 1) for turned in self.is_turned)
        return first, second, third


def patient_order(grid: Grid) -> PatientOrder:
    """The order in which a grid's axes lie nearest to z, y and x of the patient."""
    # Rows of `along` are the array's axes (slices, rows, columns), columns are the patient's z, y, x.
    along = grid.axes[::-1, ::-1]
    spacing = grid.spacing[::-1]
    axes = max(permutations(range(3)), key=lambda order: sum(abs(along[axis, to]) for to, axis in enumerate(order)))
    first, second, third = axes
    turned = [bool(along[axis, to] < 0) for to, axis in enumerate(axes)]
    return PatientOrder(
        axes=(first, second, third),
        is_turned=(turned[0], turned[1], turned[2]),
        spacing_mm=(float(spacing[first]), float(spacing[second]), float(spacing[third])),
    )
