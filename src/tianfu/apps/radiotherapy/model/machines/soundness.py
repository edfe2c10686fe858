"""Refuse what no beam and no machine can be, before anything is computed with it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tianfu.apps.radiotherapy.model.machines.beams import PencilBeam
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats

COMPONENTS_MOST = 8
VALUES_MOST = 4_000_000
"""Of a beam's kernels; matRad's generic photon machine has 541,080."""

BETA_ABOVE = 1.001
"""Of the attenuation: closer, the depth dose is a small difference of large numbers. [ours]"""

RANGES = {
    "energy_mv": (0.1, 100.0),
    "axis_mm": (100.0, 10_000.0),
    "collimator_mm": (10.0, 10_000.0),
    "surfaces_mm": (10.0, 20_000.0),
    "radius_mm": (0.0, 2_000.0),
    "kernels": (-1e6, 1e6),
    "beta_per_mm": (1e-6, 100.0),
    "attenuation_per_mm": (1e-6, 1.0),
    "primary": (0.0, 1e4),
    "penumbra_fwhm_mm": (0.1, 50.0),
}
"""Wide enough for any photon beam, and narrow enough to compute with. [ours]"""


def refuse_unless_beam(beam: PencilBeam) -> None:
    """Do nothing for a beam that can be computed with.

    Raises Refusal, each with the `element`: `beam-not-finite`, `beam-of-wrong-shape`, `beam-out-of-range`,
    `beam-not-ascending`, or `beam-beta-below-attenuation`, for which depth dose has no meaning.
    """
    _refuse_unless_tables(beam)
    numbers = {name: np.asarray(value, dtype=np.float64) for name, value in vars(beam).items()}
    for name, values in numbers.items():
        refuse_unless(bool(np.isfinite(values).all()), "beam-not-finite", name)
    _refuse_unless_in_range(beam, numbers)
    for name, values in {**numbers, "primary": beam.primary[:, 0]}.items():
        if name in {"surfaces_mm", "radius_mm", "primary"}:
            refuse_unless(bool((np.diff(values) > 0).all()), "beam-not-ascending", name)
    refuse_unless(beam.radius_mm[0] == 0, "beam-not-ascending", "radius_mm")
    is_shaped = bool((beam.beta_per_mm > beam.attenuation_per_mm * BETA_ABOVE).all())
    refuse_unless(is_shaped, "beam-beta-below-attenuation", "beta_per_mm")


def refuse_unless(is_fit: bool, code: str, element: str) -> None:
    """Raises Refusal with this code and element if something does not fit."""
    if not is_fit:
        raise Refusal(code, details={"element": element})


def _refuse_unless_tables(beam: PencilBeam) -> None:
    surfaces, components, radii = beam.surfaces_mm.shape, beam.beta_per_mm.shape, beam.radius_mm.shape
    shapes = {
        "surfaces_mm": len(surfaces) == 1 and surfaces[0] >= 1,
        "beta_per_mm": len(components) == 1 and 1 <= components[0] <= COMPONENTS_MOST,
        "radius_mm": len(radii) == 1 and radii[0] >= 3,
        "kernels": beam.kernels.shape == surfaces + components + radii and beam.kernels.size <= VALUES_MOST,
        "primary": beam.primary.ndim == 2 and beam.primary.shape[1] == 2 and len(beam.primary) >= 2,
    }
    for name, is_fit in shapes.items():
        refuse_unless(is_fit, "beam-of-wrong-shape", name)


def _refuse_unless_in_range(beam: PencilBeam, numbers: Mapping[str, Floats]) -> None:
    for name, (least, most) in RANGES.items():
        is_fit = bool(((numbers[name] >= least) & (numbers[name] <= most)).all())
        refuse_unless(is_fit, "beam-out-of-range", name)
    refuse_unless(beam.collimator_mm < beam.axis_mm, "beam-out-of-range", "collimator_mm")
    refuse_unless(beam.primary[0, 1] > 0, "beam-out-of-range", "primary")
