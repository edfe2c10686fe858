"""From what a request carries to who asks and why: the one place where somebody is let in.

People sign in and have a session; tickets let in programs, and people until their installation has accounts.  What is
shown and is not good is refused, whatever else would let its bearer in.
Rules: docs/rules/letting-in.md , docs/rules/sign-in.md .
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.access.rules import rules
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.underway import Underway
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.sessions import Sessions, is_secret
from tianfu.services.limits.limiter import Limiter
from tianfu.services.tickets.ended import EndedSessions
from tianfu.services.tickets.ticket import Audience, Ticket, TicketOffice, is_ticket

PURPOSE_HEADER = "purpose-of-use"
"""Names the one purpose of a request by its code in HL7's ActReason, such as TREAT."""

LOOK_AGAIN_SECONDS = 1.0
"""How long a ticket that machines show is believed before we look again whether its session was ended."""

KNOWN_MAX = 10_000

_log = structlog.get_logger("tianfu.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """Who was let in and why; `bucket` names whose requests are counted together.

    `signed_in` is the session of somebody who signed in; whoever came by a ticket, or is the desk, has none.
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

    async def visitor(self, carried: Carried, *, otherwise: Purpose) -> Admitted:
        """Who asks for a page; `otherwise` is the purpose of whoever carries no session."""
        ...

    async def enter(self, ticket: str, *, client: str) -> Entry:
        """Begin a session of pages with a ticket that somebody shows."""
        ...

    async def leave(self, carried: Carried) -> None:
        """End the session for good, in all workers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A session that has begun: what the cookie holds, and for how long."""

    cookie: str
    seconds: int


@dataclass(slots=True)
class _Known:
    admitted: Admitted
    until: Instant
    look_again_at: Instant


class TicketCallers:
    """Lets in by tickets; whoever shows none is the `desk`, if there is one: in development, on this machine."""

    def __init__(
        self,
        office: TicketOffice,
        ended: EndedSessions,
        limiter: Limiter,
        *,
        clock: Clock,
        desk: Caller | None,
    ) -> None:
        self._office = office
        self._ended = ended
        self._limiter = limiter
        self._clock = clock
        self._desk = desk
        self._known: dict[tuple[bytes, bytes], _Known] = {}
        self._underway: Underway[tuple[bytes, bytes, str], Admitted] = Underway()

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        """Who asks at the FHIR door, by the headers Authorization and Purpose-Of-Use; empty if not sent."""
        if not authorization:
            return self._without_ticket(client, purpose_named(purpose) or Purpose.TREATMENT)
        key = authorization, purpose
        known = self._known.get(key)
        now = self._clock()
        if known is not None and now < known.look_again_at and now < known.until:
            return known.admitted
        asked = authorization, purpose, client
        return await self._underway.ask(asked, lambda: self._machine(authorization, purpose, client))

    async def _machine(self, authorization: bytes, purpose: bytes, client: str) -> Admitted:
        now = self._clock()
        ticket = await self._true(_bearer(authorization), Audience.MACHINES, client)
        admitted = _admitted(ticket, _chosen(ticket.purposes, purpose_named(purpose)))
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()  # all are looked at anew; a full table is no reason to believe longer
        look_again_at = Instant(now + int(LOOK_AGAIN_SECONDS * SECOND))
        self._known[authorization, purpose] = _Known(admitted, ticket.until, look_again_at)
        return admitted

    async def visitor(self, carried: Carried, *, otherwise: Purpose) -> Admitted:
        """Who asks for a page, by a ticket in the session's cookie."""
        if not carried.session:
            return self._without_ticket(carried.client, otherwise)
        ticket = await self._true(carried.session.encode("latin-1", "replace"), Audience.PAGES, carried.client)
        return _admitted(ticket, ticket.purposes[0])

    async def enter(self, ticket: str, *, client: str) -> Entry:
        """Begin a session of pages with a ticket that somebody shows."""
        text = "".join(ticket.split())  # a ticket that was pasted may have been broken into lines
        true = await self._true(text.encode("utf-8"), Audience.PAGES, client)
        return Entry(cookie=text, seconds=max(1, (true.until - self._clock()) // SECOND))

    async def leave(self, carried: Carried) -> None:
        """End the session for good, in all workers."""
        try:
            ticket = self._read(carried.session.encode("latin-1", "replace"), Audience.PAGES)
        except Refusal:
            return  # what is no session needs no end
        await self._ended.end(ticket.id, until=ticket.until)

    def _without_ticket(self, client: str, purpose: Purpose) -> Admitted:
        if self._desk is None:
            raise Refusal("ticket-missing", next_step="get-a-ticket")
        return Admitted(caller=self._desk, purpose=purpose, bucket=f"address:{client}")

    async def _true(self, text: bytes, audience: Audience, client: str) -> Ticket:
        """The ticket behind a text, if its session was not ended; a failure counts against its sender's address."""
        try:
            ticket = self._read(text, audience)
            if await self._ended.is_ended(ticket.id):
                raise Refusal("ticket-ended", next_step="get-a-new-ticket")
        except Refusal as refusal:
            if refusal.code.startswith("ticket-"):
                await self._limiter.take(f"address:{client}", "", "ticket-failure")
            raise
        return ticket

    def _read(self, text: bytes, audience: Audience) -> Ticket:
        try:
            return self._office.read(text, audience, now=self._clock())
        except Refusal as refusal:
            _log.warning("ticket_not_taken", code=refusal.code, reason=refusal.details.get("reason", ""))
            raise Refusal(refusal.code, next_step=refusal.next_step) from refusal  # the reason is for the log alone


class ProgramCallers(Protocol):
    """Lets programs in by their tokens: `tianfu.web.bearers.TokenCallers` does."""

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        """Who asks at the FHIR door, as `Callers` promises it."""
        ...


class SessionsAndTickets:
    """Lets in by sessions of people who signed in and by tokens of programs; what is a ticket is handed on."""

    def __init__(
        self,
        sessions: Sessions,
        ending: SessionEnding,
        programs: ProgramCallers,
        tickets: TicketCallers,
        limiter: Limiter,
        *,
        is_production: bool,
    ) -> None:
        self._sessions = sessions
        self._ending = ending
        self._programs = programs
        self._tickets = tickets
        self._limiter = limiter
        self._is_production = is_production
        self.enter = tickets.enter

    async def machine(self, authorization: bytes, purpose: bytes, *, client: str) -> Admitted:
        """Who asks at the FHIR door: by a ticket, or nothing at all, as long as there are tickets; else by a token."""
        road = self._tickets if not authorization or is_ticket(_bearer(authorization)) else self._programs
        return await road.machine(authorization, purpose, client=client)

    async def visitor(self, carried: Carried, *, otherwise: Purpose) -> Admitted:
        """Who asks for a page; raises Refusal `session-over`, counted against whoever tries many."""
        if not is_secret(carried.session):
            return await self._tickets.visitor(carried, otherwise=otherwise)
        try:
            signed_in = await self._sessions.look_up(carried.session, carried.device)
        except Refusal as refusal:
            if refusal.code == "session-over":
                await self._limiter.take(f"address:{carried.client}", "", "ticket-failure")
            raise
        return admitted_by_session(signed_in, is_production=self._is_production)

    async def leave(self, carried: Carried) -> None:
        """End the session for good, in all workers; what is no session needs no end."""
        if not is_secret(carried.session):
            await self._tickets.leave(carried)
            return
        with suppress(Refusal):
            await self._ending.sign_out(await self._sessions.look_up(carried.session, carried.device))


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
    purposes = tuple(purpose for role, purpose in rules() if role == caller.role)
    purpose = purposes[0] if purposes else Purpose.PATIENT_REQUEST
    return Admitted(caller=caller, purpose=purpose, bucket=caller.id, purposes=purposes, signed_in=signed_in)


def refuse_role_of_development(role: str, *, is_production: bool) -> None:
    """Raise Refusal `role-of-development` for a role that there is in development only, however it was come by."""
    if is_production and any(rule.development_only for rule in rules().values() if rule.role == role):
        _log.warning("role_of_development", role=role)
        raise Refusal("role-of-development", next_step="ask-your-office")


def _admitted(ticket: Ticket, purpose: Purpose) -> Admitted:
    caller = ticket.caller
    return Admitted(caller=caller, purpose=purpose, bucket=caller.id, purposes=ticket.purposes)


def _bearer(authorization: bytes) -> bytes:
    """What follows `Bearer` (RFC 6750); another scheme brings no ticket."""
    scheme, _, text = authorization.partition(b" ")
    return text if scheme.lower() == b"bearer" else b""


def purpose_named(header: bytes) -> Purpose | None:
    """The purpose that a header names, None without one; raises Refusal `purpose-unknown`."""
    if not header:
        return None
    try:
        return Purpose(header.decode("latin-1"))
    except ValueError as error:
        choices = " ".join(each.value for each in Purpose)
        raise Refusal("purpose-unknown", details={"choices": choices}) from error


def _chosen(allowed: Sequence[Purpose], named: Purpose | None) -> Purpose:
    """The purpose of a request; only a ticket with a single one leaves nothing to choose."""
    if named is None:
        if len(allowed) > 1:
            choices = " ".join(each.value for each in allowed)
            raise Refusal("purpose-missing", details={"header": "Purpose-Of-Use", "choices": choices})
        return allowed[0]
    if named not in allowed:
        raise Refusal("purpose-not-allowed", next_step="get-a-new-ticket")
    return named
