"""Which telephone number opens whose account: one number, one account, and a number that lapsed goes to its new holder.

Every call is part of a transaction of whoever asks.  Rule: docs/rules/growing-old.md
"""

from __future__ import annotations

from tianfu.db import Transaction, queries
from tianfu.kernel.instants import Clock
from tianfu.records.trail.lanes import EventWriter
from tianfu.records.write import leave_trace
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.lapsing import lapses
from tianfu.services.accounts.model.people import Account, Kind
from tianfu.services.accounts.store import People, with_number
from tianfu.services.accounts.tracing import account_event, caller_of

_PEOPLE = queries("tianfu.services.accounts.sql", "people.sql")


class Telephones:
    """Gives numbers to accounts."""

    def __init__(self, people: People, keys: AccountKeys, writer: EventWriter, *, clock: Clock) -> None:
        self._people = people
        self._keys = keys
        self._writer = writer
        self._clock = clock

    def opens_by_code(self, account: Account | None) -> bool:
        """Whether a code to its number is enough for this account: proved lately, and nobody else's too."""
        return account is not None and not account.is_shared and lapses().telephone_stands(account, self._clock())

    async def join(self, transaction: Transaction, number: str) -> Account:
        """A new account for whoever holds a number; one without a number if it is another's yet.

        Raises Refusal `number-taken` for the second of two at one moment, and SerializationFailure.
        """
        is_free = await self._freed(transaction, number, but="")
        return await self._people.join_in(transaction, number=number if is_free else "")

    async def give(self, transaction: Transaction, account: str, number: str) -> Account:
        """The account, under this number from now on unless it is another's yet; another number ends its name's proof.

        Raises Refusal `account-unknown` or `number-taken`, and SerializationFailure.
        """
        is_free = await self._freed(transaction, number, but=account)
        now = self._clock()
        return await self._people.retell_in(
            transaction, account, lambda old: with_number(old, number, now=now) if is_free else old
        )

    async def _freed(self, transaction: Transaction, number: str, *, but: str) -> bool:
        """Whether a number is nobody's but one account's; whoever has not proved it lately loses it here."""
        row = await transaction.one(_PEOPLE.holder_of_handle, handle=self._keys.handle(Kind.RESIDENT, number))
        if row is None or row[0] == but:
            return True
        now = self._clock()
        holder = await self._people.account_in(transaction, row[0])
        if lapses().telephone_stands(holder, now):
            return False
        await self._people.retell_in(transaction, holder.id, lambda old: with_number(old, "", now=now))
        lost = account_event(caller_of(None), "change-credentials", at=now, query=f"account={holder.id}&lost=telephone")
        await leave_trace(transaction, [lost], self._writer)
        return True
