"""What the record core asks of PostgreSQL: transactions and single statements, for one of the four roles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from secrets import token_hex
from types import TracebackType
from typing import Literal, Self

from psycopg.conninfo import make_conninfo

from tianfu.db.errors import SerializationFailure, StatementFailed, UniqueViolation, outcome_unknown
from tianfu.db.link import Link
from tianfu.db.pool import Pool, connected
from tianfu.db.prepared import Call, Reply, Row
from tianfu.db.queries import Query
from tianfu.db.roles import Addresses, Role
from tianfu.db.room import Room
from tianfu.kernel.refusal import Refusal

Isolation = Literal["read committed", "repeatable read", "serializable"]

Ending = Literal["committed", "rolled-back", "unknown"]
"""What became of a transaction; unknown if nobody heard the server's answer to the commit."""

DEADLINE_SECONDS = 30.0
"""How long one statement may take unless its caller says otherwise."""

START_SECONDS = 30.0
"""How long opening waits for a server that is still starting."""

LINKS_MAX = 8
WAITING_MAX = 1_000
WAIT_SECONDS = 10.0

_BEGIN: dict[str, Query] = {
    "read committed": Query.composed("begin", "begin"),
    "repeatable read": Query.composed("begin", "begin isolation level repeatable read"),
    "serializable": Query.composed("begin", "begin isolation level serializable"),
}
_COMMIT = Query.composed("commit", "commit")
_ROLLBACK = Query.composed("rollback", "rollback")
_SAVEPOINT = Query.composed("savepoint", "savepoint tianfu")
_RELEASE = Query.composed("release", "release savepoint tianfu")
_BACK_TO = Query.composed("back_to", "rollback to savepoint tianfu")
_NOTHING: dict[str, object] = {}


class Pending:
    """The answer to a statement of a pipeline; there once the pipeline's block has ended."""

    __slots__ = ("_reply",)

    def __init__(self) -> None:
        self._reply: Reply | None = None

    def answer(self, reply: Reply) -> None:
        """Give the answer."""
        self._reply = reply

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return self._answered().rows

    @property
    def count(self) -> int:
        """How many rows the statement changed or returned."""
        return self._answered().count

    def _answered(self) -> Reply:
        if self._reply is None:
            raise RuntimeError("a pipeline's answers are there after its block")
        return self._reply


class Pipeline:
    """Statements that travel together and cost one wait; if one fails, the later ones do not run."""

    def __init__(self, send: Callable[[Sequence[Call]], Awaitable[Sequence[Reply]]]) -> None:
        self._send = send
        self._calls: list[Call] = []
        self._pending: list[Pending] = []

    def add(self, query: Query, /, **parameters: object) -> Pending:
        """Queue a statement."""
        pending = Pending()
        self._calls.append((query, parameters))
        self._pending.append(pending)
        return pending

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._calls:
            for pending, reply in zip(self._pending, await self._send(self._calls), strict=True):
                pending.answer(reply)


