"""The gamma index: how well an evaluated dose agrees with a reference, in dose and distance at once.

Low et al. 1998, doi 10.1118/1.598248; the evaluated dose is interpolated and searched as a continuum, as Ju et al.
2008, doi 10.1118/1.2836952, showed to be needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Normalisation, Search
from tianfu.apps.radiotherapy.model.gamma_search import (
    PASS_AT,
    Neighbours,
    Task,
    neighbours,
    reach_cells,
    search,
)
from tianfu.apps.radiotherapy.model.shapes import SAME_PLANE_WITHIN_MM
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

CHUNK_VOXELS = 1 << 17
"""Reference voxels judged between two calls of `on_progress`; what is held besides the map is a few times this."""

REACH_WITHIN_MM = 0.01
"""A point this far outside the evaluated voxel centres is taken as at their rim: positions are rounded. [ours]"""

PARALLEL_WITHIN = 1e-3
"""The sine up to which two grids' slices are parallel: 0.2 mm over 200 mm. [ours]"""

CELLS_MAX = 200_000
"""Cells of the evaluated grid that one point may have to look at. [ours]"""

OnProgress = Callable[[int, int], None]
"""Called with reference voxels done and their total; what it raises ends the comparison."""


class Fate(IntEnum):
    """What became of a reference point."""

    BELOW = 0
    """Its dose is below the threshold."""
    OUTSIDE = 1
    """It lies where the evaluated dose does not reach."""
    JUDGED = 2
    """It has a gamma."""


@dataclass(frozen=True, kw_only=True)
class GammaMap:
    """Gamma on the reference grid, NaN where a point was not judged; `fates` (of `Fate`) tells why.

    A gamma equal to `criteria.gamma_max` is that or more, so mean and percentiles are from below if any is `capped`.
    """

    criteria: GammaCriteria
    normalisation_gy: float
    gammas: Volume[np.float32]
    fates: NDArray[np.uint8]
    below: int
    outside: int
    judged: int
    passed: int
    capped: int
    mean: float
    median: float
    p95: float
    highest: float

    @property
    def pass_percent(self) -> float:
        """Points that pass, of those judged; look at `reached_percent` beside it."""
        return 100 * self.passed / self.judged

    @property
    def reached_percent(self) -> float:
        """Points judged, of those at or above the threshold."""
        return 100 * self.judged / (self.judged + self.outside)

    @property
    def threshold_gy(self) -> float:
        """The dose from which points are judged."""
        return self.normalisation_gy * self.criteria.threshold_percent / 100

    def histogram(self, bins_per_unit: int) -> tuple[Floats, NDArray[np.int64]]:
        """Edges from 0 to the first that is at or above the cap, and the number of judged points in each bin.

        A bin has its lower edge, the last one both; so no point that passes with 1 exactly is in a bin below 1.
        """
        edges = np.arange(np.ceil(self.criteria.gamma_max * bins_per_unit - 1e-9) + 1) / bins_per_unit
        counts = np.zeros(len(edges) - 1, np.int64)
        for gammas in self.gammas.values:
            counts += np.histogram(np.minimum(gammas[np.isfinite(gammas)], edges[-1]), edges)[0]
        return edges, counts


