"""A structure's volume, middle, box and parts from its rings, end caps included."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.polynomial.legendre import leggauss

from tianfu.apps.radiotherapy.model.connections import GAP_STEPS
from tianfu.apps.radiotherapy.model.interpolation import Body, bodies_of
from tianfu.apps.radiotherapy.model.polygons import area_of, parts_of
from tianfu.apps.radiotherapy.model.shapes import Shape
from tianfu.standards.dicom.grids import Floats

MM3_PER_ML = 1000.0


@dataclass(frozen=True, kw_only=True)
class Box:
    """Opposite corners of the smallest box along the axes, in local millimetres."""

    low: Floats
    high: Floats


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Two neighbouring planes of a structure between which planes are missing, and how many."""

    below_mm: float
    above_mm: float
    missing: int


def volume_ml(shape: Shape, *, step_mm: float) -> float:
    """The volume of a structure drawn every `step_mm`: spheres, cones with apex and cylinders exactly.

    Raises Refusal `structure-without-area` if it has no area.
    """
    bodies = bodies_of(shape, step_mm=step_mm)
    return sum(_volume_mm3(body) for body in bodies) / MM3_PER_ML


def centre_of_mass(shape: Shape, *, step_mm: float) -> Floats:
    """The centre of its volume in local millimetres (3); areas' centroids are linear between planes.

    Raises Refusal `structure-without-area` if it has no area.
    """
    moments = sum((_moments(body) for body in bodies_of(shape, step_mm=step_mm)), start=np.zeros(4))
    return np.asarray(moments[:3] / moments[3])


def bounding_box(shape: Shape, *, step_mm: float) -> Box:
    """The box around rings and end caps.  Raises Refusal `structure-without-area` if it has no area."""
    bodies = bodies_of(shape, step_mm=step_mm)
    points = np.concatenate([ring for plane in shape.planes for ring in plane.rings])
    low_mm = min(body.profile.low_mm for body in bodies)
    high_mm = max(body.profile.high_mm for body in bodies)
    return Box(low=np.append(points.min(axis=0), low_mm), high=np.append(points.max(axis=0), high_mm))


def parts_count(shape: Shape, *, step_mm: float) -> int:
    """How many parts do not hang together from plane to plane.  Raises Refusal `structure-without-area`."""
    return len(bodies_of(shape, step_mm=step_mm))


def holes_count(shape: Shape) -> int:
    """How many holes all planes have together."""
    return sum(len(part.interiors) for plane in shape.planes for part in parts_of(area_of(plane.rings)))


def gaps_of(shape: Shape, *, step_mm: float) -> list[Gap]:
    """Where more than one and a half steps lie between neighbouring planes: a forgotten slice, or two parts."""
    return [
        Gap(below_mm=below.z_mm, above_mm=above.z_mm, missing=max(1, round((above.z_mm - below.z_mm) / step_mm) - 1))
        for below, above in pairwise(shape.planes)
        if above.z_mm - below.z_mm > GAP_STEPS * step_mm
    ]


def _volume_mm3(body: Body) -> float:
    return body.profile.volume_mm3(body.profile.low_mm, body.profile.high_mm)


def _moments(body: Body) -> Floats:
    """The integrals of x, y, z and one over a body."""
    planes_mm = np.array([plane.z_mm for plane in body.shape.planes])
    centroids = np.array([shapely.get_coordinates(area_of(plane.rings).centroid)[0] for plane in body.shape.planes])
    nodes, weights = leggauss(3)  # exact for the products of a quadratic, a line and one more
    moments = np.zeros(4)
    for piece in body.profile.pieces:
        half = (piece.high_mm - piece.low_mm) / 2
        for node, weight in zip(piece.low_mm + half * (1 + nodes), weights * half, strict=True):
            x, y = (np.interp(node, planes_mm, centroids[:, axis]) for axis in range(2))
            moments += weight * piece.at(float(node)) * np.array([x, y, node, 1.0])
    return moments
