"""The door for programs and the approval page, as the whole application has them, on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import pytest

from tests.desk import DESK
from tests.made_up_keys import made_up_keys
from tests.services.accounts.oauth.made_up import Town, town_of
from tests.trails import close_trails
from tests.web.conftest import made_up_assets
from tests.web.letting_in import doorkeeping
from tianfu.access.purpose import Purpose
from tianfu.db import Database
from tianfu.gateways.smart.door import SmartDoor
from tianfu.gateways.smart.queries.people import RecordedPeople
from tianfu.gateways.smart.routes import Approvals, smart
from tianfu.kernel.instants import system_clock
from tianfu.records.outcomes import Written
from tianfu.records.store import Store
from tianfu.services.accounts.model.people import SignedIn
from tianfu.standards.fhir.parsing import parse_resource
from tianfu.web.asking import HttpRequest
from tianfu.web.site import SiteSettings, build_site

HERE = {"sec-fetch-site": "same-origin"}
"""What a browser says of a form of our own page."""


@dataclass
class CookieNames:
    """Who sits at a browser, by the name of his session in a cookie: stands in for the web's own reading of cookies."""

    people: dict[str, SignedIn] = field(default_factory=dict)

    async def signed_in(self, request: HttpRequest) -> SignedIn | None:
        return self.people.get(request.cookies.get("made-up-session", ""))

    def entrance(self, onward: str, *, again: bool) -> str:
        return str(httpx.URL("/enter", params={"next": onward, **({"again": "1"} if again else {})}))


@dataclass
class Installation:
    """A browser, a town, and the record store behind both."""

    town: Town
    client: httpx.AsyncClient
    who: CookieNames
    store: Store

    def sits_here(self, person: SignedIn | None) -> None:
        """Let somebody sign in at the browser, or nobody."""
        self.client.cookies.clear()
        if person is not None:
            self.who.people[person.session] = person
            self.client.cookies.set("made-up-session", person.session)

    async def record(self, text: bytes) -> str:
        written = await self.store.create(DESK, Purpose.TREATMENT, parse_resource(text))
        assert isinstance(written, Written)
        return written.id


@pytest.fixture
async def here(database: Database) -> AsyncIterator[Installation]:
    """An installation whose pages and door are asked without a network."""
    town = await town_of(database)
    keys = made_up_keys(b"k" * 32)
    store = await Store.open(database, auditor=town.auditor, clock=system_clock, keys=keys)
    who, doors = CookieNames(), doorkeeping()
    approvals = Approvals(
        authorising=town.server.authorising,
        who=who,
        people=RecordedPeople(store, town.clock),
        permitted=town.server.permitted,
        clients=town.server.clients,
        launches=town.server.launches,
        clock=town.clock,
    )
    site = build_site(
        apps=[smart(approvals)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=True),
        doorkeeping=doors,
        clock=town.clock,
        assets=made_up_assets(),
    )
    door = SmartDoor(town.server, doors.limiter, is_production=True)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        """What `main` does: the door's own addresses to the door, all else to the site."""
        chosen: Any = door if scope["path"] in door.paths else site
        await chosen(scope, receive, send)

    transport = httpx.ASGITransport(cast("Any", application))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield Installation(town, client, who, store)
    close_trails()
