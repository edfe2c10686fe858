"""Words beside lines so that none covers another: each may stand at several places, the emptiest is taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tianfu.standards.dicom.grids import Floats

GAP_SHARE = 0.22
"""Between words and their line, as a share of the words' height. [ours]"""

POINTS_MAX = 5_000
"""On one line; a line around a whole picture has some hundreds. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Box:
    """A place for words."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Wish:
    """Words of a size, beside one of the anchors (n, 2), the first if it does as well as another."""

    width: float
    height: float
    anchors: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Stand:
    """Where words stand, and the anchor that they belong to."""

    box: Box
    anchor: tuple[float, float]


def stands(
    wishes: Sequence[Wish], *, within: Box, lines: Floats, taken: Sequence[Box], covered_max: int
) -> list[Stand | None]:
    """A place for each wish in order, None where there is none; `lines` are points (n, 2) on all lines.

    Words that would cover more than `covered_max` of them stand elsewhere or nowhere.
    """
    boxes = list(taken)
    found: list[Stand | None] = []
    for wish in wishes:
        stand = _stand(wish, within, lines, boxes, covered_max)
        found.append(stand)
        if stand is not None:
            boxes.append(stand.box)
    return found


def _stand(wish: Wish, within: Box, lines: Floats, taken: Sequence[Box], covered_max: int) -> Stand | None:
    if not len(wish.anchors):
        return None
    anchors = np.repeat(wish.anchors, 4, axis=0)
    gap = GAP_SHARE * wish.height
    right, left, below, above = gap, -gap - wish.width, gap, -gap - wish.height
    beside = np.array([(right, above), (right, below), (left, above), (left, below)])
    corners = anchors + np.tile(beside, (len(wish.anchors), 1))
    boxes = np.column_stack([corners, corners + np.array([wish.width, wish.height])])
    fits = (boxes[:, 0] >= within.left) & (boxes[:, 1] >= within.top)
    fits &= (boxes[:, 2] <= within.right) & (boxes[:, 3] <= within.bottom)
    for box in taken:
        fits &= (
            (boxes[:, 0] > box.right) | (boxes[:, 2] < box.left) | (boxes[:, 1] > box.bottom) | (boxes[:, 3] < box.top)
        )
    if not fits.any():
        return None
    numbers = np.flatnonzero(fits)
    covered = _covered(boxes[numbers], lines)
    best = int(np.argmin(covered))
    if covered[best] > covered_max:
        return None
    left, top, right, bottom = boxes[numbers[best]].tolist()
    x, y = anchors[numbers[best]].tolist()
    return Stand(box=Box(left=left, top=top, right=right, bottom=bottom), anchor=(x, y))


def _covered(boxes: Floats, lines: Floats) -> Floats:
    """How many points lie in each box."""
    x, y = lines[:, 0], lines[:, 1]
    inside = (boxes[:, :1] <= x) & (x <= boxes[:, 2:3]) & (boxes[:, 1:2] <= y) & (y <= boxes[:, 3:4])
    return np.asarray(inside.sum(axis=1), dtype=np.float64)


def dense(line: Floats, *, step: float) -> Floats:
    """Points on a line (n, 2) about a step apart, further apart on a line that has no end."""
    if len(line) < 2:
        return line
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    places = np.linspace(0, lengths[-1], int(np.clip(lengths[-1] / step + 1, 2, POINTS_MAX)))
    return np.column_stack([np.interp(places, lengths, line[:, 0]), np.interp(places, lengths, line[:, 1])])
