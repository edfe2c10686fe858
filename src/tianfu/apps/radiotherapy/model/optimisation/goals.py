"""A protocol's goals in the order of their priority: each level is served as far as those before it allow.

From then on a goal that was met is held at its limit, one that was not at what it reached, either worse by an explicit
slack at most: lexicographic optimisation as in Jee, McShan and Fraass (Phys Med Biol 52(7) 2007, 1845) and Breedveld et
al. (Phys Med Biol 54(23) 2009, 7199) [memory].  It is held by a heavy penalty and not by a wall; `Line.is_held` tells
whether that was enough.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from tianfu.apps.radiotherapy.model.constraints import Constraint, Quantity, Unit
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.optimisation.fluence import Settings, Step, optimise
from tianfu.apps.radiotherapy.model.optimisation.fused import Problem, Singles, doses_of
from tianfu.apps.radiotherapy.model.optimisation.objectives import (
    AtLeastVolume,
    AtMostVolume,
    EquivalentAtLeast,
    EquivalentAtMost,
    MaximumDose,
    MinimumDose,
    Objective,
)
from tianfu.apps.radiotherapy.model.optimisation.regions import Region
from tianfu.apps.radiotherapy.model.protocols import Goal
from tianfu.apps.radiotherapy.model.scorecards import value_of
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

BINS = 2000
"""Of a histogram of voxels, enough for a hundredth of a gray at 20 Gy apart. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Holding:
    """How strictly levels go before each other.

    Goals of the level at hand weigh `weight`, those before it `held_weight`.  A goal before may become worse by
    `slack_gy`, or `slack_percent` of its volume.  Each goal aims `aim_gy` beyond its dose: a penalty ends just short.
    """

    weight: float
    held_weight: float
    slack_gy: float
    slack_percent: float
    aim_gy: float

    def __post_init__(self) -> None:
        """Refuse what holds nothing: `holding-not-sound`."""
        if not (0 < self.weight < self.held_weight < np.inf) or min(self.slack_gy, self.slack_percent, self.aim_gy) < 0:
            raise Refusal("holding-not-sound")


@dataclass(frozen=True, kw_only=True, eq=False)
class Wanted:
    """Goals on an influence; `always` are objectives that every level has, such as of the body or a ring."""

    influence: Influence
    goals: tuple[Goal, ...]
    always: tuple[Objective, ...]
    regions: Mapping[str, Region]
    prescription_gy: float | None
    fractions: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """What became of a goal: `held` is the constraint after its own level, `reached` the end, in the goal's unit."""

    goal: Goal
    held: Constraint
    reached: float

    @property
    def is_held(self) -> bool:
        """Whether the levels after it left it as it was held."""
        return self.held.comparison.holds(self.reached, self.held.limit)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ordered:
    """The weights after the last level, and every goal by priority.

    `is_converged` says whether every level stopped since nothing more was gained, and not for the number of iterations.
    """

    weights: Floats
    lines: tuple[Line, ...]
    is_converged: bool


@dataclass(frozen=True, kw_only=True)
class Level:
    """The goals of one priority: the level `number` of `count`, from 1."""

    number: int
    count: int
    priority: int


HeardInOrder = Callable[[Level, Step], bool]
"""Told of each step of each level; False ends the optimisation with Refusal `optimisation-cancelled`."""


def in_order(wanted: Wanted, *, start: Floats, holding: Holding, settings: Settings, heard: HeardInOrder) -> Ordered:
    """Serve the goals level by level, each from where the one before it ended.

    Raises what `objective_of` and `optimise` raise, `no-goals` if there are none.
    """
    weights, is_converged = start, True
    held: list[tuple[Goal, Constraint]] = []
    for level in levels_of(wanted.goals):
        goals = _of_level(wanted, level)
        problem = _problem(wanted, goals, held, holding)
        found = optimise(problem, start=weights, settings=settings, heard=partial(heard, level))
        weights, is_converged = found.weights, is_converged and found.is_converged
        doses = doses_of(problem, weights)
        held += [(goal, _held(wanted, goal, _reached(wanted, problem, goal, doses), holding)) for goal in goals]
    lines = [
        Line(goal=goal, held=constraint, reached=_reached(wanted, problem, goal, doses)) for goal, constraint in held
    ]
    return Ordered(weights=weights, lines=tuple(lines), is_converged=is_converged)


