"""The keeper with the real database and the real media process: what is seen, and what cuts it off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import cast

import httpx
import pytest
from aiortc.rtp import RtcpReceiverInfo, RtcpRrPacket

from tests.apps.newborn.ward import ELSEWHERE, MINUTE, QIN, UNIT, WARD, WHY, Doors, MadeWard, made_ward
from tests.gateways.fhir.letting_in import bearer, client_of, door_of
from tests.services.realtime.made import Client, camera, viewer
from tests.services.realtime.running import Running, embedded
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.scopes import parse_scopes
from tianfu.apps.newborn.actions.confirm_binding import _arm, confirm_binding
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.actions.end_visit import end_visit
from tianfu.apps.newborn.actions.hold_ward import hold_ward
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.actions.scan_codes import scan_code
from tianfu.apps.newborn.live.keeper import LEASE_SECONDS, Keeper, lease_seconds
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.model.binding import Code
from tianfu.apps.newborn.model.visit import State, shielded
from tianfu.apps.newborn.model.windows import BOUNDS, read_policy, told
from tianfu.apps.newborn.queries.round import heard_of
from tianfu.db import Database
from tianfu.kernel.instants import SECOND, Instant, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.services.booking.places import Places
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.kept import Changing, KeptRooms
from tianfu.services.realtime.port import ADAPTED, LIVE, SHIELDED, Happened
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with embedded() as started:
        yield started


@pytest.fixture
async def ward(database: Database, running: Running) -> AsyncIterator[MadeWard]:
    async with made_ward(database, running) as made:
        yield made


@pytest.fixture
async def lens(running: Running) -> AsyncIterator[Client]:
    client = await camera(running.port, "camera-7")
    yield client
    await client.peer.close()


async def heard(keeper: Keeper, camera_name: str) -> None:
    if camera_name in keeper.listening.cameras:
        return
    for _ in range(200):
        await keeper.listening.hear()
        if camera_name in keeper.listening.cameras:
            return
    raise AssertionError("the camera was never heard of")


async def live(ward: MadeWard, number: int = 7) -> Keeper:
    """A bed whose picture is shown, and the keeper that lets it be."""
    await ward.bed(number)
    keeper = ward.keeper()
    await keeper.tick()
    await heard(keeper, f"camera-{number}")
    await ward.arm(number)
    assert await ward.state(number) is State.ARMED
    await open_curtain(ward.house, QIN, ward.visits[number], now=ward.clock())
    await keeper.tick()
    assert await ward.state(number) is State.LIVE
    return keeper


async def shields(ward: MadeWard) -> list[Happened]:
    return [each for each in await ward.running.port.events(0) if each.what == SHIELDED]


async def test_a_visit_from_the_scans_to_its_end(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    await keeper.write_down()
    encounter = await ward.read("Encounter", "visit-7")
    assert encounter["status"] == "in-progress"
    assert (await ward.booked(7)).state is State.LIVE
    await draw_curtain(ward.house, QIN, "visit-7", "feeding", now=ward.clock())
    assert await ward.state(7) is State.SHIELDED
    assert [each.reason for each in await shields(ward)] == ["feeding"]


async def test_a_nurse_who_opens_while_the_keeper_looks_has_opened(ward: MadeWard, lens: Client) -> None:
    await ward.bed(7)
    keeper = ward.keeper()
    await keeper.tick()
    await heard(keeper, "camera-7")
    await ward.arm(7)
    await keeper.tick()
    room = await ward.house.rooms.find("visit-7")
    assert room is not None
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    before = await shields(ward)
    keeper._drawn.clear()
    await keeper._keep_drawn(room.visit, "shielded", may_open=True)  # decided on what it read before she opened
    assert await ward.state(7) is State.LIVE
    assert await shields(ward) == before


async def test_the_media_server_is_told_whether_the_ward_allows_stills_and_told_again_after_it_died(
    ward: MadeWard, lens: Client
) -> None:
    said_to_it: list[tuple[str, bool]] = []

    async def allow_stills(visit: str, *, are_allowed: bool) -> None:
        said_to_it.append((visit, are_allowed))
        await EmbeddedMedia.allow_stills(ward.running.port, visit, are_allowed=are_allowed)

    ward.running.port.allow_stills = allow_stills  # type: ignore[method-assign]  # only heard along
    keeper = await live(ward)
    assert set(said_to_it) == {("visit-7", False)}, "nobody said yes"
    for said in ("yes", ""):
        said_to_it.clear()
        await allow(ward, said)
        keeper._stills._read.clear()  # two seconds later
        keeper.lease_now()
        await keeper.tick()
        assert said_to_it == [("visit-7", said == "yes")]
    await allow(ward, "yes")
    await ward.running.kill()
    ward.running.port.hang_up()
    await ward.running.start()
    keeper._stills._read.clear()
    keeper.lease_now()
    said_to_it.clear()
    await keeper.tick()
    assert said_to_it == [("visit-7", True)]


async def test_a_page_can_read_what_the_media_server_sends_since_when_it_was_told(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    doors = cast("Doors", ward.house.doors)
    mother = await viewer(ward.running.port, "visit-7", "somebody")
    await hears(keeper, "joined")
    assert doors.levels == [("visit-7", "somebody", "full")]
    mother.control.clear()
    number = 0
    while keeper.listening.last_heard != ADAPTED:  # some seconds: a picture is not given up at once
        lens.send_picture(b"7", number, whole=True)
        report = RtcpReceiverInfo(
            ssrc=mother.sources[0], fraction_lost=90, packets_lost=0, highest_sequence=0, jitter=0, lsr=0, dlsr=0
        )
        mother.peer.send(bytes(RtcpRrPacket(ssrc=1, reports=[report])))
        number += 1
        keeper.lease_now()
        await ward.house.rooms.heard(["visit-7"], at=ward.clock())
        await keeper.tick()
        with suppress(TimeoutError):
            await asyncio.wait_for(keeper.listening.hear(), 0.3)
    assert doors.levels[-1] == ("visit-7", "somebody", "sound")
    await mother.peer.close()


async def allow(ward: MadeWard, said: str) -> None:
    """The head nurse sets a policy for today."""
    today = china_date(ward.clock())
    form = {"from_day": today.isoformat(), "windows": "1-7 09:00-10:00", "stills": said}
    numbers = {name: str(least) for name, (least, _) in BOUNDS.items()}
    policy = read_policy({**form, **numbers}, today=today)
    await Places(ward.database, ward.clock).set_policy(WARD, policy.from_day, told(policy), by="head")


async def test_a_baby_that_is_moved_just_before_the_curtain_opens_is_not_seen(ward: MadeWard, lens: Client) -> None:
    await ward.bed(7)
    keeper = ward.keeper()
    await keeper.tick()
    await heard(keeper, "camera-7")
    await ward.arm(7)

    class AsItIsMoved(KeptRooms):
        """Whoever asks for the lock has it only when the baby lies in another bed."""

        @asynccontextmanager
        async def changing(self, visit: str) -> AsyncIterator[Changing]:
            await ward.stay(7, bed=8)
            async with super().changing(visit) as changing:
                yield changing

    house = replace(ward.house, rooms=AsItIsMoved(ward.database))
    with pytest.raises(Refusal) as refused:
        await open_curtain(house, QIN, "visit-7", now=ward.clock())
    assert refused.value.details["reason"] == "bed-moved"
    assert await ward.state(7) is State.ARMED


async def unbook(ward: MadeWard) -> None:
    await ward.store.delete(VISITS, WHY, "Appointment", "visit-7")


Breaks = Callable[[MadeWard], Awaitable[object]]


@pytest.mark.parametrize(
    ("breaks", "state", "reason"),
    [
        (lambda ward: ward.stay(7, bed=8), State.SHIELDED, "bed-moved"),
        (lambda ward: ward.stay(8, bed=7), State.SHIELDED, "bed-moved"),  # another baby comes to lie there
        (lambda ward: ward.camera_at(7, 8), State.SHIELDED, "camera-moved"),
        (lambda ward: ward.stay(7, bed=7, status="finished"), State.ABORTED, "discharged"),
        (lambda ward: ward.died(7), State.ABORTED, "ask-the-ward"),
        (lambda ward: ward.consent(7, "inactive"), State.ABORTED, "consent-withdrawn"),
        (lambda ward: ward.flag(7, "newborn-alarm"), State.SHIELDED, "being-cared-for"),
        (lambda ward: ward.flag(7, "visits-paused"), State.SHIELDED, "doctor-asks-rest"),
        (lambda ward: ward.dispute(7), State.ABORTED, "guardianship-disputed"),
        (lambda ward: unbook(ward), State.ABORTED, "appointment-gone"),
        (lambda ward: hold_ward(ward.house, QIN, "qin", "ward-n2", now=ward.clock()), State.SHIELDED, "ward-held"),
    ],
)
async def test_a_changed_record_draws_the_curtain(
    ward: MadeWard, lens: Client, breaks: Breaks, state: State, reason: str
) -> None:
    keeper = await live(ward)
    await breaks(ward)
    await keeper.tick()  # one look is enough: nothing is waited for
    assert await ward.state(7) is state
    assert [each.reason for each in await shields(ward)] == [reason]
    with pytest.raises(Refusal):
        await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())


async def test_an_alarm_gateway_draws_the_curtain_by_a_flag_and_a_nurse_opens_once_it_is_lowered(
    ward: MadeWard, lens: Client
) -> None:
    keeper = await live(ward)
    alarm = {
        "resourceType": "Flag",
        "status": "active",
        "category": [{"coding": [{"system": "urn:tianfu:newborn", "code": "newborn-alarm"}]}],
        "code": {"coding": [{"system": "urn:tianfu:newborn", "code": "newborn-alarm"}], "text": "SpO2 low"},
        "subject": {"reference": "Patient/baby-7"},
    }
    scopes = parse_scopes("system/Flag.cu system/Patient.rs")
    gateway = Caller(id="gateway", role="hospital-system", organisation=UNIT, scopes=scopes)
    mother = Caller(id="mother", role="citizen", related=("mother-7",))
    async with client_of(door_of(ward.store, is_production=True)) as client:

        async def said(who: Caller, why: Purpose, method: str, address: str, body: object = None) -> httpx.Response:
            headers = bearer(who, why) | {"content-type": "application/fhir+json"}
            return await client.request(method, address, json=body, headers=headers)

        found = await said(gateway, WHY, "GET", "Patient?identifier=urn:tianfu:wristband|W0007")
        assert [each["resource"]["id"] for each in found.json()["entry"]] == ["baby-7"]
        raised = await said(gateway, WHY, "POST", "Flag", alarm)
        assert raised.status_code == 201, raised.text
        name = f"Flag/{raised.json()['id']}"
        await keeper.tick()
        assert (await ward.standing(7)).visit.reason == "being-cared-for"
        assert [each.reason for each in await shields(ward)] == ["being-cared-for"]
        with pytest.raises(Refusal, match="visit-cut"):
            await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
        at_home = Purpose.PATIENT_REQUEST
        assert (await said(mother, at_home, "GET", "Patient/baby-7")).status_code == 200
        for method, address, body in (("GET", name, None), ("GET", f"{name}/_history", None), ("POST", "Flag", alarm)):
            assert (await said(mother, at_home, method, address, body)).status_code in {403, 404}, (method, address)
        found = await said(mother, at_home, "GET", "Flag?patient=Patient/baby-7")
        assert found.json().get("entry", []) == [], "whoever wrote it, and without a mark of his"
        lowered = await said(gateway, WHY, "PUT", name, {**raised.json(), "status": "inactive"})
        assert lowered.status_code == 200, lowered.text
    await keeper.tick()
    assert await ward.state(7) is State.SHIELDED, "nothing opens by itself"
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    await keeper.tick()
    assert await ward.state(7) is State.LIVE


async def test_of_two_who_confirm_at_one_moment_the_second_touches_no_room(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    booked, binding = await ward.booked(7), (await ward.standing(7)).visit.binding
    assert binding is not None
    waiting = replace(booked, state=State.WAITING)  # as the second read it before the first had armed
    with pytest.raises(Refusal, match="room-exists"):
        await _arm(ward.house, waiting, binding, first=binding.scanned_at, now=ward.clock())
    assert not [each for each in await ward.running.port.events(0) if each.what in {"closed", SHIELDED}]
    await keeper.tick()
    assert await ward.state(7) is State.LIVE


async def test_a_lease_lasts_no_longer_than_the_slot(ward: MadeWard, lens: Client) -> None:
    await ward.bed(7)
    now = ward.clock()
    ends = Instant(now + 4 * SECOND)
    await ward.book(7, State.WAITING, start=Instant(now - MINUTE), end=ends)
    keeper = ward.keeper()
    await keeper.tick()
    await heard(keeper, "camera-7")
    await ward.arm(7)
    for _ in range(2):
        room = await ward.house.rooms.find("visit-7")
        assert room is not None
        assert room.lease_until <= ends
        await keeper.tick()
    visit = (await ward.standing(7)).visit
    assert [lease_seconds(visit, now=Instant(ends - each * SECOND)) for each in (60, 4, 0)] == [LEASE_SECONDS, 4, 0]


async def test_who_saw_is_told_to_the_second_by_two_events(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    mother = await viewer(ward.running.port, "visit-7", "somebody")
    await hears(keeper, "joined")
    await draw_curtain(ward.house, QIN, "visit-7", "feeding", now=ward.clock())
    await hears(keeper, "shielded")
    await keeper.write_down()
    began, ended = await ward.trail("watch-begin", "watch-end")
    events = await ward.running.port.events(0)
    joined, drawn = (next(each for each in events if each.what == what) for what in ("joined", "shielded"))
    assert began == ("watch-begin", "success", "somebody", joined.at)
    assert ended == ("watch-end", "success", "somebody", drawn.at)
    await keeper.write_down()
    assert len(await ward.trail("watch-begin", "watch-end")) == 2
    await mother.peer.close()


async def hears(keeper: Keeper, what: str) -> None:
    """Listen until the keeper has heard of something."""
    while keeper.listening.last_heard != what:
        await keeper.listening.hear()


async def test_only_one_of_two_keepers_looks_and_the_other_takes_over_behind_the_curtain(
    ward: MadeWard, lens: Client
) -> None:
    first = await live(ward)
    second = ward.keeper("two")
    await second.tick()
    assert first.is_keeper
    assert not second.is_keeper
    assert await ward.state(7) is State.LIVE
    await ward.house.rooms.leave_keeping("one")
    await second.tick()
    assert second.is_keeper
    assert await ward.state(7) is State.SHIELDED
    assert [each.reason for each in await shields(ward)] == ["keeper-changed"]
    first.claim_now()
    await first.tick()
    assert not first.is_keeper
    await heard(second, "camera-7")
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    await second.tick()
    assert await ward.state(7) is State.LIVE


async def test_a_media_server_that_was_killed_opens_its_rooms_again_behind_the_curtain(
    ward: MadeWard, lens: Client
) -> None:
    keeper = await live(ward)
    mother = await viewer(ward.running.port, "visit-7", "somebody")
    await hears(keeper, "joined")
    await ward.running.kill()
    ward.running.port.hang_up()
    await ward.running.start()
    keeper.lease_now()
    await keeper.tick()
    assert await ward.state(7) is State.SHIELDED
    await keeper.write_down()
    began, ended = await ward.trail("watch-begin", "watch-end")
    assert began[3] <= ended[3] <= ward.clock()
    again = await camera(ward.running.port, "camera-7")
    await heard(keeper, "camera-7")
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    assert await ward.state(7) is State.LIVE
    await asyncio.gather(mother.peer.close(), again.peer.close())


async def test_another_life_of_the_media_server_is_heard_from_its_beginning_however_far_it_has_counted(
    ward: MadeWard, lens: Client
) -> None:
    keeper = await live(ward)
    mother = await viewer(ward.running.port, "visit-7", "somebody")
    await hears(keeper, "joined")
    counted = (await ward.running.port.events(0))[-1].number
    await ward.running.kill()
    ward.running.port.hang_up()
    await ward.running.start()
    again = [await camera(ward.running.port, "camera-7")]
    while (await ward.running.port.events(0))[-1].number <= counted:
        again.append(await camera(ward.running.port, f"camera-{20 + len(again)}"))
    await keeper.listening.hear()
    assert {"camera-7", "camera-21"} <= keeper.listening.cameras
    await keeper.write_down()
    assert [each[2] for each in await ward.trail("watch-begin", "watch-end")] == ["somebody", "somebody"]
    await asyncio.gather(mother.peer.close(), *(each.peer.close() for each in again))


async def test_a_keeper_that_cannot_look_draws_every_curtain(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    await ward.database.close()
    running = asyncio.create_task(keeper.run())
    while not await shields(ward):  # noqa: ASYNC110 - the media server tells when
        await asyncio.sleep(0.02)
    running.cancel()
    assert [each.reason for each in await shields(ward)] == ["not-known"]


async def test_what_was_moved_opens_only_after_new_scans(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    await ward.stay(7, bed=8)
    await keeper.tick()
    await ward.stay(7, bed=7)
    await keeper.tick()
    with pytest.raises(Refusal) as refused:
        await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    assert refused.value.details["reason"] == "not-bound"
    await ward.arm(7)
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    assert await ward.state(7) is State.LIVE


async def test_a_tablet_that_is_heard_of_while_two_confirm_does_not_cut_the_visit(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    await ward.stay(7, bed=8)
    await keeper.tick()
    await ward.stay(7, bed=7)
    await keeper.tick()
    await ward.house.rooms.heard(["visit-7"], at=Instant(ward.clock() + 2 * SECOND))  # since they began
    await ward.arm(7)
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    assert await ward.state(7) is State.LIVE


async def test_another_ones_wristband_binds_nothing(ward: MadeWard, lens: Client) -> None:
    await ward.bed(7)
    await ward.bed(8)
    keeper = ward.keeper()
    await keeper.tick()
    await heard(keeper, "camera-7")
    with pytest.raises(Refusal) as refused:
        await ward.arm(7, bed=8)
    assert refused.value.code in {"baby-in-another-bed", "wristband-unknown", "camera-at-another-bed"}
    assert await ward.house.rooms.find("visit-7") is None
    assert [each[1] for each in await ward.trail("scan-code")][-1] == refused.value.code


async def test_the_one_who_scanned_cannot_confirm(ward: MadeWard, lens: Client) -> None:
    await ward.bed(7)
    for code, text in ((Code.WRISTBAND, "W0007"), (Code.BED, "B07"), (Code.CAMERA, "C07")):
        await scan_code(ward.house, QIN, "qin", "visit-7", code, text, now=ward.clock())
    with pytest.raises(Refusal) as refused:
        await confirm_binding(ward.house, QIN, "qin", "visit-7", now=ward.clock())
    assert refused.value.code == "same-person"


async def test_a_nurse_of_another_unit_finds_no_visit(ward: MadeWard, lens: Client) -> None:
    await live(ward)
    for deed in (
        draw_curtain(ward.house, ELSEWHERE, "visit-7", "feeding", now=ward.clock()),
        open_curtain(ward.house, ELSEWHERE, "visit-7", now=ward.clock()),
        scan_code(ward.house, ELSEWHERE, "far", "visit-7", Code.BED, "B07", now=ward.clock()),
        end_visit(ward.house, ELSEWHERE, "visit-7", now=ward.clock()),
    ):
        with pytest.raises(Refusal) as refused:
            await deed
        assert refused.value.code == "not-found"
    assert await ward.state(7) is State.LIVE


async def test_an_ended_visit_is_closed_and_written_and_its_binding_ends(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    await keeper.write_down()
    await end_visit(ward.house, QIN, "visit-7", now=ward.clock())
    for _ in range(3):
        await keeper.write_down()
    assert await ward.state(7) is State.CLOSED
    appointment, encounter = await ward.read("Appointment", "visit-7"), await ward.read("Encounter", "visit-7")
    assert appointment["status"] == "fulfilled"
    assert [each["status"] for each in encounter["statusHistory"]] == ["in-progress", "onleave", "finished"]
    binding = (await ward.standing(7)).bindings[0].binding
    statement = await ward.read("DeviceUseStatement", f"visit-7-{binding.scanned_at}")
    assert statement["status"] == "completed"
    assert "end" in statement["timingPeriod"]
    assert not [each for each in await ward.house.rooms.at_work() if each.visit == "visit-7"]


async def test_a_family_that_cancels_ends_an_armed_visit(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    booked = await ward.booked(7)
    await ward.book(7, State.CANCELLED, start=booked.start, end=booked.end, reason="family")
    await keeper.tick()
    assert await ward.state(7) is State.ABORTED


async def gate_of(ward: MadeWard, visit: str = "visit-7") -> str:
    """What the media server told last of a gate."""
    told = await ward.running.port.events(0)
    return [each.what for each in told if each.what in {LIVE, SHIELDED} and each.visit == visit][-1]


async def test_a_keeper_whose_claim_failed_asks_again_before_it_looks(
    ward: MadeWard, lens: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await live(ward)
    first.claim_now()

    async def fails(keeper: str, *, lasts_seconds: float) -> bool:
        raise Refusal("overloaded")

    with monkeypatch.context() as broken, pytest.raises(Refusal):
        broken.setattr(ward.house.rooms, "take_keeping", fails)
        await first.tick()
    await ward.house.rooms.leave_keeping("one")
    second = ward.keeper("two")
    await second.tick()
    await first.tick()
    assert (first.is_keeper, second.is_keeper) == (False, True)


async def test_a_claim_that_was_answered_too_late_is_none(
    ward: MadeWard, lens: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ward.bed(7)
    monkeypatch.setattr(f"{Keeper.__module__}.KEEPING_SECONDS", 0.0)  # every answer takes as long
    keeper = ward.keeper()
    await keeper.tick()
    assert not keeper.is_keeper


async def test_who_lost_the_place_while_taking_over_does_not_keep(
    ward: MadeWard, lens: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(ward)
    await ward.house.rooms.leave_keeping("one")
    slow, quick = ward.keeper("slow"), ward.keeper("quick")
    draw = slow._draw

    async def drawn_late(visit: str, reason: str) -> None:
        await ward.house.rooms.leave_keeping("slow")  # as when its time has run out
        await quick.tick()
        await draw(visit, reason)

    monkeypatch.setattr(slow, "_draw", drawn_late)
    await slow.tick()
    assert (slow.is_keeper, quick.is_keeper) == (False, True)


async def test_a_former_keeper_draws_no_curtain_of_the_one_that_keeps(ward: MadeWard, lens: Client) -> None:
    first = await live(ward)
    await ward.house.rooms.leave_keeping("one")
    second = ward.keeper("two")
    await second.tick()
    await heard(second, "camera-7")
    first.claim_now()
    await first.tick()
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    await first.draw_all("not-known")
    assert await gate_of(ward) == LIVE


async def test_a_row_that_is_live_no_more_is_drawn_before_anybody_reads_it(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    await keeper._change("visit-7", lambda visit: shielded(visit, "bed-moved"))
    assert [each.reason for each in await shields(ward)] == ["bed-moved"]


async def test_a_row_that_somebody_holds_keeps_no_other_curtain_open(ward: MadeWard, lens: Client) -> None:
    """A worker hangs with one visit's row while another baby is moved, and then its own is: both are cut at once."""
    keeper = await live(ward)
    other = await camera(ward.running.port, "camera-8")
    await ward.bed(8)
    await heard(keeper, "camera-8")
    await ward.arm(8)
    await keeper.tick()
    await open_curtain(ward.house, QIN, "visit-8", now=ward.clock())
    async with ward.house.rooms.changing("visit-7"):
        await ward.stay(8, bed=9)
        keeper.lease_now()
        async with asyncio.timeout(20):
            await keeper.tick()
        assert await ward.state(8) is State.SHIELDED
        assert await gate_of(ward, "visit-7") == LIVE, "nothing is wrong there"
        assert await gate_of(ward, "visit-8") == SHIELDED
        await ward.stay(7, bed=9)
        async with asyncio.timeout(20):
            await keeper.tick()
        assert await gate_of(ward, "visit-7") == SHIELDED
        assert await ward.state(7) is State.LIVE, "its row is not to be had"
        await ward.stay(7, bed=7)
    await keeper.tick()
    assert await ward.state(7) is State.SHIELDED, "the row follows, whatever the record says meanwhile"
    await other.peer.close()


