"""OpenKBP's scores by hand: voxels, percentiles and points are small enough to be counted."""

from __future__ import annotations

import numpy as np
import pytest
from bench.radiotherapy_openkbp_scores import dose_score_gy, dvh_score_gy, histogram_points


def test_the_dose_score_is_the_mean_error_of_voxels_that_can_get_dose() -> None:
    reference = np.array([70.0, 10.0, 20.0, 0.0])
    planned = np.array([69.0, 13.0, 20.0, 0.0])
    possible = np.array([True, True, True, False])
    assert dose_score_gy(reference, planned, possible) == pytest.approx((1 + 3 + 0) / 3)


def test_a_voxel_without_dose_counts_if_it_could_have_got_some() -> None:
    reference, planned = np.array([8.0, 0.0]), np.array([8.0, 0.0])
    assert dose_score_gy(reference, planned, np.array([True, True])) == 0
    assert dose_score_gy(reference, planned + np.array([0.0, 2.0]), np.array([True, True])) == 1


def test_a_target_has_three_points_that_are_percentiles_between_voxels() -> None:
    dose = np.arange(101.0)
    points = histogram_points(dose, {"PTV70": np.ones(101, bool)}, voxel_mm3=10.0)
    # Of 0, 1, ... 100 the percentile p is p itself; 99 % of the voxels have at least the first percentile.
    assert points == {("PTV70", "D99"): 1.0, ("PTV70", "D95"): 5.0, ("PTV70", "D1"): 99.0}


def test_an_organ_has_its_mean_and_the_dose_to_its_hottest_tenth_of_a_cubic_centimetre() -> None:
    dose = np.arange(0.0, 100.0)
    # 0.1 cc are 4 voxels of 25 mm³, 4 of 100: the 96th percentile lies at place 0.96 x 99.
    points = histogram_points(dose, {"Larynx": np.ones(100, bool)}, voxel_mm3=25.0)
    assert points["Larynx", "D0.1cc"] == pytest.approx(0.96 * 99)
    assert points["Larynx", "mean"] == pytest.approx(49.5)


def test_a_tenth_of_a_cubic_centimetre_is_at_least_one_voxel() -> None:
    dose = np.array([1.0, 2.0])
    # One voxel of two: the median between both.
    points = histogram_points(dose, {"Brainstem": np.ones(2, bool)}, voxel_mm3=500.0)
    assert points["Brainstem", "D0.1cc"] == 1.5


def test_structures_that_a_patient_lacks_have_no_points() -> None:
    masks = {"PTV63": np.zeros(3, bool), "SpinalCord": np.array([True, False, False])}
    points = histogram_points(np.array([5.0, 6.0, 7.0]), masks, voxel_mm3=100.0)
    assert set(points) == {("SpinalCord", "D0.1cc"), ("SpinalCord", "mean")}


def test_the_histogram_score_weighs_each_point_of_each_patient_alike() -> None:
    one = (
        {("Larynx", "mean"): 10.0, ("Larynx", "D0.1cc"): 30.0},
        {("Larynx", "mean"): 12.0, ("Larynx", "D0.1cc"): 30.0},
    )
    other = ({("PTV70", "D99"): 66.0}, {("PTV70", "D99"): 65.0})
    assert dvh_score_gy([one, other]) == pytest.approx((2 + 0 + 1) / 3)
