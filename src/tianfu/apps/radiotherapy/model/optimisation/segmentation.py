"""Whole numbers of a fluence as a sum of openings, row by row one interval each, in few units and few openings.

Engel's greedy algorithm (Discrete Applied Mathematics 152, 2005, 35 [memory]): a row costs the sum of its rises, a
fluence what its dearest row costs, and no sum of openings has fewer units than that.  Each opening is taken so often,
and such, that the cost falls by as much; of those that do, the one that levels most steps.  Where opposite leaves must
not pass their neighbours, the intervals of all rows are chosen together, by dynamic programming over rows; no bound of
units is promised then.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tianfu.standards.dicom.grids import Floats

Whole = NDArray[np.int64]

LEVELLED = 1000.0
"""A step that is levelled counts more than any number of beamlets that are opened. [ours]"""

NEVER = -np.inf


@dataclass(frozen=True, kw_only=True, eq=False)
class Opened:
    """Columns `left[i]` up to `right[i]`, this one not, are open in row i, so many `units`.

    Where both are equal the row is closed: its leaves meet in the middle of that column.
    """

    left: Whole
    right: Whole
    units: int

    def fluence(self, columns: int) -> Whole:
        """What it gives (rows, columns)."""
        at = np.arange(columns)
        return self.units * ((self.left[:, None] <= at) & (at < self.right[:, None])).astype(np.int64)


class _Rest(NamedTuple):
    """What is still to be given, the steps between its columns (rows, columns + 1), the least of each interval."""

    levels: Whole
    steps: Whole
    least: Whole
    costs: Whole


def cost(levels: Whole) -> int:
    """The fewest units of which openings can be made, leaves free to pass each other."""
    return int(_rises(_steps(levels)).max(initial=0))


def segmented(levels: Whole, *, interdigitates: bool) -> tuple[Opened, ...]:
    """Openings (none of no units) that sum up exactly to the levels (rows, columns), none of which is negative.

    If the leaves may interdigitate their units are as few as can be.  Else neighbouring rows that are open share a
    column, and leaves that meet do so within a neighbour that is open and at the same place as one that is closed.
    """
    rest = levels.astype(np.int64).copy()
    found: list[Opened] = []
    while rest.any():
        opened = _next(_rest(rest), interdigitates=interdigitates)
        rest -= opened.fluence(rest.shape[1])
        found.append(opened)
    return tuple(found)


def _steps(levels: Whole) -> Whole:
    return np.diff(levels, axis=1, prepend=0, append=0)


def _rises(steps: Whole) -> Whole:
    return np.asarray(np.maximum(steps, 0).sum(axis=1))


def _rest(levels: Whole) -> _Rest:
    rows, columns = levels.shape
    least = np.zeros((rows, columns + 1, columns + 1), np.int64)
    for left in range(columns):
        least[:, left, left + 1 :] = np.minimum.accumulate(levels[:, left:], axis=1)
    steps = _steps(levels)
    return _Rest(levels, steps, least, _rises(steps))


def _next(rest: _Rest, *, interdigitates: bool) -> Opened:
    """The opening of most units by which the cost falls; if neighbours forbid that, one that gives most at no cost."""
    choose = _chosen_freely if interdigitates else _chosen_together
    cost_now = int(rest.costs.max())
    for units in range(min(cost_now, int(rest.levels.max())), 0, -1):
        opened = choose(_worth(rest, units, cost_now - units), units)
        if opened is not None:
            return opened
    given = [choose(_worth(rest, units, cost_now), units) for units in range(int(rest.levels.max()), 0, -1)]
    return max((each for each in given if each is not None), key=_gives)


def _gives(opened: Opened) -> int:
    return int(opened.units * (opened.right - opened.left).sum())


def _worth(rest: _Rest, units: int, cost_most: int) -> Floats:
    """What it is worth to open each interval (rows, left, right) so often; `NEVER` if its row would cost too much.

    Intervals of no columns are closed rows.
    """
    columns = rest.levels.shape[1]
    saved = np.minimum(np.maximum(rest.steps, 0), units)
    paid = np.maximum(units + np.minimum(rest.steps, 0), 0)
    costs = rest.costs[:, None, None] - saved[:, :, None] + paid[:, None, :]
    levelled = (rest.steps == units).astype(float) - (rest.steps == 0)
    levelled_after = (rest.steps == -units).astype(float) - (rest.steps == 0)
    at = np.arange(columns + 1)
    worth = LEVELLED * (levelled[:, :, None] + levelled_after[:, None, :]) + (at - at[:, None])
    may_open = (rest.least >= units) & (costs <= cost_most)
    may_close = (rest.costs <= cost_most)[:, None, None] & (at == at[:, None])
    return np.asarray(np.where(may_open, worth, np.where(may_close, 0.0, NEVER)))


def _chosen_freely(worth: Floats, units: int) -> Opened | None:
    """The best interval of each row; None if a row has none, or all are closed."""
    rows, edges, _ = worth.shape
    flat = worth.reshape(rows, -1)
    best = flat.argmax(axis=1)
    if np.any(flat[np.arange(rows), best] == NEVER):
        return None
    return _opened(best // edges, best % edges, units)


def _chosen_together(worth: Floats, units: int) -> Opened | None:
    """The best intervals of all rows of which neighbours' leaves do not pass each other."""
    rows, edges, _ = worth.shape
    left, right, may_meet = _intervals(edges)
    values = worth[:, left, right]
    if np.any(values.max(axis=1) == NEVER):
        return None
    best = values[0]
    before = np.zeros((rows, len(left)), np.int64)
    for row in range(1, rows):
        sums = np.where(may_meet, best[:, None], NEVER)
        before[row] = sums.argmax(axis=0)
        best = sums[before[row], np.arange(len(left))] + values[row]
    chosen = np.zeros(rows, np.int64)
    chosen[-1] = best.argmax()
    if best[chosen[-1]] == NEVER:
        return None
    for row in range(rows - 1, 0, -1):
        chosen[row - 1] = before[row, chosen[row]]
    return _opened(left[chosen], right[chosen], units)


@lru_cache(maxsize=8)
def _intervals(edges: int) -> tuple[Whole, Whole, NDArray[np.bool_]]:
    """All intervals, the closed ones too, and which may lie in neighbouring rows: tips are not level with an edge."""
    left, right = np.triu_indices(edges)
    is_place = left < edges - 1
    left, right = left[is_place], right[is_place]
    is_open = right > left
    first = left + np.where(is_open, 0.25, 0.5)
    second = np.where(is_open, right - 0.25, first)
    may_meet = (first[:, None] <= second) & (first <= second[:, None])
    return left.astype(np.int64), right.astype(np.int64), may_meet


def _opened(left: Whole, right: Whole, units: int) -> Opened | None:
    return Opened(left=left, right=right, units=units) if np.any(right > left) else None
