"""Auditors for tests: each with a trail of its own in a folder that goes when the test ends."""

from __future__ import annotations

import mmap
import os
import shutil
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from tests.folders import made_folder
from tianfu.db import Database
from tianfu.kernel.instants import system_clock
from tianfu.records.audit import GroupAuditor
from tianfu.records.trail.epochs import Trail, open_trail
from tianfu.records.trail.flusher import SERVED_BYTES, count_in, flush_when_asked

_OPEN: list[tuple[Trail, Path]] = []


async def trail_of(database: Database) -> Trail:
    """A trail in a folder of its own, closed when the test ends; a thread flushes it, which begins at once."""
    home = made_folder()
    try:
        trail = await open_trail(database, home, system_clock, start_flusher=in_a_thread)
    except BaseException:
        shutil.rmtree(home)
        raise
    _OPEN.append((trail, home))
    return trail


async def auditor_of(database: Database) -> GroupAuditor:
    """An auditor with such a trail."""
    return GroupAuditor(database, (await trail_of(database)).lanes)


def close_trails() -> None:
    """End what the test opened."""
    while _OPEN:
        trail, home = _OPEN.pop()
        trail.close()
        shutil.rmtree(home)


class Flusher:
    """The flusher's own code in a thread."""

    def __init__(self, asked: int, file: int, folder: str, served: int) -> None:
        self._descriptors = asked, file
        count = count_in(mmap.mmap(served, SERVED_BYTES))
        self._thread = threading.Thread(target=self._run, args=(asked, file, folder, count), daemon=True)
        self._thread.start()

    def _run(self, asked: int, file: int, folder: str, served: memoryview) -> None:
        try:
            with suppress(OSError):
                flush_when_asked(asked, file, folder, served)
        finally:
            for descriptor in self._descriptors:
                os.close(descriptor)

    def poll(self) -> int | None:
        return None if self._thread.is_alive() else 0

    def wait(self, timeout: float | None = None) -> int:
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise subprocess.TimeoutExpired("the flusher's thread", timeout or 0)
        return 0

    def kill(self) -> None:
        """A thread cannot be killed: one that has to be hangs."""
        raise AssertionError("the flusher's thread did not end")


def in_a_thread(asked: socket.socket, file: int, folder: Path, served: int) -> Flusher:
    """Start a flusher that is no process of its own."""
    return Flusher(os.dup(asked.fileno()), os.dup(file), str(folder), served)
