"""What strangers, cameras and viewers send that nobody expects."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpRtpfbPacket, RtcpSenderInfo, RtcpSrPacket
from pylibsrtp._binding import ffi  # type: ignore[import-not-found]

from tests.services.realtime.made import PICTURE_TO_SEE, Client, PeerInMemory, camera, packet, picture, until, viewer
from tests.services.realtime.running import embedded
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.camera import SOURCES_MAX
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.happenings import Happenings
from tianfu.services.realtime.embedded.raw_peer import Heard
from tianfu.services.realtime.embedded.second import PACKETS_PER_SECOND_MAX
from tianfu.services.realtime.port import CAMERA_LOST, SHIELDED
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio


class Ward:
    """A forwarder with peers in memory, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.peers: list[PeerInMemory] = []
        self.forwarder = Forwarder(lambda: self.now, peer=self._peer)

    def _peer(self, heard: Heard) -> PeerInMemory:
        self.peers.append(PeerInMemory(heard))
        return self.peers[-1]

    async def camera(self, name: str = "bed") -> PeerInMemory:
        await self.forwarder.whip(name, "")
        return self.peers[-1]

    async def viewer(self, visit: str = "visit", who: str = "mother") -> PeerInMemory:
        await self.forwarder.whep(visit, who, Part.FAMILY, "")
        return self.peers[-1]

    async def live(self) -> tuple[PeerInMemory, PeerInMemory]:
        """A camera, and a viewer of its open room."""
        seen = await self.camera()
        self.forwarder.open_room("visit", "bed", lease_seconds=20.0)
        mother = await self.viewer()
        self.forwarder.gate("visit", Gate.LIVE, "nurse")
        return seen, mother


def show(seen: PeerInMemory, data: list[bytes]) -> None:
    for each in data:
        seen.heard.packet(each)


def media(peer: PeerInMemory) -> list[bytes]:
    return [data for data in peer.sent if data[1] not in range(192, 224)]


@pytest.mark.parametrize("data", [b"", b"\x80" + bytes(1_600)])
async def test_a_strangers_datagram_ends_no_connection(data: bytes) -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        assert seen.peer._transport is not None
        address = seen.peer._transport.transport._connection._nominated[1].remote_addr
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(data, address)
        await asyncio.sleep(0.3)
        assert CAMERA_LOST not in [each.what for each in await forwarder.happenings.after(0)]
        await seen.peer.close()


async def test_many_sources_of_one_camera_stop_no_reports() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        of = seen.peer.streams["video"].payload_type
        for source in range(200):
            seen.peer.send(packet(b"\x41", sequence=1, timestamp=1, source=1_000 + source, payload_type=of))
        await asyncio.sleep(1.3)
        assert forwarder._looking is not None
        assert not forwarder._looking.done()
        assert len(forwarder._cameras["bed"]._sources) <= SOURCES_MAX
        await seen.peer.close()


async def test_a_source_that_has_been_silent_for_a_day_stops_no_reports() -> None:
    ward = Ward()
    async with ward.forwarder as forwarder:
        seen = await ward.camera()
        show(seen, picture(b"1", 1, whole=True))
        moment = RtcpSenderInfo(ntp_timestamp=1 << 32, rtp_timestamp=1, packet_count=1, octet_count=1)
        seen.heard.control([RtcpSrPacket(ssrc=7, sender_info=moment)])
        ward.now += 24 * 3_600
        await asyncio.sleep(1.3)
        assert forwarder._looking is not None
        assert not forwarder._looking.done()


async def test_a_packet_too_long_to_pass_on_ends_no_camera() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=20.0)
        mother = await viewer(forwarder, "visit", "mother")
        forwarder.gate("visit", Gate.LIVE, "nurse")
        assert seen.peer._transport is not None
        session = seen.peer._transport._tx_srtp
        session._cdata = ffi.new("char[]", 4_000)
        session._buffer = ffi.buffer(session._cdata)
        of = seen.peer.streams["video"].payload_type
        assert seen.peer.send(packet(b"\x65" + bytes(1_388), sequence=1, timestamp=1, payload_type=of))
        await asyncio.sleep(0.3)
        assert CAMERA_LOST not in [each.what for each in await forwarder.happenings.after(0)]
        await seen.peer.close()
        await mother.peer.close()


async def test_a_picture_from_before_the_gate_is_not_shown_because_it_was_sent_again() -> None:
    ward = Ward()
    seen = await ward.camera()
    ward.forwarder.open_room("visit", "bed", lease_seconds=20.0)
    mother = await ward.viewer()
    show(seen, picture(b"before", 9, whole=False) + picture(b"before", 11, whole=False))
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    show(seen, picture(b"before", 10, whole=True))
    assert not media(mother)
    assert not ward.forwarder._cameras["bed"].group()


