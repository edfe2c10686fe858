"""Each rule on a dose computed anew finds its planted fault, and nothing where both agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.apps.radiotherapy.model.checking.plants import (
    NO_RECORDS,
    Plant,
    Planted,
    found,
    grays,
    headers,
    planted,
    sound_checked,
    with_dose,
)
from tianfu.apps.radiotherapy.model.checking.recomputed import BOOK
from tianfu.apps.radiotherapy.model.checking.rules import Verdict
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.grids import Volume

SPOT_MM = (0.0, 40.0, 0.0)


def again(factor: float = 1.0, *, moved_mm: tuple[float, float, float] = (0, 0, 0)) -> Plant:
    """A dose anew that is so many times the plan's and lies so far aside."""

    def plant(checked: Checked) -> Checked:
        volume = checked.dose.volume
        grid = replace(volume.grid, origin=volume.grid.origin + np.array(moved_mm))
        return replace(checked, recomputed_given=Volume(grid=grid, values=volume.values * np.float32(factor)))

    return plant


def spotted(where: str) -> Plant:
    """Both doses are the same but for two and a half millilitres of fifty gray beside the target."""

    def plant(checked: Checked) -> Checked:
        both = again()(checked)
        grid, values = both.dose.volume.grid, both.dose.volume.values.copy()
        away = grid.points(np.argwhere(np.ones(grid.shape))[:, ::-1].astype(np.float64)) - SPOT_MM
        values[(np.linalg.norm(away, axis=1) <= 8.5).reshape(grid.shape)] = 50.0
        if where == "again":
            return replace(both, recomputed_given=Volume(grid=grid, values=values))
        return with_dose(lambda one: replace(one, volume=replace(one.volume, values=values)))(both)

    return plant


FAULTS = [
    planted("target-dose-unlike-recomputed", again(0.85), also=["dose-unlike-recomputed"]),
    planted("dose-unlike-recomputed", again(0.95)),
    planted("dose-far-from-recomputed", spotted("again")),
]
LESSER = [planted("dose-far-from-recomputed", spotted("dose"))]


@pytest.mark.parametrize("fault", [*FAULTS, *LESSER], ids=lambda fault: fault.rule)
def test_a_fault_is_found_by_its_rule_alone(fault: Planted) -> None:
    assert found(fault.plant(sound_checked())) == {fault.rule} | fault.also


@pytest.mark.parametrize(
    "same", [again(), again(0.98), again(1.02), again(moved_mm=(1.0, 0.5, -0.5))], ids=["same", "less", "more", "aside"]
)
def test_doses_that_agree_within_three_per_cent_or_two_millimetres_are_one(same: Plant) -> None:
    checked = same(sound_checked())
    assert found(checked) == set()
    assert [check.outcome(checked).verdict for check in BOOK.checks] == [Verdict.PASSED] * len(BOOK.checks)


@pytest.mark.parametrize(
    "other",
    [again(0.85), again(1 / 0.85), again(0.0), again(moved_mm=(40.0, 0, 0))],
    ids=["less", "more", "none", "far"],
)
def test_a_dose_far_from_the_one_computed_anew_says_stop(other: Plant) -> None:
    assert "target-dose-unlike-recomputed" in found(other(sound_checked()))


@pytest.mark.parametrize("moved_mm", [4.0, 7.0])
def test_a_dose_a_few_millimetres_aside_is_told(moved_mm: float) -> None:
    """Its target has its dose; the fall around it is so steep that a millilitre has quite another."""
    checked = again(moved_mm=(moved_mm, 0, 0))(sound_checked())
    assert found(checked) == {"dose-unlike-recomputed", "dose-far-from-recomputed"}


def test_what_the_anew_computed_dose_does_not_reach_never_agrees() -> None:
    checked = again(moved_mm=(1000.0, 0, 0))(sound_checked())
    outcomes = [check.outcome(checked) for check in BOOK.checks]
    assert [one.reason for one in outcomes[:1]] == ["target-outside-dose"]
    assert [one.verdict for one in outcomes[1:]] == [Verdict.FAULTS, Verdict.FAULTS]


def test_of_a_target_that_is_reached_in_part_there_is_no_mean() -> None:
    checked = again()(sound_checked())
    volume = checked.recomputed
    cut = Volume(
        grid=replace(volume.grid, shape=(volume.grid.shape[0] // 2, *volume.grid.shape[1:])),
        values=volume.values[: volume.grid.shape[0] // 2],
    )
    outcomes = [check.outcome(replace(checked, recomputed_given=cut)) for check in BOOK.checks]
    assert outcomes[0].reason == "target-outside-dose"
    assert [one.verdict for one in outcomes[1:]] == [Verdict.FAULTS, Verdict.FAULTS]


@pytest.mark.parametrize("kind", ["EFFECTIVE", "ERROR"])
def test_a_dose_that_is_none_is_not_compared(kind: str) -> None:
    checked = with_dose(lambda one: replace(one, kind=kind))(again()(sound_checked()))
    assert {check.outcome(checked).reason for check in BOOK.checks} == {"dose-not-physical"}


def test_doses_in_two_frames_of_reference_are_not_compared_though_their_numbers_agree() -> None:
    checked = headers(lambda one: replace(one, frame="2.25.998"), "doses")(again()(sound_checked()))
    assert {check.outcome(checked).reason for check in BOOK.checks} == {"dose-in-other-frame"}


def test_the_dose_of_a_fraction_is_not_that_of_the_course() -> None:
    checked = grays(_a_twentieth)(again()(sound_checked()))
    assert {check.rule.id for check in BOOK.checks} <= found(checked)


def _a_twentieth(values: Any, _checked: Checked) -> None:
    values *= 0.05


def test_without_one_the_rules_say_that_none_was_computed() -> None:
    assert {check.outcome(sound_checked()).reason for check in BOOK.checks} == {"no-recomputed-dose"}


def test_without_the_plans_dose_that_is_what_is_missing() -> None:
    checked = NO_RECORDS(again()(sound_checked()))
    checked = replace(checked, case=replace(checked.case, doses=()))
    assert {check.outcome(checked).reason for check in BOOK.checks} == {"no-dose"}
