"""Where somebody works in a role: no names, for operators."""

from __future__ import annotations

from tianfu.db import Database, queries

LISTED_MAX = 200

_SQL = queries("tianfu.services.accounts.sql", "staff.sql")


async def organisations_with(database: Database, role: str) -> tuple[str, ...]:
    """Ids of organisations in which somebody works now in this role, in order; at most LISTED_MAX."""
    async with database.connection("app") as connection:
        rows = await connection.all(_SQL.organisations_with, role=role, limit=LISTED_MAX)
    return tuple(row[0] for row in rows)
