"""Who comes while another of his name is there, or answers late: cameras, pulled ones too, and viewers."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence

import pytest

from tests.services.realtime.janus_running import AnsweringPeer
from tests.services.realtime.made import (
    AUDIO_TYPE,
    PACKETS_OF_PICTURE,
    VIDEO_TYPE,
    Client,
    PeerInMemory,
    camera,
    packet,
    picture,
    tag_of,
    until,
    viewer,
)
from tests.services.realtime.test_hostile import media, show
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.forwarder import CONNECT_SECONDS, Forwarder
from tianfu.services.realtime.embedded.ingest import SILENT_SECONDS, Pulled
from tianfu.services.realtime.embedded.raw_peer import Heard, Label, Line, RawPeer, Stream
from tianfu.services.realtime.port import CAMERA_BACK, CAMERA_LOST, LEFT, SHIELDED
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.services.realtime.protocol.trickle import CANDIDATES_MAX, Trickle, read_fragment

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 20.0
LABELS: Sequence[Label] = ("video", "ward", "voice")


class Told(PeerInMemory):
    """A peer in memory that may be offered something, and remembers who told it addresses."""

    def __init__(self, heard: Heard) -> None:
        super().__init__(heard)
        self.news: list[str] = []

    async def answer(self, offer: str, *, sends: bool, video: object) -> str:
        self._ufrag = offer
        return await super().answer(offer, sends=sends, video=video)

    async def offer(self, lines: Sequence[Line], *, video: object) -> str:
        voice = Stream(label="voice", codec="opus", payload_type=AUDIO_TYPE, clock_rate_hz=48_000, source=11)
        self.streams = {
            "video": Stream(label="video", codec="H264", payload_type=VIDEO_TYPE, clock_rate_hz=90_000, source=9),
            "voice": voice,
        }
        return "ours"

    async def accept(self, answer: str) -> None:
        self._ufrag = answer

    async def trickle(self, news: Trickle) -> str:
        self.news.append(news.ufrag)
        return ""


class Ward:
    """A forwarder with such peers, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.peers: list[Told] = []
        self.forwarder = Forwarder(lambda: self.now, peer=self._peer)

    def _peer(self, heard: Heard) -> PeerInMemory:
        self.peers.append(Told(heard))
        return self.peers[-1]

    async def camera(self, offer: str = "") -> Told:
        await self.forwarder.whip("bed", offer)
        return self.peers[-1]

    async def viewer(self, who: str = "mother", offer: str = "") -> Told:
        await self.forwarder.whep("visit", who, Part.FAMILY, offer)
        return self.peers[-1]

    async def offered(self, who: str = "mother", *, may_speak: bool = True) -> Told:
        await self.forwarder.whep_offer("visit", who, Part.FAMILY, may_speak=may_speak)
        return self.peers[-1]

    async def live(self) -> Told:
        """A camera and an open room on it."""
        seen = await self.camera("first")
        self.forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        self.forwarder.gate("visit", Gate.LIVE, "nurse")
        return seen

    async def told(self) -> list[str]:
        return [each.what for each in await self.forwarder.happenings.after(0)]


def news(ufrag: str) -> Trickle:
    return Trickle(ufrag=ufrag, pwd="x" * 22, candidates=(), is_last=True)


async def test_a_camera_that_is_unplugged_while_it_waits_for_its_place_never_takes_it() -> None:
    ward = Ward()
    before = await ward.live()
    waiting = await ward.camera()
    ward.forwarder.unplug("bed")
    show(waiting, picture(b"1", 1, whole=True))
    await asyncio.sleep(0)
    assert (await ward.told())[-2:] == [CAMERA_LOST, SHIELDED]
    assert not ward.forwarder.cameras()
    assert not waiting.is_up
    assert not before.is_up


async def test_who_answers_our_offer_late_has_all_his_time_to_connect() -> None:
    ward = Ward()
    await ward.live()
    mother = await ward.offered()
    ward.now += CONNECT_SECONDS - 1
    await ward.forwarder.whep_answer("visit", "mother", "his")
    async with ward.forwarder as forwarder:
        ward.now += 2
        await asyncio.sleep(0.3)
        assert LEFT not in await ward.told()
        mother.is_up = True
        mother.heard.connected()
        (quality,) = forwarder.stats()
        assert quality.join_ms == 1_000 * (CONNECT_SECONDS + 1), "counted from our offer"


async def test_an_offer_that_nobody_answers_costs_nobody_the_seat_that_he_has() -> None:
    ward = Ward()
    seen = await ward.live()
    mother = await ward.viewer()
    unanswered = await ward.offered()
    async with ward.forwarder:
        ward.now += CONNECT_SECONDS + 1
        await asyncio.sleep(0.3)
        assert LEFT not in await ward.told()
        with pytest.raises(Refusal) as refused:
            await ward.forwarder.whep_answer("visit", "mother", "late")
        assert refused.value.code == "not-in-room"
        show(seen, picture(b"1", 1, whole=True))
        assert len(media(mother)) == PACKETS_OF_PICTURE
        assert not unanswered.is_up


