"""Gamma is what its closed forms say, on any pair of grids, and refuses what cannot be compared.

With |x| the distance and t the dose difference, gamma is the least sqrt(|x|²/DTA² + t²/ΔD²) over the evaluated dose
(Low et al. 1998, doi 10.1118/1.598248, equations 5 and 6).  For a dose of slope g shifted along it by s, t = g (x - s):
the least is at x = s (g DTA)² / (ΔD² + (g DTA)²), which gives |s| g / sqrt(ΔD² + (g DTA)²); Ju et al. 2008, doi
10.1118/1.2836952, find the same as the distance to a line of the scaled dose profile.
"""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from math import cos, hypot, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from tianfu.apps.radiotherapy.model import gamma as gamma_module
from tianfu.apps.radiotherapy.model.gamma import Fate, GammaMap, gamma_index
from tianfu.apps.radiotherapy.model.gamma_criteria import Difference, GammaCriteria, Normalisation, Search
from tianfu.apps.radiotherapy.model.gamma_search import GAMMA_WITHIN
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

CRITERIA = GammaCriteria(
    dose_difference_percent=3,
    distance_mm=2,
    difference=Difference.GLOBAL,
    normalisation_gy=50.0,
    threshold_percent=10,
    gamma_max=4,
    search=Search.VOLUME,
)
DOSE_GY = 1.5
"""3 % of 50 Gy."""

SMALL = Grid(origin=np.array([-9.0, -8.0, -7.5]), axes=np.eye(3), spacing=np.array([3.0, 2.0, 2.5]), shape=(7, 9, 7))


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """Compile once, before any test is timed."""
    for dtype in (np.float32, np.float64):
        dose = Volume(grid=SMALL, values=np.full(SMALL.shape, 30, dtype))
        gamma_index(dose, dose, criteria=CRITERIA)


def _slope(grid: Grid, slope_gy_mm: Floats, *, shift_mm: Floats, base_gy: float = 30) -> Volume[np.float64]:
    points = grid.points(np.stack(np.indices(grid.shape)[::-1], axis=-1).astype(float))
    return Volume(grid=grid, values=base_gy + (points - shift_mm) @ slope_gy_mm)


def _random(grid: Grid, seed: int, *, roughness_gy: float = 8) -> Volume[np.float64]:
    return Volume(grid=grid, values=np.random.default_rng(seed).uniform(30 - roughness_gy, 30, grid.shape))


def _turned(grid: Grid) -> Grid:
    """The same grid after the patient, and all in him, was turned about three axes and moved."""
    a, b, c = 0.4, -0.7, 1.1
    turn = (
        np.array([[cos(a), -sin(a), 0], [sin(a), cos(a), 0], [0, 0, 1]])
        @ np.array([[cos(b), 0, sin(b)], [0, 1, 0], [-sin(b), 0, cos(b)]])
        @ np.array([[1, 0, 0], [0, cos(c), -sin(c)], [0, sin(c), cos(c)]])
    )
    return replace(grid, origin=turn @ grid.origin + np.array([31.0, -12.0, 400.0]), axes=grid.axes @ turn.T)


def _inner(map_: GammaMap) -> Floats:
    return np.asarray(map_.gammas.values[2:-2, 2:-2, 2:-2], np.float64)


def test_identical_doses_have_no_gamma_at_all() -> None:
    dose = _random(SMALL, 1)
    found = gamma_index(dose, dose, criteria=CRITERIA)
    assert found.highest < 1e-12
    assert found.pass_percent == 100
    assert found.judged == dose.values.size


