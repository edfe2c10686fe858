"""Providers elsewhere, as the network shows them: the outermost edge, and the only thing that is made up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from joserfc import jws
from joserfc.jwk import ECKey
from msgspec.json import encode

from tests.services.accounts.oauth.made_up import NOON, challenge
from tianfu.kernel.instants import SECOND
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.fetching import unreachable


@dataclass
class Provided:
    """A provider elsewhere, which checks what it is sent as a real one does; the outermost edge."""

    issuer: str
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "p1"}))
    nonce: str = ""
    challenge: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    text: str | None = None
    subject: str = "her-number-there"

    def token(self, client: str) -> str:
        claims = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": client,
            "iat": NOON // SECOND,
            "exp": NOON // SECOND + 300,
            "nonce": self.nonce,
            **self.changes,
        }
        header = {"alg": "ES256", "kid": self.key.kid}
        return jws.serialize_compact(header, encode(claims), self.key, algorithms=["ES256"])


@dataclass
class Network:
    """The way to the providers."""

    providers: dict[str, Provided]
    posted: list[str] = field(default_factory=list)
    says_issuer: bool = True
    claimed_issuer: str | None = None
    places: dict[str, str] = field(default_factory=dict)
    is_down: bool = False
    asked: list[str] = field(default_factory=list)
    forms: list[Mapping[str, str]] = field(default_factory=list)

    async def get(self, address: str) -> bytes:
        self.asked.append(address)
        if self.is_down:
            raise unreachable("ConnectTimeout")
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
                **self.places,
            }
        )

    async def post(self, address: str, form: Mapping[str, str], *, authorization: str | None) -> bytes:
        issuer = "https://" + urlsplit(address).netloc
        self.posted.append(issuer)
        self.forms.append(form)
        there = self.providers[issuer]
        if challenge(form["code_verifier"]) != there.challenge:
            raise Refusal("outside-unreachable", details={"reason": "status-400"})
        return encode({"id_token": there.text or there.token(form.get("client_id", "tianfu"))})
