"""The language of constraints: what is read, what is refused and where; what a histogram reaches of it."""

from __future__ import annotations

import numpy as np
import pytest

from tianfu.apps.radiotherapy.model.comparison import compare, difference_curve
from tianfu.apps.radiotherapy.model.constraints import Comparison, Constraint, Quantity, Unit, constraint_from
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.protocols import Goal, protocol_from
from tianfu.apps.radiotherapy.model.scorecards import ScoreLine, Verdict, score, scorecard, value_of
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.kernel.refusal import Refusal


def even(low: float, high: float, *, volume_cc: float = 100.0, outside_cc: float = 0.0) -> Dvh:
    """Each dose between two is had by as much volume: D(v%) = high - v% (high - low)."""
    return Dvh(
        edges_gy=np.linspace(low, high, 101),
        volumes_cc=np.full(100, volume_cc / 100),
        mean_gy=(low + high) / 2,
        outside_cc=outside_cc,
    )


def goal(text: str, *, variation: float | None = None, structure: str = "Heart") -> Goal:
    return Goal(structure=structure, goal=text, priority=1, variation=variation, mark="ours", source="test")


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("D95% >= 50 Gy", 21.0),
        ("D0.03cc < 45 Gy", 39.994),
        ("Dmean <= 26 Gy", 30.0),
        ("Dmax < 45 Gy", 40.0),
        ("Dmin > 95 %", 40.0),
        ("D50% >= 95 %", 60.0),
        ("V25Gy <= 30 %", 75.0),
        ("V25Gy <= 30 cc", 75.0),
        ("V60% <= 30 %", 50.0),
        ("V<24Gy >= 700 cc", 20.0),
    ],
)
def test_a_metric_is_read_from_a_histogram(text: str, reached: float) -> None:
    assert value_of(constraint_from(text), even(20, 40), prescription_gy=50) == pytest.approx(reached)


def test_a_constraint_is_read_whole() -> None:
    assert constraint_from("V<14Gy >= 700 cc") == Constraint(
        quantity=Quantity.VOLUME_BELOW_DOSE,
        at=14,
        at_unit=Unit.GY,
        comparison=Comparison.AT_LEAST,
        limit=700,
        unit=Unit.CC,
    )


@pytest.mark.parametrize("text", ["D95% >= 50 Gy", "D0.03cc < 45 Gy", "V<14Gy >= 700 cc", "Dmax <= 107 %"])
def test_a_constraint_is_written_as_it_is_read(text: str) -> None:
    assert str(constraint_from(text)) == text


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 1),
        ("d95% >= 50 Gy", 1),
        ("D95 >= 50 Gy", 1),
        ("D95% => 50 Gy", 5),
        ("D95% >= fifty Gy", 9),
        ("D95% >= 50 cGy", 11),
        ("D95% >= 50", 11),
        ("D95% >= 50 Gy or so", 11),
        ("D95% >= 50 cc", 12),
        ("V20Gy <= 30 Gy", 13),
        ("V20Gy <= 130 %", 14),
        ("D120% >= 50 Gy", 2),
        ("D0% <= 50 Gy", 2),
        ("V-5Gy <= 30 %", 1),
    ],
)
def test_what_is_no_constraint_is_refused_with_its_place(text: str, place: int) -> None:
    with pytest.raises(Refusal, match="constraint-not-understood") as refused:
        constraint_from(text)
    assert refused.value.details["place"] == str(place)


@pytest.mark.parametrize(
    ("limit", "verdict"), [(30, Verdict.MET), (28, Verdict.WITHIN_VARIATION), (24, Verdict.MISSED)]
)
def test_a_goal_is_met_or_nearly_or_missed(limit: float, verdict: Verdict) -> None:
    line = score(goal(f"Dmean <= {limit} Gy", variation=limit + 3), even(20, 40), prescription_gy=None)
    assert (line.verdict, line.reached) == (verdict, 30)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (score(goal("Dmean <= 26 Gy"), None, prescription_gy=50), "structure-missing"),
        (score(goal("V95% >= 98 %"), even(20, 40), prescription_gy=None), "prescription-missing"),
        (score(goal("D200cc <= 5 Gy"), even(20, 40), prescription_gy=50), "volume-beyond-structure"),
        (score(goal("Dmax < 45 Gy"), even(20, 40, outside_cc=3), prescription_gy=50), "structure-partly-outside-dose"),
    ],
)
def test_what_cannot_be_judged_says_why(line: ScoreLine, reason: str) -> None:
    assert (line.verdict, line.reason) == (Verdict.NOT_EVALUABLE, reason)


def test_a_variation_must_be_wider_than_its_goal() -> None:
    text = b"""{"version": 1, "name": "x", "title": {}, "notice": {}, "prescription_gy": null, "goals": [{"structure":
        "PTV", "goal": "D95% >= 50 Gy", "priority": 1, "variation": 51, "mark": "ours", "source": ""}]}"""
    with pytest.raises(Refusal, match="variation-stricter-than-goal"):
        protocol_from(text)


def test_a_protocol_with_an_unknown_element_is_refused() -> None:
    with pytest.raises(Refusal, match="protocol-not-understood"):
        protocol_from(b'{"version": 1, "name": "x", "surprise": 1}')


def test_a_protocol_that_says_a_goal_twice_differently_is_refused() -> None:
    text = b"""{"version": 1, "name": "x", "title": {}, "notice": {}, "prescription_gy": null, "goals": [{"structure":
        "PTV", "goal": "Dmax <= 70 Gy", "goal": "Dmax <= 50 Gy", "priority": 1, "variation": null, "mark": "ours",
        "source": ""}]}"""
    with pytest.raises(Refusal, match="protocol-not-understood"):
        protocol_from(text)


def test_shipped_protocols_are_not_for_clinical_use_and_tell_their_sources() -> None:
    protocols = shipped_protocols()
    assert {"tg119-c-shape-easier", "tg119-prostate", "quantec-like-conventional"} <= set(protocols)
    for protocol in protocols.values():
        assert protocol.notice["en"].startswith("Not for clinical use")
        assert set(protocol.notice) == set(protocol.title) == {"en", "zh-CN"}
        assert all(line.source and line.mark for line in protocol.goals)


def test_a_scorecard_takes_the_prescription_of_the_plan_first() -> None:
    protocol = shipped_protocols()["tg119-c-shape-easier"]
    lines = scorecard(protocol, {"PTV": even(49.9, 54), "Core": even(5, 20)}, prescription_gy=None)
    assert [line.verdict for line in lines] == [Verdict.MET, Verdict.MET, Verdict.MET]


def test_two_plans_are_held_against_each_other_goal_by_goal() -> None:
    goals = (goal("Dmean <= 26 Gy"), goal("D95% >= 50 Gy", structure="PTV"))
    first = [score(each, even(20, 40), prescription_gy=None) for each in goals]
    second = [score(each, even(16, 40), prescription_gy=None) for each in goals]
    assert [line.gain for line in compare(first, second)] == pytest.approx([2.0, -3.8])


def test_scorecards_of_different_goals_are_not_compared() -> None:
    one = score(goal("Dmean <= 26 Gy"), even(20, 40), prescription_gy=None)
    other = score(goal("Dmean <= 27 Gy"), even(20, 40), prescription_gy=None)
    with pytest.raises(Refusal, match="scorecards-of-different-goals"):
        compare([one], [other])


def test_histograms_differ_where_one_has_more() -> None:
    points = difference_curve(even(20, 40), even(30, 40), step_gy=10)
    assert points[:5].tolist() == [[0, 0], [10, 0], [20, 0], [30, 50], [40, 0]]
