"""A process begins to leave events: it closes the chains of those that ended, and signs where they ended.

Whether the last events of a killed process are in the database is settled here: once none of its connections is
left, nothing of it can come any more, and what the database then holds is the end of its lanes.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog

from tianfu.db import Database, Transaction, queries
from tianfu.kernel.instants import Clock
from tianfu.records.trail.flusher import sync_folder
from tianfu.records.trail.flushing import StartFlusher, started
from tianfu.records.trail.head_file import HeadFile, file_name, final_line
from tianfu.records.trail.head_reading import Ended, HeadReader, LifeLock, ended_writers
from tianfu.records.trail.lanes import Head, Lanes
from tianfu.records.trail.links import HASH_BYTES, sm3
from tianfu.records.trail.signing import Signed, Signer, TrailFolders, load_or_make_signer

FORMAT = "tianfu-audit-heads 1"
GONE_SECONDS = 10.0
"""How long the connections of a dead process are waited for; if any is left, the next start closes its chains."""

_LOOK_SECONDS = 0.05
_SQL = queries("tianfu.records.sql", "trail.sql")
_STATE = queries("tianfu.records.sql", "state.sql")
_log = structlog.get_logger("tianfu.records")

Ends = dict[bytes, list[Head]]
"""The last events of the lanes of processes that have ended."""


@dataclass(frozen=True, slots=True)
class Trail:
    """The open trail of one process."""

    lanes: Lanes
    signer: Signer
    folders: TrailFolders
    _life: LifeLock
    _heads: HeadFile

    def close(self) -> None:
        """Let the files go; the next process to start closes the chains."""
        self._heads.close()
        self._life.close()


async def open_trail(database: Database, home: Path, clock: Clock, *, start_flusher: StartFlusher = started) -> Trail:
    """Begin an epoch; raises Refusal `key-damaged` or `audit-heads-not-written`."""
    folders = TrailFolders(home)
    signer = load_or_make_signer(folders)
    writer = os.urandom(16)
    with ExitStack() as held:
        life = LifeLock(folders.heads, writer, database.mark)
        held.callback(life.close)
        with ended_writers(folders.heads) as ended:
            gone = [each for each in ended if await _is_gone(database, each)]
            reader = HeadReader(folders.heads)
            reader.look()
            async with database.transaction("owner") as owner:
                await owner.run(_STATE.lock_state)
                ends = {each.writer: await _ends(owner, each.writer, reader) for each in gone}
                epoch, number, digest = await _add_epoch(owner, writer, signer, ends, clock)
            _close_chains(folders.heads, reader, gone, ends, clock)
        heads = HeadFile(
            folders.heads,
            writer,
            lambda n: _opening(writer, n, number, digest, epoch),
            clock,
            start_flusher=start_flusher,
        )
        held.callback(heads.close)
        await heads.begin()
        held.pop_all()
    return Trail(Lanes(writer, digest, heads), signer, folders, life, heads)


async def _is_gone(database: Database, ended: Ended) -> bool:
    deadline = asyncio.get_running_loop().time() + GONE_SECONDS
    while True:
        async with database.connection("owner") as connection:
            row = await connection.one(_SQL.backends_of, mark=ended.mark or "?")
        if row is not None and row[0] == 0:
            return True
        if asyncio.get_running_loop().time() > deadline:
            _log.warning("audit_chains_still_open", writer=ended.writer.hex())
            return False
        await asyncio.sleep(_LOOK_SECONDS)


async def _ends(owner: Transaction, writer: bytes, reader: HeadReader) -> list[Head]:
    """What the database holds, or, where it lacks or contradicts what was told outside, what the head file says."""
    stored = {row[0]: Head(*row) for row in await owner.all(_SQL.lane_heads, writer=writer)}
    told = reader.told.get(writer)
    for lane, (head, _) in told.heads.items() if told is not None else ():
        if lane not in stored or stored[lane].number < head.number:
            _log.error("audit_events_missing", writer=writer.hex(), lane=lane, acknowledged=head.number)
            stored[lane] = head
    for lane, intent in told.intents.items() if told is not None else ():
        rows = await owner.all(_SQL.hashes_at, writer=writer, lane=lane, number=intent.number)
        if not rows:
            # Killed before the commit, as a rule; after a loss of power it may have been answered.
            _log.warning("audit_head_unconfirmed", writer=writer.hex(), lane=lane, intended=intent.number)
        elif any(row[0] != intent.hash for row in rows):
            _log.error("audit_events_changed", writer=writer.hex(), lane=lane, intended=intent.number)
            stored[lane] = intent
    return [stored[lane] for lane in sorted(stored)]


async def _add_epoch(
    owner: Transaction, writer: bytes, signer: Signer, ends: Ends, clock: Clock
) -> tuple[Signed, int, bytes]:
    row = await owner.one(_SQL.last_epoch)
    number, previous = (row[0] + 1, row[1]) if row else (1, bytes(HASH_BYTES))
    now = clock()
    record = {
        "kind": "tianfu-audit-epoch",
        "number": number,
        "previous": previous.hex(),
        "writer": writer.hex(),
        "series": signer.series.hex(),
        "at": now,
        "ended": [
            {"writer": each.hex(), "lanes": [[head.lane, head.number, head.hash.hex()] for head in heads]}
            for each, heads in ends.items()
        ],
    }
    epoch = signer.signed(json.dumps(record, separators=(",", ":")))
    digest = sm3(epoch.record.encode())
    await owner.run(
        _SQL.add_epoch,
        number=number,
        writer=writer,
        at=now,
        record=epoch.record,
        key=epoch.key,
        signature=epoch.signature,
        hash=digest,
    )
    return epoch, number, digest


def _opening(writer: bytes, file_number: int, number: int, digest: bytes, epoch: Signed) -> bytes:
    """The first two lines of each head file: whose it is, and the signed record of the epoch."""
    first = f"{FORMAT} {writer.hex()} {file_number}\n"
    return f"{first}e {number} {digest.hex()} {epoch.key} {epoch.signature.hex()} {epoch.record}\n".encode()


def _close_chains(folder: Path, reader: HeadReader, gone: Sequence[Ended], ends: Ends, clock: Clock) -> None:
    """Write the signed ends into the head files of those that ended; then a root may let the files go."""
    now = clock()
    for each in gone:
        files = reader.files_of(each.writer)
        path = files[-1] if files else folder / file_name(each.writer, 1)
        with path.open("a+b") as file:
            file.seek(0)
            file.truncate(len(file.read().partition(b"\0")[0]))  # the room that is left
            # A line that a fault cut off stays alone.
            file.write(b"\n" + b"".join(final_line(head, now) for head in ends[each.writer]))
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
        each.lock.unlink(missing_ok=True)
