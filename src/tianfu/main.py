"""The only place where parts are put together: settings in, application out."""

from __future__ import annotations

import asyncio
import hmac
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, cast

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.apps.lifelong.routes import lifelong
from tianfu.db import Database
from tianfu.gateways.fhir.application import BASE_SEGMENT, fhir_application
from tianfu.installation import database_addresses, installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.logs import set_up_logs
from tianfu.records.audit import GroupAuditor
from tianfu.records.months import keep_months_ahead
from tianfu.records.store import Store
from tianfu.settings import Settings, settings_from
from tianfu.supervision.parentage import die_with_parent
from tianfu.web.site import SiteSettings, build_site

DEMONSTRATION = "https://tianfu.example/"
"""How the sources of made-up records begin (https://www.rfc-editor.org/rfc/rfc2606); pages say that they are there."""

_log = structlog.get_logger("tianfu.main")


def application() -> ASGIApp:
    """The application of one web worker, which ends with the program that started it."""
    die_with_parent(signal.SIGKILL)
    set_up_logs()
    settings = settings_from(os.environ)
    return build(settings)


def build(settings: Settings) -> ASGIApp:
    """The application of an installation; its parts are put together when it starts, because they need the database."""
    return Application(settings)


class Application:
    """Sends a request to the door whose first path segment it names; the site answers the rest and starts and stops."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._doors: Mapping[str, ASGIApp] = {}
        self._site: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live from start to stop."""
        if scope["type"] == ScopeType.HTTP:
            door = self._doors.get(scope["path"].split("/", 2)[1]) or self._site
            if door is not None:
                await door(scope, receive, send)
        else:
            await self._live(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with AsyncExitStack() as stack:
            try:
                self._site = site = await self._put_together(stack)
            except Exception as error:
                # Else the server goes on with a worker that can answer nothing; told so, it ends and starts another.
                _log.error("worker_not_started", error=str(error) if isinstance(error, Refusal) else place_of(error))
                await send(cast("Any", {"type": "lifespan.startup.failed", "message": ""}))
                return
            await site(scope, receive, send)

    async def _put_together(self, stack: AsyncExitStack) -> ASGIApp:
        addresses = database_addresses(self._settings)
        database = await stack.enter_async_context(Database(addresses))
        await database.ready()
        keys = installation_keys(self._settings)
        store = await Store.open(database, auditor=GroupAuditor(database), clock=system_clock, keys=keys)
        ahead = asyncio.create_task(keep_months_ahead(database))
        stack.callback(ahead.cancel)
        self._doors = {BASE_SEGMENT: cast("ASGIApp", fhir_application(store, clock=system_clock))}
        is_demonstration = await store.has_source(OPERATOR, Purpose.OPERATIONS, DEMONSTRATION)
        return build_site(
            apps=[lifelong(store)],
            settings=SiteSettings(
                seal_key=derived_key(addresses.secret, "page seal"), is_demonstration=is_demonstration
            ),
            clock=system_clock,
        )


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, equal in all workers."""
    return hmac.digest(secret, purpose.encode(), "sha256")
