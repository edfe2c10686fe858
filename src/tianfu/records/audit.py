"""Who did what, when and why: every read and write leaves an event before its answer leaves.

A write's event commits with the write.  Events of reads are gathered while the previous group commits: no
timer, a bounded queue, and when it is full the read is refused rather than answered without a trace.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Protocol

from tianfu.db import Database
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import AuditEvent
from tianfu.records.columns import audit_statement

EVENTS_WAITING_MAX = 4_096
EVENTS_PER_GROUP = 512


class Auditor(Protocol):
    """Where events of reads go; returns when they are durable."""

    writer: bytes

    async def record(self, events: Sequence[AuditEvent]) -> None:
        """Make the events durable, or raise a Refusal and nothing was answered."""
        ...


class NoAuditor:
    """Records nothing; only a benchmark injects it, to measure what auditing costs."""

    writer = bytes(16)

    async def record(self, events: Sequence[AuditEvent]) -> None:
        return


class GroupAuditor:
    """Commits the events of many reads together."""

    def __init__(self, database: Database) -> None:
        self.writer = os.urandom(16)
        self._database = database
        self._waiting: list[tuple[Sequence[AuditEvent], asyncio.Future[None]]] = []
        self._worker: asyncio.Task[None] | None = None

    async def record(self, events: Sequence[AuditEvent]) -> None:
        """Queue the events and wait until their group is on disk."""
        if len(self._waiting) >= EVENTS_WAITING_MAX:
            raise Refusal("audit-queue-full", next_step="send-again-later", retryable=True)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._commit_groups())
        await done

    async def _commit_groups(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:EVENTS_PER_GROUP], self._waiting[EVENTS_PER_GROUP:]
                await self._commit(group)
        finally:
            self._worker = None

    async def _commit(self, group: list[tuple[Sequence[AuditEvent], asyncio.Future[None]]]) -> None:
        statement, parameters = audit_statement([each for events, _ in group for each in events], self.writer)
        try:
            async with self._database.connection("audit") as connection:
                await connection.run(statement, **parameters)
        except BaseException as error:
            for _, done in group:
                if not done.done():
                    done.set_exception(error if isinstance(error, Exception) else _interrupted())
            if not isinstance(error, Exception):
                raise
        else:
            for _, done in group:
                if not done.done():
                    done.set_result(None)


def _interrupted() -> Refusal:
    return Refusal("database-unavailable", next_step="send-again-later", retryable=True, details={"reason": "stopping"})
