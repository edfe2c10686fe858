"""What time does to booked visits, over a real store: they wait, nobody came, no doctor said yes; places come free."""

from __future__ import annotations

import re

import pytest

from tests.apps.newborn.conftest import MOTHER, OTHER_MOTHER, Browser, Ward
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.keep_slots import WAITS_BEFORE, free_place, look_at_slots
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import Booked, booked_from
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.queries.desk import read_report
from tianfu.kernel.instants import SECOND, Instant
from tianfu.records.outcomes import Found

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
    report = await read_report(ward.nursery, head)
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
    assert (await read_report(ward.nursery, head)).reasons == (("not-approved", 1),)


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
