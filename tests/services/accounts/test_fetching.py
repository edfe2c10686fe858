"""Others' servers over a real network: an answer in time and in size, or none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address, ip_network

import pytest

from tests.services.accounts.conftest import code_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.fetching import ANSWER_BYTES_MAX, HttpFetcher
from tianfu.services.accounts.reach import ANYWHERE, OUTSIDE_ONLY, Reach

pytestmark = pytest.mark.anyio

Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
SECONDS = 0.5


@asynccontextmanager
async def server(answering: Answering) -> AsyncIterator[str]:
    """A server on this machine that answers as told; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            await answering(writer)
        writer.close()

    running = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}/document"
    finally:
        running.close()


async def refused(address: str) -> tuple[str, float]:
    """Why nothing came, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(Refusal) as refusal:
        await HttpFetcher(reach=ANYWHERE, seconds=SECONDS).get(address)
    assert code_of(refusal) == "outside-unreachable"
    return refusal.value.details["reason"], time.monotonic() - began


async def test_an_answer_comes_as_it_is() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"{}")

    async with server(answer) as address:
        assert await HttpFetcher(reach=ANYWHERE, seconds=SECONDS).get(address) == b"{}"


async def test_an_answer_without_end_is_cut_off() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        for _ in range(ANSWER_BYTES_MAX // 1_024 + 2):
            writer.write(b" " * 1_024)
        await writer.drain()

    async with server(answer) as address:
        assert (await refused(address))[0] == "too-long"


async def test_an_answer_that_drips_is_given_up() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(SECONDS / 5)

    async with server(answer) as address:
        reason, seconds = await refused(address)
    assert reason == "TimeoutError"
    assert seconds < SECONDS * 3


async def test_a_server_that_says_nothing_is_given_up() -> None:
    async def answer(_writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SECONDS * 4)

    async with server(answer) as address:
        _, seconds = await refused(address)
    assert seconds < SECONDS * 3


async def test_a_redirect_is_not_followed() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")

    async with server(answer) as address:
        assert (await refused(address))[0] == "status-302"


async def test_nobody_at_an_address_is_no_answer() -> None:
    assert (await refused("http://127.0.0.1:1/"))[0] == "ConnectError"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0"])
async def test_in_production_nobody_has_us_ask_this_machine(name: str) -> None:
    asked: list[bytes] = []

    async def answer(writer: asyncio.StreamWriter) -> None:
        asked.append(b"")
        writer.write(HEAD + b"{}")

    async with server(answer) as address:
        with pytest.raises(Refusal) as refusal:
            await HttpFetcher(reach=OUTSIDE_ONLY, seconds=SECONDS).get(address.replace("127.0.0.1", name))
    assert (code_of(refusal), refusal.value.details["reason"]) == ("outside-unreachable", "address-inside")
    assert asked == []


async def test_what_the_operator_names_is_asked_although_it_is_inside() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"{}")

    named = Reach(is_anywhere=False, inside=(ip_network("127.0.0.0/8"),))
    async with server(answer) as address:
        assert await HttpFetcher(reach=named, seconds=SECONDS).get(address) == b"{}"


async def test_a_name_that_nobody_has_is_no_answer() -> None:
    assert (await refused("http://nobody.invalid/"))[0] == "gaierror"


@pytest.mark.parametrize(
    ("address", "is_allowed"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.1.2.3", False),
        ("64:ff9b::a01:203", False),
        ("64:ff9b::808:808", True),
        ("2002:a01:203::1", False),
    ],
)
def test_our_own_networks_are_told_from_the_internet(address: str, is_allowed: bool) -> None:
    assert OUTSIDE_ONLY.allows(ip_address(address)) == is_allowed
    assert ANYWHERE.allows(ip_address(address))
