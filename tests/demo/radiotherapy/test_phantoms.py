"""Phantoms are what their formulas say: volumes, holes, doses, on any slices and grid."""

from __future__ import annotations

import numpy as np
import pytest
from demo.radiotherapy.phantoms import (
    PHANTOMS,
    TARGET_HU,
    Lattice,
    Leaning,
    LinearDose,
    closed_dose,
    made_phantom,
    ring_phantom,
    sphere_phantom,
)
from demo.radiotherapy.solids import CIRCLE_POINTS
from hypothesis import given, settings
from hypothesis import strategies as st
from small_cases import case_of

from tianfu.apps.radiotherapy.model.masks import mask_of
from tianfu.apps.radiotherapy.model.shapes import shape_of
from tianfu.apps.radiotherapy.model.volumes import holes_count, parts_count, volume_ml


@pytest.mark.parametrize("name", PHANTOMS)
def test_rings_enclose_the_volume_of_the_formula(name: str) -> None:
    phantom, case = PHANTOMS[name](), case_of(name)
    step = float(case.ct.grid.spacing[2])
    for region in phantom.regions:
        shape = shape_of(case.structure(region.drawn.name), case.ct.grid)
        # A cone's apex and a torus' ends lie between slices: what a drawing of slices cannot tell is 2 % here.
        assert volume_ml(shape, step_mm=step) == pytest.approx(region.volume_ml, rel=0.02)


@settings(max_examples=20, deadline=None)  # each example draws an image
@given(
    step_mm=st.floats(1.0, 6.0),
    offset_mm=st.tuples(*[st.floats(-5.0, 5.0)] * 3),
)
def test_a_ball_keeps_its_volume_on_any_slices(step_mm: float, offset_mm: tuple[float, float, float]) -> None:
    phantom = sphere_phantom(step_mm=step_mm, offset_mm=offset_mm)
    case = made_phantom(phantom)
    shape = shape_of(case.structure("PTV_5000"), case.ct.grid)
    # Sections of a ball are a parabola in z, which the volume is exact for; the rings are 256-gons.
    assert volume_ml(shape, step_mm=step_mm) == pytest.approx(4 / 3 * np.pi * 22**3 / 1000, rel=0.005)


def test_every_ring_of_a_ball_lies_on_its_surface() -> None:
    case = case_of("sphere")
    distances = [np.linalg.norm(ring.points, axis=1) for ring in case.structure("PTV_5000").rings]
    assert np.abs(np.concatenate(distances) - 22.0).max() < 1e-9


def test_the_torus_has_a_hole_in_every_slice() -> None:
    case = case_of("ring")
    shape = shape_of(case.structure("PTV_5000"), case.ct.grid)
    assert holes_count(shape) == len(shape.planes) == 12


def test_nodes_are_in_three_parts() -> None:
    case = case_of("parts")
    shape = shape_of(case.structure("CTVn_5000"), case.ct.grid)
    assert parts_count(shape, step_mm=float(case.ct.grid.spacing[2])) == 3


@pytest.mark.parametrize("name", PHANTOMS)
def test_the_image_is_bright_where_the_target_was_drawn(name: str) -> None:
    case = case_of(name)
    mask = mask_of(
        shape_of(case.structure("PTV_5000"), case.ct.grid), case.ct.grid, step_mm=float(case.ct.grid.spacing[2])
    ).full()
    assert case.ct.values[mask].mean() == pytest.approx(TARGET_HU, abs=3)


def test_the_dose_is_its_formula_on_a_turned_grid() -> None:
    case = case_of("cone")
    assert case.dose is not None
    indices = np.array([7.0, 20.0, 31.0])
    point = case.dose.grid.points(indices)
    expected = 54.0 * np.exp(-(point @ point) / (2 * 60.0**2))
    assert case.dose.values[31, 20, 7] == pytest.approx(expected, rel=1e-6)
    assert abs(case.dose.grid.axes[0] @ case.ct.grid.axes[1]) > 0.3


def test_a_gradient_that_would_be_negative_is_refused() -> None:
    grid = Lattice(shape=(3, 3, 3), spacing_mm=(10.0, 10.0, 10.0)).grid()
    with pytest.raises(ValueError, match="too steep"):
        closed_dose(LinearDose(middle_gy=1.0, gy_per_mm=(1.0, 0.0, 0.0)), grid)


def test_a_circle_of_corners_is_as_round_as_it_says() -> None:
    lost = 1 - np.sin(2 * np.pi / CIRCLE_POINTS) / (2 * np.pi / CIRCLE_POINTS)
    assert lost < 1.1e-4


def test_no_two_slices_are_alike() -> None:
    case = made_phantom(ring_phantom())
    assert len({plane.tobytes() for plane in case.ct.values}) == len(case.ct.values)


def test_a_leaning_body_encloses_the_volume_of_its_formula() -> None:
    body = Leaning(half_x_mm=80.0, half_y_mm=60.0, height_mm=100.0, lean=(0.1, -0.05), widens=2e-3)
    heights = np.linspace(-49.5, 49.5, 100)
    areas = [float(np.prod(np.ptp(body.rings(float(z))[0], axis=0))) * np.pi / 4 for z in heights]
    assert sum(areas) == pytest.approx(body.volume_mm3, rel=1e-4)
    assert body.holds(np.array([5.0]), np.array([-2.5]), 50.0).all()
