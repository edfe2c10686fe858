"""What holds of Janus alone: it ends with us, records nothing, loads nothing else and is told no names."""

from __future__ import annotations

import asyncio
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpReceiverInfo, RtcpRrPacket, RtcpRtpfbPacket, RtcpSrPacket

from tests.services.realtime.janus_running import RunningJanus, janus, look, speak_up
from tests.services.realtime.made import (
    CART,
    PACKETS_OF_PICTURE,
    PICTURE_TO_SEND,
    TWO_PICTURES,
    Client,
    camera,
    picture,
    tag_of,
    until,
)
from tests.services.realtime.running import START_SECONDS
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.janus.configuration import SECRETS, SESSION_SECONDS
from tianfu.services.realtime.janus.line import JanusRefused, Line, Message
from tianfu.services.realtime.janus.process import RemoteJanus
from tianfu.services.realtime.port import CAMERA_BACK, JOINED, LIVE, SHIELDED, MediaPort, OffersFirst
from tianfu.services.realtime.protocol.cot import HeardBy
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio


@pytest.fixture
async def running() -> AsyncIterator[RunningJanus]:
    async with janus() as started:
        yield started


class Adapter:
    """The adapter in a process of its own, and the port to it."""

    def __init__(self, running: RunningJanus) -> None:
        running.port.hang_up()
        self.socket = running.folder.parent / "adapter" / "socket"
        self.port = RemoteJanus(self.socket)
        self._command = (sys.executable, "-m", "tianfu.services.realtime.janus.process")
        self._folder = running.folder

    async def start(self) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(*self._command, str(self.socket), str(self._folder))
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    await self.port.stats()
                except Refusal:
                    await asyncio.sleep(0.05)
                else:
                    return process


@pytest.fixture
async def adapter(running: RunningJanus) -> AsyncIterator[Adapter]:
    made = Adapter(running)
    yield made
    made.port.hang_up()


async def live_picture(port: MediaPort) -> tuple[Client, Client]:
    """A camera, and somebody who sees it."""
    seen = await camera(port, "bed-1")
    await port.open_room("visit", "bed-1", lease_seconds=30)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    seen.send_picture(b"1", 0, whole=True)
    await until(lambda: bool(mother.heard))
    return seen, mother


async def goes_dark(seen: Client, mother: Client, *, within_seconds: float) -> None:
    """Send pictures until none arrives any more for half a second."""
    number = 1
    async with asyncio.timeout(within_seconds):
        while True:
            count = len(mother.heard)
            for _ in range(10):
                if seen.peer.is_connected:
                    seen.send_picture(b"1", number, whole=True)
                number += 1
                await asyncio.sleep(0.05)
            if len(mother.heard) == count:
                return


async def test_its_adapter_serves_others_from_a_process_of_its_own(adapter: Adapter) -> None:
    process = await adapter.start()
    seen, mother = await live_picture(adapter.port)
    await adapter.port.gate("visit", Gate.SHIELDED, "care")
    (quality,) = await adapter.port.stats()
    assert (quality.visit, quality.participant) == ("visit", "mother")
    told = [each.what for each in await adapter.port.events(0)]
    assert told == [CAMERA_BACK, JOINED, LIVE, SHIELDED]
    await adapter.port.unplug("bed-1")
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    await close(seen, mother)


async def test_it_shows_nothing_more_when_we_are_killed(adapter: Adapter) -> None:
    process = await adapter.start()
    seen, mother = await live_picture(adapter.port)
    process.kill()
    await process.wait()
    await goes_dark(seen, mother, within_seconds=5.0)
    assert not mother.peer.is_connected
    await close(seen, mother)


async def test_it_shows_nothing_more_when_we_hang(adapter: Adapter) -> None:  # longer than a session lasts
    process = await adapter.start()
    seen, mother = await live_picture(adapter.port)
    process.send_signal(signal.SIGSTOP)
    try:
        await goes_dark(seen, mother, within_seconds=2.0 * SESSION_SECONDS)
    finally:
        process.kill()
        await process.wait()
    await close(seen, mother)


