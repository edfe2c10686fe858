"""The ward's sound from a cart: to whom it passes, when, and never together with a voice that sounds at the cot."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.realtime.made import (
    AUDIO_TYPE,
    CAMERA,
    CART,
    VOICE_TYPE,
    Client,
    PeerInMemory,
    cart,
    packet,
    tag_of,
    until,
    viewer,
)
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.raw_peer import Heard, Label
from tianfu.services.realtime.protocol.cot import ECHO_SECONDS, PULLED_ECHO_SECONDS, echoes, hears_ward
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate, Room

pytestmark = pytest.mark.anyio

WARD_SOURCE, VIEWERS_WARD = 21, 10
LEASE_SECONDS = 5.0


class CartInMemory(PeerInMemory):
    """A peer that named the source of the ward's sound in its offer, as every browser does."""

    origins: Mapping[int, Label] = {WARD_SOURCE: "ward"}


def room(visit: str = "visit", *, speaker: str = "") -> Room:
    made = Room(visit, "bed", lease_until_seconds=20.0)
    made.let_in("mother", Part.FAMILY)
    made.let_in("nurse", Part.NURSE)
    made.go_live(at_seconds=0.0)
    if speaker:
        made.press(speaker, at_seconds=0.0)
    return made


def test_the_ward_is_heard_if_the_curtain_is_open_and_a_nurse_let_it_and_nothing_echoes() -> None:
    made = room()
    assert not hears_ward(made, has_echo=False), "off unless somebody turns it on"
    made.is_ward_heard = True
    assert hears_ward(made, has_echo=False)
    assert not hears_ward(made, has_echo=True)
    made.shield("care")
    assert not hears_ward(made, has_echo=False)


def test_while_a_voice_sounds_at_the_cot_and_shortly_after_it_echoes() -> None:
    speaks = room(speaker="mother")
    assert echoes([room("twin"), speaks], has_loudspeaker=True, sounded_at=None, at_seconds=1.0), (
        "from the moment the key is pressed"
    )
    assert not echoes([room()], has_loudspeaker=True, sounded_at=None, at_seconds=1.0)
    speaks.floor.release("mother")
    assert not echoes([speaks], has_loudspeaker=True, sounded_at=None, at_seconds=1.0)
    assert echoes([speaks], has_loudspeaker=True, sounded_at=1.0, at_seconds=0.99 + ECHO_SECONDS)
    assert not echoes([speaks], has_loudspeaker=True, sounded_at=1.0, at_seconds=1.01 + ECHO_SECONDS)


def test_what_a_nurse_says_by_her_key_comes_once_and_a_family_does_not_come_back_from_her_tablet() -> None:
    """Where nothing sounds at the cot by itself, too."""
    for speaker in ("nurse", "mother"):
        speaks = room(speaker=speaker)
        assert echoes([speaks], has_loudspeaker=False, sounded_at=None, at_seconds=1.0)
        speaks.shield("care")
        assert not echoes([speaks], has_loudspeaker=False, sounded_at=None, at_seconds=1.0)
    alone = room(speaker="mother")
    alone.leave("nurse")
    assert not echoes([alone], has_loudspeaker=False, sounded_at=None, at_seconds=1.0), "no nurse looks there"
    said = {"has_loudspeaker": False, "sounded_at": 1.0}
    alone.floor.release("mother")
    assert echoes([alone], **said, at_seconds=0.99 + ECHO_SECONDS), "her last words are on their way, and she has left"
    assert not echoes([alone], **said, at_seconds=1.01 + ECHO_SECONDS)
    later = 0.99 + PULLED_ECHO_SECONDS
    assert echoes([alone], **said, at_seconds=later, lasts_seconds=PULLED_ECHO_SECONDS)


DEEDS = ["ward", "ward", "ward", "voice", "hear", "deaf", "live", "draw", "press", "let-go", "renew", "kick"]
STEPS = st.lists(st.sampled_from([*DEEDS, *DEEDS[:-1], 0.1, 0.9, 3.0]), min_size=10, max_size=60)


@settings(max_examples=600, deadline=None)
@given(steps=STEPS)
def test_no_packet_of_the_ward_passes_unless_everything_allows_it(steps: list[str | float]) -> None:
    """What is allowed is counted here once more, by other means; of two rooms only the first is ever let hear."""

    async def play() -> None:
        clock, peers = [0.0], list[CartInMemory]()

        def made(heard: Heard) -> CartInMemory:
            peers.append(CartInMemory(heard))
            return peers[-1]

        forwarder = Forwarder(lambda: clock[0], peer=made)
        lease_until = LEASE_SECONDS
        for visit in ("visit", "twin"):
            forwarder.open_room(visit, "bed", lease_seconds=LEASE_SECONDS)
        await forwarder.whip("bed", "offer")
        await forwarder.whep("visit", "mother", Part.FAMILY, "offer")
        await forwarder.whep("twin", "other", Part.FAMILY, "offer")
        cart_peer, mother, other = peers
        is_live = is_heard = is_pressed = False
        is_there = True
        voiced_at = -ECHO_SECONDS
        for number, step in enumerate(["live", "hear", *steps]):
            if isinstance(step, float):
                clock[0] += step
            if clock[0] >= lease_until:
                is_live = is_pressed = False
            before = len(_ward(mother))
            with suppress(Refusal):
                match step:
                    case "ward":
                        at = int(48_000 * clock[0]) + number  # no two packets of a sound have one moment
                        data = packet(b"~", sequence=number, timestamp=at, payload_type=AUDIO_TYPE, source=WARD_SOURCE)
                        cart_peer.heard.packet(data)
                    case "voice":
                        data = packet(b"~", sequence=number, timestamp=0, payload_type=VOICE_TYPE, source=5)
                        mother.heard.packet(data)
                        voiced_at = clock[0] if is_live and is_pressed else voiced_at
                    case "hear" | "deaf":
                        is_heard = step == "hear"
                        forwarder.hear_ward("visit", is_heard=is_heard)
                    case "live":
                        forwarder.gate("visit", Gate.LIVE, "nurse")
                        is_live = True
                    case "draw":
                        is_live = is_pressed = False
                        forwarder.gate("visit", Gate.SHIELDED, "care")
                    case "press":
                        forwarder.talk("visit", "mother", is_pressed=True)
                        is_pressed = True
                    case "let-go":
                        is_pressed = False
                        forwarder.talk("visit", "mother", is_pressed=False)
                    case "renew":
                        forwarder.renew("visit", lease_seconds=LEASE_SECONDS)
                        lease_until = clock[0] + LEASE_SECONDS
                    case "kick":
                        is_there = is_pressed = False
                        forwarder.kick("visit", "mother")
            may = is_live and is_heard and is_there and not is_pressed and clock[0] - voiced_at >= ECHO_SECONDS
            passed = len(_ward(mother)) - before
            assert passed == (1 if step == "ward" and may else 0), (number, steps)
        assert not _ward(other), "nobody let her hear"
        assert not _ward(cart_peer), "what a cart hears is never sent back to it"
        await forwarder.__aexit__()

    asyncio.run(play())


