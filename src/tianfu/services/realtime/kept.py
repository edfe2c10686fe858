"""What of live visits is no record, kept in small tables: who keeps them, how each stands, and who saw what.

This part knows no rules of visits: `state` is what whoever decides wants to find again.
Rules: docs/rules/newborn-record.md
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tianfu.db import Database, SerializationFailure, Transaction, queries, text_array
from tianfu.db.prepared import Row
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit_event import AuditEvent
from tianfu.records.trail.lanes import EventWriter
from tianfu.records.write import leave_trace

ROOMS_MAX = 1_000
VIEWS_MAX = 500
FOR_EVER = Instant(2**63 - 1)

_SQL = queries("tianfu.services.realtime.sql", "kept.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRoom:
    """A visit at the bed, or that was there; `state` is JSON, `written` the version that stands in the record."""

    visit: str
    ward: str
    camera: str
    nurse: str
    state: str
    is_over: bool
    was_seen: bool
    version: int
    written: int
    lease_until: Instant
    heard_at: Instant
    begun_at: Instant
    changed_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptScan:
    """A code that was scanned for a visit."""

    code: str
    value: str
    by: str
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptView:
    """Who saw a room's picture, from `since` to `until`."""

    visit: str
    participant: str
    since: Instant
    until: Instant


Decide = Callable[[Sequence[KeptRoom]], None]
"""Raises a Refusal if a visit may not come to the bed beside these."""


class RoomHeld(Exception):  # noqa: N818 - says what is so
    """Somebody else has the lock of a visit for longer than was waited for."""


class Changing:
    """A visit that is locked for whoever changes it; what was put is kept when the block ends."""

    def __init__(self, transaction: Transaction, room: KeptRoom) -> None:
        self.room = room
        self._transaction = transaction

    async def held(self) -> Mapping[str, Instant]:
        """As `KeptRooms.held`, by the connection that holds the lock: no further one is waited for."""
        return {ward: Instant(at) for ward, at in await self._transaction.all(_SQL.held_wards)}

    async def has_camera(self, camera: str) -> bool:
        """As `KeptRooms.has_camera`, by the connection that holds the lock."""
        return await self._transaction.one(_SQL.camera_here, camera=camera) is not None

    async def refuse_unscanned(self, camera: str) -> None:
        """Raise Refusal `scans-too-old` unless this camera stands among what was scanned; it holds so until the end."""
        await _refuse_unscanned(self._transaction, self.room.visit, camera)

    async def put(self, state: str, *, camera: str, is_over: bool, is_seen: bool, at: Instant) -> None:
        """How the visit stands from now on."""
        await self._transaction.run(
            _SQL.change_room,
            visit=self.room.visit,
            state=state,
            camera=camera,
            is_over=is_over,
            is_seen=is_seen,
            at=at,
        )

    async def trace(self, events: Sequence[AuditEvent], writer: EventWriter) -> None:
        """Events of what the block does: they are there if that is, and come to nothing with it.

        At the end of a block: what else is traced may wait until it ends.
        """
        await leave_trace(self._transaction, events, writer)


