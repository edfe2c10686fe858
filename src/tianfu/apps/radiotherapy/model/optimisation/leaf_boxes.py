"""How far each leaf of a segment may move, whatever all the others do within theirs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Leaves
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment
from tianfu.standards.dicom.grids import Floats

NEARLY = 1e-6
"""A part of a step by which a place may miss it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Boxes:
    """Bounds of the leaves of each open pair, all on the machine's steps."""

    first_low: Floats
    first_high: Floats
    second_low: Floats
    second_high: Floats


def boxes_of(segment: Segment, part: FieldSegments, leaves: Leaves, *, farthest_mm: float) -> Boxes:
    """Bounds that contain where the leaves are: closed pairs stay, open ones stay open and within the jaws.

    Two leaves that must not pass each other share what is between them half and half; those of a bank stay within
    half their reach of its middle.
    """
    is_open = segment.second_mm > segment.first_mm
    first_most, second_least = _shared(segment, is_open, leaves)
    first_low, first_high = _bank(segment.first_mm, leaves, farthest_mm)
    second_low, second_high = _bank(segment.second_mm, leaves, farthest_mm)
    jaw_low = part.jaws_x_mm[0] + leaves.rounded_end_mm
    jaw_high = part.jaws_x_mm[1] - leaves.rounded_end_mm
    first = _on_steps(segment.first_mm, np.maximum(first_low, jaw_low), np.minimum(first_high, first_most), leaves)
    second = _on_steps(
        segment.second_mm, np.maximum(second_low, second_least), np.minimum(second_high, jaw_high), leaves
    )
    return Boxes(
        first_low=first[0][is_open],
        first_high=first[1][is_open],
        second_low=second[0][is_open],
        second_high=second[1][is_open],
    )


def _shared(segment: Segment, is_open: np.ndarray, leaves: Leaves) -> tuple[Floats, Floats]:
    """The farthest of each first leaf and the nearest of each second one."""
    first, second = segment.first_mm, segment.second_mm
    middle = (first + second) / 2
    first_most, second_least = middle - leaves.gap_mm / 2, middle + leaves.gap_mm / 2
    if leaves.interdigitates:
        return first_most, second_least
    for own, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
        # a closed neighbour does not move: all that is between is the open pair's
        meet = np.where(is_open[other], (first[own] + second[other]) / 2, second[other])
        first_most[own] = np.minimum(first_most[own], meet)
        meet = np.where(is_open[other], (first[other] + second[own]) / 2, first[other])
        second_least[own] = np.maximum(second_least[own], meet)
    return first_most, second_least


def _bank(at: Floats, leaves: Leaves, farthest_mm: float) -> tuple[Floats, Floats]:
    middle = (at.min() + at.max()) / 2
    low = np.maximum(at - farthest_mm, max(middle - leaves.reach_mm / 2, leaves.least_mm))
    high = np.minimum(at + farthest_mm, min(middle + leaves.reach_mm / 2, leaves.most_mm))
    return low, high


def _on_steps(at: Floats, low: Floats, high: Floats, leaves: Leaves) -> tuple[Floats, Floats]:
    low = np.ceil(low / leaves.step_mm - NEARLY) * leaves.step_mm
    high = np.floor(high / leaves.step_mm + NEARLY) * leaves.step_mm
    return np.minimum(low, at), np.maximum(high, at)
