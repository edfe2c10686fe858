"""The pages about passkeys over real accounts: what they show, what they take, and how they refuse."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import httpx
import pytest

from tests.apps.entrance.conftest import COOKIES, hidden, site_of
from tests.apps.entrance.conftest import Browser as AnyBrowser
from tests.apps.entrance.no_directory import NoDirectory
from tests.services.accounts.conftest import HOSPITAL, TELEPHONE, TREE, House, Telephone, Time, house_of
from tests.services.accounts.software_key import SoftwareKey
from tests.services.accounts.test_passkey_answers import GARBAGE
from tianfu.apps.entrance.ports import Directory
from tianfu.db import Addresses, Database
from tianfu.services.accounts.signing_in import Entered
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.web.site import FORM_BYTES_MAX

pytestmark = pytest.mark.anyio

NEW = "/account/passkeys/new"


@dataclass(kw_only=True)
class Browser(AnyBrowser):
    """A browser that knows the house, and signs people in at it without a page."""

    house: House

    def stranger(self, language: str = "en") -> Browser:
        """Another browser, which nobody signed in at."""
        return Browser(app=self.app, house=self.house, language=language)

    def has(self, entered: Entered) -> Browser:
        """The same browser once somebody has signed in with it."""
        self.cookies = httpx.Cookies()
        for name, value in {COOKIES.name: entered.secret, COOKIES.device_name: entered.device}.items():
            self.cookies.set(name, value, domain="made-up.local")
        return self

    async def resident(self) -> Browser:
        return self.has(await self.house.with_code())

    async def doctor(self) -> Browser:
        await self.house.doctor()
        begun = await self.house.with_password()
        assert isinstance(begun, Entered)
        return self.has(begun)

    async def set_up(self, key: SoftwareKey, **lies: Any) -> httpx.Response:
        page = await self.get(NEW)
        answer = key.make(options_in(page), **lies)
        return await self.post(NEW, step=hidden(page, "step"), answer=answer, label="My telephone")

    async def show(self, key: SoftwareKey, way: str = "/sign-in/passkey", **lies: Any) -> httpx.Response:
        page = await self.post(f"{way}/begin", next="/preferences")
        answer = key.show(options_in(page), **lies)
        fields = {"step": hidden(page, "step"), "next": hidden(page, "next"), "answer": answer}
        return await self.post(way, **fields)


def options_in(page: httpx.Response) -> str:
    found = re.search(r'data-options="([^"]*)"', page.text)
    assert found, page.text[-2000:]
    return html.unescape(found[1])


@pytest.fixture
async def browser(database: Database, addresses: Addresses) -> AsyncIterator[Browser]:
    house = await house_of(database, addresses, Time(), Telephone())
    site = site_of(house, cast("Directory", NoDirectory()))
    yield Browser(app=site, house=house)
    house.accounts.passwords.close()


async def test_a_resident_sets_up_a_passkey_signs_in_by_it_and_sees_it_on_his_page(browser: Browser) -> None:
    await browser.resident()
    key = SoftwareKey()
    kept = await browser.set_up(key)
    assert (kept.status_code, kept.headers["location"]) == (303, "/account?done=passkey")
    stranger = browser.stranger()
    entered = await stranger.show(key)
    assert (entered.status_code, entered.headers["location"]) == (303, "/preferences")
    account = await stranger.get("/account")
    assert account.status_code == 200
    assert "My telephone" in account.text
    assert "last used" in account.text


async def test_a_resident_takes_his_passkey_away_again(browser: Browser) -> None:
    await browser.resident()
    key = SoftwareKey()
    await browser.set_up(key)
    listed = re.search(r'name="credential" value="([^"]*)"', (await browser.get("/account")).text)
    assert listed
    assert (await browser.post("/account/credentials/end", credential=listed[1])).headers["location"] == (
        "/account?done=removed"
    )
    assert (await browser.stranger().show(key)).status_code == 401


async def test_staff_who_need_a_second_factor_may_set_up_a_passkey_instead_and_get_codes(browser: Browser) -> None:
    await browser.doctor()
    assert (await browser.get("/account")).headers["location"] == "/account/second-factor"
    assert NEW in (await browser.get("/account/second-factor")).text
    before = browser.cookies[COOKIES.name]
    codes = await browser.set_up(SoftwareKey())
    assert codes.status_code == 200
    assert codes.text.count('<li class="nw">') == 10
    assert "Your passkey is set up" in codes.text
    assert browser.cookies[COOKIES.name] != before
    assert (await browser.get("/account")).status_code == 200


async def test_whoever_works_in_two_places_is_asked_where_after_the_passkey(browser: Browser) -> None:
    account, _ = await browser.house.doctor()
    begun = await browser.house.with_password()
    assert isinstance(begun, Entered)
    key = SoftwareKey()
    await browser.has(begun).set_up(key)
    await browser.house.accounts.people.appoint(
        THE_OPERATOR, account.id, Post(organisation=HOSPITAL, role="nurse"), TREE
    )
    asked = await browser.stranger().show(key)
    assert asked.status_code == 200
    assert 'name="workplace"' in asked.text
    assert hidden(asked, "next") == "/preferences"


async def test_a_passkey_proves_again_and_leads_on(browser: Browser) -> None:
    await browser.doctor()
    key = SoftwareKey()
    await browser.set_up(key)
    browser.house.time.pass_(600)
    assert (await browser.get(NEW)).headers["location"] == "/account/prove?next=%2Faccount%2Fpasskeys%2Fnew"
    asked = await browser.get("/account/prove?next=/account/passkeys/new")
    assert "/account/prove/passkey/begin" in asked.text
    assert 'name="secret"' not in asked.text  # with no authenticator there is no code to type
    proved = await browser.show(key, "/account/prove/passkey")
    assert (proved.status_code, proved.headers["location"]) == (303, "/preferences")
    assert (await browser.get(NEW)).status_code == 200


async def test_a_wrong_passkey_is_refused_in_words_with_a_way_on_and_does_not_ask_by_itself(browser: Browser) -> None:
    await browser.resident()
    key = SoftwareKey()
    await browser.set_up(key)
    for language, words in {"en": "could not be verified", "zh-CN": "没有通过验证"}.items():
        stranger = browser.stranger(language)
        refused = await stranger.show(key, origin="https://evil.example")
        assert refused.status_code == 401
        assert words in refused.text
        assert "data-at-once" not in refused.text
        assert '"/sign-in/passkey/begin"' in refused.text
        assert COOKIES.name not in stranger.cookies


async def test_refusals_of_one_kind_are_one_page(browser: Browser) -> None:
    await browser.resident()
    key = SoftwareKey()
    await browser.set_up(key)
    stranger = browser.stranger()
    assert (await stranger.show(key, count=7)).status_code == 303
    lies: list[dict[str, Any]] = [
        {"origin": "https://evil.example"},
        {"host": "evil.example"},
        {"key_id": b"u" * 32},
        {"signature": b""},
        {"count": 7},
        {"challenge": "eHh4"},
    ]
    assert len({(await stranger.show(key, **each)).text for each in lies}) == 1


async def test_a_challenge_of_another_browser_is_refused(browser: Browser) -> None:
    await browser.resident()
    key = SoftwareKey()
    await browser.set_up(key)
    stranger, other = browser.stranger(), browser.stranger()
    page = await stranger.post("/sign-in/passkey/begin")
    await other.post("/sign-in/passkey/begin")
    answer = key.show(options_in(page))
    step = hidden(page, "step")
    assert (await other.post("/sign-in/passkey", step=step, answer=answer)).status_code == 401
    assert (await stranger.post("/sign-in/passkey", step=step, answer=answer)).status_code == 303


async def test_whatever_stands_in_the_answer_is_refused_and_never_an_error_of_ours(browser: Browser) -> None:
    await browser.resident()
    key = SoftwareKey()
    await browser.set_up(key)
    stranger = browser.stranger()
    for kind, spoilt in GARBAGE.items():
        if kind == "half a character":
            continue  # which no form can carry
        browser.address = stranger.address = f"address of {kind}"
        page = await stranger.post("/sign-in/passkey/begin")
        answer = spoilt(key.show(options_in(page)))
        refused = await stranger.post("/sign-in/passkey", step=hidden(page, "step"), answer=answer)
        is_nul = "\0" in answer  # which no form may hold, whatever it is for
        assert refused.status_code == (400 if is_nul else 401), kind
        page = await browser.get(NEW)
        answer = spoilt(SoftwareKey().make(options_in(page)))
        unkept = await browser.post(NEW, step=hidden(page, "step"), answer=answer, label="x")
        if is_nul:
            assert unkept.status_code == 400
            continue
        assert unkept.status_code == 422, kind
        assert "The passkey was not set up" in unkept.text, kind


async def test_a_form_larger_than_any_is_refused_as_too_large(browser: Browser) -> None:
    answer = await browser.post("/sign-in/passkey", step="", answer="x" * (FORM_BYTES_MAX + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize("fields", [{}, {"step": "x" * 43}, {"step": "?", "answer": "?"}, {"answer": "{}"}])
async def test_a_form_without_its_fields_is_refused(browser: Browser, fields: dict[str, str]) -> None:
    assert (await browser.post("/sign-in/passkey", **fields)).status_code == 401
    await browser.resident()
    assert (await browser.post(NEW, **fields)).status_code == 422
    assert (await browser.post("/account/prove/passkey", **fields)).status_code == 401


async def test_a_passkey_that_is_known_is_said_so(browser: Browser) -> None:
    await browser.resident()
    key = SoftwareKey()
    await browser.set_up(key)
    again = await browser.set_up(key)
    assert again.status_code == 409
    assert "This passkey is set up already." in again.text


async def test_without_a_passkey_there_is_none_to_prove_with(browser: Browser) -> None:
    await browser.resident()
    assert "/account/prove/passkey/begin" not in (await browser.get("/account/prove")).text
    assert (await browser.post("/account/prove/passkey/begin")).status_code == 403


async def test_an_address_that_is_closed_is_told_for_how_long(browser: Browser) -> None:
    stranger = browser.stranger()
    for _ in range(30):
        await stranger.post("/sign-in/passkey", step="x", answer="{}")
    closed = await stranger.post("/sign-in/passkey/begin")
    assert closed.status_code == 429
    assert "seconds" in closed.text


async def test_the_way_onward_stays_on_this_site(browser: Browser) -> None:
    page = await browser.post("/sign-in/passkey/begin", next="//evil.example")
    assert hidden(page, "next") == "/"


async def test_what_needs_scripts_is_hidden_and_a_sentence_says_what_to_do_without(browser: Browser) -> None:
    page = (await browser.get("/sign-in")).text
    assert '<form method="post" action="/sign-in/passkey/begin" data-able hidden>' in page
    assert '<p class="small quiet" data-unable>This browser cannot use passkeys. Use another way.</p>' in page
    await browser.resident()
    new = (await browser.get(NEW)).text
    assert re.search(r"data-unable>This browser cannot set up passkeys.", new)
    assert re.search(r'<button [^>]*id="passkey" data-able hidden>', new)
    assert TELEPHONE not in new


async def test_every_word_that_the_island_may_say_is_there(browser: Browser) -> None:
    page = (await browser.post("/sign-in/passkey/begin")).text
    for words in ("waiting", "called-off", "too-slow", "known", "elsewhere", "unfit", "failed"):
        assert re.search(rf'data-{words}="[^"]+"', page), words
    assert 'role="alert"' in page
    assert 'role="status"' in page


async def test_pages_of_passkeys_are_kept_by_no_browser(browser: Browser) -> None:
    assert (await browser.post("/sign-in/passkey/begin")).headers["cache-control"] == "no-store"
    await browser.resident()
    assert (await browser.get(NEW)).headers["cache-control"] == "no-store"
