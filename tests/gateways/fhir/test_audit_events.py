"""The trail as AuditEvents: valid, searchable, never written, and open to whom it concerns."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from tests.desk import DESK
from tests.gateways.fhir.conftest import JSON, codes, created, patient
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.kernel.refusal import Refusal
from tianfu.records.store import SearchRequest, Store
from tianfu.records.trail.reading import TrailQuestion
from tianfu.standards.fhir.validation import validate

pytestmark = pytest.mark.anyio


async def events(client: httpx.AsyncClient, **asked: str) -> list[dict[str, Any]]:
    answer = await client.get("AuditEvent", params=asked)
    assert answer.status_code == 200, answer.text
    return [each["resource"] for each in answer.json().get("entry", [])]


async def a_busy_day(client: httpx.AsyncClient) -> str:
    """Two patients; one is read, searched for, refused and changed.  The id of the one."""
    one = (await created(client, "Patient", patient()))["id"]
    await created(client, "Patient", patient(name=[{"text": "示例二"}]))
    await client.get(f"Patient/{one}")
    await client.get("Patient", params={"identifier": "urn:made-up:card|C-1001", "name": "示例一", "gender": "female"})
    await client.get("Patient", params={"colour": "green"})
    await client.put(f"Patient/{one}", json=patient(id=one, gender="male"), headers=JSON)
    await client.get("Patient/nobody")
    return str(one)


async def test_every_event_is_a_valid_audit_event(client: httpx.AsyncClient) -> None:
    await a_busy_day(client)
    found = await events(client)
    assert [fault for each in found for fault in validate(each)] == []
    assert [each["action"] for each in reversed(found)] == ["C", "C", "R", "E", "E", "U", "R"]
    assert [each["outcomeDesc"] for each in reversed(found)][4] == "search-parameter-unknown"


async def test_an_event_names_who_why_and_what(client: httpx.AsyncClient) -> None:
    one = await a_busy_day(client)
    (event,) = await events(client, patient=one, subtype="read")
    assert event["agent"][0]["who"]["identifier"]["value"] == DESK.id
    assert event["purposeOfEvent"][0]["coding"][0]["code"] == Purpose.TREATMENT.value
    assert event["entity"][0]["what"]["reference"] == f"Patient/{one}"
    answer = await client.get(f"AuditEvent/{event['id']}")
    assert answer.json() == event


async def test_what_describes_a_person_does_not_stand_in_the_query(client: httpx.AsyncClient) -> None:
    await a_busy_day(client)
    searches = await events(client, subtype="search", outcome="0")
    asked = [base64.b64decode(e["query"]).decode() for each in searches for e in each["entity"] if "query" in e]
    assert len(asked) == 1
    assert asked[0].startswith("Patient?identifier=~")
    assert "&name=~" in asked[0]
    assert asked[0].endswith("&gender=female")
    assert "C-1001" not in asked[0]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"action": "C"}, 2),
        ({"action": "C,U"}, 3),
        ({"action": "E"}, 2),
        ({"outcome": "4"}, 2),
        ({"outcome": "0,4"}, 7),
        ({"altid": "desk"}, 7),
        ({"altid": "somebody"}, 0),
        ({"agent-role": "desk"}, 7),
        ({"agent": "Practitioner/p1"}, 0),
        ({"entity:type": "Patient"}, 7),
        ({"entity:type": "Observation"}, 0),
        ({"date": "ge2020-01-01"}, 7),
        ({"date": "lt2020-01-01"}, 0),
        ({"patient": "Patient/nobody"}, 0),
        ({"action": "C", "subtype": "read"}, 0),
    ],
)
async def test_a_search_finds_what_it_asks_for(client: httpx.AsyncClient, asked: dict[str, str], count: int) -> None:
    await a_busy_day(client)
    assert len(await events(client, **asked)) == count


async def test_an_entity_finds_the_events_that_touched_it(client: httpx.AsyncClient) -> None:
    one = await a_busy_day(client)
    found = await events(client, entity=f"Patient/{one}")
    assert sorted(each["action"] for each in found) == ["C", "E", "R", "U"]


async def test_pages_follow_each_other_without_a_gap_while_the_trail_grows(client: httpx.AsyncClient) -> None:
    await a_busy_day(client)
    whole = [each["id"] for each in await events(client)]
    seen: list[str] = []
    address = "AuditEvent?_count=3"
    for _ in range(5):
        answer = (await client.get(address)).json()
        seen += [each["resource"]["id"] for each in answer["entry"]]
        following = [each["url"] for each in answer["link"] if each["relation"] == "next"]
        if not following:
            break
        address = following[0].partition("/fhir/")[2]
    # The question after the whole list left an event itself, which is the newest now.
    assert seen[1:] == whole


@pytest.mark.parametrize(
    ("method", "address"),
    [("POST", "AuditEvent"), ("PUT", "AuditEvent/x"), ("DELETE", "AuditEvent/x"), ("PATCH", "AuditEvent/x")],
)
async def test_nobody_writes_changes_or_deletes_an_event(client: httpx.AsyncClient, method: str, address: str) -> None:
    answer = await client.request(method, address, json={"resourceType": "AuditEvent"}, headers=JSON)
    assert (answer.status_code, codes(answer)) == (405, ["audit-trail-read-only"])
    assert "GET" in answer.headers["allow"]


async def test_a_bundle_brings_no_event_in_either(client: httpx.AsyncClient) -> None:
    await created(client, "Patient", patient())
    event = (await events(client))[0]
    event.pop("id")
    entry = {"resource": event, "request": {"method": "POST", "url": "AuditEvent"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert "audit-trail-read-only" in codes(await client.post("", json=bundle, headers=JSON))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"colour": "green"}, "search-parameter-unknown"),
        ({"date": "yesterday"}, "search-value-malformed"),
        ({"action": "X"}, "search-value-malformed"),
        ({"_cursor": "forged"}, "cursor-invalid"),
    ],
)
async def test_what_is_not_understood_is_refused_by_name(
    client: httpx.AsyncClient, asked: dict[str, str], code: str
) -> None:
    assert codes(await client.get("AuditEvent", params=asked)) == [code]


async def test_an_event_that_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    for name in ("nothing", f"{'0' * 32}-1-1", "before-1-1"):
        assert (await client.get(f"AuditEvent/{name}")).status_code == 404


async def test_a_person_sees_what_concerns_him_and_no_more(client: httpx.AsyncClient, store: Store) -> None:
    one = await a_busy_day(client)
    await client.get("Patient", params={"_count": "50"})  # shows both
    person = Caller(id="c1", role="citizen", patients=(one,))
    page = await store.audit_events(person, Purpose.PATIENT_REQUEST, TrailQuestion(), limit=50)
    assert [each.interaction for each in page.events] == ["search", "update", "search", "read", "create"]
    assert {name for each in page.events for name in (*each.patients, *each.records)} == {f"Patient/{one}"}
    assert {(each.query, each.session) for each in page.events} == {(None, "")}
    (foreign,) = [each for each in await events(client, subtype="create") if one not in str(each)]
    assert await store.audit_event(person, Purpose.PATIENT_REQUEST, foreign["id"]) is None
    stranger = Caller(id="c2", role="citizen")
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await store.audit_events(stranger, Purpose.PATIENT_REQUEST, TrailQuestion(), limit=50)


async def test_reading_the_trail_leaves_an_event_of_its_own(client: httpx.AsyncClient) -> None:
    one = await a_busy_day(client)
    await events(client, patient=one)
    (newest,) = await events(client, subtype="audit_events")
    assert newest["entity"][0]["what"]["reference"] == f"Patient/{one}"
    assert list(validate(newest)) == []


async def test_a_person_s_ledger_tells_who_did_what_to_how_many_of_his_records(
    client: httpx.AsyncClient, store: Store
) -> None:
    one = await a_busy_day(client)
    person = Caller(id="c1", role="citizen", patients=(one,))
    first = await store.ledger(person, Purpose.PATIENT_REQUEST, [one], limit=3)
    rest = await store.ledger(person, Purpose.PATIENT_REQUEST, [one], limit=9, cursor=first.next_cursor)
    told = [*first.events, *rest.events[0 if first.next_cursor else 9 :]]
    assert [each.interaction for each in told] == ["update", "search", "read", "create"]
    assert {each.types for each in told} == {(("Patient", 1),)}
    assert {(each.caller, each.role) for each in told} == {("desk", "desk")}
    stranger = Caller(id="c2", role="citizen", patients=("nobody",))
    with pytest.raises(Refusal, match="role-cannot-do-this"):
        await store.ledger(stranger, Purpose.PATIENT_REQUEST, [one], limit=3)
    refused = await store.audit_events(
        DESK, Purpose.TREATMENT, TrailQuestion(callers=("c2",), succeeded=False), limit=9
    )
    assert [(each.interaction, each.outcome) for each in refused.events] == [("ledger", "role-cannot-do-this")]


async def test_an_event_cannot_be_asked_for_among_records(store: Store) -> None:
    with pytest.raises(Refusal, match="audit-trail-apart"):
        await store.search(DESK, Purpose.TREATMENT, SearchRequest(type="AuditEvent", parameters=()))
    with pytest.raises(Refusal, match="audit-trail-apart"):
        await store.read(DESK, Purpose.TREATMENT, "AuditEvent", "x")
