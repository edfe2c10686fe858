"""What a user of the cones decides; nothing of it is decided silently."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How point kernels are fitted to a beam's dose in water.

    `bands_degrees` are edges of the cones' zeniths about the beam's axis, from 0 to 180.  `exponents` decay constants
    of the kernels halve from the beam's greatest beta downward.  `attenuations_per_mm` are those of the parts of the
    spectrum.  Dose is fitted on the axis of circular fields of `radii_mm`, `surface_mm` from the source; shallower than
    `judged_depth_mm` it counts by `shallow_weight`.  Below `relative_from` of a field's greatest dose a difference
    counts as that part of it does.  The fit is refused if it is farther than `residual_percent_max` of a field's
    greatest dose from water, at `judged_depth_mm` or deeper and in fields of `judged_radius_mm` or wider.
    """

    surface_mm: float
    bands_degrees: tuple[float, ...]
    exponents: int
    attenuations_per_mm: tuple[float, ...]
    radii_mm: tuple[float, ...]
    depths_mm: tuple[float, ...]
    judged_radius_mm: float
    judged_depth_mm: float
    shallow_weight: float
    relative_from: float
    residual_percent_max: float


@dataclass(frozen=True, kw_only=True)
class ConeSettings:
    """How dose is transported.

    Each band of zeniths but the first, which is one ray along the axis, is divided into `azimuths` cones.  Scatter is
    followed `margin_mm` beyond the field.  The body is where density is at least `body_density`; more than `voxels_max`
    voxels of the transport's grid are refused.
    """

    azimuths: int
    margin_mm: float
    body_density: float
    voxels_max: int


SIX_MEGAVOLT_FIT = FitSettings(
    surface_mm=900.0,
    bands_degrees=(0.0, 6.0, 15.0, 26.0, 38.0, 52.0, 68.0, 90.0, 120.0, 180.0),
    exponents=7,
    attenuations_per_mm=(0.002, 0.003, 0.004, 0.005, 0.007, 0.01, 0.016, 0.03),
    radii_mm=(5.0, 7.5, 10.0, 15.0, 20.0, 30.0, 40.0, 56.0, 75.0, 100.0, 130.0, 160.0),
    depths_mm=(
        *(1.5, 3.0, 5.0, 7.5, 10.0, 12.5, 15.0, 17.5, 20.0, 25.0, 30.0),
        *(40.0, 50.0, 65.0, 80.0, 100.0, 120.0, 150.0, 180.0, 210.0, 250.0, 300.0),
    ),
    judged_radius_mm=15.0,
    judged_depth_mm=5.0,
    shallow_weight=0.15,
    relative_from=0.3,
    residual_percent_max=1.5,
)
"""For beams of about 6 MV. [ours; chosen by trying, on the generic machine's water]"""

FINE_CONES = ConeSettings(azimuths=8, margin_mm=60.0, body_density=0.05, voxels_max=20_000_000)
"""For a plan's second dose. [ours]"""
