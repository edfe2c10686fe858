"""The road to a camera leads to the host that was named, whatever it answers and whatever its name means later."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET, SOCK_STREAM
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.services.realtime.cameras.conftest import Ward
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.probing import look_at
from tianfu.services.realtime.cameras.pulling import pull
from tianfu.services.realtime.cameras.registry import Kind, State
from tianfu.services.realtime.cameras.road import names_us, road_to
from tianfu.services.realtime.cameras.source import Source, read_source

pytestmark = pytest.mark.anyio

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def refused(asked: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as found:
        await asked
    return found.value.code


async def pulled(ward: Ward, source: Source) -> Refusal:
    return await pull("bed-1", source, ward.running.port, sound="", now=system_clock())


@asynccontextmanager
async def serving(talk: Talk, secrecy: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    at_work: set[asyncio.Task[None]] = set()

    async def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):  # who asked has gone
                await talk(reader, writer)
        finally:
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()

    server = await asyncio.start_server(come, "127.0.0.1", 0, ssl=secrecy)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for each in at_work:
            each.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)


@asynccontextmanager
async def trap() -> AsyncIterator[tuple[int, list[bytes]]]:
    """Somebody who would like to be asked, and all that he was told."""
    told: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        told.append(await reader.read(10_000))

    async with serving(listen) as port:
        yield port, told


def sending_on(port: int, at: bytes, asked: list[bytes], *, status: str = "302 Found") -> Talk:
    """A camera that sends who asks something of it to another."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await reader.readuntil(b"\r\n\r\n"):
            asked.append(request)
            number = request.partition(b"CSeq: ")[2].partition(b"\r\n")[0].decode()
            if request.startswith(at):
                location = f"rtsp://127.0.0.1:{port}/x"
                writer.write(f"RTSP/1.0 {status}\r\nCSeq: {number}\r\nLocation: {location}\r\n\r\n".encode())
            elif request.startswith(b"DESCRIBE") and b"Authorization" not in request:
                wants = 'WWW-Authenticate: Basic realm="x"'
                writer.write(f"RTSP/1.0 401 Unauthorized\r\nCSeq: {number}\r\n{wants}\r\n\r\n".encode())
            elif request.startswith(b"DESCRIBE"):
                lines = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:one\r\n"
                kind = f"Content-Type: application/sdp\r\nContent-Length: {len(lines)}"
                writer.write(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{kind}\r\n\r\n{lines}".encode())
            else:
                writer.write(f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\nPublic: DESCRIBE, SETUP, PLAY\r\n\r\n".encode())

    return talk


@pytest.mark.parametrize("at", [b"OPTIONS", b"DESCRIBE", b"SETUP"])
@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found"])
async def test_who_sends_us_on_is_not_followed_and_is_told_nothing_more(ward: Ward, at: bytes, status: str) -> None:
    asked: list[bytes] = []
    async with trap() as (elsewhere, told), serving(sending_on(elsewhere, at, asked, status=status)) as port:
        source = read_source(f"rtsp://127.0.0.1:{port}/x", "onlooker", "secret")
        assert await refused(look_at(source, is_thorough=False)) == "camera-leads-elsewhere"
        assert asked.pop().startswith(at)
        assert (await pulled(ward, source)).code == "camera-leads-elsewhere"
        assert asked.pop().startswith(at)
    assert told == []


async def test_a_camera_that_begins_to_send_us_on_is_told_as_refused(ward: Ward) -> None:
    async with trap() as (elsewhere, told), serving(sending_on(elsewhere, b"DESCRIBE", [])) as port:
        await ward.cameras.add("bed-1", Kind.RTSP, read_source(f"rtsp://127.0.0.1:{port}/x", "", ""))
        async with ward.kept():
            await ward.stands("bed-1", State.REFUSED, "camera-leads-elsewhere")
    assert told == []


@pytest.mark.parametrize(
    "said",
    [
        "RTSP/1.0 200 OK\nCSeq: 1\n\nRTSP/1.0 302 Found\nCSeq: 2\nLocation: {there}\n\n\r\n\r\n",
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\r\nRTSP/1.0 302 Found\r\nCSeq: 2\r\nLocation: {there}\r\n\r\n",
        "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\0\r\nRTSP/1.0 302 Found\r\nCSeq: 2\r\nLocation: {there}\r\n\r\n",
        "RTSP/1.0\t302 Found\r\nCSeq: 1\r\nLocation: {there}\r\n\r\n",
        "RTSP/1.0  302 Found\r\nCSeq: 1\r\nLocation: {there}\r\n\r\n",
        "RTSP/x 302 Found\r\nCSeq: 1\r\nLocation: {there}\r\n\r\n",
        "\r\nRTSP/1.0 302 Found\r\nCSeq: 1\r\nLocation: {there}\r\n\r\n",
        "RTSP/1.0 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\nxRTSP/1.0 302 x\r\nLocation: {there}\r\n\r\n",
        "RTSP/1.0 200 OK\r\nContent-Length: 0x3\r\n\r\nRTSP/1.0 302 Found\r\nLocation: {there}\r\n\r\n",
        "RTSP/1.0 200 OK\r\n$\r\n\r\nRTSP/1.0 302 Found\r\nLocation: {there}\r\n\r\n",
        "REDIRECT rtsp://camera/x RTSP/1.0\r\nCSeq: 1\r\nLocation: {there}\r\n\r\n",
    ],
)
async def test_an_answer_that_may_be_read_in_two_ways_goes_no_further(said: str) -> None:
    """ffmpeg takes a bare line feed, a NUL and other spaces for what our reading of the standard does not."""
    async with trap() as (elsewhere, told):

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said.format(there=f"rtsp://127.0.0.1:{elsewhere}/x").encode())
            await reader.read(1_000)

        async with serving(talk) as port:
            code = await refused(look_at(_at(port), is_thorough=False))
        assert (code, told) == ("camera-no-picture", [])


@pytest.mark.parametrize(
    "words",
    [
        b"RTSP/1.0 200 OK\r\nContent-Length: 999999\r\n\r\n" + 999_999 * b"x",
        b"RTSP/1.0 200 OK\r\n" + 100_000 * b"X-Y: z\r\n",
        b"$\x00\xff\xff" + 10 * b"x",
        b"\r\n\r\n" * 100,
        b"",
    ],
    ids=["a long body", "a head without end", "half a packet", "empty lines", "nothing"],
)
async def test_what_is_no_answer_ends_the_look(words: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)

    async with serving(talk) as port:
        assert await refused(look_at(_at(port), is_thorough=False)) in {"camera-away", "camera-no-picture"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("401 Unauthorized", "camera-login-refused"),
        ("403 Forbidden", "camera-login-refused"),
        ("403 \u7981\u6b62", "camera-login-refused"),
        ("404 Not Found", "camera-no-picture"),
    ],
)
async def test_what_a_camera_says_counts_also_if_it_hangs_up_then(status: str, code: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            request = await reader.readuntil(b"\r\n\r\n")
            number = request.partition(b"CSeq: ")[2].partition(b"\r\n")[0].decode()
            is_asked = request.startswith(b"DESCRIBE")
            said = f"{status}\r\nWWW-Authenticate: Basic realm=x" if is_asked else "200 OK"
            writer.write(f"RTSP/1.0 {said}\r\nCSeq: {number}\r\n\r\n".encode())
            if is_asked and (b"Authorization" in request or not status.startswith("401")):
                return

    async with serving(talk) as port:
        source = Source(address=f"rtsp://127.0.0.1:{port}/x", user="onlooker", password="wrong")
        assert await refused(look_at(source, is_thorough=False)) == code


async def test_a_name_with_many_addresses_is_given_up_as_soon_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    async def never(address: str, *_: object, **__: object) -> None:
        tried.append(address)
        await asyncio.sleep(60)

    async def many(*_: object, **__: object) -> object:
        return [(AF_INET, SOCK_STREAM, 6, "", (f"10.0.0.{each}", 0)) for each in range(1, 50)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", many)
    monkeypatch.setattr(asyncio, "open_connection", never)
    monkeypatch.setattr("tianfu.services.realtime.cameras.road.CONNECT_SECONDS", 0.1)
    assert await refused(look_at(Source(address="rtsp://camera.ward/x"), is_thorough=False)) == "camera-away"
    assert tried == ["10.0.0.1"]


def meaning(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[object]:
    """Have each name mean these addresses, one at each look-up and the last from then on; the names that were asked."""
    asked: list[object] = []
    real = asyncio.get_running_loop().getaddrinfo

    async def look_up(host: Any, port: Any, **more: Any) -> Any:
        if host != "camera.ward":
            return await real(host, port, **more)
        asked.append(host)
        return [(AF_INET, SOCK_STREAM, 6, "", (addresses[min(len(asked), len(addresses)) - 1], 0))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
    return asked


async def test_a_name_is_looked_up_once_and_holds_for_the_whole_look(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = meaning(monkeypatch, "127.0.0.1", "192.0.2.7")
    judged = []

    def keeps_out(host: str, address: object) -> bool:
        judged.append((host, f"{address}"))
        return False

    source = Source(address=f"rtsp://camera.ward:{ward.port}/NICU-01", user="onlooker", password="p@ss:/'x y")
    assert (await look_at(source, is_thorough=False, keeps_out=keeps_out)).codec == "h264"
    assert len(asked) == 1
    assert judged == [("camera.ward", "127.0.0.1")]


async def test_a_name_that_has_come_to_mean_this_machine_is_asked_nothing(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    meaning(monkeypatch, "127.0.0.1")
    async with trap() as (port, told):
        source = Source(address=f"rtsp://camera.ward:{port}/x")
        assert await refused(look_at(source, is_thorough=False)) == "camera-leads-here"
        assert await refused(pulled(ward, source)) == "camera-leads-here"
    assert told == []


@pytest.mark.parametrize(
    ("host", "address", "is_refused"),
    [
        ("camera.ward", "127.0.0.1", True),
        ("camera.ward", "169.254.169.254", True),
        ("camera.ward", "10.0.0.7", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("0x7f.1", "127.0.0.1", False),
        ("::1", "::1", False),
        ("localhost", "127.0.0.1", False),
    ],
)
def test_only_a_number_or_localhost_means_this_machine(host: str, address: str, is_refused: bool) -> None:
    assert names_us(host, ip_address(address)) is is_refused


async def test_a_road_is_for_one_and_ends_with_its_use(ward: Ward) -> None:
    async with road_to(ward.source("NICU-01")) as road:
        host, _, port = road.source.address.removeprefix("rtsp://").partition("/")[0].partition(":")
        _, first = await asyncio.open_connection(host, int(port))
        await asyncio.sleep(0.05)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))
        first.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, int(port))


async def test_a_camera_behind_tls_is_looked_at(ward: Ward, tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_connection("127.0.0.1", ward.port)
        ways = [asyncio.create_task(_carry(reader, there)), asyncio.create_task(_carry(back, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            there.close()
            for each in ways:
                each.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        with suppress(OSError):
            await there.wait_closed()

    async with serving(talk, _own_key(tmp_path)) as port:
        source = Source(address=f"rtsps://127.0.0.1:{port}/NICU-01", user="onlooker", password="p@ss:/'x y")
        assert (await look_at(source, is_thorough=False)).codec == "h264"


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while told := await reader.read(65_536):
        writer.write(told)
        await writer.drain()


def _own_key(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")]), datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    written = folder / "camera.pem"
    plain = serialization.NoEncryption()
    written.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(written)
    return context


def _at(port: int) -> Source:
    return Source(address=f"rtsp://127.0.0.1:{port}/x")
