"""The lungs on a CT: air inside the body, left and right, without the windpipe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import ndimage

from tianfu.apps.radiotherapy.model.contouring.levels import Levels
from tianfu.apps.radiotherapy.model.contouring.orders import PatientOrder, Values
from tianfu.apps.radiotherapy.model.contouring.sections import closed, each_slice, filled, parts_of
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.standards.dicom.findings import Finding, found

SIDE_SHARE = 0.25
"""Of a part on both sides of the body's middle, so much on each side makes it two lungs that touch. [ours]"""

PARTING_MM = (2.0, 4.0, 6.0, 8.0, 11.0, 14.0, 18.0)
"""Lungs that touch come apart once so much is taken off them; the first that parts them counts. [ours]"""

PARTED_SHARE = 0.6
"""Of both, the larger has at most so much: a lobe that comes off is no lung. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Lungs:
    """Both lungs in the patient's order, None for one that is not there; `together` also if they cannot be parted."""

    left: Bools | None
    right: Bools | None
    together: Bools | None
    reasons: tuple[Finding, ...]


def lungs_of(values: Values, body: Bools, order: PatientOrder, levels: Levels) -> Lungs:
    """The lungs within a body; the patient's left is where columns grow."""
    voxel_ml = float(np.prod(order.spacing_mm)) / 1000
    air = (values < levels.lung_hu) & body
    air &= ~_airways(values, air, order, levels, voxel_ml)
    numbered, voxels = parts_of(air)
    means = ndimage.mean(values, numbered, np.arange(len(voxels)))
    large = [number for number in range(1, len(voxels)) if voxels[number] * voxel_ml >= levels.lung_ml]
    kept = [number for number in large if means[number] > levels.gas_hu]
    if not kept:
        return Lungs(left=None, right=None, together=None, reasons=(found("lung-not-found"),))
    middle = float(np.flatnonzero(body.any(axis=(0, 1))).mean())
    sides = [_sides(numbered == number, middle, order) for number in kept]
    finish = partial(_finished, order=order, levels=levels)
    if any(side is None for side in sides):
        together = finish(np.isin(numbered, kept))
        return Lungs(left=None, right=None, together=together, reasons=(found("lungs-not-parted"),))
    left, right = (np.logical_or.reduce([side[which] for side in sides if side is not None]) for which in (0, 1))
    made = [finish(side) if side.any() else None for side in (left, right)]
    both = [side for side in made if side is not None]
    reasons = () if len(both) == 2 else (found("lung-on-one-side"),)
    if len(both) == 2:
        # Closing may let both claim a voxel between them; it is neither's alone.
        made[1] = both[1] & ~both[0]
    return Lungs(left=made[0], right=made[1], together=np.logical_or.reduce(both), reasons=reasons)


def _airways(values: Values, air: Bools, order: PatientOrder, levels: Levels, voxel_ml: float) -> Bools:
    """Windpipe and bronchi with their walls: gas without tissue in it, in parts of some size.

    A bulla in a lung is taken too, and comes back when the lung's holes are filled.
    """
    numbered, voxels = parts_of((values < levels.gas_hu) & air)
    sizes_ml = voxels * voxel_ml
    is_airway = (sizes_ml >= 1.0) & (sizes_ml <= levels.airway_ml)
    is_airway[0] = False
    lumen = is_airway[numbered]
    if not lumen.any():
        return lumen
    box = tuple(
        slice(max(0, int(at[0]) - 3), int(at[-1]) + 4)
        for at in (np.flatnonzero(lumen.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    )
    near = ndimage.distance_transform_edt(~lumen[box], sampling=order.spacing_mm) <= levels.airway_wall_mm
    lumen[box] = near
    return lumen


def _sides(part: Bools, middle: float, order: PatientOrder) -> tuple[Bools, Bools] | None:
    """What of a part is the left lung and what the right; None if it is both and does not come apart."""
    columns = part.sum(axis=(0, 1))
    left_share = float(columns[np.arange(len(columns)) > middle].sum() / columns.sum())
    nothing = np.zeros_like(part)
    if left_share <= SIDE_SHARE:
        return nothing, part
    if left_share >= 1 - SIDE_SHARE:
        return part, nothing
    return _parted(part, order)


def _parted(part: Bools, order: PatientOrder) -> tuple[Bools, Bools] | None:
    """Two lungs that touch, each voxel with the core that is nearer."""
    depth_mm = ndimage.distance_transform_edt(part, sampling=order.spacing_mm)
    for by_mm in PARTING_MM:
        numbered, voxels = parts_of(depth_mm > by_mm)
        largest = np.argsort(voxels[1:])[::-1][:2] + 1
        if len(largest) == 2 and voxels[largest[0]] <= PARTED_SHARE * voxels[largest].sum():
            cores = np.where(np.isin(numbered, largest), numbered, 0)
            nearest = ndimage.distance_transform_edt(
                cores == 0, sampling=order.spacing_mm, return_distances=False, return_indices=True
            )
            owner = cores[tuple(nearest)]
            first, second = (part & (owner == number) for number in largest)
            is_first_left = _column(first) > _column(second)
            return (first, second) if is_first_left else (second, first)
    return None


def _column(inside: Bools) -> float:
    columns = inside.sum(axis=(0, 1))
    return float((np.arange(len(columns)) * columns).sum() / columns.sum())


def _finished(lung: Bools, *, order: PatientOrder, levels: Levels) -> Bools:
    """With vessels at its rim and everything in it."""
    pixel_mm = order.spacing_mm[1:]
    return each_slice(lung, lambda plane, _: filled(closed(plane, by_mm=levels.vessel_mm, pixel_mm=pixel_mm)))
