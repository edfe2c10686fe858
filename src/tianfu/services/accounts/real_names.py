"""Ties a resident's records to his account, once it is sure that they are his; what is sure is decided by whoever asks.

Tries count as failed sign-ins do, so that nobody finds out by guessing whose number is whose.
Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tianfu.access.caller import Caller
from tianfu.db import queries, text_array
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.write import leave_trace
from tianfu.services.accounts.model.people import Account, Assurance, Kind, SignedIn
from tianfu.services.accounts.papers import Papers
from tianfu.services.accounts.signing_in import Parts
from tianfu.services.accounts.store import RecordType
from tianfu.services.accounts.tracing import account_event, caller_of
from tianfu.standards.china.names import folded

_PEOPLE = queries("tianfu.services.accounts.sql", "people.sql")

Ties = Sequence[tuple[RecordType, str]]


class RealNames:
    """Real names of residents."""

    def __init__(self, parts: Parts, papers: Papers, *, clock: Clock) -> None:
        self._parts = parts
        self._papers = papers
        self._clock = clock

    async def begin(self, signed_in: SignedIn, address: str) -> None:
        """Count a try before it is looked at; raises Refusal `sign-in-closed`, told to the trail."""
        await self._begin(self._trying(signed_in.account), signed_in.caller, address)

    async def begin_of_nobody(self, number: str, address: str) -> None:
        """The same for whoever holds a telephone and has no account yet."""
        await self._begin(self._trying_by(number), caller_of(None), address)

    async def failed(self, signed_in: SignedIn | None, address: str) -> Refusal:
        """Count that somebody said what fits no record, and leave its trace; the refusal to raise."""
        await self._parts.guard.failed(address)
        refusal = Refusal("real-name-not-found", next_step="show-a-document")
        return await self._parts.people.refused_tie(signed_in.caller if signed_in else caller_of(None), refusal)

    async def passed_of_nobody(self, number: str) -> None:
        """Whoever holds this telephone said what fits: nothing is counted against it any more."""
        await self._parts.guard.succeeded(self._trying_by(number))

    async def tie(self, signed_in: SignedIn, name: str, ties: Ties) -> bool:
        """Make these records a resident's own, under the name that he has there; no if one is another account's.

        The assurance comes last: whoever is stopped in between is left with records that open nothing yet.
        Raises Refusal `account-unknown`.
        """
        account = signed_in.account
        is_another = _is_another(account, name)
        if not await self._parts.people.take_records(signed_in.caller, account.id, ties, is_another=is_another):
            return False
        await self._parts.people.retell(account.id, name=name, assurance=Assurance.NAMED)
        await self._done(account)
        return True

    async def tie_by_paper(
        self, signed_in: SignedIn, name: str, ties: Ties, *, number: str, paper: str, is_shared: bool
    ) -> bool:
        """Make these records the own of somebody whom a desk saw with his document, and nobody else's.

        Whoever has them wrongly loses them with it.  No if the paper is not good for this identity number.
        `is_shared` says that others hold his telephone too.  Raises Refusal `account-unknown`.
        """

        async def work() -> list[str] | None:
            return await self._tie_by_paper(signed_in, name, ties, number=number, paper=paper, is_shared=is_shared)

        losers = await self._parts.people.again(work)
        if losers is None:
            return False
        for each in losers:
            self._parts.sessions.forget_known(each)
        await self._done(signed_in.account)
        return True

    async def _tie_by_paper(
        self, signed_in: SignedIn, name: str, ties: Ties, *, number: str, paper: str, is_shared: bool
    ) -> list[str] | None:
        """Who lost records by it; None if the paper is not good."""
        account, people, now = signed_in.account.id, self._parts.people, self._clock()
        patients = text_array(sorted(record for kind, record in ties if kind == "Patient"))
        async with self._parts.database.transaction("app") as transaction:
            if await transaction.one(_PEOPLE.lock_account, account=account) is None:
                raise Refusal("account-unknown")
            await transaction.all(_PEOPLE.lock_records, records=patients)
            if not await self._papers.use(transaction, number, paper, account):
                return None
            related = text_array(sorted(record for kind, record in ties if kind == "RelatedPerson"))
            lost = await transaction.all(
                _PEOPLE.take_from_others, account=account, records=patients, related=related, now=now
            )
            for loser in sorted({row[0] for row in lost}):  # whose name it was not, and what is meant for it
                await transaction.run(_PEOPLE.end_real_name, account=loser)
            told = self._papers.told(number, paper)
            said = [told, *(f"account={row[0]}&ended={row[1]}/{row[2]}&{told}" for row in lost)]
            events = [account_event(signed_in.caller, "tie-record", at=now, query=each) for each in said]
            await leave_trace(transaction, events, self._parts.auditor.writer)
            if _is_another(signed_in.account, name):
                await people.end_others_in(transaction, signed_in.caller, account, ties)
            for tie in ties:
                await people.tie_in(transaction, signed_in.caller, account, *tie)

            def seen(old: Account) -> Account:
                return replace(old, name=name, assurance=Assurance.SEEN, named_at=now, is_shared=is_shared)

            await people.retell_in(transaction, account, seen)
        return [row[0] for row in lost]

    async def _begin(self, trying: bytes, caller: Caller, address: str) -> None:
        try:
            await self._parts.guard.begin(trying, address)
        except Refusal as refusal:
            if refusal.code == "sign-in-closed":
                await self._parts.people.refused_tie(caller, refusal)
            raise

    async def _done(self, account: Account) -> None:
        self._parts.sessions.forget_known(account.id)
        await self._parts.guard.succeeded(self._trying(account))

    def _trying(self, account: Account) -> bytes:
        """Under what tries are counted; no telephone looks like it."""
        return self._parts.keys.handle(Kind.RESIDENT, f"real-name {account.id}")

    def _trying_by(self, number: str) -> bytes:
        return self._parts.keys.handle(Kind.RESIDENT, f"real-name of {number}")


def _is_another(account: Account, name: str) -> bool:
    """Whether the real name that an account showed before was another one: then it may have been another person."""
    return bool(account.name) and folded(account.name) != folded(name)
