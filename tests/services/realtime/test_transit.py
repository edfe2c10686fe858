"""What was filmed or heard behind the curtain is not shown, though it comes when the curtain is open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.realtime.made import (
    AUDIO_TYPE,
    PACKETS_OF_PICTURE,
    PeerInMemory,
    camera,
    packet,
    picture,
    tag_of,
    until,
    viewer,
)
from tests.services.realtime.test_hostile import Ward
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.port import CAMERA_LOST
from tianfu.services.realtime.protocol.packets import TIMESTAMPS
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate
from tianfu.services.realtime.protocol.transit import DRIFT, LATE_SECONDS_MAX, Transit

pytestmark = pytest.mark.anyio

RATE = 90_000
TICK_SECONDS = 2 / RATE
DRIFTS = 100e-6
"""Of a clock that is as bad as quartz gets."""

HELD_UP = st.lists(
    st.tuples(st.floats(0.02, 2.0), st.one_of(st.just(0.0), st.floats(0.0, 6.0))), min_size=2, max_size=60
)
"""For each packet, how long after the one before it was sent, and how long something holds it up."""


def told(transit: Transit, seen_at: float, came_at: float, *, start: int = 0) -> float:
    return transit.late(int(start + RATE * seen_at) % TIMESTAMPS, at_seconds=came_at)


def came(held_up: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """When each was sent, and when it came: in its turn."""
    sent = list(accumulate(step for step, _ in held_up))
    arrived = accumulate((at + late for at, (_, late) in zip(sent, held_up, strict=True)), max)
    return list(zip(sent, arrived, strict=True))


@given(held_up=HELD_UP, start=st.integers(0, TIMESTAMPS - 1), drift=st.floats(-DRIFTS, DRIFTS), quick=st.floats(0, 0.5))
@settings(max_examples=300)
def test_what_is_held_up_is_known_to_be_late(
    held_up: list[tuple[float, float]], start: int, drift: float, quick: float
) -> None:
    """Once a quick one came, nobody takes a packet for later than it was sent, but for how long the quickest take."""
    transit = Transit(RATE)
    told(transit, 0.0, quick, start=start)
    for sent, arrived in came(held_up):
        late = told(transit, sent * (1 + drift), arrived + quick, start=start)
        assert late >= 0
        assert abs(late - (arrived - sent)) <= TICK_SECONDS + arrived * (DRIFTS + DRIFT)


@given(held_up=HELD_UP)
@settings(max_examples=300)
def test_a_quick_packet_is_never_late(held_up: list[tuple[float, float]]) -> None:
    transit = Transit(RATE)
    for sent, arrived in came(held_up):
        late = told(transit, sent, arrived)
        assert arrived > sent or late <= TICK_SECONDS


def test_a_way_that_becomes_longer_for_good_is_known_to_be_so() -> None:
    """A link may queue for minutes: what it brings is as old at the end as when the queue was new."""
    transit = Transit(RATE)
    told(transit, 0.0, 0.0)
    for second in range(600):
        late = told(transit, second, second + min(40.0, 0.2 * second))
        assert late == pytest.approx(min(40.0, 0.2 * second), abs=0.15)


def test_a_clock_that_is_set_is_learnt_anew_and_one_hold_up_however_long_is_not_such() -> None:
    for is_muted in (False, True):
        set_back = Transit(RATE, pauses=is_muted)
        told(set_back, 5_000.0, 0.0)
        assert told(set_back, 10.0, 1.0) == 0.0
        assert told(set_back, 11.0, 2.5) == pytest.approx(0.5, abs=0.001)
    held_up = Transit(RATE)
    told(held_up, 0.0, 0.0)
    assert told(held_up, 1.0, 61.0) == pytest.approx(60.0, abs=0.1)
    assert told(held_up, 30.0, 61.5) == pytest.approx(31.5, abs=0.1)


def test_a_muted_microphone_whose_clock_stood_is_heard_again() -> None:
    muted = Transit(RATE, pauses=True)
    told(muted, 0.0, 0.0)
    assert told(muted, 0.02, 30.0) == 0.0
    for second in range(1, 40):
        late = told(muted, second, 30 + 2 * second)
    assert late == pytest.approx(39, abs=0.1), "a queue that grows bit by bit is no pause"


def test_an_older_packet_that_comes_again_changes_nothing() -> None:
    transit = Transit(RATE)
    told(transit, 1.0, 1.0)
    told(transit, 2.0, 2.0)
    assert told(transit, 1.0, 2.1) == pytest.approx(1.1, abs=TICK_SECONDS)
    assert told(transit, 2.2, 2.2) == pytest.approx(0.0, abs=TICK_SECONDS)


def test_a_clock_that_stands_still_is_later_and_later_until_its_camera_is_let_go() -> None:
    stands = Transit(RATE)
    late = [stands.late(7, at_seconds=each) for each in range(60)]
    assert late == sorted(late)
    assert late[-1] > LATE_SECONDS_MAX


def test_short_mutes_do_not_add_up_while_pictures_come_in_time() -> None:
    muted = Transit(RATE, pauses=True)
    for mute in range(6):
        for each in range(10):
            late = muted.late(1_800 * (10 * mute + each), at_seconds=0.02 * each + 9.2 * mute, is_road_free=True)
            assert late <= TICK_SECONDS


def test_a_line_that_was_silent_for_half_a_round_of_its_clock_is_learnt_anew() -> None:
    slept = Transit(RATE)
    told(slept, 0.0, 0.0)
    assert told(slept, 14 * 3_600.0, 14 * 3_600.0) == 0.0
    assert told(slept, 14 * 3_600.0 + 1, 14 * 3_600.0 + 1.5) == pytest.approx(0.5, abs=0.001)


async def test_a_sound_of_before_that_comes_behind_later_ones_is_not_begun_with() -> None:
    """An old road gives back what it held while the new one had already brought later sound."""
    ward, seen, mother = await drawn()
    seen.origins = {7: "video", 21: "ward"}  # type: ignore[misc]  # as a browser names them in its offer

    def sound(number: int, at: float) -> bytes:
        stamp = int(48_000 * at)
        return packet(b"~%02d" % at, sequence=number, timestamp=stamp, payload_type=AUDIO_TYPE, source=21)

    ward.forwarder.hear_ward("visit", is_heard=True)
    for number, at in ((1, 1.0), (600, 12.9)):
        ward.now = at
        seen.heard.packet(sound(number, at))
    ward.now = 13.0
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    ward.now = 13.1
    seen.heard.packet(sound(50, 2.0))
    assert not mother.sent
    seen.heard.packet(sound(601, 13.1))
    assert [tag_of(data) for data in mother.sent] == [b"13"]
    seen.heard.packet(sound(51, 2.1))
    assert [tag_of(data) for data in mother.sent] == [b"13"]


@pytest.fixture
async def forwarder() -> AsyncIterator[Forwarder]:
    async with Forwarder(time.monotonic) as running:
        yield running


async def test_a_camera_that_was_held_up_shows_and_sounds_nothing_of_before(forwarder: Forwarder) -> None:
    """Two seconds of care lie in a camera's network when the nurse opens the curtain; then they come."""
    seen = await camera(forwarder, "bed-1")
    forwarder.open_room("visit-1", "bed-1", lease_seconds=30.0)
    forwarder.hear_ward("visit-1", is_heard=True)
    mother = await viewer(forwarder, "visit-1", "mother")
    seen.send_picture(b"quick", 0, whole=True)
    seen.send_sound("ward", b"quick", range(1))
    await asyncio.sleep(0.1)
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    for number in range(1, 21):
        seen.send_picture(b"care", number, whole=number % 5 == 1, late_seconds=2.0 - number / 20)
        seen.send_sound("ward", b"care", range(number, number + 1), late_seconds=2.0 - number / 20)
    await asyncio.sleep(0.2)
    late = await viewer(forwarder, "visit-1", "late")
    await asyncio.sleep(0.1)
    assert not mother.heard
    assert not late.heard, "nor was it kept for who comes later"
    seen.send_picture(b"child", 21, whole=True)
    seen.send_sound("ward", b"child", range(21, 22))
    for each in (mother, late):
        await until(lambda: len(each.heard) == PACKETS_OF_PICTURE + 1)  # noqa: B023 - asked at once
        assert {tag_of(data) for _, data in each.heard} == {b"child"}
    await asyncio.gather(*(each.peer.close() for each in (seen, mother, late)))


