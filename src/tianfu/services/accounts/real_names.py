"""Ties a resident's records to his account, once it is sure that they are his; what is sure is decided by whoever asks.

Tries count as failed sign-ins do, so that nobody finds out by guessing whose number is whose.
Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from collections.abc import Sequence

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Account, Assurance, Kind, SignedIn
from tianfu.services.accounts.signing_in import Parts
from tianfu.services.accounts.store import RecordType


class RealNames:
    """Real names of residents."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def begin(self, signed_in: SignedIn, address: str) -> None:
        """Count a try before it is looked at; raises Refusal `sign-in-closed`, told to the trail."""
        try:
            await self._parts.guard.begin(self._trying(signed_in.account), address)
        except Refusal as refusal:
            if refusal.code == "sign-in-closed":
                await self._parts.people.refused_tie(signed_in.caller, refusal)
            raise

    async def failed(self, signed_in: SignedIn, address: str) -> Refusal:
        """Count that somebody said what fits no record, and leave its trace; the refusal to raise."""
        await self._parts.guard.failed(address)
        refusal = Refusal("real-name-not-found", next_step="show-a-document")
        return await self._parts.people.refused_tie(signed_in.caller, refusal)

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
