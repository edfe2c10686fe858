"""What a sign-in stands on: each proof by the name of its row, looked at once more in the transaction that lets in.

Between a proof and the session that it begins lies time, and several steps: what ended meanwhile begins none.  Rows
that stand are held until the session is there, so whoever ends one comes before, or ends the session with it.
Rule: docs/rules/sign-in.md
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from tianfu.db import Transaction, queries, text_array
from tianfu.services.accounts.model.people import Account, Workplace

_PEOPLE = queries("tianfu.services.accounts.sql", "people.sql")
_CREDENTIALS = queries("tianfu.services.accounts.sql", "credentials.sql")
_OUTSIDE = queries("tianfu.services.accounts.oauth.sql", "outside.sql")


class Grounds(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that proved somebody: passwords, passkeys and authenticators by name, a link, a telephone's handle."""

    credentials: tuple[str, ...] = ()
    issuer: str = ""
    subject: str = ""
    handle: bytes = b""

    def and_credential(self, name: str) -> Grounds:
        """The same, and one more credential; one that is used up by being shown has no name, and adds nothing."""
        return msgspec.structs.replace(self, credentials=(*self.credentials, name)) if name else self


NO_GROUNDS = Grounds()


@dataclass(frozen=True, slots=True)
class Standing:
    """Asks, within a transaction, whether everything is as it was proved."""

    transaction: Transaction

    async def holds(self, account: Account, workplace: Workplace | None, grounds: Grounds) -> bool:
        """Whether the account, the place of work and all grounds stand; nobody ends them until the transaction ends."""
        one = self.transaction.one
        if await one(_PEOPLE.lock_account, account=account.id) is None:
            return False
        if grounds.handle and await one(_PEOPLE.has_handle, account=account.id, handle=grounds.handle) is None:
            return False
        names = sorted(set(grounds.credentials))
        held = await self.transaction.all(_CREDENTIALS.hold_credentials, account=account.id, names=text_array(names))
        if len(held) != len(names):
            return False
        linked = {"account": account.id, "issuer": grounds.issuer, "subject": grounds.subject}
        if grounds.issuer and await one(_OUTSIDE.hold_outside, **linked) is None:
            return False
        return workplace is None or await one(_PEOPLE.hold_workplace, workplace=workplace.id) is not None
