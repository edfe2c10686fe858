"""Who looks at a live visit from home, whether his page still shows the watermark, and how well the picture arrives.

Rule: docs/rules/newborn-watching.md
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction, queries
from tianfu.db.prepared import Row
from tianfu.kernel.instants import DAY, Instant
from tianfu.services.realtime.protocol.adaptation import Level
from tianfu.services.realtime.protocol.parts import Part
from tianfu.vault.blind import blind

VIEWERS_MAX = 2_000
QUALITY_ROWS_MAX = 5_000
QUALITY_DAYS = 30
MARK_BYTES = 16
WHENEVER: Final = 2**62
"""Later than every instant."""

SHOWS = ("full", "reduced", "sound", "stills", "nothing")
"""What a page may show: the picture, a smaller one, sound alone, single pictures, or nothing."""

LEVELS = frozenset(level.name.lower() for level in Level)
"""What a media server may send of a picture."""

Tell = Callable[[Transaction], Awaitable[None]]
"""Tells the trail in the transaction that it is handed: what is done stands there, or is not done."""

_SQL = queries("tianfu.services.realtime.sql", "viewers.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who looks at a visit, or did; `faults` counts how often his page did not show the watermark.

    `device` is the thumbprint of the key by which he came in last.  `level` is how much of the picture the media server
    sends him, as it said last; one of `LEVELS`.
    """

    visit: str
    participant: str
    caller: Caller
    part: Part
    device: str
    since: Instant
    heard_at: Instant
    is_away: bool
    faults: int
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """How well a picture arrived in the last seconds: milliseconds, counts, and what the page shows.

    `delay_ms` is how old the picture was when it was shown, from the media server on; None where nobody could tell.
    """

    join_ms: int
    freezes: int
    frozen_ms: int
    lost_permille: int
    rtt_ms: int
    shows: str
    delay_ms: int | None = None


class Viewers:
    """The table of viewers; one for each worker."""

    def __init__(self, database: Database, index_secret: bytes) -> None:
        """`index_secret` is the keyring's; what is derived from it serves watermarks and nothing else."""
        self._database = database
        self._secret = index_secret

    def mark(self, visit: str, participant: str) -> str:
        """The key by which a viewer's page answers for its watermark; known to the page, kept nowhere."""
        material = f"{len(visit)} {visit} {participant}".encode()
        return blind(self._secret, "room watermark", material, size_bytes=MARK_BYTES).hex()

    async def come_in(
        self, visit: str, participant: str, caller: Caller, part: Part, *, device: str, now: Instant
    ) -> None:
        """Somebody was given a grant for this device, for the first time or again."""
        async with self._database.connection("app") as connection:
            await connection.run(
                _SQL.come_in,
                visit=visit,
                participant=participant,
                person=caller.id,
                role=caller.role,
                part=part.value,
                device=device,
                now=now,
            )

    async def find(self, visit: str, participant: str) -> Viewer | None:
        """A viewer, also one who is away."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.viewer, visit=visit, participant=participant)
        return None if row is None else _viewer(row)

    async def sends(self, visit: str, participant: str, level: str) -> None:
        """The media server sends him so much of the picture from now on; nothing happens for who is not known."""
        if level not in LEVELS:
            raise ValueError(level)
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.send, visit=visit, participant=participant, level=level)

    async def heard(self, visit: str, participant: str, *, now: Instant) -> bool:
        """His page shows the watermark; no if he is away."""
        async with self._database.connection("app") as connection:
            return await connection.one(_SQL.hear, visit=visit, participant=participant, now=now) is not None

    async def goes(self, visit: str, participant: str, *, is_fault: bool, unheard_since: Instant | None = None) -> bool:
        """He is away now; no if he was already, or was heard of after `unheard_since`."""
        unheard = WHENEVER if unheard_since is None else unheard_since
        async with self._database.connection("app") as connection:
            row = await connection.one(
                _SQL.go, visit=visit, participant=participant, fault=int(is_fault), unheard=unheard
            )
        return row is not None

    async def goes_everywhere(self, person: str, *, visit: str | None) -> None:
        """An account's holder is away now, from one visit or with None from all."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.go_everywhere, person=person, visit=visit)

    async def here(self) -> Sequence[Viewer]:
        """Who is there, at most `VIEWERS_MAX`, whoever was not heard of for longest first."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.viewers_here, limit=VIEWERS_MAX)
        return [_viewer(row) for row in rows]

    async def arrives(self, visit: str, participant: str, arrival: Arrival, *, at: Instant) -> None:
        """Keep how well a picture arrives; raises ValueError for what no page may show."""
        if arrival.shows not in SHOWS:
            raise ValueError(arrival.shows)
        async with self._database.connection("app") as connection:
            await connection.run(
                _SQL.add_quality,
                visit=visit,
                participant=participant,
                at=at,
                join_ms=arrival.join_ms,
                freezes=arrival.freezes,
                frozen_ms=arrival.frozen_ms,
                lost_permille=arrival.lost_permille,
                rtt_ms=arrival.rtt_ms,
                delay_ms=arrival.delay_ms,
                shows=arrival.shows,
            )

    async def arrivals(self, visit: str) -> Sequence[tuple[str, Instant, Arrival]]:
        """Participant, instant and numbers of a visit, at most `QUALITY_ROWS_MAX`."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.quality_of, visit=visit, limit=QUALITY_ROWS_MAX)
        return [
            (
                row[0],
                Instant(row[1]),
                Arrival(
                    join_ms=row[2],
                    freezes=row[3],
                    frozen_ms=row[4],
                    lost_permille=row[5],
                    rtt_ms=row[6],
                    shows=row[7],
                    delay_ms=row[8],
                ),
            )
            for row in rows
        ]

    async def ask_interpreter(self, visit: str, person: str, *, now: Instant) -> None:
        """A guardian asks that this account may speak in a visit as an interpreter."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.ask_interpreter, visit=visit, person=person, now=now)

    async def agree_interpreter(self, visit: str, person: str, *, by: str, now: Instant, tell: Tell) -> bool:
        """A nurse lets him speak; no if nobody asked for him."""
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.agree_interpreter, visit=visit, person=person, by=by, now=now)
            if row is not None:
                await tell(transaction)
        return row is not None

    async def disagree_interpreter(self, visit: str, person: str, *, tell: Tell) -> bool:
        """He may not speak any more; no if he might not."""
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.disagree_interpreter, visit=visit, person=person)
            if row is not None:
                await tell(transaction)
        return row is not None

    async def interpreters(self, visit: str) -> Mapping[str, bool]:
        """The accounts that a guardian asked for, and whether a nurse agreed."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.interpreters_of, visit=visit)
        return {row[0]: row[1] for row in rows}

    async def forget_what_is_over(self, *, now: Instant) -> None:
        """Take away numbers that are a month old."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.forget_quality, before=now - QUALITY_DAYS * DAY)


def _viewer(row: Row) -> Viewer:
    visit, participant, person, role, part, device, since, heard_at, is_away, faults, level = row
    return Viewer(
        visit=visit,
        participant=participant,
        caller=Caller(id=person, role=role),
        part=Part(part),
        device=device,
        since=Instant(since),
        heard_at=Instant(heard_at),
        is_away=is_away,
        faults=faults,
        level=level,
    )
