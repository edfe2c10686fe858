"""Signing in with another's provider: who somebody is there, and which of our accounts that is.

We are the relying party (OpenID Connect Core 1.0, RFC 9700, RFC 9207).  The provider says who somebody is and never
what he may do: what comes back is an issuer and a subject, and a table says whose account they name, if anybody's.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec
import orjson
from authlib.oidc.discovery import (  # type: ignore[import-untyped]  # Authlib has no types
    OpenIDProviderMetadata,
)
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from tianfu.access.caller import NOBODY, Caller
from tianfu.db import Database, Transaction, queries
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.underway import Underway
from tianfu.services.accounts.fetching import Fetcher, unreachable
from tianfu.services.accounts.oauth.authentication import ASSERTION_TYPE
from tianfu.services.accounts.oauth.model.clients import is_safe_address
from tianfu.services.accounts.oauth.model.pkce import METHOD, challenge_of
from tianfu.services.accounts.oauth.model.requests import Parameters, RequestMalformed, once
from tianfu.services.accounts.oauth.model.secrets import SECRET_BYTES, digest_of, is_secret, letters, secret_of
from tianfu.services.accounts.oauth.trail import ProgramTrail

ALGORITHMS = ("ES256", "PS256", "RS256")
"""How a provider may sign; nothing with a shared secret, and not `none`."""

SIGN_IN_SECONDS = 10 * 60
DISCOVERY_SECONDS = 300
"""What a provider says of itself is believed for so long; a key that it withdrew is refused after that."""
CLOCKS_APART_SECONDS = 30
TOKEN_AGE_SECONDS_MAX = 10 * 60
SUBJECT_LETTERS_MAX = 255
ASSERTION_SECONDS = 60
ASSERTION_CURVES = {"P-256": "ES256", "P-384": "ES384"}
"""The curves of keys by which we may show who we are, and what is signed with them."""

DOWN_SECONDS = 5
"""A provider that did not answer is not asked again for so long: whoever comes meanwhile need not wait for it."""

_DENIED = frozenset({"access_denied", "login_required", "interaction_required", "consent_required"})
_BUSY = frozenset({"temporarily_unavailable", "server_error"})

Also = Callable[[Transaction], Awaitable[object]]
"""What is done in the same transaction."""

_SQL = queries("tianfu.services.accounts.oauth.sql", "outside.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider of the operator's settings; `key` names it in addresses of ours, `redirect` is its own way back.

    Each provider has its own `redirect`, so that an answer of one is never taken for another's.  We show it who we
    are by `secret`, or by an assertion that `signing` signs, or by PKCE alone.  `names` are what people call it, by
    language.  `is_enough_for_staff` says whether staff without an office need no second factor here besides.
    """

    key: str
    issuer: str
    client: str
    secret: str | None
    signing: ECKey | None = None
    redirect: str
    names: Mapping[str, str]
    scopes: tuple[str, ...] = ("openid",)
    is_enough_for_staff: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """Who somebody is at a provider, which has proved it just now."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An account of ours that somebody at a provider gets into; `provider` is its key, None if it is set no more."""

    issuer: str
    provider: str | None
    since: Instant


