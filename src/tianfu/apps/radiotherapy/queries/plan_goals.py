"""What became of goals that a plan served in their order: by its fluence, and by the dose that leaves can give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.optimisation.goals import Line
from tianfu.apps.radiotherapy.model.planning.subjects import Target
from tianfu.apps.radiotherapy.model.scorecards import ScoreLine, score
from tianfu.apps.radiotherapy.model.shapes import shape_of
from tianfu.apps.radiotherapy.queries.planning import PlanBase
from tianfu.standards.dicom.findings import Finding, found
from tianfu.standards.dicom.grids import Volume


@dataclass(frozen=True, kw_only=True)
class ServedGoal:
    """A goal: `line` is of the fluence and its voxels, `score` of the plan's dose in the shape that is drawn."""

    line: Line
    score: ScoreLine

    @property
    def is_held(self) -> bool:
        """Whether the plan's dose leaves it as it was held; what cannot be told is not held."""
        held, reached = self.line.held, self.score.reached
        return self.score.reason is None and reached is not None and held.comparison.holds(reached, held.limit)


def served_goals(
    lines: tuple[Line, ...], base: PlanBase, dose: Volume[np.float32], *, prescription_gy: float
) -> tuple[ServedGoal, ...]:
    """Every goal in the order in which it was served."""
    dvhs = _histograms({line.goal.structure for line in lines}, base, dose)
    return tuple(
        ServedGoal(line=line, score=score(line.goal, dvhs[line.goal.structure], prescription_gy=prescription_gy))
        for line in lines
    )


def not_held(served: tuple[ServedGoal, ...]) -> tuple[Finding, ...]:
    """Tells which goals the plan's dose does not leave as they were held."""
    lost = [f"{each.line.goal.structure} {each.line.goal.goal}" for each in served if not each.is_held]
    return (found("plan-goals-not-held", goals=", ".join(lost)),) if lost else ()


def _histograms(names: set[str], base: PlanBase, dose: Volume[np.float32]) -> Mapping[str, Dvh]:
    image = base.images.volume.grid
    targets = {name: Target(shape=shape_of(base.structures[name], image), image=image) for name in names}
    return {name: target.histogram(dose) for name, target in targets.items()}
