"""The smallest gamma of a point over the continuous, trilinear dose around it: branch and bound with a proof.

Lengths are in units of the distance criterion and doses in units of the dose criterion, both measured from the
reference point, so that gamma² of a place is |x|² + t(x)² (Low et al. 1998, doi 10.1118/1.598248).  Within a cell of
the evaluated grid t is trilinear: its tangent plane at the middle of a box misses it by at most its products of two
and three coordinates.  The smallest |x|² + (tangent plane)² of a box, less that miss, has a dual of one variable of
which *every* value is a bound from below.  Where that leaves hope, steps to the tangent planes' best places find the
box's least gamma and convexity shows that it has none better (`_settle`); a box for which neither bound is enough is
halved.  So the answer is not an estimate from samples: no place of the evaluated dose is better by more than
`GAMMA_WITHIN`, and none turns a failed point into a passed one, but for what boxes of `BOX_SMALLEST` could hide.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import prange
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy, compiled_in_parallel

GAMMA_WITHIN = 0.001
"""How far above the exact value gamma may be.  [ours]"""

PASS_AT = 1.0 + 1e-5
"""A point passes up to here: what equals the criterion but for the rounding of 32 bits passes.  [ours]"""

BOX_SMALLEST = 2.0**-24
"""Boxes below this part of a cell are not halved any more: an end to the search, not its usual course.  [ours]"""

BOXES_HEIGHT = 64
"""Boxes that can wait at once; each halving leaves one waiting, and there are 24."""

NEWTON_STEPS = 8
SETTLING_STEPS = 2
BLOCK_POINTS = 64
WORKERS = 16
"""Shares of the points, taken in turn block by block, so that a hard region is spread over all cores."""

TRULY_LESS = 1e-9

Boxes = NDArray[np.float64]
Triple = tuple[float, float, float]
Coefficients = tuple[float, float, float, float, float, float, float, float]


class Neighbours(NamedTuple):
    """Cells around a point in the upper half of its cell on every axis, nearest first.

    `offsets` (n, 3) along column, row and slice; `nearest` (n) is their least possible distance² in criteria.
    """

    offsets: NDArray[np.int64]
    nearest: NDArray[np.float64]


class Task(NamedTuple):
    """What is alike for all points: the evaluated dose, and its cells' size and gamma's cap in criteria.

    `places` (3, 4) turns a reference point's column, row, slice and 1 into the evaluated grid's fractional indices.
    """

    values: NDArray[np.floating]
    cell: NDArray[np.float64]
    places: NDArray[np.float64]
    gamma_max: float
    slack: float


def reach_cells(task: Task) -> NDArray[np.int64]:
    """How many cells away from a point's own the search may have to go, along column, row and slice."""
    within = np.array(task.values.shape[::-1]) - 2
    return np.asarray(np.minimum(np.ceil(task.gamma_max / task.cell), within), np.int64)


def neighbours(task: Task, counts: NDArray[np.int64]) -> Neighbours:
    """The cells up to so many away that any point can reach, nearest first."""
    axes = [np.arange(-count, count + 1) for count in counts]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    # a point in the upper half of its cell is at least half a cell away from those below
    gaps = np.where(offsets > 0, offsets - 1.0, np.where(offsets < 0, -offsets - 0.5, 0.0)) * task.cell
    nearest = (gaps**2).sum(axis=1)
    middles = (((offsets - 0.25) * task.cell) ** 2).sum(axis=1)
    kept = np.flatnonzero(nearest < task.gamma_max**2)
    order = kept[np.lexsort((middles[kept], nearest[kept]))]
    return Neighbours(offsets=np.ascontiguousarray(offsets[order]), nearest=nearest[order])


@compiled_in_parallel
def search(
    task: Task,
    around: Neighbours,
    points: NDArray[np.int64],
    doses: NDArray[np.float64],
    criteria: NDArray[np.float64],
    gammas: NDArray[np.float32],
) -> None:
    """Write each point's gamma, NaN if the evaluated dose does not reach it.

    `points` (n, 3) are columns, rows and slices of the reference, with their doses and dose criteria.
    """
    for worker in prange(WORKERS):
        boxes = np.empty((BOXES_HEIGHT, 6))
        for block in range(worker * BLOCK_POINTS, points.shape[0], WORKERS * BLOCK_POINTS):
            for number in range(block, min(block + BLOCK_POINTS, points.shape[0])):
                gammas[number] = _gamma(task, around, points[number], doses[number], criteria[number], boxes)


