"""What a command says of a plan, whether it was made here or by a work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.plan_results import GoalResult, PlanResult
    from tianfu.apps.radiotherapy.queries.plan_making import MadePlan
    from tianfu.apps.radiotherapy.results import LineResult


@dataclass(frozen=True, kw_only=True)
class SaidBeam:
    """A beam in one line."""

    number: int
    gantry_degrees: float
    segments: int
    mu: float


@dataclass(frozen=True, kw_only=True)
class SaidPlan:
    """A plan in a few lines; `instances` by what they are, `faults` the rules that are not kept by severity.

    `lines` are a protocol's goals, none without one; `in_order` those that were served in their order.
    """

    instances: Mapping[str, str]
    machine: str
    reached_gy: float
    dose_gy_max: float
    beams: tuple[SaidBeam, ...]
    faults: Mapping[str, tuple[str, ...]]
    lines: tuple[LineResult, ...]
    in_order: tuple[GoalResult, ...]


def said_of(made: MadePlan, lines: tuple[LineResult, ...]) -> SaidPlan:
    """A plan that was made here."""
    from tianfu.apps.radiotherapy.made_plan_results import goal_result

    objects, fields = made.objects, made.planned.fields
    instances = {"plan": objects.plan.instance, "dose": objects.dose.instance}
    if objects.second is not None:
        instances["second-dose"] = objects.second.instance
    beams = tuple(
        SaidBeam(
            number=fields[part.field].number,
            gantry_degrees=fields[part.field].gantry_degrees,
            segments=len(part.segments),
            mu=round(part.mu, 6),
        )
        for part in made.planned.parts
    )
    return SaidPlan(
        instances=instances,
        machine=str(objects.plan.beams[0].machine),
        reached_gy=made.planned.reached_gy,
        dose_gy_max=float(objects.dose.volume.values.max()),
        beams=beams,
        faults=_by_severity([(one.rule.severity.value, one.rule.id) for one in made.outcomes if one.faults]),
        lines=lines,
        in_order=tuple(map(goal_result, made.served)),
    )


def said_of_result(result: PlanResult) -> SaidPlan:
    """A plan that a work made."""
    return SaidPlan(
        instances={each.kind: each.instance for each in result.objects},
        machine=result.machine.name,
        reached_gy=result.reached_gy,
        dose_gy_max=result.dose_gy_max,
        beams=tuple(
            SaidBeam(
                number=field.number,
                gantry_degrees=field.gantry_degrees,
                segments=len(field.segments),
                mu=round(field.mu, 6),
            )
            for field in result.fields
        ),
        faults=_by_severity([(one.severity, one.rule) for one in result.checks if one.faults]),
        lines=result.lines,
        in_order=result.in_order,
    )


def _by_severity(found: list[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    from tianfu.apps.radiotherapy.model.checking.rules import Severity

    return {each.value: tuple(rule for severity, rule in found if severity == each) for each in Severity}
