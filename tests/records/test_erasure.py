"""Erasure leaves nothing of a record's content in any table, and says that it happened."""

from __future__ import annotations

import pytest
from tests.records.made import GRANT, KEYS, WHO, open_store, put
from tests.trails import trail_of

from tianfu.db import Database, Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.erasure import Erased, erase
from tianfu.records.feed import START, Feed
from tianfu.records.opening import open_parts
from tianfu.records.outcomes import Gone
from tianfu.records.store import SearchRequest, Store
from tianfu.records.timeline import type_name

pytestmark = pytest.mark.anyio

MARK = "Qimiaobiaoji"
_TABLES = "select relname::text from pg_class where relnamespace = 'tianfu'::regnamespace and relkind = 'r'"


async def given_person(store: Store) -> None:
    """A person of two versions, both marked everywhere, and somebody else."""
    for version in range(2):
        await put(
            store,
            "Patient",
            "gone",
            text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{MARK}</div>'},
            name=[{"family": MARK, "given": [f"{MARK}{version}"]}],
            identifier=[{"system": "urn:made-up:card", "value": MARK}],
            address=[{"city": MARK}],
            telecom=[{"system": "phone", "value": MARK}],
            birthDate="1990-04-05",
            communication=[{"language": {"text": MARK, "coding": [{"code": "zh", "display": MARK}]}}],
        )
    await put(store, "Patient", "stays", name=[{"family": "Liuxia"}])


async def erased(database: Database, logical_id: str = "gone", authority: str = "Order 7 of the court") -> Erased:
    writer = (await trail_of(database)).lanes
    return await erase(*WHO, database, "Patient", logical_id, authority=authority, clock=system_clock, writer=writer)


async def rows_with_content(database: Database) -> list[str]:
    """The tables in which the mark is found, in the clear or compressed, or rows that point to the record."""
    found = []
    preparer, _ = await open_parts(database, KEYS)
    record = record_number("Patient", "gone")
    async with database.connection("owner") as owner:
        for (table,) in await owner.all(Query.composed("tables", _TABLES)):
            rows = await owner.all(Query.composed("rows", f"select * from {table}"))  # noqa: S608 - from the catalogue
            said = repr(rows).lower()
            if MARK.lower() in said or (table in _INDEX_TABLES and str(record) in said):
                found.append(table)
        for table in ("resource", "history"):
            sql = f"select type, rid, version, body from {table} where body is not null"  # noqa: S608 - from above
            for type_number, *place in await owner.all(Query.composed("bodies", sql)):
                if MARK.encode() in preparer.opened(type_name(type_number), *place):
                    found.append(f"{table}.body")
    return found


_INDEX_TABLES = ("identifier", "reference", "string", "date", "quantity", "also_about")


async def test_nothing_of_the_content_is_left_in_any_table(database_on_each_engine: Database) -> None:
    store = await open_store(database_on_each_engine)
    await given_person(store)
    assert {"resource.body", "history.body", "string", "identifier"} <= set(
        await rows_with_content(database_on_each_engine)
    )
    assert await erased(database_on_each_engine) == Erased(versions=2, version=3)
    assert await rows_with_content(database_on_each_engine) == []


async def test_a_tombstone_remains_and_earlier_versions_are_gone(database: Database) -> None:
    store = await open_store(database)
    await given_person(store)
    await erased(database)
    assert isinstance(await store.read(*WHO, "Patient", "gone"), Gone)
    for version in (1, 2):
        assert isinstance(await store.vread(*WHO, "Patient", "gone", version), Gone)
    page = await store.search(*WHO, SearchRequest(type="Patient", parameters=(("family", "Liuxia"),)))
    assert [record.id for record in page.records] == ["stays"]


async def test_the_erasure_the_trace_and_the_feed_say_so(database: Database) -> None:
    store = await open_store(database)
    await given_person(store)
    await erased(database)
    async with database.connection("owner") as owner:
        assert await owner.all(Query.composed("erasures", "select caller, authority, versions from erasure")) == [
            ("desk", "Order 7 of the court", 2)
        ]
        traced = await owner.all(Query.composed("trace", "select rids from audit where interaction = 'erase'"))
        assert traced == [([record_number("Patient", "gone")],)]
    entries = await Feed(database, grant=GRANT, consumer="mirror", clock=system_clock).changes(START)
    assert [(change.operation, change.version) for change in entries[-1].changes] == [("erase", 3)]


async def test_a_record_that_never_was_is_refused(database: Database) -> None:
    with pytest.raises(Refusal, match="record-unknown"):
        await erased(database, "nobody")


async def test_without_authority_nothing_is_erased(database: Database) -> None:
    store = await open_store(database)
    await given_person(store)
    with pytest.raises(Refusal, match="authority-missing"):
        await erased(database, authority="  ")
    assert "resource.body" in await rows_with_content(database)
