"""What the operator's command line does with accounts; each act leaves its event.  Rule: docs/rules/sign-in.md"""

from __future__ import annotations

from tianfu.access.caller import OPERATOR
from tianfu.access.organisations import OrganisationTree
from tianfu.db import Database
from tianfu.kernel.instants import Clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.write import leave_trace
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.offices import APPOINTER
from tianfu.services.accounts.model.people import Account, Kind
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.store import THE_OPERATOR, Post, anybody_in
from tianfu.services.accounts.tracing import account_event
from tianfu.vault.keyring import Keyring

NO_TREE = OrganisationTree(())
"""The operator appoints everywhere."""


class Operating:
    """Accounts for whoever has the machine."""

    def __init__(
        self, database: Database, keyring: Keyring, accounts: Accounts, auditor: Auditor, *, clock: Clock
    ) -> None:
        self._database = database
        self._keys = AccountKeys.of(keyring.index_secret)
        self._accounts = accounts
        self._auditor = auditor
        self._clock = clock

    async def make_first_security(self, *, name: str, number: str, organisation: str) -> str:
        """The first security administrator; the password to hand over, which must be replaced at the first sign-in.

        Whoever was made before and never got a password, because the machine stopped between, gets one.
        Raises Refusal `security-there-already`, `number-malformed`, `number-taken` or `record-unknown`.
        """
        account = await self._unfinished(number)
        if account is None:
            if await anybody_in(self._database, [APPOINTER]):
                raise Refusal("security-there-already", next_step="ask-your-office")
            post = Post(organisation=organisation, role=APPOINTER)
            account, _ = await self._accounts.people.join_staff(
                THE_OPERATOR, name=name, number=number, post=post, tree=NO_TREE
            )
        return await self._accounts.enrolling.hand_over_password(THE_OPERATOR, account.id, NO_TREE)

    async def end_sessions(self, number: str) -> int:
        """End all sessions of somebody; how many there were.  Raises Refusal `account-unknown`."""
        account = await self._named(number)
        async with self._database.transaction("app") as transaction:
            count = await self._accounts.sessions.end_others(transaction, account.id, but="", by=OPERATOR.id)
            query = f"account={account.id}&others={count}"
            said = account_event(OPERATOR, "sign-out", at=self._clock(), query=query)
            await leave_trace(transaction, [said], self._auditor.writer)
        return count

    async def unlock(self, number: str) -> None:
        """Count nothing against somebody any more; raises Refusal `account-unknown`."""
        account = await self._named(number)
        said = account_event(OPERATOR, "unlock", at=self._clock(), query=f"account={account.id}")
        await self._auditor.record([said])
        await self._accounts.guard.succeeded(self._keys.handle(account.kind, account.number))

    async def _unfinished(self, number: str) -> Account | None:
        """A security administrator of this number without anything to sign in by."""
        account = await self._found(Kind.STAFF, number)
        if account is None or await self._accounts.credentials.listed(account.id):
            return None
        held = [each.role for each in await self._accounts.people.workplaces(account.id)]
        return account if held == [APPOINTER] else None

    async def _named(self, number: str) -> Account:
        for kind in (Kind.STAFF, Kind.RESIDENT):
            if (account := await self._found(kind, number)) is not None:
                return account
        raise Refusal("account-unknown")

    async def _found(self, kind: Kind, number: str) -> Account | None:
        plain = normal_number(kind, number)
        return None if plain is None else await self._accounts.people.of_handle(kind, self._keys.handle(kind, plain))
