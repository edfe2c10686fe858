"""`tianfu rt machine`: machine files, and what they are read for; none is chosen beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tianfu.apps.radiotherapy.machine_files import FOLDER, SIGNATORIES, Endorsed, endorsed_at, judged
from tianfu.commands_radiotherapy.folders import not_readable, read_bytes, write_new_file
from tianfu.commands_radiotherapy.machine_telling import tell_standing
from tianfu.commands_radiotherapy.speaking import language, say, spoken
from tianfu.terminal import current_settings, err, out

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.model.machines.machines import Machine

machine_commands = typer.Typer(no_args_is_help=True, help="Machines that plans are made for.  Not for clinical use.")

MachineFile = Annotated[Path, typer.Option("--machine", help="a machine file, as `tianfu rt machine` writes one")]


def chosen_machine(file: Path) -> Machine:
    """The machine of a file, for what it says it is for; says what must be known of it and who answers for it.

    Raises Refusal those of `read_machine` and `refuse_unless_for_its_purpose`.
    """
    from tianfu.apps.radiotherapy.model.machines.reading import read_machine
    from tianfu.apps.radiotherapy.model.machines.uses import refuse_unless_for_its_purpose

    endorsed = endorsed_file(file, house_signatories())
    machine = read_machine(endorsed.content)
    tell_standing(judged(endorsed))
    refuse_unless_for_its_purpose(machine, signatures=endorsed.signatures, signatories=endorsed.signatories)
    tell_notice(machine.notice)
    return machine


def house_signatories() -> Path:
    """Where the installation says who may sign; never beside a machine that came from elsewhere."""
    return current_settings().home / FOLDER / SIGNATORIES


def named_signatories(file: Path) -> Path:
    """A file of signatories that somebody named: unlike the installation's it has to be there.

    Raises Refusal `file-not-readable`.
    """
    if not file.is_file():
        raise not_readable(file, FileNotFoundError())
    return file


def endorsed_file(file: Path, signatories: Path) -> Endorsed:
    """A machine file with the signatures beside it; raises Refusal `file-not-readable` or `signatures-too-many`."""
    try:
        return endorsed_at(file, signatories)
    except OSError as error:
        raise not_readable(file, error) from error


def tell_notice(notice: dict[str, str]) -> None:
    """What must be known of a machine or a template, in the language of the terminal."""
    if told := notice.get(language().tag, ""):
        err.print(told, style="bold yellow", markup=False)


@machine_commands.command(name="generic")
@spoken
def write_generic(
    kernels: Annotated[Path, typer.Option("--kernels", help="a photon machine file as matRad writes it")],
    into: Annotated[Path, typer.Option("--out", help="a new file")],
) -> None:
    """Write the generic machine around a beam; it stands nowhere, and is for demonstrations alone."""
    from tianfu.apps.radiotherapy.model.machines.generic import generic_linac
    from tianfu.apps.radiotherapy.model.machines.kernels_mat import read_pencil_beam
    from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of, write_machine

    machine = generic_linac(read_pencil_beam(read_bytes(kernels)))
    write_new_file(into, write_machine(machine))
    tell_notice(machine.notice)
    told = {"name": machine.name, "version": machine.version, "fingerprint": fingerprint_of(machine)}
    out.print(say("machine-written", **told, file=str(into)), markup=False)
