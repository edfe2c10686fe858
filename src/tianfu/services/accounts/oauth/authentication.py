"""Which program speaks: by a secret, by a signed assertion, or by its name alone (OAuth 2.1, section 2.4; RFC 7523)."""

from __future__ import annotations

import binascii
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from joserfc import jws
from joserfc.errors import JoseError

from tianfu.db import Database, queries
from tianfu.kernel.instants import SECOND, Clock
from tianfu.services.accounts.oauth.client_keys import ClientKeys
from tianfu.services.accounts.oauth.clients import Clients
from tianfu.services.accounts.oauth.model.claims import (
    FORM,
    TOKEN_BYTES_MAX,
    AssertionClaims,
    fault_of_assertion,
)
from tianfu.services.accounts.oauth.model.clients import Client, ClientKind
from tianfu.services.accounts.oauth.model.errors import refused
from tianfu.services.accounts.oauth.model.requests import Parameters, RequestMalformed, once
from tianfu.services.accounts.oauth.model.secrets import digest_of, is_same

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

ASSERTION_ALGORITHMS = ("ES256", "ES384", "PS256", "PS384", "RS384")
"""SMART asks for ES384 and RS384; nothing with a shared secret, and not `none`."""

_NO_SECRET = digest_of("")
_SQL = queries("tianfu.services.accounts.oauth.sql", "clients.sql")


class ClientAuthentication:
    """Tells which program speaks; raises Refusal `oauth-client-unknown` for every reason alike."""

    def __init__(
        self, database: Database, clients: Clients, keys: ClientKeys, *, audiences: frozenset[str], clock: Clock
    ) -> None:
        self._database = database
        self._clients = clients
        self._keys = keys
        self._audiences = audiences
        self._clock = clock

    async def client(self, parameters: Parameters, authorization: str) -> Client:
        """The program that sent a form to the token endpoint, or another of its kind."""
        try:
            named, assertion = once(parameters, "client_id"), once(parameters, "client_assertion")
            secret, kind = once(parameters, "client_secret"), once(parameters, "client_assertion_type")
        except RequestMalformed as error:
            raise refused(error.code, error.reason) from error
        if secret:
            raise refused("oauth-client-unknown", "secret-in-form")
        if authorization and assertion:
            raise refused("oauth-request-malformed", "two-ways")
        if authorization:
            return await self._by_secret(authorization, named)
        if assertion or kind:
            return await self._by_assertion(assertion, kind, named)
        return await self._by_name(named)

    async def _by_name(self, name: str) -> Client:
        return await self._enabled(name, {ClientKind.PUBLIC})

    async def _by_secret(self, authorization: str, named: str) -> Client:
        name, secret = _basic(authorization)
        client = await self._clients.find(name)
        # Compared even where there is nothing to compare with, so that the answer takes as long.
        digest = _NO_SECRET if client is None or client.secret_digest is None else client.secret_digest
        is_right = is_same(secret, digest) and bool(secret)
        if client is None or client.secret_digest is None or not is_right or client.is_disabled:
            raise refused("oauth-client-unknown", "secret")
        if named and named != client.id:
            raise refused("oauth-client-unknown", "two-names")
        return client

    async def _by_assertion(self, assertion: str, kind: str, named: str) -> Client:
        text = assertion.encode("utf-8", "replace")
        if kind != ASSERTION_TYPE or len(text) > TOKEN_BYTES_MAX or FORM.match(text) is None:
            raise refused("oauth-client-unknown", "assertion-form")
        header, payload, _ = text.split(b".")
        name = _claims(_letters(payload)).sub  # whose key to try; believed only once the signature is right
        if named and named != name:
            raise refused("oauth-client-unknown", "two-names")
        client = await self._enabled(name, {ClientKind.ASYMMETRIC, ClientKind.BACKEND})
        kid = _kid(_letters(header), client)
        try:
            signed = jws.deserialize_compact(
                text, await self._keys.key(client, kid), algorithms=[*ASSERTION_ALGORITHMS]
            )
        except (JoseError, ValueError) as error:
            raise refused("oauth-client-unknown", f"assertion-{type(error).__name__}") from error
        claims = _claims(signed.payload)
        fault = fault_of_assertion(claims, client=client.id, audiences=self._audiences, now=self._clock())
        if fault is not None:
            raise refused("oauth-client-unknown", fault)
        await self._use(client.id, claims)
        return client

    async def _use(self, client: str, claims: AssertionClaims) -> None:
        async with self._database.connection("app") as connection:
            is_new = await connection.run(_SQL.use_assertion, client=client, jti=claims.jti, until=claims.exp * SECOND)
        if not is_new:
            raise refused("oauth-client-unknown", "assertion-replayed")

    async def _enabled(self, name: str, kinds: set[ClientKind]) -> Client:
        client = await self._clients.find(name) if name else None
        if client is None or client.is_disabled or client.kind not in kinds:
            raise refused("oauth-client-unknown", "client")
        return client

    async def forget(self) -> None:
        """Forget assertions that are over."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.forget_assertions, now=self._clock())


def _basic(authorization: str) -> Sequence[str]:
    """Name and secret of an Authorization header (RFC 6749, section 2.3.1)."""
    scheme, _, letters = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise refused("oauth-client-unknown", "scheme")
    try:
        name, colon, secret = b64decode(letters, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError) as error:
        raise refused("oauth-client-unknown", "basic") from error
    if not colon:
        raise refused("oauth-client-unknown", "basic")
    return unquote_plus(name), unquote_plus(secret)


def _letters(part: bytes) -> bytes:
    try:
        return urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error as error:
        raise refused("oauth-client-unknown", "assertion-form") from error


def _claims(payload: bytes) -> AssertionClaims:
    try:
        return msgspec.json.decode(payload, type=AssertionClaims)
    except (msgspec.MsgspecError, ValueError) as error:
        raise refused("oauth-client-unknown", "assertion-claims") from error


def _kid(header: bytes, client: Client) -> str:
    """The name of the key that an assertion says it was signed with.

    A key in the header is refused, and so is an address of keys that is not the registered one: whoever writes the
    header must not choose what he is checked by.
    """
    try:
        said: dict[str, Any] = msgspec.json.decode(header, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError) as error:
        raise refused("oauth-client-unknown", "assertion-header") from error
    if not set(said) <= {"alg", "typ", "kid", "jku"} or said.get("alg") not in ASSERTION_ALGORITHMS:
        raise refused("oauth-client-unknown", "assertion-header")
    if said.get("typ", "JWT") != "JWT" or said.get("jku", client.keys_at) != client.keys_at:
        raise refused("oauth-client-unknown", "assertion-header")
    kid = said.get("kid")
    if not isinstance(kid, str):
        raise refused("oauth-client-unknown", "assertion-kid")
    return kid
