"""How a machine stands: who answers for it by name, or what keeps it from being approved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.machines.signatures import (
    Approval,
    Signatory,
    Signature,
    approval_of,
    read_signature,
    refuse_unless_genuine,
)
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of
from tianfu.kernel.refusal import Refusal


@dataclass(frozen=True, kw_only=True)
class SeenSignature:
    """A signature that lies beside a machine; `signature` is None for bytes that are none, `fault` None if genuine."""

    signature: Signature | None
    fault: Refusal | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Either two persons answer for a machine, or `lacking` says why nobody does.

    A signature that is not genuine stands among the `signatures` with its fault, and keeps a machine from being
    approved whatever else lies there.
    """

    approval: Approval | None
    lacking: Refusal | None
    signatures: tuple[SeenSignature, ...]

    @property
    def problems(self) -> tuple[Refusal, ...]:
        """Everything that keeps the machine from being approved, each said once."""
        found = [self.lacking, *(each.fault for each in self.signatures)]
        told = {(each.code, *each.details.values()): each for each in found if each is not None}
        return tuple(told.values())


def standing_of(machine: Machine, signatures: Sequence[bytes], people: Mapping[str, Signatory]) -> Standing:
    """How a machine stands with these bytes beside it."""
    fingerprint = fingerprint_of(machine)
    seen = tuple(_seen(data, fingerprint, people) for data in signatures)
    try:
        return Standing(approval=approval_of(machine, signatures_of(signatures), people), lacking=None, signatures=seen)
    except Refusal as refusal:
        return Standing(approval=None, lacking=refusal, signatures=seen)


def not_judged(refusal: Refusal) -> Standing:
    """How a machine stands that cannot be read, or of which nobody can say who may sign it."""
    return Standing(approval=None, lacking=refusal, signatures=())


def signatures_of(written: Sequence[bytes]) -> tuple[Signature, ...]:
    """The signatures of these bytes; raises Refusal `signature-not-understood` for any that is none."""
    return tuple(map(read_signature, written))


def _seen(data: bytes, fingerprint: str, people: Mapping[str, Signatory]) -> SeenSignature:
    try:
        signature = read_signature(data)
    except Refusal as refusal:
        return SeenSignature(signature=None, fault=refusal)
    try:
        refuse_unless_genuine(signature, fingerprint, people)
    except Refusal as refusal:
        return SeenSignature(signature=signature, fault=refusal)
    return SeenSignature(signature=signature, fault=None)
