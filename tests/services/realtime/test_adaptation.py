"""A picture gets smaller when too much is lost, and larger again only after a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    pack_remb_fci,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.services.realtime.made import TWO_PICTURES, PeerInMemory, camera, packet, until, viewer
from tests.services.realtime.test_hostile import Ward, media, show
from tianfu.services.realtime.embedded.camera import Camera
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.raw_peer import Heard, RawPeer, Stream
from tianfu.services.realtime.embedded.viewer import STILL_EACH_SECONDS, Viewer
from tianfu.services.realtime.port import ADAPTED
from tianfu.services.realtime.protocol.adaptation import (
    DOWN_SECONDS,
    SETTLE_SECONDS,
    UP_SECONDS,
    UP_SECONDS_MAX,
    Adaptation,
    Arrival,
    Level,
    ladder_of,
)
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.pictures import Packet
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

ALL = ladder_of(has_small=True, is_ward_heard=True, are_stills_allowed=True)


def arrival(lost: float = 0.0, *, room: int | None = None, is_falling: bool = True, sent: int = 1_500_000) -> Arrival:
    return Arrival(lost_fraction=lost, room_bits_per_second=room, is_room_falling=is_falling, sent_bits_per_second=sent)


def levels(
    made: Adaptation, arrivals: Sequence[Arrival], *, ladder: Sequence[Level] = ALL, begin: int = 0
) -> list[Level]:
    return [made.look(each, ladder, at_seconds=float(begin + n)) for n, each in enumerate(arrivals)]


def test_what_arrives_well_stays_full() -> None:
    assert set(levels(Adaptation(0.0), [arrival()] * 100)) == {Level.FULL}


def test_five_in_a_hundred_lost_change_nothing() -> None:
    assert set(levels(Adaptation(0.0), [arrival(0.05)] * 100)) == {Level.FULL}


def test_loss_that_lasts_leads_down_step_by_step() -> None:
    seen = levels(Adaptation(0.0), [arrival(0.2)] * 30)
    assert [level for n, level in enumerate(seen) if n == 0 or level is not seen[n - 1]] == [
        Level.FULL,
        Level.SMALL,
        Level.SOUND,
        Level.STILLS,
    ]
    assert seen.index(Level.SMALL) == SETTLE_SECONDS + DOWN_SECONDS


def test_a_short_loss_changes_nothing() -> None:
    assert set(levels(Adaptation(0.0), ([arrival(0.5)] + [arrival()] * 3) * 20)) == {Level.FULL}


@pytest.mark.parametrize(("room", "level"), [(1_000_000, Level.SMALL), (1_300_000, Level.FULL), (None, Level.FULL)])
def test_who_has_no_room_is_sent_less(room: int | None, level: Level) -> None:
    assert levels(Adaptation(0.0), [arrival(room=room)] * 7)[-1] is level


def test_an_estimate_that_has_not_grown_yet_is_no_reason() -> None:
    assert levels(Adaptation(0.0), [arrival(room=20_000, is_falling=False)] * 30)[-1] is Level.FULL


def test_it_goes_up_after_a_while_and_ever_later_if_that_does_not_hold() -> None:
    made, at, waits = Adaptation(0.0), 0, []
    for _ in range(6):
        while made.look(arrival(0.2), ALL, at_seconds=float(at)) is Level.FULL:
            at += 1
        began = at
        while made.look(arrival(), ALL, at_seconds=float(at)) is not Level.FULL:
            at += 1
        waits.append(at - began - SETTLE_SECONDS)
    assert waits == [UP_SECONDS, 20, 40, 80, UP_SECONDS_MAX, UP_SECONDS_MAX]


def test_what_held_for_a_minute_is_forgiven() -> None:
    made, at = Adaptation(0.0), 0
    for good in (20, 30, 120):
        levels(made, [arrival(0.2)] * 6, begin=at)
        levels(made, [arrival()] * good, begin=at + 6)
        at += 6 + good
    assert made.level is Level.FULL
    levels(made, [arrival(0.2)] * 6, begin=at)
    assert levels(made, [arrival()] * 15, begin=at + 6)[-1] is Level.FULL


@pytest.mark.parametrize(
    ("has_small", "is_ward_heard", "are_stills_allowed", "expected"),
    [
        (True, True, True, [Level.FULL, Level.SMALL, Level.SOUND, Level.STILLS]),
        (False, True, False, [Level.FULL, Level.SOUND]),
        (False, False, True, [Level.FULL, Level.STILLS]),
        (True, False, False, [Level.FULL, Level.SMALL, Level.SOUND]),
    ],
)
def test_there_are_only_the_levels_that_camera_and_ward_give(
    *, has_small: bool, is_ward_heard: bool, are_stills_allowed: bool, expected: list[Level]
) -> None:
    found = ladder_of(has_small=has_small, is_ward_heard=is_ward_heard, are_stills_allowed=are_stills_allowed)
    assert list(found) == expected


def test_stills_that_are_allowed_no_more_end() -> None:
    made = Adaptation(0.0)
    levels(made, [arrival(0.2)] * 30)
    without = ladder_of(has_small=True, is_ward_heard=False, are_stills_allowed=False)
    assert made.look(arrival(0.2), without, at_seconds=31.0) is Level.SOUND


LADDERS = st.builds(ladder_of, has_small=st.booleans(), is_ward_heard=st.booleans(), are_stills_allowed=st.booleans())


@given(st.lists(st.tuples(st.floats(0, 1), st.none() | st.integers(0, 3_000_000), LADDERS), max_size=80))
@settings(deadline=None)
def test_a_level_is_always_one_that_there_is_and_never_climbs_two_steps(
    looks: list[tuple[float, int | None, Sequence[Level]]],
) -> None:
    made, before = Adaptation(0.0), Level.FULL
    for at, (lost, room, ladder) in enumerate(looks):
        level = made.look(arrival(lost, room=room), ladder, at_seconds=float(at))
        assert level in ladder
        if before in ladder:
            assert len([each for each in ladder if before < each <= level]) <= 1
        before = level


FULL, SMALL = 7, 8
SOUND = 5


class TwoPictures(PeerInMemory):
    """A camera that sends a picture and a smaller one; each by its own SSRC under one payload type, and sound."""

    async def answer(self, offer: str, *, sends: bool, video: object) -> str:
        answer = await super().answer(offer, sends=sends, video=video)
        if not sends:
            small = Stream(label="sub", codec="H264", payload_type=96, clock_rate_hz=90_000, source=11)
            self.streams = {**self.streams, "sub": small}
            self.origins = {FULL: "video", SMALL: "sub", SOUND: "ward"}
        return answer


class Adapting(Ward):
    """A ward with a camera of two pictures; each second a whole picture of both, and then the forwarder reports."""

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def _peer(self, heard: Heard) -> PeerInMemory:
        self.peers.append(TwoPictures(heard))
        return self.peers[-1]

    def second(self, seen: PeerInMemory, mother: PeerInMemory, *, lost: float) -> list[bytes]:
        """A second passes; what the mother was sent in it."""
        count = len(media(mother))
        self.forwarder.renew("visit", lease_seconds=20.0)
        for tag, source in ((b"full", FULL), (b"small", SMALL)):
            show(seen, whole(tag, self.number, source))
        self.number += 1
        report = RtcpReceiverInfo(
            ssrc=9, fraction_lost=int(lost * 256), packets_lost=0, highest_sequence=0, jitter=0, lsr=0, dlsr=0
        )
        mother.heard.control([RtcpRrPacket(ssrc=1, reports=[report])])
        self.now += 1.0
        self.forwarder._report()
        return [data[14:] for data in media(mother)[count:]]


def whole(tag: bytes, number: int, source: int) -> list[bytes]:
    return [packet(b"\x67\x42" + tag, sequence=number, timestamp=90_000 * number, source=source, marked=True)]


async def test_a_viewer_who_loses_much_sees_the_smaller_picture_and_then_one_in_five_seconds() -> None:
    ward = Adapting()
    seen, mother = await ward.live()
    ward.forwarder.allow_stills("visit", are_allowed=True)
    shown = [ward.second(seen, mother, lost=0.2) for _ in range(7)]
    assert shown[0] == [b"full"]
    assert shown[-1] == [b"small"]
    for _ in range(5):
        ward.second(seen, mother, lost=0.2)
    (quality,) = ward.forwarder.stats()
    assert quality.level == "stills"
    stills = [ward.second(seen, mother, lost=0.2) for _ in range(10)]
    assert [still for still in stills if still] == [[b"small"], [b"small"]]
    assert STILL_EACH_SECONDS == 5.0
    numbers = [head_of(data).sequence for data in media(mother)]
    assert [(each - numbers[0]) % 65_536 for each in numbers] == list(range(len(numbers))), "nothing seems lost"
    for _ in range(40):
        last = ward.second(seen, mother, lost=0.0)
    assert last == [b"full"]
    told = [each.reason for each in await ward.forwarder.happenings.after(0) if each.what == ADAPTED]
    assert told == ["small", "stills", "small", "full"]


async def test_without_leave_of_the_ward_there_are_no_stills() -> None:
    ward = Adapting()
    seen, mother = await ward.live()
    for _ in range(20):
        last = ward.second(seen, mother, lost=0.3)
    assert not last
    assert ward.forwarder.stats()[0].level == "sound"


async def test_the_curtain_hides_stills_too() -> None:
    ward = Adapting()
    seen, mother = await ward.live()
    ward.forwarder.allow_stills("visit", are_allowed=True)
    for _ in range(15):
        ward.second(seen, mother, lost=0.3)
    ward.forwarder.gate("visit", Gate.SHIELDED, "care")
    assert not any(ward.second(seen, mother, lost=0.3) for _ in range(10))
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    assert any(ward.second(seen, mother, lost=0.3) for _ in range(10))


async def test_a_receiver_that_says_it_has_little_room_sees_the_smaller_picture() -> None:
    clock = [0.0]
    peer = PeerInMemory(Heard())
    await peer.answer("", sends=True, video=())
    made = Viewer(peer, may_see=lambda: True, ask_for_picture=lambda _: None, clock=lambda: clock[0])
    for number in range(7):
        data = packet(b"\x67\x42" + bytes(100_000), sequence=number, timestamp=number)
        made.show("video", Packet(data, head_of(data)), may_begin=True, at_seconds=clock[0])
        room = pack_remb_fci(600_000 - 60_000 * number, [9])
        made.heard_control([RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=room)])
        made.heard_control([RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=b"REMB\xff\xff")])
        clock[0] += 1.0
        made.measure()
        made.adapt(ALL, small="sub")
    assert made.level is Level.SMALL


@pytest.mark.parametrize(("asked_times", "level"), [(1, Level.FULL), (4, Level.SMALL)])
async def test_who_asks_again_until_it_is_too_late_has_lost_it_whatever_he_reports(
    asked_times: int, level: Level
) -> None:
    clock = [0.0]
    peer = PeerInMemory(Heard())
    await peer.answer("", sends=True, video=())
    made = Viewer(peer, may_see=lambda: True, ask_for_picture=lambda _: None, clock=lambda: clock[0])
    report = RtcpReceiverInfo(ssrc=9, fraction_lost=0, packets_lost=0, highest_sequence=0, jitter=0, lsr=0, dlsr=0)
    for second in range(7):
        for number in range(10 * second, 10 * second + 10):
            data = packet(b"\x67\x42", sequence=number, timestamp=number)
            made.show("video", Packet(data, head_of(data)), may_begin=number == 0, at_seconds=clock[0])
        lost = [head_of(data).sequence for data in media(peer)[-3:]]
        for _ in range(asked_times):
            made.heard_control([RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=9, lost=lost)])
            clock[0] += 0.1
        clock[0] += 1.0 - 0.1 * asked_times
        made.heard_control([RtcpRrPacket(ssrc=1, reports=[report])])
        made.measure()
        made.adapt(ALL, small="sub")
    assert made.level is level


async def test_two_pictures_of_one_offer_are_told_apart() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        heard: list[tuple[str, bytes]] = []
        sender = RawPeer(Heard())
        offer = await sender.offer(TWO_PICTURES, video=("H264",))
        await sender.accept(await forwarder.whip("bed", offer))
        await until(lambda: sender.is_connected)
        made: Camera = forwarder._cameras["bed"]
        made._forward = lambda label, data, _: heard.append((label, data.data[13:]))
        for number in range(3):
            for label in ("video", "sub"):
                stream = sender.streams[label]
                data = packet(
                    b"\x65" + label.encode(),
                    sequence=number,
                    timestamp=number,
                    payload_type=stream.payload_type,
                    source=stream.source,
                )
                assert sender.send(data)
        await until(lambda: len(heard) == 6)
        assert heard == [("video", b"video"), ("sub", b"sub")] * 3
        await sender.close()


async def test_quality_is_told_and_says_nothing_of_what_is_seen() -> None:
    async with Forwarder(time.monotonic) as forwarder:
        seen = await camera(forwarder, "bed")
        forwarder.open_room("visit", "bed", lease_seconds=20.0)
        mother = await viewer(forwarder, "visit", "mother")
        forwarder.gate("visit", Gate.LIVE, "nurse")
        seen.send_picture(b"1", 0, whole=True)
        await asyncio.sleep(0.7)
        seen.send_picture(b"1", 1, whole=False)
        await until(lambda: len(mother.heard) == 6)
        (quality,) = forwarder.stats()
        assert quality.join_ms is not None
        assert quality.join_ms < 5_000
        assert quality.freezes == 1
        assert quality.level == "full"
        await asyncio.gather(seen.peer.close(), mother.peer.close())
