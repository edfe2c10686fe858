"""From a program's request to a person's answer (OAuth 2.1, section 4.1; RFC 9207; SMART App Launch 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.access.caller import NOBODY, Caller
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.oauth.clients import Clients
from tianfu.services.accounts.oauth.families import CODE_SECONDS, Families, Family, new_family
from tianfu.services.accounts.oauth.launches import Launches
from tianfu.services.accounts.oauth.model.clients import Client, ClientKind
from tianfu.services.accounts.oauth.model.errors import oauth_error, refused
from tianfu.services.accounts.oauth.model.redirects import is_registered, with_answer
from tianfu.services.accounts.oauth.model.requests import (
    Asked,
    AuthorisationRequest,
    Parameters,
    RequestMalformed,
    read_asked,
    read_request,
)
from tianfu.services.accounts.oauth.model.scopes import OFFLINE, ONLINE, allowed, needs_patient, opens_nothing
from tianfu.services.accounts.oauth.tokens import ACCESS_SECONDS
from tianfu.services.accounts.oauth.trail import ProgramTrail, program

OFFLINE_SECONDS = 90 * 86_400
"""How long an authorisation lasts that goes on without its person; then he is asked again."""


class RefusedToProgram(Exception):  # noqa: N818 - an answer, not a mistake of the program
    """A refusal that the program is told at its registered address, which is `address`."""

    def __init__(self, refusal: Refusal, address: str) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
        self.address = address


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a program asks of a person, as far as it may: `scopes` are those that it can be given.

    `patient` is already chosen where a page of ours started the program; `needs_patient` says that one must be.
    """

    client: Client
    request: AuthorisationRequest
    scopes: tuple[str, ...]
    patient: str | None

    @property
    def needs_patient(self) -> bool:
        """Whether somebody must still be chosen."""
        return self.patient is None and needs_patient(self.scopes)


