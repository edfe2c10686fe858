"""What became of goals in their order: a dose that is known holds some of them and not others."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tests.radiotherapy_plan import goal_of, phantom_table, small_case, small_wish
from tianfu.apps.radiotherapy.model.constraints import constraint_from
from tianfu.apps.radiotherapy.model.optimisation.goals import Line
from tianfu.apps.radiotherapy.model.protocols import Goal
from tianfu.apps.radiotherapy.queries.plan_goals import not_held, served_goals
from tianfu.apps.radiotherapy.queries.planning import plan_base_of
from tianfu.standards.dicom.grids import Volume

pytestmark = pytest.mark.slow  # compiles what draws contours as voxels and histograms


def line(structure: str, text: str, *, held: str, reached: float) -> Line:
    goal = msgspec.convert(goal_of(structure, text, priority=1), Goal)
    return Line(goal=goal, held=constraint_from(held), reached=reached)


def test_goals_are_judged_by_the_plans_dose_and_those_that_it_does_not_hold_are_named() -> None:
    base = plan_base_of(small_case(), small_wish(), phantom_table())
    grid = base.subject.grid
    everywhere = Volume(grid=grid, values=np.full(grid.shape, 20.0, np.float32))
    lines = (
        line("PTV_5000", "D95% >= 50 Gy", held="D95% >= 49.5 Gy", reached=50.2),
        line("SpinalCord", "D10% < 25 Gy", held="D10% < 25.5 Gy", reached=26.0),
        line("SpinalCord", "D900cc < 25 Gy", held="D900cc < 25 Gy", reached=20.0),
    )
    target, cord, large = served_goals(lines, base, everywhere, prescription_gy=50.0)
    assert (target.line.is_held, target.is_held) == (True, False)
    assert (cord.line.is_held, cord.is_held) == (False, True)
    assert target.score.reached == pytest.approx(20.0)
    # a volume that the drawn structure does not have tells nothing, and what tells nothing is not held
    assert (large.score.reason, large.is_held) == ("volume-beyond-structure", False)
    [told] = not_held((target, cord, large))
    assert told.code == "plan-goals-not-held"
    assert told.details["goals"] == "PTV_5000 D95% >= 50 Gy, SpinalCord D900cc < 25 Gy"
    assert not_held((cord, replace(cord))) == ()
