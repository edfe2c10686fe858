"""The heads of one process's lanes in files outside the database, on disk before an answer leaves.

What waits together shares one flush, which a process of its own makes.  After any failure the next attempt begins a
new file with the heads of all lanes and the open intents: what a disk lost when fsync failed is never relied upon
(https://wiki.postgresql.org/wiki/Fsync_Errors).
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path

import structlog

from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import EVERYTHING, Refusal, place_of
from tianfu.records.trail.flushing import Flushed, StartFlusher, started
from tianfu.records.trail.lanes import Head

FILE_BYTES_MAX = 4 << 20
"""A file that has grown so large is followed by the next; a signed root that covers it lets the old one go."""

FLUSH_AFTER_SECONDS = 0.02
"""So long after an intent came true, that word itself goes to disk, unless the next head has taken it along."""

FLUSH_AGAIN_SECONDS = 1.0
"""How long after a disk that failed it is tried again, also where nobody comes."""

_HEAD, _FINAL, _INTENT, _WITHDRAWN = b"h", b"f", b"i", b"w"
_log = structlog.get_logger("tianfu.records")


def head_line(head: Head, at: int, *, kind: bytes = _HEAD) -> bytes:
    """One head as a line of a head file."""
    return b"%s %d %d %s %d\n" % (kind, head.lane, head.number, head.hash.hex().encode(), at)


def final_line(head: Head, at: int) -> bytes:
    """The end of a lane whose process has ended."""
    return head_line(head, at, kind=_FINAL)


def file_name(writer: bytes, number: int) -> str:
    """The name of a process's n-th head file."""
    return f"{writer.hex()}-{number:06d}.heads"


