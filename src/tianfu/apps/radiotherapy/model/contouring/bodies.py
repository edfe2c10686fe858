"""The body on a CT: what is denser than air, without the couch, with everything inside."""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.contouring.levels import PADDING_HU, Levels
from tianfu.apps.radiotherapy.model.contouring.orders import PatientOrder, Values
from tianfu.apps.radiotherapy.model.contouring.sections import Pixel, dilated, each_slice, eroded, filled, parts_of
from tianfu.apps.radiotherapy.model.scanlines import Bools, Longs
from tianfu.standards.dicom.findings import Finding, found

COARSE_MM = 2.5
"""The couch and loose parts are found on voxels of about this size; the skin is found on all. [ours]"""

TOLD_ML = 20.0
"""Dense parts beside the body of at least this size are told of. [ours]"""

RISES_BY = 1.5
"""Behind a neck the body is at least so many times as wide. [ours]"""

WIDE_SHARE = 0.5
"""A couch is at least so many times as wide as the body on it; what is narrower belongs to the body. [ours]"""

AGREEING_SHARE = 0.5
"""Of the slices, so many have to show a solid couch at one height, for a couch is straight. [ours]"""


def body_of(values: Values, order: PatientOrder, levels: Levels) -> tuple[Bools, tuple[Finding, ...]]:
    """The body in the patient's order, and what to look at; all False if nothing is dense.

    The largest part counts, so arms that are apart from it throughout are left out, and told.
    """
    steps = [max(1, int(COARSE_MM / spacing)) for spacing in order.spacing_mm]
    spacing_mm = [spacing * step for spacing, step in zip(order.spacing_mm, steps, strict=True)]
    dense = values > levels.body_hu
    coarse = dense[:: steps[0], :: steps[1], :: steps[2]].copy()
    couch = couch_row(coarse, (spacing_mm[1], spacing_mm[2]), levels)
    reasons = []
    if couch is not None:
        coarse[:, couch:] = False
        dense[:, couch * steps[1] :] = False
        reasons.append(found("body-couch-cut"))
    core, left_ml = _largest(coarse, (spacing_mm[1], spacing_mm[2]), levels, float(np.prod(spacing_mm)) / 1000)
    if left_ml >= TOLD_ML:
        reasons.append(found("body-parts-left-out", volume_ml=round(left_ml)))
    inside = _filled(dense & _fine(core, steps, dense.shape))
    return inside, (*reasons, *_truncated(inside, values))


def couch_row(dense: Bools, pixel_mm: Pixel, levels: Levels) -> int | None:
    """The first row of a solid couch under the body, None if there is none."""
    rows = [
        row for plane in dense if plane.any() and (row := _neck(plane.sum(axis=1), pixel_mm[0], levels)) is not None
    ]
    occupied = np.count_nonzero(dense.any(axis=(1, 2)))
    if not rows:
        return None
    middle = int(np.median(rows))
    agreeing = np.count_nonzero(np.abs(np.array(rows) - middle) <= 1)
    return middle if agreeing >= AGREEING_SHARE * occupied else None


def _neck(widths: Longs, row_mm: float, levels: Levels) -> int | None:
    """The row at which a wide end towards the back begins, seen by how many pixels each row has; None without one."""
    occupied = np.flatnonzero(widths)
    if not len(occupied):
        return None
    last = int(occupied[-1])
    first = max(0, last - int(levels.couch_mm / row_mm))
    # From the back to the front: the widest so far, and where it has become narrow.
    seen = widths[first : last + 1][::-1]
    narrow = np.flatnonzero(seen <= levels.neck_share * np.maximum.accumulate(seen))
    if not len(narrow):
        return None
    at = int(narrow[0])
    while at + 1 < len(seen) and seen[at + 1] <= seen[at]:
        at += 1
    row = last - at
    widest = int(widths[:row].max(initial=0))
    is_couch = widest >= RISES_BY * max(1, int(widths[row])) and seen[:at].max() >= WIDE_SHARE * widest
    return row + 1 if is_couch else None


def _largest(dense: Bools, pixel_mm: Pixel, levels: Levels, voxel_ml: float) -> tuple[Bools, float]:
    """The largest part that is not thin, and how much of others there is, in millilitres."""

    def opened(by_mm: float, plane: Bools) -> Bools:
        return eroded(plane, by_mm=by_mm, pixel_mm=pixel_mm)

    thick = each_slice(dense, lambda plane, _: opened(levels.couch_shell_mm, plane))
    numbered, voxels = parts_of(thick)
    if len(voxels) < 2:
        return thick, 0.0
    one = int(np.argmax(voxels[1:])) + 1
    # A voxel more than it was eroded by: what is dense there decides about the skin.
    reach_mm = levels.couch_shell_mm + max(pixel_mm)
    grown = each_slice(numbered == one, lambda plane, _: dilated(plane, by_mm=reach_mm, pixel_mm=pixel_mm))
    return grown, float((voxels[1:].sum() - voxels[one]) * voxel_ml)


def _fine(coarse: Bools, steps: list[int], shape: tuple[int, ...]) -> Bools:
    fine = coarse
    for axis, step in enumerate(steps):
        fine = np.repeat(fine, step, axis=axis) if step > 1 else fine
    return fine[: shape[0], : shape[1], : shape[2]]


def _filled(inside: Bools) -> Bools:
    return each_slice(inside, lambda plane, _: filled(plane))


def _truncated(inside: Bools, values: Values) -> tuple[Finding, ...]:
    """Whether the field of view cuts the body off: at the image's border, or at what a scanner pads."""
    border = inside[:, [0, -1]].any(axis=(1, 2)) | inside[:, :, [0, -1]].any(axis=(1, 2))
    padded = values < PADDING_HU
    if padded.any():
        beside = np.zeros_like(inside)
        beside[:, 1:] |= padded[:, :-1]
        beside[:, :-1] |= padded[:, 1:]
        beside[:, :, 1:] |= padded[:, :, :-1]
        beside[:, :, :-1] |= padded[:, :, 1:]
        border |= (beside & inside).any(axis=(1, 2))
    return (found("body-truncated", slices=int(border.sum())),) if border.any() else ()
