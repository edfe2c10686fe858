"""Closed rings around what is above zero on a lattice: marching squares.

The corners of the rings lie on the lines between neighbouring centres, where the values, taken as linear between the
two, are zero.  So no centre changes sides, no two rings touch, and holes are rings of their own.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tianfu.apps.radiotherapy.model.compiled import compiled
from tianfu.apps.radiotherapy.model.scanlines import Bools, Longs
from tianfu.standards.dicom.grids import Floats

NEAREST_TO_A_CENTRE = 1e-6
"""How near to a centre a corner may come, in voxels: corners of one ring stay apart. [ours]"""

STRAIGHT_WITHIN = 1e-9
"""The doubled area of three corners, in voxels squared, below which the middle one says nothing. [ours]"""


def rings_above_zero(values: Floats) -> list[Floats]:
    """Rings (n, 2) in fractional column and row numbers; beyond the lattice's border is outside."""
    outside = min(-0.5, float(values.min(initial=0.0)))
    padded = np.pad(np.asarray(values, dtype=np.float64), 1, constant_values=outside)
    points, starts = _trace(padded, _followers(padded))
    rings = [_straightened(points[first:end]) - 1.0 for first, end in pairwise(starts)]
    return [ring for ring in rings if len(ring) >= 3]


def rings_of_mask(inside: Bools) -> list[Floats]:
    """Rings half way between the centres inside and those outside; filled again they give the same mask."""
    return rings_above_zero(np.where(inside, 0.5, -0.5))


@compiled
def _followers(values: Floats) -> Longs:
    """For every line between neighbouring centres which the ring crosses the line it crosses next; else -1.

    Lines are numbered: those along rows first, then those along columns.  The inside is on the same hand throughout.
    """
    rows, columns = values.shape
    along = rows * columns
    followers = np.full(2 * along, -1, dtype=np.int64)
    for row in range(rows - 1):
        for column in range(columns - 1):
            a, b = values[row, column] > 0, values[row, column + 1] > 0
            d, c = values[row + 1, column] > 0, values[row + 1, column + 1] > 0
            if a == b and b == c and c == d:
                continue
            top = row * columns + column
            bottom = top + columns
            left, right = along + top, along + top + 1
            if a == c and b == d:
                middle = (
                    values[row, column]
                    + values[row, column + 1]
                    + values[row + 1, column]
                    + values[row + 1, column + 1]
                )
                if a:
                    if middle > 0:
                        followers[left], followers[right] = bottom, top
                    else:
                        followers[left], followers[right] = top, bottom
                elif middle > 0:
                    followers[top], followers[bottom] = left, right
                else:
                    followers[top], followers[bottom] = right, left
                continue
            start = top if b and not a else right if c and not b else bottom if d and not c else left
            end = top if a and not b else right if b and not c else bottom if c and not d else left
            followers[start] = end
    return followers


@compiled
def _trace(values: Floats, followers: Longs) -> tuple[Floats, Longs]:
    """The corners of all rings one after another, and where each begins, with the end as last."""
    rows, columns = values.shape
    along = rows * columns
    corners = 0
    for line in range(len(followers)):
        if followers[line] >= 0:
            corners += 1
    points = np.empty((corners, 2))
    starts = [0]
    written = 0
    for first in range(len(followers)):
        line = first
        while followers[line] >= 0:
            after = followers[line]
            followers[line] = -1
            is_along_row = line < along
            row, column = (line if is_along_row else line - along) // columns, line % columns
            here = values[row, column]
            there = values[row, column + 1] if is_along_row else values[row + 1, column]
            part = min(1 - NEAREST_TO_A_CENTRE, max(NEAREST_TO_A_CENTRE, here / (here - there)))
            points[written, 0] = column + part if is_along_row else column
            points[written, 1] = row if is_along_row else row + part
            written += 1
            line = after
        if written > starts[-1]:
            starts.append(written)
    return points, np.array(starts)


@compiled
def _straightened(ring: Floats) -> Floats:
    """The ring without the corners that lie on the line between their neighbours."""
    kept = np.empty_like(ring)
    count = 0
    for at in range(len(ring)):
        before = ring[at - 1] if count == 0 else kept[count - 1]
        here, after = ring[at], ring[(at + 1) % len(ring)]
        doubled = (here[0] - before[0]) * (after[1] - here[1]) - (here[1] - before[1]) * (after[0] - here[0])
        if abs(doubled) > STRAIGHT_WITHIN:
            kept[count] = here
            count += 1
    return kept[:count].copy()
