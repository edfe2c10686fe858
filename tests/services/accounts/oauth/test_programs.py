"""Programs that say who they are: secrets and assertions, and what is refused."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, RSAKey
from msgspec.json import encode

from tests.services.accounts.oauth.made_up import (
    BASE,
    ISSUER,
    NOON,
    SECURITY,
    Town,
    assertion,
    backend_form,
    fresh_server,
    key_set,
    made_up_key,
)
from tests.services.accounts.oauth.test_codes_and_tokens import OFFLINE, refused
from tianfu.kernel.instants import SECOND
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.fetching import HttpFetcher
from tianfu.services.accounts.oauth.model.clients import ClientKind, Registration
from tianfu.services.accounts.reach import ANYWHERE

pytestmark = pytest.mark.anyio

SECONDS = NOON // SECOND


def basic(client: str, secret: str) -> str:
    return "Basic " + b64encode(f"{client}:{secret}".encode()).decode()


async def test_a_backend_service_gets_a_token_of_its_own(town: Town) -> None:
    key = made_up_key()
    client = await town.register_backend(key)
    given = await town.server.exchanging.token(backend_form(assertion(client, key, town.clock)), "")
    assert given["expires_in"] <= 300
    assert "refresh_token" not in given
    bearer = await town.server.bearer(given["access_token"].encode())
    assert (bearer.caller.id, bearer.caller.role) == (client, "hospital-system")
    assert bearer.caller.organisation == "made-up-hospital"


async def test_a_program_of_development_gets_nothing_in_production_whenever_it_was_registered(town: Town) -> None:
    key = made_up_key()
    before = await fresh_server(town, is_production=False)
    said = {"name": "Made-up desk", "redirects": (), "scopes": ("system/*.rs",), "role": "desk"}
    registration = Registration(kind=ClientKind.BACKEND, organisation="made-up", keys=key_set(key), **said)
    client = (await before.clients.register(SECURITY, registration)).client
    form = backend_form(assertion(client, key, town.clock))
    assert (await before.exchanging.token(form, ""))["access_token"]
    refusal = await refused(town.server.exchanging.token(backend_form(assertion(client, key, town.clock)), ""))
    assert refusal.code == "oauth-client-unknown"
    assert [each.is_disabled for each in await town.server.clients.list()] == [True]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"aud": "https://elsewhere.example/oauth/token"}, "assertion-audience"),
        ({"aud": [f"{ISSUER}/oauth/token", "https://elsewhere.example"]}, "assertion-audience"),
        ({"aud": BASE}, "assertion-audience"),
        ({"exp": SECONDS}, "assertion-expired"),
        ({"exp": SECONDS - 1}, "assertion-expired"),
        ({"exp": SECONDS + 3_600}, "assertion-lifetime"),
        ({"nbf": SECONDS + 60}, "assertion-not-yet"),
        ({"iat": SECONDS + 60}, "assertion-not-yet"),
        ({"iss": "another"}, "assertion-client"),
        ({"jti": ""}, "assertion-jti"),
        ({"jti": "x" * 256}, "assertion-jti"),
        ({"jti": None}, "assertion-claims"),
        ({"exp": None}, "assertion-claims"),
        ({"sub": "nobody-registered"}, "client"),
    ],
)
async def test_an_assertion_that_is_not_wholly_good_is_refused(
    town: Town, changes: dict[str, Any], reason: str
) -> None:
    key = made_up_key()
    client = await town.register_backend(key)
    text = assertion(client, key, town.clock, **changes)
    refusal = await refused(town.server.exchanging.token(backend_form(text), ""))
    assert (refusal.code, refusal.details["reason"]) == ("oauth-client-unknown", reason)
    deed, outcome, told = await town.last_told()
    assert (deed, outcome) == ("program-token", "oauth-client-unknown")
    assert f"reason={reason}" in told


async def test_an_assertion_is_taken_once_by_all_workers_together(town: Town) -> None:
    key = made_up_key()
    client = await town.register_backend(key)
    form = backend_form(assertion(client, key, town.clock))
    answers = await asyncio.gather(*(town.server.exchanging.token(form, "") for _ in range(3)), return_exceptions=True)
    assert len([each for each in answers if isinstance(each, dict)]) == 1
    refusal = await refused(town.server.exchanging.token(form, ""))
    assert refusal.details["reason"] == "assertion-replayed"


async def test_two_programs_may_use_the_same_number_for_their_assertions(town: Town) -> None:
    one, other = made_up_key(), made_up_key()
    first, second = await town.register_backend(one), await town.register_backend(other)
    for client, key in ((first, one), (second, other)):
        text = assertion(client, key, town.clock, jti="same")
        assert await town.server.exchanging.token(backend_form(text), "")


async def test_algorithm_confusion_in_an_assertion_is_refused(town: Town) -> None:
    key, thief = made_up_key(), made_up_key()
    client = await town.register_backend(key)
    sound = assertion(client, key, town.clock)
    claims = sound.split(".")[1]
    secret = OctKey.import_key(encode(key.as_dict(private=False)))
    body = {"iss": client, "sub": client, "aud": f"{ISSUER}/oauth/token", "exp": SECONDS + 60, "jti": "j"}
    attempts = {
        "none": f"eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.{claims}.AA",
        "public key as secret": jws.serialize_compact(
            {"alg": "HS256", "kid": "k1"}, encode(body), secret, algorithms=["HS256"]
        ),
        "another's key": assertion(client, thief, town.clock),
        "key in the header": assertion(client, thief, town.clock, header={"jwk": thief.as_dict(private=False)}),
        "address in the header": assertion(client, thief, town.clock, header={"jku": "https://evil.example/keys"}),
        "unknown kid": assertion(client, made_up_key("k2"), town.clock),
        "access token's type": assertion(client, key, town.clock, header={"typ": "at+jwt"}),
    }
    for name, text in attempts.items():
        refusal = await refused(town.server.exchanging.token(backend_form(text), ""))
        assert refusal.code == "oauth-client-unknown", name
        assert (await town.last_told())[1] == "oauth-client-unknown", name
    assert town.elsewhere.asked == []
    assert await town.server.exchanging.token(backend_form(sound), "")


async def test_keys_at_an_address_may_change_and_withdrawn_ones_are_over(town: Town) -> None:
    old, new = made_up_key("old"), made_up_key("new")
    address = "https://hospital.example/keys"
    client = await town.register_backend(old, keys=None, keys_at=address)
    town.elsewhere.documents[address] = encode(key_set(old))
    assert await town.server.exchanging.token(backend_form(assertion(client, old, town.clock)), "")
    town.elsewhere.documents[address] = encode(key_set(new))
    town.clock.forward(10)
    assert await town.server.exchanging.token(backend_form(assertion(client, new, town.clock)), "")
    refusal = await refused(town.server.exchanging.token(backend_form(assertion(client, old, town.clock)), ""))
    assert refusal.details["reason"] == "kid-unknown"


async def test_a_kid_that_nobody_has_does_not_make_us_fetch_again_and_again(town: Town) -> None:
    address = "https://hospital.example/keys"
    client = await town.register_backend(made_up_key(), keys=None, keys_at=address)
    town.elsewhere.documents[address] = encode(key_set(made_up_key()))
    for number in range(5):
        text = assertion(client, made_up_key(f"x{number}"), town.clock)
        await refused(town.server.exchanging.token(backend_form(text), ""))
    assert len(town.elsewhere.asked) == 1


async def test_registered_keys_are_replaced(town: Town) -> None:
    old, new = made_up_key("old"), made_up_key("new")
    client = await town.register_backend(old)
    await town.server.clients.replace_keys(SECURITY, client, key_set(new))
    assert await town.server.exchanging.token(backend_form(assertion(client, new, town.clock)), "")
    refusal = await refused(town.server.exchanging.token(backend_form(assertion(client, old, town.clock)), ""))
    assert refusal.details["reason"] == "kid-unknown"


async def test_a_backend_service_gets_no_more_than_it_was_registered_with(town: Town) -> None:
    key = made_up_key()
    client = await town.register_backend(key, scopes=("system/Patient.rs",))
    given = await town.server.exchanging.token(
        backend_form(assertion(client, key, town.clock), scope="system/*.cruds"), ""
    )
    assert given["scope"] == "system/Patient.rs"
    for scope in ("system/Observation.rs", "user/*.rs", "openid"):
        text = assertion(client, key, town.clock)
        refusal = await refused(town.server.exchanging.token(backend_form(text, scope=scope), ""))
        assert refusal.code == "oauth-scope-refused", scope


async def test_a_program_that_acts_for_people_may_not_act_for_itself(town: Town) -> None:
    registered = await town.register(ClientKind.SYMMETRIC)
    form = [("grant_type", "client_credentials"), ("scope", "user/*.rs")]
    refusal = await refused(town.server.exchanging.token(form, basic(registered.client, registered.secret or "")))
    assert refusal.code == "oauth-client-not-allowed"


async def test_a_secret_is_shown_in_one_way_only_and_must_be_right(town: Town) -> None:
    registered = await town.register(ClientKind.SYMMETRIC)
    client, secret = registered.client, registered.secret or ""
    form = town.exchange(client, await town.code(client))
    for authorization in (
        "",
        basic(client, "wrong"),
        basic(client, ""),
        basic("nobody", secret),
        "Bearer x",
        "Basic ?",
    ):
        assert (await refused(town.server.exchanging.token(form, authorization))).code == "oauth-client-unknown"
    in_form = [*form, ("client_secret", secret)]
    assert (await refused(town.server.exchanging.token(in_form, ""))).code == "oauth-client-unknown"
    assert "access_token" in await town.server.exchanging.token(form, basic(client, secret))


async def test_a_program_asks_and_ends_its_own_tokens_and_nobody_else_s(town: Town) -> None:
    mine, other = await town.register(ClientKind.SYMMETRIC), await town.register(ClientKind.SYMMETRIC)
    me, another = basic(mine.client, mine.secret or ""), basic(other.client, other.secret or "")
    code = await town.code(mine.client, scope=OFFLINE)
    given = await town.server.exchanging.token(town.exchange(mine.client, code), me)
    access, refresh = [("token", given["access_token"])], [("token", given["refresh_token"])]
    oversight = town.server.oversight
    for token in (access, refresh):
        assert (await oversight.introspect(token, me))["active"] is True
        assert await oversight.introspect(token, another) == {"active": False}
        await oversight.revoke(token, another)
    assert await town.fault(given["access_token"]) is None
    assert await oversight.introspect([("token", "nonsense")], me) == {"active": False}
    await oversight.revoke([("token", "nonsense")], me)
    await oversight.revoke(refresh, me)
    assert await town.fault(given["access_token"]) == "token-ended"
    assert (await town.last_told())[:2] == ("program-revoke", "success")
    assert await oversight.introspect(access, me) == {"active": False}


async def test_a_program_that_only_has_a_name_may_not_ask_about_tokens(town: Town) -> None:
    client = (await town.register()).client
    refusal = await refused(town.server.oversight.introspect([("token", "x"), ("client_id", client)], ""))
    assert refusal.code == "oauth-client-unknown"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": ""}, "name"),
        ({"redirects": ()}, "redirects"),
        ({"redirects": ("https://app.example/#x",)}, "redirect-fragment"),
        ({"scopes": ("everything",)}, "scopes"),
        ({"scopes": ("system/*.rs",)}, "scopes-of-another-kind"),
        ({"role": "doctor"}, "role"),
        ({"keys": {"keys": []}}, "keys"),
        ({"launch_at": "http://app.example/launch"}, "launch"),
        ({"kind": ClientKind.ASYMMETRIC}, "keys"),
        ({"kind": ClientKind.ASYMMETRIC, "keys_at": "http://app.example/keys"}, "keys-address"),
        ({"kind": ClientKind.ASYMMETRIC, "keys": made_up_key().as_dict(private=True)}, "keys-form"),
        ({"kind": ClientKind.ASYMMETRIC, "keys": {"keys": [made_up_key().as_dict(private=True)]}}, "keys-private"),
        ({"kind": ClientKind.ASYMMETRIC, "keys": key_set(made_up_key(), made_up_key())}, "keys-twice"),
        ({"kind": ClientKind.BACKEND, "redirects": (), "scopes": ("system/*.rs",), "role": "doctor"}, "role"),
        (
            {"kind": ClientKind.BACKEND, "redirects": (), "scopes": ("system/*.rs",), "role": "regulator"},
            "organisation",
        ),
    ],
)
async def test_an_unsound_registration_is_refused(town: Town, changes: dict[str, Any], fault: str) -> None:
    refusal = await refused(town.register(**changes))
    assert (refusal.code, refusal.details["reason"]) == ("client-unusable", fault)


async def test_a_key_that_is_too_short_signs_nothing(town: Town) -> None:
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1_024, {"kid": "k1"})
    keys = {"keys": [short.as_dict(private=False)]}
    refusal = await refused(town.register_backend(made_up_key(), keys=keys))
    assert refusal.details["reason"] == "keys-short"
    long = RSAKey.generate_key(2_048, {"kid": "k1"})
    client = await town.register_backend(made_up_key(), keys={"keys": [long.as_dict(private=False)]})
    text = assertion(client, long, town.clock, header={"alg": "RS384"})
    assert await town.server.exchanging.token(backend_form(text), "")


async def test_programs_are_listed_and_what_was_done_to_them_is_told(town: Town) -> None:
    client = (await town.register()).client
    await town.server.clients.disable(SECURITY, client)
    assert [(each.id, each.is_disabled) for each in await town.server.clients.list()] == [(client, True)]
    assert [told[0] for told in await town.trail()] == ["client-register", "client-disable"]


async def test_a_fetched_document_is_read_within_limits_and_no_redirect_is_followed() -> None:
    answers = {
        b"/good": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"/moved": b"HTTP/1.1 302 Found\r\nlocation: /good\r\ncontent-length: 0\r\n\r\n",
        b"/long": b"HTTP/1.1 200 OK\r\ncontent-length: 400000\r\n\r\n" + b" " * 400_000,
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        while (await reader.readline()).strip():
            pass
        writer.write(answers[line.split()[1]])
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        assert await HttpFetcher(reach=ANYWHERE).get(f"{base}/good") == b"{}"
        for path, reason in (("/moved", "status-302"), ("/long", "too-long")):
            with pytest.raises(Refusal) as caught:
                await HttpFetcher(reach=ANYWHERE).get(base + path)
            assert caught.value.details["reason"] == reason
