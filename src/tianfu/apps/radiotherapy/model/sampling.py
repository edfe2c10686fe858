"""Quadrature of a dose over a solid: sub-slices, scan lines in them and samples along those, each with its volume.

Along a scan line the ends of its segments are exact.  Samples lie at steps of an additive recurrence in their cells
(a low-discrepancy sequence), so that the doses of a gradient along any axis are not stacked on a few values.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy, compiled_into_callers
from tianfu.apps.radiotherapy.model.solids import Integers, Solid, moments_at
from tianfu.standards.dicom.grids import Floats

GOLDEN = 0.6180339887498949
"""Fractional part of the golden ratio: its multiples modulo 1 are spread most evenly."""

SPREAD = (0.8191725133961645, 0.6710436067037893, 0.5497004779019703)
"""Powers of the inverse of the root of x⁴ = x + 1, the like for three dimensions."""

LINES_MIN, LINES_MAX = 24, 512
"""Scan lines across the smallest ring of a sub-slice, unless that would be too many across all. [ours]"""

ON_EDGE = 1e-6
"""A place so near to the outermost voxel centres, in voxels, is on them."""


@compiled_into_callers
def dose_at(dose: NDArray[np.floating], x: float, y: float, z: float) -> float:
    """Trilinear dose at fractional column, row and slice numbers; NaN beyond the outermost voxel centres.

    The dose has at least two voxels along each axis.
    """
    slices, rows, columns = dose.shape
    # Bitwise: one branch, which nearly always goes the same way, in the place of six.
    above = (x >= -ON_EDGE) & (y >= -ON_EDGE) & (z >= -ON_EDGE)
    below = (x <= columns - 1 + ON_EDGE) & (y <= rows - 1 + ON_EDGE) & (z <= slices - 1 + ON_EDGE)
    if not (above & below):
        return np.nan
    i, j, k = max(0, min(int(x), columns - 2)), max(0, min(int(y), rows - 2)), max(0, min(int(z), slices - 2))
    fx, fy, fz = x - i, y - j, z - k
    near, far = dose[k], dose[k + 1]
    a, b, c, d = near[j, i], near[j + 1, i], far[j, i], far[j + 1, i]
    a += (near[j, i + 1] - a) * fx
    b += (near[j + 1, i + 1] - b) * fx
    c += (far[j, i + 1] - c) * fx
    d += (far[j + 1, i + 1] - d) * fx
    a += (b - a) * fy
    c += (d - c) * fy
    return float(a + (c - a) * fz)


@compiled_as_numpy
def change_at(own: Floats, course: Floats, distance: float) -> tuple[float, float, float]:
    """The symmetric map xx, xy, yy that stretches a ring to its moments at a distance with the least motion.

    It is the geometric mean of the inverse of its own moments and those to be reached, in its closed form for 2 x 2.
    """
    xx, xy, yy = moments_at(course, distance)
    xx, yy = max(xx, 0.0), max(yy, 0.0)
    most = np.sqrt(xx * yy)  # at an apex all three are rounding, and must not make a direction of it
    xy = max(-most, min(most, xy))
    mine = np.sqrt(own[2] * own[4] - own[3] * own[3])
    there = np.sqrt(max(xx * yy - xy * xy, 0.0))
    scale = np.sqrt(2 * there * mine + own[2] * xx + 2 * own[3] * xy + own[4] * yy)
    if scale == 0.0:
        return 0.0, 0.0, 0.0
    part = there / mine
    return (part * own[4] + xx) / scale, (xy - part * own[3]) / scale, (part * own[2] + yy) / scale


@compiled_as_numpy
def is_still(course: Floats) -> bool:
    """Whether a ring stays as it is all along its course."""
    change = 0.0
    for row in range(len(course)):
        change += abs(course[row, 1]) + abs(course[row, 2])
    return change == 0.0


@compiled_as_numpy
def place_ring(ring: Floats, own: Floats, course: Floats, distance: float, placed: Floats, first: int) -> None:
    """Write a ring's points on its course at a distance from its plane into rows of `placed` from `first` on."""
    cx, cy, xx, xy, yy = own[0], own[1], 1.0, 0.0, 1.0
    if distance != 0.0 and not is_still(course):
        xx, xy, yy = change_at(own, course, distance)
        cx = course[0, 0] + distance * (course[0, 1] + distance * course[0, 2])
        cy = course[1, 0] + distance * (course[1, 1] + distance * course[1, 2])
    for i in range(len(ring)):
        x, y = ring[i, 0] - own[0], ring[i, 1] - own[1]
        placed[first + i, 0] = cx + xx * x + xy * y
        placed[first + i, 1] = cy + xy * x + yy * y


