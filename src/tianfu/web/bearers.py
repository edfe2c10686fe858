"""From an access token at the FHIR door to who asks and why (RFC 6750).

What a token is good for is decided where it was made; here its bearer becomes a caller with one purpose.
Rule: docs/rules/letting-in.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.rules import purposes_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.oauth.tokens import Bearer
from tianfu.services.limits.limiter import Limiter
from tianfu.web.callers import Admitted, RefusalTrail, purpose_named, refuse_role_of_development

KNOWN_MAX = 20_000


class Bearers(Protocol):
    """Tells who shows an access token: `tianfu.services.accounts.oauth.server.AuthorisationServer` does."""

    def believed(self, text: bytes) -> Bearer | None:
        """Who shows a token that was looked at just now, the same as then; None for any that must be looked at."""
        ...

    async def bearer(self, text: bytes) -> Bearer:
        """Who shows a token; believed for a second at most.

        Raises Refusal `token-refused`, `token-expired` or `token-ended`, which is told to the trace.  As long as
        nothing has changed it is the same value.
        """
        ...


class TokenCallers:
    """Lets in by access tokens."""

    def __init__(self, bearers: Bearers, limiter: Limiter, trail: RefusalTrail, *, is_production: bool) -> None:
        self._bearers = bearers
        self._limiter = limiter
        self._trail = trail
        self._is_production = is_production
        self._known: dict[tuple[int, bytes], tuple[Bearer, Admitted]] = {}

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        """Who asks at the FHIR door, by the headers Authorization and Purpose-Of-Use; empty if not sent.

        Raises Refusal `token-missing` without a token, as `Bearers` does for one that is not good, which counts against
        its sender's address, and `purpose-missing`, `purpose-unknown`, `purpose-not-allowed` or `role-of-development`,
        which counts too and is told to the trace.
        """
        text = bearer_text(authorization)
        bearer = self._bearers.believed(text) or await self._bearer(text, client)
        key = id(bearer), purpose  # which is quicker to look up than the token; whose it is stands beside
        known = self._known.get(key)
        if known is not None and known[0] is bearer:
            return known[1]  # the same value, so that what is remembered of it by others stays
        await self._refuse_role_of_development(bearer.caller, client)
        admitted = _admitted(bearer, purpose_named(purpose))
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[key] = bearer, admitted
        return admitted

    async def _bearer(self, text: bytes, client: str) -> Bearer:
        if not text:
            raise Refusal("token-missing", next_step="sign-in-again")
        try:
            return await self._bearers.bearer(text)
        except Refusal as refusal:
            if not refusal.code.startswith("token-"):
                raise
            await self._limiter.take(f"address:{client}", "", "bad-credential")
            told = Refusal(refusal.code, next_step=refusal.next_step)  # the reason is for the log and the trace alone
            told.is_traced = refusal.is_traced
            raise told from refusal

    async def _refuse_role_of_development(self, caller: Caller, client: str) -> None:
        try:
            refuse_role_of_development(caller.role, is_production=self._is_production)
        except Refusal as refusal:
            await self._limiter.take(f"address:{client}", "", "bad-credential")
            await self._trail.refused(caller, "program-read", refusal)
            raise


def _admitted(bearer: Bearer, named: Purpose | None) -> Admitted:
    caller = bearer.caller
    purposes = purposes_of(caller.role)
    purpose = chosen_purpose(purposes, named, is_for_itself=caller.id == bearer.client)
    return Admitted(caller=caller, purpose=purpose, bucket=_bucket(bearer), purposes=purposes)


def bearer_text(authorization: bytes) -> bytes:
    """What follows `Bearer` (RFC 6750, section 2.1); empty for any other scheme, which brings no token."""
    scheme, _, text = authorization.partition(b" ")
    return text if scheme.lower() == b"bearer" else b""


def chosen_purpose(allowed: Sequence[Purpose], named: Purpose | None, *, is_for_itself: bool) -> Purpose:
    """The purpose of a request.

    A person's is by default the first of his role, as on pages, because programs that follow the standard know of no
    purpose; a program that acts for itself and has several says which.
    Raises Refusal `purpose-missing` or `purpose-not-allowed`.
    """
    if named is None and is_for_itself and len(allowed) > 1:
        choices = " ".join(each.value for each in allowed)
        raise Refusal("purpose-missing", details={"header": "Purpose-Of-Use", "choices": choices})
    chosen = named or next(iter(allowed), None)
    if chosen is None or chosen not in allowed:
        raise Refusal("purpose-not-allowed", next_step="ask-the-app-maker")
    return chosen


def _bucket(bearer: Bearer) -> str:
    """Whose requests count together: what a program asks for somebody does not use up what he may ask himself."""
    caller = bearer.caller
    return caller.id if caller.id == bearer.client else f"{caller.id}:{bearer.client}"