class Session:
    """One connection for the length of a block; each statement (or pipeline) commits by itself.

    `before` is a statement that goes first in each of these transactions; its answer is dropped.
    """

    __slots__ = ("_before", "_deadline_seconds", "_link", "_pool")

    def __init__(self, pool: Pool, deadline_seconds: float | None, before: Call | None = None) -> None:
        self._pool = pool
        self._deadline_seconds = deadline_seconds
        self._before = before
        self._link: Link | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the connection broke, so that nobody heard what became of the last statement."""
        return self._borrowed().broken

    async def all(self, query: Query, /, **parameters: object) -> list[Row]:
        """All rows."""
        return (await self.batch([(query, parameters)]))[-1].rows

    async def one(self, query: Query, /, **parameters: object) -> Row | None:
        """The only row, or None; more than one is a mistake of the statement."""
        rows = (await self.batch([(query, parameters)]))[-1].rows
        if len(rows) > 1:
            raise LookupError(f"{query.name} found {len(rows)} rows where one was promised")
        return rows[0] if rows else None

    async def run(self, query: Query, /, **parameters: object) -> int:
        """Run a statement; how many rows it changed."""
        return (await self.batch([(query, parameters)]))[-1].count

    def pipeline(self) -> Pipeline:
        """Several statements for one wait: `async with t.pipeline() as p: found = p.add(query, ...)`."""
        return Pipeline(self.batch)

    async def copy(self, query: Query, data: bytes | Iterable[bytes]) -> int:
        """Send a prebuilt COPY stream (header, rows, trailer) to `COPY ... FROM STDIN`; the number of rows."""
        chunks: Iterable[bytes] = [data] if isinstance(data, bytes) else data
        link = await self._ready_for_copy()
        return await link.copy_in(query, chunks, deadline_seconds=self._deadline_seconds)

    async def copy_out(self, query: Query) -> AsyncIterator[bytes]:
        """The chunks of `COPY ... TO STDOUT`."""
        link = await self._ready_for_copy()
        async for chunk in link.copy_out(query, deadline_seconds=self._deadline_seconds):
            yield chunk

    async def batch(self, calls: Sequence[Call]) -> list[Reply]:
        """Send statements together; one reply for each."""
        if self._before is None:
            return await self._send(calls)
        return (await self._send([self._before, *calls]))[1:]

    async def __aenter__(self) -> Self:
        self._link = self._pool.lend_now() or await self._pool.lend()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._give_back()

    async def _send(self, calls: Sequence[Call]) -> list[Reply]:
        return await self._borrowed().batch(calls, deadline_seconds=self._deadline_seconds)

    async def _ready_for_copy(self) -> Link:
        return self._borrowed()

    def _borrowed(self) -> Link:
        if self._link is None:
            raise RuntimeError("a database session is used inside its `async with` block only")
        return self._link

    def _give_back(self) -> None:
        if self._link is not None:
            link, self._link = self._link, None
            self._pool.give_back(link)


class Transaction(Session):
    """Statements that happen together or not at all; the block's end commits, an exception rolls back.

    BEGIN travels with the first statement, so a transaction of one statement waits twice, not three times.
    """

    __slots__ = ("_begin", "_begun", "_ending", "_when_ended")

    def __init__(
        self, pool: Pool, deadline_seconds: float | None, isolation: Isolation, before: Call | None = None
    ) -> None:
        super().__init__(pool, deadline_seconds, before)
        self._begin: Call = _BEGIN[isolation], _NOTHING
        self._begun = False
        self._ending: Ending = "rolled-back"
        self._when_ended: list[Callable[[Ending], Awaitable[None]]] = []

    def when_ended(self, tell: Callable[[Ending], Awaitable[None]]) -> None:
        """Have `tell` called and awaited when the outcome is known and the connection given back.

        It is called even if the block was cancelled; what it raises takes the place of the block's answer.
        """
        self._when_ended.append(tell)

    async def batch(self, calls: Sequence[Call]) -> list[Reply]:
        """Send statements together; one reply for each."""
        opening = self._opening()
        return (await self._send([*opening, *calls]))[len(opening) :]

    def last_pipeline(self) -> Pipeline:
        """Several statements and the commit for one wait; only the block's end may follow."""
        return Pipeline(self._finish)

    def _opening(self) -> list[Call]:
        """What goes before the first statement."""
        if self._ending == "committed":
            raise RuntimeError("a statement comes after the last pipeline of its transaction")
        if self._begun:
            return []
        self._begun = True
        return [self._begin] if self._before is None else [self._begin, self._before]

    async def _finish(self, calls: Sequence[Call]) -> list[Reply]:
        """Send statements and, if none of them fails, the commit."""
        opening = self._opening()
        self._ending = "unknown"
        try:
            replies = await self._send([*opening, *calls, (_COMMIT, _NOTHING)])
        except (UniqueViolation, SerializationFailure, StatementFailed):
            self._ending = "rolled-back"
            raise
        except Refusal as refusal:
            if not self.is_lost:  # the server answered: behind what it refused, nothing was done, the commit neither
                self._ending = "rolled-back"
            elif refusal.code == "database-unavailable":
                raise outcome_unknown() from refusal
            raise
        self._ending = "committed"
        return replies[len(opening) : -1]

    def savepoint(self) -> Savepoint:
        """A part that can fail alone: an exception undoes the block and leaves the transaction usable."""
        return Savepoint(self)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._begun and self._ending != "committed":
                await (self._commit() if kind is None else self._roll_back())
        finally:
            self._give_back()
            for tell in self._when_ended:
                await tell(self._ending)

    async def _ready_for_copy(self) -> Link:
        if not self._begun:
            await self.batch([])
        return self._borrowed()

    async def _commit(self) -> None:
        if self._borrowed().failed:
            await self._roll_back()
            raise RuntimeError(
                "a statement of this transaction failed and its exception was swallowed: use a savepoint"
            )
        await self._finish([])

    async def _roll_back(self) -> None:
        link = self._borrowed()
        if not link.broken:
            try:
                await link.batch([(_ROLLBACK, _NOTHING)], deadline_seconds=self._deadline_seconds)
            except Refusal:
                link.close()  # the server rolls back what a closed connection left open


