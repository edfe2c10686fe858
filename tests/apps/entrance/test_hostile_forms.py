"""Whatever a form or an address of the entrance holds, the answer is never a mistake of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import pytest

from tests.apps.entrance.conftest import Browser, Place
from tests.apps.entrance.test_signing_in_pages import with_telephone
from tests.services.accounts.conftest import NUMBER, PASSWORD

pytestmark = pytest.mark.anyio

HOSTILE = {
    "nul": b"a\x00b",
    "not utf-8": b"\xff\xfe\xed\xa0\x80",
    "surrogate": "\ud800".encode("utf-8", "surrogatepass"),
    "long": b"x" * 60_000,
    "digits of others": "１３８００００１２３４".encode(),
    "direction": "\u202e\u0000\u2028".encode(),
    "format": b"%s%(account)s{0}${jndi:x}",
}

OPEN = {
    "/sign-in/telephone": ("number", "next"),
    "/sign-in/code": ("step", "code", "next"),
    "/sign-in/staff": ("number", "password", "next"),
    "/sign-in/second": ("step", "code", "recovery", "next"),
    "/sign-in/whose/new": ("step", "next"),
    "/sign-in/whose/named": ("step", "name", "number", "next"),
    "/sign-in/workplace": ("step", "workplace", "next"),
    "/sign-in/outside": ("provider", "next"),
    "/sign-in/passkey/begin": ("next", "whose"),
    "/sign-in/passkey": ("step", "answer", "next"),
    "/preferences": ("back", "lang", "density", "scheme"),
}

OWN = {
    "/account/sessions/end": ("session",),
    "/account/credentials/end": ("credential",),
    "/account/outside/link": ("provider",),
    "/account/outside/unlink": ("issuer",),
    "/account/real-name": ("name", "number", "paper"),
    "/account/prove/code": ("next",),
    "/account/prove": ("method", "secret", "next"),
    "/account/prove/passkey/begin": ("next",),
    "/account/prove/passkey": ("step", "answer", "next"),
    "/account/passkeys/new": ("step", "answer", "label"),
    "/account/second-factor": ("step", "code", "label"),
    "/account/password": ("password", "again"),
    "/account/papers": ("number", "seen"),
}


async def sent(browser: Browser, path: str, body: bytes) -> httpx.Response:
    headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    transport = httpx.ASGITransport(browser.app, client=(browser.address, 1))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://made-up.local", cookies=browser.cookies
    ) as client:
        return await client.post(path, content=body, headers=headers)


def form(fields: Any, value: bytes) -> bytes:
    written = quote_from_bytes(value).encode()
    return b"&".join(field.encode() + b"=" + written for field in fields)


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_no_value_of_an_open_form_is_a_mistake_of_ours(place: Place, value: bytes) -> None:
    for number, (path, fields) in enumerate(OPEN.items()):
        browser = place.browser(address=f"203.0.113.{number}")
        for body in (form(fields, value), form(fields * 2, value), form([f"{each}[]" for each in fields], value)):
            answer = await sent(browser, path, body)
            assert answer.status_code < 500, (path, answer.text[-800:])


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("kind", ["resident", "staff"])
async def test_no_value_of_an_own_form_is_a_mistake_of_ours(place: Place, kind: str, value: bytes) -> None:
    browser = place.browser()
    if kind == "resident":
        await with_telephone(place, browser)
    else:
        account, _ = await place.house.doctor()
        await place.house.set_password(account)
        secret = await place.house.authenticator(account)
        entered = await place.house.with_both(secret)
        browser = browser.holds(session=entered.secret, device=entered.device)
    for path, fields in OWN.items():
        for body in (form(fields, value), form(fields * 2, value)):
            answer = await sent(browser, path, body)
            assert answer.status_code < 500, (path, answer.text[-800:])


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_no_address_is_a_mistake_of_ours(place: Place, value: bytes) -> None:
    browser = place.browser()
    written = quote_from_bytes(value[:2_000])
    for path in (
        f"/sign-in?next={written}&why={written}&lang={written}",
        f"/sign-in?next=/{written}",
        f"/sign-in/outside?provider={written}&why={written}",
        f"/sign-in/outside/{written}?state={written}&code={written}&iss={written}",
        f"/account?next={written}",
        f"/account/prove?next=/{written}",
        f"/preferences?back=/{written}",
    ):
        answer = await browser.get(path)
        assert answer.status_code < 500, (path, answer.text[-800:])


async def test_a_way_on_in_any_letters_leads_on_within_the_site(place: Place) -> None:
    await place.house.doctor()
    for onward in ("/中文", "/a?b=é", "/%0d%0aSet-Cookie:x=1", "/a b", "/./ /evil.example"):
        answer = await place.browser().post("/sign-in/staff", number=NUMBER, password=PASSWORD, next=onward)
        assert answer.status_code == 303, (onward, answer.text[-300:])
        assert httpx.URL("http://made-up.local").join(answer.headers["location"]).host == "made-up.local"