async def test_whoever_takes_over_draws_every_curtain_although_somebody_holds_a_row(
    ward: MadeWard, lens: Client
) -> None:
    await live(ward)
    await ward.house.rooms.leave_keeping("one")
    second = ward.keeper("two")
    async with ward.house.rooms.changing("visit-7"):
        async with asyncio.timeout(20):
            await second.tick()
        assert await gate_of(ward, "visit-7") == SHIELDED
    await second.tick()
    assert await ward.state(7) is State.SHIELDED


Touch = Callable[[MadeWard], Awaitable[object]]


async def is_moved(ward: MadeWard) -> None:
    await ward.stay(7, bed=9)


async def nothing_happens(ward: MadeWard) -> None:
    """Whoever has the row only has it for some time."""


@pytest.mark.parametrize(
    ("seconds", "happens", "gate_meanwhile", "state"),
    [
        (0.5, nothing_happens, LIVE, State.LIVE),
        (2.5, nothing_happens, SHIELDED, State.SHIELDED),  # a worker that hangs with the curtain open
        (0.5, is_moved, SHIELDED, State.SHIELDED),
    ],
)
async def test_who_opens_slowly_has_opened_and_who_hangs_with_it_or_over_a_moved_baby_has_not(
    ward: MadeWard,
    lens: Client,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    happens: Touch,
    gate_meanwhile: str,
    state: State,
) -> None:
    passed = [100.0]
    await ward.bed(7)
    keeper = Keeper(replace(ward.house, monotonic=lambda: passed[0]), name="one")
    await keeper.tick()
    await heard(keeper, "camera-7")
    await ward.arm(7)
    await keeper.tick()
    is_open, has_answered = asyncio.Event(), asyncio.Event()
    gate = ward.house.media.gate

    async def answers_late(visit: str, wanted: Gate, reason: str) -> object:
        told = await gate(visit, wanted, reason)
        if wanted is Gate.LIVE:
            is_open.set()
            await has_answered.wait()
        return told

    monkeypatch.setattr(ward.house.media, "gate", answers_late)
    opening = asyncio.create_task(open_curtain(ward.house, QIN, "visit-7", now=ward.clock()))
    await is_open.wait()
    await happens(ward)
    passed[0] += 1.2  # it is time to draw it again
    await keeper.tick()
    passed[0] += seconds
    await keeper.tick()
    assert await gate_of(ward) == gate_meanwhile
    has_answered.set()
    await opening
    await keeper.tick()
    await keeper.tick()
    assert await ward.state(7) is state
    assert await gate_of(ward) == gate_meanwhile


