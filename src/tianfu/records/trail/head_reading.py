"""Head files as others read them: what a process said last, and whether it still lives."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tianfu.records.trail.lanes import Head

_NAME = re.compile(r"([0-9a-f]{32})-([0-9]{6})\.heads\Z")
_LINE = re.compile(r"([hfiw]) ([0-9]{1,5}) ([0-9]{1,19}) ([0-9a-f]{64}) ")
_EPOCH = re.compile(r"e ([0-9]{1,19}) ([0-9a-f]{64}) ")
_LOCK = re.compile(r"([0-9a-f]{32})\.lock\Z")


class LifeLock:
    """Held from a process's start to its end; the kernel lets it go even when the process is killed.

    It is held before it has its name: who finds one that nobody holds takes its process for dead and writes its ends.
    """

    def __init__(self, folder: Path, writer: bytes, mark: str) -> None:
        self.path = folder / f"{writer.hex()}.lock"
        unnamed = self.path.with_suffix(".locking")
        self._descriptor = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(self._descriptor, mark.encode())
            os.fsync(self._descriptor)
            unnamed.rename(self.path)
        except BaseException:
            self.close()
            unnamed.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Let go, as death would; safe to repeat."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended and whose chains nobody has closed yet; `mark` ends its connections' names."""

    writer: bytes
    mark: str
    lock: Path


@contextmanager
def ended_writers(folder: Path) -> Iterator[list[Ended]]:
    """The processes of this home that have ended; for the length of the block nobody else takes them up."""
    found: list[Ended] = []
    held: list[int] = []
    try:
        for path in sorted(folder.iterdir()):
            if (match := _LOCK.match(path.name)) and (descriptor := _taken(path)) is not None:
                held.append(descriptor)
                found.append(Ended(bytes.fromhex(match[1]), os.read(descriptor, 64).decode("ascii", "replace"), path))
        yield found
    finally:
        for descriptor in held:
            os.close(descriptor)


def living_or_unsettled(folder: Path) -> set[bytes]:
    """The processes whose chains may still go on, or whose ends nobody has signed."""
    return {bytes.fromhex(match[1]) for path in folder.iterdir() if (match := _LOCK.match(path.name))}


def _taken(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.exists():
            return descriptor
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None


@dataclass(slots=True)
class Told:
    """What the head files of one process tell: its epoch, and per lane the last head and whether it is final.

    `intents` are heads of which nothing was said later: they may have come true or not.
    """

    epoch: tuple[int, str] | None = None
    heads: dict[int, tuple[Head, bool]] = field(default_factory=dict)
    intents: dict[int, Head] = field(default_factory=dict)


def whole_lines(written: bytes) -> bytes:
    """What of a head file says something: before the room for more, up to the end of the last line.

    What a fault cut off in the middle of a line, or what stands behind a gap, was never acknowledged.
    """
    told = written.partition(b"\0")[0]
    return told[: told.rfind(b"\n") + 1]


class HeadReader:
    """Follows the head files of a folder; each look reads only what was added since."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self.told: dict[bytes, Told] = {}

    def look(self) -> None:
        """Read what is new."""
        for path in self.files():
            with suppress(FileNotFoundError):
                self._read(path)

    def files(self) -> list[Path]:
        """The head files that are there, in the order of their numbers."""
        return sorted(path for path in self._folder.iterdir() if _NAME.match(path.name))

    def files_of(self, writer: bytes) -> list[Path]:
        """Those of one process."""
        return [path for path in self.files() if path.name.startswith(writer.hex())]

    def remove(self, path: Path) -> None:
        """Remove a file that a root covers."""
        path.unlink(missing_ok=True)
        self._offsets.pop(path, None)

    def _read(self, path: Path) -> None:
        told = self.told.setdefault(bytes.fromhex(path.name[:32]), Told())
        with path.open("rb") as file:
            file.seek(self._offsets.get(path, 0))
            new = file.read()
        whole = whole_lines(new)
        self._offsets[path] = self._offsets.get(path, 0) + len(whole)
        for line in whole.splitlines():
            _take(line.decode("utf-8", "replace"), told)


def _take(line: str, told: Told) -> None:
    if match := _LINE.match(line):
        _hear(match[1], Head(int(match[2]), int(match[3]), bytes.fromhex(match[4])), told)
    elif match := _EPOCH.match(line):
        told.epoch = int(match[1]), match[2]
    elif line.startswith("tianfu-audit-heads "):
        told.intents.clear()  # a new file begins with those that are open


def _hear(kind: str, head: Head, told: Told) -> None:
    if kind == "i":
        told.intents[head.lane] = head
        return
    intent = told.intents.get(head.lane)
    if intent is not None and (kind == "w" or intent.number <= head.number):
        del told.intents[head.lane]
    if kind != "w" and head.number >= told.heads.get(head.lane, (head, False))[0].number:
        told.heads[head.lane] = head, kind == "f"
