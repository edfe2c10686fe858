"""A structure between and beyond its planes: shape-based on signed distances, with the area led by its profile.

Shape-based interpolation as in Raya and Udupa, IEEE Trans Med Imaging 9 (1990) 32-42 [memory]: the section between two
planes is where the mean of their signed distances, weighted by nearness, exceeds a level; here both are first moved
onto each other by their centroids, so that an oblique vessel stays one, and the level is the one that gives the area
of `areas.profile_of`.  Sections beyond the end planes are the end planes drawn in or out to their area.

Parts that overlap in no two neighbouring planes are bodies of their own, each with its own area and end caps; so are
pieces with more than one and a half steps between them: a gap is never filled silently (`volumes.gaps_of` finds it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import shapely
from scipy import ndimage

from tianfu.apps.radiotherapy.model.areas import Profile, profile_of
from tianfu.apps.radiotherapy.model.connections import connected_parts
from tianfu.apps.radiotherapy.model.distances import Lattice, distances_inside, lattice_around
from tianfu.apps.radiotherapy.model.polygons import area_of, rings_of
from tianfu.apps.radiotherapy.model.shapes import Plane, Shape
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

CELLS_ACROSS = 100
"""A body's lattice has so many cells along its longer side, within the two pitches below. [ours]"""

PITCH_MM_MIN, PITCH_MM_MAX = 0.2, 1.0
"""Finer than a contour is drawn, and coarser than its bends only for the skin. [ours]"""

AREA_WITHIN = 1e-4
"""How near a section's area comes to its profile's, as a share. [ours]"""

END_MM = 0.02
"""The outermost cuts are so far inside the ends, where a sphere has a section still. [ours]"""

SEARCHES_MAX = 40
"""A level is found in five or six tries; bisection alone needs forty to rounding."""


@dataclass(frozen=True, kw_only=True)
class FinePlane:
    """Rings that stand for a slab of so much thickness around z; their area is the slab's mean."""

    z_mm: float
    thickness_mm: float
    rings: tuple[Floats, ...]


@dataclass(frozen=True, kw_only=True)
class Body:
    """One connected part of a structure, with every section through it."""

    shape: Shape
    step_mm: float

    @cached_property
    def profile(self) -> Profile:
        """Area along z, end caps included."""
        return profile_of(self._planes_mm, [area.area for area in self._areas], step_mm=self.step_mm)

    def section(self, z_mm: float, area_mm2: float | None = None) -> tuple[Floats, ...]:
        """The rings at a height, with the profile's area there or a given one; none outside the body."""
        area_mm2 = self.profile.area_mm2(z_mm) if area_mm2 is None else area_mm2
        if area_mm2 <= 0:
            return ()
        for plane in self.shape.planes:
            if abs(plane.z_mm - z_mm) < 1e-6 and area_mm2 == self.profile.area_mm2(z_mm):
                return plane.rings
        return _rings_of_area(self._field(z_mm), self._lattice, area_mm2)

    @cached_property
    def _planes_mm(self) -> list[float]:
        return [plane.z_mm for plane in self.shape.planes]

    @cached_property
    def _areas(self) -> list[shapely.Geometry]:
        return [area_of(plane.rings) for plane in self.shape.planes]

    @cached_property
    def _lattice(self) -> Lattice:
        rings = [ring for plane in self.shape.planes for ring in plane.rings]
        extent = float(max(np.ptp(np.concatenate(rings), axis=0)))
        pitch = float(np.clip(extent / CELLS_ACROSS, PITCH_MM_MIN, PITCH_MM_MAX))
        return lattice_around(rings, pitch_mm=pitch, border_mm=4 * pitch + 0.05 * extent)

    @cached_property
    def _fields(self) -> dict[int, Floats]:
        return {}

    def _distances(self, number: int) -> Floats:
        if number not in self._fields:
            self._fields[number] = distances_inside(self.shape.planes[number].rings, self._lattice)
        return self._fields[number]

    def _field(self, z_mm: float) -> Floats:
        """The weighted signed distances, in millimetres."""
        above = int(np.searchsorted(self._planes_mm, z_mm))
        if above == 0:
            return self._distances(0)
        if above == len(self._planes_mm):
            return self._distances(above - 1)
        low_mm, high_mm = self._planes_mm[above - 1], self._planes_mm[above]
        share = (z_mm - low_mm) / (high_mm - low_mm)
        way = self._way(above)
        lower = _moved(self._distances(above - 1), share * way / self._lattice.pitch_mm)
        upper = _moved(self._distances(above), (share - 1) * way / self._lattice.pitch_mm)
        return np.asarray((1 - share) * lower + share * upper)

    def _way(self, above: int) -> Floats:
        """From the centroid of a plane's area to that of the one above; none where parts join or divide."""
        lower, upper = self._areas[above - 1], self._areas[above]
        if shapely.get_num_geometries(lower) != 1 or shapely.get_num_geometries(upper) != 1:
            return np.zeros(2)
        return np.asarray(
            shapely.get_coordinates(upper.centroid)[0] - shapely.get_coordinates(lower.centroid)[0], dtype=np.float64
        )


