"""A consultation with the real record, keeper and media server: who may do what, what cuts it, what it opens."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from tests.apps.newborn.expert import FAR, HOUR, SHEN, ZHONG, Everybody, agree_to_experts, arm, list_experts, measure
from tests.apps.newborn.test_keeper import heard
from tests.apps.newborn.ward import QIN, WARD, MadeWard, made_ward
from tests.services.realtime.made import camera
from tests.services.realtime.running import embedded
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.consult import accept_asking, ask_expert, decline_asking, withdraw_asking
from tianfu.apps.newborn.actions.end_visit import decline_visit, end_visit
from tianfu.apps.newborn.actions.give_opinion import give_opinion
from tianfu.apps.newborn.actions.hold_ward import hold_ward
from tianfu.apps.newborn.actions.keep_consultations import end_without_ground, look_at_consultations
from tianfu.apps.newborn.actions.move_camera import move_camera
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import consultation_from
from tianfu.apps.newborn.model.reasons import DeclineReason
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.consultations import about_baby, asked_of_me, one_of_mine, open_about, read_desk_of
from tianfu.apps.newborn.queries.experts import read_experts
from tianfu.apps.newborn.queries.family_visit import Expert, coming_to, read_family_visit
from tianfu.apps.newborn.queries.measured import read_measured
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.db import Database
from tianfu.kernel.instants import DAY, SECOND, Instant, china_date, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Found
from tianfu.records.searching import SearchRequest
from tianfu.services.booking.places import Places
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio


class Ahead:
    """The real time, and further on when told to."""

    def __init__(self) -> None:
        self.by = 0

    def __call__(self) -> Instant:
        return Instant(system_clock() + self.by)


class Asked:
    """A ward with a baby, an expert, and a consultation about it."""

    def __init__(self, ward: MadeWard, clock: Ahead, keeper: Keeper) -> None:
        self.ward, self.clock, self.keeper, self.count = ward, clock, keeper, itertools.count()
        places = Places(ward.database, clock)
        nothing = cast("Any", None)  # families' books, which no consultation opens
        self.nursery = Nursery(
            store=ward.store,
            places=places,
            claims=nothing,
            interpreters=nothing,
            stations=nothing,
            wordings=nothing,
            clock=clock,
        )
        windows = Windows(nursery=self.nursery, house=ward.house, grants=nothing, viewers=nothing)
        self.consulting = Consulting(windows=windows, staff=Everybody("unknown"))

    async def ask(self, ground: str = "emergency", caller: Caller = SHEN, **change: str) -> str:
        now = self.clock()
        minute = (now // (60 * SECOND) + 8 * 60) % 1_440
        form = {
            "expert": "zhong",
            "question": f"问题{next(self.count)}",
            "reason": "示例",
            "day": china_date(now).isoformat(),
            "time": f"{minute // 60:02}:{minute % 60:02}",
            "minutes": "20",
            "ground": ground,
            **change,
        }
        return await ask_expert(self.consulting, caller, caller.practitioner or "", "baby-7", form)

    async def accepted(self, ground: str = "emergency") -> str:
        visit = await self.ask(ground)
        await accept_asking(self.consulting, ZHONG, "zhong", visit)
        return visit

    async def live(self, ground: str = "emergency") -> str:
        """At the bed, and open."""
        visit = await self.accepted(ground)
        await arm(self.ward, visit)
        await self.ward.house.rooms.heard([visit], at=self.clock())
        await open_curtain(self.ward.house, QIN, visit, now=self.clock())
        await self.look()
        assert await self.at_bed(visit) is State.LIVE
        return visit

    async def look(self) -> None:
        await self.keeper.tick()
        await self.keeper.write_down()

    async def at_bed(self, visit: str) -> State:
        room = await self.ward.house.rooms.find(visit)
        assert room is not None
        return read(room.state).visit.state

    async def state(self, visit: str) -> tuple[State, str]:
        booked = consultation_from(await self.ward.read("Appointment", visit), version=0)
        assert booked is not None
        return booked.state, booked.reason

    async def page(self, visit: str, caller: Caller = ZHONG) -> tuple[str, str, list[str]]:
        """Name, bed and values on the page of who is asked."""
        expert = Expert(signed_in=cast("Any", SimpleNamespace(caller=caller)))
        found = await read_family_visit(self.consulting.windows, expert, visit)
        values = await read_measured(self.consulting.windows, expert, found)
        return found.baby, found.bed, [each.value for each in values]

    async def finds(self, kind: str, caller: Caller = ZHONG) -> int:
        wanted = SearchRequest(type=kind, parameters=(("patient", "Patient/baby-7"),))
        return len((await self.ward.store.search(caller, Purpose.TREATMENT, wanted)).records)


@pytest.fixture
async def asked(database: Database) -> AsyncIterator[Asked]:
    clock = Ahead()
    async with embedded() as running, made_ward(database, running, clock) as ward:
        await ward.bed(7)
        await list_experts(ward)
        await measure(ward, "pulse", "8867-4", 148, "/min", ago=HOUR)
        lens = await camera(running.port, "camera-7")
        keeper = ward.keeper()
        await keeper.tick()
        await heard(keeper, "camera-7")
        yield Asked(ward, clock, keeper)
        await lens.peer.close()


async def test_only_a_doctor_of_the_ward_asks_and_only_who_is_listed_is_asked(asked: Asked) -> None:
    for caller, code in ((FAR, "not-found"), (QIN, "doctor-needed")):
        with pytest.raises(Refusal, match=code):
            await asked.ask(caller=caller)
    for expert in ("other", "shen", "nobody"):
        with pytest.raises(Refusal) as refused:
            await asked.ask(expert=expert)
        assert [each.path for each in refused.value.faults] == ["expert"], expert
    with pytest.raises(Refusal) as refused:
        await asked.ask("consent")
    assert [(each.path, each.code) for each in refused.value.faults] == [("ground", "nobody-agreed")]
    for _ in range(3):
        await asked.ask()
    with pytest.raises(Refusal, match="consultations-too-many"):
        await asked.ask()


async def test_only_who_is_asked_answers_and_only_the_ward_takes_back(asked: Asked) -> None:
    visit = await asked.ask()
    with pytest.raises(Refusal, match="not-found"):
        await accept_asking(asked.consulting, FAR, "other", visit)
    with pytest.raises(Refusal, match="not-found"):
        await decline_asking(asked.consulting, FAR, "other", visit, "no-time")
    with pytest.raises(Refusal, match="not-found"):
        await withdraw_asking(asked.consulting, ZHONG, visit, "not-needed")
    assert [each.booked.id for each in await asked_of_me(asked.nursery, ZHONG)] == [visit]
    assert not await asked_of_me(asked.nursery, FAR)
    assert not (await read_desk_of(asked.nursery, ZHONG)).babies, "an expert has no ward here, and asks about nobody"
    await decline_asking(asked.consulting, ZHONG, "zhong", visit, "other-field")
    assert await asked.state(visit) == (State.DECLINED, "other-field")
    assert (await asked.ward.read("ServiceRequest", visit))["status"] == "revoked"
    with pytest.raises(Refusal, match="visit-not-there-yet"):
        await accept_asking(asked.consulting, ZHONG, "zhong", visit)
    told = await asked.ward.trail("ask-expert", "decline-consultation")
    assert [row[0] for row in told] == ["ask-expert", "decline-consultation"]


NOTHING: tuple[str, str, list[str]] = ("", "", [])
TYPES = ("Observation", "Encounter", "RelatedPerson", "Consent", "ServiceRequest", "DiagnosticReport", "CareTeam")


async def test_name_and_values_are_on_his_page_from_his_yes_to_the_last_minute_and_each_reading_is_traced(
    asked: Asked,
) -> None:
    visit = await asked.ask()
    assert await asked.page(visit) == NOTHING, "who has not said yes reads nothing"
    await accept_asking(asked.consulting, ZHONG, "zhong", visit)
    assert await asked.ward.trail("read-measured") == []
    assert await asked.page(visit) == ("演示之子7", "07", ["148 /min"])
    assert len(await asked.ward.trail("read-measured")) == 1
    with pytest.raises(Refusal, match="not-found"):
        await asked.page(visit, FAR)
    asked.clock.by = 21 * 60 * SECOND
    assert await asked.page(visit) == NOTHING
    await look_at_consultations(asked.nursery)
    assert await asked.state(visit) == (State.NO_SHOW, "no-show")
    assert len(await asked.ward.trail("read-measured")) == 1


async def test_what_treating_somebody_does_not_open_is_not_opened_by_being_asked(asked: Asked) -> None:
    visit = await asked.accepted()
    before = await asked.page(visit)
    assert before[2]
    secret = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
    await measure(asked.ward, "secret", "9279-1", 40, "/min", ago=SECOND, meta=secret)
    assert await asked.page(visit) == before


async def test_before_its_time_who_said_yes_does_not_learn_whom_it_is_about(asked: Asked) -> None:
    tomorrow = await asked.ask(day=china_date(Instant(asked.clock() + DAY)).isoformat())
    await accept_asking(asked.consulting, ZHONG, "zhong", tomorrow)
    assert await asked.page(tomorrow) == NOTHING


async def test_no_record_is_open_to_the_expert_and_he_writes_none(asked: Asked) -> None:
    visit = await asked.live()
    assert [await asked.finds(kind) for kind in TYPES] == [0] * len(TYPES)
    [answer] = await asked.ward.store.read_many(ZHONG, Purpose.TREATMENT, [("Patient", "baby-7")])
    assert not isinstance(answer, Found)
    for resource in (
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueString": "x"},
        {"resourceType": "ServiceRequest", "status": "active", "intent": "order", "code": {"text": "x"}},
        {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}, "conclusion": "x"},
    ):
        written = parse_resource(orjson.dumps({**resource, "subject": {"reference": "Patient/baby-7"}}))
        with pytest.raises(Refusal):
            await asked.ward.store.create(ZHONG, Purpose.TREATMENT, written)
    assert len((await asked.page(visit))[2]) == 1


async def test_what_cannot_be_traced_is_not_shown(asked: Asked) -> None:
    visit = await asked.accepted()

    async def refused(*_: object, **__: object) -> None:
        raise Refusal("audit-unavailable")

    house = replace(asked.ward.house, trail=cast("Any", SimpleNamespace(did=refused)))
    asked.consulting = replace(asked.consulting, windows=replace(asked.consulting.windows, house=house))
    with pytest.raises(Refusal, match="audit-unavailable"):
        await asked.page(visit)


async def test_what_nobody_answered_expires_and_what_is_taken_back_closes_at_once(asked: Asked) -> None:
    unanswered = await asked.ask()
    visit = await asked.accepted()
    await withdraw_asking(asked.consulting, SHEN, visit, "transferred")
    assert await asked.page(visit) == NOTHING
    asked.clock.by = 21 * 60 * SECOND
    await look_at_consultations(asked.nursery)
    assert await asked.state(unanswered) == (State.EXPIRED, "not-answered")
    assert await asked.state(visit) == (State.CANCELLED, "transferred")


async def test_a_consultation_whose_asking_is_gone_is_shown_to_all_and_taken_back_by_the_ward(asked: Asked) -> None:
    visit = await asked.live()
    await asked.ward.store.delete(VISITS, Purpose.TREATMENT, "ServiceRequest", visit)
    shown = (
        await about_baby(asked.nursery, "baby-7"),
        await asked_of_me(asked.nursery, ZHONG),
        (await read_desk_of(asked.nursery, SHEN)).of_ward,
        (await one_of_mine(asked.nursery, ZHONG, visit),),
    )
    for (one,) in shown:
        assert (one.booked.id, one.asked, one.by, one.expert, one.is_over) == (visit, None, "", "钟灵（演示）", False)
    other = {"status": "active", "intent": "order", "subject": {"reference": "Patient/baby-7"}}
    who = {"requester": {"reference": "Practitioner/other"}, "performer": [{"reference": "Practitioner/zhong"}]}
    written = {"authoredOn": "2026-11-27T10:00:00+08:00", "note": [{"text": "Somebody else's words"}]}
    await asked.ward.write(visit, resourceType="ServiceRequest", **other, **who, **written)
    (one,) = await about_baby(asked.nursery, "baby-7")
    assert one.asked is None, "no other order under its id speaks for it"
    await withdraw_asking(asked.consulting, SHEN, visit, "not-needed")
    await asked.look()
    assert await asked.at_bed(visit) is State.ABORTED


CUTS: dict[str, Callable[[MadeWard], Any]] = {
    "bed-moved": lambda ward: _moved(ward),
    "camera-moved": lambda ward: _camera_moved(ward),
    "wristband-changed": lambda ward: _banded(ward),
    "ward-held": lambda ward: hold_ward(ward.house, QIN, "qin", WARD, now=ward.clock()),
}


async def _moved(ward: MadeWard) -> None:
    await ward.empty_bed(9)
    await ward.stay(7, bed=9)


async def _camera_moved(ward: MadeWard) -> None:
    await ward.empty_bed(9)
    await ward.camera_at(7, 9)


async def _banded(ward: MadeWard) -> None:
    patient = dict(await ward.read("Patient", "baby-7"))
    patient.pop("meta", None)
    identifier = [{**patient["identifier"][0], "value": "W9999"}]
    await ward.write("baby-7", **{**patient, "identifier": identifier})


@pytest.mark.parametrize("cut", sorted(CUTS))
async def test_the_expert_is_cut_off_where_a_family_would_be(asked: Asked, cut: str) -> None:
    visit = await asked.live()
    await CUTS[cut](asked.ward)
    await asked.look()
    assert await asked.at_bed(visit) is State.SHIELDED
    with pytest.raises(Refusal, match="visit-cut"):
        await open_curtain(asked.ward.house, QIN, visit, now=asked.clock())


async def test_taking_back_and_a_discharge_end_it_at_the_bed(asked: Asked) -> None:
    visit = await asked.live()
    await withdraw_asking(asked.consulting, SHEN, visit, "not-needed")
    await asked.look()
    assert await asked.at_bed(visit) is State.ABORTED
    assert await asked.page(visit) == NOTHING
    other = await asked.live()
    await asked.ward.stay(7, bed=7, status="finished")
    await asked.look()
    assert await asked.at_bed(other) is State.ABORTED
    assert await asked.page(other) == NOTHING


async def test_a_consent_that_is_taken_back_ends_what_it_carried_and_no_emergency(asked: Asked) -> None:
    await agree_to_experts(asked.ward, 7)
    urgent = await asked.live("emergency")
    carried = await asked.live("consent")
    waiting = await asked.accepted("consent")
    await agree_to_experts(asked.ward, 7, "inactive")
    await asked.ward.consent(7, "inactive")
    await asked.look()
    assert await asked.at_bed(carried) is State.ABORTED
    assert await asked.at_bed(urgent) is State.LIVE
    await end_without_ground(asked.nursery, "baby-7", "mother-7")
    assert await asked.state(waiting) == (State.CANCELLED, "consent-withdrawn")
    assert await asked.state(urgent) == (State.LIVE, "")


async def test_a_dispute_over_who_is_guardian_ends_what_a_guardians_consent_carried(asked: Asked) -> None:
    await agree_to_experts(asked.ward, 7)
    waiting = await asked.accepted("consent")
    await asked.ward.dispute(7)
    await look_at_consultations(asked.nursery)
    assert await asked.state(waiting) == (State.CANCELLED, "consent-withdrawn")


async def test_a_baby_that_left_the_ward_before_the_bed_ends_what_was_asked_and_nobody_says_yes_to_it(
    asked: Asked,
) -> None:
    waiting, unanswered = await asked.accepted(), await asked.ask()
    tomorrow = await asked.ask(day=china_date(Instant(asked.clock() + DAY)).isoformat())
    await asked.ward.stay(7, bed=7, status="finished")
    with pytest.raises(Refusal, match="consultation-closed"):
        await accept_asking(asked.consulting, ZHONG, "zhong", unanswered)
    assert await asked.page(waiting) == NOTHING, "also before anybody looked again"
    await look_at_consultations(asked.nursery)
    for visit in (waiting, unanswered, tomorrow):
        assert await asked.state(visit) == (State.CANCELLED, "discharged")
        assert (await asked.ward.read("ServiceRequest", visit))["status"] == "revoked"


async def test_the_ward_that_asked_takes_back_after_a_transfer_and_the_new_ward_does_not(asked: Asked) -> None:
    visit = await asked.accepted()
    await asked.ward.write("ward-far", resourceType="Location", **_ward("unit-far"))
    stay = {name: value for name, value in (await asked.ward.read("Encounter", "stay-7")).items() if name != "meta"}
    await asked.ward.write("stay-7", **{**stay, "serviceProvider": {"reference": "Organization/unit-far"}})
    with pytest.raises(Refusal, match="not-found"):
        await withdraw_asking(asked.consulting, replace(SHEN, organisation="unit-far"), visit, "transferred")
    other = await asked.state(visit)
    await withdraw_asking(asked.consulting, SHEN, visit, "transferred")
    assert other == (State.WAITING, "")
    assert await asked.state(visit) == (State.CANCELLED, "transferred")


def _ward(unit: str) -> dict[str, Any]:
    kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/location-physical-type", "code": "wa"}]}
    return {"physicalType": kind, "managingOrganization": {"reference": f"Organization/{unit}"}, "name": "示例病区"}


async def test_whom_the_directory_lists_no_more_says_no_yes_and_does_not_come_in(asked: Asked) -> None:
    visit, unanswered = await asked.accepted(), await asked.ask()
    windows, expert = asked.consulting.windows, Expert(signed_in=cast("Any", SimpleNamespace(caller=ZHONG)))
    assert (await coming_to(windows, expert, visit)).may_see
    role = dict(await asked.ward.read("PractitionerRole", "role-zhong"))
    role.pop("meta")
    await asked.ward.write("role-zhong", **{**role, "active": False})
    assert not (await coming_to(windows, expert, visit)).may_see
    assert await asked.page(visit) == NOTHING
    with pytest.raises(Refusal, match="consultation-closed"):
        await accept_asking(asked.consulting, ZHONG, "zhong", unanswered)
    await asked.ward.write("role-zhong", **role)
    asked.consulting = replace(asked.consulting, staff=Everybody("zhong"))
    with pytest.raises(Refusal, match="consultation-closed"):
        await accept_asking(asked.consulting, ZHONG, "zhong", unanswered)


async def test_more_than_a_page_of_experts_and_of_consultations_leaves_nobody_out(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tianfu.apps.newborn.queries.records.PAGE", 1)
    role = dict(await asked.ward.read("PractitionerRole", "role-zhong"))
    role.pop("meta")
    await asked.ward.write("role-other", **{**role, "practitioner": {"reference": "Practitioner/other"}})
    listed = await read_experts(asked.ward.store, SHEN)
    assert {each.practitioner for each in listed} == {"zhong", "other"}
    await asked.ward.write(
        "role-other", **{**role, "practitioner": {"reference": "Practitioner/other"}, "active": False}
    )
    visits = [await asked.ask() for _ in range(3)]
    asked.clock.by = 21 * 60 * SECOND
    await look_at_consultations(asked.nursery)
    assert [await asked.state(each) for each in visits] == [(State.EXPIRED, "not-answered")] * 3


async def test_of_many_asked_at_one_moment_three_stand_and_what_is_sent_twice_asks_once(asked: Asked) -> None:
    twice = await asyncio.gather(*(asked.ask(question="问题") for _ in range(2)))
    assert len(set(twice)) == 1
    others = await asyncio.gather(*(asked.ask() for _ in range(5)), return_exceptions=True)
    refused = [each for each in others if isinstance(each, Refusal)]
    assert [each.code for each in refused] == ["consultations-too-many"] * 3
    assert len(await open_about(asked.nursery, "baby-7")) == 3
    assert len(await asked.ward.trail("ask-expert")) == 3


def _signed(caller: Caller, clock: Callable[[], Instant]) -> Any:
    """Somebody who proved himself this moment."""
    return SimpleNamespace(caller=caller, proved_at=clock())


async def test_an_opinion_after_a_revocation_is_kept_and_the_asking_stays_revoked(asked: Asked) -> None:
    visit = await asked.live()
    await withdraw_asking(asked.consulting, SHEN, visit, "not-needed")
    await asked.look()
    assert (await asked.ward.read("ServiceRequest", visit))["status"] == "revoked"
    tries = [give_opinion(asked.consulting, _signed(ZHONG, asked.clock), "zhong", visit, text) for text in ("甲", "乙")]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert [each.code for each in outcomes if isinstance(each, Refusal)] == ["opinion-written"]
    assert len([each for each in outcomes if each is None]) == 1
    assert (await asked.ward.read("DiagnosticReport", visit))["conclusion"] in {"甲", "乙"}
    assert (await asked.ward.read("ServiceRequest", visit))["status"] == "revoked"


@pytest.mark.parametrize("is_revoked", [False, True])
async def test_who_takes_the_name_of_an_opinion_keeps_nobody_from_signing(asked: Asked, is_revoked: bool) -> None:
    visit = await asked.live()
    about = {"subject": {"reference": "Patient/baby-7"}, "status": "final", "code": {"text": "x"}}
    await asked.ward.write(visit, resourceType="DiagnosticReport", conclusion="taken", **about)
    if is_revoked:
        await withdraw_asking(asked.consulting, SHEN, visit, "not-needed")
    await give_opinion(asked.consulting, _signed(ZHONG, asked.clock), "zhong", visit, "意见")
    assert (await asked.ward.read("DiagnosticReport", visit))["conclusion"] == "意见"
    with pytest.raises(Refusal, match="opinion-written"):
        await give_opinion(asked.consulting, _signed(ZHONG, asked.clock), "zhong", visit, "另一个")


async def test_what_cannot_be_traced_is_not_done(asked: Asked) -> None:
    live = await asked.live()
    visit, consulting = await asked.ask(), asked.consulting

    async def refused(*_: object, **__: object) -> None:
        raise Refusal("audit-unavailable")

    house = replace(asked.ward.house, trail=cast("Any", SimpleNamespace(did=refused)))
    asked.consulting = replace(consulting, windows=replace(consulting.windows, house=house))
    for deed in (
        asked.ask(),
        accept_asking(asked.consulting, ZHONG, "zhong", visit),
        decline_asking(asked.consulting, ZHONG, "zhong", visit, "no-time"),
        withdraw_asking(asked.consulting, SHEN, visit, "not-needed"),
        give_opinion(asked.consulting, _signed(ZHONG, asked.clock), "zhong", live, "意见"),
    ):
        with pytest.raises(Refusal, match="audit-unavailable"):
            await deed
    assert await asked.state(visit) == (State.APPROVED, "")
    assert len(await open_about(asked.nursery, "baby-7")) == 2
    assert (await asked.ward.read("ServiceRequest", live))["status"] == "active"


async def test_doctor_and_expert_read_why_a_nurse_declined(asked: Asked) -> None:
    visit = await asked.accepted()
    why, house = DeclineReason.WARD_IS_BUSY, asked.ward.house
    await decline_visit(house, asked.nursery, QIN, visit, why, now=asked.clock())
    assert (await one_of_mine(asked.nursery, ZHONG, visit)).reason == "ward-is-busy"
    assert [each.reason for each in (await read_desk_of(asked.nursery, SHEN)).of_ward] == ["ward-is-busy"]
    await look_at_consultations(asked.nursery)
    assert (await asked.ward.read("ServiceRequest", visit))["status"] == "revoked"


async def just_opened(asked: Asked) -> str:
    """At the bed and open, and the record does not know it yet."""
    visit = await asked.accepted()
    await arm(asked.ward, visit)
    await asked.look()
    await asked.ward.house.rooms.heard([visit], at=asked.clock())
    await open_curtain(asked.ward.house, QIN, visit, now=asked.clock())
    return visit


async def test_what_was_taken_back_is_overruled_by_no_later_writing_of_how_it_stood(asked: Asked) -> None:
    visit = await just_opened(asked)
    await withdraw_asking(asked.consulting, SHEN, visit, "not-needed")
    await asked.keeper.write_down()  # before anybody looked
    await asked.look()
    assert await asked.at_bed(visit) is State.ABORTED
    assert await asked.state(visit) == (State.ABORTED, "not-needed")


async def test_what_was_taken_back_is_not_opened_any_more(asked: Asked) -> None:
    visit = await asked.accepted()
    await arm(asked.ward, visit)
    await withdraw_asking(asked.consulting, SHEN, visit, "not-needed")
    await asked.ward.house.rooms.heard([visit], at=asked.clock())
    with pytest.raises(Refusal, match="room-closed"):
        await open_curtain(asked.ward.house, QIN, visit, now=asked.clock())
    await asked.look()
    assert await asked.state(visit) == (State.CANCELLED, "not-needed")


async def test_what_the_expert_declined_at_the_bed_stays_declined(asked: Asked) -> None:
    visit = await asked.accepted()
    await arm(asked.ward, visit)
    await decline_asking(asked.consulting, ZHONG, "zhong", visit, "no-time")
    await asked.keeper.write_down()
    await asked.look()
    assert await asked.at_bed(visit) is State.CANCELLED
    assert (await asked.state(visit))[1] == "no-time"


async def test_what_was_taken_back_while_it_ended_stays_taken_back(asked: Asked) -> None:
    visit = await just_opened(asked)
    await end_visit(asked.ward.house, QIN, visit, now=asked.clock())
    await withdraw_asking(asked.consulting, SHEN, visit, "not-needed")
    await asked.keeper.write_down()  # before anybody looked
    assert await asked.at_bed(visit) is State.ENDING
    await asked.look()
    assert await asked.state(visit) == (State.ABORTED, "not-needed")


async def test_what_a_machine_made_of_one_encounter_keeps_no_visit_from_being_written(asked: Asked) -> None:
    one, other = await asked.accepted(), await asked.accepted()
    for visit in (one, other):
        await arm(asked.ward, visit)
        await asked.look()
    stay = await asked.ward.read("Encounter", one)
    await asked.ward.write(one, **{name: each for name, each in stay.items() if name not in {"id", "meta", "period"}})
    for visit in (one, other):
        await opened_by_hand(asked, visit)
    await asked.look()
    for visit in (one, other):
        room = await asked.ward.house.rooms.find(visit)
        assert room is not None
        assert room.written == room.version


async def opened_by_hand(asked: Asked, visit: str) -> None:
    await asked.ward.house.rooms.heard([visit], at=asked.clock())
    await open_curtain(asked.ward.house, QIN, visit, now=asked.clock())


async def test_whoever_says_too_late_why_a_camera_was_moved_changes_nothing(asked: Asked) -> None:
    visit = await asked.live()
    await move_camera(asked.ward.house, QIN, "qin", visit, "", now=asked.clock())
    for _ in range(4):
        await asked.look()
        asked.clock.by += 2 * 60 * SECOND
        await asked.ward.house.rooms.heard([visit], at=asked.clock())
    assert await asked.at_bed(visit) is State.ABORTED
    with pytest.raises(Refusal, match="visit-not-there-yet"):
        await move_camera(asked.ward.house, QIN, "qin", visit, "better-view", now=asked.clock())
    room = await asked.ward.house.rooms.find(visit)
    assert room is not None
    assert room.is_over
