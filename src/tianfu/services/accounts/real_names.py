"""Ties a resident's records to his account, once it is sure that they are his; what is sure is decided by whoever asks.

Tries count as failed sign-ins do, so that nobody finds out by guessing whose number is whose.
Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.kernel.instants import Clock
from tianfu.records.write import leave_trace
from tianfu.services.accounts.model.people import Account, Assurance, Kind, SignedIn
from tianfu.services.accounts.signing_in import Parts
from tianfu.services.accounts.store import RecordType
from tianfu.services.accounts.tracing import account_event


class RealNames:
    """Real names of residents."""

    def __init__(self, parts: Parts, *, clock: Clock) -> None:
        self._parts = parts
        self._clock = clock

    async def begin(self, account: Account, address: str) -> None:
        """Count a try before it is looked at; raises Refusal `sign-in-closed`."""
        await self._parts.guard.begin(self._trying(account), address)

    async def failed(self, signed_in: SignedIn, address: str) -> None:
        """Count that somebody said what fits no record, and leave its trace."""
        await self._parts.guard.failed(address)
        said = account_event(
            signed_in.caller, "tie-record", at=self._clock(), outcome="real-name-not-found", query=None
        )
        async with self._parts.database.transaction("app") as transaction:
            await leave_trace(transaction, [said], self._parts.auditor.writer)

    async def tie(self, signed_in: SignedIn, name: str, ties: Sequence[tuple[RecordType, str]]) -> bool:
        """Make these records a resident's own, under the name that he has there; no if one is another account's.

        The assurance comes last: whoever is stopped in between is left with records that open nothing yet.
        Raises Refusal `account-unknown`.
        """
        account = signed_in.account
        if not await self._parts.people.take_records(signed_in.caller, account.id, ties):
            return False
        await self._parts.people.retell(account.id, name=name, assurance=Assurance.NAMED)
        self._parts.sessions.forget_known(account.id)
        await self._parts.guard.succeeded(self._trying(account))
        return True

    def _trying(self, account: Account) -> bytes:
        """Under what tries are counted; no telephone looks like it."""
        return self._parts.keys.handle(Kind.RESIDENT, f"real-name {account.id}")
