"""Change the schema forward, step by step, once each.

Steps come in pairs: `0007_labels.pre.sql` is safe beside the old program, `0007_labels.post.sql` runs when the
old program is gone.  What has run is recorded with a checksum; a step that has run never changes again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any, Literal

import psycopg
from psycopg import Connection

from tianfu.db.preparation import LOCK, connected, prepare
from tianfu.db.roles import SCHEMA, Addresses, Role
from tianfu.kernel.refusal import Refusal

Phase = Literal["pre", "post"]
PHASES: tuple[Phase, ...] = ("pre", "post")

OUTSIDE_TRANSACTION = "-- outside a transaction"
"""First line of a step of one statement that PostgreSQL refuses inside a transaction (`create index concurrently`)."""

_FILE = re.compile(r"(\d{4})_([a-z0-9_]+)\.(pre|post)\.sql\Z")
_REGISTER = """
create table if not exists migration (
  name       text        primary key collate "C",
  checksum   bytea       not null,
  applied_at timestamptz not null default clock_timestamp()
)
"""

Owner = Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step: `set_name` says whose it is, `number` its place among theirs."""

    set_name: str
    number: int
    title: str
    phase: Phase
    text: str

    @property
    def name(self) -> str:
        """How the step is recorded."""
        return f"{self.set_name}/{self.number:04d}_{self.title}.{self.phase}"

    @property
    def checksum(self) -> bytes:
        """Tells a changed step from the one that ran."""
        return sha256(self.text.encode()).digest()


def migrations_in(package: str) -> list[Migration]:
    """The steps that lie in a package, in their order; a file with another name is refused."""
    steps: list[Migration] = []
    for entry in files(package).iterdir():
        if not entry.name.endswith(".sql"):
            continue
        if (match := _FILE.match(entry.name)) is None:
            raise ValueError(f"{package}/{entry.name}: a step is named 0001_title.pre.sql or 0001_title.post.sql")
        phase: Phase = "pre" if match[3] == "pre" else "post"
        text = entry.read_text("utf-8")
        steps.append(Migration(set_name=package, number=int(match[1]), title=match[2], phase=phase, text=text))
    steps.sort(key=lambda step: (step.number, PHASES.index(step.phase)))
    return steps


def migrate(addresses: Addresses, steps: Sequence[Migration], *, phases: Sequence[Phase] = PHASES) -> list[str]:
    """Run what has not run yet; the names of the steps that ran now.

    Raises the refusals "schema-newer" and "migration-changed", and runs nothing then.  Each step commits by itself.
    """
    prepare(addresses)
    with _owner_alone(addresses) as connection:
        connection.execute(_REGISTER)
        waiting = [step for step in _waiting(connection, steps) if step.phase in phases]
        for step in waiting:
            _run(connection, step)
    return [step.name for step in waiting]


def pending(addresses: Addresses, steps: Sequence[Migration]) -> list[str]:
    """The names of the steps that have not run; raises as `migrate` does."""
    with connected(addresses) as connection:
        found = connection.execute("select to_regclass(%s)", [f"{SCHEMA}.migration"]).fetchone()
    if found is None or found[0] is None:
        return [step.name for step in steps]
    with psycopg.connect(addresses.of(Role.OWNER), autocommit=True) as connection:
        return [step.name for step in _waiting(connection, steps)]


@contextmanager
def _owner_alone(addresses: Addresses) -> Iterator[Owner]:
    with psycopg.connect(addresses.of(Role.OWNER), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [LOCK])
        yield connection


def _waiting(connection: Owner, steps: Sequence[Migration]) -> list[Migration]:
    applied: dict[Any, Any] = dict(connection.execute("select name, checksum from migration", binary=True).fetchall())
    by_name = {step.name: step for step in steps}
    if unknown := sorted(str(name) for name in applied if name not in by_name):
        raise Refusal("schema-newer", next_step="run-the-newer-program", details={"steps": " ".join(unknown)})
    if changed := [step.name for step in steps if step.name in applied and applied[step.name] != step.checksum]:
        raise Refusal(
            "migration-changed", next_step="restore-the-step-and-add-a-new-one", details={"steps": " ".join(changed)}
        )
    return [step for step in steps if step.name not in applied]


def _run(connection: Owner, step: Migration) -> None:
    record = "insert into migration (name, checksum) values (%s, %s)"
    try:
        if step.text.startswith(OUTSIDE_TRANSACTION):
            connection.execute(step.text.encode())
            connection.execute(record, [step.name, step.checksum])
        else:
            with connection.transaction():
                connection.execute(step.text.encode())
                connection.execute(record, [step.name, step.checksum])
    except psycopg.errors.DiskFull as error:
        raise Refusal("disk-full", next_step="free-space-then-send-again", retryable=True) from error
    except psycopg.Error as error:
        raise Refusal(
            "migration-failed",
            next_step="correct-and-send-again",
            details={"step": step.name, "sqlstate": error.sqlstate or "", "said": str(error).strip()},
        ) from error
