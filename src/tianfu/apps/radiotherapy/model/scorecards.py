"""What a plan reaches of a protocol: one line for each goal."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from enum import StrEnum

from tianfu.apps.radiotherapy.model.constraints import Constraint, Quantity, Unit
from tianfu.apps.radiotherapy.model.dvh import Dvh
from tianfu.apps.radiotherapy.model.dvh_figures import dose_at_cc, dose_at_percent, volume_at_dose_cc
from tianfu.apps.radiotherapy.model.protocols import Goal, Protocol
from tianfu.kernel.refusal import Refusal


class Verdict(StrEnum):
    """How a goal was kept."""

    MET = "met"
    WITHIN_VARIATION = "within-variation"
    MISSED = "missed"
    NOT_EVALUABLE = "not-evaluable"


@dataclass(frozen=True, kw_only=True)
class ScoreLine:
    """A goal and what was reached, in the goal's unit; `reason` is a code, if it is not evaluable.

    Of a structure that is partly outside of the dose grid the rest's value is told, but no verdict: what is not
    known could break any goal.
    """

    goal: Goal
    reached: float | None
    verdict: Verdict
    reason: str | None


def scorecard(
    protocol: Protocol,
    dvhs: Mapping[str, Dvh],
    *,
    prescription_gy: float | None,
    several: Set[str] = frozenset(),
) -> tuple[ScoreLine, ...]:
    """The lines of a protocol by priority; the prescribed dose is the plan's, or else the protocol's.

    Of a name that `several` structures have nobody knows which one is meant: its goals are not evaluable.
    """
    prescribed = prescription_gy if prescription_gy is not None else protocol.prescription_gy
    return tuple(
        _not_evaluable(goal, "structure-ambiguous")
        if goal.structure in several
        else score(goal, dvhs.get(goal.structure), prescription_gy=prescribed)
        for goal in sorted(protocol.goals, key=lambda goal: goal.priority)
    )


def score(goal: Goal, dvh: Dvh | None, *, prescription_gy: float | None) -> ScoreLine:
    """The line of one goal."""
    if dvh is None:
        return _not_evaluable(goal, "structure-missing")
    try:
        reached = value_of(goal.constraint, dvh, prescription_gy=prescription_gy)
    except Refusal as refusal:
        return _not_evaluable(goal, refusal.code)
    if dvh.is_partial:
        return _not_evaluable(goal, "structure-partly-outside-dose", reached=reached)
    return ScoreLine(goal=goal, reached=reached, verdict=verdict_of(goal, reached), reason=None)


def verdict_of(goal: Goal, reached: float) -> Verdict:
    """Whether a value keeps the goal, or at least its variation."""
    constraint = goal.constraint
    if constraint.comparison.holds(reached, constraint.limit):
        return Verdict.MET
    if goal.variation is not None and constraint.comparison.holds(reached, goal.variation):
        return Verdict.WITHIN_VARIATION
    return Verdict.MISSED


def value_of(constraint: Constraint, dvh: Dvh, *, prescription_gy: float | None) -> float:
    """What a histogram reaches, in the unit of the constraint.

    Raises Refusal `prescription-missing` if a percentage of it is asked, `volume-beyond-structure` if the structure
    is smaller than the volume asked for.
    """
    if constraint.needs_prescription and not (prescription_gy is not None and prescription_gy > 0):
        raise Refusal("prescription-missing", details={"constraint": str(constraint)})
    prescribed = prescription_gy or 0.0
    if constraint.quantity in {Quantity.VOLUME_AT_DOSE, Quantity.VOLUME_BELOW_DOSE}:
        return _volume(constraint, dvh, prescribed)
    dose = _dose(constraint, dvh)
    return dose if constraint.unit is Unit.GY else 100 * dose / prescribed


def _dose(constraint: Constraint, dvh: Dvh) -> float:
    if constraint.quantity is Quantity.MEAN:
        return dvh.mean_gy
    if constraint.quantity is Quantity.MAX:
        return dvh.max_gy
    if constraint.quantity is Quantity.MIN:
        return dvh.min_gy
    at = constraint.at or 0.0
    return dose_at_percent(dvh, at) if constraint.at_unit is Unit.PERCENT else dose_at_cc(dvh, at)


def _volume(constraint: Constraint, dvh: Dvh, prescribed_gy: float) -> float:
    at = constraint.at or 0.0
    volume = volume_at_dose_cc(dvh, at if constraint.at_unit is Unit.GY else at / 100 * prescribed_gy)
    if constraint.quantity is Quantity.VOLUME_BELOW_DOSE:
        volume = dvh.volume_cc - volume
    return volume if constraint.unit is Unit.CC else 100 * volume / dvh.volume_cc


def _not_evaluable(goal: Goal, reason: str, *, reached: float | None = None) -> ScoreLine:
    return ScoreLine(goal=goal, reached=reached, verdict=Verdict.NOT_EVALUABLE, reason=reason)
