"""Protocols as data: goals for named structures, each with its priority, its mark and its source.

A protocol is never clinical advice: its notice says so, and goes wherever its scorecard goes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tianfu.apps.radiotherapy.model.constraints import Constraint, constraint_from
from tianfu.apps.radiotherapy.model.machines.typed import read_typed
from tianfu.kernel.refusal import Refusal

VERSION = 1

BYTES_MOST = 1_000_000
"""Of a protocol's file. [ours]"""

Mark = Literal["published", "memory", "inferred", "ours"]
"""How a line is known: read in its source, recalled and to be verified there, concluded, or our own."""


class Goal(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A constraint for a structure by its TG-263 name; priority 1 goes first.

    `variation` is the limit up to which missing the goal is acceptable, in the goal's unit; None if there is none.
    """

    structure: str
    goal: str
    priority: int
    variation: float | None
    mark: Mark
    source: str

    @property
    def constraint(self) -> Constraint:
        """The goal as it was read when the protocol was."""
        return constraint_from(self.goal)


class Protocol(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Goals under a name; `prescription_gy` is the dose that percentages are of, None if the plan says it."""

    version: int
    name: str
    title: dict[str, str]
    notice: dict[str, str]
    prescription_gy: float | None
    goals: tuple[Goal, ...]


def protocol_from(text: bytes) -> Protocol:
    """Read a protocol.

    Raises Refusal `protocol-not-understood` with the element, also for one that is said twice,
    `constraint-not-understood`, or `variation-stricter-than-goal`.
    """
    protocol = read_typed(text, Protocol, bytes_most=BYTES_MOST, code="protocol-not-understood")
    if protocol.version != VERSION:
        raise Refusal("protocol-not-understood", details={"problem": f"version {protocol.version}"})
    for goal in protocol.goals:
        refuse_unless_goal(goal)
    return protocol


def refuse_unless_goal(goal: Goal) -> None:
    """Do nothing for a goal that can be judged.

    Raises Refusal `constraint-not-understood`, `protocol-not-understood` or `variation-stricter-than-goal`.
    """
    constraint = goal.constraint
    if goal.priority < 1:
        raise Refusal("protocol-not-understood", details={"problem": f"priority {goal.priority} of {goal.goal}"})
    if goal.variation is None:
        return
    is_wider = (
        goal.variation < constraint.limit if constraint.comparison.wants_more else goal.variation > constraint.limit
    )
    if not is_wider:
        raise Refusal(
            "variation-stricter-than-goal", details={"constraint": goal.goal, "variation": f"{goal.variation:g}"}
        )
