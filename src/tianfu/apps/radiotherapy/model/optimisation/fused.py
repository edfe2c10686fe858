"""All objectives and their slope for each beamlet in one pass over the rows of an influence.

A row's doses are read once: their sum gives the voxel's dose, the dose its slope, and the slope times the same doses,
still in the nearest memory, goes to the beamlets.  Objectives of a whole distribution need all doses of their voxels
first: their rows alone are read twice.

Places within runs are numbers without a sign: those with one could count from the end, and asking for it at each of
them would keep a processor from taking several at once.

Rows are dealt to a fixed number of workers, each with sums of its own: the same numbers on any count of threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_in_parallel_regrouped
from tianfu.apps.radiotherapy.model.optimisation.objectives import (
    MinimumDose,
    Objective,
    is_separable,
    penalty,
    refuse_missing,
)
from tianfu.apps.radiotherapy.model.optimisation.regions import Region, Rows
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.standards.dicom.grids import Floats

WORKERS = 8
"""A multiple of the threads of small computers. [ours]"""

BLOCK_ROWS = 256
"""Rows are dealt in blocks of so many: neighbours cost alike, and sums of single precision stay short. [ours]"""

Singles = NDArray[np.float32]


class Runs(NamedTuple):
    """The arrays of an influence, as a kernel takes them."""

    voxel_runs: NDArray[np.int64]
    run_beamlets: NDArray[np.uint16]
    run_values: NDArray[np.int32]
    values: NDArray[np.uint16]
    scale: Singles


class Terms(NamedTuple):
    """Separable penalties: those of the active row i are `starts[i]` to `starts[i + 1]` of `which`.

    Of penalty number p, `sides[p]` is 1 above a dose and -1 below it, `doses[p]` the dose, `shares[p]` the weight of
    one voxel.  `slopes[i]` is what other objectives add to the slope of the active row i.
    """

    starts: NDArray[np.int64]
    which: NDArray[np.int16]
    sides: Singles
    doses: Singles
    shares: Singles
    slopes: Singles


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Objectives on an influence: weights of beamlets are monitor units of one fraction, doses those of all."""

    influence: Influence
    objectives: tuple[Objective, ...]
    regions: Mapping[str, Region]
    fractions: int

    def __post_init__(self) -> None:
        """Refuse what `refuse_missing` refuses."""
        refuse_missing(self.objectives, self.regions)

    @cached_property
    def rows(self) -> Rows:
        """The active rows of the influence: those of any objective, ascending."""
        names = {objective.structure for objective in self.objectives}
        return np.unique(np.concatenate([self.regions[name].rows for name in names]))

    @cached_property
    def runs(self) -> Runs:
        """The influence for a kernel."""
        read = self.influence
        return Runs(read.voxel_runs, read.run_beamlets, read.run_values, read.values, read.scale)

    @cached_property
    def places(self) -> Mapping[str, Rows]:
        """Where the rows of each region are in `rows`, of those that an objective has."""
        names = {objective.structure for objective in self.objectives}
        return {name: np.searchsorted(self.rows, self.regions[name].rows) for name in names}

    @cached_property
    def separable(self) -> tuple[Objective, ...]:
        """Objectives that go through one pass."""
        return tuple(each for each in self.objectives if is_separable(each))

    @cached_property
    def spread(self) -> tuple[Objective, ...]:
        """Objectives that need a distribution first."""
        return tuple(each for each in self.objectives if not is_separable(each))

    @cached_property
    def spread_places(self) -> Rows:
        """The places in `rows` that are read twice."""
        places = [self.places[each.structure] for each in self.spread]
        return np.unique(np.concatenate(places)) if places else np.empty(0, dtype=np.int64)

    @cached_property
    def terms(self) -> Terms:
        """Separable penalties by active row, with no other slopes."""
        places = [self.places[each.structure] for each in self.separable]
        at = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
        which = np.repeat(np.arange(len(places)), [len(each) for each in places])
        order = np.argsort(at, kind="stable")
        counts = np.bincount(at, minlength=len(self.rows))
        return Terms(
            starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            which=which[order].astype(np.int16),
            sides=np.array([-1.0 if isinstance(each, MinimumDose) else 1.0 for each in self.separable], np.float32),
            doses=np.array([each.dose_gy for each in self.separable], np.float32),
            shares=np.array(
                [each.weight / len(place) for each, place in zip(self.separable, places, strict=True)], np.float32
            ),
            slopes=np.zeros(len(self.rows), np.float32),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """The sum of all objectives, its slope for each beamlet (B), and the doses in gray of the problem's active rows."""

    value: float
    gradient: Floats
    doses: Singles


def judged(problem: Problem, weights: Floats) -> Judged:
    """What weights are worth."""
    course = (weights * problem.fractions).astype(np.float32)
    other, slopes = _of_distributions(problem, course)
    doses = np.empty(len(problem.rows), np.float32)
    gradients = np.zeros((WORKERS, len(weights)))
    values = np.zeros(WORKERS)
    _fuse(problem.runs, problem.rows, course, problem.terms._replace(slopes=slopes), doses, gradients, values)
    gradient = gradients.sum(axis=0) * problem.fractions
    return Judged(value=other + float(values.sum()), gradient=gradient, doses=doses)


def doses_of(problem: Problem, weights: Floats) -> Singles:
    """The doses in gray of the problem's active rows."""
    return _doses(problem, problem.rows, (weights * problem.fractions).astype(np.float32))


def _of_distributions(problem: Problem, course: Singles) -> tuple[float, Singles]:
    """The value of objectives that need a distribution, and their slope for each active row."""
    slopes = np.zeros(len(problem.rows))
    if not problem.spread:
        return 0.0, slopes.astype(np.float32)
    doses = np.zeros(len(problem.rows))
    doses[problem.spread_places] = _doses(problem, problem.rows[problem.spread_places], course)
    total = 0.0
    for objective in problem.spread:
        places = problem.places[objective.structure]
        value, slope = penalty(objective, doses[places])
        total += value
        slopes[places] += slope
    return total, slopes.astype(np.float32)


def _doses(problem: Problem, rows: Rows, course: Singles) -> Singles:
    doses = np.empty(len(rows), np.float32)
    _sum(problem.runs, rows, course, doses)
    return doses


@compiled_in_parallel_regrouped
def _sum(runs: Runs, rows: Rows, weights: Singles, doses: Singles) -> None:
    """Write the dose of each of the rows."""
    for worker in prange(WORKERS):
        for block in range(worker * BLOCK_ROWS, len(rows), WORKERS * BLOCK_ROWS):
            for i in range(block, min(block + BLOCK_ROWS, len(rows))):
                row = rows[i]
                dose = np.float32(0.0)
                for run in range(runs.voxel_runs[row], runs.voxel_runs[row + 1]):
                    first, end = np.uint64(runs.run_values[run]), np.uint64(runs.run_values[run + 1])
                    beamlet = np.uint64(runs.run_beamlets[run])
                    for k in range(end - first):
                        dose += np.float32(runs.values[first + k]) * weights[beamlet + k]
                doses[i] = dose * runs.scale[row]


@compiled_in_parallel_regrouped
def _fuse(
    runs: Runs,
    rows: Rows,
    weights: Singles,
    terms: Terms,
    doses: Singles,
    gradients: Floats,
    values: Floats,
) -> None:
    """Write the dose of each of the rows; add each worker's slopes and penalties to its own."""
    for worker in prange(WORKERS):
        total = 0.0
        sums = np.zeros(len(weights), np.float32)
        for block in range(worker * BLOCK_ROWS, len(rows), WORKERS * BLOCK_ROWS):
            sums[:] = 0
            for i in range(block, min(block + BLOCK_ROWS, len(rows))):
                row = rows[i]
                dose = np.float32(0.0)
                for run in range(runs.voxel_runs[row], runs.voxel_runs[row + 1]):
                    first, end = np.uint64(runs.run_values[run]), np.uint64(runs.run_values[run + 1])
                    beamlet = np.uint64(runs.run_beamlets[run])
                    for k in range(end - first):
                        dose += np.float32(runs.values[first + k]) * weights[beamlet + k]
                dose *= runs.scale[row]
                doses[i] = dose
                slope = terms.slopes[i]
                for term in range(terms.starts[i], terms.starts[i + 1]):
                    p = terms.which[term]
                    beyond = (dose - terms.doses[p]) * terms.sides[p]
                    if beyond > 0:
                        total += terms.shares[p] * beyond * beyond
                        slope += np.float32(2.0) * terms.shares[p] * beyond * terms.sides[p]
                if slope == 0:
                    continue
                slope *= runs.scale[row]
                for run in range(runs.voxel_runs[row], runs.voxel_runs[row + 1]):
                    first, end = np.uint64(runs.run_values[run]), np.uint64(runs.run_values[run + 1])
                    beamlet = np.uint64(runs.run_beamlets[run])
                    for k in range(end - first):
                        sums[beamlet + k] += slope * np.float32(runs.values[first + k])
            for number in range(len(weights)):
                gradients[worker, number] += sums[number]
        values[worker] = total
