"""Where a structure's outline runs in the image: values just inside and just outside of it, here or displaced.

What has no edge of its own in the image, as a margin has none, is not judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.apps.radiotherapy.model.compiled import compiled_as_numpy
from tianfu.apps.radiotherapy.model.rings import is_inside, moments_of
from tianfu.apps.radiotherapy.model.shapes import Plane
from tianfu.standards.dicom.grids import Floats, Grid
from tianfu.standards.dicom.structures import Structure

PROBE_MM = 3.0
"""How far from the outline values are looked at: beyond the blur of an edge. [ours]"""

APART_MM = 4.0
POINTS_MOST = 300
CLIPPED_HU = 300.0
"""A step beyond this says no more than that there is one: air and bone shall not outweigh the rest. [ours]"""

GRAIN_HU = 5.0

Whole = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Outline:
    """Points of a structure's rings and the directions outwards (n, 2), along the grid's axes, and their slices.

    `depths_mm` is how far inside of each point values are looked at: no farther than half way in.
    """

    points_mm: Floats
    outwards: Floats
    slices: Whole
    depths_mm: Floats


@dataclass(frozen=True, kw_only=True)
class Edge:
    """The step inwards over an outline, its mean and how even it is: the mean by the spread about it."""

    step_hu: float
    evenness: float


def outline_of(checked: Checked, structure: Structure) -> Outline:
    """Points about `APART_MM` apart on all rings that lie on a slice; holes look the other way.  Computed once."""
    of = (structure, checked.images.volume.grid)
    return checked.found.once("outline", of, lambda: _outline_of(checked, structure))


def _outline_of(checked: Checked, structure: Structure) -> Outline:
    grid, probe = checked.images.volume.grid, probe_mm(checked)
    parts = [(plane, *points_on(plane)) for plane in checked.shape(structure).planes]
    slices = np.concatenate([np.full(len(at), round(plane.z_mm / float(grid.spacing[2]))) for plane, at, _ in parts])
    depths = np.concatenate([np.full(len(at), min(probe, half_way_mm(plane, len(at)))) for plane, at, _ in parts])
    kept = np.flatnonzero((slices >= 0) & (slices < grid.shape[0]))
    kept = kept[:: max(1, len(kept) // POINTS_MOST)]
    return Outline(
        points_mm=np.concatenate([at for _, at, _ in parts])[kept],
        outwards=np.concatenate([outwards for _, _, outwards in parts])[kept],
        slices=slices[kept],
        depths_mm=depths[kept],
    )


def evenly(checked: Checked, structure: Structure) -> Floats:
    """Points of the patient (n, 3) evenly along a structure's rings: a corner counts no more than what is between."""
    outline, grid = outline_of(checked, structure), checked.images.volume.grid
    return grid.patient(np.column_stack([outline.points_mm, outline.slices * float(grid.spacing[2])]))


def probe_mm(checked: Checked) -> float:
    """`PROBE_MM`, or a little more than a pixel."""
    return max(PROBE_MM, 1.2 * float(checked.images.volume.grid.spacing[:2].max()))


def area_mm2(plane: Plane) -> float:
    """Of a plane's rings without their holes."""
    return sum(
        (-1 if is_hole(plane, number) else 1) * float(moments_of(ring)[0]) for number, ring in enumerate(plane.rings)
    )


def half_way_mm(plane: Plane, points: int) -> float:
    """Half of a disc's radius, and half of a band's width, of a plane with so many points `APART_MM` apart."""
    return max(0.0, area_mm2(plane) / (APART_MM * points))


def points_on(plane: Plane) -> tuple[Floats, Floats]:
    """Points about `APART_MM` apart on a plane's rings, and unit vectors out of the structure (n, 2) at each."""
    spread = np.concatenate([_spread(ring, is_hole(plane, number)) for number, ring in enumerate(plane.rings)])
    return spread[:, :2], spread[:, 2:]


def is_hole(plane: Plane, number: int) -> bool:
    """Whether a ring lies within an odd number of others: outwards is then its inside."""
    x, y = plane.rings[number][0]
    others = (ring for place, ring in enumerate(plane.rings) if place != number)
    return sum(is_inside(float(x), float(y), ring) for ring in others) % 2 == 1


