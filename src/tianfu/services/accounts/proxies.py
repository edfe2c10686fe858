"""Who stands for others by which RelatedPerson record; what that opens is decided by the others' Consents alone.

Beside it stands how it is with each naming: asked, answered, seen.  Rule: docs/rules/family.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tianfu.db import Database, Transaction, queries, text_array
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.keys import AccountKeys
from tianfu.services.accounts.model.namings import DECLINED_MAX, Answer, Named, News, Told, refuse_asked_too_often
from tianfu.services.accounts.model.people import Account, Kind, SignedIn
from tianfu.services.accounts.sessions import Sessions
from tianfu.services.accounts.store import People
from tianfu.standards.china.names import folded

_PEOPLE = queries("tianfu.services.accounts.sql", "people.sql")
_NAMINGS = queries("tianfu.services.accounts.sql", "namings.sql")


class Proxies:
    """Ties of accounts to RelatedPerson records; whether one is somebody's own is decided by whoever asks."""

    def __init__(
        self, database: Database, keys: AccountKeys, people: People, sessions: Sessions, *, clock: Clock
    ) -> None:
        self._database = database
        self._keys = keys
        self._people = people
        self._sessions = sessions
        self._clock = clock

    async def refuse_unless_may_ask(self, signed_in: SignedIn, telephone: str) -> None:
        """Raise Refusal `proxy-declined-often` if whoever has that telephone has declined too often already.

        It tells nothing new: who declined is on the asker's page.
        """
        handle = self._keys.handle(Kind.RESIDENT, telephone)
        async with self._database.connection("app") as connection:
            row = await connection.one(_NAMINGS.times_declined, account=signed_in.account.id, handle=handle)
        refuse_asked_too_often(row[0] if row else 0)

    async def asked(self, signed_in: SignedIn, naming: str, *, telephone: str, name: str, until: Instant) -> None:
        """Have whoever bears that telephone and name told that he is asked, whether or not there is anybody yet."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _NAMINGS.tell_naming,
                asker=signed_in.account.id,
                naming=naming,
                handle=self._keys.handle(Kind.RESIDENT, telephone),
                named=self._keys.real_name(folded(name)),
                now=self._clock(),
                until=until,
            )

    async def accept(self, signed_in: SignedIn, named: Named) -> None:
        """Stand for another by these records from now on; other workers know it within a second."""
        async with self._people.changing(signed_in.account.id) as transaction:
            for each in named.related:
                await self._people.tie_in(transaction, signed_in.caller, signed_in.account.id, "RelatedPerson", each)
            await self._answer(transaction, signed_in, named, "accepted")
        self._sessions.forget_known(signed_in.account.id)

    async def decline(self, signed_in: SignedIn, named: Named) -> None:
        """Say no; whoever asked sees it, and the offer waits no more."""
        async with self._people.changing(signed_in.account.id) as transaction:
            await self._answer(transaction, signed_in, named, "declined")
            await self._people.trace_tie(transaction, signed_in.caller, f"declined={named.naming}")

    async def reconsider(self, signed_in: SignedIn, naming: str) -> bool:
        """Take one's no back, so that the offer waits again; whether there was one."""
        async with self._people.changing(signed_in.account.id) as transaction:
            row = await transaction.one(_NAMINGS.reconsider_naming, naming=naming, account=signed_in.account.id)
            if row is not None:
                await self._people.trace_tie(transaction, signed_in.caller, f"reconsidered={naming}")
        return row is not None

    async def lay_down(self, signed_in: SignedIn, named: Named) -> None:
        """Stand for nobody by these records any more; other workers know it within a second."""
        async with self._people.changing(signed_in.account.id) as transaction:
            for each in named.related:
                await self._people.untie_in(transaction, signed_in.caller, signed_in.account.id, "RelatedPerson", each)
            await self._answer(transaction, signed_in, named, "laid-down")
        self._sessions.forget_known(signed_in.account.id)

    async def taken_back(self, signed_in: SignedIn, naming: str) -> None:
        """Nothing of this naming waits any more: whoever asked took it back."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(_NAMINGS.end_naming, account=signed_in.account.id, naming=naming, now=self._clock())

    async def refused(self, signed_in: SignedIn, refusal: Refusal) -> Refusal:
        """Tell the trail that somebody answered or ended what is not his; the refusal to raise."""
        return await self._people.refused_tie(signed_in.caller, refusal)

    async def accepted(self, related: Sequence[str]) -> Mapping[str, Instant]:
        """Since when somebody stands by each of these records; those by which nobody does are not in it."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_PEOPLE.related_accepted, records=text_array(related))
        return {row[0]: Instant(row[1]) for row in rows}

    async def answers(self, signed_in: SignedIn, namings: Sequence[str]) -> Mapping[str, Told]:
        """What was answered to these namings of somebody's own; those that no page wrote and nobody answered are not in
        it."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(
                _NAMINGS.answers_to, account=signed_in.account.id, namings=text_array(namings), now=self._clock()
            )
        return {
            row[0]: Told(
                answer=row[1],
                at=None if row[2] is None else Instant(row[2]),
                until=Instant(row[3]),
                is_seen=bool(row[4]),
            )
            for row in rows
        }

    async def see_answers(self, signed_in: SignedIn) -> None:
        """Whoever asked has seen what was answered; nothing of it is news any more."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(_NAMINGS.see_answers, account=signed_in.account.id, now=self._clock())

    async def declined(self, signed_in: SignedIn, namings: Sequence[str]) -> frozenset[str]:
        """Those of these namings to which somebody said no."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_NAMINGS.declined_by, account=signed_in.account.id, namings=text_array(namings))
        return frozenset(row[0] for row in rows)

    async def not_heard(self, signed_in: SignedIn, patients: Sequence[str]) -> frozenset[str]:
        """Those of these patients to whom somebody said no so often that he is not asked any more, by any door."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(
                _NAMINGS.declined_often,
                account=signed_in.account.id,
                patients=text_array(patients),
                times=DECLINED_MAX,
            )
        return frozenset(row[0] for row in rows)

    async def news(self, account: Account) -> News:
        """What waits for somebody, and what was answered to him; nothing, if his real name is not known."""
        if account.kind is not Kind.RESIDENT or not account.name_stands:
            return News()
        handle, named = self._bearer(account)
        async with self._database.connection("app") as connection:
            row = await connection.one(
                _NAMINGS.news_of, account=account.id, handle=handle, named=named, now=self._clock()
            )
        return News() if row is None else News(offers=row[0], answers=row[1])

    async def _answer(self, transaction: Transaction, signed_in: SignedIn, named: Named, answer: Answer) -> None:
        handle, name = self._bearer(signed_in.account)
        await transaction.run(
            _NAMINGS.answer_naming,
            patients=text_array(named.patients),
            naming=named.naming,
            handle=handle,
            named=name,
            now=self._clock(),
            until=named.until,
            answer=answer,
            account=signed_in.account.id,
        )

    def _bearer(self, account: Account) -> tuple[bytes, bytes]:
        return self._keys.handle(Kind.RESIDENT, account.number), self._keys.real_name(folded(account.name))
