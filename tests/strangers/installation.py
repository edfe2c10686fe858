"""The whole application as `main` builds it for production, with people who signed in and programs they let in.

Nothing is faked but the two outermost edges: the telephone, and the clock, which is put forward by hand.
"""

from __future__ import annotations

import html
import io
import itertools
import json
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.apps.administration.conftest import unit
from tests.records.made import put
from tests.services.accounts.conftest import CHEAP, House, Telephone
from tests.web.conftest import made_up_assets
from tianfu import main
from tianfu.access.caller import OPERATOR
from tianfu.db import Addresses, Database
from tianfu.gateways.smart.metadata import AUTHORISE_PATH
from tianfu.gateways.smart.routes import APPROVAL_PATH
from tianfu.installation import installation_keys
from tianfu.kernel.instants import DAY, SECOND, Instant, system_clock, to_fhir_instant
from tianfu.records.audit import GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.organisations import Organisations
from tianfu.records.store import Store
from tianfu.records.trail.epochs import Trail, open_trail
from tianfu.services.accounts.fetching import HttpFetcher
from tianfu.services.accounts.hashing import Passwords
from tianfu.services.accounts.model.people import Account, Assurance
from tianfu.services.accounts.oauth.clients import Registered
from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration
from tianfu.services.accounts.oauth.server import AuthorisationServer
from tianfu.services.accounts.opening import open_accounts
from tianfu.services.accounts.reach import OUTSIDE_ONLY
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at
from tianfu.services.booking.notices import ConsoleNotices
from tianfu.services.limits.limits import LIMIT_CLASSES
from tianfu.settings import settings_from
from tianfu.vault.files import make

ADDRESS, HOST = "https://records.example", "records.example"
BASE = f"{ADDRESS}/fhir"
ELSEWHERE = "https://elsewhere.example/fhir"
"""Another FHIR door, for which the same authorisation server gives tokens."""

PROVINCE, CITY, OTHER_CITY = "province", "city", "other-city"
HOSPITAL, WARD, OTHER_WARD = "hospital", "ward", "other-ward"
OTHER_HOSPITAL = "other-hospital"
UNITS = (
    (PROVINCE, "province", None, "云溪省"),
    (CITY, "prefecture", PROVINCE, "云溪市"),
    (OTHER_CITY, "prefecture", PROVINCE, "远山市"),
    (HOSPITAL, "institution", CITY, "云溪医院"),
    (WARD, "department", HOSPITAL, "内科"),
    (OTHER_WARD, "department", HOSPITAL, "外科"),
    (OTHER_HOSPITAL, "institution", OTHER_CITY, "远山医院"),
)

REDIRECT = "https://app.example/back"
VERIFIER = "made-up-verifier-of-forty-three-letters-or-more"
EVERYTHING = "openid fhirUser launch/patient patient/*.cruds user/*.cruds"
"""Every scope that the made-up program is registered for."""

SECRETS = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')
_addresses = itertools.count(1)


class Clock:
    """The machine's time, and as much later as a test wants."""

    def __init__(self) -> None:
        self.later_seconds = 0.0

    def __call__(self) -> Instant:
        return Instant(system_clock() + int(self.later_seconds * SECOND))

    def forward(self, seconds: float) -> None:
        self.later_seconds += seconds


@dataclass
class Browser:
    """A browser that keeps its cookies and follows nothing by itself."""

    app: Any
    session: str = ""
    device: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def get(self, path: str) -> httpx.Response:
        return await self.send("GET", path)

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self.send("POST", path, fields)

    async def press(self, page: httpx.Response, path: str, **fields: str) -> httpx.Response:
        """Send a form of a page: its hidden fields and what was typed."""
        hidden = {name: html.unescape(value) for name, value in SECRETS.findall(page.text)}
        return await self.send("POST", path, hidden | fields)

    async def send(self, method: str, path: str, data: Mapping[str, str] | None = None) -> httpx.Response:
        """One request; cookies that it is given it keeps."""
        cookies = {"__Host-session": self.session, "__Host-device": self.device}
        shown = "; ".join(f"{name}={value}" for name, value in cookies.items() if value)
        headers = {"sec-fetch-site": "same-origin", "accept-language": "en", **self.headers, "cookie": shown}
        async with client_of(self.app) as client:
            answer = await client.request(method, path, data=data, headers=headers)
            for name, value in client.cookies.items():
                if name == "__Host-session":
                    self.session = value
                elif name == "__Host-device":
                    self.device = value
            return answer


