"""A photon beam as pencil-beam kernels: singular value decomposition of a kernel in depth (Bortfeld, Schlegel and
Rhein, Med Phys 20(2) 1993, 311).

Water's depth dose per component c at radiological depth d is `beta_c / (beta_c - m) (exp(-m d) - exp(-beta_c d))`, and
each component spreads sideways by a kernel of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.standards.dicom.grids import Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class PencilBeam:
    """Kernels of one photon energy.

    `kernels` (S, C, R) is dose in a plane, per square millimetre of beam at the isocentre and unit of fluence, at each
    of the `surfaces_mm` (S), the distances from source to skin, and each `radius_mm` (R) from the pencil; `beta_per_mm`
    (C) and `attenuation_per_mm` shape depth.  `primary` (P, 2) is the open field's relative fluence at distances in
    millimetres from the axis at the isocentre's plane.  `penumbra_fwhm_mm` is the source's Gaussian blur there.
    """

    energy_mv: float
    axis_mm: float
    collimator_mm: float
    surfaces_mm: Floats
    radius_mm: Floats
    kernels: Floats
    beta_per_mm: Floats
    attenuation_per_mm: float
    primary: Floats
    penumbra_fwhm_mm: float
