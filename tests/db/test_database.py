"""Transactions, statements, COPY, deadlines and errors, on each engine."""

from __future__ import annotations

import pytest

from tianfu.db import Database, Query

pytestmark = pytest.mark.anyio


async def test_statement_gives_its_rows(database_on_each_engine: Database) -> None:
    async with database_on_each_engine.connection("reader") as session:
        assert await session.all(Query.composed("some", "select %(a)s::bigint, %(b)s::text"), a=1, b="二") == [
            (1, "二")
        ]
