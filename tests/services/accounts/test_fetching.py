"""Others' servers over a real network: an answer in time and in size, or none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from tests.services.accounts.conftest import code_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.fetching import ANSWER_BYTES_MAX, HttpFetcher

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
        await HttpFetcher(seconds=SECONDS).get(address)
    assert code_of(refusal) == "outside-unreachable"
    return refusal.value.details["reason"], time.monotonic() - began


async def test_an_answer_comes_as_it_is() -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"{}")

    async with server(answer) as address:
        assert await HttpFetcher(seconds=SECONDS).get(address) == b"{}"


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
