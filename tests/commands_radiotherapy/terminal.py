"""`tianfu rt` at an installation of its own, whose database runs while the tests do."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from tests.radiotherapy_house import HOSPITAL
from tests.records.made import put
from tests.supervision.installation import TIANFU, Installation
from tianfu.db import Database, Role
from tianfu.installation import database_addresses, installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import GroupAuditor
from tianfu.records.store import Store
from tianfu.records.trail.epochs import open_trail
from tianfu.settings import settings_from

WAIT_SECONDS = 60.0
ENGLISH, CHINESE = "C.UTF-8", "zh_CN.UTF-8"

Done = subprocess.CompletedProcess[str]


class Terminal:
    """Where somebody types commands."""

    def __init__(self, home: Path) -> None:
        self.installation = Installation(home)
        for words in (("migrate",), ("database", "start")):
            done = self.installation.run(*words)
            assert done.returncode == 0, done.stderr

    def rt(self, *words: object, language: str = ENGLISH) -> Done:
        """Run a command to its end."""
        return ended(self.begun(*words, language=language), within_seconds=120)

    def begun(self, *words: object, language: str = ENGLISH) -> subprocess.Popen[str]:
        """A command that runs."""
        return subprocess.Popen(
            [TIANFU, "rt", *map(str, words)],
            env={**self.installation.environment, "LC_ALL": language, "COLUMNS": "200", "PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            # Whoever runs the tests may ignore Ctrl-C, as programs in the background do; a terminal's commands do not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def told(self, *words: object) -> Any:
        """What a command says as JSON."""
        done = self.rt(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def imported(self, folder: Path) -> str:
        """The case that a folder becomes."""
        done = self.rt("import", folder, "--organisation", HOSPITAL)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rows(self, statement: LiteralString, *values: str) -> list[tuple[Any, ...]]:
        """What stands in the database."""
        addresses = database_addresses(settings_from(self.installation.environment))
        with psycopg.connect(addresses.of(Role.OWNER)) as connection:
            return connection.execute(statement, values or None).fetchall()

    def wait_for(self, statement: LiteralString, is_enough: Callable[[Any], bool]) -> None:
        """Look until the first value of a statement is enough."""
        until = time.monotonic() + WAIT_SECONDS
        while not is_enough(self.rows(statement)[0][0]):
            assert time.monotonic() < until, statement
            time.sleep(0.02)

    def with_organisations(self, *names: str) -> None:
        """Have these in the directory."""

        async def put_all() -> None:
            settings = settings_from(self.installation.environment)
            async with await Database.open(database_addresses(settings)) as database:
                trail = await open_trail(database, settings.home, system_clock)
                auditor = GroupAuditor(database, trail.lanes)
                keys = installation_keys(settings)
                store = await Store.open(database, auditor=auditor, clock=system_clock, keys=keys)
                for name in names:
                    await put(store, "Organization", name, name="示例医院")
                trail.close()

        asyncio.run(put_all())


def ended(process: subprocess.Popen[str], *, within_seconds: float = WAIT_SECONDS) -> Done:
    """What a command said, once it has ended; one that does not end fails the test with what its threads were at."""
    try:
        stdout, stderr = process.communicate(timeout=within_seconds)
    except subprocess.TimeoutExpired:
        state = f"ended with {process.returncode}" if process.poll() is not None else "runs"
        process.send_signal(signal.SIGABRT)
        pytest.fail(f"{process.args} {state}: {process.communicate(timeout=WAIT_SECONDS)}")
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def written(folder: Path, contents: Sequence[bytes]) -> Path:
    """A folder with these objects."""
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / f"{number:03}").write_bytes(content)
    return folder
