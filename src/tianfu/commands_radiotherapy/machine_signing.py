"""`tianfu rt machine show|key|sign|verify`: who answers for a machine, which clears nothing for clinical use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from tianfu.apps.radiotherapy.machine_files import signature_file
from tianfu.commands_radiotherapy.folders import refuse_there, write_new_file
from tianfu.commands_radiotherapy.machine_telling import (
    machine_told,
    show_machine,
    show_signatures,
    standing_lines,
    standing_told,
    tell_standing,
)
from tianfu.commands_radiotherapy.machines import endorsed_file, house_signatories, named_signatories, tell_notice
from tianfu.commands_radiotherapy.signer_keys import asked_passphrase, opened_key, refuse_unless_sealed, sealed_key
from tianfu.commands_radiotherapy.speaking import hint, say, spoken
from tianfu.kernel.instants import system_clock
from tianfu.terminal import err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.machines.machines import Machine
    from tianfu.apps.radiotherapy.model.machines.signatures import Role, Signature

EXIT_NO = 1
"""Somebody was asked and did not say yes."""

File = Annotated[Path, typer.Argument(help="a machine file")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Passphrase = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="file with the passphrase, which nobody else may read; asked for without"),
]


@spoken
def show_machine_file(
    file: File,
    signatories: Annotated[
        Path | None, typer.Option("--signatories", help="who may sign; without it those of the installation")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a machine: its figures and how they are known, what was measured, and who signed it."""
    from tianfu.apps.radiotherapy.machine_files import judged
    from tianfu.apps.radiotherapy.model.machines.reading import read_machine

    endorsed = endorsed_file(file, house_signatories() if signatories is None else named_signatories(signatories))
    machine, standing = read_machine(endorsed.content), judged(endorsed)
    if as_json:
        print(json.dumps({**machine_told(machine), **standing_told(standing)}, ensure_ascii=False))
        return
    show_machine(machine)
    show_signatures(() if standing is None else standing.signatures)
    tell_standing(standing)


@spoken
def make_signer_key(
    name: Annotated[str, typer.Option("--name", help="the signer's name, as the signatories file will have it")],
    into: Annotated[Path, typer.Option("--out", help="a new file for the private key")],
    passphrase_file: Passphrase = None,
) -> None:
    """Make a signer's private key, sealed with a passphrase, and print what the signatories file needs of it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from tianfu.apps.radiotherapy.model.machines.signatories import refuse_unless_name, signatory_line

    refuse_unless_name(name)
    refuse_there(into)
    passphrase = asked_passphrase(passphrase_file, is_new=True)
    key = Ed25519PrivateKey.generate()
    write_new_file(into, sealed_key(key, passphrase))
    print(signatory_line(name=name, public_key=key.public_key().public_bytes_raw()))
    hint("machine-key-made", file=str(into))


@spoken
def sign_machine_file(
    file: File,
    key: Annotated[Path, typer.Option("--key", help="the signer's private key, as `tianfu rt machine key` made it")],
    name: Annotated[str, typer.Option("--name", help="the signer's name in the signatories file")],
    role: Annotated[str, typer.Option("--role", help="physicist, who commissioned it, or approver, who is another")],
    passphrase_file: Passphrase = None,
    is_said: Annotated[bool, typer.Option("--yes", help="sign without being asked once more")] = False,
) -> None:
    """Sign a machine after it was shown; the signature lies beside its file from then on."""
    from tianfu.apps.radiotherapy.model.machines.modelling import refuse_unless_modelled_so
    from tianfu.apps.radiotherapy.model.machines.reading import read_machine
    from tianfu.apps.radiotherapy.model.machines.signatories import refuse_unless_name
    from tianfu.apps.radiotherapy.model.machines.signatures import sign_machine, write_signature
    from tianfu.apps.radiotherapy.model.machines.signing_order import refuse_own_key, refuse_unless_in_turn
    from tianfu.apps.radiotherapy.model.machines.standing import signatures_of

    signing_as = _role(role)
    refuse_unless_name(name)
    refuse_there(signature_file(file, signing_as))
    refuse_unless_sealed(key)
    endorsed = endorsed_file(file, house_signatories())
    machine, before = read_machine(endorsed.content), signatures_of(endorsed.signatures)
    refuse_unless_modelled_so(machine)
    refuse_unless_in_turn(machine, signer=name, role=signing_as, at=system_clock(), before=before)
    _show_before_signing(machine, before)
    if not is_said and not typer.confirm(say("machine-sign-asked", name=name, role=_role_said(signing_as)), err=True):
        hint("machine-nothing-signed")
        raise typer.Exit(EXIT_NO)
    private = opened_key(key, asked_passphrase(passphrase_file, is_new=False))
    refuse_own_key(before, private.public_key().public_bytes_raw())
    signature = sign_machine(
        machine, signer=name, role=signing_as, at=system_clock(), private_key=private.private_bytes_raw()
    )
    into = signature_file(file, signing_as)
    write_new_file(into, write_signature(signature))
    out.print(say("machine-signed", name=name, role=_role_said(signing_as), file=str(into)), markup=False)
    hint("machine-clears-nothing")


@spoken
def verify_machine_file(
    file: File,
    signatories: Annotated[Path, typer.Option("--signatories", help="file of those who may sign, in strict JSON")],
    as_json: AsJson = False,
) -> None:
    """Say whether two persons answer for a machine, or what is missing; ends with 0 only if they do."""
    from tianfu.apps.radiotherapy.model.machines.modelling import refuse_unless_modelled_so
    from tianfu.apps.radiotherapy.model.machines.reading import read_machine
    from tianfu.apps.radiotherapy.model.machines.signatories import read_signatories
    from tianfu.apps.radiotherapy.model.machines.standing import standing_of

    endorsed = endorsed_file(file, named_signatories(signatories))
    people = {} if endorsed.signatories is None else read_signatories(endorsed.signatories)
    machine = read_machine(endorsed.content)
    standing = standing_of(machine, endorsed.signatures, people)
    if standing.lacking is None:
        refuse_unless_modelled_so(machine)
    if as_json:
        print(json.dumps({**machine_told(machine), **standing_told(standing)}, ensure_ascii=False))
    else:
        show_signatures(standing.signatures)
    if standing.lacking is not None:
        raise standing.lacking
    if not as_json:
        for line in standing_lines(standing):
            out.print(line, markup=False)
    if machine.purpose != "clinical":
        hint("machine-for-demonstration")


def _show_before_signing(machine: Machine, before: Sequence[Signature]) -> None:
    show_machine(machine)
    tell_notice(machine.notice)
    for each in before:
        err.print(say("machine-signed-before", name=each.signer, role=_role_said(each.role)), markup=False)


def _role(role: str) -> Role:
    from tianfu.apps.radiotherapy.model.machines.signatures import Role

    if role not in get_args(Role):
        raise typer.BadParameter(" ".join(get_args(Role)), param_hint="--role")
    return cast("Role", role)


def _role_said(role: Role) -> str:
    return say(f"machine-role-{role}")
