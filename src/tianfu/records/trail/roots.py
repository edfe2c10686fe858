"""Once a minute, the heads of all lanes of this home under one signature, outside the database and in it.

A root is made from the head files, which tell what was acknowledged, not from the database, which somebody may have
changed meanwhile.  Head files that a root covers and that nobody goes on writing are removed.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import structlog

from tianfu.db import Database, queries
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import place_of
from tianfu.records.trail.head_reading import HeadReader, living_or_unsettled
from tianfu.records.trail.lanes import Head
from tianfu.records.trail.links import HASH_BYTES, sm3
from tianfu.records.trail.signing import Signed, Signer, TrailFolders
from tianfu.vault.places import FilePlace

EVERY_SECONDS = 60.0
ROOTS_NOT_KEPT = "roots-not-kept"
"""What a place of roots is opened with.  A bucket should keep roots against deletion for as long as the law wants the
trail (object lock); that is its owner's setting, not ours."""

LOOK_SECONDS = 5.0
"""How often a process that does not make roots looks whether it should: the one that does may have ended."""

_SQL = queries("tianfu.records.sql", "trail.sql")
_log = structlog.get_logger("tianfu.records")


class Leaf(NamedTuple):
    """How far one lane had come; `is_final` if its process has ended and its end is signed."""

    writer: bytes
    head: Head
    is_final: bool

    @property
    def text(self) -> str:
        """The leaf as it is hashed and listed."""
        lane, number, last = self.head
        return f"{self.writer.hex()} {lane} {number} {last.hex()} {'final' if self.is_final else 'open'}"


def merkle_root(leaves: Sequence[str]) -> bytes:
    """The root over the leaves in their order, as RFC 9162 section 2.1 builds it, with SM3."""
    if not leaves:
        return sm3(b"")
    level = [sm3(b"\0" + leaf.encode()) for leaf in leaves]
    while len(level) > 1:
        pairs = [sm3(b"\1" + level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = [*pairs, level[-1]] if len(level) % 2 else pairs
    return level[0]


def root_name(series: bytes, number: int) -> str:
    """The name of a root's file."""
    return f"root-{series.hex()}-{number:010d}.txt"


class RootMaker:
    """Makes the roots of one home; of the home's processes one at a time."""

    def __init__(
        self, database: Database, folders: TrailFolders, place: FilePlace, signer: Signer, clock: Clock
    ) -> None:
        self._database = database
        self._folders = folders
        self._place = place
        self._signer = signer
        self._clock = clock
        self._reader = HeadReader(folders.heads)
        self._covered: dict[tuple[bytes, int], tuple[Head, bool]] = {}
        self._last: tuple[int, bytes] | None = None
        self._lock: int | None = None

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> None:
        """Make a root now and then, as long as no other process of this home does; goes on until cancelled."""
        try:
            while True:
                is_ours = self._elected()
                if is_ours:
                    try:
                        await self.make()
                    except Exception as error:
                        _log.error("audit_root_not_made", error=place_of(error))
                await asyncio.sleep(every_seconds if is_ours else LOOK_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Let another process make roots."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def make(self) -> int | None:
        """A root over what has moved since the last one; its number, or None if nothing has."""
        files = self._reader.files()
        alive = living_or_unsettled(self._folders.heads)
        self._reader.look()
        leaves = self._moved(alive)
        made = None
        if leaves:
            made = await self._next(leaves)
            self._covered.update({(leaf.writer, leaf.head.lane): (leaf.head, leaf.is_final) for leaf in leaves})
        self._remove_covered(files, alive)
        return made

    def _remove_covered(self, files: Sequence[Path], alive: set[bytes]) -> None:
        """Remove the files of processes that have ended, and of the others all but the newest."""
        newest = {path.name[:32]: path for path in files}
        for path in files:
            writer = bytes.fromhex(path.name[:32])
            if writer not in alive or path != newest[path.name[:32]]:
                self._reader.remove(path)
            if writer not in alive and (told := self._reader.told.pop(writer, None)) is not None:
                for lane in told.heads:
                    self._covered.pop((writer, lane), None)

    def _moved(self, alive: set[bytes]) -> list[Leaf]:
        leaves = []
        for writer, told in sorted(self._reader.told.items()):
            for lane, (head, _) in sorted(told.heads.items()):
                is_final = writer not in alive
                if self._covered.get((writer, lane)) != (head, is_final):
                    leaves.append(Leaf(writer, head, is_final))
        return leaves

    async def _next(self, leaves: Sequence[Leaf]) -> int:
        number, previous = self._last or await self._found_last()
        number += 1
        texts = [leaf.text for leaf in leaves]
        epochs = [told.epoch for told in self._reader.told.values() if told.epoch is not None]
        record = {
            "kind": "tianfu-audit-root",
            "series": self._signer.series.hex(),
            "number": number,
            "previous": previous.hex(),
            "at": self._clock(),
            "epoch": list(max(epochs, default=(0, bytes(HASH_BYTES).hex()))),
            "merkle": merkle_root(texts).hex(),
            "leaves": texts,
        }
        root = self._signer.signed(json.dumps(record, separators=(",", ":")))
        self._last = None  # if it is not known whether the root was kept, look again
        await self._place.put(f"key-{root.key}.pem", self._signer.public)
        await self._place.put(root_name(self._signer.series, number), root.lines)
        await self._in_database(number, root)
        self._last = number, sm3(root.record.encode())
        return number

    async def _found_last(self) -> tuple[int, bytes]:
        """The newest root, in the database or, if that lost some, outside it."""
        async with self._database.connection("audit") as connection:
            row = await connection.one(_SQL.last_root, series=self._signer.series)
        number, previous = (row[0], sm3(row[1].encode())) if row else (0, bytes(HASH_BYTES))
        while (text := await self._place.get(root_name(self._signer.series, number + 1))) is not None:
            record, key, signature = text.decode().splitlines()
            number, previous = number + 1, sm3(record.encode())
            await self._in_database(number, Signed(record, key, bytes.fromhex(signature)))
        return number, previous

    async def _in_database(self, number: int, root: Signed) -> None:
        async with self._database.connection("audit") as connection:
            await connection.run(
                _SQL.add_root,
                series=self._signer.series,
                number=number,
                at=json.loads(root.record)["at"],
                record=root.record,
                key=root.key,
                signature=root.signature,
            )

    def _elected(self) -> bool:
        if self._lock is None:
            descriptor = os.open(self._folders.audit / "roots.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with suppress(BlockingIOError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock, descriptor = descriptor, -1
            if descriptor >= 0:
                os.close(descriptor)
        return self._lock is not None
