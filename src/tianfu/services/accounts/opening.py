"""Accounts put together from a database and what must be given from outside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tianfu.db import Addresses, Database
from tianfu.kernel.instants import Clock
from tianfu.records.audit import Auditor, GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.seals import Seals
from tianfu.records.trail.epochs import open_trail
from tianfu.services.accounts.codes import Codes
from tianfu.services.accounts.coming import Coming
from tianfu.services.accounts.credentials import Credentials
from tianfu.services.accounts.enrolling import Enrolling
from tianfu.services.accounts.fetching import Fetcher, HttpFetcher
from tianfu.services.accounts.guard import Guard
from tianfu.services.accounts.hashing import Passwords
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.oauth.trail import ProgramTrail
from tianfu.services.accounts.outside import OutsideProviders, Provider
from tianfu.services.accounts.papers import Papers
from tianfu.services.accounts.passkey_answers import RelyingParty
from tianfu.services.accounts.passkeys import Passkeys
from tianfu.services.accounts.proxies import Proxies
from tianfu.services.accounts.reach import OUTSIDE_ONLY
from tianfu.services.accounts.real_names import RealNames
from tianfu.services.accounts.senders import CodeSender, NoSender
from tianfu.services.accounts.sessions import Sessions
from tianfu.services.accounts.signing_in import Parts, SigningIn
from tianfu.services.accounts.steps import Steps
from tianfu.services.accounts.store import People
from tianfu.services.accounts.telephones import Telephones
from tianfu.services.accounts.whose import Whose
from tianfu.vault.keyring import Keyring
from tianfu.vault.provider import Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """All that doors and pages need of accounts; one for each worker."""

    people: People
    credentials: Credentials
    sessions: Sessions
    signing_in: SigningIn
    enrolling: Enrolling
    whose: Whose
    passkeys: Passkeys
    real_names: RealNames
    papers: Papers
    proxies: Proxies
    steps: Steps
    codes: Codes
    guard: Guard
    passwords: Passwords
    coming: Coming

    async def forget_what_is_over(self, clock: Clock) -> None:
        """Take away rows that say nothing any more."""
        now = clock()
        await self.codes.forget(now=now)
        await self.steps.forget(now=now)
        await self.guard.forget(now=now)
        await self.sessions.forget(now=now)
        await self.coming.forget()
        await self.papers.forget(now=now)


def open_accounts(
    database: Database,
    keyring: Keyring,
    auditor: Auditor,
    *,
    sender: CodeSender,
    issuer: str,
    party: RelyingParty,
    clock: Clock,
    passwords: Passwords | None = None,
    providers: Sequence[Provider] = (),
    fetcher: Fetcher | None = None,
) -> Accounts:
    """Accounts of an installation; `issuer` names it in authenticators, passkeys are bound to `party`.

    `providers` are others by whom people may come in, reached by `fetcher`, or over the internet.  `passwords` is of
    another cost in tests.
    """
    keys, seals = AccountKeys.of(keyring.index_secret), Seals(keyring)
    hashing = passwords or Passwords()
    people = People(database, keys, seals, auditor.writer, clock=clock)
    parts = Parts(
        database=database,
        keys=keys,
        people=people,
        telephones=Telephones(people, keys, auditor.writer, clock=clock),
        credentials=Credentials(database, keys, seals, hashing, clock=clock),
        codes=Codes(database, keys, sender),
        guard=Guard(database, keys, clock=clock),
        steps=Steps(database, seals, clock=clock),
        sessions=Sessions(database, seals, clock=clock),
        auditor=auditor,
    )
    signing_in = SigningIn(parts, clock=clock)
    whose = Whose(parts, signing_in, clock=clock)
    papers = Papers(database, keys, auditor, clock=clock)
    outside = OutsideProviders(
        database, providers, fetcher or HttpFetcher(reach=OUTSIDE_ONLY), ProgramTrail(auditor, clock), clock
    )
    return Accounts(
        people=parts.people,
        credentials=parts.credentials,
        sessions=parts.sessions,
        signing_in=signing_in,
        enrolling=Enrolling(parts, signing_in, seals, issuer=issuer, clock=clock),
        whose=whose,
        passkeys=Passkeys(parts, signing_in, whose, party, clock=clock),
        real_names=RealNames(parts, papers, clock=clock),
        papers=papers,
        proxies=Proxies(database, keys, parts.people, parts.sessions, clock=clock),
        steps=parts.steps,
        codes=parts.codes,
        guard=parts.guard,
        passwords=hashing,
        coming=Coming(parts, signing_in, outside, clock=clock),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccounts:
    """The accounts of an installation beside its workers, with what they stand on."""

    database: Database
    keyring: Keyring
    auditor: Auditor
    accounts: Accounts


@asynccontextmanager
async def opened_accounts(
    addresses: Addresses, home: Path, keys: Keys, *, issuer: str, party: RelyingParty, clock: Clock
) -> AsyncIterator[OpenAccounts]:
    """Accounts with connections and a trail of their own, for commands; no code goes to anybody's telephone.

    `issuer` and `party` are as in `open_accounts`.
    """
    async with await Database.open(addresses) as database:
        keyring = await open_keyring(database, keys)
        trail = await open_trail(database, home, clock)
        auditor = GroupAuditor(database, trail.lanes)
        accounts = open_accounts(database, keyring, auditor, sender=NoSender(), issuer=issuer, party=party, clock=clock)
        try:
            yield OpenAccounts(database=database, keyring=keyring, auditor=auditor, accounts=accounts)
        finally:
            accounts.passwords.close()
            trail.close()
