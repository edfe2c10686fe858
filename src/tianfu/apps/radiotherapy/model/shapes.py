"""Rings of a structure, plane by plane, in one frame: what masks, margins and volumes are made from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats, Grid
from tianfu.standards.dicom.structures import RingKind, Structure

FLAT_WITHIN_MM = 0.05
"""How far the points of a ring may be from its plane: contours are written with two or three decimals. [ours]"""

SAME_PLANE_WITHIN_MM = 0.1
"""Rings nearer than this along the normal lie in one plane. [ours]"""

CLOSED = frozenset({RingKind.CLOSED, RingKind.CLOSED_XOR})


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Closed rings (n, 2) of one plane, millimetres along a grid's first two axes; inside is inside an odd number."""

    z_mm: float
    rings: tuple[Floats, ...]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Planes of a structure by growing z, each once, none empty."""

    planes: tuple[Plane, ...]

    @property
    def step_mm(self) -> float | None:
        """The usual distance of neighbouring planes, their median; None if there is only one plane."""
        steps = [after.z_mm - before.z_mm for before, after in pairwise(self.planes)]
        return float(np.median(steps)) if steps else None


def shape_of(structure: Structure, grid: Grid) -> Shape:
    """The closed rings of a structure in a grid's local millimetres.

    Raises Refusal `contour-not-in-plane` if a ring does not lie in a plane of the grid's slices,
    `contour-too-few-points` if a closed ring has fewer than three: codecs repair or refuse those before.
    """
    flat = [_flat(structure, ring.points, grid) for ring in structure.rings if ring.kind in CLOSED]
    return shape_from(flat)


def shape_from(rings: Iterable[tuple[float, Floats]]) -> Shape:
    """A shape of rings (n, 2), each with its z; those of nearly the same z share a plane, at their mean z."""
    planes: list[list[tuple[float, Floats]]] = []
    for z_mm, ring in sorted(rings, key=lambda each: each[0]):
        if planes and z_mm - planes[-1][0][0] <= SAME_PLANE_WITHIN_MM:
            planes[-1].append((z_mm, ring))
        else:
            planes.append([(z_mm, ring)])
    return Shape(
        planes=tuple(
            Plane(z_mm=float(np.mean([z for z, _ in plane])), rings=tuple(ring for _, ring in plane))
            for plane in planes
        )
    )


def _flat(structure: Structure, points: Floats, grid: Grid) -> tuple[float, Floats]:
    if len(points) < 3:
        raise Refusal("contour-too-few-points", details={"structure": structure.name})
    local = grid.local(points)
    z_mm = float(np.median(local[:, 2]))
    if np.abs(local[:, 2] - z_mm).max() > FLAT_WITHIN_MM:
        raise Refusal("contour-not-in-plane", details={"structure": structure.name})
    return z_mm, np.ascontiguousarray(local[:, :2])
