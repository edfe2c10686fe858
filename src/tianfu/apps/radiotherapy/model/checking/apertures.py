"""What jaws and leaves leave open together at a control point, row by row: nothing behind a jaw counts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.beams import Beam, LimitingDevice, segments
from tianfu.standards.dicom.control_points import LEAVES, X_JAWS, Y_JAWS, Stand
from tianfu.standards.dicom.grids import Floats

WIDE_MM = 1e4
"""Where a jaw stands that the machine has not."""

KEPT_MOST = 1024
"""Apertures that are kept, some kilobytes each: more than a plan has."""


@dataclass(frozen=True, kw_only=True)
class Aperture:
    """Leaves `first_mm` and `second_mm` (N) between `boundaries_mm` (N + 1), and jaws along and across their travel."""

    boundaries_mm: Floats
    first_mm: Floats
    second_mm: Floats
    along_mm: tuple[float, float]
    across_mm: tuple[float, float]

    @cached_property
    def left_mm(self) -> Floats:
        """Where each row begins to be open."""
        return np.maximum(self.first_mm, self.along_mm[0])

    @cached_property
    def right_mm(self) -> Floats:
        """Where each row ends to be open."""
        return np.minimum(self.second_mm, self.along_mm[1])

    @cached_property
    def heights_mm(self) -> Floats:
        """How much of each row the jaws across leave open, not below zero."""
        low = np.maximum(self.boundaries_mm[:-1], self.across_mm[0])
        high = np.minimum(self.boundaries_mm[1:], self.across_mm[1])
        return np.asarray(np.maximum(0.0, high - low))

    @cached_property
    def widths_mm(self) -> Floats:
        """How wide each row is open, zero where jaws across hide it."""
        return np.where(self.heights_mm > 0, np.maximum(0.0, self.right_mm - self.left_mm), 0.0)

    @cached_property
    def is_open(self) -> Bools:
        """Which rows let something through."""
        return np.asarray(self.widths_mm > 0)

    @property
    def area_mm2(self) -> float:
        """Of the opening, at the isocentre."""
        return float((self.widths_mm * self.heights_mm).sum())

    @property
    def perimeter_mm(self) -> float:
        """Of the opening: its ends, and where a row's edge has no open row beside it."""
        left = np.where(self.is_open, self.left_mm, 0.0)
        right = np.where(self.is_open, self.right_mm, 0.0)
        left, right = np.pad(left, 1), np.pad(right, 1)
        shared = np.maximum(0.0, np.minimum(right[1:], right[:-1]) - np.maximum(left[1:], left[:-1]))
        widths = right - left
        return float(2 * self.heights_mm[self.is_open].sum() + (widths[1:] + widths[:-1] - 2 * shared).sum())


@dataclass(frozen=True, kw_only=True)
class Shot:
    """One segment that gives dose: its apertures at both ends, and its monitor units for one fraction."""

    number: int
    start: Aperture
    stop: Aperture
    mu: float

    @property
    def middle(self) -> Aperture:
        """Half way between both ends: the aperture itself where nothing moves."""
        first, second = self.start, self.stop
        return Aperture(
            boundaries_mm=first.boundaries_mm,
            first_mm=(first.first_mm + second.first_mm) / 2,
            second_mm=(first.second_mm + second.second_mm) / 2,
            along_mm=_between(first.along_mm, second.along_mm),
            across_mm=_between(first.across_mm, second.across_mm),
        )


def leaves_of(beam: Beam) -> LimitingDevice:
    """The one multileaf collimator of a beam; raises NotJudgedError if it has none or two layers."""
    found = [device for device in beam.devices if device.kind in LEAVES]
    if len(found) != 1:
        raise NotJudgedError("leaves-in-layers" if found else "no-leaves")
    if len(found[0].boundaries_mm) != found[0].pairs + 1:
        raise NotJudgedError("no-leaves")
    return found[0]


def aperture_of(beam: Beam, stand: Stand) -> Aperture:
    """The aperture at one control point; raises NotJudgedError if the leaves' positions are not said.

    It is the same one for whoever asks again: many rules look at each.
    """
    return _aperture_of(leaves_of(beam), stand)


@lru_cache(maxsize=KEPT_MOST)
def _aperture_of(device: LimitingDevice, stand: Stand) -> Aperture:
    opening = stand.opening({device.kind})
    if opening is None or len(opening.positions_mm) != 2 * device.pairs:
        raise NotJudgedError("no-leaves")
    positions = np.array(opening.positions_mm)
    along, across = (X_JAWS, Y_JAWS) if device.kind == "MLCX" else (Y_JAWS, X_JAWS)
    return Aperture(
        boundaries_mm=np.array(device.boundaries_mm),
        first_mm=positions[: device.pairs],
        second_mm=positions[device.pairs :],
        along_mm=jaws_of(stand, along),
        across_mm=jaws_of(stand, across),
    )


def jaws_of(stand: Stand, devices: frozenset[str]) -> tuple[float, float]:
    """Where both jaws stand; far away if there are none."""
    opening = stand.opening(devices)
    if opening is None or len(opening.positions_mm) != 2:
        return -WIDE_MM, WIDE_MM
    first, second = opening.positions_mm
    return first, second


def is_through(aperture: Aperture, flat: Floats, *, beside_mm: float = 0.0) -> Bools:
    """Which points (n, 2) of the isocentre's plane lie in the opening, or so little beside it."""
    found = np.zeros(len(flat), dtype=np.bool_)
    for off_mm in {-beside_mm, 0.0, beside_mm}:
        across = flat[:, 1] + off_mm
        row = np.searchsorted(aperture.boundaries_mm, across, side="right") - 1
        row = np.clip(row, 0, len(aperture.first_mm) - 1)
        inside = (flat[:, 0] >= aperture.left_mm[row] - beside_mm) & (flat[:, 0] <= aperture.right_mm[row] + beside_mm)
        # A closed pair opens for nobody, however far beside it one looks.
        inside &= (aperture.right_mm[row] > aperture.left_mm[row]) | (beside_mm == 0)
        found |= inside & (across >= aperture.across_mm[0]) & (across <= aperture.across_mm[1])
    return found


def shots_of(beam: Beam, *, mu: float) -> tuple[Shot, ...]:
    """Segments that give dose; raises NotJudgedError for a beam without weights or leaves."""
    try:
        parts = segments(beam, meterset=mu)
    except Refusal as refusal:
        raise NotJudgedError("no-weights") from refusal
    apertures = [aperture_of(beam, point.stand) for point in beam.control_points]
    given = [part for part in parts if part.meterset > 0]
    return tuple(
        Shot(number=number, start=apertures[part.start], stop=apertures[part.stop], mu=part.meterset)
        for number, part in enumerate(given, start=1)
    )


def _between(one: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    return (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
