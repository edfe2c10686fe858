"""Signing in by an outside provider on the pages: each way through, and each attack from a browser's side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from tests.apps.entrance.conftest import site_of
from tests.made_up_keys import made_up_keys
from tests.services.accounts.conftest import CHEAP, HOSPITAL, MASTER, PARTY, PASSWORD, TREE, House, Telephone, Time
from tests.services.accounts.oauth.abroad import Network, Provided
from tests.trails import auditor_of, close_trails
from tianfu.db import Addresses, Database
from tianfu.records.keys import open_keyring
from tianfu.records.store import Store
from tianfu.services.accounts.hashing import Passwords
from tianfu.services.accounts.model.people import Account, Method
from tianfu.services.accounts.opening import open_accounts
from tianfu.services.accounts.outside import Proven, Provider
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at
from tianfu.web.protection import LOOPBACK_HOSTS

pytestmark = pytest.mark.anyio

ISSUERS = {"one": "https://one.example", "two": "https://two.example", "weak": "https://weak.example"}
HERE = "http://localhost"
FROM_HERE = {"sec-fetch-site": "same-origin", "accept-language": "en"}
FROM_ELSEWHERE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "accept-language": "en"}
"""What a browser says of a page of ours to which another site's page leads."""


@dataclass
class Browser:
    """A browser with its cookies, which keeps to the page it is on."""

    client: httpx.AsyncClient
    network: Network

    async def post(self, path: str, **fields: str) -> httpx.Response:
        return await self.client.post(path, data=fields, headers=FROM_HERE)

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(path, headers=FROM_HERE)

    async def goes(self, key: str = "one", onward: str = "/") -> dict[str, str]:
        """Press the button of a provider; what its server is asked."""
        return self.arrives(await self.post("/sign-in/outside", provider=key, next=onward))

    async def goes_to_link(self, key: str = "one") -> dict[str, str]:
        return self.arrives(await self.post("/account/outside/link", provider=key))

    def arrives(self, answer: httpx.Response) -> dict[str, str]:
        """Follow the page that leads to the provider."""
        assert answer.status_code == 200, answer.text
        seconds, _, address = answer.headers["refresh"].partition("; url=")
        assert seconds == "0"
        assert address.replace("&", "&amp;") in answer.text
        question = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        there = self.network.providers["https://" + urlsplit(address).netloc]
        there.nonce, there.challenge = question["nonce"], question["code_challenge"]
        return question

    async def returns(self, question: dict[str, str], **changes: str | None) -> httpx.Response:
        """Come back from the provider, to where it was asked to send us."""
        key = question["redirect_uri"].rpartition("/")[2]
        fields = {"code": "made-up", "state": question["state"], "iss": ISSUERS[key], **changes}
        sent = {name: value for name, value in fields.items() if value is not None}
        path = question["redirect_uri"].removeprefix(HERE)
        answer = await self.client.get(f"{path}?{urlencode(sent)}", headers=FROM_ELSEWHERE)
        onward = answer.headers.get("location", "")
        is_refused = onward.startswith("/sign-in/outside?")
        return await self.client.get(onward, headers=FROM_ELSEWHERE) if is_refused else answer

    async def signs_in(self, key: str = "one", onward: str = "/") -> httpx.Response:
        return await self.returns(await self.goes(key, onward))

    def has(self, name: str, value: str) -> None:
        """Let a cookie be there, as if this site had set it."""
        self.client.cookies.set(name, value, domain="localhost.local", path="/")

    @property
    def session(self) -> str:
        return self.client.cookies.get("session") or ""


@dataclass
class Place:
    """An installation with three providers, one of which is not enough for staff."""

    house: House
    network: Network
    site: Any
    browsers: list[httpx.AsyncClient] = field(default_factory=list)

    def browser(self) -> Browser:
        transport = httpx.ASGITransport(cast("Any", self.site))
        client = httpx.AsyncClient(transport=transport, base_url=HERE)
        self.browsers.append(client)
        return Browser(client, self.network)

    async def resident_here(self, browser: Browser) -> None:
        """Sign a resident in at a browser the usual way."""
        entered = await self.house.with_code()
        browser.has("session", entered.secret)
        browser.has("device", entered.device)

    async def staff(self, number: str, role: str, *, key: str = "one", linked: bool = True) -> Account:
        post = Post(organisation=HOSPITAL, role=role)
        account, _ = await self.house.accounts.people.join_staff(
            THE_OPERATOR, name="An Demo", number=number, post=post, tree=TREE
        )
        await self.house.set_password(account)
        if linked:
            await self.link(account, key)
        return account

    async def link(self, account: Account, key: str = "one") -> None:
        from tianfu.access.caller import Caller

        proven = Proven(issuer=ISSUERS[key], subject="her-number-there")
        by = Caller(id=account.id, role="nobody")
        await self.house.accounts.coming._outside.link(by, account.id, proven)  # as if done on the page