class KeptRooms:
    """The tables of live visits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # The keeper's place

    async def take_keeping(self, keeper: str, *, lasts_seconds: float) -> bool:
        """Take or keep the one keeper's place by the database's clock; whether this keeper has it now."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.take_keeping, keeper=keeper, lasts=int(lasts_seconds * SECOND))
        return row is not None

    async def leave_keeping(self, keeper: str) -> None:
        """Let another keeper in at once; nothing happens if one has not the place."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.leave_keeping, keeper=keeper)

    # Visits at the bed

    async def at_work(self) -> Sequence[KeptRoom]:
        """The visits at the bed, and those of which the record does not know all."""
        async with self._database.connection("app") as connection:
            return [_room(row) for row in await connection.all(_SQL.rooms_at_work)]

    async def find(self, visit: str) -> KeptRoom | None:
        """A visit at the bed, or that was there."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.room_of, visit=visit)
        return None if row is None else _room(row)

    async def of_ward(self, ward: str, *, since: Instant, until: Instant | None = None) -> Sequence[KeptRoom]:
        """The visits of a ward that came to the bed since an instant and before another, at most `ROOMS_MAX`."""
        until = FOR_EVER if until is None else until
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.rooms_of_ward, ward=ward, since=since, until=until, limit=ROOMS_MAX)
        return [_room(row) for row in rows]

    async def begin(
        self, visit: str, *, ward: str, camera: str, nurse: str, state: str, decide: Decide, at: Instant
    ) -> None:
        """A visit comes to a bed by what was scanned there.

        Raises Refusal `room-exists` if it was there before, `scans-too-old` if its camera's scan was begun anew, as it
        is when another device takes the camera's name, and whatever `decide` raises.

        It is asked with the visits of the ward that are at the bed, behind a lock: of two that come at one moment the
        second is decided knowing the first.
        """
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.lock_beginning, ward=ward)
            others = [_room(row) for row in await transaction.all(_SQL.rooms_at_bed, ward=ward)]
            count = await transaction.run(
                _SQL.begin_room, visit=visit, ward=ward, camera=camera, nurse=nurse, state=state, at=at
            )
            if not count:
                raise Refusal("room-exists", next_step="reload")
            decide(others)
            await _refuse_unscanned(transaction, visit, camera)

    @asynccontextmanager
    async def changing(self, visit: str, *, waits_seconds: float | None = None) -> AsyncIterator[Changing]:
        """One visit, locked until the block ends; raises Refusal `room-unknown`.

        Two who change it come one after the other, whichever process they are in.  Whoever waits for so long and no
        longer gets `RoomHeld` instead.
        """
        async with self._database.transaction("app") as transaction:
            async with _waiting(transaction, waits_seconds):
                row = await transaction.one(_SQL.room_locked, visit=visit)
            if row is None:
                raise Refusal("room-unknown", next_step="reload")
            yield Changing(transaction, _room(row))

    async def written(self, visit: str, version: int) -> None:
        """The record knows this version of a visit."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.written_room, visit=visit, version=version)

    async def leased(self, visit: str, until: Instant, *, waits_seconds: float | None = None) -> None:
        """A room's lease lasts until then.  Tell it before it is asked for, so that no view outlasts it unseen.

        Raises RoomHeld as `changing` does.
        """
        async with self._database.transaction("app") as transaction, _waiting(transaction, waits_seconds):
            await transaction.run(_SQL.leased_room, visit=visit, until=until)

    async def heard(self, visits: Sequence[str], *, at: Instant) -> None:
        """Somebody is at the tablet of these visits."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.nurse_heard, visits=text_array(list(visits)), at=at)

    # Scans

    async def scan(self, visit: str, scan: KeptScan) -> None:
        """A code was scanned for a visit; the same value again changes nothing."""
        async with self._database.connection("app") as connection:
            await connection.run(
                _SQL.add_scan, visit=visit, code=scan.code, value=scan.value, person=scan.by, at=scan.at
            )

    async def scans(self, visit: str) -> Sequence[KeptScan]:
        """What was scanned for a visit, the first of it first."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.scans_of, visit=visit)
        return [KeptScan(code=code, value=value, by=person, at=Instant(at)) for code, value, person, at in rows]

    async def forget_scans(self, visit: str) -> None:
        """Begin the scans of a visit anew."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.forget_scans, visit=visit)

    async def forget_scans_with(self, code: str, value: str) -> None:
        """Begin the scans of every visit anew for which this was scanned."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.forget_scans_with, code=code, value=value)

    # Wards

    async def hold(self, ward: str, *, by: str, at: Instant) -> None:
        """Nothing is shown in a ward; safe to repeat."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.hold_ward, ward=ward, person=by, at=at)

    async def release(self, ward: str) -> None:
        """Pictures of a ward may be opened again; safe to repeat."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.release_ward, ward=ward)

    async def camera(self, camera: str, *, is_here: bool) -> None:
        """A camera is there, or not, as the keeper heard."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.camera_is, camera=camera, is_here=is_here)

    async def no_camera(self) -> None:
        """Of no camera is known that it is there."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.no_camera)

    async def has_camera(self, camera: str) -> bool:
        """Whether a camera was there when the keeper last heard of it."""
        async with self._database.connection("app") as connection:
            return await connection.one(_SQL.camera_here, camera=camera) is not None

    async def held(self) -> Mapping[str, Instant]:
        """Since when which wards are held."""
        async with self._database.connection("app") as connection:
            return {ward: Instant(at) for ward, at in await connection.all(_SQL.held_wards)}

    # Who saw what

    async def view_begins(self, visit: str, participant: str, *, since: Instant) -> None:
        """Somebody sees a room's picture from now on; told again, it changes nothing."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.begin_view, visit=visit, participant=participant, since=since)

    async def view_ends(self, visit: str, participant: str, *, since: Instant, until: Instant) -> None:
        """He sees it no more."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.end_view, visit=visit, participant=participant, since=since, until=until)

    async def end_views_unheard(self, *, before: Instant, at: Instant) -> None:
        """End all views that began before an instant and of whose end nobody can hear any more.

        They ended when their room's lease did, at the latest `at`.
        """
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.end_views_unheard, before=before, at=at)

    async def views_untold(self) -> Sequence[KeptView]:
        """Ended views that are not in the trail yet, at most `VIEWS_MAX`."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.views_untold, limit=VIEWS_MAX)
        return [
            KeptView(visit=visit, participant=participant, since=Instant(since), until=Instant(until))
            for visit, participant, since, until in rows
        ]

    async def view_told(self, view: KeptView) -> None:
        """The trail knows of a view."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.told_view, visit=view.visit, participant=view.participant, since=view.since)


@asynccontextmanager
async def _waiting(transaction: Transaction, seconds: float | None) -> AsyncIterator[None]:
    """Wait in the block for nobody's lock longer than this; then RoomHeld is raised."""
    if seconds is None:
        yield
        return
    await transaction.run(_SQL.wait_at_most, milliseconds=str(max(1, int(seconds * 1_000))))
    try:
        yield
    except SerializationFailure as error:
        raise RoomHeld from error


async def _refuse_unscanned(transaction: Transaction, visit: str, camera: str) -> None:
    await transaction.run(_SQL.lock_camera, camera=camera)
    if await transaction.one(_SQL.camera_scanned, visit=visit, camera=camera) is None:
        raise Refusal("scans-too-old", next_step="scan-again")


def _room(row: Row) -> KeptRoom:
    visit, ward, camera, nurse, state, is_over, was_seen, version, written, lease_until, heard_at, begun, changed = row
    return KeptRoom(
        visit=visit,
        ward=ward,
        camera=camera,
        nurse=nurse,
        state=state,
        is_over=is_over,
        was_seen=was_seen,
        version=version,
        written=written,
        lease_until=Instant(lease_until),
        heard_at=Instant(heard_at),
        begun_at=Instant(begun),
        changed_at=Instant(changed),
    )
