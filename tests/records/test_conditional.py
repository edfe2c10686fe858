"""Conditional writes: two askers find each other's record, however they ask; what matches is answered truly."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from tests.records.conftest import WHO, WHY, Desk, entry, patient

from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found, Unchanged, Written
from tianfu.records.store import Store
from tianfu.records.write import ANY_VERSION
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

SPELLINGS = ("identifier=urn:id|7", "identifier=urn:id%7C7", "identifier=urn%3Aid%7C7", "identifier=7")
ROUNDS = 10


def person(number: str = "7", **more: Any) -> dict[str, Any]:
    return patient(identifier=[{"system": "urn:id", "value": number}], **more)


async def created(store: Store, resource: dict[str, Any], query: str) -> Written | Unchanged:
    return await store.create(WHO, WHY, parse_resource(orjson.dumps(resource)), if_none_exist=query)


async def updated(
    store: Store, resource: dict[str, Any], query: str, version: int | None = None
) -> Written | Unchanged:
    parsed = parse_resource(orjson.dumps(resource))
    return await store.update_matching(WHO, WHY, parsed, query, expected_version=version)


async def test_askers_who_spell_it_otherwise_make_one_record(desk: Desk) -> None:
    """Takes over a second: the race is run ten times."""
    for number in range(1, ROUNDS + 1):
        value = str(number)
        queries = [spelling.replace("7C7", f"7C{value}").replace("|7", f"|{value}") for spelling in SPELLINGS[:3]]
        queries.append(f"identifier={value}")
        await asyncio.gather(
            *(created(desk.store, person(value), query) for query in queries),
            *(desk.transaction(entry("POST", "Patient", person(value), ifNoneExist=query)) for query in queries),
        )
        assert await desk.count("resource") == number


async def test_askers_by_different_identities_of_one_person_make_one_record(desk: Desk) -> None:
    both = patient(identifier=[{"system": "urn:a", "value": "1"}, {"system": "urn:b", "value": "2"}])
    queries = ("identifier=urn:a|1", "identifier=urn:b|2")
    await asyncio.gather(
        *(created(desk.store, both, query) for query in queries * 4),
        *(desk.transaction(entry("POST", "Patient", both, ifNoneExist=query)) for query in queries * 4),
    )
    assert await desk.count("resource") == 1


async def test_askers_by_name_and_by_identity_make_one_record(desk: Desk) -> None:
    named = person(name=[{"text": "示例甲"}], birthDate="1990-01-02")
    queries = ("birthdate=1990-01-02&name=示例甲", "identifier=urn:id|7", "name=示例甲&birthdate=1990-01-02")
    await asyncio.gather(*(created(desk.store, named, query) for query in queries * 4))
    assert await desk.count("resource") == 1


async def test_entries_of_a_bundle_that_ask_for_the_same_share_one_record(desk: Desk) -> None:
    first, second = await desk.transaction(
        entry("POST", "Patient", person(), "urn:uuid:0f0b2c7e-0000-4000-8000-000000000001", ifNoneExist=SPELLINGS[0]),
        entry("POST", "Patient", person(), "urn:uuid:0f0b2c7e-0000-4000-8000-000000000002", ifNoneExist=SPELLINGS[1]),
    )
    assert isinstance(first.outcome, Written)
    assert second.outcome == Unchanged(
        type="Patient", id=first.outcome.id, version=1, changed_at=first.outcome.changed_at
    )
    assert await desk.count("resource") == 1


async def test_conditional_updates_of_the_same_record_in_a_bundle_are_refused(desk: Desk) -> None:
    with pytest.raises(Refusal) as refused:
        await desk.transaction(
            entry("PUT", f"Patient?{SPELLINGS[0]}", person()), entry("PUT", f"Patient?{SPELLINGS[1]}", person())
        )
    assert refused.value.faults[0].code == "record-twice-in-bundle"
    assert await desk.count("resource") == 0


async def test_matched_entry_is_answered_with_the_version_that_stands_and_traced(desk: Desk) -> None:
    there = await desk.create(**person())
    again = await desk.update(there.id, **person(gender="female"))
    (answer,) = await desk.transaction(entry("POST", "Patient", person(), ifNoneExist=SPELLINGS[0]))
    assert answer.outcome == Unchanged(type="Patient", id=there.id, version=2, changed_at=again.changed_at)
    assert await desk.count("audit where interaction = 'transaction' and outcome = 'matched'") == 1


async def test_condition_that_is_not_utf8_is_refused(desk: Desk) -> None:
    with pytest.raises(Refusal, match="search-not-understood"):
        await created(desk.store, person(), "name=%FF%FE")
    assert await desk.count("resource") == 0


async def test_conditional_update_keeps_the_clients_id_where_nothing_matches(desk: Desk) -> None:
    done = await updated(desk.store, person(id="chosen"), SPELLINGS[0])
    assert (done.id, isinstance(done, Written)) == ("chosen", True)
    (other,) = await desk.transaction(entry("PUT", "Patient?identifier=urn:id|8", person("8", id="chosen-too")))
    assert isinstance(other.outcome, Written)
    assert other.outcome.id == "chosen-too"


async def test_conditional_update_of_another_id_than_the_one_that_matches_is_refused(desk: Desk) -> None:
    there = await desk.create(**person())
    with pytest.raises(Refusal, match="id-differs-from-match"):
        await updated(desk.store, person(id="another"), SPELLINGS[0])
    with pytest.raises(Refusal) as refused:
        await desk.transaction(entry("PUT", f"Patient?{SPELLINGS[0]}", person(id="another")))
    assert refused.value.faults[0].code == "id-differs-from-match"
    same = await updated(desk.store, person(id=there.id, gender="male"), SPELLINGS[0])
    assert (same.id, same.version) == (there.id, 2)


async def test_conditional_update_never_overwrites_a_record_that_does_not_match(desk: Desk) -> None:
    await desk.transaction(entry("PUT", "Patient/chosen", patient(id="chosen", gender="male")))
    for attempt in (
        updated(desk.store, person(id="chosen"), SPELLINGS[0]),
        desk.transaction(entry("PUT", f"Patient?{SPELLINGS[0]}", person(id="chosen"))),
    ):
        with pytest.raises(Refusal, match="version-conflict"):
            await attempt
    assert (await desk.found("Patient", "chosen"))["gender"] == "male"


async def test_any_version_means_that_there_must_be_one(desk: Desk) -> None:
    parsed = parse_resource(orjson.dumps(patient(id="x")))
    with pytest.raises(Refusal, match="version-conflict"):
        await desk.store.update(WHO, WHY, parsed, "x", expected_version=ANY_VERSION)
    await desk.store.update(WHO, WHY, parsed, "x")
    done = await desk.store.update(WHO, WHY, parsed, "x", expected_version=ANY_VERSION)
    assert done.version == 2
    with pytest.raises(Refusal, match="version-conflict"):
        await desk.transaction(entry("PUT", "Patient/y", patient(id="y"), ifMatch="*"))


async def test_entry_reads_an_earlier_version(desk: Desk) -> None:
    there = await desk.create(**patient(gender="male"))
    await desk.update(there.id, **patient(gender="female"))
    (old,) = await desk.transaction({"request": {"method": "GET", "url": f"Patient/{there.id}/_history/1"}})
    assert isinstance(old.outcome, Found)
    assert old.outcome.record.value["gender"] == "male"
    (none,) = await desk.transaction({"request": {"method": "GET", "url": f"Patient/{there.id}/$everything"}})
    assert isinstance(none.outcome, Refusal)
