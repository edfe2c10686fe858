"""What nobody has let go to a family is closed to it at every way into the record, and open to the ward."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
import psycopg
import pytest

from tests.apps.newborn.conftest import MOTHER, Browser, Ward
from tests.apps.newborn.test_diary import CARE, agreed, released, today, version, written
from tests.apps.newborn.test_photo import telltale
from tests.gateways.fhir.letting_in import bearer, client_of, door_of
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.notes import approved_note, note_resource
from tianfu.db import Role
from tianfu.installation import RECORDS, schema_steps
from tianfu.kernel.ids import record_number
from tianfu.records.feed import START, Feed
from tianfu.records.timeline import type_name
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

TYPES = ("Composition", "Observation", "DocumentReference")
PATIENT = "Patient/baby-3"


class Reader:
    """Somebody who reads at the FHIR door and by the store's export, and what he finds there."""

    def __init__(self, ward: Ward, caller: Caller, purpose: Purpose) -> None:
        self._ward, self._caller, self._purpose = ward, caller, purpose

    async def get(self, address: str) -> httpx.Response:
        async with client_of(door_of(self._ward.store, is_production=True)) as client:
            return await client.get(address, headers=bearer(self._caller, self._purpose))

    async def reads(self, address: str) -> bool:
        answer = await self.get(address)
        assert answer.status_code in {200, 404}, answer.text
        return answer.status_code == 200

    async def found(self, address: str) -> set[str]:
        """Type/id of everything that a Bundle holds."""
        answer = await self.get(address)
        assert answer.status_code == 200, answer.text
        bundle: dict[str, Any] = answer.json()
        held = [each["resource"] for each in bundle.get("entry", ()) if "resource" in each]
        return {f"{each['resourceType']}/{each['id']}" for each in held}

    async def exported(self) -> set[str]:
        export = await self._ward.store.export(self._caller, self._purpose, types=[*TYPES, "Communication"])
        lines = [line async for chunk in export.chunks for line in chunk.lines.splitlines()]
        held = [orjson.loads(line) for line in lines]
        return {f"{each['resourceType']}/{each['id']}" for each in held}

    async def fed(self) -> set[str]:
        """Of which of these records the change feed tells."""
        grant = await self._ward.store._grant(self._caller, self._purpose, "feed", "")
        feed = Feed(self._ward.house.database, grant=grant, consumer="test", clock=self._ward.house.time)
        changes = [change for entry in await feed.changes(START) for change in entry.changes]
        return {f"{type_name(each.type_number)}/{each.record}" for each in changes}

    async def ways(self, address: str) -> dict[str, bool]:
        """By which ways somebody comes to one record."""
        kind, _, logical_id = address.partition("/")
        return {
            "read": await self.reads(address),
            "vread": await self.reads(f"{address}/_history/1"),
            "history": await self.reads(f"{address}/_history"),
            "search": address in await self.found(f"{kind}?patient={PATIENT}&_count=100"),
            "label": address in await self.found(f"{kind}?_security=urn:tianfu:release|unreleased"),
            "history of its type": address in await self.found(f"{kind}/_history?_count=100"),
            "history of all": address in await self.found("_history?_count=200"),
            "everything": address in await self.found(f"{PATIENT}/$everything?_count=200"),
            "export": address in await self.exported(),
            "feed": f"{kind}/{record_number(kind, logical_id)}" in await self.fed(),
        }


async def of(ward: Ward, browser: Browser, purpose: Purpose) -> Reader:
    return Reader(ward, (await browser.here()).caller, purpose)


async def of_the_day(nurse: Reader) -> list[str]:
    """The records of the baby's day: the entry, its three Observations, its photo."""
    found = {each for kind in TYPES for each in await nurse.found(f"{kind}?patient={PATIENT}&_count=100")}
    assert len(found) == 5, found
    return sorted(found)


async def test_a_draft_of_a_day_is_closed_to_a_mother_by_every_way_until_it_is_released(ward: Ward) -> None:
    head = await ward.staff("nurse")
    mother = await agreed(ward, head)
    at_home = await of(ward, mother, Purpose.PATIENT_REQUEST)
    at_the_ward = await of(ward, head, Purpose.TREATMENT)
    await written(ward, head)
    sent = await head.send_file(f"{CARE}/diary/{today(ward)}/photo", "photo", telltale())
    assert sent.status_code == 303, sent.text[:500]
    for address in await of_the_day(at_the_ward):
        assert set((await at_home.ways(address)).values()) == {False}, address
        assert set((await at_the_ward.ways(address)).values()) == {True}, address
    await released(ward, head)
    for address in await of_the_day(at_the_ward):
        ways = await at_home.ways(address)
        assert ways.pop("vread") is False, "the draft is what stood before"
        assert ways.pop("label") is False
        assert set(ways.values()) == {True}, address
    doctor = await of(ward, await ward.staff("doctor"), Purpose.TREATMENT)
    assert (await doctor.ways(address))["vread"]