async def test_a_picture_that_began_before_the_gate_is_not_shown_from_its_midst() -> None:
    ward = Ward()
    seen = await ward.camera()
    ward.forwarder.open_room("visit", "bed", lease_seconds=20.0)
    mother = await ward.viewer()
    before, *after = picture(b"before", 1, whole=True)
    show(seen, [before])
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    show(seen, after)
    assert not media(mother)


async def test_a_lease_that_is_found_lost_by_who_wants_to_speak_cuts_as_well() -> None:
    ward = Ward()
    seen, mother = await ward.live()
    show(seen, picture(b"1", 1, whole=True, filmed_at=ward.now))
    ward.now += 20.0
    with pytest.raises(Refusal):
        ward.forwarder.talk("visit", "mother", is_pressed=True)
    show(seen, picture(b"2", 2, whole=True, filmed_at=ward.now))
    assert not ward.forwarder._cameras["bed"].group()
    assert SHIELDED in [each.what for each in await ward.forwarder.happenings.after(0)]
    ward.forwarder.renew("visit", lease_seconds=20.0)
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    count = len(media(mother))
    lost = [head_of(data).sequence for data in media(mother)]
    mother.heard.control([RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=9, lost=lost)])
    show(seen, picture(b"2", 2, whole=True, filmed_at=ward.now))
    assert len(media(mother)) == count


async def test_a_device_whose_name_another_bears_by_now_shows_nothing() -> None:
    ward = Ward()
    before, mother = await ward.live()
    again = await ward.camera()
    show(again, picture(b"new", 1, whole=True))
    show(before, picture(b"old", 1, whole=True))
    assert not media(mother)


async def test_who_was_let_go_while_he_joined_does_not_come_in_on_a_later_wish() -> None:
    ward = Ward()
    seen = await ward.camera()
    ward.forwarder.open_room("visit", "bed", lease_seconds=20.0)
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    gates = {"first": asyncio.Event(), "second": asyncio.Event()}

    class Slow(PeerInMemory):
        async def answer(self, offer: str, *, sends: bool, video: object) -> str:
            await gates[offer].wait()
            if offer == "second":
                raise Refusal("offer-malformed")
            return await super().answer(offer, sends=sends, video=video)

    peers: list[PeerInMemory] = []

    def peer(heard: Heard) -> PeerInMemory:
        peers.append(Slow(heard))
        return peers[-1]

    ward.forwarder._peer = peer
    first = asyncio.create_task(ward.forwarder.whep("visit", "x", Part.FAMILY, "first"))
    await asyncio.sleep(0)
    ward.forwarder.kick("visit", "x")
    second = asyncio.create_task(ward.forwarder.whep("visit", "x", Part.FAMILY, "second"))
    await asyncio.sleep(0)
    for each in gates.values():
        each.set()
        await asyncio.sleep(0.01)
    assert all(isinstance(each, Refusal) for each in await asyncio.gather(first, second, return_exceptions=True))
    show(seen, picture(b"1", 1, whole=True))
    assert not media(peers[0])


async def test_who_was_silent_for_eleven_minutes_is_heard_again() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=20.0)
        mother = await viewer(forwarder, "visit", "mother")
        nurse = await viewer(forwarder, "visit", "nurse", Part.NURSE)
        forwarder.gate("visit", Gate.LIVE, "nurse")
        forwarder.talk("visit", "mother", is_pressed=True)
        mother.send_sound("voice", b"a", range(5))
        await until(lambda: nurse.sounds("voice") == [b"a"] * 5)
        forwarder.talk("visit", "mother", is_pressed=False)
        for number in range(5, 40_000, 1_000):
            mother.send_sound("voice", b"key up", range(number, number + 1))
        await asyncio.sleep(0.2)
        forwarder.talk("visit", "mother", is_pressed=True)
        mother.send_sound("voice", b"b", range(40_000, 40_005))
        await until(lambda: nurse.sounds("voice") == [b"a"] * 5 + [b"b"] * 5)
        await asyncio.gather(*(each.peer.close() for each in (seen, mother, nurse)))


async def test_a_camera_is_asked_for_a_picture_until_who_waits_has_one() -> None:
    ward = Ward()
    seen = await ward.camera()
    for visit in ("first", "second"):
        ward.forwarder.open_room(visit, "bed", lease_seconds=20.0)
        await ward.viewer(visit)
    async with ward.forwarder as forwarder:
        show(seen, picture(b"1", 0, whole=False))
        forwarder.gate("first", Gate.LIVE, "nurse")
        show(seen, picture(b"1", 1, whole=True))
        ward.now += 0.2
        forwarder.gate("second", Gate.LIVE, "nurse")
        asked = len([data for data in seen.sent if data[1] == 206])
        ward.now += 0.5
        await asyncio.sleep(0.3)
        assert len([data for data in seen.sent if data[1] == 206]) > asked


