"""The rings of one plane as polygons with holes, and back; what is inside an odd number of rings belongs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from tianfu.standards.dicom.grids import Floats

SLIVER_MM2 = 1e-6
"""A polygon smaller than this is a rounding of two edges that lie on each other. [ours]"""


def area_of(rings: Sequence[Floats]) -> BaseGeometry:
    """What lies inside an odd number of the rings; rings that cross themselves or each other are cut where they do."""
    lone = [_area_of_ring(ring) for ring in rings if len(ring) >= 3]
    return reduce(_either, lone, MultiPolygon())


def rings_of(area: BaseGeometry) -> tuple[Floats, ...]:
    """Outer rings and those of holes (n, 2), without their first point repeated; slivers are left out."""
    return tuple(
        np.ascontiguousarray(shapely.get_coordinates(ring)[:-1])
        for polygon in parts_of(area)
        for ring in (polygon.exterior, *polygon.interiors)
        if Polygon(ring).area > SLIVER_MM2
    )


def parts_of(area: BaseGeometry) -> list[Polygon]:
    """The polygons of an area, without slivers, lines and points."""
    found = shapely.get_parts(shapely.get_parts(area))  # a collection may hold several polygons as one
    return [part for part in found.tolist() if isinstance(part, Polygon) and part.area > SLIVER_MM2]


def _either(one: BaseGeometry, other: BaseGeometry) -> BaseGeometry:
    return _areas(shapely.symmetric_difference(one, other))


def _area_of_ring(ring: Floats) -> BaseGeometry:
    polygon = Polygon(ring)
    if polygon.is_valid:
        return polygon
    faces = shapely.get_parts(shapely.polygonize([shapely.unary_union(shapely.LinearRing(ring))]))
    return _areas(shapely.union_all([face for face in faces if _is_inside(ring, face)]))


def _is_inside(ring: Floats, face: BaseGeometry) -> bool:
    """Whether a face of the ring's own lines is inside: a ray from it crosses the ring an odd number of times.

    A library's repair does not do: it takes a side that is walked twice for a border.
    """
    x, y = shapely.get_coordinates(face.representative_point())[0]
    x0, y0 = ring.T
    x1, y1 = np.roll(ring, -1, axis=0).T
    spans = (y0 > y) != (y1 > y)
    crossings = x0[spans] + (y - y0[spans]) * (x1[spans] - x0[spans]) / (y1[spans] - y0[spans]) > x
    return bool(np.count_nonzero(crossings) % 2)


def _areas(found: BaseGeometry) -> BaseGeometry:
    """What has an area of what a library's operation left behind: no lines, no points."""
    return found if isinstance(found, Polygon | MultiPolygon) else MultiPolygon(parts_of(found))
