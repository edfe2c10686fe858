"""A small machine as if somebody had measured it, two persons who may sign it, and their files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.radiotherapy_plan import small_machine
from tianfu.apps.radiotherapy.machine_files import SIGNATORIES, signature_file
from tianfu.apps.radiotherapy.model.machines.machines import Commissioning, Kind, Machine, Measurement, Use
from tianfu.apps.radiotherapy.model.machines.signatures import Role, Signature, sign_machine, write_signature
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.kernel.instants import Instant

LIN, CHEN, STRANGER = b"1" * 32, b"2" * 32, b"3" * 32
FRIDAY, SATURDAY, SUNDAY = (Instant(1_774_000_000_000_000 + day * 86_400_000_000) for day in range(3))


def public(private: bytes) -> bytes:
    """The public key to a private one."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def measured_machine(*, purpose: Use, version: int = 1) -> Machine:
    """The small machine, of which everything was measured and agrees."""
    measurements = tuple(
        Measurement(
            kind=kind,
            what=kind,
            unit="%",
            modelled=100.0,
            modelled_by="said",
            measured=101.0,
            tolerance=1.0,
            mark="measured",
        )
        for kind in get_args(Kind)
    )
    commissioning = Commissioning(by="Lin", at=FRIDAY, measurements=measurements)
    return replace(small_machine(), version=version, purpose=purpose, commissioning=commissioning)


def signed(machine: Machine, role: Role) -> Signature:
    """As Lin, who commissioned it, or Chen, who approves."""
    signer, key, at = {"physicist": ("Lin", LIN, SATURDAY), "approver": ("Chen", CHEN, SUNDAY)}[role]
    return sign_machine(machine, signer=signer, role=role, at=at, private_key=key)


def people() -> list[dict[str, Any]]:
    """Lin and Chen as a file of signatories has them."""
    return [
        {"name": "Lin", "roles": ["physicist"], "public_key": public(LIN).hex(), "until": None},
        {"name": "Chen", "roles": ["physicist", "approver"], "public_key": public(CHEN).hex(), "until": None},
    ]


def signatories(*persons: dict[str, Any]) -> bytes:
    """A file of signatories."""
    return json.dumps({"schema": 1, "signatories": persons or people()}).encode()


def put_machine(folder: Path, machine: Machine, *roles: Role, name: str = "small.json") -> Path:
    """A machine's file with signatures in these roles, and the signatories, in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_bytes(write_machine(machine))
    for role in roles:
        signature_file(file, role).write_bytes(write_signature(signed(machine, role)))
    (folder / SIGNATORIES).write_bytes(signatories())
    return file
