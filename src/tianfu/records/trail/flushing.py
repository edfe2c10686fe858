"""A file that another process puts on disk: who asks does not wait, nor let others wait."""

from __future__ import annotations

import asyncio
import errno
import mmap
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tianfu.records.trail import flusher

END_SECONDS = 5.0
"""How long a flusher may take to end once its file is left."""

ROOM_BYTES = 256 << 10
"""A file grows by so many zero bytes at once, over which its lines are written: a flush that need not put a new size on
disk as well takes about two thirds of the time."""


class Running(Protocol):
    """A flusher at work, as `subprocess.Popen` shows it."""

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def kill(self) -> None: ...


StartFlusher = Callable[[socket.socket, int, Path, int], Running]
"""Starts a flusher of a file that is asked through a socket, lies in a folder, and counts in a shared memory."""


def started(asked: socket.socket, file: int, folder: Path, served: int) -> Running:
    """A flusher as a process that imports nothing of ours."""
    command = [sys.executable, "-I", "-S", flusher.__file__, str(folder), str(served)]
    return subprocess.Popen(  # noqa: S603 - our own program, no shell
        command, stdin=asked.fileno(), stdout=file, pass_fds=[served]
    )


@contextmanager
def _shared_memory() -> Iterator[int]:
    """Memory that a flusher shares with us, for as long as it takes to hand it on."""
    descriptor = os.memfd_create("tianfu-flushed")
    try:
        os.ftruncate(descriptor, flusher.SERVED_BYTES)
        yield descriptor
    finally:
        os.close(descriptor)


class Flushed:
    """A new file that begins with `opening`.

    `tell` hears of each flush and of the failure after which nothing of the file counts.
    """

    def __init__(
        self,
        path: Path,
        opening: bytes,
        start: StartFlusher,
        tell: Callable[[Flushed, OSError | None], None],
        refusal: Callable[[], Exception],
    ) -> None:
        self.size_bytes = 0
        self._room_bytes = 0
        self._path = path
        self._name = os.fspath(path)
        self._tell = tell
        self._refusal = refusal
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._heard = 0
        self._is_left = False
        self._asked: socket.socket | None = None
        self._memory: mmap.mmap | None = None
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            ours = os.fstat(self._descriptor)
            self._identity = ours.st_dev, ours.st_ino
            self.write(opening)  # first: where the disk is full, no flusher is started in vain
            self._running = self._started(start)
        except BaseException:
            os.close(self._descriptor)
            with suppress(OSError):
                path.unlink()
            raise

    def _started(self, start: StartFlusher) -> Running:
        self._asked, theirs = socket.socketpair()
        try:
            self._asked.setblocking(False)
            self._loop.add_reader(self._asked, self._hear)
            with _shared_memory() as memory:
                self._memory = mmap.mmap(memory, flusher.SERVED_BYTES)
                self._served = flusher.count_in(self._memory)
                return start(theirs, self._descriptor, self._path.parent, memory)
        except BaseException:
            self._hang_up()
            raise
        finally:
            theirs.close()

    @property
    def is_waited_for(self) -> bool:
        """Whether somebody waits for the disk."""
        return bool(self._waiting)

    def write(self, data: bytes) -> None:
        """Write behind all that was written, not yet to the disk; raises OSError."""
        if self.size_bytes + len(data) > self._room_bytes:
            self._make_room(len(data))
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self.size_bytes += len(data)

    def _make_room(self, more_bytes: int) -> None:
        wanted = -(-(self.size_bytes + more_bytes) // ROOM_BYTES) * ROOM_BYTES
        while self._room_bytes < wanted:
            self._room_bytes += os.pwrite(self._descriptor, bytes(wanted - self._room_bytes), self._room_bytes)

    def flush(self, *, is_looked_for: bool = False) -> asyncio.Future[None]:
        """Ask for the disk; done once all that was written is there.  Raises OSError.

        Who promises to `look` spares the flusher a word, and us a wake-up, where it is done by then.
        """
        self._ask(flusher.FLUSH if is_looked_for else flusher.FLUSH + flusher.TELL)
        flushed = self._loop.create_future()
        self._waiting.append(flushed)
        return flushed

    def look(self) -> None:
        """See which flushes are done, and have the others told; raises OSError."""
        if self._asked is not None:
            self._settle()
        if self._waiting:
            self._ask(flusher.TELL)

    def is_there(self) -> bool:
        """Whether the open file still lies under its name: writing into a removed one would keep nothing."""
        try:
            named = os.stat(self._name)  # noqa: PTH116 - asked for every group: a Path takes several times as long
        except FileNotFoundError:
            return False
        return (named.st_dev, named.st_ino) == self._identity

    def leave(self) -> None:
        """Write nothing more; what waits is still heard."""
        if not self._is_left:
            self._is_left = True
            with suppress(OSError):  # who reads it passes over the room that is left
                os.ftruncate(self._descriptor, self.size_bytes)
            os.close(self._descriptor)
            if not self._loop.is_closed():  # else whoever waited is gone with it
                with suppress(OSError):  # a flusher that has ended is heard of
                    self.look()
            if not self._waiting:
                self._hang_up()

    def has_ended(self) -> bool:
        """Whether nothing is left to close."""
        return self._asked is None and self._running.poll() is not None

    def close(self) -> None:
        """Wait for the flusher's end; what still waits is refused."""
        self.leave()
        self._hang_up()
        self._refuse_waiting()
        try:
            self._running.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
            with suppress(subprocess.TimeoutExpired):  # what waits for the disk ends only when the disk answers
                self._running.wait(END_SECONDS)

    def _hear(self) -> None:
        if self._asked is None:
            return
        try:
            said = self._asked.recv(flusher.ASKED_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(error)
            return
        self._settle()
        if not said:
            self._fail(OSError(errno.EPIPE, "the flusher has ended"))
            return
        if number := max(said):
            self._fail(OSError(number, os.strerror(number)))
            return
        self._tell(self, None)
        if self._is_left and not self._waiting:
            self._hang_up()

    def _ask(self, what: bytes) -> None:
        if self._asked is None:
            raise OSError(errno.EPIPE, "the flusher has ended")
        self._asked.send(what)

    def _settle(self) -> None:
        """Tell those whose flush has been served."""
        served = self._served[0]
        while self._heard < served:
            self._heard += 1
            flushed = self._waiting.popleft()
            if not flushed.done():
                flushed.set_result(None)

    def _fail(self, error: OSError) -> None:
        self._hang_up()
        self._tell(self, error)
        self._refuse_waiting()

    def _refuse_waiting(self) -> None:
        if self._loop.is_closed():
            self._waiting.clear()  # whoever waited is gone with the loop
        while self._waiting:
            flushed = self._waiting.popleft()
            if not flushed.done():
                flushed.set_exception(self._refusal())

    def _hang_up(self) -> None:
        if self._asked is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._asked)
            self._asked.close()
            self._asked = None
        if self._memory is not None:
            self._served.release()
            self._memory.close()
            self._memory = None
