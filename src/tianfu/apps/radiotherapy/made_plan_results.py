"""From a plan that was made to what is kept of it."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.apps.radiotherapy.made_results import line_result, structure_result
from tianfu.apps.radiotherapy.model.checking.complexity import SMALL_MM, Complexity, PlanComplexity
from tianfu.apps.radiotherapy.model.checking.rules import Outcome
from tianfu.apps.radiotherapy.model.checking.verdicts import worst
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of
from tianfu.apps.radiotherapy.model.optimisation.apertures import FieldSegments, Segment
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish
from tianfu.apps.radiotherapy.model.protocols import Protocol
from tianfu.apps.radiotherapy.model.transport.density_tables import DensityTable, fingerprint_of_table
from tianfu.apps.radiotherapy.model.transport.fields import Field
from tianfu.apps.radiotherapy.plan_results import (
    CheckResult,
    ComplexityFigures,
    ComplexityResult,
    DensityTableResult,
    FaultResult,
    FieldResult,
    GoalResult,
    MachineResult,
    ObjectResult,
    OddResult,
    PlanResult,
    SecondResult,
    SegmentResult,
)
from tianfu.apps.radiotherapy.queries.evaluation import Evaluation
from tianfu.apps.radiotherapy.queries.plan_goals import ServedGoal
from tianfu.apps.radiotherapy.queries.plan_making import MadePlan
from tianfu.apps.radiotherapy.results import Provenance
from tianfu.standards.dicom.cases import Case


@dataclass(frozen=True, kw_only=True, eq=False)
class AskedPlan:
    """What was asked for, read: `text` is the template's, `case` has the contours and images that were chosen."""

    case: Case
    wish: PlanWish
    text: str
    machine: Machine
    machine_document: str
    table: DensityTable
    table_document: str
    protocol: Protocol | None


@dataclass(frozen=True, kw_only=True, eq=False)
class JudgedPlan:
    """A plan with its doses in all structures; `second` is the judged dose of a second engine, if one was wished."""

    made: MadePlan
    first: Evaluation
    second: Evaluation | None


def plan_result_of(
    judged: JudgedPlan,
    asked: AskedPlan,
    *,
    objects: tuple[ObjectResult, ...],
    provenance: Provenance,
) -> PlanResult:
    """A plan as it is kept."""
    made, wish, machine = judged.made, asked.wish, asked.machine
    planned, base, prescription = made.planned, made.base, wish.prescription
    gravest = worst(made.outcomes)
    return PlanResult(
        provenance=provenance,
        wish=asked.text,
        name=wish.name,
        machine=MachineResult(
            name=machine.name,
            version=machine.version,
            fingerprint=fingerprint_of(machine),
            document=asked.machine_document,
            notice=machine.notice,
        ),
        density_table=_density_table(asked),
        structure_set=base.structure_set.instance,
        images=base.images.header.series.uid,
        odd=tuple(OddResult(code=each.code, details=dict(each.details)) for each in made.told),
        prescribed_structure=prescription.structure,
        prescribed_gy=prescription.dose_gy,
        prescribed_volume_percent=prescription.volume_percent,
        fractions=prescription.fractions,
        fields=tuple(_field(part, planned.fields[part.field]) for part in planned.parts),
        mu=sum(part.mu for part in planned.parts),
        segments=sum(len(part.segments) for part in planned.parts),
        reached_gy=planned.reached_gy,
        dose_gy_max=float(planned.dose.values.max()),
        engine="pencil-beam",
        structures=tuple(map(structure_result, judged.first.structures)),
        protocol="" if asked.protocol is None else asked.protocol.name,
        lines=tuple(map(line_result, judged.first.lines)),
        checks=tuple(map(_check, made.outcomes)),
        worst=None if gravest is None else gravest.value,
        complexity=None if made.complexity is None else _complexity(made.complexity),
        second=None if judged.second is None else _second(judged.second, made, wish),
        objects=objects,
        in_order=tuple(map(goal_result, made.served)),
    )


def goal_result(served: ServedGoal) -> GoalResult:
    """A goal that was served in its order as it is kept."""
    line, goal, judged = served.line, served.line.goal, served.score
    return GoalResult(
        structure=goal.structure,
        goal=goal.goal,
        priority=goal.priority,
        mark=goal.mark,
        source=goal.source,
        unit=goal.constraint.unit.value,
        held=str(line.held),
        by_fluence=line.reached,
        is_held_by_fluence=line.is_held,
        reached=judged.reached,
        is_held=served.is_held,
        verdict=judged.verdict.value,
        reason=judged.reason,
    )


def _density_table(asked: AskedPlan) -> DensityTableResult:
    table = asked.table
    return DensityTableResult(
        name=table.name,
        version=table.version,
        is_phantoms=table.is_phantoms,
        scanner=table.scanner,
        notice=table.notice,
        fingerprint=fingerprint_of_table(table),
        document=asked.table_document,
    )


def _field(part: FieldSegments, field: Field) -> FieldResult:
    x, y, z = field.isocentre.tolist()
    return FieldResult(
        number=field.number,
        gantry_degrees=field.gantry_degrees,
        collimator_degrees=field.collimator_degrees,
        couch_degrees=field.couch_degrees,
        isocentre_mm=(x, y, z),
        jaws_x_mm=part.jaws_x_mm,
        jaws_y_mm=part.jaws_y_mm,
        mu=part.mu,
        segments=tuple(map(_segment, part.segments)),
    )


def _segment(segment: Segment) -> SegmentResult:
    return SegmentResult(
        mu=segment.mu, first_mm=tuple(segment.first_mm.tolist()), second_mm=tuple(segment.second_mm.tolist())
    )


def _check(outcome: Outcome) -> CheckResult:
    rule = outcome.rule
    return CheckResult(
        rule=rule.id,
        severity=rule.severity.value,
        topic=rule.topic.value,
        evidence=rule.evidence,
        mark=rule.mark,
        verdict=outcome.verdict.value,
        not_judged=outcome.reason,
        faults=tuple(FaultResult(where=dict(fault.where), details=dict(fault.details)) for fault in outcome.faults),
    )


def _complexity(found: PlanComplexity) -> ComplexityResult:
    return ComplexityResult(
        mu_per_gy=found.mu_per_gy,
        plan=_figures(found.plan),
        beams={str(number): _figures(one) for number, one in found.beams.items()},
    )


def _figures(one: Complexity) -> ComplexityFigures:
    return ComplexityFigures(
        mu=one.mu,
        mcs=one.mcs,
        lsv=one.lsv,
        aav=one.aav,
        sas={f"{limit:g}": score for limit, score in zip(SMALL_MM, one.sas, strict=True)},
        irregularity=one.irregularity,
        modulation=one.modulation,
        area_mm2=one.area_mm2,
    )


def _second(judged: Evaluation, made: MadePlan, wish: PlanWish) -> SecondResult:
    prescription = wish.prescription
    volume = judged.dose.volume
    return SecondResult(
        engine=str(wish.computation.second),
        reached_gy=made.base.subject.target.dose_gy(volume, volume_percent=prescription.volume_percent),
        dose_gy_max=float(volume.values.max()),
        structures=tuple(map(structure_result, judged.structures)),
    )