def gamma_index(
    reference: Volume[np.floating],
    evaluated: Volume[np.floating],
    *,
    criteria: GammaCriteria,
    on_progress: OnProgress | None = None,
) -> GammaMap:
    """Judge each reference point by the evaluated dose around it, both in gray and in one frame of reference.

    Gamma is exact for the trilinear evaluated dose to `GAMMA_WITHIN`, and so is whether a point passes.  The evaluated
    dose reaches as far as its outermost voxel centres.  A search in the plane compares each slice of the reference
    with the evaluated dose interpolated to that slice.

    Raises Refusal for doses that are none (`gamma-dose-not-finite`, `gamma-dose-negative`, `dose-empty`), for grids
    that cannot be compared (`gamma-grids-apart`, `gamma-grid-too-thin`, `gamma-planes-not-parallel`), if no point
    reaches the threshold (`gamma-nothing-to-judge`), and for a search too wide for the grid (`gamma-search-too-wide`).
    """
    _refuse_unfit(reference, role="reference")
    _refuse_unfit(evaluated, role="evaluated")
    normalisation_gy = _normalisation_gy(reference, criteria)
    stages = _stages(reference.grid, evaluated, criteria)
    gammas = np.full(reference.grid.shape, np.nan, np.float32)
    fates = np.full(reference.grid.shape, Fate.BELOW, np.uint8)
    for start, stop, task, around in stages:
        doses = np.asarray(reference.values.flat[start:stop], np.float64)
        above = np.flatnonzero(doses >= normalisation_gy * criteria.threshold_percent / 100)
        doses = doses[above]
        found = np.full(len(above), np.nan, np.float32)
        if task is not None:
            of = doses if criteria.difference is Difference.LOCAL else np.full(len(above), normalisation_gy)
            points = np.stack(np.unravel_index(above + start, reference.grid.shape)[::-1], axis=1)
            search(task, around, points, doses, of * (criteria.dose_difference_percent / 100), found)
        gammas.reshape(-1)[above + start] = found
        fates.reshape(-1)[above + start] = np.where(np.isnan(found), Fate.OUTSIDE, Fate.JUDGED)
        if on_progress is not None:
            on_progress(stop, gammas.size)
    return _map(Volume(grid=reference.grid, values=gammas), fates, criteria, normalisation_gy)


def _refuse_unfit(dose: Volume[np.floating], *, role: str) -> None:
    for plane in dose.values:
        if not np.isfinite(plane).all():
            raise Refusal("gamma-dose-not-finite", details={"role": role})
        if plane.min() < 0:
            raise Refusal("gamma-dose-negative", details={"role": role})


def _normalisation_gy(reference: Volume[np.floating], criteria: GammaCriteria) -> float:
    if not isinstance(criteria.normalisation_gy, Normalisation):
        return criteria.normalisation_gy
    highest = float(reference.values.max())
    if highest == 0:
        raise Refusal("dose-empty", details={"role": "reference"})
    return highest


Stage = tuple[int, int, Task | None, Neighbours]
"""First and after-last reference voxel, the dose to search for them (None where there is none), and its cells."""


def _stages(reference: Grid, evaluated: Volume[np.floating], criteria: GammaCriteria) -> Iterator[Stage]:
    """The work in order; refuses at once what cannot be compared."""
    in_plane = criteria.search is Search.PLANE
    if min(evaluated.grid.shape[1:] if in_plane else evaluated.grid.shape) < 2:
        raise Refusal("gamma-grid-too-thin", details={"search": criteria.search.value})
    if in_plane:
        return _stages_in_planes(reference, evaluated, criteria)
    return _stages_in_volume(reference, evaluated, criteria)


def _stages_in_volume(reference: Grid, evaluated: Volume[np.floating], criteria: GammaCriteria) -> Iterator[Stage]:
    task = _task(_plain(evaluated.values), _places(reference, evaluated.grid), evaluated.grid.spacing, criteria)
    around = _neighbours(task, criteria)
    return ((start, stop, task, around) for start, stop in _chunks(0, int(np.prod(reference.shape))))


