"""The commands of keys and backups."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database
from tianfu.db.migrations import pending
from tianfu.installation import documents_home, installation_keys, running_database, schema_steps
from tianfu.kernel.instants import SECOND, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.settings import Settings
from tianfu.terminal import current_settings, err, out
from tianfu.vault.ciphers import SEALINGS_MAX
from tianfu.vault.files import make, master_key_file

if TYPE_CHECKING:
    from tianfu.backup import Manifest, Place
    from tianfu.records.resealing import KeyOverview, Rotated
    from tianfu.services.documents.keeping import Resealed

keys_commands = typer.Typer(no_args_is_help=True, help="The keys that seal protected elements.")


@keys_commands.command(name="make")
def make_keys() -> None:
    """Make the master key of this installation; needed once, before production starts for the first time."""
    settings = current_settings()
    file = master_key_file(settings.home)
    if file.exists():
        raise Refusal("key-there-already", next_step="keep-it", details={"file": str(file)})
    made = make(settings.home, "production")
    out.print(f"made {file}, fingerprint {made.fingerprint.hex()}; keep a copy apart from the backups", markup=False)


@keys_commands.command(name="status")
def keys_status() -> None:
    """Show the keys, how often each was used, and how many versions and documents each seals."""
    settings = current_settings()
    keys = installation_keys(settings)
    with running_database(settings) as addresses:
        overviews, unsealed = asyncio.run(_overviews(addresses, settings))
    out.print(f"master key {keys.provider.fingerprint.hex()}, new data keys seal with {settings.cipher}")
    table = Table("key", "cipher", "state", "made", "used", "versions", box=None)
    for each in overviews:
        made = datetime.fromtimestamp(each.made_at / SECOND, UTC).date().isoformat()
        used = f"{100 * each.sealings / SEALINGS_MAX:.2f} %"
        table.add_row(str(each.number), each.cipher, each.state, made, used, str(each.versions))
    out.print(table)
    if unsealed:
        out.print(f"{unsealed} versions were written before there were keys: tianfu keys rotate")


async def _overviews(addresses: Addresses, settings: Settings) -> tuple[list[KeyOverview], int]:
    from tianfu.records.opening import open_parts
    from tianfu.records.resealing import key_overviews, unsealed_versions

    async with await Database.open(addresses, links_max=2) as database:
        await open_parts(database, installation_keys(settings))
        return await key_overviews(database), await unsealed_versions(database)


@keys_commands.command(name="rotate")
def rotate_keys(
    retire: Annotated[bool, typer.Option("--retire", help="then forget old keys that seal nothing any more")] = False,
) -> None:
    """Seal everything with a new data key while the store serves; run again after any interruption."""
    settings = current_settings()
    with running_database(settings) as addresses, _progress() as show:
        done, documents, retired = asyncio.run(_rotate(addresses, settings, show, retire=retire))
    began = "new key" if done.is_new else "went on with key"
    out.print(f"{began} {done.key}; {done.versions} versions sealed anew, none is left under another key")
    if documents.documents:
        out.print(f"{documents.documents} documents sealed anew")
    for name in documents.left:
        out.print(f"document {name} is lost or damaged: it keeps its key until it is kept again or forgotten")
    for number in retired:
        out.print(f"key {number} is forgotten")


async def _rotate(
    addresses: Addresses, settings: Settings, show: Callable[[str, int, int], None], *, retire: bool
) -> tuple[Rotated, Resealed, list[int]]:
    from tianfu.records.opening import open_parts
    from tianfu.records.resealing import retire_keys, rotate
    from tianfu.records.trail.epochs import open_trail
    from tianfu.services.documents.keeping import Documents, open_place

    async with await Database.open(addresses, links_max=3) as database:
        preparer, _ = await open_parts(database, installation_keys(settings))
        trail = await open_trail(database, settings.home, system_clock)
        place = open_place(settings.documents, documents_home(settings))
        documents = Documents(database, preparer.sealer.keyring, place, system_clock)
        # What a rotation before left is finished with that one's key, as it is with versions.
        late = await documents.seal_anew(lambda *at: show("documents", *at))
        done = await rotate(
            OPERATOR,
            Purpose.OPERATIONS,
            database,
            preparer.sealer,
            clock=system_clock,
            writer=trail.lanes,
            progress=lambda *at: show("sealing", *at),
            is_unfinished=late.documents > 0,
        )
        resealed = await documents.seal_anew(lambda *at: show("documents", *at))
        told = replace(resealed, documents=late.documents + resealed.documents)
        return done, told, await retire_keys(database) if retire else []


def backup_command(
    folder: Annotated[Path, typer.Argument(help="a new folder")],
) -> None:
    """Back up the database, documents and the heads of the trace while the store serves; the keys are not in it."""
    from tianfu.backup import back_up

    settings = current_settings()
    with running_database(settings) as addresses, _progress() as show:
        place = _place(addresses, settings)
        made = back_up(place, folder, clock=system_clock, progress=show)
    size = sum(each.size_bytes for each in made.files.values())
    out.print(f"{len(made.files)} files, {size / 1_000_000:.1f} MB in {folder}", markup=False)
    out.print(f"to restore it takes the master key {made.key_fingerprint}, which is not in it")
    _tell_of_bucket(made)


def restore_command(
    folder: Annotated[Path, typer.Argument(help="the folder of a backup")],
) -> None:
    """Bring a backup into an installation that holds nothing yet; needs its master key in place."""
    from tianfu.backup import restore

    settings = current_settings()
    with running_database(settings) as addresses, _progress() as show:
        place = _place(addresses, settings)
        done = restore(place, folder, progress=show)
        waiting = pending(addresses, schema_steps())
    out.print(f"restored the state of {done.made_at}")
    _tell_of_bucket(done)
    if waiting:
        out.print(f"{len(waiting)} steps of the schema to run: tianfu migrate")


def _tell_of_bucket(manifest: Manifest) -> None:
    """Say where documents lie that the backup does not hold."""
    if manifest.documents_in is not None:
        said = f"documents lie in {manifest.documents_in} and are not in this backup: keep that bucket by its own means"
        out.print(said, markup=False)


def _place(addresses: Addresses, settings: Settings) -> Place:
    from tianfu.backup import Place
    from tianfu.vault.places import folder_at

    folder = folder_at(settings.documents, documents_home(settings))
    return Place(
        addresses=addresses,
        home=settings.home,
        documents=folder if folder is not None else settings.documents or "",
        provider=installation_keys(settings, make=False).provider,
        steps=tuple(schema_steps()),
    )


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each step: how far, how many, how much longer."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=err) as bar:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield show