@compiled_as_numpy
def crossings(points: Floats, starts: Integers, first_y: float, step: float, lines: int) -> tuple[Integers, Floats]:
    """Where rings cross scan lines: x of line j from `places[j]` to `places[j + 1]`, growing."""
    levels = np.empty(len(points), np.int64)  # the first line at or above each point
    for i in range(len(points)):
        levels[i] = max(0, min(lines, int(np.ceil((points[i, 1] - first_y) / step))))
    places = np.zeros(lines + 1, np.int64)
    for r in range(len(starts) - 1):
        a = levels[starts[r + 1] - 1]
        for i in range(starts[r], starts[r + 1]):
            b = levels[i]
            for j in range(min(a, b), max(a, b)):
                places[j + 1] += 1
            a = b
    for j in range(lines):
        places[j + 1] += places[j]
    found, cursor = np.empty(places[lines]), places.copy()
    for r in range(len(starts) - 1):
        last = starts[r + 1] - 1
        for i in range(starts[r], starts[r + 1]):
            a, b = levels[last], levels[i]
            for j in range(min(a, b), max(a, b)):
                ax, ay, bx, by = points[last, 0], points[last, 1], points[i, 0], points[i, 1]
                insert(found, places[j], cursor[j], ax + (first_y + j * step - ay) * (bx - ax) / (by - ay))
                cursor[j] += 1
            last = i
    return places, found


@compiled_as_numpy
def insert(sorted_numbers: Floats, begin: int, end: int, number: float) -> None:
    """Put a number into those from `begin` to `end`, which grow, so that they still do: they are few."""
    at = end
    while at > begin and sorted_numbers[at - 1] > number:
        sorted_numbers[at] = sorted_numbers[at - 1]
        at -= 1
    sorted_numbers[at] = number


@compiled_as_numpy
def section(solid: Solid, pieces: Integers, first: int, after: int, z: float) -> tuple[Floats, Integers]:
    """The rings of `pieces[first:after]` at a height: points, and where those of each begin and end."""
    places = np.zeros(after - first + 1, np.int64)
    for at in range(after - first):
        ring = solid.piece_ring[pieces[first + at]]
        places[at + 1] = places[at] + solid.starts[ring + 1] - solid.starts[ring]
    placed = np.empty((places[after - first], 2))
    for at in range(after - first):
        piece = pieces[first + at]
        ring = solid.piece_ring[piece]
        points = solid.points[solid.starts[ring] : solid.starts[ring + 1]]
        distance = z - solid.piece_z[piece]
        place_ring(points, solid.rings[ring], solid.piece_course[piece], distance, placed, places[at])
    return placed, places


@compiled_as_numpy
def lines_of(points: Floats, starts: Integers, spacing: float) -> tuple[float, float, int]:
    """The lowest y, the distance and the number of scan lines that see even the smallest of some rings well."""
    lowest, highest, smallest = np.inf, -np.inf, np.inf
    for r in range(len(starts) - 1):
        low, high = np.inf, -np.inf
        for i in range(starts[r], starts[r + 1]):
            low, high = min(low, points[i, 1]), max(high, points[i, 1])
        lowest, highest, smallest = min(lowest, low), max(highest, high), min(smallest, high - low)
    height = highest - lowest
    step = max(min(spacing, smallest / LINES_MIN), height / LINES_MAX)
    if not step > 0.0:
        return lowest, 1.0, 0
    lines = int(np.ceil(height / step))
    return lowest, height / lines, lines
