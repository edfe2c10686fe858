"""The feed tells every change once it can no longer be overtaken."""

from __future__ import annotations

import pytest
from tests.records.made import GRANT, WHO, open_store, put

from tianfu.db import Database, Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import system_clock
from tianfu.records.feed import START, Feed, Place

pytestmark = pytest.mark.anyio


def consumer(database: Database, name: str = "mirror") -> Feed:
    return Feed(database, grant=GRANT, consumer=name, clock=system_clock)


async def test_changes_come_in_order_with_their_operation_and_patient(database: Database) -> None:
    store = await open_store(database)
    await put(store, "Patient", "one")
    await put(store, "Patient", "one", gender="female")
    await store.delete(*WHO, "Patient", "one")
    told = [change for entry in await consumer(database).changes(START) for change in entry.changes]
    assert [change.operation for change in told] == ["create", "update", "delete"]
    assert [change.version for change in told] == [1, 2, 3]
    assert {change.patient for change in told} == {record_number("Patient", "one")}


async def test_a_change_committed_late_is_not_skipped(database_on_each_engine: Database) -> None:
    database = database_on_each_engine
    store = await open_store(database)
    feed = consumer(database)
    async with database.transaction("app") as slow:
        await slow.run(_TELL, at=system_clock())
        await put(store, "Patient", "quick")
        assert await feed.changes(START) == []  # `slow` began earlier and may still commit
    entries = await feed.changes(START)
    assert [change.record for entry in entries for change in entry.changes] == [7, record_number("Patient", "quick")]


async def test_what_was_not_committed_comes_again(database: Database) -> None:
    store = await open_store(database)
    for name in ("a", "b", "c"):
        await put(store, "Patient", name)
    feed = consumer(database)
    first, second, third = await feed.changes(await feed.place())
    await feed.commit(first.place)
    assert await feed.changes(await consumer(database).place()) == [second, third]
    assert await feed.changes(await consumer(database, "other").place()) == [first, second, third]


async def test_a_consumer_never_goes_back(database: Database) -> None:
    feed = consumer(database)
    await feed.commit(Place(900, 3))
    await feed.commit(Place(800, 9))
    assert await feed.place() == Place(900, 3)


async def test_pages_join_without_gap_or_overlap(database: Database) -> None:
    store = await open_store(database)
    for number in range(7):
        await put(store, "Patient", f"p{number}")
    feed = consumer(database)
    place, seen = START, []
    while page := await feed.changes(place, limit=3):
        seen += page
        place = page[-1].place
    assert seen == await feed.changes(START)
    assert len(seen) == 7


_TELL = Query.composed(
    "tell",
    "insert into feed (changed_at, type, rids, versions, operations, prids)"
    " values (%(at)s, 103, array[7::bigint], array[1], 'c', array[0::bigint])",
)
