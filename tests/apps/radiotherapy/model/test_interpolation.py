"""Sections between and beyond the planes of a structure."""

from __future__ import annotations

import numpy as np
import pytest

from tests.apps.radiotherapy.model.solids import circle, cylinder, sphere, stack
from tianfu.apps.radiotherapy.model.interpolation import bodies_of, fine_planes, section_at, with_missing_planes
from tianfu.apps.radiotherapy.model.polygons import area_of
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from
from tianfu.kernel.refusal import Refusal


def volume_mm3(shape: Shape, step_mm: float) -> float:
    return sum(area_of(p.rings).area * p.thickness_mm for p in fine_planes(shape, step_mm, drawn_step_mm=3.0))


@pytest.mark.parametrize("radius", [5.0, 12.0, 30.0])
@pytest.mark.parametrize("slab", [0.5, 2.0])
def test_slabs_of_a_sphere_hold_its_volume(radius: float, slab: float) -> None:
    """4/3 pi r³."""
    assert volume_mm3(sphere(radius, z=0.7), slab) == pytest.approx(4 / 3 * np.pi * radius**3, rel=1e-3)


def test_slabs_of_a_cylinder_hold_its_volume() -> None:
    """pi r² h, with as many steps as planes."""
    assert volume_mm3(cylinder(9.0, 6), 1.0) == pytest.approx(np.pi * 81 * 18, rel=1e-3)


def test_slabs_of_a_tube_keep_its_hole() -> None:
    tube = stack(lambda _: [circle(9.0), circle(4.0)], -0.1, 15.1)
    assert volume_mm3(tube, 1.0) == pytest.approx(np.pi * (81 - 16) * 18, rel=2e-3)
    assert all(len(plane.rings) == 2 for plane in fine_planes(tube, 1.0, drawn_step_mm=3.0))


def test_a_sphere_drawn_on_every_third_slice_comes_back_between() -> None:
    whole = sphere(20.0, step=1.0)
    drawn = Shape(planes=tuple(plane for plane in whole.planes if round(plane.z_mm) % 3 == 0))
    filled = with_missing_planes(drawn, [plane.z_mm for plane in whole.planes], drawn_step_mm=3.0)
    assert [plane.z_mm for plane in filled.planes] == list(range(-18, 19))
    for plane in filled.planes:
        radii = np.hypot(*np.concatenate(plane.rings).T)
        assert radii == pytest.approx(np.full(len(radii), np.sqrt(400 - plane.z_mm**2)), abs=0.05)


def test_drawn_planes_stay_as_they_were_drawn() -> None:
    drawn = sphere(20.0)
    filled = with_missing_planes(drawn, np.arange(-18.0, 19.0).tolist(), drawn_step_mm=3.0)
    assert [plane for plane in filled.planes if plane.z_mm % 3 == 0] == list(drawn.planes)


def test_an_oblique_vessel_stays_round_between_its_planes() -> None:
    """The planes of a leaning cylinder hardly overlap: half way between lies the circle half way."""
    vessel = shape_from((z, circle(4.0, x=2 * z)) for z in (0.0, 3.0, 6.0))
    section = np.concatenate(section_at(bodies_of(vessel, step_mm=3.0), 1.5))
    radii = np.hypot(*(section - (3.0, 0.0)).T)
    assert radii == pytest.approx(np.full(len(radii), 4.0), abs=0.1)


def test_a_part_that_ends_does_not_swell_its_neighbour() -> None:
    two = shape_from(
        [(z, circle(10.0)) for z in (0.0, 3.0, 6.0, 9.0)] + [(z, circle(10.0, x=40.0)) for z in (0.0, 3.0)]
    )
    assert area_of(section_at(bodies_of(two, step_mm=3.0), 5.0)).area == pytest.approx(np.pi * 100, rel=1e-3)


def test_a_gap_of_two_steps_is_not_filled() -> None:
    two = shape_from((z, circle(10.0)) for z in (0.0, 3.0, 9.0, 12.0))
    assert section_at(bodies_of(two, step_mm=3.0), 6.0) == ()


def test_nothing_cannot_be_interpolated() -> None:
    with pytest.raises(Refusal, match="structure-without-area"):
        fine_planes(Shape(planes=()), 1.0, drawn_step_mm=3.0)
