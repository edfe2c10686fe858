"""Access tokens and id tokens as signed texts, and who stands behind one that is shown (RFC 9068, RFC 8725)."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from dataclasses import dataclass, replace
from hashlib import sha256

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from tianfu.access.caller import Caller
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.underway import Underway
from tianfu.services.accounts.oauth.families import Families, Living
from tianfu.services.accounts.oauth.keys import SigningKeys
from tianfu.services.accounts.oauth.model.claims import (
    ACCESS_TYPE,
    ALGORITHM,
    FORM,
    ID_TYPE,
    TOKEN_BYTES_MAX,
    AccessClaims,
    Header,
    IdClaims,
    access_header,
    fault_of_access,
)
from tianfu.services.accounts.oauth.model.scopes import scopes_of
from tianfu.services.accounts.oauth.model.secrets import letters

ACCESS_SECONDS = 10 * 60
"""How long a person's access token lives."""

BACKEND_SECONDS = 5 * 60
"""SMART Backend Services asks for five minutes."""

LOOK_AGAIN_SECONDS = 1.0
"""How long a token is believed before we look again whether anything that it stands on has ended."""

KNOWN_MAX = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Who shows a token that is good: the caller, narrowed by the token's scopes, and the program.

    What the caller may do and what the scopes say must both allow a deed.  `patient` is the one of the launch, whom
    scopes that begin with `patient/` are about.
    """

    caller: Caller
    client: str
    family: str
    scopes: tuple[str, ...]
    patient: str | None
    proved_at: Instant
    since: Instant
    until: Instant


@dataclass(slots=True)
class _Known:
    bearer: Bearer
    looked_at: Instant

    @property
    def look_again_at(self) -> Instant:
        return Instant(self.looked_at + int(LOOK_AGAIN_SECONDS * SECOND))


class AccessTokens:
    """Makes and reads access tokens of one issuer."""

    def __init__(self, keys: SigningKeys, families: Families, *, issuer: str, clock: Clock) -> None:
        self._keys = keys
        self._families = families
        self._issuer = issuer
        self._clock = clock
        self._known: dict[tuple[bytes, str], _Known] = {}
        self._underway: Underway[tuple[bytes, str], Bearer] = Underway()

    async def write(
        self, living: Living, audience: str, scopes: tuple[str, ...], *, user: str | None
    ) -> tuple[str, int]:
        """An access token for a door, and for how many seconds it is good; `user` is its `fhirUser`."""
        now = self._clock()
        seconds_max = BACKEND_SECONDS if living.session is None else ACCESS_SECONDS
        seconds = min(seconds_max, (living.until - now) // SECOND)
        begins = now // SECOND
        claims = AccessClaims(
            iss=self._issuer,
            aud=audience,
            sub=living.caller.id,
            client_id=living.client,
            iat=begins,
            exp=begins + seconds,
            jti=new_uuid7(),
            scope=" ".join(scopes),
            family=living.id,
            sid=living.session,
            patient=living.patient,
            fhirUser=user,
            organisation=living.caller.organisation,
        )
        key = await self._keys.current()
        header = dict(access_header(str(key.kid)))
        return jws.serialize_compact(header, msgspec.json.encode(claims), key, algorithms=[ALGORITHM]), seconds

    async def write_id(self, claims: IdClaims) -> str:
        """An id token; its `typ` keeps it from being taken for an access token."""
        key = await self._keys.current()
        header = {"alg": ALGORITHM, "typ": ID_TYPE, "kid": str(key.kid)}
        return jws.serialize_compact(header, msgspec.json.encode(claims), key, algorithms=[ALGORITHM])

    async def read(self, text: bytes, audience: str, now: Instant) -> Bearer:
        """Who stands behind a token that is shown at a door.

        Raises Refusal `token-refused`, `token-expired` for a true one that is over, and `token-ended` once its session,
        authorisation, program, workplace or account has ended: within a second.  The detail `reason` is for the log.
        """
        believed = self.believed(text, audience, now)
        if believed is not None:
            return believed
        return await self._underway.ask((text, audience), lambda: self._read(text, audience, now))

    def believed(self, text: bytes, audience: str, now: Instant) -> Bearer | None:
        """Who stands behind a token that was read less than `LOOK_AGAIN_SECONDS` ago."""
        known = self._known.get((text, audience))
        if known is None or not known.looked_at <= now < known.look_again_at or now >= known.bearer.until:
            return None  # also where the clock was set back: else what has ended would be believed until it is made up
        return known.bearer

    async def _read(self, text: bytes, audience: str, now: Instant) -> Bearer:
        key = text, audience
        known = self._known.pop(key, None)  # what is refused now must not be believed by the next one either
        claims = await self.claims(text, audience, now)
        living = await self._families.living(claims.family)
        if living is None or living.client != claims.client_id or living.caller.id != claims.sub:
            raise Refusal(
                "token-ended", next_step="sign-in-again", details={"reason": "ended", "family": claims.family}
            )
        bearer = _bearer(claims, living)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()  # all are looked at anew; a full table is no reason to believe longer
        if known is not None and known.bearer == bearer:
            bearer = known.bearer  # the same value, so that what is remembered of it by others stays
        self._known[key] = _Known(bearer, now)
        return bearer

    async def claims(self, text: bytes, audience: str, now: Instant) -> AccessClaims:
        """What a token of ours says that is not over; whether what it stands on has ended is not looked at."""
        if len(text) > TOKEN_BYTES_MAX or FORM.match(text) is None:
            raise _refused("no-token")
        try:
            header = msgspec.json.decode(_decoded(text.partition(b".")[0]), type=Header)
        except (msgspec.MsgspecError, ValueError) as error:
            raise _refused("header") from error
        if header.alg != ALGORITHM or header.typ != ACCESS_TYPE:
            raise _refused("header")
        key = await self._keys.known(header.kid)
        if key is None:
            raise _refused("key")
        try:
            signed = jws.deserialize_compact(text, key, algorithms=[ALGORITHM])
            claims = msgspec.json.decode(signed.payload, type=AccessClaims)
        except (JoseError, msgspec.MsgspecError, ValueError) as error:
            raise _refused(type(error).__name__) from error
        if (fault := fault_of_access(claims, issuer=self._issuer, audience=audience)) is not None:
            raise _refused(fault)
        if now < claims.iat * SECOND:
            raise _refused("not-yet-valid")
        if now >= claims.exp * SECOND:
            raise Refusal("token-expired", next_step="sign-in-again", details={"reason": "expired"})
        return claims


def at_hash(access_token: str) -> str:
    """What ties an id token to the access token beside it (OpenID Connect Core 1.0, section 3.1.3.6)."""
    return letters(sha256(access_token.encode()).digest()[:16])


def fhir_user(caller: Caller, base: str) -> str | None:
    """The address of the record that says who a person is (SMART's `fhirUser`); None if there is none."""
    if caller.practitioner is not None:
        return f"{base}/Practitioner/{caller.practitioner}"
    if caller.patients:
        return f"{base}/Patient/{caller.patients[0]}"
    return f"{base}/RelatedPerson/{caller.related[0]}" if caller.related else None


def _decoded(part: bytes) -> bytes:
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _refused(reason: str) -> Refusal:
    """What is shown is no token of this issuer, for this door."""
    return Refusal("token-refused", next_step="sign-in-again", details={"reason": reason})


def _bearer(claims: AccessClaims, living: Living) -> Bearer:
    scopes = scopes_of(claims.scope.split(" "))
    return Bearer(
        caller=replace(living.caller, scopes=scopes, launch_patient=claims.patient),
        client=living.client,
        family=living.id,
        scopes=tuple(claims.scope.split(" ")) if claims.scope else (),
        patient=claims.patient,
        proved_at=living.proved_at,
        since=Instant(claims.iat * SECOND),
        until=Instant(claims.exp * SECOND),
    )
