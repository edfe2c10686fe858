"""Applications that only a benchmark serves: the FHIR door without a trace, and one that does nothing."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from litestar.types import ASGIApp

from tianfu.db import Database
from tianfu.gateways.fhir.application import fhir_application
from tianfu.installation import database_addresses, installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.main import accounts_of, authorisation_server, doorkeeper_of, doorkeeping_of, settle_memory
from tianfu.records.audit import NoAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.store import Store
from tianfu.settings import settings_from

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
"""ASGI's callables as the standard types them, lifespan included.  https://asgi.readthedocs.io/en/latest/specs/main.html"""

_TEXT = b'{"resourceType":"Basic"}'


def untraced() -> ASGIApp:
    """The FHIR door of the installation in the environment, with an auditor that records nothing."""
    return cast("ASGIApp", _Untraced())


class _Untraced:
    def __init__(self) -> None:
        self._door: ASGIApp | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._door is not None:
            await self._door(cast("Any", scope), cast("Any", receive), cast("Any", send))

    async def _live(self, receive: Receive, send: Send) -> None:
        settings = settings_from(os.environ)
        await receive()
        async with Database(database_addresses(settings)) as database:
            await database.ready()
            keys = installation_keys(settings)
            auditor = NoAuditor()
            store = await Store.open(database, auditor=auditor, clock=system_clock, keys=keys)
            keyring = await open_keyring(database, keys)
            accounts = accounts_of(settings, database, keyring, auditor)
            server = await authorisation_server(settings, database, keyring, auditor)
            doorkeeping = doorkeeping_of(settings, database, database_addresses(settings).secret, accounts, server)
            doorkeeper = doorkeeper_of(settings, doorkeeping)
            self._door = cast("ASGIApp", fhir_application(store, clock=system_clock, doorkeeper=doorkeeper))
            settle_memory()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def trivial() -> ASGIApp:
    """The same answer to everything: what the server costs without us."""
    return cast("ASGIApp", _answer)


async def _answer(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(_TEXT)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": _TEXT, "more_body": False})
