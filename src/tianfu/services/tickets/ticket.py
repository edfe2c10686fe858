"""A ticket as a signed text (JSON Web Token, RFC 7519, with the advice of RFC 8725).

One algorithm (HMAC with SHA-256), one form of header, one issuer, and an audience for each door: what was made for
another use, or by somebody else, is no ticket.  Rule: docs/rules/letting-in.md .
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.rules import rules
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal

ISSUER = "urn:tianfu:tickets"
HEADER: Mapping[str, str] = {"alg": "HS256", "typ": "tianfu-ticket+jwt"}
ALGORITHMS = ["HS256"]

TICKET_BYTES_MAX = 3_500
"""A ticket must fit into a cookie of 4096 bytes, with the cookie's name and attributes."""

KEY_BYTES_MIN = 32

NAMES_MAX = 32
"""Patients and related persons in one ticket."""

_FORM = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")


class Audience(StrEnum):
    """The door a ticket opens; a ticket for one opens no other."""

    MACHINES = "urn:tianfu:fhir"
    PAGES = "urn:tianfu:pages"

    @property
    def seconds_max(self) -> int:
        """How long a ticket for this door may live."""
        return 15 * 60 if self is Audience.MACHINES else 12 * 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Who was let in, for which purposes, at which door, from `since` until before `until`."""

    id: str
    audience: Audience
    caller: Caller
    purposes: tuple[Purpose, ...]
    since: Instant
    until: Instant


class _Claims(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    iss: str
    aud: str
    sub: str
    iat: int
    nbf: int
    exp: int
    jti: str
    role: str
    purposes: list[Purpose]
    organisation: str | None = None
    practitioner: str | None = None
    patients: list[str] = []
    related: list[str] = []


@cache
def roles() -> frozenset[str]:
    """The roles a ticket may name: those with rules, but never one that sees everything."""
    return frozenset(rule.role for rule in rules().values() if not rule.sees_everything)


class TicketOffice:
    """Makes and reads tickets; `key` is at least 32 bytes that only this installation knows."""

    def __init__(self, key: bytes) -> None:
        if len(key) < KEY_BYTES_MIN:
            raise ValueError("the key of tickets is too short")
        self._key = OctKey.import_key(key)

    def write(self, ticket: Ticket) -> str:
        """The ticket as text; raises Refusal `ticket-unusable` for one that `read` would not take."""
        caller = ticket.caller
        claims = _Claims(
            iss=ISSUER,
            aud=ticket.audience.value,
            sub=caller.id,
            iat=ticket.since // SECOND,
            nbf=ticket.since // SECOND,
            exp=ticket.until // SECOND,
            jti=ticket.id,
            role=caller.role,
            purposes=list(ticket.purposes),
            organisation=caller.organisation,
            practitioner=caller.practitioner,
            patients=list(caller.patients),
            related=list(caller.related),
        )
        if (fault := _fault(claims, ticket.audience)) is not None:
            raise Refusal("ticket-unusable", details={"reason": fault})
        text = jws.serialize_compact(dict(HEADER), msgspec.json.encode(claims), self._key, algorithms=ALGORITHMS)
        if len(text) > TICKET_BYTES_MAX:
            raise Refusal("ticket-unusable", details={"reason": "too-long"})
        return text

    def read(self, text: bytes, audience: Audience, *, now: Instant) -> Ticket:
        """The ticket behind a text; raises Refusal `ticket-refused`, or `ticket-expired` for a true one that is over.

        The detail `reason` of a refusal is for the log; a stranger learns nothing from a door that hides it.
        """
        if len(text) > TICKET_BYTES_MAX:
            raise refused("too-long")
        if _FORM.match(text) is None:
            raise refused("no-ticket")
        try:
            signed = jws.deserialize_compact(text, self._key, algorithms=ALGORITHMS)
            claims = msgspec.json.decode(signed.payload, type=_Claims)
        except (JoseError, msgspec.MsgspecError, ValueError) as error:
            raise refused(type(error).__name__) from error
        if signed.headers() != HEADER:
            raise refused("header")
        if (fault := _fault(claims, audience)) is not None:
            raise refused(fault)
        if now < claims.nbf * SECOND:
            raise refused("not-yet-valid")
        if now >= claims.exp * SECOND:
            raise Refusal("ticket-expired", next_step="get-a-new-ticket")
        return _ticket(claims, audience)


def is_ticket(text: bytes) -> bool:
    """Whether a text says of itself that it is a ticket, good or not; tokens of programs say something else."""
    part = text.partition(b".")[0]
    try:
        header = msgspec.json.decode(urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    except (msgspec.MsgspecError, ValueError):
        return False
    return isinstance(header, dict) and header.get("typ") == HEADER["typ"]


def refused(reason: str) -> Refusal:
    """What is shown is no ticket of this installation, for this door."""
    return Refusal("ticket-refused", next_step="get-a-new-ticket", details={"reason": reason})


def _fault(claims: _Claims, audience: Audience) -> str | None:
    """What keeps claims from being a ticket for a door."""
    lived = claims.exp - claims.nbf
    if claims.iss != ISSUER:
        return "issuer"
    if claims.aud != audience.value:
        return "audience"
    if claims.iat != claims.nbf or not 0 < lived <= audience.seconds_max:
        return "lifetime"
    if not claims.purposes or len(set(claims.purposes)) != len(claims.purposes):
        return "purposes"
    if claims.role not in roles():
        return "role"
    if len(claims.patients) > NAMES_MAX or len(claims.related) > NAMES_MAX:
        return "too-many-names"
    names = [claims.sub, claims.jti, *claims.patients, *claims.related]
    names += [name for name in (claims.organisation, claims.practitioner) if name is not None]
    return None if all(FHIR_ID.match(name) for name in names) else "name"


def _ticket(claims: _Claims, audience: Audience) -> Ticket:
    return Ticket(
        id=claims.jti,
        audience=audience,
        caller=Caller(
            id=claims.sub,
            role=claims.role,
            organisation=claims.organisation,
            practitioner=claims.practitioner,
            patients=tuple(claims.patients),
            related=tuple(claims.related),
            session=claims.jti,
        ),
        purposes=tuple(claims.purposes),
        since=Instant(claims.nbf * SECOND),
        until=Instant(claims.exp * SECOND),
    )
