"""People set up a passkey and sign in by it, in a real browser with a device that the browser makes up.

Virtual authenticators: https://www.w3.org/TR/webauthn-3/#sctn-automation , over
https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/ .
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, Route, expect

from tests.folders import made_folder
from tests.journeys.conftest import PICTURES, Desk
from tests.journeys.test_for_everybody import findings, overflow
from tests.pictures import take_picture
from tests.services.accounts.conftest import HOSPITAL, PARTY, TREE, Telephone
from tests.supervision.installation import Installation
from tests.trails import auditor_of, close_trails
from tianfu.db import Database, EmbeddedPostgres
from tianfu.installation import database_addresses, installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.records.keys import open_keyring
from tianfu.services.accounts.opening import open_accounts
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.settings import settings_from

pytestmark = pytest.mark.slow  # a browser and a whole program

PASSWORD = token_urlsafe(16)
WIDTHS = (320, 1440)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """An installation without records, and the desk in front of it."""

    installation: Installation
    desk: Desk

    def doctor(self, number: str) -> None:
        """A member of staff with a password, made beside the running program."""
        with ThreadPoolExecutor(1) as thread:  # this thread's loop is the browser driver's
            thread.submit(lambda: asyncio.run(self._join(number))).result()

    async def _join(self, number: str) -> None:
        settings = settings_from(self.installation.environment)
        async with await Database.open(database_addresses(settings)) as database:
            keyring = await open_keyring(database, installation_keys(settings))
            accounts = open_accounts(
                database,
                keyring,
                await auditor_of(database),
                sender=Telephone(),
                issuer="Tianfu Demo",
                party=PARTY,
                clock=system_clock,
            )
            post = Post(organisation=HOSPITAL, role="doctor")
            account, _ = await accounts.people.join_staff(
                THE_OPERATOR, name="An Demo", number=number, post=post, tree=TREE
            )
            digest = await accounts.credentials.digest(PASSWORD)
            async with database.transaction("app") as transaction:
                await accounts.credentials.set_password(transaction, account.id, digest)
            accounts.passwords.close()
            close_trails()

    def code(self, tail: str) -> str:
        """The newest code that went to the telephone with this end."""
        return re.findall(rf"ends in {tail}: (\d{{6}})", self.installation.log.read_text("utf-8"))[-1]


@pytest.fixture(scope="module")
def house(chromium: Browser) -> Iterator[House]:
    home = made_folder("tianfu-passkeys-")
    installation = Installation(home)
    assert installation.run("migrate").returncode == 0
    try:
        installation.serve()
        yield House(installation=installation, desk=Desk(chromium, f"http://localhost:{installation.port}"))
    finally:
        installation.stop()
        EmbeddedPostgres(home).stop()
        shutil.rmtree(home)


def device_of(page: Page) -> tuple[CDPSession, str]:
    """A device with a sensor that always knows its owner, as a telephone or a notebook has one built in."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def recognises(device: tuple[CDPSession, str], *, its_owner: bool) -> None:
    session, authenticator = device
    session.send("WebAuthn.setUserVerified", {"authenticatorId": authenticator, "isUserVerified": its_owner})


def counts(device: tuple[CDPSession, str]) -> list[int]:
    session, authenticator = device
    held = session.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})["credentials"]
    return [each["signCount"] for each in held]