@pytest.fixture
async def place(database: Database, addresses: Addresses) -> AsyncIterator[Place]:
    clock, telephone = Time(), Telephone()
    auditor = await auditor_of(database)
    keyring = await open_keyring(database, made_up_keys(MASTER))
    network = Network({issuer: Provided(issuer) for issuer in ISSUERS.values()})
    providers = [
        Provider(
            key=key,
            issuer=issuer,
            client="tianfu",
            secret="made-up",
            redirect=f"{HERE}/sign-in/outside/{key}",
            names={"en": f"Made-up {key}", "zh-CN": "示例"},
            is_enough_for_staff=key != "weak",
        )
        for key, issuer in ISSUERS.items()
    ]
    accounts = open_accounts(
        database,
        keyring,
        auditor,
        sender=telephone,
        issuer="Demo",
        party=PARTY,
        clock=clock,
        passwords=Passwords(CHEAP),
        providers=providers,
        fetcher=network,
    )
    house = House(accounts, database, keyring, clock, telephone, addresses)
    store = await Store.open(database, auditor=auditor, clock=clock, keys=made_up_keys(MASTER))
    made = Place(house, network, site_of(house, store, hosts=LOOPBACK_HOSTS))
    yield made
    for each in made.browsers:
        await each.aclose()
    accounts.passwords.close()
    close_trails()


@pytest.fixture
def browser(place: Place) -> Browser:
    return place.browser()


async def test_there_is_a_button_for_each_provider(browser: Browser) -> None:
    page = await browser.get("/sign-in")
    for name in ("Made-up one", "Made-up two", "Made-up weak"):
        assert f"Sign in with {name}" in page.text


async def test_whoever_is_not_linked_is_told_how_to_be(browser: Browser) -> None:
    answer = await browser.signs_in()
    assert answer.status_code == 403
    assert "No account is linked" in answer.text
    assert "/sign-in?next=%2Faccount" in answer.text
    assert browser.session == ""


async def test_a_resident_links_and_comes_in_by_it_from_another_browser(place: Place, browser: Browser) -> None:
    await place.resident_here(browser)
    linked = await browser.returns(await browser.goes_to_link())
    assert (linked.status_code, linked.headers["location"]) == (303, "/account?done=linked")
    assert "Made-up one" in (await browser.get("/account")).text
    other = place.browser()
    entered = await other.signs_in(onward="/account?done=ended")
    assert (entered.status_code, entered.headers["location"]) == (303, "/account?done=ended")
    assert "another provider" in (await other.get("/account")).text


async def test_a_doctor_comes_in_by_a_provider_that_is_enough(place: Place, browser: Browser) -> None:
    await place.staff("H1", "doctor")
    entered = await browser.signs_in()
    assert entered.status_code == 303
    assert (await browser.get("/account")).status_code == 200


async def test_a_doctor_shows_a_second_factor_besides_a_provider_that_is_not_enough(
    place: Place, browser: Browser
) -> None:
    account = await place.staff("H1", "doctor", key="weak")
    secret = await place.house.authenticator(account)
    asked = await browser.signs_in("weak")
    assert "Second step" in asked.text
    assert browser.session == ""
    place.house.time.pass_(30)
    step = asked.text.partition('name="step" value="')[2].partition('"')[0]
    entered = await browser.post("/sign-in/second", step=step, code=code_at(secret, place.house.time.now), next="/")
    assert entered.status_code == 303
    [listed] = await place.house.accounts.sessions.sessions_of(account.id)
    assert listed.methods == {Method.OUTSIDE_FIRST, Method.TOTP}


