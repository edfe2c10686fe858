"""Segments bettered: units against another solver, leaves against differences, everything still deliverable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls

from tests.apps.radiotherapy.model.optimisation.influences import (
    dense_from,
    influence_from,
    random_dense,
    region,
    square_beamlets,
)
from tests.apps.radiotherapy.model.optimisation.leaf_rules import LIMITS, all_faults_of, leaves_of
from tianfu.apps.radiotherapy.model.optimisation.apertures import (
    Delivery,
    FieldSegments,
    Segment,
    fluence_of,
    shares_of,
)
from tianfu.apps.radiotherapy.model.optimisation.covering import covering_of
from tianfu.apps.radiotherapy.model.optimisation.direct_apertures import Moves, Refinement, refined
from tianfu.apps.radiotherapy.model.optimisation.fluence import Settings, Step
from tianfu.apps.radiotherapy.model.optimisation.fused import Problem
from tianfu.apps.radiotherapy.model.optimisation.leaf_boxes import boxes_of
from tianfu.apps.radiotherapy.model.optimisation.objectives import MaximumDose, MinimumDose
from tianfu.apps.radiotherapy.model.optimisation.sequencing import sequenced
from tianfu.kernel.refusal import Refusal

BEAMLETS = square_beamlets(fields=2, rows=4, columns=6)
MACHINE = Delivery(leaves=leaves_of(), limits=LIMITS)
SETTINGS = Settings(iterations_most=150, change_least=1e-5, smoothing=0.0)
STILL = Moves(rounds=0, farthest_mm=5.0)


def listen(_: Step) -> bool:
    """Go on."""
    return True


def task_of(problem: Problem, machine: Delivery = MACHINE, moves: Moves = STILL) -> Refinement:
    """A refinement that nobody ends."""
    return Refinement(problem=problem, delivery=machine, moves=moves, settings=SETTINGS, heard=listen)


def parts_of(seed: int, machine: Delivery = MACHINE) -> tuple[FieldSegments, ...]:
    """Segments of a random fluence."""
    weights = np.maximum(np.random.default_rng(seed).uniform(-20, 60, BEAMLETS.count), 0)
    return sequenced(BEAMLETS, weights, machine, levels=5)


def problem_of(seed: int) -> Problem:
    """80 voxels, half of which want 6 Gy, half of which at most 2."""
    dense = random_dense(voxels=80, beamlets=BEAMLETS.count, filled=0.5, seed=seed)
    return Problem(
        influence=influence_from(dense, BEAMLETS),
        objectives=(
            MinimumDose(structure="PTV", weight=1, dose_gy=6),
            MaximumDose(structure="PTV", weight=1, dose_gy=6),
            MaximumDose(structure="Cord", weight=1, dose_gy=2),
        ),
        regions={"PTV": region(0, 40), "Cord": region(40, 80)},
        fractions=1,
    )


@pytest.mark.slow  # the first to run compiles the pass
def test_units_are_least_squares_of_what_each_segment_gives() -> None:
    """With one dose wanted on both sides it is NNLS on the segments' doses; units are rounded to 0.1 afterwards."""
    problem = replace(
        problem_of(1),
        objectives=(
            MinimumDose(structure="PTV", weight=1, dose_gy=6),
            MaximumDose(structure="PTV", weight=1, dose_gy=6),
        ),
    )
    machine = Delivery(leaves=leaves_of(), limits=replace(LIMITS, segment_mu_least=0.0, mu_step=1e-4))
    parts = parts_of(1)
    dense = dense_from(problem.influence)[:40]
    columns = [dense @ shares_of(each, part, BEAMLETS, machine.leaves) for part in parts for each in part.segments]
    _, residual = nnls(np.stack(columns, axis=1), np.full(40, 6.0))
    better = refined(task_of(problem, machine), parts)
    assert better.objectives[-1] == pytest.approx(residual**2 / 40, rel=1e-3)
    assert better.objectives[-1] < better.objectives[0]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), interdigitates=st.booleans(), reach_mm=st.sampled_from([20.0, 150.0]))
