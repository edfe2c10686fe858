"""A made-up linac for made-up cases: the program's generic one with a beam of Gaussians that nobody measured.

A Gaussian kernel of spread s, blurred by the source's penumbra p, over a square of side a gives on its axis
`erf(a / (2 sqrt(2 (s^2 + p^2))))` squared of what an endless field would.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.standards.dicom.grids import Floats

SPREADS_MM = (4.0, 12.0, 40.0)
SHARES = (0.75, 0.15, 0.10)
BETAS_PER_MM = (0.30, 0.018, 0.0065)
ATTENUATION_PER_MM = 0.0047
AXIS_MM = 1000.0
FWHM_MM = 5.0


def made_machine() -> Machine:
    """A machine for demonstrations alone, `made-up-6mv`; it and its beam are nobody's."""
    return replace(generic_linac(made_beam(spacing_mm=1.0)), name="made-up-6mv")


def made_beam(*, spacing_mm: float = 0.5) -> PencilBeam:
    """Three Gaussians of 4, 12 and 40 mm, an even fluence, the same kernels whatever the distance to the skin.

    Its tables read in straight lines are 0.1 % above the closed form at a spacing of the radii of half a millimetre.
    """
    radius = np.arange(0.0, 180.0, spacing_mm)
    kernels = np.array([_gaussian(radius, share, spread) for share, spread in zip(SHARES, SPREADS_MM, strict=True)])
    return PencilBeam(
        energy_mv=6.0,
        axis_mm=AXIS_MM,
        collimator_mm=500.0,
        surfaces_mm=np.array([500.0, 750.0, 1000.0]),
        radius_mm=radius,
        kernels=np.stack([kernels] * 3),
        beta_per_mm=np.array(BETAS_PER_MM),
        attenuation_per_mm=ATTENUATION_PER_MM,
        primary=np.array([[0.0, 1.0], [300.0, 1.0]]),
        penumbra_fwhm_mm=FWHM_MM,
    )


def exponential_beam() -> PencilBeam:
    """Three exponentials, nobody's either, to which point kernels can be fitted: 1.4 % off at most."""
    radius = np.arange(0.0, 150.0, 1.0)
    kernels = np.array(
        [share * k**2 / (2 * np.pi) * np.exp(-k * radius) for share, k in ((0.8, 0.7), (0.15, 0.1), (0.2, 0.03))]
    )
    return PencilBeam(
        energy_mv=6.0,
        axis_mm=1000.0,
        collimator_mm=500.0,
        surfaces_mm=np.array([500.0, 1000.0]),
        radius_mm=radius,
        kernels=np.stack([kernels] * 2),
        beta_per_mm=np.array([0.3252, 0.02, 0.0066]),
        attenuation_per_mm=0.005066,
        primary=np.array([[0.0, 1.0], [300.0, 1.0]]),
        penumbra_fwhm_mm=5.0,
    )


def _gaussian(radius: Floats, share: float, spread: float) -> Floats:
    return np.asarray(share / (2 * np.pi * spread**2) * np.exp(-(radius**2) / (2 * spread**2)))
