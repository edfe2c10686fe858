"""Segments bettered against the objectives that the fluence was found for: their units, and where their leaves stand.

Direct aperture optimisation (Med Phys 29(6) 2002, 1007), by slopes and not by lots: a leaf's is that of
the beamlets at its tip times the part of them that it uncovers for a millimetre (as in Cassioli and Unkelbach, Phys Med
Biol 58(2) 2013, 301) [both: memory].  Leaves move within boxes in which every place can be given together with every
place of all others, so that no step leaves what the machine can do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Leaves, Limits
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment
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
class Refined:
    """Segments and what they are worth, after each stage: as they were, their units, then each round of moves."""

    parts: tuple[FieldSegments, ...]
    objectives: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Machine:
    """What limits segments."""

    leaves: Leaves
    limits: Limits


def refined(
    problem: Problem,
    parts: tuple[FieldSegments, ...],
    machine: Machine,
    *,
    moves: Moves,
    settings: Settings,
    heard: Heard,
) -> Refined:
    """Better the units, leave out segments that hardly get any, then move leaves; never to something worse.

    Raises Refusal `no-segments` if there are none to better, `optimisation-cancelled` if whoever hears wishes it.
    """
    if not any(part.segments for part in parts):
        raise Refusal("no-segments")
    worth = [_worth(problem, parts, machine)]
    free = _reweighted(problem, parts, machine, 0.0, settings, heard)
    kept = _without_idle(free, machine.limits)
    parts = _reweighted(problem, kept, machine, machine.limits.segment_mu_least, settings, heard)
    worth.append(_worth(problem, parts, machine))
    for _ in range(moves.rounds):
        moved = _moved(problem, parts, machine, moves.farthest_mm, settings, heard)
        value = _worth(problem, moved, machine)
        if value >= worth[-1]:
            break
        parts = moved
        worth.append(value)
    return Refined(parts=parts, objectives=tuple(worth))


def _worth(problem: Problem, parts: tuple[FieldSegments, ...], machine: Machine) -> float:
    covering = covering_of(parts, problem.influence.beamlets, machine.leaves)
    return judged(problem, covering.weights(covering.numbers, soft_mm=HARD_MM)).value


def _reweighted(
    problem: Problem,
    parts: tuple[FieldSegments, ...],
    machine: Machine,
    least_mu: float,
    settings: Settings,
    heard: Heard,
) -> tuple[FieldSegments, ...]:
    covering = covering_of(parts, problem.influence.beamlets, machine.leaves)
    start = covering.numbers
    low, high = start.copy(), start.copy()
    segments = len(covering.field)
    low[:segments], high[:segments] = least_mu, machine.limits.beam_mu_most
    start[:segments] = np.maximum(start[:segments], least_mu)
    found = _descended(problem, covering, start, (low, high), HARD_MM, settings, heard)
    return _with_numbers(parts, covering, found, machine, least_mu)


def _moved(
    problem: Problem,
    parts: tuple[FieldSegments, ...],
    machine: Machine,
    farthest_mm: float,
    settings: Settings,
    heard: Heard,
) -> tuple[FieldSegments, ...]:
    """Leaves and units together; then units alone, now that edges are edges again."""
    covering = covering_of(parts, problem.influence.beamlets, machine.leaves)
    least_mu = machine.limits.segment_mu_least
    boxes = [
        boxes_of(segment, part, machine.leaves, farthest_mm=farthest_mm) for part in parts for segment in part.segments
    ]
    segments = len(covering.field)
    low = np.concatenate(
        [np.full(segments, least_mu), *(each.first_low for each in boxes), *(each.second_low for each in boxes)]
    )
    high = np.concatenate(
        [
            np.full(segments, machine.limits.beam_mu_most),
            *(each.first_high for each in boxes),
            *(each.second_high for each in boxes),
        ]
    )
    found = _descended(problem, covering, covering.numbers, (low, high), SOFT_MM, settings, heard)
    moved = _with_numbers(parts, covering, found, machine, least_mu)
    return _reweighted(problem, moved, machine, least_mu, settings, heard)


def _descended(
    problem: Problem,
    covering: Covering,
    start: Floats,
    bounds: tuple[Floats, Floats],
    soft_mm: float,
    settings: Settings,
    heard: Heard,
) -> Floats:
    def judge(numbers: Floats) -> Judged:
        plain = judged(problem, covering.weights(numbers, soft_mm=soft_mm))
        return replace(plain, gradient=covering.slopes(numbers, plain.gradient, soft_mm=soft_mm))

    segments = len(covering.field)
    units = np.full_like(start, LEAF_UNIT_BEAMLETS * problem.influence.beamlets.size_mm)
    units[:segments] = start[:segments].mean()
    descent = Descent(judge=judge, rows=problem.rows, settings=settings, heard=heard)
    return descent.in_units(start, units, low=bounds[0], high=bounds[1]).weights


def _with_numbers(
    parts: tuple[FieldSegments, ...], covering: Covering, numbers: Floats, machine: Machine, least_mu: float
) -> tuple[FieldSegments, ...]:
    """The same segments with other numbers, each on the machine's steps and none below the least."""
    mu, first, second = covering.split(numbers)
    step_mu, step_mm = machine.limits.mu_step, machine.leaves.step_mm
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
