"""Cameras as a network sees them: RTSP with a login, H.264 within the connection (RFC 2326, RFC 2617, RFC 6184).

One that has a microphone says so in its description, and sends what it hears as a second stream (RFC 3551, RFC 3640).
"""

from __future__ import annotations

import asyncio
import hmac
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import md5
from itertools import count
from secrets import token_hex
from socket import socket
from struct import pack
from typing import Any

from demo.ward.film import PICTURES_PER_SECOND, Film

REALM = "camera"
UNIT_BYTES_MAX = 1_400
PAYLOAD_TYPE = 96
TICKS_PER_SECOND = 90_000
WAITING_BYTES_MAX = 1 << 20
"""A reader that is so far behind is hung up on."""

REQUEST_BYTES_MAX = 8_192


@dataclass(frozen=True, slots=True)
class Login:
    """Who may look at a camera."""

    user: str
    password: str

    def __repr__(self) -> str:
        """Without what it holds."""
        return "Login(…)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What a microphone hears: how it is told, and the n-th packet's payload, None when it sends nothing.

    `told` names the codec as `a=` lines do; packets follow each other by so many ticks of its clock.
    """

    told: Sequence[str]
    payload_type: int
    ticks_per_second: int
    ticks_each: int
    payload: Callable[[int], bytes | None]


class Lens:
    """One camera: what it shows and hears, and to whom."""

    def __init__(self, film: Film, login: Login, sound: Sound | None = None) -> None:
        self.film = film
        self.login = login
        self.sound = sound


class RtspServer:
    """Serves cameras by their name in the address: `rtsp://…/name`."""

    def __init__(self, lenses: Mapping[str, Lens]) -> None:
        self.lenses = dict(lenses)
        self._listening: asyncio.Server | None = None
        self._talks: dict[Talk, asyncio.Task[Any] | None] = {}

    async def start(self, port: int = 0) -> int:
        """Listen on a loopback port; which one."""
        self._listening = await asyncio.start_server(self._talk, "127.0.0.1", port, limit=REQUEST_BYTES_MAX)
        bound: int = self._listening.sockets[0].getsockname()[1]
        return bound

    async def start_at(self, bound: socket) -> None:
        """Listen at a socket that is bound already."""
        self._listening = await asyncio.start_server(self._talk, sock=bound, limit=REQUEST_BYTES_MAX)

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._listening is not None:
            self._listening.close()
        talking = [task for task in self._talks.values() if task is not None]
        for talk in self._talks:
            talk.hang_up()  # and not cancelled: of that the loop itself would complain
        await asyncio.gather(*talking, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = Talk(self, writer)
        self._talks[talk] = asyncio.current_task()
        try:
            await talk.listen(reader)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever speaks otherwise is hung up on
        finally:
            talk.end()
            writer.close()
            del self._talks[talk]


class Talk:
    """One connection."""

    def __init__(self, server: RtspServer, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._writer = writer
        self._nonce = token_hex(8)
        self._showing: Sequence[asyncio.Task[None]] = ()
        self._asked: set[str] = set()
        """What of the camera is wanted, by the names of its description."""

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Answer requests until the other end leaves; what it sends between them are reports, and passed over."""
        while first := await reader.readexactly(1):
            if first == b"$":
                head = await reader.readexactly(3)
                await reader.readexactly(int.from_bytes(head[1:]))
                continue
            text = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = text.split("\r\n")
            method, address, _ = lines[0].split(" ", 2)
            fields = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
            await self._answer(method, address, fields)
            if method == "TEARDOWN":
                return

    def hang_up(self) -> None:
        """Leave the other end, whatever it is about to say."""
        self._writer.transport.abort()

    def end(self) -> None:
        """Show nothing more."""
        for each in self._showing:
            each.cancel()

    async def _answer(self, method: str, address: str, fields: Mapping[str, str]) -> None:
        number = fields.get("cseq", "0")
        if method == "OPTIONS":
            await self._say(number, "200 OK", {"Public": "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"})
            return
        name = address.split("/", 3)[-1].partition("/")[0].partition("?")[0]
        lens = self._server.lenses.get(name)
        if lens is None:
            await self._say(number, "404 Not Found", {})
        elif not _is_let_in(lens.login, method, fields.get("authorization", ""), self._nonce):
            challenge = f'Digest realm="{REALM}", nonce="{self._nonce}"'
            await self._say(number, "401 Unauthorized", {"WWW-Authenticate": challenge})
        elif method == "DESCRIBE":
            await self._say(number, "200 OK", {"Content-Type": "application/sdp"}, description(lens))
        elif method == "SETUP":
            self._asked.add(address.rpartition("/")[2])
            await self._set_up(number, fields.get("transport", ""))
        elif method == "PLAY":
            await self._say(number, "200 OK", {"Session": "1", "Range": "npt=0.000-"})
            self._showing = [asyncio.create_task(each) for each in (self._show(lens), self._sound(lens.sound))]
        else:
            await self._say(number, "200 OK", {"Session": "1"})

    async def _set_up(self, number: str, transport: str) -> None:
        if "TCP" not in transport:
            await self._say(number, "461 Unsupported Transport", {})
            return
        channels = transport.partition("interleaved=")[2].partition(";")[0] or "0-1"
        await self._say(number, "200 OK", {"Session": "1", "Transport": f"RTP/AVP/TCP;unicast;interleaved={channels}"})

    async def _say(self, number: str, status: str, fields: Mapping[str, str], body: str = "") -> None:
        told = {"CSeq": number, **fields, **({"Content-Length": str(len(body))} if body else {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self._writer.write(f"RTSP/1.0 {status}\r\n{head}\r\n{body}".encode())
        await self._writer.drain()

    async def _show(self, lens: Lens) -> None:
        """Send pictures as time goes on; which one is shown depends on the time of day alone."""
        loop = asyncio.get_running_loop()
        pictures = lens.film.pictures
        behind = time.time() - loop.time()
        number = int((loop.time() + behind) * PICTURES_PER_SECOND)
        sequence = count()
        source = int.from_bytes(bytes.fromhex(token_hex(4)))
        with suppress(OSError):
            while self._writer.transport.get_write_buffer_size() < WAITING_BYTES_MAX:
                timestamp = number * (TICKS_PER_SECOND // PICTURES_PER_SECOND) % (1 << 32)
                self._writer.writelines(
                    b"$\0" + pack("!H", len(packet)) + packet
                    for packet in packets_of(pictures[number % len(pictures)], sequence, timestamp, source)
                )
                number += 1
                await asyncio.sleep(number / PICTURES_PER_SECOND - behind - loop.time())
        self._writer.close()

    async def _sound(self, sound: Sound | None) -> None:
        """Send what is heard as time goes on, from the beginning for each who listens; silent when that is over."""
        if sound is None or "sound" not in self._asked:
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        source = int.from_bytes(bytes.fromhex(token_hex(4)))
        for number in count():
            payload = sound.payload(number)
            if self._writer.is_closing():
                return
            if payload is not None:
                head = (0x80, sound.payload_type, number % 65_536, number * sound.ticks_each % (1 << 32), source)
                self._writer.write(b"$\2" + pack("!HBBHII", 12 + len(payload), *head) + payload)
            await asyncio.sleep(began + (number + 1) * sound.ticks_each / sound.ticks_per_second - loop.time())


def description(lens: Lens) -> str:
    """What a camera says of itself (RFC 6184, section 8.2.1)."""
    film, sound = lens.film, lens.sound
    sets = ",".join(b64encode(unit).decode() for unit in film.parameters)
    profile = film.parameters[0][1:4].hex()
    lines = [
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=test picture",
        "c=IN IP4 0.0.0.0",
        "t=0 0",
        f"m=video 0 RTP/AVP {PAYLOAD_TYPE}",
        f"a=rtpmap:{PAYLOAD_TYPE} H264/{TICKS_PER_SECOND}",
        f"a=fmtp:{PAYLOAD_TYPE} packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets}",
        "a=control:picture",
    ]
    if sound is not None:
        lines += [f"m=audio 0 RTP/AVP {sound.payload_type}", *(f"a={each}" for each in sound.told), "a=control:sound"]
    return "".join(f"{line}\r\n" for line in lines)


def packets_of(units: Sequence[bytes], sequence: count[int], timestamp: int, source: int) -> list[bytes]:
    """RTP packets of one picture: single units, and fragments of large ones (RFC 6184, sections 5.6 and 5.8)."""
    payloads = [payload for unit in units for payload in _payloads(unit)]
    return [
        pack(
            "!BBHII",
            0x80,
            PAYLOAD_TYPE | (0x80 if place == len(payloads) - 1 else 0),
            next(sequence) % 65_536,
            timestamp,
            source,
        )
        + payload
        for place, payload in enumerate(payloads)
    ]


def _payloads(unit: bytes) -> list[bytes]:
    if len(unit) <= UNIT_BYTES_MAX:
        return [unit]
    indicator, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
    starts = range(1, len(unit), UNIT_BYTES_MAX)
    return [
        bytes([indicator, kind | (0x80 if at == 1 else 0) | (0x40 if at + UNIT_BYTES_MAX >= len(unit) else 0)])
        + unit[at : at + UNIT_BYTES_MAX]
        for at in starts
    ]


def _is_let_in(login: Login, method: str, shown: str, nonce: str) -> bool:
    said = {
        name.strip(): value.strip().strip('"')
        for name, _, value in (part.partition("=") for part in shown.removeprefix("Digest").split(","))
    }
    known = _digest(login.user, REALM, login.password)
    expected = _digest(known, nonce, _digest(method, said.get("uri", "")))
    return said.get("username") == login.user and hmac.compare_digest(expected, said.get("response", ""))


def _digest(*parts: str) -> str:
    return md5(":".join(parts).encode(), usedforsecurity=False).hexdigest()
