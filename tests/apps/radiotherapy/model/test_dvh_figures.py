"""Figures read from histograms whose closed forms are simple: an even spread of doses between two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.test_constraints import even
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.dvh_figures import (
    curve_points,
    differential_curve,
    dose_at_cc,
    dose_at_percent,
    equivalent_in_2_gy,
    generalised_eud_gy,
    volume_at_dose_cc,
)
from tianfu.kernel.refusal import Refusal


@pytest.mark.parametrize("a", [1.0, 2.0, 8.0, 40.0, -10.0])
def test_generalised_eud_of_an_even_spread(a: float) -> None:
    """The mean of D^a between l and h is (h^(a + 1) - l^(a + 1)) / ((a + 1) (h - l))."""
    truth = ((40 ** (a + 1) - 20 ** (a + 1)) / ((a + 1) * 20)) ** (1 / a)
    assert generalised_eud_gy(even(20, 40), a=a) == pytest.approx(truth, rel=1e-3)


def test_generalised_eud_wants_an_exponent() -> None:
    with pytest.raises(Refusal, match="eud-without-exponent"):
        generalised_eud_gy(even(20, 40), a=0)


def test_fractions_of_2_gy_are_their_own_equivalent() -> None:
    same = Dvh(edges_gy=np.array([60.0, 60.0]), volumes_cc=np.array([5.0]), mean_gy=60.0, outside_cc=0.0)
    assert equivalent_in_2_gy(same, alpha_beta_gy=3, fractions=30).mean_gy == pytest.approx(60)


def test_three_fractions_of_18_gy_weigh_as_many_of_2() -> None:
    """54 (18 + 10) / (2 + 10) = 126 Gy for α/β = 10 Gy."""
    equivalent = equivalent_in_2_gy(even(20, 54), alpha_beta_gy=10, fractions=3)
    assert equivalent.max_gy == pytest.approx(126)
    assert equivalent.volume_cc == pytest.approx(100)


@given(low=st.floats(0, 50), span=st.floats(0.1, 50), bin_gy=st.floats(0.05, 5))
def test_a_differential_curve_sums_up_to_the_volume(low: float, span: float, bin_gy: float) -> None:
    edges, volumes = differential_curve(even(low, low + span), bin_gy=bin_gy)
    assert len(edges) == len(volumes) + 1
    assert volumes.sum() == pytest.approx(100)
    assert volumes.min() >= -1e-9


@given(volume=st.floats(0.01, 100))
def test_dose_and_volume_are_each_others_inverse(volume: float) -> None:
    dvh = even(20, 40)
    assert volume_at_dose_cc(dvh, dose_at_cc(dvh, volume)) == pytest.approx(volume, abs=1e-6)


def test_the_ends_of_the_curve_are_the_lowest_and_highest_dose() -> None:
    dvh = even(20, 40)
    assert (dose_at_percent(dvh, 100), dose_at_percent(dvh, 0)) == (20, 40)


def test_where_the_curve_is_level_the_higher_dose_counts() -> None:
    dvh = Dvh(edges_gy=np.array([0.0, 1, 9, 10]), volumes_cc=np.array([5.0, 0, 5]), mean_gy=5.0, outside_cc=0.0)
    assert dose_at_percent(dvh, 50) == 9


@pytest.mark.parametrize("percent", [-1, 101])
def test_more_than_the_volume_has_no_dose(percent: float) -> None:
    with pytest.raises(Refusal, match="volume-beyond-structure"):
        dose_at_percent(even(20, 40), percent)


@given(shares=st.lists(st.floats(0, 1), min_size=20, max_size=300), at_most=st.integers(4, 60))
def test_points_of_a_plot_only_fall_and_are_few(shares: list[float], at_most: int) -> None:
    volumes = np.array([*shares, 1.0])
    dvh = Dvh(edges_gy=np.linspace(5, 60, len(volumes) + 1), volumes_cc=volumes, mean_gy=30.0, outside_cc=0.0)
    points = curve_points(dvh, at_most=at_most)
    assert len(points) <= at_most
    assert np.all(np.diff(points[:, 0]) > 0)
    assert np.all(np.diff(points[:, 1]) <= 1e-9)
    assert points[0].tolist() == [0, 100]
    assert points[-1].tolist() == pytest.approx([60, 0])


def test_corners_of_a_plot_stay() -> None:
    dvh = Dvh(
        edges_gy=np.array([0.0, 10, 20, 30, 40, 50]),
        volumes_cc=np.array([0.0, 0, 10, 0, 0]),
        mean_gy=25.0,
        outside_cc=0.0,
    )
    points = curve_points(dvh, at_most=10)
    assert points.tolist() == [[0, 100], [20, 100], [30, 0], [50, 0]]
