"""What every media server must be able to do for us, asked of a real one in a process of its own."""

from __future__ import annotations

import asyncio
import signal
import stat
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.services.realtime.janus_running import SERVERS, Server, look, speak_up
from tests.services.realtime.made import (
    CAMERA,
    CART,
    CONNECT_SECONDS,
    PACKETS_OF_PICTURE,
    PICTURE_TO_SEE,
    PICTURE_TO_SEND,
    Client,
    camera,
    tag_of,
    until,
)
from tianfu.kernel.instants import SECOND, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.raw_peer import Line
from tianfu.services.realtime.port import (
    CAMERA_BACK,
    CAMERA_LOST,
    CLOSED,
    JOINED,
    LEFT,
    LIVE,
    SHIELDED,
    MediaPort,
    OffersFirst,
)
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import LEASE_LOST, Gate
from tianfu.services.realtime.protocol.trickle import Trickle, read_fragment

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 20.0

EMBEDDED_ALONE = pytest.mark.parametrize("running", ["embedded"], indirect=True)
"""What Janus cannot promise, and refuses or leaves out; each test says why (docs/decisions/0016-janus.md)."""


@pytest.fixture(params=list(SERVERS))
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    async with SERVERS[request.param]() as started:
        yield started


@pytest.fixture
def port(running: Server) -> MediaPort:
    return running.port


async def code_of(asked: object) -> str:
    with pytest.raises(Refusal) as refused:
        await asked  # type: ignore[misc]  # whatever is asked
    return refused.value.code


async def show(seen: Client, numbers: range, *, whole: int | None = None) -> None:
    for number in numbers:
        seen.send_picture(b"1", number, whole=number == whole)
        await asyncio.sleep(0.02)


async def has_happened(port: MediaPort, what: str, *, reason: str = "") -> bool:
    return any(each.what == what and reason in {"", each.reason} for each in await port.events(0))


async def close(*clients: Client) -> None:
    await asyncio.gather(*(each.peer.close() for each in clients))


async def test_a_visit_from_beginning_to_end(port: MediaPort) -> None:
    before = system_clock()
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await show(seen, range(2), whole=0)
    assert not mother.heard
    live = await port.gate("visit", Gate.LIVE, "nurse")
    await show(seen, range(2, 5), whole=2)
    await until(lambda: len(mother.heard) == 3 * PACKETS_OF_PICTURE)
    assert {tag_of(data) for _, data in mother.heard} == {b"1"}
    (quality,) = await port.stats()
    assert (quality.visit, quality.participant, quality.packets) == ("visit", "mother", 3 * PACKETS_OF_PICTURE)
    assert quality.join_ms is not None
    assert 0 <= quality.join_ms <= 1_000 * CONNECT_SECONDS
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
    mother = await look(port, "visit", "mother")
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
    mother = await look(port, "visit", "mother")
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


async def test_a_camera_that_comes_back_is_seen_only_when_the_gate_is_opened_again(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    await seen.peer.close()
    async with asyncio.timeout(CONNECT_SECONDS):
        while (await port.events(0))[-1].what != SHIELDED:  # noqa: ASYNC110 - a port is asked, it does not call
            await asyncio.sleep(0.05)
    back = await camera(port, "bed-1")
    await show(back, range(3), whole=0)
    assert not mother.heard
    await port.gate("visit", Gate.LIVE, "nurse")
    await show(back, range(3, 5), whole=3)
    await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE)
    assert [(each.what, each.who or each.reason) for each in await port.events(3)] == [
        (CAMERA_LOST, "bed-1"),
        (SHIELDED, "camera-away"),
        (CAMERA_BACK, "bed-1"),
        (LIVE, "nurse"),
    ]
    await close(back, mother)


