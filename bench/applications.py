"""Applications that only a benchmark serves: the FHIR door without keeper and trace, and one that does nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

from litestar.types import ASGIApp

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.db import Database
from tianfu.gateways.fhir.application import fhir_application
from tianfu.installation import database_addresses, installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.main import doorkeeper_of, settle_memory
from tianfu.records.audit import NoAuditor
from tianfu.records.store import Store
from tianfu.services.limits.limiter import KeptBuckets, Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.settings import settings_from
from tianfu.web.callers import Admitted, Carried
from tianfu.web.site import Doorkeeping

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
"""ASGI's callables as the standard types them, lifespan included.  https://asgi.readthedocs.io/en/latest/specs/main.html"""

_TEXT = b'{"resourceType":"Basic"}'


def untraced() -> ASGIApp:
    """The FHIR door of the installation in the environment, open to everybody, with an auditor that records nothing."""
    return cast("ASGIApp", _Untraced())


_DESK = Admitted(
    caller=Caller(id="desk", role="desk"), purpose=Purpose.TREATMENT, bucket="desk", purposes=tuple(Purpose)
)


class _Everybody:
    """Lets everybody in at the FHIR door, as somebody who sees everything; there are no pages."""

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        return _DESK

    async def visitor(self, carried: Carried) -> Admitted:
        raise Refusal("sign-in-needed", next_step="sign-in")

    async def leave(self, carried: Carried) -> None:
        raise Refusal("sign-in-needed", next_step="sign-in")


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
            store = await Store.open(database, auditor=NoAuditor(), clock=system_clock, keys=keys)
            limiter = Limiter(KeptBuckets(database), load_limits(settings.limits_file), monotonic=time.monotonic)
            doorkeeper = doorkeeper_of(settings, Doorkeeping(callers=_Everybody(), limiter=limiter))
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
