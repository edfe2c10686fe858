"""Many cameras and viewers in one light process: real ICE, DTLS and SRTP, packets that say whose and when.

`python -m bench.newborn_load SOCKET PID KIND COUNT SECONDS` prints one JSON object.  What arrives is counted by its
head alone, and one packet in fifty is opened and read: so the load costs less than what it measures.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop
from aiortc.rtp import RTCP_RTPFB_NACK, RtcpPacket, RtcpReceiverInfo, RtcpRrPacket, RtcpRtpfbPacket
from pylibsrtp import Error as SrtpError

from bench.newborn_media import used_seconds
from tianfu.services.realtime.embedded.raw_peer import Heard, Label, Line, RawPeer
from tianfu.services.realtime.embedded.remote import EmbeddedMedia
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

CAMERA = (Line(label="video", direction="sendonly"), Line(label="ward", direction="sendonly"))
PICTURE = (Line(label="video", direction="recvonly"),)
FAMILY = (*PICTURE, Line(label="ward", direction="recvonly"), Line(label="voice", direction="sendrecv"))
BEDSIDE = (*PICTURE, Line(label="voice", direction="sendrecv"))

PICTURES_PER_SECOND = 25
PACKETS_OF_PICTURE = 7
PAYLOAD_BYTES = 1_070
"""7 packets of so many bytes, 25 times a second: 1.5 Mbit/s."""

SOUND_BYTES = 80
LOST_OF = 100
"""One packet in so many is lost on the way to the server, and one on the way from it; both are asked for again."""

READ_OF = 50
WARM_SECONDS = 3.0
KEPT = 400
LEASE_SECONDS = 30.0

_MOMENT = struct.Struct("!Id")
_HEAD = struct.Struct("!BBHII")


class End:
    """One peer.  What comes is counted before aiortc would see it; what is no media still goes its way."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.peer = RawPeer(Heard())
        self.heard = 0
        self.last_at = 0.0
        self.wrong = 0
        self.asked = 0
        self.answered = 0
        self.ages: list[float] = []
        self._highest: dict[int, int] = {}
        self._kept: OrderedDict[tuple[Label, int], bytes] = OrderedDict()
        self._sequences: dict[Label, int] = {}
        self._control: Callable[[bytes], Any] = lambda _: None

    async def connected(self) -> None:
        """Wait until packets pass, and take the road over."""
        while not self.peer.is_connected:  # noqa: ASYNC110 - the other end of this is aiortc
            await asyncio.sleep(0.01)
        transport = self.peer._transport
        if transport is None:
            raise SystemExit("a peer of the load went before it had come")
        protocol = transport.transport._connection._nominated[1].protocol
        goes_on, session = protocol.datagram_received, transport._rx_srtp

        def arrived(data: bytes, address: tuple[Any, ...]) -> None:
            if data[0] & 0xC0 != 0x80:
                goes_on(data, address)
            elif 192 <= data[1] < 224:
                self._hear_control(RtcpPacket.parse(session.unprotect_rtcp(data)))
            else:
                self._count(data, session)

        protocol.datagram_received = arrived  # type: ignore[method-assign,assignment]  # no str

    def send(self, label: Label, payload: bytes, *, marked: bool, timestamp: int, is_lost: bool = False) -> None:
        """Send a packet, or lose it on the way; it is kept for who asks."""
        stream = self.peer.streams[label]
        sequence = self._sequences[label] = (self._sequences.get(label, 0) + 1) & 0xFFFF
        second = stream.payload_type | (0x80 if marked else 0)
        data = _HEAD.pack(0x80, second, sequence, timestamp & 0xFFFFFFFF, stream.source) + payload
        self._kept[label, sequence] = data
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        if not is_lost:
            self.peer.send(data)

    def vanish(self) -> None:
        """Be gone as a phone in a lift: neither a goodbye nor an answer."""
        transport = self.peer._transport
        if transport is not None:
            for protocol in transport.transport._connection._protocols:
                protocol.transport.abort()

    def report(self) -> None:
        """Say what arrived, as a browser does each second."""
        told = [
            RtcpReceiverInfo(
                ssrc=source, fraction_lost=2, packets_lost=0, highest_sequence=highest, jitter=0, lsr=0, dlsr=0
            )
            for source, highest in self._highest.items()
        ]
        self.peer.send(bytes(RtcpRrPacket(ssrc=1, reports=told)))

    def _count(self, data: bytes, session: Any) -> None:
        self.heard += 1
        self.last_at = time.monotonic()
        _, _, sequence, _, source = _HEAD.unpack_from(data)
        if self.heard % READ_OF == 0:
            with suppress(SrtpError):  # sent again, and read before
                number, moment = _MOMENT.unpack_from(session.unprotect(data), 14)
                self.wrong += number != self.number
                self.ages.append(time.monotonic() - moment)
        if self.heard % LOST_OF == 0:  # this one never came
            self.asked += 1
            self.peer.send(bytes(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=source, lost=[sequence])))
        self._highest[source] = sequence

    def _hear_control(self, packets: Sequence[object]) -> None:
        for packet in packets:
            if isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
                for label, stream in self.peer.streams.items():
                    for sequence in packet.lost if stream.source == packet.media_ssrc else ():
                        kept = self._kept.get((label, sequence))
                        if kept is not None:
                            self.answered += 1
                            self.peer.send(kept)


