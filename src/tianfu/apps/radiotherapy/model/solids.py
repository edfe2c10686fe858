"""How a structure goes on between its planes and beyond the first and the last one.

Between planes a ring becomes the next one by growing, moving and stretching: its centre and its second moments follow
parabolas through three neighbouring planes, so its area does too.  A plane section of an ellipsoid, a cone or a
cylinder, upright, lying or oblique, has a centre that is linear and moments that are quadratic in z: such solids are
met exactly.  Beyond the last plane the parabola goes on: to where the ring vanishes if that is within one step, or
else for half a step (Nelms et al. 2015, doi 10.1118/1.4923175, for why end caps matter; the rule is [ours]).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import count, pairwise
from math import pi, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.model.rings import bounds_of, is_inside, moments_of, overlaps, share_inside
from tianfu.apps.radiotherapy.model.shapes import Plane, Shape
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

Integers = NDArray[np.int64]

AREA_MM2_MIN = 1e-6
"""A ring of less area holds nothing. [ours]"""

ALIKE_WITHIN = 1.25
"""Rings become each other if their area over that of the ellipse of their moments differs by less. [ours]"""

JOINED_WITHIN_STEPS = 2.5
"""A structure goes on over one or two planes that were left out, not over more. [ours]"""

ONE_STEP = 1.1
"""A ring that vanishes within one step ends there; a little more, for a mere point is not drawn. [ours]"""

VANISHED_SHARE = 0.01
"""At a cone's apex the parabola of the moments touches zero; rounded rings leave so much of them. [ours]"""


class Solid(NamedTuple):
    """Pieces of a structure, each one ring with its course in z; inside is inside an odd number of pieces.

    `points` (p, 2) are those of all rings, ring r has those from `starts[r]` to `starts[r + 1]`; `rings` (r, 5) are
    centre x, y and moments xx, xy, yy of each.  Piece k is ring `piece_ring[k]` between the two z of `piece_span[k]`;
    its centre and moments are `piece_course[k]` (5, 3), by powers of the distance from `piece_z[k]`.
    `piece_is_end` tells that no other piece follows it; `bounds` (r, 4) are each ring's lowest and highest x and y.
    `faces` (f, 2) are the number of a piece and the z where it ends flat.
    """

    points: Floats
    starts: Integers
    rings: Floats
    piece_ring: Integers
    piece_span: Floats
    piece_z: Floats
    piece_course: Floats
    piece_is_end: NDArray[np.bool_]
    bounds: Floats
    faces: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ring:
    number: int
    plane: int
    z_mm: float
    points: Floats
    bounds: Floats
    area: float
    state: Floats
    is_hole: bool
    roundness: float


class Ends(Enum):
    """How a piece ends away from its ring: where the next one begins, in a flat face, or in a point or a line."""

    NOT = "not"
    FLAT = "flat"
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class _Piece:
    ring: int
    z_mm: float
    span: tuple[float, float]
    course: Floats
    ends: Ends

    @property
    def face_mm(self) -> float:
        """Where it ends flat, which is the end that is not the ring."""
        return self.span[0] if self.span[1] == self.z_mm else self.span[1]


def solid_of(shape: Shape, *, slice_thickness_mm: float | None) -> Solid:
    """The solid of a shape; the thickness is that of a shape of one plane.

    Raises Refusal `structure-without-area`, and `structure-of-one-plane` if that has no thickness.
    """
    numbers = count()
    planes = [_rings_of(plane, at, numbers) for at, plane in enumerate(shape.planes)]
    if not any(planes):
        raise Refusal("structure-without-area")
    step = shape.step_mm if shape.step_mm is not None else slice_thickness_mm
    if step is None or not step > 0:
        raise Refusal("structure-of-one-plane")
    return _assembled([ring for plane in planes for ring in plane], list(_pieces(planes, step)))


def _rings_of(plane: Plane, plane_number: int, numbers: Iterator[int]) -> list[_Ring]:
    found = []
    for index, points in enumerate(plane.rings):
        ring = np.ascontiguousarray(points, dtype=np.float64)
        area, x, y, xx, xy, yy = moments_of(ring).tolist()
        if area < AREA_MM2_MIN:
            continue
        others = (other for at, other in enumerate(plane.rings) if at != index)
        depth = sum(share_inside(ring, np.ascontiguousarray(other, dtype=np.float64)) > 0.5 for other in others)
        roundness = _roundness(area, xx, xy, yy)
        found.append(
            _Ring(
                number=next(numbers),
                plane=plane_number,
                z_mm=plane.z_mm,
                points=ring,
                bounds=bounds_of(ring),
                area=area,
                state=np.array([x, y, xx * roundness, xy * roundness, yy * roundness]),
                is_hole=depth % 2 == 1,
                roundness=roundness,
            )
        )
    return found


