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
from tianfu.access.decision import NO_FACTS, Grant, decide
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database, StatementFailed, UniqueViolation, queries
from tianfu.db.errors import SerializationFailure
from tianfu.db.wire import int8_array, text_array
from tianfu.kernel.instants import Instant, system_clock
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.records.audit_event import AuditEvent, event
from tianfu.records.importing.files import Piece
from tianfu.records.importing.reading import Reject, changes_of
from tianfu.records.opening import open_parts
from tianfu.records.outcomes import Written
from tianfu.records.prepare import Preparer
from tianfu.records.trail.epochs import open_trail
from tianfu.records.trail.lanes import EventWriter
from tianfu.records.write import Change, Outcome, apply, learn_tokens
from tianfu.vault.provider import Keys

_SQL = queries("tianfu.records.sql", "importing.sql")
TRIES_MAX = 8
CLASSES_OF_VALUES = frozenset({"22", "23", "54"})
"""SQLSTATE classes of errors that one record's values can cause: wrong data, broken constraints, exceeded limits."""


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


def run_worker(addresses: Addresses, home: Path, keys: Keys, todo: Queue[Work | None], done: Queue[Done]) -> None:
    """Work until None comes; ends with the program that started it, even when that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_work(addresses, home, keys, todo, done))


async def _work(addresses: Addresses, home: Path, keys: Keys, todo: Queue[Work | None], done: Queue[Done]) -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        # The direct parent is the fork server, which lives as long as its children: prctl would wait in a ring.
        asyncio.get_running_loop().add_reader(parent.sentinel, os._exit, 1)
    async with await Database.open(addresses, links_max=2) as database:
        preparer, known_tokens = await open_parts(database, keys)
        trail = await open_trail(database, home, system_clock)
        importer = _Importer(database, preparer, known_tokens, trail.lanes)
        while (work := await asyncio.to_thread(todo.get)) is not None:
            try:
                done.put(await importer.take(work))
            except Exception as error:
                done.put(_failed(work, f"unexpected {place_of(error)}"))


class _Importer:
    """Stores pieces over one database connection."""

    def __init__(self, database: Database, preparer: Preparer, known_tokens: set[int], writer: EventWriter) -> None:
        self._database = database
        self._preparer = preparer
        self._known_tokens = known_tokens
        self._writer = writer
        self._grant: Grant = decide(IMPORTER, Purpose.OPERATIONS, NO_FACTS)

    async def take(self, work: Work) -> Done:
        """Prepare and store one piece; a refusal of the database fails the piece, which stays undone."""
        changes, rejects, repeated = changes_of(work.piece, source=work.source, org=work.org, preparer=self._preparer)
        # One order for all workers, so that two that create the same records do not wait in a ring.
        changes.sort(key=lambda change: change.write.record)
        for _ in range(TRIES_MAX):
            try:
                counts = await self._store(work, changes, rejects, repeated)
            except (UniqueViolation, SerializationFailure):
                # Another worker stored one of these records meanwhile, or another import this very piece.
                finished = await self._counts_of_finished(work)
                if finished is None:
                    continue
                counts = finished
            except StatementFailed as error:
                culprits = await self._culprits(changes) if error.sqlstate[:2] in CLASSES_OF_VALUES else []
                if not culprits:
                    return _failed(work, f"unexpected {error.query_name} {error.sqlstate}")
                rejects = [*rejects, *(_unstorable(work, each, error) for each in culprits)]
                changes = [each for each in changes if each not in culprits]
                continue
            except Refusal as refusal:
                return _failed(work, refusal.code)
            learn_tokens(changes, self._known_tokens)
            return Done(run=work.run, number=work.piece.number, read_bytes=work.piece.read_bytes, counts=counts)
        return _failed(work, "too-busy")

    async def _counts_of_finished(self, work: Work) -> dict[str, int] | None:
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.finished_piece, run=work.run, piece=work.piece.number)
        return None if row is None else row[0]

    async def _culprits(self, changes: list[Change]) -> list[Change]:
        """The changes that PostgreSQL refuses, found by halving; nothing is stored."""
        if not changes or await self._is_storable(changes):
            return []
        if len(changes) == 1:
            return changes
        middle = len(changes) // 2
        return [*await self._culprits(changes[:middle]), *await self._culprits(changes[middle:])]

    async def _is_storable(self, changes: list[Change]) -> bool:
        try:
            async with self._database.transaction("app") as transaction:
                await apply(
                    transaction,
                    changes,
                    clock=system_clock,
                    known_tokens=self._known_tokens,
                    sealer=self._preparer.sealer,
                    trace=lambda done, now: [],
                    writer=self._writer,
                )
                raise _OnlyTried
        except StatementFailed:
            return False
        except (_OnlyTried, UniqueViolation, SerializationFailure):
            return True

    async def _store(self, work: Work, changes: list[Change], rejects: list[Reject], repeated: int) -> dict[str, int]:
        async with self._database.transaction("app") as transaction:
            outcomes = await apply(
                transaction,
                changes,
                clock=system_clock,
                known_tokens=self._known_tokens,
                sealer=self._preparer.sealer,
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
                        paths=text_array([_printable(each.path) for each in rejects]),
                        reasons=text_array([_printable(each.reason) for each in rejects]),
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


def _printable(text: str) -> str:
    """Text that fits a line of tab-separated values."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


class _OnlyTried(Exception):  # noqa: N818 - rolls back what was only tried
    pass


def _failed(work: Work, code: str) -> Done:
    return Done(run=work.run, number=work.piece.number, read_bytes=0, counts={}, failed=code)


def _unstorable(work: Work, change: Change, error: StatementFailed) -> Reject:
    """A reject for a record that PostgreSQL refuses by a mistake of ours."""
    path = f"{change.write.type}/{change.write.id}"
    return Reject(line=work.piece.first_line, path=path, reason=f"not-storable {error.query_name} {error.sqlstate}")


def _counts(changes: list[Change], outcomes: list[Outcome], rejects: list[Reject], repeated: int) -> dict[str, int]:
    counts: Counter[str] = Counter(rejected=len(rejects), repeated=repeated)
    for change, outcome in zip(changes, outcomes, strict=True):
        if isinstance(outcome, Written):
            counts[outcome.operation + "d"] += 1
            counts[f"type:{change.write.type}"] += 1
        elif not isinstance(outcome, Refusal):
            counts["unchanged"] += 1
    return dict(counts)
