"""The weights of beamlets that serve objectives best: L-BFGS-B with no weight below zero (Byrd, Lu, Nocedal and Zhu,
SIAM J Sci Comput 16(5) 1995, 1190 [memory]), whoever watches told of each iteration and free to end it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import OptimizeResult, minimize

from tianfu.apps.radiotherapy.model.optimisation.fused import Judged, Problem, Singles, doses_of, judged
from tianfu.apps.radiotherapy.model.optimisation.regions import Rows
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

WINDOW = 5
"""The change of an objective is looked at over so many iterations: single ones may rest before a valley. [ours]"""

MEMORY = 40
"""Pairs of steps and slopes from which the curvature is known. [ours]"""

TRIES_A_STEP = 50
"""Objectives of very unlike weights have narrow valleys: a first step must be shortened often. [ours]"""

NEIGHBOURS_WITHIN = 1e-3
"""How far beamlets may be from one size apart, as a part of it, to be neighbours. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """When to stop: after so many iterations, or when `WINDOW` of them lower the objective by less than a part of it.

    `smoothing` is the weight of the mean squared difference of neighbours along the leaves' travel, in gray squared
    for a monitor unit squared; 0 for none.
    """

    iterations_most: int
    change_least: float
    smoothing: float

    def __post_init__(self) -> None:
        """Refuse what is no rule: `stop-rule-not-sound`."""
        if self.iterations_most < 1 or not 0 < self.change_least < 1 or not 0 <= self.smoothing < np.inf:
            raise Refusal("stop-rule-not-sound")


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """What an iteration reached; `doses` are those of the influence's `rows`, in gray."""

    iteration: int
    objective: float
    rows: Rows
    doses: Singles


Heard = Callable[[Step], bool]
"""Told of each step; False ends the optimisation with Refusal `optimisation-cancelled`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Optimised:
    """Monitor units of a fraction for each beamlet; `objectives` are those of the start and of each iteration.

    `is_converged` says whether it stopped since nothing more was gained, and not for the number of iterations.
    """

    weights: Floats
    objectives: tuple[float, ...]
    is_converged: bool

    @property
    def objective(self) -> float:
        """The last value."""
        return self.objectives[-1]


def optimise(problem: Problem, *, start: Floats, settings: Settings, heard: Heard) -> Optimised:
    """Lower the problem's objectives from a start, which may be where an earlier run ended.

    Raises Refusal `start-not-sound` for weights below zero, all zero or of another count, and
    `optimisation-cancelled` if whoever hears wishes it.
    """
    if start.shape != (problem.influence.beamlets.count,) or not np.all(start >= 0) or not 0 < start.max() < np.inf:
        raise Refusal("start-not-sound")
    left, right = neighbours(problem.influence.beamlets)

    def judge(weights: Floats) -> Judged:
        plain = judged(problem, weights)
        value, slope = _roughness(weights, left, right, settings.smoothing)
        return Judged(value=plain.value + value, gradient=plain.gradient + slope, doses=plain.doses)

    descent = Descent(judge=judge, rows=problem.rows, settings=settings, heard=heard)
    return descent.from_start(start, low=np.zeros_like(start), high=np.full_like(start, np.inf))


def even_start(problem: Problem, *, structure: str, dose_gy: float) -> Floats:
    """The same weight for all beamlets, such that a structure's mean dose is right.

    Raises Refusal `objective-structure-missing` if no objective has it, `structure-not-reached` if no beamlet gives it
    any.
    """
    if structure not in problem.places:
        raise Refusal("objective-structure-missing", details={"structure": structure})
    doses = doses_of(problem, np.ones(problem.influence.beamlets.count))
    mean = float(doses[problem.places[structure]].mean())
    if not mean > 0:
        raise Refusal("structure-not-reached", details={"structure": structure})
    return np.full(problem.influence.beamlets.count, dose_gy / mean)


def neighbours(beamlets: Beamlets) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of beamlets that lie beside each other along the leaves' travel."""
    step = np.diff(beamlets.at_mm, axis=0) / beamlets.size_mm
    is_pair = (np.diff(beamlets.field) == 0) & (np.abs(step - [1, 0]).max(axis=1, initial=0) < NEIGHBOURS_WITHIN)
    left = np.flatnonzero(is_pair)
    return left, left + 1


@dataclass(kw_only=True, eq=False)
class Descent:
    """One run of L-BFGS-B on any numbers that `judge` judges.

    Numbers and values are handed on near one, which its first step and its stop rules take for granted.
    """

    judge: Callable[[Floats], Judged]
    rows: Rows
    settings: Settings
    heard: Heard
    values: list[float] = field(default_factory=list)
    latest: Judged | None = None

    def from_start(self, start: Floats, *, low: Floats, high: Floats) -> Optimised:
        """Go down between bounds; the result is never worse than the start."""
        unit = float(np.abs(start).mean()) or 1.0
        return self.in_units(start, np.full_like(start, unit), low=low, high=high)

    def in_units(self, start: Floats, units: Floats, *, low: Floats, high: Floats) -> Optimised:
        """The same, each number in a unit of its own."""
        first = self.judge(start)
        self.values = [first.value]
        scale = first.value or 1.0

        def judge(numbers: Floats) -> tuple[float, Floats]:
            self.latest = self.judge(numbers * units)
            return self.latest.value / scale, self.latest.gradient * units / scale

        numbers, is_at_rest = start / units, False
        while not is_at_rest and len(self.values) <= self.settings.iterations_most:
            before = len(self.values)
            found = minimize(
                judge,
                numbers,
                jac=True,
                method="L-BFGS-B",
                bounds=np.stack([low / units, high / units], axis=1),
                callback=lambda intermediate_result: self._hear(intermediate_result, scale),
                options={
                    "maxiter": self.settings.iterations_most + 1 - before,
                    "maxcor": MEMORY,
                    "maxls": TRIES_A_STEP,
                    "ftol": 0.0,
                    "gtol": 0.0,
                },
            )
            numbers = found.x
            is_at_rest = found.status == 0 or self._has_come_to_rest()
            # A step that failed for a curvature gone stale succeeds without; one that fails at once never will.
            if len(self.values) == before:
                break
        return Optimised(
            weights=np.clip(numbers * units, low, high), objectives=tuple(self.values), is_converged=is_at_rest
        )

    def _hear(self, found: OptimizeResult, scale: float) -> None:
        self.values.append(float(found.fun) * scale)
        latest = self.latest
        if latest is None:
            return
        step = Step(
            iteration=len(self.values) - 1, objective=self.values[-1], rows=self.rows, doses=latest.doses.copy()
        )
        if not self.heard(step):
            raise Refusal("optimisation-cancelled")
        if self._has_come_to_rest():
            raise StopIteration

    def _has_come_to_rest(self) -> bool:
        if len(self.values) <= WINDOW:
            return False
        before, now = self.values[-1 - WINDOW], self.values[-1]
        return before - now <= self.settings.change_least * before


def _roughness(
    weights: Floats, left: NDArray[np.int64], right: NDArray[np.int64], smoothing: float
) -> tuple[float, Floats]:
    slope = np.zeros_like(weights)
    if smoothing == 0 or not len(left):
        return 0.0, slope
    steps = weights[right] - weights[left]
    share = smoothing / len(left)
    slope[right] += 2 * share * steps
    slope[left] -= 2 * share * steps
    return float(share * np.dot(steps, steps)), slope
