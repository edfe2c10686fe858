"""A made-up device: a key on P-256 and what it signs, as a browser does it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson
from joserfc import jws
from joserfc.jwk import ECKey

from tianfu.services.realtime.protocol.proofs import thumbprint_of


def letters(value: bytes) -> str:
    """SHA-256 in the letters of RFC 4648, section 5, reckoned here once more."""
    return urlsafe_b64encode(sha256(value).digest()).decode().rstrip("=")


class MadeUpDevice:
    """A telephone or a tablet with its own key."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256")

    @property
    def jwk(self) -> Mapping[str, Any]:
        return dict(self.key.as_dict(private=False))

    @property
    def thumbprint(self) -> str:
        return thumbprint_of(self.jwk)

    def proof(self, method: str, address: str, *, content: str = "", grant: str = "", **more: Any) -> str:
        """What it signs for one request; `header` changes the head, all else the claims."""
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk, **more.pop("header", {})}
        claims = {"htm": method, "htu": address, "body": letters(content.encode()), **more}
        if grant:
            claims.setdefault("ath", letters(grant.encode()))
        return jws.serialize_compact(header, orjson.dumps(claims), self.key, algorithms=["ES256"])
