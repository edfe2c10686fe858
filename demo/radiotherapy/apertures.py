"""What a beam sees of a target: its outline projected from the source, and leaves and jaws set around it.

Directions are those of IEC 61217 for a patient who lies on his back, head first: at gantry 0 the source is before him,
at 90 on his left.  The couch stands at 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tianfu.standards.dicom.control_points import Opening
from tianfu.standards.dicom.grids import Floats
from tianfu.standards.dicom.structures import Structure

AXIS_MM = 1000.0
BOUNDARIES_MM = (*np.arange(-200.0, -100.0, 10.0), *np.arange(-100.0, 100.0, 5.0), *np.arange(100.0, 201.0, 10.0))
"""Sixty pairs, forty of 5 mm between twenty of 10 mm, as several makers have them. [memory]"""

LEAF_STEP_MM = 0.1
"""Positions are set in tenths of a millimetre."""

SAMPLE_MM = 1.0


@dataclass(frozen=True, kw_only=True)
class View:
    """Where a beam looks from: `isocentre` in the patient; angles in degrees."""

    isocentre: Floats
    gantry_degrees: float
    collimator_degrees: float = 0.0

    @property
    def toward_source(self) -> Floats:
        """A unit vector from the isocentre to the source."""
        turn = np.radians(self.gantry_degrees)
        return np.array([np.sin(turn), -np.cos(turn), 0.0])

    @property
    def across(self) -> Floats:
        """The collimator's axes (2, 3) in the patient: along the leaves' travel, and along their stack."""
        turn, twist = np.radians(self.gantry_degrees), np.radians(self.collimator_degrees)
        lateral, upward = np.array([np.cos(turn), np.sin(turn), 0.0]), np.array([0.0, 0.0, 1.0])
        return np.array(
            [np.cos(twist) * lateral + np.sin(twist) * upward, -np.sin(twist) * lateral + np.cos(twist) * upward]
        )

    def seen(self, points: Floats) -> Floats:
        """Points (..., 3) of the patient projected from the source to the plane of the isocentre (..., 2)."""
        from_middle = points - self.isocentre
        nearer = from_middle @ self.toward_source
        return np.asarray((from_middle @ self.across.T) * (AXIS_MM / (AXIS_MM - nearer))[..., None])


@dataclass(frozen=True, kw_only=True)
class Aperture:
    """Where both banks of leaves stand, pair by pair from the lowest; a closed pair stands at one place."""

    first_mm: Floats
    second_mm: Floats

    @property
    def is_open(self) -> bool:
        """Whether any pair lets something through."""
        return bool((self.second_mm > self.first_mm).any())

    def leaves(self) -> Opening:
        """As DICOM has them: all of the first bank, then the second."""
        return Opening(device="MLCX", positions_mm=(*self.first_mm.tolist(), *self.second_mm.tolist()))

    def jaws(self) -> tuple[Opening, Opening]:
        """Jaws just around the open pairs."""
        pairs = np.flatnonzero(self.second_mm > self.first_mm)
        x = (float(self.first_mm[pairs].min()), float(self.second_mm[pairs].max()))
        y = (float(BOUNDARIES_MM[pairs[0]]), float(BOUNDARIES_MM[pairs[-1] + 1]))
        return Opening(device="ASYMX", positions_mm=x), Opening(device="ASYMY", positions_mm=y)


def aperture_around(target: Structure, view: View, *, margin_mm: float) -> Aperture:
    """Leaves around all that a beam sees of a target, so far away; Raises ValueError if it sees nothing of it."""
    outline = np.concatenate([view.seen(_dense(ring.points)) for ring in target.rings])
    first, second = np.zeros(len(BOUNDARIES_MM) - 1), np.zeros(len(BOUNDARIES_MM) - 1)
    for pair, (low, high) in enumerate(pairwise(BOUNDARIES_MM)):
        seen = outline[(outline[:, 1] >= low - margin_mm) & (outline[:, 1] <= high + margin_mm), 0]
        if len(seen):
            first[pair], second[pair] = _stepped(seen.min() - margin_mm), _stepped(seen.max() + margin_mm)
    if not (second > first).any():
        raise ValueError("the target lies beyond the leaves")
    return Aperture(first_mm=_parked(first, second, first), second_mm=_parked(first, second, second))


def narrowed(aperture: Aperture, *, from_share: float, to_share: float) -> Aperture:
    """The part of each opening between two shares of its width: segments of one field."""
    width = aperture.second_mm - aperture.first_mm
    first = np.array([_stepped(value) for value in aperture.first_mm + from_share * width])
    second = np.array([_stepped(value) for value in aperture.first_mm + to_share * width])
    return Aperture(first_mm=first, second_mm=np.maximum(first, second))


def _dense(points: Floats) -> Floats:
    """A ring's corners, and points between them where they are far apart."""
    following = np.roll(points, -1, axis=0)
    longest = float(np.linalg.norm(following - points, axis=1).max())
    shares = np.arange(max(1, int(np.ceil(longest / SAMPLE_MM)))) / max(1, int(np.ceil(longest / SAMPLE_MM)))
    return np.asarray((points[:, None] + shares[None, :, None] * (following - points)[:, None]).reshape(-1, 3))


def _parked(first: Floats, second: Floats, bank: Floats) -> Floats:
    """Closed pairs stand in the middle of the field."""
    is_open = second > first
    middle = _stepped(float((first[is_open].min() + second[is_open].max()) / 2))
    return np.where(is_open, bank, middle)


def _stepped(value: float) -> float:
    return round(round(value / LEAF_STEP_MM) * LEAF_STEP_MM, 1)
