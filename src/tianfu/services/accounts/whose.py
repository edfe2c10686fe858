"""Whose account it is, for whoever holds a telephone that alone says too little: new, long unused, or shared.

All three are asked the same, so nobody who was given somebody's old number learns whether there was an account.
Rule: docs/rules/growing-old.md
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tianfu.db import Transaction, queries, text_array
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.grounds import Grounds
from tianfu.services.accounts.model.people import Account, Assurance, Kind, Method
from tianfu.services.accounts.signing_in import WHOSE, Arrival, Entered, Next, Parts, SigningIn
from tianfu.services.accounts.store import RecordType
from tianfu.services.accounts.tracing import caller_of

_PEOPLE = queries("tianfu.services.accounts.sql", "people.sql")

_BY_CODE = frozenset({Method.TELEPHONE})


class Whose:
    """Goes on after the code; every method raises Refusal `step-over` where no such sign-in waits in this browser."""

    def __init__(self, parts: Parts, signing_in: SigningIn, *, clock: Clock) -> None:
        self._parts = parts
        self._signing_in = signing_in
        self._clock = clock

    async def number_of(self, step: str, arrival: Arrival) -> str:
        """The telephone that was proved."""
        return (await self._signing_in.waiting(step, WHOSE, arrival)).data["number"]

    async def begin_anew(self, step: str, arrival: Arrival) -> Entered:
        """A new account for whoever holds the telephone.

        The number is taken from whoever has not proved it lately; it stays whose it is if it is shared, and then the
        new account has none.
        """
        number = await self.number_of(step, arrival)
        return await self._signing_in.enter_first(
            lambda transaction: self._parts.telephones.join(transaction, number),
            _BY_CODE,
            arrival,
            step=step,
        )

    async def by_passkey(self, account: Account, grounds: Grounds, step: str, arrival: Arrival) -> Next | Entered:
        """Into the account of a passkey that was shown; the telephone is that account's from now on.

        Staff have no telephone here, and a step that is over meanwhile changes none: the passkey is enough.
        """
        if account.kind is Kind.STAFF:
            return await self._signing_in.proved(account, Method.PASSKEY, grounds, arrival)
        try:
            number = await self.number_of(step, arrival)
        except Refusal as refusal:
            if refusal.code != "step-over":
                raise
            return await self._signing_in.proved(account, Method.PASSKEY, grounds, arrival)
        return await self._signing_in.enter_first(
            lambda transaction: self._parts.telephones.give(transaction, account.id, number),
            frozenset({Method.PASSKEY, Method.TELEPHONE}),
            arrival,
            step=step,
            grounds=grounds,
        )

    async def by_name(
        self, step: str, name: str, ties: Sequence[tuple[RecordType, str]], arrival: Arrival
    ) -> Entered | None:
        """Into the account that has these records, or a new one, once it is sure that they are his; None if not his.

        Whose they are is decided by whoever asks.  The account must have had this number, or have lost its own.
        """
        number = await self.number_of(step, arrival)
        try:
            return await self._signing_in.enter_first(
                lambda transaction: self._named(transaction, number, name, ties), _BY_CODE, arrival, step=step
            )
        except _NotHisError:
            return None

    async def _named(
        self, transaction: Transaction, number: str, name: str, ties: Sequence[tuple[RecordType, str]]
    ) -> Account:
        people, telephones, now = self._parts.people, self._parts.telephones, self._clock()
        patients = text_array(sorted(record for kind, record in ties if kind == "Patient"))
        await transaction.all(_PEOPLE.lock_records, records=patients)
        owners = await transaction.all(_PEOPLE.owner_of_records, records=patients)
        if not owners:
            account = await telephones.join(transaction, number)
        else:
            owner = await people.account_in(transaction, owners[0][0])
            if len(owners) > 1 or owner.is_shared or owner.number not in {"", number}:
                raise _NotHisError
            account = await telephones.give(transaction, owner.id, number)
        for tie in ties:
            await people.tie_in(transaction, caller_of(account), account.id, *tie)
        named = await people.retell_in(
            transaction, account.id, lambda old: replace(old, name=name, assurance=Assurance.NAMED, named_at=now)
        )
        return replace(named, patients=tuple(record for kind, record in ties if kind == "Patient"))


class _NotHisError(Exception):
    """The records are an account's that this telephone does not lead to."""
