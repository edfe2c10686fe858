"""What a request means: conditions in headers, references to this server by its own name, bundles of other kinds."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.gateways.fhir.conftest import JSON, codes, created, observation, patient

pytestmark = pytest.mark.anyio

BASE = "http://localhost/fhir"


async def sent(client: httpx.AsyncClient, kind: str, *entries: dict[str, Any]) -> httpx.Response:
    return await client.post("", json={"resourceType": "Bundle", "type": kind, "entry": list(entries)}, headers=JSON)


async def found(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"Observation?{query}")
    assert answer.status_code == 200, answer.text
    return [entry["resource"]["id"] for entry in answer.json().get("entry", [])]


async def test_a_reference_by_this_servers_own_address_is_the_local_one(client: httpx.AsyncClient) -> None:
    person = (await created(client, "Patient", patient()))["id"]
    made = await created(client, "Observation", observation(f"{BASE}/Patient/{person}", day="2026-01-02"))
    assert made["subject"]["reference"] == f"Patient/{person}"
    for query in (f"patient={person}", f"subject=Patient/{person}", f"subject={BASE}/Patient/{person}"):
        assert await found(client, query) == [made["id"]]


async def test_other_values_that_hold_this_servers_address_are_searched_as_they_are(client: httpx.AsyncClient) -> None:
    url = f"{BASE}/ValueSet/v"
    await created(client, "ValueSet", {"resourceType": "ValueSet", "status": "draft", "url": url})
    card = {"system": f"{BASE}/sid/card", "value": "7"}
    await created(client, "Patient", patient(identifier=[card]))
    for address, query in (("ValueSet", {"url": url}), ("Patient", {"identifier": f"{BASE}/sid/card|7"})):
        assert (await client.get(address, params={**query, "_summary": "count"})).json()["total"] == 1


async def test_what_follows_this_servers_address_cannot_become_members(client: httpx.AsyncClient) -> None:
    said = f'{BASE}/Patient/x","display":"y'
    made = await created(client, "Observation", observation(said.replace('"', '\\"'), day="2026-01-02"))
    assert made["subject"] == {"reference": said}


async def test_a_record_of_another_server_is_not_ours_though_its_id_be_the_same(client: httpx.AsyncClient) -> None:
    person = (await created(client, "Patient", patient()))["id"]
    elsewhere = f"https://other.example/fhir/Patient/{person}"
    made = await created(client, "Observation", observation(elsewhere, day="2026-01-02"))
    assert await found(client, f"patient={person}") == []
    assert await found(client, f"subject={elsewhere}") == [made["id"]]


async def test_an_address_of_a_resource_itself_is_never_rewritten(client: httpx.AsyncClient) -> None:
    url = "http://made.example/ValueSet/v"
    value_set = {"resourceType": "ValueSet", "status": "draft", "url": url}
    entry = {"fullUrl": url, "resource": value_set, "request": {"method": "POST", "url": "ValueSet"}}
    assert (await sent(client, "transaction", entry)).status_code == 200
    assert (await client.get("ValueSet", params={"url": url, "_summary": "count"})).json()["total"] == 1


@pytest.mark.parametrize(
    "kind", ["history", "searchset", "document", "collection", "Transaction", "batch-response", ""]
)
async def test_only_transactions_and_batches_are_done(client: httpx.AsyncClient, kind: str) -> None:
    person = (await created(client, "Patient", patient()))["id"]
    answer = await sent(client, kind, {"request": {"method": "DELETE", "url": f"Patient/{person}"}})
    assert (answer.status_code, codes(answer)[0]) == (400, "bundle-invalid")
    assert (await client.get(f"Patient/{person}")).status_code == 200


@pytest.mark.parametrize("condition", ["identifier=中文".encode(), b"", b" "])
async def test_a_condition_that_says_nothing_creates_nothing(client: httpx.AsyncClient, condition: bytes) -> None:
    headers = {**{name.encode(): value.encode() for name, value in JSON.items()}, b"if-none-exist": condition}
    answer = await client.post("Patient", json=patient(), headers=headers)
    assert answer.status_code == 400
    assert (await client.get("Patient?_summary=count")).json()["total"] == 0


async def test_if_none_match_star_never_overwrites(client: httpx.AsyncClient) -> None:
    headers = {**JSON, "if-none-match": "*"}
    assert (await client.put("Patient/x", json=patient(id="x"), headers=headers)).status_code == 201
    assert (await client.put("Patient/x", json=patient(id="x"), headers=headers)).status_code == 412


async def test_if_match_guards_a_conditional_delete(client: httpx.AsyncClient) -> None:
    person = (await created(client, "Patient", patient()))["id"]
    await client.put(f"Patient/{person}", json=patient(id=person, gender="male"), headers=JSON)
    stale = await client.delete(f"Patient?_id={person}", headers={"if-match": 'W/"1"'})
    assert (stale.status_code, codes(stale)) == (412, ["version-conflict"])
    assert (await client.delete(f"Patient?_id={person}", headers={"if-match": 'W/"2"'})).status_code == 204


async def test_a_record_that_a_bundle_deletes_is_not_matched_in_it(client: httpx.AsyncClient) -> None:
    person = (await created(client, "Patient", patient()))["id"]
    again = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=C-1001"}
    gone = {"request": {"method": "DELETE", "url": f"Patient/{person}"}}
    answer = await sent(client, "transaction", gone, {"resource": patient(), "request": again})
    assert (answer.status_code, codes(answer)[1]) == (400, "record-twice-in-bundle")
    assert (await client.get(f"Patient/{person}")).status_code == 200


async def test_two_entries_of_one_address_are_refused(client: httpx.AsyncClient) -> None:
    entry = {"fullUrl": "urn:uuid:0f0b2c7e-0000-4000-8000-000000000001", "resource": patient()}
    entry["request"] = {"method": "POST", "url": "Patient"}
    answer = await sent(client, "transaction", entry, entry)
    assert (answer.status_code, codes(answer)[1]) == (400, "full-url-twice")


async def test_entries_of_different_servers_keep_their_references_apart(client: httpx.AsyncClient) -> None:
    def pair(base: str) -> list[dict[str, Any]]:
        seen = {"resourceType": "Observation", "status": "final", "code": {"text": base}}
        seen["subject"] = {"reference": "Patient/1"}  # type: ignore[assignment]
        return [
            {
                "fullUrl": f"{base}/Patient/1",
                "resource": patient(id="1"),
                "request": {"method": "POST", "url": "Patient"},
            },
            {
                "fullUrl": f"{base}/Observation/1",
                "resource": seen,
                "request": {"method": "POST", "url": "Observation"},
            },
        ]

    answer = await sent(client, "transaction", *pair("http://a.example"), *pair("http://b.example"))
    ids = [entry["response"]["location"].split("/")[-3] for entry in answer.json()["entry"]]
    for person, seen in (ids[:2], ids[2:]):
        assert await found(client, f"patient={person}") == [seen]


async def test_a_batch_names_each_fault_by_its_own_place(client: httpx.AsyncClient) -> None:
    good = {"resource": patient(), "request": {"method": "POST", "url": "Patient"}}
    bad = {"resource": patient(gender="blue"), "request": {"method": "POST", "url": "Patient"}}
    answers = (await sent(client, "batch", good, bad, good)).json()["entry"]
    assert [each["response"]["status"][:3] for each in answers] == ["201", "422", "201"]
    assert "Bundle.entry[1].resource.Patient.gender" in str(answers[1])


async def test_what_a_bundle_asks_for_has_a_limit(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianfu.records.bundles.ANSWER_BYTES_MAX", 200)
    await created(client, "Patient", patient())
    asked = {"request": {"method": "GET", "url": "Patient"}}
    for kind in ("transaction", "batch"):
        answers = (await sent(client, kind, asked, asked, asked)).json()["entry"]
        assert [each["response"]["status"][:3] for each in answers] == ["200", "413", "413"]
