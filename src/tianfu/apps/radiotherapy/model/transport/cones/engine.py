"""Dose of one field by collapsed cones: terma on the transport's grid, carried along each cone.

A second opinion on the pencil beam's dose, not cleared for clinical use: both know the same water.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.model.transport.cones.box import box_around, density_on
from tianfu.apps.radiotherapy.model.transport.cones.cones import ORDERS, courses
from tianfu.apps.radiotherapy.model.transport.cones.fluence import FluenceMap
from tianfu.apps.radiotherapy.model.transport.cones.kernels import PointKernels
from tianfu.apps.radiotherapy.model.transport.cones.settings import ConeSettings
from tianfu.apps.radiotherapy.model.transport.cones.sight import Sight, sight_of
from tianfu.apps.radiotherapy.model.transport.cones.terma import Ray, fluence_on, traced_on
from tianfu.apps.radiotherapy.model.transport.cones.transport import LEAST_STEP_MAX, carry
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Reals = NDArray[np.float32]
Levels = NDArray[np.int64]
Band = tuple[list[Floats], Levels, Reals]
"""Courses of a band's cones, the decay constants it has as doublings of the least, and their table."""

RIM = ((0, 0), (1, 1), (1, 1))
"""The transport's arrays have one voxel of nothing around each plane."""

TABLE_MM = 0.5
"""Step of the table of terma along depth; between its rows it is linear. [ours: 3e-5 at 0.03 per mm]"""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """A field and the fluence that its collimator lets through."""

    field: Field
    fluence: FluenceMap


@dataclass(frozen=True, kw_only=True)
class Terma:
    """What the transport starts from: density (water is 1), fluence in air, water-equivalent depth and the dose that
    the cone along the beam gives, in each voxel.
    """

    density: Reals
    fluence: Reals
    depths_mm: Reals
    straight: Reals


def dose_by_cones(
    density: Volume[np.float32],
    exposure: Exposure,
    kernels: PointKernels,
    grid: Grid,
    *,
    gy_per_mu: float,
    settings: ConeSettings,
) -> Volume[np.float32]:
    """Gray per monitor unit at each voxel of the grid; nothing where neither the body nor the field's scatter reaches.

    `gy_per_mu` is what one monitor unit gives where the kernels give 1; `density` is relative to water, on any grid.
    Outside the body, in air, dose is that to a speck of water there: whoever judges doses masks it.

    Raises Refusal `cone-no-body`, `cone-source-in-body`, `cone-field-misses-body` and `cone-grid-too-large`.
    """
    sight = sight_of(exposure.field, axis_mm=kernels.beam.axis_mm)
    box, first = box_around(density, sight, exposure.fluence.bounds_mm, grid, settings)
    terma = terma_on(density, exposure.fluence, kernels, sight, box)
    dose = terma.straight + carried(terma, box, kernels, sight, settings)
    dose *= np.float32(gy_per_mu)
    return Volume(grid=grid, values=_placed(dose, first, grid.shape))


def terma_on(
    density: Volume[np.float32], fluence: FluenceMap, kernels: PointKernels, sight: Sight, grid: Grid
) -> Terma:
    """What a field's fluence makes of each voxel of a grid, per unit of fluence."""
    in_air = fluence_on(fluence, sight, grid)
    # No ray is longer than the density's diagonal, nor passes through more than its densest voxel.
    reach_mm = float(np.linalg.norm(density.grid.extent + density.grid.spacing)) * float(density.values.max())
    levels, table = band_table(kernels, 0, depth_mm_max=reach_mm)
    ray = Ray(least_per_mm=float(kernels.exponents_per_mm[-1]), levels=levels, table=table, table_mm=TABLE_MM)
    depths, straight = traced_on(density, sight, grid, in_air > 0, ray)
    return Terma(density=density_on(density, grid), fluence=in_air, depths_mm=depths, straight=straight * in_air)