async def camera(port: EmbeddedMedia, number: int, lines: Sequence[Line]) -> End:
    """A camera that is connected."""
    end = End(number)
    await end.peer.accept(await port.whip(f"bed-{number}", await end.peer.offer(lines, video=("H264",))))
    await end.connected()
    return end


async def viewer(port: EmbeddedMedia, number: int, who: str, part: Part, lines: Sequence[Line]) -> End:
    """A viewer who is connected."""
    end = End(number)
    offer = await end.peer.offer(lines, video=("H264", "VP8"))
    await end.peer.accept(await port.whep(f"visit-{number}", who, part, offer))
    await end.connected()
    return end


class Visit:
    """A camera, and who sees it."""

    def __init__(self, seen: End, seers: Sequence[End], speaker: End | None) -> None:
        self.seen = seen
        self.seers = seers
        self.speaker = speaker
        self._pictures = 0
        self._packets = 0

    def tick(self) -> None:
        """A twenty-fifth of a second: a picture, and two packets of each sound."""
        is_whole = self._pictures % PICTURES_PER_SECOND == 0
        now = time.monotonic()
        moment = _MOMENT.pack(self.seen.number, now)
        for place in range(PACKETS_OF_PICTURE):
            begin = (b"\x67\x42" if place == 0 else b"\x65\x00") if is_whole else b"\x41\x00"
            self._packets += 1
            self.seen.send(
                "video",
                begin + moment + bytes(PAYLOAD_BYTES - len(begin) - len(moment)),
                marked=place == PACKETS_OF_PICTURE - 1,
                timestamp=int(90_000 * now),
                is_lost=self._packets % LOST_OF == 0,
            )
        if self.speaker is not None:
            for half in range(2):
                sounded = int(48_000 * now) + 960 * half
                sound = b"~~" + moment + bytes(SOUND_BYTES)
                self.seen.send("ward", sound, marked=False, timestamp=sounded)
                self.speaker.send("voice", sound, marked=False, timestamp=sounded)
        self._pictures += 1


async def visits(port: EmbeddedMedia, count: int) -> list[Visit]:
    """One to one: a family that sees, hears and speaks, and an interpreter who hears it.

    By the cot nobody hears it: there the ward's sound would rest while a voice sounds (docs/rules/newborn-watching.md).
    """
    made = []
    for number in range(count):
        seen = await camera(port, number, CAMERA)
        await port.open_room(f"visit-{number}", f"bed-{number}", lease_seconds=LEASE_SECONDS)
        family = await viewer(port, number, "family", Part.FAMILY, FAMILY)
        hears = (Line(label="voice", direction="sendrecv"),)
        interpreter = await viewer(port, number, "interpreter", Part.INTERPRETER, hears)
        await port.hear_ward(f"visit-{number}", is_heard=True)
        await port.gate(f"visit-{number}", Gate.LIVE, "nurse")
        await port.talk(f"visit-{number}", "family", is_pressed=True)
        made.append(Visit(seen, [family, interpreter], family))
        if number % 10 == 0:
            await renew(port, number + 1)
    return made


