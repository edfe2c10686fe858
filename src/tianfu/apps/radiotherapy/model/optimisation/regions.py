"""Which voxels stand for a structure while a plan is sought, and rings about a target that hold the dose together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Grid

Mask = NDArray[np.bool_]

Rows = NDArray[np.int64]
"""Rows of an influence, ascending: numbers into its `voxels`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Region:
    """The voxels that stand for a structure: all of its `rows`, or a sample of them; and its whole volume."""

    rows: Rows
    volume_cc: float


def region_in(where: Influence | DoseVoxels, mask: Mask, *, structure: str) -> Region:
    """A structure's voxels, a mask on the grid of an influence or of voxels that may get one, as rows of these.

    Its volume is that of the whole mask.  Raises Refusal `structure-without-voxels` if none of them is there.
    """
    rows = np.flatnonzero(mask.reshape(-1)[where.voxels])
    if not len(rows):
        raise Refusal("structure-without-voxels", details={"structure": structure})
    return Region(rows=rows, volume_cc=float(mask.sum()) * where.grid.voxel_mm3 / 1000)


def sampled(region: Region, *, share: float, seed: int) -> Region:
    """So large a share of a region's voxels, drawn by lot, the same for the same seed; its volume stays.

    Raises Refusal `share-of-voxels-not-sound` for a share that is none.
    """
    if not 0 < share <= 1:
        raise Refusal("share-of-voxels-not-sound", details={"share": f"{share:g}"})
    count = max(1, round(share * len(region.rows)))
    drawn = np.random.default_rng(seed).choice(region.rows, size=count, replace=False)
    return Region(rows=np.sort(drawn), volume_cc=region.volume_cc)


def needed_rows(regions: Mapping[str, Region]) -> Rows:
    """The rows that any region has, ascending: an influence on these alone is enough."""
    return np.unique(np.concatenate([region.rows for region in regions.values()]))


def on_rows(regions: Mapping[str, Region], rows: Rows) -> Mapping[str, Region]:
    """The same regions on an influence that has these rows alone."""
    return {name: replace(region, rows=np.searchsorted(rows, region.rows)) for name, region in regions.items()}


def ring_of(target: Mask, grid: Grid, *, inner_mm: float, outer_mm: float) -> Mask:
    """The voxels whose centres are farther than `inner_mm` from the target's nearest and no farther than `outer_mm`.

    Raises Refusal `ring-not-sound` for lengths that make none, or a target of no voxel.
    """
    if not 0 <= inner_mm < outer_mm < np.inf or not target.any():
        raise Refusal("ring-not-sound")
    spacing = grid.spacing[::-1]
    near = _box_around(target, np.ceil(outer_mm / spacing).astype(int))
    distances = ndimage.distance_transform_edt(~target[near], sampling=spacing)
    ring = np.zeros(target.shape, np.bool_)
    ring[near] = (distances > inner_mm) & (distances <= outer_mm)
    return ring


def _box_around(mask: Mask, border: NDArray[np.int_]) -> tuple[slice, slice, slice]:
    """The smallest box of a mask, wider by a border."""
    box = ndimage.find_objects(mask.astype(np.int8))[0]
    slices, rows, columns = (
        slice(max(0, int(side.start - wide)), int(side.stop + wide)) for side, wide in zip(box, border, strict=True)
    )
    return slices, rows, columns
