"""Radiological depth against lengths of straight lines in slabs, boxes and spheres."""

from __future__ import annotations

import numpy as np
import pytest

from tests.apps.radiotherapy.model.transport.water import (
    AXIS_MM,
    WATER,
    a_field,
    box,
    grid_about_origin,
    points_of,
)
from tests.radiotherapy_plan import phantom_table
from tianfu.apps.radiotherapy.model.transport.density import density_of, density_within
from tianfu.apps.radiotherapy.model.transport.geometry import View, view_of
from tianfu.apps.radiotherapy.model.transport.tracing import OUTSIDE, Resolution, depths_of, fan_of, surfaces_mm
from tianfu.standards.dicom.grids import Floats, Grid, Volume

FINE = Resolution(ray_mm=1.0, step_mm=1.0)
WIDE = np.array([[-70.0, -70.0], [70.0, 70.0]])
PLACES = grid_about_origin((40.0, 40.0, 40.0), 8.0)


def depths(density: Volume[np.float32], view: View, *, resolution: Resolution = FINE, places: Grid = PLACES) -> Floats:
    fan = fan_of(density, view, WIDE, resolution)
    voxels = np.arange(np.prod(places.shape), dtype=np.int32)
    return np.asarray(depths_of(fan, places, view, voxels), np.float64)


def length_in_box(source: Floats, points: Floats, half: Floats) -> Floats:
    """How much of the line from the source to each point lies in a box about the origin."""
    way = points - source
    with np.errstate(divide="ignore"):
        ends = np.sort(np.stack([(-half - source) / way, (half - source) / way]), axis=0)
    enters, leaves = ends[0].max(axis=1).clip(0, 1), ends[1].min(axis=1).clip(0, 1)
    return np.asarray((leaves - enters).clip(0) * np.linalg.norm(way, axis=1))


@pytest.mark.parametrize(("gantry", "couch"), [(0.0, 0.0), (37.0, 0.0), (140.0, 25.0), (270.0, 310.0)])
def test_depth_in_a_box_of_water_is_the_ray_s_length_in_it(gantry: float, couch: float) -> None:
    view = view_of(a_field(gantry=gantry, couch=couch), axis_mm=AXIS_MM)
    expected = length_in_box(view.source, points_of(PLACES), np.full(3, 100.0))
    # The box's face is a ramp of one voxel, 5 mm wide: rays that cross it near the edge of two faces see both ramps.
    wrong = np.abs(depths(WATER, view) - expected)
    assert wrong.max() < 2.5
    assert np.percentile(wrong, 95) < 0.6
    assert wrong.mean() < 0.15


def test_depth_in_a_slab_across_the_axis_is_exact() -> None:
    view = view_of(a_field(), axis_mm=AXIS_MM)
    expected = length_in_box(view.source, points_of(PLACES), np.full(3, 100.0))
    np.testing.assert_allclose(depths(WATER, view), expected, atol=0.01)


def test_depth_behind_a_sphere_of_other_density_is_its_chord() -> None:
    grid = grid_about_origin((50.0, 50.0, 50.0), 2.0)
    radius = 30.0
    finer = grid_about_origin((50.0, 50.0, 50.0), 1.0)
    inside = (np.linalg.norm(points_of(finer), axis=1) < radius).reshape(50, 2, 50, 2, 50, 2).mean(axis=(1, 3, 5))
    sphere = Volume(grid=grid, values=(1.7 * inside).astype(np.float32))
    view = view_of(a_field(gantry=60.0), axis_mm=AXIS_MM)
    behind = Grid(origin=-60.0 * view.toward_source, axes=np.eye(3), spacing=np.ones(3), shape=(21, 1, 1))
    points = points_of(behind)
    way = (points - view.source) / np.linalg.norm(points - view.source, axis=1)[:, None]
    aside = np.linalg.norm(np.cross(view.isocentre - view.source, way), axis=1)
    # Half a voxel of the sphere's surface, twice, by its density.
    np.testing.assert_allclose(depths(sphere, view, places=behind), 1.7 * 2 * np.sqrt(radius**2 - aside**2), atol=1.0)


def test_depth_does_not_depend_on_the_steps() -> None:
    view = view_of(a_field(gantry=25.0), axis_mm=AXIS_MM)
    coarse = depths(WATER, view, resolution=Resolution(ray_mm=2.0, step_mm=2.5))
    np.testing.assert_allclose(coarse, depths(WATER, view), atol=0.3)


def test_a_voxel_beside_the_fan_is_outside() -> None:
    view = view_of(a_field(), axis_mm=AXIS_MM)
    beside = Grid(origin=np.array([90.0, 0.0, 0.0]), axes=np.eye(3), spacing=np.ones(3), shape=(1, 1, 1))
    assert depths(WATER, view, places=beside).tolist() == [OUTSIDE]


def test_the_surface_is_where_the_ray_enters() -> None:
    view = view_of(a_field(gantry=90.0), axis_mm=AXIS_MM)
    at = np.array([[0.0, 0.0], [30.0, -20.0], [150.0, 0.0]])
    found = surfaces_mm(WATER, view, at, density_least=0.5)
    longer = np.sqrt(1 + (at**2).sum(axis=1) / AXIS_MM**2)
    np.testing.assert_allclose(found[:2], 900.0 * longer[:2], atol=0.01)
    assert np.isinf(found[2])


def test_densities_are_those_of_the_table_and_nothing_outside_the_body() -> None:
    grid = grid_about_origin((1.0, 0.5, 0.5), 1.0)
    image = Volume(grid=grid, values=np.array([[[324.5, -3000.0]]], np.float32))
    density = density_of(image, phantom_table())
    np.testing.assert_allclose(density.values, [[[1.2, 0.00324]]], rtol=1e-6)
    assert density_within(density, np.array([[[False, True]]])).values[0, 0, 0] == 0


def test_density_scales_depth() -> None:
    view = view_of(a_field(), axis_mm=AXIS_MM)
    half = box(WATER.grid, (100.0, 100.0, 100.0), density=0.5)
    np.testing.assert_allclose(depths(half, view), depths(WATER, view) / 2, atol=1e-3)
