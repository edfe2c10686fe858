"""The `tianfu` command: what an operator does with an installation.

The record core is imported by the commands that need it: it takes a second, and `tianfu serve` need not wait for it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tianfu.commands_accounts import account_commands, demo_logins_command
from tianfu.commands_cameras import camera_commands
from tianfu.commands_clients import client_commands
from tianfu.commands_radiotherapy import radiotherapy_commands
from tianfu.commands_records import (
    erase_command,
    export_command,
    import_command,
    reindex_command,
    who_can_read_command,
)
from tianfu.commands_vault import backup_command, keys_commands, restore_command
from tianfu.db import EmbeddedPostgres, migrate
from tianfu.db.migrations import PHASES, Phase, pending
from tianfu.db.roles import Role
from tianfu.installation import (
    database_addresses,
    embedded_server,
    media_socket,
    migrated_database,
    running_database,
    schema_steps,
)
from tianfu.kernel.refusal import Refusal
from tianfu.logs import set_up_logs
from tianfu.settings import Settings
from tianfu.supervision import serving
from tianfu.terminal import current_settings, out, show_refusal

APPLICATION = "tianfu.main:application"
EXIT_REFUSED = 2

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
database_commands = typer.Typer(no_args_is_help=True, help="The embedded PostgreSQL.")
app.add_typer(database_commands, name="database")
app.add_typer(keys_commands, name="keys")
app.add_typer(client_commands, name="client")
app.add_typer(camera_commands, name="camera")
app.add_typer(account_commands, name="account")
app.add_typer(radiotherapy_commands, name="rt")
app.command(name="backup")(backup_command)
app.command(name="restore")(restore_command)
app.command(name="import")(import_command)
app.command(name="reindex")(reindex_command)
app.command(name="export")(export_command)
app.command(name="erase")(erase_command)
app.command(name="who-can-read")(who_can_read_command)
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
    """Run the database, the web and job workers, the media server and the cameras until Ctrl-C or SIGTERM."""
    from tianfu.supervision.kernels import keep_kernels
    from tianfu.supervision.readiness import refuse_unready, refuse_unready_records

    settings = current_settings()
    serving.refuse_other_addresses(settings.host)
    serving.refuse_taken_port(settings.host, settings.port)
    refuse_unready(settings)
    with migrated_database(settings) as addresses:
        asyncio.run(refuse_unready_records(settings, addresses))
        keep_kernels(os.environ, settings.home)
        programs = [serving.web_workers(APPLICATION), serving.media_server(), serving.camera_keeper()]
        programs += [serving.job_worker("light"), serving.job_worker("heavy")]
        if settings.media_server == "janus" and settings.janus_folder is None:
            programs.append(serving.janus_server())
        server = embedded_server(settings)
        asyncio.run(serving.serve(settings, programs, server, when_ready=lambda: _print_addresses(settings)))


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
    table.add_row("media", _media_state(settings))
    out.print(table)


def _media_state(settings: Settings) -> str:
    from tianfu.services.realtime.embedded.remote import EmbeddedMedia

    async def look() -> str:
        port = EmbeddedMedia(media_socket(settings))
        try:
            await port.life()
        except Refusal:
            return "not running"
        finally:
            port.hang_up()
        return "running"

    return asyncio.run(look())


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
