"""Segments bettered against the objectives that the fluence was found for: their units, and where their leaves stand.

Direct aperture optimisation (Med Phys 29(6) 2002, 1007), by slopes and not by lots: a leaf's is that of
the beamlets at its tip times the part of them that it uncovers for a millimetre (as in Cassioli and Unkelbach, Phys Med
Biol 58(2) 2013, 301) [both: memory].  Leaves move within boxes in which every place can be given together with every
place of all others, so that no step leaves what the machine can do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Limits
from tianfu.apps.radiotherapy.model.optimisation.apertures import (
    Delivery,
    FieldSegments,
    Segment,
    refuse_too_many_units,
)
from tianfu.apps.radiotherapy.model.optimisation.covering import Covering, covering_of
from tianfu.apps.radiotherapy.model.optimisation.fluence import Descent, Heard, Settings
from tianfu.apps.radiotherapy.model.optimisation.fused import Judged, Problem, judged
from tianfu.apps.radiotherapy.model.optimisation.leaf_boxes import boxes_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

SOFT_MM = 1.0
"""Where leaves move, a tip's edge is a ramp of twice this: a leaf on the border of two beamlets feels both. [ours]"""

HARD_MM = 1e-6

LEAF_UNIT_BEAMLETS = 4.0
"""The size of a leaf's move beside that of a segment's units, in beamlets: a leaf uncovers far fewer. [ours]"""

