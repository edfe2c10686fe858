"""How a form says that a plan is sought: by weighted objectives, or by goals in the order of their priority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tianfu.apps.radiotherapy.model.planning.wishes import HoldingWish, PlanWish
from tianfu.apps.radiotherapy.model.protocols import Goal, Protocol
from tianfu.apps.radiotherapy.plan_forms.forms import PlanForm
from tianfu.apps.radiotherapy.plan_forms.roles import suggested

WEIGHTED, IN_ORDER = "weighted", "in-order"

OWN = "template"
"""What the form says of goals that are those of the template, or of the plan that a variant is made of."""

LEFT_OUT = "::left-out"
"""What the form says of a structure that the case does not have: its goals are left out."""

HOLDING: Mapping[str, str] = {f"holding_{name}": name for name in HoldingWish.__struct_fields__}
"""The form's fields, and what of a holding each says."""

REFUSED_GOALS = frozenset(
    {
        *("no-goals", "goal-not-for-planning", "volume-beyond-structure", "constraint-not-understood"),
        *("variation-stricter-than-goal", "protocol-not-understood"),
    }
)
"""What of goals no plan can be made of, told beside the field that names them."""


def goals_named(form: PlanForm, base: PlanWish, protocols: Mapping[str, Protocol]) -> tuple[Goal, ...]:
    """The goals that the form names; none if it names nothing that is there."""
    if form.order_by == OWN:
        return base.goals
    protocol = protocols.get(form.order_by)
    return () if protocol is None else protocol.goals


def goal_roles(goals: Sequence[Goal], base: PlanWish) -> tuple[str, ...]:
    """The structures of goals that are none of the template's, each once."""
    known = set(base.structures)
    return tuple(dict.fromkeys(goal.structure for goal in goals if goal.structure not in known))


def with_goals_shown(
    form: PlanForm, base: PlanWish, protocols: Mapping[str, Protocol], structures: Sequence[str]
) -> PlanForm:
    """The form as it is shown with the goals that it names: structures of other ones are suggested, and confirmed anew.

    `structures` are those of the case.
    """
    if form.seen_order == form.order_by:
        return form
    roles = goal_roles(goals_named(form, base, protocols), base)
    return replace(
        form,
        seen_order=form.order_by,
        goal_structures=tuple(suggested(role, structures) for role in roles),
        confirmed="" if roles else form.confirmed,
    )
