"""What programs may ask about their own tokens: introspection (RFC 7662), revocation (RFC 7009), who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.authentication import ClientAuthentication
from tianfu.services.accounts.oauth.families import Families
from tianfu.services.accounts.oauth.model.clients import Client, ClientKind
from tianfu.services.accounts.oauth.model.errors import refused
from tianfu.services.accounts.oauth.model.requests import Parameters, RequestMalformed, once
from tianfu.services.accounts.oauth.model.scopes import FHIR_USER, OPENID
from tianfu.services.accounts.oauth.model.secrets import digest_of, is_secret
from tianfu.services.accounts.oauth.tokens import AccessTokens, Bearer, fhir_user
from tianfu.services.accounts.oauth.trail import ProgramTrail, program

INACTIVE: Mapping[str, Any] = {"active": False}
"""All that is said of a token that is over, false, or another program's."""


class Oversight:
    """Introspection, revocation and userinfo without HTTP."""

    def __init__(
        self,
        authentication: ClientAuthentication,
        families: Families,
        tokens: AccessTokens,
        trail: ProgramTrail,
        *,
        base: str,
        clock: Clock,
    ) -> None:
        self._authentication = authentication
        self._families = families
        self._tokens = tokens
        self._trail = trail
        self._base = base
        self._clock = clock

    async def introspect(self, parameters: Parameters, authorization: str) -> Mapping[str, Any]:
        """What a token of the asking program is good for now; a program that only has a name may not ask."""
        client = await self._client("program-introspect", parameters, authorization)
        if client.kind is ClientKind.PUBLIC:
            refusal = refused("oauth-client-unknown", "public")
            await self._trail.refused(program(client.id), "program-introspect", refusal)
            raise refusal
        text = _token(parameters)
        if is_secret(text):
            return await self._refresh_state(client, text)
        try:
            now = self._clock()
            claims = await self._tokens.claims(text.encode("utf-8", "replace"), self._base, now)
            living = await self._families.living(claims.family)
        except Refusal as refusal:
            if not refusal.code.startswith("token-"):
                raise
            return INACTIVE
        if living is None or living.client != client.id:
            return INACTIVE
        said = {
            "active": True,
            "scope": claims.scope,
            "client_id": claims.client_id,
            "token_type": "Bearer",
            "exp": claims.exp,
            "iat": claims.iat,
            "sub": claims.sub,
            "aud": claims.aud,
            "iss": claims.iss,
            "jti": claims.jti,
            "patient": claims.patient,
            "fhirUser": claims.fhirUser,
        }
        return {name: value for name, value in said.items() if value is not None}

    async def revoke(self, parameters: Parameters, authorization: str) -> None:
        """End what a token of the asking program came of; what is no such token needs no end (RFC 7009)."""
        client = await self._client("program-revoke", parameters, authorization)
        text = _token(parameters)
        family = await self._family(text)
        async with self._families.transaction() as transaction:
            if family is None or await self._families.client_of(transaction, family) != client.id:
                return
            if await self._families.end(transaction, family, "revoked"):
                await self._trail.tell_within(transaction, program(client.id), "program-revoke", family=family)

    async def user(self, bearer: Bearer) -> Mapping[str, Any]:
        """Who is signed in (OpenID Connect Core 1.0, section 5.3); raises Refusal `token-scope-missing`."""
        if OPENID not in bearer.scopes:
            refusal = refused("token-scope-missing", "openid")
            await self._trail.refused(bearer.caller, "program-user", refusal, client=bearer.client)
            raise refusal
        said = {"sub": bearer.caller.id}
        user = fhir_user(bearer.caller, self._base) if FHIR_USER in bearer.scopes else None
        return said if user is None else {**said, "fhirUser": user}

    async def _client(self, deed: str, parameters: Parameters, authorization: str) -> Client:
        try:
            return await self._authentication.client(parameters, authorization)
        except Refusal as refusal:
            await self._trail.refused(program(""), deed, refusal)
            raise

    async def _refresh_state(self, client: Client, text: str) -> Mapping[str, Any]:
        async with self._families.transaction() as transaction:
            found = await self._families.family_of_refresh(transaction, digest_of(text))
            living = None if found is None or found[1] else await self._families.living_in(transaction, found[0])
        if living is None or living.client != client.id:
            return INACTIVE
        return {"active": True, "client_id": client.id, "scope": " ".join(living.scopes), "sub": living.caller.id}

    async def _family(self, text: str) -> str | None:
        """What a token came of, if it is one of ours that is not over."""
        if is_secret(text):
            async with self._families.transaction() as transaction:
                found = await self._families.family_of_refresh(transaction, digest_of(text))
            return None if found is None else found[0]
        try:
            return (await self._tokens.claims(text.encode("utf-8", "replace"), self._base, self._clock())).family
        except Refusal as refusal:
            if not refusal.code.startswith("token-"):
                raise
            return None


def _token(parameters: Parameters) -> str:
    try:
        text = once(parameters, "token")
    except RequestMalformed as error:
        raise refused(error.code, error.reason) from error
    if not text:
        raise refused("oauth-request-malformed", "token-missing")
    return text
