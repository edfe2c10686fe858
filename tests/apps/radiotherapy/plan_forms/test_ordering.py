"""How a plan is sought, as somebody chose it: nothing is taken for him, and the goals are those that he saw."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from tests.radiotherapy_plan import HOLDING, goal_of, ordered_wish, phantom_table, small_machine, small_wish
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.model.protocols import Goal, Protocol
from tianfu.apps.radiotherapy.plan_forms.answers import FormFaultsError, Ground, renamed, wish_of
from tianfu.apps.radiotherapy.plan_forms.filling import form_of_template, form_of_variant
from tianfu.apps.radiotherapy.plan_forms.forms import GOALS, PlanForm, changed, first_field, form_sent
from tianfu.apps.radiotherapy.plan_forms.ordering import LEFT_OUT, OWN, goal_roles, with_goals_shown
from tianfu.apps.radiotherapy.protocols import shipped_protocols

NAMES = ("BODY", "PTV_5000", "SpinalCord", "Core")
PROTOCOL = shipped_protocols()["tg119-c-shape-easier"]
PROTOCOLS = {PROTOCOL.name: PROTOCOL}
STRICT = {f"holding_{name}": f"{value:g}" for name, value in HOLDING.items()}
CHOSEN = {"name": "Small", "machine": "generic-6mv@1", "density": "TG-119 phantom@1", "second": "none"}
CHOSEN |= {"protocol": "none", "confirmed": "yes"}


def ground(base: PlanWish | None = None, protocols: dict[str, Protocol] | None = None) -> Ground:
    return Ground(
        base=base or small_wish(),
        structures=NAMES,
        machine=small_machine(),
        table=phantom_table(),
        protocols=protocols or PROTOCOLS,
    )


def by_protocol(**changes: object) -> PlanForm:
    """The small template's form with the goals of a protocol that were shown, and everything else chosen."""
    form = replace(form_of_template(small_wish(), NAMES), how="in-order", order_by=PROTOCOL.name)
    shown = with_goals_shown(form, small_wish(), PROTOCOLS, NAMES)
    meant = {"goal_structures": ("PTV_5000", "Core")}
    return replace(shown, **{**CHOSEN, **STRICT, **meant, **changes})  # type: ignore[arg-type]  # names of its fields


def faults(form: PlanForm, on: Ground | None = None) -> dict[str, str]:
    with pytest.raises(FormFaultsError) as raised:
        wish_of(form, on or ground())
    return {field: fault.code for field, fault in raised.value.faults.items()}


def goals_of(wish: PlanWish) -> list[tuple[str, str, int]]:
    return [(goal.structure, goal.goal, goal.priority) for goal in wish.goals]


def test_a_template_that_has_no_order_chooses_none_and_one_that_has_shows_its_own() -> None:
    plain, ordered = (form_of_template(wish, NAMES) for wish in (small_wish(), ordered_wish()))
    assert (plain.how, plain.order_by, plain.holding_weight) == ("", "", "")
    assert (ordered.how, ordered.order_by, ordered.holding_held_weight) == ("in-order", OWN, "1000")


def test_a_variant_is_sought_as_its_plan_was() -> None:
    assert form_of_variant(small_wish(), NAMES, protocol="none").how == "weighted"
    assert form_of_variant(ordered_wish(), NAMES, protocol="none").how == "in-order"


def test_a_templates_own_goals_that_were_only_completed_are_wished_as_it_has_them() -> None:
    base = ordered_wish()
    form = with_goals_shown(form_of_template(base, NAMES), base, PROTOCOLS, NAMES)
    wish = wish_of(replace(form, **CHOSEN), ground(base))  # type: ignore[arg-type]  # names of its own fields
    assert wish == msgspec.structs.replace(base, name="Small")


def test_goals_of_a_protocol_are_of_the_cases_structures_with_their_priorities_and_sources() -> None:
    wish = wish_of(by_protocol(), ground())
    assert goals_of(wish) == [
        ("PTV_5000", "D95% >= 50 Gy", 1),
        ("PTV_5000", "D10% < 55 Gy", 1),
        ("Core", "D10% < 25 Gy", 2),
    ]
    assert {goal.source for goal in wish.goals} == {goal.source for goal in PROTOCOL.goals}
    assert {one.element: one.mark for one in wish.known}["in_order"] == "ours"


def test_objectives_are_weighed_where_that_is_chosen_whatever_goals_are_shown() -> None:
    wish = wish_of(by_protocol(how="weighted"), ground())
    assert wish.in_order is None
    assert wish.objectives == small_wish().objectives


