"""Kernels made up for closed forms, and water to try them in."""

from __future__ import annotations

from typing import cast

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.cones.fluence import FluenceMap
from tianfu.apps.radiotherapy.model.transport.cones.kernels import KernelFit, PointKernels
from tianfu.apps.radiotherapy.model.transport.cones.settings import ConeSettings
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.standards.dicom.grids import Floats, Grid, Volume

BETA_PER_MM, ATTENUATION_PER_MM = 0.32, 0.005
BANDS_DEGREES = (0.0, 8.0, 25.0, 50.0, 90.0, 180.0)
CONES = ConeSettings(azimuths=8, margin_mm=60.0, body_density=0.05, voxels_max=1_000_000)


def made_beam(*, axis_mm: float = 1000.0) -> PencilBeam:
    """A pencil of one component that hardly leaves its line, an even fluence and a source of 4 mm."""
    radius = np.arange(0.0, 180.0, 0.5)
    kernel = np.where(radius == 0, 4.0, 0.0)
    return PencilBeam(
        energy_mv=6.0,
        axis_mm=axis_mm,
        collimator_mm=axis_mm / 2,
        surfaces_mm=np.array([axis_mm]),
        radius_mm=radius,
        kernels=kernel[None, None],
        beta_per_mm=np.array([BETA_PER_MM]),
        attenuation_per_mm=ATTENUATION_PER_MM,
        primary=np.array([[0.0, 1.0], [400.0, 1.0]]),
        penumbra_fwhm_mm=4.0,
    )


def made_kernels(weights: Floats, *, axis_mm: float = 1000.0) -> PointKernels:
    """Kernels of these weights (bands, two decay constants of four) for one attenuation."""
    return PointKernels(
        beam=made_beam(axis_mm=axis_mm),
        bands=np.radians(BANDS_DEGREES),
        exponents_per_mm=BETA_PER_MM * np.array([1.0, 0.5, 0.25, 0.125]),
        attenuations_per_mm=np.array([ATTENUATION_PER_MM]),
        weights=np.pad(weights, ((0, 0), (0, 2)))[..., None],
        fit=cast("KernelFit", None),
    )


FORWARD = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
"""All along the beam."""

ROUND = np.array([[1.0, 0.2], [0.5, 0.2], [0.1, 0.1], [0.0, 0.02], [0.0, 0.01]])
"""Most along the beam, something to all sides."""


def looking(gantry_degrees: float, *, couch_degrees: float = 0.0, isocentre: Floats | None = None) -> Field:
    """A field from a gantry's angle onto the patient's origin."""
    middle = np.zeros(3) if isocentre is None else isocentre
    return Field(
        number=1, isocentre=middle, gantry_degrees=gantry_degrees, collimator_degrees=0.0, couch_degrees=couch_degrees
    )


def cube(*, voxels: int, spacing_mm: float, density: float) -> Volume[np.float32]:
    """An even cube about the patient's origin, the outermost two voxels air."""
    first = -(voxels - 1) / 2 * spacing_mm
    grid = Grid(origin=np.full(3, first), axes=np.eye(3), spacing=np.full(3, spacing_mm), shape=(voxels,) * 3)
    values = np.zeros(grid.shape, np.float32)
    values[2:-2, 2:-2, 2:-2] = density
    return Volume(grid=grid, values=values)


def even_map(*, half_mm: float, pixel_mm: float) -> FluenceMap:
    """A square of fluence 1 with sharp edges, their pixels' centres on the edges."""
    count = round(2 * half_mm / pixel_mm) + 1
    return FluenceMap(first_mm=(-half_mm, -half_mm), pixel_mm=pixel_mm, values=np.ones((count, count)))
