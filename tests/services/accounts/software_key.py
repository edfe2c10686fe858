"""An authenticator in software: it makes passkeys and shows them as Web Authentication Level 3 says, or lies as told.

https://www.w3.org/TR/webauthn-3/ , sections 5.8.1 (client data), 6.1 (authenticator data) and 6.5.4 (attestation).
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes
from struct import pack
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

HOST, ORIGIN = "tianfu.example", "https://tianfu.example"

PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40


@dataclass
class SoftwareKey:
    """One device with one passkey; what it says can be changed by name, each lie alone."""

    private: EllipticCurvePrivateKey = field(default_factory=lambda: generate_private_key(SECP256R1()))
    key_id: bytes = field(default_factory=lambda: token_bytes(32))
    user: bytes = b""
    count: int = 0
    counts: bool = True

    def make(self, options: str, **lies: Any) -> str:
        """What the browser answers when a passkey was made."""
        asked = json.loads(options)
        self.user = from_text(asked["user"]["id"])
        key_id = lies.get("key_id", self.key_id)
        attested = bytes(16) + pack(">H", len(key_id)) + key_id + lies.get("public_key", self.public_key)
        told = authenticator_data(attested=attested, count=self.count, **_of(lies, "host", "flags"))
        statement = {"fmt": "none", "attStmt": {}, "authData": told, **lies.get("attestation", {})}
        response = {
            "clientDataJSON": text(client_data("webauthn.create", asked["challenge"], _of_client(lies))),
            "attestationObject": text(cbor2.dumps(statement)),
            "transports": ["internal"],
        }
        return self._answer(response, lies)

    def show(self, options: str, **lies: Any) -> str:
        """What the browser answers when the passkey was shown."""
        asked = json.loads(options)
        if self.counts:
            self.count += 1
        count = lies.get("count", self.count)
        told = authenticator_data(count=count, **_of(lies, "host", "flags"))
        client = client_data("webauthn.get", asked["challenge"], _of_client(lies))
        signature = self.private.sign(told + sha256(client).digest(), ECDSA(SHA256()))
        response = {
            "clientDataJSON": text(client),
            "authenticatorData": text(lies.get("told_instead", told)),
            "signature": text(lies.get("signature", signature)),
            "userHandle": lies.get("user", text(self.user)),
        }
        return self._answer(response, lies)

    @property
    def public_key(self) -> bytes:
        """The public key as COSE writes it (RFC 9053, section 7.1.1)."""
        numbers = self.private.public_key().public_numbers()
        return cose_key(numbers.x, numbers.y)

    def _answer(self, response: dict[str, Any], lies: dict[str, Any]) -> str:
        key_id = text(lies.get("key_id", self.key_id))
        whole = {"id": key_id, "rawId": key_id, "type": "public-key", "response": response}
        return json.dumps({**whole, "clientExtensionResults": {}, **lies.get("answer", {})})


def cose_key(x: int, y: int) -> bytes:
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x.to_bytes(32), -3: y.to_bytes(32)})


def client_data(kind: str, challenge: str, changes: dict[str, Any]) -> bytes:
    told = {"type": kind, "challenge": challenge, "origin": ORIGIN, "crossOrigin": False, **changes}
    return json.dumps(told, separators=(",", ":")).encode()


def authenticator_data(
    *, host: str = HOST, flags: int = PRESENT | VERIFIED, count: int = 0, attested: bytes = b""
) -> bytes:
    flags |= ATTESTED if attested else 0
    return sha256(host.encode()).digest() + bytes([flags]) + pack(">I", count) + attested


def text(value: bytes) -> str:
    """Bytes as base64url without padding."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


def from_text(value: str) -> bytes:
    return urlsafe_b64decode(value + "=" * (-len(value) % 4))


def _of(lies: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: lies[name] for name in names if name in lies}


def _of_client(lies: dict[str, Any]) -> dict[str, Any]:
    return _of(lies, "type", "challenge", "origin", "crossOrigin", "topOrigin")