async def test_another_visit_that_begins_cuts_nobody_off_who_sees() -> None:
    """What is held up while one of two visits to a cot is opened is hidden from that one alone."""
    now, peers = [0.0], []

    def made(heard: object) -> PeerInMemory:
        peers.append(PeerInMemory(heard))  # type: ignore[arg-type]  # only passed on
        return peers[-1]

    forwarder = Forwarder(lambda: now[0], peer=made)
    await forwarder.whip("bed-1", "")
    for visit in ("first", "second"):
        forwarder.open_room(visit, "bed-1", lease_seconds=100.0)
        forwarder.hear_ward(visit, is_heard=True)
        await forwarder.whep(visit, "mother", Part.FAMILY, "")
    seen, first, second = peers
    seen.origins = {7: "video", 21: "ward"}  # type: ignore[misc]  # as a browser names them in its offer

    def show(number: int, *, late_seconds: float = 0.0) -> None:
        tag, at = b"%d" % number, now[0] - late_seconds
        sound = packet(b"~" + tag, sequence=number, timestamp=int(48_000 * at), payload_type=AUDIO_TYPE, source=21)
        for data in (*picture(tag, number, whole=True, filmed_at=at), sound):
            seen.heard.packet(data)

    forwarder.gate("first", Gate.LIVE, "nurse")
    show(0)
    now[0] = 5.0
    forwarder.gate("second", Gate.LIVE, "nurse")
    show(1, late_seconds=1.0)
    assert not second.sent
    now[0] = 5.1
    show(2)
    for each, numbers in ((first, b"012"), (second, b"2")):
        assert [tag_of(data) for data in each.sent] == [bytes([n]) for n in numbers for _ in range(4)]


