"""FHIR's interactions over HTTP: https://hl7.org/fhir/R4/http.html ."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from tests.gateways.fhir.conftest import JSON, codes, created, observation, patient

pytestmark = pytest.mark.anyio


async def test_a_created_record_has_an_address_a_version_and_a_date(client: httpx.AsyncClient) -> None:
    answer = await client.post("Patient", json=patient(), headers=JSON)
    made = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"http://localhost/fhir/Patient/{made['id']}/_history/1"
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.headers["content-type"] == "application/fhir+json; charset=utf-8"
    assert "GMT" in answer.headers["last-modified"]
    assert made["meta"]["versionId"] == "1"
    again = await client.get(f"Patient/{made['id']}")
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, made, 'W/"1"')


async def test_numbers_keep_their_digits(client: httpx.AsyncClient) -> None:
    made = await created(client, "Observation", observation("Patient/x", day="2024-01-01", value="1.50"))
    assert '"value":1.50,' in (await client.get(f"Observation/{made['id']}")).text
    assert '"value": 1.50,' in (await client.get(f"Observation/{made['id']}?_pretty=true")).text


async def test_prefer_decides_how_much_comes_back(client: httpx.AsyncClient) -> None:
    minimal = await client.post("Patient", json=patient(), headers={**JSON, "prefer": "return=minimal"})
    told = await client.post("Patient", json=patient(), headers={**JSON, "prefer": "return=OperationOutcome"})
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal.headers["location"]
    assert codes(told) == ["created"]


async def test_a_client_that_has_the_version_is_not_sent_it_again(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    address = f"Patient/{made['id']}"
    first = await client.get(address)
    for header in (
        {"if-none-match": 'W/"1"'},
        {"if-none-match": "*"},
        {"if-modified-since": first.headers["last-modified"]},
    ):
        assert (await client.get(address, headers=header)).status_code == 304
    for header in ({"if-none-match": 'W/"2"'}, {"if-modified-since": "Mon, 01 Jan 2001 00:00:00 GMT"}):
        assert (await client.get(address, headers=header)).status_code == 200


async def test_an_update_makes_a_version_and_the_old_one_stays(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    address = f"Patient/{made['id']}"
    answer = await client.put(address, json={**made, "gender": "male"}, headers={**JSON, "if-match": 'W/"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, 'W/"2"')
    assert (await client.get(f"{address}/_history/1")).json()["gender"] == "female"
    assert (await client.get(f"{address}/_history/2")).json()["gender"] == "male"
    assert (await client.get(f"{address}/_history/3")).status_code == 404
    assert (await client.get(f"{address}/_history/first")).status_code == 404


async def test_an_update_of_an_older_version_is_refused(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    answer = await client.put(f"Patient/{made['id']}", json=made, headers={**JSON, "if-match": 'W/"7"'})
    assert (answer.status_code, codes(answer)) == (412, ["version-conflict"])


async def test_a_put_under_a_new_id_creates(client: httpx.AsyncClient) -> None:
    answer = await client.put("Patient/my-own-id", json=patient(id="my-own-id"), headers=JSON)
    assert answer.status_code == 201
    assert answer.headers["location"].endswith("/Patient/my-own-id/_history/1")


async def test_the_resource_must_be_the_one_in_the_address(client: httpx.AsyncClient) -> None:
    other_id = await client.put("Patient/a", json=patient(id="b"), headers=JSON)
    no_id = await client.put("Patient/a", json=patient(), headers=JSON)
    other_type = await client.post("Observation", json=patient(), headers=JSON)
    assert [(each.status_code, codes(each)[0]) for each in (other_id, no_id, other_type)] == [
        (400, "id-in-address-differs"),
        (400, "id-in-address-differs"),
        (400, "type-in-address-differs"),
    ]


async def test_a_deleted_record_is_gone_but_its_history_stays(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    address = f"Patient/{made['id']}"
    assert (await client.delete(address)).status_code == 204
    gone = await client.get(address)
    assert (gone.status_code, codes(gone)) == (410, ["gone"])
    assert (await client.delete(address)).status_code == 204
    history = (await client.get(f"{address}/_history")).json()
    assert [(entry["request"]["method"], "resource" in entry) for entry in history["entry"]] == [
        ("DELETE", False),
        ("POST", True),
    ]
    assert (await client.get(f"{address}/_history/1")).status_code == 200
    assert (await client.get(f"{address}/_history/2")).status_code == 410


async def test_a_history_pages_through_all_versions_once(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    for number in range(2, 8):
        answer = await client.put(f"Patient/{made['id']}", json={**made, "language": f"x{number}"}, headers=JSON)
        assert answer.status_code == 200
    for address in (f"Patient/{made['id']}/_history", "Patient/_history", "_history"):
        versions: list[str] = []
        next_page: str | None = f"{address}?_count=3"
        while next_page:
            page = (await client.get(next_page)).json()
            versions.extend(entry["resource"]["meta"]["versionId"] for entry in page.get("entry", []))
            next_page = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
        assert versions == [str(number) for number in range(7, 0, -1)], address


async def test_a_history_of_nothing_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("Patient/nobody/_history")).status_code == 404


async def test_a_conditional_create_leaves_the_record_that_matches(client: httpx.AsyncClient) -> None:
    condition = {**JSON, "if-none-exist": "identifier=urn:made-up:card|C-1001"}
    first = await client.post("Patient", json=patient(), headers=condition)
    second = await client.post("Patient", json=patient(gender="male"), headers=condition)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()


async def test_fifty_conditional_creates_at_once_make_one_record(client: httpx.AsyncClient) -> None:
    condition = {**JSON, "if-none-exist": "identifier=urn:made-up:card|C-1001"}
    answers = await asyncio.gather(*(client.post("Patient", json=patient(), headers=condition) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await client.get("Patient?_summary=count")).json()["total"] == 1


async def test_a_condition_that_matches_several_is_refused(client: httpx.AsyncClient) -> None:
    for _ in range(2):
        await created(client, "Patient", patient())
    address = "Patient?identifier=urn:made-up:card|C-1001"
    put = await client.put(address, json=patient(), headers=JSON)
    delete = await client.delete(address)
    assert [(each.status_code, codes(each)[0]) for each in (put, delete)] == [(412, "condition-matches-several")] * 2


async def test_a_conditional_update_creates_then_updates(client: httpx.AsyncClient) -> None:
    address = "Patient?identifier=urn:made-up:card|C-1001"
    first = await client.put(address, json=patient(), headers=JSON)
    second = await client.put(address, json=patient(gender="male"), headers=JSON)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["etag"] == 'W/"2"'


async def test_a_conditional_delete_takes_the_one_that_matches(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    assert (await client.delete("Patient?identifier=C-1001")).status_code == 204
    assert (await client.get(f"Patient/{made['id']}")).status_code == 410
    nothing = await client.delete("Patient?identifier=C-1001", headers={"prefer": "return=OperationOutcome"})
    assert codes(nothing) == ["nothing-to-delete"]


async def test_a_conditional_write_without_a_condition_is_refused(client: httpx.AsyncClient) -> None:
    put = await client.put("Patient", json=patient(), headers=JSON)
    delete = await client.delete("Patient")
    assert [(each.status_code, codes(each)[0]) for each in (put, delete)] == [(400, "condition-missing")] * 2


async def test_a_transaction_resolves_references_among_its_entries(client: httpx.AsyncClient) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059",
                "resource": patient(),
                "request": {"method": "POST", "url": "Patient"},
            },
            {
                "resource": {
                    "resourceType": "Condition",
                    "subject": {"reference": "urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"},
                },
                "request": {"method": "POST", "url": "Condition"},
            },
        ],
    }
    answer = await client.post("", json=bundle, headers={**JSON, "prefer": "return=representation"})
    told = answer.json()
    assert (answer.status_code, told["type"]) == (200, "transaction-response")
    assert [entry["response"]["status"] for entry in told["entry"]] == ["201 Created", "201 Created"]
    made, condition = (entry["resource"] for entry in told["entry"])
    assert condition["subject"]["reference"] == f"Patient/{made['id']}"
    assert told["entry"][0]["response"]["location"].endswith(f"/Patient/{made['id']}/_history/1")


async def test_a_transaction_with_one_bad_entry_does_nothing(client: httpx.AsyncClient) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"resource": patient(), "request": {"method": "POST", "url": "Patient"}},
            {"resource": patient(gender="unheard-of"), "request": {"method": "POST", "url": "Patient"}},
        ],
    }
    answer = await client.post("", json=bundle, headers=JSON)
    assert answer.status_code == 422
    assert "Bundle.entry[1].resource" in answer.text
    assert (await client.get("Patient?_summary=count")).json()["total"] == 0


async def test_a_batch_answers_each_entry_by_itself(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [
            {"request": {"method": "GET", "url": f"Patient/{made['id']}"}},
            {"request": {"method": "GET", "url": "Patient/nobody"}},
            {"request": {"method": "GET", "url": "Patient?identifier=C-1001"}},
            {"resource": patient(gender="unheard-of"), "request": {"method": "POST", "url": "Patient"}},
            {"request": {"method": "DELETE", "url": f"Patient/{made['id']}"}},
        ],
    }
    told = (await client.post("", json=bundle, headers=JSON)).json()
    assert told["type"] == "batch-response"
    assert [entry["response"]["status"][:3] for entry in told["entry"]] == ["200", "404", "200", "422", "204"]
    assert told["entry"][2]["resource"]["type"] == "searchset"
    assert told["entry"][3]["response"]["outcome"]["resourceType"] == "OperationOutcome"


async def test_head_tells_the_length_and_sends_nothing(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    get = await client.get(f"Patient/{made['id']}")
    head = await client.head(f"Patient/{made['id']}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(get.content))
    assert head.headers["etag"] == get.headers["etag"]


async def test_options_names_the_methods_of_an_address(client: httpx.AsyncClient) -> None:
    assert (await client.options("Patient/x")).headers["allow"] == "GET, HEAD, PUT, DELETE, OPTIONS"
    assert (await client.options("Patient")).headers["allow"] == "GET, HEAD, POST, PUT, DELETE, OPTIONS"
    assert (await client.options("Nothing/here/at/all")).status_code == 404


async def test_the_capability_statement_names_only_what_works(client: httpx.AsyncClient) -> None:
    statement = (await client.get("metadata")).json()
    (rest,) = statement["rest"]
    by_type = {resource["type"]: resource for resource in rest["resource"]}
    assert len(by_type) > 140
    assert {"name", "birthdate", "identifier"} <= {p["name"] for p in by_type["Patient"]["searchParam"]}
    assert "near" not in {p["name"] for p in by_type["Location"]["searchParam"]}
    for parameter in by_type["Observation"]["searchParam"]:
        value = {"date": "2020", "quantity": "5", "number": "5", "composite": None}.get(parameter["type"], "x")
        if value is not None:
            answer = await client.get("Observation", params={parameter["name"]: value})
            assert answer.status_code == 200, parameter["name"]
