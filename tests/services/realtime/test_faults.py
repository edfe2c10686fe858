"""What goes wrong by itself: phones that vanish, cameras that come back otherwise, packets too large."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.realtime.made import (
    CAMERA,
    PACKETS_OF_PICTURE,
    PICTURE_TO_SEE,
    VIEWER,
    Client,
    PeerInMemory,
    camera,
    packet,
    picture,
    tag_of,
    until,
    viewer,
)
from tests.services.realtime.test_hostile import Ward, media, show
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.raw_peer import PACKET_BYTES_MAX, Heard, RawPeer, Stream
from tianfu.services.realtime.port import (
    CAMERA_BACK,
    CAMERA_LOST,
    CODEC_CHANGED,
    DROPPED,
    LEFT,
    QUIET,
    SHIELDED,
    Happened,
)
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

LEASE_SECONDS = 20.0


def vanish(client: Client) -> None:
    """Let a peer be gone as a phone in a lift: it neither says goodbye nor answers."""
    assert client.peer._transport is not None
    for protocol in client.peer._transport.transport._connection._protocols:
        protocol.transport.abort()


async def told(forwarder: Forwarder, what: str, *, who: str = "", reason: str = "") -> Happened:
    """Wait until something has happened."""
    async with asyncio.timeout(10):
        after = 0
        while True:
            for each in await forwarder.happenings.after(after):
                after = each.number
                if each.what == what and who in {"", each.who} and reason in {"", each.reason}:
                    return each


async def happened(forwarder: Forwarder) -> list[str]:
    return [each.what for each in await forwarder.happenings.after(0)]


async def test_who_vanishes_loses_the_floor_first_and_then_the_seat() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        mother, father = await viewer(forwarder, "visit", "mother"), await viewer(forwarder, "visit", "father")
        forwarder.gate("visit", Gate.LIVE, "nurse")
        forwarder.talk("visit", "mother", is_pressed=True)
        with pytest.raises(Refusal):
            forwarder.talk("visit", "father", is_pressed=True)
        vanish(mother)
        await told(forwarder, QUIET, who="mother")
        forwarder.talk("visit", "father", is_pressed=True)
        left = await told(forwarder, LEFT, who="mother")
        assert left.reason == "connection-lost"
        others = [each.who for each in await forwarder.happenings.after(0) if each.what in {QUIET, LEFT}]
        assert set(others) == {"mother"}, "who is silent but there answers when asked"
        await asyncio.gather(seen.peer.close(), father.peer.close())


async def test_a_camera_that_vanishes_is_missed_and_lost() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        vanish(seen)
        await told(forwarder, QUIET, who="bed")
        await told(forwarder, CAMERA_LOST, who="bed")


async def test_a_forwarder_that_slept_misses_nobody() -> None:
    ward = Ward()
    seen, mother = await ward.live()
    seen.is_silent = mother.is_silent = True
    async with ward.forwarder as forwarder:
        ward.now += 15.0
        await asyncio.sleep(0.3)
        assert QUIET not in await happened(forwarder)


async def test_who_comes_again_takes_his_own_place_at_once() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        lost = await viewer(forwarder, "visit", "mother")
        forwarder.gate("visit", Gate.LIVE, "nurse")
        forwarder.talk("visit", "mother", is_pressed=True)
        vanish(lost)
        again = await viewer(forwarder, "visit", "mother")
        seen.send_picture(b"1", 1, whole=True)
        await until(lambda: len(again.heard) == PACKETS_OF_PICTURE)
        father = await viewer(forwarder, "visit", "father")
        forwarder.talk("visit", "father", is_pressed=True)
        assert [each.reason for each in await forwarder.happenings.after(0) if each.what == LEFT] == ["joined-again"]
        await asyncio.gather(seen.peer.close(), again.peer.close(), father.peer.close())


async def test_an_offer_that_is_not_understood_takes_nobodys_place() -> None:
    ward = Ward()
    seen, mother = await ward.live()
    ward.forwarder._peer = RawPeer  # one that reads what it is offered
    with pytest.raises(Refusal):
        await ward.forwarder.whep("visit", "mother", Part.FAMILY, "v=0")
    show(seen, picture(b"1", 1, whole=True))
    assert len(media(mother)) == PACKETS_OF_PICTURE


async def test_a_camera_that_works_stays_until_the_new_one_shows_a_whole_picture() -> None:
    ward = Ward()
    before, mother = await ward.live()
    again = await ward.camera()
    show(again, picture(b"new", 1, whole=False))
    show(before, picture(b"old", 1, whole=True))
    assert {tag_of(data) for data in media(mother)} == {b"old"}
    assert SHIELDED not in await happened(ward.forwarder)
    show(again, picture(b"new", 2, whole=True))
    show(before, picture(b"old", 2, whole=True))
    assert {tag_of(data) for data in media(mother)} == {b"old"}
    assert (await happened(ward.forwarder))[-2:] == [SHIELDED, CAMERA_BACK]
    await asyncio.sleep(0)
    assert not before.is_up
    assert len(media(mother)) == PACKETS_OF_PICTURE


async def test_a_camera_that_never_shows_anything_takes_nobodys_place() -> None:
    ward = Ward()
    before, mother = await ward.live()
    async with ward.forwarder as forwarder:
        again = await ward.camera()
        again.is_up = False
        ward.now += 16.0
        await asyncio.sleep(0.3)
        assert CAMERA_LOST not in await happened(forwarder)
        assert not forwarder._coming
        forwarder.renew("visit", lease_seconds=LEASE_SECONDS)
        forwarder.gate("visit", Gate.LIVE, "nurse")
        show(before, picture(b"old", 1, whole=True))
        assert len(media(mother)) == PACKETS_OF_PICTURE


class Other(PeerInMemory):
    """A peer that agrees to VP8."""

    async def answer(self, offer: str, *, sends: bool, video: object) -> str:
        answer = await super().answer(offer, sends=sends, video=video)
        stream = Stream(label="video", codec="VP8", payload_type=96, clock_rate_hz=90_000, source=9)
        self.streams = {**self.streams, "video": stream}
        return answer


async def test_viewers_of_a_camera_that_comes_back_with_another_codec_must_join_again() -> None:
    ward = Ward()
    seen, mother = await ward.live()
    seen.heard.ended()
    other: list[PeerInMemory] = []

    def peer(heard: Heard) -> PeerInMemory:
        other.append(Other(heard))
        return other[-1]

    ward.forwarder._peer = peer
    await ward.forwarder.whip("bed", "")
    (left,) = [each for each in await ward.forwarder.happenings.after(0) if each.what == LEFT]
    assert (left.who, left.reason) == ("mother", CODEC_CHANGED)
    await asyncio.sleep(0)
    assert not mother.is_up
    await ward.forwarder.whep("visit", "mother", Part.FAMILY, "")


async def test_packets_as_long_as_a_datagram_pass_and_longer_ones_are_told_of() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        mother = await viewer(forwarder, "visit", "mother")
        forwarder.gate("visit", Gate.LIVE, "nurse")
        of = seen.peer.streams["video"].payload_type
        for number, size in enumerate((1_350, 1_400, PACKET_BYTES_MAX)):
            data = packet(b"\x67" + bytes(size - 13), sequence=number, timestamp=number, payload_type=of)
            assert len(data) == size
            assert seen.peer.send(data)
        await until(lambda: len(mother.heard) == 3)
        assert [len(data) for _, data in mother.heard] == [1_350, 1_400, PACKET_BYTES_MAX]
        (made,) = forwarder._cameras.values()
        for number in (3, 4):
            made.heard(packet(bytes(PACKET_BYTES_MAX - 11), sequence=number, timestamp=number, payload_type=of))
        (dropped,) = [each for each in await forwarder.happenings.after(0) if each.what == DROPPED]
        assert (dropped.who, dropped.reason) == ("bed", "packet-too-large")
        await asyncio.gather(seen.peer.close(), mother.peer.close())


async def test_who_joins_is_caught_up_with_packets_as_long_as_a_datagram_at_once() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        forwarder.gate("visit", Gate.LIVE, "nurse")
        (made,) = forwarder._cameras.values()
        of = seen.peer.streams["video"].payload_type
        made.heard(packet(b"\x67" + bytes(PACKET_BYTES_MAX - 13), sequence=1, timestamp=1, payload_type=of))
        mother = await viewer(forwarder, "visit", "mother")
        await until(lambda: len(mother.heard) == 1)
        await asyncio.gather(seen.peer.close(), mother.peer.close())


@pytest.mark.parametrize("begins_at", [10_000, 100, 20_100, 65_000])
async def test_a_camera_that_counts_anew_shows_on(begins_at: int) -> None:
    ward = Ward()
    seen, mother = await ward.live()
    for number in range(2):
        show(seen, numbered(b"before", 20_000 + 3 * number, number, whole=number == 0))
    assert len(media(mother)) == 2 * PACKETS_OF_PICTURE
    for number in range(3):
        show(seen, numbered(b"after", begins_at + 3 * number, 77 + number, whole=number == 0))
    shown = media(mother)
    assert [tag_of(data) for data in shown[-9:]] == [b"after"] * 9
    numbers = [head_of(data).sequence for data in shown]
    if begins_at != 20_100:  # so near, packets between may still come
        assert [(number - numbers[0]) % 65_536 for number in numbers] == list(range(len(numbers)))


def numbered(tag: bytes, first: int, timestamp: int, *, whole: bool) -> list[bytes]:
    units = [b"\x67\x42", b"\x65", b"\x65"] if whole else [b"\x41"] * 3
    return [
        packet(unit + tag, sequence=first + place, timestamp=timestamp, marked=place == 2)
        for place, unit in enumerate(units)
    ]


async def test_another_reason_for_a_drawn_curtain_is_told() -> None:
    ward = Ward()
    await ward.live()
    ward.now += LEASE_SECONDS
    for reason in ("care", "care", "doctor"):
        ward.forwarder.gate("visit", Gate.SHIELDED, reason)
    reasons = [each.reason for each in await ward.forwarder.happenings.after(0) if each.what == SHIELDED]
    assert reasons == ["lease-lost", "care", "doctor"]


async def test_an_address_that_only_multicast_knows_costs_no_time() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=LEASE_SECONDS)
        client = Client()
        offer = await client.peer.offer(VIEWER, video=("H264",))
        rows = [row for row in offer.splitlines() if not row.startswith("a=candidate:")]
        hidden = "a=candidate:1 1 udp 2122260223 0f1e2d3c-0000-4000-8000-000000000000.local 5000 typ host"
        place = next(number for number, row in enumerate(rows) if row.startswith("a=ice-ufrag"))
        rows.insert(place, hidden)
        answer = await forwarder.whep("visit", "mother", Part.FAMILY, "\r\n".join(rows) + "\r\n")
        (made,) = forwarder._rooms["visit"].viewers.values()
        assert isinstance(made.peer, RawPeer)
        assert made.peer._transport is not None
        assert not made.peer._transport.transport._connection.remote_candidates
        await client.peer.accept(answer)
        await client.connected()
        await asyncio.gather(seen.peer.close(), client.peer.close())


async def offers() -> Sequence[str]:
    made = []
    for lines in (CAMERA, VIEWER, PICTURE_TO_SEE):
        client = Client()
        made.append(await client.peer.offer(lines, video=("H264", "VP8")))
        await client.peer.close()
    return made


OFFERS: Sequence[str] = asyncio.run(offers())
JUNK = st.sampled_from(
    ["", " ", "0", "-1", "99999999999999999999", "x", "\x00", "é", "127.0.0.1", "sha-256", "a=", "m="]
)


@st.composite
def spoilt(draw: st.DrawFn) -> str:
    """An offer in which a few lines are gone, doubled, moved, or say something else."""
    rows = draw(st.sampled_from(OFFERS)).splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(rows) - 1))
        match draw(st.sampled_from(["leave-out", "double", "move", "word", "cut", "add"])):
            case "leave-out" if len(rows) > 1:
                del rows[at]
            case "double":
                rows.insert(at, rows[at])
            case "move":
                rows.insert(draw(st.integers(0, len(rows) - 1)), rows.pop(at))
            case "word":
                words = rows[at].replace(":", ": ").split(" ")
                words[draw(st.integers(0, len(words) - 1))] = draw(JUNK)
                rows[at] = " ".join(words).replace(": ", ":")
            case "cut":
                rows[at] = rows[at][: draw(st.integers(0, len(rows[at])))]
            case _:
                rows.insert(at, draw(JUNK))
    return "\r\n".join(rows) + "\r\n"


@given(offer=spoilt(), sends=st.booleans())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_spoilt_offer_is_answered_or_refused_and_nothing_else(offer: str, sends: bool) -> None:
    async def outcome() -> str:
        peer = RawPeer(Heard())
        try:
            async with asyncio.timeout(10):
                await peer.answer(offer, sends=sends, video=("H264", "VP8"))
        except Refusal as refusal:
            return refusal.code
        finally:
            await peer.close()
        return "answered"

    assert asyncio.run(outcome()) in {"answered", "offer-malformed", "no-common-codec"}
