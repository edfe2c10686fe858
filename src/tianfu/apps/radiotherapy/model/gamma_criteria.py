"""What is asked of a gamma comparison: every part said, none assumed (AAPM TG-218, doi 10.1002/mp.12810)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from tianfu.kernel.refusal import Refusal

DOSE_DIFFERENCE_PERCENT = (0.01, 100.0)
DISTANCE_MM = (0.01, 50.0)
THRESHOLD_PERCENT = (0.0, 99.0)
GAMMA_MAX = (1.01, 20.0)
NORMALISATION_GY = (1e-6, 1e6)
"""The least and the greatest that can be meant.  A cap of 1 would make failed points look passed.  [ours]"""


class Difference(StrEnum):
    """Of which dose the difference is a percentage: of the normalisation dose, or of the point's own."""

    GLOBAL = "global"
    LOCAL = "local"


class Search(StrEnum):
    """Where a matching dose is looked for: all around a point, or in the plane of its slice only."""

    VOLUME = "3d"
    PLANE = "2d"


class Normalisation(StrEnum):
    """A normalisation dose that is not given in gray."""

    REFERENCE_MAXIMUM = "reference-maximum"


@dataclass(frozen=True, kw_only=True)
class GammaCriteria:
    """The criteria of a comparison; there are no usual ones.

    `threshold_percent` is of the normalisation dose, for local differences too: points of the reference below it are
    not judged.  `gamma_max` ends the search: a point that would have more has just that.  With local differences the
    threshold is above zero, as a point without dose has no percentage.
    """

    dose_difference_percent: float
    distance_mm: float
    difference: Difference
    normalisation_gy: float | Normalisation
    threshold_percent: float
    gamma_max: float
    search: Search

    def __post_init__(self) -> None:
        """Raise Refusal `gamma-criterion-out-of-range`, or `gamma-local-needs-threshold`."""
        _refuse_outside("dose_difference_percent", self.dose_difference_percent, DOSE_DIFFERENCE_PERCENT)
        _refuse_outside("distance_mm", self.distance_mm, DISTANCE_MM)
        _refuse_outside("threshold_percent", self.threshold_percent, THRESHOLD_PERCENT)
        _refuse_outside("gamma_max", self.gamma_max, GAMMA_MAX)
        if not isinstance(self.normalisation_gy, Normalisation):
            _refuse_outside("normalisation_gy", self.normalisation_gy, NORMALISATION_GY)
        if self.difference is Difference.LOCAL and self.threshold_percent == 0:
            raise Refusal("gamma-local-needs-threshold")


def _refuse_outside(criterion: str, value: float, limits: tuple[float, float]) -> None:
    least, most = limits
    if not (math.isfinite(value) and least <= value <= most):
        raise Refusal(
            "gamma-criterion-out-of-range",
            details={"criterion": criterion, "value": f"{value:g}", "least": f"{least:g}", "most": f"{most:g}"},
        )