@pytest.mark.parametrize("offset_gy", [0.3, -0.75, 1.5, 2.4, -5.0])
def test_a_uniform_offset_gives_its_part_of_the_criterion(offset_gy: float) -> None:
    dose = Volume(grid=SMALL, values=np.full(SMALL.shape, 30.0))
    found = gamma_index(dose, replace(dose, values=dose.values + offset_gy), criteria=CRITERIA)
    assert found.gammas.values == pytest.approx(abs(offset_gy) / DOSE_GY, abs=GAMMA_WITHIN)
    assert found.pass_percent == (100 if abs(offset_gy) <= DOSE_GY else 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_dose_off_by_just_the_criterion_passes_in_32_bits_too(dtype: type[np.floating]) -> None:
    reference = Volume(grid=SMALL, values=np.full(SMALL.shape, 30.1, dtype))
    evaluated = Volume(grid=SMALL, values=reference.values + dtype(DOSE_GY))
    assert gamma_index(reference, evaluated, criteria=CRITERIA).pass_percent == 100


@pytest.mark.parametrize("slope_gy_mm", [(0.5, 0.0, 0.0), (0.0, -0.9, 0.0), (0.3, 0.2, -0.4), (0.01, 0.0, 0.0)])
@pytest.mark.parametrize("shift_mm", [0.5, 1.0, 1.7])
def test_a_shift_along_a_slope_gives_its_closed_form(slope_gy_mm: tuple[float, ...], shift_mm: float) -> None:
    slope = np.array(slope_gy_mm)
    steepness = float(np.linalg.norm(slope))
    reference = _slope(SMALL, slope, shift_mm=np.zeros(3))
    evaluated = _slope(SMALL, slope, shift_mm=shift_mm * slope / steepness)
    expected = shift_mm * steepness / hypot(DOSE_GY, steepness * CRITERIA.distance_mm)
    found = gamma_index(reference, evaluated, criteria=CRITERIA)
    assert _inner(found) == pytest.approx(expected, abs=GAMMA_WITHIN)


def test_a_shift_across_a_slope_or_where_there_is_none_changes_nothing() -> None:
    slope = np.array([0.0, 0.8, 0.0])
    reference = _slope(SMALL, slope, shift_mm=np.zeros(3))
    across = _slope(SMALL, slope, shift_mm=np.array([1.3, 0.0, -0.7]))
    assert gamma_index(reference, across, criteria=CRITERIA).highest == pytest.approx(0, abs=GAMMA_WITHIN)


@pytest.mark.slow  # 25 random pairs of doses, each against 680,000 samples
@given(
    seed=st.integers(0, 10_000),
    roughness_gy=st.floats(0.1, 25),
    percent=st.floats(0.5, 10),
    distance_mm=st.floats(0.5, 4),
)
@settings(max_examples=25, deadline=None)
def test_no_sample_of_a_rough_dose_is_better_and_one_is_as_good(
    seed: int, roughness_gy: float, percent: float, distance_mm: float
) -> None:
    """The oracle is brute: 61³ samples of 0.1 mm around each of three points, by scipy's own interpolation."""
    reference = _random(SMALL, seed, roughness_gy=roughness_gy)
    evaluated = _random(SMALL, seed + 1, roughness_gy=roughness_gy)
    criteria = replace(CRITERIA, dose_difference_percent=percent, distance_mm=distance_mm)
    found = gamma_index(reference, evaluated, criteria=criteria)
    steps = np.stack(np.meshgrid(*[np.linspace(-3, 3, 61)] * 3, indexing="ij")).reshape(3, -1)
    for voxel in ((3, 4, 3), (2, 3, 4), (4, 5, 2)):
        places = np.array(voxel)[:, None] + steps / SMALL.spacing[::-1, None]
        difference = map_coordinates(evaluated.values, places, order=1) - reference.values[voxel]
        brute = np.hypot(np.linalg.norm(steps, axis=0) / distance_mm, difference / (percent / 100 * 50.0)).min()
        # a sample is within 0.087 mm of the best place, where the distance alone makes that much of gamma
        steepest = 8 * roughness_gy / 2.0 / (percent / 100 * 50.0)
        assert found.gammas.values[voxel] <= min(brute, 4) + GAMMA_WITHIN + 1e-6
        assert found.gammas.values[voxel] >= min(brute, 4) - 0.087 * hypot(1 / distance_mm, steepest)
        if steepest < 5:
            assert found.gammas.values[voxel] == pytest.approx(min(brute, 4), abs=0.05)


def test_a_turned_and_moved_patient_has_the_same_gamma() -> None:
    reference, evaluated = _random(SMALL, 3), _random(SMALL, 4)
    straight = gamma_index(reference, evaluated, criteria=CRITERIA)
    turned = gamma_index(
        replace(reference, grid=_turned(SMALL)), replace(evaluated, grid=_turned(SMALL)), criteria=CRITERIA
    )
    np.testing.assert_allclose(turned.gammas.values, straight.gammas.values, atol=2 * GAMMA_WITHIN)


def test_grids_of_other_spacing_place_and_direction_compare_the_same_patient() -> None:
    slope = np.array([0.3, 0.2, -0.4])
    wide = Grid(
        origin=np.array([-31.3, -28.9, -30.2]), axes=np.eye(3), spacing=np.array([2.1, 3.3, 1.7]), shape=(36, 19, 31)
    )
    oblique = replace(_turned(wide), origin=np.zeros(3))
    oblique = replace(oblique, origin=-oblique.points(np.array([15.0, 9.0, 17.5])))
    expected = 1.2 * np.linalg.norm(slope) / hypot(DOSE_GY, float(np.linalg.norm(slope)) * CRITERIA.distance_mm)
    reference = _slope(SMALL, slope, shift_mm=np.zeros(3))
    for grid in (wide, oblique):
        evaluated = _slope(grid, slope, shift_mm=1.2 * slope / np.linalg.norm(slope), base_gy=30)
        found = gamma_index(reference, replace(evaluated, values=np.maximum(evaluated.values, 0)), criteria=CRITERIA)
        assert found.outside == 0
        assert _inner(found) == pytest.approx(expected, abs=GAMMA_WITHIN)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_pair_has_the_mirrored_gamma(axis: int) -> None:
    reference, evaluated = _random(SMALL, 5), _random(SMALL, 6)
    straight = gamma_index(reference, evaluated, criteria=CRITERIA).gammas.values
    mirrored = gamma_index(
        replace(reference, values=np.flip(reference.values, axis)),
        replace(evaluated, values=np.flip(evaluated.values, axis)),
        criteria=CRITERIA,
    ).gammas.values
    np.testing.assert_allclose(np.flip(mirrored, axis), straight, atol=2 * GAMMA_WITHIN)


def test_gamma_does_not_depend_on_the_unit_of_dose() -> None:
    reference, evaluated = _random(SMALL, 7), _random(SMALL, 8)
    gray = gamma_index(reference, evaluated, criteria=CRITERIA).gammas.values
    centigray = gamma_index(
        replace(reference, values=100 * reference.values),
        replace(evaluated, values=100 * evaluated.values),
        criteria=replace(CRITERIA, normalisation_gy=5000.0),
    ).gammas.values
    np.testing.assert_allclose(centigray, gray, atol=2 * GAMMA_WITHIN)


def test_wider_criteria_never_give_more_gamma() -> None:
    reference, evaluated = _random(SMALL, 9), _random(SMALL, 10)
    strict = gamma_index(reference, evaluated, criteria=CRITERIA).gammas.values
    for wider in (replace(CRITERIA, dose_difference_percent=4), replace(CRITERIA, distance_mm=3)):
        assert (gamma_index(reference, evaluated, criteria=wider).gammas.values <= strict + GAMMA_WITHIN).all()


def test_local_differences_are_of_the_points_own_dose() -> None:
    values = np.where(np.indices(SMALL.shape)[2] < 3, 10.0, 40.0)
    reference = Volume(grid=SMALL, values=values)
    local = replace(CRITERIA, difference=Difference.LOCAL, distance_mm=1)
    found = gamma_index(reference, replace(reference, values=values * 1.06), criteria=local).gammas.values
    assert found[:, :, (0, 6)] == pytest.approx(2.0, abs=GAMMA_WITHIN)
    overall = gamma_index(
        reference, replace(reference, values=values * 1.06), criteria=replace(CRITERIA, distance_mm=1)
    ).gammas.values
    assert overall[:, :, 0] == pytest.approx(0.6 / DOSE_GY, abs=GAMMA_WITHIN)
    assert overall[:, :, 6] == pytest.approx(2.4 / DOSE_GY, abs=GAMMA_WITHIN)


def test_points_below_the_threshold_are_not_judged_and_those_on_it_are() -> None:
    values = np.full(SMALL.shape, 5.0)
    values[0], values[1] = 4.999, 0.0
    dose = Volume(grid=SMALL, values=values)
    found = gamma_index(dose, dose, criteria=CRITERIA)
    assert found.below == 2 * values[0].size
    assert np.isnan(found.gammas.values[:2]).all()
    assert (found.fates[:2] == Fate.BELOW).all()
    assert (found.fates[2:] == Fate.JUDGED).all()


def test_points_that_the_evaluated_dose_does_not_reach_are_told_apart() -> None:
    reference = Volume(grid=SMALL, values=np.full(SMALL.shape, 30.0))
    reference.values[0] = 0
    half = replace(SMALL, shape=(7, 9, 4))
    found = gamma_index(reference, Volume(grid=half, values=np.full(half.shape, 30.0)), criteria=CRITERIA)
    assert (found.below, found.outside, found.judged) == (63, 6 * 9 * 3, 6 * 9 * 4)
    assert (found.fates[1:, :, 4:] == Fate.OUTSIDE).all()
    assert np.isnan(found.gammas.values[1:, :, 4:]).all()
    assert found.pass_percent == 100
    assert found.reached_percent == pytest.approx(100 * 4 / 7)


def test_the_reference_maximum_is_the_normalisation_when_it_is_asked_for() -> None:
    values = np.full(SMALL.shape, 20.0)
    values[3, 4, 3] = 40.0
    dose = Volume(grid=SMALL, values=values)
    asked = replace(CRITERIA, normalisation_gy=Normalisation.REFERENCE_MAXIMUM, threshold_percent=60)
    found = gamma_index(dose, dose, criteria=asked)
    assert (found.normalisation_gy, found.threshold_gy, found.judged) == (40.0, 24.0, 1)


def test_gamma_stops_at_its_cap_and_says_how_often() -> None:
    dose = Volume(grid=SMALL, values=np.full(SMALL.shape, 30.0))
    found = gamma_index(dose, replace(dose, values=dose.values + 50), criteria=replace(CRITERIA, gamma_max=1.5))
    assert (found.capped, found.passed, found.highest) == (found.judged, 0, 1.5)


def test_a_search_in_the_plane_does_not_find_the_dose_of_another_slice() -> None:
    slope = np.array([0.0, 0.0, 0.8])
    reference = _slope(SMALL, slope, shift_mm=np.zeros(3))
    evaluated = _slope(SMALL, slope, shift_mm=np.array([0.0, 0.0, 1.0]))
    plane = gamma_index(reference, evaluated, criteria=replace(CRITERIA, search=Search.PLANE))
    volume = gamma_index(reference, evaluated, criteria=CRITERIA)
    assert plane.gammas.values == pytest.approx(0.8 / DOSE_GY, abs=GAMMA_WITHIN)
    assert _inner(volume) == pytest.approx(0.8 / hypot(DOSE_GY, 1.6), abs=GAMMA_WITHIN)


@pytest.mark.parametrize("slices", [1, 7])
def test_one_plane_is_compared_with_a_plane_or_with_the_dose_interpolated_to_it(slices: int) -> None:
    slope = np.array([0.4, -0.3, 0.2])
    evaluated_grid = replace(SMALL, shape=(slices, 9, 7))
    at = SMALL.points(np.array([0.0, 0.0, 0.0 if slices == 1 else 2.4]))
    plane = replace(SMALL, origin=at, shape=(1, 9, 7))
    found = gamma_index(
        _slope(plane, slope, shift_mm=np.zeros(3)),
        _slope(evaluated_grid, slope, shift_mm=np.array([0.8, -0.6, 0.0])),
        criteria=replace(CRITERIA, search=Search.PLANE),
    )
    assert found.judged == 63
    assert found.gammas.values[0, 3:-3, 2:-2] == pytest.approx(0.5 / hypot(DOSE_GY, 1.0), abs=GAMMA_WITHIN)


def test_a_plane_beside_the_evaluated_plane_is_not_reached() -> None:
    plane = replace(SMALL, shape=(1, 9, 7))
    beside = replace(plane, origin=plane.origin + np.array([0.0, 0.0, 0.5]))
    dose = np.full(plane.shape, 30.0)
    with pytest.raises(Refusal, match="gamma-grids-apart"):
        gamma_index(
            Volume(grid=plane, values=dose),
            Volume(grid=beside, values=dose),
            criteria=replace(CRITERIA, search=Search.PLANE),
        )


def test_the_histogram_counts_every_judged_point_once() -> None:
    found = gamma_index(_random(SMALL, 11), _random(SMALL, 12, roughness_gy=20), criteria=CRITERIA)
    edges, counts = found.histogram(10)
    assert (edges[0], edges[10], edges[-1]) == (0, 1, 4)
    assert counts.sum() == found.judged
    assert counts[:10].sum() == np.count_nonzero(found.gammas.values < 1)
    assert found.mean == pytest.approx(np.mean(found.gammas.values), rel=1e-6)


@pytest.mark.parametrize("role", ["reference", "evaluated"])
@pytest.mark.parametrize(
    ("value", "code"),
    [(np.nan, "gamma-dose-not-finite"), (np.inf, "gamma-dose-not-finite"), (-0.01, "gamma-dose-negative")],
)
def test_what_is_no_dose_is_refused(role: str, value: float, code: str) -> None:
    doses = {"reference": _random(SMALL, 13), "evaluated": _random(SMALL, 14)}
    doses[role].values[3, 3, 3] = value
    with pytest.raises(Refusal, match=code) as refused:
        gamma_index(doses["reference"], doses["evaluated"], criteria=CRITERIA)
    assert refused.value.details == {"role": role}


def test_a_reference_without_dose_has_no_maximum_to_normalise_to() -> None:
    empty = Volume(grid=SMALL, values=np.zeros(SMALL.shape))
    with pytest.raises(Refusal, match="dose-empty"):
        gamma_index(empty, empty, criteria=replace(CRITERIA, normalisation_gy=Normalisation.REFERENCE_MAXIMUM))
    with pytest.raises(Refusal, match="gamma-nothing-to-judge"):
        gamma_index(empty, empty, criteria=CRITERIA)


def test_grids_that_do_not_meet_are_refused() -> None:
    dose = _random(SMALL, 15)
    apart = replace(dose, grid=replace(SMALL, origin=SMALL.origin + 500))
    with pytest.raises(Refusal, match="gamma-grids-apart"):
        gamma_index(dose, apart, criteria=CRITERIA)


def test_grids_unfit_for_the_search_are_refused() -> None:
    dose = _random(SMALL, 16)
    thin = replace(SMALL, shape=(1, 9, 7))
    with pytest.raises(Refusal, match="gamma-grid-too-thin"):
        gamma_index(dose, Volume(grid=thin, values=np.ones(thin.shape)), criteria=CRITERIA)
    with pytest.raises(Refusal, match="gamma-planes-not-parallel"):
        gamma_index(dose, replace(dose, grid=_turned(SMALL)), criteria=replace(CRITERIA, search=Search.PLANE))


def test_a_search_over_too_many_cells_is_refused() -> None:
    fine = replace(SMALL, spacing=np.array([0.2, 0.2, 0.2]), shape=(80, 80, 80))
    dose = Volume(grid=fine, values=np.full(fine.shape, 30.0, np.float32))
    with pytest.raises(Refusal, match="gamma-search-too-wide"):
        gamma_index(dose, dose, criteria=replace(CRITERIA, distance_mm=10))


@pytest.mark.parametrize(
    ("criterion", "value"),
    [
        ("dose_difference_percent", 0),
        ("dose_difference_percent", np.nan),
        ("distance_mm", -2),
        ("distance_mm", np.inf),
        ("threshold_percent", -1),
        ("threshold_percent", 100),
        ("gamma_max", 1),
        ("normalisation_gy", 0),
    ],
)
def test_criteria_that_mean_nothing_are_refused(criterion: str, value: float) -> None:
    with pytest.raises(Refusal, match="gamma-criterion-out-of-range") as refused:
        replace(CRITERIA, **{criterion: value})
    assert refused.value.details["criterion"] == criterion


def test_local_differences_need_a_threshold() -> None:
    with pytest.raises(Refusal, match="gamma-local-needs-threshold"):
        replace(CRITERIA, difference=Difference.LOCAL, threshold_percent=0)


def test_no_criterion_has_a_default() -> None:
    with pytest.raises(TypeError, match="7 required keyword-only arguments"):
        GammaCriteria()  # type: ignore[call-arg]


@pytest.mark.parametrize("search", list(Search))
def test_progress_is_told_up_to_the_end(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gamma_module, "CHUNK_VOXELS", 40)
    dose = _random(SMALL, 17)
    told: list[tuple[int, int]] = []
    parts = gamma_index(
        dose,
        dose,
        criteria=replace(CRITERIA, search=search),
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert parts.judged == dose.values.size
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[-1] == (441, 441)
    assert len(told) >= 441 // 40


def test_what_progress_raises_ends_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gamma_module, "CHUNK_VOXELS", 40)
    calls: list[int] = []

    def cancel(done: int, _total: int) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise InterruptedError

    dose = _random(SMALL, 18)
    with pytest.raises(InterruptedError):
        gamma_index(dose, dose, criteria=CRITERIA, on_progress=cancel)
    assert calls == [40, 80, 120]


def test_what_is_held_beside_the_doses_is_the_map_and_little_more() -> None:
    """Five bytes a voxel are the map; a chunk of points and the list of gammas for the median are the rest."""
    grid = replace(SMALL, shape=(60, 200, 200))
    values = np.zeros(grid.shape, np.float32)
    values[20:40, 50:150, 50:150] = 30
    dose = Volume(grid=grid, values=values)
    gamma_index(_random(SMALL, 19), _random(SMALL, 20), criteria=CRITERIA)
    tracemalloc.start()
    gamma_index(dose, dose, criteria=CRITERIA)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * values.size + 18e6


def test_arrays_of_other_kinds_and_layouts_give_the_same() -> None:
    reference, evaluated = _random(SMALL, 21), _random(SMALL, 22)
    plain = gamma_index(reference, evaluated, criteria=CRITERIA).gammas.values
    for kind in (">f8", "f8"):
        other = [replace(each, values=np.asfortranarray(each.values.astype(kind))) for each in (reference, evaluated)]
        np.testing.assert_array_equal(gamma_index(other[0], other[1], criteria=CRITERIA).gammas.values, plain)
