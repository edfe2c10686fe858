"""Energy carried along the rays of collapsed cones through a grid (Ahnesjoe, Med Phys 16(4) 1989, 577).

All energy that a cone takes up goes along its axis.  Rays of one direction stand one voxel apart in the planes across
the grid's axis that is nearest to it, so that each voxel has its share of one ray.  Between two planes density and
terma are those in the middle, between four voxels; what a ray leaves there is shared out among the same four.  Along a
ray, in water-equivalent millimetres, the carried dose of a decay constant `a` follows `E' = w T - a E`; its value and
its mean over a step are exact for a step of even density and terma.

Rays are shared among threads in strips that do not depend on how many threads there are: the same arguments give the
same numbers, bit for bit.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy, compiled_in_parallel
from tianfu.standards.dicom.grids import Floats

Reals = NDArray[np.float32]
Levels = NDArray[np.int64]

LEAST_STEP_MAX = 1.0
"""The most that the least decay constant times a step's water-equivalent length may be. [ours: 3e-6 off]"""

STRIP = 16
"""Rows of rays that one task follows through all planes, small enough for a core's cache."""


@compiled_in_parallel
def carry(density: Reals, steady: Reals, levels: Levels, course: Floats, dose: Reals) -> None:
    """Add to `dose` (planes, rows, columns) what the rays of one direction leave.

    `density` (planes, rows + 2, columns + 2) has a rim of nothing; so has `steady` (L, ...), what a decay constant's
    carried dose would become in endless matter of the same terma: weight times terma over the constant.  `levels` (L,
    rising) say how many times each constant is double the least one.  `course` is: 1 or -1 for the planes' order, rows
    and columns that a ray moves on from plane to plane, and the least constant times the millimetres between planes;
    times the greatest density that is at most `LEAST_STEP_MAX`.
    """
    planes, rows, columns = dose.shape
    row_drift, column_drift = course[1] * (planes - 1), course[2] * (planes - 1)
    first = -int(np.floor(max(row_drift, 0.0))) - 1
    rays = rows + int(np.ceil(abs(row_drift))) + 1
    first_column = -int(np.floor(max(column_drift, 0.0))) - 1
    across = columns + int(np.ceil(abs(column_drift))) + 3
    for strip in numba.prange((rays + STRIP - 1) // STRIP):
        _carry_strip(density, steady, levels, course, dose, (first + strip * STRIP, first_column, across))


@compiled_as_numpy
def _carry_strip(
    density: Reals, steady: Reals, levels: Levels, course: Floats, dose: Reals, rays: tuple[int, int, int]
) -> None:
    planes, rows, columns = dose.shape
    first, first_column, across = rays
    carried = np.zeros((len(levels), STRIP + 1, across), np.float32)
    left = np.zeros((STRIP + 1, across), np.float32)
    kept, mean = np.empty(across, np.float32), np.empty(across, np.float32)
    for step in range(planes):
        plane = step if course[0] > 0 else planes - 1 - step
        row_shift, column_shift = int(np.floor(course[1] * step)), int(np.floor(course[2] * step))
        beyond = np.float32(course[1] * step - row_shift)
        beside = np.float32(course[2] * step - column_shift)
        # Rays whose place is between the rim and the last column, and how far right of its ray a column's number is.
        offset = first_column + column_shift + 1
        start, stop = max(0, -offset), min(across, columns + 1 - offset)
        for ray in range(STRIP + 1):
            row = first + ray + row_shift + 1
            if row < 0 or row > rows:
                continue
            out = left[ray, start:stop]
            near = density[plane, row, start + offset : stop + offset + 1]
            far = density[plane, row + 1, start + offset : stop + offset + 1]
            y, g = kept[start:stop], mean[start:stop]
            _decay(near, far, (beyond, beside), np.float32(course[3]), out, y, g)
            level = 0
            for number in range(len(levels)):
                while level < levels[number]:
                    _double(y, g)
                    level += 1
                near = steady[number, plane, row, start + offset : stop + offset + 1]
                far = steady[number, plane, row + 1, start + offset : stop + offset + 1]
                _advance(near, far, (beyond, beside), carried[number, ray, start:stop], out, y, g)
        for ray in range(STRIP):
            row = first + ray + row_shift + 1
            if row < 0 or row >= rows:
                continue
            # A column lies `beside` left of the ray of its own number and so much less than one right of the next.
            _leave(dose[plane, row], left[ray, -offset:], left[ray + 1, -offset:], (beyond, beside))


@compiled_as_numpy
def _decay(
    near: Reals, far: Reals, beyond: tuple[np.float32, np.float32], least: np.float32, out: Reals, y: Reals, g: Reals
) -> None:
    """What is kept over a step and its mean, exp(-x) and (1 - exp(-x)) / x, for the least constant; `out` is emptied.

    The series is exact to single precision for x up to `LEAST_STEP_MAX`.
    """
    one = np.float32(1.0)
    a, b = (one - beyond[0]) * (one - beyond[1]), (one - beyond[0]) * beyond[1]
    c, d = beyond[0] * (one - beyond[1]), beyond[0] * beyond[1]
    half, third, quarter, fifth = np.float32(1 / 2), np.float32(1 / 3), np.float32(1 / 4), np.float32(1 / 5)
    sixth, seventh, eighth = np.float32(1 / 6), np.float32(1 / 7), np.float32(1 / 8)
    for i in range(len(y)):
        x = least * (a * near[i] + b * near[i + 1] + c * far[i] + d * far[i + 1])
        rest = one - x * sixth * (one - x * seventh * (one - x * eighth))
        mean = one - x * half * (one - x * third * (one - x * quarter * (one - x * fifth * rest)))
        g[i] = mean
        y[i] = one - x * mean
        out[i] = np.float32(0.0)


@compiled_as_numpy
def _double(y: Reals, g: Reals) -> None:
    """The same for twice the constant: what is left halves as often."""
    half, one = np.float32(0.5), np.float32(1.0)
    for i in range(len(y)):
        g[i] = g[i] * half * (one + y[i])
        y[i] = y[i] * y[i]


@compiled_as_numpy
def _advance(
    near: Reals, far: Reals, beyond: tuple[np.float32, np.float32], carried: Reals, out: Reals, y: Reals, g: Reals
) -> None:
    """One constant's carried dose over one step, and its mean added to `out`."""
    one = np.float32(1.0)
    a, b = (one - beyond[0]) * (one - beyond[1]), (one - beyond[0]) * beyond[1]
    c, d = beyond[0] * (one - beyond[1]), beyond[0] * beyond[1]
    for i in range(len(y)):
        steady = a * near[i] + b * near[i + 1] + c * far[i] + d * far[i + 1]
        lacking = carried[i] - steady
        out[i] += steady + g[i] * lacking
        carried[i] = steady + y[i] * lacking


@compiled_as_numpy
def _leave(dose: Reals, near: Reals, far: Reals, beyond: tuple[np.float32, np.float32]) -> None:
    """Give a row of voxels what the four rays around each of them leave, by nearness."""
    one = np.float32(1.0)
    a, b = beyond[0] * beyond[1], beyond[0] * (one - beyond[1])
    c, d = (one - beyond[0]) * beyond[1], (one - beyond[0]) * (one - beyond[1])
    for i in range(len(dose)):
        dose[i] += a * near[i] + b * near[i + 1] + c * far[i] + d * far[i + 1]
