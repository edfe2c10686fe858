"""The area of a body between and beyond its planes, as quadratics in z: spheres, cones and cylinders exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

APEX_SHARE = 0.02
"""Below this share of the last plane's area a quadratic has reached zero: an apex touches it only. [ours]"""


APEX_WITHIN_STEPS = 1.05
"""A body ends where its area is extrapolated to zero if that is at most so many steps beyond its last plane: at one
step exactly the last section is a point, and rounding of the rings may put it a little further. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Area = a + b t + c t² with t = z - low_mm, from low_mm to high_mm, in mm²."""

    low_mm: float
    high_mm: float
    a: float
    b: float
    c: float

    def at(self, z_mm: float) -> float:
        """The area at a height."""
        t = z_mm - self.low_mm
        return self.a + self.b * t + self.c * t * t

    def moment_to(self, z_mm: float, power: int) -> float:
        """The integral of area times t^power from the piece's low end to a height."""
        t = z_mm - self.low_mm
        return float(
            sum(factor * t ** (n + power + 1) / (n + power + 1) for n, factor in enumerate((self.a, self.b, self.c)))
        )


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Pieces end to end: the first and last are the end caps."""

    pieces: tuple[Piece, ...]

    @property
    def low_mm(self) -> float:
        """Where the body begins."""
        return self.pieces[0].low_mm

    @property
    def high_mm(self) -> float:
        """Where the body ends."""
        return self.pieces[-1].high_mm

    def mean_mm2(self, low_mm: float, high_mm: float) -> float:
        """The mean area between two heights; outside the body it is zero."""
        return self.volume_mm3(low_mm, high_mm) / (high_mm - low_mm)

    def volume_mm3(self, low_mm: float, high_mm: float) -> float:
        """The volume between two heights."""
        return sum(
            piece.moment_to(min(high_mm, piece.high_mm), 0) - piece.moment_to(max(low_mm, piece.low_mm), 0)
            for piece in self.pieces
            if low_mm < piece.high_mm and high_mm > piece.low_mm
        )

    def area_mm2(self, z_mm: float) -> float:
        """The area at a height."""
        for piece in self.pieces:
            if piece.low_mm <= z_mm <= piece.high_mm:
                return max(0.0, piece.at(z_mm))
        return 0.0


def profile_of(z_mm: Sequence[float], areas_mm2: Sequence[float], *, step_mm: float) -> Profile:
    """The areas between planes and in both end caps.

    Between planes: the parabola through a plane pair and a neighbour, the flatter of the two; where they bend to
    opposite sides, a straight line; a bulge inwards never undershoots both planes.  Beyond the last plane: the
    parabola through the last three (a line through two); if it reaches zero within one step, up to there (a sphere, a
    cone's apex), else its course for half a step (a cylinder, a cut cone).
    """
    count = len(z_mm)
    bends = [_bend(z_mm[n : n + 3], areas_mm2[n : n + 3]) for n in range(count - 2)]
    inner = [
        _between(z_mm[n : n + 2], areas_mm2[n : n + 2], _flatter(bends[max(0, n - 1) : n + 1]))
        for n in range(count - 1)
    ]
    upper = _cap(z_mm[-3:], areas_mm2[-3:], step_mm)
    mirrored = _cap([-z for z in z_mm[:3]][::-1], list(areas_mm2[:3])[::-1], step_mm)
    return Profile(pieces=(_mirrored(mirrored), *inner, upper))


def _bend(z: Sequence[float], areas: Sequence[float]) -> float:
    """Half the second derivative of the parabola through three planes."""
    first, second = ((b - a) / (w - v) for (v, w), (a, b) in zip(pairwise(z), pairwise(areas), strict=True))
    return (second - first) / (z[2] - z[0])


def _flatter(bends: Sequence[float]) -> float:
    if not bends or min(bends) * max(bends) <= 0:
        return 0.0
    return min(bends, key=abs)


def _between(z: Sequence[float], areas: Sequence[float], bend: float) -> Piece:
    step = z[1] - z[0]
    slope = (areas[1] - areas[0]) / step
    bend = min(bend, abs(slope) / step)  # the parabola's lowest place is then at a plane, not between
    return Piece(low_mm=z[0], high_mm=z[1], a=areas[0], b=slope - bend * step, c=bend)


def _cap(z: Sequence[float], areas: Sequence[float], step_mm: float) -> Piece:
    """The piece above the last of up to three planes."""
    last = areas[-1]
    if len(z) == 1:
        return Piece(low_mm=z[0], high_mm=z[0] + step_mm / 2, a=last, b=0.0, c=0.0)
    bend = _bend(z, areas) if len(z) == 3 else 0.0
    slope = (areas[-1] - areas[-2]) / (z[-1] - z[-2]) + bend * (z[-1] - z[-2])
    end = _reaches_zero(last, slope, bend, APEX_WITHIN_STEPS * step_mm)
    if end is None:
        half = step_mm / 2
        # a structure that widens up to its last plane says nothing of what is beyond: it is not widened further
        return Piece(low_mm=z[-1], high_mm=z[-1] + half, a=last, b=min(slope, 0.0), c=bend if slope < 0 else 0.0)
    return Piece(low_mm=z[-1], high_mm=z[-1] + end, a=last, b=slope, c=bend)


def _reaches_zero(area: float, slope: float, bend: float, within_mm: float) -> float | None:
    """Where a falling parabola is first nearly zero, if within so much."""
    lowest = -slope / (2 * bend) if bend > 0 else np.inf
    roots = np.roots([bend, slope, area]) if abs(bend) > 1e-12 * area else np.array([-area / slope if slope else -1.0])
    real = [float(root.real) for root in roots if abs(root.imag) < 1e-9 and root.real > 0]
    candidates = [root for root in real if root <= within_mm]
    if candidates:
        return min(candidates)
    if 0 < lowest <= within_mm and area + slope * lowest + bend * lowest**2 <= APEX_SHARE * area:
        return float(lowest)
    return None


def _mirrored(piece: Piece) -> Piece:
    """A piece of -z as one of z."""
    length = piece.high_mm - piece.low_mm
    return Piece(
        low_mm=-piece.high_mm,
        high_mm=-piece.low_mm,
        a=piece.at(piece.high_mm),
        b=-(piece.b + 2 * piece.c * length),
        c=piece.c,
    )
