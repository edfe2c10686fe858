"""The keeper with the real database and the real media process: what is seen, and what cuts it off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.apps.newborn.ward import ELSEWHERE, QIN, MadeWard, made_ward
from tests.services.realtime.made import Client, camera, viewer
from tests.services.realtime.running import Running, embedded
from tianfu.apps.newborn.actions.confirm_binding import confirm_binding
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.actions.end_visit import end_visit
from tianfu.apps.newborn.actions.hold_ward import hold_ward
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.actions.scan_codes import scan_code
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.model.binding import Code
from tianfu.apps.newborn.model.visit import State
from tianfu.db import Database
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.port import SHIELDED, Happened

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
    await keeper._keep_drawn(room.visit, "shielded")  # decided on what it read before she opened
    assert await ward.state(7) is State.LIVE
    assert await shields(ward) == before


Breaks = Callable[[MadeWard], Awaitable[object]]


@pytest.mark.parametrize(
    ("breaks", "state", "reason"),
    [
        (lambda ward: ward.stay(7, bed=8), State.SHIELDED, "bed-moved"),
        (lambda ward: ward.camera_at(7, 8), State.SHIELDED, "camera-moved"),
        (lambda ward: ward.stay(7, bed=7, status="finished"), State.ABORTED, "discharged"),
        (lambda ward: ward.consent(7, "inactive"), State.ABORTED, "consent-withdrawn"),
        (lambda ward: ward.dispute(7), State.ABORTED, "guardianship-disputed"),
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
