"""Partitions of the months to come: made when a process opens the store, and again while it runs."""

from __future__ import annotations

import asyncio

import structlog

from tianfu.db import Database, Transaction, queries
from tianfu.kernel.refusal import place_of

_STATE = queries("tianfu.records.sql", "state.sql")

MONTHS_AHEAD = 3
LOOK_SECONDS = 6 * 3_600.0

_log = structlog.get_logger("tianfu.records")


async def make_months(owner: Transaction) -> None:
    """Make the partitions that are not there yet; the caller holds the lock on the state."""
    await owner.run(_STATE.ensure_months, ahead=MONTHS_AHEAD)


async def keep_months_ahead(database: Database) -> None:
    """Make partitions again and again, for a server runs longer than they last; goes on until cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            async with database.transaction("owner") as owner:
                await owner.run(_STATE.lock_state)
                await make_months(owner)
        except Exception as error:
            _log.error("months_not_made", error=place_of(error))
