"""The one road from ffmpeg to a camera: to the host that was named, and on to no other.

ffmpeg follows a redirect (RTSP status 3xx: RFC 2326, section 11.3) and gives the camera's login there, and asks again
what a name means.  So it is told an address of this machine, where one connection of ours waits: it leads to the host
that was looked up and judged, and ends when that sends us on.  Until PLAY only answers are handed on that can be read
in one way alone: ffmpeg takes more than the standard does for the end of a line, a head or a word.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM, inet_aton, socket
from urllib.parse import urlsplit

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.reach import Address, meant
from tianfu.services.realtime.cameras.source import CONNECT_MICROSECONDS, Source

NAMES_SECONDS = 5.0
"""A name that is not known by then is none."""

CONNECT_SECONDS = CONNECT_MICROSECONDS / 1e6
HEAD_BYTES_MAX = 16_384
BODY_BYTES_MAX = 65_536
"""What a camera may say of itself: a description has some hundred bytes."""

CHUNK_BYTES = 65_536

_PORTS = {"rtsp": 554, "rtsps": 322}
_HEAD = re.compile(rb"RTSP/\d\.\d ([1-9]\d\d)(?: [\t -~\x80-\xff]*)?\r\n(?:[!-#%-~][\t -\xff]*\r\n)*\r\n\Z")
_LENGTH = re.compile(rb"\ncontent-length:([^\r]*)", re.IGNORECASE)
_FRAME = b"$"
"""What begins a packet among the answers (RFC 2326, section 10.12)."""

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def is_near(address: Address) -> bool:
    """Whether an address is this machine's, this wire's or everybody's, and so no camera's (RFC 6890)."""
    real = meant(address)
    return (
        (real.is_loopback or real.is_link_local or real.is_multicast or real.is_unspecified or real.is_reserved)
        or str(real).startswith("0.")  # "this network", which some systems connect to themselves
        or _is_own(real)
    )


def names_us(host: str, address: Address) -> bool:
    """Whether a name leads here: who means this machine writes its number, or `localhost`."""
    return not _is_plain(host) and is_near(address)


Judge = Callable[[str, Address], bool]
"""Whether a host, as it was written, is not to be asked at an address that it stands for."""


class Road:
    """One connection to a camera, with an end on this machine."""

    def __init__(self, source: Source, camera: Ends, near: socket) -> None:
        self.refusal: Refusal | None = None
        """Why it was broken off by us."""
        path = source.address.partition("://")[2].partition("/")
        port = near.getsockname()[1]
        self.source = replace(source, address=f"rtsp://127.0.0.1:{port}/{path[2]}")
        """The same camera by this road."""
        self._camera = camera
        self._near = near
        self._plays = False

    async def carry(self) -> None:
        """Carry between the one who comes and the camera until either ends."""
        accepted, _ = await asyncio.get_running_loop().sock_accept(self._near)
        self._near.close()  # nobody else comes by this road
        reader, writer = await asyncio.open_connection(sock=accepted)
        ways = [asyncio.create_task(self._there(reader)), asyncio.create_task(self._back(writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    await writer.drain()
        finally:
            writer.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _there(self, reader: asyncio.StreamReader) -> None:
        while said := await reader.read(CHUNK_BYTES):
            self._plays = self._plays or said.startswith(b"PLAY ")
            self._camera[1].write(said)
            await self._camera[1].drain()

    async def _back(self, writer: asyncio.StreamWriter) -> None:
        reader = self._camera[0]
        while not self._plays:
            try:
                answer = await _answer(reader)
            except Refusal as refusal:
                self.refusal = refusal
                return
            if not answer:
                return
            writer.write(answer)
            await writer.drain()
        while told := await reader.read(CHUNK_BYTES):
            writer.write(told)
            await writer.drain()


@asynccontextmanager
async def road_to(source: Source, *, keeps_out: Judge = names_us) -> AsyncIterator[Road]:
    """A road to a camera, and its end; a name is looked up once.

    Raises Refusal `camera-leads-here` if `keeps_out` says so of any address of the host, and `camera-away` if none
    answers within some seconds.
    """
    camera = await _reached(source, keeps_out)
    near = socket()
    try:
        near.bind(("127.0.0.1", 0))
        near.listen(1)
        near.setblocking(False)
        road = Road(source, camera, near)
        carrying = asyncio.create_task(road.carry())
        try:
            yield road
        finally:
            carrying.cancel()
            await asyncio.gather(carrying, return_exceptions=True)
    finally:
        near.close()
        camera[1].transport.abort()


async def _reached(source: Source, keeps_out: Judge) -> Ends:
    parts = urlsplit(source.address)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    secrecy = _secrecy() if parts.scheme == "rtsps" else None
    found = await _looked_up(host)
    if not found:
        raise _away()
    if any(keeps_out(host, each) for each in found):
        raise Refusal("camera-leads-here", next_step="change-the-camera", retryable=True)
    with suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS):
            for each in found:
                with suppress(OSError):
                    return await asyncio.open_connection(
                        str(each), port, limit=HEAD_BYTES_MAX, ssl=secrecy, server_hostname=host if secrecy else None
                    )
    raise _away()


async def _looked_up(host: str) -> list[Address]:
    try:
        async with asyncio.timeout(NAMES_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return []
    return [ip_address(str(each[4][0])) for each in found]


def _secrecy() -> ssl.SSLContext:
    """TLS as cameras have it: each signs for itself, so that whose key it is cannot be told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The camera's next answer or packet, whole; nothing at its end.

    Raises Refusal `camera-leads-elsewhere`, and `camera-no-picture` for what is neither.
    """
    try:
        first = await reader.readexactly(1)
        if first == _FRAME:
            frame = await reader.readexactly(3)
            return first + frame + await reader.readexactly(int.from_bytes(frame[1:]))
        head = first + await reader.readuntil(b"\r\n\r\n")
        return head + await reader.readexactly(_body_bytes(head))
    except asyncio.IncompleteReadError as short:
        if short.partial:
            raise _no_answer() from None
        return b""
    except OSError:
        return b""
    except asyncio.LimitOverrunError:
        raise _no_answer() from None


def _body_bytes(head: bytes) -> int:
    """How much follows a head; raises Refusal for one that sends us on, or that others may read otherwise."""
    status, lengths = _HEAD.match(head), _LENGTH.findall(head)
    if status is None or len(lengths) > 1:
        raise _no_answer()
    if status[1].startswith(b"3"):
        raise Refusal("camera-leads-elsewhere", next_step="change-the-camera", retryable=True)
    length = lengths[0].strip(b" ") if lengths else b"0"
    if not re.fullmatch(rb"\d{1,6}", length) or int(length) > BODY_BYTES_MAX:
        raise _no_answer()
    return int(length)


def _is_plain(host: str) -> bool:
    """Whether a host is a number, in whatever form it is connected to, or what everybody calls himself."""
    with suppress(OSError):
        return bool(inet_aton(host))
    try:
        return bool(ip_address(host.partition("%")[0]))
    except ValueError:
        return host == "localhost"


def _is_own(address: Address) -> bool:
    """Whether this machine has an address: it can give it to a socket then, and to none otherwise."""
    try:
        with socket(AF_INET if address.version == 4 else AF_INET6, SOCK_DGRAM) as tried:
            tried.bind((str(address), 0))
    except OSError:
        return False
    return True


def _no_answer() -> Refusal:
    return Refusal("camera-no-picture", next_step="change-the-camera", retryable=True)


def _away() -> Refusal:
    return Refusal("camera-away", next_step="wait", retryable=True)
