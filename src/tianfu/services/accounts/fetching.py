"""Documents of others that signing in needs: key sets and discovery documents, over HTTPS.

Addresses come from registrations, settings and others' documents, never from a stranger's request; even so, nothing
here follows a redirect, reads more than it must, waits for long, or in production speaks to our own network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from ipaddress import ip_address
from socket import SOCK_STREAM
from ssl import SSLContext
from typing import Protocol

import httpx

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.reach import Reach

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


@cache
def trust() -> SSLContext:
    """Whose certificates are believed: some hundred, read once in a process."""
    return httpx.create_ssl_context()


class HttpFetcher:
    """Others' servers over the network; each answer is there whole within `seconds`, or it is none.

    A name is looked up once, here: what it stands for is held against `reach` and is what is spoken to, so that it can
    stand for nothing else a moment later.  No proxy of the environment is used, which would look it up again.
    """

    def __init__(self, *, reach: Reach, seconds: float = FETCH_SECONDS) -> None:
        self._reach = reach
        self._seconds = seconds
        self._trust = trust()

    async def get(self, address: str) -> bytes:
        """What lies at an address."""
        return await self._answer("GET", address, None, None)

    async def post(self, address: str, form: Mapping[str, str], *, authorization: str | None) -> bytes:
        """The answer to a form."""
        return await self._answer("POST", address, form, authorization)

    async def _answer(
        self, method: str, address: str, form: Mapping[str, str] | None, authorization: str | None
    ) -> bytes:
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        if authorization is not None:
            headers["authorization"] = authorization
        try:
            # Of the whole: httpx counts each read for itself, and a drop now and then is one.
            async with asyncio.timeout(self._seconds):
                url = httpx.URL(address)
                request = httpx.Request(
                    method,
                    url.copy_with(host=await self._where(url)),
                    data=form,
                    headers={**headers, "host": url.netloc.decode("ascii")},
                    extensions={"sni_hostname": url.host},  # the certificate must be of the name that was asked for
                )
                client = httpx.AsyncClient(
                    timeout=self._seconds, follow_redirects=False, trust_env=False, verify=self._trust
                )
                async with client:
                    return await _whole(await client.send(request, stream=True))
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError, TimeoutError) as error:
            raise unreachable(type(error).__name__) from error

    async def _where(self, url: httpx.URL) -> str:
        """The address that a name stands for; a name that stands for one of ours as well is one of ours."""
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=SOCK_STREAM)
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        if not addresses or not all(self._reach.allows(each) for each in addresses):
            raise unreachable("address-inside")
        return str(addresses[0])


async def _whole(answer: httpx.Response) -> bytes:
    try:
        if answer.status_code != httpx.codes.OK:
            raise unreachable(f"status-{answer.status_code}")
        read = bytearray()
        async for chunk in answer.aiter_raw():
            read += chunk
            if len(read) > ANSWER_BYTES_MAX:
                raise unreachable("too-long")
        return bytes(read)
    finally:
        await answer.aclose()


def unreachable(reason: str) -> Refusal:
    """Another's server did not answer as it must."""
    return Refusal("outside-unreachable", next_step="try-again-later", retryable=True, details={"reason": reason})