def test_a_structure_that_the_case_does_not_have_is_left_out_with_its_goals_by_somebody() -> None:
    wish = wish_of(by_protocol(goal_structures=("PTV_5000", LEFT_OUT)), ground())
    assert {goal.structure for goal in wish.goals} == {"PTV_5000"}
    (told,) = [one for one in wish.known if one.element == "in_order.goals"]
    assert (told.mark, "left out on the page" in told.source) == ("ours", True)
    whole = wish_of(by_protocol(), ground())
    assert "in_order.goals" not in {one.element for one in whole.known}


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"order_by": ""}, "order_by", "plan-form-order-not-chosen"),
        ({"order_by": "no-protocol"}, "order_by", "plan-form-order-not-chosen"),
        ({"order_by": OWN}, "order_by", "plan-form-order-not-chosen"),
        ({"seen_order": ""}, "order_by", "plan-form-goals-not-seen"),
        ({"goal_structures": (LEFT_OUT, LEFT_OUT)}, "order_by", "no-goals"),
        ({"goal_structures": ("PTV_5000", "")}, "goal-structure-2", "plan-form-structure-not-chosen"),
        ({"goal_structures": ("PTV_5000",)}, "goal-structure-2", "plan-form-structure-not-chosen"),
        ({"goal_structures": ("PTV_5000", "Heart")}, "goal-structure-2", "plan-form-structure-not-chosen"),
        ({"goal_structures": ("Core", "Core")}, "goal-structure-1", "plan-form-structure-twice"),
        ({"holding_weight": ""}, "holding_weight", "plan-form-number-missing"),
        ({"holding_weight": "0"}, "holding_weight", "plan-form-weight-not-positive"),
        ({"holding_held_weight": "10"}, "holding_held_weight", "plan-form-held-weight-not-more"),
        ({"holding_slack_gy": "-1"}, "holding_slack_gy", "plan-form-out-of-range"),
        ({"holding_slack_percent": "101"}, "holding_slack_percent", "plan-form-out-of-range"),
        ({"holding_aim_gy": "nan"}, "holding_aim_gy", "plan-form-no-number"),
    ],
)
def test_what_is_missing_or_odd_stands_beside_its_field(changes: dict[str, object], field: str, code: str) -> None:
    assert faults(by_protocol(**changes)).get(field) == code


def test_goals_that_no_plan_strives_for_stand_beside_the_choice_of_goals() -> None:
    high = msgspec.convert(goal_of("PTV", "Dmax >= 50 Gy", priority=1), Goal)
    odd = msgspec.structs.replace(PROTOCOL, goals=(*PROTOCOL.goals, high))
    assert faults(by_protocol(), ground(protocols={PROTOCOL.name: odd})) == {"order_by": "goal-not-for-planning"}


def test_percentages_of_another_prescription_are_refused() -> None:
    share = msgspec.convert(goal_of("PTV", "D95% >= 100 %", priority=1), Goal)
    percents = {PROTOCOL.name: msgspec.structs.replace(PROTOCOL, goals=(*PROTOCOL.goals, share))}
    assert wish_of(by_protocol(), ground(protocols=percents)).goals[-1].goal == "D95% >= 100 %"
    assert faults(by_protocol(dose="48"), ground(protocols=percents)) == {"order_by": "plan-form-goals-of-another-dose"}


def test_a_plan_by_goals_needs_no_objectives_and_a_weighted_one_does() -> None:
    assert wish_of(by_protocol(objectives=()), ground()).objectives == ()
    assert faults(by_protocol(objectives=(), how="weighted")) == {"objectives": "plan-form-no-objectives"}


def test_what_is_prescribed_to_must_be_served() -> None:
    form = by_protocol(objectives=(), goal_structures=(LEFT_OUT, "Core"))
    assert faults(form) == {"objectives": "plan-form-target-not-wished"}


def test_other_goals_are_shown_with_structures_that_are_suggested_and_confirmed_again() -> None:
    before = by_protocol(order_by=OWN, seen_order=OWN, goal_structures=())
    shown = with_goals_shown(replace(before, order_by=PROTOCOL.name), small_wish(), PROTOCOLS, NAMES)
    assert (shown.seen_order, shown.goal_structures, shown.confirmed) == (PROTOCOL.name, ("", "Core"), "")
    assert with_goals_shown(by_protocol(), small_wish(), PROTOCOLS, NAMES) == by_protocol()


def test_structures_of_goals_that_the_template_has_are_chosen_once() -> None:
    assert goal_roles(PROTOCOL.goals, small_wish()) == ("PTV", "Core")
    assert goal_roles(ordered_wish().goals, ordered_wish()) == ()
    other = renamed(ordered_wish(), {"SpinalCord": "Mark"})
    assert [goal.structure for goal in other.goals] == ["PTV_5000", "PTV_5000", "Mark"]


def test_the_form_is_read_as_it_was_sent_and_goals_are_shown_by_a_button() -> None:
    told = {"how": ["in-order"], "order_by": ["p"], "seen_order": ["p"], "goal_structure": ["A", "B"]}
    told["holding_slack_gy"] = [" 0.5 "]
    form = form_sent(lambda name: told.get(name, ()))
    assert (form.how, form.order_by, form.seen_order, form.holding_slack_gy) == ("in-order", "p", "p", "0.5")
    assert form.goal_structures == ("A", "B")
    assert changed(form, GOALS) == form
    assert first_field(form, GOALS) == "goals"
