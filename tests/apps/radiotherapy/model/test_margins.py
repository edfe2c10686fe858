"""Structures grown and shrunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.solids import box, grid, rectangle, sphere, turned
from tianfu.apps.radiotherapy.model.margins import Margin, along_axes, grown, shrunk, uniform
from tianfu.apps.radiotherapy.model.polygons import area_of
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from
from tianfu.kernel.refusal import Refusal

HERE = grid((1, 1, 1))
IN_PLANE_WITHIN_MM = 0.5


def radii(shape: Shape) -> list[tuple[float, np.ndarray]]:
    return [(plane.z_mm, np.hypot(*np.concatenate(plane.rings).T)) for plane in shape.planes]


@pytest.mark.slow  # thirty planes are looked for in fifty cuts
@pytest.mark.parametrize(("radius", "margin"), [(5.0, 1.0), (10.0, 5.0), (20.0, 10.0)])
def test_a_grown_sphere_is_the_sphere_of_the_sum(radius: float, margin: float) -> None:
    result = grown(sphere(radius), along_axes(uniform(margin), HERE), step_mm=3.0)
    outer = radius + margin
    assert [z for z, _ in radii(result)] == [z for z in np.arange(-60, 61, 3.0) if abs(z) < outer]
    for z, found in radii(result):
        assert np.abs(found - np.sqrt(outer**2 - z**2)).max() < IN_PLANE_WITHIN_MM


@pytest.mark.parametrize(("radius", "margin"), [(5.0, 1.0), (10.0, 5.0), (20.0, 10.0)])
def test_a_shrunk_sphere_is_the_sphere_of_the_difference(radius: float, margin: float) -> None:
    result = shrunk(sphere(radius), along_axes(uniform(margin), HERE), step_mm=3.0)
    inner = radius - margin
    assert [z for z, _ in radii(result)] == [z for z in np.arange(-60, 61, 3.0) if abs(z) < inner]
    for z, found in radii(result):
        assert np.abs(found - np.sqrt(inner**2 - z**2)).max() < IN_PLANE_WITHIN_MM


def test_a_grown_box_has_round_corners() -> None:
    """In the middle planes its area is w d + 2 m (w + d) + pi m² (Steiner's formula)."""
    result = grown(box(30.0, 20.0, 7), along_axes(uniform(6.0), HERE), step_mm=3.0)
    middle = next(plane for plane in result.planes if plane.z_mm == 9.0)
    assert area_of(middle.rings).area == pytest.approx(30 * 20 + 2 * 6 * 50 + np.pi * 36, rel=2e-3)
    assert np.concatenate(middle.rings).max(axis=0) == pytest.approx([21.0, 16.0], abs=0.05)
    # the box ends at -1.5: at z = -6 the margin's ball is 4.5 below and sqrt(36 - 4.5²) wide
    below = next(plane for plane in result.planes if plane.z_mm == -6.0)
    assert np.concatenate(below.rings).max(axis=0) == pytest.approx(
        np.array([15.0, 10.0]) + np.sqrt(36 - 4.5**2), abs=0.1
    )
    assert (result.planes[0].z_mm, result.planes[-1].z_mm) == (-6.0, 24.0)


def test_each_side_has_its_own_margin() -> None:
    margin = Margin(left=8.0, right=2.0, anterior=0.0, posterior=5.0, superior=6.0, inferior=0.0)
    result = grown(box(30.0, 20.0, 7), along_axes(margin, HERE), step_mm=3.0)
    points = np.concatenate(next(plane for plane in result.planes if plane.z_mm == 9.0).rings)
    assert points.max(axis=0) == pytest.approx([23.0, 15.0], abs=0.05)
    assert points.min(axis=0) == pytest.approx([-17.0, -10.0], abs=0.05)
    assert (result.planes[0].z_mm, result.planes[-1].z_mm) == (0.0, 24.0)


def test_a_corner_of_unlike_margins_is_a_quarter_of_an_ellipse() -> None:
    """Four quarters of ellipses: area = w d + d (l + r) + w (a + p) + pi / 4 (l + r) (a + p)."""
    margin = Margin(left=8.0, right=2.0, anterior=3.0, posterior=5.0, superior=4.0, inferior=4.0)
    result = grown(box(30.0, 20.0, 7), along_axes(margin, HERE), step_mm=3.0)
    middle = next(plane for plane in result.planes if plane.z_mm == 9.0)
    assert area_of(middle.rings).area == pytest.approx(600 + 20 * 10 + 30 * 8 + np.pi / 4 * 80, rel=2e-3)


def test_each_side_can_be_taken_off_by_its_own_margin() -> None:
    margin = Margin(left=8.0, right=2.0, anterior=0.0, posterior=5.0, superior=6.0, inferior=0.0)
    result = shrunk(box(30.0, 20.0, 7), along_axes(margin, HERE), step_mm=3.0)
    points = np.concatenate(next(plane for plane in result.planes if plane.z_mm == 6.0).rings)
    assert points.max(axis=0) == pytest.approx([7.0, 5.0], abs=0.1)
    assert points.min(axis=0) == pytest.approx([-13.0, -10.0], abs=0.1)
    assert (result.planes[0].z_mm, result.planes[-1].z_mm) == (0.0, 12.0)  # the box ends at 19.5


def test_sides_are_the_patients_whichever_way_the_grid_looks() -> None:
    margin = Margin(left=1.0, right=2.0, anterior=3.0, posterior=4.0, superior=5.0, inferior=6.0)
    sagittal = along_axes(margin, grid((1, 1, 1), axes=np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])))
    assert (sagittal.plane.growing_x, sagittal.plane.falling_x) == (4.0, 3.0)
    assert (sagittal.plane.growing_y, sagittal.plane.falling_y) == (6.0, 5.0)
    assert (sagittal.above, sagittal.below) == (2.0, 1.0)


