"""Templates say everything or are refused."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from tests.radiotherapy_plan import HOLDING, IN_ORDER, WISH, goal_of, ordered_wish, small_wish, template
from tianfu.apps.radiotherapy.model.optimisation.objectives import EquivalentAtMost, MinimumDose
from tianfu.apps.radiotherapy.model.planning.templates import plan_wish_from, write_plan_wish
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.templates import shipped_templates
from tianfu.kernel.refusal import Refusal


def test_a_template_is_read_as_it_was_written() -> None:
    for wish in (small_wish(), ordered_wish()):
        assert plan_wish_from(write_plan_wish(wish)) == wish


def test_a_name_that_is_said_twice_is_refused_since_readers_would_take_the_last() -> None:
    twice = template().replace(b'"dose_gy"', b'"dose_gy":500.0,"dose_gy"', 1)
    with pytest.raises(Refusal, match="plan-wish-not-understood") as refused:
        plan_wish_from(twice)
    assert "twice" in refused.value.details["problem"]


def test_objectives_are_those_of_the_optimisation() -> None:
    objectives = [one.objective for one in small_wish().objectives]
    assert objectives[0] == MinimumDose(structure="PTV_5000", weight=100.0, dose_gy=51.0)
    assert objectives[-1] == EquivalentAtMost(structure="beyond", weight=1.0, dose_gy=10.0, exponent=1.0)


def test_the_case_must_have_each_structure_that_is_no_region() -> None:
    assert small_wish().structures == ("BODY", "PTV_5000", "SpinalCord")


def test_the_case_must_have_each_structure_of_a_goal() -> None:
    wish = ordered_wish(goal_of("PTV_5000", "D95% >= 50 Gy", priority=1), goal_of("Heart", "Dmean <= 5 Gy", priority=2))
    assert wish.structures == ("BODY", "PTV_5000", "Heart")


def test_shipped_templates_say_in_both_languages_that_they_are_for_no_patient_and_how_they_are_known() -> None:
    shipped = shipped_templates()
    assert set(shipped) == {
        *("tg119-c-shape", "tg119-c-shape-in-order"),
        *("tg119-head-and-neck", "tg119-multi-target", "tg119-prostate"),
    }
    for wish in shipped.values():
        assert "Not for clinical use" in wish.notice["en"]
        assert "不得用于临床" in wish.notice["zh-CN"]
        assert {known.element for known in wish.known} >= {"objectives", "computation", "fields"}
        assert wish.machine.name == "generic-6mv"


def test_the_shipped_template_in_order_has_the_goals_of_its_protocol_and_tells_its_holding_as_ours() -> None:
    wish = shipped_templates()["tg119-c-shape-in-order"]
    assert wish.goals == shipped_protocols()["tg119-c-shape-easier"].goals
    assert {known.element: known.mark for known in wish.known}["in_order.holding"] == "ours"
    assert shipped_templates()["tg119-c-shape"].in_order is None


def every_path(told: dict[str, Any], before: str = "") -> list[str]:
    paths = []
    for name, value in told.items():
        paths.append(before + name)
        if isinstance(value, dict) and name not in {"title", "notice"}:
            paths += every_path(value, f"{before}{name}__")
    return paths


@pytest.mark.parametrize("path", every_path({**WISH, "in_order": IN_ORDER}))
def test_nothing_may_be_left_unsaid(path: str) -> None:
    told = msgspec.json.decode(template(in_order=IN_ORDER))
    *parts, last = path.split("__")
    place = told
    for part in parts:
        place = place[part]
    del place[last]
    with pytest.raises(Refusal, match="plan-wish-not-understood"):
        plan_wish_from(msgspec.json.encode(told))


@pytest.mark.parametrize(
    "changes",
    [
        {"surprise": 1},
        {"prescription__surprise": 1},
        {"prescription__dose_gy": "50"},
        {"prescription__fractions": 25.5},
        {"isocentre": "somewhere"},
        {"isocentre": [0.0, 0.0]},
        {"computation__second": "monte-carlo"},
        {"objectives": [{"kind": "wish", "structure": "PTV_5000", "weight": 1.0, "dose_gy": 50.0}]},
        {"objectives": [{"kind": "minimum-dose", "structure": "PTV_5000", "weight": 1.0}]},
        {"objectives": [{"kind": "objective", "structure": "PTV_5000", "weight": 1.0, "dose_gy": 50.0}]},
        {"known": [{"element": "x", "mark": "sure", "source": ""}]},
    ],
)
def test_what_is_no_template_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="plan-wish-not-understood"):
        plan_wish_from(template(**changes))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "plan-wish-not-understood"),
        (b"\xff\xfe", "plan-wish-not-understood"),
        (b"[" * 100_000, "plan-wish-not-understood"),
        (b" " * 1_000_001, "plan-wish-not-understood"),
        (template(prescription__dose_gy=float("nan")), "plan-wish-not-understood"),
        (template(form=2), "plan-wish-of-another-form"),
        (template(form=2).replace(b"51.0", b"1e400"), "plan-wish-not-understood"),
    ],
)
def test_bytes_of_any_other_kind_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(Refusal, match=code):
        plan_wish_from(data)


FIELD = {"gantry_degrees": 0.0, "collimator_degrees": 0.0, "couch_degrees": 0.0}
RING = {"name": "ring", "around": ["PTV_5000"], "from_mm": 6.0, "to_mm": 20.0, "without": [], "share": 1.0}


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"prescription__dose_gy": 0.0}, "prescription.dose_gy"),
        ({"prescription__dose_gy": 5000.0}, "prescription.dose_gy"),
        ({"prescription__fractions": 0}, "prescription.fractions"),
        ({"prescription__volume_percent": 0.95}, "prescription.volume_percent"),
        ({"prescription__structure": "GTV"}, "prescription.structure"),
        ({"fields": []}, "fields"),
        ({"fields": [FIELD, FIELD]}, "fields"),
        ({"fields": [{**FIELD, "gantry_degrees": 360.0}]}, "fields[1].gantry_degrees"),
        ({"isocentre": [0.0, 0.0, 1e9]}, "isocentre"),
        ({"beamlet_mm": -5.0}, "beamlet_mm"),
        ({"margin_mm": 1e6}, "margin_mm"),
        ({"regions": [RING, RING]}, "regions"),
        ({"regions": [{**RING, "name": "BODY"}]}, "regions"),
        ({"regions": [{**RING, "to_mm": 5.0}]}, "regions.ring.to_mm"),
        ({"regions": [{**RING, "around": ["ring"]}]}, "regions.ring.around"),
        ({"regions": [{**RING, "around": []}]}, "regions.ring.around"),
        ({"targets": []}, "targets"),
        ({"targets": ["SpinalCord"]}, "targets"),
        ({"targets": ["PTV_5000", "PTV_5000"]}, "targets"),
        ({"regions": [{**RING, "share": 0.0}]}, "regions.ring.share"),
        ({"objectives": []}, "objectives"),
        ({"optimisation__levels": 0}, "optimisation.levels"),
        ({"optimisation__fluence__change_least": 1.0}, "optimisation.fluence.change_least"),
        ({"optimisation__apertures__iterations_most": 10**9}, "optimisation.apertures.iterations_most"),
        ({"optimisation__seed": -1}, "optimisation.seed"),
        ({"computation__spacing_mm": 0.01}, "computation.spacing_mm"),
        ({"computation__lateral_cut_off_mm": 1e9}, "computation.lateral_cut_off_mm"),
        ({"name": " "}, "name"),
        ({"name": "a\x1b[31m"}, "name"),
        ({"tolerance__gantry_degrees": 0.0}, "tolerance.gantry_degrees"),
    ],
)
def test_what_no_plan_can_be_made_of_is_refused_by_its_element(changes: dict[str, Any], element: str) -> None:
    with pytest.raises(Refusal, match="plan-wish-out-of-range") as refused:
        plan_wish_from(template(**changes))
    assert re.fullmatch(re.escape(element), refused.value.details["element"])


@pytest.mark.parametrize(
    ("changes", "element", "most"),
    [
        ({"name": "left\\right"}, "name", "64"),
        ({"machine__name": "left\\right"}, "machine.name", "16"),
        ({"machine__name": "m" * 17}, "machine.name", "16"),
    ],
)
def test_a_name_that_dicom_cannot_hold_is_refused_before_the_plan_is_made(
    changes: dict[str, Any], element: str, most: str
) -> None:
    """A backslash parts two values (PS3.5 6.4); Treatment Machine Name is a Short String of 16 characters (6.2)."""
    with pytest.raises(Refusal, match="plan-text-not-for-dicom") as refused:
        plan_wish_from(template(**changes))
    assert refused.value.details == {"element": element, "most": most}


def test_an_objective_that_is_none_is_refused_as_such() -> None:
    wrong = [{"kind": "minimum-dose", "structure": "PTV_5000", "weight": 0.0, "dose_gy": 50.0}]
    with pytest.raises(Refusal, match="objective-not-sound"):
        plan_wish_from(template(objectives=wrong))


TARGET = goal_of("PTV_5000", "D95% >= 50 Gy", priority=1)


def in_order(*goals: dict[str, Any], **holding: float) -> dict[str, Any]:
    """Goals with another holding."""
    return {"goals": list(goals), "holding": {**HOLDING, **holding}}


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (in_order(), "no-goals"),
        (in_order(TARGET, TARGET), "plan-wish-out-of-range"),
        (
            in_order(*(goal_of("PTV_5000", f"D{number}% >= 1 Gy", priority=1) for number in range(1, 52))),
            "plan-wish-out",
        ),
        (
            in_order(*(goal_of("PTV_5000", f"D{n}% >= 1 Gy", priority=n) for n in range(1, 12))),
            "plan-wish-out-of-range",
        ),
        (in_order({**TARGET, "structure": " "}), "plan-wish-out-of-range"),
        (in_order(TARGET, goal_of("ring", "Dmax <= 50 Gy", priority=2)), "plan-wish-out-of-range"),
        (in_order({**TARGET, "priority": 0}), "protocol-not-understood"),
        (in_order({**TARGET, "variation": 51.0}), "variation-stricter-than-goal"),
        (in_order({**TARGET, "goal": "as much as possible"}), "constraint-not-understood"),
        (in_order({**TARGET, "goal": "Dmax >= 50 Gy"}), "goal-not-for-planning"),
        (in_order(TARGET, held_weight=5.0), "holding-not-sound"),
        (in_order(TARGET, slack_gy=-0.1), "holding-not-sound"),
        # the prescription's target must be served: the start of the fluence is its dose
        (in_order(goal_of("SpinalCord", "Dmax <= 20 Gy", priority=1)), "plan-wish-out-of-range"),
    ],
)
def test_goals_that_no_plan_can_serve_in_their_order_are_refused(told: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal, match=code):
        plan_wish_from(template(in_order=told, objectives=[]))


def test_goals_need_no_objectives_beside_them() -> None:
    assert plan_wish_from(template(in_order=in_order(TARGET), objectives=[])).objectives == ()