async def test_a_shield_that_is_told_late_takes_no_later_one_from_a_row_that_is_behind(
    ward: MadeWard, lens: Client
) -> None:
    keeper = await live(ward)
    room = await ward.house.rooms.find("visit-7")
    assert room is not None
    before, after = Instant(room.changed_at - 1), Instant(room.changed_at + 1)
    async with ward.house.rooms.changing("visit-7"):
        await keeper._shield_row("visit-7", "bed-moved", since=after)
        await keeper._shield_row("visit-7", "lease-lost", since=before)
    await keeper._shield_row("visit-7", "lease-lost", since=before)
    assert await ward.state(7) is State.LIVE, "a nurse opened it after that"
    await keeper.tick()
    visit = (await ward.standing(7)).visit
    assert (visit.state, visit.reason) == (State.SHIELDED, "bed-moved")


@pytest.mark.parametrize(
    "touch",
    [
        lambda ward: hold_ward(ward.house, QIN, "qin", WARD, now=ward.clock()),
        lambda ward: end_visit(ward.house, QIN, "visit-7", now=ward.clock()),
        lambda ward: draw_curtain(ward.house, QIN, "visit-7", "feeding", now=ward.clock()),
    ],
)
async def test_a_touch_while_somebody_opens_leaves_nothing_open(
    ward: MadeWard, lens: Client, monkeypatch: pytest.MonkeyPatch, touch: Touch
) -> None:
    await live(ward)
    await draw_curtain(ward.house, QIN, "visit-7", "feeding", now=ward.clock())
    is_opening, row_is_waited_for = asyncio.Event(), asyncio.Event()
    gate, changing = ward.house.media.gate, ward.house.rooms.changing

    async def opens_late(visit: str, wanted: Gate, reason: str) -> object:
        if wanted is Gate.LIVE:
            is_opening.set()
            await row_is_waited_for.wait()
        return await gate(visit, wanted, reason)

    def changed(visit: str) -> object:
        if is_opening.is_set():
            row_is_waited_for.set()
        return changing(visit)

    monkeypatch.setattr(ward.house.media, "gate", opens_late)
    monkeypatch.setattr(ward.house.rooms, "changing", changed)
    opening = asyncio.create_task(open_curtain(ward.house, QIN, "visit-7", now=ward.clock()))
    await is_opening.wait()
    await touch(ward)
    await opening
    assert await ward.state(7) in {State.SHIELDED, State.ENDING}
    assert await gate_of(ward) == SHIELDED