@pytest.mark.parametrize(("role", "key"), [("security", "one"), ("administrator", "one"), ("doctor", "weak")])
async def test_whoever_has_no_second_factor_sets_one_up_before_anything_else(
    place: Place, browser: Browser, role: str, key: str
) -> None:
    await place.staff("H1", role, key=key)
    assert (await browser.signs_in(key)).status_code == 303
    closed = await browser.get("/account")
    assert (closed.status_code, closed.headers["location"]) == (303, "/account/second-factor")


async def test_a_provider_alone_never_opens_an_office_that_has_a_second_factor(place: Place, browser: Browser) -> None:
    account = await place.staff("H1", "security")
    await place.house.authenticator(account)
    assert "Second step" in (await browser.signs_in()).text
    assert browser.session == ""


async def test_whoever_left_is_not_let_in_by_a_provider(place: Place, browser: Browser) -> None:
    account = await place.staff("H1", "doctor")
    await place.house.accounts.people.leave(THE_OPERATOR, account.id, TREE)
    assert (await browser.signs_in()).status_code == 403
    assert browser.session == ""


async def test_a_password_that_is_handed_over_ends_the_links_too(place: Place, browser: Browser) -> None:
    account = await place.staff("H1", "doctor")
    await place.house.accounts.enrolling.hand_over_password(THE_OPERATOR, account.id, TREE)
    assert (await browser.signs_in()).status_code == 403


async def test_unlinking_ends_the_way_in_and_all_other_sessions(place: Place, browser: Browser) -> None:
    await place.resident_here(browser)
    await browser.returns(await browser.goes_to_link())
    other = place.browser()
    await other.signs_in()
    assert (await other.get("/account")).status_code == 200
    gone = await browser.post("/account/outside/unlink", issuer=ISSUERS["one"])
    assert gone.headers["location"] == "/account?done=unlinked"
    assert (await other.get("/account")).headers["location"].startswith("/sign-in?why=session-over")
    assert (await other.signs_in()).status_code == 403
    assert (await browser.get("/account")).status_code == 200


async def test_linking_and_unlinking_need_a_fresh_proof(place: Place, browser: Browser) -> None:
    await place.resident_here(browser)
    question = await browser.goes_to_link()
    place.house.time.pass_(301)
    for answer in (
        await browser.returns(question),
        await browser.post("/account/outside/link", provider="one"),
        await browser.post("/account/outside/unlink", issuer=ISSUERS["one"]),
    ):
        assert (answer.status_code, answer.headers["location"]) == (303, "/account/prove?next=%2Faccount")
    assert await place.house.rows("select 1 from outside_account") == []


async def test_what_is_linked_to_one_account_is_not_linked_to_another(place: Place, browser: Browser) -> None:
    await place.staff("H1", "doctor")
    await place.resident_here(browser)
    answer = await browser.returns(await browser.goes_to_link())
    assert answer.status_code == 409
    assert "linked to another account already" in answer.text


async def test_code_injection_into_another_browser_opens_nothing(place: Place, browser: Browser) -> None:
    await place.staff("H1", "doctor")
    thief = place.browser()
    question = await thief.goes()
    await browser.goes()
    answer = await browser.returns(question)
    assert answer.status_code == 401
    assert browser.session == ""


async def test_an_answer_meant_to_link_a_stranger_s_account_there_links_nothing(place: Place, browser: Browser) -> None:
    await place.resident_here(browser)
    thief = place.browser()
    question = await thief.goes()
    answer = await browser.returns(question)
    assert answer.status_code == 401
    assert await place.house.rows("select 1 from outside_account") == []


async def test_whoever_signed_in_meanwhile_is_not_linked_by_another_s_errand(place: Place, browser: Browser) -> None:
    await place.resident_here(browser)
    question = await browser.goes_to_link()
    entered = await place.house.with_code("13900005678", device=browser.client.cookies["device"])
    browser.has("session", entered.secret)
    assert (await browser.returns(question)).status_code == 401
    assert await place.house.rows("select 1 from outside_account") == []


async def test_a_state_that_is_replayed_opens_nothing(place: Place, browser: Browser) -> None:
    await place.staff("H1", "doctor")
    question = await browser.goes()
    assert (await browser.returns(question)).status_code == 303
    browser.client.cookies.delete("session")
    again = await browser.returns(question)
    assert again.status_code == 401
    assert "cannot be trusted" in again.text


async def test_an_answer_of_another_issuer_opens_nothing(place: Place, browser: Browser) -> None:
    await place.staff("H1", "doctor")
    answer = await browser.returns(await browser.goes(), iss=ISSUERS["two"])
    assert answer.status_code == 401
    assert place.network.posted == []