async def test_a_guardian_reads_of_what_was_taken_back_why_and_no_more_of_its_parts(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse)
    at_home, at_the_ward = await of(ward, mother, Purpose.PATIENT_REQUEST), await of(ward, nurse, Purpose.TREATMENT)
    await written(ward, nurse)
    await nurse.send_file(f"{CARE}/diary/{today(ward)}/photo", "photo", telltale())
    await released(ward, nurse)
    await nurse.done(f"{CARE}/diary/{today(ward)}/take-back", reason="写错了")
    for address in await of_the_day(at_the_ward):
        ways = await at_home.ways(address)
        is_entry = address.startswith("Composition/")
        assert (ways["read"], ways["search"], ways["everything"]) == (is_entry,) * 3, address
        if not is_entry:
            assert set(ways.values()) == {False}, address


async def test_a_note_is_closed_to_a_mother_until_a_doctor_approves_it(ward: Ward) -> None:
    nurse, doctor = await ward.staff("nurse"), await ward.staff("doctor")
    mother = await agreed(ward, nurse)
    at_home = await of(ward, mother, Purpose.PATIENT_REQUEST)
    at_the_ward = await of(ward, doctor, Purpose.TREATMENT)
    note = note_resource("今天很好", baby="baby-3", author="made-nurse", now=ward.house.time.now)
    parsed = parse_resource(orjson.dumps(note))
    written_note = await ward.store.create((await nurse.here()).caller, Purpose.TREATMENT, parsed)
    address = f"Communication/{written_note.id}"
    assert set((await at_home.ways(address)).values()) == {False}
    assert set((await at_the_ward.ways(address)).values()) == {True}
    approved = approved_note((await at_the_ward.get(address)).json(), "made-doctor")
    parsed = parse_resource(orjson.dumps(approved))
    await ward.store.update((await doctor.here()).caller, Purpose.TREATMENT, parsed, written_note.id)
    ways = await at_home.ways(address)
    assert (ways.pop("vread"), ways.pop("label")) == (False, False)
    assert set(ways.values()) == {True}


async def test_a_mother_can_neither_write_over_a_draft_nor_hide_what_she_writes(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse, MOTHER)
    caller = (await mother.here()).caller
    note = note_resource("今天很好", baby="baby-3", author="made-nurse", now=ward.house.time.now)
    parsed = parse_resource(orjson.dumps(note))
    written_note = await ward.store.create((await nurse.here()).caller, Purpose.TREATMENT, parsed)
    async with client_of(door_of(ward.store, is_production=True)) as client:
        headers = bearer(caller, Purpose.PATIENT_REQUEST) | {"content-type": "application/fhir+json"}
        address = f"Communication/{written_note.id}"
        changed = {**note, "id": written_note.id, "status": "completed"}
        changed.pop("meta")
        assert (await client.put(address, json=changed, headers=headers)).status_code == 404
        assert (await client.delete(address, headers=headers)).status_code == 404
        assert (await client.post("Communication", json=note, headers=headers)).status_code == 404
    assert await version(nurse) == "0"


async def test_what_an_older_program_wrote_is_closed_by_a_step_of_the_schema_and_what_it_released_stays_open(
    ward: Ward,
) -> None:
    nurse = await ward.staff("nurse")
    mother = await agreed(ward, nurse)
    at_home, at_the_ward = await of(ward, mother, Purpose.PATIENT_REQUEST), await of(ward, nurse, Purpose.TREATMENT)
    note = note_resource("今天很好", baby="baby-3", author="made-nurse", now=ward.house.time.now)
    kept = await ward.store.create((await nurse.here()).caller, Purpose.TREATMENT, parse_resource(orjson.dumps(note)))
    await written(ward, nurse)
    await nurse.send_file(f"{CARE}/diary/{today(ward)}/photo", "photo", telltale())
    drafts = [*await of_the_day(at_the_ward), f"Communication/{kept.id}"]

    def as_an_older_program_left_it() -> None:
        with psycopg.connect(ward.house.addresses.of(Role.OWNER)) as connection:
            connection.execute("update resource set labels = labels & ~1024")
            connection.execute("update history set labels = labels & ~1024")

    def step() -> None:
        [found] = [each for each in schema_steps() if (each.set_name, each.number) == (RECORDS, 31)]
        with psycopg.connect(ward.house.addresses.of(Role.OWNER)) as connection:
            connection.execute(found.text.encode())

    as_an_older_program_left_it()
    assert [await at_home.reads(each) for each in drafts] == [True] * 6
    step()
    for address in drafts:
        assert set((await at_home.ways(address)).values()) == {False}, address
    await released(ward, nurse)
    as_an_older_program_left_it()
    step()
    for address in drafts[:-1]:
        ways = await at_home.ways(address)
        assert (ways["read"], ways["search"], ways["vread"]) == (True, True, False), address
    assert not await at_home.reads(drafts[-1])
