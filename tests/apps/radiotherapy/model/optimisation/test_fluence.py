"""Weights found for problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from tests.apps.radiotherapy.model.optimisation.influences import (
    dense_from,
    influence_from,
    random_dense,
    region,
    square_beamlets,
)
from tianfu.apps.radiotherapy.model.optimisation.fluence import Settings, Step, even_start, neighbours, optimise
from tianfu.apps.radiotherapy.model.optimisation.fused import Problem
from tianfu.apps.radiotherapy.model.optimisation.objectives import MaximumDose, MinimumDose, mean_at_most
from tianfu.kernel.refusal import Refusal

SETTINGS = Settings(iterations_most=400, change_least=1e-6, smoothing=0.0)
BEAMLETS = square_beamlets(fields=2, rows=3, columns=5)


def problem_of(seed: int) -> Problem:
    """60 voxels that all want 2 Gy in one fraction: least squares without weights below zero."""
    dense = random_dense(voxels=60, beamlets=BEAMLETS.count, filled=0.7, seed=seed)
    return Problem(
        influence=influence_from(dense, BEAMLETS),
        objectives=(
            MinimumDose(structure="PTV", weight=1, dose_gy=2),
            MaximumDose(structure="PTV", weight=1, dose_gy=2),
        ),
        regions={"PTV": region(0, 60)},
        fractions=1,
    )


def listen(_: Step) -> bool:
    """Go on."""
    return True


@pytest.mark.slow  # the first to run compiles the pass
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_both_sides_of_one_dose_are_least_squares_without_negatives(seed: int) -> None:
    """Lawson and Hanson's NNLS solves the same problem in another way."""
    problem = problem_of(seed)
    dense = dense_from(problem.influence)
    _, residual = nnls(dense, np.full(60, 2.0))
    start = even_start(problem, structure="PTV", dose_gy=2)
    found = optimise(problem, start=start, settings=SETTINGS, heard=listen)
    assert found.is_converged
    assert found.objective == pytest.approx(residual**2 / 60, rel=1e-3)
    assert np.mean((dense @ found.weights - 2) ** 2) == pytest.approx(found.objective, rel=1e-3)
    assert found.weights.min() >= 0
    assert list(found.objectives) == sorted(found.objectives, reverse=True)


def test_a_start_where_an_earlier_run_ended_gains_nothing_more() -> None:
    problem = problem_of(1)
    first = optimise(problem, start=even_start(problem, structure="PTV", dose_gy=2), settings=SETTINGS, heard=listen)
    again = optimise(problem, start=first.weights, settings=SETTINGS, heard=listen)
    assert again.objective == pytest.approx(first.objective, rel=1e-4)
    assert len(again.objectives) < len(first.objectives)


def test_who_hears_ends_it_and_nothing_half_comes_back() -> None:
    problem = problem_of(1)
    steps: list[Step] = []

    def heard(step: Step) -> bool:
        steps.append(step)
        return step.iteration < 3

    with pytest.raises(Refusal, match="optimisation-cancelled"):
        optimise(problem, start=even_start(problem, structure="PTV", dose_gy=2), settings=SETTINGS, heard=heard)
    assert [step.iteration for step in steps] == [1, 2, 3]
    assert steps[0].objective > steps[2].objective
    assert steps[0].doses.shape == steps[0].rows.shape == (60,)
    assert not np.shares_memory(steps[0].doses, steps[1].doses)


def test_iterations_that_run_out_are_told() -> None:
    problem = problem_of(1)
    few = Settings(iterations_most=2, change_least=1e-9, smoothing=0.0)
    found = optimise(problem, start=even_start(problem, structure="PTV", dose_gy=2), settings=few, heard=listen)
    assert not found.is_converged
    assert len(found.objectives) == 3


def test_smoothing_makes_neighbours_alike() -> None:
    problem = problem_of(2)
    start = even_start(problem, structure="PTV", dose_gy=2)
    left, right = neighbours(BEAMLETS)
    rough, smooth = (
        optimise(
            problem,
            start=start,
            settings=Settings(iterations_most=100, change_least=1e-5, smoothing=smoothing),
            heard=listen,
        ).weights
        for smoothing in (0.0, 0.01)
    )
    assert np.abs(smooth[right] - smooth[left]).mean() < 0.5 * np.abs(rough[right] - rough[left]).mean()


def test_neighbours_lie_in_one_row_of_one_field() -> None:
    left, right = neighbours(square_beamlets(fields=2, rows=2, columns=3))
    assert left.tolist() == [0, 1, 3, 4, 6, 7, 9, 10]
    assert (right - left).tolist() == [1] * 8


def test_an_even_start_gives_the_mean_dose() -> None:
    problem = problem_of(3)
    start = even_start(problem, structure="PTV", dose_gy=2)
    assert (dense_from(problem.influence) @ start).mean() == pytest.approx(2, rel=1e-5)
    assert np.ptp(start) == 0


@pytest.mark.parametrize("start", [np.zeros(30), np.full(30, -1.0), np.ones(7), np.full(30, np.nan)])
def test_a_start_that_is_none_is_refused(start: np.ndarray) -> None:
    with pytest.raises(Refusal, match="start-not-sound"):
        optimise(problem_of(1), start=start, settings=SETTINGS, heard=listen)


def test_a_structure_that_no_beamlet_reaches_is_refused() -> None:
    dense = np.vstack([np.zeros((1, BEAMLETS.count)), np.ones((1, BEAMLETS.count))])
    problem = Problem(
        influence=influence_from(dense, BEAMLETS),
        objectives=(mean_at_most("Far", weight=1, dose_gy=1),),
        regions={"Far": region(0, 1)},
        fractions=1,
    )
    with pytest.raises(Refusal, match="structure-not-reached"):
        even_start(problem, structure="Far", dose_gy=2)
    with pytest.raises(Refusal, match="objective-structure-missing"):
        even_start(problem, structure="Lung", dose_gy=2)


@pytest.mark.parametrize(("iterations", "change", "smoothing"), [(0, 0.1, 0), (9, 0, 0), (9, 0.1, -1)])
def test_a_stop_rule_that_never_stops_is_refused(iterations: int, change: float, smoothing: float) -> None:
    with pytest.raises(Refusal, match="stop-rule-not-sound"):
        Settings(iterations_most=iterations, change_least=change, smoothing=smoothing)
