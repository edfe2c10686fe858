"""Every road on which a browser comes back to a program at another origin, in a real browser.

Browsers hold a form to the `form-action` of its page through every redirect that follows (CSP 3, section 6.4.1), which
clients of HTTP know nothing of.  A form that is held back leaves a word on the console, which fails a journey.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.folders import made_folder
from tests.journeys.app_elsewhere import AppElsewhere, app_elsewhere
from tests.journeys.conftest import Desk
from tests.journeys.test_passkeys import device_of, looked_at
from tests.supervision.installation import wait_until
from tests.supervision.test_outside_provider import House, make_provider
from tianfu.db import EmbeddedPostgres

pytestmark = pytest.mark.slow  # a browser and two whole programs

NOBODYS = "launch/patient patient/Patient.rs"
"""What nobody can give who showed a telephone and no name: there is no record to choose."""

WITHIN_SECONDS = 60
"""How long a journey takes at most between a sign-in and the look at its time."""

_numbers = count(13_800_002_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """A house, the house that signs people in for it, and a program elsewhere that the first has registered."""

    here: House
    there: House
    app: AppElsewhere
    desk: Desk


@pytest.fixture(scope="module")
def town(chromium: Browser) -> Iterator[Town]:
    folder = made_folder("tianfu-elsewhere-")
    here, there = House(folder / "a"), House(folder / "b")
    there.address = there.address.replace("localhost", "127.0.0.1")  # a browser's cookies are of a name, not of a port
    there.environment["TIANFU_ADDRESS"] = there.address
    try:
        for each in (here, there):
            each.home.mkdir(mode=0o755)
            assert each.run("migrate").returncode == 0
        make_provider(here, there)
        for each in (here, there):
            each.serve()
        scopes = ("openid", "launch/patient", "patient/Patient.rs")
        with app_elsewhere(here.address, here.environment, *scopes) as app:
            yield Town(here=here, there=there, app=app, desk=Desk(chromium, here.address))
    finally:
        for each in (here, there):
            if each.process is not None and each.process.poll() is None:
                each.stop()
            EmbeddedPostgres(each.home).stop()
        shutil.rmtree(folder)


def number() -> str:
    """A telephone that nobody used yet: each gets one code a minute."""
    return str(next(_numbers))


def sign_in(page: Page, house: House, telephone: str) -> None:
    """On the page to sign in, by telephone and code."""
    page.locator("#number").fill(telephone)
    page.locator("form[action='/sign-in/telephone'] button").click()
    give_code(page, house, telephone)


def give_code(page: Page, house: House, telephone: str) -> None:
    page.locator("#code").wait_for()
    wait_until(lambda: bool(house.codes(telephone)))
    page.locator("#code").fill(house.codes(telephone)[-1])
    with page.expect_navigation():
        page.locator("#code").press("Enter")
    is_new = page.locator("form[action='/sign-in/whose/new'] button")
    if is_new.count():  # who comes for the first time says so
        is_new.click()


def decide(page: Page, decision: str) -> None:
    """On the page that asks."""
    page.locator(f"button[name='decision'][value='{decision}']").click()


def set_up_passkey(page: Page, town: Town) -> None:
    """A new resident with a passkey who has left again."""
    page.goto("/sign-in?next=/account/passkeys/new")
    sign_in(page, town.here, number())
    page.get_by_role("button", name="在这台设备上设置").click()
    expect(page.get_by_text("通行密钥已设置。")).to_be_visible()
    page.locator("form[action='/leave'] button:visible").first.click()
    expect(page).to_have_url(re.compile("/sign-in"))


def link_province(page: Page, town: Town) -> None:
    """A new resident here who is linked to one there, knows the way, and has left here again."""
    page.goto("/sign-in?next=/account")
    sign_in(page, town.here, number())
    page.locator("form[action='/account/outside/link'] button").click()
    sign_in(page, town.there, number())
    decide(page, "permit")
    expect(page).to_have_url(re.compile(r"/account\?done=linked"))
    page.locator("form[action='/leave'] button:visible").first.click()
    expect(page).to_have_url(re.compile("/sign-in"))


@pytest.mark.parametrize(("decision", "got"), [("permit", "code"), ("deny", "error")])
def test_whoever_signs_in_first_and_then_decides_comes_back_to_the_program(town: Town, decision: str, got: str) -> None:
    with town.desk.page() as page:
        town.app.begin(page)
        sign_in(page, town.here, number())
        decide(page, decision)
        assert got in town.app.answer(page)


def test_whoever_cannot_give_what_is_asked_comes_back_right_after_signing_in(town: Town) -> None:
    with town.desk.page() as page:
        town.app.begin(page, NOBODYS)
        sign_in(page, town.here, number())
        assert town.app.answer(page)["error"] == "access_denied"


def test_an_error_before_anybody_signs_in_leads_back_at_once(town: Town) -> None:
    with town.desk.page() as page:
        town.app.begin(page, "system/Patient.rs")
        assert town.app.answer(page)["error"] == "invalid_scope"


def test_an_error_after_a_passkey_leads_back(town: Town) -> None:
    with town.desk.page() as page:
        device_of(page)
        set_up_passkey(page, town)
        town.app.begin(page, NOBODYS)
        page.get_by_role("button", name="使用通行密钥").click()
        assert town.app.answer(page)["error"] == "access_denied"


@pytest.mark.parametrize(("decision", "got"), [("permit", "code"), ("deny", "error")])
def test_whoever_decides_after_a_passkey_comes_back(town: Town, decision: str, got: str) -> None:
    with town.desk.page() as page:
        device_of(page)
        set_up_passkey(page, town)
        town.app.begin(page)
        page.get_by_role("button", name="使用通行密钥").click()
        decide(page, decision)
        assert got in town.app.answer(page)


def test_whoever_comes_by_an_outside_provider_comes_back_on_every_road(town: Town) -> None:
    with town.desk.page() as page:
        link_province(page, town)
        for scope, decision, got in (("openid", "permit", "code"), ("openid", "deny", "error"), (NOBODYS, "", "error")):
            town.app.begin(page, scope)
            page.locator("form[action='/sign-in/outside'] button").click()
            page.get_by_text("Made-up county").first.wait_for()
            decide(page, "permit")  # there
            if decision:
                page.get_by_text("Made-up app").first.wait_for()
                decide(page, decision)
            assert got in town.app.answer(page)
            page.goto(f"{town.here.address}/account")
            page.locator("form[action='/leave'] button:visible").first.click()
            expect(page).to_have_url(re.compile("/sign-in"))


def use_passkey(page: Page) -> None:
    """On the page where one signs in, or proves again who one is."""
    page.get_by_role("button", name="使用通行密钥").click()


def test_a_program_that_wants_its_person_to_sign_in_anew_gets_that_and_a_new_time(town: Town) -> None:
    """One journey, because each step stands on the proof before it."""
    with town.desk.page() as page:
        device_of(page)
        set_up_passkey(page, town)

        # Nobody is signed in, and no page may be shown.
        town.app.begin(page, prompt="none")
        assert town.app.answer(page)["error"] == "login_required"

        town.app.begin(page)
        use_passkey(page)
        decide(page, "permit")
        first = town.app.auth_time(town.app.answer(page)["code"])
        assert abs(time.time() - first) < WITHIN_SECONDS

        # He is signed in, and would have to be asked.
        town.app.begin(page, prompt="none")
        assert town.app.answer(page)["error"] == "consent_required"

        # What he proved a moment ago is not what this program asks for; what goes wrong afterwards leads back too.
        time.sleep(1.1)
        town.app.begin(page, NOBODYS, prompt="login")
        expect(page).to_have_url(re.compile("/account/prove"))
        use_passkey(page)
        assert town.app.answer(page)["error"] == "access_denied"

        # A proof may be as old as the program says; without a page, one that is older is as none.
        town.app.begin(page, max_age="300")
        decide(page, "permit")
        second = town.app.auth_time(town.app.answer(page)["code"])
        assert second > first
        time.sleep(1.1)
        town.app.begin(page, prompt="none", max_age="0")
        assert town.app.answer(page)["error"] == "login_required"
        town.app.begin(page, max_age="1")
        expect(page).to_have_url(re.compile("/account/prove"))

        town.app.begin(page, prompt="login")
        expect(page).to_have_url(re.compile("/account/prove"))
        use_passkey(page)
        decide(page, "permit")
        third = town.app.auth_time(town.app.answer(page)["code"])
        assert third > second
        assert abs(time.time() - third) < WITHIN_SECONDS


def test_where_the_browser_does_not_go_on_by_itself_a_link_leads_back(town: Town) -> None:
    for language in ("zh-CN", "en"):
        with town.desk.page(language=language) as page:
            page.route("**/back?*", lambda route: route.fulfill(status=204))  # which leaves a browser where it is
            town.app.begin(page, NOBODYS)
            sign_in(page, town.here, number())
            page.locator("#back").wait_for()
            looked_at(page, f"program-back-{language}")
            page.unroute("**/back?*")
            page.locator("#content a.btn").click()
            assert town.app.answer(page)["error"] == "access_denied"
