"""From the weights of beamlets to segments that leaves can form: levels first, then openings, then positions.

Only what the machine says decides: which pairs a row of beamlets belongs to, whether leaves may interdigitate, how far
those of one bank may be apart, the least monitor units of a segment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Leaves, Limits
from tianfu.apps.radiotherapy.model.optimisation.apertures import (
    Delivery,
    FieldSegments,
    Segment,
    Span,
    refuse_too_many_units,
)
from tianfu.apps.radiotherapy.model.optimisation.segmentation import Opened, Whole, segmented
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

EDGE_WITHIN_MM = 1e-3
"""A beamlet's edge so near to a leaf's boundary lies on it. [ours]"""

PARKED_BEYOND_MM = 10.0
"""Closed pairs meet so far under a jaw, if the leaves' reach lets them: what passes between tips stays there. [ours]"""

NEARLY = 1e-6
"""A part of a step by which a place may miss it."""

UNIT_TRIES = np.linspace(0.6, 1.1, 51)
"""Parts of the even unit, the largest weight by the levels, that are tried for the smallest error. [ours]"""


@dataclass(frozen=True, kw_only=True, eq=False)
class LeafMap:
    """A field's beamlets on the machine's leaves.

    Beamlets `numbers` lie in row `rows`, counted from pair `pair_first`, and column `columns`, counted from `left_mm`.
    """

    numbers: Whole
    rows: Whole
    columns: Whole
    pair_first: int
    left_mm: float
    size_mm: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.rows.max()) + 1, int(self.columns.max()) + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Levels:
    """Whole numbers (rows, columns) and how many monitor units one of them is."""

    numbers: Whole
    unit_mu: float


def sequenced(beamlets: Beamlets, weights: Floats, delivery: Delivery, *, levels: int) -> tuple[FieldSegments, ...]:
    """Segments of each field that has any weight; `weights` and their units are of one fraction.

    They sum up to the stratified fluence, but for the leaves' transmission and steps.  Raises Refusal
    `beamlets-across-leaves`, `beamlets-beyond-leaves`, `leaf-gap-wider-than-beamlet`, `levels-not-sound`,
    `too-many-segments` and `beam-of-too-many-units`.
    """
    if not 1 <= levels <= 255:
        raise Refusal("levels-not-sound", details={"levels": str(levels)})
    parts = [
        _field(field, leaf_map(beamlets, field, delivery.leaves), weights, delivery, levels=levels)
        for field in np.unique(beamlets.field[weights > 0]).tolist()
    ]
    return tuple(part for part in parts if part.segments)


def leaf_map(beamlets: Beamlets, field: int, leaves: Leaves) -> LeafMap:
    """Where a field's beamlets lie on the leaves: each within one pair, several rows perhaps in one."""
    numbers = np.flatnonzero(beamlets.field == field)
    at, half = beamlets.at_mm[numbers], beamlets.size_mm / 2
    bounds = np.array(leaves.boundaries_mm)
    pairs = np.searchsorted(bounds, at[:, 1], side="right") - 1
    left_mm = float(at[:, 0].min() - half)
    right_mm = float(at[:, 0].max() + half)
    is_beyond = bool(np.any((pairs < 0) | (pairs >= leaves.pairs)))
    if is_beyond or left_mm < leaves.least_mm or right_mm > leaves.most_mm:
        raise Refusal("beamlets-beyond-leaves", details={"field": str(beamlets.fields[field].number)})
    low, high = at[:, 1] - half, at[:, 1] + half
    if np.any((low < bounds[pairs] - EDGE_WITHIN_MM) | (high > bounds[pairs + 1] + EDGE_WITHIN_MM)):
        raise Refusal("beamlets-across-leaves", details={"field": str(beamlets.fields[field].number)})
    if beamlets.size_mm - 2 * leaves.rounded_end_mm - leaves.step_mm < leaves.gap_mm:
        raise Refusal("leaf-gap-wider-than-beamlet", details={"size_mm": f"{beamlets.size_mm:g}"})
    return LeafMap(
        numbers=numbers,
        rows=pairs - pairs.min(),
        columns=np.rint((at[:, 0] - half - left_mm) / beamlets.size_mm).astype(np.int64),
        pair_first=int(pairs.min()),
        left_mm=left_mm,
        size_mm=beamlets.size_mm,
    )


def on_leaves(place: LeafMap, weights: Floats) -> Floats:
    """Weights (rows, columns) of leaf pairs: the mean of the beamlets that lie beside each other in one pair."""
    sums, counts = np.zeros(place.shape), np.zeros(place.shape)
    np.add.at(sums, (place.rows, place.columns), weights[place.numbers])
    np.add.at(counts, (place.rows, place.columns), 1)
    return np.asarray(sums / np.maximum(counts, 1))


