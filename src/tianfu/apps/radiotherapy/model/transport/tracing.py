"""How much water's worth of tissue a beam has passed when it reaches a point: radiological depth along rays from the
source.

A fan of rays, a lattice in the plane of the isocentre, goes through the CT at the CT's own resolution.  Density between
voxel centres is trilinear and each step takes it at its middle; depth between rays and steps is linear.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_in_parallel, compiled_into_callers
from tianfu.apps.radiotherapy.model.transport.geometry import View
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Reals = NDArray[np.float32]

OUTSIDE = np.float32(-1.0)
"""The depth of a voxel that no ray of a fan comes near."""

SURFACE_STEP_MM = 1.0
HALVINGS = 10
"""A surface is met within a step of 1 mm, halved ten times."""


@dataclass(frozen=True, kw_only=True)
class Fan:
    """Depths in millimetres of water along rays.

    `first_mm` (3) and `step_mm` (3) are of rows, columns and steps: y and x in the plane of the isocentre, and distance
    from the source along the axis; `depths` is in that order.
    """

    first_mm: Floats
    step_mm: Floats
    depths: Reals


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """How close rays stand in the plane of the isocentre, and how long a step along the axis is."""

    ray_mm: float
    step_mm: float


def fan_of(density: Volume[np.float32], view: View, window: Floats, resolution: Resolution) -> Fan:
    """Rays over a window of the isocentre's plane (2, 2: least and most x, y), through the whole CT."""
    near, far = _reach(density.grid, view)
    rays = np.ceil((window[1] - window[0]) / resolution.ray_mm).astype(np.int64) + 1
    steps = int(np.ceil((far - near) / resolution.step_mm)) + 1
    first = np.array([window[0, 1], window[0, 0], near])
    step = np.array([resolution.ray_mm, resolution.ray_mm, resolution.step_mm])
    depths = np.empty((rays[1], rays[0], steps), np.float32)
    _trace(density.values, index_of_beam(density.grid, view), view.axis_mm, first, step, depths)
    return Fan(first_mm=first, step_mm=step, depths=depths)


def depths_of(fan: Fan, grid: Grid, view: View, voxels: NDArray[np.int32]) -> Reals:
    """Depth of each voxel of a grid (V); `OUTSIDE` where the fan does not reach."""
    return _interpolate(
        fan.first_mm, fan.step_mm, fan.depths, beam_of_index(grid, view), view.axis_mm, grid.shape, voxels
    )


def surfaces_mm(density: Volume[np.float32], view: View, at_mm: Floats, *, density_least: float) -> Floats:
    """Distance from the source along the ray through each place of the isocentre's plane (n, 2) to where it first meets
    so much density; infinite where it meets none.
    """
    near, far = _reach(density.grid, view)
    beam = index_of_beam(density.grid, view)
    return _surfaces(density.values, beam, view.axis_mm, at_mm, np.array([near, far, density_least]))


def beam_of_index(grid: Grid, view: View) -> Floats:
    """Rows (3, 4): from a voxel's column, row, slice and 1 to x, y across the axis and distance from the source."""
    turn = view.matrix[1:]
    return np.column_stack([turn @ (grid.axes.T * grid.spacing), turn @ (grid.origin - view.source)])


def index_of_beam(grid: Grid, view: View) -> Floats:
    """The opposite of `beam_of_index`."""
    there = beam_of_index(grid, view)
    back = np.linalg.inv(there[:, :3])
    return np.column_stack([back, -back @ there[:, 3]])


def window_over(grid: Grid, view: View, within: Floats, *, margin_mm: float) -> Floats:
    """The part of a window of the isocentre's plane (2, 2) in which a field sees voxels of a grid, and so much more."""
    seen = view.seen(_corners(grid, beyond=0.0))
    low = np.clip(seen.min(axis=0), within[0], within[1])
    high = np.clip(seen.max(axis=0), within[0], within[1])
    return np.array([low - margin_mm, high + margin_mm])


def _reach(grid: Grid, view: View) -> tuple[float, float]:
    """The least and most distance from the source along the axis at which there is any voxel."""
    below = view.below(_corners(grid, beyond=1.0))
    # Nothing behind the source can be on a beam's way.
    return max(float(below.min()), 1.0), max(float(below.max()), 2.0)


def _corners(grid: Grid, *, beyond: float) -> Floats:
    """The middle of the outermost voxels (8, 3), or of those so many voxels beyond them."""
    last = np.array(grid.shape[::-1]) - 1.0
    return grid.points(np.array([np.where(place, last + beyond, -beyond) for place in np.ndindex(2, 2, 2)]))


