"""The change feed: what was written, in an order in which nothing can appear behind a reader's back.

Transactions commit in another order than they began, so a reader stops below the oldest one that still runs:
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from tianfu.db import Database, queries
from tianfu.kernel.instants import Clock, Instant
from tianfu.records.write import NOBODY

ENTRIES_MAX = 1_000

FeedOperation = Literal["create", "update", "delete", "erase"]

_OPERATIONS: dict[str, FeedOperation] = {"c": "create", "u": "update", "d": "delete", "e": "erase"}
_SQL = queries("tianfu.records.sql", "feed.sql")


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
    """One consumer's view of the feed.

    Entries come at least once: whoever dies between its work and `commit` sees them again.
    """

    def __init__(self, database: Database, *, consumer: str, clock: Clock) -> None:
        self._database = database
        self._consumer = consumer
        self._clock = clock

    async def changes(self, after: Place, *, limit: int = ENTRIES_MAX) -> list[FeedEntry]:
        """The entries behind a place, in order, at most `limit`; fewer mean that there are no more for now."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(
                _SQL.feed_after, xid=str(after.transaction), seq=after.sequence, limit=min(limit, ENTRIES_MAX)
            )
        return [_entry(row) for row in rows]

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