async def test_who_presses_where_no_voice_can_come_is_told_so(running: RunningJanus) -> None:
    port = running.port
    seen = Client()
    await seen.peer.accept(await port.whip("bed-1", await seen.peer.offer(PICTURE_TO_SEND, video=("H264",))))
    await seen.connected()
    await port.open_room("visit", "bed-1", lease_seconds=30)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    await port.talk("visit", "mother", is_pressed=True)  # nobody is there who should hear her
    await port.talk("visit", "mother", is_pressed=False)
    nurse = await look(port, "visit", "nurse", Part.BEDSIDE)
    with pytest.raises(Refusal, match="voice-not-carried"):
        await port.talk("visit", "mother", is_pressed=True)
    await close(seen, mother, nurse)


async def test_a_carts_line_for_voices_stays_inactive_and_nobody_is_heard_at_its_cot(running: RunningJanus) -> None:
    port, bed = running.port, Client()
    answer = await port.whip("bed-1", await bed.peer.offer(CART, video=("H264",)))
    assert re.findall(r"(?m)^a=(sendonly|sendrecv|recvonly|inactive)", answer) == [
        "recvonly",
        "inactive",
        "recvonly",
    ]
    await bed.peer.accept(answer)
    await bed.connected()
    await port.open_room("visit", "bed-1", lease_seconds=30)
    mother, father = await look(port, "visit", "mother"), await look(port, "visit", "father")
    await port.gate("visit", Gate.LIVE, "nurse")
    assert await port.heard_by("visit", "mother") == HeardBy(at_cot=False, people=1), "the father, and not the cot"
    voice = await speak_up(port, "visit", "mother", mother)
    await port.talk("visit", "mother", is_pressed=True)
    voice.send_sound("voice", b"mother", range(5))
    await until(lambda: father.sounds("voice") == [b"mother"] * 5)
    assert not father.sounds("ward")
    bed.send_picture(b"bed", 0, whole=True)
    await until(lambda: mother.sounds("video") != [])
    assert not bed.heard
    await close(bed, mother, father, voice)


async def test_of_two_pictures_of_one_offer_the_first_is_shown(running: RunningJanus) -> None:
    port = running.port
    bed = await camera(port, "bed-1", TWO_PICTURES)
    await port.open_room("visit", "bed-1", lease_seconds=30)
    mother = await look(port, "visit", "mother")
    await port.gate("visit", Gate.LIVE, "nurse")
    small = bed.peer.streams["sub"]
    for data in picture(b"small", 0, whole=True, source=small.source, payload_type=small.payload_type):
        assert bed.peer.send(data)
    bed.send_picture(b"full", 0, whole=True)
    await until(lambda: len(mother.sounds("video")) >= PACKETS_OF_PICTURE)
    assert {tag_of(data) for _, data in mother.heard} == {b"full"}
    await close(bed, mother)


async def test_it_writes_no_file_and_could_not(running: RunningJanus) -> None:
    before = files(running.folder)
    seen, mother = await journey(running.port)
    assert running.process is not None
    process = Path("/proc") / str(running.process.pid)
    limits = next(row for row in (process / "limits").read_text("ascii").splitlines() if "file size" in row)
    assert limits.split()[3:5] == ["0", "0"]
    opened = [str(each.readlink()) for each in (process / "fd").iterdir()]
    assert [each for each in opened if each.startswith("/") and not each.startswith("/dev/")] == []
    assert files(running.folder) == before
    await close(seen, mother)


async def test_it_has_nothing_but_rooms_and_our_line(running: RunningJanus) -> None:
    said = await ask(running, {"janus": "info", "apisecret": running.address.api_secret})
    assert list(said["plugins"]) == ["janus.plugin.videoroom"]
    assert list(said["transports"]) == ["janus.transport.pfunix"]
    assert not said["event_handlers"]
    assert not said["loggers"]


async def test_it_hears_nobody_without_the_secret(running: RunningJanus) -> None:
    for secret in ({}, {"apisecret": "guessed"}, {"apisecret": running.address.admin_secret}):
        with pytest.raises(JanusRefused) as refused:
            await ask(running, {"janus": "create", **secret})
        assert refused.value.code == 403
    assert stat.S_IMODE(running.folder.stat().st_mode) == 0o700
    for file in [*running.folder.glob("*.jcfg"), running.folder / SECRETS]:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_it_is_told_no_names(running: RunningJanus) -> None:
    seen, mother = await journey(running.port)
    known = orjson.dumps(await everything_known(running))
    assert b"janus.plugin.videoroom" in known
    for name in (b"visit-of-li", b"mother-li", b"bed-1"):
        assert name not in known
    await close(seen, mother)


