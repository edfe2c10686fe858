"""Real peers over loopback: who sees what, at once, and not a packet after the curtain is drawn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
)

from tests.services.realtime.made import (
    PACKETS_OF_PICTURE,
    PICTURE_TO_SEE,
    Client,
    camera,
    packet,
    picture,
    tag_of,
    until,
    viewer,
)
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.protocol.packets import SEQUENCES, head_of
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 20.0


@pytest.fixture
async def forwarder() -> AsyncIterator[Forwarder]:
    async with Forwarder(time.monotonic) as running:
        yield running


async def bed(forwarder: Forwarder, name: str = "bed-1", *, visit: str = "visit-1") -> Client:
    """A camera at a bed, and a room that looks at it."""
    seen = await camera(forwarder, name)
    forwarder.open_room(visit, name, lease_seconds=LEASE_SECONDS)
    return seen


async def pictures(seen: Client, tag: bytes, numbers: range, *, whole: int | None = None) -> None:
    for number in numbers:
        seen.send_picture(tag, number, whole=number == whole)
        await asyncio.sleep(0.02)


async def quiet() -> None:
    """Long enough for whatever is on its way over loopback."""
    await asyncio.sleep(0.15)


def tags(client: Client) -> set[bytes]:
    return {tag_of(data) for _, data in client.heard}


def is_media(data: bytes) -> bool:
    """Whether a datagram is an RTP packet and no report (RFC 5761, section 4)."""
    return 0x80 <= data[0] < 0xC0 and data[1] & 0x7F not in range(64, 96)


def lose_third(client: Client) -> None:
    """Lose the third packet of what is shown to somebody: what arrived already is refused if it is sent again."""
    media = 0

    def is_third(data: bytes) -> bool:
        nonlocal media
        media += is_media(data)
        return is_media(data) and media == 3

    client.lose(is_third)


def ask_for_gap(client: Client) -> int:
    """Ask for the one packet that somebody was sent and has not got: its number."""
    got = [head_of(data).sequence for _, data in client.heard]
    gap = got[0]
    while gap in got:
        gap = (gap + 1) % SEQUENCES
    source = head_of(client.heard[0][1]).source
    client.peer.send(bytes(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=source, lost=[gap])))
    return gap


async def close(*clients: Client) -> None:
    await asyncio.gather(*(each.peer.close() for each in clients))


async def test_a_room_begins_shielded_and_shows_once_it_is_opened(forwarder: Forwarder) -> None:
    seen = await bed(forwarder)
    mother = await viewer(forwarder, "visit-1", "mother")
    await pictures(seen, b"1", range(3), whole=0)
    await quiet()
    assert not mother.heard
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    await pictures(seen, b"1", range(3, 8), whole=4)
    await until(lambda: len(mother.heard) == 4 * PACKETS_OF_PICTURE)
    numbers = [head_of(data).sequence for _, data in mother.heard]
    assert [(number - numbers[0]) % 65_536 for number in numbers] == list(range(len(numbers)))
    await close(seen, mother)


async def test_who_joins_sees_a_picture_at_once(forwarder: Forwarder) -> None:
    seen = await bed(forwarder)
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    await pictures(seen, b"1", range(4), whole=1)
    father = await viewer(forwarder, "visit-1", "father")
    await until(lambda: len(father.heard) == 3 * PACKETS_OF_PICTURE)
    await close(seen, father)


async def test_not_a_packet_leaves_after_the_curtain_is_drawn(forwarder: Forwarder) -> None:
    seen = await bed(forwarder)
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    mother = await viewer(forwarder, "visit-1", "mother")
    lose_third(mother)
    await pictures(seen, b"1", range(3), whole=0)
    arrived = 3 * PACKETS_OF_PICTURE - 1
    await until(lambda: len(mother.heard) == arrived)
    forwarder.gate("visit-1", Gate.SHIELDED, "care")
    await pictures(seen, b"1", range(3, 8), whole=4)
    ask_for_gap(mother)
    await quiet()
    assert len(mother.heard) == arrived, "nor is what was sent before sent again"
    late = await viewer(forwarder, "visit-1", "late")
    await quiet()
    assert not late.heard, "nor kept for who comes later"
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    await pictures(seen, b"1", range(8, 10))
    await quiet()
    assert not late.heard, "a picture that needs those before shows nothing of them"
    await pictures(seen, b"1", range(10, 11), whole=10)
    await until(lambda: len(late.heard) == len(mother.heard) - arrived == PACKETS_OF_PICTURE)
    ask_for_gap(mother)
    await quiet()
    assert len(mother.heard) == arrived + PACKETS_OF_PICTURE, "not even after the curtain is open again"
    await close(seen, mother, late)


async def test_a_lost_lease_draws_the_curtain(forwarder: Forwarder) -> None:
    seen = await bed(forwarder)
    mother = await viewer(forwarder, "visit-1", "mother")
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    await pictures(seen, b"1", range(3), whole=0)
    await until(lambda: len(mother.heard) == 3 * PACKETS_OF_PICTURE)
    forwarder.renew("visit-1", lease_seconds=0.1)
    await asyncio.sleep(0.3)
    await pictures(seen, b"1", range(3, 6), whole=4)
    await quiet()
    assert len(mother.heard) == 3 * PACKETS_OF_PICTURE
    forwarder.renew("visit-1", lease_seconds=LEASE_SECONDS)
    count = len(mother.heard)
    await pictures(seen, b"1", range(30, 33), whole=31)
    await quiet()
    assert len(mother.heard) == count, "a renewal opens nothing"
    await close(seen, mother)


async def test_each_sees_his_own_bed_alone(forwarder: Forwarder) -> None:
    first, second = await bed(forwarder, "bed-1"), await bed(forwarder, "bed-2", visit="visit-2")
    mother, other = await viewer(forwarder, "visit-1", "mother"), await viewer(forwarder, "visit-2", "other")
    for visit in ("visit-1", "visit-2"):
        forwarder.gate(visit, Gate.LIVE, "nurse")
    for number in range(5):
        first.send_picture(b"1", number, whole=number == 0)
        second.send_picture(b"2", number, whole=number == 0)
        await asyncio.sleep(0.02)
    await until(lambda: len(mother.heard) == len(other.heard) == 5 * PACKETS_OF_PICTURE)
    assert tags(mother) == {b"1"}
    assert tags(other) == {b"2"}
    await close(first, second, mother, other)


async def test_who_is_let_go_and_who_is_in_a_closed_room_sees_nothing_more(forwarder: Forwarder) -> None:
    seen = await bed(forwarder)
    mother, father = await viewer(forwarder, "visit-1", "mother"), await viewer(forwarder, "visit-1", "father")
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    await pictures(seen, b"1", range(2), whole=0)
    await until(lambda: len(mother.heard) == len(father.heard) == 2 * PACKETS_OF_PICTURE)
    forwarder.kick("visit-1", "father")
    await pictures(seen, b"1", range(2, 4))
    await until(lambda: len(mother.heard) == 4 * PACKETS_OF_PICTURE)
    assert len(father.heard) == 2 * PACKETS_OF_PICTURE
    forwarder.close("visit-1", "bed-moved")
    await pictures(seen, b"1", range(4, 6), whole=4)
    await quiet()
    assert len(mother.heard) == 4 * PACKETS_OF_PICTURE
    await close(seen, mother, father)


async def test_another_device_under_a_cameras_name_shows_nothing_before_the_gate_is_opened_again(
    forwarder: Forwarder,
) -> None:
    seen = await bed(forwarder)
    mother = await viewer(forwarder, "visit-1", "mother")
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    await pictures(seen, b"1", range(2), whole=0)
    await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE)
    again = await camera(forwarder, "bed-1")
    await pictures(again, b"1", range(500, 503), whole=501)
    await quiet()
    assert len(mother.heard) == 2 * PACKETS_OF_PICTURE
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    await pictures(again, b"1", range(503, 505), whole=503)
    await until(lambda: len(mother.heard) == 4 * PACKETS_OF_PICTURE)
    numbers = [head_of(data).sequence for _, data in mother.heard]
    assert (numbers[-1] - numbers[0]) % 65_536 == 4 * PACKETS_OF_PICTURE - 1
    await close(seen, again, mother)


async def test_without_a_camera_no_gate_opens_and_a_lost_one_draws_the_curtain(forwarder: Forwarder) -> None:
    forwarder.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    with pytest.raises(Refusal) as found:
        forwarder.gate("visit-1", Gate.LIVE, "nurse")
    assert found.value.code == "camera-away"
    seen = await camera(forwarder, "bed-1")
    mother = await viewer(forwarder, "visit-1", "mother")
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    count = len(await forwarder.happenings.after(0))
    await close(seen)
    (lost, *_) = await forwarder.happenings.after(count)
    told = [lost, *await forwarder.happenings.after(lost.number)]
    assert [(each.what, each.reason) for each in told[:2]] == [("camera-lost", ""), ("shielded", "camera-away")]
    again = await camera(forwarder, "bed-1")
    await pictures(again, b"1", range(3), whole=0)
    await quiet()
    assert not mother.heard
    await close(again, mother)


async def test_lost_packets_are_sent_again(forwarder: Forwarder) -> None:
    seen = await bed(forwarder)
    mother = await viewer(forwarder, "visit-1", "mother")
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    lose_third(mother)
    await pictures(seen, b"1", range(2), whole=0)
    await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE - 1)
    gap = ask_for_gap(mother)
    await until(lambda: len(mother.heard) == 2 * PACKETS_OF_PICTURE)
    assert head_of(mother.heard[-1][1]).sequence == gap
    await close(seen, mother)


@pytest.mark.parametrize(
    ("first", "gone"), [(10, {12}), (65_533, {65_535, 0})], ids=["one", "where numbers begin anew"]
)
async def test_the_camera_is_asked_for_what_did_not_come_and_it_goes_on_when_it_comes(
    forwarder: Forwarder, first: int, gone: set[int]
) -> None:
    seen = await bed(forwarder)
    mother = await viewer(forwarder, "visit-1", "mother")
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    stream = seen.peer.streams["video"]
    numbers = [(first + step) % SEQUENCES for step in range(6)]
    made = {
        n: packet(
            b"\x67\x421" if n == first else b"\x411",
            sequence=n,
            timestamp=step,
            payload_type=stream.payload_type,
            source=7,
        )
        for step, n in enumerate(numbers)
    }
    for number in numbers:
        if number not in gone:
            seen.peer.send(made[number])
            await asyncio.sleep(0.03)
    await until(lambda: any(isinstance(each, RtcpRtpfbPacket) and set(each.lost) == gone for each in seen.control))
    assert len(mother.heard) == len(numbers) - len(gone)
    for number in gone:
        seen.peer.send(made[number])
    await until(lambda: len(mother.heard) == len(numbers))
    heard = [head_of(data).sequence for _, data in mother.heard]
    assert {(each - heard[0]) % SEQUENCES for each in heard} == set(range(len(numbers)))
    assert {(each - heard[0]) % SEQUENCES for each in heard[-len(gone) :]} == {(n - first) % SEQUENCES for n in gone}
    await close(seen, mother)


async def test_a_viewer_without_a_picture_has_the_camera_asked_for_one(forwarder: Forwarder) -> None:
    seen = await bed(forwarder)
    mother = await viewer(forwarder, "visit-1", "mother")
    await pictures(seen, b"1", range(2), whole=0)
    assert not [each for each in seen.control if isinstance(each, RtcpPsfbPacket) and each.fmt == RTCP_PSFB_PLI]
    source = mother.peer.streams["video"].source
    mother.peer.send(bytes(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=1, media_ssrc=source)))
    await quiet()
    assert not [each for each in seen.control if isinstance(each, RtcpPsfbPacket) and each.fmt == RTCP_PSFB_PLI], (
        "behind the curtain nobody asks for pictures"
    )
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    await until(lambda: any(isinstance(each, RtcpPsfbPacket) and each.fmt == RTCP_PSFB_PLI for each in seen.control))
    await close(seen, mother)


async def test_reports_tell_the_camera_what_arrived_and_the_viewer_how_sound_and_picture_meet(
    forwarder: Forwarder,
) -> None:
    seen = await bed(forwarder)
    mother = await viewer(forwarder, "visit-1", "mother")
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    stream = seen.peer.streams["video"]
    source = stream.source
    first = picture(b"1", 0, whole=True, source=source, payload_type=stream.payload_type, filmed_at=time.monotonic())
    for data in first:
        seen.peer.send(data)
    said = head_of(first[0]).timestamp + 900
    moment = RtcpSenderInfo(ntp_timestamp=123 << 32, rtp_timestamp=said, packet_count=3, octet_count=9)
    seen.peer.send(bytes(RtcpSrPacket(ssrc=source, sender_info=moment)))
    await pictures(seen, b"1", range(1, 2))
    await until(lambda: any(isinstance(each, RtcpSrPacket) for each in mother.control))
    report = next(each for each in mother.control if isinstance(each, RtcpSrPacket))
    began = head_of(mother.heard[0][1]).timestamp
    assert report.sender_info.ntp_timestamp == 123 << 32
    assert (report.sender_info.rtp_timestamp - began) % 2**32 == 900, "so long after the first picture"
    await until(lambda: any(isinstance(each, RtcpRrPacket) and each.reports for each in seen.control))
    told = next(each for each in seen.control if isinstance(each, RtcpRrPacket) and each.reports)
    assert told.reports[0].ssrc == source
    await close(seen, mother)


async def test_what_cannot_be_is_refused(forwarder: Forwarder) -> None:
    async def refused(offer: str, *, visit: str = "visit-1", who: str = "mother") -> str:
        with pytest.raises(Refusal) as found:
            await forwarder.whep(visit, who, Part.FAMILY, offer)
        return found.value.code

    client = Client()
    offer = await client.peer.offer(PICTURE_TO_SEE, video=("H264",))
    assert await refused(offer) == "room-unknown"
    forwarder.open_room("visit-1", "bed-1", lease_seconds=LEASE_SECONDS)
    assert await refused(offer) == "camera-away"
    seen = await camera(forwarder, "bed-1")
    assert await refused("v=0") == "offer-malformed"
    await client.peer.accept(await forwarder.whep("visit-1", "mother", Part.FAMILY, offer))
    with pytest.raises(Refusal) as found:
        forwarder.open_room("visit-1", "bed-2", lease_seconds=LEASE_SECONDS)
    assert found.value.code == "room-exists"
    with pytest.raises(Refusal) as found:
        forwarder.gate("visit-9", Gate.LIVE, "nurse")
    assert found.value.code == "room-unknown"
    await close(seen, client)


async def test_a_malformed_packet_disturbs_nobody(forwarder: Forwarder) -> None:
    seen = await bed(forwarder)
    mother = await viewer(forwarder, "visit-1", "mother")
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    for data in (b"\x80\x60", b"\x80" + bytes(12), b"\x9f" + bytes(40), b"\xbf\x60" + bytes(40)):
        seen.peer.send(data)
    await pictures(seen, b"1", range(1), whole=0)
    await until(lambda: len(mother.heard) == PACKETS_OF_PICTURE)
    await close(seen, mother)
