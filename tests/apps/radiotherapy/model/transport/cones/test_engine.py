from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from tests.apps.radiotherapy.model.transport.cones.made import (
    ATTENUATION_PER_MM,
    BETA_PER_MM,
    CONES,
    FORWARD,
    ROUND,
    cube,
    even_map,
    looking,
    made_beam,
    made_kernels,
)
from tianfu.apps.radiotherapy.model.transport.cones.engine import Exposure, Reals, dose_by_cones
from tianfu.apps.radiotherapy.model.transport.cones.fluence import FluenceMap, rectangle_fluence
from tianfu.apps.radiotherapy.model.transport.cones.kernels import PointKernels
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

WATER = cube(voxels=41, spacing_mm=5.0, density=1.0)
SQUARE = rectangle_fluence(made_beam(), x_mm=(-30.0, 30.0), y_mm=(-30.0, 30.0), pixel_mm=1.0)


def dose(
    density: Volume[np.float32],
    field: Field,
    *,
    fluence: FluenceMap = SQUARE,
    kernels: PointKernels | None = None,
    gy_per_mu: float = 1.0,
) -> Reals:
    """Dose on the density's own grid."""
    exposure = Exposure(field=field, fluence=fluence)
    kernels = made_kernels(ROUND) if kernels is None else kernels
    return dose_by_cones(density, exposure, kernels, density.grid, gy_per_mu=gy_per_mu, settings=CONES).values


def test_dose_is_in_proportion_to_the_dose_of_a_monitor_unit() -> None:
    assert np.allclose(dose(WATER, looking(20.0), gy_per_mu=0.01), 0.01 * dose(WATER, looking(20.0)), rtol=1e-6)


def test_the_doses_of_two_halves_of_a_field_are_the_dose_of_the_whole() -> None:
    left, right = SQUARE.values.copy(), SQUARE.values.copy()
    left[:, 35:] = 0
    right[:, :35] = 0
    halves = sum(dose(WATER, looking(0.0), fluence=replace(SQUARE, values=values)) for values in (left, right))
    assert np.allclose(halves, dose(WATER, looking(0.0)), atol=2e-6)


def test_a_quarter_turn_of_the_gantry_turns_the_dose_by_a_quarter() -> None:
    above, beside = dose(WATER, looking(0.0)), dose(WATER, looking(90.0))
    # From above it goes along rows (y), from the patient's left against columns (x).
    assert np.allclose(np.flip(above.transpose(0, 2, 1), axis=2), beside, atol=2e-4 * above.max())


def test_in_a_round_phantom_the_dose_along_the_beam_is_the_same_from_all_sides() -> None:
    grid = replace(WATER.grid, spacing=np.full(3, 4.0), origin=np.full(3, -80.0))
    z, y, x = np.meshgrid(*[np.linspace(-80.0, 80.0, 41)] * 3, indexing="ij")
    # Density falls over a voxel at the edge, so that the voxels are as round as can be.
    ball = np.clip((70.0 - np.sqrt(x**2 + y**2 + z**2)) / 4.0 + 0.5, 0, 1).astype(np.float32)
    density = Volume(grid=grid, values=ball)
    straight, turned = (_along(dose(density, looking(angle)), grid, angle) for angle in (0.0, 37.0))
    assert turned == pytest.approx(straight, abs=0.015 * straight.max())


def _along(values: Reals, grid: Grid, gantry_degrees: float) -> Floats:
    """Dose on the beam's axis from 50 mm before to 50 mm behind the isocentre."""
    angle = np.radians(gantry_degrees)
    steps = np.arange(-50.0, 51.0, 5.0)[:, None]
    places = grid.indices(steps * np.array([-np.sin(angle), np.cos(angle), 0.0]))
    return np.asarray(map_coordinates(values, places.T[::-1], order=1), np.float64)


def test_twice_as_dense_and_half_as_large_is_the_same_dose_at_half_the_size() -> None:
    # O'Connor's theorem (Phys Med Biol 1(4) 1957, 352 [memory]): lengths times density are all that counts.
    small = cube(voxels=41, spacing_mm=2.5, density=2.0)
    halved = replace(SQUARE, first_mm=(SQUARE.first_mm[0] / 2, SQUARE.first_mm[1] / 2), pixel_mm=0.5)
    kernels = made_kernels(ROUND, axis_mm=500.0)
    exposure = Exposure(field=looking(10.0), fluence=halved)
    settings = replace(CONES, margin_mm=30.0)
    there = dose_by_cones(small, exposure, kernels, small.grid, gy_per_mu=1.0, settings=settings).values
    whole = dose(WATER, looking(10.0))
    assert np.allclose(there, whole, atol=1e-4 * whole.max())


