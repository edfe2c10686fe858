"""Monitor units scaled so that what is prescribed is reached, each as the machine can set it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tianfu.apps.radiotherapy.model.machines.collimators import Limits
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, refuse_too_many_units
from tianfu.kernel.refusal import Refusal

WITHIN = 0.001
"""A part of the prescribed dose, by which it may be more, and never less: steps of units leave no more. [ours]"""

ROUNDS_MOST = 6
MU_DIGITS = 6

Reached = Callable[[tuple[FieldSegments, ...]], float]
"""The dose in gray, over the course, that the prescription's volume gets of segments."""


def normalised(
    parts: tuple[FieldSegments, ...], limits: Limits, reached: Reached, *, wanted_gy: float
) -> tuple[FieldSegments, ...]:
    """The same segments with other units, none below the machine's least and all on its steps.

    What is prescribed is what the volume gets at least.
    Raises Refusal `plan-without-dose` if nothing is reached, `plan-not-normalised` if steps and least units leave more
    than a thousandth of the dose, `beam-of-too-many-units`, or `too-many-segments`.
    """
    for part in parts:
        if len(part.segments) > limits.segments_most:
            told = {"segments": str(len(part.segments)), "limit": str(limits.segments_most)}
            raise Refusal("too-many-segments", details=told)
    for _ in range(ROUNDS_MOST):
        dose_gy = reached(parts)
        if not dose_gy > 0:
            raise Refusal("plan-without-dose")
        if _are_set(parts, limits) and 0 <= dose_gy / wanted_gy - 1 <= WITHIN:
            return parts
        parts = tuple(_scaled(part, wanted_gy * (1 + WITHIN / 2) / dose_gy, limits) for part in parts)
        for part in parts:
            refuse_too_many_units(part, limits)
    raise Refusal("plan-not-normalised", details={"dose_gy": f"{dose_gy:.2f}", "wanted_gy": f"{wanted_gy:.2f}"})


def set_mu(mu: float, limits: Limits) -> float:
    """The nearest units that the machine can give in a segment."""
    least = np.ceil(limits.segment_mu_least / limits.mu_step - 1e-9)
    return round(float(max(np.rint(mu / limits.mu_step), least, 1) * limits.mu_step), MU_DIGITS)


def _are_set(parts: tuple[FieldSegments, ...], limits: Limits) -> bool:
    return all(segment.mu == set_mu(segment.mu, limits) for part in parts for segment in part.segments)


def _scaled(part: FieldSegments, by: float, limits: Limits) -> FieldSegments:
    return replace(
        part, segments=tuple(replace(segment, mu=set_mu(segment.mu * by, limits)) for segment in part.segments)
    )