def test_an_oblique_grid_takes_the_same_margin_to_all_sides_only() -> None:
    oblique = grid((1, 1, 1), axes=turned(np.array([0.0, 0.0, 1.0]), 0.5))
    assert along_axes(uniform(5.0), oblique).above == 5.0
    unlike = Margin(left=8.0, right=2.0, anterior=3.0, posterior=5.0, superior=4.0, inferior=4.0)
    with pytest.raises(Refusal, match="margin-on-oblique-grid"):
        along_axes(unlike, oblique)


@settings(max_examples=6, deadline=None)
@given(
    small=st.floats(0.5, 6.0),
    more=st.floats(0.1, 4.0),
    width=st.floats(8.0, 25.0),
    depth=st.floats(8.0, 25.0),
)
def test_a_greater_margin_holds_a_smaller_one(small: float, more: float, width: float, depth: float) -> None:
    shape = box(width, depth, 3)
    inner, outer = (grown(shape, along_axes(uniform(m), HERE), step_mm=3.0) for m in (small, small + more))
    around = {plane.z_mm: area_of(plane.rings) for plane in outer.planes}
    for plane in inner.planes:
        assert area_of(plane.rings).difference(around[plane.z_mm].buffer(0.02)).area == pytest.approx(0.0, abs=1e-6)


def test_a_margin_is_cut_at_the_skin() -> None:
    skin = shape_from((z, rectangle(24.0, 200.0)) for z in np.arange(-60.0, 61.0, 3.0))
    result = grown(sphere(10.0), along_axes(uniform(5.0), HERE), step_mm=3.0, within=skin)
    middle = np.concatenate(next(plane for plane in result.planes if plane.z_mm == 0.0).rings)
    assert middle.max(axis=0) == pytest.approx([12.0, 15.0], abs=0.05)


def test_nothing_is_left_of_a_structure_thinner_than_its_margin() -> None:
    assert shrunk(sphere(5.0), along_axes(uniform(6.0), HERE), step_mm=3.0).planes == ()


@pytest.mark.parametrize(("length", "code"), [(-1.0, "margin-not-positive"), (1000.0, "margin-too-large")])
def test_what_is_no_margin_is_refused(length: float, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        uniform(length)
