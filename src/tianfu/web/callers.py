"""From what a request carries to who asks and why: the one place where somebody is let in.

People sign in and have a session, programs show an access token; whoever shows nothing is nobody.
Rules: docs/rules/letting-in.md , docs/rules/sign-in.md .
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.rules import purposes_of, rules
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import Sessions
from tianfu.services.limits.limiter import Limiter

SESSION_SHOWN = "session-shown"
"""What the trace calls it that a session is shown which opens nothing here."""

_log = structlog.get_logger("tianfu.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Who was let in and why; `bucket` names whose requests are counted together.

    `signed_in` is the session of somebody who signed in; a program has none.
    """

    caller: Caller
    purpose: Purpose
    bucket: str
    purposes: tuple[Purpose, ...] = ()
    signed_in: SignedIn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a browser carries: the session's cookie and its own secret, empty if it has none; and from where it asks."""

    session: str
    device: str
    client: str


class Callers(Protocol):
    """Lets in those who show that they may enter; refuses everybody else."""

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        """Who asks at the FHIR door, by the headers Authorization and Purpose-Of-Use; empty if not sent."""
        ...

    async def visitor(self, carried: Carried) -> Admitted:
        """Who asks for a page; raises Refusal `sign-in-needed` or `session-over`."""
        ...

    async def leave(self, carried: Carried) -> None:
        """End the session for good, in all workers."""
        ...


class Programs(Protocol):
    """Lets in programs by what they show."""

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        """Who asks at the FHIR door, by the headers Authorization and Purpose-Of-Use; empty if not sent."""
        ...


class AllCallers:
    """Lets in people at the pages and programs at the FHIR door."""

    def __init__(self, people: PeopleCallers, programs: Programs) -> None:
        self.visitor = people.visitor
        self.leave = people.leave
        self.machine = programs.machine


class PeopleCallers:
    """Lets in people by the sessions that they began when they signed in."""

    def __init__(
        self,
        sessions: Sessions,
        ending: SessionEnding,
        limiter: Limiter,
        trail: RefusalTrail,
        *,
        is_production: bool,
    ) -> None:
        self._sessions = sessions
        self._ending = ending
        self._limiter = limiter
        self._trail = trail
        self._is_production = is_production

    async def visitor(self, carried: Carried) -> Admitted:
        """Who asks for a page; whoever brings many sessions that are none is told to wait.

        Raises Refusal `sign-in-needed`, `session-over` or `role-of-development`, which is told to the trace.
        """
        if not carried.session:
            raise Refusal("sign-in-needed", next_step="sign-in")
        try:
            signed_in = await self._sessions.look_up(carried.session, carried.device)
        except Refusal as refusal:
            if refusal.code == "session-over":
                await self._limiter.take(f"address:{carried.client}", "", "bad-credential")
            raise
        try:
            return admitted_by_session(signed_in, is_production=self._is_production)
        except Refusal as refusal:
            await self._limiter.take(f"address:{carried.client}", "", "bad-credential")
            await self._trail.refused(signed_in.caller, SESSION_SHOWN, refusal)
            raise

    async def leave(self, carried: Carried) -> None:
        """End the session for good, in all workers; what is no session needs no end."""
        with suppress(Refusal):
            await self._ending.sign_out(await self._sessions.look_up(carried.session, carried.device))


class RefusalTrail(Protocol):
    """Tells the trace who was refused: `tianfu.services.accounts.oauth.trail.ProgramTrail` does."""

    async def refused(self, caller: Caller, deed: str, refusal: Refusal) -> None:
        """Say what somebody could not do and why; returns when it is durable."""
        ...


class SessionEnding(Protocol):
    """Ends a session and leaves its trace: `tianfu.services.accounts.signing_in.SigningIn` does."""

    async def sign_out(self, signed_in: SignedIn) -> None:
        """End the session, in all workers."""
        ...


def admitted_by_session(signed_in: SignedIn, *, is_production: bool) -> Admitted:
    """Who signed in, for the first purpose that his role has rules for; the others are open to pages that need them.

    Raises Refusal `role-of-development`.
    """
    caller = signed_in.caller
    refuse_role_of_development(caller.role, is_production=is_production)
    purposes = purposes_of(caller.role)
    purpose = purposes[0] if purposes else Purpose.PATIENT_REQUEST
    return Admitted(caller=caller, purpose=purpose, bucket=caller.id, purposes=purposes, signed_in=signed_in)


def refuse_role_of_development(role: str, *, is_production: bool) -> None:
    """Raise Refusal `role-of-development` for a role that there is in development only, however it was come by."""
    if is_production and any(rule.development_only for rule in rules().values() if rule.role == role):
        _log.warning("role_of_development", role=role)
        raise Refusal("role-of-development", next_step="ask-your-office")


def purpose_named(header: bytes) -> Purpose | None:
    """The purpose that a header names, None without one; raises Refusal `purpose-unknown`."""
    if not header:
        return None
    try:
        return Purpose(header.decode("latin-1"))
    except ValueError as error:
        choices = " ".join(each.value for each in Purpose)
        raise Refusal("purpose-unknown", details={"choices": choices}) from error
