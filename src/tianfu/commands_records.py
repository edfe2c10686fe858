"""The commands of records: bringing in, indexing anew, exporting, erasing, and who may read.

The record core is imported by the commands that need it: it takes a second.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database
from tianfu.installation import installation_keys, migrated_database
from tianfu.kernel.instants import Instant, range_of, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.settings import Settings
from tianfu.terminal import current_settings, err, out

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from tianfu.records.erasure import Erased
    from tianfu.records.export_folder import ExportFolder
    from tianfu.records.readers import Readers

EXIT_UNREADABLE = 2
"""What an import ends with that could not read a file to its end."""

IMPORTED = "urn:tianfu:imported"
"""The source of records whose files do not name one."""


def import_command(
    paths: Annotated[
        list[Path], typer.Argument(help="bundles, NDJSON, either compressed with gzip, or folders of them")
    ],
    source: Annotated[
        str, typer.Option(help="URI of the system they come from, where no source.json says it")
    ] = IMPORTED,
    workers: Annotated[int, typer.Option(min=1, help="processes")] = os.cpu_count() or 1,
    rejects: Annotated[Path, typer.Option(help="file for what was not taken")] = Path("rejects.tsv"),
    report: Annotated[Path | None, typer.Option(help="write what was done as JSON")] = None,
) -> None:
    """Bring in FHIR records; run again after any interruption, nothing is taken twice."""
    from tianfu.records.importing.files import Source, inputs_of
    from tianfu.records.importing.run import import_paths
    from tianfu.supervision.readiness import refuse_made_up_source

    settings = current_settings()
    for each in inputs_of(paths, Source(uri=source)):
        refuse_made_up_source(settings, each.source.uri)
    for file in (rejects, report):
        if file is not None:
            refuse_unwritable(file)
    with migrated_database(settings) as addresses, _progress() as bar:
        task = bar.add_task("importing", total=None, taken=0)
        done = import_paths(
            addresses,
            settings.home,
            paths,
            keys=installation_keys(settings),
            source=Source(uri=source),
            workers=workers,
            rejects_file=rejects,
            progress=lambda read, size, taken: bar.update(task, completed=read, total=size, taken=taken),
        )
    said = done.as_json()
    if report is not None:
        report.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    out.print(
        f"{done.resources} records from {done.files} files in {done.seconds:.1f} s ({said['resources_per_second']}/s): "
        f"{done.created} created, {done.updated} updated, {done.unchanged} unchanged, {done.rejected} rejected"
    )
    if done.rejected or done.unreadable:
        out.print(f"what was not taken, and why: {rejects}", markup=False)
    if done.unreadable:
        err.print(f"[bold red]{len(done.unreadable)} files could not be read to their end[/]; get them again")
        raise typer.Exit(EXIT_UNREADABLE)


def refuse_unwritable(file: Path) -> None:
    """Say before the work, not after it, that its outcome cannot be written down."""
    was_there = file.exists()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8"):
            pass
        if not was_there:
            file.unlink()
    except OSError as error:
        details = {"file": str(file), "reason": type(error).__name__}
        raise Refusal("file-not-writable", next_step="name-another-file", details=details) from error


def reindex_command(
    types: Annotated[
        list[str] | None, typer.Argument(help="resource types, for example Observation; none: all")
    ] = None,
) -> None:
    """Make index rows anew where an older program made them; run again after any interruption."""
    settings = current_settings()
    with migrated_database(settings) as addresses:
        done = asyncio.run(_reindex(addresses, settings, types or []))
    out.print(f"{done} records reindexed; restart `tianfu serve` to search by what is new")


async def _reindex(addresses: Addresses, settings: Settings, types: list[str]) -> int:
    from tianfu.records.opening import open_parts
    from tianfu.records.reindex import reindex

    with Progress(console=err) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done)

        async with await Database.open(addresses, links_max=2) as database:
            preparer, _ = await open_parts(database, installation_keys(settings))
            return await reindex(database, preparer, types, clock=system_clock, progress=tell)


def export_command(
    folder: Annotated[Path, typer.Argument(help="a folder that is empty or not there yet")],
    types: Annotated[str | None, typer.Option(help="resource types with commas between; none: all")] = None,
    since: Annotated[str | None, typer.Option(help="only what changed since this instant")] = None,
) -> None:
    """Write all current records as NDJSON, a file for each type; the trail remembers every record given."""
    from tianfu.records.export_folder import ExportFolder

    settings = current_settings()
    wanted = types.split(",") if types else None
    after = since_when(since)
    with migrated_database(settings) as addresses, Progress(console=err) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(name: str, done: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=None)
            bar.update(tasks[name], completed=done, description=f"{name} {done}")

        counts = asyncio.run(_export(addresses, settings, ExportFolder(folder), wanted, after, tell))
    out.print(f"{sum(counts.values())} records of {len(counts)} types exported to {folder}", markup=False)


def since_when(text: str | None) -> Instant | None:
    """The instant that a person means by a FHIR date or instant."""
    if text is None:
        return None
    try:
        return range_of(text)[0]
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter("a date or an instant, for example 2026-01-01", param_hint="--since") from error


async def _export(
    addresses: Addresses,
    settings: Settings,
    folder: ExportFolder,
    types: list[str] | None,
    since: Instant | None,
    progress: Callable[[str, int], None],
) -> Counter[str]:
    from tianfu.records.audit import GroupAuditor
    from tianfu.records.store import Store
    from tianfu.records.trail.epochs import open_trail

    async with await Database.open(addresses, links_max=2) as database:
        trail = await open_trail(database, settings.home, system_clock)
        store = await Store.open(
            database,
            auditor=GroupAuditor(database, trail.lanes),
            clock=system_clock,
            keys=installation_keys(settings),
        )
        export = await store.export(OPERATOR, Purpose.OPERATIONS, types=types, since=since)
        return await folder.take(export, progress=progress)


def erase_command(
    record: Annotated[str, typer.Argument(help="Type/id")],
    authority: Annotated[str, typer.Option(help="the law or order that demands it; it is kept")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Erase all content of a record for good, as the law may demand; a deletion keeps the history, this does not."""
    resource_type, _, logical_id = record.partition("/")
    if not yes:
        typer.confirm(f"Erase every version of {record}? Nobody can bring it back", abort=True)
    settings = current_settings()
    with migrated_database(settings) as addresses:
        done = asyncio.run(_erase(addresses, settings, resource_type, logical_id, authority))
    out.print(f"{done.versions} versions of {record} erased; version {done.version} is the tombstone")


