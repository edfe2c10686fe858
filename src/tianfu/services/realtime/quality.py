"""How well live visits go, as operators see it: figures, lives of the media server, and alerts.

What is an alert is decided elsewhere; here it stands from when to when.  Rule: docs/rules/newborn-quality.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tianfu.db import Database, queries, text_array
from tianfu.db.prepared import Row
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import Instant

ALERTS_MAX = 500
JOINS_MAX = 20
ROW_SECONDS = 5
"""A page tells so often how its picture arrives (`frontend/islands/newborn-visit.ts`)."""

_SQL = queries("tianfu.services.realtime.sql", "quality.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that is wrong, or was; `about` is the id of a camera or a ward, or empty."""

    id: str
    kind: str
    about: str
    ward: str
    rule: int
    since: Instant
    until: Instant | None
    noted_at: Instant | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """When somebody last looked, and when the media server and the keeper were last there."""

    looked_at: Instant
    media_heard_at: Instant
    keeper_heard_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The media server's last life, and how many lives began within the time asked for."""

    since: Instant
    heard_at: Instant
    begun: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a ward's visits were like: milliseconds, shares from 0 to 1; `join_ms_*` are 0 where nobody joined.

    `delay_ms_p50` is 0 where no page could estimate it.
    """

    ward: str
    visits: int
    join_ms_p50: int
    join_ms_p95: int
    freezes: int
    lost: float
    rtt_ms_p50: int
    delay_ms_p50: int
    rows: int
    reduced: float
    sound_only: float

    @property
    def freezes_per_hour(self) -> float:
        """Freezes in an hour of one viewer."""
        return self.freezes * 3_600 / (self.rows * ROW_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowJoin:
    """The slowest join of a visit; `state` is what its room keeps."""

    ward: str
    visit: str
    join_ms: int
    state: str


class QualityBook:
    """The tables of quality; one for each worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Looking

    async def take_turn(self, *, now: Instant, before: Instant) -> tuple[Instant, Instant] | None:
        """Look now unless somebody did after `before`; when media server and keeper were last there, or None."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.take_turn, now=now, before=before)
        return None if row is None else (Instant(row[0]), Instant(row[1]))

    async def heard_of(self, *, media: bool, keeper: bool, now: Instant) -> None:
        """The media server, the keeper or both are there."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.heard_of, media=media, keeper=keeper, now=now)

    async def last_look(self) -> Look | None:
        """When somebody last looked; None before the first look."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.last_look)
        if row is None:
            return None
        return Look(looked_at=Instant(row[0]), media_heard_at=Instant(row[1]), keeper_heard_at=Instant(row[2]))

    async def lives(self, epoch: str, *, now: Instant) -> None:
        """The media server is there, in this life."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.lives, epoch=epoch, now=now)

    async def last_life(self, *, after: Instant) -> Life | None:
        """The last life, and how many began since; None if the media server was never heard of."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.last_life, after=after)
        return None if row is None else Life(since=Instant(row[0]), heard_at=Instant(row[1]), begun=row[2])

    async def is_kept(self) -> bool:
        """Whether somebody keeps the visits now."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.is_kept)
        return row is not None and bool(row[0])

    # Figures

    async def last_joins(self, *, since: Instant, limit: int) -> Sequence[int]:
        """The last joins, in milliseconds, the newest first."""
        async with self._database.connection("app") as connection:
            return [row[0] for row in await connection.all(_SQL.last_joins, since=since, limit=limit)]

    async def worst_joins(self, *, since: Instant) -> Sequence[SlowJoin]:
        """The visits with the slowest joins, the slowest first, at most `JOINS_MAX`."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.worst_joins, since=since, limit=JOINS_MAX)
        return [SlowJoin(ward=ward, visit=visit, join_ms=ms, state=state) for ward, visit, ms, state in rows]

    async def last_delays(self, visits: Sequence[str], *, since: Instant) -> Mapping[tuple[str, str], int]:
        """How old the picture was, in milliseconds, as each viewer of these visits told last, by visit and viewer."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.last_delays, visits=text_array(list(visits)), since=since)
        return {(row[0], row[1]): row[2] for row in rows}

    async def losses(self, *, since: Instant) -> Sequence[tuple[str, int, float]]:
        """Ward, how many rows were told, and the mean share of packets lost."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.losses, since=since)
        return [(ward, count, permille / 1_000) for ward, count, permille in rows]

    async def figures(self, *, since: Instant) -> Sequence[Figures]:
        """What the visits of each ward were like since an instant."""
        async with self._database.connection("app") as connection:
            return [_figures(row) for row in await connection.all(_SQL.figures, since=since)]

    # Alerts

    async def standing(self) -> Sequence[Alert]:
        """The alerts that stand, the oldest first, at most `ALERTS_MAX`."""
        async with self._database.connection("app") as connection:
            return [_alert(row) for row in await connection.all(_SQL.standing, limit=ALERTS_MAX)]

    async def ended_since(self, after: Instant) -> Sequence[Alert]:
        """The alerts that ended since an instant, the newest first, at most `ALERTS_MAX`."""
        async with self._database.connection("app") as connection:
            return [_alert(row) for row in await connection.all(_SQL.ended_lately, after=after, limit=ALERTS_MAX)]

    async def find(self, alert: str) -> Alert | None:
        """One alert, whether or not it stands."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.alert_of, alert=alert)
        return None if row is None else _alert(row)

    async def begin(self, kind: str, about: str, ward: str, *, rule: int, since: Instant) -> bool:
        """An alert begins; no if it stands already."""
        async with self._database.connection("app") as connection:
            row = await connection.one(
                _SQL.begin_alert, alert=new_uuid7(), kind=kind, about=about, ward=ward, rule=rule, since=since
            )
        return row is not None

    async def end(self, alert: str, *, now: Instant) -> bool:
        """An alert ends; no if it has ended already."""
        async with self._database.connection("app") as connection:
            return await connection.one(_SQL.end_alert, alert=alert, now=now) is not None

    async def note(self, alert: str, note: str, *, by: str, now: Instant) -> bool:
        """Somebody saw an alert and says what he does; no if it stands no more."""
        async with self._database.connection("app") as connection:
            return await connection.one(_SQL.note_alert, alert=alert, note=note, person=by, now=now) is not None

    async def take_note_back(self, alert: str) -> bool:
        """Nobody has seen it after all; no if it stands no more."""
        async with self._database.connection("app") as connection:
            return await connection.one(_SQL.unnote_alert, alert=alert) is not None

    async def forget(self, *, before: Instant) -> None:
        """Take away alerts that ended and lives that were last heard of before an instant."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.forget_alerts, before=before)
            await connection.run(_SQL.forget_lives, before=before)


def _figures(row: Row) -> Figures:
    ward, visits, p50, p95, freezes, permille, rtt, rows, reduced, sound_only, delay = row
    return Figures(
        ward=ward,
        visits=visits,
        join_ms_p50=p50,
        join_ms_p95=p95,
        freezes=freezes,
        lost=permille / 1_000,
        rtt_ms_p50=rtt,
        delay_ms_p50=delay,
        rows=rows,
        reduced=reduced / rows,
        sound_only=sound_only / rows,
    )


def _alert(row: Row) -> Alert:
    alert, kind, about, ward, rule, since, until, noted_at, note = row
    return Alert(
        id=alert,
        kind=kind,
        about=about,
        ward=ward,
        rule=rule,
        since=Instant(since),
        until=None if until is None else Instant(until),
        noted_at=None if noted_at is None else Instant(noted_at),
        note=note or "",
    )
