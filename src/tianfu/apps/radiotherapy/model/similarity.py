"""How alike two structures are: overlap, distance of their surfaces, and how much would have to be drawn again.

The surface measures follow Nikolov et al. 2018 (arXiv 1809.04430): each element of a surface counts by its area.
Nikolov's elements are those of a voxel mask; ours are triangles of the interpolated contours (`surfaces`), so that
concentric spheres come out as far apart as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import shapely

from tianfu.apps.radiotherapy.model.interpolation import bodies_of, section_at
from tianfu.apps.radiotherapy.model.polygons import area_of
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.apps.radiotherapy.model.shapes import SAME_PLANE_WITHIN_MM, Shape
from tianfu.apps.radiotherapy.model.surfaces import Surface, surface_of
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

PIECE_MM = 0.25
"""A ring is judged in pieces of at most this length for the path that would be added. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Volumes of two structures and of what they share, in mm³."""

    one_mm3: float
    other_mm3: float
    shared_mm3: float

    @property
    def dice(self) -> float:
        """Twice what is shared over the sum (Dice 1945): 1 if equal, 0 if apart."""
        return 2 * self.shared_mm3 / (self.one_mm3 + self.other_mm3)

    @property
    def jaccard(self) -> float:
        """What is shared over what either has."""
        return self.shared_mm3 / (self.one_mm3 + self.other_mm3 - self.shared_mm3)


def overlap(one: Shape, other: Shape, *, step_mm: float, slab_mm: float) -> Overlap:
    """Two structures drawn every `step_mm` compared in slabs of at most `slab_mm`, end caps included.

    Raises Refusal `structure-without-area` if one of them has no area.
    """
    both = [bodies_of(shape, step_mm=step_mm) for shape in (one, other)]
    ends = [end for bodies in both for body in bodies for end in (body.profile.low_mm, body.profile.high_mm)]
    edges = np.linspace(min(ends), max(ends), int(np.ceil((max(ends) - min(ends)) / slab_mm)) + 1)
    sums = np.zeros(3)
    for low, high in pairwise(edges.tolist()):
        first, second = (area_of(section_at(bodies, (low + high) / 2)) for bodies in both)
        sums += (high - low) * np.array([first.area, second.area, shapely.intersection(first, second).area])
    return Overlap(one_mm3=float(sums[0]), other_mm3=float(sums[1]), shared_mm3=float(sums[2]))


def overlap_of_masks(one: Bools, other: Bools, *, voxel_mm3: float) -> Overlap:
    """Two masks of one grid compared.  Raises Refusal `structure-without-area` if one of them has no voxel."""
    if one.shape != other.shape:
        raise ValueError(f"masks of {one.shape} and {other.shape}")
    if not (one.any() and other.any()):
        raise Refusal("structure-without-area")
    counts = [np.count_nonzero(each) * voxel_mm3 for each in (one, other, one & other)]
    return Overlap(one_mm3=counts[0], other_mm3=counts[1], shared_mm3=counts[2])


@dataclass(frozen=True, kw_only=True)
class SurfaceDistances:
    """How far each element of either surface is from the other surface, with the element's area."""

    one_mm: Floats
    one_areas_mm2: Floats
    other_mm: Floats
    other_areas_mm2: Floats

    def hausdorff_mm(self, percent: float) -> float:
        """The distance within which so many percent of each surface lie; the greater of both sides.

        100 is Hausdorff's distance; the usual robust one is 95.
        """
        return max(
            _percentile(self.one_mm, self.one_areas_mm2, percent),
            _percentile(self.other_mm, self.other_areas_mm2, percent),
        )

    @cached_property
    def mean_mm(self) -> float:
        """The mean over both surfaces together, by area."""
        distances = np.concatenate([self.one_mm, self.other_mm])
        return float(np.average(distances, weights=np.concatenate([self.one_areas_mm2, self.other_areas_mm2])))

    def surface_dice(self, *, tolerance_mm: float) -> float:
        """The share of both surfaces that lies within the tolerance of the other (Nikolov et al. 2018)."""
        near = self.one_areas_mm2[self.one_mm <= tolerance_mm].sum()
        near += self.other_areas_mm2[self.other_mm <= tolerance_mm].sum()
        return float(near / (self.one_areas_mm2.sum() + self.other_areas_mm2.sum()))


def surface_distances(one: Shape, other: Shape, *, step_mm: float, pitch_mm: float) -> SurfaceDistances:
    """Two structures drawn every `step_mm` compared by surfaces of triangles of about `pitch_mm`.

    Raises Refusal `structure-without-area` if one of them has no area.
    """
    return distances_between(
        surface_of(one, step_mm=step_mm, pitch_mm=pitch_mm), surface_of(other, step_mm=step_mm, pitch_mm=pitch_mm)
    )


def distances_between(one: Surface, other: Surface) -> SurfaceDistances:
    """Both ways between two surfaces, from the middle of each triangle."""
    return SurfaceDistances(
        one_mm=other.distances_mm(one.centres),
        one_areas_mm2=one.areas_mm2,
        other_mm=one.distances_mm(other.centres),
        other_areas_mm2=other.areas_mm2,
    )


def added_path_length_mm(reference: Shape, automatic: Shape, *, tolerance_mm: float) -> float:
    """How much of the reference's rings would have to be drawn anew, starting from the automatic ones.

    After Vaassen et al. 2020 (doi 10.1016/j.phro.2019.12.001), who count the reference's contour pixels that the
    automatic contour has not [memory]; here it is the length of ring further than the tolerance from any automatic
    ring of its plane, so that pixels do not matter.  Raises Refusal `structure-without-area` if there is no reference.
    """
    if not reference.planes:
        raise Refusal("structure-without-area")
    return sum(_added_mm(plane.rings, _rings_near(automatic, plane.z_mm), tolerance_mm) for plane in reference.planes)


def _rings_near(shape: Shape, z_mm: float) -> tuple[Floats, ...]:
    for plane in shape.planes:
        if abs(plane.z_mm - z_mm) <= SAME_PLANE_WITHIN_MM:
            return plane.rings
    return ()


def _added_mm(rings: tuple[Floats, ...], automatic: tuple[Floats, ...], tolerance_mm: float) -> float:
    drawn = shapely.segmentize(_lines(rings), PIECE_MM)
    coordinates, line = shapely.get_coordinates(drawn, return_index=True)
    is_piece = line[1:] == line[:-1]
    lengths = np.linalg.norm(np.diff(coordinates, axis=0), axis=1)[is_piece]
    if not automatic:
        return float(lengths.sum())
    middles = ((coordinates[1:] + coordinates[:-1]) / 2)[is_piece]
    lines = shapely.multilinestrings(_lines(automatic))
    shapely.prepare(lines)
    return float(lengths[~shapely.dwithin(shapely.points(middles), lines, tolerance_mm)].sum())


def _lines(rings: tuple[Floats, ...]) -> list[shapely.LineString]:
    return [shapely.LineString(np.vstack([ring, ring[:1]])) for ring in rings]


def _percentile(distances_mm: Floats, areas_mm2: Floats, percent: float) -> float:
    """The smallest distance that at least so many percent of the area do not exceed."""
    order = np.argsort(distances_mm)
    reached = np.cumsum(areas_mm2[order]) >= percent / 100 * areas_mm2.sum() * (1 - 1e-12)
    return float(distances_mm[order][np.argmax(reached)])