@compiled_into_callers
def _density_at(values: Reals, x: float, y: float, z: float) -> float:
    """Trilinear; outermost half voxels are as their centres, beyond them is nothing."""
    slices, rows, columns = values.shape
    if not (-0.5 <= x <= columns - 0.5 and -0.5 <= y <= rows - 0.5 and -0.5 <= z <= slices - 0.5):
        return 0.0
    x, y, z = min(max(x, 0.0), columns - 1.0), min(max(y, 0.0), rows - 1.0), min(max(z, 0.0), slices - 1.0)
    i, j, k = int(x), int(y), int(z)
    right, below, above = min(i + 1, columns - 1), min(j + 1, rows - 1), min(k + 1, slices - 1)
    fx, fy, fz = x - i, y - j, z - k
    low = (values[k, j, i] * (1 - fx) + values[k, j, right] * fx) * (1 - fy) + (
        values[k, below, i] * (1 - fx) + values[k, below, right] * fx
    ) * fy
    high = (values[above, j, i] * (1 - fx) + values[above, j, right] * fx) * (1 - fy) + (
        values[above, below, i] * (1 - fx) + values[above, below, right] * fx
    ) * fy
    return float(low * (1 - fz) + high * fz)


@compiled_in_parallel
def _trace(values: Reals, beam: Floats, axis_mm: float, first: Floats, step: Floats, depths: Reals) -> None:
    rows, columns, steps = depths.shape
    for row in numba.prange(rows):
        for column in range(columns):
            # Per millimetre along the axis a ray goes so far to the side.
            across = (first[1] + column * step[1]) / axis_mm
            along = (first[0] + row * step[0]) / axis_mm
            longer = step[2] * np.sqrt(1.0 + across * across + along * along)
            dx = beam[0, 0] * across + beam[0, 1] * along + beam[0, 2]
            dy = beam[1, 0] * across + beam[1, 1] * along + beam[1, 2]
            dz = beam[2, 0] * across + beam[2, 1] * along + beam[2, 2]
            depth = 0.0
            depths[row, column, 0] = 0.0
            for k in range(1, steps):
                below = first[2] + (k - 0.5) * step[2]
                depth += longer * _density_at(
                    values, dx * below + beam[0, 3], dy * below + beam[1, 3], dz * below + beam[2, 3]
                )
                depths[row, column, k] = depth


@compiled_in_parallel
def _interpolate(
    first: Floats,
    step: Floats,
    depths: Reals,
    beam: Floats,
    axis_mm: float,
    shape: tuple[int, int, int],
    voxels: NDArray[np.int32],
) -> Reals:
    found = np.empty(len(voxels), np.float32)
    rows, columns, steps = depths.shape
    for place in numba.prange(len(voxels)):
        flat = voxels[place]
        i, j, k = flat % shape[2], flat // shape[2] % shape[1], flat // (shape[2] * shape[1])
        below = beam[2, 0] * i + beam[2, 1] * j + beam[2, 2] * k + beam[2, 3]
        scale = axis_mm / below
        x = ((beam[0, 0] * i + beam[0, 1] * j + beam[0, 2] * k + beam[0, 3]) * scale - first[1]) / step[1]
        y = ((beam[1, 0] * i + beam[1, 1] * j + beam[1, 2] * k + beam[1, 3]) * scale - first[0]) / step[0]
        if not (0.0 <= x <= columns - 1 and 0.0 <= y <= rows - 1):
            found[place] = OUTSIDE
            continue
        w = min(max((below - first[2]) / step[2], 0.0), steps - 1.0)
        a, b, c = min(int(x), columns - 2), min(int(y), rows - 2), min(int(w), steps - 2)
        fx, fy, fw = x - a, y - b, w - c
        near = (depths[b, a, c] * (1 - fw) + depths[b, a, c + 1] * fw) * (1 - fx) + (
            depths[b, a + 1, c] * (1 - fw) + depths[b, a + 1, c + 1] * fw
        ) * fx
        far = (depths[b + 1, a, c] * (1 - fw) + depths[b + 1, a, c + 1] * fw) * (1 - fx) + (
            depths[b + 1, a + 1, c] * (1 - fw) + depths[b + 1, a + 1, c + 1] * fw
        ) * fx
        found[place] = near * (1 - fy) + far * fy
    return found


@compiled_in_parallel
def _surfaces(values: Reals, beam: Floats, axis_mm: float, at_mm: Floats, limits: Floats) -> Floats:
    found = np.full(len(at_mm), np.inf)
    for place in numba.prange(len(at_mm)):
        across, along = at_mm[place, 0] / axis_mm, at_mm[place, 1] / axis_mm
        dx = beam[0, 0] * across + beam[0, 1] * along + beam[0, 2]
        dy = beam[1, 0] * across + beam[1, 1] * along + beam[1, 2]
        dz = beam[2, 0] * across + beam[2, 1] * along + beam[2, 2]
        below = limits[0]
        met = False
        step = SURFACE_STEP_MM
        while below <= limits[1] and not met:
            met = (
                _density_at(values, dx * below + beam[0, 3], dy * below + beam[1, 3], dz * below + beam[2, 3])
                >= limits[2]
            )
            below += 0.0 if met else step
        if met:
            free = below - step
            for _ in range(HALVINGS):
                middle = (free + below) / 2
                if (
                    _density_at(values, dx * middle + beam[0, 3], dy * middle + beam[1, 3], dz * middle + beam[2, 3])
                    >= limits[2]
                ):
                    below = middle
                else:
                    free = middle
            found[place] = below * np.sqrt(1.0 + across * across + along * along)
    return found