async def test_an_older_offer_is_void_once_he_comes_anew() -> None:
    ward = Ward()
    seen = await ward.live()
    first = await ward.offered()
    mother = await ward.viewer()
    with pytest.raises(Refusal) as refused:
        await ward.forwarder.whep_answer("visit", "mother", "first")
    assert refused.value.code == "not-in-room"
    show(seen, picture(b"1", 1, whole=True))
    assert len(media(mother)) == PACKETS_OF_PICTURE
    assert not media(first)


async def test_addresses_reach_the_camera_that_tells_them() -> None:
    ward = Ward()
    before = await ward.live()
    waiting = await ward.camera("second")
    for ufrag in ("first", "second", "restart"):
        await ward.forwarder.whip_trickle("bed", news(ufrag))
    assert before.news == ["first"]
    assert waiting.news == ["second", "restart"]


async def test_addresses_reach_the_connection_of_a_viewer_that_tells_them() -> None:
    ward = Ward()
    await ward.live()
    mother = await ward.viewer(offer="old")
    again = await ward.offered()
    await ward.forwarder.whep_trickle("visit", "mother", news("old"))
    again._ufrag = "new"
    await ward.forwarder.whep_trickle("visit", "mother", news("new"))
    assert (mother.news, again.news) == (["old"], ["new"])


async def test_who_was_offered_no_voice_is_not_heard_though_he_sends_one() -> None:
    for may_speak in (True, False):
        ward = Ward()
        await ward.live()
        father = await ward.viewer("father")
        father.streams = {**father.streams, "voice": father.streams["ward"]}
        father = await ward.offered("father")
        await ward.forwarder.whep_answer("visit", "father", "his")
        mother = await ward.offered(may_speak=may_speak)
        await ward.forwarder.whep_answer("visit", "mother", "hers")
        father.is_up = mother.is_up = True
        ward.forwarder.talk("visit", "mother", is_pressed=True)
        mother.heard.packet(packet(b"~a", sequence=1, timestamp=1, payload_type=AUDIO_TYPE, source=5))
        assert len(media(father)) == int(may_speak)


async def test_addresses_before_the_answer_to_our_offer_begin_no_restart() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        offer = await forwarder.whep_offer("visit", "mother", Part.FAMILY, may_speak=False)
        with pytest.raises(Refusal) as refused:
            await forwarder.whep_trickle("visit", "mother", news("abcd"))
        assert refused.value.code == "not-in-room"
        mother = AnsweringPeer(Heard())
        await forwarder.whep_answer("visit", "mother", await mother.take(offer, LABELS))
        await until(lambda: mother.is_connected)
        await asyncio.gather(seen.peer.close(), mother.close())


async def test_an_answer_is_held_to_the_same_limits_as_an_offer() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        for address, is_taken in (("192.0.2.1", False), ("0f1e2d3c-0000-4000-8000-000000000000.local", True)):
            offer = await forwarder.whep_offer("visit", "mother", Part.FAMILY, may_speak=False)
            mother = AnsweringPeer(Heard())
            rows = (await mother.take(offer, LABELS)).splitlines()
            row = f"a=candidate:1 1 udp 2122260223 {address} 5000 typ host"
            place = next(number for number, each in enumerate(rows) if each.startswith("a=ice-ufrag"))
            plain = [each for each in rows if not each.startswith("a=candidate:")]
            plain[place:place] = [row] * (1 if is_taken else CANDIDATES_MAX + 1)
            if is_taken:
                await forwarder.whep_answer("visit", "mother", "\r\n".join(plain) + "\r\n")
                await until(lambda: mother.is_connected)  # noqa: B023 - waited for at once
            else:
                with pytest.raises(Refusal) as refused:
                    await forwarder.whep_answer("visit", "mother", "\r\n".join(plain) + "\r\n")
                assert refused.value.code == "answer-malformed"
            await mother.close()
        await seen.peer.close()


async def test_who_begins_ice_anew_twice_at_once_goes_on_by_the_last_way_and_leaves_none_open() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        mother = await viewer(forwarder, "visit", "mother")
        forwarder.gate("visit", Gate.LIVE, "nurse")
        first, second = Client(), mother
        told = [read_fragment(await each.begin_restart()) for each in (first, second)]
        answers = await asyncio.gather(*(forwarder.whep_trickle("visit", "mother", each) for each in told))
        await mother.finish_restart(answers[1])
        number = 0
        async with asyncio.timeout(30):  # our end may take the new way a little later
            while not mother.heard:
                seen.send_picture(b"1", number, whole=True)
                number += 1
                await asyncio.sleep(0.05)
        (made,) = forwarder._rooms["visit"].viewers.values()
        assert made.peer._restart is None
        assert made.peer._ufrag == told[1].ufrag
        await first.restart.close()
        await asyncio.gather(seen.peer.close(), mother.peer.close(), first.peer.close())