def steps_over(checked: Checked, outline: Outline) -> Floats:
    """Value inside less value outside at each point of an outline, clipped."""
    at = outline.points_mm
    inside = values_at(checked, at - outline.depths_mm[:, None] * outline.outwards, outline.slices)
    outside = values_at(checked, at + probe_mm(checked) * outline.outwards, outline.slices)
    return np.clip(inside - outside, -CLIPPED_HU, CLIPPED_HU)


def displaced_edges(checked: Checked, outline: Outline, by_mm: Floats) -> tuple[Floats, Floats]:
    """The mean step and how even it is (k) where an outline is displaced by each of many ways (k, 2), as `edge_of`."""
    inside = _displaced_values(checked, outline, -outline.depths_mm[:, None] * outline.outwards, by_mm)
    outside = _displaced_values(checked, outline, probe_mm(checked) * outline.outwards, by_mm)
    steps = np.clip(inside - outside, -CLIPPED_HU, CLIPPED_HU)
    means = steps.mean(axis=1)
    return means, np.abs(means) / (steps.std(axis=1) + GRAIN_HU)


def edge_of(steps: Floats) -> Edge:
    """Their mean and how even they are."""
    mean = float(steps.mean())
    return Edge(step_hu=mean, evenness=abs(mean) / (float(steps.std()) + GRAIN_HU))


def values_at(checked: Checked, points_mm: Floats, slices: Whole) -> Floats:
    """The image's nearest voxels; beyond its sides the nearest one at the side."""
    image = checked.images.volume
    columns, rows = (_voxels(points_mm[..., axis], image.grid, axis) for axis in range(2))
    return np.asarray(image.values[slices, rows, columns], dtype=np.float64)


def _displaced_values(checked: Checked, outline: Outline, probes_mm: Floats, by_mm: Floats) -> Floats:
    """The same (k, n) beside an outline's points that are displaced by each of many ways.

    Ways of a raster have few columns and few rows: voxels are sought for each of these alone.
    """
    image, found = checked.images.volume, []
    for axis in range(2):
        different, which = np.unique(by_mm[:, axis], return_inverse=True)
        at = outline.points_mm[:, axis] + different[:, None] + probes_mm[:, axis]
        found.append((_voxels(at, image.grid, axis), which))
    (columns, x), (rows, y) = found
    _, height, width = image.grid.shape
    lines = (outline.slices * height + rows) * width
    return np.asarray(image.values.reshape(-1)[lines[y] + columns[x]], dtype=np.float64)


def _voxels(places_mm: Floats, grid: Grid, axis: int) -> Whole:
    """The nearest columns or rows."""
    nearest = np.rint(places_mm / grid.spacing[axis]).astype(np.int64)
    return np.asarray(np.clip(nearest, 0, grid.shape[2 - axis] - 1))


@compiled_as_numpy
def _spread(ring: Floats, is_hole: bool) -> Floats:
    """Points evenly along a ring, and a unit vector out of the structure at each (count, 4)."""
    count = len(ring)
    along = np.zeros(count + 1)
    turns = 0.0
    for i in range(count):
        j = (i + 1) % count
        along[i + 1] = along[i] + np.hypot(ring[j, 0] - ring[i, 0], ring[j, 1] - ring[i, 1])
        turns += ring[i, 0] * ring[j, 1] - ring[j, 0] * ring[i, 1]
    places = max(6, int(np.rint(along[count] / APART_MM)))
    spread = np.empty((places, 4))
    side = 0
    for place in range(places):
        at = (place + 0.5) * along[count] / places
        while side < count - 1 and along[side + 1] <= at:
            side += 1
        length, after = along[side + 1] - along[side], (side + 1) % count
        share = (at - along[side]) / length if length > 0.0 else 0.0
        for axis in range(2):
            spread[place, axis] = ring[side, axis] + share * (ring[after, axis] - ring[side, axis])
    way = 1.0 if (turns > 0.0) != is_hole else -1.0
    for place in range(places):
        before, after = (place - 1) % places, (place + 1) % places
        x, y = spread[after, 0] - spread[before, 0], spread[after, 1] - spread[before, 1]
        long = max(np.hypot(x, y), 1e-9)
        spread[place, 2], spread[place, 3] = way * y / long, -way * x / long
    return spread
