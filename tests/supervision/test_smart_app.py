"""A SMART app of somebody else's, made with a library that others keep, on the real site.

fhirclient plays the app.  The browser between is a client of HTTP that does what a person at a browser would: signs in
with a code from her telephone, reads what the app asks, and lets it in.
"""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from bench.program import Program
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException, FHIRPermissionDeniedException, FHIRUnauthorizedException
from tests.folders import new_folder
from tests.supervision.installation import Installation, wait_until

from tianfu.access.caller import OPERATOR
from tianfu.db import Database, EmbeddedPostgres
from tianfu.installation import installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.main import relying_party_of
from tianfu.records.audit import GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.trail.epochs import open_trail
from tianfu.services.accounts.model.people import Assurance
from tianfu.services.accounts.opening import open_accounts
from tianfu.services.accounts.senders import ConsoleSender
from tianfu.settings import settings_from

REDIRECT = "https://app.example/back"
TELEPHONES = ("13800005671", "13800005672", "13800005673")
"""A number gets one code a minute, so each browser has its own."""

OFFLINE = "offline_access"
OWN_PAGE = {"sec-fetch-site": "same-origin"}

pytestmark = pytest.mark.slow  # everything here asks a whole running program


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running installation, in which a made-up resident has a record and, to be quick, three accounts."""

    installation: Installation
    patient: str
    stranger: str

    @property
    def address(self) -> str:
        return f"http://localhost:{self.installation.port}"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with new_folder() as folder:
        made = Installation(folder)
        assert made.run("migrate").returncode == 0
        made.serve()
        with Program.registered(made.environment, f"http://localhost:{made.port}").client() as desk:
            patient, stranger = (
                desk.post("/fhir/Patient", json={"resourceType": "Patient", "name": [{"text": name}]}).json()["id"]
                for name in ("示例居民", "示例邻居")
            )
        asyncio.run(join(made, patient))
        yield House(installation=made, patient=patient, stranger=stranger)
        made.stop(signal.SIGTERM)
        EmbeddedPostgres(folder).stop()


async def join(installation: Installation, patient: str) -> None:
    """Accounts for a resident whose record is known to be hers."""
    settings = settings_from(installation.environment)
    async with await Database.open(EmbeddedPostgres(installation.home).addresses, links_max=2) as database:
        trail = await open_trail(database, installation.home, system_clock)
        accounts = open_accounts(
            database,
            await open_keyring(database, installation_keys(settings)),
            GroupAuditor(database, trail.lanes),
            sender=ConsoleSender(sys.stderr, is_production=False),
            issuer="Made up",
            party=relying_party_of(settings),
            clock=system_clock,
        )
        for number in TELEPHONES:
            account = await accounts.people.join_resident(number, name="示例居民", assurance=Assurance.NAMED)
            await accounts.people.tie_record(OPERATOR, account.id, "Patient", patient)
        trail.close()


class Browser:
    """A person at a browser."""

    def __init__(self, house: House, telephone: str) -> None:
        self._telephone = telephone
        self._log = house.installation.log
        self._client = httpx.Client(base_url=house.address, headers=OWN_PAGE)

    def open(self, address: str) -> httpx.Response:
        """A page, and whatever it leads to on this site."""
        return self._followed(self._client.get(address))

    def press(self, address: str, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send a form of a page: its hidden fields and what was typed."""
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        sent = {name: unescape(value) for name, value in hidden} | fields
        return self._followed(self._client.post(address, data=sent))

    def sign_in(self, page: httpx.Response) -> httpx.Response:
        """Sign in with a code from the telephone, which in development is the program's log."""
        before = len(self.codes())
        step = self.press("/sign-in/telephone", page, number=self._telephone)
        assert step.status_code == 200, step.text
        wait_until(lambda: len(self.codes()) > before)
        return self.press("/sign-in/code", step, code=self.codes()[-1])

    def codes(self) -> list[str]:
        return re.findall(rf"ends in {self._telephone[-4:]}: (\d{{6}})\b", self._log.read_text("utf-8"))

    def close(self) -> None:
        self._client.close()

    def _followed(self, answer: httpx.Response) -> httpx.Response:
        while answer.is_redirect and not answer.headers["location"].startswith("https://app.example/"):
            answer = self._client.get(answer.headers["location"])
        return answer


@pytest.fixture(scope="module")
def browser(house: House) -> Iterator[Browser]:
    """Her browser, in which she signs in once."""
    made = Browser(house, TELEPHONES[0])
    page = made.open("/sign-in?next=/preferences")
    assert made.sign_in(page).status_code == 200
    yield made
    made.close()


_MADE: list[FHIRClient] = []


@pytest.fixture(autouse=True)
def connections() -> Iterator[None]:
    """Close what the library leaves open."""
    yield
    while _MADE:
        _MADE.pop().server.session.close()


