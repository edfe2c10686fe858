"""A still in five seconds for who has no room for a picture, and only where the ward allows it."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from aiortc.rtp import RtcpRrPacket

from tests.services.realtime.made import AUDIO_TYPE, PARAMETERS, Client, camera, packet, until, viewer
from tests.services.realtime.running import embedded
from tests.services.realtime.test_adaptation import FULL, SOUND, Adapting
from tests.services.realtime.test_hostile import media, show
from tianfu.services.realtime.embedded.reception import Reception
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = pytest.mark.anyio

WHOLE_EACH = 5
"""Of the pictures that a camera sends, so many lie between two that can be decoded by themselves."""

SHOWN_EACH_SECONDS = 0.2
"""Between two pictures of the camera, whose packets bear 25 of them a second."""


async def in_stills() -> tuple[Adapting, list[bytes]]:
    """A ward that allows stills, and a mother who lost so much that she sees them; what she has been sent."""
    ward = Adapting()
    seen, mother = await ward.live()
    ward.forwarder.allow_stills("visit", are_allowed=True)
    for _ in range(13):
        ward.second(seen, mother, lost=0.3)
    assert ward.forwarder.stats()[0].level == "stills"
    return ward, media(mother)


async def test_no_picture_that_needs_another_is_sent_as_a_still_and_none_before_five_seconds() -> None:
    ward, _ = await in_stills()
    seen, mother = ward.peers
    shown: list[tuple[float, bytes]] = []
    for number in range(600):
        ward.forwarder.renew("visit", lease_seconds=20.0)
        before = len(media(mother))
        whole = number % 5 == 0
        unit = b"\x67\x42whole" if whole else b"\x41change"
        at = 90_000_000 + 9_000 * number  # ten pictures a second, as the clock below says
        show(seen, [packet(unit, sequence=500 + number, timestamp=at, source=FULL, marked=True)])
        show(seen, [packet(unit, sequence=500 + number, timestamp=at, source=FULL + 1, marked=True)])
        shown += [(ward.now, data[12:]) for data in media(mother)[before:]]
        ward.now += 0.1
    assert len(shown) >= 10
    assert {data[:2] for _, data in shown} == {PARAMETERS}
    assert all(after - earlier >= 5.0 - 1e-6 for (earlier, _), (after, _) in pairwise(shown))


async def test_a_ward_that_takes_its_leave_back_sends_not_one_more() -> None:
    ward, sent = await in_stills()
    seen, mother = ward.peers
    ward.forwarder.allow_stills("visit", are_allowed=False)
    assert ward.forwarder.stats()[0].level == "sound"
    assert not any(ward.second(seen, mother, lost=0.3) for _ in range(12))
    assert len(media(mother)) == len(sent)


async def test_leave_taken_back_behind_the_curtain_holds_when_it_opens() -> None:
    ward, sent = await in_stills()
    seen, mother = ward.peers
    ward.forwarder.gate("visit", Gate.SHIELDED, "care")
    ward.forwarder.allow_stills("visit", are_allowed=False)
    ward.now += 6.0
    ward.forwarder.gate("visit", Gate.LIVE, "nurse")
    for source in (FULL, FULL + 1):
        unit = packet(b"\x67\x42whole", sequence=900, timestamp=90_000_000, source=source, marked=True)
        show(seen, [unit])
    assert len(media(mother)) == len(sent)
    assert ward.forwarder.stats()[0].level == "sound"


async def test_who_only_hears_goes_on_hearing_however_much_is_lost() -> None:
    ward = Adapting()
    seen, interpreter = await ward.live()
    ward.forwarder.hear_ward("visit", is_heard=True)
    ward.forwarder.allow_stills("visit", are_allowed=True)
    (hears,) = ward.forwarder._rooms["visit"].viewers.values()
    interpreter.streams = {"ward": interpreter.streams["ward"]}
    for second in range(20):
        ward.second(seen, interpreter, lost=0.0)
        hears._lost["ward"] = 0.3, ward.now
        before = len(media(interpreter))
        show(seen, [packet(b"sound", sequence=second, timestamp=second, payload_type=AUDIO_TYPE, source=SOUND)])
        assert len(media(interpreter)) == before + 1, second


class Losing(Client):
    """A viewer of whose datagrams nearly every third is lost on the way, and who reports it as browsers do."""

    def begin_to_lose(self) -> None:
        self.reception = Reception(self.heard_sources["video"])
        counted = [0]

        def is_lost(data: bytes) -> bool:
            if data[0] & 0xC0 != 0x80 or 192 <= data[1] < 224:  # ICE, DTLS and RTCP come through
                return False
            counted[0] += 1
            return counted[0] % 3 == 0

        self.lose(is_lost)
        self.peer.heard.packet = self.count

    def count(self, data: bytes) -> None:
        self._hear(data)
        if head_of(data).source == self.heard_sources["video"]:
            self.reception.add(head_of(data))

    def report(self) -> None:
        told = self.reception.told(at_seconds=time.monotonic())
        if told is not None:
            self.peer.send(bytes(RtcpRrPacket(ssrc=1, reports=[told])))

    @property
    def pictures(self) -> list[tuple[float, bytes]]:
        source = self.heard_sources["video"]
        return [(at, data) for at, data in self.heard if head_of(data).source == source]


async def test_a_viewer_on_a_very_poor_link_is_sent_stills_by_the_real_server_only_where_his_ward_allows_it() -> None:
    """Twenty-five seconds long, because stills are five apart, and a server waits before it gives a picture up."""
    async with embedded() as running:
        port = running.port
        lens = await camera(port, "bed")
        mothers: dict[str, Losing] = {}
        for visit in ("allowed", "not-allowed"):
            await port.open_room(visit, "bed", lease_seconds=60.0)
            made = await viewer(port, visit, "mother")
            made.__class__ = Losing
            assert isinstance(made, Losing)
            made.begin_to_lose()
            mothers[visit] = made
            await port.gate(visit, Gate.LIVE, "nurse")
        await port.allow_stills("allowed", are_allowed=True)
        sending = asyncio.create_task(_film(lens, mothers))

        async def level_of(visit: str) -> str:
            return next(each.level for each in await port.stats() if each.visit == visit)

        try:
            async with asyncio.timeout(60):
                levels = "", ""
                while levels != ("stills", "sound"):
                    await asyncio.sleep(0.1)
                    levels = await level_of("allowed"), await level_of("not-allowed")
            # Packets of the full picture that were under way when it was given up are here by now.
            await asyncio.sleep(0.5)
            before = {visit: len(each.pictures) for visit, each in mothers.items()}
            await asyncio.sleep(6.0)  # a still would have come by now, and nobody tries more so soon
            assert len(mothers["not-allowed"].pictures) == before["not-allowed"], "sound only"
            await until(lambda: len(_whole(mothers["allowed"], before["allowed"])) >= 3)
            stills = mothers["allowed"].pictures[before["allowed"] :]
            assert all(_unit(data) in {0x67, 0x65} for _, data in stills), "nothing that needs another picture"
            seconds = sorted({at for at, _ in _whole(mothers["allowed"], before["allowed"])})
            assert all(after - earlier > 4.5 for earlier, after in pairwise(seconds))
            await port.gate("allowed", Gate.SHIELDED, "care")
            drawn = len(mothers["allowed"].pictures)
            await asyncio.sleep(6.0)
            assert len(mothers["allowed"].pictures) == drawn
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await asyncio.gather(lens.peer.close(), *(each.peer.close() for each in mothers.values()))


def _unit(data: bytes) -> int:
    return data[head_of(data).start]


def _whole(mother: Losing, since: int) -> list[tuple[float, bytes]]:
    """The first packet of each still that came, by its timestamp."""
    found: dict[int, tuple[float, bytes]] = {}
    for at, data in mother.pictures[since:]:
        found.setdefault(head_of(data).timestamp, (at, data))
    return list(found.values())


async def _film(lens: Client, mothers: dict[str, Losing]) -> None:
    number = 0
    while True:
        lens.send_picture(b"1", number, whole=number % WHOLE_EACH == 0)
        if number % WHOLE_EACH == 0:
            for each in mothers.values():
                each.report()
        number += 1
        await asyncio.sleep(SHOWN_EACH_SECONDS)
