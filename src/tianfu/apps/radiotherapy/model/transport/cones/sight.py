"""From where a field's source looks at the patient, for this engine alone: a fault in the other engine's turns shows.

IEC 61217: the gantry turns about the axis from the patient's feet to his head, and at 90 degrees its source is on his
left; the couch turns about the vertical; the collimator about the beam.  The patient lies on his back, head first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.standards.dicom.grids import Floats

LEFT, BACK, HEAD = np.eye(3)
"""Unit vectors of the patient (DICOM PS3.3 C.7.6.2.1.1)."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """`source` (3) in the patient; the rows of `axes` (3, 3) are unit vectors along the collimator's x and y and from
    the source to the isocentre, which are `axis_mm` apart.
    """

    source: Floats
    axes: Floats
    axis_mm: float

    def seen(self, points: Floats) -> Floats:
        """Points (..., 3) as x and y projected onto the isocentre's plane, and the distance from the source along the
        axis.
        """
        local = (points - self.source) @ self.axes.T
        return np.concatenate([local[..., :2] * self.axis_mm / local[..., 2:], local[..., 2:]], axis=-1)

    def points(self, seen: Floats) -> Floats:
        """The opposite of `seen`."""
        local = np.concatenate([seen[..., :2] * seen[..., 2:] / self.axis_mm, seen[..., 2:]], axis=-1)
        return np.asarray(local @ self.axes + self.source)


def sight_of(field: Field, *, axis_mm: float) -> Sight:
    """The sight of a field whose source is so far from its isocentre."""
    gantry, collimator, couch = np.radians([field.gantry_degrees, field.collimator_degrees, field.couch_degrees])
    up = np.cos(gantry) * -BACK + np.sin(gantry) * LEFT
    side = np.cos(gantry) * LEFT + np.sin(gantry) * BACK
    x = np.cos(collimator) * side + np.sin(collimator) * HEAD
    y = np.cos(collimator) * HEAD - np.sin(collimator) * side
    # The couch carries the patient: what stands still in the room turns the other way in him.
    axes = np.array([_about_vertical(vector, -couch) for vector in (x, y, -up)])
    return Sight(source=field.isocentre - axis_mm * axes[2], axes=axes, axis_mm=axis_mm)


def _about_vertical(vector: Floats, turn: float) -> Floats:
    """Against the clock as seen from above, where a patient's head is up and his left on the right."""
    left, back, head = vector
    return np.asarray(
        (np.cos(turn) * left - np.sin(turn) * head) * LEFT
        + back * BACK
        + (np.sin(turn) * left + np.cos(turn) * head) * HEAD
    )
