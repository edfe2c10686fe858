"""Doses and volumes of the samples of a solid, gathered into a histogram; its lowest and highest dose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.model.rings import is_inside
from tianfu.apps.radiotherapy.model.sampling import (
    GOLDEN,
    SPREAD,
    change_at,
    crossings,
    dose_at,
    is_still,
    lines_of,
    section,
)
from tianfu.apps.radiotherapy.model.solids import Integers, Solid
from tianfu.standards.dicom.grids import Floats

Doses = NDArray[np.floating]


class Slices(NamedTuple):
    """Sub-slices of a solid: middle and thickness of each; its pieces are `pieces[starts[i]:starts[i + 1]]`."""

    z_mm: Floats
    thickness_mm: Floats
    starts: Integers
    pieces: Integers


class Place(NamedTuple):
    """Where the solid lies in the dose: column, row and slice number are `matrix` (3, 3) times a point, and `start`."""

    matrix: Floats
    start: Floats


class Tails(NamedTuple):
    """Samples of at most `low` or at least `high` Gy are split into `parts` along each axis."""

    low: float
    high: float
    parts: int


class Histogram(NamedTuple):
    """Volumes (mm3) in bins of one width from `low` (Gy); `sums` are volume, volume times dose and volume outside."""

    low: float
    bins_a_gy: float
    volumes: Floats
    sums: Floats


@compiled_as_numpy
def index_of(place: Place, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The fractional column, row and slice number of a point."""
    m, start = place.matrix, place.start
    return (
        start[0] + m[0, 0] * x + m[0, 1] * y + m[0, 2] * z,
        start[1] + m[1, 0] * x + m[1, 1] * y + m[1, 2] * z,
        start[2] + m[2, 0] * x + m[2, 1] * y + m[2, 2] * z,
    )


@compiled_as_numpy
def add(histogram: Histogram, dose: float, volume: float) -> None:
    """Count a sample; of a dose beyond the ends it counts in the first or the last bin."""
    at = int((dose - histogram.low) * histogram.bins_a_gy)
    histogram.volumes[max(0, min(at, len(histogram.volumes) - 1))] += volume
    histogram.sums[0] += volume
    histogram.sums[1] += volume * dose


@compiled_as_numpy
def gather(
    dose: Doses,
    place: Place,
    solid: Solid,
    slices: Slices,
    spacing: float,
    histogram: Histogram,
    reach: Floats,
    tails: Tails,
) -> None:
    """Fill the histogram with the samples of all sub-slices, and `reach` (n, 2) with the lowest and highest of each.

    With tails of several parts both are filled already: then parts of the tails' samples take the place of these.
    """
    for at in range(len(slices.z_mm)):
        if tails.parts == 1 or reach[at, 0] <= tails.low or reach[at, 1] >= tails.high:
            gather_slice(dose, place, solid, slices, at, spacing, tails, histogram, reach)


@compiled_as_numpy
def gather_slice(
    dose: Doses,
    place: Place,
    solid: Solid,
    slices: Slices,
    at: int,
    spacing: float,
    tails: Tails,
    histogram: Histogram,
    reach: Floats,
) -> None:
    """Count the samples of one sub-slice; with tails, only exchange those of the tails for their parts."""
    z, dz = slices.z_mm[at], slices.thickness_mm[at]
    points, starts = section(solid, slices.pieces, slices.starts[at], slices.starts[at + 1], z)
    lowest, dy, lines = lines_of(points, starts, spacing)
    shift = (0.5 + at * GOLDEN) % 1.0
    first_y = lowest + (shift - 1.0) * dy
    places, found = crossings(points, starts, first_y, dy, lines + 1)
    u0, v0, w0 = 0.5 + at * SPREAD[1], 0.5 + at * SPREAD[2], 0.5 + at * SPREAD[0]
    number = 0.0
    low, high = np.inf, -np.inf
    for j in range(lines + 1):
        y = first_y + j * dy
        for pair in range(places[j], places[j + 1] - 1, 2):
            begin, length = found[pair], found[pair + 1] - found[pair]
            count = max(1, int(np.ceil(length / spacing)))
            dx = length / count
            volume = dx * dy * dz
            for i in range(count):
                number += 1.0
                u, v, w = u0 + number * SPREAD[0], v0 + number * SPREAD[1], w0 + number * SPREAD[2]
                u, v, w = u - np.floor(u), v - np.floor(v), w - np.floor(w)
                fx, fy, fz = index_of(place, begin + (i + u) * dx, y + (v - 0.5) * dy, z + (w - 0.5) * dz)
                value = dose_at(dose, fx, fy, fz)
                if np.isnan(value):
                    histogram.sums[2] += volume * (tails.parts == 1)
                    continue
                low, high = min(low, value), max(high, value)
                if tails.parts == 1:
                    add(histogram, value, volume)
                elif value <= tails.low or value >= tails.high:
                    add(histogram, value, -volume)
                    _add_parts(
                        dose, place, histogram, tails.parts, (begin + i * dx, y - dy / 2, z - dz / 2), (dx, dy, dz)
                    )
    reach[at, 0], reach[at, 1] = low, high


