"""Doses and volumes of the samples of a solid, gathered into a histogram; its lowest and highest dose."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.model.rings import bounds_of, is_inside
from tianfu.apps.radiotherapy.model.sampling import (
    GOLDEN,
    SPREAD,
    change_at,
    crossings,
    dose_at,
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
def add(histogram: Histogram, dose: float, volume: float) -> None:
    """Count a sample; of a dose beyond the ends it counts in the first or the last bin."""
    at = int((dose - histogram.low) * histogram.bins_a_gy)
    histogram.volumes[max(0, min(at, len(histogram.volumes) - 1))] += volume
    histogram.sums[0] += volume
    histogram.sums[1] += volume * dose


@compiled_as_numpy
def gather(dose: Doses, place: Place, solid: Solid, slices: Slices, spacing: float, histogram: Histogram) -> Floats:
    """Fill the histogram with the samples of all sub-slices; returns the lowest and highest dose in each (n, 2)."""
    reach = np.empty((len(slices.z_mm), 2))
    nothing = Tails(-np.inf, np.inf, 1)
    for at in range(len(slices.z_mm)):
        reach[at, 0], reach[at, 1] = gather_slice(dose, place, solid, slices, at, spacing, nothing, histogram)
    return reach


@compiled_as_numpy
def refine(
    dose: Doses,
    place: Place,
    solid: Solid,
    slices: Slices,
    spacing: float,
    histogram: Histogram,
    reach: Floats,
    tails: Tails,
) -> None:
    """Put parts of samples in the place of the samples of the tails."""
    for at in range(len(slices.z_mm)):
        if reach[at, 0] <= tails.low or reach[at, 1] >= tails.high:
            gather_slice(dose, place, solid, slices, at, spacing, tails, histogram)


@compiled_as_numpy
def gather_slice(
    dose: Doses, place: Place, solid: Solid, slices: Slices, at: int, spacing: float, tails: Tails, histogram: Histogram
) -> tuple[float, float]:
    """Count the samples of one sub-slice; with tails, only exchange those of the tails for their parts."""
    z, dz = slices.z_mm[at], slices.thickness_mm[at]
    points, starts = section(solid, slices.pieces[slices.starts[at] : slices.starts[at + 1]], z)
    lowest, dy, lines = lines_of(points, starts, spacing)
    shift = (0.5 + at * GOLDEN) % 1.0
    first_y = lowest + (shift - 1.0) * dy
    places, found = crossings(points, starts, first_y, dy, lines + 1)
    u, v, w = (0.5 + at * SPREAD[1]) % 1.0, (0.5 + at * SPREAD[2]) % 1.0, (0.5 + at * SPREAD[0]) % 1.0
    m = place.matrix
    low, high = np.inf, -np.inf
    for j in range(lines + 1):
        y = first_y + j * dy
        for pair in range(places[j], places[j + 1] - 1, 2):
            begin, length = found[pair], found[pair + 1] - found[pair]
            count = max(1, int(np.ceil(length / spacing)))
            dx = length / count
            volume = dx * dy * dz
            for i in range(count):
                u += SPREAD[0]
                u -= u >= 1.0
                v += SPREAD[1]
                v -= v >= 1.0
                w += SPREAD[2]
                w -= w >= 1.0
                x, across, height = begin + (i + u) * dx, y + (v - 0.5) * dy, z + (w - 0.5) * dz
                fx = place.start[0] + m[0, 0] * x + m[0, 1] * across + m[0, 2] * height
                fy = place.start[1] + m[1, 0] * x + m[1, 1] * across + m[1, 2] * height
                fz = place.start[2] + m[2, 0] * x + m[2, 1] * across + m[2, 2] * height
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
    return low, high


@compiled_as_numpy
def _add_parts(
    dose: Doses,
    place: Place,
    histogram: Histogram,
    parts: int,
    corner: tuple[float, float, float],
    size: tuple[float, float, float],
) -> None:
    m = place.matrix
    volume = size[0] * size[1] * size[2] / parts**3
    for part in range(parts**3):
        x = corner[0] + (part % parts + 0.5) / parts * size[0]
        y = corner[1] + (part // parts % parts + 0.5) / parts * size[1]
        z = corner[2] + (part // (parts * parts) + 0.5) / parts * size[2]
        fx = place.start[0] + m[0, 0] * x + m[0, 1] * y + m[0, 2] * z
        fy = place.start[1] + m[1, 0] * x + m[1, 1] * y + m[1, 2] * z
        fz = place.start[2] + m[2, 0] * x + m[2, 1] * y + m[2, 2] * z
        value = dose_at(dose, fx, fy, fz)
        if np.isnan(value):
            histogram.sums[2] += volume
        else:
            add(histogram, value, volume)


@compiled_as_numpy
def _widen(dose: Doses, place: Place, x: float, y: float, z: float, ends: Floats) -> None:
    m = place.matrix
    fx = place.start[0] + m[0, 0] * x + m[0, 1] * y + m[0, 2] * z
    fy = place.start[1] + m[1, 0] * x + m[1, 1] * y + m[1, 2] * z
    fz = place.start[2] + m[2, 0] * x + m[2, 1] * y + m[2, 2] * z
    value = dose_at(dose, fx, fy, fz)
    if value < ends[0]:
        ends[0] = value
    if value > ends[1]:
        ends[1] = value


@compiled_as_numpy
def widen_by_walls(
    dose: Doses, place: Place, solid: Solid, slices: Slices, spacing: float, near_mm: float, ends: Floats
) -> Floats:
    """Widen the lowest and highest dose by those on the rings: as drawn, in each sub-slice, where pieces end.

    Sub-slices as near as `near_mm` to a drawn ring are left out, and points as near to the one before.
    Returns the lowest and highest x, y and z of what was walked (3, 2).
    """
    box = np.array([[np.inf, -np.inf], [np.inf, -np.inf], [solid.piece_span.min(), solid.piece_span.max()]])
    for at in range(len(slices.z_mm)):
        for p in range(slices.starts[at], slices.starts[at + 1]):
            if abs(slices.z_mm[at] - solid.piece_z[slices.pieces[p]]) > near_mm:
                points, _ = section(solid, slices.pieces[p : p + 1], slices.z_mm[at])
                _widen_by_ring(dose, place, points, slices.z_mm[at], spacing, near_mm, ends, box)
    for piece in range(len(solid.piece_ring)):
        low, high = solid.piece_span[piece]
        drawn = solid.piece_z[piece]
        one = np.array([piece])
        # Each ring has a piece above and one below: it is walked with the upper one.
        for z in (low, high):
            if (z == drawn == low) or (z != drawn and solid.piece_is_end[piece]):
                points, _ = section(solid, one, z)
                _widen_by_ring(dose, place, points, z, spacing, near_mm, ends, box)
    return box


@compiled_as_numpy
def _widen_by_ring(
    dose: Doses, place: Place, points: Floats, z: float, spacing: float, near_mm: float, ends: Floats, box: Floats
) -> None:
    bounds = bounds_of(points)
    box[0, 0], box[0, 1] = min(box[0, 0], bounds[0]), max(box[0, 1], bounds[1])
    box[1, 0], box[1, 1] = min(box[1, 0], bounds[2]), max(box[1, 1], bounds[3])
    ax, ay = points[-1]
    for i in range(len(points)):
        bx, by = points[i]
        length = np.sqrt((bx - ax) ** 2 + (by - ay) ** 2)
        if length < near_mm and i > 0:  # one point is looked at even where a ring has shrunk to it
            continue
        parts = 1 + int(length / spacing)
        for part in range(1, parts + 1):
            share = part / parts
            _widen(dose, place, ax + share * (bx - ax), ay + share * (by - ay), z, ends)
        ax, ay = bx, by


@compiled_as_numpy
def widen_by_faces(dose: Doses, place: Place, solid: Solid, spacing: float, ends: Floats) -> None:
    """Widen the lowest and highest dose by those on flat ends."""
    one = np.empty(1, np.int64)
    for at in range(len(solid.faces)):
        one[0] = int(solid.faces[at, 0])
        z = solid.faces[at, 1]
        points, starts = section(solid, one, z)
        lowest, dy, lines = lines_of(points, starts, spacing)
        places, found = crossings(points, starts, lowest + dy / 2, dy, lines)
        for j in range(lines):
            for pair in range(places[j], places[j + 1] - 1, 2):
                begin, length = found[pair], found[pair + 1] - found[pair]
                count = max(1, int(np.ceil(length / spacing)))
                for i in range(count + 1):
                    _widen(dose, place, begin + length * i / count, lowest + (j + 0.5) * dy, z, ends)


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
        if course[:, 1:].any():
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
def widen_by_nodes(dose: Doses, place: Place, solid: Solid, box: Integers, ends: Floats) -> None:
    """Widen the lowest and highest dose by those of voxel centres in the solid, among columns, rows, slices of a box.

    They become NaN if a dose there is no number.

    Few are looked at closely: those lower or higher than all that was met so far.
    """
    back = np.linalg.inv(place.matrix)
    for k in range(box[2, 0], box[2, 1]):
        for j in range(box[1, 0], box[1, 1]):
            for i in range(box[0, 0], box[0, 1]):
                value = dose[k, j, i]
                if ends[0] <= value <= ends[1]:
                    continue
                if not np.isfinite(value):
                    ends[:] = np.nan
                    return
                a, b, c = i - place.start[0], j - place.start[1], k - place.start[2]
                x = back[0, 0] * a + back[0, 1] * b + back[0, 2] * c
                y = back[1, 0] * a + back[1, 1] * b + back[1, 2] * c
                z = back[2, 0] * a + back[2, 1] * b + back[2, 2] * c
                if is_in_solid(solid, x, y, z):
                    ends[0], ends[1] = min(ends[0], value), max(ends[1], value)
