"""Room on the database's disk: writing stops while there is still enough of it to read, to leave traces and to recover.

A PostgreSQL that cannot make its next file of write-ahead log ends at once, and with it every reading ward
(https://www.postgresql.org/docs/18/disk-full.html).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from tianfu.db.errors import disk_full

RESERVE_BYTES = 128 << 20
"""What writers leave free: some files of write-ahead log (16 MB each), and the traces of those who go on reading."""

LOOK_SECONDS = 0.5


class Room:
    """Looks at the file system of a folder, at most twice a second; None stands for one of another machine."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._looked_at = float("-inf")
        self._free_bytes = 0

    def refuse_if_full(self) -> None:
        """Raise the refusal "disk-full" if what is free is needed for reading and recovery."""
        if self._folder is None:
            return
        now = time.monotonic()
        if now - self._looked_at > LOOK_SECONDS:
            self._looked_at = now
            found = os.statvfs(self._folder)
            self._free_bytes = found.f_bavail * found.f_frsize
        if self._free_bytes < RESERVE_BYTES:
            raise disk_full()