class HeadFile:
    """Keeps heads; `opening` is what every file of this process begins with."""

    def __init__(
        self,
        folder: Path,
        writer: bytes,
        opening: Callable[[int], bytes],
        clock: Clock,
        *,
        start_flusher: StartFlusher = started,
    ) -> None:
        self._folder = folder
        self._writer = writer
        self._opening = opening
        self._clock = clock
        self._start_flusher = start_flusher
        self._heads: dict[int, Head] = {}
        self._intents: dict[int, Head] = {}
        self._file: Flushed | None = None
        self._left: list[Flushed] = []
        self._number = 0
        self._is_failing = False
        self._is_closed = False
        self._attempt: asyncio.Future[None] | None = None
        self._is_unflushed = False
        self._timer: asyncio.TimerHandle | None = None

    async def begin(self) -> None:
        """Make the first file; raises Refusal `audit-heads-not-written`."""
        try:
            await self._flushed()
        except Refusal as refusal:
            raise _not_written(kept="nothing-changed") from refusal

    def intend(self, head: Head) -> asyncio.Future[None]:
        """Begin to put on disk what a lane's head will be; done once it is there and somebody looks.

        Raises Refusal `audit-heads-not-written`, at once or through the future.
        """
        kept = self._flushed(head_line(head, self._clock(), kind=_INTENT), is_looked_for=True)
        self._intents[head.lane] = head
        return kept

    def look(self) -> None:
        """See which intents are on disk; their futures are done when this returns, the others' once they are."""
        if self._file is None:
            return  # what was left is told by itself
        try:
            self._file.look()
        except OSError as error:
            self._fail(error)

    def confirm(self, head: Head) -> None:
        """Say that an intended head has come true; raises Refusal `audit-heads-not-written`."""
        self._learn(head)
        self._say(head_line(head, self._clock()))

    def withdraw(self, head: Head) -> asyncio.Future[None]:
        """Begin to put on disk that what was intended came to nothing: `head` is still the lane's head.

        Raises Refusal `audit-heads-not-written`, at once or through the future.
        """
        self._intents.pop(head.lane, None)
        return self._flushed(head_line(head, self._clock(), kind=_WITHDRAWN))

    async def keep(self, head: Head) -> None:
        """Return once the head is on disk; raises Refusal `audit-heads-not-written`."""
        self._learn(head)
        await self._flushed(head_line(head, self._clock()))

    def refuse_if_failing(self) -> None:
        """Raise Refusal `audit-heads-not-written` after a failure, until a new attempt succeeds."""
        if not self._is_failing:
            return
        if self._attempt is None or self._attempt.done():
            try:
                self._attempt = self._flushed()
                self._attempt.add_done_callback(_heard)
            except Refusal:
                self._attempt = None
        raise _not_written(kept="nothing-changed")

    def close(self) -> None:
        """Let the files go, and refuse whatever still comes; safe to repeat."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._leave()
        for file in self._left:
            file.close()
        self._left = []

    def _learn(self, head: Head) -> None:
        known = self._heads.get(head.lane)
        if known is None or known.number < head.number:
            self._heads[head.lane] = head
        intent = self._intents.get(head.lane)
        if intent is not None and intent.number <= head.number:
            del self._intents[head.lane]

    def _flushed(self, line: bytes = b"", *, is_looked_for: bool = False) -> asyncio.Future[None]:
        """Write a line and ask for the disk."""
        try:
            file = self._current()
            file.write(line)
            flushed = file.flush(is_looked_for=is_looked_for)
        except OSError as error:
            self._fail(error)
            raise _not_written(kept=EVERYTHING) from error
        self._is_unflushed = False
        return flushed

    def _say(self, line: bytes) -> None:
        """Write that an intent which is on disk has come true; the next flush takes it along.

        Should the file be gone from its name, that flush finds it out and begins a new one with all heads.
        """
        try:
            (self._file or self._current()).write(line)
        except OSError as error:
            self._fail(error)
            raise _not_written(kept=EVERYTHING) from error
        self._flush_later(FLUSH_AFTER_SECONDS)

    def _flush_what_was_said(self) -> None:
        self._timer = None
        if self._is_unflushed and not self._is_closed:
            try:
                self._flushed().add_done_callback(self._flush_again_unless_done)
            except Refusal:  # the log tells it, and whoever comes next is refused
                self._flush_later(FLUSH_AGAIN_SECONDS)

    def _flush_again_unless_done(self, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and done.exception() is not None:
            self._flush_later(FLUSH_AGAIN_SECONDS)

    def _flush_later(self, seconds: float) -> None:
        self._is_unflushed = True
        if self._timer is None and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._flush_what_was_said)

    def _current(self) -> Flushed:
        """The file to write to: a new one at the start, after a failure, and when the old one is full or gone."""
        if self._is_closed:
            raise OSError(errno.EBADF, "the head files are closed")
        if self._file is None or self._file.size_bytes > FILE_BYTES_MAX or not self._file.is_there():
            self._leave()
            self._number += 1
            self._left = [file for file in self._left if not file.has_ended()]
            path = self._folder / file_name(self._writer, self._number)
            opening = self._opening(self._number) + self._told()
            self._file = Flushed(path, opening, self._start_flusher, self._ended, _lost)
        return self._file

    def _told(self) -> bytes:
        """What holds of the older files: the heads of all lanes, and the intents that may still come true."""
        now = self._clock()
        heads = [head_line(head, now) for head in self._heads.values()]
        return b"".join([*heads, *(head_line(head, now, kind=_INTENT) for head in self._intents.values())])

    def _ended(self, file: Flushed, error: OSError | None) -> None:
        """Hear that a file reached the disk, or that nothing of it can be relied upon any more."""
        if file is not self._file:
            return
        if error is None:
            self._is_failing = False
        elif file.is_waited_for:
            self._fail(error)
        else:
            self._leave()  # its flusher was killed while nobody waited: the next head begins a new file

    def _fail(self, error: OSError) -> None:
        if not self._is_failing:
            _log.error("audit_heads_not_written", error=place_of(error), number=error.errno)
        self._is_failing = True
        self._leave()

    def _leave(self) -> None:
        if self._file is not None:
            self._file.leave()
            self._left.append(self._file)
            self._file = None


def _heard(done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        done.exception()


def _lost() -> Refusal:
    return _not_written(kept=EVERYTHING)


def _not_written(*, kept: str) -> Refusal:
    is_done = kept == EVERYTHING
    next_step = "do-not-send-again" if is_done else "send-again-later"
    return Refusal("audit-heads-not-written", kept=kept, next_step=next_step, retryable=not is_done)