def client_of(app: Any) -> httpx.AsyncClient:
    """A client of the whole application, each time from another address."""
    number = next(_addresses)
    address = f"198.18.{number // 250 % 250}.{number % 250 + 1}"
    transport = httpx.ASGITransport(app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url=ADDRESS)


@dataclass
class Installation:
    """The application, and what another process has of the same database."""

    application: main.Application
    house: House
    store: Store
    trees: Organisations
    server: AuthorisationServer
    elsewhere: AuthorisationServer
    clock: Clock
    program: str = ""
    accounts: dict[str, tuple[Account, bytes]] = field(default_factory=dict)

    def browser(self, **more: Any) -> Browser:
        return Browser(self.application, **more)

    async def appoint(
        self, number: str, role: str, organisation: str, practitioner: str | None = None, *, title: str | None = None
    ) -> Account:
        """A member of staff with a password and an authenticator."""
        post = Post(organisation=organisation, role=role, practitioner=practitioner, title=title)
        account, _ = await self.house.accounts.people.join_staff(
            THE_OPERATOR, name=f"Demo {number}", number=number, post=post, tree=await self.trees.below(PROVINCE)
        )
        await self.house.set_password(account)
        self.accounts[number] = account, await self.house.authenticator(account)
        return account

    async def join(self, telephone: str, record: str, *, kind: str = "Patient") -> Account:
        """A resident whose record is known to be his, or who is known to somebody else's as a RelatedPerson."""
        people = self.house.accounts.people
        account = await people.join_resident(telephone, name=f"Demo {telephone}", assurance=Assurance.NAMED)
        await people.tie_record(OPERATOR, account.id, kind, record)
        return account

    async def staff(self, number: str) -> Browser:
        """The browser of a member of staff who signed in on our pages with two factors."""
        from tests.services.accounts.conftest import PASSWORD

        self.clock.forward(30)  # an authenticator's code is good once
        browser = self.browser()
        page = await browser.post("/sign-in/staff", number=number, password=PASSWORD)
        code = code_at(self.accounts[number][1], self.clock())
        entered = await browser.press(page, "/sign-in/second", code=code)
        assert entered.status_code == 303, entered.text[-1500:]
        assert browser.session
        return browser

    async def resident(self, telephone: str) -> Browser:
        """The browser of a resident who signed in on our pages with a code."""
        self.clock.forward(61)  # a telephone gets one code a minute
        browser = self.browser()
        page = await browser.post("/sign-in/telephone", number=telephone)
        entered = await browser.press(page, "/sign-in/code", code=self.house.telephone.code)
        assert entered.status_code == 303, entered.text[-1500:]
        return browser

    async def code(self, browser: Browser, scope: str, *, patient: str = "", **more: str) -> str:
        """The code that somebody's approval on our page gives the program."""
        page = await self.asked_to_approve(browser, scope, **more)
        answer = await browser.press(page, APPROVAL_PATH, decision="permit", patient=patient)
        assert answer.status_code == 303, answer.text[-1500:]
        return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]

    async def asked_to_approve(self, browser: Browser, scope: str, **more: str) -> httpx.Response:
        """The page on which somebody lets the program in."""
        page = await browser.get(str(httpx.URL(AUTHORISE_PATH, params=self.request(scope, **more))))
        assert page.status_code == 200, (page.status_code, page.headers.get("location"), page.text[-1500:])
        return page

    def request(self, scope: str, **more: str) -> dict[str, str]:
        """What the program asks for in somebody's browser."""
        return {
            "response_type": "code",
            "client_id": self.program,
            "redirect_uri": REDIRECT,
            "scope": scope,
            "state": "made-up-state",
            "code_challenge": urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("="),
            "code_challenge_method": "S256",
            "aud": BASE,
            "nonce": "made-up-nonce",
            **more,
        }

    def in_days(self, count: int) -> str:
        """A day so many days from now, as forms have it."""
        return to_fhir_instant(Instant(self.clock() + count * DAY))[:10]

    def exchange(self, code: str) -> dict[str, str]:
        """What a program sends for a code."""
        return {
            "grant_type": "authorization_code",
            "client_id": self.program,
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }

    async def tokens(self, browser: Browser, scope: str, **more: str) -> dict[str, str]:
        """Everything that the program gets for somebody's approval."""
        answer = await self.post("/oauth/token", self.exchange(await self.code(browser, scope, **more)))
        assert answer.status_code == 200, answer.text
        given: dict[str, str] = answer.json()
        return given

    async def launched(self, browser: Browser, patient: str) -> str:
        """The handle with which a member of staff starts the program for a patient on our page."""
        answer = await browser.post(f"/programs/{patient}", program=self.program)
        assert answer.status_code == 303, answer.text[-1500:]
        return parse_qs(urlsplit(answer.headers["location"]).query)["launch"][0]

    async def post(self, path: str, form: Mapping[str, str]) -> httpx.Response:
        async with client_of(self.application) as client:
            return await client.post(path, data=dict(form))


