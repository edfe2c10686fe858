"""Texts come in the same order on every engine, whatever the server's own collation."""

from __future__ import annotations

import pytest

from tianfu.db import Database, Query

pytestmark = pytest.mark.anyio

WORDS = [
    "b",
    "B",
    "a",
    "A",
    "ä",
    "Z",
    "z",
    "é",
    "_",
    "-",
    " ",
    "天",
    "府",
    "阿",
    "川",
    "1",
    "10",
    "2",
    "\U00020bb7",
    "ꀊ",
    "བ",
]


async def test_texts_are_ordered_by_their_bytes(database_on_each_engine: Database) -> None:
    query = Query.composed("ordered", 'select word from unnest(%(words)s::text[]) as word order by word collate "C"')
    async with database_on_each_engine.connection("reader") as session:
        ordered = [word for (word,) in await session.all(query, words=WORDS)]
    assert ordered == sorted(WORDS, key=str.encode)


async def test_every_text_column_orders_by_bytes(database_on_each_engine: Database) -> None:
    query = Query.composed(
        "columns",
        "select c.table_name || '.' || c.column_name from information_schema.columns c"
        " where c.table_schema = 'tianfu' and c.data_type in ('text', 'character varying')"
        " and c.collation_name is distinct from 'C' order by 1",
    )
    async with database_on_each_engine.connection("owner") as session:
        assert await session.all(query) == []
