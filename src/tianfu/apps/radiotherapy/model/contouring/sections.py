"""Masks worked on slice by slice: opened, closed, and what they enclose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from tianfu.apps.radiotherapy.model.scanlines import Bools, Longs
from tianfu.standards.dicom.grids import Floats

Pixel = tuple[float, float]
"""The spacing of rows and columns, in millimetres."""


def each_slice(inside: Bools, work: Callable[[Bools, int], Bools]) -> Bools:
    """A mask of which every slice that has anything is replaced by what `work` makes of it and its number."""
    made = np.zeros_like(inside)
    for number in np.flatnonzero(inside.any(axis=(1, 2))):
        made[number] = work(inside[number], int(number))
    return made


def eroded(plane: Bools, *, by_mm: float, pixel_mm: Pixel) -> Bools:
    """Without what is within so much of the outside; the image's border is no outside."""
    return plane if plane.all() else np.asarray(ndimage.distance_transform_edt(plane, sampling=pixel_mm) > by_mm)


def dilated(plane: Bools, *, by_mm: float, pixel_mm: Pixel) -> Bools:
    """With what is within so much of it."""
    return plane if not plane.any() else np.asarray(ndimage.distance_transform_edt(~plane, sampling=pixel_mm) <= by_mm)


def closed(plane: Bools, *, by_mm: float, pixel_mm: Pixel) -> Bools:
    """With gaps filled that are narrower than twice so much."""
    rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
    made = plane.copy()
    margin = [int(np.ceil(by_mm / step)) + 1 for step in pixel_mm]
    box = np.pad(plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], [(each, each) for each in margin])
    wide = dilated(box, by_mm=by_mm, pixel_mm=pixel_mm)
    narrow = eroded(wide, by_mm=by_mm, pixel_mm=pixel_mm) | box
    made[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = narrow[
        margin[0] : margin[0] + rows[-1] - rows[0] + 1, margin[1] : margin[1] + columns[-1] - columns[0] + 1
    ]
    return made


def enclosed(plane: Bools) -> Longs:
    """The numbered parts of the outside that do not reach the image's border; zero elsewhere."""
    numbered, _ = ndimage.label(~plane)
    border = np.concatenate([numbered[0], numbered[-1], numbered[:, 0], numbered[:, -1]])
    numbered[np.isin(numbered, border)] = 0
    return np.asarray(numbered)


def filled(plane: Bools) -> Bools:
    """With everything that it encloses."""
    return plane | (enclosed(plane) > 0)


def parts_of(inside: Bools) -> tuple[Longs, Floats]:
    """The connected parts, numbered from one, and how many voxels each has, with that of the rest first."""
    numbered, count = ndimage.label(inside)
    return numbered, np.bincount(numbered.reshape(-1), minlength=count + 1).astype(np.float64)
