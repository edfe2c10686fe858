"""People who are signed in at a running installation: accounts and sessions by the services that pages use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import randbelow, token_hex
from typing import TypeVar

from tianfu.access.caller import OPERATOR
from tianfu.access.organisations import OrganisationTree
from tianfu.db import Database
from tianfu.installation import database_addresses, installation_keys
from tianfu.kernel.instants import system_clock
from tianfu.main import accounts_of
from tianfu.records.audit import Auditor, GroupAuditor
from tianfu.records.keys import open_keyring
from tianfu.records.trail.epochs import open_trail
from tianfu.services.accounts.model.people import Account, Assurance, Method, SignedIn, Workplace
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.sessions import new_secret
from tianfu.services.accounts.store import THE_DEMONSTRATION, Post
from tianfu.settings import settings_from
from tianfu.vault.keyring import Keyring

PASSWORD = "heron over the ricefield"  # noqa: S105 - of made-up people

_NO_TREE = OrganisationTree(())

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody with a session: the values of both cookies, as one browser of his holds them."""

    signed_in: SignedIn
    session: str
    device: str

    def cookies(self, *, is_secure: bool = False) -> dict[str, str]:
        """For a client of httpx; `is_secure` as in production."""
        prefix = "__Host-" if is_secure else ""
        return {f"{prefix}session": self.session, f"{prefix}device": self.device}

    def in_browser(self, address: str) -> list[dict[str, str]]:
        """For a context of Playwright, at the address of an installation in development."""
        return [{"name": name, "value": value, "url": address} for name, value in self.cookies().items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a member of staff types: his number, `PASSWORD`, and what an authenticator with this secret shows."""

    account: str
    number: str
    secret: bytes


class People:
    """Makes people in the installation of these settings, whose database runs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def staff(self, role: str, *, organisation: str = "made-up-house", practitioner: str | None = None) -> Visitor:
        """A member of staff with this role, signed in as by a passkey."""

        async def made(house: House) -> Visitor:
            account, workplace, _ = await house.joined(role, organisation, practitioner)
            return await house.session(account, workplace)

        return self._do(made)

    def resident(self, *, number: str = "", patients: Sequence[str] = (), related: Sequence[str] = ()) -> Visitor:
        """A resident of whom we are sure, signed in; `patients` are his own records, `related` name him in others'.

        Without a number he has a telephone of the demo province's.
        """

        async def made(house: House) -> Visitor:
            telephone = number or f"100{randbelow(10**8):08}"
            account = await house.accounts.people.join_resident(telephone, name="示例居民", assurance=Assurance.SEEN)
            for each in patients:
                await house.accounts.people.tie_record(OPERATOR, account.id, "Patient", each)
            for each in related:
                await house.accounts.people.tie_record(OPERATOR, account.id, "RelatedPerson", each)
            return await house.session(account, None)

        return self._do(made)

    def login(self, role: str, *, organisation: str = "made-up-house", practitioner: str | None = None) -> Login:
        """A member of staff with a password and an authenticator, who is not signed in."""

        async def made(house: House) -> Login:
            account, _, number = await house.joined(role, organisation, practitioner)
            secret = bytes.fromhex(token_hex(20))
            credentials = house.accounts.credentials
            digest = await credentials.digest(PASSWORD)
            async with house.database.transaction("app") as transaction:
                await credentials.set_password(transaction, account.id, digest)
                await credentials.add_totp(transaction, account.id, secret, step=0, label="made up")
            return Login(account=account.id, number=number, secret=secret)

        return self._do(made)

    def _do(self, work: Callable[[House], Awaitable[Made]]) -> Made:
        async def done() -> Made:
            async with opened(self._environment) as house:
                return await work(house)

        # In a thread of its own: a browser's driver keeps an event loop in the thread of its tests.
        with ThreadPoolExecutor(1) as beside:
            return beside.submit(lambda: asyncio.run(done())).result()


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The accounts of an installation and what they stand on."""

    database: Database
    keyring: Keyring
    auditor: Auditor
    accounts: Accounts

    async def joined(self, role: str, organisation: str, practitioner: str | None) -> tuple[Account, Workplace, str]:
        """A new member of staff, where he works, and his number."""
        number = f"T-{token_hex(6).upper()}"
        post = Post(organisation=organisation, role=role, practitioner=practitioner)
        account, workplace = await self.accounts.people.join_staff(
            THE_DEMONSTRATION, name="示例职员", number=number, post=post, tree=_NO_TREE
        )
        return account, workplace, number

    async def session(self, account: Account, workplace: Workplace | None) -> Visitor:
        """A session that has just begun."""
        device = new_secret()
        async with self.database.transaction("app") as transaction:
            begun = await self.accounts.sessions.begin(
                transaction,
                account,
                workplace,
                {Method.PASSKEY},
                device=device,
                agent="Made-up Browser 1",
                needs_second_factor=False,
                needs_own_password=False,
                proved_at=None,
            )
        return Visitor(signed_in=begun.signed_in, session=begun.secret, device=device)


@asynccontextmanager
async def opened(environment: Mapping[str, str]) -> AsyncIterator[House]:
    """The accounts of the installation of these settings, whose database runs."""
    settings = settings_from(environment)
    async with await Database.open(database_addresses(settings), links_max=4) as database:
        keyring = await open_keyring(database, installation_keys(settings))
        trail = await open_trail(database, settings.home, system_clock)
        auditor = GroupAuditor(database, trail.lanes)
        accounts = accounts_of(settings, database, keyring, auditor)
        try:
            yield House(database=database, keyring=keyring, auditor=auditor, accounts=accounts)
        finally:
            accounts.passwords.close()
            trail.close()
