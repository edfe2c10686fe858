"""Commands on a database that lacks this program's schema, or that does not run, say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.folders import new_folder
from tests.supervision.installation import Installation, free_port

from tianfu.db import EmbeddedPostgres

COMMANDS = (
    ("client", "list"),
    ("client", "disable", "made-up"),
    ("client", "add", "--kind", "public", "--name", "App", "--scope", "openid", "--redirect", "https://app.example/"),
    ("account", "first-security", "--name", "An", "--number", "S1", "--organisation", "made-up"),
    ("account", "end-sessions", "S1"),
    ("account", "unlock", "S1"),
    ("demo-logins",),
    ("reindex",),
    ("export", "nowhere"),
    ("erase", "Patient/made-up", "--authority", "made up", "--yes"),
    ("who-can-read", "Patient/made-up"),
    ("import", str(Path(__file__).parent)),
    ("rt", "list"),
)

pytestmark = pytest.mark.slow  # starts PostgreSQL and the command


@pytest.fixture(scope="module")
def bare() -> Iterator[Installation]:
    """An installation whose database runs, and holds nothing."""
    with new_folder() as home:
        made = Installation(home)
        started = made.run("database", "start")
        assert started.returncode == 0, started.stderr
        yield made
        EmbeddedPostgres(home).stop()


def refused(installation: Installation, *words: str) -> tuple[str, str]:
    """With what code and what to do next a command was refused."""
    done = installation.run(*words)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert "Traceback" not in done.stderr
    first, *more = [line for line in done.stderr.splitlines() if line.startswith(("Refused:", "  kept:"))]
    return first.removeprefix("Refused: "), more[0].partition("next: ")[2]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_database_that_is_not_migrated_is_said_to_be_so(bare: Installation, words: tuple[str, ...]) -> None:
    assert refused(bare, *words) == ("schema-behind", "run-tianfu-migrate")


@pytest.mark.parametrize("words", [("client", "list"), ("account", "unlock", "S1")], ids=" ".join)
def test_a_database_that_does_not_run_is_said_to_be_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    installation = Installation(tmp_path)
    url = f"postgresql://made-up:made-up@127.0.0.1:{free_port()}/made-up"
    installation.environment["TIANFU_DATABASE_URL"] = url
    assert refused(installation, *words) == ("database-unavailable", "check-the-database-address")
