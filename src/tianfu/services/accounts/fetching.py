"""Documents of others that signing in needs: key sets and discovery documents, over HTTPS.

Addresses come from registrations and settings, never from a stranger's request; even so, nothing here follows a
redirect, reads more than it must, or waits for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

import httpx

from tianfu.kernel.refusal import Refusal

FETCH_SECONDS = 5.0
ANSWER_BYTES_MAX = 256 * 1_024


class Fetcher(Protocol):
    """The way to others' servers."""

    async def get(self, address: str) -> bytes:
        """What lies at an address; raises Refusal `outside-unreachable`."""
        ...

    async def post(self, address: str, form: Mapping[str, str], *, authorization: str | None) -> bytes:
        """The answer to a form; raises Refusal `outside-unreachable`, also for an answer that is no success."""
        ...


class HttpFetcher:
    """Others' servers over the network; each answer is there whole within `seconds`, or it is none."""

    def __init__(self, *, seconds: float = FETCH_SECONDS) -> None:
        self._seconds = seconds

    async def get(self, address: str) -> bytes:
        """What lies at an address."""
        return await _answer("GET", address, None, None, self._seconds)

    async def post(self, address: str, form: Mapping[str, str], *, authorization: str | None) -> bytes:
        """The answer to a form."""
        return await _answer("POST", address, form, authorization, self._seconds)


async def _answer(
    method: str, address: str, form: Mapping[str, str] | None, authorization: str | None, seconds: float
) -> bytes:
    headers = {"accept": "application/json", "accept-encoding": "identity"}
    if authorization is not None:
        headers["authorization"] = authorization
    try:
        async with (
            asyncio.timeout(seconds),  # of the whole: httpx counts each read for itself, and a drop now and then is one
            httpx.AsyncClient(timeout=seconds, follow_redirects=False) as client,
            client.stream(method, address, data=form, headers=headers) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise unreachable(f"status-{answer.status_code}")
            read = bytearray()
            async for chunk in answer.aiter_raw():
                read += chunk
                if len(read) > ANSWER_BYTES_MAX:
                    raise unreachable("too-long")
            return bytes(read)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise unreachable(type(error).__name__) from error


def unreachable(reason: str) -> Refusal:
    """Another's server did not answer as it must."""
    return Refusal("outside-unreachable", next_step="try-again-later", retryable=True, details={"reason": reason})
