"""Made-up cameras and viewers: RTP packets that say which bed they come from, and peers that send and hear them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from struct import pack
from typing import Any, Protocol

from aioice import Candidate, Connection
from aioice.ice import StunProtocol

from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.raw_peer import Heard, Label, Line, RawPeer, Stream
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.trickle import Trickle, read_fragment, write_fragment

CONNECT_SECONDS = 30.0
PARAMETERS, WHOLE, CHANGE = b"\x67\x42", b"\x65", b"\x41"
"""The first bytes of H.264 units: parameter sets, a picture by itself, a picture that needs the one before."""

CAMERA = (Line(label="video", direction="sendonly"), Line(label="ward", direction="sendonly"))
CART = (
    Line(label="video", direction="sendonly"),
    Line(label="voice", direction="recvonly"),
    Line(label="ward", direction="sendonly"),
)
"""A telephone at a bed: it lets voices sound, and may send what it hears."""
TWO_PICTURES = (Line(label="video", direction="sendonly"), Line(label="sub", direction="sendonly"))
"""A device that sends a smaller picture besides."""
VIEWER = (
    Line(label="video", direction="recvonly"),
    Line(label="ward", direction="recvonly"),
    Line(label="voice", direction="sendrecv"),
)
PICTURE_TO_SEND = (Line(label="video", direction="sendonly"),)
PICTURE_TO_SEE = (Line(label="video", direction="recvonly"),)
VIDEO_TYPE, AUDIO_TYPE, VOICE_TYPE = 96, 97, 98
PACKETS_OF_PICTURE = 3


def packet(
    payload: bytes,
    *,
    sequence: int,
    timestamp: int,
    payload_type: int = VIDEO_TYPE,
    source: int = 7,
    marked: bool = False,
) -> bytes:
    """An RTP packet."""
    return pack("!BBHII", 0x80, payload_type | (128 if marked else 0), sequence % 65_536, timestamp, source) + payload


def picture(
    tag: bytes,
    number: int,
    *,
    whole: bool,
    source: int = 7,
    payload_type: int = VIDEO_TYPE,
    filmed_at: float | None = None,
) -> list[bytes]:
    """The packets of a camera's n-th picture; each carries the tag of its bed.

    It bears the moment when it was filmed, in seconds, or that of a camera that films 25 pictures a second.
    """
    timestamp = 3_600 * number if filmed_at is None else int(90_000 * filmed_at) % 2**32
    units = [PARAMETERS, WHOLE, WHOLE] if whole else [CHANGE] * PACKETS_OF_PICTURE
    return [
        packet(
            unit + tag,
            sequence=PACKETS_OF_PICTURE * number + place,
            timestamp=timestamp,
            source=source,
            payload_type=payload_type,
            marked=place == PACKETS_OF_PICTURE - 1,
        )
        for place, unit in enumerate(units)
    ]


def tag_of(data: bytes) -> bytes:
    """The bed of which a packet tells."""
    payload = data[head_of(data).start :]
    return payload[len(PARAMETERS) :] if payload.startswith(PARAMETERS) else payload[1:]


class PeerInMemory(RawPeer):
    """A peer whose packets do not leave the process: what is sent to it lies in `sent`."""

    def __init__(self, heard: Heard) -> None:
        self.heard = heard
        self.streams: Mapping[Label, Stream] = {}
        self.deaf_lines = frozenset()
        self.sent: list[bytes] = []
        self.is_up = False
        self.is_silent = False

    async def answer(self, offer: str, *, sends: bool, video: object) -> str:
        self.streams = {
            "video": Stream(label="video", codec="H264", payload_type=VIDEO_TYPE, clock_rate_hz=90_000, source=9),
            "ward": Stream(label="ward", codec="opus", payload_type=AUDIO_TYPE, clock_rate_hz=48_000, source=10),
            "voice": Stream(label="voice", codec="opus", payload_type=VOICE_TYPE, clock_rate_hz=48_000, source=11),
        }
        self.is_up = True
        return offer

    @property
    def is_connected(self) -> bool:
        return self.is_up

    def send(self, data: bytes) -> bool:
        if self.is_up:
            self.sent.append(data)
        return self.is_up

    def ask_for_sign(self) -> None:
        self.signs += not self.is_silent

    async def close(self) -> None:
        self.is_up = False


class Client:
    """A camera or a viewer at the other end of real ICE, DTLS and SRTP."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self.control: list[object] = []
        self.sources: Sequence[int] = ()
        self.peer = RawPeer(Heard(packet=self._hear, control=self.control.extend))

    def _hear(self, data: bytes) -> None:
        self.heard.append((time.monotonic(), data))

    def send_picture(self, tag: bytes, number: int, *, whole: bool, late_seconds: float = 0.0) -> None:
        """Send a picture as a camera, filmed now or some time ago."""
        stream = self.peer.streams["video"]
        filmed_at = time.monotonic() - late_seconds
        of, by = stream.payload_type, stream.source
        for data in picture(tag, number, whole=whole, source=by, payload_type=of, filmed_at=filmed_at):
            assert self.peer.send(data)

    def send_sound(self, label: Label, tag: bytes, numbers: range, *, late_seconds: float = 0.0) -> None:
        """Send packets of sound, each heard now or some time ago."""
        stream = self.peer.streams[label]
        for number in numbers:
            data = packet(
                b"~" + tag,
                sequence=number,
                timestamp=int(48_000 * (time.monotonic() - late_seconds)) % 2**32,
                payload_type=stream.payload_type,
                source=stream.source,
            )
            assert self.peer.send(data)

    def sounds(self, label: Label) -> list[bytes]:
        """What was heard of a sound: the tags of its packets."""
        source = self.heard_sources.get(label)
        return [tag_of(data) for _, data in self.heard if head_of(data).source == source]

    @property
    def heard_sources(self) -> Mapping[Label, int]:
        """The SSRCs under which the answer said that each stream comes, line by line."""
        return dict(zip([line.label for line in VIEWER], self.sources, strict=False))

    def lose(self, is_lost: Callable[[bytes], bool]) -> None:
        """Lose datagrams that arrive, as a network would, before anything has seen them."""
        assert self.peer._transport is not None
        for protocol in self.peer._transport.transport._connection._protocols:
            self._lose_of(protocol, is_lost)

    @staticmethod
    def _lose_of(protocol: StunProtocol, is_lost: Callable[[bytes], bool]) -> None:
        arrives = protocol.datagram_received

        def what_is_left(data: bytes, address: tuple[Any, ...]) -> None:
            if not is_lost(data):
                arrives(data, address)

        protocol.datagram_received = what_is_left  # type: ignore[method-assign,assignment]  # no str

    async def begin_restart(self) -> str:
        """Begin ICE anew as who offered: what is told of it (RFC 8840)."""
        self.restart = Connection(ice_controlling=True)
        await self.restart.gather_candidates()
        return write_fragment(
            Trickle(
                ufrag=self.restart.local_username,
                pwd=self.restart.local_password,
                candidates=tuple(each.to_sdp() for each in self.restart.local_candidates),
                is_last=True,
            ),
            "0",
        )

    async def finish_restart(self, answer: str) -> None:
        """Go on over the way that the restart finds, and use the old one no more."""
        theirs = read_fragment(answer)
        made = self.restart
        made.remote_username, made.remote_password = theirs.ufrag, theirs.pwd
        for each in theirs.candidates:
            await made.add_remote_candidate(Candidate.from_sdp(each))
        await made.add_remote_candidate(None)
        assert self.peer._transport is not None
        ice = self.peer._transport.transport
        await self.peer._move_over(ice, made, theirs.ufrag)
        assert ice._connection is made

    async def connected(self) -> None:
        """Wait until packets can pass."""
        await until(lambda: self.peer.is_connected)


