"""A plane of a CT as an 8-bit grey PNG, upright and with square millimetres."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.pictures.frames import UPRIGHT, PlaneFrame, along_patient
from tianfu.apps.radiotherapy.pictures.windows import Window
from tianfu.standards.dicom.grids import Floats, Grid
from tianfu.standards.dicom.images import Hounsfield

Greys = NDArray[np.uint8]

COMPRESSION = 2
"""Of zlib's nine: at six a plane with its grain is a seventh smaller and takes more than twice as long. [ours]"""


def slice_png(volume: Hounsfield, frame: PlaneFrame, window: Window) -> bytes:
    """The plane of a frame of this volume as PNG: black below the window, white above it, black where a value is none.

    Raises Refusal `picture-plane-oblique` if the volume does not lie along the patient's axes.
    """
    return png(Image.fromarray(slice_greys(volume, frame, window)))


def slice_greys(volume: Hounsfield, frame: PlaneFrame, window: Window) -> Greys:
    """The same as values (rows, columns), linear between voxel centres in the plane."""
    plane, rows, columns = _plane(volume, frame)
    low = window.centre_hu - window.width_hu / 2
    return _greys(plane, rows, columns, low, 255 / window.width_hu)


def png(picture: Image.Image) -> bytes:
    """A picture as a PNG file, without a word about when or by what."""
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=COMPRESSION)
    return file.getvalue()


def _plane(volume: Hounsfield, frame: PlaneFrame) -> tuple[NDArray[np.int16 | np.float32], Floats, Floats]:
    """The voxels of the plane as rows and columns of the picture, and each pixel's place in them."""
    grid, upright = volume.grid, UPRIGHT[frame.kind]
    axes = along_patient(grid).axes
    normal, right, down = (axes[axis] for axis in (upright.normal, upright.right, upright.down))
    number = round(float(grid.indices(frame.patient(np.zeros(2)))[normal]))
    voxels = volume.values.transpose(2 - normal, 2 - down, 2 - right)[min(max(number, 0), grid.shape[2 - normal] - 1)]
    rows = _places(grid, frame, down, np.array([0.0, 1.0]), frame.height_px)
    columns = _places(grid, frame, right, np.array([1.0, 0.0]), frame.width_px)
    return np.ascontiguousarray(voxels), rows, columns


def _places(grid: Grid, frame: PlaneFrame, axis: int, way: Floats, count: int) -> Floats:
    """The pixels' centres along one side of the picture as fractional numbers of voxels."""
    centres = (np.arange(count) + 0.5)[:, None] * way
    return np.ascontiguousarray(grid.indices(frame.patient(centres))[:, axis])


@compiled_as_numpy
def _greys(
    plane: NDArray[np.int16 | np.float32], rows: Floats, columns: Floats, low: float, greys_per_hu: float
) -> Greys:
    shown = np.empty((len(rows), len(columns)), np.uint8)
    last_row, last_column = plane.shape[0] - 1, plane.shape[1] - 1
    for r in range(len(rows)):
        y = min(max(rows[r], 0.0), float(last_row))
        j = min(int(y), max(last_row - 1, 0))
        below, fy = min(j + 1, last_row), y - j
        for c in range(len(columns)):
            x = min(max(columns[c], 0.0), float(last_column))
            i = min(int(x), max(last_column - 1, 0))
            beside, fx = min(i + 1, last_column), x - i
            upper = plane[j, i] * (1.0 - fx) + plane[j, beside] * fx
            lower = plane[below, i] * (1.0 - fx) + plane[below, beside] * fx
            grey = (upper * (1.0 - fy) + lower * fy - low) * greys_per_hu + 0.5
            shown[r, c] = 255 if grey >= 255.0 else np.uint8(grey) if grey >= 0.0 else 0
    return shown
