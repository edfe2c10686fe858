"""Installations for tests, taken away with all their processes."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.folders import new_folder
from tests.supervision.installation import Installation

from tianfu.db import EmbeddedPostgres


@pytest.fixture(scope="session")
def migrated() -> Iterator[Path]:
    """The home of an installation whose schema is up to date, and that has never been served."""
    with new_folder() as home:
        done = Installation(home).run("migrate")
        assert done.returncode == 0, done.stderr
        yield home


@pytest.fixture
def installation(migrated: Path, short_folder: Path) -> Iterator[Installation]:
    subprocess.run(["cp", "-a", f"{migrated}/.", str(short_folder)], check=True)
    made = Installation(short_folder)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop(signal.SIGKILL)
    for process in made.workers():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    EmbeddedPostgres(made.home).stop()
