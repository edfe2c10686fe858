"""A plan of a case from beginning to end: made, as DICOM's values, and looked over by the rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tianfu.apps.radiotherapy.model.checking.complexity import PlanComplexity, complexity_of
from tianfu.apps.radiotherapy.model.checking.rules import NotJudgedError, Outcome
from tianfu.apps.radiotherapy.model.checking.subjects import Checked, checked_of, machine_limits_of
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
from tianfu.apps.radiotherapy.model.protocols import Protocol
from tianfu.apps.radiotherapy.model.scorecards import ScoreLine
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable
from tianfu.apps.radiotherapy.queries.evaluation import evaluate
from tianfu.apps.radiotherapy.queries.plan_goals import ServedGoal, not_held, served_goals
from tianfu.apps.radiotherapy.queries.plan_objects import PlanMaking, PlanObjects, plan_objects
from tianfu.apps.radiotherapy.queries.planning import PlanBase, plan_base_of
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.findings import Finding, found
from tianfu.standards.dicom.grids import Volume
from tianfu.standards.dicom.plans import Plan

LACKS_BY_DEFINITION = frozenset({"plan-not-for-treatment"})
"""Rules that say stop to every plan of ours: its intent is research, since no machine of ours is anybody's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MadePlan:
    """A plan with everything that was found out about it; `complexity` is None where rules could not tell it.

    `told` is what is odd about the case, and what of the plan was cut short; `served` are goals in their order.
    """

    base: PlanBase
    planned: Planned
    objects: PlanObjects
    outcomes: tuple[Outcome, ...]
    complexity: PlanComplexity | None
    served: tuple[ServedGoal, ...]
    told: tuple[Finding, ...]


def made_plan(
    case: Case,
    wish: PlanWish,
    machine: Machine,
    table: DensityTable,
    *,
    kept: Kept | None,
    heard: Heard,
    making: PlanMaking,
) -> MadePlan:
    """Make a plan, from what is kept on if anything is, and look it over without a protocol.

    Raises Refusal as `plan_base_of` and `planned` do.
    """
    refuse_other_machine(wish, machine)
    base = plan_base_of(case, wish, table)
    task = PlanTask(wish=wish, machine=machine, table=table, subject=base.subject, heard=heard)
    return made_on(base, task, kept=kept, making=making, protocol=None)


def judged_plan(
    case: Case,
    wish: PlanWish,
    machine: Machine,
    table: DensityTable,
    *,
    protocol: Protocol | None,
    heard: Heard,
    making: PlanMaking,
) -> tuple[MadePlan, tuple[ScoreLine, ...]]:
    """The same judged by a protocol's goals in its first dose, if there is one; its rules know of it, too."""
    refuse_other_machine(wish, machine)
    base = plan_base_of(case, wish, table)
    task = PlanTask(wish=wish, machine=machine, table=table, subject=base.subject, heard=heard)
    made = made_on(base, task, kept=None, making=making, protocol=protocol)
    if protocol is None:
        return made, ()
    planned_case = case_with(base, made.objects.plan, made.objects.dose)
    judged = evaluate(planned_case, dose=None, protocol=protocol, on_progress=lambda _step, _done, _total: None)
    return made, judged.lines


def made_on(
    base: PlanBase, task: PlanTask, *, kept: Kept | None, making: PlanMaking, protocol: Protocol | None
) -> MadePlan:
    """The same on a case that is already seen as the wish sees it; its rules know of the protocol, if there is one."""
    made = planned(task, kept=nothing_kept(task) if kept is None else kept)
    objects = plan_objects(base, task.wish, task.machine, made, making)
    tell(task.heard, Told(step=StepName.CHECKS))
    checked = _checked(base, objects, task.machine, protocol, made.second)
    outcomes, complexity = outcomes_of(checked), _complexity(checked)
    served = served_goals(made.lines, base, objects.dose.volume, prescription_gy=task.wish.prescription.dose_gy)
    tell(task.heard, Told(step=StepName.CHECKS, is_done=True))
    return MadePlan(
        base=base,
        planned=made,
        objects=objects,
        outcomes=outcomes,
        complexity=complexity,
        served=served,
        told=(*base.told, *cut_short(made, task.wish), *not_held(served)),
    )


def cut_short(made: Planned, wish: PlanWish) -> tuple[Finding, ...]:
    """What of a wish was not done to its end: iterations that ran out, beams that give nothing."""
    told = []
    if not made.is_converged:
        told.append(found("plan-fluence-cut-short", iterations=wish.optimisation.fluence.iterations_most))
    if empty := made.fields_without_segments:
        asked = len(made.fields)
        told.append(
            found(
                "plan-beams-without-segments",
                beams=", ".join(map(str, empty)),
                asked=asked,
                made=asked - len(empty),
            )
        )
    return tuple(told)


def case_with(base: PlanBase, plan: Plan, dose: Dose) -> Case:
    """The case that a plan was made on, with the plan and one dose of it alone."""
    return Case(images=(base.images,), structure_sets=(base.structure_set,), plans=(plan,), doses=(dose,))


def _checked(
    base: PlanBase,
    objects: PlanObjects,
    machine: Machine,
    protocol: Protocol | None,
    second: Volume[np.float32] | None,
) -> Checked:
    """What rules look at: a plan with its first dose, on its machine, beside the dose of the second engine if any."""
    case = case_with(base, objects.plan, objects.dose)
    checked = checked_of(case, plan=None, machine=machine_limits_of(machine), protocol=protocol)
    return replace(checked, recomputed_given=second)


def _complexity(checked: Checked) -> PlanComplexity | None:
    try:
        return complexity_of(checked)
    except NotJudgedError:
        return None
