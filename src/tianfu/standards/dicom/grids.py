"""Where the voxels of an image or a dose lie in the patient: one kind of volume for all, in any orientation.

Positions are those of DICOM's patient coordinate system (PS3.3 C.7.6.2.1.1), in millimetres: x to the patient's left,
y to his back, z to his head (LPS).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Value = TypeVar("Value", bound=np.generic)

ORTHONORMAL_WITHIN = 1e-4
"""How far two axes may be from a right angle, as the cosine; writers round direction cosines. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A regular grid of voxel centres.

    `origin` is the centre of the first voxel (3); the rows of `axes` (3, 3) are unit vectors along which a voxel's
    column, row and slice number grow, at right angles and right-handed; `spacing` is in that order, in millimetres
    and positive; `shape` is that of an array of its values: slices, rows, columns.
    """

    origin: Floats
    axes: Floats
    spacing: Floats
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        """Raise ValueError for what is no such grid; codecs have refused it before in better words."""
        wrong = np.abs(self.axes @ self.axes.T - np.eye(3)).max()
        if not (wrong <= ORTHONORMAL_WITHIN and np.linalg.det(self.axes) > 0):
            raise ValueError("axes are not orthonormal and right-handed")
        if not (np.all(self.spacing > 0) and np.all(np.isfinite(self.spacing)) and np.all(np.isfinite(self.origin))):
            raise ValueError("spacing or origin is no length")
        if min(self.shape) < 1:
            raise ValueError("a grid has at least one voxel")

    def local(self, points: Floats) -> Floats:
        """Points of the patient (..., 3) as millimetres along the grid's axes from its first voxel's centre."""
        return np.asarray((points - self.origin) @ self.axes.T)

    def patient(self, local: Floats) -> Floats:
        """The opposite of `local`."""
        return np.asarray(local @ self.axes + self.origin)

    def indices(self, points: Floats) -> Floats:
        """Points of the patient (..., 3) as fractional column, row and slice numbers."""
        return np.asarray(self.local(points) / self.spacing)

    def points(self, indices: Floats) -> Floats:
        """The opposite of `indices`."""
        return self.patient(indices * self.spacing)

    @cached_property
    def voxel_mm3(self) -> float:
        """The volume of one voxel."""
        return float(np.prod(self.spacing))

    @cached_property
    def extent(self) -> Floats:
        """Millimetres from the first voxel's centre to the last one's, along each axis (3)."""
        return np.asarray(self.spacing * (np.array(self.shape[::-1]) - 1))

    def is_same(self, other: Grid, *, within_mm: float) -> bool:
        """Whether every voxel of both is at the same place, but for so much."""
        if self.shape != other.shape:
            return False
        corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (
            np.array(self.shape[::-1]) - 1
        )
        return bool(np.abs(self.points(corners) - other.points(corners)).max() <= within_mm)


@dataclass(frozen=True, kw_only=True)
class Volume(Generic[Value]):
    """Values on a grid; `values` has the grid's shape: slices, rows, columns."""

    grid: Grid
    values: NDArray[Value]

    def __post_init__(self) -> None:
        """Raise ValueError if there is not one value for each voxel."""
        if self.values.shape != self.grid.shape:
            raise ValueError(f"{self.values.shape} values for a grid of {self.grid.shape}")
