"""Two doses to compare, of TG-119's size and extent, and gamma's converged value by samples without any cleverness."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy.special import erf

from tianfu.standards.dicom.grids import Floats, Grid, Volume

SHAPE = (129, 167, 167)
SPACING = np.array([3.0, 3.0, 2.5])
"""TG-119's phantom as its matRad file has it."""

FIELDS = 9
WIDTH_MM = 30.0
LENGTH_MM = 27.83477783203125
"""Half of a field's width and length, chosen so that 126,498 points have a tenth of the highest dose."""

BODY_MM = (165.0, 110.0)
"""Half-axes of the body, an ellipse in every slice."""

PENUMBRA_MM = 4.0
HIGHEST_GY = 60.0
SHIFT_MM = np.array([0.6, -0.6, 0.53])
SCALE = 1.015
NOISE_PERCENT = 1.0
MORE_OF_ONE = 1.2
"""One field of nine is that much too strong, so that a part of the points fails."""

Dose = Volume[np.float32]


def doses() -> tuple[Dose, Dose]:
    """Nine modulated fields, and their copy shifted by 1 mm, scaled by 1.5 %, noisy, and with one field too strong."""
    middle = np.array(SHAPE[::-1]) - 1
    grid = Grid(origin=-middle * SPACING / 2, axes=np.eye(3), spacing=SPACING, shape=SHAPE)
    reference = _fields(grid, np.zeros(3), 1.0)
    highest = reference.max()
    evaluated = _fields(grid, SHIFT_MM, MORE_OF_ONE) * SCALE
    noise = np.random.default_rng(119).normal(0, NOISE_PERCENT / 100, SHAPE)
    noisy = np.maximum(evaluated + noise * np.sqrt(evaluated * highest), 0)
    first, second = (
        Volume(grid=grid, values=(values * HIGHEST_GY / highest).astype(np.float32)) for values in (reference, noisy)
    )
    return first, second


def _fields(grid: Grid, shift_mm: Floats, first: float) -> Floats:
    """The sum of fields from all around: error functions at their edges, waves in them, 0.5 % less with each mm."""
    x, y, z = (
        np.arange(count) * spacing + start - shift
        for count, spacing, start, shift in zip(grid.shape[::-1], grid.spacing, grid.origin, shift_mm, strict=True)
    )
    total = np.zeros(grid.shape)
    for number in range(FIELDS):
        angle = 2 * np.pi * number / FIELDS
        across = x * np.cos(angle) + y[:, None] * np.sin(angle)
        along = y[:, None] * np.cos(angle) - x * np.sin(angle)
        beam = _profile(across, WIDTH_MM) * np.exp(-0.005 * along)
        wave = 1 + 0.4 * np.sin(across / 9) * np.cos(z[:, None, None] / 11 + number)
        total += (first if number == 0 else 1.0) * beam * wave * _profile(z, LENGTH_MM)[:, None, None]
    inside = (x / BODY_MM[0]) ** 2 + (y[:, None] / BODY_MM[1]) ** 2 < 1
    return np.asarray(total * inside)


def _profile(place: Floats, half_mm: float) -> Floats:
    return np.asarray((erf((place + half_mm) / PENUMBRA_MM) - erf((place - half_mm) / PENUMBRA_MM)) / 2)


@njit(cache=True, nogil=True, parallel=True)
def converged(
    evaluated: NDArray[np.float32],
    spacing: Floats,
    points: NDArray[np.int64],
    doses: Floats,
    criteria: tuple[float, float, float, float],
) -> Floats:
    """The least gamma over samples `step_mm` apart or less, as far as `gamma_max`, of points on the grid itself.

    `points` (n, 3) are slices, rows, columns; `criteria` are gray, mm, gamma_max and step_mm.  It knows only that a
    sample farther than the best gamma so far cannot be better.
    """
    found = np.empty(len(points))
    for number in prange(len(points)):
        found[number] = _converged(evaluated, spacing, points[number], doses[number], criteria)
    return found


@njit(cache=True, nogil=True)
def _converged(evaluated, spacing, point, dose, criteria):  # type: ignore[no-untyped-def]  # numba infers them
    gray, distance_mm, gamma_max, step_mm = criteria
    best = min(((evaluated[point[0], point[1], point[2]] - dose) / gray) ** 2, gamma_max**2)
    reach = int(np.ceil(gamma_max * distance_mm / min(spacing[0], spacing[1], spacing[2])))
    size = (spacing[0] / distance_mm, spacing[1] / distance_mm, spacing[2] / distance_mm)
    cell = np.empty((2, 2, 2))
    for ring in range(reach):  # cells touching the point first
        for k in range(-ring - 1, ring + 1):
            for j in range(-ring - 1, ring + 1):
                for i in range(-ring - 1, ring + 1):
                    if max(abs(k + 0.5), abs(j + 0.5), abs(i + 0.5)) < ring:
                        continue
                    corner = (point[0] + k, point[1] + j, point[2] + i)
                    if min(corner) < 0:
                        continue
                    if (
                        corner[0] > evaluated.shape[0] - 2
                        or corner[1] > evaluated.shape[1] - 2
                        or corner[2] > evaluated.shape[2] - 2
                    ):
                        continue
                    for at in range(8):
                        above, behind, beside = at // 4, at // 2 % 2, at % 2
                        there = evaluated[corner[0] + above, corner[1] + behind, corner[2] + beside]
                        cell[above, behind, beside] = (there - dose) / gray
                    best = _sampled(cell, (k, j, i), size, step_mm / distance_mm, best)
    return np.sqrt(best)


@njit(cache=True, nogil=True, fastmath=True)
def _sampled(cell, place, size, step, best):  # type: ignore[no-untyped-def]  # numba infers them
    """The least gamma² of the samples of one cell, in criteria; `place` and `size` are along slice, row, column."""
    slices, rows, columns = int(np.ceil(size[2] / step)), int(np.ceil(size[1] / step)), int(np.ceil(size[0] / step))
    for k in range(slices + 1):
        w = k / slices
        z = (place[0] + w) * size[2]
        if z * z >= best:
            continue
        for j in range(rows + 1):
            v = j / rows
            y = (place[1] + v) * size[1]
            off = z * z + y * y
            if off >= best:
                continue
            first = (cell[0, 0, 0] * (1 - v) + cell[0, 1, 0] * v) * (1 - w)
            first += (cell[1, 0, 0] * (1 - v) + cell[1, 1, 0] * v) * w
            last = (cell[0, 0, 1] * (1 - v) + cell[0, 1, 1] * v) * (1 - w)
            last += (cell[1, 0, 1] * (1 - v) + cell[1, 1, 1] * v) * w
            within = np.sqrt(best - off) / size[0]
            start = max(int(np.floor((-within - place[2]) * columns)), 0)
            stop = min(int(np.ceil((within - place[2]) * columns)), columns)
            for i in range(start, stop + 1):
                u = i / columns
                x = (place[2] + u) * size[0]
                t = first + (last - first) * u
                best = min(best, off + x * x + t * t)
    return best
