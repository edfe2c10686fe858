"""Whether everything that must be measured on a machine was, and agrees with its model."""

from __future__ import annotations

from typing import get_args

from tianfu.apps.radiotherapy.model.machines.machines import Kind, Machine
from tianfu.kernel.refusal import Refusal


def refuse_unless_commissioned(machine: Machine) -> None:
    """Do nothing for a machine of which everything was measured on it and lies within its tolerance.

    Raises Refusal `machine-not-commissioned`, `commissioning-incomplete` with the kind that is lacking,
    `measurement-not-measured` or `measurement-out-of-tolerance` with what.
    """
    if machine.commissioning is None:
        raise Refusal("machine-not-commissioned", details=machine.named)
    measurements = machine.commissioning.measurements
    for kind in get_args(Kind):
        if all(each.kind != kind for each in measurements):
            raise Refusal("commissioning-incomplete", details={**machine.named, "kind": kind})
    for each in measurements:
        if each.mark != "measured":
            raise Refusal("measurement-not-measured", details={**machine.named, "what": each.what})
        if not each.is_within:
            raise Refusal("measurement-out-of-tolerance", details={**machine.named, "what": each.what})
