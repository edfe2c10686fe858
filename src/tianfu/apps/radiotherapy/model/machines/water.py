"""Dose of a square field in water on its axis, from the kernels without any voxel: the yardstick of every engine.

A blurred kernel is as round as the kernel, so a square field is a fan of sectors: eight times the kernel's share within
a/(2 cos t), for t from 0 to 45 degrees.  The blur of a round kernel is a one-dimensional integral with a Bessel
function (Rice, Bell System Technical Journal 24, 1945).  Depth is that of Bortfeld, Schlegel and Rhein (1993), as in
`beams`.
"""

from __future__ import annotations

import numpy as np
from scipy.special import i0e

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.kernels import core_and_skirt
from tianfu.standards.dicom.grids import Floats

STEP_MM = 0.05
"""Of the sum along the radius: half of it moves no dose of a 6 MV beam by 0.01 %."""

BLUR_REACH = 6.0
"""How many standard deviations of the blur count."""

DIRECTIONS = 24
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


def depth_dose(
    beam: PencilBeam, *, field_mm: float, depths_mm: Floats, surface_mm: float, step_mm: float = STEP_MM
) -> Floats:
    """Dose (D) per unit of fluence at depths of water on the axis of a square field.

    `field_mm` is the field's side in the plane of the isocentre, `surface_mm` the distance from source to water.
    What scatters farther than the kernels are tabulated is left out, as in every engine that uses them.
    Raises Refusal `surface-beyond-kernels`.
    """
    weights = axis_weights(beam, field_mm=field_mm, surface_mm=surface_mm, step_mm=step_mm)
    nearness = (beam.axis_mm / (surface_mm + depths_mm)) ** 2
    return np.asarray((weights @ depth_shapes(beam, depths_mm)) * nearness)


def depth_shapes(beam: PencilBeam, depths_mm: Floats) -> Floats:
    """How each component goes with depth of water (C, D): none at the surface, then building up and falling off."""
    beta, attenuation = beam.beta_per_mm[:, None], beam.attenuation_per_mm
    return np.asarray(beta / (beta - attenuation) * (np.exp(-attenuation * depths_mm) - np.exp(-beta * depths_mm)))


def axis_weights(beam: PencilBeam, *, field_mm: float, surface_mm: float, step_mm: float = STEP_MM) -> Floats:
    """How much of each component (C) reaches the axis of a square field: fluence, blurred, spread by the kernel.

    The open field's fluence counts where it leaves for the axis.  Raises Refusal `surface-beyond-kernels`.
    """
    radius = np.arange(0.0, field_mm / np.sqrt(2) + 2 * step_mm, step_mm)
    fluence = np.interp(radius, beam.primary[:, 0], beam.primary[:, 1])
    along = blurred_kernels(beam, radius, surface_mm=surface_mm, step_mm=step_mm) * (radius * fluence)
    within = np.zeros_like(along)
    within[:, 1:] = np.cumsum((along[:, 1:] + along[:, :-1]) * (step_mm / 2), axis=1)
    nodes, shares = np.polynomial.legendre.leggauss(DIRECTIONS)
    edges = field_mm / (2 * np.cos((nodes + 1) * np.pi / 8))
    return np.array([np.pi * shares @ np.interp(edges, radius, component) for component in within])


def blurred_kernels(beam: PencilBeam, radius_mm: Floats, *, surface_mm: float, step_mm: float = STEP_MM) -> Floats:
    """Kernels (C, R) at these radii after the source's Gaussian blur.  Raises Refusal `surface-beyond-kernels`."""
    sigma = beam.penumbra_fwhm_mm / FWHM_PER_SIGMA
    core, skirt = core_and_skirt(beam, surface_mm=surface_mm)
    away = np.arange(-np.ceil(BLUR_REACH * sigma / step_mm), np.ceil(BLUR_REACH * sigma / step_mm) + 1) * step_mm
    source = np.maximum(radius_mm[:, None] + away, 0.0)
    ring = source * i0e(radius_mm[:, None] * source / sigma**2) * np.exp(-(away**2) / (2 * sigma**2))
    ring *= step_mm / sigma**2
    spread = [(ring * np.interp(source, beam.radius_mm, part, right=0.0)).sum(axis=1) for part in skirt]
    gaussian = np.exp(-(radius_mm**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
    return np.asarray(np.array(spread) + core[:, None] * gaussian)
