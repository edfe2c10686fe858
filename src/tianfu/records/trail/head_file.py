"""The heads of one process's lanes in files outside the database, on disk before an answer leaves.

Heads that wait together share one fsync.  After any failure the next attempt begins a new file with the heads of all
lanes: what a disk lost when fsync failed is never relied upon (https://wiki.postgresql.org/wiki/Fsync_Errors).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import EVERYTHING, Refusal, place_of
from tianfu.records.trail.lanes import Head

FILE_BYTES_MAX = 4 << 20
"""A file that has grown so large is followed by the next; a signed root that covers it lets the old one go."""

SLOW_SECONDS = 0.002
SLOW_IN_THREAD_SECONDS = 0.05
"""In a thread the wait for Python's lock counts too."""

IN_THREAD_AFTER_SLOW = 100
"""So many writes after one that was slow are made in a thread, so that the event loop does not wait for the disk.

A quick disk is waited for: to hand the write to a thread and back takes longer, because a busy event loop keeps
Python's lock from it (https://docs.python.org/3/library/sys.html#sys.setswitchinterval).
"""

_log = structlog.get_logger("tianfu.records")


def head_line(head: Head, at: int, *, is_final: bool = False) -> bytes:
    """One head as a line of a head file."""
    return b"%s %d %d %s %d\n" % (b"f" if is_final else b"h", head.lane, head.number, head.hash.hex().encode(), at)


def file_name(writer: bytes, number: int) -> str:
    """The name of a process's n-th head file."""
    return f"{writer.hex()}-{number:06d}.heads"


class HeadFile:
    """Keeps heads; `opening` is what every file of this process begins with."""

    def __init__(self, folder: Path, writer: bytes, opening: Callable[[int], bytes], clock: Clock) -> None:
        self._folder = folder
        self._writer = writer
        self._opening = opening
        self._clock = clock
        self._heads: dict[int, Head] = {}
        self._waiting: list[tuple[Head | None, asyncio.Future[None]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="audit-heads")
        self._descriptor: int | None = None
        self._number = 0
        self._size_bytes = 0
        self._is_failing = False
        self._in_thread = 0
        self._closed = False

    def begin(self) -> None:
        """Make the first file; raises Refusal `audit-heads-not-written`."""
        try:
            self._next_file()
        except OSError as error:
            raise _not_written(kept="nothing-changed") from error

    @property
    def is_quick(self) -> bool:
        """Whether the next head is kept at once: its disk answers quickly, and nobody waits for it."""
        return self._worker is None and not self._in_thread and not self._is_failing and not self._closed

    async def keep(self, head: Head) -> None:
        """Return once the head is on disk; raises Refusal `audit-heads-not-written`."""
        if self.is_quick:
            self._keep_now(head)
        else:
            await self._queued(head)

    def refuse_if_failing(self) -> None:
        """Raise Refusal `audit-heads-not-written` after a failure, until a new attempt succeeds."""
        if self._is_failing:
            if self._worker is None:
                self._queued(None).add_done_callback(lambda done: done.exception())
            raise _not_written(kept="nothing-changed")

    def close(self) -> None:
        """Let the file go; safe to repeat."""
        self._closed = True
        self._thread.shutdown(wait=True)
        self._forget()

    def _queued(self, head: Head | None) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((head, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._write_groups())
        return done

    async def _write_groups(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._write_group(group)
        finally:
            self._worker = None

    async def _write_group(self, group: list[tuple[Head | None, asyncio.Future[None]]]) -> None:
        fresh = {head.lane: head for head, _ in group if head is not None and self._learned(head)}
        self._in_thread = max(0, self._in_thread - 1)
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self._timed, list(fresh.values()), SLOW_IN_THREAD_SECONDS
            )
        except OSError as error:
            self._failed(error)
            _settle(group, failed=True)
        except BaseException:
            self._in_thread = IN_THREAD_AFTER_SLOW  # it may be writing still
            _settle(group, failed=True)
            raise
        else:
            self._is_failing = False
            _settle(group, failed=False)

    def _keep_now(self, head: Head) -> None:
        if not self._learned(head):
            return
        try:
            self._timed([head], SLOW_SECONDS)
        except OSError as error:
            self._failed(error)
            raise _not_written(kept=EVERYTHING) from error

    def _learned(self, head: Head) -> bool:
        """Whether a head is news; one behind a later one of its lane needs no line of its own."""
        known = self._heads.get(head.lane)
        if known is not None and known.number >= head.number:
            return False
        self._heads[head.lane] = head
        return True

    def _failed(self, error: OSError) -> None:
        if not self._is_failing:
            _log.error("audit_heads_not_written", error=place_of(error), number=error.errno)
        self._is_failing = True

    def _timed(self, heads: list[Head], slow_seconds: float) -> None:
        """One call at a time, in the event loop or in a thread; a slow one has those after it made in a thread."""
        began = time.monotonic()
        self._write(heads)
        if time.monotonic() - began > slow_seconds:
            self._in_thread = IN_THREAD_AFTER_SLOW

    def _write(self, heads: list[Head]) -> None:
        now = self._clock()
        try:
            if self._descriptor is None or self._size_bytes > FILE_BYTES_MAX or not self._is_there(self._descriptor):
                self._next_file()
                return
            self._put(self._descriptor, b"".join(head_line(head, now) for head in heads))
            os.fdatasync(self._descriptor)
        except OSError:
            self._forget()
            raise

    def _next_file(self) -> None:
        """A new file with the heads of all lanes; the one before stays until a root covers it."""
        self._forget()
        self._number += 1
        path = self._folder / file_name(self._writer, self._number)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            now = self._clock()
            lines = b"".join(head_line(head, now) for head in list(self._heads.values()))
            self._put(descriptor, self._opening(self._number) + lines)
            os.fsync(descriptor)
            sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def _is_there(self, descriptor: int) -> bool:
        """Whether the open file still lies under its name: writing into a removed one would keep nothing."""
        ours = os.fstat(descriptor)
        try:
            named = (self._folder / file_name(self._writer, self._number)).stat()
        except FileNotFoundError:
            return False
        return (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)

    def _put(self, descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        self._size_bytes += len(data)

    def _forget(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        self._size_bytes = 0


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's files durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _settle(group: list[tuple[Head | None, asyncio.Future[None]]], *, failed: bool) -> None:
    for _, done in group:
        if done.done():
            continue
        if failed:
            done.set_exception(_not_written(kept=EVERYTHING))
        else:
            done.set_result(None)


def _not_written(*, kept: str) -> Refusal:
    is_done = kept == EVERYTHING
    next_step = "do-not-send-again" if is_done else "send-again-later"
    return Refusal("audit-heads-not-written", kept=kept, next_step=next_step, retryable=not is_done)
