"""Two plans side by side: who keeps which goal better and by how much; how their histograms differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.dvh_figures import volume_at_dose_percent
from tianfu.apps.radiotherapy.model.scorecards import ScoreLine
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.grids import Floats


@dataclass(frozen=True, kw_only=True)
class ComparedLine:
    """A goal in two plans; `gain` is by how much the second is better, in the goal's unit, below 0 if worse.

    It is None if one of them has no value.
    """

    first: ScoreLine
    second: ScoreLine
    gain: float | None


def compare(first: Sequence[ScoreLine], second: Sequence[ScoreLine]) -> tuple[ComparedLine, ...]:
    """Scorecards of one protocol, line by line.  Raises Refusal `scorecards-of-different-goals` otherwise."""
    if [line.goal for line in first] != [line.goal for line in second]:
        raise Refusal("scorecards-of-different-goals")
    return tuple(
        ComparedLine(first=one, second=other, gain=_gain(one, other)) for one, other in zip(first, second, strict=True)
    )


def _gain(first: ScoreLine, second: ScoreLine) -> float | None:
    if first.reached is None or second.reached is None:
        return None
    more = second.reached - first.reached
    return more if first.goal.constraint.comparison.wants_more else -more


def difference_curve(first: Dvh, second: Dvh, *, step_gy: float) -> Floats:
    """Points (n, 2): dose (Gy) from 0 past both highest doses, and percent of volume of the second less the first."""
    if not step_gy > 0:
        raise Refusal("bin-not-positive")
    doses = np.arange(0, max(first.max_gy, second.max_gy) + 2 * step_gy, step_gy)
    shares = [
        volume_at_dose_percent(second, float(dose)) - volume_at_dose_percent(first, float(dose)) for dose in doses
    ]
    return np.stack([doses, np.array(shares)], axis=1)
