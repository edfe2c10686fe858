"""A structure in a plane: the rings that were drawn in it, or the cut of the solid by which its dose is judged."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.model.isolines import rings_above_zero
from tianfu.apps.radiotherapy.model.sampling import crossings, section
from tianfu.apps.radiotherapy.model.scanlines import Longs
from tianfu.apps.radiotherapy.model.shapes import Shape, shape_of
from tianfu.apps.radiotherapy.model.solids import Solid, solid_of
from tianfu.apps.radiotherapy.pictures.frames import UPRIGHT, PlaneFrame, along_patient
from tianfu.standards.dicom.grids import Floats, Grid
from tianfu.standards.dicom.structures import Structure

CELL_PX = 0.5
"""How fine a cut is looked at, in pixels of the picture. [ours]"""

BORDER_CELLS = 4
"""So far beyond what is drawn, and beyond the picture, a cut is looked at. [ours]"""

BEYOND_RINGS = 0.1
"""A solid may bulge between its planes by so much of its width. [ours]"""


@dataclass(frozen=True, kw_only=True, eq=False)
class SolidStructure:
    """A structure as a solid in its image's local millimetres; made once, cut as often as one likes."""

    structure: Structure
    grid: Grid
    shape: Shape
    solid: Solid


@dataclass(frozen=True, kw_only=True, eq=False)
class Section:
    """Rings (n, 2) in the picture; what is inside an odd number of them belongs.

    `is_drawn` tells whether a person or program drew them so; else they are between what was drawn.
    """

    rings: tuple[Floats, ...]
    is_drawn: bool


def solid_structure(structure: Structure, grid: Grid) -> SolidStructure:
    """The structure as a solid; `grid` is that of the image on which it was drawn.

    Raises what `shape_of` and `solid_of` raise: `structure-without-area` if it has no closed rings.
    """
    shape = shape_of(structure, grid)
    solid = solid_of(shape, slice_thickness_mm=float(grid.spacing[2]))
    return SolidStructure(structure=structure, grid=grid, shape=shape, solid=solid)


def section_in(of: SolidStructure, frame: PlaneFrame) -> Section:
    """The structure in the plane of a frame; raises Refusal `picture-plane-oblique`."""
    normal = along_patient(of.grid).axes[UPRIGHT[frame.kind].normal]
    place_mm = float(of.grid.local(frame.patient(np.zeros(2)))[normal])
    if normal == 2:
        rings, is_drawn = _along_slices(of, place_mm)
        points = [np.column_stack([ring, np.full(len(ring), place_mm)]) for ring in rings]
    else:
        points, is_drawn = _across_slices(of, normal, place_mm, frame), False
    return Section(rings=tuple(frame.pixels(of.grid.patient(ring)) for ring in points), is_drawn=is_drawn)


def _along_slices(of: SolidStructure, z_mm: float) -> tuple[list[Floats], bool]:
    """The rings of the plane drawn on this slice; without one, the solid between drawn planes, none beyond them."""
    nearest = min(of.shape.planes, key=lambda plane: abs(plane.z_mm - z_mm))
    if abs(nearest.z_mm - z_mm) <= float(of.grid.spacing[2]) / 2:
        return list(nearest.rings), True
    if not of.shape.planes[0].z_mm < z_mm < of.shape.planes[-1].z_mm:
        return [], False
    span = of.solid.piece_span
    pieces = np.flatnonzero((span[:, 0] <= z_mm) & (z_mm < span[:, 1]))
    points, places = section(of.solid, pieces, 0, len(pieces), z_mm)
    return [points[start:end] for start, end in pairwise(places)], False


def _across_slices(of: SolidStructure, normal: int, place_mm: float, frame: PlaneFrame) -> list[Floats]:
    """The cut at a place along x (0) or y (1) as rings of local points (n, 3), closed a little beyond the picture."""
    solid, cell_mm = of.solid, frame.mm_per_px * CELL_PX
    seen = of.grid.local(frame.patient(np.array([[0.0, 0.0], [frame.width_px, frame.height_px]])))
    first_seen, last_seen = seen.min(axis=0) - BORDER_CELLS * cell_mm, seen.max(axis=0) + BORDER_CELLS * cell_mm
    low, high = float(solid.bounds[:, 2 - 2 * normal].min()), float(solid.bounds[:, 3 - 2 * normal].max())
    margin = BORDER_CELLS * cell_mm + BEYOND_RINGS * (high - low)
    first, last = max(low - margin, float(first_seen[1 - normal])), min(high + margin, float(last_seen[1 - normal]))
    lowest = max(float(solid.piece_span.min()), float(first_seen[2]))
    highest = min(float(solid.piece_span.max()), float(last_seen[2]))
    heights = np.arange(lowest + cell_mm / 2, highest, cell_mm)
    if first >= last or not len(heights):
        return []
    columns = int(np.ceil((last - first) / cell_mm)) + 1
    is_active = (solid.piece_span[:, 0] <= heights[:, None]) & (heights[:, None] < solid.piece_span[:, 1])
    _, pieces = np.nonzero(is_active)
    starts = np.concatenate([[0], np.cumsum(is_active.sum(axis=1))])
    lattice = np.array([first, cell_mm, place_mm])
    field = _field(solid, heights, starts, pieces, lattice, columns, normal == 0)
    found = []
    for ring in rings_above_zero(field):
        points = np.empty((len(ring), 3))
        points[:, normal] = place_mm
        points[:, 1 - normal] = lattice[0] + ring[:, 0] * cell_mm
        points[:, 2] = heights[0] + ring[:, 1] * cell_mm
        found.append(points)
    return found


@compiled_as_numpy
def _field(
    solid: Solid,
    heights: Floats,
    starts: Longs,
    pieces: Longs,
    lattice: Floats,
    columns: int,
    is_across_x: bool,
) -> Floats:
    """How far inside the solid the places along each height are, in cells, at most one either way."""
    first, cell, place = lattice
    field = np.empty((len(heights), columns))
    for row in range(len(heights)):
        points, places = section(solid, pieces, starts[row], starts[row + 1], heights[row])
        if is_across_x:
            points = np.ascontiguousarray(points[:, ::-1])
        _, found = crossings(points, places, place, 1.0, 1)
        passed = 0
        for column in range(columns):
            x = first + column * cell
            while passed < len(found) and found[passed] <= x:
                passed += 1
            away = cell
            if passed > 0:
                away = min(away, x - found[passed - 1])
            if passed < len(found):
                away = min(away, found[passed] - x)
            field[row, column] = away / cell if passed % 2 == 1 else -away / cell
    return field
