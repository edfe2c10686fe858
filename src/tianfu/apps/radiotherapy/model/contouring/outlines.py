"""Masks as rings that people can edit: smooth, of few points, holes kept."""

from __future__ import annotations

import numpy as np
import shapely
from scipy import ndimage

from tianfu.apps.radiotherapy.model.isolines import rings_above_zero
from tianfu.apps.radiotherapy.model.masks import Mask
from tianfu.apps.radiotherapy.model.polygons import area_of, rings_of
from tianfu.apps.radiotherapy.model.scanlines import Bools
from tianfu.apps.radiotherapy.model.shapes import Plane, Shape
from tianfu.standards.dicom.grids import Floats, Grid

AREA_WITHIN = 0.05
"""A slice whose area smoothing would change by more keeps its steps: it is small, or has thin parts. [ours]"""


def outlined(mask: Mask, grid: Grid, *, softness_voxels: float, tolerance_mm: float) -> Shape:
    """The rings of a mask in a grid's local millimetres.

    With a softness of zero they run half way between the centres inside and outside, and make the same mask again.
    Else the mask is blurred in its slices by so many voxels, and the rings are where it is one half: between centres.
    No point that is left out was further than the tolerance from the line that stays.
    """
    planes = []
    for number in range(mask.values.shape[0]):
        rings = _rings(mask.values[number], grid, softness_voxels, tolerance_mm)
        if rings:
            origin = np.array([mask.offset[2], mask.offset[1]]) * grid.spacing[:2]
            z_mm = float((mask.offset[0] + number) * grid.spacing[2])
            planes.append(Plane(z_mm=z_mm, rings=tuple(ring + origin for ring in rings)))
    return Shape(planes=tuple(planes))


def _rings(inside: Bools, grid: Grid, softness_voxels: float, tolerance_mm: float) -> tuple[Floats, ...]:
    if not inside.any():
        return ()
    stepped = _scaled(rings_above_zero(np.where(inside, 0.5, -0.5)), grid)
    if softness_voxels == 0 and tolerance_mm == 0:
        return stepped
    soft = _scaled(rings_above_zero(_softened(inside, softness_voxels)), grid) if softness_voxels else stepped
    area = _simplified(soft, tolerance_mm)
    expected = np.count_nonzero(inside) * float(grid.spacing[0] * grid.spacing[1])
    rings = rings_of(area)
    return rings if abs(area.area - expected) <= AREA_WITHIN * expected and rings else stepped


def _softened(inside: Bools, voxels: float) -> Floats:
    """Positive where more than half is inside; as wide as the mask and a border, cut to the mask's lattice."""
    margin = int(np.ceil(3 * voxels))
    wide = np.pad(inside, margin).astype(np.float64)
    soft = ndimage.gaussian_filter(wide, voxels, mode="constant") - 0.5
    return np.asarray(soft[margin:-margin, margin:-margin])


def _scaled(rings: list[Floats], grid: Grid) -> tuple[Floats, ...]:
    return tuple(ring * grid.spacing[:2] for ring in rings)


def _simplified(rings: tuple[Floats, ...], tolerance_mm: float) -> shapely.Geometry:
    """Without points that say nothing; polygons with holes stay what they are."""
    area = area_of(rings)
    return shapely.simplify(area, tolerance_mm, preserve_topology=True) if tolerance_mm else area
