"""The entrance over real accounts and a real record store, asked without a network, by browsers that keep cookies."""

from __future__ import annotations

import html
import re
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import get
from litestar.handlers import HTTPRouteHandler

from tests.made_up_keys import made_up_keys
from tests.services.accounts.conftest import MASTER, House, Telephone, Time, house_of
from tests.trails import auditor_of
from tests.web.conftest import made_up_assets
from tests.web.letting_in import MemoryBuckets, NoPrograms, NothingToTell
from tianfu.apps.entrance.answering import Entrance
from tianfu.apps.entrance.ports import Directory, NoDemonstration
from tianfu.apps.entrance.routes import entrance
from tianfu.db import Addresses, Database
from tianfu.records.store import Store
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.web.admission import SessionCookies
from tianfu.web.asking import HttpRequest
from tianfu.web.callers import AllCallers, PeopleCallers
from tianfu.web.pages import Pages
from tianfu.web.site import App, Doorkeeping, SiteSettings, build_site

COOKIES = SessionCookies(is_secure=False)
MADE_UP_FOLDER = Path(__file__).parents[2] / "web" / "made_up_app"


@dataclass
class Browser:
    """A browser in front of the site; it keeps its cookies and follows nothing by itself."""

    app: Any
    address: str = "203.0.113.7"
    language: str = "en"
    site: str = "same-origin"
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)

    async def get(self, path: str) -> httpx.Response:
        return await self._sent("GET", path, None)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self._sent("POST", path, fields)

    async def _sent(self, method: str, path: str, data: dict[str, str] | None) -> httpx.Response:
        headers = {"sec-fetch-site": self.site, "accept-language": self.language, "user-agent": "Made-up Browser 1"}
        transport = httpx.ASGITransport(self.app, client=(self.address, 1))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://made-up.local", cookies=self.cookies
        ) as client:
            answer = await client.request(method, path, data=data, headers=headers)
            self.cookies = client.cookies
            return answer

    def holds(self, **cookies: str) -> Browser:
        """The same kind of browser with these cookies alone."""
        other = Browser(self.app, self.address, self.language, self.site)
        for name, value in cookies.items():
            other.cookies.set(name, value, domain="made-up.local")
        return other

    @property
    def session(self) -> str:
        return self.cookies.get("session") or ""

    @property
    def device(self) -> str:
        return self.cookies.get("device") or ""


def hidden(page: httpx.Response, name: str) -> str:
    """What a hidden field of a page holds."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)">', page.text)
    assert found, (name, page.status_code, page.text[-1500:])
    return html.unescape(found[1])


@dataclass
class Place:
    """A site of the entrance and one page that tells whom it takes its reader for."""

    house: House
    store: Store
    app: Any

    def browser(self, **more: Any) -> Browser:
        return Browser(self.app, **more)


def telling_pages(pages: Pages) -> list[HTTPRouteHandler]:
    @get("/who")
    async def who(request: HttpRequest) -> dict[str, Any]:
        caller = pages.asking(request).caller
        return {"role": caller.role, "organisation": caller.organisation, "patients": list(caller.patients)}

    return [who]


def site_of(house: House, directory: Directory, *others: App, hosts: Collection[str] = ("made-up.local",)) -> Any:
    """A site of the entrance over these accounts, beside other apps."""
    limiter = Limiter(MemoryBuckets(), load_limits(None), monotonic=time.monotonic)
    accounts = house.accounts
    people = PeopleCallers(accounts.sessions, accounts.signing_in, limiter, NothingToTell(), is_production=False)
    house_of_pages = Entrance(
        accounts=house.accounts,
        cookies=COOKIES,
        directory=directory,
        demonstration=NoDemonstration(),
        clock=house.time,
    )
    return build_site(
        apps=[entrance(house_of_pages), *others],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=False, hosts=hosts),
        doorkeeping=Doorkeeping(callers=AllCallers(people, NoPrograms()), limiter=limiter),
        clock=house.time,
        assets=made_up_assets(),
    )


@pytest.fixture
async def place(database: Database, addresses: Addresses) -> AsyncIterator[Place]:
    house = await house_of(database, addresses, Time(), Telephone())
    store = await Store.open(database, auditor=await auditor_of(database), clock=house.time, keys=made_up_keys(MASTER))
    telling = App(name="telling", folder=MADE_UP_FOLDER, places=(), routes=telling_pages)
    yield Place(house, store, site_of(house, store, telling))
    house.accounts.passwords.close()
