from __future__ import annotations

import numba
import numpy as np
import pytest

from tianfu.apps.radiotherapy.model.transport.cones.transport import Reals, carry
from tianfu.standards.dicom.grids import Floats

LEVELS = np.array([0, 1], np.int64)
"""A decay constant and its double."""

DRIFTS = ((0.0, 0.0), (0.37, -0.81), (-1.0, 1.0), (-0.25, -0.5), (0.99, 0.01))


def carried(density: Reals, steady: Reals, course: Floats) -> Reals:
    """Dose from arrays without their rims."""
    rim = ((0, 0), (1, 1), (1, 1))
    dose = np.zeros(density.shape, np.float32)
    carry(np.pad(density, rim), np.pad(steady, ((0, 0), *rim)), LEVELS, course, dose)
    return dose


def test_a_voxel_of_terma_gives_the_voxels_behind_it_the_kernel_meant_over_each() -> None:
    steady = np.zeros((2, 30, 3, 3), np.float32)
    steady[:, 4, 1, 1] = 1.0, 3.0
    dose = carried(np.ones((30, 3, 3), np.float32), steady, np.array([1.0, 0.0, 0.0, 0.06]))
    behind = np.arange(25)
    # Over a step x of each decay constant the voxel itself gives away 1 - exp(-x), of which each voxel has the mean.
    expected = sum(
        weight * (1 - np.exp(-x)) * np.exp(-x * behind) * (1 - np.exp(-x)) / x
        for weight, x in ((1.0, 0.06), (3.0, 0.12))
    )
    assert np.allclose(dose[5:, 1, 1], expected, rtol=2e-5)
    assert dose[:4].max() == 0
    assert dose[:, 0].max() == dose[:, 2].max() == dose[:, :, 0].max() == 0


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("drift", DRIFTS)
def test_all_energy_that_terma_releases_in_wide_water_is_deposited_in_it(
    drift: tuple[float, float], sign: float
) -> None:
    steady = np.zeros((2, 90, 100, 100), np.float32)
    middle = 60 if sign < 0 else 20
    steady[:, middle : middle + 7, 45:55, 46:58] = np.random.default_rng(3).random((2, 7, 10, 12))
    dose = carried(np.ones((90, 100, 100), np.float32), steady, np.array([sign, *drift, 0.5]))
    assert dose.sum(dtype=np.float64) == pytest.approx(steady.sum(dtype=np.float64), rel=1e-5)


@pytest.mark.parametrize("drift", DRIFTS)
def test_the_dose_of_a_mirrored_phantom_is_the_mirrored_dose(drift: tuple[float, float]) -> None:
    random = np.random.default_rng(5)
    density, steady = random.random((20, 22, 24), np.float32), random.random((2, 20, 22, 24), np.float32)
    dose = carried(density, steady, np.array([1.0, *drift, 0.1]))
    turned = carried(density[::-1], steady[:, ::-1], np.array([-1.0, *drift, 0.1]))
    across = carried(density[:, :, ::-1], steady[..., ::-1], np.array([1.0, drift[0], -drift[1], 0.1]))
    assert np.allclose(turned[::-1], dose, rtol=1e-5)
    assert np.allclose(across[:, :, ::-1], dose, rtol=1e-4)


def test_in_endless_even_matter_dose_becomes_what_is_steady_however_dense() -> None:
    steady = np.full((2, 80, 40, 40), 2.0, np.float32)
    for density in (0.25, 1.0, 2.0):
        dose = carried(np.full((80, 40, 40), density, np.float32), steady, np.array([1.0, 0.1, 0.2, 1.0]))
        assert dose[70:, 25:30, 25:30] == pytest.approx(4.0, rel=1e-4)


def test_what_is_carried_through_a_vacuum_arrives_whole() -> None:
    density = np.ones((60, 3, 3), np.float32)
    steady = np.zeros((2, 60, 3, 3), np.float32)
    steady[0, 5, 1, 1] = 1.0
    course = np.array([1.0, 0.0, 0.0, 0.1])
    near = carried(density, steady, course)
    density[10:40] = 0
    far = carried(density, steady, course)
    assert np.allclose(far[40:, 1, 1], near[10:30, 1, 1], rtol=1e-6)


def test_one_thread_and_two_give_the_same_bits() -> None:
    random = np.random.default_rng(7)
    density, steady = random.random((30, 50, 40), np.float32), random.random((2, 30, 50, 40), np.float32)
    course = np.array([1.0, 0.4, -0.7, 0.2])
    threads = numba.get_num_threads()
    several = carried(density, steady, course)
    numba.set_num_threads(1)
    try:
        alone = carried(density, steady, course)
    finally:
        numba.set_num_threads(threads)
    assert np.array_equal(several, alone)