@compiled_as_numpy
def _add_parts(
    dose: Doses,
    place: Place,
    histogram: Histogram,
    parts: int,
    corner: tuple[float, float, float],
    size: tuple[float, float, float],
) -> None:
    volume = size[0] * size[1] * size[2] / parts**3
    for part in range(parts**3):
        x = corner[0] + (part % parts + 0.5) / parts * size[0]
        y = corner[1] + (part // parts % parts + 0.5) / parts * size[1]
        z = corner[2] + (part // (parts * parts) + 0.5) / parts * size[2]
        fx, fy, fz = index_of(place, x, y, z)
        value = dose_at(dose, fx, fy, fz)
        if np.isnan(value):
            histogram.sums[2] += volume
        else:
            add(histogram, value, volume)


@compiled_as_numpy
def widen_by_walls(
    dose: Doses, place: Place, solid: Solid, slices: Slices, spacing: float, near_mm: float, ends: Floats, box: Floats
) -> None:
    """Widen the lowest and highest dose by those on the rings: as drawn, in each sub-slice, where pieces end.

    Sub-slices as near as `near_mm` to a drawn ring are left out, and points as near to the one before.
    The lowest and highest x and y of `box` (3, 2) are widened by what is walked.
    """
    one = np.empty(1, np.int64)
    for at in range(len(slices.z_mm)):
        z = slices.z_mm[at]
        for p in range(slices.starts[at], slices.starts[at + 1]):
            if abs(z - solid.piece_z[slices.pieces[p]]) > near_mm:
                points, _ = section(solid, slices.pieces, p, p + 1, z)
                _widen_by_ring(dose, place, points, z, spacing, near_mm, ends, box)
    for piece in range(len(solid.piece_ring)):
        drawn = solid.piece_z[piece]
        one[0] = piece
        for side in range(2):
            z = solid.piece_span[piece, side]
            # Each ring has a piece above and one below: it is walked with the upper one.
            if (side == 0 and z == drawn) or (z != drawn and solid.piece_is_end[piece]):
                points, _ = section(solid, one, 0, 1, z)
                _widen_by_ring(dose, place, points, z, spacing, near_mm, ends, box)


@compiled_as_numpy
def _widen_by_ring(
    dose: Doses, place: Place, points: Floats, z: float, spacing: float, near_mm: float, ends: Floats, box: Floats
) -> None:
    low_x, high_x, low_y, high_y = box[0, 0], box[0, 1], box[1, 0], box[1, 1]
    lowest, highest = ends[0], ends[1]
    nearest = near_mm * abs(near_mm)
    ax, ay = points[-1, 0], points[-1, 1]
    for i in range(len(points)):
        bx, by = points[i, 0], points[i, 1]
        low_x, high_x, low_y, high_y = min(low_x, bx), max(high_x, bx), min(low_y, by), max(high_y, by)
        squared = (bx - ax) ** 2 + (by - ay) ** 2
        if squared < nearest and i > 0:  # one point is looked at even where a ring has shrunk to it
            continue
        parts = 1 if squared < spacing * spacing else 1 + int(np.sqrt(squared) / spacing)
        for part in range(1, parts + 1):
            share = part / parts
            fx, fy, fz = index_of(place, ax + share * (bx - ax), ay + share * (by - ay), z)
            value = dose_at(dose, fx, fy, fz)
            lowest, highest = min(lowest, value), max(highest, value)  # what is no number counts in neither
        ax, ay = bx, by
    box[0, 0], box[0, 1], box[1, 0], box[1, 1] = low_x, high_x, low_y, high_y
    ends[0], ends[1] = lowest, highest


@compiled_as_numpy
def widen_by_faces(dose: Doses, place: Place, solid: Solid, spacing: float, ends: Floats) -> None:
    """Widen the lowest and highest dose by those on flat ends."""
    one = np.empty(1, np.int64)
    lowest, highest = ends[0], ends[1]
    for at in range(len(solid.faces)):
        one[0] = int(solid.faces[at, 0])
        z = solid.faces[at, 1]
        points, starts = section(solid, one, 0, 1, z)
        first_y, dy, lines = lines_of(points, starts, spacing)
        places, found = crossings(points, starts, first_y + dy / 2, dy, lines)
        for j in range(lines):
            for pair in range(places[j], places[j + 1] - 1, 2):
                begin, length = found[pair], found[pair + 1] - found[pair]
                count = max(1, int(np.ceil(length / spacing)))
                for i in range(count + 1):
                    fx, fy, fz = index_of(place, begin + length * i / count, first_y + (j + 0.5) * dy, z)
                    value = dose_at(dose, fx, fy, fz)
                    lowest, highest = min(lowest, value), max(highest, value)
    ends[0], ends[1] = lowest, highest


@compiled_as_numpy
def is_in_solid(solid: Solid, x: float, y: float, z: float) -> bool:
    """Whether a point lies in an odd number of pieces."""
    inside = False
    for piece in range(len(solid.piece_ring)):
        low, high = solid.piece_span[piece]
        if not low <= z < high:
            continue
        ring = solid.piece_ring[piece]
        own, course = solid.rings[ring], solid.piece_course[piece]
        distance = z - solid.piece_z[piece]
        px, py = x, y
        if not is_still(course):
            xx, xy, yy = change_at(own, course, distance)
            determinant = xx * yy - xy * xy
            if determinant <= 0:
                continue
            dx = x - course[0, 0] - distance * (course[0, 1] + distance * course[0, 2])
            dy = y - course[1, 0] - distance * (course[1, 1] + distance * course[1, 2])
            px, py = own[0] + (yy * dx - xy * dy) / determinant, own[1] + (xx * dy - xy * dx) / determinant
        bounds = solid.bounds[ring]
        if px < bounds[0] or px > bounds[1] or py < bounds[2] or py > bounds[3]:
            continue
        inside ^= is_inside(px, py, solid.points[solid.starts[ring] : solid.starts[ring + 1]])
    return inside


@compiled_as_numpy
def widen_by_nodes(dose: Doses, place: Place, back: Floats, solid: Solid, box: Integers, ends: Floats) -> None:
    """Widen the lowest and highest dose by those of voxel centres in the solid, among columns, rows, slices of a box.

    They become NaN if a dose there is no number.  `back` is the inverse of the place's matrix.

    Few are looked at closely: those lower or higher than all that was met so far.
    """
    lowest, highest = ends[0], ends[1]
    for k in range(box[2, 0], box[2, 1]):
        for j in range(box[1, 0], box[1, 1]):
            beyond = 0
            for i in range(box[0, 0], box[0, 1]):  # without a branch, so that several are looked at at once
                beyond += not (lowest <= dose[k, j, i] <= highest)
            if beyond == 0:
                continue
            for i in range(box[0, 0], box[0, 1]):
                value = dose[k, j, i]
                if lowest <= value <= highest:
                    continue
                if not np.isfinite(value):
                    ends[0], ends[1] = np.nan, np.nan
                    return
                a, b, c = i - place.start[0], j - place.start[1], k - place.start[2]
                x = back[0, 0] * a + back[0, 1] * b + back[0, 2] * c
                y = back[1, 0] * a + back[1, 1] * b + back[1, 2] * c
                z = back[2, 0] * a + back[2, 1] * b + back[2, 2] * c
                if is_in_solid(solid, x, y, z):
                    lowest, highest = min(lowest, value), max(highest, value)
    ends[0], ends[1] = lowest, highest
