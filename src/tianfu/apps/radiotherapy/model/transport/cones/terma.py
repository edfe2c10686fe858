"""How much of the beam arrives at each voxel, traced from the source exactly through the density's voxels: fluence by
the inverse square of the distance, the water-equivalent way, and what the cone along the ray itself has carried there.

The way is that of Amanatides and Woo (Eurographics 1987) from wall to wall of voxels.  Terma is the fluence weakened
along the way; kernels say by how much.  The cone along the beam carries the most and the sharpest part of the dose: it
follows the beam's divergence, and a field's edge is not blurred by the grid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy, compiled_in_parallel
from tianfu.apps.radiotherapy.model.transport.cones.fluence import FluenceMap
from tianfu.apps.radiotherapy.model.transport.cones.sight import Sight
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Reals = NDArray[np.float32]
Place = tuple[float, float, float]
Levels = NDArray[np.int64]
Carried = tuple[float, Levels, Reals, float]

AIR_MM = 1e-6
"""A step through less water than this changes nothing that a ray carries."""


def fluence_on(fluence: FluenceMap, sight: Sight, grid: Grid) -> Reals:
    """Fluence at each voxel's centre, in air: the map's, linear between its pixels, by the inverse square of the
    distance along the axis.
    """
    corner, steps = _frame(sight, grid)
    place = np.array([*fluence.first_mm, fluence.pixel_mm, sight.axis_mm])
    return _fluences(np.ascontiguousarray(fluence.values, np.float64), place, corner, steps, grid.shape)


@dataclass(frozen=True, kw_only=True)
class Ray:
    """What the cone along the beam carries: decay constants as doublings (L, rising) of the least, and for each of them
    in `table` (L, D), at depths of so many millimetres of water, what its carried dose would become in endless matter
    of that terma.
    """

    least_per_mm: float
    levels: Levels
    table: Reals
    table_mm: float


def traced_on(
    density: Volume[np.float32], sight: Sight, grid: Grid, wanted: NDArray[np.bool_], ray: Ray
) -> tuple[Reals, Reals]:
    """For each wanted voxel's centre the millimetres of water that weaken as much as what lies between it and the
    source, and the dose that the ray has carried there, per unit of fluence there; zero for others.

    Beyond the density's voxels there is nothing.
    """
    # Indices in which the first voxel reaches from 0 to 1 along each axis.
    source = density.grid.indices(sight.source) + 0.5
    start = density.grid.indices(grid.points(np.zeros(3))) + 0.5
    steps = np.ascontiguousarray(density.grid.indices(grid.points(np.eye(3))) + 0.5 - start)
    ends = np.stack([source, start, density.grid.spacing])
    carried = ray.least_per_mm, ray.levels, ray.table, ray.table_mm
    return _traced(np.ascontiguousarray(density.values), ends, steps, wanted, carried)


def _frame(sight: Sight, grid: Grid) -> tuple[Floats, Floats]:
    """The first voxel along the sight's axes from the source, and the steps along them of column, row and slice."""
    corner = (grid.origin - sight.source) @ sight.axes.T
    return corner, np.ascontiguousarray(grid.spacing[:, None] * (grid.axes @ sight.axes.T))


@compiled_as_numpy
def _fluences(values: Floats, place: Floats, corner: Floats, steps: Floats, shape: tuple[int, int, int]) -> Reals:
    found = np.zeros(shape, np.float32)
    rows, columns = values.shape
    first_x, first_y, pixel, axis = place
    for k in range(shape[0]):
        for j in range(shape[1]):
            for i in range(shape[2]):
                along = corner[2] + i * steps[0, 2] + j * steps[1, 2] + k * steps[2, 2]
                scale = axis / along
                x = ((corner[0] + i * steps[0, 0] + j * steps[1, 0] + k * steps[2, 0]) * scale - first_x) / pixel
                y = ((corner[1] + i * steps[0, 1] + j * steps[1, 1] + k * steps[2, 1]) * scale - first_y) / pixel
                if x < 0 or y < 0 or x > columns - 1 or y > rows - 1:
                    continue
                column, row = min(int(x), columns - 2), min(int(y), rows - 2)
                fx, fy = x - column, y - row
                near = values[row, column] * (1 - fx) + values[row, column + 1] * fx
                far = values[row + 1, column] * (1 - fx) + values[row + 1, column + 1] * fx
                found[k, j, i] = (near * (1 - fy) + far * fy) * scale * scale
    return found


