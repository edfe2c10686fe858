"""The planning benchmark's own parts: clocks, profiles, shares of work, and the section it writes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bench.radiotherapy_checks import CLEAN_CASES, Counted, Share, Tried, keys_of
from bench.radiotherapy_engines import AWAY_MM, STEP_MM, beyond
from bench.radiotherapy_made import Clock, coarse_wish, wish_of
from bench.radiotherapy_measures import FULL_ONLY
from bench.radiotherapy_phantoms import phantom_names
from bench.radiotherapy_shares import PROCESSES
from bench.report import PLANNING, PLANNING_BESIDE, PLANNING_FULL, planning_page
from demo.radiotherapy.blind_faults import BLIND_FAULTS

from tianfu.apps.radiotherapy.model.planning.soundness import refuse_unless_sound
from tianfu.apps.radiotherapy.model.planning.steps import StepName, Told


def _measured() -> dict[str, Any]:
    row = {"depth_mm": 79.5, "is_lung": True, "pencil_beam_percent": 72.0, "collapsed_cone_percent": 66.8}
    return {
        **dict.fromkeys((*PLANNING, *PLANNING_BESIDE), 1234),
        "machine": {"date": "2026-01-01", "processor": "some", "load": [0.5]},
        "seconds": 50.0,
        "full_only": FULL_ONLY,
        "lung_a_vs_b": [row],
        "lung_engines_differ": True,
        "faults_missed": [],
        "deliverable_stops": [],
        "check_seed": 7,
    }


def test_the_page_tells_every_figure_of_planning_and_flags_lung() -> None:
    text = planning_page(_measured())
    for key in (*PLANNING, *PLANNING_BESIDE):
        assert f"| `{key}` | 1,234 |" in text
    assert "| 79.5 | yes | 72.0 | 66.8 |" in text
    assert "**They differ**" in text


def test_the_page_names_what_the_full_run_alone_measures() -> None:
    in_tables: dict[str, Any] = {"dose_vs_peer": {}, "fluence_vs_peer_seconds": {}}
    in_tables |= dict.fromkeys(phantom_names(), True)
    assert {*PLANNING_FULL, *in_tables} == set(FULL_ONLY)
    assert "In the full run alone: `fluence_converged_objective`" in planning_page(_measured())
    full = planning_page(_measured() | dict.fromkeys(FULL_ONLY, 481.6) | in_tables)
    assert "| `fluence_converged_objective` | 481.6 |" in full
    assert "In the full run alone" not in full


def test_the_page_names_faults_that_were_missed_with_the_seed() -> None:
    told = planning_page(_measured() | {"faults_missed": ["dose-shifted"], "deliverable_stops": ["plan-rejected"]})
    assert "Missed, by the seed 7: dose-shifted." in told
    assert "Rules that say stop to the plan: plan-rejected." in told


def test_a_page_without_data_says_so() -> None:
    assert "Not measured: no phantom." in planning_page({"data_missing": "no phantom"})


def test_the_clock_tells_when_an_objective_was_first_reached() -> None:
    clock = Clock()
    clock.heard(Told(step=StepName.REGIONS, is_done=True))
    for iteration, value in enumerate((9.0, 5.0, 4.0), start=1):
        assert clock.heard(Told(step=StepName.FLUENCE, done=iteration, objective=value))
    assert clock.reached(5.5)[1] == 2
    with pytest.raises(ValueError, match=r"ended at 4\.0 and not at 3\.0"):
        clock.reached(3.0)


def test_the_clock_ends_a_plan_after_the_step_it_is_for() -> None:
    clock = Clock(ends=StepName.FLUENCE)
    assert clock.heard(Told(step=StepName.FLUENCE))
    assert clock.heard(Told(step=StepName.REGIONS, is_done=True))
    assert not clock.heard(Told(step=StepName.FLUENCE, is_done=True))


def test_the_plan_is_the_shipped_templates_and_the_coarse_one_is_sound() -> None:
    assert (wish_of().name, wish_of().computation.second) == ("tg119-c-shape", "collapsed-cone")
    refuse_unless_sound(coarse_wish())


def test_a_profile_within_a_millimetre_of_another_is_not_beyond_it() -> None:
    """A linear penumbra moved by two millimetres is one millimetre's fall too far aside."""
    places = np.arange(40) * STEP_MM
    falling = np.interp(places, [45.0, 75.0], [1.0, 0.0])

    def aside(by_mm: float) -> float:
        return beyond(np.interp(places, [45.0 + by_mm, 75.0 + by_mm], [1.0, 0.0]), falling)

    assert aside(AWAY_MM) == pytest.approx(0.0, abs=1e-9)
    assert aside(2 * AWAY_MM) == pytest.approx(1 / 30, rel=1e-6)
    assert beyond(falling + 0.02, falling) == pytest.approx(0.02)


def shares(*, seed: int, is_whole: bool) -> list[Share]:
    return [Share(seed=seed, number=number, of=PROCESSES, is_whole=is_whole) for number in range(PROCESSES)]


def test_all_shares_together_try_every_case_once() -> None:
    numbers = [range(CLEAN_CASES)[share.number :: PROCESSES] for share in shares(seed=1, is_whole=True)]
    assert sorted(place for part in numbers for place in part) == list(range(CLEAN_CASES))


def test_all_shares_together_plant_every_fault_once_and_of_a_reduced_run_half_of_them_drawn_by_the_seed() -> None:
    faults = list(BLIND_FAULTS.values())
    planted = [fault.id for share in shares(seed=1, is_whole=True) for fault in share.of_faults(faults)]
    assert sorted(planted) == sorted(BLIND_FAULTS)
    halves = [
        {fault.id for share in shares(seed=seed, is_whole=False) for fault in share.of_faults(faults)}
        for seed in range(2)
    ]
    assert [len(half) for half in halves] == [len(faults) // 2] * 2
    assert halves[0] != halves[1]


def test_counts_of_shares_add_up_and_a_wrong_name_is_no_catch() -> None:
    rightly = Tried(fault="images-are-old", rules=frozenset({"image-old"}))
    wrongly = Tried(fault="dose-shifted", rules=frozenset({"image-old"}))
    parts = [
        Counted(clean_cases=5, alarms={}, blind=(rightly,), seeded=()),
        Counted(clean_cases=5, alarms={"image-old": 2}, blind=(), seeded=(wrongly,)),
    ]
    found = keys_of(7, parts)
    assert (found["clean_cases"], found["false_alarms"], found["false_alarm_rules"]) == (10, 2, {"image-old": 2})
    assert (found["faults_planted"], found["faults_caught"], found["faults_missed"]) == (2, 1, ["dose-shifted"])
    assert (found["blind_planted"], found["blind_caught"]) == (1, 1)
