"""Shapes as masks on any grid whose slices are parallel to their planes, and masks as shapes.

A voxel belongs if its centre is inside.  Along z a plane stands for half a step to either side (half-open: the lower
bound belongs), and where two planes claim a slice the nearer one has it.  What lies beyond the first and last plane
by more than half a step, or in a gap, is outside: no shape is invented here (`interpolation` does that).  Files hold
rounded heights: a slice half way between two planes belongs to the upper one even if rounding says otherwise, and
planes that are a step apart leave no gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tianfu.apps.radiotherapy.model.isolines import rings_of_mask
from tianfu.apps.radiotherapy.model.scanlines import Bools, Longs, add_covered, fill_inside, in_voxels, joined
from tianfu.apps.radiotherapy.model.shapes import Plane, Shape
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid

PARALLEL_WITHIN = 1e-4
"""How far the normals of two frames may be apart to be parallel, as the sine of their angle. [ours]"""

TIE_MM = 0.005
"""A slice so little below a bound lies on it: heights are written with two decimals and more. [ours]"""

CLOSE_WITHIN_MM = 0.21
"""Planes so little more than a step apart are neighbours, if it is no half step: an image's slices may each be a tenth
of a millimetre away from equal steps. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Mask:
    """What of a grid is inside: `values` is a box (slices, rows, columns) whose first voxel is `offset`."""

    values: Bools
    offset: tuple[int, int, int]
    shape: tuple[int, int, int]

    @cached_property
    def box(self) -> tuple[slice, slice, slice]:
        """Where the box lies in an array of the whole grid."""
        first, second, third = (
            slice(start, start + length) for start, length in zip(self.offset, self.values.shape, strict=True)
        )
        return first, second, third

    def full(self) -> Bools:
        """The mask on the whole grid."""
        whole = np.zeros(self.shape, dtype=np.bool_)
        whole[self.box] = self.values
        return whole

    @property
    def voxels(self) -> int:
        """How many voxels are inside."""
        return int(np.count_nonzero(self.values))


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Like `Mask`; `values` are shares of a voxel's area, from 0 to 1."""

    values: Floats
    offset: tuple[int, int, int]
    shape: tuple[int, int, int]

    def full(self) -> Floats:
        """The shares on the whole grid."""
        whole = np.zeros(self.shape)
        box = tuple(slice(start, start + length) for start, length in zip(self.offset, self.values.shape, strict=True))
        whole[box] = self.values
        return whole


def mask_of(shape: Shape, grid: Grid, *, step_mm: float) -> Mask:
    """The voxels of a grid inside a shape that is given in the grid's local millimetres.

    `step_mm` is the distance of planes for which each stands: that of the image's slices, or `shape.step_mm`.
    """
    crop = _crop(shape, grid, step_mm)
    values = np.zeros(crop.size, dtype=np.bool_)
    for number, plane in crop.planes():
        points, starts = joined(plane.rings)
        fill_inside(crop.local(points), starts, values[number])
    _repeat(values, crop)
    return Mask(values=values, offset=crop.offset, shape=grid.shape)


def coverage_of(shape: Shape, grid: Grid, *, step_mm: float, lines: int) -> Coverage:
    """The share of each voxel's area inside: exact along the rows, sampled on so many lines across each row."""
    crop = _crop(shape, grid, step_mm)
    values = np.zeros(crop.size)
    for number, plane in crop.planes():
        points, starts = joined(plane.rings)
        add_covered(crop.local(points), starts, lines, values[number])
    _repeat(values, crop)
    return Coverage(values=values, offset=crop.offset, shape=grid.shape)


def touched_by(shape: Shape, grid: Grid, *, step_mm: float, least: float) -> Bools:
    """The voxels of a whole grid of which at least such a part, of 27 places, is inside."""
    parts = 3
    finer = Grid(
        origin=grid.patient(-grid.spacing * (parts - 1) / (2 * parts)),
        axes=grid.axes,
        spacing=grid.spacing / parts,
        shape=(grid.shape[0] * parts, grid.shape[1] * parts, grid.shape[2] * parts),
    )
    places = mask_of(in_grid(shape, source=grid, target=finer), finer, step_mm=step_mm).full()
    slices, rows, columns = grid.shape
    counts = places.reshape(slices, parts, rows, parts, columns, parts).sum(axis=(1, 3, 5))
    return np.asarray(counts >= least * parts**3)


def shape_of_mask(inside: Bools, grid: Grid) -> Shape:
    """Rings half way between the centres inside and outside, on every slice that has any, in local millimetres.

    `mask_of` with the grid's slice spacing as step gives the same mask again, voxel for voxel.
    """
    if inside.shape != grid.shape:
        raise ValueError(f"{inside.shape} values for a grid of {grid.shape}")
    spacing = grid.spacing[:2]
    return Shape(
        planes=tuple(
            Plane(z_mm=float(number * grid.spacing[2]), rings=tuple(_cropped_rings(inside[number], spacing)))
            for number in np.flatnonzero(inside.any(axis=(1, 2)))
        )
    )


