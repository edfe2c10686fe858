"""A device proves that it has its key: a signature over the request, the grant and the body (after RFC 9449).

The key is made in the browser (P-256, not extractable) and never leaves it.  Unlike RFC 9449 a proof needs no clock
and no number of its own: it names a grant that is good once, or an address that nobody knew before it was given out.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from hashlib import sha256

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.model.secrets import letters

PROOF_TYPE = "dpop+jwt"
ALGORITHM = "ES256"
PROOF_LETTERS_MAX = 4_096


class PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A public key on P-256 as a JWK (RFC 7518, section 6.2.1); a private one has more members, and is refused."""

    kty: str
    crv: str
    x: str
    y: str


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    typ: str
    alg: str
    jwk: PublicKey


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a device signs: `htm` and `htu` are method and address, `ath` and `body` digests of grant and body.

    `visit` and `camera` are what it believes that it comes to; `ath` is empty where no grant is shown.
    """

    htm: str
    htu: str
    body: str
    ath: str = ""
    visit: str = ""
    camera: str = ""


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device that proved to have its key: the key's thumbprint, and what it signed."""

    thumbprint: str
    proof: Proof


def proven(text: str, *, method: str, address: str, grant: str, body: bytes) -> Device:
    """The device that signed this very request.

    Raises Refusal `device-proof-missing` without a proof and `device-proof-refused` for one that proves something else.
    """
    if not text:
        raise Refusal("device-proof-missing", next_step="join-again")
    if len(text) > PROOF_LETTERS_MAX or not text.isascii():
        raise _refused("form")
    try:
        head = text.partition(".")[0]
        header = msgspec.json.decode(urlsafe_b64decode(head + "=" * (-len(head) % 4)), type=_Header)
        if header.typ != PROOF_TYPE or header.alg != ALGORITHM or header.jwk.kty != "EC" or header.jwk.crv != "P-256":
            raise _refused("header")
        key = ECKey.import_key(msgspec.to_builtins(header.jwk))
        proof = msgspec.json.decode(jws.deserialize_compact(text, key, algorithms=[ALGORITHM]).payload, type=Proof)
    except (JoseError, msgspec.MsgspecError, ValueError) as error:
        raise _refused(type(error).__name__) from error
    if proof.htm != method or proof.htu != address:
        raise _refused("address")
    if proof.body != digest(body) or proof.ath != (digest(grant.encode()) if grant else ""):
        raise _refused("digest")
    return Device(thumbprint=letters(sha256(_canonical(header.jwk)).digest()), proof=proof)


def thumbprint_of(jwk: Mapping[str, object]) -> str:
    """The thumbprint of a device's public key as a browser exports it (RFC 7638); other members are passed over.

    Raises Refusal `device-key-malformed` for what is no public key on P-256.
    """
    try:
        if "d" in jwk:
            raise ValueError("private")
        key = msgspec.convert({name: jwk.get(name) for name in ("kty", "crv", "x", "y")}, type=PublicKey)
        if key.kty != "EC" or key.crv != "P-256":
            raise ValueError("curve")
        ECKey.import_key(msgspec.to_builtins(key))
    except (JoseError, msgspec.MsgspecError, ValueError) as error:
        raise Refusal("device-key-malformed", next_step="use-another-browser") from error
    return letters(sha256(_canonical(key)).digest())


def digest(value: bytes) -> str:
    """SHA-256 in letters, as a proof names what it is about."""
    return letters(sha256(value).digest())


def _canonical(key: PublicKey) -> bytes:
    """The required members in the order of their names and nothing else (RFC 7638, section 3)."""
    return msgspec.json.encode({"crv": key.crv, "kty": key.kty, "x": key.x, "y": key.y})


def _refused(reason: str) -> Refusal:
    return Refusal("device-proof-refused", next_step="join-again", details={"reason": reason})
