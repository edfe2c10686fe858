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


def refuse_unless_beam(beam: PencilBeam) -> None:
    """Do nothing for a beam that can be computed with.

    Raises Refusal, each with the `element`: `beam-not-finite`, `beam-of-wrong-shape`, `beam-not-positive`,
    `beam-not-ascending`, or `beam-beta-below-attenuation`, for which depth dose has no meaning.
    """
    _refuse_unless_tables(beam)
    numbers = {name: np.asarray(value, dtype=np.float64) for name, value in vars(beam).items()}
    for name, values in numbers.items():
        refuse_unless(bool(np.isfinite(values).all()), "beam-not-finite", name)
    _refuse_unless_positive(beam, numbers)
    for name, values in {**numbers, "primary": beam.primary[:, 0]}.items():
        if name in {"surfaces_mm", "radius_mm", "primary"}:
            refuse_unless(bool((np.diff(values) > 0).all()), "beam-not-ascending", name)
    refuse_unless(beam.radius_mm[0] == 0, "beam-not-ascending", "radius_mm")
    is_shaped = bool((beam.beta_per_mm > beam.attenuation_per_mm).all())
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


def _refuse_unless_positive(beam: PencilBeam, numbers: Mapping[str, Floats]) -> None:
    for name in ("energy_mv", "axis_mm", "collimator_mm", "surfaces_mm", "beta_per_mm", "attenuation_per_mm"):
        refuse_unless(bool((numbers[name] > 0).all()), "beam-not-positive", name)
    refuse_unless(beam.penumbra_fwhm_mm > 0, "beam-not-positive", "penumbra_fwhm_mm")
    refuse_unless(beam.collimator_mm < beam.axis_mm, "beam-not-ascending", "collimator_mm")
    is_lit = bool((beam.primary >= 0).all()) and beam.primary[0, 1] > 0
    refuse_unless(is_lit, "beam-not-positive", "primary")