class Savepoint:
    """See `Transaction.savepoint`."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def __aenter__(self) -> None:
        await self._transaction.run(_SAVEPOINT)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self._transaction.run(_RELEASE)
        elif not self._transaction._borrowed().broken:
            # One after the other: in a failed transaction the server does not even parse the second.
            await self._transaction.run(_BACK_TO)
            await self._transaction.run(_RELEASE)


class Database:
    """PostgreSQL for one process: a pool for each role."""

    def __init__(self, addresses: Addresses, *, links_max: int = LINKS_MAX) -> None:
        self.addresses = addresses
        self.mark = token_hex(8)
        """Ends the application name of each of these connections, so that the server can tell whether any is left."""
        self._pools = {
            role.value: _pool(
                make_conninfo(addresses.of(role), application_name=f"tianfu {role} {self.mark}"), links_max
            )
            for role in Role
        }
        self._room = Room(addresses.folder)

    @staticmethod
    async def open(addresses: Addresses, *, links_max: int = LINKS_MAX) -> Database:
        """Open the pools, and see that the app role can connect."""
        database = Database(addresses, links_max=links_max)
        await database.ready()
        return database

    async def ready(self) -> None:
        """Wait until the app role can connect; raises the refusal "database-unavailable"."""
        link = await connected(self._pools[Role.APP.value].lend, within_seconds=START_SECONDS)
        self._pools[Role.APP.value].give_back(link)

    def transaction(
        self,
        role: str,
        *,
        isolation: Isolation = "read committed",
        deadline_seconds: float | None = DEADLINE_SECONDS,
        before: Call | None = None,
    ) -> Transaction:
        """A transaction of a role ("app", "audit", "reader", "owner"); the app's are refused where no room is left."""
        if role == Role.APP.value:
            self._room.refuse_if_full()
        return Transaction(self._pools[role], deadline_seconds, isolation, before)

    def connection(
        self, role: str, *, deadline_seconds: float | None = DEADLINE_SECONDS, before: Call | None = None
    ) -> Session:
        """A connection of a role on which each statement commits by itself, together with the one `before` it."""
        return Session(self._pools[role], deadline_seconds, before)

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _marked(addresses: Addresses, role: Role, mark: str) -> str:
    return make_conninfo(addresses.of(role), application_name=f"tianfu {role} {mark}")


async def _open(conninfo: str) -> Link:
    return await Link.open(conninfo, timeout_seconds=WAIT_SECONDS)


def _pool(conninfo: str, links_max: int) -> Pool:
    return Pool(lambda: _open(conninfo), links_max=links_max, waiting_max=WAITING_MAX, wait_seconds=WAIT_SECONDS)
