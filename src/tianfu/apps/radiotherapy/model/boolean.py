"""Union, intersection, difference and exclusive or of structures, plane by plane.

Planes of both that lie within a tenth of a millimetre are one plane.  A plane that only one structure has meets
nothing if the other has no plane near it: beyond its ends, or in a gap between two parts.  If the other has one nearer
than three quarters of its step, the two were drawn on different slices: with `resample` the other's section there is
interpolated, end caps included, and the result has the planes of both; without, that is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import shapely
from shapely.geometry.base import BaseGeometry

from tianfu.apps.radiotherapy.model.interpolation import Body, bodies_of, section_at
from tianfu.apps.radiotherapy.model.polygons import area_of, rings_of
from tianfu.apps.radiotherapy.model.shapes import SAME_PLANE_WITHIN_MM, Plane, Shape
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

OTHER_SLICES_STEPS = 0.75
"""A plane nearer than this to one of the other's planes was drawn on other slices. [ours]"""

Operation = Callable[[BaseGeometry, BaseGeometry], BaseGeometry]


def union(one: Shape, other: Shape, *, resample: bool) -> Shape:
    """What is in one or in both.  Raises Refusal `planes-not-shared` as the module says."""
    return _combined(one, other, shapely.union, resample=resample)


def intersection(one: Shape, other: Shape, *, resample: bool) -> Shape:
    """What is in both; perhaps a shape without planes.  Raises Refusal `planes-not-shared`."""
    return _combined(one, other, shapely.intersection, resample=resample)


def difference(one: Shape, other: Shape, *, resample: bool) -> Shape:
    """What is in the first only.  Raises Refusal `planes-not-shared`."""
    return _combined(one, other, shapely.difference, resample=resample)


def exclusive_or(one: Shape, other: Shape, *, resample: bool) -> Shape:
    """What is in one but not in both.  Raises Refusal `planes-not-shared`."""
    return _combined(one, other, shapely.symmetric_difference, resample=resample)


def _combined(one: Shape, other: Shape, operation: Operation, *, resample: bool) -> Shape:
    planes_mm = _planes_of_both(one, other)
    areas = zip(
        planes_mm,
        _areas(one, planes_mm, resample=resample),
        _areas(other, planes_mm, resample=resample),
        strict=True,
    )
    planes = [Plane(z_mm=z, rings=rings_of(operation(first, second))) for z, first, second in areas]
    return Shape(planes=tuple(plane for plane in planes if plane.rings))


def _planes_of_both(one: Shape, other: Shape) -> list[float]:
    """The planes of the first and those of the second that it does not share."""
    mine = [plane.z_mm for plane in one.planes]
    theirs = [plane.z_mm for plane in other.planes if _plane_near(one, plane.z_mm) is None]
    return sorted(mine + theirs)


def _areas(shape: Shape, planes_mm: Sequence[float], *, resample: bool) -> list[BaseGeometry]:
    bodies: list[Body] = []
    areas = []
    for z_mm in planes_mm:
        plane = _plane_near(shape, z_mm)
        rings: Sequence[Floats] = () if plane is None else plane.rings
        if plane is None and _has_planes_near(shape, z_mm):
            if not resample:
                raise Refusal("planes-not-shared", details={"z_mm": f"{z_mm:.1f}"})
            bodies = bodies or bodies_of(shape, step_mm=shape.step_mm or 0.0)
            rings = section_at(bodies, z_mm)
        areas.append(area_of(rings))
    return areas


def _plane_near(shape: Shape, z_mm: float) -> Plane | None:
    if not shape.planes:
        return None
    plane = min(shape.planes, key=lambda each: abs(each.z_mm - z_mm))
    return plane if abs(plane.z_mm - z_mm) <= SAME_PLANE_WITHIN_MM else None


def _has_planes_near(shape: Shape, z_mm: float) -> bool:
    """Whether a height lies between slices of the shape: a plane on the same slices would be a whole step away."""
    if shape.step_mm is None:
        return False
    return min(abs(plane.z_mm - z_mm) for plane in shape.planes) < OTHER_SLICES_STEPS * shape.step_mm