def _roundness(area: float, xx: float, xy: float, yy: float) -> float:
    """The area over that of the ellipse of the same moments, 1 for an ellipse; 0 for a ring that crosses itself badly.

    Moments times this are those of an ellipse of the ring's area: what follows them has the right area.
    """
    determinant = xx * yy - xy * xy
    return area / (4 * pi * sqrt(determinant)) if determinant > 0 and xx > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class _Links:
    """For each ring the one that it becomes; `goes_on` are those that become something else: a fork, a far shape."""

    above: dict[int, _Ring]
    below: dict[int, _Ring]
    goes_on_above: set[int]
    goes_on_below: set[int]


def _links(planes: list[list[_Ring]], step: float) -> _Links:
    links = _Links(above={}, below={}, goes_on_above=set(), goes_on_below=set())
    for lower, upper in pairwise(planes):
        if not lower or not upper or upper[0].z_mm - lower[0].z_mm > JOINED_WITHIN_STEPS * step:
            continue
        pairs = [(a, b) for a in lower for b in upper if a.is_hole == b.is_hole and _meet(a, b)]
        for a, b in pairs:
            only = sum(a is c for c, _ in pairs) == 1 and sum(b is c for _, c in pairs) == 1
            if only and _alike(a, b):
                links.above[a.number], links.below[b.number] = b, a
            else:
                links.goes_on_above.add(a.number)
                links.goes_on_below.add(b.number)
        links.goes_on_above.update(ring.number for ring in lower if ring.is_hole and _is_open(ring, upper))
        links.goes_on_below.update(ring.number for ring in upper if ring.is_hole and _is_open(ring, lower))
    return links


def _meet(one: _Ring, other: _Ring) -> bool:
    a, b = one.bounds, other.bounds
    is_apart = a[0] > b[1] or b[0] > a[1] or a[2] > b[3] or b[2] > a[3]
    return not is_apart and bool(overlaps(one.points, other.points))


def _alike(one: _Ring, other: _Ring) -> bool:
    if not (one.roundness > 0 and other.roundness > 0):
        return False
    return 1 / ALIKE_WITHIN < one.roundness / other.roundness < ALIKE_WITHIN


def _is_open(hole: _Ring, plane: list[_Ring]) -> bool:
    """Whether a hole is outside of the structure in the next plane, so that it does not close before."""
    inside = [sum(is_inside(x, y, ring.points) for ring in plane) % 2 for x, y in hole.points]
    return float(np.mean(inside)) < 0.5


def _pieces(planes: list[list[_Ring]], step: float) -> Iterator[_Piece]:
    links = _links(planes, step)
    heights = [plane[0].z_mm if plane else np.nan for plane in planes]
    for ring in (ring for plane in planes for ring in plane):
        below, above = links.below.get(ring.number), links.above.get(ring.number)
        course = _course(ring, below, above, links)
        for side, other, goes_on in (
            (-1, below, links.goes_on_below),
            (1, above, links.goes_on_above),
        ):
            if other is not None:
                half = (other.z_mm - ring.z_mm) / 2
                yield _piece(ring, _tame(course, ring, other, half), half, ends=Ends.NOT)
            elif ring.number in goes_on:
                half = (heights[ring.plane + side] - ring.z_mm) / 2
                yield _piece(ring, _plain(ring), half, ends=Ends.FLAT)
            else:
                yield _cap(ring, course, below if side > 0 else above, side * step)


def _course(ring: _Ring, below: _Ring | None, above: _Ring | None, links: _Links) -> Floats:
    """The parabola through a ring and its neighbours, or at an end through the two before it."""
    if below is not None and above is not None:
        return _parabola(ring, below, above)
    neighbour = below if below is not None else above
    if neighbour is None:
        return _plain(ring)
    further = (links.below if below is not None else links.above).get(neighbour.number)
    line = _line(ring, neighbour)
    if further is None:
        return line
    course = _parabola(ring, neighbour, further)
    course[:2] = line[:2]  # a parabola of the centre, carried on, would magnify a hand's trembling
    return course


def _plain(ring: _Ring) -> Floats:
    return _powers(ring.state, np.zeros(5), np.zeros(5))


def _powers(constant: Floats, linear: Floats, square: Floats) -> Floats:
    """A course of these factors; a third of what np.stack takes."""
    course = np.empty((len(constant), 3))
    course[:, 0], course[:, 1], course[:, 2] = constant, linear, square
    return course


def _line(ring: _Ring, other: _Ring) -> Floats:
    """The course on which widths grow evenly, as those of a cone do; between the two they cannot vanish."""
    way = other.z_mm - ring.z_mm
    slope, bend = other.state - ring.state, np.zeros(5)
    bend[2:] = ring.state[2:] + other.state[2:] - 2 * _mean_moments(ring.state[2:], other.state[2:])
    return _powers(ring.state, (slope - bend) / way, bend / way**2)


def _mean_moments(one: Floats, other: Floats) -> Floats:
    """The geometric mean of two matrices xx, xy, yy, in its closed form for 2 x 2."""
    a, b = np.sqrt(_determinant(one)), np.sqrt(_determinant(other))
    total = one / a + other / b
    return np.asarray(np.sqrt(a * b / _determinant(total)) * total)


def _determinant(moments: Floats) -> float:
    return float(moments[0] * moments[2] - moments[1] ** 2)


