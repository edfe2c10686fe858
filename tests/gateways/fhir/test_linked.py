"""Linked records over HTTP: chains, what a page brings along, and everything about one person."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.gateways.fhir.conftest import JSON, codes, created, observation, patient

pytestmark = pytest.mark.anyio


async def answered(client: httpx.AsyncClient, address: str) -> dict[str, Any]:
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    bundle: dict[str, Any] = answer.json()
    return bundle


def entries(bundle: dict[str, Any], mode: str) -> list[str]:
    return [
        f"{each['resource']['resourceType']}/{each['resource'].get('id')}"
        for each in bundle.get("entry", [])
        if each["search"]["mode"] == mode
    ]


async def given_a_person(client: httpx.AsyncClient) -> tuple[str, str]:
    """A made-up person with a result; both addresses."""
    made = await created(client, "Patient", patient(name=[{"text": "王芳"}]))
    result = await created(client, "Observation", observation(f"Patient/{made['id']}", day="2024-01-02"))
    return f"Patient/{made['id']}", f"Observation/{result['id']}"


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("subject:Patient.name=王", True),
        ("patient.name=wangfang", True),
        ("patient.name=李", False),
        ("patient.identifier=urn:made-up:card|C-1001", True),
        ("patient.birthdate=lt1990", False),
        ("patient._has:Observation:patient:code=29463-7", True),
    ],
)
async def test_a_result_is_found_by_what_is_known_of_its_person(
    client: httpx.AsyncClient, query: str, matches: bool
) -> None:
    _, result = await given_a_person(client)
    await created(client, "Observation", observation("Patient/nobody", day="2024-01-02"))
    assert entries(await answered(client, f"Observation?{query}"), "match") == ([result] if matches else [])


async def test_a_page_brings_along_what_was_asked_for_marked_as_such(client: httpx.AsyncClient) -> None:
    person, result = await given_a_person(client)
    page = await answered(client, "Observation?_include=Observation:patient&_total=accurate")
    assert (entries(page, "match"), entries(page, "include"), page["total"]) == ([result], [person], 1)
    page = await answered(client, f"Patient?_id={person.removeprefix('Patient/')}&_revinclude=Observation:patient")
    assert (entries(page, "match"), entries(page, "include")) == ([person], [result])


async def test_a_page_that_brings_along_less_than_there_is_says_so(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianfu.records.search.included.INCLUDED_MAX", 1)
    monkeypatch.setattr("tianfu.records.searching.INCLUDED_MAX", 1)
    person, _ = await given_a_person(client)
    await created(client, "Observation", observation(person, day="2024-01-03"))
    page = await answered(client, "Patient?_revinclude=Observation:patient")
    assert len(entries(page, "include")) == 1
    (warning,) = [each["resource"]["issue"][0] for each in page["entry"] if each["search"]["mode"] == "outcome"]
    assert (warning["severity"], warning["code"]) == ("warning", "incomplete")
    assert warning["details"]["coding"][0]["code"] == "included-cut-off"


async def test_everything_about_a_person_comes_in_pages(client: httpx.AsyncClient) -> None:
    doctor = await created(client, "Practitioner", {"resourceType": "Practitioner", "name": [{"text": "示例医生"}]})
    person, result = await given_a_person(client)
    made = (await client.get(person)).json()
    named = {**made, "generalPractitioner": [{"reference": f"Practitioner/{doctor['id']}"}]}
    await client.put(person, json=named, headers=JSON)
    found: list[tuple[str, str]] = []
    page: str | None = f"{person}/$everything?_count=1"
    while page is not None:
        bundle = await answered(client, page)
        assert bundle["type"] == "searchset"
        found += [(mode, name) for mode in ("match", "include") for name in entries(bundle, mode)]
        page = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    assert found == [("match", person), ("match", result), ("include", f"Practitioner/{doctor['id']}")]


async def test_nobody_can_tell_a_deleted_person_from_one_who_never_was(client: httpx.AsyncClient) -> None:
    person, _ = await given_a_person(client)
    await client.delete(person)
    gone, never = await client.get(f"{person}/$everything"), await client.get("Patient/never/$everything")
    assert gone.status_code == never.status_code == 404
    assert codes(gone) == codes(never) == ["not-found"]


async def test_the_capability_statement_names_what_can_be_brought_along(client: httpx.AsyncClient) -> None:
    statement = await answered(client, "metadata")
    types = {each["type"]: each for each in statement["rest"][0]["resource"]}
    assert {"*", "Observation:patient", "Observation:performer"} <= set(types["Observation"]["searchInclude"])
    assert {"*", "Observation:patient", "Encounter:subject"} <= set(types["Patient"]["searchRevInclude"])
    assert "Library:depends-on" not in types["Library"]["searchInclude"]
    assert types["Patient"]["operation"][0]["name"] == "everything"
    # What is stated is done.
    for kind in ("Patient", "Encounter", "Appointment"):
        for name, stated in (("_include", "searchInclude"), ("_revinclude", "searchRevInclude")):
            for value in types[kind][stated]:
                assert (await client.get(f"{kind}?{name}={value}&_count=1")).status_code == 200, (kind, value)
