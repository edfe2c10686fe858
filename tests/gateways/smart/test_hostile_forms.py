"""Whatever a program or a browser sends to the doors of sign-in for programs, the answer is never a mistake of ours."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote_from_bytes, urlencode

import orjson
import pytest

from tests.gateways.smart.conftest import HERE, Installation
from tests.services.accounts.oauth.made_up import asked, assertion, backend_form, made_up_key
from tianfu.services.accounts.oauth.authentication import ASSERTION_TYPE

pytestmark = pytest.mark.anyio

FORM = {"content-type": "application/x-www-form-urlencoded"}

HOSTILE = {
    "nul": b"a\x00b",
    "not utf-8": b"\xff\xfe\xed\xa0\x80",
    "long": b"x" * 7_000,
    "digits of others": "１２３".encode(),
    "direction": "\u202e\u0000\u2028".encode(),
    "format": b"%s%(client)s{0}",
}

FIELDS = (
    "grant_type",
    "client_id",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "token",
    "client_secret",
    "client_assertion",
)


def part(value: object) -> str:
    return urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_no_value_of_a_program_s_form_is_a_mistake_of_ours(here: Installation, value: bytes) -> None:
    written = quote_from_bytes(value)
    public = await here.town.register()
    for path in ("/oauth/token", "/oauth/introspect", "/oauth/revoke"):
        for grant in ("authorization_code", "refresh_token", "client_credentials"):
            for client in (public.client, written):
                for name in FIELDS:
                    sound = {"grant_type": grant, "client_id": client, name: written}
                    body = "&".join(f"{key}={one}" for key, one in sound.items())
                    answer = await here.client.post(path, content=body.encode(), headers=FORM)
                    assert answer.status_code < 500, (path, grant, name, answer.text)
        name_and_secret = {"authorization": f"Basic {b64encode(value[:100] + b':' + value[:100]).decode()}"}
        answer = await here.client.post(path, content=b"grant_type=refresh_token", headers={**FORM, **name_and_secret})
        assert answer.status_code < 500, (path, answer.text)


async def test_a_name_with_nul_in_an_assertion_is_nobody_s(here: Installation) -> None:
    for name in ("a\0b", "", "x" * 1_000, "\u202e"):
        claims = {"iss": name, "sub": name, "aud": "http://localhost", "exp": 1, "jti": "\0"}
        shown = f"{part({'alg': 'ES384', 'kid': '1'})}.{part(claims)}.AAAA"
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": shown,
        }
        answer = await here.client.post("/oauth/token", content=urlencode(fields).encode(), headers=FORM)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), (name, answer.text)


async def test_a_number_with_nul_of_an_assertion_is_refused(here: Installation) -> None:
    key = made_up_key()
    client = await here.town.register_backend(key)
    form = dict(backend_form(assertion(client, key, here.town.clock, jti="a\0b")))
    answer = await here.client.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
async def test_no_value_of_a_request_for_authorisation_is_a_mistake_of_ours(here: Installation, value: bytes) -> None:
    public = await here.town.register()
    written = quote_from_bytes(value)
    for person in (None, here.town.doctor, here.town.resident):
        here.sits_here(person)
        for name in ("client_id", "redirect_uri", "scope", "state", "nonce", "launch", "prompt", "aud", "lang", "x"):
            sound = urlencode([pair for pair in asked(public.client) if pair[0] != name])
            for question in (f"{sound}&{name}={written}", f"{sound}&{name}={written}&{name}={written}"):
                answer = await here.client.get(f"/oauth/authorize?{question}")
                assert answer.status_code < 500, (name, answer.text[-500:])
        for path, fields in (
            ("/oauth/authorize/answer", ("request", "decision", "patient")),
            ("/account/programs/end", ("permission",)),
            ("/programs/somebody", ("program",)),
            (f"/programs/{written[:300]}", ("program",)),
        ):
            body = "&".join(f"{name}={written}" for name in fields).encode()
            answer = await here.client.post(path, content=body, headers={**FORM, **HERE})
            assert answer.status_code < 500, (path, answer.text[-500:])
