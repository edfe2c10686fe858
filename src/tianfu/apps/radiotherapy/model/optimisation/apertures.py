"""Segments as a machine gives them, step and shoot, and what each lets through to the beamlets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Leaves, Limits
from tianfu.apps.radiotherapy.model.transport.fields import Beamlets
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

Span = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What of a machine decides which segments it can give."""

    leaves: Leaves
    limits: Limits


@dataclass(frozen=True, kw_only=True, eq=False)
class Segment:
    """Where the leaves of each pair stand, in millimetres along x at the isocentre, and monitor units of a fraction.

    `first_mm` (pairs) never is beyond `second_mm`; where they are equal the pair is closed.
    """

    first_mm: Floats
    second_mm: Floats
    mu: float


@dataclass(frozen=True, kw_only=True, eq=False)
class FieldSegments:
    """What a field gives, in order; `field` is its place in the beamlets' fields, the jaws stand still."""

    field: int
    jaws_x_mm: Span
    jaws_y_mm: Span
    segments: tuple[Segment, ...]

    @property
    def mu(self) -> float:
        """Monitor units of a fraction."""
        return sum(segment.mu for segment in self.segments)


def refuse_too_many_units(part: FieldSegments, limits: Limits) -> None:
    """Raise Refusal `beam-of-too-many-units` for a field that the machine would not give."""
    if part.mu > limits.beam_mu_most:
        raise Refusal("beam-of-too-many-units", details={"mu": f"{part.mu:.0f}", "limit": f"{limits.beam_mu_most:g}"})


def shares_of(segment: Segment, part: FieldSegments, beamlets: Beamlets, leaves: Leaves) -> Floats:
    """The part of each beamlet (B) that a segment of a field lets through, none of other fields.

    An open pair lets through `rounded_end_mm` more at each end than its leaves' positions say; what leaves cover within
    the jaws lets through their transmission, what jaws cover nothing.  A beamlet's share is that of its area.
    """
    shares = np.zeros(beamlets.count)
    own = np.flatnonzero(beamlets.field == part.field)
    half = beamlets.size_mm / 2
    centres = beamlets.at_mm[own]
    open_x = _open_x(segment, part.jaws_x_mm, leaves)
    bounds = np.array(leaves.boundaries_mm)
    low = np.maximum(bounds[:-1], part.jaws_y_mm[0])
    high = np.minimum(bounds[1:], part.jaws_y_mm[1])
    across = _overlap(centres[:, 1:] - half, centres[:, 1:] + half, low, high) / beamlets.size_mm
    along = _overlap(centres[:, :1] - half, centres[:, :1] + half, open_x[:, 0], open_x[:, 1]) / beamlets.size_mm
    within = _overlap(centres[:, 0] - half, centres[:, 0] + half, *map(np.asarray, part.jaws_x_mm)) / beamlets.size_mm
    opened = (across * along).sum(axis=1)
    shares[own] = opened + leaves.transmission * (across.sum(axis=1) * within - opened)
    return shares


def fluence_of(parts: tuple[FieldSegments, ...], beamlets: Beamlets, leaves: Leaves) -> Floats:
    """The weights of beamlets (B) that all segments together give, in monitor units of a fraction."""
    total = np.zeros(beamlets.count)
    for part in parts:
        for segment in part.segments:
            total += segment.mu * shares_of(segment, part, beamlets, leaves)
    return total


def _open_x(segment: Segment, jaws_x_mm: Span, leaves: Leaves) -> Floats:
    """Where radiation passes each pair (pairs, 2); nowhere, if it is closed."""
    is_open = segment.second_mm > segment.first_mm
    first = np.maximum(segment.first_mm - leaves.rounded_end_mm, jaws_x_mm[0])
    second = np.minimum(segment.second_mm + leaves.rounded_end_mm, jaws_x_mm[1])
    return np.stack([first, np.where(is_open, np.maximum(second, first), first)], axis=1)


def _overlap(low: Floats, high: Floats, other_low: Floats, other_high: Floats) -> Floats:
    return np.asarray(np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0.0))
