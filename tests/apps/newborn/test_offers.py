"""A ward's windows and times stand in the record as Schedule and Slots, written with what they tell of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apps.newborn.conftest import MOTHER, POLICY, Browser, Ward
from tests.apps.newborn.test_drafts import of
from tests.apps.newborn.test_slots_in_time import first_booking
from tests.records.made import GRANT
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.keep_offer import Written, write_offers
from tianfu.apps.newborn.mapping.offers import schedule_id
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, SECOND, china_date
from tianfu.records.feed import START, Feed
from tianfu.standards.fhir.definitions import definitions

pytestmark = pytest.mark.anyio

OFFERED = 8 * 4
"""Today and seven days ahead, two hours in half hours; the made-up day begins before the first of them."""


async def at_the_door(ward: Ward, browser: Browser, purpose: Purpose, address: str) -> list[dict[str, Any]]:
    answer = await (await of(ward, browser, purpose)).get(address)
    assert answer.status_code == 200, answer.text
    return [each["resource"] for each in answer.json().get("entry", ())]


async def slots(ward: Ward, browser: Browser, purpose: Purpose = Purpose.TREATMENT) -> dict[str, dict[str, Any]]:
    found = await at_the_door(ward, browser, purpose, f"Slot?schedule=Schedule/{schedule_id('ward-1')}&_count=200")
    return {each["id"]: each for each in found}


async def last_written(ward: Ward, address: str) -> int:
    """The transaction that wrote a record last."""
    kind, _, logical_id = address.partition("/")
    named = definitions().type_number(kind), record_number(kind, logical_id)
    entries = await Feed(ward.house.database, grant=GRANT, consumer="test", clock=ward.house.time).changes(START)
    told = [
        each.place.transaction for each in entries if named in {(one.type_number, one.record) for one in each.changes}
    ]
    return told[-1]


async def test_what_a_head_nurse_sets_stands_in_the_record_and_anybody_who_signed_in_reads_it(ward: Ward) -> None:
    head = await ward.opened()
    mother = await ward.resident(MOTHER)
    for browser, purpose in ((head, Purpose.TREATMENT), (mother, Purpose.PATIENT_REQUEST)):
        [schedule] = await at_the_door(ward, browser, purpose, "Schedule?actor=Location/ward-1")
        assert schedule["comment"] == POLICY["windows"]
        assert schedule["planningHorizon"] == {"start": china_date(ward.house.time.now).isoformat()}
        found = await slots(ward, browser, purpose)
        assert len(found) == OFFERED
        assert {each["status"] for each in found.values()} == {"free"}
        members = {"resourceType", "id", "meta", "serviceType", "schedule", "status", "start", "end"}
        assert set().union(*found.values()) == members, "and nothing of anybody"


async def test_a_booking_and_its_slot_are_written_together_and_given_up_together(ward: Ward) -> None:
    head = await ward.opened()
    mother, visit = await first_booking(ward, head, MOTHER, "baby-3")
    [appointment] = await at_the_door(ward, mother, Purpose.PATIENT_REQUEST, f"Appointment?_id={visit}")
    [reference] = appointment["slot"]
    kind, _, taken = reference["reference"].partition("/")
    slot = (await slots(ward, head))[taken]
    assert (kind, slot["status"]) == ("Slot", "busy")
    assert (slot["start"], slot["end"]) == (appointment["start"], appointment["end"])
    assert await last_written(ward, f"Slot/{taken}") == await last_written(ward, f"Appointment/{visit}")
    await mother.done(f"/newborn/visits/{visit}/cancel", reason="no-time")
    [appointment] = await at_the_door(ward, mother, Purpose.PATIENT_REQUEST, f"Appointment?_id={visit}")
    slot = (await slots(ward, head))[taken]
    assert (appointment["status"], slot["status"]) == ("cancelled", "free")
    assert await last_written(ward, f"Slot/{taken}") == await last_written(ward, f"Appointment/{visit}")


async def test_where_several_fit_into_a_slot_it_is_full_with_the_last_of_them(ward: Ward) -> None:
    head = await ward.opened(at_once="2")
    mother, visit = await first_booking(ward, head, MOTHER, "baby-3")
    [appointment] = await at_the_door(ward, mother, Purpose.PATIENT_REQUEST, f"Appointment?_id={visit}")
    _, _, taken = appointment["slot"][0]["reference"].partition("/")
    assert (await slots(ward, head))[taken]["status"] == "free"


async def test_what_a_ward_offers_no_more_says_so_and_a_day_that_comes_is_offered(ward: Ward) -> None:
    head = await ward.opened()
    today = china_date(ward.house.time.now).isoformat()
    before = await slots(ward, head)
    await head.done("/newborn/desk/windows", **{**POLICY, "from_day": today, "windows": "1-7 16:00-17:00"})
    after = await slots(ward, head)
    assert after.keys() == before.keys()
    withdrawn = {name for name, each in after.items() if each["status"] == "busy-unavailable"}
    assert len(withdrawn) == OFFERED // 2
    assert all("T07:" in after[name]["start"] for name in withdrawn)
    written = Written()
    await write_offers(ward.nursery, written)
    assert await slots(ward, head) == after, "nothing is written where nothing changed"
    ward.house.time.pass_(DAY // SECOND)
    await write_offers(ward.nursery, written)
    nurse = await ward.staff("nurse")  # the other session is over by now
    assert len(await slots(ward, nurse)) == OFFERED + 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ward.store, "search", None)
        patch.setattr(ward.store, "transaction", None)
        await write_offers(ward.nursery, written)
