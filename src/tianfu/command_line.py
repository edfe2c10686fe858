"""The `tianfu` command: what an operator does with an installation.

The record core is imported by the commands that need it: it takes a second, and `tianfu serve` need not wait for it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.commands_accounts import account_commands, demo_logins_command
from tianfu.commands_clients import client_commands
from tianfu.commands_vault import backup_command, keys_commands, restore_command
from tianfu.db import Addresses, Database, EmbeddedPostgres, migrate
from tianfu.db.migrations import PHASES, Phase, pending
from tianfu.db.roles import Role
from tianfu.installation import (
    database_addresses,
    embedded_server,
    installation_keys,
    running_database,
    schema_steps,
)
from tianfu.kernel.instants import Instant, range_of, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.logs import set_up_logs
from tianfu.settings import Settings
from tianfu.supervision import serving
from tianfu.terminal import current_settings, err, out, show_refusal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from tianfu.records.erasure import Erased
    from tianfu.records.export_folder import ExportFolder
    from tianfu.records.readers import Readers

APPLICATION = "tianfu.main:application"
EXIT_REFUSED = 2
IMPORTED = "urn:tianfu:imported"
"""The source of records whose files do not name one."""


app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
database_commands = typer.Typer(no_args_is_help=True, help="The embedded PostgreSQL.")
app.add_typer(database_commands, name="database")
app.add_typer(keys_commands, name="keys")
app.add_typer(client_commands, name="client")
app.add_typer(account_commands, name="account")
app.command(name="backup")(backup_command)
app.command(name="restore")(restore_command)
app.command(name="demo-logins")(demo_logins_command)
audit_commands = typer.Typer(no_args_is_help=True, help="The trail of who did what.")
app.add_typer(audit_commands, name="audit")


def main() -> None:
    """Run the command; a refusal becomes a sentence and exit code 2, a stranger's error stays a traceback."""
    set_up_logs()
    try:
        app()
    except Refusal as refusal:
        show_refusal(refusal)
        sys.exit(EXIT_REFUSED)


@app.command()
def version() -> None:
    """Print the version."""
    out.print(version_of("tianfu"))


@app.command(name="migrate")
def migrate_command(
    phase: Annotated[str, typer.Option(help="pre: safe beside the old program · post: when it is gone · all")] = "all",
) -> None:
    """Bring the database's schema up to this program; safe to repeat."""
    phases = _phases(phase)
    with running_database(current_settings()) as addresses:
        done = migrate(addresses, schema_steps(), phases=phases)
    for name in done:
        out.print(f"ran {name}")
    out.print("the schema is up to date" if done else "the schema was up to date")


@app.command()
def serve() -> None:
    """Run the database and the web workers until Ctrl-C or SIGTERM."""
    from tianfu.supervision.readiness import refuse_unready, refuse_unready_records

    settings = current_settings()
    serving.refuse_other_addresses(settings.host)
    serving.refuse_taken_port(settings.host, settings.port)
    refuse_unready(settings)
    with running_database(settings) as addresses:
        if waiting := pending(addresses, schema_steps()):
            raise Refusal("schema-behind", next_step="run-tianfu-migrate", details={"steps": " ".join(waiting)})
        asyncio.run(refuse_unready_records(settings, addresses))
        programs = [serving.web_workers(APPLICATION)]
        server = embedded_server(settings)
        asyncio.run(serving.serve(settings, programs, server, when_ready=lambda: _print_addresses(settings)))


@app.command(name="import")
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
    with running_database(settings) as addresses, _progress() as bar:
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
        raise typer.Exit(EXIT_REFUSED)


def refuse_unwritable(file: Path) -> None:
    """Say before the work, not after it, that its outcome cannot be written down."""
    was_there = file.exists()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a"):
            pass
        if not was_there:
            file.unlink()
    except OSError as error:
        details = {"file": str(file), "reason": type(error).__name__}
        raise Refusal("file-not-writable", next_step="name-another-file", details=details) from error


@app.command(name="reindex")
def reindex_command(
    types: Annotated[
        list[str] | None, typer.Argument(help="resource types, for example Observation; none: all")
    ] = None,
) -> None:
    """Make index rows anew where an older program made them; run again after any interruption."""
    settings = current_settings()
    with running_database(settings) as addresses:
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


