"""A family's way from the first question to a booked slot, over a real store and real accounts."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.apps.newborn.conftest import (
    CONSENT,
    FATHER,
    GRANDMOTHER,
    MOTHER,
    OTHER_MOTHER,
    POLICY,
    Browser,
    Ward,
    current,
)
from tests.records.made import put
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.answer_claim import approve_claim, revoke_guardian
from tianfu.apps.newborn.actions.book_slot import move_up
from tianfu.apps.newborn.actions.invite_relative import end_invitation, invite_relative
from tianfu.apps.newborn.live.doors import GrantedDoors
from tianfu.apps.newborn.mapping.codes import VISITS, WRISTBAND
from tianfu.apps.newborn.mapping.milk import wearer_of
from tianfu.apps.newborn.mapping.visits import booked_from
from tianfu.apps.newborn.mapping.wards import wristbands_of
from tianfu.apps.newborn.model.guardians import CLAIMS_A_DAY_MAX, CLAIMS_OPEN_MAX
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.queries.desk import read_report
from tianfu.apps.newborn.queries.family_visit import coming_to
from tianfu.apps.newborn.queries.records import found_all
from tianfu.apps.newborn.reminding import SOON, remind, texts
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import DAY, SECOND, Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.viewers import Viewers

pytestmark = pytest.mark.anyio


class Carried:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    async def tell(self, number: str, text: str) -> None:
        self.sent.append((number, text))


WHY = Purpose.PATIENT_REQUEST


async def state_of(ward: Ward, visit: str) -> State:
    answer = await ward.store.read(VISITS, Purpose.TREATMENT, "Appointment", visit)
    assert isinstance(answer, Found)
    booked = booked_from(answer.record.value, version=answer.record.version)
    assert booked is not None
    return booked.state


async def test_a_mother_is_led_from_step_to_step_until_she_has_a_slot(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.resident(MOTHER)
    assert "/newborn/enrol" in (await mother.get("/newborn")).text
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0003", tail="ab03")
    assert "The ward is checking" in (await mother.get("/newborn")).text
    [claim] = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
    await nurse.done(f"/newborn/desk/claims/{claim}/approve", evidence="birth-certificate", seen="P110000001")
    home = (await mother.get("/newborn")).text
    assert "示例宝宝3" in home
    assert "/newborn/consent/baby-3" in home
    await mother.done("/newborn/consent/baby-3", version=current(), **CONSENT)
    [start, *_] = await mother.slots("baby-3")
    assert await mother.done("/newborn/book/baby-3", start=start, deed="book") == "booked"
    assert 'data-part="visit"' in (await mother.get("/newborn")).text
    assert 'data-part="first"' in (await nurse.get("/newborn/desk")).text


async def test_a_confirmed_guardian_sees_the_babys_record_and_a_claimant_does_not(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.resident(MOTHER)
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0003", tail="AB03")
    caller = (await mother.here()).caller
    assert not isinstance(await ward.store.read(caller, WHY, "Patient", "baby-3"), Found)
    [claim] = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
    await nurse.done(f"/newborn/desk/claims/{claim}/approve", evidence="birth-certificate", seen="P110000001")
    caller = (await mother.here()).caller
    assert isinstance(await ward.store.read(caller, WHY, "Patient", "baby-3"), Found)
    await nurse.done(f"/newborn/desk/babies/baby-3/guardians/{claim}/revoke")
    assert not isinstance(await ward.store.read((await mother.here()).caller, WHY, "Patient", "baby-3"), Found)


async def test_the_answer_is_the_same_whether_or_not_such_a_baby_is_there(ward: Ward) -> None:
    nurse = await ward.opened()
    right, wrong = await ward.resident(MOTHER), await ward.resident(FATHER)
    answers = [
        await right.post("/newborn/enrol", relation="MTH", inpatient="ZY0001", tail="AB01"),
        await wrong.post("/newborn/enrol", relation="MTH", inpatient="ZY0001", tail="AB02"),
    ]
    assert answers[0].status_code == answers[1].status_code == 303
    assert answers[0].headers["location"] == answers[1].headers["location"]
    pages = [(await each.get("/newborn")).text for each in (right, wrong)]
    assert all("The ward is checking" in each for each in pages)
    assert re.sub(r"[0-9a-f-]{36}", "", pages[0]) == re.sub(r"[0-9a-f-]{36}", "", pages[1])
    assert (await nurse.get("/newborn/desk")).text.count("/approve") == 1


async def test_a_paper_of_the_ward_names_a_baby_once(ward: Ward) -> None:
    nurse = await ward.opened()
    page = (await nurse.post("/newborn/desk/babies/baby-1/paper")).text
    [code] = re.findall(r'<b class="reference">([^<]+)</b>', page)
    mother, father = await ward.resident(MOTHER), await ward.resident(FATHER)
    await mother.done("/newborn/enrol", relation="MTH", code=code.lower())
    await father.done("/newborn/enrol", relation="FTH", code=code)
    assert (await nurse.get("/newborn/desk")).text.count("/approve") == 1


async def test_nobody_without_a_real_name_asks(ward: Ward) -> None:
    somebody = await ward.resident(MOTHER, named=False)
    assert "/account/real-name" in (await somebody.get("/newborn/enrol")).text
    answer = await somebody.post("/newborn/enrol", relation="MTH", inpatient="ZY0001", tail="AB01")
    assert answer.status_code == 422


async def test_a_father_is_not_confirmed_by_a_mothers_wristband(ward: Ward) -> None:
    nurse = await ward.opened()
    father = await ward.resident(FATHER)
    await father.done("/newborn/enrol", relation="FTH", inpatient="ZY0001", tail="AB01")
    [claim] = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
    page = await nurse.refused(f"/newborn/desk/claims/{claim}/approve", evidence="mothers-wristband", seen="x")
    assert "does not show that relation" in page


async def test_a_nurse_of_another_ward_finds_neither_claim_nor_baby(ward: Ward) -> None:
    await ward.opened()
    stranger = await ward.staff("nurse", organisation="other-city")
    mother = await ward.resident(MOTHER)
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0001", tail="AB01")
    assert (await stranger.get("/newborn/desk")).status_code == 404
    assert (await stranger.get("/newborn/desk/babies/baby-1")).status_code == 404


async def test_nothing_is_booked_without_a_signed_consent(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/consent/baby-3/withdraw")
    assert "not signed" in await mother.refused("/newborn/book/baby-3", start=start, deed="book")
    await mother.done("/newborn/consent/baby-3", version=current(), **CONSENT)
    assert await mother.done("/newborn/book/baby-3", start=start, deed="book") == "booked"


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"photo": ""}, "Choose for each"), ({"view": "no"}, "agree to see first"), ({"version": "old"}, "has changed")],
)
async def test_a_consent_that_is_not_whole_is_not_taken(ward: Ward, changes: dict[str, str], says: str) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    said = {"version": current(), **CONSENT, **changes}
    assert says in await mother.refused("/newborn/consent/baby-3", **said)


async def test_of_two_who_want_the_last_place_at_one_moment_exactly_one_has_it(ward: Ward) -> None:
    nurse = await ward.opened()
    first = await ward.guardian(nurse, MOTHER, "baby-1")
    other = await ward.guardian(nurse, OTHER_MOTHER, "baby-3")
    [start, *_] = await first.slots()
    await ward.house.warm()
    answers = await asyncio.gather(
        *(first.post("/newborn/book/baby-1", start=start, deed="book") for _ in range(3)),
        *(other.post("/newborn/book/baby-3", start=start, deed="book") for _ in range(3)),
    )
    assert sorted(each.status_code for each in answers) == [303, 422, 422, 422, 422, 422]
    standing = await ward.house.rows("select count(*) from newborn_place where freed_at is null")
    appointments = await ward.house.rows("select place from newborn_place where freed_at is null and is_confirmed")
    assert standing == [(1,)]
    assert len(appointments) == 1


async def test_who_waits_moves_up_when_somebody_cancels(ward: Ward) -> None:
    nurse = await ward.opened()
    first = await ward.guardian(nurse, MOTHER, "baby-1")
    other = await ward.guardian(nurse, OTHER_MOTHER, "baby-3")
    [start, *_] = await first.slots()
    await first.done("/newborn/book/baby-1", start=start, deed="book")
    assert await other.done("/newborn/book/baby-3", start=start, deed="wait") == "waiting"
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await first.get("/newborn")).text)
    assert await first.refused(f"/newborn/visits/{visit}/cancel", reason="")
    await first.done(f"/newborn/visits/{visit}/cancel", reason="no-time")
    assert await state_of(ward, visit) is State.CANCELLED
    told = [each for each in await ward.house.events() if each[0] in {"book-visit", "give-up-visit"}]
    assert [each[0] for each in told] == ["book-visit", "give-up-visit"]
    assert {each[2] for each in told} == {(await first.here()).caller.id}, "who did it"
    assert 'data-part="visit"' in (await other.get("/newborn")).text
    assert 'data-part="waiting"' not in (await other.get("/newborn")).text


async def test_nobody_cancels_anothers_visit_or_ends_anothers_waiting(ward: Ward) -> None:
    nurse = await ward.opened()
    first = await ward.guardian(nurse, MOTHER, "baby-1")
    other = await ward.guardian(nurse, OTHER_MOTHER, "baby-3")
    [start, *_] = await first.slots()
    await first.done("/newborn/book/baby-1", start=start, deed="book")
    await other.done("/newborn/book/baby-3", start=start, deed="wait")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await first.get("/newborn")).text)
    [wish] = re.findall(r"/newborn/waiting/([^/]+)/end", (await other.get("/newborn")).text)
    assert (await other.post(f"/newborn/visits/{visit}/cancel", reason="no-time")).status_code == 404
    assert (await first.post(f"/newborn/waiting/{wish}/end")).status_code == 404
    assert (await other.get("/newborn/book/baby-1")).status_code == 404
    assert (await other.post("/newborn/book/baby-1", start=start, deed="book")).status_code == 404


async def test_twins_have_slots_one_after_the_other(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-1")
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0002", tail="AB02")
    [claim] = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
    await nurse.done(f"/newborn/desk/claims/{claim}/approve", evidence="delivery-record", seen="x")
    await mother.done("/newborn/consent/baby-2", version=current(), **CONSENT)
    starts = await mother.slots()
    await mother.done("/newborn/book/baby-1", start=starts[0], deed="book", row="yes")
    rows = await ward.house.rows("select baby, starts from newborn_place where freed_at is null order by starts")
    assert rows == [("baby-1", int(starts[0])), ("baby-2", int(starts[1]))]


async def test_a_first_visit_waits_for_a_doctor_and_later_ones_do_not(ward: Ward) -> None:
    nurse, doctor = await ward.opened(), await ward.staff("doctor")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    first, second, *_ = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=first, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    assert await state_of(ward, visit) is State.GUARDIAN_VERIFIED
    assert "A doctor says yes" in await nurse.refused(f"/newborn/desk/visits/{visit}/approve")
    await doctor.done(f"/newborn/desk/visits/{visit}/approve")
    assert await state_of(ward, visit) is State.SLOT_CONFIRMED
    await mother.done("/newborn/book/baby-3", start=second, deed="book")
    visits = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    assert {await state_of(ward, each) for each in visits} == {State.SLOT_CONFIRMED}


async def test_a_relative_looks_once_she_agrees_and_until_she_is_taken_back(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    asked = {"name": "示例外婆", "telephone": GRANDMOTHER}
    assert await mother.done("/newborn/invited/baby-3", **asked) == "invited"
    grandmother, stranger = await ward.resident(GRANDMOTHER), await ward.resident(OTHER_MOTHER)
    home = (await grandmother.get("/newborn")).text
    [invitation] = re.findall(r"/newborn/invitations/([^/]+)/accept", home)
    assert "示例宝宝3" not in home
    assert (await stranger.post(f"/newborn/invitations/{invitation}/accept")).status_code == 404
    await grandmother.done(f"/newborn/invitations/{invitation}/accept")
    assert "示例宝宝3" in (await grandmother.get("/newborn")).text
    caller = (await grandmother.here()).caller
    assert len(caller.related) == 1
    assert not isinstance(await ward.store.read(caller, WHY, "Patient", "baby-3"), Found)
    assert (await stranger.post(f"/newborn/invitations/{invitation}/end")).status_code == 404
    await mother.done(f"/newborn/invitations/{invitation}/end")
    assert not (await grandmother.here()).caller.related
    assert "示例宝宝3" not in (await grandmother.get("/newborn")).text


async def test_a_relative_sees_what_is_booked_once_she_agreed_and_until_she_is_taken_back(ward: Ward) -> None:
    nurse, doctor = await ward.opened(), await ward.staff("doctor")
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    await mother.done("/newborn/invited/baby-3", name="示例外婆", telephone=GRANDMOTHER)
    home = (await grandmother.get("/newborn")).text
    assert 'data-part="visit"' not in home
    [invitation] = re.findall(r"/newborn/invitations/([^/]+)/accept", home)
    await grandmother.done(f"/newborn/invitations/{invitation}/accept")
    home = (await grandmother.get("/newborn")).text
    assert "waits for a doctor" in home
    assert f"/newborn/watch/{visit}" not in home
    await doctor.done(f"/newborn/desk/visits/{visit}/approve")
    home = (await grandmother.get("/newborn")).text
    assert f"/newborn/watch/{visit}" in home
    assert f"/newborn/visits/{visit}/cancel" not in home, "she looks, and does nothing else"
    await mother.done(f"/newborn/visits/{visit}/cancel", reason="no-time")
    assert "Once a time is booked, it is shown here" in (await grandmother.get("/newborn")).text
    await mother.done(f"/newborn/invitations/{invitation}/end")
    assert 'data-part="invited"' not in (await grandmother.get("/newborn")).text


async def test_what_one_guardian_booked_is_the_visit_of_both(ward: Ward) -> None:
    nurse, doctor = await ward.opened(per_baby_a_day="1"), await ward.staff("doctor")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    father = await ward.guardian(nurse, FATHER, "baby-3", "FTH")
    [first, second, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=first, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    await doctor.done(f"/newborn/desk/visits/{visit}/approve")
    for guardian in (mother, father):
        assert f"/newborn/watch/{visit}" in (await guardian.get("/newborn")).text
    assert "No more visits on this day" in await father.refused("/newborn/book/baby-3", start=second, deed="book")
    assert "示例妈妈 booked it" in re.sub("[\u2066-\u2069]", "", (await father.get("/newborn")).text)
    assert f"/newborn/visits/{visit}/cancel" not in (await father.get("/newborn")).text
    assert (await father.post(f"/newborn/visits/{visit}/cancel", reason="no-time")).status_code == 404
    assert await state_of(ward, visit) is State.SLOT_CONFIRMED, "neither takes the other's away"
    other = await ward.guardian(nurse, OTHER_MOTHER, "baby-1")
    await mother.done(f"/newborn/visits/{visit}/cancel", reason="no-time")
    await other.done("/newborn/book/baby-1", start=first, deed="book")
    await father.done("/newborn/book/baby-3", start=first, deed="wait")
    [wish] = re.findall(r"/newborn/waiting/([^/]+)/end", (await father.get("/newborn")).text)
    assert f"/newborn/waiting/{wish}/end" not in (await mother.get("/newborn")).text
    assert (await mother.post(f"/newborn/waiting/{wish}/end")).status_code == 404
    assert await father.done(f"/newborn/waiting/{wish}/end") == "waits-no-more"


async def test_whoever_is_invited_may_say_no_and_think_again_and_the_family_sees_it(ward: Ward) -> None:
    nurse = await ward.opened(invited_max="1")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    await mother.done("/newborn/invited/baby-3", name="示例外婆", telephone=GRANDMOTHER)
    grandmother, stranger = await ward.resident(GRANDMOTHER), await ward.resident(OTHER_MOTHER)
    [invitation] = re.findall(r"/newborn/invitations/([^/]+)/decline", (await grandmother.get("/newborn")).text)
    for who in (stranger, mother):
        assert (await who.post(f"/newborn/invitations/{invitation}/decline")).status_code == 404
    assert await grandmother.done(f"/newborn/invitations/{invitation}/decline") == "declined"
    assert not (await grandmother.here()).caller.related
    assert "said no" in (await mother.get("/newborn/invited/baby-3")).text
    await mother.refused("/newborn/invited/baby-3", name="示例爸爸", telephone=FATHER)
    home = (await grandmother.get("/newborn")).text
    assert "Agree after all" in home
    assert f"{invitation}/decline" not in home
    assert "Invitations to see a baby" not in home
    await grandmother.done(f"/newborn/invitations/{invitation}/accept")
    assert len((await grandmother.here()).caller.related) == 1
    page = (await mother.get("/newborn/invited/baby-3")).text
    assert "said no" not in page
    assert (await grandmother.post(f"/newborn/invitations/{invitation}/decline")).status_code == 404, "she lays it down"
    told = [each for each in await ward.house.events() if f"declined={invitation}" in str(each)]
    assert [each[1] for each in told] == ["success"]


async def test_no_more_relatives_are_invited_than_the_ward_allows(ward: Ward) -> None:
    nurse = await ward.opened(invited_max="1")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    await mother.done("/newborn/invited/baby-3", name="示例外婆", telephone=GRANDMOTHER)
    page = await mother.refused("/newborn/invited/baby-3", name="示例爸爸", telephone=FATHER)
    assert "as many as the ward allows" in page


async def test_of_two_relatives_invited_at_one_moment_one_is_too_many(ward: Ward) -> None:
    nurse = await ward.opened(invited_max="1")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    named = (("示例外婆", GRANDMOTHER), ("示例爸爸", FATHER))
    answers = await asyncio.gather(
        *(mother.post("/newborn/invited/baby-3", name=name, telephone=telephone) for name, telephone in named)
    )
    assert [each.status_code for each in answers].count(303) == 1
    assert len(await ward.nursery.claims.invited("baby-3")) == 1


async def test_a_family_without_a_telephone_is_enrolled_and_booked_at_the_desk(ward: Ward) -> None:
    nurse = await ward.opened()
    at = "/newborn/desk/babies/baby-3"
    await nurse.done(f"{at}/guardians", name="示例妈妈", relation="MTH", evidence="delivery-record", seen="x")
    page = (await nurse.get(at)).text
    [guardian] = set(re.findall(r'name="guardian" value="([^"]+)"', page))
    [start, *_] = re.findall(r'name="start" value="(\d+)" required', page)
    assert "not signed" in await nurse.refused(f"{at}/book", guardian=guardian, start=start)
    await nurse.done(f"{at}/consent", guardian=guardian, version=current(), **CONSENT)
    assert await nurse.done(f"{at}/book", guardian=guardian, start=start) == "booked"
    assert "booked by the ward" in (await nurse.get("/newborn/desk")).text


async def test_booked_visits_are_not_broken_without_a_word(ward: Ward) -> None:
    head = await ward.opened()
    mother = await ward.guardian(head, MOTHER, "baby-3")
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    today = china_date(ward.house.time.now).isoformat()
    later = {**POLICY, "windows": "1-7 09:00-10:00", "from_day": today}
    assert 'data-part="would-break"' in await head.refused("/newborn/desk/windows", **later)
    assert await head.done("/newborn/desk/windows", **later, agreed="1") == "set"
    assert 'data-part="lost"' in (await head.get("/newborn/desk/windows")).text
    assert 'data-part="visit"' in (await mother.get("/newborn")).text


async def test_stills_are_off_until_the_head_nurse_says_so_and_the_page_says_which(ward: Ward) -> None:
    head = await ward.opened()
    page = (await head.get("/newborn/desk/windows")).text
    assert "On a very poor connection now: no stills" in page
    today = china_date(ward.house.time.now).isoformat()
    assert await head.done("/newborn/desk/windows", **POLICY, from_day=today, stills="yes") == "set"
    page = (await head.get("/newborn/desk/windows")).text
    assert "On a very poor connection now: stills are shown" in page
    assert re.search(r'id="stills"[^>]* checked', page)
    assert await head.done("/newborn/desk/windows", **POLICY, from_day=today) == "set"
    assert not re.search(r'id="stills"[^>]* checked', (await head.get("/newborn/desk/windows")).text)


async def test_only_a_head_nurse_sets_windows(ward: Ward) -> None:
    nurse = await ward.staff("nurse")
    assert (await nurse.get("/newborn/desk/windows")).status_code == 404
    assert (await nurse.post("/newborn/desk/windows")).status_code == 404
    assert (await nurse.get("/newborn/desk/report")).status_code == 404


async def test_a_ward_that_has_set_nothing_offers_nothing(ward: Ward) -> None:
    head = await ward.staff("head")
    mother = await ward.guardian(head, MOTHER, "baby-3")
    assert "has not opened any times" in (await mother.get("/newborn/book/baby-3")).text
    assert (await head.post("/newborn/desk/windows")).status_code == 422


async def test_the_report_tells_who_was_seen_less_and_why_the_ward_cancelled(ward: Ward) -> None:
    head = await ward.opened()
    mother = await ward.guardian(head, MOTHER, "baby-3")
    first, second, *_ = await mother.slots("baby-3")
    for start in (first, second):
        await mother.done("/newborn/book/baby-3", start=start, deed="book")
    visit = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)[0]
    await head.done(f"/newborn/desk/visits/{visit}/cancel", reason="baby-needs-care")
    assert "The baby needs care" in (await head.get("/newborn/desk/report")).text
    caller = (await head.here()).caller
    ward.house.time.now = Instant(int(second) + 3_600_000_000)
    report = await read_report(ward.nursery, caller, None)
    assert (report.visits, report.minutes) == (1, None), "nobody measured how long it was"
    assert report.reasons == (("baby-needs-care", 1),)
    assert {each.baby.id: each.seen.in_7_days for each in report.lines} == {"baby-1": 0, "baby-2": 0, "baby-3": 1}


async def test_a_place_that_was_held_and_never_confirmed_is_free_again(ward: Ward) -> None:
    head = await ward.opened()
    mother = await ward.guardian(head, MOTHER, "baby-3")
    [start, *_] = await mother.slots("baby-3")
    at = Instant(int(start))
    await ward.nursery.places.hold(
        "ward-1", [("baby-1", "x", at, Instant(at + 1_200_000_000))], lambda _: None, by_staff=False
    )
    assert start not in await mother.slots("baby-3")
    ward.house.time.pass_(61)
    assert await mother.done("/newborn/book/baby-3", start=start, deed="book") == "booked"


async def test_nobody_moves_up_into_a_slot_that_is_not_there(ward: Ward) -> None:
    await ward.opened()
    assert await move_up(ward.nursery, "ward-1", Instant(ward.house.time.now + 1)) is None


async def test_a_family_is_reminded_a_day_and_half_an_hour_before_each_once(ward: Ward) -> None:
    head = await ward.opened()
    mother = await ward.guardian(head, MOTHER, "baby-3")
    at = Instant(int((await mother.slots("baby-3"))[0]) + 2 * DAY)
    day = china_date(at).isoformat()
    page = (await mother.get(f"/newborn/book/baby-3?day={day}")).text
    assert f'value="{at}" required' in page
    await mother.done("/newborn/book/baby-3", start=str(at), deed="book")
    carried, said = Carried(), texts()
    for before, counted in ((DAY + 1, 0), (DAY, 1), (3_600_000_000, 1), (SOON, 2), (SOON - 1, 2), (0, 2)):
        ward.house.time.now = Instant(at - before)
        await asyncio.gather(*(remind(ward.nursery, carried, said) for _ in range(3)))
        assert len(carried.sent) == counted, before
    assert carried.sent == [(MOTHER, said["day"]), (MOTHER, said["soon"])]
    assert not any("示例" in text for _, text in carried.sent)


async def test_an_invitation_ends_when_the_baby_leaves(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    await mother.done("/newborn/invited/baby-3", name="示例外婆", telephone=GRANDMOTHER)
    grandmother = await ward.resident(GRANDMOTHER)
    [invitation] = re.findall(r"/newborn/invitations/([^/]+)/accept", (await grandmother.get("/newborn")).text)
    await grandmother.done(f"/newborn/invitations/{invitation}/accept")
    assert "示例宝宝3" in (await grandmother.get("/newborn")).text
    stay = await ward.store.read(VISITS, Purpose.TREATMENT, "Encounter", "stay-3")
    assert isinstance(stay, Found)
    kept = {name: each for name, each in stay.record.value.items() if name not in {"meta", "resourceType", "id"}}
    await put(ward.store, "Encounter", "stay-3", **{**kept, "status": "finished"})
    assert "示例宝宝3" not in (await grandmother.get("/newborn")).text
    assert (await mother.get("/newborn/book/baby-3")).status_code == 404


async def test_a_dispute_is_marked_and_settled_at_the_desk(ward: Ward) -> None:
    nurse = await ward.opened()
    at = "/newborn/desk/babies/baby-3"
    assert await nurse.done(f"{at}/dispute", **{"is": "begun"}) == "disputed"
    assert "all visits stop" in (await nurse.get(at)).text
    assert await nurse.done(f"{at}/dispute", **{"is": "over"}) == "settled"
    assert "all visits stop" not in (await nurse.get(at)).text
    assert await nurse.done(f"{at}/dispute", **{"is": "begun"}) == "disputed"
    assert "all visits stop" in (await nurse.get(at)).text
    caller = (await nurse.here()).caller
    flags = await found_all(ward.store, VISITS, Purpose.TREATMENT, "Flag", patient="Patient/baby-3")
    assert {each.value["author"]["reference"] for each in flags} == {"Practitioner/made-head"}
    wrote = [each for each in await ward.house.events() if each[0] == "transaction" and each[2] == caller.id]
    assert [each[1] for each in wrote] == ["success"] * 3, "the trail names who raised and who lifted it"


async def test_whoever_takes_the_consent_back_moves_up_no_more(ward: Ward) -> None:
    nurse = await ward.opened()
    first = await ward.guardian(nurse, MOTHER, "baby-1")
    other = await ward.guardian(nurse, OTHER_MOTHER, "baby-3")
    [start, *_] = await first.slots()
    await first.done("/newborn/book/baby-1", start=start, deed="book")
    await other.done("/newborn/book/baby-3", start=start, deed="wait")
    await other.done("/newborn/consent/baby-3/withdraw")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await first.get("/newborn")).text)
    await first.done(f"/newborn/visits/{visit}/cancel", reason="no-time")
    assert await ward.house.rows("select count(*) from newborn_place where freed_at is null") == [(0,)]


async def test_the_visits_of_somebody_who_is_no_guardian_any_more_are_cancelled(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    [related] = (await mother.here()).caller.related
    free = ward.nursery.places.free

    async def after_a_look(place: str, **said: Any) -> tuple[str, Instant] | None:
        await free(place, by="ward", reason="guardian-revoked")  # which saw that the visit is cancelled
        return await free(place, **said)

    monkeypatch.setattr(ward.nursery.places, "free", after_a_look)
    await nurse.done(f"/newborn/desk/babies/baby-3/guardians/{related}/revoke")
    assert await state_of(ward, visit) is State.CANCELLED
    gave_up = [each[2] for each in await ward.house.events() if each[0] == "give-up-visit"]
    assert gave_up == [(await nurse.here()).caller.id], "who took the guardian's visits away"
    assert start in await (await ward.guardian(nurse, OTHER_MOTHER, "baby-1")).slots()


async def accepted(mother: Browser, grandmother: Browser) -> None:
    """A grandmother whom the mother of the third baby invited, and who agreed."""
    await mother.done("/newborn/invited/baby-3", name="示例外婆", telephone=GRANDMOTHER)
    [invitation] = re.findall(r"/newborn/invitations/([^/]+)/accept", (await grandmother.get("/newborn")).text)
    await grandmother.done(f"/newborn/invitations/{invitation}/accept")


class Taken:
    """Who was let go."""

    def __init__(self) -> None:
        self.people: list[str] = []

    async def revoke_person(self, caller: Caller, person: str, reason: str, *, visit: str | None) -> None:
        self.people.append(person)


async def test_with_a_guardian_go_the_relatives_whom_she_invited(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    [related] = (await mother.here()).caller.related
    taken = Taken()
    nursery = replace(ward.nursery, taking=taken)
    await revoke_guardian(nursery, (await nurse.here()).caller, related)
    there = await grandmother.here()
    assert not there.caller.related
    assert taken.people == [there.account.id]
    assert not await ward.nursery.claims.invited("baby-3")


async def test_an_invitation_that_is_taken_back_lets_her_go_at_once(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    [invitation] = await ward.nursery.claims.invited("baby-3")
    taken = Taken()
    await end_invitation(replace(ward.nursery, taking=taken), await mother.here(), invitation.id)
    assert taken.people == [(await grandmother.here()).account.id]


class Refusing(Taken):
    """Doors that cannot let anybody go, for a reason."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self._code = code

    async def revoke_person(self, caller: Caller, person: str, reason: str, *, visit: str | None) -> None:
        await super().revoke_person(caller, person, reason, visit=visit)
        raise Refusal(self._code, retryable=True)


