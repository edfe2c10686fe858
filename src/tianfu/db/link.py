"""One connection to PostgreSQL, driven straight from the event loop through libpq.

psycopg connects, and supplies libpq and the row loaders; statements take this short road because a look-up
through its cursors costs several times what the server needs for it (docs/decisions/0005-own-connection-loop.md).
libpq's pipeline mode: https://www.postgresql.org/docs/18/libpq-pipeline-mode.html .
Statements are prepared on first use with the types that the server infers, so an integer's size never changes a plan.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGcancel, PGconn, PGresult

from tianfu.db.errors import database_unavailable
from tianfu.db.prepared import Call, Prepared, PreparedStatements, Reply, Row, refuse_failed
from tianfu.db.queries import Query

COPY_CHUNK_BYTES = 1 << 18
CANCEL_GRACE_SECONDS = 5.0
"""How long a statement past its deadline may take to end before its connection is given up."""

_SYNC = int(pq.ExecStatus.PIPELINE_SYNC)
_COPYING = (int(pq.ExecStatus.COPY_IN), int(pq.ExecStatus.COPY_OUT))
_IDLE = int(pq.TransactionStatus.IDLE)
_FAILED = int(pq.TransactionStatus.INERROR)
_BAD = int(pq.ConnStatus.BAD)


class Link:
    """One connection; one task at a time may use it."""

    def __init__(self, connection: psycopg.AsyncConnection[Row]) -> None:
        self._connection = connection
        self._pgconn: PGconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._descriptor = self._pgconn.socket
        self._statements = PreparedStatements()
        self._waiter: asyncio.Future[None] | None = None
        self._on_input: Callable[[], None] = _nothing
        self._on_drained: Callable[[], None] = _nothing
        self._writing = False
        self._results: list[PGresult] = []
        self._pipelined = True
        self._broken = False
        self._cancelling: asyncio.Future[None] | None = None
        self._pgconn.nonblocking = 1
        self._pgconn.enter_pipeline_mode()
        self._loop.add_reader(self._descriptor, self._on_readable)

    @staticmethod
    async def open(conninfo: str, *, timeout_seconds: float) -> Link:
        """Connect; raises the refusal "database-unavailable"."""
        try:
            async with asyncio.timeout(timeout_seconds):
                connection = await psycopg.AsyncConnection[Row].connect(conninfo, autocommit=True)
        except (psycopg.Error, TimeoutError, OSError) as error:
            reason = getattr(error, "sqlstate", None) or type(error).__name__
            raise database_unavailable(reason) from error
        return Link(connection)

    @property
    def usable(self) -> bool:
        """Whether another task may take over: unbroken, nothing on its way, no transaction open."""
        return not self._broken and self._waiter is None and self._pgconn.transaction_status == _IDLE

    @property
    def broken(self) -> bool:
        """Whether the connection is lost."""
        return self._broken

    @property
    def failed(self) -> bool:
        """Whether a statement of the open transaction failed, so that it can only be rolled back."""
        return self._pgconn.transaction_status == _FAILED

    def close(self) -> None:
        """End the connection at once."""
        self._broken = True
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            self._descriptor = -1
            self._pgconn.finish()

    async def batch(self, calls: Sequence[Call], *, deadline_seconds: float | None) -> list[Reply]:
        """Send statements together and wait once for all their answers.

        If one fails, the later ones are not run, and its error is raised.
        """
        self._refuse_unready()
        if missing := self._statements.missing(calls):
            await self._prepare(missing, deadline_seconds)
        prepared = [self._statements[query] for query, _ in calls]
        encoded = [statement.values(query, values) for statement, (query, values) in zip(prepared, calls, strict=True)]
        pgconn = self._pgconn
        for statement, values in zip(prepared, encoded, strict=True):
            pgconn.send_query_prepared(statement.name, values, statement.formats, 1)
        pgconn.pipeline_sync()
        results = await self._answers(deadline_seconds)
        for (query, _), result in zip(calls, results, strict=True):
            refuse_failed(query, result)
        return [Reply(result, statement) for result, statement in zip(results, prepared, strict=True)]

    async def copy_in(self, query: Query, chunks: Iterable[bytes], *, deadline_seconds: float | None) -> int:
        """Send a prebuilt COPY stream; the number of rows it held."""
        await self._start_copy(query, deadline_seconds)
        try:
            for chunk in chunks:
                view = memoryview(chunk)
                for start in range(0, len(view), COPY_CHUNK_BYTES):
                    await self._put(view[start : start + COPY_CHUNK_BYTES])
            self._pgconn.put_copy_end(None)
        except psycopg.OperationalError as error:
            self.close()
            raise database_unavailable("connection-lost") from error
        except BaseException:
            self.close()  # half a stream was sent: the server forgets it when the connection ends
            raise
        return await self._end_copy(query, deadline_seconds)

    async def copy_out(self, query: Query, *, deadline_seconds: float | None) -> AsyncIterator[bytes]:
        """The chunks of a COPY TO STDOUT; a reader who stops early ends the connection."""
        await self._start_copy(query, deadline_seconds)
        complete = False
        try:
            while True:
                size, data = self._pgconn.get_copy_data(1)
                if size > 0:
                    yield bytes(data)
                elif size < 0:
                    complete = True
                    break
                else:
                    await self._waiting(self._wake)
        finally:
            if not complete:
                self.close()
        await self._end_copy(query, deadline_seconds)

    async def _prepare(self, missing: Sequence[Query], deadline_seconds: float | None) -> None:
        pgconn = self._pgconn
        forgotten = self._statements.make_room(len(missing))
        for name in forgotten:
            pgconn.send_close_prepared(name)
        names = [self._statements.next_name() for _ in missing]
        for name, query in zip(names, missing, strict=True):
            pgconn.send_prepare(name, query.wire)
            pgconn.send_describe_prepared(name)
        pgconn.pipeline_sync()
        results = (await self._answers(deadline_seconds))[len(forgotten) :]
        for position, (name, query) in enumerate(zip(names, missing, strict=True)):
            refuse_failed(query, results[2 * position])
            refuse_failed(query, description := results[2 * position + 1])
            self._statements[query] = Prepared.described(name, description, self._connection)

    async def _start_copy(self, query: Query, deadline_seconds: float | None) -> None:
        self._refuse_unready()
        self._pgconn.exit_pipeline_mode()
        self._pipelined = False
        self._pgconn.send_query(query.wire)
        (result,) = await self._answers(deadline_seconds)
        if result.status not in _COPYING:
            self._resume_pipeline()
            refuse_failed(query, result)
            self.close()
            raise TypeError(f"{query.name} is not a COPY statement")

    async def _end_copy(self, query: Query, deadline_seconds: float | None) -> int:
        (result,) = await self._answers(deadline_seconds)
        self._resume_pipeline()
        refuse_failed(query, result)
        return result.command_tuples or 0

    def _resume_pipeline(self) -> None:
        self._pgconn.enter_pipeline_mode()
        self._pipelined = True

    async def _put(self, data: memoryview) -> None:
        while self._pgconn.put_copy_data(data) == 0:
            await self._drained()
        await self._drained()

    async def _drained(self) -> None:
        """Wait until everything handed to libpq is on its way to the server."""
        if self._pgconn.flush():
            self._on_drained = self._wake
            await self._waiting(_nothing)

    async def _answers(self, deadline_seconds: float | None) -> list[PGresult]:
        """The results up to the next synchronisation point."""
        self._results = []
        timer = None
        if deadline_seconds is not None:
            timer = self._loop.call_later(deadline_seconds, self._cancel_statement)
        try:
            # After a COPY the answer may have come while nobody waited for it.
            await self._waiting(self._collect, at_once=not self._pipelined)
        finally:
            if timer is not None:
                timer.cancel()
        if self._cancelling is not None:
            cancelling, self._cancelling = self._cancelling, None
            await cancelling
        return self._results

    async def _waiting(self, on_input: Callable[[], None], *, at_once: bool = False) -> None:
        waiter = self._waiter = self._loop.create_future()
        self._on_input = on_input
        try:
            self._on_writable()
            if at_once:
                on_input()
            await waiter
        except asyncio.CancelledError:
            self._abandon()
            raise
        finally:
            self._waiter = None
            self._on_input = _nothing
            self._on_drained = _nothing

    def _on_readable(self) -> None:
        try:
            self._pgconn.consume_input()
            self._on_input()
        except psycopg.OperationalError:
            self._lost()
        else:
            if self._pgconn.status == _BAD:
                self._lost()

    def _on_writable(self) -> None:
        """Hand on what waits to be sent; come back when the socket takes more."""
        try:
            unsent = self._pgconn.flush()
        except psycopg.OperationalError:
            self._lost()
            return
        if unsent and not self._writing:
            self._loop.add_writer(self._descriptor, self._on_writable)
        elif self._writing and not unsent:
            self._loop.remove_writer(self._descriptor)
        self._writing = bool(unsent)
        if not unsent:
            self._on_drained()

    def _collect(self) -> None:
        """Take the results that have arrived; wake the waiting task after the last one."""
        pgconn = self._pgconn
        ended = False
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is not None:
                ended = False
                status = result.status
                if status == _SYNC:
                    self._wake()
                    return
                self._results.append(result)
                if status in _COPYING:
                    self._wake()
                    return
            elif not self._pipelined:
                self._wake()
                return
            elif ended:
                return
            else:
                ended = True  # the end of one statement; a second None in a row means that nothing more has come

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _lost(self) -> None:
        """The connection is gone: tell whoever waits."""
        waiter = self._waiter
        self.close()
        if waiter is not None and not waiter.done():
            waiter.set_exception(database_unavailable("connection-lost"))

    def _cancel_statement(self) -> None:
        self._cancelling = self._loop.run_in_executor(None, _cancel, self._pgconn.get_cancel())
        self._loop.call_later(CANCEL_GRACE_SECONDS, self._give_up, self._waiter)

    def _give_up(self, waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and waiter is self._waiter:
            self._lost()

    def _abandon(self) -> None:
        """Nobody waits for the answer any more: stop the statement on the server and end the connection."""
        if not self._broken:
            self._loop.run_in_executor(None, _cancel, self._pgconn.get_cancel())
        self.close()

    def _refuse_unready(self) -> None:
        if self._broken:
            raise database_unavailable("connection-lost")
        if self._waiter is not None:
            raise RuntimeError("one connection runs one statement at a time: use a pipeline or a second transaction")


def _cancel(handle: PGcancel) -> None:
    with suppress(psycopg.Error):  # a server that is gone has nothing left to cancel
        handle.cancel()


def _nothing() -> None:
    """Input or room that nobody waits for."""
