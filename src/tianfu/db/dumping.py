"""The whole schema into a folder and back, by PostgreSQL's own programs, each in one consistent piece.

https://www.postgresql.org/docs/18/app-pgdump.html and https://www.postgresql.org/docs/18/app-pgrestore.html
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tianfu.db.binaries import Binaries, wheel_binaries
from tianfu.db.preparation import connected, prepare
from tianfu.db.roles import SCHEMA, Addresses
from tianfu.kernel.refusal import Refusal

Progress = Callable[[int, int], None]
"""Called with how many tables are done, and how many there are."""

SAID_CHARACTERS_MAX = 2_000
_DUMPING = "dumping contents of table"
_LOADING = "processing data for table"


def dump(addresses: Addresses, folder: Path, *, progress: Progress, binaries: Binaries | None = None) -> None:
    """Write the schema and everything in it, as it is at one moment, into a new folder; writers go on meanwhile."""
    with connected(addresses) as connection:
        row = connection.execute(_TABLES, [SCHEMA]).fetchone()
    total = int(str(row[0])) if row else 0
    arguments = ["--format=directory", "--compress=gzip:1", f"--schema={SCHEMA}", "--file", str(folder)]
    _run(addresses, binaries, "pg_dump", arguments, lambda line: _DUMPING in line, lambda n: progress(n, total))


def load(addresses: Addresses, folder: Path, *, progress: Progress, binaries: Binaries | None = None) -> None:
    """Bring a dump back into a database without anything of ours: wholly, or not at all.

    Raises Refusal `installation-not-empty` if something is there.
    """
    refuse_filled(addresses)
    total = sum(each.name != "toc.dat" and ".dat" in each.suffixes for each in folder.iterdir())
    prepare(addresses)  # the roles, and an empty schema that gives way to the dump's
    with connected(addresses) as connection:
        connection.execute(sql.SQL("drop schema {}").format(sql.Identifier(SCHEMA)))
    arguments = ["--single-transaction", "--exit-on-error", str(folder)]
    _run(addresses, binaries, "pg_restore", arguments, lambda line: _LOADING in line, lambda n: progress(n, total))
    with connected(addresses) as connection:
        connection.execute("analyze")  # a dump holds no statistics, and without them plans are guesses


def refuse_filled(addresses: Addresses) -> None:
    """Raise Refusal `installation-not-empty` if the database holds a table of ours."""
    with connected(addresses) as connection:
        row = connection.execute(_TABLES, [SCHEMA]).fetchone()
    if row is not None and row[0]:
        raise Refusal("installation-not-empty", next_step="use-an-empty-one")


_TABLES = """
select count(*) from pg_class
 where relnamespace = (select oid from pg_namespace where nspname = %s) and relkind = 'r'
"""


def _run(
    addresses: Addresses,
    binaries: Binaries | None,
    program: str,
    arguments: list[str],
    is_step: Callable[[str], bool],
    progress: Callable[[int], None],
) -> None:
    place = conninfo_to_dict(addresses.admin)
    # Not on the command line, which every account of the machine can read.
    environment = {**os.environ, "PGPASSWORD": str(place.pop("password", ""))}
    command = [(binaries or wheel_binaries()).program(program), "--no-password", "--verbose", *arguments]
    said, done = "", 0
    with subprocess.Popen(  # noqa: S603 - our own fixed programs
        [*command, "--dbname", make_conninfo("", **place)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as running:
        for line in running.stderr or ():
            said = (said + line)[-SAID_CHARACTERS_MAX:]
            if is_step(line):
                done += 1
                progress(done)
    if running.returncode:
        raise Refusal(
            f"{program.replace('_', '-')}-failed", next_step="read-what-it-said", details={"said": said.strip()}
        )