@pytest.mark.parametrize("touch", ["draw", "end"])
async def test_a_nurse_draws_and_ends_whatever_became_of_the_appointment(
    ward: MadeWard, lens: Client, touch: str
) -> None:
    await live(ward)
    await unbook(ward)
    assert await heard_of(ward.house, QIN, "qin", also="visit-7") == ["visit-7"]
    for who in (ELSEWHERE, QIN):
        deed = (
            draw_curtain(ward.house, who, "visit-7", "feeding", now=ward.clock())
            if touch == "draw"
            else end_visit(ward.house, who, "visit-7", now=ward.clock())
        )
        if who is QIN:
            await deed
            continue
        with pytest.raises(Refusal, match="not-found"):
            await deed
        assert await gate_of(ward) == LIVE
    assert await gate_of(ward) == SHIELDED


async def test_a_visit_whose_appointment_is_gone_is_written_without_it(ward: MadeWard, lens: Client) -> None:
    keeper = await live(ward)
    await keeper.write_down()
    await unbook(ward)
    await keeper.tick()
    await keeper.write_down()
    assert (await ward.read("Encounter", "visit-7"))["status"] == "finished"
    assert not await ward.house.rooms.at_work()


async def lease_runs_out(ward: MadeWard, lens: Client) -> Client:
    await ward.house.media.renew("visit-7", lease_seconds=0.1)
    return lens


