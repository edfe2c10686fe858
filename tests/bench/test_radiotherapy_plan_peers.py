"""What is handed to pyRadPlan, and when a solver is said to have come near enough."""

from __future__ import annotations

import numpy as np
import pytest
from bench.radiotherapy_plan_peers_fluence import matrix_of, until
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tests.apps.radiotherapy.model.optimisation.influences import (
    dense_from,
    influence_from,
    random_dense,
    square_beamlets,
)


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), filled=st.sampled_from([0.0, 0.3, 1.0]))
def test_rows_of_an_influence_are_those_of_its_matrix(seed: int, filled: float) -> None:
    beamlets = square_beamlets(fields=2, rows=2, columns=3)
    found = influence_from(random_dense(voxels=7, beamlets=beamlets.count, filled=filled, seed=seed), beamlets)
    rows = np.flatnonzero(np.random.default_rng(seed).random(7) < 0.6)
    values, columns, begins = matrix_of(found, rows)
    dense = sparse.csr_array((values, columns, begins), shape=(len(rows), beamlets.count)).toarray()
    assert dense == pytest.approx(dense_from(found)[rows], rel=1e-6)


def test_a_solver_is_near_enough_at_its_first_value_that_is_no_more_than_the_goal() -> None:
    assert until(([0.0, 1.0, 2.0, 3.0], [9.0, 4.0, 5.0, 3.0]), 4.0) == 1.0


def test_a_solver_that_never_comes_near_has_no_time() -> None:
    assert until(([0.0, 1.0], [9.0, 4.1]), 4.0) == float("inf")
