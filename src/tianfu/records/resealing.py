"""Rotate the data key while the store serves: a new one seals from now on, and what older ones sealed is sealed anew.

May be stopped at any moment and goes on when run again.  Versions keep their content, number and time; only the
sealed form changes, in the history too, which is otherwise never touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tianfu.access.caller import Caller
from tianfu.access.decision import NO_FACTS, decide
from tianfu.access.purpose import Purpose
from tianfu.db import Database, SerializationFailure, Transaction, queries
from tianfu.db.prepared import Row
from tianfu.db.wire import bytea_array, int2_array, int4_array, int8_array
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import event
from tianfu.records.keys import TableShelf
from tianfu.records.sealing import Body, Sealer, Versioned
from tianfu.records.timeline import type_name
from tianfu.records.trail.lanes import EventWriter
from tianfu.records.write import RECORD_SPACE, leave_trace, lock_slots
from tianfu.standards.fhir.definitions import definitions

BATCH = 500
DEADLINE_SECONDS = 600
_BEFORE_ALL = -(1 << 63)

_SQL = queries("tianfu.records.sql", "vault.sql")

Progress = Callable[[int, int], None]
"""Called with how many versions are done, and how many there were to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What a rotation did; `is_new` says whether it began with a new key or went on with one."""

    key: int
    is_new: bool
    versions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOverview:
    """One data key of fields: `sealings` counts what was set aside for sealing, `versions` what it seals now."""

    number: int
    cipher: str
    state: str
    made_at: int
    sealings: int
    versions: int


async def rotate(
    caller: Caller,
    purpose: Purpose,
    database: Database,
    sealer: Sealer,
    *,
    clock: Clock,
    writer: EventWriter,
    progress: Progress,
    batch: int = BATCH,
    is_unfinished: bool = False,
) -> Rotated:
    """Seal every version with one current key; raises Refusal `rotation-under-way` if somebody else is at it.

    A rotation that was broken off is finished with its own key; only then does the next one make a new key.  Whoever
    keeps sealed what are no versions says whether he found his part unfinished.
    """
    async with _alone(database):
        sealer.keyring.look()
        number = sealer.keyring.current
        is_new = not is_unfinished and await _to_do(database, number) == 0
        if is_new:
            number = sealer.keyring.begin_new_key()
        await _leave_trace(caller, purpose, database, clock, writer)
        await _wait_for_others(database, number)
        total = await _to_do(database, number)
        done = 0
        progress(done, total)
        for name in definitions().resource_types:
            async for size in _reseal_current(database, sealer, name, number, batch):
                done += size
                progress(done, total)
        # Only now: whatever went into the history meanwhile was sealed by the new key.
        async for size in _reseal_history(database, sealer, number, batch):
            done += size
            progress(done, total)
        left = await _to_do(database, number)
    if left:
        raise Refusal("rotation-not-finished", kept="what-was-done", next_step="run-again", details={"left": str(left)})
    return Rotated(key=number, is_new=is_new, versions=done)


async def key_overviews(database: Database) -> list[KeyOverview]:
    """Every data key of fields, in the order in which they were made."""
    async with database.connection("owner", deadline_seconds=DEADLINE_SECONDS) as owner:
        rows = await owner.all(_SQL.key_overview)
    return [KeyOverview(number=r[0], cipher=r[1], state=r[2], made_at=r[3], sealings=r[4], versions=r[5]) for r in rows]


async def unsealed_versions(database: Database) -> int:
    """How many versions were written before there were keys."""
    async with database.connection("owner", deadline_seconds=DEADLINE_SECONDS) as owner:
        row = await owner.one(_SQL.unsealed_count)
    return row[0] if row else 0


async def retire_keys(database: Database) -> list[int]:
    """Forget the old keys that seal no version any more; what a backup holds, it opens with the keys that it holds."""
    old = [each.number for each in await key_overviews(database) if each.state == "old" and not each.versions]
    async with database.connection("owner", deadline_seconds=DEADLINE_SECONDS) as owner:
        return [number for number in old if await owner.run(_SQL.retire_key, number=number)]


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    """One rotation at a time; a killed one leaves its place with its connection."""
    async with database.connection("owner") as owner:
        got = await owner.one(_SQL.try_to_rotate)
        if got is None or not got[0]:
            raise Refusal("rotation-under-way", next_step="wait-for-it")
        try:
            yield
        finally:
            await owner.all(_SQL.end_rotation)


async def _to_do(database: Database, number: int) -> int:
    async with database.connection("owner", deadline_seconds=DEADLINE_SECONDS) as owner:
        row = await owner.one(_SQL.to_reseal_count, number=number)
    return row[0] + row[1] if row else 0


async def _wait_for_others(database: Database, number: int) -> None:
    """After this nobody seals with another key: who held one has ended, who takes one finds it replaced."""
    shelf = TableShelf(database.addresses)
    for each in shelf.wrapped():
        if each.use == "fields" and each.number != number:
            await asyncio.to_thread(shelf.wait_for_sealing, each.number)


async def _leave_trace(caller: Caller, purpose: Purpose, database: Database, clock: Clock, writer: EventWriter) -> None:
    traced = event(decide(caller, purpose, NO_FACTS), at=clock(), interaction="rotate-keys", type_number=None)
    async with database.transaction("owner") as transaction:
        await leave_trace(transaction, [traced], writer)


async def _reseal_current(database: Database, sealer: Sealer, name: str, number: int, batch: int) -> AsyncIterator[int]:
    type_number, after = definitions().type_number(name), _BEFORE_ALL
    while True:
        try:
            async with database.transaction("owner", deadline_seconds=DEADLINE_SECONDS) as transaction:
                rows = await transaction.all(_SQL.to_reseal, type=type_number, after=after, number=number, limit=batch)
                if not rows:
                    return
                records = [row[0] for row in rows]
                size = await _reseal(transaction, sealer, type_number, records, number)
        except SerializationFailure:
            sealer.keyring.look()
            continue
        after = records[-1]
        yield size


async def _reseal(
    transaction: Transaction, sealer: Sealer, type_number: int, records: Sequence[int], number: int
) -> int:
    await lock_slots(transaction, RECORD_SPACE, records)
    rows = await transaction.all(_SQL.to_reseal_bodies, type=type_number, rids=int8_array(records), number=number)
    bodies = _resealed(sealer, rows)
    await _hold(transaction, bodies)
    await transaction.run(
        _SQL.reseal,
        type=type_number,
        rids=int8_array([row[0] for row in rows]),
        bodies=bytea_array([each.body for each in bodies]),
        sealed_withs=int2_array([each.sealed_with for each in bodies]),
    )
    return len(rows)


async def _reseal_history(database: Database, sealer: Sealer, number: int, batch: int) -> AsyncIterator[int]:
    after = {"after": _BEFORE_ALL, "after_version": 0, "after_type": 0}
    while True:
        try:
            async with database.transaction("owner", deadline_seconds=DEADLINE_SECONDS) as transaction:
                rows = await transaction.all(_SQL.history_to_reseal, **after, number=number, limit=batch)
                if not rows:
                    return
                bodies = _resealed(sealer, rows)
                await _hold(transaction, bodies)
                await transaction.run(
                    _SQL.reseal_history,
                    rids=int8_array([row[0] for row in rows]),
                    versions=int4_array([row[1] for row in rows]),
                    types=int2_array([row[2] for row in rows]),
                    bodies=bytea_array([each.body for each in bodies]),
                    sealed_withs=int2_array([each.sealed_with for each in bodies]),
                )
        except SerializationFailure:
            sealer.keyring.look()
            continue
        after = {"after": rows[-1][0], "after_version": rows[-1][1], "after_type": rows[-1][2]}
        yield len(rows)


def _resealed(sealer: Sealer, rows: Sequence[Row]) -> list[Body]:
    """Bodies of rows (record, version, type, body), opened and sealed by the current key."""
    drafts = []
    for record, version, type_number, body in rows:
        name = type_name(type_number)
        stored = sealer.opened(name, record, version, body)
        drafts.append(Versioned(type_number, record, version, sealer.draft(name, stored)))
    return sealer.sealed(drafts)


async def _hold(transaction: Transaction, bodies: Sequence[Body]) -> None:
    if number := max((each.sealed_with for each in bodies), default=0):
        await transaction.run(_SQL.hold_key, number=number)
