"""Each rule on a dose computed anew finds its planted fault, and nothing where both agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.checking.plants import NO_RECORDS, Plant, Planted, found, planted, sound_checked
from tianfu.apps.radiotherapy.model.checking.recomputed import BOOK
from tianfu.apps.radiotherapy.model.checking.rules import Verdict
from tianfu.apps.radiotherapy.model.checking.subjects import Checked
from tianfu.standards.dicom.grids import Volume


def again(factor: float = 1.0, *, moved_mm: tuple[float, float, float] = (0, 0, 0)) -> Plant:
    """A dose anew that is so many times the plan's and lies so far aside."""

    def plant(checked: Checked) -> Checked:
        volume = checked.dose.volume
        grid = replace(volume.grid, origin=volume.grid.origin + np.array(moved_mm))
        return replace(checked, recomputed_given=Volume(grid=grid, values=volume.values * np.float32(factor)))

    return plant


FAULTS = [
    planted("target-dose-unlike-recomputed", again(0.85), also=["dose-unlike-recomputed"]),
    planted("dose-unlike-recomputed", again(0.95)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.rule)
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


def test_a_dose_a_few_millimetres_aside_is_told() -> None:
    assert found(again(moved_mm=(6.0, 0, 0))(sound_checked())) == {"dose-unlike-recomputed"}


def test_where_the_anew_computed_dose_does_not_reach_nothing_is_judged() -> None:
    checked = again(moved_mm=(1000.0, 0, 0))(sound_checked())
    outcomes = [check.outcome(checked) for check in BOOK.checks]
    assert [one.reason for one in outcomes] == ["target-outside-dose", "grids-differ"]


def test_without_one_the_rules_say_that_none_was_computed() -> None:
    assert {check.outcome(sound_checked()).reason for check in BOOK.checks} == {"no-recomputed-dose"}


def test_without_the_plans_dose_that_is_what_is_missing() -> None:
    checked = NO_RECORDS(again()(sound_checked()))
    checked = replace(checked, case=replace(checked.case, doses=()))
    assert {check.outcome(checked).reason for check in BOOK.checks} == {"no-dose"}
