"""Points of the patient as a beam sees them, in the plane of the isocentre and the collimator's system (IEC 61217).

Only for patients who lie on their back with the head first: in another position angles mean other directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tianfu.apps.radiotherapy.model.checking.apertures import Aperture, aperture_of
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError
from tianfu.standards.dicom.beams import Beam, ControlPoint
from tianfu.standards.dicom.grids import Floats


def seen_from(beam: Beam, point: ControlPoint, points: Floats, position: str) -> Floats:
    """Points (n, 3) projected from the source (n, 2): along the leaves' travel of an MLCX, and across it.

    Raises NotJudgedError for other positions, tilted or eccentric couches, missing angles, and points behind the
    source.
    """
    stand = point.stand
    if position != "HFS" or stand.pitch_degrees or stand.roll_degrees or stand.eccentric_degrees:
        raise NotJudgedError("position-not-projected")
    angles = (stand.gantry_degrees, stand.couch_degrees, stand.collimator_degrees)
    if None in angles or point.isocentre_mm is None or beam.axis_mm is None:
        raise NotJudgedError("not-said")
    gantry, couch, collimator = (np.radians(angle or 0.0) for angle in angles)
    if any(device.kind == "MLCY" for device in beam.devices):
        raise NotJudgedError("position-not-projected")
    moved = points - np.array(point.isocentre_mm)
    # IEC: x to the patient's left, y to his head, z up; the couch turns about z, the gantry about y.
    x, y, z = moved[:, 0], moved[:, 2], -moved[:, 1]
    x, y = x * np.cos(couch) - y * np.sin(couch), x * np.sin(couch) + y * np.cos(couch)
    x, z = x * np.cos(gantry) - z * np.sin(gantry), x * np.sin(gantry) + z * np.cos(gantry)
    x, y = x * np.cos(collimator) + y * np.sin(collimator), -x * np.sin(collimator) + y * np.cos(collimator)
    if (z >= beam.axis_mm).any():
        raise NotJudgedError("position-not-projected")
    return np.asarray(np.stack([x, y], axis=-1) * (beam.axis_mm / (beam.axis_mm - z))[:, None])


def views_of(beam: Beam, points: Floats, position: str) -> Iterator[tuple[Aperture, Floats]]:
    """The aperture of each control point with the points as the beam sees them there.

    They are projected anew only where something turned.
    """
    known: dict[object, Floats] = {}
    for point in beam.control_points:
        place = (replace(point.stand, openings=()), point.isocentre_mm)
        if place not in known:
            known[place] = seen_from(beam, point, points, position)
        yield aperture_of(beam, point.stand), known[place]


def toward_source(point: ControlPoint) -> Floats:
    """A unit vector of the patient from the isocentre to the source; raises NotJudgedError for missing angles."""
    if point.stand.gantry_degrees is None or point.stand.couch_degrees is None:
        raise NotJudgedError("not-said")
    gantry, couch = np.radians(point.stand.gantry_degrees), np.radians(point.stand.couch_degrees)
    return np.array([np.sin(gantry) * np.cos(couch), -np.cos(gantry), -np.sin(gantry) * np.sin(couch)])
