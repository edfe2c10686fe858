"""The systems that records come from, as far as somebody asks who is no caller: is what is here made up?"""

from __future__ import annotations

from tianfu.db import Database, queries

DEMONSTRATION = "https://tianfu.example/"
"""How the sources of made-up records begin (https://www.rfc-editor.org/rfc/rfc2606); pages say that they are there."""

_STATE = queries("tianfu.records.sql", "state.sql")


async def has_source(database: Database, prefix: str) -> bool:
    """Whether records came from a system whose address begins so; says nothing about any record."""
    async with database.connection("reader") as connection:
        return await connection.one(_STATE.source_beginning_with, prefix=prefix) is not None
