"""Earlier versions: one of them, those of a record, of a type, or of everything, newest first."""

from __future__ import annotations

import base64
import binascii
import hmac
from struct import Struct, error

from tianfu.access.decision import Grant
from tianfu.access.narrowing import refuse_out_of_scope
from tianfu.access.scopes import Act
from tianfu.db import Database, queries
from tianfu.db.prepared import Row
from tianfu.kernel.ids import packed_id, record_number, unpacked_id
from tianfu.kernel.instants import LATEST, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.outcomes import Answer, HistoryEntry, HistoryPage, NotFound, Operation
from tianfu.records.reading import Reader
from tianfu.records.timeline import type_name
from tianfu.records.visibility import Guarded, visibility_values, wall
from tianfu.standards.fhir.definitions import definitions

_SQL = Guarded("read.sql")
_WRITERS = queries("tianfu.records.sql", "writers.sql")
HISTORY_MAX = 1_000
_VERSION_MAX = 2**31 - 1
_RECORD_MAX = 2**63 - 1
_PLACE = Struct("!qqi")
_SEAL_BYTES = 16

Seen = list[tuple[int, int | None]]
"""Record and patient numbers of what was shown."""


class Histories:
    """Reads versions out of the current table and the history."""

    def __init__(self, database: Database, reader: Reader, cursor_key: bytes, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._reader = reader
        self._key = cursor_key

    async def version(
        self, grant: Grant, resource_type: str, logical_id: str, version: int
    ) -> tuple[tuple[int, int | None] | None, Answer]:
        """One version, and whose it is."""
        refuse_out_of_scope(grant.narrowing, Act.READ, resource_type)
        if not 0 < version <= _VERSION_MAX:
            return None, NotFound()
        async with self._database.connection("reader", before=wall(grant)) as connection:
            row = await connection.one(
                _SQL.under(grant).version_of,
                **visibility_values(grant, self._clock(), doing=Act.READ),
                type=definitions().type_number(resource_type),
                rid=record_number(resource_type, logical_id),
                version=version,
            )
        return (row[0], row[5]) if row else None, self._reader.answer(resource_type, logical_id, row)

    async def page(
        self,
        grant: Grant,
        resource_type: str | None,
        logical_id: str | None,
        *,
        limit: int,
        since: Instant | None,
        cursor: str | None,
    ) -> tuple[Seen, HistoryPage]:
        """A page of versions; raises Refusal `not-found` for a record that never was.

        With `since`, only what lies before the oldest write under way is told: who asks again from `as_of` on misses
        nothing that was stamped earlier and committed later.
        """
        doing = Act.SEARCH if logical_id is None else Act.READ
        refuse_out_of_scope(grant.narrowing, doing, resource_type)
        limit = max(1, min(limit, HISTORY_MAX))
        scope = f"{resource_type or ''}/{logical_id or ''}\n{grant.caller.id}".encode()
        at, record, version = self._opened(cursor, scope) if cursor else (LATEST, _RECORD_MAX, _VERSION_MAX)
        as_of = await self.settled()
        if since is not None and logical_id is None:
            at = min(at, as_of)
        rows = await self._rows(grant, resource_type, logical_id, at, record, version, since, limit + 1)
        if logical_id is not None and (not rows or rows[0][5] != packed_id(logical_id)):
            if cursor is None and since is None:
                raise Refusal("not-found", next_step="check-the-address")
            rows = []
        shown = rows[:limit]
        next_cursor = None
        if len(rows) > limit:
            last = shown[-1]
            next_cursor = self._sealed(last[3], last[0], last[2], scope)
        entries = tuple(self._entry(row) for row in shown)
        return [(row[0], row[6]) for row in shown], HistoryPage(entries=entries, as_of=as_of, next_cursor=next_cursor)

    async def settled(self) -> Instant:
        """The instant before which nothing is written any more."""
        now = self._clock()
        async with self._database.connection("app") as connection:
            row = await connection.one(_WRITERS.oldest_writer)
        return now if row is None or row[0] is None else Instant(min(now, row[0]))

    async def _rows(
        self,
        grant: Grant,
        resource_type: str | None,
        logical_id: str | None,
        at: int,
        record: int,
        version: int,
        since: Instant | None,
        limit: int,
    ) -> list[Row]:
        doing = Act.SEARCH if logical_id is None else Act.READ
        sql, given = _SQL.under(grant), visibility_values(grant, self._clock(), doing=doing)
        behind = {"since": since or 0, "before_at": at, "before_rid": record, "limit": limit}
        async with self._database.connection("reader", before=wall(grant)) as connection:
            if resource_type is None:
                return await connection.all(sql.versions_of_all, **behind, **given)
            number = definitions().type_number(resource_type)
            if logical_id is None:
                return await connection.all(sql.versions_of_type, type=number, **behind, **given)
            rows = await connection.all(
                sql.versions_of,
                **given,
                type=number,
                rid=record_number(resource_type, logical_id),
                below=version,
                limit=limit,
            )
            return rows if since is None else [row for row in rows if row[3] >= since]

    def _entry(self, row: Row) -> HistoryEntry:
        rid, type_number, version, changed_at, deleted, fid, _, body = row
        name = type_name(type_number)
        operation: Operation = "delete" if deleted else "create" if version == 1 else "update"
        return HistoryEntry(
            type=name,
            id=unpacked_id(fid),
            version=version,
            changed_at=Instant(changed_at),
            operation=operation,
            record=None if deleted else self._reader.record(name, rid, version, changed_at, fid, body),
        )

    def _sealed(self, at: int, record: int, version: int, scope: bytes) -> str:
        place = _PLACE.pack(at, record, version)
        return base64.urlsafe_b64encode(place + self._seal(place, scope)).decode().rstrip("=")

    def _opened(self, cursor: str, scope: bytes) -> tuple[int, int, int]:
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            place, seal = raw[: _PLACE.size], raw[_PLACE.size :]
            if hmac.compare_digest(seal, self._seal(place, scope)):
                at, record, version = _PLACE.unpack(place)
                return at, record, version
        except (binascii.Error, ValueError, error):
            pass
        raise Refusal("cursor-invalid", next_step="search-again")

    def _seal(self, place: bytes, scope: bytes) -> bytes:
        return hmac.digest(self._key, place + scope, "sha256")[:_SEAL_BYTES]
