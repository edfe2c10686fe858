"""What tokens say: access tokens (RFC 9068), id tokens (OpenID Connect Core 1.0, section 2), assertions (RFC 7523).

One form of header each, and no other: what was made for another use is no token (RFC 8725, section 3.11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.accounts.oauth.model.scopes import ScopesMalformed, words_of

ALGORITHM = "ES256"
ACCESS_TYPE = "at+jwt"
ID_TYPE = "JWT"

ACCESS_SECONDS_MAX = 15 * 60
ASSERTION_SECONDS_MAX = 5 * 60
"""SMART Backend Services: an assertion is over five minutes later at most."""

CLOCKS_APART_SECONDS = 10
"""How far a client's clock may run before ours."""

TOKEN_BYTES_MAX = 8_000
JTI_LETTERS_MAX = 255

FORM = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")


class AccessClaims(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """The claims of an access token; `family` names the authorisation that it came of."""

    iss: str
    aud: str
    sub: str
    client_id: str
    iat: int
    exp: int
    jti: str
    scope: str
    family: str
    sid: str | None = None
    patient: str | None = None
    fhirUser: str | None = None  # noqa: N815 - SMART's name of the claim
    organisation: str | None = None


class IdClaims(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims of an id token; `at_hash` ties it to its access token."""

    iss: str
    aud: str
    sub: str
    iat: int
    exp: int
    auth_time: int
    at_hash: str
    sid: str
    nonce: str | None = None
    fhirUser: str | None = None  # noqa: N815 - SMART's name of the claim
    amr: list[str] = []


class AssertionClaims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of a client assertion; what else it says is passed over."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    jti: str
    iat: int | None = None
    nbf: int | None = None


class Header(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The header of our own tokens: no key and no address of one can be smuggled in."""

    alg: str
    typ: str
    kid: str


def access_header(kid: str) -> Mapping[str, str]:
    """The header of an access token."""
    return {"alg": ALGORITHM, "typ": ACCESS_TYPE, "kid": kid}


def fault_of_access(claims: AccessClaims, *, issuer: str, audience: str) -> str | None:
    """What keeps claims from being an access token of ours for a door; its time is looked at apart."""
    if claims.iss != issuer:
        return "issuer"
    if claims.aud != audience:
        return "audience"
    if not 0 < claims.exp - claims.iat <= ACCESS_SECONDS_MAX:
        return "lifetime"
    try:
        words_of(claims.scope)
    except ScopesMalformed:
        return "scope"
    names = [claims.sub, claims.jti, claims.family, claims.client_id]
    names += [name for name in (claims.patient, claims.organisation) if name is not None]
    return None if all(FHIR_ID.match(name) for name in names) else "name"


def fault_of_assertion(claims: AssertionClaims, *, client: str, audiences: frozenset[str], now: Instant) -> str | None:
    """What keeps claims from saying who a client is (RFC 7523, section 3); whether `jti` is new is looked at apart."""
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != client or claims.sub != client:
        return "assertion-client"
    if len(named) != 1 or named[0] not in audiences:
        return "assertion-audience"  # one audience alone: an assertion for others too could have been shown there
    if not 0 < len(claims.jti) <= JTI_LETTERS_MAX or not claims.jti.isprintable():
        return "assertion-jti"
    if now >= claims.exp * SECOND:
        return "assertion-expired"
    if claims.exp * SECOND > now + (ASSERTION_SECONDS_MAX + CLOCKS_APART_SECONDS) * SECOND:
        return "assertion-lifetime"
    begins = max(claims.nbf or 0, claims.iat or 0)
    return "assertion-not-yet" if begins * SECOND > now + CLOCKS_APART_SECONDS * SECOND else None