async def test_who_is_let_go_while_ice_begins_anew_leaves_no_way_open() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        mother = await viewer(forwarder, "visit", "mother")
        told = read_fragment(await mother.begin_restart())
        (made,) = forwarder._rooms["visit"].viewers.values()
        beginning = asyncio.create_task(forwarder.whep_trickle("visit", "mother", told))
        await asyncio.sleep(0)
        forwarder.kick("visit", "mother")
        with pytest.raises(Refusal) as refused:
            await beginning
        assert refused.value.code == "not-in-room"
        assert made.peer._restart is None
        await mother.restart.close()
        await asyncio.gather(seen.peer.close(), mother.peer.close())


async def test_packets_that_come_after_a_restart_are_opened_without_a_queue() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        (made,) = forwarder._cameras.values()
        answer = await forwarder.whip_trickle("bed", read_fragment(await seen.begin_restart()))
        await seen.finish_restart(answer)
        peer = made.peer

        async def queued(data: bytes, arrival_time_ms: int) -> None:
            raise AssertionError("queued")

        assert peer._transport is not None
        peer._transport._handle_rtp_data = queued  # type: ignore[method-assign]
        before, number = made.pulse.packets, 0
        async with asyncio.timeout(30):
            while made.pulse.packets == before:
                seen.send_picture(b"1", number, whole=True)
                number += 1
                await asyncio.sleep(0.05)
        await seen.peer.close()


def pulled(forwarder: Forwarder) -> socket.socket:
    """A camera that is pulled, and the end of its connection by which it sends."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    forwarder.pull("bed", ours)
    return theirs


def send(end: socket.socket, tag: bytes, number: int, *, whole: bool, source: int) -> None:
    for data in picture(tag, number, whole=whole, source=source):
        end.send(data)


async def test_a_pulled_camera_takes_the_place_of_another_when_it_shows_a_whole_picture() -> None:
    ward = Ward()
    async with ward.forwarder as forwarder:
        first = pulled(forwarder)
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        mother = await ward.viewer()
        forwarder.gate("visit", Gate.LIVE, "nurse")
        send(first, b"1", 0, whole=True, source=1)
        await until(lambda: len(media(mother)) == PACKETS_OF_PICTURE)
        second = pulled(forwarder)
        send(second, b"2", 0, whole=False, source=2)
        send(first, b"1", 1, whole=False, source=1)
        await until(lambda: len(media(mother)) == 2 * PACKETS_OF_PICTURE)
        send(second, b"2", 1, whole=True, source=2)
        await until(lambda: not forwarder._coming)
        assert (await ward.told())[-2:] == [SHIELDED, CAMERA_BACK]
        assert {tag_of(data) for data in media(mother)} == {b"1"}
        first.setblocking(False)
        await until(lambda: is_over(first))
        second.close()
        await until(lambda: not forwarder.cameras())
        first.close()


def is_over(end: socket.socket) -> bool:
    try:
        return end.recv(1) == b""
    except BlockingIOError:
        return False


async def test_a_pulled_camera_that_is_unplugged_or_falls_silent_is_lost_and_says_why() -> None:
    ward = Ward()
    async with ward.forwarder as forwarder:
        waiting = pulled(forwarder)
        forwarder.unplug("bed")
        waiting.setblocking(False)
        await until(lambda: is_over(waiting))
        quiet = pulled(forwarder)
        (made,) = forwarder._cameras.values()
        assert isinstance(made.peer, Pulled)
        made.peer.ask_for_sign()
        ward.now += SILENT_SECONDS
        made.peer._look()
        lost = [each for each in await forwarder.happenings.after(0) if each.what == CAMERA_LOST]
        assert [each.reason for each in lost] == ["", "silent"]
        with pytest.raises(Refusal):
            await forwarder.whip_trickle("bed", news("abcd"))
        waiting.close()
        quiet.close()


async def test_a_pulled_camera_is_told_no_addresses() -> None:
    ward = Ward()
    async with ward.forwarder as forwarder:
        end = pulled(forwarder)
        with pytest.raises(Refusal) as refused:
            await forwarder.whip_trickle("bed", news("abcd"))
        assert refused.value.code == "not-in-room"
        assert isinstance(forwarder._cameras["bed"].peer, RawPeer)
        end.close()
