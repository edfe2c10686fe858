"""Places that come free go to whoever waits and may have them, whatever ended in between; twins have all or none."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.apps.newborn.conftest import CONSENT, FATHER, MOTHER, OTHER_MOTHER, Browser, Ward, current
from tests.apps.newborn.test_slots_in_time import first_booking
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.book_slot import move_up, move_up_everywhere
from tianfu.apps.newborn.actions.keep_slots import free_place, keep_slots
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import booked_from
from tianfu.apps.newborn.model.visit import State
from tianfu.kernel.instants import DAY, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.searching import SearchRequest

pytestmark = pytest.mark.anyio


async def full_slot(ward: Ward, nurse: Browser) -> tuple[str, Instant]:
    """A slot whose only place somebody has: her visit, and its start."""
    _, visit = await first_booking(ward, nurse, MOTHER, "baby-3")
    place, _ = await ward.nursery.places.place(visit)
    return visit, place.start


async def waits(ward: Ward, nurse: Browser, telephone: str, baby: str, start: Instant) -> Browser:
    guardian = await ward.guardian(nurse, telephone, baby)
    assert await guardian.done(f"/newborn/book/{baby}", start=str(start), deed="wait") == "waiting"
    ward.house.time.pass_(1)
    return guardian


async def of_twins(ward: Ward, nurse: Browser) -> Browser:
    mother = await ward.guardian(nurse, MOTHER, "baby-1")
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0002", tail="AB02")
    [claim] = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
    await nurse.done(f"/newborn/desk/claims/{claim}/approve", evidence="delivery-record", seen="x")
    await mother.done("/newborn/consent/baby-2", version=current(), **CONSENT)
    return mother


async def who_has(ward: Ward, start: Instant) -> list[tuple[str, bool]]:
    taken = await ward.nursery.places.taken("ward-1", start, Instant(start + 1))
    return [(each.baby, each.is_confirmed) for each in taken]


async def states(ward: Ward, baby: str) -> list[State]:
    """How the visits of a baby stand in the record."""
    wanted = SearchRequest(type="Appointment", parameters=(("patient", f"Patient/{baby}"),))
    page = await ward.store.search(VISITS, Purpose.TREATMENT, wanted)
    found = [booked_from(each.value, version=each.version) for each in page.records]
    return [each.state for each in found if each is not None]


async def test_a_place_that_was_freed_by_who_died_then_goes_to_whoever_waits(ward: Ward) -> None:
    nurse = await ward.opened()
    visit, start = await full_slot(ward, nurse)
    await waits(ward, nurse, OTHER_MOTHER, "baby-1", start)
    await ward.nursery.places.free(visit, by="family", reason="no-time")  # and no more
    looking = asyncio.create_task(keep_slots(ward.nursery))
    async with asyncio.timeout(30):
        while await who_has(ward, start) != [("baby-1", True)]:  # noqa: ASYNC110 - rows tell nobody
            await asyncio.sleep(0.02)
    looking.cancel()
    await move_up_everywhere(ward.nursery)
    assert await who_has(ward, start) == [("baby-1", True)]
    assert await states(ward, "baby-1") == [State.GUARDIAN_VERIFIED]
    assert await ward.nursery.places.waiting("baby-1") == ()


async def test_who_was_chosen_by_somebody_who_died_then_has_not_lost_her_turn(ward: Ward) -> None:
    nurse = await ward.opened()
    visit, start = await full_slot(ward, nurse)
    await waits(ward, nurse, OTHER_MOTHER, "baby-1", start)
    await ward.nursery.places.free(visit, by="family", reason="no-time")
    await ward.nursery.places.move_up("ward-1", start, lambda wishes, _: wishes[0])  # and no more
    await move_up_everywhere(ward.nursery)
    assert await who_has(ward, start) == [("baby-1", False)]
    ward.house.time.pass_(61)
    await move_up_everywhere(ward.nursery)
    assert await who_has(ward, start) == [("baby-1", True)]
    assert await ward.nursery.places.waiting("baby-1") == ()


async def test_who_no_more_agrees_that_her_baby_is_seen_is_passed_over_is_told_why_and_moves_up_once_she_does(
    ward: Ward,
) -> None:
    nurse = await ward.opened()
    visit, start = await full_slot(ward, nurse)
    other = await waits(ward, nurse, OTHER_MOTHER, "baby-1", start)
    assert "do not move up" not in (await other.get("/newborn")).text
    only_diary = {**CONSENT, "view": "no", "talk": "no", "diary": "yes"}
    await other.done("/newborn/consent/baby-1", version=current(), **only_diary)
    await free_place(ward.nursery, visit, by="family", reason="no-time")
    assert await who_has(ward, start) == []
    assert "do not move up before you have agreed" in (await other.get("/newborn")).text
    await other.done("/newborn/consent/baby-1", version=current(), **CONSENT)
    assert "do not move up" not in (await other.get("/newborn")).text
    await move_up_everywhere(ward.nursery)
    assert await who_has(ward, start) == [("baby-1", True)]


async def test_while_guardianship_is_in_dispute_the_next_in_line_moves_up(ward: Ward) -> None:
    nurse = await ward.opened()
    visit, start = await full_slot(ward, nurse)
    other = await waits(ward, nurse, OTHER_MOTHER, "baby-1", start)
    await waits(ward, nurse, FATHER, "baby-2", start)
    await nurse.done("/newborn/desk/babies/baby-1/dispute", **{"is": "begun"})
    await free_place(ward.nursery, visit, by="family", reason="no-time")
    assert await who_has(ward, start) == [("baby-2", True)]
    assert [each.start for each in await ward.nursery.places.waiting("baby-1")] == [start]
    assert "while the ward is clearing who the guardian is" in (await other.get("/newborn")).text
    assert await move_up(ward.nursery, "ward-1", start) is None


async def test_of_twins_none_has_a_visit_if_the_place_of_one_is_lost_before_it_is_confirmed(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    nurse = await ward.opened()
    mother = await of_twins(ward, nurse)
    [start, *_] = await mother.slots()
    places, confirm = ward.nursery.places, ward.nursery.places.confirm

    async def after_one_was_lost(*names: str, who: Caller | None = None) -> None:
        await ward.house.rows(
            "update newborn_place set freed_at = 1, freed_by = 'ward' where baby = 'baby-2' returning place"
        )
        await confirm(*names, who=who)

    monkeypatch.setattr(places, "confirm", after_one_was_lost)
    await mother.refused("/newborn/book/baby-1", start=start, deed="book", row="yes")
    now = ward.house.time.now
    assert await places.taken("ward-1", now, Instant(now + 8 * DAY)) == ()
    assert {*await states(ward, "baby-1"), *await states(ward, "baby-2")} <= {State.CANCELLED}
    told = ("book-visit", "give-up-visit")
    assert not [each for each in await ward.house.events() if each[0] in told], "no visit that never was"
    monkeypatch.undo()
    await mother.done("/newborn/book/baby-1", start=start, deed="book", row="yes")
    assert [each.baby for each in await places.taken("ward-1", now, Instant(now + 8 * DAY))] == ["baby-1", "baby-2"]
    assert [each[0] for each in await ward.house.events() if each[0] in told] == ["book-visit"] * 2


async def test_of_twins_none_keeps_a_place_if_what_is_written_of_them_is_refused(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    nurse = await ward.opened()
    mother = await of_twins(ward, nurse)
    [start, *_] = await mother.slots()

    async def refuses(*_: object, **__: object) -> None:
        raise Refusal("disk-full")

    monkeypatch.setattr(ward.store, "transaction", refuses)
    await mother.refused("/newborn/book/baby-1", start=start, deed="book", row="yes")
    now = ward.house.time.now
    assert await ward.nursery.places.taken("ward-1", now, Instant(now + 8 * DAY)) == ()