class _Discovered(msgspec.Struct, frozen=True, kw_only=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    authorization_response_iss_parameter_supported: bool = False


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: int
    iat: int
    nonce: str
    azp: str | None = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    id_token: str


@dataclass(slots=True)
class _Known:
    discovered: _Discovered
    keys: Mapping[str, ECKey | RSAKey]
    at: Instant


class OutsideProviders:
    """The providers of an installation; `browser` is a secret that the browser of one sign-in alone holds."""

    def __init__(
        self, database: Database, providers: Sequence[Provider], fetcher: Fetcher, trail: ProgramTrail, clock: Clock
    ) -> None:
        self._database = database
        self._providers = {each.key: each for each in providers}
        self._fetcher = fetcher
        self._trail = trail
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._underway: Underway[str, _Known] = Underway()
        self._down: dict[str, Instant] = {}

    @property
    def all(self) -> tuple[Provider, ...]:
        """The providers, in the operator's order."""
        return tuple(self._providers.values())

    def provider(self, key: str) -> Provider:
        """A provider by its key; raises Refusal `not-found`."""
        provider = self._providers.get(key)
        if provider is None:
            raise Refusal("not-found", next_step="start-again")
        return provider

    async def begin(self, key: str, browser: str, *, state: str) -> str:
        """The address at the provider to which a browser goes; raises Refusal `outside-unreachable`.

        `state` is a secret of 32 random bytes that nothing else was ever begun with.
        """
        if not is_secret(state):
            raise ValueError("a state is a secret of ours")
        provider = self.provider(key)
        known = await self._look(provider)
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _SQL.begin_outside,
                digest=digest_of(state),
                provider=key,
                browser=digest_of(browser),
                until=self._clock() + SIGN_IN_SECONDS * SECOND,
            )
        question = {
            "response_type": "code",
            "client_id": provider.client,
            "redirect_uri": provider.redirect,
            "scope": " ".join(provider.scopes),
            "state": state,
            "nonce": _derived(browser, state, "nonce"),
            "code_challenge": challenge_of(_derived(browser, state, "verifier")),
            "code_challenge_method": METHOD,
        }
        place = known.discovered.authorization_endpoint
        return f"{place}{'&' if '?' in place else '?'}{urlencode(question)}"

    async def finish(self, key: str, parameters: Parameters, browser: str) -> Proven:
        """Who came back; raises Refusal.

        Codes: `outside-refused`, whose reason only the trace learns, `outside-denied` where the person or the
        provider said no, `outside-busy` and `outside-unreachable`.
        """
        try:
            return await self._finished(self.provider(key), parameters, browser)
        except RequestMalformed as error:
            refusal = _refused(error.reason)
            await self._trail.refused(NOBODY, "outside-sign-in", refusal, provider=key)
            raise refusal from error
        except Refusal as refusal:
            await self._trail.refused(NOBODY, "outside-sign-in", refusal, provider=key)
            raise

    async def account_of(self, proven: Proven) -> str:
        """Whose account that is; raises Refusal `outside-not-linked`: nobody gets an account by coming from outside."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.outside_account, issuer=proven.issuer, subject=proven.subject)
        if row is None:
            refusal = Refusal("outside-not-linked", next_step="sign-in")
            await self._trail.refused(NOBODY, "outside-sign-in", refusal)
            raise refusal
        return str(row[0])

    async def link(self, by: Caller, account: str, proven: Proven) -> None:
        """Let somebody in by that provider from now on; raises Refusal `outside-linked` if it names an account already.

        Who may do so is asked before: the person himself, signed in with a fresh proof.
        """
        async with self._database.transaction("app") as transaction:
            added = await transaction.run(
                _SQL.link_outside,
                issuer=proven.issuer,
                subject=proven.subject,
                account=account,
                now=self._clock(),
                by=by.id,
            )
        if not added:
            raise Refusal("outside-linked", next_step="start-again")
        await self._trail.tell(by, "outside-link", account=account)

    async def unlink(self, by: Caller, account: str, issuer: str, *, also: Also | None = None) -> None:
        """Let nobody in to an account by that provider any more; what `also` does is done with it or not at all.

        Raises Refusal `credential-unknown` where there is no such link.
        """
        async with self._database.transaction("app") as transaction:
            ended = await transaction.run(_SQL.unlink_outside, account=account, issuer=issuer, now=self._clock())
            if not ended:
                raise Refusal("credential-unknown")
            if also is not None:
                await also(transaction)
        await self._trail.tell(by, "outside-unlink", account=account)

    async def links_of(self, account: str) -> tuple[Link, ...]:
        """By which providers somebody gets in to an account, the oldest first."""
        keys = {each.issuer: each.key for each in self._providers.values()}
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.outside_links, account=account)
        return tuple(Link(issuer=row[0], provider=keys.get(row[0]), since=Instant(row[1])) for row in rows)

    async def forget(self) -> None:
        """Forget sign-ins that nobody finished."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.forget_outside, now=self._clock())

    async def _finished(self, provider: Provider, parameters: Parameters, browser: str) -> Proven:
        state, code, issuer = (once(parameters, name) for name in ("state", "code", "iss"))
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.finish_outside, digest=digest_of(state), now=self._clock())
        if row is None:
            raise _refused("state")
        if row[0] != provider.key:
            raise _refused("mix-up-redirect")
        if not hmac.compare_digest(row[1], digest_of(browser)):
            raise _refused("another-browser")
        known = await self._look(provider)
        # An error may be counterfeit too, so who answers is looked at first (RFC 9207, section 2.4).
        if issuer != provider.issuer and (issuer or known.discovered.authorization_response_iss_parameter_supported):
            raise _refused("mix-up-issuer")
        if error := once(parameters, "error"):
            raise _told_error(error)
        if not code:
            raise _refused("code-missing")
        text = await self._id_token(provider, known, code, _derived(browser, state, "verifier"))
        return await self._proven(provider, text, _derived(browser, state, "nonce"))

    async def _id_token(self, provider: Provider, known: _Known, code: str, verifier: str) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": provider.redirect,
            "code_verifier": verifier,
        }
        authorization = None
        if provider.signing is not None:
            form["client_assertion_type"] = ASSERTION_TYPE
            form["client_assertion"] = _assertion(provider, provider.signing, known, self._clock())
        elif provider.secret is None:
            form["client_id"] = provider.client
        else:
            pair = f"{quote_plus(provider.client)}:{quote_plus(provider.secret)}"
            authorization = f"Basic {b64encode(pair.encode()).decode()}"
        answer = await self._fetcher.post(known.discovered.token_endpoint, form, authorization=authorization)
        try:
            return msgspec.json.decode(answer, type=_Answer).id_token
        except (msgspec.MsgspecError, ValueError) as error:
            raise _refused("token-answer") from error

    async def _proven(self, provider: Provider, text: str, nonce: str) -> Proven:
        key = await self._key(provider, text)
        try:
            signed = jws.deserialize_compact(text, key, algorithms=[*ALGORITHMS])
            claims = msgspec.json.decode(signed.payload, type=_Claims)
        except (JoseError, msgspec.MsgspecError, ValueError) as error:
            raise _refused(f"id-token-{type(error).__name__}") from error
        fault = _fault(claims, provider, nonce, self._clock())
        if fault is not None:
            raise _refused(fault)
        return Proven(issuer=provider.issuer, subject=claims.sub)

    async def _key(self, provider: Provider, text: str) -> ECKey | RSAKey:
        """The provider's key that a token names; what else its header says is refused or passed over, never used."""
        try:
            header: dict[str, Any] = jws.extract_compact(text.encode()).headers()
        except (JoseError, ValueError) as error:
            raise _refused("id-token-form") from error
        if header.get("alg") not in ALGORITHMS or "crit" in header:
            raise _refused("id-token-algorithm")
        kid = header.get("kid")
        known = await self._look(provider)
        if kid not in known.keys and self._clock() - known.at >= CLOCKS_APART_SECONDS * SECOND:
            known = await self._look(provider, anew=True)
        keys = known.keys
        if kid is None and len(keys) == 1:
            return next(iter(keys.values()))
        if not isinstance(kid, str) or kid not in keys:
            raise _refused("id-token-key")
        return keys[kid]

    async def _look(self, provider: Provider, *, anew: bool = False) -> _Known:
        known = self._known.get(provider.key)
        if known is not None and not anew and self._clock() - known.at < DISCOVERY_SECONDS * SECOND:
            return known
        return await self._underway.ask(provider.key, lambda: self._looked(provider))

    async def _looked(self, provider: Provider) -> _Known:
        """What the provider says of itself now; one that did not answer is left alone for a while."""
        down = self._down.get(provider.key)
        if down is not None and self._clock() - down < DOWN_SECONDS * SECOND:
            raise unreachable("not-asked-again")
        try:
            known = await self._asked(provider)
        except Refusal:
            self._down[provider.key] = self._clock()
            raise
        self._down.pop(provider.key, None)
        self._known[provider.key] = known
        return known

    async def _asked(self, provider: Provider) -> _Known:
        discovered = _discovered(
            await self._fetcher.get(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"), provider
        )
        keys = _keys(await self._fetcher.get(discovered.jwks_uri))
        return _Known(discovered, keys, self._clock())


def _fault(claims: _Claims, provider: Provider, nonce: str, now: Instant) -> str | None:
    """What keeps an id token from saying who came back (OpenID Connect Core 1.0, section 3.1.3.7)."""
    named = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    if claims.iss != provider.issuer:
        return "id-token-issuer"
    if provider.client not in named or (len(named) > 1 and claims.azp != provider.client):
        return "id-token-audience"
    if claims.azp not in {None, provider.client}:
        return "id-token-audience"
    if not hmac.compare_digest(claims.nonce.encode(), nonce.encode()):
        return "id-token-nonce"
    if now >= (claims.exp + CLOCKS_APART_SECONDS) * SECOND:
        return "id-token-expired"
    age = now // SECOND - claims.iat
    if not -CLOCKS_APART_SECONDS <= age <= TOKEN_AGE_SECONDS_MAX:
        return "id-token-age"
    return None if 0 < len(claims.sub) <= SUBJECT_LETTERS_MAX and claims.sub.isprintable() else "id-token-subject"


def _derived(browser: str, state: str, use: str) -> str:
    """A value that only this browser's sign-in has; neither the table nor the provider alone can make it."""
    return letters(hmac.digest(browser.encode(), f"{use} {state}".encode(), "sha256"))


def _discovered(text: bytes, provider: Provider) -> _Discovered:
    """A provider's own document; one that says it is another's is refused (Discovery 1.0, section 4.3)."""
    try:
        found = msgspec.json.decode(text, type=_Discovered)
        OpenIDProviderMetadata(orjson.loads(text)).validate_issuer() if found.issuer.startswith("https") else None
    except (msgspec.MsgspecError, ValueError) as error:
        raise _refused("discovery") from error
    places = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
    if found.issuer != provider.issuer:
        raise _refused("discovery-issuer")
    if not all(_is_as_safe(place, provider.issuer) for place in places):
        raise _refused("discovery-address")
    return found


def _is_as_safe(place: str, issuer: str) -> bool:
    """Whether a provider's document may lead to an address: HTTPS never leads back to plain HTTP on this machine."""
    return is_safe_address(place) and (place.startswith("https://") or not issuer.startswith("https://"))


def _assertion(provider: Provider, key: ECKey, known: _Known, now: Instant) -> str:
    """What shows a provider who we are, for a minute and once (OpenID Connect Core 1.0, section 9)."""
    claims = {
        "iss": provider.client,
        "sub": provider.client,
        "aud": known.discovered.token_endpoint,
        "jti": secret_of(os.urandom(SECRET_BYTES)).text,
        "iat": now // SECOND,
        "exp": now // SECOND + ASSERTION_SECONDS,
    }
    algorithm = ASSERTION_CURVES[key.curve_name]
    header = {"alg": algorithm, "typ": "JWT", "kid": key.kid}
    return jws.serialize_compact(header, msgspec.json.encode(claims), key, algorithms=[algorithm])


def _told_error(error: str) -> Refusal:
    """What a provider's error means for the person (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, 3.1.2.6)."""
    if error in _DENIED:
        return Refusal("outside-denied", next_step="sign-in", details={"reason": error})
    if error in _BUSY:
        return Refusal("outside-busy", next_step="try-again-later", retryable=True, details={"reason": error})
    return _refused("not-approved")


def _keys(text: bytes) -> Mapping[str, ECKey | RSAKey]:
    keys: dict[str, ECKey | RSAKey] = {}
    try:
        for each in orjson.loads(text)["keys"]:
            if each.get("use", "sig") != "sig" or each.get("kty") not in {"EC", "RSA"}:
                continue
            kind = ECKey if each["kty"] == "EC" else RSAKey
            keys[str(each.get("kid", ""))] = kind.import_key(each)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused("keys") from error
    return keys


def _refused(reason: str) -> Refusal:
    return Refusal("outside-refused", next_step="sign-in", details={"reason": reason})
