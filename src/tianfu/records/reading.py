"""Read single records: many readers of a moment share one statement and one group of audit events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from tianfu.access.decision import Grant
from tianfu.access.narrowing import refuse_out_of_scope
from tianfu.access.scopes import Act
from tianfu.db import Database, Pending, Query
from tianfu.db.prepared import Row
from tianfu.db.wire import int8_array
from tianfu.kernel.ids import packed_id, record_number, unpacked_id
from tianfu.kernel.instants import Clock, Instant
from tianfu.records.audit import Auditor
from tianfu.records.audit_event import AuditEvent, Deed, deed_of
from tianfu.records.body import resource_text
from tianfu.records.grouping import Grouped
from tianfu.records.index.layout import Layout
from tianfu.records.outcomes import Answer, Found, Gone, NotFound, Record, told_as
from tianfu.records.prepare import Preparer
from tianfu.records.visibility import Guarded, Sight, wall
from tianfu.standards.fhir.definitions import definitions

_SQL = Guarded("read.sql")
READING_AT_ONCE = 2


class Wish(NamedTuple):
    """One record that somebody wants to read."""

    grant: Grant
    type: str
    id: str
    request: str


class Reader:
    """Reads current versions by id."""

    def __init__(self, database: Database, auditor: Auditor, preparer: Preparer, clock: Clock) -> None:
        self._database = database
        self._auditor = auditor
        self._preparer = preparer
        self._clock = clock
        self._group: Grouped[Wish, Answer] = Grouped(self._read, parallel=READING_AT_ONCE, patient=True)

    async def read(self, wish: Wish) -> Answer:
        """The record, or why there is none; its audit event is durable by then.

        Raises Refusal `scope-insufficient` if no record of the type is in a token's scope to be read.
        """
        refuse_out_of_scope(wish.grant.narrowing, Act.READ, wish.type)
        return await self._group.ask(wish)

    async def read_together(self, wishes: Sequence[Wish]) -> list[Answer]:
        """Several records in one statement."""
        answers: list[Answer] = []
        for answer in await self._read(wishes) if wishes else ():
            if isinstance(answer, Exception):
                raise answer
            answers.append(answer)
        return answers

    async def _read(self, wishes: Sequence[Wish]) -> Sequence[Answer | Exception]:
        numbers = definitions().type_numbers
        now = self._clock()
        names = {numbers[wish.type]: wish.type for wish in wishes}
        keys = [(_eye(wish.grant), numbers[wish.type], record_number(wish.type, wish.id)) for wish in wishes]
        wanted: dict[int, tuple[Grant, dict[int, set[int]]]] = {}
        for wish, (eye, type_number, record) in zip(wishes, keys, strict=True):
            by_type = wanted.setdefault(eye, (wish.grant, defaultdict(set)))[1]
            by_type[type_number].add(record)
        pending: list[tuple[int, int, Pending]] = []
        async with self._database.connection("reader") as connection, connection.pipeline() as pipeline:
            for eye, (grant, by_type) in wanted.items():
                tell, told = wall(grant, plans="force_generic_plan")
                pipeline.add(tell, **told)
                for number, records in by_type.items():
                    sight = Sight.of_type(grant, number, doing=Act.READ)
                    given = sight.values(grant, now, doing=Act.READ)
                    query = _current(names[number], sight)
                    found = pipeline.add(query, type=number, rids=int8_array(list(records)), **given)
                    pending.append((eye, number, found))
        rows = {(eye, number, row[0]): row for eye, number, found in pending for row in found.rows}
        answers = [self.answer(wish.type, wish.id, rows.get(key)) for wish, key in zip(wishes, keys, strict=True)]
        deeds: dict[tuple[int, int, str], Deed] = {}
        events = []
        for wish, key, answer in zip(wishes, keys, answers, strict=True):
            _, number, record = key
            outcome = told_as(answer)
            whose = id(wish.grant), number, outcome  # not by eye, which several callers may share
            deed = deeds.get(whose)
            if deed is None:
                deed = deeds[whose] = deed_of(wish.grant, "read", number, outcome)
            events.append(AuditEvent(now, deed, (record,), _patients(rows.get(key)), None, wish.request))
        await self._auditor.record(events)
        return answers

    def answer(self, resource_type: str, logical_id: str, row: Row | None) -> Answer:
        """What a row (rid, version, changed_at, deleted, fid, prid, body) tells about a wanted id."""
        if row is None or row[4] != packed_id(logical_id):
            return NotFound()
        if row[3]:
            return Gone(since=Instant(row[2]), version=row[1])
        return Found(self.record(resource_type, row[0], row[1], row[2], row[4], row[6]))

    def record(self, resource_type: str, number: int, version: int, changed_at: int, fid: bytes, body: bytes) -> Record:
        """A record put together from its columns."""
        logical_id = unpacked_id(fid)
        stored = self._preparer.opened(resource_type, number, version, body)
        return Record(
            type=resource_type,
            id=logical_id,
            version=version,
            changed_at=Instant(changed_at),
            text=resource_text(resource_type, logical_id, version, changed_at, stored),
        )


@cache
def _current(resource_type: str, sight: Sight) -> Query:
    """The statement for one type, put to its own partition: a plan over all of them is many times larger."""
    named = _SQL.of(sight).current_by_number
    text = named.text.replace("from resource a", f"from {Layout.for_type(resource_type).table} a")
    return replace(named, text=text, wire=text.encode())


def _eye(grant: Grant) -> int:
    """Wishes with the same eye may share a statement; all who see everything do, unless a token narrows them."""
    return 0 if grant.sees_everything and grant.narrowing is None else id(grant)


def _patients(row: Row | None) -> tuple[int, ...]:
    return () if row is None or row[5] is None else (row[5],)
