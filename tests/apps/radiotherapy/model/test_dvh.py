"""Histograms against closed forms: solids in a dose that is linear, where planes of equal dose cut off known parts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from bench.radiotherapy_dvh import cases, figures, figures_in_truth, timed, volume_in_truth_cc
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from tests.apps.radiotherapy.model.solids_of_revolution import (
    FRAME,
    box_ring,
    circle,
    cone,
    cylinder,
    dose_on,
    grid_about,
    linear,
    sphere,
    turned,
)
from tianfu.apps.radiotherapy.model.dvh import Dvh, dose_volume_histogram
from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_percent, volume_at_dose_percent
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from, shape_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.structures import Ring, Structure

DOSE_WITHIN_GY = 0.05
VOLUME_WITHIN = 0.01
UP = np.array([0.0, 0.0, 1.0])


def dvh_of(shape: Shape, dose: Volume[np.float64], *, thickness: float | None = None, frame: Grid = FRAME) -> Dvh:
    return dose_volume_histogram(shape, frame, dose, slice_thickness_mm=thickness)


def cap_of_sphere(radius: float, share: float) -> float:
    """How far from the centre a plane cuts off a share of a ball: volume of a cap is π h² (3 R - h) / 3."""
    form = lambda h: h**2 * (3 * radius - h) / (4 * radius**3) - share  # noqa: E731
    return radius - float(brentq(form, 0, 2 * radius))


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -2, 3)])
@pytest.mark.parametrize(("radius", "step"), [(5, 1), (5, 3), (12, 3), (50, 3)])
def test_a_sphere_in_a_gradient_has_the_doses_of_its_caps(
    radius: float, step: float, direction: tuple[float, float, float]
) -> None:
    dvh = dvh_of(sphere(radius, step=step), dose_on(grid_about(radius + 6, 3), linear(np.array(direction, float))))
    assert dvh.volume_cc == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=VOLUME_WITHIN)
    assert dvh.mean_gy == pytest.approx(40, abs=DOSE_WITHIN_GY)
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((40 - 0.2 * radius, 40 + 0.2 * radius), abs=DOSE_WITHIN_GY)
    for percent in (99, 98, 95, 50, 5, 2, 1):
        truth = 40 + 0.2 * cap_of_sphere(radius, percent / 100)
        assert dose_at_percent(dvh, percent) == pytest.approx(truth, abs=DOSE_WITHIN_GY)


def test_a_cone_along_the_gradient_falls_with_the_cube_of_the_way_to_its_apex() -> None:
    """Above a height z of a cone of height h lies a similar cone: (1 - z / h)³ of the volume; its middle is at h / 4.

    Volume π r² h / 3 and centroid are those of Euclid XII.10 and Archimedes, as Nelms et al. 2015 (doi
    10.1118/1.4923175) use them for histograms.
    """
    dvh = dvh_of(cone(15, 30, step=2), dose_on(grid_about(36, 2.5), linear(UP)))
    assert dvh.volume_cc == pytest.approx(np.pi * 15**2 * 30 / 3 / 1000, rel=VOLUME_WITHIN)
    assert dvh.max_gy == pytest.approx(40 + 0.2 * 30, abs=DOSE_WITHIN_GY)
    for dose_gy in (41.0, 42.0, 44.0, 45.0):
        share = (1 - (dose_gy - 40) / (0.2 * 30)) ** 3
        assert volume_at_dose_percent(dvh, dose_gy) == pytest.approx(100 * share, abs=0.5)
    for percent in (99, 95, 50, 5, 1):
        truth = 40 + 0.2 * 30 * (1 - (percent / 100) ** (1 / 3))
        assert dose_at_percent(dvh, percent) == pytest.approx(truth, abs=DOSE_WITHIN_GY)
    assert dvh.mean_gy == pytest.approx(40 + 0.2 * 30 / 4, abs=DOSE_WITHIN_GY)


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, -1, 0), (3, 4, 0)])
def test_a_cone_across_the_gradient_reaches_as_far_as_its_base_on_both_sides(
    direction: tuple[float, float, float],
) -> None:
    """Its middle is on its axis; its base of radius r reaches r, and by symmetry half of it lies on either side."""
    dvh = dvh_of(cone(15, 30, step=2), dose_on(grid_about(36, 2.5), linear(np.array(direction, float))))
    assert (dvh.mean_gy, dose_at_percent(dvh, 50)) == pytest.approx((40, 40), abs=DOSE_WITHIN_GY)
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((40 - 0.2 * 15, 40 + 0.2 * 15), abs=DOSE_WITHIN_GY)


def test_a_cylinder_along_the_gradient_falls_evenly() -> None:
    dvh = dvh_of(cylinder(8, 24, step=3), dose_on(grid_about(30, 3), linear(UP)))
    for percent in (99, 95, 50, 5, 1):
        truth = 40 + 0.2 * 24 * (1 - percent / 100)
        assert dose_at_percent(dvh, percent) == pytest.approx(truth, abs=DOSE_WITHIN_GY)


def test_a_lying_cylinder_ends_where_it_does() -> None:
    """Its sections are rectangles whose squared width is quadratic in z."""
    radius, length = 9.0, 30.0
    rings = [(z, box_ring(length, 2 * float(np.sqrt(radius**2 - z**2)))) for z in np.arange(-8.0, 9, 2.5)]
    dvh = dvh_of(shape_from(rings), dose_on(grid_about(24, 3), linear(UP)))
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((40 - 0.2 * radius, 40 + 0.2 * radius), abs=DOSE_WITHIN_GY)
    assert dvh.volume_cc == pytest.approx(np.pi * radius**2 * length / 1000, rel=VOLUME_WITHIN)


def test_an_oblique_ellipsoid_has_its_volume() -> None:
    """Sections of an ellipsoid sheared along x: ellipses with linear centres."""
    rings = []
    for z in np.arange(-17.0, 20, 3):
        share = float(np.sqrt(1 - (z / 20) ** 2))
        rings.append((float(z), circle(1.0) * np.array([8, 14]) * share + np.array([0.7 * z, 0])))
    dvh = dvh_of(shape_from(rings), dose_on(grid_about(30, 3), linear(UP)))
    assert dvh.volume_cc == pytest.approx(4 / 3 * np.pi * 8 * 14 * 20 / 1000, rel=VOLUME_WITHIN)
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((36, 44), abs=DOSE_WITHIN_GY)


def test_a_shell_is_its_outer_sphere_less_its_inner_one() -> None:
    rings = []
    for z in np.arange(-18.6, 20, 3):
        rings.append((float(z), circle(float(np.sqrt(20**2 - z**2)))))
        if abs(z) < 12:
            rings.append((float(z), circle(float(np.sqrt(12**2 - z**2)))[::-1]))
    dvh = dvh_of(shape_from(rings), dose_on(grid_about(26, 3), linear(UP)))
    assert dvh.volume_cc == pytest.approx(4 / 3 * np.pi * (20**3 - 12**3) / 1000, rel=VOLUME_WITHIN)
    assert dvh.mean_gy == pytest.approx(40, abs=DOSE_WITHIN_GY)


def test_two_parts_of_one_structure_each_have_ends_of_their_own() -> None:
    rings = [
        (float(z), circle(float(np.sqrt(10**2 - (z - up) ** 2)), x=x))
        for x, up in ((-20.0, 0.0), (20.0, 6.0))
        for z in np.arange(-19.0, 22, 2)
        if abs(z - up) < 10
    ]
    dvh = dvh_of(shape_from(rings), dose_on(grid_about(40, 3), linear(UP)))
    assert dvh.volume_cc == pytest.approx(2 * 4 / 3 * np.pi * 1000 / 1000, rel=VOLUME_WITHIN)
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((38, 43.2), abs=DOSE_WITHIN_GY)


def test_a_fork_keeps_the_volume_of_its_slices() -> None:
    rings = [(3.0 * at, circle(8, x=x)) for at in range(4) for x in (-15.0, 15.0)]
    rings += [(3.0 * at, box_ring(50, 20)) for at in range(4, 8)]
    dvh = dvh_of(shape_from(rings), dose_on(grid_about(40, 3), linear(UP)))
    assert dvh.volume_cc == pytest.approx((4 * 3 * 2 * np.pi * 64 + 4 * 3 * 1000) / 1000, rel=VOLUME_WITHIN)


@settings(max_examples=15, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-3, 3)] * 3),
    shift=st.tuples(*[st.floats(-50, 50)] * 3),
)
def test_the_frame_may_be_turned_and_moved(
    angles: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    """Contours and dose turned and moved together give the same histogram."""
    shape, grid = cone(12, 20, step=2.5), grid_about(27, 3)
    dose = dose_on(grid, linear(np.array([1.0, 2.0, 3.0])))
    axes, origin = turned(angles), np.array(shift)
    frame = Grid(origin=origin, axes=axes, spacing=np.ones(3), shape=(1, 1, 1))
    moved = Grid(origin=grid.origin @ axes + origin, axes=axes, spacing=grid.spacing, shape=grid.shape)
    still = dvh_of(shape, dose)
    turned_dvh = dvh_of(shape, Volume(grid=moved, values=dose.values), frame=frame)
    assert turned_dvh.volume_cc == pytest.approx(still.volume_cc, rel=1e-9)
    for percent in (99, 95, 50, 5, 1):
        assert dose_at_percent(turned_dvh, percent) == pytest.approx(dose_at_percent(still, percent), abs=1e-3)


AXIAL, CORONAL, SAGITTAL = np.eye(3), np.eye(3)[[0, 2, 1]] * [[1], [-1], [1]], np.eye(3)[[1, 2, 0]]


@settings(max_examples=15, deadline=None)
@given(
    axes=st.one_of(
        st.sampled_from([AXIAL, CORONAL, SAGITTAL]),
        st.builds(turned, st.tuples(*[st.floats(-3, 3)] * 3)),
    ),
    shift=st.tuples(*[st.floats(-200, 200)] * 3),
)
def test_contours_drawn_on_slices_of_any_direction_have_their_closed_form(
    axes: Floats, shift: tuple[float, float, float]
) -> None:
    """Direction cosines and points turned together (PS3.3 C.7.6.2.1.1): a sphere is one in every direction.

    The dose grows along the patient, not along the slices, and its grid is turned as they are.
    """
    radius, middle, grid = 12.0, np.array(shift), grid_about(27, 3)
    rings = tuple(
        Ring(points=np.column_stack([ring, np.full(len(ring), plane.z_mm)]) @ axes + middle)
        for plane in sphere(radius, step=2).planes
        for ring in plane.rings
    )
    structure = Structure(number=1, name="Ball", kind="PTV", colour=None, generation="", rings=rings)
    images = Grid(origin=middle - 30, axes=axes, spacing=np.array([1.0, 1.0, 2.0]), shape=(31, 60, 60))
    doses = Grid(origin=grid.origin @ axes + middle, axes=axes, spacing=grid.spacing, shape=grid.shape)
    along = linear(np.array([1.0, -2.0, 2.0]))
    dose = dose_on(doses, lambda points: along(points - middle))
    dvh = dvh_of(shape_of(structure, images), dose, frame=images)
    assert dvh.volume_cc == pytest.approx(4 / 3 * np.pi * radius**3 / 1000, rel=VOLUME_WITHIN)
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((40 - 0.2 * radius, 40 + 0.2 * radius), abs=DOSE_WITHIN_GY)
    for percent in (95, 50, 5):
        truth = 40 + 0.2 * cap_of_sphere(radius, percent / 100)
        assert dose_at_percent(dvh, percent) == pytest.approx(truth, abs=DOSE_WITHIN_GY)


@settings(max_examples=15, deadline=None)
@given(angles=st.tuples(*[st.floats(-3, 3)] * 3))
def test_the_dose_grid_may_be_turned_against_the_contours(angles: tuple[float, float, float]) -> None:
    radius, grid = 12.0, grid_about(27, 3)
    axes = turned(angles)
    turned_grid = Grid(origin=grid.origin @ axes, axes=axes, spacing=grid.spacing, shape=grid.shape)
    dvh = dvh_of(sphere(radius, step=3), dose_on(turned_grid, linear(np.array([3.0, -1.0, 2.0]))))
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((40 - 0.2 * radius, 40 + 0.2 * radius), abs=DOSE_WITHIN_GY)
    assert dose_at_percent(dvh, 95) == pytest.approx(40 + 0.2 * cap_of_sphere(radius, 0.95), abs=DOSE_WITHIN_GY)


def test_the_hottest_voxel_centre_within_is_the_maximum() -> None:
    grid = grid_about(30, 3)
    values = np.full(grid.shape, 10.0)
    values[10, 11, 10] = 50.0
    assert np.linalg.norm(grid.points(np.array([10.0, 11.0, 10.0]))) < 11
    assert dvh_of(sphere(12, step=3), Volume(grid=grid, values=values)).max_gy == 50.0


def test_the_hottest_voxel_centre_outside_does_not_count() -> None:
    grid = grid_about(30, 3)
    values = np.full(grid.shape, 10.0)
    values[3, 3, 3] = 50.0
    assert dvh_of(sphere(12, step=3), Volume(grid=grid, values=values)).max_gy == pytest.approx(10)


def test_a_structure_smaller_than_a_voxel_has_the_dose_where_it_is() -> None:
    shape = shape_from([(z, circle(0.3, x=1.1, y=0.2)) for z in (0.3, 0.5, 0.7)])
    dvh = dvh_of(shape, dose_on(grid_about(12, 3), linear(UP)))
    assert dvh.mean_gy == pytest.approx(40.1, abs=0.01)
    assert dvh.min_gy == pytest.approx(40 + 0.2 * 0.2, abs=0.01)
    assert dvh.volume_cc == pytest.approx(np.pi * 0.3**2 * 0.6 / 1000, rel=VOLUME_WITHIN)


def test_a_structure_of_one_plane_is_as_thick_as_is_told() -> None:
    dose = dose_on(grid_about(20, 3), linear(UP))
    dvh = dvh_of(shape_from([(1.0, circle(8))]), dose, thickness=3.0)
    assert dvh.volume_cc == pytest.approx(np.pi * 64 * 3 / 1000, rel=VOLUME_WITHIN)
    assert (dvh.min_gy, dvh.max_gy) == pytest.approx((39.9, 40.5))


def test_a_structure_of_one_plane_without_a_thickness_is_refused() -> None:
    with pytest.raises(Refusal, match="structure-of-one-plane"):
        dvh_of(shape_from([(1.0, circle(8))]), dose_on(grid_about(20, 3), linear(UP)))


def test_what_lies_beyond_the_dose_is_told_and_not_counted() -> None:
    """The dose ends at x = 0: half of the sphere has none."""
    grid = Grid(origin=np.array([0.0, -20, -20]), axes=np.eye(3), spacing=np.full(3, 2.5), shape=(17, 17, 17))
    dvh = dvh_of(sphere(10, step=2), dose_on(grid, linear(np.array([1.0, 0, 0]))))
    assert dvh.is_partial
    assert dvh.outside_share == pytest.approx(0.5, abs=0.01)
    assert dvh.min_gy == pytest.approx(40, abs=DOSE_WITHIN_GY)
    assert dvh.volume_cc + dvh.outside_cc == pytest.approx(4 / 3 * np.pi, rel=VOLUME_WITHIN)


def test_a_structure_wholly_beyond_the_dose_is_refused() -> None:
    grid = Grid(origin=np.array([100.0, 0, 0]), axes=np.eye(3), spacing=np.full(3, 2.5), shape=(9, 9, 9))
    with pytest.raises(Refusal, match="structure-outside-dose"):
        dvh_of(sphere(10, step=2), dose_on(grid, linear(UP)))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_dose_that_is_no_number_is_refused(wrong: float) -> None:
    dose = dose_on(grid_about(20, 3), linear(UP))
    dose.values[6, 6, 6] = wrong
    with pytest.raises(Refusal, match="dose-not-finite"):
        dvh_of(sphere(10, step=2), dose)


def test_rings_without_area_are_refused() -> None:
    line = np.array([[0.0, 0], [5, 0], [9, 0]])
    with pytest.raises(Refusal, match="structure-without-area"):
        dvh_of(shape_from([(0.0, line), (3.0, line)]), dose_on(grid_about(20, 3), linear(UP)))


def test_an_even_dose_is_one_step() -> None:
    dvh = dvh_of(sphere(10, step=2), dose_on(grid_about(20, 3), lambda points: np.full(points.shape[:-1], 2.0)))
    assert (dvh.min_gy, dvh.mean_gy, dvh.max_gy) == pytest.approx((2, 2, 2))
    assert dose_at_percent(dvh, 95) == pytest.approx(2)
    assert volume_at_dose_percent(dvh, 1.99) == pytest.approx(100)
    assert volume_at_dose_percent(dvh, 2.01) == 0


@settings(max_examples=20, deadline=None)
@given(radius=st.floats(1, 30), step=st.floats(0.5, 4), first=st.floats(0.05, 0.95), spacing=st.floats(1, 5))
def test_volumes_sum_up_and_curves_only_fall(radius: float, step: float, first: float, spacing: float) -> None:
    dvh = dvh_of(
        sphere(radius, step=min(step, radius), first=first),
        dose_on(grid_about(40, max(spacing, 2)), lambda points: 60 * np.exp(-((points / 25) ** 2).sum(axis=-1))),
    )
    at_least = dvh.at_least_cc
    assert at_least[0] == pytest.approx(dvh.volume_cc)
    assert np.all(np.diff(at_least) <= 0)
    assert dvh.min_gy <= dvh.mean_gy <= dvh.max_gy


def test_float32_doses_read_as_others_do() -> None:
    dose = dose_on(grid_about(20, 3), linear(UP))
    single: Volume[np.float32] = Volume(grid=dose.grid, values=dose.values.astype(np.float32))
    one = dose_volume_histogram(sphere(10, step=2), FRAME, single, slice_thickness_mm=None)
    assert one.mean_gy == pytest.approx(dvh_of(sphere(10, step=2), dose).mean_gy, abs=1e-4)


@pytest.mark.slow  # compiles the kernels if they are not cached, and measures 30 solids
def test_solids_in_random_gradients_keep_the_promise() -> None:
    for number, case in zip(range(30), cases(seed=7), strict=False):
        dvh, _ = timed(case.shape, case.dose)
        told, truth = figures(dvh), figures_in_truth(case)
        wrong = {name: told[name] - truth[name] for name in truth if abs(told[name] - truth[name]) > DOSE_WITHIN_GY}
        assert not wrong, json.dumps({"case": number, "kind": case.kind, "wrong": wrong})
        assert dvh.volume_cc == pytest.approx(volume_in_truth_cc(case), rel=VOLUME_WITHIN)


def test_a_small_hot_spot_in_a_large_body_is_not_overlooked() -> None:
    """A Gauss-shaped spot: the volume above D is 4/3 π (σ sqrt(2 ln(A / D)))³; so D0.03cc lies 1.93 mm from its top.

    Trilinear between centres 2 mm apart the top is flatter, by up to (2 mm)² / 8 · 3 A / σ² = 0.225 Gy.
    """
    rings = [(4.0 * at, box_ring(300, 200)) for at in range(-20, 21)]
    spot: Floats = np.array([31.0, 17.0, 9.0])

    def rule(points: Floats) -> Floats:
        return np.asarray(10 + 60 * np.exp(-((points - spot) ** 2).sum(axis=-1) / (2 * 20.0**2)))

    grid = Grid(origin=np.array([-160.0, -110, -90]), axes=np.eye(3), spacing=np.full(3, 2.0), shape=(91, 111, 161))
    dvh = dvh_of(shape_from(rings), dose_on(grid, rule))
    radius = (3 * 30 / (4 * np.pi)) ** (1 / 3)
    truth = 10 + 60 * np.exp(-(radius**2) / (2 * 20.0**2))
    assert dose_at_percent(dvh, 100 * 0.03 / dvh.volume_cc) == pytest.approx(truth - 0.1, abs=0.15)