def _stages_in_planes(reference: Grid, evaluated: Volume[np.floating], criteria: GammaCriteria) -> Iterator[Stage]:
    """Slice by slice: two copies of the evaluated plane, the points half-way between them, have no depth to search."""
    if np.abs(reference.axes[:2] @ evaluated.grid.axes[2]).max() > PARALLEL_WITHIN:
        raise Refusal("gamma-planes-not-parallel")
    places = _places(reference, evaluated.grid)
    flat = np.array([*places[:2], [0, 0, 0, 0.5]])
    depth_mm = 4 * criteria.distance_mm * criteria.gamma_max
    spacing = np.array([*evaluated.grid.spacing[:2], depth_mm])
    voxels = reference.shape[1] * reference.shape[2]
    middle = [(reference.shape[2] - 1) / 2, (reference.shape[1] - 1) / 2]
    empty = np.zeros((2, *evaluated.grid.shape[1:]))
    around = _neighbours(_task(empty, flat, spacing, criteria), criteria)

    def stages() -> Iterator[Stage]:
        for number in range(reference.shape[0]):
            plane = _plane_at(evaluated, float(places[2] @ [*middle, number, 1]))
            task = None if plane is None else _task(np.stack([plane, plane]), flat, spacing, criteria)
            for start, stop in _chunks(number * voxels, (number + 1) * voxels):
                yield start, stop, task, around

    return stages()


def _chunks(start: int, stop: int) -> Iterator[tuple[int, int]]:
    for first in range(start, stop, CHUNK_VOXELS):
        yield first, min(first + CHUNK_VOXELS, stop)


def _plane_at(evaluated: Volume[np.floating], slice_: float) -> Floats | None:
    """The dose at a fractional slice number, None if it does not reach there."""
    last = evaluated.grid.shape[0] - 1
    slack = SAME_PLANE_WITHIN_MM / evaluated.grid.spacing[2]
    if not -slack <= slice_ <= last + slack:
        return None
    slice_ = min(max(slice_, 0.0), float(last))
    below = min(int(slice_), max(last - 1, 0))
    lower, upper = evaluated.values[below], evaluated.values[min(below + 1, last)]
    part = slice_ - below
    return np.asarray(lower * (1.0 - part) + upper * part, np.float64)


def _places(reference: Grid, evaluated: Grid) -> Floats:
    """(3, 4): a reference voxel's column, row, slice and 1 as fractional indices of the evaluated grid."""
    turn = evaluated.axes @ reference.axes.T * reference.spacing / evaluated.spacing[:, None]
    return np.column_stack([turn, evaluated.indices(reference.origin)])


def _task(values: NDArray[np.floating], places: Floats, spacing: Floats, criteria: GammaCriteria) -> Task:
    return Task(
        values=values,
        cell=np.asarray(spacing / criteria.distance_mm),
        places=np.ascontiguousarray(places),
        gamma_max=float(criteria.gamma_max),
        slack=REACH_WITHIN_MM / criteria.distance_mm,
    )


def _plain(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Values as compiled code has them, copied only if they are not so."""
    return np.ascontiguousarray(values, np.float32 if values.dtype == np.float32 else np.float64)


def _neighbours(task: Task, criteria: GammaCriteria) -> Neighbours:
    counts = reach_cells(task)
    if np.prod(2.0 * counts + 1) > CELLS_MAX:
        reach = f"{criteria.distance_mm * criteria.gamma_max:g}"
        raise Refusal("gamma-search-too-wide", details={"reach_mm": reach})
    return neighbours(task, counts)


def _map(
    gammas: Volume[np.float32], fates: NDArray[np.uint8], criteria: GammaCriteria, normalisation_gy: float
) -> GammaMap:
    judged = gammas.values[fates == Fate.JUDGED]
    outside = int(np.count_nonzero(fates == Fate.OUTSIDE))
    if not len(judged):
        raise Refusal("gamma-grids-apart" if outside else "gamma-nothing-to-judge")
    return GammaMap(
        criteria=criteria,
        normalisation_gy=normalisation_gy,
        gammas=gammas,
        fates=fates,
        below=fates.size - outside - len(judged),
        outside=outside,
        judged=len(judged),
        passed=int(np.count_nonzero(judged <= np.float32(PASS_AT))),
        capped=int(np.count_nonzero(judged >= np.float32(criteria.gamma_max))),
        mean=float(judged.mean(dtype=np.float64)),
        median=float(np.median(judged)),
        p95=float(np.percentile(judged, 95)),
        highest=float(judged.max()),
    )
