"""The store's interactions, on the embedded PostgreSQL and on Debian's."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from tests.made_up_keys import made_up_keys
from tests.records.conftest import WHO, WHY, Desk, desk_of, entry, patient
from tests.trails import auditor_of

from tianfu.db import Addresses, Database, Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Gone, NotFound, Unchanged, Written
from tianfu.records.store import SearchRequest, Store
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio


async def test_what_was_created_is_read_back_with_its_decimals_as_written(desk: Desk) -> None:
    text = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}'
    written = await desk.store.create(WHO, WHY, parse_resource(text))
    answer = await desk.store.read(WHO, WHY, "Observation", written.id)
    assert isinstance(answer, Found)
    assert b'"value":1.50}' in answer.record.text
    assert answer.record.value["meta"]["versionId"] == "1"


async def test_meta_of_the_client_is_kept_beside_ours(desk: Desk) -> None:
    tag = {"system": "urn:t", "code": "a"}
    written = await desk.create(
        **patient(meta={"versionId": "77", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [tag]})
    )
    value = await desk.found("Patient", written.id)
    assert value["meta"]["tag"] == [tag]
    assert value["meta"]["versionId"] == "1"
    assert value["meta"]["lastUpdated"] > "2020"


async def test_an_update_makes_a_version_and_keeps_the_old_one(desk: Desk) -> None:
    first = await desk.create(**patient(gender="male"))
    second = await desk.update(first.id, **patient(gender="female"))
    old = await desk.store.vread(WHO, WHY, "Patient", first.id, 1)
    assert (second.version, second.operation) == (2, "update")
    assert isinstance(old, Found)
    assert old.record.value["gender"] == "male"
    assert (await desk.found("Patient", first.id))["gender"] == "female"


async def test_an_update_of_an_unknown_id_creates_it_under_that_id(desk: Desk) -> None:
    written = await desk.update("my.own-id", **patient(gender="male"))
    assert (written.version, written.operation) == (1, "create")
    assert (await desk.found("Patient", "my.own-id"))["id"] == "my.own-id"


async def test_an_update_with_the_wrong_version_is_refused_and_changes_nothing(desk: Desk) -> None:
    first = await desk.create(**patient(gender="male"))
    await desk.update(first.id, **patient(gender="female"), expected_version=1)
    with pytest.raises(Refusal) as refused:
        await desk.update(first.id, **patient(gender="other"), expected_version=1)
    assert refused.value.code == "version-conflict"
    assert (await desk.found("Patient", first.id))["gender"] == "female"


async def test_of_parallel_updates_of_one_version_exactly_one_wins(desk: Desk) -> None:
    first = await desk.create(**patient(gender="male"))
    tries = [desk.update(first.id, **patient(birthDate=f"19{n:02}-01-01"), expected_version=1) for n in range(20)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, Written) for each in outcomes) == 1
    assert {each.code for each in outcomes if isinstance(each, Refusal)} == {"version-conflict"}


async def test_parallel_updates_without_a_version_make_a_gapless_history(desk: Desk) -> None:
    await desk.update("same", **patient())
    await asyncio.gather(*(desk.update("same", **patient(birthDate=f"19{n:02}-01-01")) for n in range(30)))
    page = await desk.store.history(WHO, WHY, "Patient", "same", limit=100)
    assert [each.version for each in page.entries] == list(range(31, 0, -1))


async def test_a_deleted_record_is_gone_and_its_history_stays(desk: Desk) -> None:
    written = await desk.create(**patient(gender="male"))
    deleted = await desk.store.delete(WHO, WHY, "Patient", written.id)
    assert isinstance(deleted, Written)
    assert await desk.store.read(WHO, WHY, "Patient", written.id) == Gone(since=deleted.changed_at, version=2)
    assert isinstance(await desk.store.vread(WHO, WHY, "Patient", written.id, 1), Found)
    assert await desk.ids("Patient") == []


async def test_deleting_twice_changes_nothing_the_second_time(desk: Desk) -> None:
    written = await desk.create(**patient())
    await desk.store.delete(WHO, WHY, "Patient", written.id)
    assert isinstance(await desk.store.delete(WHO, WHY, "Patient", written.id), Unchanged)
    assert len((await desk.store.history(WHO, WHY, "Patient", written.id, limit=9)).entries) == 2


async def test_a_deleted_record_comes_back_by_an_update_as_a_new_version(desk: Desk) -> None:
    written = await desk.create(**patient())
    await desk.store.delete(WHO, WHY, "Patient", written.id)
    again = await desk.update(written.id, **patient(gender="male"))
    assert (again.version, again.operation) == (3, "create")
    assert await desk.ids("Patient", ("gender", "male")) == [written.id]


async def test_what_never_was_is_not_found(desk: Desk) -> None:
    assert await desk.store.read(WHO, WHY, "Patient", "nobody") == NotFound()
    assert await desk.store.vread(WHO, WHY, "Patient", "nobody", 1) == NotFound()
    with pytest.raises(Refusal, match="not-found"):
        await desk.store.history(WHO, WHY, "Patient", "nobody", limit=5)


async def test_an_invalid_resource_is_refused_with_the_path_of_each_fault(desk: Desk) -> None:
    bad = parse_resource(b'{"resourceType":"Patient","gender":"blue","nmae":[]}')
    with pytest.raises(Refusal) as refused:
        await desk.store.create(WHO, WHY, bad)
    assert {fault.path for fault in refused.value.faults} >= {"Patient.gender", "Patient.nmae"}
    assert await desk.count("resource") == 0


async def test_histories_page_without_loss_or_doubling(desk: Desk) -> None:
    for number in range(7):
        await desk.update("a", **patient(birthDate=f"190{number}-01-01"))
    seen, cursor = [], None
    while True:
        page = await desk.store.history(WHO, WHY, "Patient", None, limit=2, cursor=cursor)
        seen += [each.version for each in page.entries]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_a_cursor_of_another_question_opens_nothing(desk: Desk) -> None:
    for number in range(3):
        await desk.update("a", **patient(birthDate=f"190{number}-01-01"))
    page = await desk.store.history(WHO, WHY, "Patient", "a", limit=1)
    with pytest.raises(Refusal, match="cursor-invalid"):
        await desk.store.history(WHO, WHY, "Observation", None, limit=1, cursor=page.next_cursor)


async def test_fifty_parallel_conditional_creates_make_one_record(desk: Desk) -> None:
    identifier = {"system": "urn:id", "value": "510104200201010013"}
    parsed = parse_resource(orjson.dumps(patient(identifier=[identifier])))
    criteria = "identifier=urn:id|510104200201010013"
    outcomes = await asyncio.gather(*(desk.store.create(WHO, WHY, parsed, if_none_exist=criteria) for _ in range(50)))
    assert sum(isinstance(each, Written) for each in outcomes) == 1
    assert len({each.id for each in outcomes}) == 1
    assert await desk.count("resource") == 1


async def test_fifty_parallel_transactions_with_a_condition_make_one_record(desk: Desk) -> None:
    resource = patient(identifier=[{"system": "urn:id", "value": "7"}])
    wish = entry("POST", "Patient", resource, ifNoneExist="identifier=urn:id|7")
    await asyncio.gather(*(desk.transaction(wish) for _ in range(50)))
    assert await desk.count("resource") == 1


async def test_a_conditional_update_writes_the_match_and_refuses_several(desk: Desk) -> None:
    resource = patient(identifier=[{"system": "urn:id", "value": "1"}], gender="male")
    parsed = parse_resource(orjson.dumps(resource))
    created = await desk.store.update_matching(WHO, WHY, parsed, "identifier=urn:id|1")
    changed = parse_resource(orjson.dumps({**resource, "gender": "female"}))
    updated = await desk.store.update_matching(WHO, WHY, changed, "identifier=urn:id|1")
    assert (created.id, updated.version) == (updated.id, 2)
    await desk.create(**resource)
    with pytest.raises(Refusal, match="condition-matches-several"):
        await desk.store.update_matching(WHO, WHY, changed, "identifier=urn:id|1")


async def test_a_conditional_delete_takes_the_one_match(desk: Desk) -> None:
    written = await desk.create(**patient(identifier=[{"system": "urn:id", "value": "1"}]))
    await desk.store.delete_matching(WHO, WHY, "Patient", "identifier=urn:id|1")
    assert isinstance(await desk.store.read(WHO, WHY, "Patient", written.id), Gone)
    nothing = await desk.store.delete_matching(WHO, WHY, "Patient", "identifier=urn:id|1")
    assert isinstance(nothing, Unchanged)


async def test_every_read_and_write_leaves_an_event(desk: Desk) -> None:
    written = await desk.create(**patient())
    await desk.found("Patient", written.id)
    await desk.store.search(WHO, WHY, SearchRequest(type="Patient", parameters=()))
    await desk.store.history(WHO, WHY, "Patient", written.id, limit=1)
    await desk.store.read(WHO, WHY, "Patient", "nobody")
    assert await desk.count("audit") == 5


async def test_a_database_filled_with_another_key_is_refused(desk: Desk) -> None:
    other = made_up_keys(b"another key, another key, anothe")
    with pytest.raises(Refusal, match="key-differs"):
        await Store.open(desk.database, auditor=await auditor_of(desk.database), clock=system_clock, keys=other)


async def test_a_pinyin_or_initials_or_part_of_the_name_finds_the_person(desk: Desk) -> None:
    written = await desk.create(**patient(name=[{"text": "罗晚晴", "family": "罗", "given": ["晚晴"]}]))
    for typed in ("罗晚", "luowanqing", "luowan", "lwq"):
        assert await desk.ids("Patient", ("name", typed)) == [written.id], typed
    assert await desk.ids("Patient", ("name", "wangluo")) == []


async def test_the_timeline_of_two_libraries_is_one(desk: Desk) -> None:
    one, two = await desk.create(**patient()), await desk.create(**patient())
    for number, owner in enumerate([one, two, one]):
        await desk.create(
            resourceType="Observation",
            status="final",
            code={"coding": [{"system": "http://loinc.org", "code": "8302-2"}]},
            subject={"reference": f"Patient/{owner.id}"},
            effectiveDateTime=f"200{number}-05-06",
        )
    page = await desk.store.timeline(WHO, WHY, [one.id, two.id], limit=2)
    assert [each.patient for each in page.entries] == [one.id, two.id]
    assert page.is_cut_off


async def test_search_pages_are_complete_and_in_order(desk: Desk) -> None:
    owner = await desk.create(**patient())
    for number in range(11):
        await desk.create(
            resourceType="Observation",
            status="final",
            code={"text": "x"},
            subject={"reference": f"Patient/{owner.id}"},
            effectiveDateTime=f"2000-01-{1 + number % 4:02}",
        )
    asked = (("subject", f"Patient/{owner.id}"), ("_sort", "-date"), ("_count", "3"))
    dates, ids = [], set()
    page = await desk.store.search(WHO, WHY, SearchRequest(type="Observation", parameters=asked))
    while True:
        dates += [record.value["effectiveDateTime"] for record in page.records]
        ids |= {record.id for record in page.records}
        if page.next_cursor is None:
            break
        following = SearchRequest(type="Observation", parameters=(("_cursor", page.next_cursor),))
        page = await desk.store.search(WHO, WHY, following)
    assert dates == sorted(dates, reverse=True)
    assert len(ids) == len(dates) == 11


async def test_workers_that_open_an_empty_store_at_once_do_not_disturb_each_other(
    addresses_on_each_engine: Addresses,
) -> None:
    async with AsyncExitStack() as stack:
        databases = [await stack.enter_async_context(Database(addresses_on_each_engine)) for _ in range(8)]
        stores = await asyncio.gather(*map(desk_of, databases))
        assert len({id(each.store) for each in stores}) == 8


async def test_a_search_leaves_a_trace_of_the_patients_it_showed(desk: Desk) -> None:
    born = await desk.create(**patient(gender="female"))
    await desk.create(resourceType="Basic", code={"text": "x"}, subject={"reference": f"Patient/{born.id}"})
    await desk.search("Basic", patient=born.id)
    shown = record_number("Patient", born.id)
    assert await desk.count(f"audit where interaction = 'search' and prids = array[{shown}]::bigint[]") == 1


async def test_a_month_whose_rows_lie_elsewhere_does_not_hinder_the_next_start(desk: Desk) -> None:
    later = int((datetime.now(UTC) + timedelta(days=400)).timestamp() * 1_000_000)
    async with desk.database.connection("owner") as owner:
        await owner.run(Query.composed("stray", STRAY), at=later)
        await owner.run(Query.composed("ahead", "call ensure_months(now(), 14)"))
        made = await owner.all(Query.composed("made", MADE))
    assert len(made) == 2 * 16 + 15  # of the feed one month is missing
    assert await desk.count("feed_other") == 1


async def test_the_index_of_the_ledger_gathers_its_entries_in_every_month(desk: Desk) -> None:
    async with desk.database.connection("owner") as owner:
        await owner.run(Query.composed("ahead", "call ensure_months(now(), 14)"))
        made = await owner.all(Query.composed("made", MADE))
        options = [row[0] for row in await owner.all(Query.composed("options", LEDGER_OPTIONS))]
    trails = [row for row in made if row[0].startswith("audit_")]
    assert options == [["fastupdate=on", "gin_pending_list_limit=64"]] * (
        len(trails) + 1
    )  # and of the default partition


STRAY = """
insert into feed (changed_at, type, rids, versions, operations, prids)
values (%(at)s::bigint, 1, '{1}', '{1}', 'c', '{0}')"""
LEDGER_OPTIONS = """
select reloptions from pg_inherits join pg_class c on c.oid = inhrelid where inhparent = 'audit_patients'::regclass"""
MADE = "select relname::text from pg_class where relkind = 'r' and relname ~ '^(history|feed|audit)_[0-9]{4}_[0-9]{2}$'"


async def test_who_asks_again_from_where_a_history_ended_misses_no_slow_writer(desk: Desk) -> None:
    await desk.create(**patient())
    early = await desk.store.history(WHO, WHY, "Patient", None, limit=10)
    async with desk.database.transaction("app") as slow:
        await slow.all(Query.composed("begun", "select pg_current_xact_id()::text"))
        quick = await desk.create(**patient())  # stamped after the slow writer began, committed before it ends
        page = await desk.store.history(WHO, WHY, "Patient", None, limit=10, since=early.as_of)
        assert [entry.id for entry in page.entries] == []
        assert page.as_of < quick.changed_at
    later = await desk.store.history(WHO, WHY, "Patient", None, limit=10, since=page.as_of)
    assert [entry.id for entry in later.entries] == [quick.id]
    assert later.as_of > quick.changed_at
