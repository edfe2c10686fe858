"""Structures grown or shrunk by a margin in three dimensions, with its own length towards each side of the patient.

A margin is the ellipsoid of its six half-axes, one octant each: grown, the structure is every place that an ellipsoid
around one of its points covers; shrunk, it is every place whose ellipsoid lies wholly in it.  In the plane distances
are those to the rings themselves; along z the structure is cut finely, end caps and all (`interpolation`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.boolean import intersection
from tianfu.apps.radiotherapy.model.distances import Lattice, Reach, distances_inside, lattice_around
from tianfu.apps.radiotherapy.model.interpolation import Body, bodies_of, cut_heights_mm, section_at
from tianfu.apps.radiotherapy.model.polygons import area_of, rings_of
from tianfu.apps.radiotherapy.model.shapes import Plane, Shape
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid

NOTHING_MM = 1e-3
"""The half-axis that stands for none, so that no measure divides by zero. [ours]"""

CUTS_IN_MARGIN = 4
"""So many cuts lie within the margin along z; a slope of 45 degrees is then found within 1/64 of the margin. [ours]"""

CUT_STEP_MM_MIN, CUT_STEP_MM_MAX = 0.5, 2.0
"""Cuts finer than contours are drawn, or coarser than organs bend, help nobody. [ours]"""

CELLS_ACROSS = 120
"""The plane in which rings are looked for has so many cells, within the pitches below; between them distances are
taken as linear. [ours]"""

PITCH_MM_MIN, PITCH_MM_MAX = 0.6, 1.5

CELLS_BEYOND = 3
"""Distances are needed so many cells beyond the margin, between which a ring is looked for. [ours]"""

JUST_OUTSIDE = -1e-6
"""A value that draws the ring to the first cell outside."""

MARGIN_MM_MAX = 100.0
"""More is a slip of the pen. [ours]"""

ALIGNED_WITHIN = 1e-3
"""How far an axis may be from one of the patient's, as 1 - cosine, to be called by a side's name. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Margin:
    """Millimetres towards each side of the patient, none negative."""

    left: float
    right: float
    anterior: float
    posterior: float
    superior: float
    inferior: float

    def __post_init__(self) -> None:
        """Refuse what is no margin: `margin-not-positive`, `margin-too-large`."""
        lengths = (self.left, self.right, self.anterior, self.posterior, self.superior, self.inferior)
        if not all(length >= 0 for length in lengths):
            raise Refusal("margin-not-positive")
        if max(lengths) > MARGIN_MM_MAX:
            raise Refusal("margin-too-large", details={"limit_mm": f"{MARGIN_MM_MAX:g}"})


def uniform(margin_mm: float) -> Margin:
    """The same length towards all sides."""
    return Margin(
        left=margin_mm,
        right=margin_mm,
        anterior=margin_mm,
        posterior=margin_mm,
        superior=margin_mm,
        inferior=margin_mm,
    )


@dataclass(frozen=True, kw_only=True)
class AxisMargin:
    """Millimetres along a grid's axes: towards growing and falling x, y and z."""

    plane: Reach
    above: float
    below: float


def along_axes(margin: Margin, grid: Grid) -> AxisMargin:
    """A margin of the patient's sides along a grid's axes.

    On a grid that is oblique to the patient the margin must be the same to all sides: else Refusal
    `margin-on-oblique-grid`.
    """
    towards = np.array([margin.left, margin.posterior, margin.superior])
    away = np.array([margin.right, margin.anterior, margin.inferior])
    if np.ptp([*towards, *away]) == 0:
        sides = np.full((3, 2), towards[0])
    elif np.any(np.abs(grid.axes).max(axis=1) < 1 - ALIGNED_WITHIN):
        raise Refusal("margin-on-oblique-grid")
    else:
        nearest = np.abs(grid.axes).argmax(axis=1)
        signs = grid.axes[np.arange(3), nearest] > 0
        sides = np.where(signs[:, None], np.c_[towards, away][nearest], np.c_[away, towards][nearest])
    sides = np.maximum(sides, NOTHING_MM)
    return AxisMargin(
        plane=Reach(
            growing_x=float(sides[0, 0]),
            falling_x=float(sides[0, 1]),
            growing_y=float(sides[1, 0]),
            falling_y=float(sides[1, 1]),
        ),
        above=float(sides[2, 0]),
        below=float(sides[2, 1]),
    )


def grown(shape: Shape, margin: AxisMargin, *, step_mm: float, within: Shape | None = None) -> Shape:
    """The structure, drawn every `step_mm`, with a margin around it, on its own planes and on more beyond its ends.

    `within` cuts the result, for example the skin; it is resampled where it has other planes.
    """
    cuts = _Cuts(bodies=bodies_of(shape, step_mm=step_mm), margin=margin)
    low_mm, high_mm = cuts.ends_mm[0] - margin.below, cuts.ends_mm[1] + margin.above
    planes_mm = _planes_within(shape, low_mm, high_mm, step_mm)
    planes = [Plane(z_mm=z, rings=cuts.grown(z)) for z in planes_mm]
    result = Shape(planes=tuple(plane for plane in planes if plane.rings))
    return result if within is None else intersection(result, within, resample=True)


def shrunk(shape: Shape, margin: AxisMargin, *, step_mm: float) -> Shape:
    """What is left of a structure, drawn every `step_mm`, when a margin is taken off; perhaps no planes."""
    cuts = _Cuts(bodies=bodies_of(shape, step_mm=step_mm), margin=margin)
    planes = [Plane(z_mm=plane.z_mm, rings=cuts.shrunk(plane)) for plane in shape.planes]
    return Shape(planes=tuple(plane for plane in planes if plane.rings))


