"""Who did what, when and why: every read and write leaves an event before its answer leaves.

A write's event commits with the write.  Events of reads are gathered while the previous group commits: no
timer, a bounded queue, and when it is full the read is refused rather than answered without a trace.
Each group's head is on disk outside the database before any of its answers leaves: it is intended before the commit
and confirmed after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from tianfu.db import Database
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import AuditEvent
from tianfu.records.trail.lanes import EventWriter, Head, Lanes, Turn, Unwritten

EVENTS_WAITING_MAX = 4_096
EVENTS_PER_GROUP = 512


class Auditor(Protocol):
    """Where events of reads go; returns when they are durable.  `writer` puts those of writes into transactions."""

    @property
    def writer(self) -> EventWriter: ...

    async def record(self, events: Sequence[AuditEvent]) -> None:
        """Make the events durable, or raise a Refusal and nothing was answered."""
        ...


class NoAuditor:
    """Records nothing; only a benchmark injects it, to measure what auditing costs."""

    writer: EventWriter = Unwritten()

    async def record(self, events: Sequence[AuditEvent]) -> None:
        return


Entry = tuple[Sequence[AuditEvent], asyncio.Future[None]]


class GroupAuditor:
    """Commits the events of many reads together, and has their head put on disk meanwhile.

    While a slow disk takes a group's head, the next group commits.
    """

    def __init__(self, database: Database, lanes: Lanes) -> None:
        self.writer: EventWriter = lanes
        self._lanes = lanes
        self._database = database
        self._waiting: list[Entry] = []
        self._worker: asyncio.Task[None] | None = None
        self._under_way = 0

    async def record(self, events: Sequence[AuditEvent]) -> None:
        """Queue the events and wait until their group is on disk."""
        if not events:
            return
        if len(self._waiting) + self._under_way >= EVENTS_WAITING_MAX:
            raise Refusal("audit-queue-full", next_step="send-again-later", retryable=True)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._commit_groups())
        try:
            await done
        finally:
            del done  # an exception in it holds this frame: a ring, and with it everything that the caller holds

    async def _commit_groups(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:EVENTS_PER_GROUP], self._waiting[EVENTS_PER_GROUP:]
                await self._commit(group)
        finally:
            self._worker = None

    async def _commit(self, group: list[Entry]) -> None:
        self._under_way += len(group)
        for _, done in group:
            done.add_done_callback(self._one_ended)
        turn = self._lanes.turn()
        try:
            head, kept = await self._stored(turn, [each for events, _ in group for each in events])
        except BaseException as error:
            _refuse(group, error)
            if not isinstance(error, Exception):
                raise
            return
        if kept.done():
            self._acknowledge(group, head, kept)
        else:
            kept.add_done_callback(lambda done: self._acknowledge(group, head, done))

    async def _stored(self, turn: Turn, events: Sequence[AuditEvent]) -> tuple[Head, asyncio.Future[None]]:
        """The head once the events are in the database, and what is done once the head is on disk."""
        is_known = True  # whether it is known that the events are not there, should this fail
        try:
            statement, parameters = turn.statement(events)
            async with self._database.connection("audit") as connection:
                kept = turn.intend()
                kept.add_done_callback(_heard)
                is_known = False
                try:
                    await connection.run(statement, **parameters)
                except Exception:
                    is_known = not connection.is_lost
                    raise
        except BaseException:
            if is_known:
                turn.undone()
            else:
                turn.unknown()
            raise
        return turn.committed(), kept

    def _one_ended(self, _: asyncio.Future[None]) -> None:
        self._under_way -= 1

    def _acknowledge(self, group: list[Entry], head: Head, kept: asyncio.Future[None]) -> None:
        try:
            kept.result()
            self._lanes.heads.confirm(head)
        except BaseException as error:
            _refuse(group, error)
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise
        else:
            for _, done in group:
                if not done.done():
                    done.set_result(None)


def _heard(kept: asyncio.Future[None]) -> None:
    if not kept.cancelled():
        kept.exception()


def _refuse(group: list[Entry], error: BaseException) -> None:
    for _, done in group:
        if not done.done():
            done.set_exception(_of_one(error))


def _of_one(error: BaseException) -> Exception:
    """An exception for one waiter: of a read nothing is kept but its event, so it may be asked again."""
    if isinstance(error, Refusal):
        return Refusal(error.code, next_step="send-again-later", retryable=True, details=error.details)
    return error if isinstance(error, Exception) else _interrupted()


def _interrupted() -> Refusal:
    return Refusal("database-unavailable", next_step="send-again-later", retryable=True, details={"reason": "stopping"})
