"""A program that puts one file on disk whenever it is asked to; it needs nothing but Python.

A process of its own because a busy event loop keeps Python's lock from a thread for milliseconds
(https://docs.python.org/3/library/sys.html#sys.setswitchinterval), and waits for the disk if it asks itself.

Standard input is a socket, standard output the file, the only argument the file's folder.  Each byte that comes asks
for all that was written before it, and is answered by a zero byte once that is on disk, or by the number of the error.
After an error nothing of the file can be relied upon (https://wiki.postgresql.org/wiki/Fsync_Errors): the program ends.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress

ASKED_BYTES_MAX = 4_096


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names of a folder's files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_when_asked(asked: int, file: int, folder: str) -> None:
    """Answer until the disk fails or nobody asks any more."""
    is_named = False
    with suppress(ConnectionError):  # the other side ended without waiting for its answers
        while asked_for := os.read(asked, ASKED_BYTES_MAX):
            try:
                os.fdatasync(file)
                if not is_named:
                    sync_folder(folder)
                    is_named = True
            except OSError as error:
                os.write(asked, bytes([error.errno or errno.EIO]))
                return
            os.write(asked, bytes(len(asked_for)))
    os.fdatasync(file)


if __name__ == "__main__":
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sent, signal.SIG_IGN)  # what its process says until the end shall still reach the disk
    flush_when_asked(0, 1, sys.argv[1])
