"""The keeper with the real database and the real media process: what is seen, and what cuts it off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from tests.apps.newborn.ward import QIN, MadeWard, made_ward
from tests.services.realtime.made import Client, camera, viewer
from tests.services.realtime.running import Running, embedded
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.actions.hold_ward import hold_ward
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.live.keeper import Keeper
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


async def kept(keeper: Keeper, ward: MadeWard, number: int, state: State) -> None:
    """Look, as the keeper does, until a visit stands so; a keeper that never gets there fails."""
    for _ in range(200):
        await keeper.tick()
        if number in ward.visits and await ward.house.rooms.find(ward.visits[number]) is not None:
            if await ward.state(number) is state:
                return
        await asyncio.sleep(0.02)
    raise AssertionError(await ward.standing(number))


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
