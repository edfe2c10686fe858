"""Places of a ward's slots: taken one at a time, so that of two who want the last one exactly one has it.

Which slots there are and who may have one is decided by whoever asks: a pure rule is handed in and asked inside the
transaction that writes.
"""

from __future__ import annotations

from asyncio import Lock
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import orjson

from tianfu.access.caller import Caller
from tianfu.db import Database, Transaction, queries, text_array
from tianfu.kernel.ids import new_uuid7
from tianfu.kernel.instants import DAY, SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.records.audit import Auditor
from tianfu.records.deeds import Deeds

RULE = "newborn-visits"
BOOK, GIVE_UP = "book-visit", "give-up-visit"
"""What is done, as the trail calls it."""

HELD_SECONDS = 60
"""A place that was held and never confirmed, because a worker died in between, is free again after so long."""

SETTLED_SECONDS = 600
"""So long after it was held nobody writes an Appointment for a place that was not confirmed."""

LOOK_BACK_DAYS = 31
LOOK_AHEAD_DAYS = 2
TELL_AT_ONCE = 50
SLOTS_AT_ONCE = 200
"""So many slots that somebody waits for are looked at in one look, the next of them first."""

_SQL = queries("tianfu.services.booking.sql", "places.sql")

Said = Mapping[str, Any]
Outcome = Literal["moved-up", "withdrawn", "over"]
When = Literal["day", "soon"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place that is taken; its id is that of the Appointment, `waited_since` tells that it came from the list."""

    id: str
    baby: str
    related: str
    start: Instant
    end: Instant
    is_confirmed: bool
    by_staff: bool
    waited_since: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """That a family waits for a slot."""

    id: str
    baby: str
    related: str
    since: Instant
    start: Instant
    end: Instant
    ward: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a place; `freed_by` is None while it stands, `broken_off` why the ward ended what was seen."""

    baby: str
    start: Instant
    end: Instant
    by_staff: bool
    freed_by: str | None
    freed_reason: str
    broken_off: str


Decide = Callable[[Sequence[Place]], None]
"""Raises a Refusal if the place may not be taken, given what is taken in the ward around it."""

Choose = Callable[[Sequence[Waiting], Sequence[Place]], Waiting | None]
"""Who of those that wait comes first, if there is room."""


class Places:
    """The places of all wards; one for each worker."""

    def __init__(self, database: Database, clock: Clock, auditor: Auditor | None = None) -> None:
        self._deeds = None if auditor is None else Deeds(RULE, auditor, clock)
        self._database = database
        self._clock = clock
        self._asking = Lock()

    async def policies(self, ward: str) -> tuple[Said, ...]:
        """What a ward has set, oldest first."""
        async with self._database.connection("app") as connection:
            return tuple(orjson.loads(row[0]) for row in await connection.all(_SQL.policies_of, ward=ward))

    @asynccontextmanager
    async def asking(self, baby: str) -> AsyncIterator[None]:
        """In this block one at a time asks somebody to a baby, or comes to a visit, of all workers.

        The block asks for connections of its own, so each worker holds at most one open for this: its others wait
        without.
        """
        async with self._asking, self._database.transaction("app") as transaction:
            await transaction.run(_SQL.lock_asking, baby=baby)
            yield

    async def consults(self, visit: str, until: Instant) -> None:
        """A remote consultation is looked at from now on; before it is written, so that none is left out."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.add_consultation, visit=visit, until=until)

    async def consultations(self) -> tuple[tuple[str, Instant], ...]:
        """The remote consultations that are not settled, and when each ends."""
        async with self._database.connection("app") as connection:
            return tuple((row[0], Instant(row[1])) for row in await connection.all(_SQL.consultations))

    async def settle_consultations(self, visits: Collection[str]) -> None:
        """Look at these no more."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.forget_consultations, visits=text_array(visits))

    async def wards(self) -> tuple[str, ...]:
        """The wards that have set anything."""
        async with self._database.connection("app") as connection:
            return tuple(row[0] for row in await connection.all(_SQL.wards_that_set))

    async def set_policy(self, ward: str, from_day: date, said: Said, *, by: str) -> None:
        """Let something hold in a ward from a day on."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.lock_ward, ward=ward)
            await transaction.run(
                _SQL.add_policy,
                ward=ward,
                from_day=from_day.isoformat(),
                said=orjson.dumps(said).decode(),
                by=by,
                now=self._clock(),
            )

    async def taken(self, ward: str, since: Instant, until: Instant) -> tuple[Place, ...]:
        """Places that are taken and begin in a span, those that booked first before others."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.places_between, ward=ward, since=since, until=until, **self._held())
        return tuple(map(_place, rows))

    async def of_baby(self, baby: str) -> tuple[Place, ...]:
        """Places of a baby that are not over, in their order."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.places_of_baby, baby=baby, since=self._clock())
        return tuple(map(_place, rows))

    async def place(self, place: str) -> tuple[Place, str]:
        """One place and its ward; raises Refusal `not-found`."""
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.place_named, place=place)
        if row is None:
            raise Refusal("not-found", next_step="check-the-address")
        return _place(row[:8]), row[8]

    async def around(self, now: Instant, *, before: int) -> tuple[tuple[Place, str], ...]:
        """Confirmed places that begin within `before` microseconds or ended within a day, each with its ward."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.places_around, until=now + before, since=now - DAY)
        return tuple((_place(row[:8]), row[8]) for row in rows)

    async def hold(
        self,
        ward: str,
        wanted: Sequence[tuple[str, str, Instant, Instant]],
        decide: Decide,
        *,
        by_staff: bool,
    ) -> tuple[str, ...]:
        """Hold places for these (baby, guardian, start, end), all or none; their names.

        Whatever `decide` raises is raised; it is asked before each, with the places before it taken.
        """
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.lock_ward, ward=ward)
            names = []
            for baby, related, start, end in wanted:
                around = await self._around(transaction, ward, start)
                decide(around)
                names.append(
                    await self._take(transaction, ward, baby, related, start, end, by_staff=by_staff, waited_since=None)
                )
        return tuple(names)

    async def confirm(self, *places: str, who: Caller | None = None) -> None:
        """The Appointments of places of one ward are written; all are confirmed or none.  The trail tells who booked.

        Who waited for one of them waits no more.  Raises Refusal `slot-taken` if a hold has lapsed or was ended
        meanwhile.
        """
        async with self._database.transaction("app") as transaction:
            await transaction.all(_SQL.lock_ward_of, place=places[0])
            for place in places:
                row = await transaction.one(_SQL.confirm_place, place=place, **self._held())
                if row is None:
                    raise Refusal("slot-taken", next_step="choose-another-or-wait")
                await self._tell(transaction, who, BOOK, row[0], place)
            await transaction.run(_SQL.end_wishes_met, places=text_array(places), now=self._clock())

    async def free(
        self, place: str, *, by: Literal["family", "ward"], reason: str, who: Caller | None = None, baby: str = ""
    ) -> tuple[str, Instant] | None:
        """Give a place up; its ward and start, or None if it was given up before.

        The trail tells that `who` gave up the visit of `baby`, also where a look freed the place of it first.
        """
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(_SQL.free_place, place=place, by=by, reason=reason, now=self._clock())
            await self._tell(transaction, who, GIVE_UP, baby, place)
        return None if row is None else (row[0], Instant(row[1]))

    async def broken_off(self, place: str, reason: str) -> None:
        """The ward broke a visit off of which something was seen: its place stays counted, with the reason."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.break_off_place, place=place, reason=reason)

    async def unsettled(self) -> tuple[tuple[str, bool], ...]:
        """Places whose hold has lapsed and that may have left an Appointment, at most `TELL_AT_ONCE`, the oldest first.

        With each whether it is so long ago that nobody who held it can be about to write one any more.
        """
        now = self._clock()
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.places_unsettled, limit=TELL_AT_ONCE, **self._held())
        return tuple((row[0], row[1] <= now - SETTLED_SECONDS * SECOND) for row in rows)

    async def settle(self, place: str) -> None:
        """Nothing is left of a place that was never confirmed; it is free, if it was not yet."""
        async with self._database.connection("app") as connection:
            await connection.run(_SQL.settle_place, place=place, now=self._clock())

    async def move_up(self, ward: str, start: Instant, choose: Choose) -> tuple[Waiting, str] | None:
        """Hold a place for whoever of those that wait comes first; who it is and the place's name.

        He waits until the place is confirmed: if nobody does that, he has lost nothing.
        """
        async with self._database.transaction("app") as transaction:
            await transaction.run(_SQL.lock_ward, ward=ward)
            rows = await transaction.all(_SQL.wishes_for, ward=ward, starts=start)
            chosen = choose([_waiting(row) for row in rows], await self._around(transaction, ward, start))
            if chosen is None:
                return None
            name = await self._take(
                transaction,
                ward,
                chosen.baby,
                chosen.related,
                start,
                chosen.end,
                by_staff=False,
                waited_since=chosen.since,
            )
        return chosen, name

    async def wait(self, ward: str, baby: str, related: str, start: Instant, end: Instant) -> None:
        """Wait for a slot; who waits for it already goes on waiting since then."""
        async with self._database.transaction("app") as transaction:
            await transaction.run(
                _SQL.wish_for,
                wish=new_uuid7(),
                ward=ward,
                baby=baby,
                related=related,
                starts=start,
                ends=end,
                now=self._clock(),
            )

    async def wishes(self, ward: str, start: Instant) -> tuple[Waiting, ...]:
        """Who waits for a slot, in no order."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.wishes_for, ward=ward, starts=start)
        return tuple(map(_waiting, rows))

    async def waited_for(self) -> tuple[tuple[str, Instant], ...]:
        """Ward and start of slots to come for which somebody waits, the next first, at most `SLOTS_AT_ONCE`."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.slots_waited_for, now=self._clock(), limit=SLOTS_AT_ONCE)
        return tuple((row[0], Instant(row[1])) for row in rows)

    async def waiting(self, baby: str) -> tuple[Waiting, ...]:
        """For what a baby's family waits."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.wishes_of_baby, baby=baby, now=self._clock())
        return tuple(map(_waiting, rows))

    async def wait_no_more(self, wish: str, babies: Collection[str], outcome: Outcome = "withdrawn") -> bool:
        """End a wish, if it is for one of these babies; whether there was one."""
        async with self._database.transaction("app") as transaction:
            row = await transaction.one(
                _SQL.end_wish, wish=wish, outcome=outcome, babies=text_array(babies), now=self._clock()
            )
        return row is not None

    async def fates(self, ward: str, since: Instant, until: Instant) -> tuple[Fate, ...]:
        """What became of each place of a span."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.fates_between, ward=ward, since=since, until=until)
        return tuple(
            Fate(
                baby=row[0],
                start=Instant(row[1]),
                end=Instant(row[2]),
                by_staff=bool(row[3]),
                freed_by=row[4],
                freed_reason=row[5] or "",
                broken_off=row[6] or "",
            )
            for row in rows
        )

    async def waited(self, ward: str, since: Instant, until: Instant) -> Mapping[str, tuple[int, int]]:
        """For how many slots of a span each baby waited, and how often it moved up."""
        async with self._database.connection("app") as connection:
            rows = await connection.all(_SQL.waited_between, ward=ward, since=since, until=until)
        return {row[0]: (row[1], row[2]) for row in rows}

    async def soon(self, related: Sequence[str]) -> int:
        """How many visits of these guardians begin within a day."""
        if not related:
            return 0
        now = self._clock()
        async with self._database.connection("app") as connection:
            row = await connection.one(_SQL.places_soon, related=text_array(related), now=now, until=now + DAY)
        return 0 if row is None else int(row[0])

    async def due(self, *, day: int, soon: int) -> tuple[tuple[Place, str, When], ...]:
        """Places whose families are to be told now, `day` or `soon` microseconds before, with their wards; each once.

        It counts as told when it is answered here: a reminder that is lost is not sent twice.
        """
        now = self._clock()
        async with self._database.transaction("app") as transaction:
            later = await transaction.all(_SQL.due_day, now=now, soon=now + soon, until=now + day, limit=TELL_AT_ONCE)
            sooner = await transaction.all(_SQL.due_soon, now=now, until=now + soon, limit=TELL_AT_ONCE)
        told: list[tuple[Place, str, When]] = [(_place(row), row[8], "day") for row in later]
        told += [(_place(row), row[8], "soon") for row in sooner]
        return tuple(told)

    async def due_gone(self, reason: str, *, after: int) -> tuple[tuple[Place, str], ...]:
        """Places with their wards that were given up for a reason, `after` microseconds ago or more; one of a family.

        They count as told when they are answered here, and for a day so does whatever else the family lost so.
        """
        now = self._clock()
        async with self._database.transaction("app") as transaction:
            rows = await transaction.all(
                _SQL.due_gone, reason=reason, since=now - DAY, until=now - after, now=now, limit=TELL_AT_ONCE
            )
        return tuple({(row[1], row[2]): (_place(row), row[8]) for row in rows}.values())

    async def _tell(self, transaction: Transaction, who: Caller | None, deed: str, baby: str, place: str) -> None:
        if self._deeds is not None and who is not None:
            await self._deeds.tell(transaction, who, deed, patient=baby, visit=place)

    def _held(self) -> dict[str, int]:
        return {"held_since": self._clock() - HELD_SECONDS * SECOND}

    async def _around(self, transaction: Transaction, ward: str, start: Instant) -> tuple[Place, ...]:
        since, until = start - LOOK_BACK_DAYS * DAY, start + LOOK_AHEAD_DAYS * DAY
        rows = await transaction.all(_SQL.places_between, ward=ward, since=since, until=until, **self._held())
        return tuple(map(_place, rows))

    async def _take(
        self,
        transaction: Transaction,
        ward: str,
        baby: str,
        related: str,
        start: Instant,
        end: Instant,
        *,
        by_staff: bool,
        waited_since: Instant | None,
    ) -> str:
        place = new_uuid7()
        await transaction.run(_SQL.forget_held, baby=baby, starts=start, now=self._clock(), **self._held())
        await transaction.run(
            _SQL.hold_place,
            place=place,
            ward=ward,
            baby=baby,
            related=related,
            starts=start,
            ends=end,
            now=self._clock(),
            by_staff=by_staff,
            waited_since=waited_since,
        )
        return place


def _place(row: Sequence[Any]) -> Place:
    return Place(
        id=row[0],
        baby=row[1],
        related=row[2],
        start=Instant(row[3]),
        end=Instant(row[4]),
        is_confirmed=bool(row[5]),
        by_staff=bool(row[6]),
        waited_since=None if row[7] is None else Instant(row[7]),
    )


def _waiting(row: Sequence[Any]) -> Waiting:
    return Waiting(
        id=row[0],
        baby=row[1],
        related=row[2],
        since=Instant(row[3]),
        start=Instant(row[4]),
        end=Instant(row[5]),
        ward=row[6],
    )
