"""Numbers of single rings in their plane: area, centre, second moments, and which lies in which."""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.standards.dicom.grids import Floats


@compiled_as_numpy
def moments_of(ring: Floats) -> Floats:
    """Area, centre x and y, and central second moments xx, xy, yy, each over the area, by Green's theorem.

    The area is positive whichever way the ring turns; all are zero for a ring without area.
    """
    x0, y0 = ring[0]
    area = sx = sy = sxx = sxy = syy = 0.0
    count = len(ring)
    for i in range(count):
        j = i + 1 if i + 1 < count else 0
        ax, ay, bx, by = ring[i, 0] - x0, ring[i, 1] - y0, ring[j, 0] - x0, ring[j, 1] - y0
        cross = ax * by - bx * ay
        area += cross / 2
        sx += (ax + bx) * cross / 6
        sy += (ay + by) * cross / 6
        sxx += (ax * ax + ax * bx + bx * bx) * cross / 12
        syy += (ay * ay + ay * by + by * by) * cross / 12
        sxy += (ax * by + 2 * ax * ay + 2 * bx * by + bx * ay) * cross / 24
    moments = np.zeros(6)
    if area == 0.0:
        return moments
    cx, cy = sx / area, sy / area
    moments[0] = abs(area)
    moments[1], moments[2] = cx + x0, cy + y0
    moments[3], moments[4], moments[5] = sxx / area - cx * cx, sxy / area - cx * cy, syy / area - cy * cy
    return moments


@compiled_as_numpy
def bounds_of(ring: Floats) -> Floats:
    """The lowest and highest x, then y."""
    low_x = low_y = np.inf
    high_x = high_y = -np.inf
    for i in range(len(ring)):
        x, y = ring[i]
        low_x, high_x = min(low_x, x), max(high_x, x)
        low_y, high_y = min(low_y, y), max(high_y, y)
    return np.array([low_x, high_x, low_y, high_y])


@compiled_as_numpy
def is_inside(x: float, y: float, ring: Floats) -> bool:
    """Whether a point lies in a ring, by the parity of crossings of a ray along x."""
    inside = False
    ax, ay = ring[-1]
    for i in range(len(ring)):
        bx, by = ring[i]
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            inside = not inside
        ax, ay = bx, by
    return inside


@compiled_as_numpy
def share_inside(one: Floats, other: Floats) -> float:
    """Which share of a ring's points lies in another ring."""
    count = 0
    for i in range(len(one)):
        count += is_inside(one[i, 0], one[i, 1], other)
    return count / len(one)


@compiled_as_numpy
def overlaps(one: Floats, other: Floats) -> bool:
    """Whether two rings share area, as far as a point of one lies in the other."""
    # In turns: of two rings in each other only one has points in the other, and it may be either.
    for i in range(max(len(one), len(other))):
        if i < len(one) and is_inside(one[i, 0], one[i, 1], other):
            return True
        if i < len(other) and is_inside(other[i, 0], other[i, 1], one):
            return True
    return False
