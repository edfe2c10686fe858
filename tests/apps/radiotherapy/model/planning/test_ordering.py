"""A plan whose goals are served in their order: held, told level by level, broken off and gone on with."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from tests.radiotherapy_plan import (
    BESIDE_GOALS,
    HOLDING,
    goal_of,
    ordered_wish,
    phantom_table,
    small_machine,
    small_subject,
    small_wish,
)
from tianfu.apps.radiotherapy.model.optimisation.goals import Line
from tianfu.apps.radiotherapy.model.planning.following import followed
from tianfu.apps.radiotherapy.model.planning.kept import Kept, kept_from, write_kept
from tianfu.apps.radiotherapy.model.planning.regions import goals_of, regions_of, to_surface
from tianfu.apps.radiotherapy.model.planning.steps import (
    Heard,
    Planned,
    PlanTask,
    StepName,
    Told,
    nothing_kept,
    planned,
)
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.kernel.refusal import Refusal

LONGER = {"optimisation__fluence__iterations_most": 150, "optimisation__fluence__change_least": 1e-4}
TARGET = "D95% >= 47 Gy"
CORD = "D10% < 8 Gy"
"""Four millimetres beside the target, in the way of two of three fields: both cannot be had."""


def hear_all(_told: Told) -> bool:
    return True


def task(wish: PlanWish, heard: Heard = hear_all) -> PlanTask:
    return PlanTask(wish=wish, machine=small_machine(), table=phantom_table(), subject=small_subject(), heard=heard)


@cache
def whole() -> tuple[Planned, tuple[Told, ...]]:
    """The small plan in order, and everything that was heard of it."""
    heard: list[Told] = []

    def hear(told: Told) -> bool:
        heard.append(told)
        return True

    one = task(ordered_wish(), hear)
    return planned(one, kept=nothing_kept(one)), tuple(heard)


def kept_after(step: StepName) -> Kept:
    (kept,) = [told.kept for told in whole()[1] if told.kept is not None and told.step is step]
    return kept


def numbers_of(made: Planned) -> tuple[bytes, bytes]:
    return write_kept(Kept(of="", normalised=made.parts, lines=made.lines)), made.dose.values.tobytes()


@cache
def fluence_of(*goals: tuple[str, str, int]) -> dict[str, Line]:
    """What the fluence makes of goals, by structure."""
    heard: list[Told] = []

    def until_segments(told: Told) -> bool:
        heard.append(told)
        return told.step is not StepName.SEGMENTS

    asked = [goal_of(structure, text, priority=priority) for structure, text, priority in goals]
    order = {"goals": asked, "holding": {**HOLDING, "weight": 100.0, "held_weight": 10_000.0}}
    one = task(small_wish(in_order=order, objectives=BESIDE_GOALS, **LONGER), until_segments)
    with pytest.raises(Refusal, match="plan-cancelled"):
        planned(one, kept=nothing_kept(one))
    (kept,) = [told.kept for told in heard if told.kept is not None]
    return {line.goal.structure: line for line in kept.lines or ()}


@pytest.mark.slow  # compiles the kernels of influence and fluence
def test_goals_of_priority_1_are_held_by_the_fluence() -> None:
    lines = fluence_of(("PTV_5000", TARGET, 1), ("SpinalCord", CORD, 2))
    assert lines["PTV_5000"].is_held
    assert lines["PTV_5000"].reached >= 46.5
    assert lines["SpinalCord"].reached > 8.0


@pytest.mark.slow  # compiles the kernels of influence and fluence
def test_swapping_two_priorities_that_conflict_gives_another_outcome() -> None:
    target_first = fluence_of(("PTV_5000", TARGET, 1), ("SpinalCord", CORD, 2))
    cord_first = fluence_of(("PTV_5000", TARGET, 2), ("SpinalCord", CORD, 1))
    assert cord_first["SpinalCord"].is_held
    assert cord_first["SpinalCord"].reached <= 8.5
    assert target_first["SpinalCord"].reached > cord_first["SpinalCord"].reached + 1
    assert target_first["PTV_5000"].reached > cord_first["PTV_5000"].reached + 1


@pytest.mark.slow  # compiles the kernels of apertures and histograms, too
def test_levels_are_told_one_after_the_other_each_with_iterations_of_its_own() -> None:
    heard = [told for told in whole()[1] if told.level is not None]
    assert {told.step for told in heard} == {StepName.FLUENCE}
    numbers = [(told.level.number, told.level.count) for told in heard if told.level is not None]
    assert list(dict.fromkeys(numbers)) == [(1, 2), (2, 2)]
    assert numbers == sorted(numbers)
    assert all(told.done <= 12 for told in heard)


@pytest.mark.slow  # compiles the kernels of apertures and histograms, too
def test_a_plan_tells_what_became_of_each_goal_under_its_own_name() -> None:
    made = whole()[0]
    assert tuple(line.goal for line in made.lines) == ordered_wish().goals


@pytest.mark.slow  # compiles the kernels of apertures and histograms, too
@pytest.mark.parametrize("step", [StepName.FLUENCE, StepName.SEGMENTS, StepName.REFINED, StepName.NORMALISED])
def test_a_plan_in_order_that_goes_on_after_any_step_is_the_same_plan(step: StepName) -> None:
    kept = kept_from(write_kept(kept_after(step)))
    assert numbers_of(planned(task(ordered_wish()), kept=kept)) == numbers_of(whole()[0])


@pytest.mark.slow  # compiles the kernels of influence and fluence
@pytest.mark.parametrize(("level", "iteration"), [(1, 1), (1, 3), (2, 1), (2, 2)])
def test_a_plan_in_order_is_given_up_at_any_iteration_of_any_level(level: int, iteration: int) -> None:
    one = task(ordered_wish(), lambda told: told.level is None or (told.level.number, told.done) != (level, iteration))
    with pytest.raises(Refusal, match="plan-cancelled"):
        planned(one, kept=nothing_kept(one))


@pytest.mark.slow  # compiles the kernels of apertures and histograms, too
def test_lines_that_are_kept_and_damaged_are_refused() -> None:
    kept = kept_after(StepName.SEGMENTS)
    lines = kept.lines or ()
    for damaged in (None, lines[1:], (*lines, lines[0])):
        with pytest.raises(Refusal, match="plan-kept-of-another"):
            planned(task(ordered_wish()), kept=replace(kept, lines=damaged))


def test_a_goal_that_wants_dose_in_a_target_wants_it_to_its_surface() -> None:
    least, most, cord = goals_of(ordered_wish(), small_subject())
    assert (least.structure, most.structure) == (to_surface("PTV_5000"), "PTV_5000")
    assert cord.structure == "SpinalCord"
    regions = regions_of(ordered_wish(), small_subject())
    assert len(regions[least.structure].rows) > len(regions[most.structure].rows)
    # a volume in cubic centimetres is of the target, however many voxels it touches
    assert regions[least.structure].volume_cc == regions[most.structure].volume_cc


def test_structures_of_goals_are_followed() -> None:
    assert followed(ordered_wish()) == [("PTV_5000", "target"), ("SpinalCord", "organ")]


def test_a_volume_that_a_structure_does_not_have_is_refused_before_the_influence_is_made() -> None:
    large = goal_of("SpinalCord", "D900cc <= 20 Gy", priority=2)
    one = task(
        ordered_wish(goal_of("PTV_5000", TARGET, priority=1), large),
        lambda told: told.step is not StepName.INFLUENCE,
    )
    with pytest.raises(Refusal, match="volume-beyond-structure"):
        planned(one, kept=nothing_kept(one))