async def viewers(port: EmbeddedMedia, count: int) -> list[Visit]:
    """One camera and many who see it."""
    seen = await camera(port, 0, (Line(label="video", direction="sendonly"),))
    await port.open_room("visit-0", "bed-0", lease_seconds=LEASE_SECONDS)
    seers = []
    for number in range(count):
        seers.append(await viewer(port, 0, f"viewer-{number}", Part.GUEST, PICTURE))
        if number % 20 == 0:
            await renew(port, 1)
    await port.gate("visit-0", Gate.LIVE, "nurse")
    return [Visit(seen, seers, None)]


async def renew(port: EmbeddedMedia, count: int) -> None:
    """Renew the leases of all rooms."""
    for number in range(count):
        await port.renew(f"visit-{number}", lease_seconds=LEASE_SECONDS)


async def run(port: EmbeddedMedia, all_visits: Sequence[Visit], stop: asyncio.Event) -> None:
    """Let all cameras send, one after the other through each twenty-fifth of a second, until told to stop."""
    began, each = time.monotonic(), 1 / PICTURES_PER_SECOND / len(all_visits)
    number = 0
    while not stop.is_set():
        all_visits[number % len(all_visits)].tick()
        number += 1
        if number % (PICTURES_PER_SECOND * len(all_visits)) == 0:
            for visit in all_visits:
                for seer in visit.seers:
                    seer.report()
            await renew(port, len(all_visits))
        await asyncio.sleep(max(0.0, began + number * each - time.monotonic()))


async def load(socket: Path, process: int, kind: str, count: int, seconds: float) -> dict[str, object]:
    """Build the load, let it run warm, and measure what it costs the server."""
    port = EmbeddedMedia(socket)
    stop = asyncio.Event()
    made = await (visits if kind == "visits" else viewers)(port, count)
    running = asyncio.create_task(run(port, made, stop))
    await asyncio.sleep(WARM_SECONDS)
    ends = [seer for visit in made for seer in visit.seers]
    for end in ends:
        end.heard, end.ages = 0, []
    server, own, began = used_seconds(process), time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    server, own = used_seconds(process) - server, time.process_time() - own
    heard = sum(end.heard for end in ends)
    a_second = PACKETS_OF_PICTURE * PICTURES_PER_SECOND
    sound = 2 * PICTURES_PER_SECOND
    expected = (count * (a_second + 2 * sound) if kind == "visits" else count * a_second) * passed
    ages = sorted(age for end in ends for age in end.ages)
    lost = await port.stats()
    stop.set()
    await running
    return {
        "count": count,
        "server_percent": round(100 * server / passed, 1),
        "load_percent": round(100 * own / passed, 1),
        "arrived_fraction": round(heard / expected, 3),
        "forward_ms_p50": round(1_000 * ages[len(ages) // 2], 2),
        "forward_ms_p99": round(1_000 * ages[len(ages) * 99 // 100], 2),
        "wrong_packets": sum(end.wrong for end in ends),
        "asked_again_by_viewers": sum(end.asked for end in ends),
        "sent_again_by_cameras": sum(visit.seen.answered for visit in made),
        "levels_changed": sum(each.level != "full" for each in lost),
    }


async def _main(socket: str, process: str, kind: str, count: str, seconds: str) -> None:
    print(json.dumps(await load(Path(socket), int(process), kind, int(count), float(seconds))), flush=True)
    os._exit(0)  # hundreds of goodbyes would take longer than the measurement


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
