"""Bone on a CT: what is dense and somewhere hard, with its spongy inside; the spinal canal stays open."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tianfu.apps.radiotherapy.model.contouring.levels import Levels
from tianfu.apps.radiotherapy.model.contouring.orders import PatientOrder, Values
from tianfu.apps.radiotherapy.model.contouring.sections import each_slice, enclosed, parts_of
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.standards.dicom.findings import Finding, found

METAL_ML = 0.1
"""So much metal is told of: it is bone to a threshold. [ours]"""


def bone_of(values: Values, body: Bools, order: PatientOrder, levels: Levels) -> tuple[Bools, tuple[Finding, ...]]:
    """Bone within a body, and what to look at; contrast medium in vessels is taken for bone where it is as dense."""
    voxel_ml = float(np.prod(order.spacing_mm)) / 1000
    numbered, voxels = parts_of((values > levels.bone_hu) & body)
    is_bone = np.zeros(len(voxels), dtype=np.bool_)
    is_bone[np.unique(numbered[(values > levels.hard_bone_hu) & body])] = True
    is_bone &= voxels * voxel_ml >= levels.bone_ml
    is_bone[0] = False
    pixel_mm2 = order.spacing_mm[1] * order.spacing_mm[2]
    bone = each_slice(is_bone[numbered], lambda plane, number: _whole(plane, values[number], pixel_mm2, levels))
    metal_ml = np.count_nonzero((values > levels.metal_hu) & body) * voxel_ml
    return bone, (found("bone-metal", volume_ml=round(metal_ml, 1)),) if metal_ml >= METAL_ML else ()


def _whole(plane: Bools, values: Values, pixel_mm2: float, levels: Levels) -> Bools:
    """A slice of bone with those of its holes that are spongy bone or marrow."""
    holes = enclosed(plane)
    numbers = np.unique(holes)[1:]
    if not len(numbers):
        return plane
    areas_mm2 = ndimage.sum_labels(np.ones_like(holes), holes, numbers) * pixel_mm2
    means = ndimage.mean(values, holes, numbers)
    is_spongy = (areas_mm2 <= levels.spongy_mm2) & (means >= levels.spongy_hu)
    return plane | np.isin(holes, numbers[is_spongy | (areas_mm2 <= levels.marrow_mm2)])
