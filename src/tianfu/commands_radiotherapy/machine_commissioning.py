"""`tianfu rt machine commission`: a new version of a machine with what was measured on it.  Not for clinical use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from tianfu.apps.radiotherapy.machine_files import BYTES_MOST
from tianfu.commands_radiotherapy.folders import read_bounded, refuse_there, write_new_file
from tianfu.commands_radiotherapy.machine_telling import machine_told, refusal_said, show_commissioning
from tianfu.commands_radiotherapy.machines import tell_notice
from tianfu.commands_radiotherapy.speaking import hint, say, spoken
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.terminal import err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.machines.machines import Machine, Use


@spoken
def commission_machine(
    file: Annotated[Path, typer.Argument(help="the machine file that was measured")],
    measurements: Annotated[Path, typer.Option("--measurements", help="what was measured, in strict JSON")],
    by: Annotated[str, typer.Option("--by", help="who measured, and will sign as physicist")],
    version: Annotated[int, typer.Option("--version", help="the new version, later than the file's")],
    purpose: Annotated[str, typer.Option("--purpose", help="demonstration or clinical; neither clears the program")],
    into: Annotated[Path, typer.Option("--out", help="a new machine file")],
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Write a new version of a machine with what was measured on it beside what its model gives."""
    from tianfu.apps.radiotherapy.model.machines.measuring import BYTES_MOST as MEASURED_BYTES_MOST
    from tianfu.apps.radiotherapy.model.machines.measuring import commissioned, read_measurements
    from tianfu.apps.radiotherapy.model.machines.reading import read_machine
    from tianfu.apps.radiotherapy.model.machines.signatories import refuse_unless_name
    from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of, write_machine

    meant = _purpose(purpose)
    refuse_unless_name(by)
    refuse_there(into)
    taken = read_measurements(read_bounded(measurements, bytes_most=MEASURED_BYTES_MOST))
    machine = commissioned(
        read_machine(read_bounded(file, bytes_most=BYTES_MOST)),
        taken,
        version=version,
        purpose=meant,
        by=by,
        at=system_clock(),
    )
    if not as_json:
        show_commissioning(machine.commissioning)
    _refuse_or_tell(machine)
    write_new_file(into, write_machine(machine))
    tell_notice(machine.notice)
    if as_json:
        print(json.dumps(machine_told(machine), ensure_ascii=False))
    else:
        fingerprint = fingerprint_of(machine)
        out.print(say("machine-commissioned-unsigned", file=str(into), fingerprint=fingerprint), markup=False)
    hint("machine-clears-nothing")


def _refuse_or_tell(machine: Machine) -> None:
    """A clinical machine that nobody could sign is not written; one for demonstrations is, and what it lacks told."""
    from tianfu.apps.radiotherapy.model.machines.commissioning import refuse_unless_commissioned

    try:
        refuse_unless_commissioned(machine)
    except Refusal as refusal:
        if machine.purpose == "clinical":
            raise
        err.print(f"! {refusal_said(refusal)}", markup=False)


def _purpose(purpose: str) -> Use:
    from tianfu.apps.radiotherapy.model.machines.machines import Use

    if purpose not in get_args(Use):
        raise typer.BadParameter(" ".join(get_args(Use)), param_hint="--purpose")
    return cast("Use", purpose)
