"""The authorisation server of an installation: its parts, put together."""

from __future__ import annotations

from dataclasses import dataclass

from tianfu.access.caller import NOBODY
from tianfu.db import Database
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.services.accounts.fetching import Fetcher
from tianfu.services.accounts.oauth.authentication import ClientAuthentication
from tianfu.services.accounts.oauth.authorising import Authorising
from tianfu.services.accounts.oauth.client_keys import ClientKeys
from tianfu.services.accounts.oauth.clients import Clients
from tianfu.services.accounts.oauth.exchanging import Exchanging
from tianfu.services.accounts.oauth.families import Families
from tianfu.services.accounts.oauth.keys import SigningKeys
from tianfu.services.accounts.oauth.launches import Launches
from tianfu.services.accounts.oauth.oversight import Oversight
from tianfu.services.accounts.oauth.permitted import Permitted
from tianfu.services.accounts.oauth.tokens import AccessTokens, Bearer
from tianfu.services.accounts.oauth.trail import ProgramTrail
from tianfu.vault.keyring import Keyring

TOKEN_PATH = "/oauth/token"  # noqa: S105 - an address, no password


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisationServer:
    """Everything that programs and the pages about them need.

    `issuer` is the address of this installation without a slash at its end; `base` that of its FHIR door, for which
    its tokens are good.
    """

    issuer: str
    base: str
    clients: Clients
    keys: SigningKeys
    families: Families
    launches: Launches
    tokens: AccessTokens
    authentication: ClientAuthentication
    authorising: Authorising
    exchanging: Exchanging
    oversight: Oversight
    permitted: Permitted
    trail: ProgramTrail
    clock: Clock

    @staticmethod
    async def open(
        database: Database,
        keyring: Keyring,
        auditor: Auditor,
        fetcher: Fetcher,
        *,
        issuer: str,
        base: str,
        clock: Clock,
        is_production: bool,
    ) -> AuthorisationServer:
        """The server of an installation; its signing keys are made if there are none."""
        trail = ProgramTrail(auditor, clock)
        clients = Clients(database, trail, clock, is_production=is_production)
        families = Families(database, clock)
        launches = Launches(database, base=base, clock=clock)
        keys = await SigningKeys.open(database, keyring, clock)
        tokens = AccessTokens(keys, families, issuer=issuer, clock=clock)
        audiences = frozenset({issuer, issuer + TOKEN_PATH})
        authentication = ClientAuthentication(
            database, clients, ClientKeys(fetcher, clock), audiences=audiences, clock=clock
        )
        return AuthorisationServer(
            issuer=issuer,
            base=base,
            clients=clients,
            keys=keys,
            families=families,
            launches=launches,
            tokens=tokens,
            authentication=authentication,
            authorising=Authorising(clients, families, launches, trail, issuer=issuer, base=base, clock=clock),
            exchanging=Exchanging(authentication, families, tokens, trail, issuer=issuer, base=base, clock=clock),
            permitted=Permitted(families, clients, trail),
            oversight=Oversight(authentication, families, tokens, trail, base=base, clock=clock),
            trail=trail,
            clock=clock,
        )

    def believed(self, text: bytes) -> Bearer | None:
        """Who shows a token that was looked at less than a second ago; None for any that `bearer` must look at."""
        return self.tokens.believed(text, self.base, self.clock())

    async def bearer(self, text: bytes) -> Bearer:
        """Who shows a token at the FHIR door; a refusal is told to the trace."""
        try:
            return await self.tokens.read(text, self.base, self.clock())
        except Refusal as refusal:
            if refusal.code.startswith("token-"):
                await self.trail.refused(NOBODY, "program-read", refusal, family=refusal.details.get("family", ""))
            raise

    async def forget_what_is_over(self) -> None:
        """Take away rows that say nothing any more."""
        await self.families.forget()
        await self.launches.forget()
        await self.authentication.forget()