def looked_at(page: Page, name: str) -> None:
    """The page at both widths: nothing sideways, nothing serious for axe, and a picture."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, (name, width)
        assert findings(page) == [], (name, width)
        take_picture(page, PICTURES / f"{name}-{width}.png", full_page=True)


def in_a_hurry(route: Route) -> None:
    """The page with a device that has two seconds instead of four minutes."""
    answer = route.fetch()
    hurried = answer.text().replace("timeout&#34;: 240000", "timeout&#34;: 2000")
    assert hurried != answer.text()
    route.fulfill(response=answer, body=hurried)


def leave(page: Page) -> None:
    page.get_by_role("button", name="离开").first.click()
    expect(page).to_have_url(re.compile("/sign-in"))


def test_staff_sign_in_by_password_set_up_a_passkey_and_sign_in_by_it(house: House) -> None:
    house.doctor("H510001")
    with house.desk.page() as page:
        device = device_of(page)
        page.goto("/sign-in")
        looked_at(page, "sign-in-passkey")
        page.get_by_label("工号").fill("H510001")
        page.get_by_label("密码", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="下一步").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("设置验证器")
        looked_at(page, "second-factor-passkey")
        page.get_by_role("link", name="添加通行密钥").click()
        looked_at(page, "passkey-new")
        page.get_by_label("给这台设备起个名字").fill("办公室电脑")
        page.get_by_role("button", name="在这台设备上设置").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("通行密钥已设置")
        expect(page.locator(".codes li")).to_have_count(10)
        looked_at(page, "passkey-codes")
        page.goto("/account")
        expect(page.get_by_text("办公室电脑", exact=True)).to_be_visible()
        looked_at(page, "account-passkey")
        leave(page)
        page.goto("/sign-in?next=/account")
        page.get_by_role("button", name="使用通行密钥").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("我的账号")
        expect(page.get_by_text(re.compile("方式：通行密钥"))).to_be_visible()
        before = counts(device)
        page.goto("/account/prove?next=/account/password")
        page.get_by_role("button", name="使用通行密钥").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("更换密码")
        assert counts(device) > before


def test_a_resident_signs_in_by_code_sets_up_a_passkey_and_signs_in_by_it(house: House) -> None:
    with house.desk.page(width=390, look="light.citizen.off") as page:
        device_of(page)
        page.goto("/sign-in?next=/account")
        page.get_by_label("手机号").fill("13800001234")
        page.get_by_role("button", name="发送验证码").click()
        page.get_by_label("验证码").fill(house.code("1234"))
        page.get_by_role("button", name="进入").click()
        begin = page.locator("form[action='/sign-in/whose/new'] button")  # nobody knows this number yet
        begin.wait_for()
        looked_at(page, "whose-account")
        begin.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("我的账号")
        looked_at(page, "account-resident-without")
        page.get_by_role("link", name="添加通行密钥").click()
        page.get_by_role("button", name="在这台设备上设置").click()
        expect(page.get_by_text("通行密钥已设置。")).to_be_visible()
        looked_at(page, "account-resident")
        page.get_by_role("link", name="添加通行密钥").click()
        page.get_by_role("button", name="在这台设备上设置").click()
        expect(page.get_by_role("alert")).to_contain_text("这台设备里已经有您的通行密钥")
        looked_at(page, "passkey-known")
        page.goto("/account")
        page.locator("form[action='/leave'] button:visible").first.click()
        expect(page).to_have_url(re.compile("/sign-in"))
        page.goto("/sign-in?next=/account")
        page.get_by_role("button", name="使用通行密钥").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("我的账号")


def test_whoever_the_device_does_not_know_reads_why_and_tries_again(house: House) -> None:
    house.doctor("H510002")
    with house.desk.page(language="en", is_refused=True) as page:
        device = device_of(page)
        page.goto("/sign-in")
        page.get_by_label("Staff number").fill("H510002")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("link", name="Add a passkey").click()
        looked_at(page, "passkey-new-en")
        recognises(device, its_owner=False)
        page.get_by_role("button", name="Set up on this device").click()
        expect(page.get_by_role("alert")).to_contain_text("called this off")
        recognises(device, its_owner=True)
        page.get_by_role("button", name="Set up on this device").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Your passkey is set up")
        page.get_by_role("link", name="My account").first.click()
        looked_at(page, "account-passkey-en")
        page.goto("/account/prove")
        looked_at(page, "prove-passkey-en")
        page.get_by_role("button", name="Leave").first.click()
        page.goto("/sign-in?next=/account")
        looked_at(page, "sign-in-passkey-en")
        recognises(device, its_owner=False)
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("alert")).to_contain_text("called this off")
        looked_at(page, "passkey-called-off-en")
        recognises(device, its_owner=True)
        page.locator("[name=step]").evaluate("field => { field.value = 'x'.repeat(43); }")
        page.get_by_role("button", name="Use a passkey").click()
        expect(page.get_by_role("heading", name="You were not let in")).to_be_visible()
        looked_at(page, "passkey-refused-en")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("My account")


def test_a_device_that_nobody_touches_is_waited_for_and_then_said_to_be_too_slow(house: House) -> None:
    with house.desk.page() as page:
        session, authenticator = device_of(page)
        session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": authenticator, "enabled": False})
        page.route("**/sign-in/passkey/begin", in_a_hurry)
        page.goto("/sign-in")
        page.get_by_role("button", name="使用通行密钥").click()
        expect(page.get_by_role("status")).to_have_text("正在等您的设备……")
        expect(page.get_by_role("alert")).to_contain_text("等了太久", timeout=20_000)
        expect(page.get_by_role("status")).to_have_text("")


def test_without_scripts_a_sentence_says_what_to_do_instead(house: House) -> None:
    with house.desk.page(scripts=False) as page:
        page.goto("/sign-in")
        expect(page.get_by_role("button", name="使用通行密钥")).to_have_count(0)
        expect(page.get_by_text("这个浏览器不能使用通行密钥，请用其他方式。")).to_be_visible()
        PICTURES.mkdir(parents=True, exist_ok=True)
        take_picture(page, PICTURES / "sign-in-without-scripts.png", full_page=True)


def test_without_passkeys_in_the_browser_a_sentence_says_what_to_do_instead(house: House) -> None:
    with house.desk.page() as page:
        page.add_init_script("delete window.PublicKeyCredential;")
        page.goto("/sign-in")
        expect(page.get_by_text("这个浏览器不能使用通行密钥，请用其他方式。")).to_be_visible()
        expect(page.get_by_role("button", name="使用通行密钥")).to_have_count(0)


def test_at_another_address_of_the_installation_the_device_says_so_in_words(house: House) -> None:
    with Desk(house.desk.chromium, house.desk.address.replace("localhost", "127.0.0.1")).page() as page:
        page.goto("/sign-in")
        page.get_by_role("button", name="使用通行密钥").click()
        expect(page.get_by_role("alert")).to_contain_text("在这个网址不能使用通行密钥")
