"""A radiotherapy department over real HTTP or none: real accounts, cases, deliveries, works and the worker behind them.

The hospital is the one of `tests.radiotherapy_house`, so that what is made there stands on its physicist's pages.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page

from tests.journeys.conftest import AXE, PICTURES
from tests.pictures import take_picture_of
from tests.radiotherapy_house import HOSPITAL
from tests.radiotherapy_house import House as Imaging
from tests.radiotherapy_house import house_of as imaging_of
from tests.services.accounts.conftest import House, Telephone, Time, unit
from tests.services.accounts.conftest import house_of as accounts_of
from tests.web.letting_in import MemoryBuckets, NothingToTell
from tianfu.access.organisations import OrganisationTree
from tianfu.apps.radiotherapy.density_tables import DensityTables
from tianfu.apps.radiotherapy.jobs import Bench
from tianfu.apps.radiotherapy.machine_files import MachineFiles
from tianfu.apps.radiotherapy.ports import Desk, LateLooking
from tianfu.apps.radiotherapy.routes import radiotherapy
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import SECOND, Instant, system_clock
from tianfu.services.accounts.model.people import Assurance
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.jobs.worker import Worker
from tianfu.services.jobs.works import Queue, Work, Works
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import load_limits
from tianfu.web.assets import Assets
from tianfu.web.callers import Callers, PeopleCallers
from tianfu.web.site import Doorkeeping, SiteSettings, build_site

WAIT_SECONDS = 120.0
ROOT = "/radiotherapy"


class RunningTime(Time):
    """The real time, and further on when told to."""

    def __init__(self) -> None:
        self._ahead = 0

    @property
    def now(self) -> Instant:  # type: ignore[override]  # a plain attribute in the base
        return Instant(system_clock() + self._ahead)

    def __call__(self) -> Instant:
        return self.now

    def pass_(self, seconds: float) -> None:
        self._ahead += int(seconds * SECOND)


@dataclass(frozen=True, kw_only=True)
class Browser:
    """Somebody at a browser, who signed in; each request is as a browser sends it."""

    site: Any
    entered: Entered | None
    language: str = "en"

    async def get(self, path: str) -> httpx.Response:
        return await self._sent("GET", path)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self._sent("POST", path, data=fields)

    async def send(
        self, path: str, content: bytes, *, kind: str = "application/dicom", claimed_bytes: int | None = None
    ) -> httpx.Response:
        """Post bytes as the page's script does; so many as are there, unless others are claimed."""
        claimed = {} if claimed_bytes is None else {"content-length": str(claimed_bytes)}
        return await self._sent("POST", path, content=content, headers={"content-type": kind, **claimed})

    async def led(self, path: str, **fields: str) -> str:
        """Post a form that is taken; the address to which it leads."""
        answer = await self.post(path, **fields)
        assert answer.status_code == 303, (answer.status_code, answer.text[:1500])
        return str(answer.headers["location"])

    async def began(self, *, into: str = "") -> str:
        """The address of a delivery that was begun by the button."""
        return await self.led(f"{ROOT}/deliveries", into=into)

    async def _sent(self, method: str, path: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.site)
        always = {"sec-fetch-site": "same-origin", "accept-language": self.language}
        if self.entered is not None:
            always["cookie"] = f"session={self.entered.secret}; device={self.entered.device}"
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers={**always, **(headers or {})}, **more)


