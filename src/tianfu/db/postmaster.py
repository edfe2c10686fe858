"""The processes of a PostgreSQL that uses a data folder: the postmaster, and what a killed one left behind.

postmaster.pid: https://www.postgresql.org/docs/18/storage-file-layout.html
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

ORPHAN_SECONDS = 10.0


def postmaster_of(data: Path) -> int | None:
    """The process id of the living postmaster of this folder, or None."""
    try:
        lines = (data / "postmaster.pid").read_text("utf-8").splitlines()
        process = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    return process if _works_in(process, data) else None


def is_stopping(data: Path) -> bool:
    """Whether the postmaster is on its way out."""
    try:
        return (data / "postmaster.pid").read_text("utf-8").splitlines()[7].strip() == "stopping"
    except (OSError, IndexError):
        return False


def clear_remains(data: Path, socket_folder: Path) -> None:
    """Make a folder whose postmaster was killed ready for a new one.

    Its children notice and end by themselves; one that does not within ten seconds is told to.  Only when
    nobody works in the folder are its lock files removed: the number in them may belong to a stranger by now, or to
    a dead process that nobody has buried.
    """
    give_up_at = time.monotonic() + ORPHAN_SECONDS
    while orphans := _workers_in(data):
        if time.monotonic() > give_up_at:
            for process in orphans:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGQUIT)
            give_up_at += ORPHAN_SECONDS
        time.sleep(0.05)
    for remains in [data / "postmaster.pid", *socket_folder.glob(".s.PGSQL.*")]:
        remains.unlink(missing_ok=True)


def _workers_in(data: Path) -> list[int]:
    return [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit() and _works_in(int(entry.name), data)
    ]


def _works_in(process: int, data: Path) -> bool:
    """Every process of a server has its data folder as working folder."""
    try:
        folder = os.readlink(f"/proc/{process}/cwd")  # noqa: PTH115 - Path.readlink would do the same twice
        program = os.readlink(f"/proc/{process}/exe")  # noqa: PTH115
        state = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return (
        folder == str(data.resolve()) and Path(program.removesuffix(" (deleted)")).name == "postgres" and state != "Z"
    )
