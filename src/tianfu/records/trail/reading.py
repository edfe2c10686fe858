"""The trail for those who may read it: the officer all of it, a person what concerns his own records."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from struct import Struct, error

from tianfu.access.decision import NOT_PERMITTED, Grant
from tianfu.access.judgement import CHILD_UNTIL_YEARS, MINOR_UNTIL_YEARS, born_after
from tianfu.access.relation import Kind
from tianfu.db import Database, Session, queries
from tianfu.db.prepared import Call, Row
from tianfu.db.wire import int2_array, int8_array, text_array
from tianfu.kernel.ids import record_number, unpacked_id
from tianfu.kernel.instants import LATEST, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.timeline import type_name
from tianfu.records.visibility import wall
from tianfu.standards.fhir.definitions import definitions

PAGE_MAX = 200
ENTITIES_MAX = 100
"""Of an event that touched more records, so many are named and the rest are counted."""

LOOKED_MAX = 100_000
"""So many events of the time and the patients that are asked for are looked through for one page: most filters have no
index, because the trail must be quick to write.  A page that comes to this end says so and goes on from there."""

EXPORT_PAGES_MAX = 200
"""So many pages are looked through for one export, however few events they hold."""

_SQL = queries("tianfu.records.sql", "trail.sql")
_PLACE = Struct("!qq")
_SEAL_BYTES = 16
_SEQUENCE_MAX = (1 << 63) - 1
Names = Mapping[int, Sequence[tuple[str, int | None]]]
"""Record numbers to references, each with its patient; records of two types may share a number."""

_SPEAKING = (Kind.GUARDIAN, Kind.PROXY)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailQuestion:
    """Which events are wanted; None asks nothing.

    `patients`, `practitioners` and `organisations` are ids, `entities` records as type and id, `callers` and `sessions`
    as the trace names them; `actors` are whoever has one of the names as caller or as practitioner.  `succeeded` tells
    what was done from what was refused, `outcomes` are refusals by their codes.
    """

    after: Instant | None = None
    before: Instant | None = None
    patients: tuple[str, ...] | None = None
    entities: tuple[tuple[str, str], ...] | None = None
    callers: tuple[str, ...] | None = None
    practitioners: tuple[str, ...] | None = None
    actors: tuple[str, ...] | None = None
    organisations: tuple[str, ...] | None = None
    sessions: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None
    interactions: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    succeeded: bool | None = None
    outcomes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailEvent:
    """An event as it is shown; `patients` and `records` are references, `further` counts the records not named.

    `writer`, `lane` and `number` are its place in its chain; an event from before the chain has only a writer.
    """

    id: str
    at: Instant
    writer: str
    lane: int | None
    number: int | None
    caller: str
    practitioner: str | None
    organisation: str | None
    session: str
    role: str
    purpose: str
    interaction: str
    rule: str
    outcome: str
    type: str | None
    patients: tuple[str, ...]
    records: tuple[str, ...]
    further: int
    query: str | None
    request: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailPage:
    """A page of events, newest first.

    If it came to the end of what is looked through at once before it was full, `looked_until` says how far back that
    was, and `next_cursor` looks on from there.
    """

    events: tuple[TrailEvent, ...]
    next_cursor: str | None
    looked_until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEvent:
    """What somebody did with a patient's records; `types` are the types of those records and how many of each."""

    id: str
    at: Instant
    caller: str
    role: str
    practitioner: str | None
    organisation: str | None
    purpose: str
    rule: str
    interaction: str
    outcome: str
    types: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPage:
    """A page of a person's ledger, newest first."""

    events: tuple[LedgerEvent, ...]
    next_cursor: str | None


def event_id(writer: bytes, lane: int | None, number: int | None, at: int, seq: int) -> str:
    """An event's name: its place in its chain, or, for one from before the chain, its place in time."""
    return f"before-{at}-{seq}" if number is None else f"{writer.hex()}-{lane}-{number}"


