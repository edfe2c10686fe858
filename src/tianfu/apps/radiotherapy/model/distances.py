"""How far the points of a lattice are from the rings of a plane, along each direction in a measure of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.compiled import compiled
from tianfu.apps.radiotherapy.model.isolines import rings_above_zero
from tianfu.apps.radiotherapy.model.scanlines import Bools, Longs, fill_inside, in_voxels, joined
from tianfu.standards.dicom.grids import Floats


@dataclass(frozen=True, kw_only=True)
class Lattice:
    """Square cells of one plane: centres from `origin_mm` on, `pitch_mm` apart."""

    origin_mm: tuple[float, float]
    pitch_mm: float
    rows: int
    columns: int

    def rings(self, values: Floats) -> tuple[Floats, ...]:
        """Rings in millimetres around what is above zero."""
        return tuple(ring * self.pitch_mm + np.array(self.origin_mm) for ring in rings_above_zero(values))


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How many millimetres count as one, towards growing and falling x and y; all positive."""

    growing_x: float
    falling_x: float
    growing_y: float
    falling_y: float


MILLIMETRES = Reach(growing_x=1.0, falling_x=1.0, growing_y=1.0, falling_y=1.0)


def lattice_around(rings: Sequence[Floats], *, pitch_mm: float, border_mm: float) -> Lattice:
    """A lattice that covers the rings and so much around them."""
    low = np.min([ring.min(axis=0) for ring in rings], axis=0) - border_mm
    high = np.max([ring.max(axis=0) for ring in rings], axis=0) + border_mm
    columns, rows = (np.ceil((high - low) / pitch_mm).astype(int) + 1).tolist()
    return Lattice(origin_mm=(float(low[0]), float(low[1])), pitch_mm=pitch_mm, rows=rows, columns=columns)


def distances_inside(
    rings: Sequence[Floats], lattice: Lattice, reach: Reach = MILLIMETRES, *, limit: float = np.inf
) -> Floats:
    """For each centre (rows, columns) its distance to the rings: positive inside, negative outside.

    A distance is taken outwards, from inside to outside, with each direction in its own measure; with `MILLIMETRES`
    it is Euclid's.  What is further than `limit` is as far as that: to find it out takes the longest.
    """
    points, starts = joined(rings)
    inside = np.zeros((lattice.rows, lattice.columns), dtype=np.bool_)
    pitch = lattice.pitch_mm
    cells = in_voxels(points, origin=lattice.origin_mm, spacing=(pitch, pitch))
    fill_inside(cells, starts, inside)
    reaches = np.array([reach.growing_x, reach.falling_x, reach.growing_y, reach.falling_y]) / pitch
    return _signed(cells, starts, inside, reaches, limit)


@compiled
def _signed(points: Floats, starts: Longs, inside: Bools, reaches: Floats, limit: float) -> Floats:
    """Distances to the nearest segment: those near a cell are tried, and handed on from neighbour to neighbour."""
    rows, columns = inside.shape
    nearest = np.full((rows, columns), -1, dtype=np.int64)
    squares = np.full((rows, columns), limit * limit)
    ends = np.empty(len(points), dtype=np.int64)
    for ring in range(len(starts) - 1):
        for at in range(starts[ring], starts[ring + 1]):
            ends[at] = at + 1 if at + 1 < starts[ring + 1] else starts[ring]
    for at in range(len(points)):
        _seed(points, at, ends[at], inside, reaches, nearest, squares)
    for row in range(rows):
        for column in range(columns):
            _adopt(points, ends, row, column, -1, inside, reaches, nearest, squares)
        for column in range(columns - 1, -1, -1):
            _adopt(points, ends, row, column, -1, inside, reaches, nearest, squares)
    for row in range(rows - 1, -1, -1):
        for column in range(columns):
            _adopt(points, ends, row, column, 1, inside, reaches, nearest, squares)
        for column in range(columns - 1, -1, -1):
            _adopt(points, ends, row, column, 1, inside, reaches, nearest, squares)
    for row in range(rows):
        for column in range(columns):
            root = np.sqrt(squares[row, column])
            squares[row, column] = root if inside[row, column] else -root
    return squares


@compiled
def _square(x0: float, y0: float, dx: float, dy: float, is_inside: bool, reaches: Floats) -> float:
    """The squared distance of a cell, outwards, in its measure, from the segment that begins so far from it."""
    if reaches[0] == reaches[1] == reaches[2] == reaches[3]:
        length = dx * dx + dy * dy
        share = min(1.0, max(0.0, -(x0 * dx + y0 * dy) / length)) if length > 0 else 0.0
        x, y = (x0 + share * dx) / reaches[0], (y0 + share * dy) / reaches[0]
        return float(x * x + y * y)
    if not is_inside:
        x0, y0, dx, dy = -x0, -y0, -dx, -dy
    is_even = reaches[0] == reaches[1] and reaches[2] == reaches[3]
    smallest = np.inf
    for quadrant in range(4):
        # The nearest place in a convex measure is that of the quadratic of the quadrant in which it lies.
        kx, ky = reaches[quadrant % 2], reaches[2 + quadrant // 2]
        kx, ky = 1 / (kx * kx), 1 / (ky * ky)
        length = kx * dx * dx + ky * dy * dy
        along = -(kx * x0 * dx + ky * y0 * dy) / length if length > 0 else 0.0
        along = min(1.0, max(0.0, along))
        x, y = x0 + along * dx, y0 + along * dy
        x /= reaches[0] if x > 0 else reaches[1]
        y /= reaches[2] if y > 0 else reaches[3]
        smallest = min(smallest, x * x + y * y)
        if is_even:
            break
    return smallest


@compiled
def _seed(points: Floats, at: int, end: int, inside: Bools, reaches: Floats, nearest: Longs, squares: Floats) -> None:
    """Try a segment on the cells around it."""
    rows, columns = inside.shape
    x, y, dx, dy = points[at, 0], points[at, 1], points[end, 0] - points[at, 0], points[end, 1] - points[at, 1]
    low_x, high_x, low_y, high_y = min(x, x + dx), max(x, x + dx), min(y, y + dy), max(y, y + dy)
    for row in range(max(0, int(np.floor(low_y)) - 1), min(rows, int(np.ceil(high_y)) + 2)):
        for column in range(max(0, int(np.floor(low_x)) - 1), min(columns, int(np.ceil(high_x)) + 2)):
            square = _square(x - column, y - row, dx, dy, inside[row, column], reaches)
            if square < squares[row, column]:
                squares[row, column] = square
                nearest[row, column] = at


@compiled
def _adopt(
    points: Floats,
    ends: Longs,
    row: int,
    column: int,
    side: int,
    inside: Bools,
    reaches: Floats,
    nearest: Longs,
    squares: Floats,
) -> None:
    """Try on a cell the segments that are nearest to its neighbours."""
    rows, columns = inside.shape
    before = nearest[row, column]
    for neighbour in range(5):
        r = row + (side if neighbour < 3 else 0)
        c = column + (neighbour - 1 if neighbour < 3 else -1 if neighbour == 3 else 1)
        if not (0 <= r < rows and 0 <= c < columns):
            continue
        at = nearest[r, c]
        if at < 0 or at in (before, nearest[row, column]):
            continue
        end = ends[at]
        x, y = points[at, 0], points[at, 1]
        square = _square(x - column, y - row, points[end, 0] - x, points[end, 1] - y, inside[row, column], reaches)
        if square < squares[row, column]:
            squares[row, column] = square
            nearest[row, column] = at
