"""The `tianfu` command: what an operator does with an installation."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tianfu.db import EmbeddedPostgres, migrate
from tianfu.db.migrations import PHASES, Phase, pending
from tianfu.db.roles import Role
from tianfu.installation import database_addresses, embedded_server, running_database
from tianfu.kernel.refusal import Refusal
from tianfu.logs import set_up_logs
from tianfu.main import schema_steps
from tianfu.records.importing.files import Source
from tianfu.records.importing.run import import_paths
from tianfu.settings import Settings, settings_from
from tianfu.supervision import serving

EXIT_REFUSED = 2
IMPORTED = "urn:tianfu:imported"
"""The source of records whose files do not name one."""

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
database_commands = typer.Typer(no_args_is_help=True, help="The embedded PostgreSQL.")
app.add_typer(database_commands, name="database")


def main() -> None:
    """Run the command; a refusal becomes a sentence and exit code 2, a stranger's error stays a traceback."""
    set_up_logs()
    try:
        app()
    except Refusal as refusal:
        show_refusal(refusal)
        sys.exit(EXIT_REFUSED)


def show_refusal(refusal: Refusal) -> None:
    """Tell a refusal on the terminal: what happened, the details, what to do next."""
    err.print(f"[bold red]Refused:[/] {refusal.code}")
    for name, value in refusal.details.items():
        err.print(f"  {name}: {value}", markup=False)
    for fault in refusal.faults:
        err.print(f"  {fault}", markup=False)
    err.print(f"  kept: {refusal.kept} · next: {refusal.next_step}", markup=False)


def current_settings() -> Settings:
    """The settings of this installation."""
    return settings_from(os.environ)


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
    settings = current_settings()
    serving.refuse_other_addresses(settings.host)
    serving.refuse_taken_port(settings.host, settings.port)
    with running_database(settings) as addresses:
        if waiting := pending(addresses, schema_steps()):
            raise Refusal("schema-behind", next_step="run-tianfu-migrate", details={"steps": " ".join(waiting)})
        asyncio.run(serving.serve(settings, embedded_server(settings), lambda: _print_addresses(settings)))


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
    settings = current_settings()
    with running_database(settings) as addresses, _progress() as bar:
        task = bar.add_task("importing", total=None, taken=0)
        done = import_paths(
            addresses,
            settings.home,
            paths,
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
    if done.rejected:
        out.print(f"what was not taken, and why: {rejects}", markup=False)


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