@dataclass(kw_only=True)
class Department:
    """The installation as a test sees it."""

    accounts: House
    imaging: Imaging
    desk: Desk
    addresses: Addresses
    site: Any
    numbers: int = field(default=0)

    async def staff(self, role: str = "physicist", *, organisation: str = HOSPITAL, language: str = "en") -> Browser:
        """The browser of somebody of a hospital, who signed in by two factors."""
        self.numbers += 1
        number = f"H53{self.numbers:04}"
        people = self.accounts.accounts.people
        account, _ = await people.join_staff(
            THE_OPERATOR,
            name="Demo",
            number=number,
            post=Post(organisation=organisation, role=role),
            tree=OrganisationTree([unit(organisation, None)]),
        )
        await self.accounts.set_password(account)
        entered = await self.accounts.with_both(await self.accounts.authenticator(account), number)
        self.accounts.device = ""
        return Browser(site=self.site, entered=entered, language=language)

    async def resident(self) -> Browser:
        """A resident known by his real name."""
        entered = await self.accounts.with_code("13800001111")
        account = entered.signed_in.account.id
        await self.accounts.accounts.people.retell(account, name="示例居民", assurance=Assurance.NAMED)
        self.accounts.accounts.sessions.forget_known(account)
        self.accounts.device = ""
        return Browser(site=self.site, entered=entered)

    def nobody(self) -> Browser:
        """Somebody who did not sign in."""
        return Browser(site=self.site, entered=None)

    @asynccontextmanager
    async def working(self, queue: Queue = "light") -> AsyncIterator[None]:
        """A worker that does what is asked for meanwhile."""
        desk = self.desk
        bench = Bench(cases=desk.cases, deliveries=desk.deliveries, documents=desk.documents, clock=desk.clock)
        kinds = bench.heavy() if queue == "heavy" else bench.light()
        task = asyncio.create_task(Worker(self.imaging.database, kinds, desk.clock).run(self.addresses, queue))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def ended(self, work: str) -> Work:
        """A work, or the address of its page, once it has ended; a worker must be at it."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not (now := await self.desk.works.now(work.rpartition("/")[2])).state.is_end:  # noqa: ASYNC110 - a worker ends it
                await asyncio.sleep(0.05)
        return now


async def looked_at(page: Page, name: str) -> None:
    """A picture is kept; nothing sticks out of the page, and axe finds nothing."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await take_picture_of(page, PICTURES / f"{name}.png", full_page=True)
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, name
    await page.evaluate(AXE.read_text("utf-8"))
    found = await page.evaluate(
        "axe.run().then(found => found.violations.map(each => [each.id, each.nodes.map(node => node.html)]))"
    )
    assert found == [], (name, found)


@dataclass(frozen=True, kw_only=True)
class Doors:
    """A department that is served, and a real browser before it."""

    department: Department
    address: str
    chromium: Chromium

    async def window(self, visitor: Browser, *, width: int = 1440, **more: Any) -> BrowserContext:
        """A visitor in a real browser, in the language that he asks for."""
        context = await self.chromium.new_context(
            locale=visitor.language,
            viewport={"width": width, "height": 900},
            extra_http_headers={"accept-language": visitor.language},
            **more,
        )
        if visitor.entered is not None:
            secrets = (("session", visitor.entered.secret), ("device", visitor.entered.device))
            await context.add_cookies([{"name": name, "value": value, "url": self.address} for name, value in secrets])
        return context


async def department_of(
    database: Database, addresses: Addresses, folder: Path, *, assets: Assets | None = None
) -> Department:
    """A department; `assets` are the built ones unless others are given."""
    clock = RunningTime()
    accounts = await accounts_of(database, addresses, clock, Telephone())
    imaging = await imaging_of(database, folder, clock)
    limits = load_limits(None)
    desk = Desk(
        cases=imaging.cases,
        deliveries=imaging.deliveries,
        works=Works(database, clock, most=limits.open_works),
        documents=imaging.documents,
        looking=LateLooking(imaging.cases, imaging.documents),
        machines=MachineFiles(folder / "machines"),
        density_tables=DensityTables(folder / "density-tables"),
        clock=clock,
    )
    limiter = Limiter(MemoryBuckets(), limits, monotonic=time.monotonic)
    sessions, signing_in = accounts.accounts.sessions, accounts.accounts.signing_in
    people = PeopleCallers(sessions, signing_in, limiter, NothingToTell(), is_production=False)
    site = build_site(
        apps=[radiotherapy(desk)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=False),
        doorkeeping=Doorkeeping(callers=cast("Callers", people), limiter=limiter),
        clock=clock,
        assets=assets,
    )
    return Department(accounts=accounts, imaging=imaging, desk=desk, addresses=addresses, site=site)
