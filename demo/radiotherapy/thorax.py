"""A made chest of closed forms on any grid: body, lungs, windpipe, spine with its canal, and a couch.

Each part is an equation, so what is drawn on its image can be held against the equation itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from tianfu.standards.dicom.grids import Floats, Grid, Volume

Bools = NDArray[np.bool_]

AIR, LUNG, TISSUE, SPONGY, CORTEX, COUCH = -1000, -800, 30, 120, 700, 60
NOISE_HU = 12


@dataclass(frozen=True, kw_only=True)
class Couch:
    """A plate so thick, its top so far behind the origin."""

    top_mm: float
    thick_mm: float


APART = Couch(top_mm=111.0, thick_mm=4.0)
TOUCHING = Couch(top_mm=103.0, thick_mm=24.0)


@dataclass(frozen=True, kw_only=True)
class Thorax:
    """Sizes in millimetres about the origin, the patient on his back; `lungs_mm` are half axes of both lungs."""

    half_x_mm: float = 160.0
    half_y_mm: float = 105.0
    lungs_mm: tuple[float, float, float] = (50.0, 65.0, 90.0)
    lungs_apart_mm: float = 150.0
    spine_y_mm: float = 50.0
    couch: Couch | None = APART

    def parts(self, grid: Grid) -> Mapping[str, Bools]:
        """What lies in each part, by its equation, for every voxel of a grid; lungs and bone by TG-263's names."""
        x, y, z = _points(grid)
        half_x, half_y, half_z = self.lungs_mm
        lungs = [
            ((x - side * self.lungs_apart_mm / 2) / half_x) ** 2 + ((y + 5) / half_y) ** 2 + (z / half_z) ** 2 <= 1
            for side in (1, -1)
        ]
        canal = np.hypot(x, y - self.spine_y_mm - 28)
        vertebra = np.hypot(x, y - self.spine_y_mm)
        couch = self.couch
        return {
            "Body": (x / self.half_x_mm) ** 2 + (y / self.half_y_mm) ** 2 <= 1,
            "Lung_L": lungs[0],
            "Lung_R": lungs[1],
            "Lungs": lungs[0] | lungs[1],
            "Trachea": (np.hypot(x, y + 10) <= 9) & (z > 10),
            "Bone": (vertebra <= 18) | ((canal <= 12) & (canal > 8)),
            "spongy": vertebra <= 14,
            "couch": np.zeros(grid.shape, dtype=np.bool_)
            if couch is None
            else (np.abs(x) <= 230) & (y >= couch.top_mm) & (y <= couch.top_mm + couch.thick_mm),
        }

    def canal(self, grid: Grid) -> Bools:
        """The spinal canal."""
        x, y, _ = _points(grid)
        return np.asarray(np.broadcast_to(np.hypot(x, y - self.spine_y_mm - 28) <= 8, grid.shape))

    def ct(self, grid: Grid, *, seed: int, blur_voxels: float = 0.5) -> Volume[np.int16]:
        """Hounsfield units with some grain, edges as blurred as a scanner's."""
        parts = self.parts(grid)
        values = np.full(grid.shape, AIR, dtype=np.float64)
        for name, level in (("couch", COUCH), ("Body", TISSUE), ("Lungs", LUNG), ("Bone", CORTEX), ("spongy", SPONGY)):
            values[parts[name]] = level
        values[parts["Trachea"]] = AIR
        values = gaussian_filter(values, blur_voxels, mode="nearest")
        values += np.random.default_rng(seed).normal(0, NOISE_HU, grid.shape)
        return Volume(grid=grid, values=np.rint(values).astype(np.int16))


def thorax_grid(
    *, spacing_mm: tuple[float, float, float], axes: Floats | None = None, half_x_mm: float = 252.0
) -> Grid:
    """A grid about the origin whose columns, rows and slices lie along `axes`, the patient's if none are given."""
    rows, spacing = np.eye(3) if axes is None else axes, np.array(spacing_mm)
    reach = np.abs(rows @ np.array([half_x_mm, 147.0, 105.0]))
    counts = (2 * np.rint(reach / spacing) + 1).astype(int)
    columns, lines, slices = (int(count) for count in counts)
    origin = -(spacing * (counts - 1) / 2) @ rows
    return Grid(origin=origin, axes=rows, spacing=spacing, shape=(slices, lines, columns))


def _points(grid: Grid) -> tuple[Floats, Floats, Floats]:
    """The patient's x, y and z of every voxel."""
    slices, lines, columns = np.indices(grid.shape, sparse=True)
    x, y, z = (
        grid.origin[to]
        + columns * grid.spacing[0] * grid.axes[0, to]
        + lines * grid.spacing[1] * grid.axes[1, to]
        + slices * grid.spacing[2] * grid.axes[2, to]
        for to in range(3)
    )
    return x, y, z
