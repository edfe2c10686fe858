"""The fused pass against products of a dense matrix."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from tests.apps.radiotherapy.model.optimisation.influences import (
    dense_from,
    influence_from,
    random_dense,
    region,
    square_beamlets,
)
from tianfu.apps.radiotherapy.model.optimisation.fused import Problem, doses_of, judged
from tianfu.apps.radiotherapy.model.optimisation.objectives import (
    AtLeastVolume,
    AtMostVolume,
    EquivalentAtMost,
    MaximumDose,
    MinimumDose,
    Objective,
    mean_at_most,
    penalty,
)
from tianfu.apps.radiotherapy.model.optimisation.regions import Region
from tianfu.kernel.refusal import Refusal

REGIONS = {"PTV": region(0, 900), "Cord": region(700, 1500), "Body": Region(rows=np.arange(0, 2000, 3), volume_cc=2e3)}
SEPARABLE: tuple[Objective, ...] = (
    MinimumDose(structure="PTV", weight=3, dose_gy=2.0),
    MaximumDose(structure="PTV", weight=2, dose_gy=2.1),
    MaximumDose(structure="Body", weight=1, dose_gy=1.5),
)
SPREAD: tuple[Objective, ...] = (
    AtMostVolume(structure="Cord", weight=2, dose_gy=1.5, volume_percent=30),
    AtLeastVolume(structure="PTV", weight=2, dose_gy=2.2, volume_percent=95),
    EquivalentAtMost(structure="Cord", weight=1, dose_gy=1, exponent=6),
    mean_at_most("Body", weight=1, dose_gy=1),
)


@pytest.mark.slow  # the first to run compiles the pass
@pytest.mark.parametrize("objectives", [SEPARABLE, SPREAD, SEPARABLE + SPREAD])
def test_the_fused_pass_is_the_product_of_a_dense_matrix(objectives: tuple[Objective, ...]) -> None:
    beamlets = square_beamlets(fields=3, rows=8, columns=9)
    influence = influence_from(random_dense(voxels=2000, beamlets=beamlets.count, filled=0.6, seed=1), beamlets)
    dense = dense_from(influence)
    weights = np.random.default_rng(2).uniform(0, 0.2, beamlets.count)
    problem = Problem(influence=influence, objectives=objectives, regions=REGIONS, fractions=10)
    value, gradient = 0.0, np.zeros(beamlets.count)
    for objective in objectives:
        rows = REGIONS[objective.structure].rows
        one, slope = penalty(objective, 10 * dense[rows] @ weights)
        value += one
        gradient += 10 * slope @ dense[rows]
    reached = judged(problem, weights)
    assert reached.value == pytest.approx(value, rel=1e-5)  # doses are of single precision
    assert reached.gradient == pytest.approx(gradient, rel=1e-4, abs=1e-4 * np.abs(gradient).max())
    assert reached.doses == pytest.approx(10 * dense[problem.rows] @ weights, rel=1e-5)
    assert doses_of(problem, weights) == pytest.approx(reached.doses, rel=1e-6)
    assert judged(problem, weights).gradient.tolist() == reached.gradient.tolist()


def test_the_count_of_threads_changes_no_bit() -> None:
    beamlets = square_beamlets(fields=3, rows=8, columns=9)
    influence = influence_from(random_dense(voxels=2000, beamlets=beamlets.count, filled=0.6, seed=3), beamlets)
    problem = Problem(influence=influence, objectives=SEPARABLE + SPREAD, regions=REGIONS, fractions=10)
    weights = np.random.default_rng(4).uniform(0, 0.2, beamlets.count)
    alone = judged(problem, weights)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    together = judged(problem, weights)
    assert together.value == alone.value
    assert together.gradient.tolist() == alone.gradient.tolist()


def test_a_wish_for_an_unknown_structure_is_refused() -> None:
    beamlets = square_beamlets(fields=1, rows=1, columns=2)
    influence = influence_from(np.ones((2, 2)), beamlets)
    with pytest.raises(Refusal, match="structure-missing structure=Lung"):
        Problem(
            influence=influence,
            objectives=(mean_at_most("Lung", weight=1, dose_gy=1),),
            regions={"PTV": region(0, 2)},
            fractions=1,
        )
    with pytest.raises(Refusal, match="nothing-to-optimise"):
        Problem(influence=influence, objectives=(), regions={}, fractions=1)
