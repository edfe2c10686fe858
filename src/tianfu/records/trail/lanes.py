"""The chains of one process: a transaction takes a lane for itself, and the lane goes on only once it has committed.

Transactions run side by side and may come to nothing, so one process has several chains.  A lane whose last commit
nobody heard of is never used again: whether its last events are there, the database alone knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from tianfu.db import Ending, Transaction
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import AuditEvent
from tianfu.records.columns import Statement, audit_statement
from tianfu.records.trail.links import links


class Head(NamedTuple):
    """How far a lane has come: the number and hash of its last event."""

    lane: int
    number: int
    hash: bytes


class Heads(Protocol):
    """Where the heads of lanes are kept outside the database."""

    def intend(self, head: Head) -> asyncio.Future[None]:
        """Begin to keep what will be a lane's head if its transaction commits; once it is durable, `look` says so.

        Raises Refusal `audit-heads-not-written`, at once or through the future.
        """
        ...

    def look(self) -> None:
        """Have the futures of intents done that are durable by now, and the others as soon as they are."""
        ...

    def confirm(self, head: Head) -> None:
        """Say that an intended head has come true; raises Refusal `audit-heads-not-written`."""
        ...

    def withdraw(self, head: Head) -> asyncio.Future[None]:
        """Begin to keep that what was intended came to nothing, and `head` is still the lane's head.

        Raises Refusal `audit-heads-not-written`, at once or through the future.
        """
        ...

    async def keep(self, head: Head) -> None:
        """Return once the head is durable; raises Refusal `audit-heads-not-written`."""
        ...

    def refuse_if_failing(self) -> None:
        """Raise Refusal `audit-heads-not-written` while heads cannot be kept."""
        ...


class EventWriter(Protocol):
    """Puts events into a transaction."""

    def linked(self, transaction: Transaction, events: Sequence[AuditEvent]) -> Statement | None:
        """The statement that writes the events as part of a transaction, or None if nothing is to be written."""
        ...


class Turn:
    """A lane in the hands of one transaction; ends with `committed`, `undone` or `unknown`."""

    def __init__(self, lanes: Lanes, head: Head) -> None:
        self._lanes = lanes
        self._start = head
        self._head = head
        self._is_intended = False

    def statement(self, events: Sequence[AuditEvent]) -> Statement:
        """Link the events, at least one, behind those that the turn has linked before."""
        lane, number, last = self._head
        writer = self._lanes.writer
        hashes = links(last, writer, lane, number + 1, events)
        self._head = Head(lane, number + len(events), hashes[-1])
        return audit_statement(events, writer, lane, number + 1, hashes)

    def intend(self) -> asyncio.Future[None]:
        """Begin to keep the head while its transaction commits; raises Refusal `audit-heads-not-written`."""
        kept = self._lanes.heads.intend(self._head)
        self._is_intended = True
        return kept

    def committed(self) -> Head:
        """The events are in the database: the lane goes on from the last one."""
        if self._is_intended:
            self._lanes.heads.look()
        self._lanes.free.append(self._head)
        return self._head

    def undone(self) -> None:
        """The events are not in the database: the lane stays where it was.

        After an intent it is used again only once the withdrawal is durable, and never if that failed: else a loss of
        power could leave the intent beside another event of its number, as if somebody had changed that.
        """
        if not self._is_intended:
            self._lanes.free.append(self._start)
            return
        with suppress(Refusal):
            self._lanes.heads.withdraw(self._start).add_done_callback(self._withdrawn)

    def _withdrawn(self, kept: asyncio.Future[None]) -> None:
        if not kept.cancelled() and kept.exception() is None:
            self._lanes.free.append(self._start)

    def unknown(self) -> None:
        """Nobody heard what became of the events: the lane is closed for ever."""


class Lanes:
    """All lanes of one process.  `genesis` is the hash of its epoch record, which every lane's first event follows."""

    def __init__(self, writer: bytes, genesis: bytes, heads: Heads) -> None:
        self.writer = writer
        self.free: list[Head] = []
        self.heads = heads
        self._genesis = genesis
        self._opened = 0
        self._turns: dict[Transaction, Turn] = {}

    def turn(self) -> Turn:
        """A free lane, or a new one."""
        if self.free:
            return Turn(self, self.free.pop())
        self._opened += 1
        return Turn(self, Head(self._opened, 0, self._genesis))

    def linked(self, transaction: Transaction, events: Sequence[AuditEvent]) -> Statement | None:
        """The statement that writes the events; the lane is the transaction's until it ends.

        Not inside a savepoint: what is rolled back alone would leave a gap.  Raises Refusal
        `audit-heads-not-written` while heads cannot be kept, so that nothing is written.
        """
        if not events:
            return None
        self.heads.refuse_if_failing()
        turn = self._turns.get(transaction)
        if turn is None:
            turn = self._turns[transaction] = self.turn()
            transaction.when_ended(lambda ending: self._end(transaction, ending))
        return turn.statement(events)

    async def _end(self, transaction: Transaction, ending: Ending) -> None:
        turn = self._turns.pop(transaction)
        match ending:
            case "committed":
                await self.heads.keep(turn.committed())
            case "rolled-back":
                turn.undone()
            case "unknown":
                turn.unknown()


class Unwritten:
    """Writes no events; only a benchmark injects it."""

    def linked(self, transaction: Transaction, events: Sequence[AuditEvent]) -> Statement | None:
        return None
