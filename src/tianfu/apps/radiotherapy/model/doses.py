"""Doses on other grids, and their sums, differences and multiples.

A grid's voxels stand for boxes about their centres, doses between centres are trilinear.  Resampling takes the value
at a centre: of a dose that is linear over a voxel of the new grid it is the mean in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.model.quadrature import Doses
from tianfu.apps.radiotherapy.model.sampling import dose_at
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

SAME_GRID_WITHIN_MM = 0.01
"""Grids nearer than this are added voxel by voxel. [ours]"""


class Outside(StrEnum):
    """What is done where a dose is not known; a zero is never made up."""

    REFUSE = "refuse"
    NAN = "nan"


@dataclass(frozen=True, kw_only=True)
class FramedDose:
    """A dose in Gy and the frame of reference (its UID) whose patient coordinates its grid is in."""

    frame: str
    volume: Volume[np.float64]


def resampled(dose: Volume[np.float64] | Volume[np.float32], grid: Grid, *, outside: Outside) -> Volume[np.float64]:
    """The dose at a grid's voxel centres, in whichever direction it lies; what it has in 32 bits is not copied first.

    Centres beyond the dose's outermost ones are NaN, or Refusal `grid-outside-dose` tells how many they are.
    Raises Refusal `dose-of-one-plane` if there is nothing to go between.
    """
    if dose.grid.is_same(grid, within_mm=SAME_GRID_WITHIN_MM):
        return Volume(grid=grid, values=dose.values.astype(np.float64))
    if min(dose.grid.shape) < 2:
        raise Refusal("dose-of-one-plane")
    start = dose.grid.indices(grid.points(np.zeros(3)))
    steps = dose.grid.indices(grid.points(np.eye(3))) - start
    values = _sampled(np.ascontiguousarray(dose.values), start, np.ascontiguousarray(steps), grid.shape)
    missing = int(np.isnan(values).sum())
    if missing and outside is Outside.REFUSE:
        raise Refusal("grid-outside-dose", details={"voxels": str(missing), "of": str(values.size)})
    return Volume(grid=grid, values=values)


@compiled_as_numpy
def _sampled(dose: Doses, start: Floats, steps: Floats, shape: tuple[int, int, int]) -> Floats:
    values = np.empty(shape)
    for k in range(shape[0]):
        for j in range(shape[1]):
            x0, y0, z0 = start + j * steps[1] + k * steps[2]
            for i in range(shape[2]):
                values[k, j, i] = dose_at(dose, x0 + i * steps[0, 0], y0 + i * steps[0, 1], z0 + i * steps[0, 2])
    return values


def sum_of(doses: Sequence[FramedDose], grid: Grid, *, outside: Outside) -> FramedDose:
    """The sum of doses on a grid; where one is not known, neither is the sum.

    Raises Refusal `nothing-to-sum`, `doses-in-different-frames`, and what `resampled` raises.
    """
    if not doses:
        raise Refusal("nothing-to-sum")
    _refuse_other_frames(doses)
    total = np.zeros(grid.shape)
    for dose in doses:
        total += resampled(dose.volume, grid, outside=outside).values
    return FramedDose(frame=doses[0].frame, volume=Volume(grid=grid, values=total))


def difference(first: FramedDose, second: FramedDose, *, outside: Outside) -> FramedDose:
    """The second dose less the first, on the grid of the first."""
    _refuse_other_frames((first, second))
    grid = first.volume.grid
    values = resampled(second.volume, grid, outside=outside).values - first.volume.values
    return FramedDose(frame=first.frame, volume=Volume(grid=grid, values=values))


def for_fractions(dose: FramedDose, *, given: int, planned: int) -> FramedDose:
    """The part of a plan's dose that some of its fractions give.  Raises Refusal `fractions-not-positive`."""
    if planned < 1 or given < 0:
        raise Refusal("fractions-not-positive", details={"given": str(given), "planned": str(planned)})
    values = dose.volume.values * (given / planned)
    return FramedDose(frame=dose.frame, volume=Volume(grid=dose.volume.grid, values=values))


def integral_gy_cc(dose: Volume[np.float64]) -> float:
    """The dose summed over all voxels, each with its volume."""
    return float(dose.values.sum() * dose.grid.voxel_mm3 / 1000)


def _refuse_other_frames(doses: Sequence[FramedDose]) -> None:
    if len({dose.frame for dose in doses}) > 1:
        raise Refusal("doses-in-different-frames")
