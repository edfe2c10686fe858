"""The door for programs over HTTP: discovery, answers and errors in the form that programs expect."""

from __future__ import annotations

import re

import pytest
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oidc.discovery import OpenIDProviderMetadata

from tests.gateways.smart.conftest import Installation
from tests.services.accounts.oauth.made_up import ISSUER, assertion, backend_form, made_up_key
from tianfu.gateways.smart.metadata import CAPABILITIES, openid_metadata, server_metadata, smart_metadata

pytestmark = pytest.mark.anyio


async def test_discovery_documents_are_what_the_standards_ask_for(here: Installation) -> None:
    for path in (
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/fhir/.well-known/smart-configuration",
    ):
        answer = await here.client.get(path)
        assert answer.status_code == 200, path
        assert answer.json()["issuer"] == ISSUER
        assert answer.headers["access-control-allow-origin"] == "*"
    smart = (await here.client.get("/fhir/.well-known/smart-configuration")).json()
    assert smart["capabilities"] == list(CAPABILITIES)
    assert smart["code_challenge_methods_supported"] == ["S256"]


def test_discovery_documents_pass_a_library_s_own_checks() -> None:
    issuer = "https://records.example"
    AuthorizationServerMetadata(server_metadata(issuer)).validate()
    told = openid_metadata(issuer)
    assert told["id_token_signing_alg_values_supported"] == ["ES256"]
    # The one point in which we differ, by decision: no RS256, which Discovery 1.0 asks for.
    OpenIDProviderMetadata({**told, "id_token_signing_alg_values_supported": ["ES256", "RS256"]}).validate()
    assert smart_metadata(issuer)["token_endpoint"] == f"{issuer}/oauth/token"


async def test_every_address_that_discovery_names_is_there(here: Installation) -> None:
    found = (await here.client.get("/.well-known/openid-configuration")).json()
    for name, value in found.items():
        if name.endswith("_endpoint") or name == "jwks_uri":
            answer = await here.client.request("OPTIONS", value)
            assert answer.status_code in {200, 204}, name


async def test_a_backend_service_signs_in_over_http(here: Installation) -> None:
    key = made_up_key()
    client = await here.town.register_backend(key)
    form = dict(backend_form(assertion(client, key, here.town.clock)))
    answer = await here.client.post("/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["token_type"] == "Bearer"


async def test_errors_are_oauth_s_and_tell_no_reason(here: Installation) -> None:
    client = (await here.town.register()).client
    code = await here.town.code(client)
    cases = [
        ({"grant_type": "client_credentials", "client_id": "unknown"}, 401, "invalid_client"),
        ({"grant_type": "password", "client_id": client}, 400, "unsupported_grant_type"),
        ({"client_id": client}, 400, "invalid_request"),
        (dict(here.town.exchange(client, code, code_verifier="x" * 43)), 400, "invalid_grant"),
    ]
    for form, status, error in cases:
        answer = await here.client.post("/oauth/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert re.fullmatch(r"oauth-[a-z-]+ [0-9A-Z]{4}-[0-9A-Z]{2}", answer.json()["error_description"])
        assert "verifier" not in answer.text


async def test_what_is_no_form_is_refused(here: Installation) -> None:
    for sent in (
        {"json": {"grant_type": "x"}},
        {"content": b"grant_type=x"},
        {"data": {"client_id": "x"}, "params": {"client_secret": "in-the-address"}},
        {"data": {"client_id": "x" * 70_000}},
    ):
        answer = await here.client.post("/oauth/token", **sent)  # type: ignore[arg-type]  # several ways to send
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_tokens_are_not_given_by_get(here: Installation) -> None:
    answer = await here.client.get("/oauth/token")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST, OPTIONS"


async def test_who_shows_no_token_or_a_bad_one_is_asked_for_one(here: Installation) -> None:
    nothing = await here.client.get("/oauth/userinfo")
    assert (nothing.status_code, nothing.headers["www-authenticate"]) == (401, 'Bearer realm="tianfu"')
    bad = await here.client.get("/oauth/userinfo", headers={"authorization": "Bearer nonsense"})
    assert (bad.status_code, bad.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_a_token_without_the_scope_for_it_learns_nobody_s_name(here: Installation) -> None:
    given = await here.town.tokens((await here.town.register()).client, scope="user/*.rs")
    answer = await here.client.get("/oauth/userinfo", headers={"authorization": f"Bearer {given['access_token']}"})
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert (await here.town.last_told())[:2] == ("program-user", "token-scope-missing")


async def test_another_host_name_is_not_ours(here: Installation) -> None:
    answer = await here.client.get("/oauth/jwks", headers={"host": "evil.example"})
    assert answer.status_code == 403


async def test_whoever_guesses_on_is_slowed_down(here: Installation) -> None:
    form = {"grant_type": "authorization_code", "client_id": "unknown"}
    answers = [(await here.client.post("/oauth/token", data=form)).status_code for _ in range(32)]
    assert answers[0] == 401
    assert answers[-1] == 429


async def test_revocation_answers_alike_for_every_token(here: Installation) -> None:
    client = (await here.town.register()).client
    given = await here.town.tokens(client)
    for token in (given["access_token"], "nonsense"):
        answer = await here.client.post("/oauth/revoke", data={"client_id": client, "token": token})
        assert (answer.status_code, answer.content) == (200, b"")
    assert await here.town.fault(given["access_token"]) == "token-ended"


async def test_the_key_set_holds_public_keys_alone(here: Installation) -> None:
    keys = (await here.client.get("/oauth/jwks")).json()["keys"]
    assert len(keys) == 2
    assert all(key["alg"] == "ES256" and "d" not in key for key in keys)
