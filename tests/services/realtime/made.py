"""Made-up cameras and viewers: RTP packets that say which bed they come from, and peers that send and hear them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from struct import pack
from typing import Protocol

from tianfu.services.realtime.embedded.raw_peer import Heard, Kind, RawPeer, Stream
from tianfu.services.realtime.protocol.packets import head_of
from tianfu.services.realtime.protocol.rooms import Part

CONNECT_SECONDS = 5.0
PARAMETERS, WHOLE, CHANGE = b"\x67\x42", b"\x65", b"\x41"
"""The first bytes of H.264 units: parameter sets, a picture by itself, a picture that needs the one before."""

VIDEO: Sequence[Kind] = ("video",)
VIDEO_TYPE, AUDIO_TYPE = 96, 97
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


def picture(tag: bytes, number: int, *, whole: bool, source: int = 7, payload_type: int = VIDEO_TYPE) -> list[bytes]:
    """The packets of a camera's n-th picture; each carries the tag of its bed."""
    units = [PARAMETERS, WHOLE, WHOLE] if whole else [CHANGE] * PACKETS_OF_PICTURE
    return [
        packet(
            unit + tag,
            sequence=PACKETS_OF_PICTURE * number + place,
            timestamp=3_600 * number,
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
        self.streams: Mapping[Kind, Stream] = {}
        self.sent: list[bytes] = []
        self.is_up = False

    async def answer(self, offer: str, *, sends: object, video: object) -> str:
        self.streams = {
            "video": Stream(kind="video", codec="H264", payload_type=VIDEO_TYPE, clock_rate_hz=90_000, source=9),
            "audio": Stream(kind="audio", codec="opus", payload_type=AUDIO_TYPE, clock_rate_hz=48_000, source=10),
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

    async def close(self) -> None:
        self.is_up = False


class Client:
    """A camera or a viewer at the other end of real ICE, DTLS and SRTP."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes]] = []
        self.control: list[object] = []
        self.peer = RawPeer(Heard(packet=self._hear, control=self.control.extend))

    def _hear(self, data: bytes) -> None:
        self.heard.append((time.monotonic(), data))

    def send_picture(self, tag: bytes, number: int, *, whole: bool) -> None:
        """Send a picture as a camera."""
        stream = self.peer.streams["video"]
        for data in picture(tag, number, whole=whole, payload_type=stream.payload_type):
            assert self.peer.send(data)

    def lose(self, is_lost: Callable[[bytes], bool]) -> None:
        """Lose datagrams that arrive, as a network would, before anything has seen them."""
        assert self.peer._transport is not None
        ice = self.peer._transport.transport
        arrives = ice._recv

        async def what_is_left() -> bytes:
            while is_lost(data := await arrives()):
                pass
            return data

        ice._recv = what_is_left

    async def connected(self) -> None:
        """Wait until packets can pass."""
        await until(lambda: self.peer.is_connected)


class Doors(Protocol):
    """Where cameras and viewers come in: the forwarder itself, or a media port."""

    async def whip(self, camera: str, offer: str) -> str: ...

    async def whep(self, visit: str, participant: str, part: Part, offer: str) -> str: ...


async def camera(doors: Doors, name: str) -> Client:
    """A camera that is connected."""
    client = Client()
    offer = await client.peer.offer(sends=("audio", "video"), receives=(), video=("H264",))
    await client.peer.accept(await doors.whip(name, offer))
    await client.connected()
    return client


async def viewer(doors: Doors, visit: str, who: str, *, kinds: Sequence[Kind] = ("audio", "video")) -> Client:
    """A viewer who is connected."""
    client = Client()
    offer = await client.peer.offer(sends=(), receives=kinds, video=("H264", "VP8"))
    await client.peer.accept(await doors.whep(visit, who, Part.FAMILY, offer))
    await client.connected()
    return client


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fails after five seconds."""
    async with asyncio.timeout(CONNECT_SECONDS):
        while not holds():  # noqa: ASYNC110 - what is waited for is anything, and tells nobody
            await asyncio.sleep(0.01)
