"""A consultation with the real record, keeper and media server: who may do what, what cuts it, what it opens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from tests.apps.newborn.expert import FAR, HOUR, SHEN, ZHONG, Everybody, agree_to_experts, arm, list_experts, measure
from tests.apps.newborn.test_keeper import heard
from tests.apps.newborn.ward import QIN, WARD, MadeWard, made_ward
from tests.services.realtime.made import camera
from tests.services.realtime.running import embedded
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.consult import accept_asking, ask_expert, decline_asking, withdraw_asking
from tianfu.apps.newborn.actions.hold_ward import hold_ward
from tianfu.apps.newborn.actions.keep_consultations import end_without_ground, look_at_consultations
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.visits import consultation_from
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.consultations import about_baby, asked_of_me, one_of_mine, read_desk_of
from tianfu.apps.newborn.queries.measured import read_measured
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.db import Database
from tianfu.kernel.instants import SECOND, Instant, china_date, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.searching import SearchRequest
from tianfu.services.booking.places import Places

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
        self.ward, self.clock, self.keeper = ward, clock, keeper
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
            "question": "问题",
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

    async def reads(self, caller: Caller = ZHONG) -> list[str]:
        return [each.name for each in await read_measured(self.ward.store, caller, "baby-7")]

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


async def test_what_was_measured_is_open_from_his_yes_to_the_last_minute_and_nothing_else(asked: Asked) -> None:
    visit = await asked.ask()
    assert await asked.reads() == [], "who has not said yes reads nothing"
    await accept_asking(asked.consulting, ZHONG, "zhong", visit)
    assert len(await asked.reads()) == 1
    assert await asked.reads(FAR) == [], "another doctor of his house reads nothing"
    assert [await asked.finds(kind) for kind in ("Encounter", "RelatedPerson", "Consent")] == [0, 0, 0]
    asked.clock.by = 21 * 60 * SECOND
    assert await asked.reads() == []
    await look_at_consultations(asked.nursery)
    assert await asked.state(visit) == (State.NO_SHOW, "no-show")
    assert (await asked.ward.read("CareTeam", visit))["status"] == "inactive"


async def test_what_nobody_answered_expires_and_what_is_taken_back_closes_at_once(asked: Asked) -> None:
    unanswered = await asked.ask()
    visit = await asked.accepted()
    await withdraw_asking(asked.consulting, SHEN, visit, "transferred")
    assert await asked.reads() == []
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
    assert await asked.reads() == []
    other = await asked.live()
    await asked.ward.stay(7, bed=7, status="finished")
    await asked.look()
    assert await asked.at_bed(other) is State.ABORTED
    await look_at_consultations(asked.nursery)
    assert await asked.reads() == [], "what it opened is closed behind it"


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
