"""Isodose lines in a plane: where a dose, trilinear between voxel centres, is a share of a reference dose."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.doses import Outside, resampled
from tianfu.apps.radiotherapy.model.isolines import rings_above_zero
from tianfu.apps.radiotherapy.pictures.frames import PlaneFrame
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid, Volume

PERCENT_MAX = 1000.0
"""A level above this is a slip of the pen. [ours]"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Isodose:
    """The lines (n, 2) of one level in the picture: closed rings, and those that end where the dose is not known."""

    percent: float
    rings: tuple[Floats, ...]
    open_lines: tuple[Floats, ...]


def isodoses_in(
    dose: Volume[np.float64] | Volume[np.float32], frame: PlaneFrame, percents: Sequence[float], *, reference_gy: float
) -> tuple[Isodose, ...]:
    """The lines of each level, in the order given; a level that the plane does not reach has none.

    Raises Refusal `isodose-reference-not-positive`, `isodose-level-out-of-range` and what `resampled` raises.
    """
    if not (math.isfinite(reference_gy) and reference_gy > 0):
        raise Refusal("isodose-reference-not-positive", details={"reference": f"{reference_gy:g}"})
    for percent in percents:
        if not (math.isfinite(percent) and 0 < percent <= PERCENT_MAX):
            details = {"level": f"{percent:g}", "most": f"{PERCENT_MAX:g}"}
            raise Refusal("isodose-level-out-of-range", details=details)
    values, first = _in_plane(dose, frame)
    return tuple(_isodose(values, first, percent, reference_gy * percent / 100) for percent in percents)


def _in_plane(dose: Volume[np.float64] | Volume[np.float32], frame: PlaneFrame) -> tuple[Floats, Floats]:
    """The dose at the centres of those pixels that it may reach, and the place of the first of them."""
    last = np.array(dose.grid.shape[::-1]) - 1.0
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * last
    reached = frame.pixels(dose.grid.points(corners))
    size = np.array([frame.width_px, frame.height_px])
    low = np.clip(np.floor(reached.min(axis=0)) - 1, 0, size).astype(int)
    high = np.clip(np.ceil(reached.max(axis=0)) + 1, low, size).astype(int)
    first = low + 0.5
    width, height = (high - low).tolist()
    if width == 0 or height == 0:
        return np.empty((0, 0)), first
    whole = frame.lattice()
    part = Grid(origin=frame.patient(first), axes=whole.axes, spacing=whole.spacing, shape=(1, height, width))
    return resampled(dose, part, outside=Outside.NAN).values[0], first


def _isodose(values: Floats, first: Floats, percent: float, level_gy: float) -> Isodose:
    above = values > level_gy
    if not above.any():
        return Isodose(percent=percent, rings=(), open_lines=())
    rows, columns = np.flatnonzero(above.any(axis=1)), np.flatnonzero(above.any(axis=0))
    top, left = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    crop = values[top : rows[-1] + 2, left : columns[-1] + 2]
    is_known = np.pad(~np.isnan(crop), 1, constant_values=False)
    rings: list[Floats] = []
    open_lines: list[Floats] = []
    for ring in rings_above_zero(np.where(is_known[1:-1, 1:-1], crop - level_gy, -1.0)):
        is_real = _is_between_known(ring, is_known)
        place = ring + first + np.array([left, top])
        if is_real.all():
            rings.append(place)
        else:
            open_lines.extend(_stretches(place, is_real))
    return Isodose(percent=percent, rings=tuple(rings), open_lines=tuple(open_lines))


def _is_between_known(
    ring: Floats, is_known: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which corners lie between two places with a dose: the others follow the dose's rim and are no isodose."""
    low, high = np.floor(ring).astype(int) + 1, np.ceil(ring).astype(int) + 1
    return np.asarray(is_known[low[:, 1], low[:, 0]] & is_known[high[:, 1], high[:, 0]])


def _stretches(ring: Floats, is_real: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[Floats]:
    """The parts of a ring between corners that are not real, of two corners and more."""
    start = int(np.flatnonzero(~is_real)[0])
    ring, is_real = np.roll(ring, -start, axis=0), np.roll(is_real, -start)
    borders = np.flatnonzero(np.diff(is_real.astype(int), append=0)) + 1
    return [ring[first:end] for first, end in zip(borders[::2], borders[1::2], strict=True) if end - first >= 2]