async def test_another_device_under_a_cameras_name_draws_the_curtain(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    another = await camera(port, "bed-1")
    number = 0
    async with asyncio.timeout(CONNECT_SECONDS):
        while not await has_happened(port, SHIELDED, reason="camera-away"):
            another.send_picture(b"2", number, whole=True)
            number += 1
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    assert not mother.heard
    await port.gate("visit", Gate.LIVE, "nurse")
    another.send_picture(b"2", number, whole=True)
    await until(lambda: len(mother.heard) == PACKETS_OF_PICTURE)
    assert {tag_of(data) for _, data in mother.heard} == {b"2"}
    await close(seen, another, mother)


async def test_two_visits_of_two_beds_see_their_own(port: MediaPort) -> None:
    cameras = {bed: await camera(port, bed) for bed in ("bed-1", "bed-2")}
    families = {}
    for bed in cameras:
        await port.open_room(f"visit-{bed}", bed, lease_seconds=LEASE_SECONDS)
        families[bed] = await look(port, f"visit-{bed}", "mother")
    await port.gate("visit-bed-1", Gate.LIVE, "nurse")
    for bed, each in cameras.items():
        each.send_picture(bed[-1].encode(), 0, whole=True)
    await until(lambda: len(families["bed-1"].heard) == PACKETS_OF_PICTURE)
    await asyncio.sleep(0.1)
    assert {tag_of(data) for _, data in families["bed-1"].heard} == {b"1"}
    assert not families["bed-2"].heard
    await close(*cameras.values(), *families.values())


@pytest.mark.parametrize("lines", [CAMERA, CART, (CART[0], CART[2], CART[1])], ids=["camera", "cart", "other-order"])
async def test_the_wards_sound_is_heard_only_when_it_was_allowed(port: MediaPort, lines: Sequence[Line]) -> None:
    seen = await camera(port, "bed-1", lines)
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    seen.send_sound("ward", b"w", range(5))
    await asyncio.sleep(0.2)
    assert not mother.sounds("ward")
    await port.hear_ward("visit", is_heard=True)
    seen.send_sound("ward", b"x", range(5, 10))
    await until(lambda: len(mother.sounds("ward")) == 5)
    await port.hear_ward("visit", is_heard=False)
    await asyncio.sleep(0.1)
    seen.send_sound("ward", b"y", range(10, 15))
    await asyncio.sleep(0.2)
    assert set(mother.sounds("ward")) == {b"x"}
    await port.hear_ward("visit", is_heard=True)
    await port.gate("visit", Gate.SHIELDED, "care")
    seen.send_sound("ward", b"z", range(15, 20))
    await asyncio.sleep(0.2)
    assert set(mother.sounds("ward")) == {b"x"}
    assert not seen.heard, "nobody is sent back what he sends"
    await close(seen, mother)


async def test_one_voice_is_heard_while_its_key_is_held_down(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    nurse = await look(port, "visit", "nurse", Part.NURSE)
    aunt = await look(port, "visit", "aunt", Part.GUEST)
    voice = await speak_up(port, "visit", "mother", mother)
    assert await code_of(port.talk("visit", "mother", is_pressed=True)) == "curtain-drawn"
    await port.gate("visit", Gate.LIVE, "nurse")
    voice.send_sound("voice", b"a", range(5))
    await asyncio.sleep(0.2)
    assert not nurse.heard
    await port.talk("visit", "mother", is_pressed=True)
    assert await code_of(port.talk("visit", "aunt", is_pressed=True)) == "view-only"
    assert await code_of(port.talk("visit", "nobody", is_pressed=True)) == "not-in-room"
    voice.send_sound("voice", b"b", range(5, 10))
    await until(lambda: len(nurse.sounds("voice")) == 5)
    await port.talk("visit", "mother", is_pressed=False)
    voice.send_sound("voice", b"c", range(10, 15))
    await asyncio.sleep(0.2)
    assert set(nurse.sounds("voice")) == {b"b"}
    assert not aunt.heard, "a guest hears the nurse and no family"
    assert not mother.heard, "nobody hears himself"
    await port.silence("visit", "mother", is_silenced=True)
    assert await code_of(port.talk("visit", "mother", is_pressed=True)) == "silenced"
    await close(seen, mother, nurse, aunt, voice)


async def test_a_voice_ends_with_the_picture(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    nurse = await look(port, "visit", "nurse", Part.NURSE)
    voice = await speak_up(port, "visit", "nurse", nurse)
    await port.gate("visit", Gate.LIVE, "nurse")
    await port.talk("visit", "nurse", is_pressed=True)
    voice.send_sound("voice", b"a", range(5))
    await until(lambda: len(mother.sounds("voice")) == 5)
    await port.gate("visit", Gate.SHIELDED, "care")
    voice.send_sound("voice", b"b", range(5, 10))
    await asyncio.sleep(0.2)
    assert set(mother.sounds("voice")) == {b"a"}
    await close(seen, mother, nurse, voice)


async def test_who_was_let_go_sees_nothing_more_and_may_come_again(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    father = await look(port, "visit", "father")
    await port.gate("visit", Gate.LIVE, "nurse")
    await port.kick("visit", "mother")
    await port.kick("visit", "mother")
    seen.send_picture(b"1", 0, whole=True)
    await until(lambda: len(father.heard) == PACKETS_OF_PICTURE)
    assert not mother.heard
    again = await look(port, "visit", "mother")
    await show(seen, range(1, 20), whole=1)
    await until(lambda: bool(again.heard))
    assert not mother.heard
    await close(seen, mother, father, again)


async def test_who_comes_again_takes_his_own_place_and_his_first_end_sees_nothing_more(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    before = await look(port, "visit", "mother")
    again = await look(port, "visit", "mother")
    (left,) = [each for each in await port.events(0) if each.what == LEFT]
    assert (left.who, left.reason) == ("mother", "joined-again")
    assert len(await port.stats()) == 1
    await port.gate("visit", Gate.LIVE, "nurse")
    seen.send_picture(b"1", 0, whole=True)
    await until(lambda: len(again.heard) == PACKETS_OF_PICTURE)
    await port.kick("visit", "mother")
    await show(seen, range(1, 5), whole=1)
    await asyncio.sleep(0.2)
    assert not before.heard
    assert len(again.heard) == PACKETS_OF_PICTURE
    assert not await port.stats()
    await close(seen, before, again)


async def test_an_offer_of_ours_that_is_not_answered_takes_nobodys_place(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    await port.whep_offer("visit", "mother", Part.FAMILY, may_speak=False)
    assert await code_of(port.whep_answer("visit", "mother", "v=0")) == "answer-malformed"
    seen.send_picture(b"1", 0, whole=True)
    await until(lambda: len(mother.heard) == PACKETS_OF_PICTURE)
    assert not await has_happened(port, LEFT)
    await close(seen, mother)


async def test_after_its_end_a_room_shows_nobody_anything(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    await port.close("visit", "slot-over")
    await show(seen, range(3), whole=0)
    await asyncio.sleep(0.2)
    assert not mother.heard
    assert await code_of(look(port, "visit", "mother")) == "room-unknown"
    assert await code_of(port.gate("visit", Gate.LIVE, "nurse")) == "room-unknown"
    await close(seen, mother)


async def test_who_loses_his_connection_is_missed(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await close(mother)
    (left,) = await port.events(2)
    assert (left.what, left.visit, left.who, left.reason) == (LEFT, "visit", "mother", "connection-lost")
    await close(seen)


async def test_what_cannot_be_is_refused(port: MediaPort) -> None:
    assert await code_of(port.renew("visit", lease_seconds=1)) == "room-unknown"
    assert await code_of(port.gate("visit", Gate.LIVE, "nurse")) == "room-unknown"
    assert await code_of(port.whep("visit", "mother", Part.FAMILY, "v=0")) == "room-unknown"
    assert await code_of(port.whip("bed-1", "v=0")) == "offer-malformed"
    assert await code_of(port.whip("bed-1", "x" * 300_000)) in {"media-unavailable", "offer-malformed"}
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    assert await code_of(port.open_room("visit", "bed-1", lease_seconds=1)) == "room-exists"
    await port.kick("visit", "nobody")


async def test_a_server_that_was_killed_is_missed_and_its_successor_is_found(running: Server) -> None:
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


async def test_nobody_takes_a_new_lifes_events_for_the_old_ones(running: Server) -> None:
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
    mother = await look(port, "visit", "mother")
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
    await port.whep_offer("visit", "mother", Part.FAMILY, may_speak=False)
    await port.kick("visit", "mother")
    assert await code_of(port.whep_answer("visit", "mother", "v=0")) == "not-in-room"
    mother = await look(port, "visit", "mother")
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
    await port.gate("visit", Gate.LIVE, "nurse")
    mother = await look(port, "visit", "mother")
    await show(seen, range(2), whole=0)
    await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE)
    await close(seen, mother)


async def test_addresses_that_are_told_later_are_taken(port: MediaPort) -> None:
    client = Client()
    offer = await client.peer.offer(PICTURE_TO_SEND, video=("H264",))
    told = [row for row in offer.splitlines() if row.startswith("a=candidate:")]
    plain = "\r\n".join(row for row in offer.splitlines() if row not in told and row != "a=end-of-candidates")
    await client.peer.accept(await port.whip("bed-1", plain + "\r\n"))
    ufrag, pwd = (plain.partition(f"a=ice-{each}:")[2].partition("\r\n")[0] for each in ("ufrag", "pwd"))
    rows = tuple(row.removeprefix("a=candidate:") for row in told)
    assert await port.whip_trickle("bed-1", Trickle(ufrag=ufrag, pwd=pwd, candidates=rows, is_last=True)) == ""
    await client.connected()
    await close(client)


async def test_who_asks_for_a_restart_keeps_what_he_has(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    nowhere = Trickle(ufrag="abcd", pwd="x" * 22, candidates=(), is_last=True)
    if isinstance(port, OffersFirst):  # VideoRoom begins ICE anew only with a new offer, and says so
        assert await code_of(port.whip_trickle("bed-1", nowhere)) == "restart-not-taken"
        assert await code_of(port.whep_trickle("visit", "mother", nowhere)) == "restart-not-taken"
    else:
        assert read_fragment(await port.whip_trickle("bed-1", nowhere)).candidates
        assert read_fragment(await port.whep_trickle("visit", "mother", nowhere)).candidates
    seen.send_picture(b"1", 0, whole=True)
    await until(lambda: len(mother.heard) == PACKETS_OF_PICTURE)
    await close(seen, mother)


@EMBEDDED_ALONE  # Janus sees no pictures: it lets a camera go as soon as another comes under its name
async def test_a_camera_that_works_stays_until_another_shows_a_whole_picture(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    another = await camera(port, "bed-1")
    await show(another, range(3))
    seen.send_picture(b"1", 0, whole=True)
    await until(lambda: len(mother.heard) == PACKETS_OF_PICTURE)
    await port.unplug("bed-1")
    await until(lambda: not another.peer.is_connected)  # who waited is let go, too
    assert await code_of(port.gate("visit", Gate.LIVE, "nurse")) == "camera-away"
    await close(seen, another, mother)


async def test_whether_stills_are_allowed_is_asked_of_a_room_that_there_is(port: MediaPort) -> None:
    assert await code_of(port.allow_stills("visit", are_allowed=True)) == "room-unknown"
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    await port.allow_stills("visit", are_allowed=True)
    await port.allow_stills("visit", are_allowed=False)


async def test_the_reason_for_a_drawn_curtain_is_told_when_it_changes(port: MediaPort) -> None:
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=LEASE_SECONDS)
    for reason in ("care", "care", "doctor"):
        await port.gate("visit", Gate.SHIELDED, reason)
    assert [each.reason for each in await port.events(1)] == ["care", "doctor"]
    await close(seen)


async def test_told_to_stop_it_ends_by_itself(running: Server) -> None:
    seen = await camera(running.port, "bed-1")
    assert await running.kill(signal.SIGTERM) == 0
    await close(seen)


async def test_nobody_else_may_speak_to_it(running: Server) -> None:
    assert stat.S_IMODE(running.socket.parent.stat().st_mode) == 0o700