async def counts(ward: Ward, related: str) -> bool:
    """Whether the record says that a relative or guardian still is one."""
    person = await ward.store.read(VISITS, Purpose.TREATMENT, "RelatedPerson", related)
    assert isinstance(person, Found)
    return person.record.value["active"] is True


@pytest.mark.parametrize("code", ["audit-queue-full", "database-unavailable", "disk-full"])
async def test_a_relative_whose_access_could_not_be_taken_back_is_not_told_as_gone(ward: Ward, code: str) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    [invitation] = await ward.nursery.claims.invited("baby-3")
    signed_in = await mother.here()
    with pytest.raises(Refusal, match=code):
        await end_invitation(replace(ward.nursery, taking=Refusing(code)), signed_in, invitation.id)
    assert not await ward.nursery.claims.invited("baby-3"), "she comes in no more"
    assert await counts(ward, invitation.related)
    taken = Taken()
    await end_invitation(replace(ward.nursery, taking=taken), signed_in, invitation.id)
    assert taken.people == [(await grandmother.here()).account.id], "the next touch takes it back"
    assert not await counts(ward, invitation.related)
    with pytest.raises(Refusal, match="not-found"):
        await end_invitation(replace(ward.nursery, taking=taken), signed_in, invitation.id)


@pytest.mark.parametrize("code", ["media-unavailable", "media-failed"])
async def test_a_media_server_that_is_away_keeps_no_relative(ward: Ward, code: str) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    [invitation] = await ward.nursery.claims.invited("baby-3")
    await end_invitation(replace(ward.nursery, taking=Refusing(code)), await mother.here(), invitation.id)
    assert not await counts(ward, invitation.related)


