"""A statement or two on a connection of their own, without an event loop: for what is rare and cannot wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from tianfu.db.errors import database_unavailable, error_of
from tianfu.db.queries import Query
from tianfu.db.roles import Addresses, Role


class Brief:
    """A connection for the length of one transaction; it blocks the thread that asks."""

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection

    def all(self, query: Query, /, **parameters: object) -> list[tuple[Any, ...]]:
        """All rows; none for a statement that returns none."""
        cursor = psycopg.RawCursor(self._connection)
        try:
            cursor.execute(query.text.encode(), [parameters[name] for name in query.parameters])
        except psycopg.Error as error:
            raise error_of(query.name, error.sqlstate or "08006", "") from error
        return cursor.fetchall() if cursor.description else []


@contextmanager
def briefly(addresses: Addresses, role: Role) -> Iterator[Brief]:
    """A short transaction of a role; raises the refusal "database-unavailable"."""
    try:
        connection = psycopg.connect(addresses.of(role))
    except psycopg.OperationalError as error:
        raise database_unavailable(error.sqlstate or "no-connection") from error
    with connection:
        yield Brief(connection)
