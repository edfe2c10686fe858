"""Gaps that a machine wants: between leaves, and between jaws.

Pairs of leaves that open in any segment of a field are never quite closed in its others: their tips would touch.

A pair may be closed all through a field (`Leaves.gap_mm`); one that opens keeps the machine's least gap where it
stands aside, which is under a jaw wherever the leaves' reach lets it be.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Jaws, Leaves
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment, Span
from tianfu.apps.radiotherapy.model.scanlines import Bools

NEARLY = 1e-9


def with_gaps(parts: tuple[FieldSegments, ...], leaves: Leaves) -> tuple[FieldSegments, ...]:
    """The same segments with the least gap in those pairs that open elsewhere in their field."""
    return tuple(_kept_apart(part, leaves) for part in parts)


def with_open_jaws(parts: tuple[FieldSegments, ...], jaws: tuple[Jaws, ...]) -> tuple[FieldSegments, ...]:
    """The same with jaws at least as far apart as the machine's go, about their middle: a target may be narrower."""
    by_travel = {one.moves_along: one for one in jaws}
    return tuple(
        replace(
            part,
            jaws_x_mm=_opened(part.jaws_x_mm, by_travel.get("x")),
            jaws_y_mm=_opened(part.jaws_y_mm, by_travel.get("y")),
        )
        for part in parts
    )


def _opened(span: Span, jaws: Jaws | None) -> Span:
    wider = 0.0 if jaws is None else jaws.gap_mm - (span[1] - span[0])
    if jaws is None or wider <= NEARLY:
        return span
    first = min(max(span[0] - wider / 2, jaws.least_mm), jaws.most_mm - jaws.gap_mm)
    return first, first + jaws.gap_mm


def _kept_apart(part: FieldSegments, leaves: Leaves) -> FieldSegments:
    opens = np.any([segment.second_mm > segment.first_mm for segment in part.segments], axis=0)
    return replace(part, segments=tuple(_apart(segment, opens, leaves) for segment in part.segments))


def _apart(segment: Segment, opens: Bools, leaves: Leaves) -> Segment:
    gap = np.ceil(leaves.gap_mm / leaves.step_mm - NEARLY) * leaves.step_mm
    touches = opens & (segment.second_mm - segment.first_mm < gap - NEARLY)
    first = np.where(touches, np.minimum(segment.first_mm, leaves.most_mm - gap), segment.first_mm)
    return replace(segment, first_mm=first, second_mm=np.where(touches, first + gap, segment.second_mm))
