"""Who interprets in one visit as a third party: asked by a guardian, by name and telephone, and let in by a nurse.

What is done is in the trail, or not done; whoever interprets stands there in a role of his own.
Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction, queries, text_array
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.people import Kind, SignedIn
from tianfu.services.accounts.opening import Accounts
from tianfu.standards.china.names import folded
from tianfu.vault.keyring import Keyring

INTERPRETERS_MAX = 2
"""Of one visit: one language, and one more where two are needed in a chain. [ours]"""

INTERPRETER: Final = "interpreter"
"""The role in which whoever interprets stands in the trail; it opens no record."""

RULE = "newborn-visits"
ASK, ACCEPT, DECLINE, LET, END = (
    "ask-interpreter",
    "accept-interpreting",
    "decline-interpreting",
    "let-interpret",
    "end-interpreting",
)
"""What is done, as the trail calls it."""

_SQL = queries("tianfu.services.booking.sql", "interpreters.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreting:
    """That somebody is asked to interpret in a visit; `sees` is the family's word on the picture.

    `name` is his real name once he agreed, before that empty; `agreed_at` is when a nurse let him in.
    """

    id: str
    visit: str
    baby: str
    guardian: str
    sees: bool
    asked_at: Instant
    until: Instant
    account: str
    name: str
    accepted_at: Instant | None
    declined_at: Instant | None
    agreed_at: Instant | None


class Interpreters:
    """Interpreters of visits; one for each worker."""

    def __init__(
        self, database: Database, keyring: Keyring, accounts: Accounts, auditor: Auditor, clock: Clock
    ) -> None:
        self._database = database
        self._keys = AccountKeys.of(keyring.index_secret)
        self._accounts = accounts
        self._deeds = Deeds(RULE, auditor, clock)
        self._clock = clock

    async def ask(
        self, by: Caller, *, visit: str, baby: str, guardian: str, telephone: str, name: str, sees: bool, until: Instant
    ) -> None:
        """Have whoever bears that telephone and name see that he is asked, whether or not there is anybody yet.

        Who is asked already stays asked as he was: to show him more, he is taken back first.
        Raises Refusal `interpreters-too-many`.
        """
        interpreter = new_uuid7()
        bearer = {
            "handle": self._keys.handle(Kind.RESIDENT, telephone),
            "named": self._keys.real_name(folded(name)),
        }
        async with self._database.transaction("app") as transaction:
            await transaction.all(_SQL.lock_interpreters, visit=visit)
            if await transaction.one(_SQL.interpreter_asked, visit=visit, **bearer) is not None:
                return
            if len(await transaction.all(_SQL.interpreters_of_visit, visit=visit)) >= INTERPRETERS_MAX:
                raise Refusal("interpreters-too-many", next_step="take-one-back")
            await transaction.run(
                _SQL.add_interpreter,
                interpreter=interpreter,
                visit=visit,
                baby=baby,
                guardian=guardian,
                sees=sees,
                now=self._clock(),
                until=until,
                **bearer,
            )
            await self._deeds.tell(transaction, by, ASK, visit=visit, patient=baby, sees="yes" if sees else "no")

    async def of_visit(self, visit: str) -> tuple[Interpreting, ...]:
        """Who was asked for a visit and is not taken back."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.interpreters_of_visit, visit=visit)
        return tuple([await self._read(row) for row in rows])

    async def for_person(self, signed_in: SignedIn) -> tuple[Interpreting, ...]:
        """What somebody is asked, or agreed to, of visits that are not over; nothing while his name is not known."""
        if not signed_in.account.name_stands:
            return ()
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.interpreters_for, now=self._clock(), **self._bearer(signed_in))
        return tuple([await self._read(row) for row in rows])

    async def accepted(self, account: str, visit: str) -> Interpreting | None:
        """What somebody agreed to in a visit, also in one that is over, and is not taken back; None for others."""
        return next((each for each in await self.of_visit(visit) if each.account == account), None)

    async def was_taken_back(self, account: str, visit: str) -> bool:
        """Whether somebody agreed to interpret in a visit once, and it was taken back."""
        asked = {"account": account, "visit": visit}
        async with self._database.connection("app") as connection:
            return await connection.one(_SQL.interpreter_over, **asked) is not None

    async def accept(self, signed_in: SignedIn, interpreter: str) -> None:
        """Agree; raises Refusal `not-found` for what is not for him, or is over."""
        await self._answer(signed_in, interpreter, ACCEPT)

    async def decline(self, signed_in: SignedIn, interpreter: str) -> None:
        """Say no; he may think again while it is open.  Raises Refusal `not-found`."""
        await self._answer(signed_in, interpreter, DECLINE)

    async def agree(self, by: Caller, visit: str, account: str, *, practitioner: str, baby: str) -> bool:
        """A nurse lets somebody in who agreed; no if there is nobody."""
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(
                _SQL.agree_interpreting, visit=visit, account=account, by=practitioner, now=self._clock()
            )
            if row is not None:
                await self._deeds.tell(transaction, by, LET, visit=visit, patient=baby, person=account)
        return row is not None

    def telling_relative(
        self, by: Caller, visit: str, account: str, *, baby: str, is_let: bool
    ) -> Callable[[Transaction], Awaitable[None]]:
        """What tells the trail, in the transaction that does it, that a nurse let a relative speak, or no more."""
        deed = LET if is_let else END
        return lambda transaction: self._deeds.tell(transaction, by, deed, visit=visit, patient=baby, person=account)

    async def end(self, by: SignedIn, interpreter: str, guardians: Collection[str]) -> tuple[str, str]:
        """Take it back as one of these guardians, or lay it down; the visit, and whose account had agreed or empty.

        Safe to repeat while the visit lasts.  Raises Refusal `not-found`.
        """
        async with self._database.transaction("app") as transaction:
            asked = {"interpreter": interpreter, "guardians": text_array(guardians), "account": by.account.id}
            row = await transaction.one(_SQL.end_interpreter, now=self._clock(), **asked)
            if row is None and (ended := await transaction.one(_SQL.interpreter_ended, now=self._clock(), **asked)):
                return ended[0], ended[1] or ""
            return await self._ended(transaction, by.caller, row)

    async def send_away(self, by: Caller, visit: str, account: str) -> bool:
        """The ward lets him interpret no more; no if he did not."""
        async with self._database.transaction("app") as transaction:
            rows = await transaction.all(_SQL.end_interpreter_of, visit=visit, account=account, now=self._clock())
            for row in rows:
                await self._ended(transaction, by, row)
        return bool(rows)

    async def _answer(self, signed_in: SignedIn, interpreter: str, deed: str) -> None:
        if not signed_in.account.name_stands:
            raise _not_found()
        said = {"interpreter": interpreter, "now": self._clock(), **self._bearer(signed_in)}
        if deed == DECLINE:
            del said["account"]
        query = _SQL.accept_interpreting if deed == ACCEPT else _SQL.decline_interpreting
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(query, **said)
            if row is None:
                raise _not_found()
            await self._deeds.tell(transaction, interpreter_of(signed_in.caller), deed, visit=row[0])

    async def _ended(self, transaction: Transaction, by: Caller, row: Sequence[Any] | None) -> tuple[str, str]:
        if row is None:
            raise _not_found()
        await self._deeds.tell(transaction, by, END, visit=row[0], person=row[1] or "")
        return row[0], row[1] or ""

    async def _read(self, row: Sequence[Any]) -> Interpreting:
        account = row[7] or ""
        return Interpreting(
            id=row[0],
            visit=row[1],
            baby=row[2],
            guardian=row[3],
            sees=row[4],
            asked_at=Instant(row[5]),
            until=Instant(row[6]),
            account=account,
            name=(await self._accounts.people.account(account)).name if account else "",
            accepted_at=None if row[8] is None else Instant(row[8]),
            declined_at=None if row[9] is None else Instant(row[9]),
            agreed_at=None if row[10] is None else Instant(row[10]),
        )

    def _bearer(self, signed_in: SignedIn) -> dict[str, Any]:
        account = signed_in.account
        return {
            "account": account.id,
            "handle": self._keys.handle(Kind.RESIDENT, account.number),
            "named": self._keys.real_name(folded(account.name)),
        }


def interpreter_of(caller: Caller) -> Caller:
    """The same person as an interpreter: in that role nobody's record is his."""
    return Caller(id=caller.id, role=INTERPRETER, session=caller.session)


def _not_found() -> Refusal:
    return Refusal("not-found", next_step="check-the-address")
