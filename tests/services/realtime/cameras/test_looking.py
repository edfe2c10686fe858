"""What a person at a page learns of our network by naming addresses: nothing but whether a camera is there."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from socket import AF_INET, SOCK_DGRAM, socket

import pytest

from tests.services.realtime.cameras.conftest import Ward, children
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.cameras.looking import LOOKS_AT_ONCE, PageLooks
from tianfu.services.realtime.cameras.programs import failure_of
from tianfu.services.realtime.cameras.road import is_near
from tianfu.services.realtime.cameras.source import Source, read_source

pytestmark = pytest.mark.anyio

NOWHERE = "0.0.0.0"  # noqa: S104 - an address that is refused, not bound


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.9.9.9", "::1", NOWHERE, "0.1.2.3", "::", "169.254.169.254", "fe80::7", "224.0.0.1", "ff02::1",
     "255.255.255.255", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"],
)  # fmt: skip
async def test_what_is_no_cameras_address_is_near(text: str) -> None:
    assert is_near(ip_address(text))


@pytest.mark.parametrize("text", ["10.0.0.7", "172.16.3.4", "192.168.1.9", "fd00::7", "203.0.113.9", "2001:db8::7"])
async def test_a_wards_network_is_not_near(text: str) -> None:
    assert not is_near(ip_address(text))


async def test_what_this_machine_is_called_in_the_wards_network_is_near() -> None:
    with socket(AF_INET, SOCK_DGRAM) as asks:
        asks.connect(("192.0.2.1", 9))  # nothing is sent; the system says from where it would be (RFC 5737)
        own = asks.getsockname()[0]
    assert is_near(ip_address(own))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", NOWHERE, "no.invalid"]
)
async def test_an_address_or_name_of_this_machine_is_not_looked_at(ward: Ward, host: str) -> None:
    assert await answer(PageLooks(), read_source(f"rtsp://{host}:{ward.port}/NICU-01", "", "")) == "camera-no-picture"


async def answer(looks: PageLooks, source: Source) -> str:
    with pytest.raises(Refusal) as refused:
        await looks.refuse_unfit(source)
    return f"{refused.value.code}"


@pytest.mark.slow
async def test_closed_ports_silent_ones_and_those_of_something_else_get_one_answer(ward: Ward) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> None:
        await reader.read(1_000)
        writer.write(said)
        writer.close()

    looks, said = PageLooks(is_near=lambda _: False), set()
    for words in (
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n",
        b"",
    ):
        server = await asyncio.start_server(lambda r, w, words=words: talk(r, w, words), "127.0.0.1", 0)  # type: ignore[misc]  # mypy infers no type of a lambda with a default
        async with server:
            port = server.sockets[0].getsockname()[1]
            said.add(await answer(looks, Source(address=f"rtsp://127.0.0.1:{port}/x")))
    said.add(await answer(looks, Source(address=f"rtsp://127.0.0.1:{port}/x")))
    assert said == {"camera-no-picture"}
    assert await answer(looks, Source(address=f"rtsp://127.0.0.1:{ward.port}/NICU-01")) == "camera-login-refused"


@pytest.mark.slow
async def test_a_worker_looks_at_few_at_one_time(ward: Ward) -> None:
    looks, most = PageLooks(is_near=lambda _: False), 0
    asked = asyncio.gather(*(looks.refuse_unfit(ward.source("NICU-01")) for _ in range(LOOKS_AT_ONCE + 2)))
    while not asked.done():
        most = max(most, len(children("ffprobe")))
        await asyncio.sleep(0.05)
    await asked
    assert most == LOOKS_AT_ONCE


@pytest.mark.parametrize(
    ("complaint", "code"),
    [
        (b"[rtsp @ 0x55d1b4012180] method DESCRIBE failed: 401 Unauthorized", "camera-login-refused"),
        (b"rtsp://10.0.0.7/x: Server returned 403 Forbidden (access denied)", "camera-login-refused"),
        (b"[rtsp @ 0x55d1b4012180] method OPTIONS failed: 404 Not Found", "camera-no-picture"),
        (b"[tcp @ 0x55d1b4012180] Connection to tcp://10.4.0.3:4040 failed: Connection refused", "camera-away"),
    ],
)
async def test_only_a_servers_answer_is_taken_for_one(complaint: bytes, code: str) -> None:
    assert failure_of(complaint).code == code
