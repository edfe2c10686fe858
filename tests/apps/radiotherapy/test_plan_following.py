"""What is read from a plan in the making: its stages, and doses from curves in closed form."""

from __future__ import annotations

import pytest

from tianfu.apps.radiotherapy.model.planning.steps import StepName
from tianfu.apps.radiotherapy.plan_following import STAGES, curve_row, dose_at, stages_of
from tianfu.apps.radiotherapy.plan_progress import MovingCurve, PlanProgress


def curve(percents: tuple[float, ...]) -> MovingCurve:
    return MovingCurve(structure="PTV", role="target", mean_gy=1.0, highest_gy=2.0, percents=percents)


def told(step: str, *finished: str) -> PlanProgress:
    return PlanProgress(
        step=step, done=0, total=None, prescribed_gy=50.0, prescribed_structure="PTV", finished=finished
    )


@pytest.mark.parametrize(("percent", "gy"), [(95, 2.5), (50, 25.0), (2, 49.0), (100, 0.0)])
def test_a_straight_curve_gives_the_doses_of_its_line(percent: float, gy: float) -> None:
    """V(D) = 100 (1 - D / 50 Gy), so D(V) = 50 Gy (1 - V / 100)."""
    line = curve(tuple(100.0 - place for place in range(101)))
    assert dose_at(line, percent, 50.0) == pytest.approx(gy)


def test_a_curve_that_ends_beyond_its_axis_gives_the_axis_and_one_that_is_empty_gives_nothing() -> None:
    assert dose_at(curve((100.0,) * 101), 50, 60.0) == 60.0
    assert dose_at(curve((0.0,) * 101), 50, 60.0) == 0.0


def test_a_row_has_the_figures_of_its_curve() -> None:
    row = curve_row(curve(tuple(100.0 - place for place in range(101))), 50.0)
    assert row.doses_gy == pytest.approx((2.5, 25.0, 49.0))
    assert (row.mean_gy, row.highest_gy) == (1.0, 2.0)


def test_stages_are_the_steps_in_their_order_between_reading_and_judging() -> None:
    assert ("reading", *StepName, "judging") == STAGES


def test_what_comes_before_the_present_stage_is_done_and_what_comes_after_is_to_come() -> None:
    stands = [stage.stands for stage in stages_of(told("fluence"), has_second=True)]
    assert stands == ["done"] * 4 + ["now"] + ["later"] * (len(STAGES) - 5)


def test_a_plan_that_goes_on_has_kept_stages_done_although_it_computes_anew_what_they_need() -> None:
    stands = {stage.name: stage.stands for stage in stages_of(told("influence", "fluence"), has_second=False)}
    assert (stands["influence"], stands["fluence"], stands["segments"]) == ("now", "done", "later")
    assert "second-dose" not in stands


def test_before_anything_was_told_all_is_to_come() -> None:
    assert {stage.stands for stage in stages_of(None, has_second=True)} == {"later"}