@pytest.mark.parametrize("gantry", [0.0, 90.0, 205.0])
def test_a_kernel_along_the_beam_gives_its_closed_form_under_the_inverse_square(gantry: float) -> None:
    # From 5 m the fluence is nearly even within the kernel's reach; the form is that of the pencil beam's component.
    values = dose(WATER, looking(gantry), kernels=made_kernels(FORWARD, axis_mm=5000.0))
    steps = np.arange(-40.0, 41.0, 10.0)
    found = _along(values, WATER.grid, gantry)[::2][1:-1]
    depths = np.arange(-40.0, 41.0, 10.0) + _thickness(gantry)
    m, a = ATTENUATION_PER_MM, BETA_PER_MM
    shape = (np.exp(-m * depths) - np.exp(-a * depths)) / (a - m) * (5000.0 / (5000.0 + steps)) ** 2
    solid_angle = 2 * np.pi * (1 - np.cos(np.radians(8.0)))
    assert found == pytest.approx(solid_angle * shape, rel=0.01)


def _thickness(gantry_degrees: float) -> float:
    """Water before the isocentre: the cube reaches 92.5 mm to each side."""
    angle = np.radians(gantry_degrees)
    return float(92.5 / max(abs(np.sin(angle)), abs(np.cos(angle))))


def test_depth_dose_falls_behind_its_maximum_to_the_last_centimetres() -> None:
    axis = dose(WATER, looking(0.0))[20, 2:-4, 20]
    top = int(axis.argmax())
    assert top <= 4
    assert np.all(np.diff(axis[top:]) < 0)


def test_more_field_gives_more_dose_on_the_axis() -> None:
    beam = made_beam()
    fields = [
        rectangle_fluence(beam, x_mm=(-side, side), y_mm=(-side, side), pixel_mm=1.0) for side in (10.0, 30.0, 60.0)
    ]
    doses = [dose(WATER, looking(0.0), fluence=field)[20, 20, 20] for field in fields]
    assert doses[0] < doses[1] < doses[2]


def test_a_slab_of_lung_loses_dose_that_a_way_of_water_does_not() -> None:
    # A pencil beam whose depth alone is scaled gives lung what water has at the same water-equivalent depth.
    narrow = rectangle_fluence(made_beam(), x_mm=(-10.0, 10.0), y_mm=(-10.0, 10.0), pixel_mm=1.0)
    lung = Volume(grid=WATER.grid, values=WATER.values.copy())
    lung.values[:, 10:30, :] = np.where(WATER.values[:, 10:30, :] > 0, 0.25, 0.0)
    through = dose(lung, looking(0.0), fluence=narrow)[20, :, 20]
    water = dose(WATER, looking(0.0), fluence=narrow)[20, :, 20]
    # The middle of the slab is 8 + 10 / 4 voxels below the surface, a place between voxels 12 and 13.
    from_source = 1000.0 + (np.array([20.0, 12.0]) - 20.0) * 5.0
    by_depth = water[12] * (from_source[1] / from_source[0]) ** 2
    assert through[20] < 0.9 * by_depth
    # Behind it dose builds up again.
    assert through[34] > through[29]


def test_dose_on_a_smaller_grid_is_the_same_where_it_reaches() -> None:
    whole = dose(WATER, looking(30.0))
    part = Grid(
        origin=WATER.grid.points(np.array([12.0, 15.0, 18.0])),
        axes=np.eye(3),
        spacing=WATER.grid.spacing,
        shape=(5, 8, 9),
    )
    exposure = Exposure(field=looking(30.0), fluence=SQUARE)
    found = dose_by_cones(WATER, exposure, made_kernels(ROUND), part, gy_per_mu=1.0, settings=CONES).values
    assert np.allclose(found, whole[18:23, 15:23, 12:21], rtol=1e-5)


def test_a_grid_beside_the_field_gets_no_dose() -> None:
    beside = replace(WATER.grid, origin=np.array([0.0, 0.0, 400.0]))
    exposure = Exposure(field=looking(0.0), fluence=SQUARE)
    found = dose_by_cones(WATER, exposure, made_kernels(ROUND), beside, gy_per_mu=1.0, settings=CONES)
    assert found.values.shape == beside.shape
    assert found.values.max() == 0


@pytest.mark.parametrize(
    ("code", "density", "field"),
    [
        ("cone-no-body", cube(voxels=9, spacing_mm=5.0, density=0.01), looking(0.0)),
        ("cone-field-misses-body", WATER, looking(0.0, isocentre=np.array([0.0, 0.0, 500.0]))),
        ("cone-source-in-body", WATER, looking(0.0, isocentre=np.array([0.0, 1000.0, 0.0]))),
        ("cone-grid-too-large", cube(voxels=120, spacing_mm=1.0, density=1.0), looking(0.0)),
    ],
)
def test_what_can_have_no_dose_is_refused(code: str, density: Volume[np.float32], field: Field) -> None:
    with pytest.raises(Refusal, match=code):
        dose(density, field, fluence=even_map(half_mm=60.0, pixel_mm=2.0))
