"""Folders for tests: in memory where there is room, for the thousand files of a database are made quickest there."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - folders in it get names that nobody can foretell
MEMORY_FREE_BYTES_MIN = 4 << 30
"""So much must be free for all servers of all tests that run at once; else folders lie where all temporary ones do."""


@contextmanager
def new_folder() -> Iterator[Path]:
    """A folder that every account may enter and whose path is short enough for sockets, gone after the block."""
    folder = made_folder()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def made_folder(prefix: str = "tianfu-") -> Path:
    """Such a folder, to be removed by whoever asked for it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place_in_memory()))
    folder.chmod(0o755)
    return folder


def place_in_memory() -> Path | None:
    """The folder whose files lie in memory; None where there is none or too little room."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_FREE_BYTES_MIN else None
