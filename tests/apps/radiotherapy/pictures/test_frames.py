"""Planes of voxels as pictures: where each pixel lies in the patient."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.apps.radiotherapy.pictures.sights import MIDDLE, ORIENTATIONS, grid_about
from tianfu.apps.radiotherapy.pictures.frames import (
    SIDE_PX_MAX,
    UPRIGHT,
    PlaneKind,
    frame_around,
    plane_frame,
    positions_mm,
)
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid

KINDS = list(PlaneKind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_a_place_in_the_picture_comes_back_from_the_patient(axes: Floats, kind: PlaneKind) -> None:
    frame = plane_frame(grid_about(axes), kind, float(MIDDLE[UPRIGHT[kind].normal]))
    places = np.array([[0.0, 0.0], [3.25, 7.5], [frame.width_px, frame.height_px]])
    np.testing.assert_allclose(frame.pixels(frame.patient(places)), places, atol=1e-9)


@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_pictures_are_upright_whichever_way_the_voxels_are_counted(axes: Floats) -> None:
    """DICOM PS3.3 C.7.6.2.1.1: x grows to the patient's left, y to his back, z to his head."""
    grid = grid_about(axes)
    left, back, head = np.eye(3) * 10
    axial = plane_frame(grid, PlaneKind.AXIAL, MIDDLE[2])
    sagittal = plane_frame(grid, PlaneKind.SAGITTAL, MIDDLE[0])
    coronal = plane_frame(grid, PlaneKind.CORONAL, MIDDLE[1])
    for frame, way, expected in (
        (axial, left, (1, 0)),
        (axial, back, (0, 1)),
        (sagittal, back, (1, 0)),
        (sagittal, head, (0, -1)),
        (coronal, left, (1, 0)),
        (coronal, head, (0, -1)),
    ):
        moved = frame.pixels(MIDDLE + way) - frame.pixels(MIDDLE)
        np.testing.assert_allclose(moved * frame.mm_per_px / 10, expected, atol=1e-9)


@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_the_picture_covers_all_voxels_and_nothing_else(axes: Floats) -> None:
    grid = grid_about(axes, spacing=(1.0, 1.5, 3.0))
    frame = plane_frame(grid, PlaneKind.CORONAL, MIDDLE[1])
    size_mm = (np.abs(axes.T) @ (grid.spacing * np.array(grid.shape[::-1])))[[0, 2]]
    np.testing.assert_allclose(np.array([frame.width_px, frame.height_px]) * frame.mm_per_px, size_mm, atol=1.5)
    assert frame.corner[0] == pytest.approx(MIDDLE[0] - size_mm[0] / 2)
    assert frame.corner[2] == pytest.approx(MIDDLE[2] + size_mm[1] / 2)


@given(st.floats(-45, 45))
def test_the_plane_of_voxels_is_the_nearest(away_mm: float) -> None:
    grid = grid_about(np.eye(3))
    frame = plane_frame(grid, PlaneKind.AXIAL, MIDDLE[2] + away_mm)
    places = positions_mm(grid, PlaneKind.AXIAL)
    assert abs(frame.position_mm - MIDDLE[2] - away_mm) <= 1.5 + 1e-9
    assert np.abs(places - frame.position_mm).min() < 1e-9


def test_positions_grow_although_slices_are_counted_downwards() -> None:
    places = positions_mm(grid_about(ORIENTATIONS["axial from the head down, face down"]), PlaneKind.AXIAL)
    np.testing.assert_allclose(places, MIDDLE[2] + np.arange(-45, 46, 3))


def test_a_plane_beyond_the_image_is_refused_with_its_reach() -> None:
    with pytest.raises(Refusal, match="picture-plane-outside") as refused:
        plane_frame(grid_about(np.eye(3)), PlaneKind.AXIAL, MIDDLE[2] + 46.6)
    assert refused.value.details == {"position": "77.6", "from": "-14.0", "to": "76.0"}


def test_an_oblique_grid_is_refused() -> None:
    turn = np.radians(3)
    axes = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    with pytest.raises(Refusal, match="picture-plane-oblique"):
        plane_frame(grid_about(axes), PlaneKind.AXIAL, MIDDLE[2])


@pytest.mark.parametrize("position_mm", [np.nan, np.inf])
def test_a_position_that_is_no_number_is_refused(position_mm: float) -> None:
    with pytest.raises(Refusal, match="picture-plane-outside"):
        plane_frame(grid_about(np.eye(3)), PlaneKind.AXIAL, position_mm)


@pytest.mark.parametrize("mm_per_px", [0.0, -1.0, np.nan, 0.01])
def test_a_picture_of_no_size_or_too_large_is_refused(mm_per_px: float) -> None:
    with pytest.raises(Refusal, match="picture-too-large"):
        plane_frame(grid_about(np.eye(3)), PlaneKind.AXIAL, MIDDLE[2], mm_per_px=mm_per_px)


def test_a_part_of_a_frame_shows_the_same_pixels() -> None:
    frame = plane_frame(grid_about(np.eye(3)), PlaneKind.CORONAL, MIDDLE[1])
    points = MIDDLE + np.array([[-10.0, 0, -5], [12, 30, 8]])
    part = frame_around(frame, points, margin_mm=3)
    shift = frame.pixels(points) - part.pixels(points)
    np.testing.assert_allclose(shift, np.round(shift[:1]).repeat(2, axis=0), atol=1e-9)
    assert part.width_px == pytest.approx(22 + 6, abs=2)
    assert part.height_px == pytest.approx(13 + 6, abs=2)
    assert part.position_mm == frame.position_mm


@pytest.mark.parametrize("points", [np.empty((0, 3)), MIDDLE[None] + 500], ids=["none", "far away"])
def test_without_points_in_it_the_whole_frame_is_shown(points: Floats) -> None:
    frame = plane_frame(grid_about(np.eye(3)), PlaneKind.AXIAL, MIDDLE[2])
    assert frame_around(frame, points, margin_mm=3) is frame


def test_very_long_voxels_make_no_endless_picture() -> None:
    grid = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.array([0.1, 0.1, 50.0]), shape=(100, 4, 4))
    frame = plane_frame(grid, PlaneKind.CORONAL, 0.0)
    assert max(frame.width_px, frame.height_px) <= SIDE_PX_MAX