async def test_a_report_of_a_source_is_not_told_of_the_next_one() -> None:
    ward = Ward()
    seen, mother = await ward.live()
    async with ward.forwarder:
        show(seen, picture(b"1", 1, whole=True))
        moment = RtcpSenderInfo(ntp_timestamp=1 << 32, rtp_timestamp=3_600, packet_count=1, octet_count=1)
        seen.heard.control([RtcpSrPacket(ssrc=7, sender_info=moment)])
        show(seen, [packet(b"\x67\x42", sequence=1, timestamp=3_000_000_000, source=8)])
        await asyncio.sleep(1.3)
        assert 200 not in [data[1] for data in mother.sent]


async def test_one_request_brings_each_packet_once() -> None:
    ward = Ward()
    seen, mother = await ward.live()
    for number in range(10):
        show(seen, picture(b"1", number, whole=number == 0))
    count = len(mother.sent)
    lost = [head_of(data).sequence for data in media(mother)][:17] * 330
    mother.heard.control([RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=9, lost=lost)])
    assert len(mother.sent) == count + 17


async def test_many_requests_bring_no_more_again_than_was_sent() -> None:
    ward = Ward()
    seen, mother = await ward.live()
    for number in range(100):
        show(seen, picture(bytes(1_000), number, whole=number == 0))
    sent = media(mother)
    lost = [head_of(data).sequence for data in sent]
    for _ in range(40):
        ward.now += 0.021
        mother.heard.control([RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=9, lost=lost)])
    again = media(mother)[len(sent) :]
    assert sorted(lost) == sorted({head_of(data).sequence for data in again}), "whatever was lost is there once"
    assert sum(map(len, again)) <= sum(map(len, sent)) + 2_000
    ward.now += 1.0
    mother.heard.control([RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=9, lost=lost)])
    assert len(media(mother)) > len(sent) + len(again), "in the next second again"


async def test_more_packets_than_a_camera_sends_are_passed_over() -> None:
    ward = Ward()
    seen, mother = await ward.live()
    show(seen, picture(b"1", 0, whole=True))
    count = len(media(mother))
    flood = [packet(b"\x41", sequence=5 + number, timestamp=3_600, source=7) for number in range(3_000)]
    show(seen, flood)
    assert len(media(mother)) - count <= PACKETS_PER_SECOND_MAX
    ward.now += 1.0
    count = len(media(mother))
    show(seen, [packet(b"\x41", sequence=3_005, timestamp=7_200, source=7)])
    assert len(media(mother)) == count + 1, "the next second is heard"


async def test_many_events_and_a_huge_offer_end_no_conversation() -> None:
    async with embedded() as running:
        for number in range(3_000):
            await running.port.open_room(f"visit-{number:032}", "bed", lease_seconds=20.0)
            await running.port.close(f"visit-{number:032}", "over")
        waiting = asyncio.create_task(running.port.stats())
        told = 0
        while told < 3_000:
            told = (await running.port.events(told))[-1].number
        await waiting
        listening = asyncio.create_task(running.port.events(told))
        await asyncio.sleep(0.1)
        with pytest.raises(Refusal):
            await running.port.whip("bed", "v=0\r\n" + "a=x\r\n" * 60_000)
        await running.port.open_room("visit", "bed", lease_seconds=20.0)
        await running.port.close("visit", "over")
        assert (await listening)[-1].visit == "visit"


async def test_who_asks_with_a_number_of_before_a_restart_is_told_what_happened_since() -> None:
    happenings = Happenings(system_clock)
    happenings.tell("joined")
    assert [each.number for each in await happenings.after(500)] == [1]


async def test_who_never_connects_is_let_go_and_may_come_again() -> None:
    ward = Ward()
    _, mother = await ward.live()
    mother.is_up = False
    async with ward.forwarder:
        ward.now += 16.0
        await asyncio.sleep(0.3)
        await ward.viewer()


async def test_a_camera_that_never_connects_is_away() -> None:
    ward = Ward()
    seen = await ward.camera()
    seen.is_up = False
    async with ward.forwarder as forwarder:
        ward.now += 16.0
        await asyncio.sleep(0.3)
        assert CAMERA_LOST in [each.what for each in await forwarder.happenings.after(0)]


async def test_an_offer_with_thousands_of_addresses_is_refused() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=20.0)
        client = Client()
        offer = await client.peer.offer(PICTURE_TO_SEE, video=("H264",))
        many = "".join(f"a=candidate:{n} 1 udp 2122260223 127.1.0.{n} 9 typ host\r\n" for n in range(1, 100))
        with pytest.raises(Refusal):
            await forwarder.whep("visit", "mother", Part.FAMILY, offer + many)
        await asyncio.gather(seen.peer.close(), client.peer.close())