def app(house: House, *, kind: str, scope: str) -> FHIRClient:
    """An app that is registered, with what it was told."""
    words = [word for each in scope.split(" ") for word in ("--scope", each)]
    added = house.installation.run(
        "client", "add", "--kind", kind, "--name", "Made-up diary", "--redirect", REDIRECT, *words
    )
    assert added.returncode == 0, added.stderr
    said = dict(line.split("=") for line in added.stdout.splitlines())
    settings = {
        "app_id": said["client_id"],
        "api_base": f"{house.address}/fhir",
        "redirect_uri": REDIRECT,
        "scope": scope,
        **({"app_secret": said["client_secret"]} if kind == "symmetric" else {}),
    }
    made = FHIRClient(settings=settings)
    _MADE.append(made)
    return made


def launched(one: FHIRClient, browser: Browser, **fields: str) -> str:
    """Where the browser comes out after the page on which the person decided."""
    assert not one.prepare()  # it has read where to sign in, and may ask nothing yet
    page = browser.open(one.authorize_url)
    assert (page.status_code, "Made-up diary" in page.text) == (200, True), page.text
    return str(browser.press("/oauth/authorize/answer", page, **fields).headers["location"])


@pytest.mark.parametrize("kind", ["public", "symmetric"])
def test_an_app_of_somebody_elses_reads_the_record_of_the_person_who_let_it_in(
    house: House, browser: Browser, kind: str
) -> None:
    one = app(house, kind=kind, scope="openid fhirUser launch/patient patient/Patient.rs offline_access")
    back = launched(one, browser, decision="permit")
    assert parse_qs(urlsplit(back).query)["iss"] == [house.address]
    one.handle_callback(back)
    assert one.ready
    assert one.patient_id == house.patient
    assert one.patient.name[0].text == "示例居民"
    first = one.server.auth.access_token
    one.reauthorize()
    assert one.server.auth.access_token != first
    assert Patient.read(house.patient, one.server).id == house.patient


def test_an_app_gets_no_further_than_its_scopes_nor_to_anybody_else(house: House, browser: Browser) -> None:
    one = app(house, kind="symmetric", scope="openid launch/patient patient/Patient.rs")
    one.handle_callback(launched(one, browser, decision="permit"))
    with pytest.raises(FHIRPermissionDeniedException) as denied:
        list(Observation.where({"patient": house.patient}).perform_iter(one.server))
    challenge = denied.value.response.headers["www-authenticate"]
    assert challenge == 'Bearer realm="tianfu", error="insufficient_scope", scope="patient/Observation.s"'
    with pytest.raises(FHIRNotFoundException):
        Patient.read(house.stranger, one.server)


def test_an_app_that_the_person_does_not_let_in_gets_nothing(house: House, browser: Browser) -> None:
    one = app(house, kind="symmetric", scope="openid launch/patient patient/Patient.rs")
    back = launched(one, browser, decision="deny")
    assert parse_qs(urlsplit(back).query)["error"] == ["access_denied"]
    with pytest.raises(Exception, match="denied"):
        one.handle_callback(back)
    assert not one.ready


def test_whoever_is_not_signed_in_signs_in_first_and_comes_back_to_the_apps_question(house: House) -> None:
    browser = Browser(house, TELEPHONES[1])
    one = app(house, kind="public", scope="openid launch/patient patient/Patient.rs")
    one.prepare()
    page = browser.open(one.authorize_url)
    assert "/sign-in/telephone" in page.text
    asked = browser.sign_in(page)
    assert (asked.status_code, "Made-up diary" in asked.text) == (200, True)
    one.handle_callback(str(browser.press("/oauth/authorize/answer", asked, decision="permit").headers["location"]))
    assert one.patient_id == house.patient
    browser.close()


def test_whoever_signs_out_takes_with_her_what_she_let_in_for_the_time_being(house: House) -> None:
    browser = Browser(house, TELEPHONES[2])
    browser.sign_in(browser.open("/sign-in?next=/preferences"))
    scope = "openid launch/patient patient/Patient.rs"
    online, offline = (app(house, kind="symmetric", scope=f"{scope} {more}") for more in ("online_access", OFFLINE))
    for one in (online, offline):
        one.handle_callback(launched(one, browser, decision="permit"))
        assert Patient.read(house.patient, one.server).id == house.patient
    browser.press("/leave", browser.open("/preferences"))
    browser.close()

    def is_out() -> bool:
        try:
            Patient.read(house.patient, online.server)
        except FHIRUnauthorizedException:
            return True
        return False

    wait_until(is_out, seconds=3)
    with pytest.raises(Exception, match="400"):
        online.reauthorize()
    assert Patient.read(house.patient, offline.server).id == house.patient
