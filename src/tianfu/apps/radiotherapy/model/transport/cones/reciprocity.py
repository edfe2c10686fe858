"""Dose on the axis of a circular field in water from point kernels, seen from the point back to where energy is
released.

By reciprocity the dose at a point is the sum over directions of what the terma along them gives it (Mackie, Scrimger
and Battista, Med Phys 12(2) 1985, 188; Ahnesjoe, Med Phys 16(4) 1989, 577).  The field is a cone from the source: it
widens, and its fluence falls with the square of the distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tianfu.standards.dicom.grids import Floats

ZENITHS, STEPS = 8, 5
"""Points of Gauss's quadrature in each band of zeniths and each panel along a direction. [ours: 1e-4 of the dose]"""

PANELS_MM = np.concatenate([[0.0], 0.25 * 2.0 ** np.arange(12)])
"""Ends of panels along a direction; finer near the point, where kernels decay."""

WATER_MM = 400.0
"""How deep the water is below its surface: what lies deeper scatters nothing back. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Tank:
    """Water `surface_mm` from a source whose axis is `axis_mm` long."""

    surface_mm: float
    axis_mm: float


def unit_doses(tank: Tank, kernel: tuple[Floats, Floats, Floats], *, radius_mm: float, depth_mm: float) -> Floats:
    """Dose (bands, exponents, attenuations) of kernels of weight 1: `exp(-a r) / r^2` in one band of zeniths each.

    `kernel` is the bands' edges in radians, exponents and attenuations per millimetre.
    """
    edges, exponents, attenuations = kernel
    cosine, solid_angle = _zeniths(edges)
    along, weight = _steps(_reach(tank, cosine, radius_mm, depth_mm))
    depth = depth_mm - along * cosine[:, None]
    weight = weight * solid_angle[:, None] * (tank.axis_mm / (tank.surface_mm + depth)) ** 2
    decayed = np.exp(-along[:, None, :] * exponents[:, None])
    released = np.exp(-depth[..., None] * attenuations) * weight[..., None]
    return np.asarray((decayed @ released).reshape(len(edges) - 1, ZENITHS, len(exponents), -1).sum(axis=1))


def _zeniths(edges: Floats) -> tuple[Floats, Floats]:
    """Cosines of directions in all bands, and the solid angle that each stands for."""
    place, share = np.polynomial.legendre.leggauss(ZENITHS)
    low, high = np.cos(edges[1:, None]), np.cos(edges[:-1, None])
    return ((low + high) / 2 + (high - low) / 2 * place).ravel(), (np.pi * (high - low) * share).ravel()


def _reach(tank: Tank, cosine: Floats, radius_mm: float, depth_mm: float) -> Floats:
    """How far back each direction stays in the field and in the water."""
    slope = radius_mm / tank.axis_mm
    opening = np.sqrt(1 - cosine**2) + slope * cosine
    with np.errstate(divide="ignore"):
        side = np.where(opening > 0, slope * (tank.surface_mm + depth_mm) / opening, np.inf)
        end = np.where(cosine > 0, depth_mm / cosine, (WATER_MM - depth_mm) / -cosine)
    return np.asarray(np.minimum(np.minimum(side, end), PANELS_MM[-1]))


def _steps(reach: Floats) -> tuple[Floats, Floats]:
    """Places along each direction within its reach, and the length that each stands for."""
    place, share = np.polynomial.legendre.leggauss(STEPS)
    ends = np.minimum(PANELS_MM, reach[:, None])
    low, length = ends[:, :-1, None], np.diff(ends)[..., None]
    along = low + length * (place + 1) / 2
    return along.reshape(len(reach), -1), (length / 2 * share).reshape(len(reach), -1)
