"""Whose turn it is to sign a machine, told before anything is signed; `signatures.approval_of` judges all the same."""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.apps.radiotherapy.model.machines.commissioning import refuse_unless_commissioned
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.machines.signatures import Role, Signature, is_by_key
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal


def refuse_unless_in_turn(
    machine: Machine, *, signer: str, role: Role, at: Instant, before: Sequence[Signature]
) -> None:
    """Do nothing if somebody may sign now, after those whose signatures lie there.

    Raises Refusal those of `refuse_unless_commissioned`; `signature-of-another-machine` if one that lies there is of
    another; `signed-already` in a role; `signer-not-commissioner`; `machine-signed-by-one-person`; `machine-not-signed`
    for an approver before the physicist; or `signed-out-of-order`.
    """
    refuse_unless_commissioned(machine)
    commissioning = machine.commissioning
    fingerprint = fingerprint_of(machine)
    for each in before:
        if each.fingerprint != fingerprint:
            raise Refusal("signature-of-another-machine", details={"signer": each.signer})
        if each.role == role:
            raise Refusal("signed-already", details={"signer": each.signer, "role": role})
        if each.signer == signer:
            raise Refusal("machine-signed-by-one-person", details={"signer": signer})
    if role == "physicist":
        if commissioning is None or commissioning.by != signer:
            raise Refusal("signer-not-commissioner", details={"signer": signer})
        earlier = commissioning.at
    else:
        earlier = _physicists(machine, before).at
    if at < earlier:
        raise Refusal("signed-out-of-order", details={"signer": signer})


def refuse_own_key(before: Sequence[Signature], public_key: bytes) -> None:
    """Raises Refusal `machine-signed-by-one-person` if this key signed already, under whatever name."""
    for each in before:
        if is_by_key(each, public_key):
            raise Refusal("machine-signed-by-one-person", details={"signer": each.signer})


def _physicists(machine: Machine, before: Sequence[Signature]) -> Signature:
    for each in before:
        if each.role == "physicist":
            return each
    raise Refusal("machine-not-signed", details={**machine.named, "role": "physicist"})
