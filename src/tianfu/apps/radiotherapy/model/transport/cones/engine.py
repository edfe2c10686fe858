"""Dose of one field by collapsed cones: terma on the transport's grid, carried along each cone.

A second opinion on the pencil beam's dose, not cleared for clinical use: both know the same water.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_in_parallel
from tianfu.apps.radiotherapy.model.transport.cones.box import box_around, density_on
from tianfu.apps.radiotherapy.model.transport.cones.cones import ORDERS, courses
from tianfu.apps.radiotherapy.model.transport.cones.fluence import FluenceMap
from tianfu.apps.radiotherapy.model.transport.cones.kernels import PointKernels
from tianfu.apps.radiotherapy.model.transport.cones.settings import ConeSettings
from tianfu.apps.radiotherapy.model.transport.cones.sight import Sight, sight_of
from tianfu.apps.radiotherapy.model.transport.cones.terma import depths_on, fluence_on
from tianfu.apps.radiotherapy.model.transport.cones.transport import carry
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.standards.dicom.grids import Floats, Grid, Volume

Reals = NDArray[np.float32]

TABLE_MM = 0.5
"""Step of the table of terma along depth; between its rows it is linear. [ours: 3e-5 at 0.03 per mm]"""


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """A field and the fluence that its collimator lets through."""

    field: Field
    fluence: FluenceMap


@dataclass(frozen=True, kw_only=True)
class Terma:
    """What the transport starts from: density (water is 1), fluence in air and water-equivalent depth of each voxel."""

    density: Reals
    fluence: Reals
    depths_mm: Reals


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
    fluence = fluence_on(exposure.fluence, sight, box)
    terma = Terma(
        density=density_on(density, box), fluence=fluence, depths_mm=depths_on(density, sight, box, fluence > 0)
    )
    dose = carried(terma, box, kernels, sight, settings)
    dose *= np.float32(gy_per_mu)
    return Volume(grid=grid, values=_placed(dose, first, grid.shape))


def carried(terma: Terma, grid: Grid, kernels: PointKernels, sight: Sight, settings: ConeSettings) -> Reals:
    """Dose per unit of fluence on a grid of known terma, from all cones."""
    layouts = [_laid_out(terma, order) for order in range(3)]
    doses: list[Reals | None] = [None] * 3
    depth_mm_max = float(terma.depths_mm.max(initial=0.0))
    least = float(kernels.exponents_per_mm[-1])
    for band, cones in enumerate(courses(kernels, sight, grid, settings)):
        levels, table = _band_table(kernels, band, depth_mm_max)
        if not len(levels):
            continue
        table /= len(cones)
        for order in sorted({cone.order for cone in cones}):
            density, fluence, depths = layouts[order]
            steady = _steady(fluence, depths, table)
            dose = doses[order]
            if dose is None:
                dose = doses[order] = np.zeros(tuple(count - rim for count, rim in zip(density.shape, (0, 2, 2))), np.float32)
            for cone in cones:
                if cone.order == order:
                    carry(density, steady, levels, cone.steps * np.array([1.0, 1.0, 1.0, least]), dose)
    return _summed(doses, grid.shape)


def _laid_out(terma: Terma, order: int) -> tuple[Reals, Reals, Reals]:
    """Density, fluence and depth with planes along one of the grid's axes and a rim of nothing around each."""
    return (
        _rimmed(terma.density, order),
        _rimmed(terma.fluence, order),
        _rimmed(terma.depths_mm, order),
    )


def _rimmed(values: Reals, order: int) -> Reals:
    return np.ascontiguousarray(np.pad(values.transpose(ORDERS[order]), ((0, 0), (1, 1), (1, 1))))


def _band_table(kernels: PointKernels, band: int, depth_mm_max: float) -> tuple[NDArray[np.int64], Reals]:
    """The decay constants that a band of zeniths has, as doublings of the least, and for each what its carried dose
    would become at each depth of the table: the band's whole solid angle times weight over constant.
    """
    depths = np.arange(int(depth_mm_max / TABLE_MM) + 2) * TABLE_MM
    released = np.exp(-depths[:, None] * kernels.attenuations_per_mm)
    steady = kernels.weights[band] / kernels.exponents_per_mm[:, None] * kernels.solid_angles[band]
    used = np.flatnonzero(steady.any(axis=1))[::-1]
    levels = (len(kernels.exponents_per_mm) - 1 - used).astype(np.int64)
    return levels, np.ascontiguousarray((steady[used] @ released.T).astype(np.float32))


@compiled_in_parallel
def _steady(fluence: Reals, depths: Reals, table: Reals) -> Reals:
    """The table's value (L, ...) at each voxel's depth, times its fluence."""
    planes, rows, columns = fluence.shape
    found = np.zeros((len(table), planes, rows, columns), np.float32)
    for plane in numba.prange(planes):
        for row in range(rows):
            for column in range(columns):
                here = fluence[plane, row, column]
                if here > 0:
                    place = depths[plane, row, column] / TABLE_MM
                    below = min(int(place), table.shape[1] - 2)
                    part = np.float32(place - below)
                    for level in range(len(table)):
                        low, high = table[level, below], table[level, below + 1]
                        found[level, plane, row, column] = here * (low + (high - low) * part)
    return found


def _summed(doses: list[Reals | None], shape: tuple[int, int, int]) -> Reals:
    total = np.zeros(shape, np.float32)
    for order, dose in enumerate(doses):
        if dose is not None:
            total += dose.transpose(np.argsort(ORDERS[order]))
    return total


def _placed(dose: Reals, first: NDArray[np.int64], shape: tuple[int, int, int]) -> Reals:
    """The part of the transport's dose that lies on the dose grid, and nothing elsewhere."""
    placed = np.zeros(shape, np.float32)
    from_there = [slice(max(0, -at), max(0, min(count, whole - at))) for at, count, whole in zip(first[::-1], dose.shape, shape)]
    to_here = [slice(part.start + at, part.stop + at) for part, at in zip(from_there, first[::-1])]
    if all(part.stop > part.start for part in from_there):
        placed[tuple(to_here)] = dose[tuple(from_there)]
    return placed