def stratified(fluence: Floats, *, levels: int, limits: Limits) -> Levels:
    """The fluence in at most so many levels, its unit that of the smallest squared error.

    The unit is a multiple of the machine's step and no less than its least segment, so that any sum of units can be
    given: levels are fewer if need be.
    """
    units = np.array([_whole_unit(part * float(fluence.max()) / levels, limits) for part in UNIT_TRIES])
    tried = [np.minimum(np.rint(fluence / unit), levels) for unit in units]
    best = int(np.argmin([np.sum((fluence - unit * each) ** 2) for unit, each in zip(units, tried, strict=True)]))
    return Levels(numbers=tried[best].astype(np.int64), unit_mu=float(units[best]))


def _whole_unit(unit: float, limits: Limits) -> float:
    least = np.ceil(limits.segment_mu_least / limits.mu_step - 1e-9)
    return float(max(np.rint(unit / limits.mu_step), least, 1) * limits.mu_step)


def _field(field: int, place: LeafMap, weights: Floats, delivery: Delivery, *, levels: int) -> FieldSegments:
    leaves, limits = delivery.leaves, delivery.limits
    chosen = stratified(on_leaves(place, weights), levels=levels, limits=limits)
    openings = _within_reach(chosen.numbers, leaves, place.size_mm)
    if len(openings) > limits.segments_most:
        raise Refusal("too-many-segments", details={"segments": str(len(openings)), "limit": str(limits.segments_most)})
    jaws_x, jaws_y = _around(chosen.numbers, place, leaves)
    part = FieldSegments(
        field=field,
        jaws_x_mm=jaws_x,
        jaws_y_mm=jaws_y,
        segments=tuple(_segment(each, place, leaves, jaws_x, chosen.unit_mu) for each in openings),
    )
    refuse_too_many_units(part, limits)
    return part


def _within_reach(numbers: Whole, leaves: Leaves, size_mm: float) -> list[Opened]:
    """Openings whose leaves all stand within reach of each other: a wide fluence is given in blocks of columns."""
    columns = numbers.shape[1]
    width = max(1, int(leaves.reach_mm / size_mm + EDGE_WITHIN_MM))
    blocks = -(-columns // width)
    edges = np.linspace(0, columns, blocks + 1).astype(int)
    return [
        Opened(left=opened.left + first, right=opened.right + first, units=opened.units)
        for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        for opened in segmented(numbers[:, first:end], interdigitates=leaves.interdigitates)
    ]


def _around(numbers: Whole, place: LeafMap, leaves: Leaves) -> tuple[Span, Span]:
    """Where jaws hide all that no segment opens."""
    rows, columns = (np.flatnonzero(numbers.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return (0.0, 0.0), (0.0, 0.0)
    x = (place.left_mm + columns[0] * place.size_mm, place.left_mm + (columns[-1] + 1) * place.size_mm)
    y = (leaves.boundaries_mm[place.pair_first + rows[0]], leaves.boundaries_mm[place.pair_first + rows[-1] + 1])
    return (float(x[0]), float(x[1])), (float(y[0]), float(y[1]))


def _segment(opened: Opened, place: LeafMap, leaves: Leaves, jaws_x: Span, unit_mu: float) -> Segment:
    """Positions of all pairs: open tips stand back by what passes their rounded ends, closed pairs are parked."""
    edges = place.left_mm + place.size_mm * np.stack([opened.left, opened.right]).astype(float)
    is_open = opened.right > opened.left
    ends = edges + leaves.rounded_end_mm * np.array([[1.0], [-1.0]])
    closed = edges + place.size_mm / 2
    inner = np.rint(np.where(is_open, ends, closed) / leaves.step_mm) * leaves.step_mm
    parked = _parked_mm(float(max(edges[1, is_open].max(), inner[1, is_open].max())), leaves, jaws_x)
    if leaves.interdigitates:
        inner[:, ~is_open] = parked
    before, after = place.pair_first, leaves.pairs - place.pair_first - len(is_open)
    # Pairs beyond the field meet where the outermost one's first leaf is, which none of the rules forbids.
    low, high = (parked, parked) if leaves.interdigitates else (inner[0, 0], inner[0, -1])
    return Segment(
        first_mm=np.concatenate([np.full(before, low), inner[0], np.full(after, high)]),
        second_mm=np.concatenate([np.full(before, low), inner[1], np.full(after, high)]),
        mu=float(np.rint(opened.units * unit_mu * 1e6) / 1e6),
    )


def _parked_mm(open_to_mm: float, leaves: Leaves, jaws_x: Span) -> float:
    """Beyond the jaws' left edge, on a step, as far as the reach from the outermost open leaf lets a leaf go."""
    farthest = max(jaws_x[0] - PARKED_BEYOND_MM, open_to_mm - leaves.reach_mm, leaves.least_mm)
    return float(np.ceil(farthest / leaves.step_mm - NEARLY) * leaves.step_mm)