async def test_whose_connection_ends_when_the_media_server_is_back_has_a_page_that_knows_it_now(ward: Ward) -> None:
    grandmother = await (await ward.resident(GRANDMOTHER)).here()
    viewers = Viewers(ward.house.database, b"k" * 32)
    await viewers.come_in("visit-3", "opaque", grandmother.caller, Part.GUEST, device="device", now=ward.house.time.now)
    doors = GrantedDoors(grants=cast("Any", Refusing("media-unavailable")), viewers=viewers)
    with pytest.raises(Refusal, match="media-unavailable"):
        await doors.revoke_person(VISITS, grandmother.caller.id, "no-longer-invited", visit=None)
    viewer = await viewers.find("visit-3", "opaque")
    assert viewer is not None
    assert viewer.is_away


async def test_where_one_relative_cannot_be_let_go_the_others_are_and_so_is_what_was_booked(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    await mother.done("/newborn/invited/baby-3", name="示例外公", telephone="13800009998")
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    invited = [each.related for each in await ward.nursery.claims.invited("baby-3")]
    [related] = (await mother.here()).caller.related
    caller, full = (await nurse.here()).caller, Refusing("audit-queue-full")
    with pytest.raises(Refusal, match="audit-queue-full"):
        await revoke_guardian(replace(ward.nursery, taking=full), caller, related)
    assert [await counts(ward, each) for each in [related, *invited]] == [False, True, False]
    assert await state_of(ward, visit) is State.CANCELLED
    taken = Taken()
    await revoke_guardian(replace(ward.nursery, taking=taken), caller, related)
    assert taken.people == full.people
    assert [await counts(ward, each) for each in invited] == [False, False]
    await revoke_guardian(replace(ward.nursery, taking=taken), caller, related)
    assert taken.people == full.people, "nobody is let go twice"


async def test_a_relative_comes_only_while_whoever_invited_her_is_a_guardian(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    await accepted(mother, grandmother)
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    viewers = Viewers(ward.house.database, b"k" * 32)
    windows = Windows(nursery=ward.nursery, house=cast("Any", None), grants=cast("Any", None), viewers=viewers)
    assert (await coming_to(windows, await grandmother.here(), visit)).may_see
    [related] = (await mother.here()).caller.related
    person = await ward.store.read(VISITS, Purpose.TREATMENT, "RelatedPerson", related)
    assert isinstance(person, Found)
    # Another system ends it, which knows nothing of invitations.
    kept = {name: each for name, each in person.record.value.items() if name not in {"meta", "resourceType", "id"}}
    await put(ward.store, "RelatedPerson", related, **{**kept, "active": False})
    with pytest.raises(Refusal) as refused:
        await coming_to(windows, await grandmother.here(), visit)
    assert refused.value.code == "not-found"
    assert f"/newborn/watch/{visit}" not in (await grandmother.get("/newborn")).text


async def test_who_was_invited_is_told_that_it_is_over_and_nobody_else_is(ward: Ward) -> None:
    nurse = await ward.opened()
    mother, grandmother = await ward.guardian(nurse, MOTHER, "baby-3"), await ward.resident(GRANDMOTHER)
    never = await ward.resident(FATHER)
    await accepted(mother, grandmother)
    [start, *_] = await mother.slots("baby-3")
    await mother.done("/newborn/book/baby-3", start=start, deed="book")
    [visit] = re.findall(r"/newborn/visits/([^/]+)/cancel", (await mother.get("/newborn")).text)
    viewers = Viewers(ward.house.database, b"k" * 32)
    windows = Windows(nursery=ward.nursery, house=cast("Any", None), grants=cast("Any", None), viewers=viewers)
    [invitation] = await ward.nursery.claims.invited("baby-3")
    await mother.done(f"/newborn/invitations/{invitation.id}/end")
    for browser, code in ((grandmother, "invitation-over"), (never, "not-found")):
        with pytest.raises(Refusal) as refused:
            await coming_to(windows, await browser.here(), visit)
        assert refused.value.code == code
    await accepted(mother, grandmother)
    assert (await coming_to(windows, await grandmother.here(), visit)).may_see


async def test_a_hold_that_has_lapsed_is_not_confirmed(ward: Ward) -> None:
    at = Instant(ward.house.time.now + DAY)
    wanted = [("baby-1", "x", at, Instant(at + 1_200_000_000))]
    [late] = await ward.nursery.places.hold("ward-1", wanted, lambda _: None, by_staff=False)
    ward.house.time.pass_(61)
    with pytest.raises(Refusal) as refused:
        await ward.nursery.places.confirm(late)
    assert refused.value.code == "slot-taken"
    [early] = await ward.nursery.places.hold("ward-1", wanted, lambda _: None, by_staff=False)
    await ward.nursery.places.confirm(early)
    ward.house.time.pass_(61)
    await ward.nursery.places.confirm(early)


async def active(ward: Ward) -> list[str]:
    request = SearchRequest(type="Consent", parameters=(("patient", "Patient/baby-3"), ("status", "active")))
    return [each.id for each in (await ward.store.search(VISITS, Purpose.TREATMENT, request)).records]


async def test_a_consent_that_stands_twice_is_taken_back_twice(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    [first] = await active(ward)
    consent = await ward.store.read(VISITS, Purpose.TREATMENT, "Consent", first)
    assert isinstance(consent, Found)
    kept = {name: each for name, each in consent.record.value.items() if name not in {"meta", "resourceType", "id"}}
    for name in ("0-again", "zz-again"):
        await put(ward.store, "Consent", name, **kept)
    assert len(await active(ward)) == 3
    await mother.done("/newborn/consent/baby-3", version=current(), **CONSENT)
    assert len(await active(ward)) == 1
    for name in ("0-again", "zz-again"):
        await put(ward.store, "Consent", name, **kept)
    await mother.done("/newborn/consent/baby-3/withdraw")
    assert not await active(ward)


async def test_whom_a_colleague_declined_at_the_same_moment_is_no_guardian(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    nurse = await ward.opened()
    mother = await ward.resident(MOTHER)
    await mother.done("/newborn/enrol", relation="MTH", inpatient="ZY0003", tail="AB03")
    [claim] = re.findall(r"/newborn/desk/claims/([^/]+)/approve", (await nurse.get("/newborn/desk")).text)
    claims, caller = ward.nursery.claims, (await nurse.here()).caller
    found = await claims.claim(claim, "ward-1")
    await claims.answer(caller, found[0], "declined")

    async def stale(*_: object) -> Any:
        return found

    monkeypatch.setattr(claims, "claim", stale)  # as it stood when the other nurse pressed
    with pytest.raises(Refusal, match="not-found"):
        await approve_claim(ward.nursery, caller, claim, {"evidence": "birth-certificate", "seen": "P110000001"})
    assert not await counts(ward, claim)
    assert not (await mother.here()).caller.related


class Unwritable:
    """A record store that writes nothing."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def update(self, *_: Any, **__: Any) -> Any:
        raise Refusal("database-unavailable", retryable=True)


class Once(Unwritable):
    """A record store in which somebody else was faster, once."""

    is_done = False

    async def update(self, *asked: Any, **more: Any) -> Any:
        return await self._store.update(*asked, **more)

    async def transaction(self, *asked: Any) -> Any:
        if not self.is_done:
            self.is_done = True
            raise Refusal("version-conflict", retryable=True)
        return await self._store.transaction(*asked)


async def test_a_relative_whom_the_record_does_not_know_is_not_invited(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    form = {"name": "示例外婆", "telephone": GRANDMOTHER}
    full = replace(ward.nursery, store=cast("Any", Unwritable(ward.store)))
    with pytest.raises(Refusal, match="database-unavailable"):
        await invite_relative(full, await mother.here(), "baby-3", form)
    assert not await ward.nursery.claims.invited("baby-3")
    assert "/accept" not in (await (await ward.resident(GRANDMOTHER)).get("/newborn")).text


async def test_a_visit_that_cannot_be_cancelled_keeps_no_other_from_it(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    first, second, *_ = await mother.slots("baby-3")
    for start in (first, second):
        await mother.done("/newborn/book/baby-3", start=start, deed="book")
    stuck, free = [each.id for each in await ward.nursery.places.of_baby("baby-3")]
    [related] = (await mother.here()).caller.related
    nursery, caller = replace(ward.nursery, store=cast("Any", Once(ward.store))), (await nurse.here()).caller
    with pytest.raises(Refusal, match="version-conflict"):
        await revoke_guardian(nursery, caller, related)
    states = [await state_of(ward, each) for each in (stuck, free)]
    assert states == [State.GUARDIAN_VERIFIED, State.CANCELLED]
    await revoke_guardian(nursery, caller, related)
    assert await state_of(ward, stuck) is State.CANCELLED


async def test_a_band_whose_time_is_over_names_no_baby(ward: Ward) -> None:
    nurse = await ward.opened()
    over = {"system": WRISTBAND, "value": "W-2026-AB03", "use": "usual", "period": {"end": "2026-11-19"}}
    worn = {"system": WRISTBAND, "value": "W-2026-CD03", "use": "usual"}
    await put(ward.store, "Patient", "baby-3", birthDate="2026-11-20", identifier=[over, worn])
    for who, tail in ((MOTHER, "AB03"), (FATHER, "CD03")):
        await (await ward.resident(who)).done("/newborn/enrol", relation="GUARD", inpatient="ZY0003", tail=tail)
    [claim] = await ward.nursery.claims.of_ward("ward-1")
    assert claim[1].number == FATHER
    assert "/approve" in (await nurse.get("/newborn/desk")).text
    baby, now = {"identifier": [over, worn]}, ward.house.time.now
    assert wristbands_of(baby, str, now=now) == ("W-2026-CD03",)
    assert wearer_of(baby, (), now=now).wristbands == {"W-2026-CD03"}


async def test_a_mother_who_mistyped_takes_it_back_and_a_paper_of_the_ward_is_looked_at_all_the_same(
    ward: Ward,
) -> None:
    nurse = await ward.opened()
    mother, stranger = await ward.resident(MOTHER), await ward.resident(FATHER)
    wrong = {"relation": "MTH", "inpatient": "ZY0003", "tail": "XX99"}
    for _ in range(CLAIMS_OPEN_MAX):
        await mother.done("/newborn/enrol", **wrong)
    assert "ask the nurse for a paper" in await mother.refused("/newborn/enrol", **wrong)
    home = (await mother.get("/newborn")).text
    assert home.count("waits for the ward") == CLAIMS_OPEN_MAX
    claim, *_ = re.findall(r"/newborn/claims/([^/]+)/withdraw", home)
    assert (await stranger.post(f"/newborn/claims/{claim}/withdraw")).status_code == 404
    assert await mother.done(f"/newborn/claims/{claim}/withdraw") == "asked-back"
    assert (await mother.get("/newborn")).text.count("waits for the ward") == CLAIMS_OPEN_MAX - 1
    await mother.done("/newborn/enrol", **wrong)
    page = (await nurse.post("/newborn/desk/babies/baby-3/paper")).text
    [code] = re.findall(r'<b class="reference">([^<]+)</b>', page)
    await mother.done("/newborn/enrol", relation="MTH", code=code)
    [(asked, _)] = await ward.nursery.claims.of_ward("ward-1")
    await nurse.done(f"/newborn/desk/claims/{asked.id}/decline")
    home = (await mother.get("/newborn")).text
    assert (home.count("waits for the ward"), "not confirmed" in home) == (CLAIMS_OPEN_MAX + 1, False), "till its time"
    told = [
        each[0] for each in await ward.house.events() if each[0] in {"withdraw-claim", "give-paper", "decline-claim"}
    ]
    assert told == ["withdraw-claim", "give-paper", "decline-claim"]


async def test_nobody_tries_codes_through(ward: Ward) -> None:
    await ward.opened()
    mother = await ward.resident(MOTHER)
    for number in range(CLAIMS_A_DAY_MAX):
        await mother.done("/newborn/enrol", relation="MTH", code=f"ABCDEFGH{number:02}")
        for claim in re.findall(r"/newborn/claims/([^/]+)/withdraw", (await mother.get("/newborn")).text):
            await mother.done(f"/newborn/claims/{claim}/withdraw")
    assert "try again tomorrow" in await mother.refused("/newborn/enrol", relation="MTH", code="ABCDEFGHJK")


async def test_who_invited_a_relative_and_took_it_back_before_she_agreed_stands_in_the_trail(ward: Ward) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    await mother.done("/newborn/invited/baby-3", name="示例外婆", telephone=GRANDMOTHER)
    [invitation] = await ward.nursery.claims.invited("baby-3")
    await mother.done(f"/newborn/invitations/{invitation.id}/end")
    told = [each for each in await ward.house.events() if each[0] in {"invite-relative", "end-invitation"}]
    assert [each[0] for each in told] == ["invite-relative", "end-invitation"]
    assert {each[2] for each in told} == {(await mother.here()).caller.id}


async def test_a_head_nurse_who_writes_numbers_out_of_range_is_told_of_which_fields(ward: Ward) -> None:
    head = await ward.staff("head")
    said = await head.refused(
        "/newborn/desk/windows",
        **{**POLICY, "from_day": china_date(ward.house.time.now).isoformat(), "slot_minutes": "-5", "at_once": "999"},
    )
    listed = re.findall(r'<a href="#(\w+)"\s*>\s*([^<]+?)\s*</a>', said)
    assert listed == [
        ("slot_minutes", "Minutes of a visit: The number is not within the range"),
        ("at_once", "Families at one time: The number is not within the range"),
    ]


async def test_a_first_visit_that_has_begun_still_asks_for_its_yes_and_its_family_is_not_offered_to_cancel_it(
    ward: Ward,
) -> None:
    nurse = await ward.opened()
    mother = await ward.guardian(nurse, MOTHER, "baby-1")
    [start, *_] = await mother.slots()
    await mother.done("/newborn/book/baby-1", start=start, deed="book")
    assert "/cancel" in (await mother.get("/newborn")).text
    ward.house.time.now = Instant(int(start) + SECOND)
    assert 'data-part="first"' in (await (await ward.staff("nurse")).get("/newborn/desk")).text
    home = (await (await ward.resident(MOTHER)).get("/newborn")).text
    assert "/cancel" not in home
    assert 'data-part="too-late"' in home
