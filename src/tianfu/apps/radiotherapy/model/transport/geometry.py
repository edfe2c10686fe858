"""Where a field's source and the axes of its collimator are in the patient: IEC 61217's turns for a patient on his back
with his head to the gantry (HFS; IEC 61217:2011, figures 2 to 9).

The fixed system of the room has x to the right of who faces the gantry, y to the gantry and z up.  The gantry turns
about y so that at 90 degrees the source stands on the patient's left; seen from the source the collimator turns against
the clock, and so does the couch seen from above.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.standards.dicom.grids import Floats

PATIENT_OF_COUCH = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
"""Rows are the patient's left, back and head in the couch's system: x, minus z and y."""


@dataclass(frozen=True, kw_only=True)
class View:
    """A field in the patient: `isocentre` and `source` (3), `across` (2, 3) the collimator's x and y, unit vectors."""

    isocentre: Floats
    source: Floats
    across: Floats
    axis_mm: float

    @property
    def toward_source(self) -> Floats:
        """A unit vector from the isocentre to the source."""
        return np.asarray((self.source - self.isocentre) / self.axis_mm)

    def seen(self, points: Floats) -> Floats:
        """Points (..., 3) of the patient from the source onto the plane of the isocentre (..., 2), in millimetres."""
        from_middle = points - self.isocentre
        nearer_mm = from_middle @ self.toward_source
        return np.asarray((from_middle @ self.across.T) * (self.axis_mm / (self.axis_mm - nearer_mm))[..., None])

    def below(self, points: Floats) -> Floats:
        """How far points lie from the source along the axis."""
        return np.asarray(self.axis_mm - (points - self.isocentre) @ self.toward_source)

    @property
    def matrix(self) -> Floats:
        """Rows for kernels (4, 3): source, then the unit vectors along x, along y and away from the source."""
        return np.array([self.source, *self.across, -self.toward_source])


def view_of(field: Field, *, axis_mm: float) -> View:
    """The view of a field whose source is so far from the isocentre."""
    gantry = _about_y(field.gantry_degrees)
    couch = _about_z(field.couch_degrees)
    collimator = _about_z(field.collimator_degrees)
    room = gantry @ collimator
    patient = PATIENT_OF_COUCH @ couch.T @ room
    return View(
        isocentre=field.isocentre,
        source=field.isocentre + axis_mm * patient[:, 2],
        across=np.ascontiguousarray(patient[:, :2].T),
        axis_mm=axis_mm,
    )


def _about_y(degrees: float) -> Floats:
    """Turns the vertical to the right at 90 degrees."""
    turn = np.radians(degrees)
    return np.array([[np.cos(turn), 0.0, np.sin(turn)], [0.0, 1.0, 0.0], [-np.sin(turn), 0.0, np.cos(turn)]])


def _about_z(degrees: float) -> Floats:
    turn = np.radians(degrees)
    return np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