def in_grid(shape: Shape, *, source: Grid, target: Grid) -> Shape:
    """A shape in the local millimetres of `source` as it is in those of `target`.

    Raises Refusal `grids-not-parallel` if the planes do not lie along the slices of `target`.
    """
    along = source.axes[2] @ target.axes.T
    if np.hypot(along[0], along[1]) > PARALLEL_WITHIN:
        raise Refusal("grids-not-parallel")
    planes = [_moved(plane, source, target) for plane in shape.planes]
    return Shape(planes=tuple(sorted(planes, key=lambda plane: plane.z_mm)))


def _moved(plane: Plane, source: Grid, target: Grid) -> Plane:
    moved = [
        target.local(source.patient(np.column_stack([ring, np.full(len(ring), plane.z_mm)]))) for ring in plane.rings
    ]
    z_mm = float(np.mean(np.concatenate([points[:, 2] for points in moved])))
    return Plane(z_mm=z_mm, rings=tuple(np.ascontiguousarray(points[:, :2]) for points in moved))


def _cropped_rings(inside: Bools, spacing: Floats) -> list[Floats]:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    crop = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return [(ring + np.array([columns[0], rows[0]])) * spacing for ring in rings_of_mask(crop)]


@dataclass(frozen=True, kw_only=True)
class _Crop:
    """The box of a grid in which a shape lies, and which plane each of its slices belongs to (-1: none)."""

    offset: tuple[int, int, int]
    size: tuple[int, int, int]
    plane_of: Longs
    shape: Shape
    grid: Grid

    def local(self, points: Floats) -> Floats:
        """Millimetres as column and row numbers of the box."""
        spacing = (float(self.grid.spacing[0]), float(self.grid.spacing[1]))
        return in_voxels(points, origin=(0.0, 0.0), spacing=spacing) - (self.offset[2], self.offset[1])

    def planes(self) -> list[tuple[int, Plane]]:
        """Each plane that any slice belongs to, with the number of its first slice in the box."""
        numbers, firsts = np.unique(self.plane_of, return_index=True)
        return [
            (int(first), self.shape.planes[number])
            for number, first in zip(numbers, firsts, strict=True)
            if number >= 0
        ]


def _crop(shape: Shape, grid: Grid, step_mm: float) -> _Crop:
    plane_of = _plane_of_slices(shape, grid, step_mm)
    taken = np.flatnonzero(plane_of >= 0)
    used = [shape.planes[number] for number in np.unique(plane_of[taken])]
    if not used:
        return _Crop(offset=(0, 0, 0), size=(0, 0, 0), plane_of=plane_of[:0], shape=shape, grid=grid)
    low, high = _bounds(used, grid)
    first, last = int(taken[0]), int(taken[-1]) + 1
    return _Crop(
        offset=(first, low[1], low[0]),
        size=(last - first, high[1] - low[1], high[0] - low[0]),
        plane_of=plane_of[first:last],
        shape=shape,
        grid=grid,
    )


def _bounds(planes: list[Plane], grid: Grid) -> tuple[list[int], list[int]]:
    """The first column and row that any ring may cover, and those after the last, within the grid."""
    lows = np.min([ring.min(axis=0) for plane in planes for ring in plane.rings], axis=0) / grid.spacing[:2]
    highs = np.max([ring.max(axis=0) for plane in planes for ring in plane.rings], axis=0) / grid.spacing[:2]
    ends = np.array([grid.shape[2], grid.shape[1]])
    low = np.clip(np.floor(lows), 0, ends).astype(int)
    high = np.clip(np.ceil(highs) + 1, low, ends).astype(int)
    return low.tolist(), high.tolist()


def _plane_of_slices(shape: Shape, grid: Grid, step_mm: float) -> Longs:
    """For every slice of the grid the number of the plane that it belongs to, or -1."""
    owner = np.full(grid.shape[0], -1, dtype=np.int64)
    if not shape.planes:
        return owner
    slices_mm = np.arange(grid.shape[0]) * grid.spacing[2] + TIE_MM
    planes_mm = np.array([plane.z_mm for plane in shape.planes])
    middles = (planes_mm[:-1] + planes_mm[1:]) / 2
    nearest = np.searchsorted(middles, slices_mm, side="right")
    is_close = np.diff(planes_mm) <= step_mm + min(CLOSE_WITHIN_MM, step_mm / 2)
    lows, highs = planes_mm - step_mm / 2, planes_mm + step_mm / 2
    lows[1:] = np.where(is_close, middles, lows[1:])
    highs[:-1] = np.where(is_close, middles, highs[:-1])
    near = (slices_mm >= lows[nearest]) & (slices_mm < highs[nearest])
    owner[near] = nearest[near]
    return owner


def _repeat(values: Bools | Floats, crop: _Crop) -> None:
    """Give the slices of one plane what its first slice has."""
    for first, plane in crop.planes():
        del plane
        for other in np.flatnonzero(crop.plane_of == crop.plane_of[first])[1:]:
            values[other] = values[first]
