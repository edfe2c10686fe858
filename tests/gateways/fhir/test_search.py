"""Searches over HTTP: https://hl7.org/fhir/R4/search.html ."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.gateways.fhir.conftest import codes, created, observation, patient

pytestmark = pytest.mark.anyio


async def found(client: httpx.AsyncClient, address: str, **headers: str) -> dict[str, Any]:
    answer = await client.get(address, headers=headers)
    assert answer.status_code == 200, answer.text
    bundle: dict[str, Any] = answer.json()
    assert bundle["type"] == "searchset"
    return bundle


def ids(bundle: dict[str, Any]) -> list[str]:
    return [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def next_of(bundle: dict[str, Any]) -> str | None:
    return next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)


@pytest.mark.parametrize("wanted", ["张伟", "zhangwei", "zhang wei", "zw", "ZHANG", "张"])
async def test_a_person_is_found_by_characters_pinyin_and_initials(client: httpx.AsyncClient, wanted: str) -> None:
    made = await created(client, "Patient", patient(name=[{"text": "张伟"}]))
    await created(client, "Patient", patient(name=[{"text": "李娜"}]))
    assert ids(await found(client, f"Patient?name={wanted}")) == [made["id"]]


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("identifier=urn:made-up:card|C-1001", True),
        ("identifier=C-1001", True),
        ("identifier=|C-1001", False),
        ("identifier=urn:other|C-1001", False),
        ("identifier-tail=1001", True),
        ("identifier-tail=1002", False),
        ("birthdate=1990-04-05", True),
        ("birthdate=1990", True),
        ("birthdate=ge1990-04-06", False),
        ("birthdate=lt1990-04-06&birthdate=gt1990-04-04", True),
        ("birthdate:missing=true", False),
        ("gender=female", True),
        ("gender=male,female", True),
        ("gender=http://hl7.org/fhir/administrative-gender|female", True),
        ("gender:not=female", False),
        ("gender:not=male", True),
        ("active:missing=true", True),
        ("phone:missing=false", False),
        ("name:exact=示例一", True),
        ("name:exact=示例", False),
        ("name:contains=例", True),
        ("_lastUpdated=gt2020", True),
        ("_lastUpdated=lt2020", False),
    ],
)
async def test_a_person_is_found_by_each_kind_of_parameter(
    client: httpx.AsyncClient, query: str, matches: bool
) -> None:
    await created(client, "Patient", patient())
    assert len(ids(await found(client, f"Patient?{query}"))) == matches


async def test_deleted_and_outdated_versions_are_not_found(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    await client.put(
        f"Patient/{made['id']}", json={**made, "gender": "male"}, headers={"content-type": "application/json"}
    )
    assert ids(await found(client, "Patient?gender=female")) == []
    assert ids(await found(client, "Patient?gender=male")) == [made["id"]]
    await client.delete(f"Patient/{made['id']}")
    assert ids(await found(client, "Patient?gender=male")) == []
    assert (await found(client, "Patient?_total=accurate"))["total"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "patient=p1",
        "subject=Patient/p1&_sort=-date",
        "patient=p1&_sort=date",
        "patient=p1,p2&_sort=-date",
        "code=http://loinc.org|29463-7",
        "code=29463-7",
        "code=29463-7&_sort=date",
        "_sort=-date",
        "_sort=value-quantity,-date",
        "_sort=_id",
        "_sort=-_lastUpdated",
        "status=final",
        "value-quantity=ge0",
        "",
    ],
)
async def test_pages_show_everything_once_in_the_order_of_one_large_page(client: httpx.AsyncClient, query: str) -> None:
    for number in range(23):
        # Several on one day, some in no order, some without a day.
        day = f"2024-01-{number % 9 + 1:02}"
        body = observation("Patient/p1", day=day, value=f"{number % 4}.5")
        await created(
            client, "Observation", body if number % 5 else body.replace(f'"effectiveDateTime":"{day}",'.encode(), b"")
        )
    whole = ids(await found(client, f"Observation?{query}&_count=100"))
    assert len(whole) == len(set(whole)) == 23
    paged: list[str] = []
    page: str | None = f"Observation?{query}&_count=4"
    while page is not None:
        bundle = await found(client, page)
        assert len(ids(bundle)) <= 4
        paged.extend(ids(bundle))
        page = next_of(bundle)
    assert paged == whole


async def test_the_newest_come_first_and_the_undated_last(client: httpx.AsyncClient) -> None:
    made = {}
    for day in ("2024-01-02", "2024-03", "2023"):
        made[day] = (await created(client, "Observation", observation("Patient/p1", day=day)))["id"]
    undated = observation("Patient/p1", day="2024").replace(b'"effectiveDateTime":"2024",', b"")
    last = (await created(client, "Observation", undated))["id"]
    newest = [made["2024-03"], made["2024-01-02"], made["2023"], last]
    assert ids(await found(client, "Observation?patient=p1&_sort=-date")) == newest
    assert ids(await found(client, "Observation?patient=p1")) == newest
    assert ids(await found(client, "Observation?patient=p1&_sort=date")) == [*reversed(newest[:3]), last]


async def test_a_search_by_form_finds_the_same(client: httpx.AsyncClient) -> None:
    made = await created(client, "Patient", patient())
    answer = await client.post("Patient/_search", data={"identifier": "C-1001"})
    assert ids(answer.json()) == [made["id"]]
    both = await client.post("Patient/_search?gender=male", data={"identifier": "C-1001"})
    assert ids(both.json()) == []
    assert (await client.post("Patient/_search", json={"identifier": "C-1001"})).status_code == 415


async def test_the_address_of_the_next_page_names_nobody(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await created(client, "Patient", patient())
    bundle = await found(client, "Patient?name=示例&_count=2")
    assert "name" not in (next_of(bundle) or "name")


async def test_a_total_is_told_only_when_asked_for(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await created(client, "Patient", patient())
    assert "total" not in await found(client, "Patient?_count=1")
    assert (await found(client, "Patient?_count=1&_total=accurate"))["total"] == 3
    counted = await found(client, "Patient?_summary=count")
    assert (counted["total"], "entry" in counted) == (3, False)
    assert (await found(client, "Patient?_count=0"))["total"] == 3


async def test_part_of_a_resource_is_marked_as_a_part(client: httpx.AsyncClient) -> None:
    await created(client, "Observation", observation("Patient/p1", day="2024-01-01", value="70.0"))
    answer = await client.get("Observation?_elements=valueQuantity")
    (entry,) = answer.json()["entry"]
    assert set(entry["resource"]) == {"resourceType", "id", "meta", "status", "code", "valueQuantity"}
    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert '"value":70.0,' in answer.text
    (whole,) = (await found(client, "Observation?_summary=data"))["entry"]
    assert "subject" in whole["resource"]


async def test_lenient_handling_leaves_out_what_it_does_not_know_and_says_so(client: httpx.AsyncClient) -> None:
    await created(client, "Patient", patient())
    bundle = await found(client, "Patient?nmae=x&gender=female", prefer="handling=lenient")
    assert len(ids(bundle)) == 1
    (outcome,) = [entry for entry in bundle["entry"] if entry["search"]["mode"] == "outcome"]
    assert "nmae" in str(outcome)
    assert "nmae" not in bundle["link"][0]["url"]


async def test_what_is_not_executed_yet_is_refused_by_name(client: httpx.AsyncClient) -> None:
    for query in (
        "general-practitioner.name:text=x",
        "_has:Observation:patient:code:in=x",
        "_include:iterate=Patient:link",
        "name:text=x",
    ):
        answer = await client.get(f"Patient?{query}")
        assert (answer.status_code, codes(answer)) == (400, ["search-not-supported"]), query


async def test_composites_compare_their_parts_within_one_element(client: httpx.AsyncClient) -> None:
    made = await created(client, "Observation", observation("Patient/p1", day="2024-01-01", value="70.0"))
    for value, expected in (
        ("http://loinc.org|29463-7$gt60", [made["id"]]),
        ("29463-7$gt60|http://unitsofmeasure.org|kg", [made["id"]]),
        ("29463-7$gt60|http://unitsofmeasure.org|g", []),
        ("29463-7$lt60", []),
        ("http://loinc.org|8302-2$gt60", []),
    ):
        for parameter in ("code-value-quantity", "combo-code-value-quantity"):
            assert ids(await found(client, f"Observation?{parameter}={value}")) == expected, (parameter, value)