async def camera_comes_again(ward: MadeWard, lens: Client) -> Client:
    await lens.peer.close()
    while await gate_of(ward) == LIVE:  # noqa: ASYNC110 - the media server tells when
        await asyncio.sleep(0.02)
    return await camera(ward.running.port, "camera-7")


Happens = Callable[[MadeWard, Client], Awaitable[Client]]


@pytest.mark.parametrize(("happens", "reason"), [(lease_runs_out, "lease-lost"), (camera_comes_again, "camera-away")])
async def test_a_row_follows_a_gate_that_was_shielded_by_itself_and_a_nurse_opens_again(
    ward: MadeWard, lens: Client, happens: Happens, reason: str
) -> None:
    keeper = await live(ward)
    again = await happens(ward, lens)
    while await gate_of(ward) == LIVE:  # noqa: ASYNC110 - the media server tells when
        await asyncio.sleep(0.02)
    await keeper.listening.hear()  # what is told by now comes at once
    visit = (await ward.standing(7)).visit
    assert (visit.state, visit.reason) == (State.SHIELDED, reason)
    keeper.lease_now()
    await heard(keeper, "camera-7")
    await keeper.tick()
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    keeper.listening.forget()  # told everything again, the old shield changes nothing
    await heard(keeper, "camera-7")
    assert await ward.state(7) is State.LIVE
    assert await gate_of(ward) == LIVE
    await again.peer.close()
