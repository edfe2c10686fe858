"""What time does to booked visits, over a real store: they wait, nobody came, no doctor said yes; places come free."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.apps.newborn.conftest import MOTHER, OTHER_MOTHER, Browser, Ward
from tests.apps.newborn.test_family_way import Carried
from tests.records.made import put
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.book_slot import move_up_everywhere
from tianfu.apps.newborn.actions.keep_slots import WAITS_BEFORE, free_place, give_up_gone, keep_slots, look_at_slots
from tianfu.apps.newborn.mapping.codes import ALARM, NEWBORN, VISITS
from tianfu.apps.newborn.mapping.visits import Booked, booked_from
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.queries.desk import read_report
from tianfu.apps.newborn.queries.records import PAGE
from tianfu.apps.newborn.queries.staying import GONE_AFTER, UNKNOWN, Stay, refuse_unless_staying, why_gone
from tianfu.apps.newborn.reminding import SOON, remind, texts
from tianfu.kernel.instants import DAY, SECOND, Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.services.booking.places import Places

pytestmark = pytest.mark.anyio


async def booked(ward: Ward, visit: str) -> Booked:
    answer = await ward.store.read(VISITS, Purpose.TREATMENT, "Appointment", visit)
    assert isinstance(answer, Found)
    found = booked_from(answer.record.value, version=answer.record.version)
    assert found is not None
    return found


async def first_booking(ward: Ward, nurse: Browser, telephone: str, baby: str, start: str = "") -> tuple[Browser, str]:
    """A guardian who booked the first slot that is free, and her visit."""
    guardian = await ward.guardian(nurse, telephone, baby)
    chosen = start or (await guardian.slots(baby))[0]
    await guardian.done(f"/newborn/book/{baby}", start=chosen, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await guardian.get("/newborn")).text)
    return guardian, visit


def go_to(ward: Ward, instant: int) -> None:
    ward.house.time.pass_((instant - ward.house.time.now) // SECOND)


async def test_a_visit_waits_a_quarter_of_an_hour_before_its_time_and_not_sooner(ward: Ward) -> None:
    nurse, doctor = await ward.opened(), await ward.staff("doctor")
    _, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    await doctor.done(f"/newborn/desk/visits/{visit}/approve")
    start = (await booked(ward, visit)).start
    go_to(ward, start - WAITS_BEFORE - SECOND)
    await look_at_slots(ward.nursery)
    assert (await booked(ward, visit)).state is State.SLOT_CONFIRMED
    go_to(ward, start - WAITS_BEFORE)
    await look_at_slots(ward.nursery)
    assert (await booked(ward, visit)).state is State.WAITING


async def test_nobody_who_came_has_no_visit_and_the_place_counts_as_given_up(ward: Ward) -> None:
    nurse, doctor = await ward.opened(), await ward.staff("doctor")
    _, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    await doctor.done(f"/newborn/desk/visits/{visit}/approve")
    head = (await nurse.here()).caller  # her session ends long before
    go_to(ward, (await booked(ward, visit)).end)
    for _ in range(2):
        await look_at_slots(ward.nursery)
    found = await booked(ward, visit)
    assert (found.state, found.reason) == (State.NO_SHOW, "no-show")
    assert await ward.nursery.places.of_baby("baby-3") == ()
    report = await read_report(ward.nursery, head, None)
    [line] = [each for each in report.lines if each.baby.id == "baby-3"]
    assert (line.seen.in_30_days, line.cancelled, line.refused) == (0, 1, 0)


async def test_a_first_visit_without_a_doctors_yes_never_waits_and_expires(ward: Ward) -> None:
    nurse = await ward.opened()
    _, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    before, head = await booked(ward, visit), (await nurse.here()).caller
    go_to(ward, before.start)
    await look_at_slots(ward.nursery)
    assert (await booked(ward, visit)).state is State.GUARDIAN_VERIFIED
    go_to(ward, before.end)
    await look_at_slots(ward.nursery)
    found = await booked(ward, visit)
    assert (found.state, found.reason) == (State.EXPIRED, "not-approved")
    assert (await read_report(ward.nursery, head, None)).reasons == (("not-approved", 1),)


async def test_a_place_that_comes_free_goes_to_whoever_waits(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    start = (await booked(ward, visit)).start
    other = await ward.guardian(nurse, OTHER_MOTHER, "baby-1")
    await other.done("/newborn/book/baby-1", start=str(start), deed="wait")
    await free_place(ward.nursery, visit, by="ward", reason="ward-is-busy")
    [place] = await ward.nursery.places.of_baby("baby-1")
    assert (place.start, place.waited_since is not None) == (start, True)
    await free_place(ward.nursery, visit, by="ward", reason="ward-is-busy")
    assert len(await ward.nursery.places.taken("ward-1", Instant(start), Instant(start + SECOND))) == 1
    assert mother is not other


async def rewritten(ward: Ward, kind: str, name: str, **changes: object) -> None:
    answer = await ward.store.read(VISITS, Purpose.TREATMENT, kind, name)
    assert isinstance(answer, Found)
    kept = {key: each for key, each in answer.record.value.items() if key not in {"meta", "resourceType", "id"}}
    await put(ward.store, kind, name, **{**kept, **changes})


async def discharged(ward: Ward) -> None:
    await rewritten(ward, "Encounter", "stay-3", status="finished")


async def moved_to_another_ward(ward: Ward) -> None:
    await rewritten(ward, "Encounter", "stay-3", serviceProvider={"reference": "Organization/other"})


async def died(ward: Ward) -> None:
    await rewritten(ward, "Patient", "baby-3", deceasedBoolean=True)


async def discharged_dead(ward: Ward) -> None:
    system = "http://terminology.hl7.org/CodeSystem/discharge-disposition"
    how = {"dischargeDisposition": {"coding": [{"system": system, "code": "exp"}]}}
    await rewritten(ward, "Encounter", "stay-3", status="finished", hospitalization=how)


async def discharged_dead_from_there(ward: Ward) -> None:
    """It died in another unit, whose stay nobody has ended."""
    await discharged_dead(ward)
    stay = await ward.store.read(VISITS, Purpose.TREATMENT, "Encounter", "stay-3")
    assert isinstance(stay, Found)
    kept = {key: each for key, each in stay.record.value.items() if key in {"class", "subject"}}
    there = {"status": "in-progress", "serviceProvider": {"reference": "Organization/other"}}
    await put(ward.store, "Encounter", "stay-elsewhere", **kept, **there)


async def discharged_dead_after_many_stays(ward: Ward) -> None:
    await discharged_dead(ward)
    for number in range(PAGE + 1):
        code = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"}
        stay = {"status": "finished", "subject": {"reference": "Patient/baby-3"}, "class": code}
        await put(ward.store, "Encounter", f"earlier-{number}", **stay)


async def ward_without_unit(ward: Ward) -> None:
    await rewritten(ward, "Location", "ward-1", managingOrganization={"display": "?"})


async def bed_that_nobody_knows(ward: Ward) -> None:
    where = [{"location": {"reference": "Location/bed-none"}, "status": "active"}]
    await rewritten(ward, "Encounter", "stay-3", location=where)


GONE = [
    (discharged, "discharged"),
    (moved_to_another_ward, "discharged"),
    (died, "ask-the-ward"),
    (discharged_dead, "ask-the-ward"),
    (discharged_dead_from_there, "ask-the-ward"),
    (discharged_dead_after_many_stays, "ask-the-ward"),
]


@pytest.mark.parametrize(("leaves", "reason"), GONE)
async def test_what_is_booked_for_a_baby_that_is_gone_is_given_up_by_the_ward_and_goes_to_whoever_waits(
    ward: Ward, leaves: Callable[[Ward], Awaitable[None]], reason: str
) -> None:
    nurse = await ward.opened()
    mother, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    later = Instant((await booked(ward, visit)).start + DAY)
    await mother.done("/newborn/book/baby-3", start=str(later), deed="book")
    start = (await booked(ward, visit)).start
    other = await ward.guardian(nurse, OTHER_MOTHER, "baby-1")
    await other.done("/newborn/book/baby-1", start=str(start), deed="wait")
    seen_gone: dict[Stay, Instant] = {}
    await give_up_gone(ward.nursery, seen_gone)
    assert len(await ward.nursery.places.of_baby("baby-3")) == 2, "nobody has gone"
    await leaves(ward)
    carried, said = Carried(), texts()
    for before in (SOON, 0):  # no look was there in between
        ward.house.time.now, since = Instant(start - before - SECOND), ward.house.time.now
        assert await remind(ward.nursery, carried, said) == 0, "whose baby is gone is not reminded"
        ward.house.time.now = since
    if reason == "discharged":
        for seconds in (0, GONE_AFTER // SECOND - 1):
            ward.house.time.pass_(seconds)
            await give_up_gone(ward.nursery, seen_gone)
        assert len(await ward.nursery.places.of_baby("baby-3")) == 2, "it may be a mistake"
        ward.house.time.pass_(1)
    for _ in range(2):
        await give_up_gone(ward.nursery, seen_gone)
    found = await booked(ward, visit)
    assert (found.state, found.reason) == (State.CANCELLED, reason)
    assert await ward.nursery.places.of_baby("baby-3") == ()
    [place] = await ward.nursery.places.of_baby("baby-1")
    assert (place.start, place.waited_since is not None) == (start, True)
    assert (await read_report(ward.nursery, (await nurse.here()).caller, None)).reasons == ((reason, 2),)
    assert "baby-3" not in {each.baby for each in await ward.nursery.places.taken("ward-1", Instant(0), later)}
    for seconds in (0, GONE_AFTER // SECOND, 60):
        ward.house.time.pass_(seconds)
        await remind(ward.nursery, carried, said)
        told = [text for number, text in carried.sent if number == MOTHER]
        assert told == ([said["gone"]] if reason == "discharged" and seconds else []), "once, and of a death nothing"


async def test_who_lost_a_visit_by_a_discharge_is_told_nothing_where_a_death_is_written_behind_it(ward: Ward) -> None:
    await first_booking(ward, await ward.opened(), MOTHER, "baby-3")
    await discharged(ward)
    await give_up_gone(ward.nursery, {("baby-3", "ward-1"): Instant(ward.house.time.now - GONE_AFTER)})
    assert await ward.nursery.places.of_baby("baby-3") == ()
    await died(ward)
    ward.house.time.pass_(GONE_AFTER // SECOND)
    carried = Carried()
    assert (await remind(ward.nursery, carried, texts()), carried.sent) == (0, [])


async def test_a_baby_that_is_here_between_two_looks_has_not_left(ward: Ward) -> None:
    await first_booking(ward, await ward.opened(), MOTHER, "baby-3")
    seen_gone: dict[Stay, Instant] = {}
    for status in ("finished", "in-progress", "finished"):
        await rewritten(ward, "Encounter", "stay-3", status=status)
        await give_up_gone(ward.nursery, seen_gone)
        ward.house.time.pass_(GONE_AFTER // SECOND)
    assert len(await ward.nursery.places.of_baby("baby-3")) == 1
    await give_up_gone(ward.nursery, seen_gone)
    assert await ward.nursery.places.of_baby("baby-3") == ()


@pytest.mark.parametrize("happens", [ward_without_unit, bed_that_nobody_knows])
async def test_of_a_baby_of_which_the_record_does_not_tell_where_it_is_nothing_is_given_up_and_nothing_begins(
    ward: Ward, happens: Callable[[Ward], Awaitable[None]]
) -> None:
    nurse = await ward.opened()
    mother, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    other, taken = await first_booking(ward, nurse, OTHER_MOTHER, "baby-1", (await mother.slots("baby-3"))[-1])
    start, full = (await booked(ward, visit)).start, (await booked(ward, taken)).start
    await mother.done("/newborn/book/baby-3", start=str(full), deed="wait")
    before = (await mother.get("/newborn")).text
    await happens(ward)
    stay = ("baby-3", "ward-1")
    assert await why_gone(ward.nursery.store, [stay]) == {stay: UNKNOWN}
    await give_up_gone(ward.nursery, {stay: Instant(ward.house.time.now - DAY)})
    assert (await booked(ward, visit)).state is State.GUARDIAN_VERIFIED
    await free_place(ward.nursery, taken, by="family", reason="no-time")
    await move_up_everywhere(ward.nursery)
    assert [each.start for each in await ward.nursery.places.of_baby("baby-3")] == [start], "passed over"
    assert [each.start for each in await ward.nursery.places.waiting("baby-3")] == [full], "and goes on waiting"
    if happens is ward_without_unit:
        assert 'data-part="waiting"' in before
        page = (await mother.get("/newborn")).text
        assert 'data-part="waiting"' in page
        assert "kept-back" not in page
    with pytest.raises(Refusal, match="baby-not-here"):
        await refuse_unless_staying(ward.nursery.store, [stay])
    ward.house.time.now = Instant(start - SOON)
    carried = Carried()
    await remind(ward.nursery, carried, texts())
    assert MOTHER not in {number for number, _ in carried.sent}
    assert other is not mother


@pytest.mark.parametrize(("leaves", "reason"), GONE[1:3])
async def test_a_baby_that_is_gone_is_offered_no_place_and_none_is_booked_for_it(
    ward: Ward, leaves: Callable[[Ward], Awaitable[None]], reason: str
) -> None:
    nurse = await ward.opened()
    _, visit = await first_booking(ward, nurse, OTHER_MOTHER, "baby-1")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    start = (await booked(ward, visit)).start
    await mother.done("/newborn/book/baby-3", start=str(start), deed="wait")
    await leaves(ward)
    await free_place(ward.nursery, visit, by="family", reason="no-time")
    await move_up_everywhere(ward.nursery)
    assert await ward.nursery.places.taken("ward-1", start, Instant(start + SECOND)) == ()
    assert await ward.nursery.places.waiting("baby-3") == ()
    assert (await mother.post("/newborn/book/baby-3", start=str(start), deed="book")).status_code >= 400
    if reason != "discharged":
        page = (await mother.get("/newborn")).text
        assert "Please speak with the ward." in page
        assert "/newborn/book/" not in page
        guardian = re.search(r'name="guardian" value="([^"]+)"', (await nurse.get("/newborn/desk/babies/baby-3")).text)
        assert guardian is not None
        at = "/newborn/desk/babies/baby-3/book"
        assert "is not in this ward now" in await nurse.refused(at, guardian=guardian[1], start=str(start))


async def test_a_visit_that_a_doctor_paused_stays_booked_is_told_kindly_and_is_no_familys_no_show(ward: Ward) -> None:
    nurse, doctor = await ward.opened(), await ward.staff("doctor")
    mother, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    await doctor.done(f"/newborn/desk/visits/{visit}/approve")
    at = "/newborn/desk/babies/baby-3/pause"
    assert (await nurse.post(at, why="x")).status_code == 404
    assert await doctor.done(at, why="颅内出血") == "paused"
    assert "Let visits go on" in (await doctor.get("/newborn/desk")).text
    assert "Visits are paused" in (await nurse.get("/newborn/desk")).text
    page = (await mother.get("/newborn")).text
    assert "The doctor asks for rest" in page
    assert "颅内出血" not in page
    await give_up_gone(ward.nursery, {})
    assert (await booked(ward, visit)).state is State.SLOT_CONFIRMED
    head, end = (await nurse.here()).caller, (await booked(ward, visit)).end
    go_to(ward, end)
    await look_at_slots(ward.nursery)
    found = await booked(ward, visit)
    assert (found.state, found.reason) == (State.CANCELLED, "doctor-asks-rest")
    report = await read_report(ward.nursery, head, None)
    assert report.reasons == (("doctor-asks-rest", 1),)
    assert [each.cancelled for each in report.lines if each.baby.id == "baby-3"] == [0]


@pytest.mark.parametrize(
    ("minutes", "period", "reason"),
    [
        (10, "", "being-cared-for"),  # as a gateway writes it: when it was lowered is when it was written last
        (10, "of that day", "being-cared-for"),
        (-1, "", "no-show"),
    ],
)
async def test_who_was_kept_out_by_an_alarm_missed_nothing(ward: Ward, minutes: int, period: str, reason: str) -> None:
    nurse, doctor = await ward.opened(), await ward.staff("doctor")
    _, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    await doctor.done(f"/newborn/desk/visits/{visit}/approve")
    head, standing = (await nurse.here()).caller, await booked(ward, visit)
    said = {"coding": [{"system": NEWBORN, "code": ALARM}]}
    whose = {"reference": "Patient/baby-3"}
    alarm: dict[str, object] = {"category": [said], "code": said, "subject": whose}
    if period:
        day = china_date(standing.start).isoformat()
        alarm["period"] = {"start": day, "end": day}
    go_to(ward, standing.start + (minutes - 5) * 60 * SECOND)
    await put(ward.store, "Flag", "alarm-3", status="active", **alarm)
    go_to(ward, standing.start + minutes * 60 * SECOND)
    await put(ward.store, "Flag", "alarm-3", status="inactive", **alarm)
    go_to(ward, standing.end)
    await look_at_slots(ward.nursery)
    assert (await booked(ward, visit)).reason == reason
    report = await read_report(ward.nursery, head, None)
    assert [each.cancelled for each in report.lines if each.baby.id == "baby-3"] == [int(reason == "no-show")]


class NobodySettles(Places):
    """Places of which nobody knows which are unsettled."""

    async def unsettled(self) -> tuple[tuple[str, bool], ...]:
        """Fail."""
        raise Refusal("store-away", next_step="call-operator")


async def test_a_step_that_fails_keeps_no_other_from_being_taken(ward: Ward) -> None:
    await first_booking(ward, await ward.opened(), MOTHER, "baby-3")
    await died(ward)
    places = NobodySettles(ward.house.database, ward.house.time)
    looking = asyncio.create_task(keep_slots(replace(ward.nursery, places=places)))
    for _ in range(200):
        if not await ward.nursery.places.of_baby("baby-3"):
            break
        await asyncio.sleep(0.02)
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking
    assert await ward.nursery.places.of_baby("baby-3") == ()


async def test_a_baby_with_a_very_long_record_is_enrolled_booked_for_and_its_dispute_settled(ward: Ward) -> None:
    whose = {"reference": "Patient/baby-3"}
    for number in range(PAGE + 1):
        who = [{"actor": whose, "status": "accepted"}]
        await put(ward.store, "Appointment", f"earlier-{number}", status="fulfilled", participant=who)
        await put(ward.store, "Flag", f"earlier-{number}", status="inactive", code={"text": "演示"}, subject=whose)
    nurse = await ward.opened()
    await first_booking(ward, nurse, MOTHER, "baby-3")
    at = "/newborn/desk/babies/baby-3"
    assert await nurse.done(f"{at}/dispute", **{"is": "begun"}) == "disputed"
    assert "all visits stop" in (await nurse.get(at)).text
    assert await nurse.done(f"{at}/dispute", **{"is": "over"}) == "settled"