class TrailReader:
    """Reads events."""

    def __init__(self, database: Database, cursor_key: bytes, clock: Clock) -> None:
        self._database = database
        self._key = cursor_key
        self._clock = clock

    async def page(self, grant: Grant, wanted: TrailQuestion, *, limit: int, cursor: str | None) -> TrailPage:
        """A page of events; raises Refusal `role-cannot-do-this` and `cursor-invalid`."""
        own = _own(grant)
        asked = None if wanted.patients is None else [record_number("Patient", each) for each in wanted.patients]
        patients = asked if own is None else [each for each in (own if asked is None else asked) if each in own]
        limit = max(1, min(limit, PAGE_MAX))
        scope = f"trail\n{grant.caller.id}\n{wanted}".encode()
        place_at, place_seq = self._opened(cursor, scope)
        span: dict[str, object] = {
            "after": wanted.after or 0,
            "before": LATEST if wanted.before is None else wanted.before,
            "place_at": place_at,
            "place_seq": place_seq,
            "patients": None if patients is None else int8_array(patients),
            "looked": LOOKED_MAX,
        }
        async with self._database.connection("reader", before=_open_wall(grant, is_search=True)) as connection:
            records = None if wanted.entities is None else [record_number(*each) for each in wanted.entities]
            if records and own is not None:
                # One event may tell of several people; a person asks after his own records alone.
                named = await connection.all(_SQL.names_of, rids=int8_array(records))
                records = [row[0] for row in named if row[3] in own]
            rows = await connection.all(
                _SQL.events,
                **span,
                entities=ENTITIES_MAX,
                records=None if records is None else int8_array(records),
                actors=_texts(wanted.actors),
                callers=_texts(wanted.callers),
                practitioners=_texts(wanted.practitioners),
                organisations=_texts(wanted.organisations),
                sessions=_texts(wanted.sessions),
                roles=_texts(wanted.roles),
                outcomes=_texts(wanted.outcomes),
                interactions=_texts(wanted.interactions),
                succeeded=wanted.succeeded,
                types=_types(wanted.types),
                limit=limit + 1,
            )
            is_full = len(rows) > limit
            end = None if is_full else await connection.one(_SQL.looked_until, **span)
            names = await self._names(connection, rows[:limit])
        shown = rows[:limit]
        last = shown[-1] if is_full else end
        return TrailPage(
            events=tuple(_event(row, names, own) for row in shown),
            next_cursor=None if last is None else self._sealed(last, scope),
            looked_until=None if end is None else Instant(end[0]),
        )

    def refuse_unless_reader(self, grant: Grant) -> None:
        """Raise Refusal `role-cannot-do-this` for whoever may see nothing of the trail."""
        _own(grant)

    async def pages(self, grant: Grant, wanted: TrailQuestion, *, limit: int) -> AsyncIterator[TrailPage]:
        """The newest `limit` events page by page; the last page's cursor tells that there are more."""
        left, cursor = limit, None
        for _ in range(EXPORT_PAGES_MAX):
            page = await self.page(grant, wanted, limit=left, cursor=cursor)
            yield page
            left, cursor = left - len(page.events), page.next_cursor
            if cursor is None or left <= 0:
                return

    async def one(self, grant: Grant, name: str) -> TrailEvent | None:
        """One event by its name."""
        own = _own(grant)
        place = _place_of(name)
        if place is None:
            return None
        statement = _SQL.event_at if "writer" in place else _SQL.event_before
        patients = None if own is None else int8_array(sorted(own))
        async with self._database.connection("reader", before=_open_wall(grant)) as connection:
            row = await connection.one(statement, entities=ENTITIES_MAX, patients=patients, **place)
            names = await self._names(connection, [row]) if row else {}
        return _event(row, names, own) if row else None

    async def ledger(
        self,
        grant: Grant,
        patients: Sequence[str],
        *,
        limit: int,
        cursor: str | None,
        after: Instant | None,
        before: Instant | None,
    ) -> LedgerPage:
        """What was done with the records of these patients, who are one person or in his care.

        Raises Refusal `role-cannot-do-this` if one of them is neither the caller nor somebody he speaks for.
        """
        numbers = sorted({record_number("Patient", each) for each in patients})
        await self._refuse_strangers(grant, numbers)
        limit = max(1, min(limit, PAGE_MAX))
        scope = f"ledger\n{grant.caller.id}\n{numbers}".encode()
        place_at, place_seq = self._opened(cursor, scope)
        async with self._database.connection("reader", before=_open_wall(grant)) as connection:
            rows = await connection.all(
                _SQL.ledger,
                patients=int8_array(numbers),
                after=after or 0,
                before=LATEST if before is None else before,
                place_at=place_at,
                place_seq=place_seq,
                limit=limit + 1,
            )
        shown = rows[:limit]
        return LedgerPage(
            events=tuple(_ledger_event(row) for row in shown),
            next_cursor=self._sealed(shown[-1], scope) if len(rows) > limit else None,
        )

    async def _refuse_strangers(self, grant: Grant, patients: Sequence[int]) -> None:
        if grant.sees_everything or grant.reads_trail:
            return
        strangers = [each for each in patients if each not in grant.own]
        if not strangers:
            return
        now = self._clock()
        async with self._database.connection("reader", before=_open_wall(grant)) as connection:
            rows = await connection.all(
                _SQL.guarded,
                patients=int8_array(strangers),
                actors=int8_array(grant.actors),
                kinds=int2_array([int(kind) for kind in _SPEAKING]),
                now=now,
                fourteen=born_after(now, CHILD_UNTIL_YEARS),
                eighteen=born_after(now, MINOR_UNTIL_YEARS),
            )
        if {row[0] for row in rows} != set(strangers):
            raise _not_permitted(grant)

    async def _names(self, connection: Session, rows: Sequence[Row]) -> Names:
        wanted = sorted({number for row in rows for number in (*row[15], *row[16])})
        if not wanted:
            return {}
        names: dict[int, list[tuple[str, int | None]]] = {}
        for rid, kind, fid, prid in await connection.all(_SQL.names_of, rids=int8_array(wanted)):
            names.setdefault(rid, []).append((f"{type_name(kind)}/{unpacked_id(fid)}", prid))
        return names

    def _sealed(self, row: Row, scope: bytes) -> str:
        place = _PLACE.pack(row[0], row[1])
        return base64.urlsafe_b64encode(place + self._seal(place, scope)).decode().rstrip("=")

    def _opened(self, cursor: str | None, scope: bytes) -> tuple[int, int]:
        if not cursor:
            return LATEST, _SEQUENCE_MAX
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            place, seal = raw[: _PLACE.size], raw[_PLACE.size :]
            if hmac.compare_digest(seal, self._seal(place, scope)):
                at, seq = _PLACE.unpack(place)
                return at, seq
        except (binascii.Error, ValueError, error):
            pass
        raise Refusal("cursor-invalid", next_step="search-again")

    def _seal(self, place: bytes, scope: bytes) -> bytes:
        return hmac.digest(self._key, place + scope, "sha256")[:_SEAL_BYTES]


