"""Doses on other grids: linear ones are kept exactly, integrals within the bound of the rule used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.solids_of_revolution import dose_on, grid_about, linear, turned
from tianfu.apps.radiotherapy.model.doses import (
    FramedDose,
    Outside,
    difference,
    for_fractions,
    integral_gy_cc,
    resampled,
    sum_of,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid

RULE = linear(np.array([1.0, -2.0, 0.5]))


def bump(points: Floats) -> Floats:
    return np.asarray(60 * np.exp(-(points**2).sum(axis=-1) / (2 * 8.0**2)))


@settings(max_examples=20, deadline=None)
@given(angles=st.tuples(*[st.floats(-3, 3)] * 3), spacing=st.floats(1, 4))
def test_a_linear_dose_is_the_same_on_any_grid(angles: tuple[float, float, float], spacing: float) -> None:
    axes = turned(angles)
    grid = Grid(origin=np.array([-6.0, -6, -6]) @ axes, axes=axes, spacing=np.array([spacing, 2, 3]), shape=(5, 6, 4))
    found = resampled(dose_on(grid_about(30, 3), RULE), grid, outside=Outside.REFUSE)
    assert found.values == pytest.approx(dose_on(grid, RULE).values, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    counts=st.tuples(*[st.integers(1, 12)] * 3),
    sides=st.tuples(*[st.floats(3, 30)] * 3),
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
)
def test_integral_and_mean_of_a_linear_dose_in_a_box_are_kept_exactly_however_it_is_cut(
    counts: tuple[int, int, int], sides: tuple[float, float, float], angles: tuple[float, float, float]
) -> None:
    """The mean of a linear function over a box is its value at the middle (midpoint rule): here at the origin."""
    axes, size, shape = turned(angles), np.array(sides), np.array(counts)
    grid = Grid(origin=(size / shape - size) / 2 @ axes, axes=axes, spacing=size / shape, shape=counts[::-1])
    found = resampled(dose_on(grid_about(36, 3), RULE), grid, outside=Outside.REFUSE)
    middle = float(RULE(np.zeros(3)))
    assert found.values.mean() == pytest.approx(middle, rel=1e-12)
    assert integral_gy_cc(found) == pytest.approx(middle * np.prod(size) / 1000, rel=1e-12)


def test_a_linear_dose_that_goes_to_another_grid_and_back_has_lost_nothing() -> None:
    """Trilinear interpolation reproduces linear functions, so both ways are exact."""
    here, axes = grid_about(5, 2.5), turned((0.4, 1.2, -0.6))
    spacing, shape = np.array([2.0, 4.0, 1.6]), (26, 11, 21)
    there = Grid(origin=np.full(3, -20.0) @ axes, axes=axes, spacing=spacing, shape=shape)
    away = resampled(dose_on(grid_about(42, 3), RULE), there, outside=Outside.REFUSE)
    back = resampled(away, here, outside=Outside.REFUSE)
    assert back.values == pytest.approx(dose_on(here, RULE).values, rel=1e-12)
    assert integral_gy_cc(back) == pytest.approx(integral_gy_cc(dose_on(here, RULE)), rel=1e-12)


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (0.3, -0.7, 1.1)])
def test_the_integral_is_kept(angles: tuple[float, float, float]) -> None:
    """By Poisson's summation a sum over a grid misses what the dose's transform has at multiples of 1 / 2 mm.

    That of the trilinear dose is a product of sinc² (2.5 mm f), below 0.04, and of the Gauss shape's images about
    multiples of 1 / 2.5 mm, exp(-2 π² σ² (0.1 / mm)²) = 3e-6 at the nearest: less than 1e-6 of the integral.
    What lies beyond five σ on each side is as little: 3 · 6e-7.
    """
    axes = turned(angles)
    fine = Grid(origin=np.full(3, -40.0) @ axes, axes=axes, spacing=np.full(3, 2.0), shape=(41, 41, 41))
    dose = dose_on(grid_about(75, 2.5), bump)
    assert integral_gy_cc(resampled(dose, fine, outside=Outside.REFUSE)) == pytest.approx(
        60 * (2 * np.pi * 64) ** 1.5 / 1000, rel=1e-5
    )


def test_beyond_the_dose_nothing_is_made_up() -> None:
    dose, larger = dose_on(grid_about(20, 3), RULE), grid_about(26, 3)
    values = resampled(dose, larger, outside=Outside.NAN).values
    assert np.isnan(values[0, 0, 0])
    assert np.isfinite(values).any()
    with pytest.raises(Refusal, match="grid-outside-dose"):
        resampled(dose, larger, outside=Outside.REFUSE)


def test_a_dose_of_one_plane_goes_nowhere_else() -> None:
    flat = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.full(3, 2.0), shape=(1, 5, 5))
    with pytest.raises(Refusal, match="dose-of-one-plane"):
        resampled(dose_on(flat, RULE), grid_about(2, 1), outside=Outside.NAN)


def test_plans_on_different_grids_are_added_where_both_are_known() -> None:
    one = FramedDose(frame="1.2", volume=dose_on(grid_about(20, 3), RULE))
    other = FramedDose(frame="1.2", volume=dose_on(grid_about(24, 2.5), RULE))
    grid = grid_about(12, 2)
    total = sum_of([one, other], grid, outside=Outside.REFUSE)
    assert total.volume.values == pytest.approx(2 * dose_on(grid, RULE).values, abs=1e-9)


def test_plans_of_different_frames_are_not_added() -> None:
    one, other = (FramedDose(frame=frame, volume=dose_on(grid_about(9, 3), RULE)) for frame in ("1.2", "1.3"))
    with pytest.raises(Refusal, match="doses-in-different-frames"):
        sum_of([one, other], one.volume.grid, outside=Outside.NAN)


def test_nothing_is_no_sum() -> None:
    with pytest.raises(Refusal, match="nothing-to-sum"):
        sum_of([], grid_about(9, 3), outside=Outside.NAN)


def test_a_dose_less_itself_is_nothing() -> None:
    dose = FramedDose(frame="1.2", volume=dose_on(grid_about(9, 3), RULE))
    assert np.abs(difference(dose, dose, outside=Outside.REFUSE).volume.values).max() == 0


def test_ten_of_thirty_fractions_give_a_third() -> None:
    dose = FramedDose(frame="1.2", volume=dose_on(grid_about(9, 3), RULE))
    part = for_fractions(dose, given=10, planned=30)
    assert part.volume.values == pytest.approx(dose.volume.values / 3)
    with pytest.raises(Refusal, match="fractions-not-positive"):
        for_fractions(dose, given=1, planned=0)
