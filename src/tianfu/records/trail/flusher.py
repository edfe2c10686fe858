"""A program that puts one file on disk whenever it is asked to; it needs nothing but Python.

A process of its own because a busy event loop keeps Python's lock from a thread for milliseconds
(https://docs.python.org/3/library/sys.html#sys.setswitchinterval), and waits for the disk if it asks itself.

Standard input is a socket, standard output the file; the arguments are the file's folder and the descriptor of a shared
memory.  Each byte FLUSH that comes asks for all that was written before it; how many have been served stands in the
memory, where who asked finds it without a word.  A byte TELL is answered by a zero byte once all FLUSHes before it have
been served: only who still waits sends it.  An error is answered by its number; after it nothing of the file can be
relied upon (https://wiki.postgresql.org/wiki/Fsync_Errors): the program ends.
"""

from __future__ import annotations

import errno
import mmap
import os
import signal
import sys
from contextlib import suppress

ASKED_BYTES_MAX = 4_096
FLUSH, TELL = b"f", b"t"

SERVED_BYTES = mmap.PAGESIZE
"""The size of the shared memory; its first eight bytes are the count."""


def count_in(memory: mmap.mmap) -> memoryview:
    """The shared count, as the only element of a view."""
    return memoryview(memory)[:8].cast("Q")


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the names of a folder's files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_when_asked(asked: int, file: int, folder: str, served: memoryview) -> None:
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
            served[0] += asked_for.count(FLUSH)
            if TELL in asked_for:
                os.write(asked, b"\0")
    os.fdatasync(file)


if __name__ == "__main__":
    for sent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sent, signal.SIG_IGN)  # what its process says until the end shall still reach the disk
    flush_when_asked(0, 1, sys.argv[1], count_in(mmap.mmap(int(sys.argv[2]), SERVED_BYTES)))
