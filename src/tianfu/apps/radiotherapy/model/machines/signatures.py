"""Two persons answer for a machine: a physicist who commissioned it, and another who approved it.

A signature lies beside the machine and is Ed25519 (RFC 8032) over a statement of its fingerprint, who, as what and
when.  Whose key is whose is for the caller to know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tianfu.apps.radiotherapy.model.machines.commissioning import refuse_unless_commissioned
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of, one_form
from tianfu.kernel.instants import EARLIEST, LATEST, Instant
from tianfu.kernel.refusal import Refusal

Role = Literal["physicist", "approver"]

MEANING = "tianfu radiotherapy machine 1"
"""Stands in every statement, so that a signature of something else is never one of a machine."""

BYTES_MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class Signature:
    """That somebody answers for the machine of this fingerprint, as what and since when."""

    fingerprint: str
    signer: str
    role: Role
    at: Instant
    value: bytes


@dataclass(frozen=True, kw_only=True)
class Signatory:
    """A person who may sign, in which roles, his public key of 32 bytes, and when his right ends, None for never."""

    name: str
    roles: frozenset[Role]
    public_key: bytes
    until: Instant | None


@dataclass(frozen=True, kw_only=True)
class Approval:
    """That one person commissioned the machine of this fingerprint and another approved it."""

    fingerprint: str
    physicist: str
    approver: str
    approved_at: Instant


def sign_machine(machine: Machine, *, signer: str, role: Role, at: Instant, private_key: bytes) -> Signature:
    """Sign in one's role with one's private key of 32 bytes.  Raises Refusal as `refuse_unless_commissioned` does."""
    refuse_unless_commissioned(machine)
    fingerprint = fingerprint_of(machine)
    statement = _statement(fingerprint=fingerprint, signer=signer, role=role, at=at)
    value = Ed25519PrivateKey.from_private_bytes(private_key).sign(statement)
    return Signature(fingerprint=fingerprint, signer=signer, role=role, at=at, value=value)


def approval_of(machine: Machine, signatures: tuple[Signature, ...], people: Mapping[str, Signatory]) -> Approval:
    """That the physicist who commissioned the machine and somebody else signed it, one after the other.

    `people` are those who may sign, by name.  Raises Refusal: those of `refuse_unless_commissioned`;
    those of `refuse_unless_genuine`, `signature-of-another-machine` if one bit of the machine is another;
    `machine-not-signed` in a `role`; `machine-signed-by-one-person`; `signer-not-commissioner`; or
    `signed-out-of-order`.
    """
    refuse_unless_commissioned(machine)
    fingerprint = fingerprint_of(machine)
    for signature in signatures:
        refuse_unless_genuine(signature, fingerprint, people)
    physicist, approver = _only(signatures, "physicist", machine), _only(signatures, "approver", machine)
    _refuse_unless_two(people[physicist.signer], people[approver.signer])
    _refuse_unless_in_order(machine, physicist, approver)
    return Approval(
        fingerprint=fingerprint, physicist=physicist.signer, approver=approver.signer, approved_at=approver.at
    )


def refuse_unless_genuine(signature: Signature, fingerprint: str, people: Mapping[str, Signatory]) -> None:
    """Do nothing for a signature of the machine of this fingerprint by somebody who may sign so.

    Raises Refusal `signature-of-another-machine`, `signer-not-known`, `signer-without-role`,
    `signed-after-right-ended` or `signature-false`.
    """
    if signature.fingerprint != fingerprint:
        raise Refusal("signature-of-another-machine", details={"signer": signature.signer})
    signatory = people.get(signature.signer)
    if signatory is None or signatory.name != signature.signer:
        raise Refusal("signer-not-known", details={"signer": signature.signer})
    if signature.role not in signatory.roles:
        raise Refusal("signer-without-role", details={"signer": signature.signer, "role": signature.role})
    if signatory.until is not None and signature.at > signatory.until:
        raise Refusal("signed-after-right-ended", details={"signer": signature.signer})
    if not is_by_key(signature, signatory.public_key):
        raise Refusal("signature-false", details={"signer": signature.signer})


def is_by_key(signature: Signature, public_key: bytes) -> bool:
    """Whether who holds the private key to this public one of 32 bytes said what a signature says."""
    statement = _statement(
        fingerprint=signature.fingerprint, signer=signature.signer, role=signature.role, at=signature.at
    )
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature.value, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def write_signature(signature: Signature) -> bytes:
    """The bytes of a signature, to lie beside the machine."""
    return one_form(msgspec.to_builtins(signature))


def read_signature(data: bytes) -> Signature:
    """The signature of these bytes, not yet verified.  Raises Refusal `signature-not-understood`."""
    try:
        if len(data) > BYTES_MOST:
            raise Refusal("signature-not-understood", details={"problem": f"{len(data)} bytes"})
        signature = msgspec.json.decode(data, type=Signature)
        is_same = write_signature(signature) == data
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refusal("signature-not-understood", details={"problem": str(error)}) from error
    if not is_same:
        raise Refusal("signature-not-understood", details={"problem": "it would be written differently"})
    if not signature.signer.isprintable() or not EARLIEST <= signature.at <= LATEST:
        raise Refusal("signature-not-understood", details={"problem": "signer or time"})
    return signature


def _statement(**said: str | int) -> bytes:
    return one_form({"meaning": MEANING, **said})


def _only(signatures: tuple[Signature, ...], role: Role, machine: Machine) -> Signature:
    """The first signature in a role; more do no harm, for all were verified."""
    for signature in signatures:
        if signature.role == role:
            return signature
    raise Refusal("machine-not-signed", details={**machine.named, "role": role})


def _refuse_unless_two(physicist: Signatory, approver: Signatory) -> None:
    if physicist.name == approver.name or physicist.public_key == approver.public_key:
        raise Refusal("machine-signed-by-one-person", details={"signer": physicist.name})


def _refuse_unless_in_order(machine: Machine, physicist: Signature, approver: Signature) -> None:
    commissioning = machine.commissioning
    if commissioning is None or physicist.signer != commissioning.by:
        raise Refusal("signer-not-commissioner", details={"signer": physicist.signer})
    if not commissioning.at <= physicist.at <= approver.at:
        raise Refusal("signed-out-of-order", details={"signer": approver.signer})