def bodies_of(shape: Shape, *, step_mm: float) -> list[Body]:
    """The connected parts of a structure, drawn every `step_mm`, as bodies.

    Raises Refusal `structure-without-area` if it has no area.
    """
    bodies = [Body(shape=part, step_mm=step_mm) for part in connected_parts(shape, step_mm=step_mm)]
    if not bodies:
        raise Refusal("structure-without-area")
    return bodies


def section_at(bodies: Sequence[Body], z_mm: float) -> tuple[Floats, ...]:
    """The rings of all bodies at a height."""
    return _united([body.section(z_mm) for body in bodies])


def fine_planes(shape: Shape, step_mm: float, *, drawn_step_mm: float) -> list[FinePlane]:
    """A structure drawn every `drawn_step_mm` cut into slabs of at most `step_mm`, end caps included.

    The sum of area times thickness is the structure's volume as its profile has it, however thick the slabs.
    """
    bodies = bodies_of(shape, step_mm=drawn_step_mm)
    return sorted((plane for body in bodies for plane in _slabs(body, step_mm)), key=lambda plane: plane.z_mm)


def cut_heights_mm(body: Body, *, step_mm: float) -> list[float]:
    """Heights between which a wall goes at most `step_mm` along; in end caps closer to the end, as a sphere rounds."""
    ends = body.profile.low_mm + END_MM, body.profile.high_mm - END_MM
    stops = [ends[0], *(plane.z_mm for plane in body.shape.planes), ends[1]]
    radii = [float(np.sqrt(body.profile.area_mm2(stop) / np.pi)) for stop in stops]
    found: list[float] = []
    for number, ((low, high), (start, end)) in enumerate(zip(pairwise(stops), pairwise(radii), strict=True)):
        shares = np.linspace(0.0, 1.0, int(np.ceil(np.hypot(high - low, end - start) / step_mm)) + 1)
        if number == 0:
            shares = shares**2
        elif number == len(stops) - 2:
            shares = 1 - (1 - shares) ** 2
        found.extend((low + (high - low) * shares).tolist())
    return found


def with_missing_planes(shape: Shape, z_mm: Sequence[float], *, drawn_step_mm: float) -> Shape:
    """A structure drawn on every n-th slice with planes on all the given slices; drawn planes stay as they are.

    Only slices between the first and the last drawn plane of a part are filled; ends stay where they were drawn.
    """
    bodies = bodies_of(shape, step_mm=drawn_step_mm)
    drawn = [plane.z_mm for plane in shape.planes]
    wanted = [z for z in z_mm if min(abs(z - other) for other in drawn) > 1e-3]
    filled = [Plane(z_mm=z, rings=_united([b.section(z) for b in bodies if _is_between(b, z)])) for z in wanted]
    planes = [*shape.planes, *(plane for plane in filled if plane.rings)]
    return Shape(planes=tuple(sorted(planes, key=lambda plane: plane.z_mm)))


def _is_between(body: Body, z_mm: float) -> bool:
    return body.shape.planes[0].z_mm < z_mm < body.shape.planes[-1].z_mm


def _slabs(body: Body, step_mm: float) -> list[FinePlane]:
    profile = body.profile
    count = max(1, int(np.ceil((profile.high_mm - profile.low_mm) / step_mm - 1e-9)))
    edges = np.linspace(profile.low_mm, profile.high_mm, count + 1)
    return [
        FinePlane(
            z_mm=float(low + high) / 2,
            thickness_mm=float(high - low),
            rings=body.section(float(low + high) / 2, profile.mean_mm2(float(low), float(high))),
        )
        for low, high in pairwise(edges)
    ]


def _united(sections: list[tuple[Floats, ...]]) -> tuple[Floats, ...]:
    found = [section for section in sections if section]
    if len(found) < 2:
        return found[0] if found else ()
    return rings_of(shapely.union_all([area_of(section) for section in found]))


def _moved(field: Floats, cells: Floats) -> Floats:
    if np.abs(cells).max() < 1e-9:
        return field
    return np.asarray(ndimage.shift(field, (cells[1], cells[0]), order=1, mode="nearest"))


def _rings_of_area(field: Floats, lattice: Lattice, area_mm2: float) -> tuple[Floats, ...]:
    """The rings around what exceeds the level at which they enclose an area: Newton's steps, held by bisection."""
    low, high = float(field.min()), float(field.max())
    level = min(max(0.0, low), np.nextafter(high, low))
    rings: tuple[Floats, ...] = ()
    for _ in range(SEARCHES_MAX):
        rings = lattice.rings(field - level)
        excess = _signed_area(rings) - area_mm2
        if abs(excess) <= AREA_WITHIN * area_mm2:
            return rings
        low, high = (level, high) if excess > 0 else (low, level)
        around = sum(float(np.linalg.norm(ring - np.roll(ring, -1, axis=0), axis=1).sum()) for ring in rings)
        level = level + excess / around if around > 0 else (low + high) / 2
        if not low < level < high:
            level = (low + high) / 2
    return rings


def _signed_area(rings: Sequence[Floats]) -> float:
    """Area of rings that all keep the inside on one hand, as marching squares leaves them: holes count against."""
    doubled = 0.0
    for ring in rings:
        after = np.roll(ring, -1, axis=0)
        doubled += float(np.sum(ring[:, 0] * after[:, 1] - ring[:, 1] * after[:, 0]))
    return abs(doubled) / 2
