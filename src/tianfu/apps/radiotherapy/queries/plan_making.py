"""A plan of a case from beginning to end: made, as DICOM's values, and looked over by the rules."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.apps.radiotherapy.model.checking.rules import Outcome
from tianfu.apps.radiotherapy.model.checking.subjects import checked_of, machine_limits_of
from tianfu.apps.radiotherapy.model.checking.verdicts import outcomes_of
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.planning.kept import Kept
from tianfu.apps.radiotherapy.model.planning.steps import (
    Heard,
    Planned,
    PlanTask,
    StepName,
    Told,
    nothing_kept,
    planned,
    refuse_other_machine,
    tell,
)
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.queries.plan_objects import PlanMaking, PlanObjects, plan_objects
from tianfu.apps.radiotherapy.queries.planning import PlanBase, plan_base_of
from tianfu.standards.dicom.cases import Case

LACKS_BY_DEFINITION = frozenset({"plan-not-for-treatment"})
"""Rules that say stop to every plan of ours: its intent is research, since no machine of ours is anybody's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MadePlan:
    """A plan with everything that was found out about it."""

    base: PlanBase
    planned: Planned
    objects: PlanObjects
    outcomes: tuple[Outcome, ...]


def made_plan(
    case: Case, wish: PlanWish, machine: Machine, *, kept: Kept | None, heard: Heard, making: PlanMaking
) -> MadePlan:
    """Make a plan, from what is kept on if anything is.

    Raises Refusal as `plan_base_of` and `planned` do.
    """
    refuse_other_machine(wish, machine)
    base = plan_base_of(case, wish)
    task = PlanTask(wish=wish, machine=machine, subject=base.subject, heard=heard)
    made = planned(task, kept=nothing_kept(task) if kept is None else kept)
    objects = plan_objects(base, wish, machine, made, making)
    tell(heard, Told(step=StepName.CHECKS))
    outcomes = checked_plan(base, objects, machine)
    tell(heard, Told(step=StepName.CHECKS, is_done=True))
    return MadePlan(base=base, planned=made, objects=objects, outcomes=outcomes)


def checked_plan(base: PlanBase, objects: PlanObjects, machine: Machine) -> tuple[Outcome, ...]:
    """What the rules say of a plan with its first dose, on its machine, without a protocol."""
    case = Case(
        images=(base.images,), structure_sets=(base.structure_set,), plans=(objects.plan,), doses=(objects.dose,)
    )
    return outcomes_of(checked_of(case, plan=None, machine=machine_limits_of(machine), protocol=None))
