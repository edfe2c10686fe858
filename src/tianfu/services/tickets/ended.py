"""Sessions that were ended before their time: the one thing about a ticket that the ticket itself cannot say."""

from __future__ import annotations

from typing import Protocol

from tianfu.db import Database, queries
from tianfu.kernel.instants import Instant

_ENDED = queries("tianfu.services.tickets.sql", "ended.sql")


class EndedSessions(Protocol):
    """Where ends of sessions are kept."""

    async def end(self, session: str, *, until: Instant) -> None:
        """End a session for all workers; `until` is when its ticket is over."""
        ...

    async def is_ended(self, session: str) -> bool:
        """Whether a session was ended."""
        ...


class KeptEnds:
    """Ends of sessions in PostgreSQL; raises Refusal `database-unavailable` rather than guess."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def end(self, session: str, *, until: Instant) -> None:
        """End a session for all workers; `until` is when its ticket is over."""
        async with self._database.connection("app") as connection:
            await connection.run(_ENDED.end_session, session=session, until=until)

    async def is_ended(self, session: str) -> bool:
        """Whether a session was ended."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_ENDED.is_ended, session=session)
        return row is None or bool(row[0])

    async def forget(self, *, now: Instant) -> None:
        """Forget the sessions whose tickets are over."""
        async with self._database.connection("app") as connection:
            await connection.run(_ENDED.forget_ended, now=now)
