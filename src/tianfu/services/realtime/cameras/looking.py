"""What somebody at a page may have us look at: nothing of this machine, few at once, one answer for all that is away.

Whoever may name an address could else have us try hosts and ports for him (server-side request forgery).
What an operator registers by command is not held to this: he has the machine anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, SOCK_DGRAM, SOCK_STREAM, socket
from urllib.parse import urlsplit

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.reach import Address, meant
from tianfu.services.realtime.cameras.pulling import refuse_unfit_source
from tianfu.services.realtime.cameras.source import Source

LOOKS_AT_ONCE = 2
"""So many addresses a worker looks at at one time for people at pages; the others wait."""

NAMES_SECONDS = 5.0
"""A name that is not known by then is none."""

ONE_ANSWER = frozenset({"camera-away", "camera-no-picture"})
"""What would tell a closed port from an open one, and an open one from a host that is not there."""


def is_near(address: Address) -> bool:
    """Whether an address is this machine's, this wire's or everybody's, and so no camera's (RFC 6890)."""
    real = meant(address)
    return (
        (real.is_loopback or real.is_link_local or real.is_multicast or real.is_unspecified or real.is_reserved)
        or str(real).startswith("0.")  # "this network", which some systems connect to themselves
        or _is_own(real)
    )


def _is_own(address: Address) -> bool:
    """Whether this machine has an address: it can give it to a socket then, and to none otherwise."""
    try:
        with socket(AF_INET if address.version == 4 else AF_INET6, SOCK_DGRAM) as tried:
            tried.bind((str(address), 0))
    except OSError:
        return False
    return True


class PageLooks:
    """Looks at cameras for people at pages."""

    def __init__(self, *, is_near: Callable[[Address], bool] = is_near) -> None:
        self._is_near = is_near
        self._at_once = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def refuse_unfit(self, source: Source) -> None:
        """As `refuse_unfit_source` does, thoroughly; whatever cannot be reached is `camera-no-picture`."""
        async with self._at_once:
            try:
                if await self._leads_near(source):
                    raise _no_picture()
                await refuse_unfit_source(source, is_thorough=True)
            except Refusal as refusal:
                raise _no_picture() if refusal.code in ONE_ANSWER else refusal from None

    async def _leads_near(self, source: Source) -> bool:
        """Whether an address, or a single one that its name stands for, is near; so is a name that stands for none."""
        host = urlsplit(source.address).hostname
        try:
            async with asyncio.timeout(NAMES_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=SOCK_STREAM)
        except (OSError, UnicodeError, TimeoutError):
            return True
        return not found or any(self._is_near(ip_address(str(each[4][0]).partition("%")[0])) for each in found)


def _no_picture() -> Refusal:
    return Refusal("camera-no-picture", next_step="change-the-camera", retryable=True)
