"""The keeper: looks at all visits at the bed, several times a second, and lets nothing be seen that should not be.

Exactly one process of an installation keeps; the others stand by and take over.  What is not known counts as not so:
a keeper that cannot look draws every curtain, and one that took over draws them before it looks.
Rules: docs/rules/newborn-visits.md
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from tianfu.apps.newborn.live.house import UNAVAILABLE, House
from tianfu.apps.newborn.live.listening import Listening
from tianfu.apps.newborn.live.pace import NEVER, Pace
from tianfu.apps.newborn.live.recording import write_standing
from tianfu.apps.newborn.live.rows import Rows
from tianfu.apps.newborn.live.sound import tell_sound
from tianfu.apps.newborn.live.standing import Standing, read, written
from tianfu.apps.newborn.live.stills import Stills
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.model.visit import OVER, Exit, State, Visit, closed, left, looked_at, shielded
from tianfu.apps.newborn.queries.facts import WATCHED_TYPES, Facts, beds_in_use, named_records, read_facts
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal, place_of
from tianfu.records.watching import Versions
from tianfu.services.realtime.kept import KeptRoom, RoomHeld
from tianfu.services.realtime.port import Happened
from tianfu.services.realtime.protocol.rooms import Gate

TICK_SECONDS = 0.2
"""How long after its commit a change is looked at, at the most."""

IDLE_SECONDS = 0.5
"""The same where no visit is at the bed."""

CLAIM_SECONDS = 1.0
"""How often the keeper says that it still keeps, and whoever stands by asks whether it does."""

REST_SECONDS = 1.0
"""How long nothing is looked for of what is hardly ever there: something to write while no visit is at the bed, a media
server that was away for a while."""

KEEPING_SECONDS = 4.0
"""A keeper that was silent for so long is succeeded."""

LEASE_SECONDS = 10.0
"""Shorter than the 30 s that a room allows: if every keeper dies, nothing is seen for longer."""

RENEW_BELOW_SECONDS = 7.0
FACTS_SECONDS = 10.0
"""Facts are read again after so long although nothing was written: a guardian's time may have run out."""

REPEAT_SECONDS = 1.0
"""How long a curtain that is drawn is believed to be drawn, before it is drawn again."""

ROOM_GONE = frozenset({"room-unknown", "room-closed"})

APPOINTMENT_GONE = "appointment-gone"
"""The record knows no Appointment of a visit any more, or none that is a visit's."""

_log = structlog.get_logger("tianfu.newborn")


@dataclass(slots=True)
class _Seen:
    """What the keeper read of the record, and when."""

    versions: Versions = ()
    visits: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, Facts] = field(default_factory=dict)
    read_at: float = NEVER


