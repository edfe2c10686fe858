"""A person's life in one statement each: the newest records, how many of what when, and what was ever measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tianfu.access.decision import Grant
from tianfu.access.scopes import Act
from tianfu.db import Database, queries
from tianfu.db.database import Session
from tianfu.db.prepared import Row
from tianfu.db.wire import int2_array, int8_array
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import Clock, Instant
from tianfu.records.index.hashing import token_hash
from tianfu.records.index.layout import Layout
from tianfu.records.outcomes import Record
from tianfu.records.reading import Reader
from tianfu.records.visibility import Guarded, visibility_values, wall
from tianfu.standards.fhir.definitions import definitions

_SQL = Guarded("timeline.sql")
_TOKENS = queries("tianfu.records.sql", "tokens.sql")
TIMELINE_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Records of one type, of one category (`system|code` of its first coding), or of all if None."""

    type: str
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """A record on a life's line; `low` is None if it says no date."""

    record: Record
    patient: str
    low: Instant | None
    high: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelinePage:
    """Newest first; `is_cut_off` tells that there is more."""

    entries: tuple[TimelineEntry, ...]
    is_cut_off: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CensusRow:
    """So many records of one kind of one patient in one stretch of time (0 before the first edge, or undated)."""

    patient: str
    type: str
    category: str | None
    stretch: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One kind of result: its code, how many there are, and the newest."""

    code: str
    count: int
    newest: TimelineEntry


class Timelines:
    """Answers questions about the union of some patients' records."""

    def __init__(self, database: Database, reader: Reader, clock: Clock) -> None:
        self._database = database
        self._reader = reader
        self._clock = clock

    async def page(
        self,
        grant: Grant,
        patients: Sequence[str],
        *,
        slices: Sequence[Slice] | None,
        codes: Sequence[str] | None,
        after: Instant | None,
        before: Instant | None,
        limit: int,
    ) -> TimelinePage:
        """At most `limit` records of these patients, newest first."""
        limit = min(limit, TIMELINE_MAX)
        numbers = _numbers(patients)
        types = sorted({each.type for each in slices}) if slices is not None else compartment_types()
        async with self._database.connection("reader", before=wall(grant)) as connection:
            rows = await connection.all(
                _SQL.under(grant).timeline,
                **visibility_values(grant, self._clock(), doing=Act.SEARCH),
                patients=int8_array(list(numbers)),
                types=int2_array([definitions().type_number(each) for each in types]),
                codes=None if codes is None else int8_array([h for code in codes for h in code_hashes(types, code)]),
                after=after,
                before=before,
                category_types=None
                if slices is None
                else int2_array([definitions().type_number(each.type) for each in slices]),
                categories=None if slices is None else [category_hash(each) for each in slices],
                limit=limit + 1,
            )
        entries = tuple(self._entry(row, numbers) for row in rows[:limit])
        return TimelinePage(entries=entries, is_cut_off=len(rows) > limit)

    async def census(self, grant: Grant, patients: Sequence[str], *, edges: Sequence[Instant]) -> list[CensusRow]:
        """How many records of which kind lie in which stretch between the edges."""
        numbers = _numbers(patients)
        types = [definitions().type_number(each) for each in compartment_types()]
        async with self._database.connection("reader", before=wall(grant)) as connection:
            rows = await connection.all(
                _SQL.under(grant).census,
                **visibility_values(grant, self._clock(), doing=Act.SEARCH),
                patients=int8_array(list(numbers)),
                types=int2_array(types),
                edges=int8_array(list(edges)),
            )
            names = await self._names(connection, [row[2] for row in rows if row[2] is not None])
        return [
            CensusRow(
                patient=numbers[row[0]],
                type=type_name(row[1]),
                category=names.get(row[2]),
                stretch=row[3],
                count=row[4],
            )
            for row in rows
        ]

    async def measured(self, grant: Grant, patients: Sequence[str]) -> list[Measured]:
        """Every kind of result with numbers that these patients have."""
        numbers = _numbers(patients)
        async with self._database.connection("reader", before=wall(grant)) as connection:
            given = visibility_values(grant, self._clock(), doing=Act.SEARCH)
            rows = await connection.all(_SQL.under(grant).measured, patients=int8_array(list(numbers)), **given)
            names = await self._names(connection, [row[9] for row in rows])
        return [
            Measured(code=names[row[9]], count=row[10], newest=self._entry(row, numbers))
            for row in rows
            if row[9] in names
        ]

    async def _names(self, connection: Session, hashes: Sequence[int]) -> dict[int, str]:
        rows = await connection.all(_TOKENS.tokens_named, hashes=int8_array(sorted(set(hashes))))
        return {row[0]: f"{row[1]}|{row[2]}" for row in rows}

    def _entry(self, row: Row, numbers: dict[int, str]) -> TimelineEntry:
        rid, type_number, version, changed_at, fid, prid, body, low, high = row[:9]
        return TimelineEntry(
            record=self._reader.record(type_name(type_number), rid, version, changed_at, fid, body),
            patient=numbers[prid],
            low=low,
            high=high,
        )


def _numbers(patients: Sequence[str]) -> dict[int, str]:
    return {record_number("Patient", each): each for each in patients}


def type_name(number: int) -> str:
    """The resource type with this number."""
    return _type_names()[number]


def _type_names() -> dict[int, str]:
    if not _NAMES:
        _NAMES.update({number: name for name, number in definitions().type_numbers.items()})
    return _NAMES


_NAMES: dict[int, str] = {}


def compartment_types() -> list[str]:
    """The types whose records can belong to one patient, the Patient itself left out."""
    return [name for name in definitions().resource_types if name != "Patient" and Layout.for_type(name).subjects]


def code_hashes(types: Sequence[str], code: str) -> list[int]:
    """The hashes of `system|code` under the main code parameter of each type."""
    system, _, value = code.rpartition("|")
    found = []
    for each in types:
        parameter = definitions().search_parameter(each, Layout.for_type(each).code or "")
        if parameter is not None:
            found.append(token_hash(parameter.number, system, value))
    return found


def category_hash(wanted: Slice) -> int | None:
    """The hash of a slice's category under its type's category parameter."""
    layout = Layout.for_type(wanted.type)
    parameter = definitions().search_parameter(wanted.type, layout.category or "")
    if wanted.category is None or parameter is None:
        return None
    system, _, value = wanted.category.rpartition("|")
    return token_hash(parameter.number, system, value)