@compiled_as_numpy
def _gamma(
    task: Task, around: Neighbours, point: NDArray[np.int64], dose: float, criterion: float, boxes: Boxes
) -> float:
    at0, inside0 = _place(task, point, 0)
    at1, inside1 = _place(task, point, 1)
    at2, inside2 = _place(task, point, 2)
    if not (inside0 and inside1 and inside2):
        return np.nan
    columns, rows, slices = task.values.shape[2], task.values.shape[1], task.values.shape[0]
    first = (min(int(at0), columns - 2), min(int(at1), rows - 2), min(int(at2), slices - 2))
    turn0 = 1 if at0 - first[0] >= 0.5 else -1
    turn1 = 1 if at1 - first[1] >= 0.5 else -1
    turn2 = 1 if at2 - first[2] >= 0.5 else -1
    size = (task.cell[0], task.cell[1], task.cell[2])
    best = task.gamma_max**2
    enough = _enough(best)
    for number in range(around.nearest.shape[0]):
        if around.nearest[number] >= enough:
            break
        column = first[0] + turn0 * around.offsets[number, 0]
        row = first[1] + turn1 * around.offsets[number, 1]
        slice_ = first[2] + turn2 * around.offsets[number, 2]
        if column < 0 or row < 0 or slice_ < 0 or column > columns - 2 or row > rows - 2 or slice_ > slices - 2:
            continue
        corner = ((column - at0) * size[0], (row - at1) * size[1], (slice_ - at2) * size[2])
        near = _nearest(corner, (corner[0] + size[0], corner[1] + size[1], corner[2] + size[2]))
        if near[0] ** 2 + near[1] ** 2 + near[2] ** 2 >= enough:
            continue
        terms = _terms(task.values, column, row, slice_, dose, 1.0 / criterion)
        best = _best_of_cell(terms, corner, size, best, boxes)
        enough = _enough(best)
    return math.sqrt(best)


@compiled_as_numpy
def _place(task: Task, point: NDArray[np.int64], axis: int) -> tuple[float, bool]:
    """The evaluated index along an axis, drawn in from the slack at the rim, and whether the dose reaches it."""
    of = task.places[axis]
    at = of[0] * point[0] + of[1] * point[1] + of[2] * point[2] + of[3]
    last = task.values.shape[2 - axis] - 1.0
    slack = task.slack / task.cell[axis]
    return min(max(at, 0.0), last), -slack <= at <= last + slack


@compiled_as_numpy
def _enough(best: float) -> float:
    """The gamma² above which nothing matters any more, if that is the best so far."""
    gamma = math.sqrt(best)
    bound = max(gamma - GAMMA_WITHIN, 0.0)
    if bound < PASS_AT < gamma:
        bound = PASS_AT
    return bound * bound


@compiled_as_numpy
def _terms(values: NDArray[np.floating], column: int, row: int, slice_: int, dose: float, scale: float) -> Coefficients:
    """The cell's dose difference as 1, x, y, z, xy, xz, yz and xyz of coordinates from -1/2 to 1/2."""
    a000 = (values[slice_, row, column] - dose) * scale
    a100 = (values[slice_, row, column + 1] - dose) * scale
    a010 = (values[slice_, row + 1, column] - dose) * scale
    a110 = (values[slice_, row + 1, column + 1] - dose) * scale
    a001 = (values[slice_ + 1, row, column] - dose) * scale
    a101 = (values[slice_ + 1, row, column + 1] - dose) * scale
    a011 = (values[slice_ + 1, row + 1, column] - dose) * scale
    a111 = (values[slice_ + 1, row + 1, column + 1] - dose) * scale
    s00, s10, s01, s11 = a000 + a100, a010 + a110, a001 + a101, a011 + a111
    d00, d10, d01, d11 = a100 - a000, a110 - a010, a101 - a001, a111 - a011
    return (
        (s00 + s10 + s01 + s11) / 8,
        (d00 + d10 + d01 + d11) / 4,
        (s10 - s00 + s11 - s01) / 4,
        (s01 - s00 + s11 - s10) / 4,
        (d10 - d00 + d11 - d01) / 2,
        (d01 - d00 + d11 - d10) / 2,
        (s11 - s10 - s01 + s00) / 2,
        d11 - d10 - d01 + d00,
    )