def _parabola(ring: _Ring, one: _Ring, other: _Ring) -> Floats:
    near, far = one.z_mm - ring.z_mm, other.z_mm - ring.z_mm
    to_one, to_other = (one.state - ring.state) / near, (other.state - ring.state) / far
    bend = (to_other - to_one) / (far - near)
    return _powers(ring.state, to_one - bend * near, bend)


def _tame(course: Floats, ring: _Ring, other: _Ring, half: float) -> Floats:
    """The course, or the line between two planes if the parabola leaves what both let expect."""
    area = area_at(course, half)
    fits = smallest_at(course, half) > 0 and area < 2 * max(ring.area, other.area)
    return course if fits else _line(ring, other)


def _cap(ring: _Ring, course: Floats, neighbour: _Ring | None, step: float) -> _Piece:
    if neighbour is None:
        return _piece(ring, _plain(ring), step / 2, ends=Ends.FLAT)
    vanishes = vanishing(course, step * ONE_STEP)
    if vanishes != 0:
        return _piece(ring, course, vanishes, ends=Ends.CLOSED)
    change = abs(ring.area - neighbour.area)
    line = _line(ring, neighbour)
    for each in (course, line):
        area = area_at(each, step / 2)
        if smallest_at(each, step / 2) > 0 and ring.area - change <= area * (1 + 1e-9) and area <= ring.area + change:
            return _piece(ring, each, step / 2, ends=Ends.FLAT)
    return _piece(ring, _plain(ring), step / 2, ends=Ends.FLAT)


def _piece(ring: _Ring, course: Floats, length: float, *, ends: Ends) -> _Piece:
    other = ring.z_mm + length
    span = (other, ring.z_mm) if length < 0 else (ring.z_mm, other)
    return _Piece(ring=ring.number, z_mm=ring.z_mm, span=span, course=course, ends=ends)


def _assembled(rings: list[_Ring], pieces: list[_Piece]) -> Solid:
    return Solid(
        points=np.concatenate([ring.points for ring in rings]),
        starts=np.cumsum([0, *(len(ring.points) for ring in rings)]),
        rings=np.array([ring.state for ring in rings]),
        piece_ring=np.array([piece.ring for piece in pieces]),
        piece_span=np.array([piece.span for piece in pieces]),
        piece_z=np.array([piece.z_mm for piece in pieces]),
        piece_course=np.array([piece.course for piece in pieces]),
        piece_is_end=np.array([piece.ends is not Ends.NOT for piece in pieces]),
        bounds=np.array([ring.bounds for ring in rings]),
        faces=np.array(
            [(at, piece.face_mm) for at, piece in enumerate(pieces) if piece.ends is Ends.FLAT], dtype=np.float64
        ).reshape(-1, 2),
    )


@compiled_as_numpy
def moments_at(course: Floats, distance: float) -> tuple[float, float, float]:
    """Moments xx, xy and yy of a course at a distance from its ring."""
    xx = course[2, 0] + distance * (course[2, 1] + distance * course[2, 2])
    xy = course[3, 0] + distance * (course[3, 1] + distance * course[3, 2])
    yy = course[4, 0] + distance * (course[4, 1] + distance * course[4, 2])
    return xx, xy, yy


@compiled_as_numpy
def area_at(course: Floats, distance: float) -> float:
    """The area of a ring on its course: that of the ellipse of its moments."""
    xx, xy, yy = moments_at(course, distance)
    return float(4 * np.pi * np.sqrt(max(0.0, xx * yy - xy * xy)))


@compiled_as_numpy
def smallest_at(course: Floats, distance: float) -> float:
    """The smaller principal moment of a ring on its course: a square of its smaller width."""
    xx, xy, yy = moments_at(course, distance)
    return float((xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy))


@compiled_as_numpy
def vanishing(course: Floats, reach: float) -> float:
    """The distance, up to `reach` of either sign, where a ring's smaller width vanishes; 0 if nowhere."""
    steps = 64
    first = smallest_at(course, 0.0)
    before, middle = 0.0, 0.0
    for i in range(1, steps + 2):
        now = reach * (i / steps) ** 2  # closer where a ring is nearly a point already
        if smallest_at(course, now) <= 0 and i <= steps:
            return float(_root(course, middle, now))
        if smallest_at(course, now) > smallest_at(course, middle):
            lowest = _lowest(course, before, now)
            if smallest_at(course, lowest) < VANISHED_SHARE * first:
                return float(lowest)
        before, middle = middle, now
    return 0.0


@compiled_as_numpy
def _lowest(course: Floats, begin: float, end: float) -> float:
    for _ in range(60):
        third = (end - begin) / 3
        if smallest_at(course, begin + third) < smallest_at(course, end - third):
            end -= third
        else:
            begin += third
    return (begin + end) / 2


@compiled_as_numpy
def _root(course: Floats, positive: float, negative: float) -> float:
    for _ in range(40):
        middle = (positive + negative) / 2
        if smallest_at(course, middle) > 0:
            positive = middle
        else:
            negative = middle
    return positive