def carried(terma: Terma, grid: Grid, kernels: PointKernels, sight: Sight, settings: ConeSettings) -> Reals:
    """Dose per unit of fluence on a grid of known terma, from all cones but the one along the beam."""
    total = np.zeros(grid.shape, np.float32)
    depth_mm_max = float(terma.depths_mm.max(initial=0.0))
    tables = [band_table(kernels, band, depth_mm_max=depth_mm_max) for band in range(1, len(kernels.bands) - 1)]
    cones = courses(kernels, sight, grid, settings)
    for order in range(3):
        here = [
            ([cone.steps for cone in band if cone.order == order], *table)
            for band, table in zip(cones, tables, strict=True)
        ]
        bands = [
            (steps, levels, np.float32(1 / settings.azimuths) * table)
            for steps, levels, table in here
            if steps and len(levels)
        ]
        if bands:
            total += _carried_along(terma, order, bands, float(kernels.exponents_per_mm[-1]))
    return total


def _carried_along(terma: Terma, order: int, bands: list[Band], least_per_mm: float) -> Reals:
    """What cones leave that go along one axis of the grid more than along others, in the grid's own order."""
    turned = [np.ascontiguousarray(each.transpose(ORDERS[order])) for each in (terma.fluence, terma.depths_mm)]
    density = np.pad(terma.density.transpose(ORDERS[order]), RIM)
    step_mm = max(float(course[3]) for steps, _, _ in bands for course in steps)
    if step_mm * least_per_mm * float(density.max()) > LEAST_STEP_MAX:
        raise ValueError("the kernels' least decay constant is too great for such voxels")
    dose = np.zeros(turned[0].shape, np.float32)
    for steps, levels, table in bands:
        steady = _steady(turned[0], turned[1], table)
        for course in steps:
            carry(density, steady, levels, course * np.array([1.0, 1.0, 1.0, least_per_mm]), dose)
    return dose.transpose(np.argsort(ORDERS[order]))


def band_table(kernels: PointKernels, band: int, *, depth_mm_max: float) -> tuple[Levels, Reals]:
    """The decay constants that a band of zeniths has, as doublings of the least, and for each (L, D) what its carried
    dose would become at depths of `TABLE_MM`: the band's whole solid angle times weight over constant.
    """
    depths = np.arange(int(depth_mm_max / TABLE_MM) + 2) * TABLE_MM
    released = np.exp(-depths[:, None] * kernels.attenuations_per_mm)
    steady = kernels.weights[band] / kernels.exponents_per_mm[:, None] * kernels.solid_angles[band]
    used = np.flatnonzero(steady.any(axis=1))[::-1]
    levels = (len(kernels.exponents_per_mm) - 1 - used).astype(np.int64)
    return levels, np.ascontiguousarray((steady[used] @ released.T).astype(np.float32))


@compiled_as_numpy
def _steady(fluence: Reals, depths: Reals, table: Reals) -> Reals:
    """The table's value (L, ...) at each voxel's depth, times its fluence, with the rim that the transport wants."""
    planes, rows, columns = fluence.shape
    found = np.zeros((len(table), planes, rows + 2, columns + 2), np.float32)
    for plane in range(planes):
        for row in range(rows):
            for column in range(columns):
                here = fluence[plane, row, column]
                if here > 0:
                    place = depths[plane, row, column] / TABLE_MM
                    below = min(int(place), table.shape[1] - 2)
                    part = np.float32(place - below)
                    for level in range(len(table)):
                        low, high = table[level, below], table[level, below + 1]
                        found[level, plane, row + 1, column + 1] = here * (low + (high - low) * part)
    return found


def _placed(dose: Reals, first: NDArray[np.int64], shape: tuple[int, int, int]) -> Reals:
    """The part of the transport's dose that lies on the dose grid, and nothing elsewhere."""
    placed = np.zeros(shape, np.float32)
    from_there = [
        slice(max(0, -at), max(0, min(count, whole - at)))
        for at, count, whole in zip(first[::-1], dose.shape, shape, strict=True)
    ]
    to_here = [slice(part.start + at, part.stop + at) for part, at in zip(from_there, first[::-1], strict=True)]
    if all(part.stop > part.start for part in from_there):
        placed[tuple(to_here)] = dose[tuple(from_there)]
    return placed