class Doors(Protocol):
    """Where cameras and viewers come in: the forwarder itself, or a media port."""

    async def whip(self, camera: str, offer: str) -> str: ...

    async def whep(self, visit: str, participant: str, part: Part, offer: str) -> str: ...


async def cart(doors: Doors, name: str) -> Client:
    """A cart that is connected."""
    return await camera(doors, name, CART)


async def camera(doors: Doors, name: str, lines: Sequence[Line] = CAMERA) -> Client:
    """A camera that is connected."""
    client = Client()
    offer = await client.peer.offer(lines, video=("H264",))
    await client.peer.accept(await doors.whip(name, offer))
    await client.connected()
    await _there_too(doors)
    return client


async def viewer(doors: Doors, visit: str, who: str, part: Part = Part.FAMILY) -> Client:
    """A viewer who is connected."""
    client = Client()
    offer = await client.peer.offer(VIEWER, video=("H264", "VP8"))
    answer = await doors.whep(visit, who, part, offer)
    await client.peer.accept(answer)
    client.sources = sources_of(answer)
    await client.connected()
    await _there_too(doors)
    return client


async def _there_too(doors: Doors) -> None:
    """Wait until the other end is connected as well: on a busy machine it is so later, and loses what comes before."""
    if isinstance(doors, Forwarder):
        cameras = [each.peer for each in doors._cameras.values() if not each.presence.silent_seconds]
        viewers = [
            each.peer
            for room in doors._rooms.values()
            for each in room.viewers.values()
            if not each.presence.silent_seconds
        ]
        await until(lambda: all(peer.is_connected for peer in (*cameras, *viewers)))


def sources_of(answer: str) -> list[int]:
    """The SSRC of each line of an answer (RFC 5576)."""
    lines = answer.split("\r\nm=")[1:]
    return [int(line.partition("a=ssrc:")[2].partition(" ")[0]) for line in lines]


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fails after half a minute."""
    async with asyncio.timeout(CONNECT_SECONDS):
        while not holds():  # noqa: ASYNC110 - what is waited for is anything, and tells nobody
            await asyncio.sleep(0.01)
