"""What a machine may be used for: the one place that answers."""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.apps.radiotherapy.model.machines.machines import Machine, Use
from tianfu.apps.radiotherapy.model.machines.reading import refuse_unless_machine
from tianfu.apps.radiotherapy.model.machines.signatures import Signatory, Signature, approval_of
from tianfu.kernel.refusal import Refusal


def refuse_unless_for(
    use: Use, machine: Machine, *, signatures: tuple[Signature, ...], people: Mapping[str, Signatory]
) -> None:
    """Do nothing if the machine may be used so.

    Any sound machine may be used for demonstration.  For clinical use its purpose must be clinical, it must be
    commissioned, and two persons must have signed this very version; that does not clear the program for it.
    Raises Refusal `machine-only-for-demonstration`, those of `refuse_unless_machine` or those of `approval_of`.
    """
    refuse_unless_machine(machine)
    if use == "demonstration":
        return
    if machine.purpose != "clinical":
        raise Refusal("machine-only-for-demonstration", details=machine.named)
    approval_of(machine, signatures, people)
