"""The generic 6 MV machine of matRad's data, where it lies beside the checkout, and its pencil's dose in water."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.signal import fftconvolve

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.transport.cones.fluence import rectangle_fluence
from tianfu.standards.dicom.grids import Floats

GENERIC = Path(__file__).parents[7] / "shared/data/radiotherapy/photons_Generic.mat"
RASTER_MM = 0.5


@cache
def generic_beam() -> PencilBeam:
    """Its kernels at each distance to the skin."""
    machine = loadmat(GENERIC, squeeze_me=True, struct_as_record=False)["machine"]
    data = machine.data
    return PencilBeam(
        energy_mv=float(data.energy),
        axis_mm=float(machine.meta.SAD),
        collimator_mm=float(machine.meta.SCD),
        surfaces_mm=np.array([float(kernel.SSD) for kernel in data.kernel]),
        radius_mm=np.asarray(data.kernelPos, np.float64),
        kernels=np.array([[kernel.kernel1, kernel.kernel2, kernel.kernel3] for kernel in data.kernel], np.float64),
        beta_per_mm=np.asarray(data.betas, np.float64),
        attenuation_per_mm=float(data.m),
        primary=np.asarray(data.primaryFluence, np.float64),
        penumbra_fwhm_mm=float(data.penumbraFWHMatIso),
    )


def pencil_sums(beam: PencilBeam, *, side_mm: float, surface_mm: float) -> tuple[Floats, Floats]:
    """Places along x in the isocentre's plane, and each component's kernel summed over a square field (C, X) at y 0.

    The sum of pencils over the raster of half a millimetre for which the kernels are tables of means.
    """
    half = side_mm / 2
    fluence = rectangle_fluence(beam, x_mm=(-half, half), y_mm=(-half, half), pixel_mm=RASTER_MM)
    reach = np.arange(-359, 360) * RASTER_MM
    radius = np.hypot(reach, reach[:, None])
    kernels = beam.kernels[int(np.abs(beam.surfaces_mm - surface_mm).argmin())]
    sums = [
        fftconvolve(fluence.values, np.interp(radius, beam.radius_mm, kernel, right=0.0) * RASTER_MM**2)
        for kernel in kernels
    ]
    middle = len(sums[0]) // 2
    places = fluence.first_mm[0] + reach[0] + np.arange(len(sums[0])) * RASTER_MM
    return places, np.array([(each[middle - 1] + each[middle]) / 2 for each in sums])


def pencil_dose(
    beam: PencilBeam, sums: tuple[Floats, Floats], *, x_mm: Floats, depth_mm: Floats, surface_mm: float
) -> Floats:
    """Dose in water per unit of fluence at places (n) across the beam at the isocentre and depths (n)."""
    m = beam.attenuation_per_mm
    shapes = [b / (b - m) * (np.exp(-m * depth_mm) - np.exp(-b * depth_mm)) for b in beam.beta_per_mm]
    lateral = [np.interp(x_mm, sums[0], each) for each in sums[1]]
    dose = sum(shape * each for shape, each in zip(shapes, lateral, strict=True))
    return np.asarray(dose * (beam.axis_mm / (surface_mm + depth_mm)) ** 2)
