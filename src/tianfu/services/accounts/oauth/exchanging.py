"""What the token endpoint gives: for a code, for a refresh token, or to a program for itself (OAuth 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tianfu.access.caller import Caller
from tianfu.db import Transaction
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.authentication import ClientAuthentication
from tianfu.services.accounts.oauth.families import Families, Family, Living, new_family
from tianfu.services.accounts.oauth.model.claims import IdClaims
from tianfu.services.accounts.oauth.model.clients import Client, ClientKind
from tianfu.services.accounts.oauth.model.errors import refused
from tianfu.services.accounts.oauth.model.pkce import answers
from tianfu.services.accounts.oauth.model.requests import Parameters, RequestMalformed, once
from tianfu.services.accounts.oauth.model.scopes import (
    FHIR_USER,
    OFFLINE,
    ONLINE,
    OPENID,
    ScopesMalformed,
    allowed,
    is_within,
    opens_nothing,
    words_of,
)
from tianfu.services.accounts.oauth.model.secrets import digest_of
from tianfu.services.accounts.oauth.tokens import BACKEND_SECONDS, AccessTokens, at_hash, fhir_user
from tianfu.services.accounts.oauth.trail import ProgramTrail, program

Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """What a code or a refresh token was found to give, decided inside its transaction."""

    living: Living | None = None
    refresh: str | None = None
    nonce: str | None = None
    fault: str = ""
    family: str = ""


class Exchanging:
    """The token endpoint without HTTP."""

    def __init__(
        self,
        authentication: ClientAuthentication,
        families: Families,
        tokens: AccessTokens,
        trail: ProgramTrail,
        *,
        issuer: str,
        base: str,
        clock: Clock,
    ) -> None:
        self._authentication = authentication
        self._families = families
        self._tokens = tokens
        self._trail = trail
        self._issuer = issuer
        self._base = base
        self._clock = clock

    async def token(self, parameters: Parameters, authorization: str) -> Answer:
        """The members of a token answer; raises Refusal, told to the trace with its reason."""
        try:
            client = await self._authentication.client(parameters, authorization)
        except Refusal as refusal:
            await self._trail.refused(program(_named(parameters)), "program-token", refusal)
            raise
        try:
            return await self._granted(client, parameters)
        except RequestMalformed as error:
            malformed = refused(error.code, error.reason)
            await self._trail.refused(_caller(client), "program-token", malformed)
            raise malformed from error
        except Refusal as refusal:
            family = refusal.details.get("family", "")
            await self._trail.refused(_caller(client), "program-token", refusal, family=family)
            raise

    async def _granted(self, client: Client, parameters: Parameters) -> Answer:
        kind = once(parameters, "grant_type")
        if (client.kind is ClientKind.BACKEND) != (kind == "client_credentials") and kind in _KINDS:
            raise refused("oauth-client-not-allowed", "grant-type")
        match kind:
            case "authorization_code":
                return await self._for_code(client, parameters)
            case "refresh_token":
                return await self._for_refresh(client, parameters)
            case "client_credentials":
                return await self._for_itself(client, parameters)
            case _:
                raise refused("oauth-grant-type-unknown" if kind else "oauth-request-malformed", "grant-type")

    # A code

    async def _for_code(self, client: Client, parameters: Parameters) -> Answer:
        code, redirect = once(parameters, "code"), once(parameters, "redirect_uri")
        verifier = once(parameters, "code_verifier")
        if not code or not verifier:
            raise refused("oauth-request-malformed", "code-or-verifier-missing")
        given = await self._use_code(client, code, redirect, verifier)
        living = _living(given)
        await self._trail.tell(living.caller, "program-token", client=client.id, family=living.id)
        return await self._answer(living, living.scopes, refresh=given.refresh, nonce=given.nonce, is_first=True)

    async def _use_code(self, client: Client, code: str, redirect: str, verifier: str) -> _Given:
        """Use a code up; whoever shows one that does not fit, or a second time, ends what it gave."""
        digest = digest_of(code)
        async with self._families.transaction() as transaction:
            used = await self._families.use_code(transaction, digest)
            if used is None:
                family = await self._families.family_of_code(transaction, digest)
                if family is None:
                    return _Given(fault="code-unknown")
                await self._families.end(transaction, family, "code-reused")
                return _Given(fault="code-reused", family=family)
            fault = ""
            if await self._families.client_of(transaction, used.family) != client.id:
                fault = "code-of-another-client"
            elif self._clock() >= used.until:
                fault = "code-expired"
            elif redirect != used.redirect:
                fault = "redirect-differs"
            elif not answers(verifier, used.challenge):
                fault = "verifier-differs"
            if fault:
                await self._families.end(transaction, used.family, fault)
                return _Given(fault=fault, family=used.family)
            living = await self._families.living_in(transaction, used.family)
            if living is None:
                return _Given(fault="ended", family=used.family)
            refresh = None
            if _is_refreshed(living.scopes):
                refresh = await self._families.give_refresh(transaction, living.id, until=living.until)
        return _Given(living=living, refresh=refresh, nonce=used.nonce)

    # A refresh token

    async def _for_refresh(self, client: Client, parameters: Parameters) -> Answer:
        shown, narrower = once(parameters, "refresh_token"), _scopes(parameters)
        if not shown:
            raise refused("oauth-request-malformed", "refresh-missing")
        given = await self._use_refresh(client, shown, narrower)
        living = _living(given)
        await self._trail.tell(living.caller, "program-refresh", client=client.id, family=living.id)
        scopes = narrower or living.scopes
        return await self._answer(living, scopes, refresh=given.refresh, nonce=None, is_first=False)

    async def _use_refresh(self, client: Client, shown: str, narrower: tuple[str, ...]) -> _Given:
        """Replace a refresh token; a second use ends its family, because one of the two who had it is a thief."""
        digest = digest_of(shown)
        async with self._families.transaction() as transaction:
            used = await self._families.use_refresh(transaction, digest, client.id)
            if used is None:
                return await self._unused(transaction, digest)
            family, until = used
            living = await self._families.living_in(transaction, family)
            if living is None or self._clock() >= until:
                return _Given(fault="ended", family=family)
            if not is_within(narrower, living.scopes):
                raise refused("oauth-scope-refused", "scope-wider")  # and the token is not used up
            refresh = await self._families.give_refresh(transaction, family, until=living.until)
        return _Given(living=living, refresh=refresh)

    async def _unused(self, transaction: Transaction, digest: bytes) -> _Given:
        found = await self._families.family_of_refresh(transaction, digest)
        if found is None:
            return _Given(fault="refresh-unknown")
        family, was_used = found
        why = "refresh-reused" if was_used else "refresh-of-another-client"
        await self._families.end(transaction, family, why)
        return _Given(fault=why, family=family)

    # A program for itself

    async def _for_itself(self, client: Client, parameters: Parameters) -> Answer:
        asked = _scopes(parameters)
        scopes = allowed(asked, client.scopes, is_backend=True)
        if opens_nothing(scopes):
            raise refused("oauth-scope-refused", "nothing-allowed")
        now = self._clock()
        family = Family(
            id=new_family(),
            client=client.id,
            scopes=scopes,
            patient=None,
            account=None,
            workplace=None,
            session=None,
            proved_at=now,
            is_offline=False,
            until=Instant(now + BACKEND_SECONDS * SECOND),
        )
        async with self._families.transaction() as transaction:
            await self._families.begin(transaction, family)
            living = await self._families.living_in(transaction, family.id)
        if living is None:
            raise refused("oauth-client-unknown", "client")
        await self._trail.tell(living.caller, "program-token", client=client.id, family=family.id)
        return await self._answer(living, scopes, refresh=None, nonce=None, is_first=False)

    async def _answer(
        self, living: Living, scopes: tuple[str, ...], *, refresh: str | None, nonce: str | None, is_first: bool
    ) -> Answer:
        user = fhir_user(living.caller, self._base) if FHIR_USER in scopes else None
        access, seconds = await self._tokens.write(living, self._base, scopes, user=user)
        answer: dict[str, Any] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": seconds,
            "scope": " ".join(scopes),
        }
        if refresh is not None:
            answer["refresh_token"] = refresh
        if living.patient is not None:
            answer |= {"patient": living.patient, "need_patient_banner": True}
        if is_first and OPENID in scopes:
            answer["id_token"] = await self._tokens.write_id(self._id_claims(living, access, seconds, nonce, user))
        return answer

    def _id_claims(self, living: Living, access: str, seconds: int, nonce: str | None, user: str | None) -> IdClaims:
        begins = self._clock() // SECOND
        return IdClaims(
            iss=self._issuer,
            aud=living.client,
            sub=living.caller.id,
            iat=begins,
            exp=begins + seconds,
            auth_time=living.proved_at // SECOND,
            at_hash=at_hash(access),
            sid=living.session or "",
            nonce=nonce,
            fhirUser=user,
        )


_KINDS = frozenset({"authorization_code", "refresh_token", "client_credentials"})


def _is_refreshed(scopes: tuple[str, ...]) -> bool:
    return OFFLINE in scopes or ONLINE in scopes


def _living(given: _Given) -> Living:
    """What was given; raises Refusal `oauth-grant-refused` for every reason alike."""
    if given.living is None:
        refusal = refused("oauth-grant-refused", given.fault)
        refusal.details = {**refusal.details, "family": given.family}
        raise refusal
    return given.living


def _scopes(parameters: Parameters) -> tuple[str, ...]:
    try:
        return words_of(once(parameters, "scope"))
    except ScopesMalformed as error:
        raise refused("oauth-scope-refused", str(error)) from error


def _named(parameters: Parameters) -> str:
    """The program that a form names, for the trace; nothing is believed of it."""
    return next((value for name, value in parameters if name == "client_id"), "")


def _caller(client: Client) -> Caller:
    return replace(program(client.id, role=client.role or "program"), organisation=client.organisation)
