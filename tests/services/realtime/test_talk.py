"""One voice at a time, heard by whom it is meant for; the ward's own sound only if somebody lets it through."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests.services.realtime.made import VIEWER, Client, camera, cart, tag_of, until, viewer
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.loudspeaker import CONTRIBUTES
from tianfu.services.realtime.embedded.viewer import VOICE_PACKETS_PER_SECOND_MAX
from tianfu.services.realtime.protocol.cot import HeardBy
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.services.realtime.protocol.talk import HEARS, SPEAKS, Floor

pytestmark = pytest.mark.anyio


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


@pytest.mark.parametrize("speaker", Part)
@pytest.mark.parametrize("listener", Part)
def test_a_voice_reaches_whom_it_is_meant_for(speaker: Part, listener: Part) -> None:
    floor = Floor()
    if speaker not in SPEAKS:
        assert code_of(lambda: floor.press("she", speaker)) == "view-only"
        assert not floor.hears(listener, "she")
        return
    floor.press("she", speaker)
    assert floor.hears(listener, "she") is (speaker in HEARS[listener])
    assert not floor.hears(listener, "somebody else")
    floor.release("she")
    assert not floor.hears(listener, "she")


def test_at_the_cot_a_family_and_its_interpreter_are_heard_or_the_expert_who_was_asked_and_nobody_else() -> None:
    assert HEARS[Part.BEDSIDE] == {Part.FAMILY, Part.INTERPRETER, Part.EXPERT}


def test_who_interprets_is_heard_on_both_sides_and_hears_both() -> None:
    assert all(Part.INTERPRETER in HEARS[each] for each in (Part.FAMILY, Part.GUEST, Part.NURSE, Part.BEDSIDE))
    assert HEARS[Part.INTERPRETER] == {Part.FAMILY, Part.NURSE}


def test_one_speaks_at_a_time_and_the_nurse_may_cut_in() -> None:
    floor = Floor()
    floor.press("mother", Part.FAMILY)
    floor.press("mother", Part.FAMILY)
    assert code_of(lambda: floor.press("father", Part.FAMILY)) == "somebody-speaks"
    floor.press("nurse", Part.NURSE)
    assert floor.speaker == "nurse"
    floor.release("mother")
    assert floor.speaker == "nurse", "only who speaks can stop"
    assert code_of(lambda: floor.press("mother", Part.FAMILY)) == "somebody-speaks"


def test_who_is_silenced_loses_the_floor_and_gets_it_no_more() -> None:
    floor = Floor()
    floor.press("mother", Part.FAMILY)
    floor.silence("mother", is_silenced=True)
    assert floor.speaker is None
    assert code_of(lambda: floor.press("mother", Part.FAMILY)) == "silenced"
    floor.silence("mother", is_silenced=False)
    floor.press("mother", Part.FAMILY)
    assert floor.speaker == "mother"


@pytest.fixture
async def forwarder() -> AsyncIterator[Forwarder]:
    async with Forwarder(time.monotonic) as running:
        running.open_room("visit", "bed", lease_seconds=20.0)
        yield running


async def quiet() -> None:
    await asyncio.sleep(0.15)


async def close(*clients: Client) -> None:
    await asyncio.gather(*(each.peer.close() for each in clients))


async def test_the_wards_sound_is_not_heard_unless_it_is_let_through(forwarder: Forwarder) -> None:
    seen = await camera(forwarder, "bed")
    mother = await viewer(forwarder, "visit", "mother")
    forwarder.gate("visit", Gate.LIVE, "nurse")
    seen.send_sound("ward", b"ward", range(5))
    await quiet()
    assert not mother.heard
    forwarder.hear_ward("visit", is_heard=True)
    seen.send_sound("ward", b"ward", range(5, 9))
    await until(lambda: mother.sounds("ward") == [b"ward"] * 4)
    forwarder.gate("visit", Gate.SHIELDED, "care")
    seen.send_sound("ward", b"ward", range(9, 12))
    await quiet()
    assert len(mother.heard) == 4
    await close(seen, mother)


async def test_a_voice_is_heard_while_its_key_is_held_and_not_a_packet_longer(forwarder: Forwarder) -> None:
    seen = await camera(forwarder, "bed")
    mother, nurse = await viewer(forwarder, "visit", "mother"), await viewer(forwarder, "visit", "nurse", Part.NURSE)
    cot = await viewer(forwarder, "visit", "cot", Part.BEDSIDE)
    guest = await viewer(forwarder, "visit", "guest", Part.GUEST)
    forwarder.gate("visit", Gate.LIVE, "nurse")
    mother.send_sound("voice", b"up", range(5))
    await quiet()
    assert not any(each.heard for each in (mother, nurse, cot, guest)), "the key is up"
    forwarder.talk("visit", "mother", is_pressed=True)
    mother.send_sound("voice", b"down", range(5, 9))
    await until(lambda: nurse.sounds("voice") == cot.sounds("voice") == [b"down"] * 4)
    forwarder.talk("visit", "mother", is_pressed=False)
    mother.send_sound("voice", b"up again", range(9, 14))
    await quiet()
    assert len(nurse.heard) == len(cot.heard) == 4
    assert not mother.heard, "nobody hears himself"
    assert not guest.heard, "what the family says is not for guests"
    forwarder.talk("visit", "nurse", is_pressed=True)
    nurse.send_sound("voice", b"nurse", range(3))
    await until(lambda: mother.sounds("voice") == guest.sounds("voice") == [b"nurse"] * 3)
    assert len(cot.heard) == 4, "the nurse stands there"
    await close(seen, mother, nurse, cot, guest)


async def test_behind_the_curtain_nobody_is_heard(forwarder: Forwarder) -> None:
    seen = await camera(forwarder, "bed")
    mother, nurse = await viewer(forwarder, "visit", "mother"), await viewer(forwarder, "visit", "nurse", Part.NURSE)
    assert code_of(lambda: forwarder.talk("visit", "mother", is_pressed=True)) == "curtain-drawn"
    forwarder.gate("visit", Gate.LIVE, "nurse")
    forwarder.talk("visit", "mother", is_pressed=True)
    forwarder.gate("visit", Gate.SHIELDED, "care")
    mother.send_sound("voice", b"voice", range(5))
    await quiet()
    assert not nurse.heard
    forwarder.gate("visit", Gate.LIVE, "nurse")
    mother.send_sound("voice", b"voice", range(5, 8))
    await quiet()
    assert not nurse.heard, "the key must be pressed anew"
    assert code_of(lambda: forwarder.talk("visit", "stranger", is_pressed=True)) == "not-in-room"
    await close(seen, mother, nurse)


async def test_a_viewers_picture_goes_nowhere(forwarder: Forwarder) -> None:
    seen = await camera(forwarder, "bed")
    mother, nurse = await viewer(forwarder, "visit", "mother"), await viewer(forwarder, "visit", "nurse", Part.NURSE)
    forwarder.gate("visit", Gate.LIVE, "nurse")
    forwarder.talk("visit", "mother", is_pressed=True)
    mother.send_picture(b"home", 0, whole=True)
    mother.peer.send(b"\x80\x60")
    await quiet()
    assert not nurse.heard
    await close(seen, mother, nurse)


async def test_at_a_cart_the_family_and_its_interpreter_sound_and_no_picture_goes_there(forwarder: Forwarder) -> None:
    bed = await cart(forwarder, "bed")
    mother = await viewer(forwarder, "visit", "mother")
    helper = await viewer(forwarder, "visit", "helper", Part.INTERPRETER)
    nurse = await viewer(forwarder, "visit", "nurse", Part.NURSE)
    mother.send_sound("voice", b"behind the curtain", range(5))
    forwarder.gate("visit", Gate.LIVE, "nurse")
    mother.send_sound("voice", b"up", range(5, 9))
    await quiet()  # what was on its way when a key is pressed would be heard
    for name, speaks, numbers in (("mother", mother, range(9, 13)), ("helper", helper, range(4))):
        forwarder.talk("visit", name, is_pressed=True)
        speaks.send_sound("voice", name.encode(), numbers)
        heard = len(bed.heard) + len(numbers)
        await until(lambda heard=heard: len(bed.heard) == heard)  # type: ignore[misc]  # bound for this round
        forwarder.talk("visit", name, is_pressed=False)
    assert [tag_of(data) for _, data in bed.heard] == [b"mother"] * 4 + [b"helper"] * 4
    whose = [int.from_bytes(data[12:16]) for _, data in bed.heard if data[0] & 15 == 1]
    assert whose == [CONTRIBUTES[Part.FAMILY]] * 4 + [CONTRIBUTES[Part.INTERPRETER]] * 4
    assert set(CONTRIBUTES) == HEARS[Part.BEDSIDE]
    assert mother.sounds("voice") == [b"helper"] * 4, "the family hears who interprets"
    assert helper.sounds("voice") == [b"mother"] * 4
    forwarder.talk("visit", "nurse", is_pressed=True)
    nurse.send_sound("voice", b"nurse", range(3))
    bed.send_picture(b"bed", 0, whole=True)
    await until(lambda: nurse.sounds("video") != [] and len(mother.sounds("voice")) == 7)
    forwarder.talk("visit", "mother", is_pressed=False)
    forwarder.gate("visit", Gate.SHIELDED, "care")
    helper.send_sound("voice", b"drawn", range(4, 8))
    await quiet()
    assert len(bed.heard) == 8, "neither the nurse, who stands there, nor a picture, nor a word behind the curtain"
    await close(bed, mother, helper, nurse)


async def test_voices_sound_at_the_cot_of_their_own_visit_alone(forwarder: Forwarder) -> None:
    forwarder.open_room("other", "other-bed", lease_seconds=20.0)
    bed, other_bed = await cart(forwarder, "bed"), await cart(forwarder, "other-bed")
    mother, other = await viewer(forwarder, "visit", "mother"), await viewer(forwarder, "other", "other")
    for visit, name in (("visit", "mother"), ("other", "other")):
        forwarder.gate(visit, Gate.LIVE, "nurse")
        forwarder.talk(visit, name, is_pressed=True)
    mother.send_sound("voice", b"mother", range(4))
    other.send_sound("voice", b"other", range(4))
    await until(lambda: len(bed.heard) == len(other_bed.heard) == 4)
    assert {tag_of(data) for _, data in bed.heard} == {b"mother"}
    assert {tag_of(data) for _, data in other_bed.heard} == {b"other"}
    again = await cart(forwarder, "bed")  # another device takes the name over: it shows nothing yet, and hears nothing
    mother.send_sound("voice", b"mother", range(4, 8))
    await until(lambda: len(bed.heard) == 8)
    assert not again.heard
    await close(bed, other_bed, again, mother, other)


async def test_who_floods_is_passed_on_no_more_than_a_voice_needs_and_nothing_of_it_is_kept(
    forwarder: Forwarder,
) -> None:
    bed = await cart(forwarder, "bed")
    mother = await viewer(forwarder, "visit", "mother")
    forwarder.gate("visit", Gate.LIVE, "nurse")
    forwarder.talk("visit", "mother", is_pressed=True)
    began = time.monotonic()
    mother.send_sound("voice", b"flood", range(800))
    mother.send_sound("voice", b"f" * 1_000, range(800, 1_600))
    await quiet()
    seconds = 1 + int(time.monotonic() - began)
    assert 0 < len(bed.heard) <= (1 + seconds) * VOICE_PACKETS_PER_SECOND_MAX
    relay = forwarder._cameras["bed"].loudspeaker._relay
    assert relay is not None
    assert not relay._kept, "nothing of a voice is kept"
    await asyncio.sleep(1.1)
    heard = len(bed.heard)
    mother.send_sound("voice", b"word", range(1_600, 1_604))
    await until(lambda: len(bed.heard) == heard + 4)
    await close(bed, mother)


async def test_a_voice_of_another_codec_than_everybodys_is_nobodys(forwarder: Forwarder) -> None:
    bed, mother = await cart(forwarder, "bed"), Client()
    offer = await mother.peer.offer(VIEWER, video=("H264", "VP8"))
    only = "\r\n".join(
        re.sub(r"^(m=audio \d+ \S+) .*", r"\1 8", line)
        for line in offer.split("\r\n")
        if not re.match(r"a=(rtpmap|fmtp):\d+ (opus|G722|PCMU)", line)
    )
    await mother.peer.accept(await forwarder.whep("visit", "mother", Part.FAMILY, only))
    await mother.connected()
    assert "voice" not in forwarder._rooms["visit"].viewers["mother"].peer.streams
    await close(bed, mother)


async def test_what_a_cart_says_over_the_line_for_voices_is_heard_by_nobody(forwarder: Forwarder) -> None:
    bed = await cart(forwarder, "bed")
    mother = await viewer(forwarder, "visit", "mother")
    forwarder.gate("visit", Gate.LIVE, "nurse")
    forwarder.hear_ward("visit", is_heard=True)
    bed.send_sound("voice", b"smuggled", range(5))
    bed.send_picture(b"bed", 0, whole=True)
    await until(lambda: len(mother.sounds("video")) == 3)
    assert not mother.sounds("voice")
    assert not mother.sounds("ward")
    await close(bed, mother)


async def test_of_two_visits_on_one_camera_one_voice_sounds_at_a_time(forwarder: Forwarder) -> None:
    forwarder.open_room("twin", "bed", lease_seconds=20.0)
    bed = await cart(forwarder, "bed")
    mother, other = await viewer(forwarder, "visit", "mother"), await viewer(forwarder, "twin", "other")
    for visit in ("visit", "twin"):
        forwarder.gate(visit, Gate.LIVE, "nurse")
    forwarder.talk("visit", "mother", is_pressed=True)
    assert code_of(lambda: forwarder.talk("twin", "other", is_pressed=True)) == "somebody-speaks"
    other.send_sound("voice", b"other", range(4))
    mother.send_sound("voice", b"mother", range(4))
    await until(lambda: len(bed.heard) == 4)
    forwarder.gate("visit", Gate.SHIELDED, "care")
    forwarder.talk("twin", "other", is_pressed=True)
    other.send_sound("voice", b"other", range(4, 8))
    mother.send_sound("voice", b"mother", range(4, 8))
    await until(lambda: len(bed.heard) == 8)
    await quiet()
    assert [tag_of(data) for _, data in bed.heard] == [b"mother"] * 4 + [b"other"] * 4
    assert not mother.sounds("voice"), "a voice stays in its own room"
    await close(bed, mother, other)


async def test_who_is_heard_at_the_cot_depends_on_what_stands_there(forwarder: Forwarder) -> None:
    wall = await camera(forwarder, "bed")
    mother = await viewer(forwarder, "visit", "mother")
    assert forwarder.heard_by("visit", "mother") == HeardBy(at_cot=False, people=0), "a camera has no loudspeaker"
    father = await viewer(forwarder, "visit", "father")
    assert forwarder.heard_by("visit", "mother") == HeardBy(at_cot=False, people=1)
    forwarder.unplug("bed")
    bed = await cart(forwarder, "bed")
    assert forwarder.heard_by("visit", "mother") == HeardBy(at_cot=True, people=1)
    coming = Client()  # the answer lies there, and nobody connects
    offer = await coming.peer.offer(VIEWER, video=("H264",))
    await forwarder.whep("visit", "uncle", Part.FAMILY, offer)
    assert forwarder.heard_by("visit", "mother") == HeardBy(at_cot=True, people=1), "he is not there yet"
    forwarder.unplug("bed")
    assert forwarder.heard_by("visit", "mother") == HeardBy(at_cot=False, people=1)
    assert code_of(lambda: forwarder.heard_by("nothing", "mother")) == "room-unknown"
    await close(wall, bed, mother, father, coming)
