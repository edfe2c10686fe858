"""Planes of a CT as grey pictures."""

from __future__ import annotations

import numpy as np
import pytest

from tests.apps.radiotherapy.pictures.sights import MIDDLE, ORIENTATIONS, grid_about, pixels_of
from tianfu.apps.radiotherapy.pictures.frames import UPRIGHT, PlaneKind, Side, plane_frame
from tianfu.apps.radiotherapy.pictures.slices import slice_greys, slice_png
from tianfu.apps.radiotherapy.pictures.windows import PRESETS, Window, WindowName, window_named
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

WHOLE = Window(centre_hu=127.5, width_hu=255)
"""Shows 0 to 255 HU as they are."""

WAYS = {
    Side.LEFT: np.array([1.0, 0, 0]),
    Side.RIGHT: np.array([-1.0, 0, 0]),
    Side.BACK: np.array([0, 1.0, 0]),
    Side.FRONT: np.array([0, -1.0, 0]),
    Side.HEAD: np.array([0, 0, 1.0]),
    Side.FEET: np.array([0, 0, -1.0]),
}
BRIGHT = {side: 40 * number for number, side in enumerate(Side, start=1)}


def marked(grid: Grid) -> Volume[np.int16]:
    """A phantom with a rod of its own brightness towards each side of the patient."""
    index = np.stack(np.meshgrid(*[np.arange(length) for length in grid.shape], indexing="ij")[::-1], axis=-1)
    away = grid.points(index.astype(np.float64)) - MIDDLE
    values = np.zeros(grid.shape, np.int16)
    for side, way in WAYS.items():
        along = away @ way
        beside = np.linalg.norm(away - along[..., None] * way, axis=-1)
        values[(beside < 8) & (along > 20)] = BRIGHT[side]
    return Volume(grid=grid, values=values)


@pytest.mark.parametrize("kind", PlaneKind)
@pytest.mark.parametrize("axes", ORIENTATIONS.values(), ids=ORIENTATIONS.keys())
def test_each_side_of_the_patient_is_where_a_physician_expects_it(axes: Floats, kind: PlaneKind) -> None:
    volume = marked(grid_about(axes))
    frame = plane_frame(volume.grid, kind, float(MIDDLE[UPRIGHT[kind].normal]))
    shown = pixels_of(slice_png(volume, frame, WHOLE))
    row, column = frame.height_px // 2, frame.width_px // 2
    found = shown[row, 5], shown[row, -5], shown[5, column], shown[-5, column]
    assert found == tuple(BRIGHT[side] for side in UPRIGHT[kind].sides)


def test_axial_pictures_have_the_patients_right_on_the_left_and_his_front_above() -> None:
    assert UPRIGHT[PlaneKind.AXIAL].sides == (Side.RIGHT, Side.LEFT, Side.FRONT, Side.BACK)
    assert UPRIGHT[PlaneKind.SAGITTAL].sides == (Side.FRONT, Side.BACK, Side.HEAD, Side.FEET)
    assert UPRIGHT[PlaneKind.CORONAL].sides == (Side.RIGHT, Side.LEFT, Side.HEAD, Side.FEET)


def test_millimetres_are_square_although_slices_lie_far_apart() -> None:
    """A gradient of 2 HU a millimetre along z, on slices 3 mm apart, is 2 HU a pixel of 1 mm between their centres."""
    grid = grid_about(np.eye(3))
    heights = np.arange(grid.shape[0]) * 3
    values = np.broadcast_to((heights * 2)[:, None, None], grid.shape).astype(np.int16)
    greys = slice_greys(Volume(grid=grid, values=values), plane_frame(grid, PlaneKind.CORONAL, MIDDLE[1]), WHOLE)
    assert greys.shape == (93, 91)
    np.testing.assert_array_equal(greys[1:-1, 40], 2 * np.arange(90, -1, -1))


def test_the_plane_shown_is_the_one_asked_for() -> None:
    grid = grid_about(np.eye(3))
    values = np.broadcast_to(np.arange(grid.shape[0])[:, None, None], grid.shape).astype(np.int16)
    frame = plane_frame(grid, PlaneKind.AXIAL, MIDDLE[2] + 6)
    assert np.unique(slice_greys(Volume(grid=grid, values=values), frame, WHOLE)).tolist() == [17]


def test_a_window_goes_evenly_from_black_to_white() -> None:
    """PS3.3 C.11.2.1.3.2: ((x - centre) / width + 0.5) of all greys, cut off beyond."""
    grid = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.ones(3), shape=(1, 1, 6))
    values = np.array([[[-2000, -160, -60, 41, 240, 3000]]], dtype=np.int16)
    frame = plane_frame(grid, PlaneKind.AXIAL, 0.0)
    greys = slice_greys(Volume(grid=grid, values=values), frame, window_named(WindowName.SOFT_TISSUE))
    assert greys[0].tolist() == [0, 0, 64, 128, 255, 255]


def test_a_value_that_is_none_is_black() -> None:
    grid = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.ones(3), shape=(1, 1, 3))
    volume = Volume(grid=grid, values=np.full((1, 1, 3), np.nan, np.float32))
    assert slice_greys(volume, plane_frame(grid, PlaneKind.AXIAL, 0), WHOLE).tolist() == [[0, 0, 0]]


def test_one_voxel_is_a_picture() -> None:
    grid = Grid(origin=np.zeros(3), axes=np.eye(3), spacing=np.ones(3), shape=(1, 1, 1))
    volume = Volume(grid=grid, values=np.full((1, 1, 1), 77, np.int16))
    assert pixels_of(slice_png(volume, plane_frame(grid, PlaneKind.SAGITTAL, 0.0), WHOLE)).tolist() == [[77]]


@pytest.mark.parametrize(("centre", "width"), [(0, 0), (0, -5), (np.nan, 10), (0, np.inf), (1e9, 10)])
def test_a_window_of_no_width_is_refused(centre: float, width: float) -> None:
    with pytest.raises(Refusal, match="picture-window-out-of-range"):
        Window(centre_hu=centre, width_hu=width)


def test_every_named_window_is_there_once_and_says_where_it_is_from() -> None:
    assert [preset.name for preset in PRESETS] == list(WindowName)
    assert all(preset.mark.startswith("[") for preset in PRESETS)
