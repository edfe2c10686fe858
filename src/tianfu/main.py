"""The only place where parts are put together: settings in, application out."""

from __future__ import annotations

import hmac
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from tianfu.db import Addresses, Database
from tianfu.db.migrations import Migration, migrations_in
from tianfu.installation import database_addresses
from tianfu.kernel.instants import system_clock
from tianfu.logs import set_up_logs
from tianfu.settings import settings_from
from tianfu.supervision.parentage import die_with_parent
from tianfu.web.site import SiteParts, SiteSettings, build_site

MIGRATION_SETS = ("tianfu.records.schema",)
"""Packages with schema steps, in the order in which they build on each other."""


def schema_steps() -> list[Migration]:
    """Every step of the schema, in its order."""
    return [step for package in MIGRATION_SETS for step in migrations_in(package)]


def application() -> ASGIApp:
    """The application of one web worker, which ends with the program that started it."""
    die_with_parent(signal.SIGKILL)
    set_up_logs()
    settings = settings_from(os.environ)
    return build(database_addresses(settings))


def build(addresses: Addresses) -> ASGIApp:
    """Put an application together that stands on the database at `addresses`."""
    database = Database(addresses)
    site = build_site(
        apps=[],
        settings=SiteSettings(seal_key=derived_key(addresses.secret, "page seal"), is_demonstration=True),
        clock=system_clock,
        parts=SiteParts(options={"lifespan": [lambda _: _opened(database)]}),
    )
    return by_path({}, otherwise=site)


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose, equal in all workers."""
    return hmac.digest(secret, purpose.encode(), "sha256")


def by_path(doors: Mapping[str, ASGIApp], *, otherwise: Litestar) -> ASGIApp:
    """Send a request to the door whose first path segment it names; Litestar answers the rest and starts and stops."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            door = doors.get(scope["path"].split("/", 2)[1])
            if door is not None:
                await door(scope, receive, send)
                return
        await otherwise(scope, receive, send)

    return dispatch


@asynccontextmanager
async def _opened(database: Database) -> AsyncIterator[None]:
    async with database:
        await database.ready()
        yield
