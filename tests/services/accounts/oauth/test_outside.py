"""Signing in with another's provider: who is proven, and each attack on the way, refused and told."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey
from msgspec.json import decode, encode

from tests.services.accounts.oauth.abroad import Network, Provided
from tests.services.accounts.oauth.made_up import NOON, SECURITY, Town
from tests.services.accounts.oauth.test_codes_and_tokens import refused
from tianfu.kernel.instants import SECOND
from tianfu.services.accounts.oauth.model.secrets import SECRET_BYTES, secret_of
from tianfu.services.accounts.outside import OutsideProviders, Proven, Provider

pytestmark = pytest.mark.anyio

BROWSER = "made-up-browser-secret"
THEIRS = ("https://one.example", "https://two.example")


@dataclass
class Abroad:
    """Two providers, and a browser on its way to one of them."""

    outside: OutsideProviders
    network: Network

    async def begin(self, key: str = "one", browser: str = BROWSER) -> str:
        """The state with which a browser comes back."""
        address = await self.outside.begin(key, browser, state=secret_of(os.urandom(SECRET_BYTES)).text)
        question = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        there = self.network.providers["https://" + urlsplit(address).netloc]
        there.nonce, there.challenge = question["nonce"], question["code_challenge"]
        assert question["redirect_uri"] == f"https://here.example/enter/outside/{key}"
        return question["state"]

    async def back(self, state: str, key: str = "one", browser: str = BROWSER, **changes: str | None) -> Proven:
        fields = {"code": "made-up", "state": state, "iss": "https://one.example", **changes}
        sent = [(name, value) for name, value in fields.items() if value is not None]
        return await self.outside.finish(key, sent, browser)


@pytest.fixture
def abroad(town: Town) -> Abroad:
    network = Network({issuer: Provided(issuer) for issuer in THEIRS})
    providers = [
        Provider(
            key=key,
            issuer=issuer,
            client="tianfu",
            secret="made-up",
            redirect=f"https://here.example/enter/outside/{key}",
            names={"en": key},
            is_enough_for_staff=True,
        )
        for key, issuer in zip(("one", "two"), THEIRS, strict=True)
    ]
    return Abroad(OutsideProviders(town.database, providers, network, town.server.trail, town.clock), network)


async def test_whoever_comes_back_is_proven_and_named_by_the_table_alone(town: Town, abroad: Abroad) -> None:
    proven = await abroad.back(await abroad.begin())
    assert proven == Proven(issuer="https://one.example", subject="her-number-there")
    assert (await refused(abroad.outside.account_of(proven))).code == "outside-not-linked"
    await abroad.outside.link(SECURITY, "made-up-doctor", proven)
    assert await abroad.outside.account_of(proven) == "made-up-doctor"
    assert (await refused(abroad.outside.link(SECURITY, "made-up-resident", proven))).code == "outside-linked"
    elsewhere = Proven(issuer="https://two.example", subject=proven.subject)
    assert (await refused(abroad.outside.account_of(elsewhere))).code == "outside-not-linked"
    await abroad.outside.unlink(SECURITY, "made-up-doctor", proven.issuer)
    assert (await refused(abroad.outside.account_of(proven))).code == "outside-not-linked"


async def reason(abroad: Abroad, town: Town, state: str, key: str = "one", browser: str = BROWSER, **more: Any) -> str:
    refusal = await refused(abroad.back(state, key, browser, **more))
    assert refusal.code in {"outside-refused", "outside-unreachable"}
    rows = await town.run("select outcome, query from audit where interaction = 'outside-sign-in' order by at, seq")
    assert rows[-1][0] == refusal.code
    assert f"reason={refusal.details['reason']}" in rows[-1][1]
    return refusal.details["reason"]


async def test_an_answer_is_taken_once(town: Town, abroad: Abroad) -> None:
    state = await abroad.begin()
    await abroad.back(state)
    assert await reason(abroad, town, state) == "state"


async def test_an_answer_to_another_browser_is_refused(town: Town, abroad: Abroad) -> None:
    assert await reason(abroad, town, await abroad.begin(), browser="another") == "another-browser"
    assert abroad.network.posted == []


async def test_an_answer_without_a_state_of_ours_is_refused(town: Town, abroad: Abroad) -> None:
    await abroad.begin()
    assert await reason(abroad, town, "made-up") == "state"


async def test_an_answer_that_took_too_long_is_refused(town: Town, abroad: Abroad) -> None:
    state = await abroad.begin()
    town.clock.forward(600)
    assert await reason(abroad, town, state) == "state"


@pytest.mark.parametrize("issuer", ["https://two.example", "https://one.example/", None])
async def test_issuer_mix_up_sends_no_code_to_the_wrong_provider(
    town: Town, abroad: Abroad, issuer: str | None
) -> None:
    assert await reason(abroad, town, await abroad.begin(), iss=issuer) == "mix-up-issuer"
    assert abroad.network.posted == []


async def test_issuer_mix_up_at_another_provider_s_way_back_is_refused(town: Town, abroad: Abroad) -> None:
    assert await reason(abroad, town, await abroad.begin("one"), key="two") == "mix-up-redirect"
    assert abroad.network.posted == []


async def test_a_document_that_says_it_is_another_s_is_refused(town: Town, abroad: Abroad) -> None:
    abroad.network.claimed_issuer = "https://two.example"
    assert (await refused(abroad.outside.begin("one", BROWSER, state="s" * 43))).details["reason"] == "discovery-issuer"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"iss": "https://two.example"}, "id-token-issuer"),
        ({"aud": "another"}, "id-token-audience"),
        ({"aud": ["tianfu", "another"]}, "id-token-audience"),
        ({"azp": "another"}, "id-token-audience"),
        ({"nonce": "another"}, "id-token-nonce"),
        ({"exp": NOON // SECOND - 60}, "id-token-expired"),
        ({"iat": NOON // SECOND - 3_600}, "id-token-age"),
        ({"iat": NOON // SECOND + 3_600}, "id-token-age"),
        ({"sub": ""}, "id-token-subject"),
    ],
)
async def test_an_id_token_that_is_not_wholly_good_proves_nobody(
    town: Town, abroad: Abroad, changes: dict[str, Any], fault: str
) -> None:
    abroad.network.providers["https://one.example"].changes = changes
    assert await reason(abroad, town, await abroad.begin()) == fault


async def test_algorithm_confusion_in_an_id_token_proves_nobody(town: Town, abroad: Abroad) -> None:
    there = abroad.network.providers["https://one.example"]
    state = await abroad.begin()
    sound = there.token("tianfu")
    claims = sound.split(".")[1]
    secret = OctKey.import_key(encode(there.key.as_dict(private=False)))
    thief = ECKey.generate_key("P-256", {"kid": "p1"})
    head = {"alg": "ES256", "kid": "p1", "jwk": thief.as_dict(private=False)}
    attempts = {
        "id-token-algorithm": [
            f"eyJhbGciOiJub25lIn0.{claims}.AA",
            jws.serialize_compact({"alg": "HS256", "kid": "p1"}, b"{}", secret, algorithms=["HS256"]),
        ],
        "id-token-BadSignatureError": [jws.serialize_compact(head, b"{}", thief, algorithms=["ES256"])],
    }
    for fault, texts in attempts.items():
        for there.text in texts:
            assert await reason(abroad, town, state) == fault
            state = await abroad.begin()


async def test_neither_nonce_nor_verifier_lies_in_the_table(town: Town, abroad: Abroad) -> None:
    state = await abroad.begin()
    rows = str(await town.run("select * from outside_sign_in"))
    assert state not in rows
    assert abroad.network.providers["https://one.example"].nonce not in rows


async def test_a_key_that_the_provider_changed_is_looked_up_anew(town: Town, abroad: Abroad) -> None:
    await abroad.back(await abroad.begin())
    there = abroad.network.providers["https://one.example"]
    there.key = ECKey.generate_key("P-256", {"kid": "p2"})
    town.clock.forward(40)
    proven = await abroad.back(await abroad.begin())
    assert proven.subject == "her-number-there"


async def test_a_key_that_the_provider_withdrew_proves_nobody(town: Town, abroad: Abroad) -> None:
    await abroad.back(await abroad.begin())
    there = abroad.network.providers["https://one.example"]
    withdrawn = there.key
    there.key = ECKey.generate_key("P-256", {"kid": "p2"})
    town.clock.forward(300)
    state = await abroad.begin()
    there.text = jws.serialize_compact({"alg": "ES256", "kid": "p1"}, b"{}", withdrawn, algorithms=["ES256"])
    assert await reason(abroad, town, state) == "id-token-key"


async def test_a_provider_that_is_down_is_asked_once_in_five_seconds(town: Town, abroad: Abroad) -> None:
    abroad.network.is_down = True
    for _ in range(3):
        assert (await refused(abroad.outside.begin("one", BROWSER, state="s" * 43))).code == "outside-unreachable"
    assert len(abroad.network.asked) == 1
    abroad.network.is_down = False
    town.clock.forward(6)
    await abroad.begin()


async def test_a_provider_that_is_down_keeps_nobody_from_another(town: Town, abroad: Abroad) -> None:
    abroad.network.is_down = True
    await refused(abroad.outside.begin("one", BROWSER, state="s" * 43))
    abroad.network.is_down = False
    await abroad.begin("two")


@pytest.mark.parametrize("place", ["http://localhost:5432/", "http://one.example/token", "ftp://one.example/token"])
async def test_a_document_that_leads_back_into_this_machine_is_refused(town: Town, abroad: Abroad, place: str) -> None:
    abroad.network.places = {"token_endpoint": place}
    refusal = await refused(abroad.outside.begin("one", BROWSER, state="s" * 43))
    assert refusal.details["reason"] == "discovery-address"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("access_denied", "outside-denied"),
        ("login_required", "outside-denied"),
        ("temporarily_unavailable", "outside-busy"),
        ("server_error", "outside-busy"),
        ("<script>", "outside-refused"),
    ],
)
async def test_an_error_of_the_provider_is_told_by_our_words(town: Town, abroad: Abroad, error: str, code: str) -> None:
    state = await abroad.begin()
    refusal = await refused(abroad.back(state, code=None, error=error))
    assert refusal.code == code
    assert "<" not in str(refusal.details)
    rows = await town.run("select outcome from audit where interaction = 'outside-sign-in' order by at, seq")
    assert rows[-1][0] == code


async def test_an_error_of_another_provider_is_not_believed(town: Town, abroad: Abroad) -> None:
    state = await abroad.begin()
    refusal = await refused(abroad.back(state, code=None, error="access_denied", iss="https://two.example"))
    assert refusal.details["reason"] == "mix-up-issuer"


async def test_a_key_of_our_own_shows_the_provider_who_we_are(town: Town, abroad: Abroad) -> None:
    key = ECKey.generate_key("P-256", {"kid": "ours"})
    [one, _] = abroad.outside.all
    outside = OutsideProviders(
        town.database, [replace(one, secret=None, signing=key)], abroad.network, town.server.trail, town.clock
    )
    abroad.outside = outside
    await abroad.back(await abroad.begin())
    form = abroad.network.forms[-1]
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    signed = jws.deserialize_compact(form["client_assertion"], key, algorithms=["ES256"])
    claims = decode(signed.payload)
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("tianfu", "tianfu", "https://one.example/token")
    assert claims["exp"] - NOON // SECOND == 60


async def test_a_link_that_was_taken_away_can_be_made_again(town: Town, abroad: Abroad) -> None:
    proven = Proven(issuer="https://one.example", subject="her-number-there")
    await abroad.outside.link(SECURITY, "made-up-doctor", proven)
    [link] = await abroad.outside.links_of("made-up-doctor")
    assert (link.issuer, link.provider) == (proven.issuer, "one")
    await abroad.outside.unlink(SECURITY, "made-up-doctor", proven.issuer)
    assert await abroad.outside.links_of("made-up-doctor") == ()
    assert (
        await refused(abroad.outside.unlink(SECURITY, "made-up-doctor", proven.issuer))
    ).code == "credential-unknown"
    await abroad.outside.link(SECURITY, "made-up-resident", proven)
    assert await abroad.outside.account_of(proven) == "made-up-resident"
