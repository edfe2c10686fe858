"""Pairs of leaves that open in any segment of a field are never quite closed in its others: their tips would touch.

A pair may be closed all through a field (`Leaves.gap_mm`); one that opens keeps the machine's least gap where it
stands aside, which is under a jaw wherever the leaves' reach lets it be.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Leaves
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment
from tianfu.apps.radiotherapy.model.scanlines import Bools

NEARLY = 1e-9


def with_gaps(parts: tuple[FieldSegments, ...], leaves: Leaves) -> tuple[FieldSegments, ...]:
    """The same segments with the least gap in those pairs that open elsewhere in their field."""
    return tuple(_kept_apart(part, leaves) for part in parts)


def _kept_apart(part: FieldSegments, leaves: Leaves) -> FieldSegments:
    opens = np.any([segment.second_mm > segment.first_mm for segment in part.segments], axis=0)
    return replace(part, segments=tuple(_apart(segment, opens, leaves) for segment in part.segments))


def _apart(segment: Segment, opens: Bools, leaves: Leaves) -> Segment:
    gap = np.ceil(leaves.gap_mm / leaves.step_mm - NEARLY) * leaves.step_mm
    touches = opens & (segment.second_mm - segment.first_mm < gap - NEARLY)
    first = np.where(touches, np.minimum(segment.first_mm, leaves.most_mm - gap), segment.first_mm)
    return replace(segment, first_mm=first, second_mm=np.where(touches, first + gap, segment.second_mm))