@asynccontextmanager
async def installation_of(addresses: Addresses, home: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    """An installation in production on a fresh database, started as a web worker starts it."""
    clock, telephone = Clock(), Telephone()
    make(home, "production")
    settings = settings_from(
        {
            "TIANFU_HOME": str(home),
            "TIANFU_MODE": "production",
            "TIANFU_HOSTS": HOST,
            "TIANFU_ADDRESS": ADDRESS,
            "TIANFU_LIMITS_FILE": str(limits_for_a_walk(home)),
            "TIANFU_PROVIDERS_FILE": str(provider_that_is_down(home)),
        }
    )
    patch.setattr(main, "system_clock", clock)
    patch.setattr(main, "database_addresses", lambda _: addresses)
    patch.setattr(main, "sender_of", lambda _: telephone)
    patch.setattr(main, "notices_of", lambda _: ConsoleNotices(io.StringIO()))
    patch.setattr(main, "settle_memory", lambda: None)  # which would change this process for good
    patch.setattr("tianfu.web.site.load_assets", made_up_assets)
    application = main.Application(settings)
    async with AsyncExitStack() as stack:

        async def trail_until_the_end(*where: Any) -> Trail:
            """A worker leaves its trail open until its process ends, which this one does not."""
            opened = await open_trail(*where)
            stack.callback(opened.close)
            return opened

        patch.setattr(main, "open_trail", trail_until_the_end)
        application._site = await application._put_together(stack)
        database = await stack.enter_async_context(Database(addresses))
        await database.ready()
        trail = await trail_until_the_end(database, home, clock)
        auditor = GroupAuditor(database, trail.lanes)
        keys = installation_keys(settings)
        keyring = await open_keyring(database, keys)
        accounts = open_accounts(
            database,
            keyring,
            auditor,
            sender=telephone,
            issuer="Demo",
            party=main.relying_party_of(settings),
            clock=clock,
            passwords=Passwords(CHEAP),
        )
        stack.callback(accounts.passwords.close)
        servers = [
            await AuthorisationServer.open(
                database,
                keyring,
                auditor,
                HttpFetcher(reach=OUTSIDE_ONLY),
                issuer=ADDRESS,
                base=base,
                clock=clock,
                is_production=True,
            )
            for base in (BASE, ELSEWHERE)
        ]
        yield Installation(
            application=application,
            house=House(accounts, database, keyring, cast("Any", clock), telephone, addresses),
            store=await Store.open(database, auditor=auditor, clock=clock, keys=keys),
            trees=Organisations(database),
            server=servers[0],
            elsewhere=servers[1],
            clock=clock,
        )


def limits_for_a_walk(home: Path) -> Path:
    """Limits that nobody meets who walks through all there is."""
    file = home / "limits.json"
    each = {"burst": 1_000_000, "per_second": 100_000}
    said = {"version": 1, "mark": "made up", "classes": dict.fromkeys(LIMIT_CLASSES, each), "roles": {}}
    file.write_text(json.dumps(said), "utf-8")
    return file


def provider_that_is_down(home: Path) -> Path:
    """An outside provider at an address of this machine where nobody answers."""
    secret, file = home / "provider-secret", home / "providers.json"
    secret.write_text("made-up-secret", "utf-8")
    secret.chmod(0o600)
    said = {
        "key": "made-up",
        "names": {"zh-CN": "示例", "en": "Made up"},
        "issuer": "https://127.0.0.1:9",
        "client": "tianfu",
        "secret_file": secret.name,
        "scopes": ["openid"],
        "is_enough_for_staff": False,
    }
    file.write_text(json.dumps({"version": 1, "providers": [said]}), "utf-8")
    file.chmod(0o600)
    return file


async def found_province(here: Installation) -> None:
    """Organisations and the program that everybody lets in."""
    for name, kind, part_of, title in UNITS:
        await put(here.store, "Organization", name, **unit(title, kind, part_of))
    said = Registration(
        kind=ClientKind.PUBLIC,
        name="Made-up app",
        redirects=(REDIRECT,),
        launch_at="https://app.example/launch",
        scopes=("launch", *EVERYTHING.split(), "user/Observation.rs"),
    )
    registered: Registered = await here.server.clients.register(OPERATOR, said)
    here.program = registered.client