@pytest.mark.parametrize("onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:1", ""])
async def test_no_provider_leads_back_to_another_site(place: Place, browser: Browser, onward: str) -> None:
    await place.staff("H1", "doctor")
    assert (await browser.signs_in(onward=onward)).headers["location"] == "/"


async def test_where_somebody_wanted_to_is_told_to_no_provider(place: Place, browser: Browser) -> None:
    question = await browser.goes(onward="/lifelong/made-up-patient")
    assert "made-up-patient" not in str(question)
    assert set(question) == {
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
    }


async def test_a_session_that_was_planted_before_opens_nothing_after(place: Place, browser: Browser) -> None:
    await place.staff("H1", "doctor")
    planted = "p" * 43
    browser.has("session", planted)
    await browser.signs_in()
    assert browser.session not in {"", planted}
    thief = place.browser()
    thief.has("session", planted)
    thief.has("device", browser.client.cookies["device"])
    assert (await thief.get("/account")).headers["location"].startswith("/sign-in?why=session-over")


async def test_the_session_that_a_provider_opened_opens_nothing_in_another_browser(
    place: Place, browser: Browser
) -> None:
    await place.staff("H1", "doctor")
    await browser.signs_in()
    thief = place.browser()
    thief.has("session", browser.session)
    assert (await thief.get("/account")).headers["location"].startswith("/sign-in?why=session-over")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        ("access_denied", 403, "did not agree"),
        ("temporarily_unavailable", 503, "is busy"),
        ("<b>made-up</b>", 401, "cannot be trusted"),
    ],
)
async def test_an_error_of_the_provider_is_said_in_words(browser: Browser, error: str, status: int, said: str) -> None:
    answer = await browser.returns(await browser.goes(), code=None, error=error, error_description="<i>look</i>")
    assert answer.status_code == status
    assert said in answer.text
    assert "made-up</b>" not in answer.text
    assert "look" not in answer.text


async def test_a_provider_that_is_down_is_said_in_words(place: Place, browser: Browser) -> None:
    place.network.is_down = True
    answer = await browser.post("/sign-in/outside", provider="one", next="/")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


async def test_a_provider_that_nobody_set_is_not_there(browser: Browser) -> None:
    assert (await browser.post("/sign-in/outside", provider="none", next="/")).status_code == 404
    assert (await browser.get("/sign-in/outside/none?state=a&code=b")).status_code == 404
    assert (await browser.get("/sign-in/outside?provider=Call+us&why=outside-busy")).status_code == 404


async def test_another_site_s_form_begins_no_sign_in(browser: Browser) -> None:
    answer = await browser.client.post(
        "/sign-in/outside", data={"provider": "one"}, headers={"sec-fetch-site": "cross-site"}
    )
    assert answer.status_code == 403


async def test_counterfeit_answers_close_the_address_they_come_from(place: Place, browser: Browser) -> None:
    statuses = [
        (await browser.client.get("/sign-in/outside/one?state=made-up&code=a", headers=FROM_ELSEWHERE)).status_code
        for _ in range(35)
    ]
    assert statuses[0] == 303
    assert statuses[-1] == 429


async def test_what_happened_is_in_the_trail(place: Place, browser: Browser) -> None:
    await place.resident_here(browser)
    await browser.returns(await browser.goes_to_link())
    other = place.browser()
    await other.signs_in()
    await browser.post("/account/outside/unlink", issuer=ISSUERS["one"])
    told = [(row[0], row[1]) for row in await place.house.events()]
    assert ("outside-link", "success") in told
    assert ("outside-unlink", "success") in told
    assert ("sign-in", "success") in told
    queries = [row[4] or "" for row in await place.house.events() if row[0] == "sign-in"]
    assert any("shown=outside" in each for each in queries)
    assert all("her-number-there" not in str(row) for row in await place.house.events())


async def test_password_and_provider_together_are_no_second_factor(place: Place, browser: Browser) -> None:
    account = await place.staff("H1", "doctor", key="weak")
    await place.house.authenticator(account)
    await browser.signs_in("weak")
    asked = await browser.post("/sign-in/staff", number="H1", password=PASSWORD, next="/")
    assert "Second step" in asked.text
    assert browser.session == ""