async def test_what_was_said_before_a_nurse_let_the_ward_be_heard_is_not_heard(forwarder: Forwarder) -> None:
    """The curtain is open; two doctors talk, their words are held up; then she turns the sound on."""
    seen = await camera(forwarder, "bed-1")
    forwarder.open_room("visit-1", "bed-1", lease_seconds=30.0)
    mother = await viewer(forwarder, "visit-1", "mother")
    seen.send_sound("ward", b"quick", range(1))
    await asyncio.sleep(0.1)
    forwarder.gate("visit-1", Gate.LIVE, "nurse")
    seen.send_sound("ward", b"off", range(1, 2))
    await asyncio.sleep(0.1)
    forwarder.hear_ward("visit-1", is_heard=True)
    seen.send_sound("ward", b"before", range(2, 12), late_seconds=1.5)
    await asyncio.sleep(0.1)
    assert not mother.heard
    seen.send_sound("ward", b"now", range(12, 13))
    await until(lambda: mother.sounds("ward") == [b"now"])
    await asyncio.gather(*(each.peer.close() for each in (seen, mother)))


def film(number: int, *, filmed_at: float, whole: bool = True) -> list[bytes]:
    """A picture that tells when it was filmed, in milliseconds."""
    return picture(b"%06d" % round(1_000 * filmed_at), number, whole=whole, filmed_at=filmed_at)


async def drawn() -> tuple[Ward, PeerInMemory, PeerInMemory]:
    """A ward at its clock's beginning, a camera, and a mother behind a curtain that is drawn."""
    ward = Ward()
    ward.now = 0.0
    seen = await ward.camera()
    ward.forwarder.open_room("visit", "bed", lease_seconds=100.0)
    return ward, seen, await ward.viewer()


@pytest.mark.parametrize("between", [60, 120, 300, 340])
async def test_a_whole_picture_of_before_that_is_sent_again_after_the_opening_is_not_shown(between: int) -> None:
    """It was lost and asked for; what came meanwhile, in pictures of three packets, is nearer than SRTP's window."""
    ward, seen, mother = await drawn()
    care = film(1, filmed_at=ward.now)
    for number in range(2, between):
        ward.now += 0.001
        for data in film(number, filmed_at=ward.now, whole=False):
            seen.heard.packet(data)
    ward.now += 0.1
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    for data in film(between, filmed_at=ward.now):
        seen.heard.packet(data)
    assert {tag_of(data) for data in mother.sent} == {b"%06d" % round(1_000 * ward.now)}
    count = len(mother.sent)
    for data in care:
        seen.heard.packet(data)
    assert len(mother.sent) == count
    assert all(tag_of(each.data) != tag_of(care[0]) for each in ward.forwarder._cameras["bed"].group())


async def test_a_count_that_begins_anew_has_the_clock_it_had() -> None:
    """Whatever brings packets of long ago under numbers that are far off, they are as late as they are."""
    ward, seen, mother = await drawn()
    for data in film(2_000, filmed_at=ward.now):
        seen.heard.packet(data)
    ward.now = 4.0
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    for data in (*film(2_100, filmed_at=4.0), *film(1_000, filmed_at=2.0)):
        seen.heard.packet(data)
    assert {tag_of(data) for data in mother.sent} == {b"004000"}
    for data in film(1_001, filmed_at=4.1):
        seen.heard.packet(data)
    assert tag_of(mother.sent[-1]) == b"004100", "and goes on when it is in time"


async def test_a_link_that_falls_behind_bit_by_bit_shows_nothing_of_before_and_is_let_go() -> None:
    """At half the pace, so that nothing is ever silent, what comes is 9 s late when the curtain is opened."""
    ward, seen, mother = await drawn()
    ended_at = None
    for number in range(600):
        ward.now = 0.08 * number
        if number == 225:
            ward.forwarder.gate("visit", Gate.LIVE, "nurse")
        for data in film(number, filmed_at=0.04 * number, whole=number % 25 == 0):
            seen.heard.packet(data)
        if ended_at is None and "bed" not in ward.forwarder._cameras:
            ended_at = ward.now
    assert not mother.sent
    assert ended_at == pytest.approx(2 * LATE_SECONDS_MAX, abs=0.1)
    happened = [(each.what, each.reason) for each in await ward.forwarder.happenings.after(0)]
    assert (CAMERA_LOST, "camera-late") in happened
    with pytest.raises(Refusal, match="camera-away"):
        ward.forwarder.gate("visit", Gate.LIVE, "nurse")
