"""Volumes, middles, parts and gaps against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.apps.radiotherapy.model.solids import circle, cylinder, grid, rectangle, sphere, stack, turned
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_from, shape_of
from tianfu.apps.radiotherapy.model.volumes import (
    bounding_box,
    centre_of_mass,
    gaps_of,
    holes_count,
    parts_count,
    volume_ml,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.structures import Ring, Structure


@settings(max_examples=50, deadline=None)
@given(radius=st.floats(4.6, 60.0), z=st.floats(-3.0, 3.0))
def test_a_sphere_of_three_planes_or_more_has_its_volume_wherever_they_cut_it(radius: float, z: float) -> None:
    """4/3 pi r³."""
    assert volume_ml(sphere(radius, z=z), step_mm=3.0) == pytest.approx(4 / 3e3 * np.pi * radius**3, rel=1e-5)


def test_a_cone_has_its_volume_up_to_half_a_step_beyond_its_base() -> None:
    """pi r² h / 3; the base is drawn at z = 30 as a plane of its own and stands for half a step more."""
    cone = stack(lambda z: [circle(0.4 * z)], 0.0, 30.1)
    expected = np.pi * 12.0**2 * 30 / 3 + np.pi * 12.0**2 * 1.5
    assert volume_ml(cone, step_mm=3.0) == pytest.approx(expected / 1000, rel=1e-5)


def test_a_cylinder_has_its_volume() -> None:
    """pi r² h."""
    assert volume_ml(cylinder(11.0, 8), step_mm=3.0) == pytest.approx(np.pi * 121 * 24 / 1000)


def test_a_lying_torus_has_its_volume_within_two_percent() -> None:
    """2 pi² R r²; its area falls as a root at its ends, which parabolas follow only so well."""

    def rings(z: float) -> list[np.ndarray]:
        half = float(np.sqrt(12.0**2 - z**2))
        return [circle(30.0 + half), circle(30.0 - half)]

    torus = stack(rings, -12.0, 12.0, step=2.5)
    assert volume_ml(torus, step_mm=2.5) == pytest.approx(2 * np.pi**2 * 30 * 144 / 1000, rel=0.02)
    assert holes_count(torus) == len(torus.planes)
    assert parts_count(torus, step_mm=2.5) == 1


@settings(max_examples=20, deadline=None)
@given(angle=st.floats(-3, 3), about=st.tuples(*[st.floats(0.1, 1)] * 3), shift=st.tuples(*[st.floats(-99, 99)] * 3))
def test_volume_and_middle_do_not_depend_on_the_frame(angle: float, about: tuple, shift: tuple) -> None:
    turn = turned(np.array(about), angle)
    local = sphere(14.0, x=3.0, y=-4.0, z=1.0)
    rings = tuple(
        Ring(points=np.column_stack([ring, np.full(len(ring), plane.z_mm)]) @ turn + shift)
        for plane in local.planes
        for ring in plane.rings
    )
    structure = Structure(number=1, name="A", kind="GTV", colour=None, generation="", rings=rings)
    here = grid((1, 1, 1), axes=turn, origin=(10.0, 20.0, 30.0))
    shape = shape_of(structure, here)
    assert volume_ml(shape, step_mm=3.0) == pytest.approx(4 / 3e3 * np.pi * 14**3, rel=1e-5)
    middle = here.patient(centre_of_mass(shape, step_mm=3.0))
    assert middle == pytest.approx(np.array([3.0, -4.0, 1.0]) @ turn + shift, abs=1e-3)


def test_the_middle_of_a_cone_is_three_quarters_from_its_apex() -> None:
    """Without its base plane's half step: cut off by weighing it apart."""
    cone = stack(lambda z: [circle(0.4 * z, x=0.2 * z)], 0.0, 30.1)
    cap = np.pi * 144 * 1.5
    body = np.pi * 144 * 30 / 3
    z = (body * 22.5 + cap * 30.75) / (body + cap)
    assert centre_of_mass(cone, step_mm=3.0)[2] == pytest.approx(z, abs=1e-3)


def test_the_box_of_a_sphere_reaches_its_poles() -> None:
    found = bounding_box(sphere(10.0, x=5.0), step_mm=3.0)
    assert found.low == pytest.approx([-5.0, -10.0, -10.0], abs=0.01)
    assert found.high == pytest.approx([15.0, 10.0, 10.0], abs=0.01)


def test_parts_side_by_side_and_one_above_the_other_are_counted() -> None:
    three = shape_from(
        [(z, circle(5.0, x=x)) for z in (0.0, 3.0) for x in (0.0, 20.0)] + [(z, circle(5.0)) for z in (12.0, 15.0)]
    )
    assert parts_count(three, step_mm=3.0) == 3


def test_an_island_in_a_hole_is_a_part_of_its_own() -> None:
    target = stack(lambda _: [circle(12.0), circle(8.0), circle(4.0)], -0.1, 9.1)
    assert parts_count(target, step_mm=3.0) == 2
    assert holes_count(target) == 4


def test_a_forgotten_slice_is_found() -> None:
    shape = shape_from((z, rectangle(9, 9)) for z in (0.0, 3.0, 9.0, 12.0, 21.0))
    found = [(gap.below_mm, gap.above_mm, gap.missing) for gap in gaps_of(shape, step_mm=3.0)]
    assert found == [(3.0, 9.0, 1), (12.0, 21.0, 2)]


def test_nothing_has_no_middle() -> None:
    with pytest.raises(Refusal, match="structure-without-area"):
        centre_of_mass(Shape(planes=()), step_mm=3.0)