@app.command(name="export")
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
    with running_database(settings) as addresses, Progress(console=err) as bar:
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


@app.command(name="erase")
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
    with running_database(settings) as addresses:
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


@app.command(name="who-can-read")
def who_can_read_command(
    record: Annotated[str, typer.Argument(help="Type/id")],
    language: Annotated[str, typer.Option(help="zh or en")] = "en",
) -> None:
    """Show who may read a record now: role, purpose, rule, and the record because of which."""
    if language not in {"zh", "en"}:
        raise typer.BadParameter("zh or en", param_hint="--language")
    resource_type, _, logical_id = record.partition("/")
    settings = current_settings()
    with running_database(settings) as addresses:
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


@app.command()
def status() -> None:
    """Show what runs and whether the schema fits."""
    settings = current_settings()
    table = Table(show_header=False, box=None)
    table.add_row("version", version_of("tianfu"))
    table.add_row("home", str(settings.home))
    server = embedded_server(settings)
    if server is not None:
        process = server.state.process
        table.add_row("postgres", f"embedded, process {process}" if process else "embedded, not running")
    if server is None or server.state.process:
        waiting = pending(database_addresses(settings), schema_steps())
        table.add_row("schema", f"{len(waiting)} steps to run: tianfu migrate" if waiting else "up to date")
    out.print(table)


@database_commands.command()
def start() -> None:
    """Start the embedded server and keep it running."""
    _embedded().start()
    _print_state()


@database_commands.command()
def stop() -> None:
    """Stop the embedded server."""
    _embedded().stop()
    _print_state()


@database_commands.command(name="status")
def database_status() -> None:
    """Show whether the embedded server runs, and where its data lie."""
    _print_state()


@database_commands.command()
def url(
    role: Annotated[Role, typer.Option(help="whose address")] = Role.READER,
) -> None:
    """Print a role's connection string, password included, for psql and other tools."""
    print(database_addresses(current_settings()).of(role))


@audit_commands.callback()
def audit() -> None:
    """Keeps `verify` a command of its own while it is the only one."""


@audit_commands.command(name="verify")
def verify_command(
    roots: Annotated[
        str | None, typer.Option(help="folder of the roots, or s3://bucket/prefix; those of this installation")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(help="folder of the public keys to trust; those of this installation")
    ] = None,
    unchained_until: Annotated[
        str | None, typer.Option(help="when the last program from before the chain was stopped")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Check the trail with a program of its own: 0 intact, 1 tampered, 2 not checked, 3 only partly checked."""
    settings = current_settings()
    audit_folder = settings.home / "audit"
    command = [sys.executable, "-m", "tianfu_audit_verify", "--heads", str(audit_folder / "heads")]
    command += ["--roots", roots or settings.audit_roots or str(audit_folder / "roots")]
    command += ["--keys", str(keys or audit_folder / "keys")]
    command += ["--unchained-until", unchained_until] if unchained_until else []
    command += ["--json"] if as_json else []
    with running_database(settings) as addresses:
        environment = {**os.environ, "TIANFU_AUDIT_DATABASE_URL": addresses.of(Role.READER)}
        done = subprocess.run(command, env=environment, check=False)  # noqa: S603 - our own program
    raise typer.Exit(done.returncode)


def _embedded() -> EmbeddedPostgres:
    server = embedded_server(current_settings())
    if server is None:
        raise Refusal("database-is-not-ours", next_step="ask-its-administrator")
    return server


def _print_state() -> None:
    state = _embedded().state
    out.print(
        f"postgres {'runs, process ' + str(state.process) if state.process else 'does not run'}; data in {state.data}"
    )


def _phases(text: str) -> tuple[Phase, ...]:
    found = PHASES if text == "all" else tuple(phase for phase in PHASES if phase == text)
    if not found:
        raise typer.BadParameter("pre, post or all", param_hint="--phase")
    return found


def _print_addresses(settings: Settings) -> None:
    name = "localhost" if settings.host in {"127.0.0.1", "localhost"} else f"[{settings.host}]"
    out.print(
        f"[bold]Tianfu is ready[/] on http://{name}:{settings.port}/ · FHIR on http://{name}:{settings.port}/fhir"
    )


if __name__ == "__main__":
    main()