@compiled_in_parallel
def _traced(
    density: Reals, ends: Floats, steps: Floats, wanted: NDArray[np.bool_], ray: Carried
) -> tuple[Reals, Reals]:
    depths, doses = np.zeros(wanted.shape, np.float32), np.zeros(wanted.shape, np.float32)
    source, spacing = (ends[0, 0], ends[0, 1], ends[0, 2]), (ends[2, 0], ends[2, 1], ends[2, 2])
    for k in numba.prange(wanted.shape[0]):
        for j in range(wanted.shape[1]):
            for i in range(wanted.shape[2]):
                if wanted[k, j, i]:
                    x = ends[1, 0] + i * steps[0, 0] + j * steps[1, 0] + k * steps[2, 0]
                    y = ends[1, 1] + i * steps[0, 1] + j * steps[1, 1] + k * steps[2, 1]
                    z = ends[1, 2] + i * steps[0, 2] + j * steps[1, 2] + k * steps[2, 2]
                    depths[k, j, i], doses[k, j, i] = _way(density, spacing, source, (x, y, z), ray)
    return depths, doses


@compiled_as_numpy
def _clipped(start: Place, way: Place, shape: tuple[int, int, int]) -> tuple[float, float]:
    """The part of a way, from 0 to 1, that lies in the box of voxels."""
    enters, leaves = 0.0, 1.0
    for axis in range(3):
        size = shape[2 - axis]
        if way[axis] == 0.0:
            if start[axis] < 0.0 or start[axis] > size:
                return 1.0, 0.0
            continue
        one, other = -start[axis] / way[axis], (size - start[axis]) / way[axis]
        enters, leaves = max(enters, min(one, other)), min(leaves, max(one, other))
    return enters, leaves


@compiled_as_numpy
def _kept(x: float) -> float:
    """exp(-x), for the short steps that are many by a series that is 1e-9 off."""
    if x > 0.1:
        return math.exp(-x)
    return 1.0 - x * (1.0 - x * (0.5 - x * (1 / 6 - x * (1 / 24 - x * (1 / 120)))))


@compiled_as_numpy
def _way(density: Reals, spacing: Place, start: Place, end: Place, ray: Carried) -> tuple[float, float]:
    """Depth and carried dose from the source at `start` to `end`, both in the density's indices."""
    least, levels, table, table_mm = ray
    way = (end[0] - start[0], end[1] - start[1], end[2] - start[2])
    enters, leaves = _clipped(start, way, density.shape)
    if enters >= leaves:
        return 0.0, 0.0
    length = np.sqrt((way[0] * spacing[0]) ** 2 + (way[1] * spacing[1]) ** 2 + (way[2] * spacing[2]) ** 2)
    voxel, toward, each, wall = np.empty(3, np.int64), np.empty(3, np.int64), np.empty(3), np.empty(3)
    for axis in range(3):
        place = start[axis] + enters * way[axis]
        voxel[axis] = min(max(int(np.floor(place)), 0), density.shape[2 - axis] - 1)
        toward[axis] = 1 if way[axis] > 0 else -1
        each[axis] = 1 / abs(way[axis])
        next_wall = voxel[axis] + (1 if way[axis] > 0 else 0)
        wall[axis] = (next_wall - start[axis]) / way[axis] if way[axis] != 0 else np.inf
    carried = np.zeros(len(levels))
    depth, at = 0.0, enters
    while at < leaves:
        axis = 0
        if wall[1] < wall[axis]:
            axis = 1
        if wall[2] < wall[axis]:
            axis = 2
        until = min(wall[axis], leaves)
        water = density[voxel[2], voxel[1], voxel[0]] * max(until - at, 0.0) * length
        if water > AIR_MM:
            # Fluence at the middle of the step, of that at the ray's end.
            nearer = 4.0 / (at + until) ** 2
            place = (depth + water / 2) / table_mm
            below = min(int(place), table.shape[1] - 2)
            part = place - below
            kept, doubled = _kept(least * water), 0
            for number in range(len(levels)):
                while doubled < levels[number]:
                    kept, doubled = kept * kept, doubled + 1
                steady = (table[number, below] * (1 - part) + table[number, below + 1] * part) * nearer
                carried[number] = steady + kept * (carried[number] - steady)
            depth += water
        at = max(until, at)
        voxel[axis] += toward[axis]
        wall[axis] += each[axis]
        if voxel[axis] < 0 or voxel[axis] >= density.shape[2 - axis]:
            break
    return depth, carried.sum()
