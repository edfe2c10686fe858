"""One import process: takes pieces from a queue, prepares them, and stores each in one transaction.

A piece is marked as done in the transaction that stores its records: killed at any moment, it is either
wholly in or wholly not, and is done again if not.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.queues import Queue
from pathlib import Path

from tianfu.access.caller import IMPORTER
from tianfu.access.decision import Grant, decide
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database, UniqueViolation, queries
from tianfu.db.errors import SerializationFailure
from tianfu.db.wire import int8_array, text_array
from tianfu.kernel.instants import Instant, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import GroupAuditor
from tianfu.records.audit_event import AuditEvent, event
from tianfu.records.importing.files import Piece
from tianfu.records.importing.reading import Reject, changes_of
from tianfu.records.keys import load_or_make
from tianfu.records.outcomes import Written
from tianfu.records.prepare import Preparer
from tianfu.records.store import open_parts
from tianfu.records.write import Change, Outcome, apply, learn_tokens

_SQL = queries("tianfu.records.sql", "importing.sql")
TRIES_MAX = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A piece, whose it is, and the run it belongs to."""

    run: bytes
    source: str
    org: int
    piece: Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of one piece; `failed` is the refusal's code if it could not be stored at all."""

    run: bytes
    number: int
    read_bytes: int
    counts: dict[str, int]
    failed: str | None = None


def run_worker(addresses: Addresses, home: Path, todo: Queue[Work | None], done: Queue[Done]) -> None:
    """Work until None comes; ends with the program that started it, even when that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_work(addresses, home, todo, done))


async def _work(addresses: Addresses, home: Path, todo: Queue[Work | None], done: Queue[Done]) -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        # The direct parent is the fork server, which lives as long as its children: prctl would wait in a ring.
        asyncio.get_running_loop().add_reader(parent.sentinel, os._exit, 1)
    keys = load_or_make(home)
    async with await Database.open(addresses, links_max=2) as database:
        preparer, known_tokens = await open_parts(database, keys)
        importer = _Importer(database, preparer, known_tokens)
        while (work := await asyncio.to_thread(todo.get)) is not None:
            done.put(await importer.take(work))


class _Importer:
    """Stores pieces over one database connection."""

    def __init__(self, database: Database, preparer: Preparer, known_tokens: set[int]) -> None:
        self._database = database
        self._preparer = preparer
        self._known_tokens = known_tokens
        self._writer = GroupAuditor(database).writer
        self._grant: Grant = decide(IMPORTER, Purpose.OPERATIONS)

    async def take(self, work: Work) -> Done:
        """Prepare and store one piece; a refusal of the database fails the piece, which stays undone."""
        changes, rejects, repeated = changes_of(work.piece, source=work.source, org=work.org, preparer=self._preparer)
        # One order for all workers, so that two that create the same records do not wait in a ring.
        changes.sort(key=lambda change: change.write.record)
        for _ in range(TRIES_MAX):
            try:
                counts = await self._store(work, changes, rejects, repeated)
            except (UniqueViolation, SerializationFailure):
                continue  # another worker stored one of these records meanwhile: look again
            except Refusal as refusal:
                return self._failed(work, refusal.code)
            learn_tokens(changes, self._known_tokens)
            return Done(run=work.run, number=work.piece.number, read_bytes=work.piece.read_bytes, counts=counts)
        return self._failed(work, "too-busy")

    def _failed(self, work: Work, code: str) -> Done:
        return Done(run=work.run, number=work.piece.number, read_bytes=0, counts={}, failed=code)

    async def _store(self, work: Work, changes: list[Change], rejects: list[Reject], repeated: int) -> dict[str, int]:
        async with self._database.transaction("app") as transaction:
            outcomes = await apply(
                transaction,
                changes,
                clock=system_clock,
                known_tokens=self._known_tokens,
                trace=lambda done, now: self._events(work, changes, done, now),
                writer=self._writer,
            )
            refused = [
                Reject(line=work.piece.first_line, path=f"{change.write.type}/{change.write.id}", reason=outcome.code)
                for change, outcome in zip(changes, outcomes, strict=True)
                if isinstance(outcome, Refusal)
            ]
            rejects = [*rejects, *refused]
            counts = _counts(changes, outcomes, rejects, repeated)
            async with transaction.pipeline() as pipeline:
                pipeline.add(_SQL.finish_piece, run=work.run, piece=work.piece.number, result=counts)
                if rejects:
                    pipeline.add(
                        _SQL.add_rejects,
                        run=work.run,
                        piece=work.piece.number,
                        lines=int8_array([each.line for each in rejects]),
                        paths=text_array([each.path for each in rejects]),
                        reasons=text_array([each.reason for each in rejects]),
                    )
        return counts

    def _events(
        self, work: Work, changes: Sequence[Change], outcomes: Sequence[Outcome], now: Instant
    ) -> list[AuditEvent]:
        written = [c.write for c, outcome in zip(changes, outcomes, strict=True) if isinstance(outcome, Written)]
        if not written:
            return []
        return [
            event(
                self._grant,
                at=now,
                interaction="import",
                type_number=None,
                records=[write.record for write in written],
                patients=sorted({write.values.prid for write in written if write.values and write.values.prid}),
                query=work.source,
                request=f"piece-{work.piece.number}",
            )
        ]


def _counts(changes: list[Change], outcomes: list[Outcome], rejects: list[Reject], repeated: int) -> dict[str, int]:
    counts: Counter[str] = Counter(rejected=len(rejects), repeated=repeated)
    for change, outcome in zip(changes, outcomes, strict=True):
        if isinstance(outcome, Written):
            counts[outcome.operation + "d"] += 1
            counts[f"type:{change.write.type}"] += 1
        elif not isinstance(outcome, Refusal):
            counts["unchanged"] += 1
    return dict(counts)