class Keeper:
    """Looks at visits while it has the keeper's place; `name` is this process's alone."""

    def __init__(self, house: House, *, name: str) -> None:
        self._house = house
        self._name = name
        self._seen = _Seen()
        self._drawn: dict[str, float] = {}
        self._stills = Stills(house.policies)
        self._pace = Pace(house.clock, house.monotonic, lease_seconds=LEASE_SECONDS)
        self._rows = Rows(house.rooms, house.monotonic)
        self._opened: set[str] = set()
        """The rooms that this keeper knows to be open on the media server that runs now."""
        self._media_is_there = True
        self._is_lease_due = False
        self._claimed_at = 0.0
        self.listening = Listening(house, shielded=self._follow)
        self.is_keeper = False

    async def run(self) -> None:
        """Keep, or stand by; goes on until cancelled."""
        besides = [asyncio.create_task(work) for work in (self._hear(), self._write())]
        try:
            while True:
                try:
                    await self.tick()
                except Exception as error:
                    _log.error("visits_not_looked_at", error=place_of(error))
                    await self.draw_all("not-known")
                    if time.monotonic() >= self._claimed_at + KEEPING_SECONDS:
                        self._lose_place()  # another may keep by now: its curtains are not this one's to draw
                await asyncio.sleep(self._until_next_look())
        finally:
            for task in besides:
                task.cancel()
            await asyncio.gather(*besides, return_exceptions=True)
            with suppress(Exception):
                await self._house.rooms.leave_keeping(self._name)

    def _until_next_look(self) -> float:
        if not self.is_keeper:
            return CLAIM_SECONDS
        return TICK_SECONDS if self._seen.visits else IDLE_SECONDS

    async def tick(self) -> None:
        """One look at everything, if this is the keeper."""
        if not await self._keeps():
            self._lose_place()
            return
        rooms = await self._house.rooms.at_work()
        if not self.is_keeper:
            await self._take_over(rooms)
            if not await self._keeps():  # it may have taken longer than the place lasts
                self._lose_place()
                return
            self.is_keeper = True
            rooms = await self._house.rooms.at_work()
        standing = {room.visit: read(room.state) for room in rooms}
        self._rows.look_anew(standing)
        at_bed = [room for room in rooms if not room.is_over]
        for room in at_bed:
            self._pace.see(room)
        self._pace.forget_all_but({room.visit for room in at_bed})
        if self.listening.has_lost_it:
            self.lease_now()
        facts = await self._facts([standing[room.visit] for room in at_bed], [room.camera for room in at_bed])
        held = await self._house.rooms.held() if at_bed else {}
        for room in at_bed:
            with suppress(RoomHeld), self._rows.taken(room.visit):  # its lease runs out before anybody hangs for long
                await self._lease(room, standing[room.visit])
        self._is_lease_due = False
        for visit, (reason, since) in self._rows.behind.items():
            await self._shield_row(visit, reason, since=since)
        for room in at_bed:
            await self._look(room, standing[room.visit], facts.get(room.visit), is_held=room.ward in held)

    async def _keeps(self) -> bool:
        """Whether this is the keeper; one that was stopped for longer than a claim asks again first."""
        asked_at = time.monotonic()
        if self.is_keeper and asked_at < self._claimed_at + CLAIM_SECONDS:
            return True
        is_granted = await self._house.rooms.take_keeping(self._name, lasts_seconds=KEEPING_SECONDS)
        if not is_granted or time.monotonic() >= asked_at + KEEPING_SECONDS:
            return False  # an answer that took so long says nothing of now
        self._claimed_at = asked_at
        return True

    def _lose_place(self) -> None:
        """Stand by; which rooms are open is the next keeper's to know."""
        self.is_keeper = False
        self._opened.clear()
        self._pace.stand_by()

    async def write_down(self) -> bool:
        """Close what is over, and write what the record and the trail do not know; a cut never waits for it.

        Whether a visit was at the bed or anything was to be written.
        """
        rooms = await self._house.rooms.at_work()
        for room in rooms:
            try:
                await self._finish(room)
            except Exception as error:  # what one visit's record is like keeps no other from being written
                _log.error("visit_not_written", visit=room.visit, error=place_of(error))
        views = await self._tell_views()
        return bool(rooms) or views > 0

    def claim_now(self) -> None:
        """Ask with the next look whether this still is the keeper."""
        self._claimed_at = 0.0

    def lease_now(self) -> None:
        """Ask for every lease with the next look, whether or not it is due."""
        self._is_lease_due = True

    async def draw_all(self, reason: str) -> None:
        """Draw the curtain of every room that this keeper opened or found; never raises."""
        for visit in list(self._opened):
            with suppress(Refusal):
                await self._house.media.gate(visit, Gate.SHIELDED, reason)

    # Taking over

    async def _take_over(self, rooms: Sequence[KeptRoom]) -> None:
        """Nobody looked for a while: everything is behind the curtain until a nurse opens it again."""
        self._seen = _Seen()
        at_bed = [room.visit for room in rooms if not room.is_over]
        for visit in at_bed:  # every curtain before any row: a row may be waited for
            await self._draw(visit, "keeper-changed")
        for visit in at_bed:
            await self._shield_row(visit, "keeper-changed")
        _log.info("visits_taken_over", rooms=len(rooms))

    # What is true

    async def _facts(self, standing: Sequence[Standing], cameras: Sequence[str]) -> Mapping[str, Facts]:
        """What the record says now; read again only if some version differs from the last time."""
        house, now = self._house, self._house.monotonic()
        visits = [each.booked for each in standing]
        if not visits:
            self._seen = _Seen()
            return {}
        names = tuple(sorted(zip([each.id for each in visits], cameras, strict=True)))
        named = named_records(visits, cameras)
        # Before the facts: what is written while they are read makes the next look read them again.
        # Whoever else comes to lie in one of the beds counts, too.
        beds = beds_in_use(self._seen.facts.values())
        babies = [each.baby for each in visits]
        versions = await house.watch.versions(WATCHED_TYPES, babies, named, places=beds)
        is_old = now - self._seen.read_at > FACTS_SECONDS
        if is_old or versions != self._seen.versions or names != self._seen.visits:
            facts = await read_facts(house.store, visits, cameras, house.digest, now=house.clock())
            self._seen = _Seen(versions=versions, visits=names, facts=facts, read_at=now)
        return self._seen.facts

    # Leases and rooms

    async def _lease(self, room: KeptRoom, standing: Standing) -> None:
        """Lengthen a room's lease, not beyond its slot, and open it again where the media server has forgotten it."""
        house, now = self._house, self._pace.now(room.visit, standing.visit.slot_end)
        seconds = lease_seconds(standing.visit, now=now)
        if seconds <= 0:
            return  # it ends by itself, even if nobody looks any more
        if (
            room.visit in self._opened
            and self._media_is_there
            and not self._is_lease_due
            and self._pace.lease_left(room.visit) > RENEW_BELOW_SECONDS
        ):
            return
        # Told before it is asked for: a view then never ends, in our books, before it did.
        # By the later of two clocks: who reads it by the wall's sees it hold, and the next keeper how late it was.
        until = max(now, house.clock()) + int(seconds * SECOND)
        ends = Instant(min(until, standing.visit.slot_end))
        await house.rooms.leased(room.visit, ends, waits_seconds=self._rows.waits_seconds)
        try:
            await house.media.renew(room.visit, lease_seconds=seconds)
            self._pace.leased(room.visit, seconds)
            self._opened.add(room.visit)
            self._media_is_there = True
            await self._tell_stills(room)
            # Whoever told it may have died before that stood.
            await tell_sound(house, room.visit, waits_seconds=self._rows.waits_seconds)
        except Refusal as refusal:
            if refusal.code in UNAVAILABLE:
                self._media_is_there = False
            elif refusal.code in ROOM_GONE:
                await self._open_again(room, seconds)
            else:
                raise

    async def _tell_stills(self, room: KeptRoom) -> None:
        house = self._house
        allowed = await self._stills.are_allowed(room.ward, now=house.clock(), at_seconds=house.monotonic())
        await house.media.allow_stills(room.visit, are_allowed=allowed)

    async def _open_again(self, room: KeptRoom, seconds: float) -> None:
        """The media server was started anew: its rooms begin shielded, and who sees what begins anew too."""
        house = self._house
        self._media_is_there = True
        if room.visit in self._opened:
            self._opened.clear()
            await self.listening.begin_anew()
        await self._change(room.visit, lambda visit: shielded(visit, "lease-lost"))
        await self._without_ward_sound(room.visit)
        with suppress(Refusal):
            await house.media.close(room.visit, "opened-again")
            await house.media.open_room(room.visit, room.camera, lease_seconds=seconds)
            self._opened.add(room.visit)
            await self._tell_stills(room)

    async def _without_ward_sound(self, visit: str) -> None:
        """A room that is opened again lets nobody hear the ward, and says so."""
        async with self._rows.changing(visit) as changing:
            room = changing.room
            standing = read(room.state)
            if standing.is_ward_heard:
                after = written(replace(standing, is_ward_heard=False))
                await changing.put(after, camera=room.camera, is_over=room.is_over, is_seen=False, at=room.changed_at)

    # Looking

    async def _look(self, room: KeptRoom, standing: Standing, facts: Facts | None, *, is_held: bool) -> None:
        """What becomes of one visit by itself."""
        before = standing.visit
        after = self._looked_at(room, before, facts, is_held=is_held)
        if before.state is State.LIVE and after.state is not State.LIVE:
            await self._draw(room.visit, after.reason)
        elif after.state is not State.LIVE:
            # Whoever opens it just now read what must hold before this look did.
            opened = self._looked_at(room, replace(before, state=State.LIVE), facts, is_held=is_held)
            may_open = before.state in {State.ARMED, State.SHIELDED} and opened.state is State.LIVE
            await self._keep_drawn(room.visit, after.reason or "shielded", may_open=may_open)
        if after != before:
            # Decided once more on what stands now: a nurse may have been there meanwhile.
            was_drawn = before.state is State.LIVE and after.state is not State.LIVE

            def again(now: Visit) -> Visit:
                stands = self._looked_at(room, now, facts, is_held=is_held)
                return shielded(stands, after.reason) if was_drawn else stands  # what was drawn does not stand as open

            try:
                await self._change(room.visit, again)
            except RoomHeld:  # what was not drawn is looked at again
                if was_drawn:
                    self._rows.is_behind(room.visit, after.reason, since=self._house.clock())

    def _looked_at(self, room: KeptRoom, visit: Visit, facts: Facts | None, *, is_held: bool) -> Visit:
        now = self._pace.now(room.visit, visit.slot_end)
        if facts is None:
            return shielded(visit, "not-known")
        if visit.state not in OVER and facts.is_given_up:
            by = Exit.CANCEL if visit.state is State.ARMED else Exit.ABORT
            state = APPOINTMENT_GONE if facts.appointment is None else facts.appointment.value
            return left(visit, by, facts.why or state)
        camera_is_there = self._media_is_there and room.camera in self.listening.cameras
        ward = facts.ward(
            is_held=is_held,
            camera_is_healthy=camera_is_there,
            nurse_heard_at=self._pace.heard_at(room.visit, now),
            lease_until=Instant(now + 1) if self._media_is_there else Instant(0),
        )
        return looked_at(visit, ward, now=now)

    async def _draw(self, visit: str, reason: str) -> None:
        """Draw a curtain; a media server that cannot be asked ends the lease by itself."""
        try:
            await self._house.media.gate(visit, Gate.SHIELDED, reason)
        except Refusal as refusal:
            if refusal.code not in UNAVAILABLE | ROOM_GONE:
                raise
            if refusal.code in UNAVAILABLE:
                self._media_is_there = False
        self._drawn[visit] = self._house.monotonic()

    async def _keep_drawn(self, visit: str, reason: str, *, may_open: bool) -> None:
        """What stands as shielded is shielded, whatever went wrong between a row and a room.

        Under the row's lock: a nurse who opened it meanwhile would else see it as open while nobody sees anything.
        Whoever has the lock may be a nurse who opens it.  If nothing forbids that (`may_open`), it is drawn without
        the lock only once he hangs, perhaps with the curtain open; else at once.  Then the row follows.
        """
        if self._house.monotonic() - self._drawn.get(visit, NEVER) > REPEAT_SECONDS:
            try:
                async with self._rows.changing(visit) as changing:
                    if read(changing.room.state).visit.state is not State.LIVE:
                        await self._draw(visit, reason)
            except RoomHeld:
                if may_open and not self._rows.has_hung(visit):
                    return  # looked at again next time
                await self._draw(visit, reason)
                self._rows.is_behind(visit, reason, since=self._house.clock())

    async def _follow(self, event: Happened) -> None:
        """A gate was shielded by itself: its row says so too, so that a nurse can open it again.

        A row that was changed after that, by a nurse who opened it meanwhile, stays as it is.
        """
        await self._shield_row(event.visit, event.reason, since=event.at)

    async def _shield_row(self, visit: str, reason: str, *, since: Instant | None = None) -> None:
        """Have a row say that its curtain is drawn, now or, if somebody has it, with one of the next looks.

        What was changed at `since` or later stays as it is.
        """
        try:
            await self._change(visit, lambda now: shielded(now, reason), unless_since=since)
        except RoomHeld:
            self._rows.is_behind(visit, reason, since=self._house.clock() if since is None else since)
            return
        except Refusal as refusal:
            if refusal.code not in ROOM_GONE:
                raise
        self._rows.follows(visit, since=since)

    async def _change(
        self, visit: str, change: Callable[[Visit], Visit], *, unless_since: Instant | None = None
    ) -> None:
        """Change a visit as it stands now; nothing is kept where nothing changes.

        What is live no more is drawn under the row's lock, so that a row never says so of an open gate.
        `unless_since`: what was changed at that instant or later is left alone.  Raises RoomHeld if somebody has it.
        """
        house, now = self._house, self._house.clock()
        async with self._rows.changing(visit) as changing:
            if unless_since is not None and changing.room.changed_at >= unless_since:
                return
            standing = read(changing.room.state)
            after = change(standing.visit)
            if after == standing.visit:
                return
            stands = standing.becoming(after, now=now)
            await changing.put(
                written(stands), camera=changing.room.camera, is_over=stands.is_over, is_seen=False, at=now
            )
            if standing.is_live and not stands.is_live:
                await self._draw(visit, after.reason)
        if standing.is_live or stands.is_over:
            facts = {"visit": visit, "reason": after.reason}
            await house.trail.did(VISITS, "cut-picture", patient=after.baby, facts=facts)

    # Writing down

    async def _finish(self, room: KeptRoom) -> None:
        """Write what the record does not know; close what is over."""
        house = self._house
        standing = read(room.state)
        if standing.is_over:
            await self._close(room.visit, standing.visit.reason or "over")
        is_overruled = False
        if room.written < room.version:
            try:
                is_overruled = not await write_standing(house, room.visit)
            except Refusal as refusal:
                _log.warning("visit_not_written", visit=room.visit, refusal=refusal.code)
        if standing.visit.state is State.ENDING and not is_overruled:
            await self._change(room.visit, lambda now: closed(now) if now.state is State.ENDING else now)

    async def _close(self, visit: str, reason: str) -> None:
        with suppress(Refusal):
            await self._house.media.close(visit, reason)
        with suppress(Refusal):
            await self._house.doors.revoke_visit(VISITS, visit, reason)
        self._opened.discard(visit)
        self._drawn.pop(visit, None)

    async def _tell_views(self) -> int:
        """Have the trail know of every view that has ended; how many there were."""
        house = self._house
        views = await house.rooms.views_untold()
        for view in views:
            room = await house.rooms.find(view.visit)
            if room is None:
                continue
            viewer = await house.doors.viewer(view.visit, view.participant)
            await house.trail.saw(viewer, read(room.state).booked.baby, view)
            await house.rooms.view_told(view)
        return len(views)

    async def _write(self) -> None:
        while True:
            is_busy = True
            try:
                is_busy = self.is_keeper and await self.write_down()
            except Exception as error:
                _log.error("visits_not_written", error=place_of(error))
            await asyncio.sleep(TICK_SECONDS if is_busy else REST_SECONDS)

    async def _hear(self) -> None:
        pause = TICK_SECONDS
        while True:
            try:
                if self.is_keeper:
                    await self.listening.hear()
                    pause = TICK_SECONDS
                    continue
                self.listening.forget()  # another keeps
                pause = IDLE_SECONDS
            except Refusal:
                pause = min(2 * pause, REST_SECONDS) if self.listening.has_lost_it else TICK_SECONDS
                await self.listening.lost()
            except Exception as error:
                _log.error("media_not_heard", error=place_of(error))
            await asyncio.sleep(pause)


def lease_seconds(visit: Visit, *, now: Instant) -> float:
    """For how long a visit's room may be leased now: never beyond its slot, 0 or less behind it."""
    return min(LEASE_SECONDS, (visit.slot_end - now) / SECOND)