def _own(grant: Grant) -> frozenset[int] | None:
    """Whose events the caller may see; None means everybody's."""
    if grant.sees_everything or grant.reads_trail:
        return None
    if not grant.own:
        raise _not_permitted(grant)
    return frozenset(grant.own)


def _not_permitted(grant: Grant) -> Refusal:
    return Refusal(NOT_PERMITTED, next_step="ask-your-office", details={"purpose": grant.purpose.value})


def _open_wall(grant: Grant, *, is_search: bool = False) -> Call:
    """The trail has its own rules; the names of records in it are looked up past the second wall."""
    return wall(replace(grant, sees_everything=True), plans="force_custom_plan" if is_search else "auto")


def _place_of(name: str) -> dict[str, object] | None:
    """The place in its chain, or in time for an event from before the chain, that `event_id` made a name of."""
    writer, _, rest = name.partition("-")
    parts = rest.split("-")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):
        return None
    first, second = map(int, parts)
    if writer == "before":
        return {"at": first, "seq": second}
    try:
        return (
            {"writer": bytes.fromhex(writer), "lane": min(first, 32_767), "number": second}
            if len(writer) == 32
            else None
        )
    except ValueError:
        return None


def _event(row: Row, names: Names, own: frozenset[int] | None) -> TrailEvent:
    """A row as an event; to a person only what is his own is named."""
    kind = None if row[14] is None else type_name(row[14])
    patients = [number for number in row[16] if own is None or number in own]
    records = [
        name
        for number in row[15]
        for name, prid in names.get(number, ())
        if (own is None or prid in own) and (kind is None or name.startswith(f"{kind}/"))
    ]
    return TrailEvent(
        id=event_id(row[2].bytes, row[3], row[4], row[0], row[1]),
        at=Instant(row[0]),
        writer=row[2].hex,
        lane=row[3],
        number=row[4],
        caller=row[5],
        practitioner=row[6] or None,
        organisation=row[7] or None,
        session=row[8] if own is None else "",
        role=row[9],
        purpose=row[10],
        interaction=row[11],
        rule=row[12],
        outcome=row[13],
        type=kind,
        patients=tuple(name for number in patients for name, _ in names.get(number, ()) if name.startswith("Patient/")),
        records=tuple(records),
        further=row[17] - len(records) if own is None else 0,
        query=row[19] if own is None else None,
        request=row[20] if own is None else "",
    )


def _ledger_event(row: Row) -> LedgerEvent:
    return LedgerEvent(
        id=event_id(row[2].bytes, row[3], row[4], row[0], row[1]),
        at=Instant(row[0]),
        caller=row[5],
        practitioner=row[6] or None,
        organisation=row[7] or None,
        role=row[8],
        purpose=row[9],
        rule=row[10],
        interaction=row[11],
        outcome=row[12],
        types=tuple((type_name(kind), count) for kind, count in zip(row[14] or (), row[15] or (), strict=True)),
    )


def _texts(values: Sequence[str] | None) -> object:
    return None if values is None else text_array(values)


def _types(names: Sequence[str] | None) -> object:
    numbers = definitions().type_numbers
    return None if names is None else int2_array([numbers[name] for name in names if name in numbers])


def asked_of_trail(wanted: TrailQuestion) -> str:
    """What was asked of the trail, for its own trace; it names nobody but by ids."""
    return json.dumps({name: value for name in wanted.__slots__ if (value := getattr(wanted, name)) is not None})