async def test_a_viewers_own_offer_is_refused_because_the_server_offers(running: RunningJanus) -> None:
    seen = await camera(running.port, "bed-1")
    await running.port.open_room("visit", "bed-1", lease_seconds=20)
    assert isinstance(running.port, OffersFirst)
    with pytest.raises(Refusal) as refused:
        await running.port.whep("visit", "mother", Part.FAMILY, "v=0")
    assert refused.value.code == "server-offers"
    await running.port.whep_offer("visit", "mother", Part.FAMILY, may_speak=True)
    for answer in ("", "v=0", "x" * 100_000):
        with pytest.raises(Refusal) as refused:
            await running.port.whep_answer("visit", "mother", answer)
        assert refused.value.code in {"answer-malformed", "offer-malformed"}
    with pytest.raises(Refusal) as refused:
        await running.port.voice("visit", "aunt", "v=0")
    assert refused.value.code == "not-in-room"
    await running.port.unplug("bed-1")
    with pytest.raises(Refusal) as refused:
        await running.port.whep("visit", "mother", Part.FAMILY, "v=0")
    assert refused.value.code == "camera-away"
    await close(seen)


async def test_who_asks_again_after_a_shield_gets_nothing_again(running: RunningJanus) -> None:
    seen, mother = await journey(running.port)
    source = head_of(mother.heard[-1][1]).source
    await until(lambda: bool(reports_of(mother, source)))
    ntp = reports_of(mother, source)[-1].sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF
    answer = RtcpReceiverInfo(
        ssrc=source, fraction_lost=0, packets_lost=0, highest_sequence=0, jitter=0, lsr=ntp, dlsr=0
    )
    mother.peer.send(bytes(RtcpRrPacket(ssrc=1, reports=[answer])))  # from now on Janus keeps what it sends
    await asyncio.sleep(0.1)
    count = len(mother.heard)
    for number in range(50, 60):
        seen.send_picture(b"1", number, whole=number == 50)
    await until(lambda: len(mother.heard) == count + 30)
    ask_again = RtcpRtpfbPacket(
        fmt=RTCP_RTPFB_NACK,
        ssrc=1,
        media_ssrc=source,
        lost=sorted(head_of(data).sequence for _, data in mother.heard[count:]),
    )
    mother.peer.send(bytes(ask_again))
    await until(lambda: len(mother.heard) > count + 30)
    await running.port.gate("visit-of-li", Gate.SHIELDED, "care")
    await asyncio.sleep(0.1)  # what was on its way has come
    count = len(mother.heard)
    for _ in range(10):
        mother.peer.send(bytes(ask_again))
        await asyncio.sleep(0.05)
    assert len(mother.heard) == count
    await close(seen, mother)


def reports_of(client: Client, source: int) -> list[RtcpSrPacket]:
    return [each for each in client.control if isinstance(each, RtcpSrPacket) and each.ssrc == source]


async def journey(port: MediaPort) -> tuple[Client, Client]:
    seen = await camera(port, "bed-1")
    await port.open_room("visit-of-li", "bed-1", lease_seconds=20)
    mother = await look(port, "visit-of-li", "mother-li")
    await port.gate("visit-of-li", Gate.LIVE, "nurse")
    for number in range(50):
        seen.send_picture(b"1", number, whole=number % 25 == 0)
    await until(lambda: len(mother.heard) == 150)
    return seen, mother


async def everything_known(running: RunningJanus) -> list[Message]:
    admin = Line(lambda _: None, lambda: None)
    await admin.connect(running.address.admin)
    secret = {"admin_secret": running.address.admin_secret}
    (session,) = (await admin.ask({"janus": "list_sessions", **secret}))["sessions"]
    of_session = {"session_id": session, **secret}
    handles = (await admin.ask({"janus": "list_handles", **of_session}))["handles"]
    found = [await admin.ask({"janus": "handle_info", "handle_id": each, **of_session}) for each in handles]
    admin.hang_up()
    return found


async def ask(running: RunningJanus, message: Message) -> Message:
    line = Line(lambda _: None, lambda: None)
    await line.connect(running.address.api)
    try:
        return await line.ask(message)
    finally:
        line.hang_up()


def files(folder: Path) -> dict[str, int]:
    return {str(each): each.lstat().st_size for each in sorted(folder.rglob("*"))}


async def close(*clients: Client) -> None:
    await asyncio.gather(*(each.peer.close() for each in clients))
