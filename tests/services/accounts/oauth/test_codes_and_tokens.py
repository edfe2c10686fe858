"""Codes, access tokens and refresh tokens: what is given, and each known attack, refused and told to the trace."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey
from msgspec.json import encode

from tests.services.accounts.oauth.made_up import (
    BASE,
    ISSUER,
    NOON,
    REDIRECT,
    SECURITY,
    VERIFIER,
    Town,
    asked,
    begin_session,
    challenge,
    fresh_server,
    value_in,
)
from tests.services.accounts.oauth.test_redirects import letters
from tianfu.kernel.instants import DAY, SECOND
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.authorising import RefusedToProgram
from tianfu.services.accounts.oauth.model.clients import ClientKind

pytestmark = pytest.mark.anyio


async def refused(doing: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await doing
    return caught.value


async def refused_to_program(doing: Any) -> RefusedToProgram:
    with pytest.raises(RefusedToProgram) as caught:
        await doing
    return caught.value


def part(text: str, place: int) -> dict[str, Any]:
    letters = text.split(".")[place]
    decoded: dict[str, Any] = json.loads(urlsafe_b64decode(letters + "=" * (-len(letters) % 4)))
    return decoded


# What is given


async def test_a_program_that_does_as_it_should_gets_tokens_that_say_who_and_how_far(town: Town) -> None:
    client = (await town.register()).client
    given = await town.tokens(client)
    claims = part(given["access_token"], 1)
    assert part(given["access_token"], 0) == {"alg": "ES256", "typ": "at+jwt", "kid": part(given["id_token"], 0)["kid"]}
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, BASE, "made-up-doctor")
    assert (claims["client_id"], claims["sid"]) == (client, "s-doctor")
    assert claims["exp"] - claims["iat"] <= 15 * 60
    assert claims["fhirUser"] == f"{BASE}/Practitioner/made-up-practitioner"
    who = part(given["id_token"], 1)
    assert (who["aud"], who["nonce"], who["sub"]) == (client, "made-up-nonce", "made-up-doctor")
    assert "refresh_token" not in given
    bearer = await town.server.bearer(given["access_token"].encode())
    assert (bearer.caller.role, bearer.caller.session) == ("doctor", "s-doctor")
    assert str(bearer.caller.scopes) == "fhirUser openid user/*.rs"


async def test_the_id_token_is_signed_with_a_key_of_the_key_set(town: Town) -> None:
    given = await town.tokens((await town.register()).client)
    keys = {key["kid"]: key for key in (await town.server.keys.key_set())["keys"]}
    assert not any("d" in key for key in keys.values())
    key = ECKey.import_key(keys[part(given["id_token"], 0)["kid"]])
    jws.deserialize_compact(given["id_token"].encode(), key, algorithms=["ES256"])


async def test_nothing_that_opens_anything_lies_in_the_tables(town: Town) -> None:
    registered = await town.register(ClientKind.SYMMETRIC)
    code = await town.code(registered.client, scope="openid user/*.rs offline_access")
    rows = str(await town.run("select * from oauth_code")) + str(await town.run("select * from oauth_client"))
    assert code not in rows
    assert str(registered.secret) not in rows


async def test_a_resident_gives_his_own_record_for_one_patient(town: Town) -> None:
    client = (await town.register()).client
    code = await town.code(client, town.resident, "made-up-patient", scope="launch/patient patient/*.rs openid")
    given = await town.server.exchanging.token(town.exchange(client, code), "")
    assert given["patient"] == "made-up-patient"
    bearer = await town.server.bearer(given["access_token"].encode())
    assert bearer.caller.launch_patient == "made-up-patient"
    assert bearer.caller.patients == ("made-up-patient",)


async def test_without_a_patient_no_patient_scopes_are_given(town: Town) -> None:
    client = (await town.register()).client
    proposal = await town.server.authorising.propose(town.resident, asked(client, scope="patient/*.rs"))
    told = await refused_to_program(town.server.authorising.approve(town.resident, proposal, patient=None))
    assert value_in(told.address, "error") == "access_denied"


# Codes


async def test_a_code_that_is_used_twice_ends_what_it_gave(town: Town) -> None:
    client = (await town.register()).client
    code = await town.code(client)
    given = await town.server.exchanging.token(town.exchange(client, code), "")
    assert await town.fault(given["access_token"]) is None
    refusal = await refused(town.server.exchanging.token(town.exchange(client, code), ""))
    assert refusal.code == "oauth-grant-refused"
    assert await town.fault(given["access_token"]) == "token-ended"
    assert "reason=code-reused" in next(told for _, outcome, told in await town.trail() if outcome != "success")


async def test_of_two_who_use_one_code_at_once_at_most_one_is_given_tokens_and_they_end(town: Town) -> None:
    client = (await town.register()).client
    form = town.exchange(client, await town.code(client))
    answers = await asyncio.gather(*(town.server.exchanging.token(form, "") for _ in range(2)), return_exceptions=True)
    given = [each for each in answers if isinstance(each, dict)]
    assert len(given) == 1
    assert await town.fault(given[0]["access_token"]) == "token-ended"


async def test_a_code_is_over_after_a_minute(town: Town) -> None:
    client = (await town.register()).client
    code = await town.code(client)
    town.clock.forward(60)
    assert (await refused(town.server.exchanging.token(town.exchange(client, code), ""))).code == "oauth-grant-refused"
    assert "reason=code-expired" in (await town.last_told())[2]


async def test_a_code_injected_into_another_program_is_refused_and_burnt(town: Town) -> None:
    client, other = (await town.register()).client, (await town.register()).client
    code = await town.code(client)
    refusal = await refused(town.server.exchanging.token(town.exchange(other, code), ""))
    assert (refusal.code, refusal.details["reason"]) == ("oauth-grant-refused", "code-of-another-client")
    assert (await refused(town.server.exchanging.token(town.exchange(client, code), ""))).code == "oauth-grant-refused"
    assert [told[1] for told in (await town.trail())[-2:]] == ["oauth-grant-refused"] * 2


@pytest.mark.parametrize(
    "verifier", ["another-verifier-of-forty-three-letters-or-more", "short", challenge(), VERIFIER + "x"]
)
async def test_a_code_injected_into_another_browser_s_session_has_another_verifier(town: Town, verifier: str) -> None:
    client = (await town.register()).client
    code = await town.code(client)
    refusal = await refused(town.server.exchanging.token(town.exchange(client, code, code_verifier=verifier), ""))
    assert refusal.details["reason"] == "verifier-differs"
    assert (await refused(town.server.exchanging.token(town.exchange(client, code), ""))).code == "oauth-grant-refused"


async def test_a_code_is_worth_nothing_without_its_verifier_or_redirect_address(town: Town) -> None:
    client = (await town.register(redirects=(REDIRECT, "https://app.example/other"))).client
    code = await town.code(client)
    form = [pair for pair in town.exchange(client, code) if pair[0] != "code_verifier"]
    assert (await refused(town.server.exchanging.token(form, ""))).code == "oauth-request-malformed"
    other = town.exchange(client, code, redirect_uri="https://app.example/other")
    assert (await refused(town.server.exchanging.token(other, ""))).details["reason"] == "redirect-differs"


async def test_a_code_of_a_session_that_ended_gives_nothing(town: Town) -> None:
    client = (await town.register()).client
    code = await town.code(client)
    await town.run("update session set ended_at = %(now)s where session = 's-doctor'", now=NOON)
    assert (await refused(town.server.exchanging.token(town.exchange(client, code), ""))).details["reason"] == "ended"


# Access tokens


def forged(header: dict[str, Any], claims: dict[str, Any], key: Any = None) -> str:
    body = letters(encode(header)) + "." + letters(encode(claims))
    if key is None:
        return body + "."
    return jws.serialize_compact(header, encode(claims), key, algorithms=[header["alg"]])


async def test_algorithm_confusion_opens_nothing(town: Town) -> None:
    given = (await town.tokens((await town.register()).client))["access_token"]
    header, claims = part(given, 0), part(given, 1)
    public = next(key for key in (await town.server.keys.key_set())["keys"] if key["kid"] == header["kid"])
    pem = ECKey.import_key(public).as_pem(private=False)
    own = ECKey.generate_key("P-256", {"kid": header["kid"]})
    attempts = {
        "none": forged({**header, "alg": "none"}, claims) + "AA",
        "public key as secret": _hs256(header, claims, pem),
        "jwk of public key as secret": _hs256(header, claims, encode(public)),
        "own key under our kid": forged(header, claims, own),
        "own key in the header": forged({**header, "jwk": own.as_dict(private=False)}, claims, own),
        "address of own keys": forged({**header, "jku": "https://evil.example/keys"}, claims, own),
        "unknown kid": forged({**header, "kid": "unknown"}, claims, own),
        "path as kid": forged({**header, "kid": "../../dev/null"}, claims, own),
        "another type": forged({**header, "typ": "JWT"}, claims, own),
        "no signature": given.rpartition(".")[0] + ".",
        "another signature": given[:-6] + ("AAAAAA" if not given.endswith("AAAAAA") else "BBBBBB"),
    }
    for name, text in attempts.items():
        assert await town.fault(text) == "token-refused", name
        assert (await refused(town.server.bearer(text.encode()))).code == "token-refused", name
        assert (await town.last_told())[:2] == ("program-read", "token-refused"), name
    assert await town.fault(given) is None


async def test_an_id_token_is_no_access_token(town: Town) -> None:
    given = await town.tokens((await town.register()).client)
    assert await town.fault(given["id_token"]) == "token-refused"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "https://elsewhere.example/fhir"}, "token-refused"),
        ({"iss": "https://elsewhere.example"}, "token-refused"),
        ({"exp": NOON // SECOND + 100_000}, "token-refused"),
        ({"iat": NOON // SECOND + 60, "exp": NOON // SECOND + 120}, "token-refused"),
        ({"scope": "user/*.everything"}, "token-refused"),
        ({"admin": True}, "token-refused"),
        ({"family": "unknown"}, "token-ended"),
        ({"sub": "somebody-else"}, "token-ended"),
        ({"client_id": "another-program"}, "token-ended"),
    ],
)
async def test_not_even_our_own_key_makes_a_token_of_other_claims(
    town: Town, changes: dict[str, Any], code: str
) -> None:
    given = (await town.tokens((await town.register()).client))["access_token"]
    text = forged(part(given, 0), {**part(given, 1), **changes}, await town.server.keys.current())
    assert await town.fault(text) == code
    unchanged = forged(part(given, 0), part(given, 1), await town.server.keys.current())
    assert await town.fault(unchanged) is None


async def test_a_token_for_another_audience_is_refused(town: Town) -> None:
    given = (await town.tokens((await town.register()).client))["access_token"]
    refusal = await refused(town.server.tokens.read(given.encode(), "http://localhost/other", town.clock()))
    assert refusal.details["reason"] == "audience"


async def test_a_token_that_was_known_is_over_when_its_time_is(town: Town) -> None:
    given = (await town.tokens((await town.register()).client))["access_token"]
    assert (await town.server.bearer(given.encode())).client
    town.clock.forward(10 * 60)
    refusal = await refused(town.server.bearer(given.encode()))
    assert refusal.code in {"token-expired", "token-ended"}
    assert (await town.last_told())[1] == refusal.code


@pytest.mark.parametrize(
    "end",
    [
        "update session set ended_at = %(now)s where session = 's-doctor'",
        "update session set until = %(now)s where session = 's-doctor'",
        "update oauth_family set ended_at = %(now)s, ended_for = 'made-up'",
        "update oauth_client set disabled_at = %(now)s",
        "update account set left_at = %(now)s",
        "update workplace set until = %(now)s",
    ],
)
async def test_a_token_ends_within_a_second_with_whatever_it_stands_on(town: Town, end: str) -> None:
    given = (await town.tokens((await town.register()).client))["access_token"].encode()
    await town.server.bearer(given)
    await town.run(end, now=NOON)
    await town.server.bearer(given)  # believed for a second at most
    town.clock.forward(1)
    assert (await refused(town.server.bearer(given))).code == "token-ended"
    assert (await refused(town.server.bearer(given))).code == "token-ended"
    assert (await town.last_told())[:2] == ("program-read", "token-ended")


async def test_a_known_token_costs_no_question_to_the_database(town: Town) -> None:
    given = (await town.tokens((await town.register()).client))["access_token"].encode()
    first = await town.server.bearer(given)
    await town.database.close()
    assert await town.server.bearer(given) is first


async def test_keys_change_while_tokens_live(town: Town) -> None:
    client = (await town.register()).client
    old = (await town.tokens(client))["access_token"]
    before = {key["kid"] for key in (await town.server.keys.key_set())["keys"]}
    await town.server.keys.change(is_lost=False)
    new = (await town.tokens(client))["access_token"]
    assert part(new, 0)["kid"] != part(old, 0)["kid"]
    assert part(new, 0)["kid"] in before  # published before it signed
    assert await town.fault(old) is None
    assert await town.fault(new) is None
    town.clock.forward(20 * 60)
    published = {key["kid"] for key in (await town.server.keys.key_set())["keys"]}
    assert part(old, 0)["kid"] not in published


async def test_tokens_of_a_lost_key_are_refused_at_once(town: Town) -> None:
    old = (await town.tokens((await town.register()).client))["access_token"]
    await town.server.keys.change(is_lost=True)
    assert await town.fault(old) == "token-refused"


async def test_keys_change_by_themselves_once_for_all_workers(town: Town) -> None:
    first = (await town.server.keys.current()).kid
    other = await fresh_server(town)
    town.clock.forward(91 * DAY / SECOND)
    await asyncio.gather(town.server.keys.look(), other.keys.look())
    await town.server.keys.look()
    assert (await town.server.keys.current()).kid == (await other.keys.current()).kid != first
    rows = await town.run("select state, length(sealed) from signing_key order by state")
    assert [row[0] for row in rows] == ["current", "next", "old"]
    assert rows[2][1] == 0  # the old private key is gone


# Refresh tokens

OFFLINE = "openid user/*.rs offline_access"


async def test_a_refresh_token_is_used_once_and_replaced(town: Town) -> None:
    client = (await town.register()).client
    given = await town.tokens(client, scope=OFFLINE)
    again = await town.refresh(client, given["refresh_token"])
    assert again["refresh_token"] != given["refresh_token"]
    assert await town.fault(again["access_token"]) is None
    assert "refresh_token" in await town.refresh(client, again["refresh_token"])


async def test_a_refresh_token_used_again_ends_its_family_and_is_told(town: Town) -> None:
    client = (await town.register()).client
    given = await town.tokens(client, scope=OFFLINE)
    again = await town.refresh(client, given["refresh_token"])
    assert (await refused(town.refresh(client, given["refresh_token"]))).code == "oauth-grant-refused"
    assert "reason=refresh-reused" in (await town.last_told())[2]
    assert await town.fault(again["access_token"]) == "token-ended"
    assert (await refused(town.refresh(client, again["refresh_token"]))).code == "oauth-grant-refused"


async def test_a_refresh_token_used_twice_at_once_ends_its_family(town: Town) -> None:
    client = (await town.register()).client
    given = await town.tokens(client, scope=OFFLINE)
    other = await fresh_server(town)
    form = [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", given["refresh_token"])]
    answers = await asyncio.gather(
        town.server.exchanging.token(form, ""), other.exchanging.token(form, ""), return_exceptions=True
    )
    new = [each for each in answers if isinstance(each, dict)]
    assert len(new) == 1
    assert await town.fault(new[0]["access_token"]) == "token-ended"
    assert (await refused(town.refresh(client, new[0]["refresh_token"]))).code == "oauth-grant-refused"


async def test_a_refresh_token_stolen_by_another_program_ends_its_family(town: Town) -> None:
    client, other = (await town.register()).client, (await town.register()).client
    given = await town.tokens(client, scope=OFFLINE)
    assert (await refused(town.refresh(other, given["refresh_token"]))).code == "oauth-grant-refused"
    assert await town.fault(given["access_token"]) == "token-ended"


async def test_a_refresh_asks_for_less_and_never_for_more(town: Town) -> None:
    client = (await town.register()).client
    given = await town.tokens(client, scope="openid user/Observation.rs offline_access")
    wider = await refused(town.refresh(client, given["refresh_token"], scope="user/*.rs"))
    assert wider.code == "oauth-scope-refused"
    narrow = await town.refresh(client, given["refresh_token"], scope="user/Observation.r")
    assert narrow["scope"] == "user/Observation.r"


async def test_offline_goes_on_after_the_session_and_online_does_not(town: Town) -> None:
    client = (await town.register()).client
    offline = await town.tokens(client, scope=OFFLINE)
    online = await town.tokens(client, scope="openid user/*.rs online_access")
    await town.run("update session set ended_at = %(now)s", now=NOON)
    assert "access_token" in await town.refresh(client, offline["refresh_token"])
    assert (await refused(town.refresh(client, online["refresh_token"]))).code == "oauth-grant-refused"
    await town.run("update account set left_at = %(now)s", now=NOON)
    assert (await refused(town.refresh(client, offline["refresh_token"]))).code == "oauth-grant-refused"


# Requests


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "system/*.rs"}, "invalid_scope"),
        ({"scope": "user/*.cud"}, "invalid_scope"),
        ({"aud": "https://elsewhere.example/fhir"}, "invalid_target"),
        ({"request_uri": "https://evil.example/r"}, "invalid_request"),
        ({"launch": "made-up"}, "invalid_request"),
        ({"launch": "made-up", "scope": "launch user/*.rs"}, "invalid_request"),
    ],
)
async def test_what_is_wrong_with_a_request_is_told_at_the_registered_address(
    town: Town, changes: dict[str, str | None], error: str
) -> None:
    client = (await town.register()).client
    told = await refused_to_program(town.server.authorising.propose(town.doctor, asked(client, **changes)))
    assert told.address.startswith(f"{REDIRECT}?error={error}&")
    assert value_in(told.address, "iss") == ISSUER
    assert (await town.last_told())[0] == "program-authorise"


async def test_a_parameter_that_is_given_twice_is_refused(town: Town) -> None:
    client = (await town.register()).client
    twice = [*asked(client), ("scope", "user/*.rs")]
    assert value_in((await refused_to_program(town.server.authorising.propose(town.doctor, twice))).address, "state")
    with pytest.raises(Refusal):
        await town.server.authorising.propose(town.doctor, [*asked(client), ("redirect_uri", REDIRECT)])


async def test_every_answer_says_who_gives_it_and_echoes_the_state(town: Town) -> None:
    client = (await town.register()).client
    proposal = await town.server.authorising.propose(town.doctor, asked(client))
    for address in (
        await town.server.authorising.approve(town.doctor, proposal, patient=None),
        await town.server.authorising.deny(town.doctor, proposal),
    ):
        assert (value_in(address, "iss"), value_in(address, "state")) == (ISSUER, "made-up-state-1")


async def test_a_disabled_program_is_not_let_in(town: Town) -> None:
    client = (await town.register()).client
    await town.server.clients.disable(SECURITY, client)
    assert (await refused(town.server.authorising.propose(town.doctor, asked(client)))).code == "oauth-client-unknown"


@pytest.mark.parametrize("kind", ["password", "implicit", "urn:ietf:params:oauth:grant-type:device_code"])
async def test_other_grants_do_not_exist(town: Town, kind: str) -> None:
    client = (await town.register()).client
    form = [("grant_type", kind), ("client_id", client), ("username", "u"), ("password", "p")]
    assert (await refused(town.server.exchanging.token(form, ""))).code == "oauth-grant-type-unknown"


# Starting from a page of ours


async def test_a_launch_is_good_once_for_its_program_and_session(town: Town) -> None:
    client = (await town.register(launch_at="https://app.example/launch")).client
    found = await town.server.clients.find(client)
    assert found is not None
    address = await town.server.launches.start(town.doctor, found, "made-up-patient")
    assert value_in(address, "iss") == BASE
    fields = {"scope": "launch patient/*.rs", "launch": value_in(address, "launch")}
    other = await begin_session(town, town.doctor, "s-other")
    told = await refused_to_program(town.server.authorising.propose(other, asked(client, **fields)))
    assert told.refusal.details["reason"] == "launch-unknown"
    proposal = await town.server.authorising.propose(town.doctor, asked(client, **fields))
    code = value_in(await town.server.authorising.approve(town.doctor, proposal, patient="another"), "code")
    assert (await town.server.exchanging.token(town.exchange(client, code), ""))["patient"] == "made-up-patient"
    again = await refused_to_program(town.server.authorising.approve(town.doctor, proposal, patient=None))
    assert again.refusal.details["reason"] == "launch-used"


async def test_a_launch_is_over_after_five_minutes(town: Town) -> None:
    client = (await town.register(launch_at="https://app.example/launch")).client
    found = await town.server.clients.find(client)
    assert found is not None
    address = await town.server.launches.start(town.doctor, found, "made-up-patient")
    town.clock.forward(300)
    fields = {"scope": "launch patient/*.rs", "launch": value_in(address, "launch")}
    told = await refused_to_program(town.server.authorising.propose(town.doctor, asked(client, **fields)))
    assert told.refusal.details["reason"] == "launch-unknown"


def _hs256(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """The classic: HMAC under the bytes of the public key, made by hand because the library rightly will not."""
    import hmac

    body = letters(encode({**header, "alg": "HS256"})) + "." + letters(encode(claims))
    return f"{body}.{letters(hmac.digest(secret, body.encode(), 'sha256'))}"
