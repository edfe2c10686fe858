"""Goals in their order, where what must come out is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.apps.radiotherapy.model.optimisation.influences import influence_from, region, square_beamlets
from tianfu.apps.radiotherapy.model.constraints import constraint_from
from tianfu.apps.radiotherapy.model.optimisation.fluence import Settings, Step
from tianfu.apps.radiotherapy.model.optimisation.goals import (
    Holding,
    Level,
    Wanted,
    asks_for_dose,
    histogram_of,
    in_order,
    last_problem,
    objective_of,
)
from tianfu.apps.radiotherapy.model.optimisation.objectives import (
    AtLeastVolume,
    AtMostVolume,
    EquivalentAtLeast,
    EquivalentAtMost,
    MaximumDose,
    MinimumDose,
    Objective,
)
from tianfu.apps.radiotherapy.model.protocols import Goal
from tianfu.kernel.refusal import Refusal

SETTINGS = Settings(iterations_most=200, change_least=1e-9, smoothing=0.0)
HOLDING = Holding(weight=1.0, held_weight=1e5, slack_gy=0.2, slack_percent=1.0, aim_gy=0.0)


def goal(structure: str, text: str, priority: int = 1) -> Goal:
    """A goal of our own."""
    return Goal(structure=structure, goal=text, priority=priority, variation=None, mark="ours", source="test")


def listen(_level: Level, _step: Step) -> bool:
    """Go on."""
    return True


@pytest.mark.parametrize(
    ("text", "kind", "dose_gy", "percent"),
    [
        ("D95% >= 50 Gy", AtLeastVolume, 50, 95),
        ("D10% < 55 Gy", AtMostVolume, 55, 10),
        ("D2cc <= 90 %", AtMostVolume, 45, 20),
        ("V20Gy <= 30 %", AtMostVolume, 20, 30),
        ("V95% >= 98 %", AtLeastVolume, 47.5, 98),
        ("V20Gy <= 3 cc", AtMostVolume, 20, 30),
        # 7 of 10 cc are to be spared 15 Gy: at most 30 % get it
        ("V<15Gy >= 7 cc", AtMostVolume, 15, 30),
        ("V<15Gy <= 10 %", AtLeastVolume, 15, 90),
    ],
)
def test_a_goal_of_a_volume_is_a_penalty_of_a_volume(
    text: str, kind: type[Objective], dose_gy: float, percent: float
) -> None:
    made = objective_of(goal("A", text), constraint_from(text), region(0, 10), weight=1, prescription_gy=50)
    assert isinstance(made, AtLeastVolume | AtMostVolume)
    assert type(made) is kind
    assert made.dose_gy == pytest.approx(dose_gy)
    assert made.volume_percent == pytest.approx(percent)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Dmax <= 50 Gy", MaximumDose),
        ("Dmin >= 100 %", MinimumDose),
        ("Dmean <= 50 Gy", EquivalentAtMost),
        ("Dmean >= 50 Gy", EquivalentAtLeast),
    ],
)
def test_a_goal_of_one_dose_is_a_penalty_of_it(text: str, kind: type[Objective]) -> None:
    made = objective_of(goal("A", text), constraint_from(text), region(0, 10), weight=1, prescription_gy=50)
    assert type(made) is kind
    assert made.dose_gy == pytest.approx(50)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Dmax >= 50 Gy", "goal-not-for-planning"),
        ("Dmin <= 50 Gy", "goal-not-for-planning"),
        ("D95% >= 95 %", "prescription-missing"),
        ("D20cc <= 5 Gy", "volume-beyond-structure"),
    ],
)
def test_what_no_plan_can_strive_for_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        objective_of(goal("A", text), constraint_from(text), region(0, 10), weight=1, prescription_gy=None)


def one_beamlet(goals: tuple[Goal, ...]) -> Wanted:
    """One beamlet gives all voxels the same: whoever goes first decides."""
    beamlets = square_beamlets(fields=1, rows=1, columns=1)
    return Wanted(
        influence=influence_from(np.full((20, 1), 0.01), beamlets),
        goals=goals,
        always=(),
        regions={"PTV": region(0, 10), "Cord": region(10, 20)},
        prescription_gy=50.0,
        fractions=25,
    )


@pytest.mark.slow  # the first to run compiles the pass
@pytest.mark.parametrize(
    ("first", "second", "dose_gy"),
    [
        # the first goal is met, then gives way by its slack and no more
        (("PTV", "D95% >= 50 Gy"), ("Cord", "Dmax <= 20 Gy"), 49.8),
        (("Cord", "Dmax <= 20 Gy"), ("PTV", "D95% >= 50 Gy"), 20.2),
        (("Cord", "Dmean <= 40 %"), ("PTV", "Dmin >= 100 %"), 20.2),
    ],
)
def test_what_comes_first_gives_way_by_its_slack_alone(
    first: tuple[str, str], second: tuple[str, str], dose_gy: float
) -> None:
    wanted = one_beamlet((goal(*second, priority=2), goal(*first, priority=1)))
    found = in_order(wanted, start=np.ones(1), holding=HOLDING, settings=SETTINGS, heard=listen)
    assert found.weights[0] * 25 * 0.01 == pytest.approx(dose_gy, abs=0.01)
    assert [line.goal.structure for line in found.lines] == [first[0], second[0]]


def test_what_cannot_be_reached_is_held_where_it_was() -> None:
    """Voxels in one beamlet get 1 and 2 parts: 50 Gy for the one are 100 for the other, who may have 60."""
    beamlets = square_beamlets(fields=1, rows=1, columns=1)
    wanted = Wanted(
        influence=influence_from(np.array([[0.01], [0.02], [0.01]]), beamlets),
        goals=(goal("Cord", "Dmax <= 60 Gy", 1), goal("PTV", "Dmin >= 50 Gy", 2), goal("Skin", "Dmax <= 1 Gy", 3)),
        always=(),
        regions={"PTV": region(0, 1), "Cord": region(1, 2), "Skin": region(2, 3)},
        prescription_gy=None,
        fractions=1,
    )
    found = in_order(wanted, start=np.ones(1), holding=HOLDING, settings=SETTINGS, heard=listen)
    cord, ptv, skin = found.lines
    assert str(cord.held) == "Dmax <= 60.2 Gy"
    # the target reached 30.1 Gy on its level and gave 0.2 to the skin
    assert ptv.held.limit == pytest.approx(29.9, abs=0.02)
    assert ptv.reached == pytest.approx(29.9, abs=0.02)
    assert cord.is_held
    assert skin.reached == pytest.approx(ptv.reached)


def test_each_level_is_told_with_its_iterations() -> None:
    heard: list[tuple[int, int, int, int]] = []

    def hear(level: Level, step: Step) -> bool:
        heard.append((level.number, level.count, level.priority, step.iteration))
        return True

    wanted = one_beamlet((goal("Cord", "Dmax <= 20 Gy", 5), goal("PTV", "D95% >= 50 Gy", 2)))
    in_order(wanted, start=np.ones(1), holding=HOLDING, settings=SETTINGS, heard=hear)
    assert list(dict.fromkeys(each[:3] for each in heard)) == [(1, 2, 2), (2, 2, 5)]
    assert [each[3] for each in heard if each[0] == 2][:2] == [1, 2]


def test_it_ends_on_the_level_on_which_somebody_says_no() -> None:
    wanted = one_beamlet((goal("PTV", "D95% >= 50 Gy", 1), goal("Cord", "Dmax <= 20 Gy", 2)))
    with pytest.raises(Refusal, match="optimisation-cancelled"):
        in_order(wanted, start=np.ones(1), holding=HOLDING, settings=SETTINGS, heard=lambda level, _: level.number == 1)


def test_the_last_problem_holds_what_came_before_and_strives_for_what_comes_last() -> None:
    goals = (goal("PTV", "D95% >= 50 Gy", 1), goal("Cord", "Dmax <= 20 Gy", 2))
    wanted = one_beamlet(goals)
    found = in_order(wanted, start=np.ones(1), holding=HOLDING, settings=SETTINGS, heard=listen)
    last, held = last_problem(wanted, found.lines, HOLDING).objectives
    assert last == MaximumDose(structure="Cord", weight=HOLDING.weight, dose_gy=20.0)
    assert isinstance(held, AtLeastVolume)
    assert (held.weight, held.dose_gy) == (HOLDING.held_weight, pytest.approx(49.8, abs=0.01))


@pytest.mark.parametrize(
    ("text", "asks"),
    [("D95% >= 50 Gy", True), ("V20Gy <= 30 %", False), ("V<15Gy >= 7 cc", False), ("V<15Gy <= 1 %", True)],
)
def test_what_asks_for_dose_is_known(text: str, *, asks: bool) -> None:
    assert asks_for_dose(constraint_from(text)) is asks


def test_voxels_make_a_histogram_of_their_volume() -> None:
    dvh = histogram_of(np.linspace(10, 20, 1000), region(0, 50))
    assert dvh.volume_cc == pytest.approx(50)
    assert (dvh.min_gy, dvh.max_gy, dvh.mean_gy) == pytest.approx((10, 20, 15))


def test_an_order_of_nothing_is_refused() -> None:
    with pytest.raises(Refusal, match="no-goals"):
        in_order(one_beamlet(()), start=np.ones(1), holding=HOLDING, settings=SETTINGS, heard=listen)
    with pytest.raises(Refusal, match="objective-structure-missing"):
        wanted = one_beamlet((goal("Lung", "Dmax <= 1 Gy"),))
        in_order(wanted, start=np.ones(1), holding=HOLDING, settings=SETTINGS, heard=listen)
    with pytest.raises(Refusal, match="holding-not-sound"):
        replace(HOLDING, held_weight=0.5)
