"""A small machine as if somebody had measured it, two persons who may sign it, and their files."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.radiotherapy_plan import small_machine
from tianfu.apps.radiotherapy.machine_files import SIGNATORIES, signature_file
from tianfu.apps.radiotherapy.model.machines.machines import Commissioning, Kind, Machine, Measurement, Use
from tianfu.apps.radiotherapy.model.machines.measuring import Taken, measurement_of
from tianfu.apps.radiotherapy.model.machines.modelling import MEANS
from tianfu.apps.radiotherapy.model.machines.signatures import Role, Signature, sign_machine, write_signature
from tianfu.apps.radiotherapy.model.machines.writing import write_machine
from tianfu.kernel.instants import Instant

LIN, CHEN, STRANGER = b"1" * 32, b"2" * 32, b"3" * 32
FRIDAY, SATURDAY, SUNDAY = (Instant(1_774_000_000_000_000 + day * 86_400_000_000) for day in range(3))


def public(private: bytes) -> bytes:
    """The public key to a private one."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


SET_UP = {"field_mm": 20.0, "depth_mm": 100.0, "surface_mm": 900.0}
SET_UPS: dict[str, dict[str, float]] = {
    "output": SET_UP,
    "output-factor": {**SET_UP, "reference_field_mm": 20.0},
    "depth-dose": {**SET_UP, "reference_depth_mm": 100.0},
}


@cache
def measured_machine(*, purpose: Use, version: int = 1) -> Machine:
    """The small machine, of which everything was measured and agrees within a wide tolerance."""
    told = [_measured(kind) for kind in get_args(Kind)]
    commissioning = Commissioning(by="Lin", at=FRIDAY, measurements=tuple(told))
    return replace(small_machine(), version=version, purpose=purpose, commissioning=commissioning)


@cache
def _measured(kind: Kind) -> Measurement:
    means = MEANS.get(kind)
    taken = Taken(
        kind=kind,
        what=kind,
        unit="%" if means is None else means.unit,
        measured=1.0,
        tolerance=200.0,
        mark="measured",
        set_up=SET_UPS.get(kind, {}),
        modelled=1.0 if means is None else msgspec.UNSET,
    )
    return measurement_of(small_machine(), taken)


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
