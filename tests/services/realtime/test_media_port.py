"""What every media server must be able to do for us, asked of a real one in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import stat
from collections.abc import AsyncIterator

import pytest

from tests.services.realtime.made import PACKETS_OF_PICTURE, PICTURE_TO_SEE, Client, camera, tag_of, until, viewer
from tests.services.realtime.running import Running, embedded
from tianfu.kernel.instants import SECOND, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.port import CAMERA_BACK, CAMERA_LOST, CLOSED, JOINED, LEFT, LIVE, SHIELDED, MediaPort
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import LEASE_LOST, Gate
from tianfu.services.realtime.protocol.trickle import Trickle

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 20.0


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    async with embedded() as started:
        yield started


@pytest.fixture
def port(running: Running) -> MediaPort:
    return running.port


async def code_of(asked: object) -> str:
    with pytest.raises(Refusal) as refused:
        await asked  # type: ignore[misc]  # whatever is asked
    return refused.value.code


async def show(seen: Client, numbers: range, *, whole: int | None = None) -> None:
    for number in numbers:
        seen.send_picture(b"1", number, whole=number == whole)
        await asyncio.sleep(0.02)


async def close(*clients: Client) -> None:
    await asyncio.gather(*(each.peer.close() for each in clients))


async def test_a_visit_from_beginning_to_end(port: MediaPort) -> None:
    before = system_clock()
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await viewer(port, "visit", "mother")
    await show(seen, range(2), whole=0)
    assert not mother.heard
    live = await port.gate("visit", Gate.LIVE, "nurse")
    await show(seen, range(2, 5), whole=2)
    await until(lambda: len(mother.heard) == 3 * PACKETS_OF_PICTURE)
    assert {tag_of(data) for _, data in mother.heard} == {b"1"}
    (quality,) = await port.stats()
    assert (quality.visit, quality.participant, quality.packets) == ("visit", "mother", 3 * PACKETS_OF_PICTURE)
    shielded = await port.gate("visit", Gate.SHIELDED, "care")
    await show(seen, range(5, 8), whole=6)
    await asyncio.sleep(0.1)
    assert len(mother.heard) == 3 * PACKETS_OF_PICTURE
    await port.renew("visit", lease_seconds=LEASE_SECONDS)
    await port.kick("visit", "mother")
    await port.close("visit", "slot-over")
    await port.close("visit", "slot-over")
    events = await port.events(0)
    assert [(each.what, each.visit, each.who, each.reason) for each in events] == [
        (CAMERA_BACK, "", "bed-1", ""),
        (JOINED, "visit", "mother", "family"),
        (LIVE, "visit", "", "nurse"),
        (SHIELDED, "visit", "", "care"),
        (LEFT, "visit", "mother", "let-go"),
        (CLOSED, "visit", "", "slot-over"),
    ]
    assert [each.number for each in events] == list(range(1, 7))
    assert before <= events[0].at <= live <= shielded <= events[-1].at <= before + 30 * SECOND
    assert await port.events(5) == [events[-1]]
    await close(seen, mother)


async def test_no_packet_leaves_after_a_shield_was_acknowledged(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await viewer(port, "visit", "mother")
    sending = asyncio.create_task(show(seen, range(3_000), whole=0))
    for _ in range(10):
        await port.gate("visit", Gate.LIVE, "nurse")
        await until(lambda: any(isinstance(each, object) for each in seen.control))
        seen.send_picture(b"1", 5_000, whole=True)
        await asyncio.sleep(0.05)
        await port.gate("visit", Gate.SHIELDED, "care")
        await asyncio.sleep(0.1)  # what was on its way over loopback has come
        count = len(mother.heard)
        await asyncio.sleep(0.2)
        assert len(mother.heard) == count
    assert mother.heard
    sending.cancel()
    await close(seen, mother)


async def test_a_lease_that_nobody_renews_is_lost_and_told(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await viewer(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    await port.renew("visit", lease_seconds=0.3)
    (lost,) = [each for each in await port.events(3) if each.what == SHIELDED]
    assert lost.reason == LEASE_LOST
    await show(seen, range(3), whole=0)
    assert not mother.heard
    assert await code_of(port.gate("visit", Gate.LIVE, "nurse")) == "lease-lost"
    await port.renew("visit", lease_seconds=LEASE_SECONDS)
    await port.gate("visit", Gate.LIVE, "nurse")
    await show(seen, range(3, 5), whole=3)
    await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE)
    await close(seen, mother)


async def test_a_camera_that_goes_is_missed(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await seen.peer.close()
    assert [(each.what, each.who) for each in await port.events(1)] == [(CAMERA_LOST, "bed-1")]
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    client = Client()
    offer = await client.peer.offer(PICTURE_TO_SEE, video=("H264",))
    assert await code_of(port.whep("visit", "mother", Part.FAMILY, offer)) == "camera-away"
    await close(client)


async def test_what_cannot_be_is_refused(port: MediaPort) -> None:
    assert await code_of(port.renew("visit", lease_seconds=1)) == "room-unknown"
    assert await code_of(port.gate("visit", Gate.LIVE, "nurse")) == "room-unknown"
    assert await code_of(port.whep("visit", "mother", Part.FAMILY, "v=0")) == "room-unknown"
    assert await code_of(port.whip("bed-1", "v=0")) == "offer-malformed"
    assert await code_of(port.whip("bed-1", "x" * 300_000)) in {"media-unavailable", "offer-malformed"}
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    assert await code_of(port.open_room("visit", "bed-1", lease_seconds=1)) == "room-exists"
    await port.kick("visit", "nobody")


async def test_a_server_that_was_killed_is_missed_and_its_successor_is_found(running: Running) -> None:
    seen = await camera(running.port, "bed-1")
    await running.port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    waiting = asyncio.create_task(code_of(running.port.events(1)))
    await asyncio.sleep(0.05)
    await running.kill()
    assert await waiting == "media-unavailable"
    assert await code_of(running.port.renew("visit", lease_seconds=1)) == "media-unavailable"
    await running.start()
    assert await code_of(running.port.renew("visit", lease_seconds=1)) == "room-unknown", "a server that ends forgets"
    await close(seen)


async def test_nobody_takes_a_new_lifes_events_for_the_old_ones(running: Running) -> None:
    seen = await camera(running.port, "bed-1")
    await running.port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    await running.port.close("visit", "slot-over")
    before = await running.port.events(0)
    epoch = await running.port.life()
    assert {each.epoch for each in before} == {epoch}
    await running.kill()
    await running.start()
    assert await running.port.life() != epoch
    again = await camera(running.port, "bed-2")
    (told,) = await running.port.events(before[-1].number, epoch)
    assert (told.number, told.who, told.epoch) == (1, "bed-2", await running.port.life())
    third = await camera(running.port, "bed-3")
    (told,) = await running.port.events(1, told.epoch)
    assert told.who == "bed-3", "in its own life the count goes on"
    await close(seen, again, third)


async def test_a_camera_that_is_unplugged_shows_nothing_more(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await viewer(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    await show(seen, range(3), whole=0)
    await until(lambda: len(mother.heard) == 3 * PACKETS_OF_PICTURE)
    await port.unplug("bed-1")
    await port.unplug("bed-1")
    assert [(each.what, each.who, each.reason) for each in (await port.events(0))[-2:]] == [
        (CAMERA_LOST, "bed-1", ""),
        (SHIELDED, "", "camera-away"),
    ]
    assert await code_of(port.gate("visit", Gate.LIVE, "nurse")) == "camera-away"
    await close(seen, mother)


async def test_an_offer_of_ours_that_nobody_answers_keeps_nobody_out(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    offer = await port.whep_offer("visit", "mother", Part.FAMILY, may_speak=False)
    assert "a=sendrecv" not in offer
    assert "a=recvonly" not in offer
    assert await code_of(port.whep_offer("visit", "mother", Part.FAMILY, may_speak=False)) == "already-in-room"
    await port.kick("visit", "mother")
    assert await code_of(port.whep_answer("visit", "mother", "v=0")) == "not-in-room"
    mother = await viewer(port, "visit", "mother")
    await port.whep_offer("visit", "father", Part.FAMILY, may_speak=True)
    assert await code_of(port.whep_answer("visit", "father", "v=0")) == "answer-malformed"
    assert len(await port.stats()) == 1
    await close(seen, mother)


async def test_addresses_of_nobody_are_refused_and_harm_nobody(port: MediaPort) -> None:
    news = Trickle(ufrag="abcd", pwd="x" * 22, candidates=(), is_last=True)
    assert await code_of(port.whip_trickle("bed-1", news)) == "camera-away"
    assert await code_of(port.whep_trickle("visit", "mother", news)) == "room-unknown"
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    assert await code_of(port.whep_trickle("visit", "mother", news)) == "not-in-room"
    wild = Trickle(ufrag="abcd", pwd="x" * 22, candidates=("x",), is_last=True)
    assert await code_of(port.whip_trickle("bed-1", wild)) == "fragment-malformed"
    await port.whip_trickle("bed-1", news)  # a restart that leads nowhere: the old way stays
    await port.gate("visit", Gate.LIVE, "nurse")
    mother = await viewer(port, "visit", "mother")
    await show(seen, range(2), whole=0)
    await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE)
    await close(seen, mother)


async def test_told_to_stop_it_ends_by_itself(running: Running) -> None:
    seen = await camera(running.port, "bed-1")
    assert await running.kill(signal.SIGTERM) == 0
    await close(seen)


async def test_nobody_else_may_speak_to_it(running: Running) -> None:
    assert stat.S_IMODE(running.socket.parent.stat().st_mode) == 0o700
