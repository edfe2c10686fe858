"""What a machine's pencil kernels say of water: the dose on the axis of circular fields, which point kernels must give
too.

A kernel is a table of means over the squares of a raster as wide as its radii's step, the first one the square around
the pencil: electrons that hardly leave it make that value many times its neighbour's.
"""

from __future__ import annotations

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.standards.dicom.grids import Floats

FINE = 16
"""Parts into which the radii's step is divided for integrals. [ours]"""


def water_dose(beam: PencilBeam, *, surface_mm: float, radii_mm: Floats, depths_mm: Floats) -> Floats:
    """Dose (radii, depths) per unit of fluence on the axis of circular fields, whose radii are those in the plane of
    the isocentre, in water `surface_mm` from the source.
    """
    fields = np.array([np.interp(radii_mm, *_within(beam.radius_mm, kernel)) for kernel in _kernels(beam, surface_mm)])
    near = (beam.axis_mm / (surface_mm + depths_mm)) ** 2
    return np.asarray(fields.T @ _depth_shapes(beam, depths_mm) * near)


def water_energy(beam: PencilBeam, *, surface_mm: float) -> float:
    """The dose of a parallel pencil beam of one square millimetre summed over endless water, in its kernels' reach."""
    totals = [_within(beam.radius_mm, kernel)[1][-1] for kernel in _kernels(beam, surface_mm)]
    # Each component's depth dose has the integral 1 / m.
    return float(sum(totals) / beam.attenuation_per_mm)


def _depth_shapes(beam: PencilBeam, depths_mm: Floats) -> Floats:
    m, beta = beam.attenuation_per_mm, beam.beta_per_mm[:, None]
    return np.asarray(beta / (beta - m) * (np.exp(-m * depths_mm) - np.exp(-beta * depths_mm)))


def _kernels(beam: PencilBeam, surface_mm: float) -> Floats:
    """The kernels (C, R) at the distance to the skin that is nearest to this one."""
    return np.asarray(beam.kernels[int(np.abs(beam.surfaces_mm - surface_mm).argmin())])


def _within(radius_mm: Floats, kernel: Floats) -> tuple[Floats, Floats]:
    """Fine radii, and a kernel's integral over the disc of each."""
    step = radius_mm[1] - radius_mm[0]
    fine = np.linspace(0.0, radius_mm[-1], FINE * (len(radius_mm) - 1) + 1)
    ring = 2 * np.pi * fine * np.interp(fine, radius_mm, np.concatenate([kernel[1:2], kernel[1:]]))
    sums = np.concatenate([[0.0], np.cumsum((ring[1:] + ring[:-1]) / 2 * np.diff(fine))])
    disc = step / np.sqrt(np.pi)
    middle = kernel[0] * step**2
    beyond = middle + sums - np.interp(disc, fine, sums)
    return fine, np.where(fine < disc, middle * (fine / disc) ** 2, beyond)