def _ward(peer: PeerInMemory) -> list[bytes]:
    return [data for data in peer.sent if data[1] & 0x7F == AUDIO_TYPE and head_of(data).source == VIEWERS_WARD]


@pytest.fixture
async def forwarder() -> AsyncIterator[Forwarder]:
    async with Forwarder(time.monotonic) as running:
        running.open_room("visit", "bed", lease_seconds=20.0)
        yield running


async def test_a_cart_is_heard_where_a_fixed_camera_would_be_and_falls_silent_while_a_voice_sounds_there(
    forwarder: Forwarder,
) -> None:
    bed = await cart(forwarder, "bed")
    mother = await viewer(forwarder, "visit", "mother")
    guest = await viewer(forwarder, "visit", "guest", Part.GUEST)
    forwarder.gate("visit", Gate.LIVE, "nurse")
    bed.send_sound("ward", b"not yet", range(5))
    await asyncio.sleep(0.15)
    forwarder.hear_ward("visit", is_heard=True)
    bed.send_sound("ward", b"ward", range(5, 9))
    await until(lambda: mother.sounds("ward") == guest.sounds("ward") == [b"ward"] * 4)
    forwarder.talk("visit", "mother", is_pressed=True)
    mother.send_sound("voice", b"mother", range(4))
    await until(lambda: [tag_of(data) for _, data in bed.heard] == [b"mother"] * 4)
    bed.send_sound("ward", b"echo", range(9, 14))
    forwarder.talk("visit", "mother", is_pressed=False)
    bed.send_sound("ward", b"echo", range(14, 18))
    await asyncio.sleep(ECHO_SECONDS + 0.2)
    bed.send_sound("ward", b"after", range(18, 20))
    await until(lambda: mother.sounds("ward")[4:] == guest.sounds("ward")[4:] == [b"after"] * 2)
    numbers = [head_of(data).sequence for _, data in mother.heard if tag_of(data) in {b"ward", b"after"}]
    assert numbers == list(range(numbers[0], numbers[0] + 6)), "what was left out is no loss"
    assert len(bed.heard) == 4, "a cart is never sent what it sent"
    forwarder.gate("visit", Gate.SHIELDED, "care")
    bed.send_sound("ward", b"drawn", range(20, 25))
    await asyncio.sleep(0.15)
    assert len(mother.sounds("ward")) == 6
    await asyncio.gather(*(each.peer.close() for each in (bed, mother, guest)))


async def test_of_a_device_with_two_lines_of_sound_only_what_it_named_is_the_wards(forwarder: Forwarder) -> None:
    assert [(line.label, line.direction) for line in CART] == [
        ("video", "sendonly"),
        ("voice", "recvonly"),
        ("ward", "sendonly"),
    ]
    bed = await cart(forwarder, "bed")
    mother = await viewer(forwarder, "visit", "mother")
    forwarder.gate("visit", Gate.LIVE, "nurse")
    forwarder.hear_ward("visit", is_heard=True)
    bed.send_sound("voice", b"smuggled", range(5))
    ward = bed.peer.streams["ward"]
    for source in (bed.peer.streams["voice"].source, 4_711):
        for number in range(5):
            data = packet(b"~", sequence=number, timestamp=0, payload_type=ward.payload_type, source=source)
            assert bed.peer.send(data)
    bed.send_picture(b"bed", 0, whole=True)
    await until(lambda: len(mother.sounds("video")) == 3)
    assert not mother.sounds("ward")
    assert not mother.sounds("voice")
    bed.send_sound("ward", b"ward", range(3))
    await until(lambda: mother.sounds("ward") == [b"ward"] * 3)
    await asyncio.gather(bed.peer.close(), mother.peer.close())


async def test_sound_of_another_codec_than_everybodys_is_nobodys(forwarder: Forwarder) -> None:
    seen = Client()
    offer = await seen.peer.offer(CAMERA, video=("H264",))
    other = re.sub(r"(m=audio \d+ \S+) [\d ]+", r"\1 0", offer)
    plain = re.sub(r"a=(rtpmap|fmtp|rtcp-fb):\d+ (opus|G722|PCMA)[^\r]*\r\n", "", other)
    await forwarder.whip("bed", plain)
    assert "ward" not in forwarder._cameras["bed"].peer.streams
    await seen.peer.close()
