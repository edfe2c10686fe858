"""The change feed: what was written, in an order in which nothing can appear behind a reader's back.

Transactions commit in another order than they began, so a reader stops below the oldest one that still runs:
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from tianfu.access.decision import Grant
from tianfu.access.scopes import Act
from tianfu.db import Database, Session, queries
from tianfu.db.wire import int8_array
from tianfu.kernel.instants import Clock, Instant
from tianfu.records.visibility import Guarded, Sight, visibility_values
from tianfu.records.write import NOBODY

ENTRIES_MAX = 1_000

FeedOperation = Literal["create", "update", "delete", "erase"]

_OPERATIONS: dict[str, FeedOperation] = {"c": "create", "u": "update", "d": "delete", "e": "erase"}
_SQL = queries("tianfu.records.sql", "feed.sql")
_PERMISSION = Guarded("permission.sql")
_WHOLE = Sight(everything=True, is_narrowed=False, is_bound=False)


class Place(NamedTuple):
    """A place in the feed; places compare as they were told."""

    transaction: int
    sequence: int


START = Place(0, 0)
"""Before everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedChange:
    """One change of one record; `patient_before` differs from `patient` where the record moved to somebody else."""

    type_number: int
    record: int
    version: int
    operation: FeedOperation
    patient: int | None
    patient_before: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """Changes of one type that were written together."""

    place: Place
    changed_at: Instant
    changes: tuple[FeedChange, ...]


class Feed:
    """One consumer's view of the feed: changes of records that its grant may see, as if there were no others.

    Entries come at least once: whoever dies between its work and `commit` sees them again.
    """

    def __init__(self, database: Database, *, grant: Grant, consumer: str, clock: Clock) -> None:
        self._database = database
        self._grant = grant
        self._consumer = consumer
        self._clock = clock

    async def changes(self, after: Place, *, limit: int = ENTRIES_MAX) -> list[FeedEntry]:
        """The entries behind a place, in order, at most `limit`; fewer mean that there are no more for now."""
        limit = min(limit, ENTRIES_MAX)
        found: list[FeedEntry] = []
        async with self._database.connection("app") as connection:
            while True:
                rows = await connection.all(
                    _SQL.feed_after, xid=str(after.transaction), seq=after.sequence, limit=limit - len(found)
                )
                entries = [_entry(row) for row in rows]
                is_last = len(rows) < limit - len(found)
                found += entries if Sight.of(self._grant) == _WHOLE else await self._seen(connection, entries)
                if is_last or len(found) >= limit:
                    return found
                after = entries[-1].place

    async def _seen(self, connection: Session, entries: Sequence[FeedEntry]) -> list[FeedEntry]:
        """What the grant may see of these entries; whose a record was before is told only to who sees everything."""
        wanted: dict[int, set[int]] = defaultdict(set)
        for entry in entries:
            for change in entry.changes:
                wanted[change.type_number].add(change.record)
        sql = _PERMISSION.under(self._grant)
        given = visibility_values(self._grant, self._clock(), doing=Act.SEARCH)
        async with connection.pipeline() as pipeline:
            pending = {
                number: pipeline.add(sql.visible_of, type=number, rids=int8_array(sorted(records)), **given)
                for number, records in wanted.items()
            }
        seen = {(number, row[0]) for number, each in pending.items() for row in each.rows}
        told = (
            replace(
                entry,
                changes=tuple(
                    replace(change, patient_before=change.patient)
                    for change in entry.changes
                    if (change.type_number, change.record) in seen
                ),
            )
            for entry in entries
        )
        return [entry for entry in told if entry.changes]

    async def place(self) -> Place:
        """Where this consumer was when it last committed."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.feed_place, consumer=self._consumer)
        return Place(*row) if row else START

    async def commit(self, place: Place) -> None:
        """Everything up to this place has been dealt with; an earlier place than before changes nothing."""
        async with self._database.connection("app") as connection:
            await connection.run(
                _SQL.move_feed_place,
                consumer=self._consumer,
                xid=str(place.transaction),
                seq=place.sequence,
                moved_at=self._clock(),
            )


def _entry(row: Sequence[Any]) -> FeedEntry:
    transaction, sequence, changed_at, type_number, records, versions, letters, patients, patients_before = row
    changes = (
        FeedChange(
            type_number=type_number,
            record=record,
            version=version,
            operation=_OPERATIONS[letter],
            patient=_somebody(patient),
            patient_before=_somebody(before),
        )
        for record, version, letter, patient, before in zip(
            records, versions, letters, patients, patients_before or patients, strict=True
        )
    )
    return FeedEntry(place=Place(transaction, sequence), changed_at=Instant(changed_at), changes=tuple(changes))


def _somebody(patient: int) -> int | None:
    return None if patient == NOBODY else patient