def test_weights_are_those_of_shares_and_slopes_those_of_differences(
    seed: int, interdigitates: bool, reach_mm: float
) -> None:
    leaves = leaves_of(interdigitates=interdigitates, reach_mm=reach_mm)
    parts = parts_of(seed, Delivery(leaves=leaves, limits=LIMITS))
    covering = covering_of(parts, BEAMLETS, leaves)
    hard = covering.weights(covering.numbers, soft_mm=1e-6)
    assert hard == pytest.approx(fluence_of(parts, BEAMLETS, leaves), abs=1e-3)
    lots = np.random.default_rng(seed)
    numbers = covering.numbers + lots.uniform(-0.4, 0.4, len(covering.numbers))
    gradient = lots.normal(size=BEAMLETS.count)
    slopes = covering.slopes(numbers, gradient, soft_mm=1.0)
    for at in lots.choice(len(numbers), 10):
        move = 1e-5 * (np.arange(len(numbers)) == at)
        ends = [covering.weights(numbers + sign * move, soft_mm=1.0) @ gradient for sign in (1, -1)]
        assert slopes[at] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-3, rel=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    interdigitates=st.booleans(),
    reach_mm=st.sampled_from([15.0, 30.0, 150.0]),
    farthest_mm=st.floats(0.5, 30),
)
def test_any_places_within_their_boxes_can_be_given_together(
    seed: int, interdigitates: bool, reach_mm: float, farthest_mm: float
) -> None:
    leaves = leaves_of(interdigitates=interdigitates, reach_mm=reach_mm)
    lots = np.random.default_rng(seed)
    for part in parts_of(seed, Delivery(leaves=leaves, limits=LIMITS)):
        moved = []
        for segment in part.segments:
            boxes = boxes_of(segment, part, leaves, farthest_mm=farthest_mm)
            is_open = segment.second_mm > segment.first_mm
            first, second = segment.first_mm.copy(), segment.second_mm.copy()
            share = lots.choice([0.0, 0.5, 1.0], (2, is_open.sum()))
            first[is_open] = boxes.first_low + share[0] * (boxes.first_high - boxes.first_low)
            second[is_open] = boxes.second_low + share[1] * (boxes.second_high - boxes.second_low)
            assert np.all(boxes.first_low <= segment.first_mm[is_open])
            assert np.all(boxes.second_high >= segment.second_mm[is_open])
            moved.append(Segment(first_mm=first, second_mm=second, mu=segment.mu))
        assert all_faults_of((replace(part, segments=tuple(moved)),), leaves, LIMITS) == []


@pytest.mark.parametrize("interdigitates", [True, False])
def test_leaves_that_move_better_the_plan_and_it_stays_deliverable(interdigitates: bool) -> None:
    machine = Delivery(leaves=leaves_of(interdigitates=interdigitates), limits=LIMITS)
    problem = problem_of(3)
    quick = Settings(iterations_most=30, change_least=1e-4, smoothing=0.0)
    task = replace(task_of(problem, machine, Moves(rounds=2, farthest_mm=5.0)), settings=quick)
    better = refined(task, parts_of(3, machine))
    assert all_faults_of(better.parts, machine.leaves, machine.limits) == []
    assert list(better.objectives[1:]) == sorted(better.objectives[1:], reverse=True)
    assert better.objectives[-1] < 0.95 * better.objectives[1] < better.objectives[0]
    for part in better.parts:
        for segment in part.segments:
            for number, step in ((segment.mu, 0.1), *((at, 0.1) for at in segment.first_mm)):
                assert number / step == pytest.approx(round(number / step), abs=1e-6)


def test_segments_that_hardly_give_anything_are_left_out() -> None:
    """A field that only harms gets no units: none of its segments stays."""
    dense = np.zeros((2, BEAMLETS.count))
    dense[0, :24] = 0.01
    dense[1, 24:] = 0.01
    problem = Problem(
        influence=influence_from(dense, BEAMLETS),
        objectives=(
            MinimumDose(structure="PTV", weight=1, dose_gy=6),
            MaximumDose(structure="Cord", weight=1, dose_gy=0.0),
        ),
        regions={"PTV": region(0, 1), "Cord": region(1, 2)},
        fractions=1,
    )
    better = refined(task_of(problem), parts_of(5))
    assert {part.field for part in better.parts} == {0}


def test_no_segments_and_no_moves_are_refused() -> None:
    with pytest.raises(Refusal, match="no-segments"):
        refined(task_of(problem_of(1)), ())
    with pytest.raises(Refusal, match="leaf-moves-not-sound"):
        Moves(rounds=1, farthest_mm=0)


def test_a_field_of_more_units_than_the_machine_gives_is_refused() -> None:
    few = Delivery(leaves=leaves_of(), limits=replace(LIMITS, beam_mu_most=20.0))
    with pytest.raises(Refusal, match="beam-of-too-many-units"):
        refined(task_of(problem_of(1), few), parts_of(1))


def test_who_hears_ends_it() -> None:
    with pytest.raises(Refusal, match="optimisation-cancelled"):
        refined(replace(task_of(problem_of(1)), heard=lambda _: False), parts_of(1))
