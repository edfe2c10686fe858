"""Redirect tricks: what may be registered, and that nothing but the registered letters is ever led to."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from tests.services.accounts.oauth.made_up import REDIRECT, Town, asked
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.model.redirects import fault_of_redirect, form_target, with_answer

pytestmark = pytest.mark.anyio


def letters(value: bytes) -> str:
    return urlsafe_b64encode(value).decode().rstrip("=")


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/back",
        "https://app.example:8443/back?kind=1",
        "http://127.0.0.1:3000/back",
        "http://localhost/back",
        "http://[::1]:9/back",
        "example.app.records:/back",
    ],
)
async def test_sound_addresses_may_be_registered(uri: str) -> None:
    assert fault_of_redirect(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/back",
        "https://app.example/back#here",
        "https://user@app.example/back",
        "https://app.example@evil.example/back",
        "https://APP.example/back",
        "https://*.example/back",
        "https://app.example/../back",
        "https://app.example\\@evil.example/",
        "https:///back",
        "https:app.example",
        "//app.example/back",
        "javascript:alert(1)",
        "data:text/html,x",
        "app:/back",
        "https://app.example/%zz",
        "https://app.example/ back",
        "https://app.example/\nback",
        "",
    ],
)
async def test_others_may_not(uri: str) -> None:
    assert fault_of_redirect(uri) is not None


@pytest.mark.parametrize(
    "uri",
    [
        f"{REDIRECT}/more",
        f"{REDIRECT}/../evil",
        f"{REDIRECT}?next=https://evil.example",
        f"{REDIRECT}#here",
        f"{REDIRECT}/",
        "https://app.example/bac",
        "https://app.example:443/back",
        "https://app.example:8443/back",
        "https://user@app.example/back",
        "https://app.example@evil.example/back",
        "https://app.example.evil.example/back",
        "https://evil.example/back",
        "https://APP.EXAMPLE/back",
        "HTTPS://app.example/back",
        "https://app.example/Back",
        "https://app.example/%62ack",
        "https://app.example%2fback",
        "http://app.example/back",
        "//app.example/back",
        "https://app.example/back%00",
        " https://app.example/back",
    ],
)
async def test_a_trick_with_the_address_leads_nowhere_and_is_told(town: Town, uri: str) -> None:
    client = (await town.register()).client
    with pytest.raises(Refusal) as caught:  # and no RefusedToProgram, which would hold an address to go to
        await town.server.authorising.propose(town.doctor, asked(client, redirect_uri=uri))
    assert caught.value.code == "oauth-redirect-unknown"
    assert (await town.last_told())[:2] == ("program-authorise", "oauth-redirect-unknown")


async def test_an_address_of_another_program_is_not_this_one_s(town: Town) -> None:
    other = (await town.register(redirects=("https://other.example/back",))).client
    with pytest.raises(Refusal) as caught:
        await town.server.authorising.propose(town.doctor, asked(other))
    assert caught.value.code == "oauth-redirect-unknown"


async def test_an_answer_keeps_the_query_that_was_registered() -> None:
    assert with_answer("https://a.example/b?c=d", [("code", "e&f")]) == "https://a.example/b?c=d&code=e%26f"


async def test_a_page_names_the_origin_to_which_its_form_may_lead() -> None:
    assert form_target("https://app.example:8443/back?x=y") == "https://app.example:8443"
    assert form_target("example.app.records:/back") == "example.app.records:"
