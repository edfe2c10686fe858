"""Signing in with another's provider: who is proven, and each attack on the way, refused and told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey
from msgspec.json import encode

from tests.services.accounts.oauth.made_up import NOON, SECURITY, Town, challenge
from tests.services.accounts.oauth.test_codes_and_tokens import refused
from tianfu.kernel.instants import SECOND
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.model.secrets import SECRET_BYTES, secret_of
from tianfu.services.accounts.outside import OutsideProviders, Proven, Provider

pytestmark = pytest.mark.anyio

BROWSER = "made-up-browser-secret"
THEIRS = ("https://one.example", "https://two.example")


@dataclass
class Provided:
    """A provider elsewhere, which checks what it is sent as a real one does; the outermost edge."""

    issuer: str
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "p1"}))
    nonce: str = ""
    challenge: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    text: str | None = None

    def token(self, client: str) -> str:
        claims = {
            "iss": self.issuer,
            "sub": "her-number-there",
            "aud": client,
            "iat": NOON // SECOND,
            "exp": NOON // SECOND + 300,
            "nonce": self.nonce,
            **self.changes,
        }
        return jws.serialize_compact({"alg": "ES256", "kid": "p1"}, encode(claims), self.key, algorithms=["ES256"])


@dataclass
class Network:
    """The way to the providers."""

    providers: dict[str, Provided]
    posted: list[str] = field(default_factory=list)
    says_issuer: bool = True
    claimed_issuer: str | None = None

    async def get(self, address: str) -> bytes:
        issuer = "https://" + urlsplit(address).netloc
        if address.endswith("/keys"):
            return encode({"keys": [self.providers[issuer].key.as_dict(private=False)]})
        return encode(
            {
                "issuer": self.claimed_issuer or issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "jwks_uri": f"{issuer}/keys",
                "authorization_response_iss_parameter_supported": self.says_issuer,
            }
        )

    async def post(self, address: str, form: Mapping[str, str], *, authorization: str | None) -> bytes:
        issuer = "https://" + urlsplit(address).netloc
        self.posted.append(issuer)
        there = self.providers[issuer]
        if challenge(form["code_verifier"]) != there.challenge:
            raise Refusal("outside-unreachable", details={"reason": "status-400"})
        return encode({"id_token": there.text or there.token(form.get("client_id", "tianfu"))})


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