async def _erase(
    addresses: Addresses, settings: Settings, resource_type: str, logical_id: str, authority: str
) -> Erased:
    from tianfu.records.erasure import erase
    from tianfu.records.trail.epochs import open_trail

    async with await Database.open(addresses, links_max=1) as database:
        trail = await open_trail(database, settings.home, system_clock)
        return await erase(
            OPERATOR,
            Purpose.OPERATIONS,
            database,
            resource_type,
            logical_id,
            authority=authority,
            clock=system_clock,
            writer=trail.lanes,
        )


def who_can_read_command(
    record: Annotated[str, typer.Argument(help="Type/id")],
    language: Annotated[str, typer.Option(help="zh or en")] = "en",
) -> None:
    """Show who may read a record now: role, purpose, rule, and the record because of which."""
    if language not in {"zh", "en"}:
        raise typer.BadParameter("zh or en", param_hint="--language")
    resource_type, _, logical_id = record.partition("/")
    settings = current_settings()
    with migrated_database(settings) as addresses:
        found = asyncio.run(_readers(addresses, settings, resource_type, logical_id))
    _print_readers(record, found, language)


async def _readers(addresses: Addresses, settings: Settings, resource_type: str, logical_id: str) -> Readers:
    from tianfu.records.audit import GroupAuditor
    from tianfu.records.readers import readers_of
    from tianfu.records.trail.epochs import open_trail

    async with await Database.open(addresses, links_max=1) as database:
        trail = await open_trail(database, settings.home, system_clock)
        auditor = GroupAuditor(database, trail.lanes)
        return await readers_of(
            OPERATOR, Purpose.OPERATIONS, database, auditor, resource_type, logical_id, clock=system_clock
        )


def _line(text: str) -> None:
    """A line as it is: rule names and ids are never cut to the width of a terminal."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def _print_readers(record: str, found: Readers, language: str) -> None:
    from tianfu.access.labels import labels
    from tianfu.access.rules import sentence

    special = ", ".join(key for key, label in labels().items() if label.mask & found.labels)
    out.print(f"{record}: level {found.level}{f', {special}' if special else ''}", markup=False)
    ways: dict[tuple[str, str, str], dict[str, list[str]]] = {}
    for each in found.readers:
        reader = each.reader
        way = ways.setdefault((reader.role, reader.rule, reader.because), {})
        actor = f"{each.actor}, as {each.source} says" if each.source else each.actor
        way.setdefault(actor, []).append(reader.purpose.value)
    for (role, rule, because), actors in ways.items():
        purposes = dict.fromkeys(each for some in actors.values() for each in some)
        _line(f"{role} for {' '.join(purposes)}, by {rule}: {sentence(because, language)}")
        for actor in filter(None, actors):
            _line(f"    {actor}")
    if found.is_cut_off:
        err.print("there are more relations than are shown here")


def _progress() -> Progress:
    """The bar of a long work: how far, how many, how much longer."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[taken]} records"),
        TimeRemainingColumn(),
        console=err,
    )
