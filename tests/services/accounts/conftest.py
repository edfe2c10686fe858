"""Accounts for tests: real ones on the embedded PostgreSQL, a clock that is moved by hand, a telephone that is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from argon2 import Parameters
from argon2.low_level import Type

from tests.made_up_keys import made_up_keys
from tests.trails import auditor_of, close_trails
from tianfu.access.organisations import OrganisationTree, Unit
from tianfu.db import Addresses, Database, Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.keys import open_keyring
from tianfu.services.accounts.hashing import Passwords
from tianfu.services.accounts.model.people import Account, Method, SignedIn, Workplace
from tianfu.services.accounts.opening import Accounts, open_accounts
from tianfu.services.accounts.passkey_answers import RelyingParty
from tianfu.services.accounts.signing_in import Arrival, Entered, Next
from tianfu.services.accounts.store import THE_OPERATOR, Post
from tianfu.services.accounts.totp import code_at, new_secret
from tianfu.vault.keyring import Keyring

MASTER = b"0123456789abcdef0123456789abcdef"
NOW = Instant(1_795_406_400 * SECOND)
"""23 November 2026, 12:00 in China."""

CHEAP = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64, parallelism=1)
"""The real thing at a thousandth of its cost; test_hashing.py looks at the real one."""

PASSWORD = "lotus pond at dusk 7"
NUMBER = "H510001"
TELEPHONE = "13800001234"

PARTY = RelyingParty.at("https://tianfu.example", "Tianfu Demo")

PROVINCE, CITY, HOSPITAL, WARD, OTHER = "province", "city", "hospital", "ward", "other-city"


def unit(name: str, part_of: str | None, *, is_inside: bool = False) -> Unit:
    above = None if part_of is None else record_number("Organization", part_of)
    return Unit(number=record_number("Organization", name), part_of=above, is_inside=is_inside)


TREE = OrganisationTree(
    [
        unit(PROVINCE, None),
        unit(CITY, PROVINCE),
        unit(OTHER, PROVINCE),
        unit(HOSPITAL, CITY),
        unit(WARD, HOSPITAL, is_inside=True),
    ]
)


class Time:
    """Instants that pass when told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> Instant:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now = Instant(self.now + int(seconds * SECOND))


@dataclass
class Telephone:
    """Keeps what was sent, newest last; fails when told to."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    is_broken: bool = False

    async def send(self, number: str, code: str) -> None:
        if self.is_broken:
            raise Refusal("code-not-sent", next_step="send-again-later", retryable=True)
        self.sent.append((number, code))

    @property
    def code(self) -> str:
        return self.sent[-1][1]


@dataclass
class House:
    """Accounts, and short ways to say what a test does with them."""

    accounts: Accounts
    database: Database
    keyring: Keyring
    time: Time
    telephone: Telephone
    addresses: Addresses
    sent_by: str = "203.0.113.7"
    device: str = ""

    def arrival(self, **more: Any) -> Arrival:
        said = {"address": self.sent_by, "device": self.device, "agent": "Made-up Browser 1"}
        return Arrival(**{**said, **more})

    async def doctor(
        self, number: str = NUMBER, *, role: str = "doctor", organisation: str = HOSPITAL
    ) -> tuple[Account, Workplace]:
        """A member of staff with a password."""
        post = Post(organisation=organisation, role=role)
        account, workplace = await self.accounts.people.join_staff(
            THE_OPERATOR, name="An Demo", number=number, post=post, tree=TREE
        )
        await self.set_password(account)
        return account, workplace

    async def set_password(self, account: Account, password: str = PASSWORD) -> None:
        digest = await self.accounts.credentials.digest(password)
        async with self.database.transaction("app") as transaction:
            await self.accounts.credentials.set_password(transaction, account.id, digest)

    async def authenticator(self, account: Account) -> bytes:
        """An authenticator that was set up a while ago."""
        secret = new_secret()
        async with self.database.transaction("app") as transaction:
            await self.accounts.credentials.add_totp(transaction, account.id, secret, step=1, label="telephone")
        return secret

    async def with_password(self, number: str = NUMBER, password: str = PASSWORD, **arrival: Any) -> Next | Entered:
        answer = await self.accounts.signing_in.with_password(number, password, self.arrival(**arrival))
        self.device = answer.device
        return answer

    async def with_code(self, number: str = TELEPHONE, **arrival: Any) -> Entered:
        """Sign a resident in; one whose telephone says too little begins an account of his own."""
        answer = await self.after_code(number, **arrival)
        if isinstance(answer, Entered):
            return answer
        return await self.accounts.whose.begin_anew(answer.step, self.arrival(**{**arrival, "device": answer.device}))

    async def after_code(self, number: str = TELEPHONE, **arrival: Any) -> Next | Entered:
        """What follows the right code."""
        begun = await self.accounts.signing_in.send_code(number, self.arrival(**arrival))
        self.device = begun.device
        arrived = self.arrival(**{**arrival, "device": begun.device})
        return await self.accounts.signing_in.with_code(begun.step, self.telephone.code, arrived)

    async def with_both(self, secret: bytes, number: str = NUMBER) -> Entered:
        """Sign staff in by password and authenticator, a step later than any code before."""
        self.time.pass_(30)
        begun = await self.with_password(number)
        assert isinstance(begun, Next)
        code = code_at(secret, self.time.now)
        entered = await self.accounts.signing_in.with_second(begun.step, Method.TOTP, code, self.arrival())
        assert isinstance(entered, Entered)
        return entered

    async def look_up(self, entered: Entered) -> SignedIn:
        return await self.accounts.sessions.look_up(entered.secret, entered.device)

    async def warm(self) -> None:
        """Open as many connections as there may be, so that what is asked at one moment runs at one moment."""

        async def hold() -> None:
            async with self.database.connection("app") as connection:
                await connection.all(Query.composed("hold", "select pg_sleep(0.1)"))

        await asyncio.gather(*(hold() for _ in range(8)))

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.database.connection("owner") as owner:
            return await owner.all(Query.composed("look", sql))

    async def events(self) -> list[tuple[Any, ...]]:
        """Interaction, outcome, caller, session and query of every event, oldest first."""
        return await self.rows(EVENTS)


EVENTS = "select interaction, outcome, caller, session, query from audit order by at, seq"


async def house_of(database: Database, addresses: Addresses, time: Time, telephone: Telephone) -> House:
    keyring = await open_keyring(database, made_up_keys(MASTER))
    accounts = open_accounts(
        database,
        keyring,
        await auditor_of(database),
        sender=telephone,
        issuer="Tianfu Demo",
        party=PARTY,
        clock=time,
        passwords=Passwords(CHEAP),
    )
    return House(accounts, database, keyring, time, telephone, addresses)


@pytest.fixture
async def house(database: Database, addresses: Addresses) -> AsyncIterator[House]:
    made = await house_of(database, addresses, Time(), Telephone())
    yield made
    made.accounts.passwords.close()
    close_trails()  # while there is a loop to tell those who wait in


def code_of(refusal: pytest.ExceptionInfo[Refusal]) -> str:
    return refusal.value.code
