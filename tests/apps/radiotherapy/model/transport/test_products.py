"""Products of a compact influence against those of the full matrix that it stands for."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from tests.apps.radiotherapy.model.transport.influences import drawn_influence, matrix_of
from tianfu.apps.radiotherapy.model.transport.products import dose_of, gradient_of

WITHIN = 3e-6
"""Relative: sums of some dozen to some hundred numbers of 24 bits."""


def test_dose_is_the_matrix_times_the_weights() -> None:
    influence = drawn_influence(seed=1)
    weights = np.random.default_rng(2).random(influence.beamlets.count)
    expected = matrix_of(influence) @ weights
    np.testing.assert_allclose(dose_of(influence, weights), expected, rtol=WITHIN, atol=WITHIN * expected.max())


def test_a_gradient_is_the_transposed_matrix_times_that_of_the_voxels() -> None:
    influence = drawn_influence(seed=3)
    change = np.random.default_rng(4).normal(size=len(influence.voxels))
    expected = matrix_of(influence).T @ change
    np.testing.assert_allclose(
        gradient_of(influence, change), expected, rtol=0, atol=WITHIN * np.abs(expected).max() * 10
    )


def test_both_are_the_same_numbers_with_one_thread() -> None:
    influence = drawn_influence(seed=5)
    weights = np.random.default_rng(6).random(influence.beamlets.count)
    doses, gradient = dose_of(influence, weights), gradient_of(influence, np.ones(len(influence.voxels)))
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        np.testing.assert_array_equal(dose_of(influence, weights), doses)
        np.testing.assert_array_equal(gradient_of(influence, np.ones(len(influence.voxels))), gradient)
    finally:
        numba.set_num_threads(threads)


def test_twice_the_monitor_units_are_twice_the_dose() -> None:
    influence = drawn_influence(seed=7)
    weights = np.random.default_rng(8).random(influence.beamlets.count)
    np.testing.assert_allclose(dose_of(influence, 2 * weights), 2 * dose_of(influence, weights), rtol=1e-6)


def test_weights_of_another_plan_are_refused() -> None:
    influence = drawn_influence(seed=9)
    with pytest.raises(ValueError, match="numbers for"):
        dose_of(influence, np.ones(influence.beamlets.count + 1))