def levels_of(goals: tuple[Goal, ...]) -> tuple[Level, ...]:
    """The levels in the order in which they are served; raises Refusal `no-goals` if there is none."""
    if not goals:
        raise Refusal("no-goals")
    priorities = sorted({goal.priority for goal in goals})
    return tuple(
        Level(number=number, count=len(priorities), priority=priority)
        for number, priority in enumerate(priorities, start=1)
    )


def last_problem(wanted: Wanted, lines: tuple[Line, ...], holding: Holding) -> Problem:
    """What the last level asked: its own goals, and those before it as they are held.

    Raises what `objective_of` raises.
    """
    last = levels_of(wanted.goals)[-1]
    held = [(line.goal, line.held) for line in lines if line.goal.priority != last.priority]
    return _problem(wanted, _of_level(wanted, last), held, holding)


def asks_for_dose(constraint: Constraint) -> bool:
    """Whether more dose serves it: less of a volume below a dose, too, is more dose."""
    return constraint.comparison.wants_more != (constraint.quantity is Quantity.VOLUME_BELOW_DOSE)


def objective_of(
    goal: Goal, constraint: Constraint, region: Region, *, weight: float, prescription_gy: float | None
) -> Objective:
    """The penalty that leads to a constraint on the goal's structure.

    Raises Refusal `goal-not-for-planning` for what no plan strives for, as a maximum of at least so much;
    `prescription-missing`; `volume-beyond-structure`.
    """
    is_volume = constraint.quantity in {Quantity.VOLUME_AT_DOSE, Quantity.VOLUME_BELOW_DOSE}
    number, unit = (constraint.at or 0.0, constraint.at_unit) if is_volume else (constraint.limit, constraint.unit)
    dose_gy = number if unit is Unit.GY else number / 100 * _prescribed(constraint, prescription_gy)
    wants_more = constraint.comparison.wants_more
    if not is_volume and constraint.quantity is not Quantity.DOSE_AT_VOLUME:
        return _of_one_dose(goal, constraint, weight, dose_gy)
    volume, of = (constraint.limit, constraint.unit) if is_volume else (constraint.at or 0.0, constraint.at_unit)
    percent = volume if of is Unit.PERCENT else 100 * volume / region.volume_cc
    if percent > 100:
        raise Refusal("volume-beyond-structure", details={"volume": f"{volume:g} {of}"})
    if constraint.quantity is Quantity.VOLUME_BELOW_DOSE:
        percent, wants_more = 100 - percent, not wants_more
    kind = AtLeastVolume if wants_more else AtMostVolume
    return kind(structure=goal.structure, weight=weight, dose_gy=dose_gy, volume_percent=percent)


def histogram_of(doses: Floats, region: Region) -> Dvh:
    """The histogram of voxels, each with its part of the region's volume."""
    low, high = float(doses.min()), float(doses.max())
    # Doses of single precision that are nearly one are one: their bins would have no width.
    if high - low < 1e-5 * max(high, 1e-3):
        return Dvh(
            edges_gy=np.array([low, high]),
            volumes_cc=np.array([region.volume_cc]),
            mean_gy=float(doses.mean()),
            outside_cc=0.0,
        )
    counts, edges = np.histogram(doses, bins=BINS, range=(low, high))
    volumes = counts * (region.volume_cc / len(doses))
    return Dvh(edges_gy=edges, volumes_cc=volumes, mean_gy=float(doses.mean()), outside_cc=0.0)


def _of_level(wanted: Wanted, level: Level) -> list[Goal]:
    return [goal for goal in wanted.goals if goal.priority == level.priority]


