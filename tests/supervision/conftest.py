"""Installations for tests, taken away with all their processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.supervision.installation import Installation

from tianfu.db import EmbeddedPostgres


@pytest.fixture
def installation(short_folder: Path) -> Iterator[Installation]:
    made = Installation(short_folder)
    done = made.run("migrate")
    assert done.returncode == 0, done.stderr
    yield made
    if made.process is not None and made.process.poll() is None:
        made.stop(signal.SIGKILL)
    for process in made.workers():
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    EmbeddedPostgres(made.home).stop()