class Authorising:
    """Reads requests for authorisation and carries out a person's answer."""

    def __init__(
        self,
        clients: Clients,
        families: Families,
        launches: Launches,
        trail: ProgramTrail,
        *,
        issuer: str,
        base: str,
        clock: Clock,
    ) -> None:
        self._clients = clients
        self._families = families
        self._launches = launches
        self._trail = trail
        self._issuer = issuer
        self._base = base
        self._clock = clock

    async def propose(self, signed_in: SignedIn | None, parameters: Parameters) -> Proposal:
        """What there is to ask the person about.

        Raises Refusal for what only the person is told, because nobody registered the program or the address that it
        names; and RefusedToProgram for all else.  Without anybody signed in, what needs one is not looked at.
        """
        caller = NOBODY if signed_in is None else signed_in.caller
        client, asked = await self._client(caller, parameters)
        try:
            request = _read(parameters, self._base)
            scopes = allowed(request.scopes, client.scopes, is_backend=False)
            if opens_nothing(scopes):
                raise refused("oauth-scope-refused", "nothing-allowed")
            patient = None if signed_in is None else await self._launched(signed_in, request)
        except Refusal as refusal:
            raise await self._told(caller, client, asked, refusal) from refusal
        return Proposal(client=client, request=request, scopes=scopes, patient=patient)

    async def approve(self, signed_in: SignedIn, proposal: Proposal, *, patient: str | None) -> str:
        """Give the program what it asks for, and the address with the code to which the browser goes.

        `patient` is whom the person chose; that he may see the patient was asked before.  Raises RefusedToProgram.
        """
        request = proposal.request
        chosen = proposal.patient or patient
        asked = Asked(client=request.client, redirect=request.redirect, state=request.state)
        try:
            if not signed_in.is_settled:
                raise refused("oauth-not-approved", "second-factor")
            if needs_patient(proposal.scopes) and chosen is None:
                raise refused("oauth-patient-missing", "patient")
            code = await self._give(signed_in, proposal, chosen)
        except Refusal as refusal:
            raise await self._told(signed_in.caller, proposal.client, asked, refusal) from refusal
        return with_answer(request.redirect, self._answer(asked, ("code", code)))

    async def deny(self, signed_in: SignedIn, proposal: Proposal) -> str:
        """Give the program nothing; the address to which the browser goes."""
        request = proposal.request
        asked = Asked(client=request.client, redirect=request.redirect, state=request.state)
        refusal = refused("oauth-not-approved", "person")
        return (await self._told(signed_in.caller, proposal.client, asked, refusal)).address

    async def told_program(self, caller: Caller, proposal: Proposal, code: str, reason: str) -> RefusedToProgram:
        """A refusal that comes of the way the program asks: nobody is signed in, and it wants no page shown."""
        request = proposal.request
        asked = Asked(client=request.client, redirect=request.redirect, state=request.state)
        return await self._told(caller, proposal.client, asked, refused(code, reason))

    async def _client(self, caller: Caller, parameters: Parameters) -> tuple[Client, Asked]:
        """The program and where it is answered; what is refused here leads nowhere."""
        name = ""
        try:
            asked = read_asked(parameters)
            name = asked.client
            client = await self._clients.find(asked.client)
            if client is None or client.is_disabled or client.kind is ClientKind.BACKEND:
                raise refused("oauth-client-unknown", "client")
            if not is_registered(asked.redirect, client.redirects):
                raise refused("oauth-redirect-unknown", "redirect")
        except RequestMalformed as error:
            refusal = refused(error.code, error.reason)
            await self._trail.refused(caller, "program-authorise", refusal)
            raise refusal from error
        except Refusal as refusal:
            await self._trail.refused(caller, "program-authorise", refusal, client=program(name).id)
            raise
        return client, asked

    async def _launched(self, signed_in: SignedIn, request: AuthorisationRequest) -> str | None:
        if not request.launch:
            return None
        patient = await self._launches.patient(request.launch, request.client, signed_in.session)
        if patient is None:
            raise refused("oauth-request-malformed", "launch-unknown")
        return patient

    async def _give(self, signed_in: SignedIn, proposal: Proposal, patient: str | None) -> str:
        request, now = proposal.request, self._clock()
        family = Family(
            id=new_family(),
            client=proposal.client.id,
            scopes=proposal.scopes,
            patient=patient if needs_patient(proposal.scopes) or request.launch else None,
            account=signed_in.account.id,
            workplace=None if signed_in.workplace is None else signed_in.workplace.id,
            session=signed_in.session,
            proved_at=signed_in.proved_at,
            is_offline=OFFLINE in proposal.scopes,
            until=_end(signed_in, proposal.scopes, now),
        )
        is_launched = True
        async with self._families.transaction() as transaction:
            if request.launch:
                used = await self._launches.use(transaction, request.launch, request.client, signed_in.session)
                is_launched = used is not None and used == patient
            if is_launched:
                await self._families.begin(transaction, family)
                code = await self._families.give_code(
                    transaction,
                    family.id,
                    redirect=request.redirect,
                    challenge=request.challenge,
                    nonce=request.nonce,
                )
                facts = {"client": proposal.client.id, "family": family.id, "scopes": " ".join(proposal.scopes)}
                await self._trail.tell_within(transaction, signed_in.caller, "program-approve", **facts)
        if not is_launched:
            raise refused("oauth-request-malformed", "launch-used")
        return code

    async def _told(self, caller: Caller, client: Client, asked: Asked, refusal: Refusal) -> RefusedToProgram:
        await self._trail.refused(caller, "program-authorise", refusal, client=client.id)
        answer = self._answer(asked, ("error", oauth_error(refusal)))
        return RefusedToProgram(refusal, with_answer(asked.redirect, answer))

    def _answer(self, asked: Asked, answer: tuple[str, str]) -> Sequence[tuple[str, str]]:
        """An answer with the state that was sent, and who we are: against mix-up (RFC 9207, section 2)."""
        state = [("state", asked.state)] if asked.state else []
        return [answer, *state, ("iss", self._issuer)]


def _read(parameters: Parameters, base: str) -> AuthorisationRequest:
    try:
        return read_request(parameters, audience=base)
    except RequestMalformed as error:
        raise refused(error.code, error.reason) from error


def _end(signed_in: SignedIn, scopes: Sequence[str], now: Instant) -> Instant:
    """Until when an authorisation lasts: without its person for long, with him until he leaves, else for one token."""
    if OFFLINE in scopes:
        return Instant(now + OFFLINE_SECONDS * SECOND)
    if ONLINE in scopes:
        return signed_in.until
    return Instant(min(signed_in.until, now + (CODE_SECONDS + ACCESS_SECONDS) * SECOND))
