"""Jaws and leaves: where they can stand, how fast they move and what passes through and between them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Jaws:
    """One pair of jaws; lengths in millimetres at the isocentre, `transmission` a part of the open field's dose."""

    moves_along: str
    least_mm: float
    most_mm: float
    gap_mm: float
    transmission: float


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """A multileaf collimator whose leaves move along x.

    `boundaries_mm` are one more than its pairs.  `gap_mm` is the least between the leaves of a pair that is open or
    may open, `reach_mm` the most between the leaves of one bank, `interdigitates` whether a leaf may pass the opposite
    neighbours.  `rounded_end_mm` is how much farther each open end lets radiation through than light: the dosimetric
    leaf gap is twice that.  `transmission` is that of a closed leaf, between leaves included.
    """

    boundaries_mm: tuple[float, ...]
    least_mm: float
    most_mm: float
    gap_mm: float
    reach_mm: float
    interdigitates: bool
    step_mm: float
    speed_mm_per_s: float
    rounded_end_mm: float
    transmission: float

    @property
    def pairs(self) -> int:
        """How many pairs of leaves."""
        return len(self.boundaries_mm) - 1


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a machine can give and how it can turn.

    Monitor units are limits of a beam and of a segment; `dose_rates` in monitor units per minute; speeds in degrees
    per second; angles are those of IEC 61217.
    """

    beam_mu_most: float
    segment_mu_least: float
    mu_step: float
    segments_most: int
    dose_rates: tuple[float, ...]
    gantry_degrees_per_s: float
    collimator_degrees: tuple[float, float]
    couch_degrees: tuple[float, float]


def turns_to(limits: tuple[float, float], degrees: float) -> bool:
    """Whether an angle, or the same a whole turn away, is between both: some count to 360, some to 180 either way."""
    return any(limits[0] <= degrees + turn <= limits[1] for turn in (-360.0, 0.0, 360.0))
