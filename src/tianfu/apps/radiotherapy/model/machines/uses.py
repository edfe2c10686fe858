"""What a machine may be used for: the one place that answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tianfu.apps.radiotherapy.model.machines.machines import Machine, Use
from tianfu.apps.radiotherapy.model.machines.modelling import refuse_unless_modelled_so
from tianfu.apps.radiotherapy.model.machines.reading import refuse_unless_machine
from tianfu.apps.radiotherapy.model.machines.signatories import read_signatories
from tianfu.apps.radiotherapy.model.machines.signatures import Signatory, Signature, approval_of
from tianfu.apps.radiotherapy.model.machines.standing import signatures_of
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


def refuse_unless_for_its_purpose(machine: Machine, *, signatures: Sequence[bytes], signatories: bytes | None) -> None:
    """Do nothing if a machine may be used for what it says it is for, by the bytes of what lies beside it.

    A machine for demonstrations needs nobody's signature, whatever else lies there.  Raises Refusal those of
    `refuse_unless_for`, and for a clinical machine those of `signatures_of`, `read_signatories` and
    `refuse_unless_modelled_so`: whoever signed may have signed with another program.
    """
    if machine.purpose == "demonstration":
        refuse_unless_for("demonstration", machine, signatures=(), people={})
        return
    people = {} if signatories is None else read_signatories(signatories)
    refuse_unless_for(machine.purpose, machine, signatures=signatures_of(signatures), people=people)
    refuse_unless_modelled_so(machine)
