"""Wordings in Tibetan and Yi as people entered, approved, refused and withdrew them; and what a person reads in.

Nothing is decided here but what two at once could get wrong: whoever asks brings what he checked.  Every change is in
the trail, with the version that stood before, or it is not done.  Rule: docs/rules/newborn-wordings.md
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction, queries
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds

RULE = "newborn-visits"
ENTER, APPROVE, REFUSE, WITHDRAW = "enter-wording", "approve-wording", "refuse-wording", "withdraw-wording"
CHOOSE = "choose-language"
"""What is done, as the trail calls it."""

REMEMBERED_SECONDS = 3
"""So long a worker shows what it read last: what is withdrawn is off every page so soon."""

_SQL = queries("tianfu.services.booking.sql", "wordings.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One version as it is kept; `answer` is `approved`, `refused` or empty, `source` a digest of its Chinese."""

    id: str
    tongue: str
    phrase: str
    number: int
    text: str
    source: bytes
    translator: str
    capacity: str
    entered_by: str
    entered_at: Instant
    answer: str
    answered_by: str
    answered_at: Instant | None
    reason: str
    withdrawn_by: str
    withdrawn_at: Instant | None
    withdrawn_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """What is entered for one sentence; `source` is the digest of the Chinese that was before the translator."""

    phrase: str
    text: str
    source: bytes
    translator: str
    capacity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What families read in a tongue, by key; `edition` grows with every approval and every withdrawal of one."""

    words: Mapping[str, str]
    edition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitByTongue:
    """One visit by the language of its family, empty where they chose none."""

    visit: str
    family: str
    end: Instant
    tongue: str
    is_interpreted: bool


class Wordings:
    """Wordings and choices of language; one for each worker."""

    def __init__(self, database: Database, auditor: Auditor, clock: Clock) -> None:
        self._database = database
        self._deeds = Deeds(RULE, auditor, clock)
        self._clock = clock
        self._remembered: dict[str, tuple[Instant, Shown]] = {}

    async def of(self, tongue: str) -> tuple[Kept, ...]:
        """Every version in a tongue, oldest first of each sentence."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.wordings_of, tongue=tongue)
        return tuple(_kept(row) for row in rows)

    async def shown(self, tongue: str, words_of: Callable[[Sequence[Kept]], Mapping[str, str]]) -> Shown:
        """What `words_of` makes of the versions that were approved last, a few seconds ago at most.

        Pages of families ask all the time, so that the words are remembered and not the rows.
        """
        now = self._clock()
        at, known = self._remembered.get(tongue, (Instant(0), None))
        if known is not None and 0 <= now - at < REMEMBERED_SECONDS * SECOND:
            return known
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.approved_last_of, tongue=tongue)
        found = Shown(words=words_of([_kept(row) for row in rows]), edition=rows[0][17] if rows else 0)
        self._remembered[tongue] = (now, found)
        return found

    async def enter(self, by: Caller, tongue: str, new: Sequence[New]) -> None:
        """Keep versions that wait for a second person, all or none.

        Raises Refusal `wording-waits` where one of a sentence waits already.
        """
        async with self._database.transaction("app") as transaction:
            await transaction.all(_SQL.lock_wordings, tongue=tongue)
            kept = [_kept(row) for row in await transaction.all(_SQL.wordings_of, tongue=tongue)]
            for each in new:
                before = [one for one in kept if one.phrase == each.phrase]
                if any(not one.answer and one.withdrawn_at is None for one in before):
                    raise Refusal("wording-waits", next_step="answer-or-withdraw-it", details={"phrase": each.phrase})
                number = max((one.number for one in before), default=0) + 1
                await transaction.run(
                    _SQL.add_wording,
                    wording=new_uuid7(),
                    tongue=tongue,
                    phrase=each.phrase,
                    number=number,
                    said=each.text,
                    source=each.source,
                    translator=each.translator,
                    capacity=each.capacity,
                    by=by.id,
                    now=self._clock(),
                )
                await self._deeds.tell(
                    transaction, by, ENTER, tongue=tongue, phrase=each.phrase, version=str(number), **_before(before)
                )
        self._remembered.pop(tongue, None)

    async def approve(self, by: Caller, tongue: str, version: str) -> None:
        """Approve a version that waits; raises Refusal `wording-own` and `wording-answered`."""
        await self._answer(by, tongue, version, APPROVE, "")

    async def refuse(self, by: Caller, tongue: str, version: str, reason: str) -> None:
        """Refuse a version that waits, saying why; raises Refusal `wording-own` and `wording-answered`."""
        await self._answer(by, tongue, version, REFUSE, reason)

    async def withdraw(self, by: Caller, tongue: str, version: str, reason: str) -> None:
        """Take back a version that waits or was approved; raises Refusal `wording-answered`."""
        async with self._database.transaction("app") as transaction:
            own, _ = await self._version(transaction, tongue, version)
            row = await transaction.one(
                _SQL.withdraw_wording, wording=version, tongue=tongue, by=by.id, now=self._clock(), reason=reason
            )
            if row is None:
                raise Refusal("wording-answered", next_step="look-again")
            said = {"version": str(own.number), "before": str(own.number), "before-words": own.text}
            await self._deeds.tell(transaction, by, WITHDRAW, tongue=tongue, phrase=row[0], reason=reason, **said)
        self._remembered.pop(tongue, None)

    async def choose(self, by: Caller, account: str, tongue: str) -> None:
        """Keep what a person reads in; nothing is said where he chose the same again.

        The trail tells that he chose and not what: a language hints at where somebody comes from.
        """
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.tongue_of, account=account)
            if row is not None and row[0] == tongue:
                return
            await transaction.run(_SQL.choose_tongue, account=account, tongue=tongue, now=self._clock())
            await self._deeds.tell(transaction, by, CHOOSE)

    async def chosen(self, account: str) -> str:
        """What a person chose to read in; empty where he chose nothing."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.tongue_of, account=account)
        return "" if row is None else str(row[0])

    async def visits(self, ward: str, since: Instant, until: Instant) -> tuple[VisitByTongue, ...]:
        """A ward's visits of some days by what their families chose to read in."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.visits_by_tongue, ward=ward, since=since, until=until)
        return tuple(
            VisitByTongue(visit=row[0], family=row[1], end=Instant(row[2]), tongue=row[3], is_interpreted=row[4])
            for row in rows
        )

    async def _answer(self, by: Caller, tongue: str, version: str, deed: str, reason: str) -> None:
        answer = "approved" if deed == APPROVE else "refused"
        async with self._database.transaction("app") as transaction:
            await transaction.all(_SQL.lock_wordings, tongue=tongue)
            own, earlier = await self._version(transaction, tongue, version)
            if own.entered_by == by.id:
                raise Refusal("wording-own", next_step="ask-a-colleague")
            row = await transaction.one(
                _SQL.answer_wording,
                wording=version,
                tongue=tongue,
                answer=answer,
                by=by.id,
                now=self._clock(),
                reason=reason,
            )
            if row is None:
                raise Refusal("wording-answered", next_step="look-again")
            said = {"version": str(own.number), "reason": reason, **_before(earlier)}
            await self._deeds.tell(transaction, by, deed, tongue=tongue, phrase=row[0], **said)
        self._remembered.pop(tongue, None)

    async def _version(self, transaction: Transaction, tongue: str, version: str) -> tuple[Kept, Sequence[Kept]]:
        """A version, and the others of its sentence; raises Refusal `not-found`."""
        kept = [_kept(row) for row in await transaction.all(_SQL.wordings_of, tongue=tongue)]
        own = next((each for each in kept if each.id == version), None)
        if own is None:
            raise Refusal("not-found", next_step="start-again")
        return own, [each for each in kept if each.phrase == own.phrase and each.id != version]


def _before(versions: Sequence[Kept]) -> Mapping[str, str]:
    """The version that stood before, by number, and its words: what a change put aside."""
    standing = [each for each in versions if each.answer == "approved" and each.withdrawn_at is None]
    last = max(standing, key=lambda each: each.number, default=None)
    return {} if last is None else {"before": str(last.number), "before-words": last.text}


def _kept(row: Sequence[Any]) -> Kept:
    return Kept(
        id=row[0],
        tongue=row[1],
        phrase=row[2],
        number=row[3],
        text=row[4],
        source=bytes(row[5]),
        translator=row[6],
        capacity=row[7],
        entered_by=row[8],
        entered_at=Instant(row[9]),
        answer=row[10] or "",
        answered_by=row[11] or "",
        answered_at=None if row[12] is None else Instant(row[12]),
        reason=row[13],
        withdrawn_by=row[14] or "",
        withdrawn_at=None if row[15] is None else Instant(row[15]),
        withdrawn_reason=row[16],
    )
