"""Rings filled row by row: which centres of a lattice lie inside an odd number of them.

Everything is in fractional column and row numbers; a lattice's centres are the whole numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled
from tianfu.standards.dicom.grids import Floats

Bools = NDArray[np.bool_]
Longs = NDArray[np.int64]

DECIMALS = 7
"""Positions are rounded to so many decimals of a voxel: a turned frame leaves noise of some 1e-13, which must not
decide on which side of a centre an edge passes. [ours]"""


def joined(rings: Sequence[Floats]) -> tuple[Floats, Longs]:
    """The points of many rings one after another, and where each begins, with the end as last (rings + 1)."""
    starts = np.concatenate([[0], np.cumsum([len(ring) for ring in rings])]).astype(np.int64)
    points = np.concatenate(rings) if rings else np.empty((0, 2))
    return np.ascontiguousarray(points, dtype=np.float64), starts


def in_voxels(points: Floats, *, origin: tuple[float, float], spacing: tuple[float, float]) -> Floats:
    """Millimetres (n, 2) as fractional column and row numbers, rounded to `DECIMALS`."""
    return np.asarray(np.round((points - np.array(origin)) / np.array(spacing), DECIMALS))


@compiled
def fill_inside(points: Floats, starts: Longs, inside: Bools) -> None:
    """Set what of `inside` (rows, columns; False before) lies inside an odd number of rings.

    Half-open: a centre on a left or upper edge belongs, one on a right or lower edge does not.  An edge's crossing
    is computed from its upper end whichever way it is walked, so that two rings sharing it split the centres exactly.
    """
    rows, columns = inside.shape
    for ring in range(len(starts) - 1):
        first, end = starts[ring], starts[ring + 1]
        for at in range(first, end):
            after = at + 1 if at + 1 < end else first
            x0, y0, x1, y1 = points[at, 0], points[at, 1], points[after, 0], points[after, 1]
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            slope = (x1 - x0) / (y1 - y0) if y1 > y0 else 0.0
            for row in range(max(0, int(np.ceil(y0))), min(rows, int(np.ceil(y1)))):
                column = max(0, int(np.ceil(x0 + (row - y0) * slope)))
                if column < columns:
                    inside[row, column] ^= True
    for row in range(rows):
        is_inside = False
        for column in range(columns):
            is_inside ^= inside[row, column]
            inside[row, column] = is_inside


@compiled
def add_covered(points: Floats, starts: Longs, lines: int, covered: Floats) -> None:
    """Add to `covered` (rows, columns; zero before) the share of each voxel's area inside an odd number of rings.

    Each voxel's row is sampled on `lines` lines, along which lengths are exact.
    """
    rows, columns = covered.shape
    crossings = [[0.0 for _ in range(0)] for _ in range(rows * lines)]
    for ring in range(len(starts) - 1):
        first, end = starts[ring], starts[ring + 1]
        for at in range(first, end):
            after = at + 1 if at + 1 < end else first
            x0, y0, x1, y1 = points[at, 0], points[at, 1], points[after, 0], points[after, 1]
            if y0 > y1:
                x0, y0, x1, y1 = x1, y1, x0, y0
            # the line of number n lies at row -0.5 + (n + 0.5) / lines
            v0, v1 = (y0 + 0.5) * lines - 0.5, (y1 + 0.5) * lines - 0.5
            slope = (x1 - x0) / (v1 - v0) if v1 > v0 else 0.0
            for line in range(max(0, int(np.ceil(v0))), min(rows * lines, int(np.ceil(v1)))):
                crossings[line].append(x0 + (line - v0) * slope)
    for line in range(rows * lines):
        found = np.sort(np.array(crossings[line]))
        for pair in range(0, len(found) - 1, 2):
            left, right = max(-0.5, found[pair]), min(columns - 0.5, found[pair + 1])
            for column in range(int(np.floor(left + 0.5)), min(columns, int(np.ceil(right + 0.5)))):
                length = min(right, column + 0.5) - max(left, column - 0.5)
                if length > 0:
                    covered[line // lines, column] += length / lines