@compiled_as_numpy
def _tangent(terms: Coefficients, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Value and slopes at a place of the cell."""
    value = (
        terms[0]
        + terms[1] * x
        + terms[2] * y
        + terms[3] * z
        + terms[4] * x * y
        + terms[5] * x * z
        + terms[6] * y * z
        + terms[7] * x * y * z
    )
    along_x = terms[1] + terms[4] * y + terms[5] * z + terms[7] * y * z
    along_y = terms[2] + terms[4] * x + terms[6] * z + terms[7] * x * z
    along_z = terms[3] + terms[5] * x + terms[6] * y + terms[7] * x * y
    return value, along_x, along_y, along_z


@compiled_as_numpy
def _nearest(low: Triple, high: Triple) -> Triple:
    """The place of a box nearest to the reference point."""
    return (
        min(max(0.0, low[0]), high[0]),
        min(max(0.0, low[1]), high[1]),
        min(max(0.0, low[2]), high[2]),
    )


@compiled_as_numpy
def _best_of_cell(terms: Coefficients, corner: Triple, size: Triple, best: float, boxes: Boxes) -> float:
    """The smallest gamma² of a cell, if smaller than the best so far."""
    enough = _enough(best)
    for at in range(3):
        boxes[0, at], boxes[0, 3 + at] = 0.0, 1.0
    waiting = 1
    while waiting > 0:
        waiting -= 1
        x, y, z = boxes[waiting, 0], boxes[waiting, 1], boxes[waiting, 2]
        wide_x, wide_y, wide_z = boxes[waiting, 3], boxes[waiting, 4], boxes[waiting, 5]
        value, along_x, along_y, along_z = _tangent(terms, x, y, z)
        miss_xy = abs(terms[4] + terms[7] * z) * wide_x * wide_y / 4
        miss_xz = abs(terms[5] + terms[7] * y) * wide_x * wide_z / 4
        miss_yz = abs(terms[6] + terms[7] * x) * wide_y * wide_z / 4
        miss = miss_xy + miss_xz + miss_yz + abs(terms[7]) * wide_x * wide_y * wide_z / 8
        low = (
            corner[0] + (x + 0.5 - wide_x / 2) * size[0],
            corner[1] + (y + 0.5 - wide_y / 2) * size[1],
            corner[2] + (z + 0.5 - wide_z / 2) * size[2],
        )
        high = (low[0] + wide_x * size[0], low[1] + wide_y * size[1], low[2] + wide_z * size[2])
        near = _nearest(low, high)
        closest = near[0] ** 2 + near[1] ** 2 + near[2] ** 2
        rest = abs(value) - (abs(along_x) * wide_x + abs(along_y) * wide_y + abs(along_z) * wide_z) / 2 - miss
        if closest + max(rest, 0.0) ** 2 >= enough:
            continue
        slope = (along_x / size[0], along_y / size[1], along_z / size[2])
        level = (
            value
            - slope[0] * (low[0] + high[0]) / 2
            - slope[1] * (low[1] + high[1]) / 2
            - slope[2] * (low[2] + high[2]) / 2
        )
        bound, place = _bound(level, slope, miss, low, high)
        if bound >= enough:
            continue
        bend_xy = (abs(terms[4] + terms[7] * z) + abs(terms[7]) * wide_z / 2) / (size[0] * size[1])
        bend_xz = (abs(terms[5] + terms[7] * y) + abs(terms[7]) * wide_y / 2) / (size[0] * size[2])
        bend_yz = (abs(terms[6] + terms[7] * x) + abs(terms[7]) * wide_x / 2) / (size[1] * size[2])
        bend = max(bend_xy + bend_xz, bend_xy + bend_yz, bend_xz + bend_yz)
        best, settled = _settle(terms, corner, size, low, high, place, bend, best)
        enough = _enough(best)
        if settled or bound >= enough or wide_x * wide_y * wide_z <= BOX_SMALLEST:
            continue
        _halve(boxes, waiting, (miss_xy + miss_xz, miss_xy + miss_yz, miss_xz + miss_yz))
        waiting += 2
    return best


@compiled_as_numpy
def _halve(boxes: Boxes, number: int, misses: Triple) -> None:
    """Put two halves in a box's place, cut across the axis along which it is bent most."""
    axis = 0
    if misses[1] > misses[axis]:
        axis = 1
    if misses[2] > misses[axis]:
        axis = 2
    boxes[number, 3 + axis] /= 2
    for at in range(6):  # rows as a whole would take two seconds more to compile
        boxes[number + 1, at] = boxes[number, at]
    boxes[number, axis] -= boxes[number, 3 + axis] / 2
    boxes[number + 1, axis] += boxes[number + 1, 3 + axis] / 2


@compiled_as_numpy
def _bound(level: float, slope: Triple, miss: float, low: Triple, high: Triple) -> tuple[float, Triple]:
    """A bound from below of |x|² + max(|level + slope·x| - miss, 0)² over a box, and where it is met.

    Its dual is 2 s level - s² - 2 |s| miss + the sum of x² + 2 s slope x, each x the nearest to -s slope within the
    box: concave, so Newton climbs it, and a bound from below wherever he stops.
    """
    near = _nearest(low, high)
    value = level + slope[0] * near[0] + slope[1] * near[1] + slope[2] * near[2]
    if abs(value) <= miss:
        return near[0] ** 2 + near[1] ** 2 + near[2] ** 2, near
    shrunk = level - miss if value > 0 else level + miss
    dual = shrunk / (1 + slope[0] ** 2 + slope[1] ** 2 + slope[2] ** 2)
    place = near
    for _ in range(NEWTON_STEPS):
        place = _clipped(dual, slope, low, high)
        wrong = dual - shrunk - slope[0] * place[0] - slope[1] * place[1] - slope[2] * place[2]
        if abs(wrong) <= TRULY_LESS:
            break
        steep = 1.0
        for axis in range(3):
            if low[axis] < place[axis] < high[axis]:
                steep += slope[axis] ** 2
        dual -= wrong / steep
    place = _clipped(dual, slope, low, high)
    bound = 2 * dual * level - dual**2 - 2 * abs(dual) * miss
    for axis in range(3):
        bound += place[axis] * (place[axis] + 2 * dual * slope[axis])
    return bound, place


@compiled_as_numpy
def _clipped(dual: float, slope: Triple, low: Triple, high: Triple) -> Triple:
    return (
        min(max(-dual * slope[0], low[0]), high[0]),
        min(max(-dual * slope[1], low[1]), high[1]),
        min(max(-dual * slope[2], low[2]), high[2]),
    )


@compiled_as_numpy
def _settle(
    terms: Coefficients,
    corner: Triple,
    size: Triple,
    low: Triple,
    high: Triple,
    place: Triple,
    bend: float,
    best: float,
) -> tuple[float, bool]:
    """The best gamma² after steps from a place of a box, and whether the box has nothing better any more.

    Each step goes to the best place of the tangent plane.  What the box can still hide is bounded by convexity: where
    gamma² could be below the best so far, |t| is below the best gamma; beyond, t² goes on as its tangent, which
    changes nothing there.  That function's second derivatives are at least 2 (1 - gamma bend) in every direction,
    as those of t are at most `bend`, so from a value and slopes at any one place follows a bound for all others.
    """
    for _ in range(SETTLING_STEPS):
        value, along_x, along_y, along_z = _tangent(
            terms,
            (place[0] - corner[0]) / size[0] - 0.5,
            (place[1] - corner[1]) / size[1] - 0.5,
            (place[2] - corner[2]) / size[2] - 0.5,
        )
        slope = (along_x / size[0], along_y / size[1], along_z / size[2])
        distance = place[0] ** 2 + place[1] ** 2 + place[2] ** 2
        best = min(best, distance + value**2)
        gamma = np.sqrt(best)
        held = min(max(value, -gamma), gamma)
        curve = 1 - gamma * bend
        bound = distance + held * (2 * value - held)
        for axis in range(3):
            steep = place[axis] + held * slope[axis]
            back, forth = low[axis] - place[axis], high[axis] - place[axis]
            if curve > 0:
                step = min(max(-steep / curve, back), forth)
                bound += step * (2 * steep + curve * step)
            else:
                bound += min(back * (2 * steep + curve * back), forth * (2 * steep + curve * forth))
        if bound >= _enough(best):
            return best, True
        level = value - slope[0] * place[0] - slope[1] * place[1] - slope[2] * place[2]
        _, place = _bound(level, slope, 0.0, low, high)
    return best, False
