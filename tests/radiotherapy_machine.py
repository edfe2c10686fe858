"""The dose of the made-up beam, in water on the axis of a square field, in closed form."""

from __future__ import annotations

import math

from demo.radiotherapy.machines import ATTENUATION_PER_MM, AXIS_MM, BETAS_PER_MM, FWHM_MM, SHARES, SPREADS_MM


def closed_dose(*, field_mm: float, depth_mm: float, surface_mm: float) -> float:
    """Dose of the made beam on the axis of a square field in water, per unit of fluence."""
    return (
        sum(
            share * _shape(beta, depth_mm) * _seen(spread, field_mm)
            for share, beta, spread in zip(SHARES, BETAS_PER_MM, SPREADS_MM, strict=True)
        )
        * (AXIS_MM / (surface_mm + depth_mm)) ** 2
    )


def _shape(beta: float, depth: float) -> float:
    m = ATTENUATION_PER_MM
    return beta / (beta - m) * (math.exp(-m * depth) - math.exp(-beta * depth))


def _seen(spread: float, field: float) -> float:
    penumbra = FWHM_MM / (2 * math.sqrt(2 * math.log(2)))
    return math.erf(field / (2 * math.sqrt(2 * (spread**2 + penumbra**2)))) ** 2
