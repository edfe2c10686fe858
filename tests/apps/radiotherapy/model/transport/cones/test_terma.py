from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erf

from tests.apps.radiotherapy.model.transport.cones.made import cube, even_map, looking, made_beam
from tianfu.apps.radiotherapy.model.transport.cones.fluence import rectangle_fluence
from tianfu.apps.radiotherapy.model.transport.cones.sight import Sight, sight_of
from tianfu.apps.radiotherapy.model.transport.cones.terma import Ray, Reals, fluence_on, traced_on
from tianfu.standards.dicom.grids import Floats, Grid, Volume

M, A = 0.005, 0.3


def ray(reach_mm: float = 500.0) -> Ray:
    depths = np.arange(0.0, reach_mm, 0.5)
    table = np.exp(-M * depths)[None].astype(np.float32)
    return Ray(least_per_mm=A, levels=np.zeros(1, np.int64), table=table, table_mm=0.5)


def traced(density: Volume[np.float32], sight: Sight) -> tuple[Reals, Reals]:
    return traced_on(density, sight, density.grid, np.ones(density.grid.shape, np.bool_), ray())


def by_small_steps(density: Volume[np.float32], source: Floats, end: Floats) -> float:
    """Density times length, by many samples of the nearest voxel."""
    shares = (np.arange(200_000) + 0.5) / 200_000
    places = np.rint(density.grid.indices(source + shares[:, None] * (end - source))).astype(int)
    shape = np.array(density.grid.shape[::-1])
    inside = np.all((places >= 0) & (places < shape), axis=1)
    i, j, k = places[inside].T
    return float(density.values[k, j, i].sum() / 200_000 * np.linalg.norm(end - source))


def test_the_way_through_any_matter_is_that_of_many_small_steps() -> None:
    random = np.random.default_rng(9)
    turned = np.array([[0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    grid = Grid(
        origin=np.array([-40.0, -30.0, -20.0]), axes=turned, spacing=np.array([2.0, 3.0, 5.0]), shape=(9, 15, 21)
    )
    density = Volume(grid=grid, values=random.random(grid.shape, np.float32))
    sight = sight_of(looking(37.0, couch_degrees=20.0), axis_mm=300.0)
    depths, _ = traced(density, sight)
    for _ in range(20):
        k, j, i = (int(random.integers(count)) for count in grid.shape)
        expected = by_small_steps(density, sight.source, grid.points(np.array([i, j, k], float)))
        assert depths[k, j, i] == pytest.approx(expected, abs=0.01)


def test_the_way_along_a_row_of_voxels_is_their_density_times_their_length() -> None:
    density = cube(voxels=21, spacing_mm=3.0, density=0.5)
    depths, _ = traced(density, sight_of(looking(0.0), axis_mm=1000.0))
    assert depths[10, :, 10] == pytest.approx(np.clip(np.arange(21) - 1.5, 0, 17) * 3.0 * 0.5, abs=1e-4)


def test_a_ray_from_far_away_carries_dose_that_builds_up_as_its_closed_form() -> None:
    # a / (a - m) (exp(-m d) - exp(-a d)); voxels' walls are steps of the ray.
    density = cube(voxels=61, spacing_mm=1.0, density=1.0)
    depths, doses = traced(density, sight_of(looking(270.0), axis_mm=1e6))
    d = depths[30, 30].astype(np.float64)
    assert doses[30, 30] == pytest.approx(A / (A - M) * (np.exp(-M * d) - np.exp(-A * d)), rel=2e-3, abs=1e-4)


def test_fluence_falls_with_the_square_of_the_distance_and_ends_where_the_map_does() -> None:
    grid = cube(voxels=21, spacing_mm=10.0, density=1.0).grid
    found = fluence_on(even_map(half_mm=55.0, pixel_mm=1.0), sight_of(looking(90.0), axis_mm=500.0), grid)
    from_source = 500.0 - (np.arange(21) - 10) * 10.0
    assert found[10, 10] == pytest.approx((500.0 / from_source) ** 2, rel=1e-6)
    reached = np.abs(np.arange(21) - 10) * 10.0 * 500.0 / from_source[:, None] <= 55.0
    assert np.array_equal(found[:, 10].T > 0, reached)


def test_an_edge_is_blurred_by_the_source_as_an_error_function() -> None:
    beam = made_beam()
    found = rectangle_fluence(beam, x_mm=(-30.0, 50.0), y_mm=(-40.0, 40.0), pixel_mm=0.5)
    x = found.first_mm[0] + np.arange(found.values.shape[1]) * 0.5
    sigma = 4.0 / (2 * np.sqrt(2 * np.log(2)))
    expected = (erf((x + 30) / sigma / np.sqrt(2)) - erf((x - 50) / sigma / np.sqrt(2))) / 2
    assert found.values[found.values.shape[0] // 2] == pytest.approx(expected, abs=2e-3)


def test_an_edge_within_a_pixel_covers_its_part_of_it() -> None:
    beam = made_beam()
    found = rectangle_fluence(beam, x_mm=(-10.0, 10.3), y_mm=(-10.0, 10.0), pixel_mm=1.0)
    assert found.values.sum() == pytest.approx(20.3 * 20.0, rel=1e-4)
