"""All records that a caller may see, as lines of JSON in chunks, with no more than one chunk in memory.

NDJSON as in bulk data access: https://hl7.org/fhir/uv/bulkdata/export.html .
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tianfu.access.decision import Grant
from tianfu.access.scopes import Act
from tianfu.db import Database
from tianfu.db.prepared import Row
from tianfu.db.wire import int2_array
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.index.layout import HOT_TYPES
from tianfu.records.reading import Reader
from tianfu.records.timeline import type_name
from tianfu.records.tracing import Tracer
from tianfu.records.visibility import Guarded, visibility_values, wall
from tianfu.standards.fhir.definitions import definitions

ROWS_MAX = 500
STORED_BYTES_MAX = 4 << 20
"""A chunk ends behind the record with which its stored bodies reach this much."""

CHUNK_SECONDS_MAX = 60.0
_SQL = Guarded("export.sql")
_BEFORE_ALL = (-(2**63), -1)

GrantNow = Callable[[], Awaitable[Grant]]
"""What the caller may see by now; asked for every chunk, so that what ends meanwhile ends here too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportChunk:
    """Some records of one type, a line each; `lines` ends with a line feed."""

    type: str
    count: int
    lines: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export that was begun.

    Each record that stands the whole time is in it once, as it is when its chunk is read.
    Whoever asks again for what changed since `as_of` misses no change.
    """

    as_of: Instant
    chunks: AsyncGenerator[ExportChunk, None]


class Exporter:
    """Reads chunk after chunk and leaves a trace of each before it is given."""

    def __init__(self, database: Database, reader: Reader, tracer: Tracer, clock: Clock) -> None:
        self._database = database
        self._reader = reader
        self._tracer = tracer
        self._clock = clock

    async def chunks(
        self, grant_now: GrantNow, types: Sequence[str] | None, since: Instant | None, request: str
    ) -> AsyncGenerator[ExportChunk, None]:
        """The chunks; begun, given and ended leave an event each, and so does an end before its time."""
        asked = f"_type={','.join(types or ())}&_since={since or ''}"
        outcome, grant = "broken-off", await grant_now()
        await self._tracer.exported(grant, [], outcome="begun", query=asked, request=request)
        try:
            for group in _groups(types):
                async for rows in self._rows(grant_now, group, since, asked, request):
                    for chunk in self._chunks(rows):
                        yield chunk
            outcome = "finished"
        finally:
            await self._tracer.exported(grant, [], outcome=outcome, query=asked, request=request)

    async def _rows(
        self, grant_now: GrantNow, types: Sequence[int], since: Instant | None, asked: str, request: str
    ) -> AsyncIterator[list[Row]]:
        after: tuple[int, int] = _BEFORE_ALL
        while True:
            grant = await grant_now()
            reader = self._database.connection("reader", deadline_seconds=CHUNK_SECONDS_MAX, before=wall(grant))
            async with reader as connection:
                rows = await connection.all(
                    _SQL.under(grant).export_chunk,
                    types=int2_array(list(types)),
                    after_rid=after[0],
                    after_type=after[1],
                    since=since or 0,
                    rows=ROWS_MAX,
                    bytes=STORED_BYTES_MAX,
                    **visibility_values(grant, self._clock(), doing=Act.SEARCH),
                )
            if not rows:
                return
            await self._tracer.exported(grant, rows, outcome="success", query=asked, request=request)
            yield rows
            after = rows[-1][0], rows[-1][1]

    def _chunks(self, rows: Sequence[Row]) -> Iterator[ExportChunk]:
        for number, same in groupby(sorted(rows, key=lambda row: row[1]), key=lambda row: row[1]):
            name = type_name(number)
            lines = [self._reader.record(name, r[0], r[2], r[3], r[4], r[6]).text for r in same]
            yield ExportChunk(type=name, count=len(lines), lines=b"\n".join([*lines, b""]))


def refuse_unknown_types(types: Sequence[str]) -> None:
    """Refuse names that are no resource type's."""
    for name in types:
        if name not in definitions().type_numbers:
            raise Refusal("type-unknown", details={"type": name[:64]})


def _groups(types: Sequence[str] | None) -> Iterator[list[int]]:
    """The numbers of types that are read together: those that share a partition, so that it is walked once."""
    wanted = [each for each in definitions().resource_types if types is None or each in types]
    yield from ([definitions().type_number(each)] for each in wanted if each in HOT_TYPES)
    others = [definitions().type_number(each) for each in wanted if each not in HOT_TYPES]
    if others:
        yield others