def _problem(wanted: Wanted, level: list[Goal], held: list[tuple[Goal, Constraint]], holding: Holding) -> Problem:
    asked = [(goal, goal.constraint, holding.weight) for goal in level]
    asked += [(goal, constraint, holding.held_weight) for goal, constraint in held]
    objectives = [
        _aimed(
            objective_of(
                goal, constraint, _region(wanted, goal), weight=weight, prescription_gy=wanted.prescription_gy
            ),
            holding.aim_gy if asks_for_dose(constraint) else -holding.aim_gy,
        )
        for goal, constraint, weight in asked
    ]
    return Problem(
        influence=wanted.influence,
        objectives=(*objectives, *wanted.always),
        regions=wanted.regions,
        fractions=wanted.fractions,
    )


def _aimed(objective: Objective, more_gy: float) -> Objective:
    """The objective at so much more dose, never below none."""
    return replace(objective, dose_gy=max(objective.dose_gy + more_gy, 0.0))


def _of_one_dose(goal: Goal, constraint: Constraint, weight: float, dose_gy: float) -> Objective:
    match constraint.quantity, constraint.comparison.wants_more:
        case Quantity.MAX, False:
            return MaximumDose(structure=goal.structure, weight=weight, dose_gy=dose_gy)
        case Quantity.MIN, True:
            return MinimumDose(structure=goal.structure, weight=weight, dose_gy=dose_gy)
        case Quantity.MEAN, False:
            return EquivalentAtMost(structure=goal.structure, weight=weight, dose_gy=dose_gy, exponent=1.0)
        case Quantity.MEAN, True:
            return EquivalentAtLeast(structure=goal.structure, weight=weight, dose_gy=dose_gy, exponent=1.0)
        case _:
            raise Refusal("goal-not-for-planning", details={"constraint": str(constraint)})


def _region(wanted: Wanted, goal: Goal) -> Region:
    if goal.structure not in wanted.regions:
        raise Refusal("objective-structure-missing", details={"structure": goal.structure})
    return wanted.regions[goal.structure]


def _reached(wanted: Wanted, problem: Problem, goal: Goal, doses: Singles) -> float:
    region = _region(wanted, goal)
    own = doses[np.searchsorted(problem.rows, region.rows)].astype(np.float64)
    return value_of(goal.constraint, histogram_of(own, region), prescription_gy=wanted.prescription_gy)


def _held(wanted: Wanted, goal: Goal, reached: float, holding: Holding) -> Constraint:
    """The goal's constraint where it was met, else what was reached; either with its slack."""
    constraint = goal.constraint
    slack = _slack(wanted, goal, holding)
    if constraint.comparison.wants_more:
        return replace(constraint, limit=max(min(constraint.limit, reached) - slack, 0.0))
    limit = max(constraint.limit, reached) + slack
    is_share = constraint.quantity in {Quantity.VOLUME_AT_DOSE, Quantity.VOLUME_BELOW_DOSE}
    return replace(constraint, limit=min(limit, _whole(constraint.unit, _region(wanted, goal))) if is_share else limit)


def _whole(unit: Unit, region: Region) -> float:
    return 100.0 if unit is Unit.PERCENT else region.volume_cc


def _slack(wanted: Wanted, goal: Goal, holding: Holding) -> float:
    """The slack in the unit of the goal's limit."""
    constraint = goal.constraint
    if constraint.quantity in {Quantity.VOLUME_AT_DOSE, Quantity.VOLUME_BELOW_DOSE}:
        return holding.slack_percent / 100 * _whole(constraint.unit, _region(wanted, goal))
    if constraint.unit is Unit.GY:
        return holding.slack_gy
    return 100 * holding.slack_gy / _prescribed(constraint, wanted.prescription_gy)


def _prescribed(constraint: Constraint, prescription_gy: float | None) -> float:
    if prescription_gy is None or not prescription_gy > 0:
        raise Refusal("prescription-missing", details={"constraint": str(constraint)})
    return prescription_gy
