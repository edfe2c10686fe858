"""Everything about one person, compared with a look at every record there is."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from tests.records.conftest import WHO, WHY, Desk
from tests.records.search.hiding import filled, seen_below_the_hidden_level
from tests.records.search.linked_world import Draw, Judge, Resource, address

from tianfu.db import Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.refusal import Refusal
from tianfu.records.everything import EverythingPage, EverythingRequest
from tianfu.records.search import statement

pytestmark = pytest.mark.anyio

COMPARTMENT = {
    "Encounter": ["subject"],
    "Observation": ["subject", "performer"],
    "DocumentReference": ["subject", "author"],
    "Appointment": ["actor"],
    "Group": ["member"],
    "Patient": ["link"],
}
"""The parameters of https://hl7.org/fhir/R4/compartmentdefinition-patient.html that the made-up world fills."""

SUPPORTING = ("Practitioner", "Organization")


async def page_of(desk: Desk, patient: str, *parameters: tuple[str, str]) -> EverythingPage:
    return await desk.store.everything(WHO, WHY, EverythingRequest(patient=patient, parameters=parameters))


def names(page: EverythingPage) -> list[str]:
    return [f"{record.type}/{record.id}" for record in (*page.records, *page.supporting)]


def expected(judge: Judge, patient: str, start: str = "", end: str = "9999") -> set[str]:
    here = judge.record(f"Patient/{patient}")
    own = [here] + [
        each
        for each in judge.resources
        if each is not here
        and any(address(here) in judge.pointed(each, code) for code in COMPARTMENT.get(each["resourceType"], []))
    ]
    # What has no date of care is always within.
    within = [each for each in own if all(start <= day <= end for day in days_of(each))]
    named = {name for each in within for name in judge.targets(each, "*", None) if name.startswith(SUPPORTING)}
    return {address(each) for each in within} | named


def days_of(resource: Resource) -> list[str]:
    kind = resource["resourceType"]
    found = resource.get("effectiveDateTime") or resource.get("period", {}).get("start") or resource.get("date")
    return [found[:10]] if found and kind != "Patient" else []


def present(judge: Judge) -> Iterable[str]:
    return sorted(judge.ids("Patient"))


async def test_everything_about_a_person_is_what_names_him_and_what_that_names(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = Draw(random.Random(20_261_003))
    world = draw.world()
    deleted, hidden = draw.chance.sample(world, 6), draw.chance.sample(world, 20)
    await filled(desk, world, hidden)
    for each in deleted:
        await desk.store.delete(WHO, WHY, each["resourceType"], each["id"])
    everything = Judge(tuple(each for each in world if each not in deleted))
    rest = Judge(tuple(each for each in everything.resources if each not in hidden))
    asked = ((), (("start", "2024-01-01"),), (("end", "2024-02-03"),), (("start", "2024-02-03"), ("end", "2024-06-30")))
    for patient in present(everything):
        for bounds in asked:
            found = names(await page_of(desk, patient, *bounds, ("_count", "1000")))
            assert len(found) == len(set(found))
            assert set(found) == expected(everything, patient, **dict(bounds)), (patient, bounds)
            assert found[0] == f"Patient/{patient}"
    monkeypatch.setattr(statement, "visible", seen_below_the_hidden_level)
    for patient in present(everything):
        if patient in rest.ids("Patient"):
            found = names(await page_of(desk, patient, ("_count", "1000")))
            assert set(found) == expected(rest, patient), patient
        else:
            with pytest.raises(Refusal, match="not-found"):
                await page_of(desk, patient)


async def test_pages_show_everything_once_in_the_order_of_one_large_page(desk: Desk) -> None:
    await filled(desk, Draw(random.Random(11)).world())
    whole = names(await page_of(desk, "p1", ("_count", "1000")))
    assert len(whole) > 12
    for count in ("1", "5", str(len(whole))):
        paged: list[str] = []
        page = await page_of(desk, "p1", ("_count", count))
        paged += names(page)
        while page.next_cursor is not None:
            page = await page_of(desk, "p1", ("_cursor", page.next_cursor))
            paged += names(page)
        assert paged == whole


async def test_types_and_changes_narrow_what_is_given(one_desk: Desk) -> None:
    await filled(one_desk, Draw(random.Random(11)).world())
    whole = names(await page_of(one_desk, "p1", ("_count", "1000")))
    kinds = ("Observation", "Practitioner")
    asked = names(await page_of(one_desk, "p1", ("_count", "1000"), ("_type", ",".join(kinds))))
    assert asked == [name for name in whole if name.startswith(kinds)]
    assert {name.partition("/")[0] for name in asked} == {*kinds}
    assert names(await page_of(one_desk, "p1", ("_since", "2999-01-01"))) == []
    assert names(await page_of(one_desk, "p1", ("_since", "2020-01-01"), ("_count", "1000"))) == whole


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ([("_cursor", "x")], "cursor-invalid"),
        ([("start", "soon")], "search-value-malformed"),
        ([("_type", "Nothing")], "search-value-malformed"),
        ([("_count", "0")], "search-value-malformed"),
        ([("_count", "5"), ("_count", "6")], "search-value-malformed"),
        ([("code", "x")], "search-not-supported"),
    ],
)
async def test_what_would_not_be_done_as_asked_is_refused(
    one_desk: Desk, parameters: list[tuple[str, str]], code: str
) -> None:
    await one_desk.update("p1", resourceType="Patient")
    with pytest.raises(Refusal) as refused:
        await page_of(one_desk, "p1", *parameters)
    assert refused.value.code == code


async def test_a_cursor_of_one_person_opens_nothing_of_another(one_desk: Desk) -> None:
    await filled(one_desk, Draw(random.Random(11)).world())
    cursor = (await page_of(one_desk, "p1", ("_count", "1"))).next_cursor
    assert cursor is not None
    with pytest.raises(Refusal, match="cursor-invalid"):
        await page_of(one_desk, "p2", ("_cursor", cursor))


async def test_a_deleted_and_an_absent_person_are_one_answer_and_both_are_traced(one_desk: Desk) -> None:
    await one_desk.update("gone", resourceType="Patient")
    await one_desk.store.delete(WHO, WHY, "Patient", "gone")
    said = []
    for patient in ("gone", "never"):
        with pytest.raises(Refusal) as refused:
            await page_of(one_desk, patient)
        said.append((refused.value.code, refused.value.details, refused.value.next_step))
    assert said[0] == said[1] == ("not-found", {}, "check-the-address")
    async with one_desk.database.connection("owner") as owner:
        text = (
            "select prids, outcome from audit where interaction = 'everything' order by prids = %(gone)s::bigint[] desc"
        )
        rows = await owner.all(Query.composed("audit", text), gone=[record_number("Patient", "gone")])
    assert rows == [([record_number("Patient", each)], "not-found") for each in ("gone", "never")]


async def test_the_trace_names_every_record_that_was_given(one_desk: Desk) -> None:
    await filled(one_desk, Draw(random.Random(11)).world())
    found = names(await page_of(one_desk, "p1", ("_count", "1000")))
    async with one_desk.database.connection("owner") as owner:
        text = "select rids from audit where interaction = 'everything'"
        (row,) = await owner.all(Query.composed("audit", text))
    assert row[0] == [record_number(*name.split("/")) for name in found]
