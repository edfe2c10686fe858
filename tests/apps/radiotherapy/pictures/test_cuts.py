"""Structures in planes: drawn rings, and cuts through their solid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from demo.radiotherapy.made import Drawn, structure_of_shape

from tests.apps.radiotherapy.model.solids import circle, rectangle, stack
from tests.apps.radiotherapy.pictures.sights import MIDDLE, ORIENTATIONS, ball, grid_about
from tianfu.apps.radiotherapy.model.polygons import area_of
from tianfu.apps.radiotherapy.model.shapes import shape_from
from tianfu.apps.radiotherapy.pictures.cuts import section_in, solid_structure
from tianfu.apps.radiotherapy.pictures.frames import UPRIGHT, PlaneKind, frame_around, plane_frame
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

DRAWN = Drawn(name="Drawn", kind="ORGAN", colour=(0, 0, 0))
WITHIN_PX = 0.5


@pytest.mark.parametrize("away_mm", [0.0, 9.0, -12.0])
@pytest.mark.parametrize("kind", PlaneKind)
@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_a_sphere_is_its_circle_in_all_planes(axes: Floats, kind: PlaneKind, away_mm: float) -> None:
    """A plane so far from the middle cuts a sphere of radius r in a circle of radius sqrt(r^2 - away^2)."""
    radius, grid, normal = 24.5, grid_about(axes), UPRIGHT[kind].normal
    about = MIDDLE + np.array([4.0, -7.0, 5.0])
    solid = solid_structure(ball(grid, radius=radius, about=about), grid)
    frame = plane_frame(grid, kind, float(about[normal]) + away_mm)
    (ring,) = section_in(solid, frame).rings
    expected = np.sqrt(radius**2 - (frame.position_mm - about[normal]) ** 2) / frame.mm_per_px
    distances = np.linalg.norm(ring - frame.pixels(about), axis=1)
    np.testing.assert_allclose(distances, expected, atol=WITHIN_PX)
    assert np.ptp(ring, axis=0) == pytest.approx([2 * expected, 2 * expected], abs=2 * WITHIN_PX)


def test_drawn_rings_are_shown_as_they_were_drawn() -> None:
    grid = grid_about(np.eye(3))
    structure = ball(grid, radius=20)
    frame = plane_frame(grid, PlaneKind.AXIAL, float(MIDDLE[2]))
    section = section_in(solid_structure(structure, grid), frame)
    drawn = [ring.points for ring in structure.rings if abs(ring.points[0, 2] - MIDDLE[2]) < 0.1]
    assert section.is_drawn
    np.testing.assert_allclose(section.rings[0], frame.pixels(drawn[0]), atol=1e-9)


def test_what_nobody_drew_between_two_planes_is_told() -> None:
    """Circles drawn on every second slice, of radius 10 + z / 3 within the local frame: between two it is a cone."""
    grid = grid_about(np.eye(3))
    middle = grid.local(MIDDLE)[0]
    rings = [(z, circle(10 + z / 3, x=middle, y=middle)) for z in (30.0, 36.0, 42.0, 48.0)]
    solid = solid_structure(structure_of_shape(1, DRAWN, shape_from(rings), grid), grid)
    frame = plane_frame(grid, PlaneKind.AXIAL, float(grid.origin[2]) + 39.0)
    section = section_in(solid, frame)
    assert not section.is_drawn
    distances = np.linalg.norm(section.rings[0] - frame.pixels(MIDDLE), axis=1)
    np.testing.assert_allclose(distances, 23.0, atol=WITHIN_PX)


def test_beyond_the_outermost_planes_nothing_is_made_up() -> None:
    grid = grid_about(np.eye(3))
    solid = solid_structure(ball(grid, radius=20), grid)
    frame = plane_frame(grid, PlaneKind.AXIAL, float(MIDDLE[2]) + 21)
    assert section_in(solid, frame).rings == ()


@pytest.mark.parametrize("kind", PlaneKind)
def test_a_hole_stays_a_hole_in_all_planes(kind: PlaneKind) -> None:
    """A box of 40 x 30 mm with a hole of 10 x 12 mm: across x, y and z it is so wide, less the hole."""
    grid = grid_about(np.eye(3))
    x, y, _ = grid.local(MIDDLE).tolist()
    shape = stack(lambda _: [rectangle(40, 30, x=x, y=y), rectangle(10, 12, x=x, y=y)], 20, 70)
    solid = solid_structure(structure_of_shape(1, DRAWN, shape, grid), grid)
    frame = plane_frame(grid, kind, float(MIDDLE[UPRIGHT[kind].normal]))
    height = 17 * 3
    expected = {
        PlaneKind.AXIAL: 40 * 30 - 10 * 12,
        PlaneKind.SAGITTAL: (30 - 12) * height,
        PlaneKind.CORONAL: (40 - 10) * height,
    }
    assert area_of(section_in(solid, frame).rings).area == pytest.approx(expected[kind], rel=0.03)


def test_a_plane_beside_a_structure_shows_nothing_of_it() -> None:
    grid = grid_about(np.eye(3))
    solid = solid_structure(ball(grid, radius=10), grid)
    for kind in PlaneKind:
        frame = plane_frame(grid, kind, float(MIDDLE[UPRIGHT[kind].normal]) + 30)
        assert section_in(solid, frame).rings == ()


@pytest.mark.parametrize("kind", [PlaneKind.SAGITTAL, PlaneKind.CORONAL])
def test_a_slip_of_the_pen_a_kilometre_away_costs_no_more_than_the_picture(kind: PlaneKind) -> None:
    """The plane goes through both boxes or through the near one alone; what is seen of it is the near one."""
    grid = grid_about(np.eye(3))
    x, y, _ = grid.local(MIDDLE).tolist()
    far = rectangle(40, 30, x=x + 1e6, y=y + 1e6)
    shape = stack(lambda _: [rectangle(40, 30, x=x, y=y), far], 20, 70)
    solid = solid_structure(structure_of_shape(1, DRAWN, shape, grid), grid)
    frame = plane_frame(grid, kind, float(MIDDLE[UPRIGHT[kind].normal]))
    (ring,) = section_in(solid, frame).rings
    assert np.ptp(ring[:, 0]) == pytest.approx({PlaneKind.SAGITTAL: 30, PlaneKind.CORONAL: 40}[kind], abs=1)


def test_what_reaches_beyond_the_picture_is_closed_beyond_it() -> None:
    grid = grid_about(np.eye(3))
    solid = solid_structure(ball(grid, radius=40), grid)
    whole = plane_frame(grid, PlaneKind.CORONAL, float(MIDDLE[1]))
    part = frame_around(whole, MIDDLE[None], margin_mm=15)
    (ring,) = section_in(solid, part).rings
    assert (ring.min(axis=0) < 0).all()
    assert (ring.max(axis=0) > [part.width_px, part.height_px]).all()


def test_a_structure_without_rings_is_refused() -> None:
    grid = grid_about(np.eye(3))
    with pytest.raises(Refusal, match="structure-without-area"):
        solid_structure(replace(ball(grid, radius=10), rings=()), grid)
