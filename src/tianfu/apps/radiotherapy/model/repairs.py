"""Rings as they come from other systems made fit to be filled: what was wrong is told, nothing is lost silently."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import shapely

from tianfu.apps.radiotherapy.model.polygons import area_of, rings_of
from tianfu.apps.radiotherapy.model.shapes import Plane, Shape
from tianfu.standards.dicom.grids import Floats

SAME_POINT_WITHIN_MM = 1e-3
"""Points nearer than this to the one before are one point: contours are written with two or three decimals. [ours]"""


NARROW_MM = 0.01
"""A ring whose mean width is below this is a line drawn forth and back: its area is what rounding its points to two
decimals makes. [ours]"""


class Flaw(StrEnum):
    """What may be wrong with a ring, as the stable code of its sentence."""

    REPEATED_POINTS = "ring-repeats-points"
    TOO_FEW_POINTS = "ring-below-three-points"
    NO_AREA = "ring-without-area"
    CROSSES_ITSELF = "ring-crosses-itself"
    CROSSES_ANOTHER = "rings-cross-each-other"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A flaw and the plane in which it is."""

    flaw: Flaw
    z_mm: float


def repaired(shape: Shape) -> tuple[Shape, list[Finding]]:
    """A shape whose rings are simple and do not cross, inside as it was (an odd number), and what was found.

    Rings without area and of fewer than three points are left out; a plane left empty is left out.
    """
    findings: list[Finding] = []
    planes = []
    for plane in shape.planes:
        rings, flaws = _repaired_plane(plane)
        findings.extend(Finding(flaw=flaw, z_mm=plane.z_mm) for flaw in flaws)
        if rings:
            planes.append(Plane(z_mm=plane.z_mm, rings=rings))
    return Shape(planes=tuple(planes)), findings


def _repaired_plane(plane: Plane) -> tuple[tuple[Floats, ...], list[Flaw]]:
    flaws: list[Flaw] = []
    kept: list[Floats] = []
    for ring in plane.rings:
        single = _without_repeats(ring)
        flaws += [Flaw.REPEATED_POINTS] * (len(single) < len(ring))
        if len(single) < 3:
            flaws.append(Flaw.TOO_FEW_POINTS)
        elif _is_a_line(single):
            flaws.append(Flaw.NO_AREA)
        else:
            flaws += [Flaw.CROSSES_ITSELF] * (not shapely.LinearRing(single).is_simple)
            kept.append(single)
    if _cross_each_other(kept):
        flaws.append(Flaw.CROSSES_ANOTHER)
    is_sound = not any(flaw in {Flaw.CROSSES_ITSELF, Flaw.CROSSES_ANOTHER} for flaw in flaws)
    return tuple(kept) if is_sound else rings_of(area_of(kept)), flaws


def _is_a_line(ring: Floats) -> bool:
    """Whether its area is not more than its length, there and back, times what rounding makes wide."""
    return bool(area_of([ring]).area <= NARROW_MM * shapely.LinearRing(ring).length / 2)


def _without_repeats(ring: Floats) -> Floats:
    moved = np.linalg.norm(ring - np.roll(ring, 1, axis=0), axis=1) > SAME_POINT_WITHIN_MM
    return np.asarray(ring[moved])


def _cross_each_other(rings: list[Floats]) -> bool:
    lines = [shapely.LinearRing(ring) for ring in rings]
    return any(one.intersects(other) for n, one in enumerate(lines) for other in lines[:n])
