"""Reindexing makes index rows as a fresh write would, and can be broken off."""

from __future__ import annotations

import pytest
from tests.records.made import KEYS, WHO, open_store, put

from tianfu.db import Database, Query
from tianfu.db.database import Row
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.opening import open_parts
from tianfu.records.reindex import reindex
from tianfu.records.store import SearchRequest, Store

pytestmark = pytest.mark.anyio

_INDEX_TABLES = ("identifier", "reference", "string", "date", "quantity", "also_about")
_HEADS = (
    "select rid, prid, date_low, date_high, code, category, status, number, unit, encounter, generation, tokens"
    " from resource order by rid"
)


async def given_outdated(database: Database) -> list[list[Row]]:
    """Some records whose index was lost and whose generation is an older one; returns what the index was."""
    store = await open_store(database)
    for number in range(5):
        await put(
            store,
            "Patient",
            f"p{number}",
            name=[{"family": f"Shili{number}"}],
            identifier=[{"system": "urn:made-up:card", "value": f"C-{number}"}],
            birthDate="1990-04-05",
        )
        await put(
            store,
            "Observation",
            f"o{number}",
            status="final",
            code={"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            subject={"reference": f"Patient/p{number}"},
            effectiveDateTime="2020-01-02",
            valueQuantity={"value": 60.5, "system": "http://unitsofmeasure.org", "code": "kg"},
        )
    before = await index_of(database)
    async with database.transaction("owner") as owner:
        for table in _INDEX_TABLES:
            await owner.run(Query.composed("lose", f"delete from {table}"))  # noqa: S608 - names from above
        lost = "update resource set generation = 0, code = null, date_low = null, tokens = null, number = null"
        await owner.run(Query.composed("age", lost))
        await owner.run(Query.composed("age_state", "update index_state set generation = 0"))
    return before


async def index_of(database: Database) -> list[list[Row]]:
    async with database.connection("owner") as owner:
        narrow = [
            sorted(await owner.all(Query.composed("rows", f"select * from {table}")), key=repr)  # noqa: S608
            for table in _INDEX_TABLES
        ]
        return [*narrow, await owner.all(Query.composed("heads", _HEADS))]


async def reindexed(database: Database, *types: str, batch: int = 2) -> list[tuple[str, int, int]]:
    told: list[tuple[str, int, int]] = []
    preparer, _ = await open_parts(database, KEYS)
    await reindex(database, preparer, types, clock=system_clock, progress=lambda *said: told.append(said), batch=batch)
    return told


async def found(store: Store) -> int:
    page = await store.search(*WHO, SearchRequest(type="Observation", parameters=(("code", "29463-7"),)))
    return len(page.records)


async def test_the_index_becomes_what_a_fresh_write_makes(database: Database) -> None:
    before = await given_outdated(database)
    told = await reindexed(database)
    assert await index_of(database) == before
    assert told == [("Observation", n, 5) for n in (2, 4, 5)] + [("Patient", n, 5) for n in (2, 4, 5)]


async def test_a_type_is_searchable_only_after_its_last_record(database: Database) -> None:
    await given_outdated(database)
    outdated = await open_store(database)
    assert outdated.searchable("Observation") == frozenset()
    with pytest.raises(Refusal):
        await found(outdated)
    await reindexed(database, "Observation")
    store = await open_store(database)
    assert await found(store) == 5
    assert store.searchable("Patient") == frozenset()


async def test_broken_off_work_goes_on_behind_what_is_done(database: Database) -> None:
    before = await given_outdated(database)
    preparer, _ = await open_parts(database, KEYS)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await reindex(database, preparer, (), clock=system_clock, progress=stop, batch=2)
    assert await reindexed(database, "Observation") == [("Observation", 2, 3), ("Observation", 3, 3)]
    await reindexed(database, "Patient")
    assert await index_of(database) == before


async def test_an_unknown_type_is_refused_before_anything_is_done(database: Database) -> None:
    await given_outdated(database)
    with pytest.raises(Refusal, match="type-unknown"):
        await reindexed(database, "Observation", "Nothing")
    assert (await open_store(database)).searchable("Observation") == frozenset()