@dataclass(frozen=True, kw_only=True)
class _Cuts:
    """Distances from fine cuts through all bodies, each made when it is asked for and dropped when passed."""

    bodies: list[Body]
    margin: AxisMargin
    fields: dict[float, NDArray[np.float32] | None] = field(default_factory=dict)

    @cached_property
    def ends_mm(self) -> tuple[float, float]:
        """Where the lowest body begins and the highest ends."""
        return min(body.profile.low_mm for body in self.bodies), max(body.profile.high_mm for body in self.bodies)

    @property
    def leaps(self) -> bool:
        """Whether some sides have a margin and others none: distances then leap from one cell to the next."""
        reach = astuple(self.margin.plane)
        return bool(min(reach) <= NOTHING_MM < max(reach))

    @cached_property
    def lattice(self) -> Lattice:
        """Cells around the bodies with the margin."""
        rings = [ring for body in self.bodies for plane in body.shape.planes for ring in plane.rings]
        extent = float(np.ptp(np.concatenate(rings), axis=0).max())
        pitch = float(np.clip(extent / CELLS_ACROSS, PITCH_MM_MIN, PITCH_MM_MAX))
        pitch /= 2 if self.leaps else 1
        return lattice_around(
            rings, pitch_mm=pitch, border_mm=3 * pitch + 0.02 * extent + max(astuple(self.margin.plane))
        )

    @cached_property
    def heights_mm(self) -> Floats:
        """Where cuts are made: at all planes and ends and evenly between."""
        step = min(self.margin.above, self.margin.below) / CUTS_IN_MARGIN
        step = float(np.clip(step, CUT_STEP_MM_MIN, CUT_STEP_MM_MAX))
        found = [height for body in self.bodies for height in cut_heights_mm(body, step_mm=step)]
        return np.unique(np.round(found, 6))

    def grown(self, z_mm: float) -> tuple[Floats, ...]:
        """The rings at a height of what ellipsoids around the bodies' points cover."""
        own = section_at(self.bodies, z_mm)
        reached = [
            distances + size for distances, size in self._near(z_mm, z_mm - self.heights_mm) if distances is not None
        ]
        rings = self.lattice.rings(np.max(reached, axis=0)) if reached else ()
        # Where a side has no margin the ring may fall short by a cell: it is filled up by the structure's own.
        return rings_of(shapely.union(area_of(rings), area_of(own))) if own else rings

    def shrunk(self, plane: Plane) -> tuple[Floats, ...]:
        """The rings in a plane of what is left of the bodies."""
        if any(self._is_outside(end) for end in (plane.z_mm - self.margin.below, plane.z_mm + self.margin.above)):
            return ()
        near = list(self._near(plane.z_mm, self.heights_mm - plane.z_mm))
        left = [distances - size for distances, size in near if distances is not None]
        if not left or len(left) < len(near):
            return ()
        field = np.min(left, axis=0)
        # Where a side has no margin the ring may overshoot there: it is cut by the plane's own.
        rings = self.lattice.rings(np.maximum(field, JUST_OUTSIDE) if self.leaps else field)
        return rings_of(shapely.intersection(area_of(rings), area_of(plane.rings)))

    def _is_outside(self, z_mm: float) -> bool:
        return not any(
            body.profile.low_mm - NOTHING_MM <= z_mm <= body.profile.high_mm + NOTHING_MM for body in self.bodies
        )

    def _near(self, z_mm: float, away_mm: Floats) -> Iterator[tuple[NDArray[np.float32] | None, np.float32]]:
        """Distances of the cuts within reach, None where there is no body, each with its ellipsoid's size there."""
        sizes = _sizes(away_mm, self.margin)
        near = {float(self.heights_mm[n]): np.float32(sizes[n]) for n in np.flatnonzero(sizes >= 0)}
        for passed in [height for height in self.fields if height < min(near, default=z_mm)]:
            del self.fields[passed]
        for height, size in near.items():
            if height not in self.fields:
                self.fields[height] = self._distances(height)
            yield self.fields[height], size

    def _distances(self, z_mm: float) -> NDArray[np.float32] | None:
        rings = section_at(self.bodies, z_mm)
        if not rings:
            return None
        reach = self.margin.plane
        limit = 1 + CELLS_BEYOND * self.lattice.pitch_mm / min(astuple(reach))
        return distances_inside(rings, self.lattice, reach, limit=limit).astype(np.float32)


def _sizes(away_mm: Floats, margin: AxisMargin) -> Floats:
    """The size of the ellipsoid's section so far above its middle, as a share of its widest; -1 beyond it."""
    share = np.where(away_mm > 0, away_mm / margin.above, -away_mm / margin.below)
    return np.where(share <= 1, np.sqrt(np.maximum(0.0, 1 - share**2)), -1.0)


def _planes_within(shape: Shape, low_mm: float, high_mm: float, step_mm: float) -> list[float]:
    """The shape's planes, those missing between them, and more beyond its ends, a step apart."""
    own = [plane.z_mm for plane in shape.planes]
    below = np.arange(own[0] - step_mm, low_mm, -step_mm)[::-1]
    above = np.arange(own[-1] + step_mm, high_mm, step_mm)
    between = [
        z
        for lower, upper in pairwise(own)
        for z in np.linspace(lower, upper, max(1, round((upper - lower) / step_mm)) + 1)[1:-1].tolist()
    ]
    return sorted([*below.tolist(), *own, *between, *above.tolist()])