HARDLY = 0.5
"""A segment with less than this part of the least units is left out, with more it gets them. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Moves:
    """How leaves may move: so many `rounds`, in each no farther than `farthest_mm`."""

    rounds: int
    farthest_mm: float

    def __post_init__(self) -> None:
        """Refuse what is no move: `leaf-moves-not-sound`."""
        if self.rounds < 0 or not 0 < self.farthest_mm < np.inf:
            raise Refusal("leaf-moves-not-sound")


@dataclass(frozen=True, kw_only=True, eq=False)
class Refinement:
    """What segments are bettered for, on which machine, by which moves, until when, and who is told of each step."""

    problem: Problem
    delivery: Delivery
    moves: Moves
    settings: Settings
    heard: Heard


@dataclass(frozen=True, kw_only=True, eq=False)
class Refined:
    """Segments and what they are worth, after each stage: as they were, their units, then each round of moves."""

    parts: tuple[FieldSegments, ...]
    objectives: tuple[float, ...]


def refined(task: Refinement, parts: tuple[FieldSegments, ...]) -> Refined:
    """Better the units, leave out segments that hardly get any, then move leaves as long as that is better.

    Raises Refusal `no-segments` if there are none to better, `beam-of-too-many-units` if a field would get more than
    the machine gives, `optimisation-cancelled` if whoever hears wishes it.
    """
    if not any(part.segments for part in parts):
        raise Refusal("no-segments")
    limits = task.delivery.limits
    worth = [_worth(task, parts)]
    free = _reweighted(task, parts, least_mu=0.0)
    parts = _reweighted(task, _without_idle(free, limits), least_mu=limits.segment_mu_least)
    worth.append(_worth(task, parts))
    for _ in range(task.moves.rounds):
        moved = _moved(task, parts)
        value = _worth(task, moved)
        if value >= worth[-1]:
            break
        parts = moved
        worth.append(value)
    for part in parts:
        refuse_too_many_units(part, limits)
    return Refined(parts=parts, objectives=tuple(worth))


def _covering(task: Refinement, parts: tuple[FieldSegments, ...]) -> Covering:
    return covering_of(parts, task.problem.influence.beamlets, task.delivery.leaves)


def _worth(task: Refinement, parts: tuple[FieldSegments, ...]) -> float:
    covering = _covering(task, parts)
    return judged(task.problem, covering.weights(covering.numbers, soft_mm=HARD_MM)).value


def _reweighted(task: Refinement, parts: tuple[FieldSegments, ...], *, least_mu: float) -> tuple[FieldSegments, ...]:
    """The same segments with better units, none below the least."""
    covering = _covering(task, parts)
    low, high = covering.numbers.copy(), covering.numbers.copy()
    segments = len(covering.field)
    low[:segments], high[:segments] = least_mu, task.delivery.limits.beam_mu_most
    numbers = _descended(task, covering, low, high, soft_mm=HARD_MM)
    return _with_numbers(parts, covering, numbers, task.delivery, least_mu=least_mu)


def _moved(task: Refinement, parts: tuple[FieldSegments, ...]) -> tuple[FieldSegments, ...]:
    """Leaves and units together; then units alone, now that edges are edges again."""
    covering = _covering(task, parts)
    least_mu = task.delivery.limits.segment_mu_least
    boxes = [
        boxes_of(segment, part, task.delivery.leaves, farthest_mm=task.moves.farthest_mm)
        for part in parts
        for segment in part.segments
    ]
    mu_low, mu_high = np.full((2, len(boxes)), [[least_mu], [task.delivery.limits.beam_mu_most]])
    low = [mu_low, *(each.first_low for each in boxes), *(each.second_low for each in boxes)]
    high = [mu_high, *(each.first_high for each in boxes), *(each.second_high for each in boxes)]
    numbers = _descended(task, covering, np.concatenate(low), np.concatenate(high), soft_mm=SOFT_MM)
    moved = _with_numbers(parts, covering, numbers, task.delivery, least_mu=least_mu)
    return _reweighted(task, moved, least_mu=least_mu)


def _descended(task: Refinement, covering: Covering, low: Floats, high: Floats, *, soft_mm: float) -> Floats:
    def judge(numbers: Floats) -> Judged:
        plain = judged(task.problem, covering.weights(numbers, soft_mm=soft_mm))
        return replace(plain, gradient=covering.slopes(numbers, plain.gradient, soft_mm=soft_mm))

    start = np.clip(covering.numbers, low, high)
    segments = len(covering.field)
    units = np.full_like(start, LEAF_UNIT_BEAMLETS * covering.size_mm)
    units[:segments] = start[:segments].mean()
    descent = Descent(judge=judge, rows=task.problem.rows, settings=task.settings, heard=task.heard)
    return descent.in_units(start, units, low=low, high=high).weights


def _with_numbers(
    parts: tuple[FieldSegments, ...], covering: Covering, numbers: Floats, delivery: Delivery, *, least_mu: float
) -> tuple[FieldSegments, ...]:
    """The same segments with other numbers, each on the machine's steps and none below the least."""
    mu, first, second = covering.split(numbers)
    step_mu, step_mm = delivery.limits.mu_step, delivery.leaves.step_mm
    mu = np.maximum(np.rint(mu / step_mu), np.ceil(least_mu / step_mu - 1e-9)) * step_mu
    first, second = np.rint(first / step_mm) * step_mm, np.rint(second / step_mm) * step_mm
    segments = iter(range(len(mu)))
    changed = []
    for part in parts:
        own = []
        for segment in part.segments:
            number = next(segments)
            pairs = covering.pair[covering.segment == number]
            new_first, new_second = segment.first_mm.copy(), segment.second_mm.copy()
            new_first[pairs] = first[covering.segment == number]
            new_second[pairs] = second[covering.segment == number]
            own.append(Segment(first_mm=new_first, second_mm=new_second, mu=float(mu[number])))
        changed.append(replace(part, segments=tuple(own)))
    return tuple(changed)


def _without_idle(parts: tuple[FieldSegments, ...], limits: Limits) -> tuple[FieldSegments, ...]:
    """Without segments of hardly any units, and fields without segments; the strongest is kept in any case."""
    strongest = max(segment.mu for part in parts for segment in part.segments)
    least = min(HARDLY * limits.segment_mu_least, strongest)
    kept = [
        replace(part, segments=tuple(segment for segment in part.segments if segment.mu >= least)) for part in parts
    ]
    return tuple(part for part in kept if part.segments)
