"""The surface of a structure as triangles, end caps and all, and how far one surface is from another.

The structure is a field on a lattice, positive inside: the signed distance in the plane, on cuts along z that lie
closer where the wall runs flat.  Each box of the lattice is six tetrahedra about one diagonal, in each of which the
field is linear and its zero a triangle or two.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from tianfu.apps.radiotherapy.model.compiled import compiled
from tianfu.apps.radiotherapy.model.distances import distances_inside, lattice_around
from tianfu.apps.radiotherapy.model.interpolation import Body, bodies_of, cut_heights_mm
from tianfu.apps.radiotherapy.model.scanlines import Longs
from tianfu.apps.radiotherapy.model.shapes import Shape
from tianfu.standards.dicom.grids import Floats

NEIGHBOURS = 12
"""So many triangles whose centres are nearest are measured exactly; they are much of one size. [ours]"""

CELLS_NEEDED = 10
"""A wall moves by about a cell from one cut to the next, seldom by so many. [ours]"""

OUTSIDE = -1e-9
"""The field at an end: just not inside."""

TETRAHEDRA = np.array(
    [[0, 1, 3, 7], [0, 3, 2, 7], [0, 2, 6, 7], [0, 6, 4, 7], [0, 4, 5, 7], [0, 5, 1, 7]], dtype=np.int64
)
"""Corners of a cube numbered x + 2 y + 4 z, six tetrahedra about the diagonal from 0 to 7."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """Triangles (n, 3 corners, 3) in local millimetres."""

    triangles: Floats

    @cached_property
    def areas_mm2(self) -> Floats:
        """The area of each triangle."""
        first, second, third = self.triangles.transpose(1, 0, 2)
        return np.asarray(np.linalg.norm(np.cross(second - first, third - first), axis=1) / 2)

    @cached_property
    def centres(self) -> Floats:
        """The middle of each triangle (n, 3)."""
        return np.asarray(self.triangles.mean(axis=1))

    def distances_mm(self, points: Floats) -> Floats:
        """How far each point (m, 3) is from the surface."""
        count = min(NEIGHBOURS, len(self.triangles))
        _, nearest = self._tree.query(points, k=[*range(1, count + 1)])
        return _nearest_of(points, self.triangles, np.asarray(nearest, dtype=np.int64))

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.centres)


def surface_of(shape: Shape, *, step_mm: float, pitch_mm: float) -> Surface:
    """The surface of a structure drawn every `step_mm`, in triangles of about `pitch_mm`.

    Raises Refusal `structure-without-area` if it has no area.
    """
    found = [_surface_of_body(body, pitch_mm) for body in bodies_of(shape, step_mm=step_mm)]
    return Surface(triangles=np.concatenate(found))


def _surface_of_body(body: Body, pitch_mm: float) -> Floats:
    """The triangles of one part: nearly at its ends are cuts, and at its ends nothing is inside."""
    cuts = cut_heights_mm(body, step_mm=pitch_mm)
    sections = [(z, rings) for z in np.unique(cuts).tolist() if (rings := body.section(z))]
    lattice = lattice_around(
        [ring for _, rings in sections for ring in rings], pitch_mm=pitch_mm, border_mm=2 * pitch_mm
    )
    fields = [distances_inside(rings, lattice, limit=CELLS_NEEDED * pitch_mm) for _, rings in sections]
    values = np.stack([np.minimum(fields[0], OUTSIDE), *fields, np.minimum(fields[-1], OUTSIDE)])
    heights = np.array([body.profile.low_mm, *(z for z, _ in sections), body.profile.high_mm])
    triangles = _triangles(values, TETRAHEDRA)
    x_mm, y_mm = (triangles[..., axis] * pitch_mm + lattice.origin_mm[axis] for axis in range(2))
    return np.stack([x_mm, y_mm, np.interp(triangles[..., 2], np.arange(len(heights)), heights)], axis=-1)


@compiled
def _triangles(values: Floats, tetrahedra: Longs) -> Floats:
    """The triangles of the zero of a field (slices, rows, columns), in fractional columns, rows and slices."""
    slices, rows, columns = values.shape
    found = [np.zeros((3, 3)) for _ in range(0)]
    corners, field = np.empty((8, 3)), np.empty(8)
    for z in range(slices - 1):
        for y in range(rows - 1):
            for x in range(columns - 1):
                inside = 0
                for corner in range(8):
                    dx, dy, dz = corner % 2, corner // 2 % 2, corner // 4
                    corners[corner, 0], corners[corner, 1], corners[corner, 2] = x + dx, y + dy, z + dz
                    field[corner] = values[z + dz, y + dy, x + dx]
                    inside += field[corner] > 0
                if 0 < inside < 8:
                    for number in range(6):
                        _cut(corners, field, tetrahedra[number], found)
    triangles = np.empty((len(found), 3, 3))
    for number in range(len(found)):
        triangles[number] = found[number]
    return triangles


@compiled
def _cut(corners: Floats, field: Floats, tetrahedron: Longs, found: list[Floats]) -> None:
    """Add the triangles in which the field of one tetrahedron is zero."""
    order = np.empty(4, dtype=np.int64)
    inside = 0
    for corner in tetrahedron:
        if field[corner] > 0:
            order[inside] = corner
            inside += 1
    outside = inside
    for corner in tetrahedron:
        if field[corner] <= 0:
            order[outside] = corner
            outside += 1
    if inside == 1 or inside == 3:
        lone = order[0] if inside == 1 else order[3]
        triangle = np.empty((3, 3))
        at = 0
        for corner in order:
            if corner != lone:
                triangle[at] = _crossing(corners, field, lone, corner)
                at += 1
        found.append(triangle)
    elif inside == 2:
        a, b = _crossing(corners, field, order[0], order[2]), _crossing(corners, field, order[0], order[3])
        c, d = _crossing(corners, field, order[1], order[3]), _crossing(corners, field, order[1], order[2])
        first, second = np.empty((3, 3)), np.empty((3, 3))
        first[0], first[1], first[2] = a, b, c
        second[0], second[1], second[2] = a, c, d
        found.append(first)
        found.append(second)


@compiled
def _crossing(corners: Floats, field: Floats, one: np.int64, other: np.int64) -> Floats:
    """Where on the line between two corners the field is zero."""
    share = field[one] / (field[one] - field[other])
    place: Floats = corners[one] + share * (corners[other] - corners[one])
    return place


@compiled
def _nearest_of(points: Floats, triangles: Floats, candidates: Longs) -> Floats:
    """The distance of each point from the nearest of its candidate triangles."""
    distances = np.empty(len(points))
    for number in range(len(points)):
        smallest = np.inf
        for candidate in candidates[number]:
            smallest = min(smallest, _square_to(points[number], triangles[candidate]))
        distances[number] = np.sqrt(smallest)
    return distances


@compiled
def _square_to(point: Floats, triangle: Floats) -> float:
    """The squared distance of a point from a triangle: to its plane if above it, else to its nearest side."""
    smallest = np.inf
    for side in range(3):
        smallest = min(smallest, _square_to_side(point, triangle[side], triangle[(side + 1) % 3]))
    a, b, c, d, e, f = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for axis in range(3):
        first, second = triangle[1, axis] - triangle[0, axis], triangle[2, axis] - triangle[0, axis]
        across = point[axis] - triangle[0, axis]
        a += first * first
        b += first * second
        c += second * second
        d += across * first
        e += across * second
        f += across * across
    doubled = a * c - b * b
    if doubled > 1e-18:
        u, v = (c * d - b * e) / doubled, (a * e - b * d) / doubled
        if u >= 0 and v >= 0 and u + v <= 1:
            smallest = min(smallest, max(0.0, f - u * d - v * e))
    return smallest


@compiled
def _square_to_side(point: Floats, start: Floats, end: Floats) -> float:
    length, along = 0.0, 0.0
    for axis in range(3):
        length += (end[axis] - start[axis]) ** 2
        along += (point[axis] - start[axis]) * (end[axis] - start[axis])
    share = min(1.0, max(0.0, along / length)) if length > 0 else 0.0
    square = 0.0
    for axis in range(3):
        square += (point[axis] - start[axis] - share * (end[axis] - start[axis])) ** 2
    return square
