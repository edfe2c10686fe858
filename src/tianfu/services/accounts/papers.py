"""Papers from a registration desk: whoever showed his document there proves by one that he is its bearer.

A paper is a code of twelve letters, good once, for one identity number, for a day; its digest is of both, so neither
the table nor a paper that was found tells whose it is.  Rule: docs/rules/growing-old.md
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tianfu.db import Database, Transaction, queries
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.write import leave_trace
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.lapsing import lapses
from tianfu.services.accounts.model.people import SignedIn, refuse_unless_settled
from tianfu.services.accounts.recovery import new_codes, plain_code
from tianfu.services.accounts.sessions import refuse_unless_fresh
from tianfu.services.accounts.tracing import account_event

DESK = "registrar"
"""Who sits at a registration desk."""

_PAPERS = queries("tianfu.services.accounts.sql", "papers.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A paper as it is handed over, and until when it is good."""

    code: str = field(repr=False)
    until: Instant


class Papers:
    """Papers in PostgreSQL."""

    def __init__(self, database: Database, keys: AccountKeys, auditor: Auditor, *, clock: Clock) -> None:
        self._database = database
        self._keys = keys
        self._auditor = auditor
        self._clock = clock

    async def write(self, by: SignedIn, number: str) -> Paper:
        """A paper for the bearer of an identity number, who stands at the desk with his document.

        Raises Refusal `not-found` for everybody but a registrar, as `refuse_unless_settled` does, and `proof-too-old`:
        a paper opens somebody's records, and a desk is easily left for a moment.
        """
        if by.workplace is None or by.workplace.role != DESK:
            raise Refusal("not-found", next_step="start-again")
        refuse_unless_settled(by)
        code, now = new_codes()[0], self._clock()
        refuse_unless_fresh(by, now)
        until = Instant(now + lapses().paper_instants)
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _PAPERS.add_paper, digest=self._digest(number, code), by=by.account.id, now=now, until=until
            )
            said = account_event(by.caller, "write-paper", at=now, query=self.told(number, code))
            await leave_trace(transaction, [said], self._auditor.writer)
        return Paper(code=code, until=until)

    async def use(self, transaction: Transaction, number: str, code: str, account: str) -> bool:
        """Whether this paper is good for this number; it is none any more then."""
        row = await transaction.one(
            _PAPERS.use_paper, digest=self._digest(number, code), account=account, now=self._clock()
        )
        return row is not None

    def told(self, number: str, code: str) -> str:
        """A paper as the trace tells it: the same where it was written and where it was used, and it opens nothing."""
        return f"paper=~{self._keys.told(self._digest(number, code))}"

    async def forget(self, *, now: Instant) -> None:
        """Forget papers that are over; the trail knows that there were some."""
        async with self._database.connection("app") as connection:
            await connection.run(_PAPERS.forget_papers, now=now)

    def _digest(self, number: str, code: str) -> bytes:
        return self._keys.paper(number, plain_code(code) or "")
