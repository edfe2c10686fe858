"""Random days of a ward, from its records to the family's packets: no family is sent anything of another baby.

Babies move, twins change places, wristbands and cameras are exchanged, consents and guardianship end, alarms sound,
wards are held, nurses scan, confirm, open, draw, move cameras by hand and fall silent; the media server and the keeper
die.  The actions, the rules, the keeper and the forwarder are the real ones; left out are the database, the sockets,
and the record's own form: what it says is told by `Truth`.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.services.realtime.made import PeerInMemory, picture, tag_of
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions import confirm_binding as confirming
from tianfu.apps.newborn.actions import draw_curtain as drawing
from tianfu.apps.newborn.actions import move_camera as moving
from tianfu.apps.newborn.actions import open_curtain as opening
from tianfu.apps.newborn.actions import scan_codes as scanning
from tianfu.apps.newborn.live import bed as at_bed
from tianfu.apps.newborn.live import keeper as keeping
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.live.keeper import Keeper
from tianfu.apps.newborn.live.standing import read
from tianfu.apps.newborn.mapping.visits import Booked
from tianfu.apps.newborn.mapping.wards import UNCLEAR_BED
from tianfu.apps.newborn.model.binding import Known
from tianfu.apps.newborn.model.visit import HEARTBEAT_WITHIN, State
from tianfu.apps.newborn.queries.facts import Facts
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.embedded.forwarder import Forwarder
from tianfu.services.realtime.embedded.raw_peer import Heard
from tianfu.services.realtime.kept import KeptRoom, KeptScan
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.protocol.rooms import Gate

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # hundreds of days of a ward

DAYS = 600
ACTS_PER_DAY = 50
LOOK_SECONDS = 0.2
BEGAN = Instant(1_800_000_000 * SECOND)
SLOT_SECONDS = 600
WARD = "ward"
NURSE, SECOND_NURSE = Caller(id="nurse", role="nurse"), Caller(id="second", role="nurse")
BEDS, CAMERAS = ("bed-1", "bed-2", "bed-3"), ("cam-1", "cam-2", "cam-3")
FAMILIES = {"visit-1": ("twin-1", "mother"), "visit-2": ("twin-2", "mother"), "visit-3": ("baby-3", "father")}
ACTS = [
    *["arm"] * 20, *["open"] * 20, *["join"] * 10, *["beat"] * 4, "shield", "adjust", "move", "twins", "wristbands",
    "hang", "consent", "dispute", "hold", "alarm", "pause", "death", "media dies", "keeper dies", "camera lost",
    "cancel", *["wait"] * 3,
]  # fmt: skip


@dataclass
class Truth:
    """What the ward's records say at this moment."""

    bed_of: dict[str, str] = field(default_factory=lambda: {f"{b}": BEDS[n] for n, b in enumerate(babies())})
    wears: dict[str, str] = field(default_factory=lambda: {f"band-{n}": b for n, b in enumerate(babies())})
    hangs: dict[str, str] = field(default_factory=lambda: dict(zip(CAMERAS, BEDS, strict=True)))
    refused: set[str] = field(default_factory=set)
    disputed: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    died: set[str] = field(default_factory=set)
    alarmed: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    changes: int = 0

    def bed(self, baby: str) -> str | None:
        """Where a baby lies by the record; unclear if another lies there too."""
        bed = self.bed_of.get(baby)
        return UNCLEAR_BED if bed is not None and list(self.bed_of.values()).count(bed) > 1 else bed

    def facts(self, visits: Sequence[Booked], cameras: Iterable[str]) -> Mapping[str, Facts]:
        known = Known(
            baby_of_wristband=dict(self.wears),
            bed_of_baby={baby: bed for baby in babies() if (bed := self.bed(baby)) is not None},
            bed_of_camera={name: self.hangs[name] for name in cameras},
            died=frozenset(self.died),
        )
        return {
            each.id: Facts(
                known=known,
                consent_is_active=each.guardian not in self.refused,
                guardianship_is_clear=each.baby not in self.disputed,
                is_alarmed=each.baby in self.alarmed,
                is_paused=each.baby in self.paused,
                appointment=State.CANCELLED if each.id in self.cancelled else State.WAITING,
            )
            for each in visits
        }


def babies() -> list[str]:
    return sorted({baby for baby, _ in FAMILIES.values()}, reverse=True)


class Changing:
    """A locked row, as `kept.Changing` is one."""

    def __init__(self, rooms: Rooms, room: KeptRoom) -> None:
        self.room = room
        self._rooms = rooms

    async def held(self) -> Mapping[str, Instant]:
        return await self._rooms.held()

    async def has_camera(self, camera: str) -> bool:
        return await self._rooms.has_camera(camera)

    async def refuse_unscanned(self, camera: str) -> None:
        """Whose lens a camera's name is, is told elsewhere."""

    async def put(self, state: str, *, camera: str, is_over: bool, is_seen: bool, at: Instant) -> None:
        room = self._rooms.rooms[self.room.visit]
        self._rooms.rooms[room.visit] = replace(
            room,
            state=state,
            camera=camera,
            is_over=is_over,
            was_seen=room.was_seen or is_seen,
            version=room.version + 1,
            changed_at=at,
        )


class Rooms:
    """The tables of live visits, in memory."""

    def __init__(self) -> None:
        self.rooms: dict[str, KeptRoom] = {}
        self.scanned: dict[str, list[KeptScan]] = {}
        self.cameras: set[str] = set()
        self.is_held = False

    async def take_keeping(self, keeper: str, *, lasts_seconds: float) -> bool:
        return True

    async def at_work(self) -> Sequence[KeptRoom]:
        return [each for each in self.rooms.values() if not each.is_over]

    async def find(self, visit: str) -> KeptRoom | None:
        return self.rooms.get(visit)

    async def begin(
        self,
        visit: str,
        *,
        ward: str,
        camera: str,
        nurse: str,
        state: str,
        decide: Callable[[Sequence[KeptRoom]], None],
        at: Instant,
    ) -> None:
        if visit in self.rooms:
            raise Refusal("room-exists", next_step="reload")
        decide(await self.at_work())
        now = {"lease_until": Instant(0), "heard_at": at, "begun_at": at, "changed_at": at}
        self.rooms[visit] = KeptRoom(
            visit=visit,
            ward=ward,
            camera=camera,
            nurse=nurse,
            state=state,
            is_over=False,
            was_seen=False,
            version=1,
            written=0,
            **now,
        )

    @asynccontextmanager
    async def changing(self, visit: str, *, waits_seconds: float | None = None) -> AsyncIterator[Changing]:
        if visit not in self.rooms:
            raise Refusal("room-unknown", next_step="reload")
        before = self.rooms[visit]
        try:
            yield Changing(self, before)
        except BaseException:
            self.rooms[visit] = before
            raise

    async def leased(self, visit: str, until: Instant, *, waits_seconds: float | None = None) -> None:
        self.rooms[visit] = replace(self.rooms[visit], lease_until=until)

    async def heard(self, visits: Sequence[str], *, at: Instant) -> None:
        for each in visits:
            if each in self.rooms:
                self.rooms[each] = replace(self.rooms[each], heard_at=at)

    async def scan(self, visit: str, scan: KeptScan) -> None:
        self.scanned.setdefault(visit, []).append(scan)

    async def scans(self, visit: str) -> Sequence[KeptScan]:
        return list(self.scanned.get(visit, ()))

    async def forget_scans(self, visit: str) -> None:
        self.scanned.pop(visit, None)

    async def camera(self, camera: str, *, is_here: bool) -> None:
        (self.cameras.add if is_here else self.cameras.discard)(camera)

    async def no_camera(self) -> None:
        self.cameras.clear()

    async def has_camera(self, camera: str) -> bool:
        return camera in self.cameras

    async def held(self) -> Mapping[str, Instant]:
        return {WARD: BEGAN} if self.is_held else {}

    async def view_begins(self, visit: str, participant: str, *, since: Instant) -> None:
        """Who saw what is told elsewhere."""

    async def view_ends(self, visit: str, participant: str, *, since: Instant, until: Instant) -> None:
        """As above."""

    async def end_views_unheard(self, *, before: Instant, at: Instant) -> None:
        """As above."""


class Media:
    """The forwarder of this moment as a media port."""

    def __init__(self, clock: Callable[[], float], dates: Callable[[], Instant]) -> None:
        self._clock, self._dates = clock, dates
        self.peers: list[PeerInMemory] = []
        self.forwarder: Forwarder
        self.begin()

    def begin(self) -> None:
        """A new life, in which nobody is there."""
        self.peers = []
        self.forwarder = Forwarder(self._clock, peer=self._peer, dates=self._dates)

    def _peer(self, heard: Heard) -> PeerInMemory:
        self.peers.append(PeerInMemory(heard))
        return self.peers[-1]

    async def life(self) -> str:
        return self.forwarder.happenings.epoch

    async def gate(self, visit: str, gate: Gate, reason: str) -> float:
        return self.forwarder.gate(visit, gate, reason)

    async def open_room(self, visit: str, camera: str, *, lease_seconds: float) -> None:
        self.forwarder.open_room(visit, camera, lease_seconds=lease_seconds)

    async def renew(self, visit: str, *, lease_seconds: float) -> None:
        self.forwarder.renew(visit, lease_seconds=lease_seconds)

    async def close(self, visit: str, reason: str) -> None:
        self.forwarder.close(visit, reason)

    async def hear_ward(self, visit: str, *, is_heard: bool) -> None:
        self.forwarder.hear_ward(visit, is_heard=is_heard)

    async def allow_stills(self, visit: str, *, are_allowed: bool) -> None:
        self.forwarder.allow_stills(visit, are_allowed=are_allowed)

    async def events(self, after: int, epoch: str = "") -> Sequence[Any]:
        told = self.forwarder.happenings
        after = after if epoch in {"", told.epoch} else 0
        return () if told._number <= after else await told.after(after, epoch)  # it would wait for ten seconds


class Around:
    """What else a house stands on: a trail that keeps nothing, no policies, doors that know nobody."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth

    async def did(self, *told: object, **facts: object) -> None:
        """Told elsewhere."""

    async def sends(self, visit: str, who: str, level: str) -> None:
        """As above."""

    async def policies(self, ward: str) -> Sequence[object]:
        return ()

    async def versions(self, *asked: object, **places: object) -> tuple[int]:
        return (self._truth.changes,)


class Day:
    """One day of a ward, and what may be seen by its records."""

    def __init__(self, number: int) -> None:
        self.drawn = random.Random(number)
        self.seconds = 0.0
        self.truth, self.rooms = Truth(), Rooms()
        self.media = Media(lambda: self.seconds, self.clock)
        around: Any = Around(self.truth)
        rooms: Any = self.rooms
        media: Any = self.media
        self.house = House(
            store=around,
            rooms=rooms,
            watch=around,
            media=media,
            doors=around,
            trail=around,
            clock=self.clock,
            digest=lambda text: text,
            policies=around,
            monotonic=lambda: self.seconds,
        )
        self.booked = {
            name: Booked(
                id=name,
                version=1,
                state=State.WAITING,
                baby=baby,
                guardian=guardian,
                ward=WARD,
                start=BEGAN,
                end=Instant(BEGAN + SLOT_SECONDS * SECOND),
            )
            for name, (baby, guardian) in FAMILIES.items()
        }
        self.keeper = Keeper(self.house, name="keeper")
        self.cameras: dict[str, PeerInMemory] = {}
        self.seats: dict[str, PeerInMemory] = {}
        self.looked_at: dict[int, int] = {}
        self.opened: set[str] = set()
        """Visits that a nurse opened by hand and nothing has cut since."""
        self.codes: dict[str, set[str]] = {}
        """What was scanned for a visit, until the records say something else."""
        self.pictures = self.shown = 0

    def clock(self) -> Instant:
        return Instant(BEGAN + int(self.seconds * SECOND))

    async def begin(self) -> None:
        for camera in CAMERAS:
            await self.put_up(camera)
        await self.look()

    async def put_up(self, camera: str) -> None:
        await self.media.forwarder.whip(camera, "")
        self.cameras[camera] = self.media.peers[-1]

    async def act(self) -> None:
        """Something happens; the keeper looks once; then every camera shows what it sees."""
        visit = self.drawn.choice(list(FAMILIES))
        self.seconds += LOOK_SECONDS
        with suppress(Refusal):
            await self.do(self.drawn.choice(ACTS), visit)
        await self.look()
        self.forget_what_is_cut()
        self.show()

    async def do(self, act: str, visit: str) -> None:
        baby, guardian = FAMILIES[visit]
        truth, drawn = self.truth, self.drawn
        match act:
            case "arm":
                await self.arm(visit, baby)
            case "open":
                await opening.open_curtain(self.house, NURSE, visit, now=self.clock())
                assert self.is_bound(visit), "opened by scans of before something was moved"
                self.opened.add(visit)
            case "join":
                await self.media.forwarder.whep(visit, guardian, Part.FAMILY, "")
                self.seats[visit] = self.media.peers[-1]
            case "beat":
                await self.rooms.heard(list(FAMILIES), at=self.clock())
            case "shield":
                await drawing.draw_curtain(self.house, NURSE, visit, "care", now=self.clock())
                self.opened.discard(visit)
            case "adjust":
                self.opened.discard(visit)
                self.codes.pop(visit, None)
                await moving.move_camera(self.house, NURSE, "nurse", visit, "", now=self.clock())
            case "move":
                bed = drawn.choice([*BEDS, None])
                truth.bed_of.pop(baby, None)
                if bed is not None:
                    truth.bed_of[baby] = bed
            case "twins":
                one, other = truth.bed_of.get("twin-1"), truth.bed_of.get("twin-2")
                if one and other:
                    truth.bed_of |= {"twin-1": other, "twin-2": one}
            case "wristbands":
                bands = sorted(truth.wears)
                babies_now = [truth.wears[each] for each in bands]
                drawn.shuffle(babies_now)
                truth.wears = dict(zip(bands, babies_now, strict=True))
            case "hang":
                truth.hangs[drawn.choice(CAMERAS)] = drawn.choice(BEDS)
            case "consent":
                truth.refused = {guardian} if drawn.random() < 0.5 else set()
            case "dispute":
                truth.disputed = {baby} if drawn.random() < 0.5 else set()
            case "alarm":
                truth.alarmed = {baby} if drawn.random() < 0.5 else set()
            case "pause":
                truth.paused = {baby} if drawn.random() < 0.5 else set()
            case "death":
                truth.died |= {baby} if drawn.random() < 0.2 else set()
            case "cancel":
                truth.cancelled |= {visit} if drawn.random() < 0.3 else set()
            case "hold":
                self.rooms.is_held = not self.rooms.is_held
            case "media dies":
                self.media.begin()
                self.seats.clear()
                self.opened.clear()
                self.keeper.lease_now()  # as it asks whenever the events have ended
                await self.look()
                for camera in CAMERAS:
                    await self.put_up(camera)
            case "keeper dies":
                self.keeper = Keeper(self.house, name="another")
                self.opened.clear()
            case "camera lost":
                camera = drawn.choice(CAMERAS)
                self.cameras[camera].heard.ended()
                self.opened -= {each.visit for each in self.rooms.rooms.values() if each.camera == camera}
                await self.look()
                await self.put_up(camera)
            case _:
                self.seconds += drawn.choice([1.0, 5.0, 16.0, 40.0])
        truth.changes += 1

    async def arm(self, visit: str, baby: str) -> None:
        """Three codes and a second person: mostly what lies there, now and then whatever is at hand."""
        drawn, truth = self.drawn, self.truth
        is_wrong = drawn.random() < 0.25
        bed = drawn.choice(BEDS) if is_wrong else truth.bed_of.get(baby, BEDS[0])
        band = next((each for each, whose in truth.wears.items() if whose == baby), "band-0")
        camera = next((each for each, where in truth.hangs.items() if where == bed), CAMERAS[0])
        codes = {
            "wristband": drawn.choice(sorted(truth.wears)) if is_wrong else band,
            "bed": bed,
            "camera": drawn.choice(CAMERAS) if is_wrong else camera,
        }
        await self.rooms.forget_scans(visit)
        for code, value in codes.items():
            await self.rooms.scan(visit, KeptScan(code=code, value=value, by="nurse", at=self.clock()))
        self.seconds += drawn.choice([1.0, 1.0, 1.0, 130.0]) if is_wrong else 1.0
        second = "nurse" if is_wrong and drawn.random() < 0.3 else "second"
        await confirming.confirm_binding(self.house, SECOND_NURSE, second, visit, now=self.clock())
        self.opened.discard(visit)
        self.codes[visit] = set(codes.values())

    async def look(self) -> None:
        with suppress(Refusal):
            await self.keeper.listening.hear()
        await self.keeper.tick()
        with suppress(Refusal):
            await self.keeper.listening.hear()

    def forget_what_is_cut(self) -> None:
        """What has once been cut needs a nurse's hand, and what was moved new scans, whatever the records say later."""
        self.codes = {each: codes for each, codes in self.codes.items() if self.is_bound(each)}
        self.opened = {each for each in self.opened if self.may_be_seen(each)}

    def is_bound(self, visit: str) -> bool:
        """By the records alone, counted here anew: nothing of the rules is asked."""
        baby, _ = FAMILIES[visit]
        room, bed = self.rooms.rooms[visit], self.truth.bed(baby)
        bands = [each for each, whose in self.truth.wears.items() if whose == baby]
        is_there = bed in BEDS and self.truth.hangs[room.camera] == bed
        return is_there and {bed, room.camera, *bands} <= self.codes.get(visit, set())

    def may_be_seen(self, visit: str) -> bool:
        """By all that is true, counted here anew."""
        baby, guardian = FAMILIES[visit]
        return (
            self.is_bound(visit)
            and guardian not in self.truth.refused
            and baby not in self.truth.disputed | self.truth.died | self.truth.alarmed | self.truth.paused
            and visit not in self.truth.cancelled
            and not self.rooms.is_held
            and self.clock() - self.rooms.rooms[visit].heard_at <= HEARTBEAT_WITHIN
            and self.seconds < SLOT_SECONDS
        )

    def show(self) -> None:
        self.pictures += 1
        for camera, seen in self.cameras.items():
            bed = self.truth.hangs[camera]
            tag = bed.encode()
            for data in picture(tag, self.pictures, whole=True, source=id(seen) & 0xFFFF, filmed_at=self.seconds):
                seen.heard.packet(data)
        for visit, peer in self.seats.items():
            new = peer.sent[self.looked_at.get(id(peer), 0) :]
            self.looked_at[id(peer)] = len(peer.sent)
            for data in new:
                if data[1] & 127 in range(64, 96):
                    continue  # a report
                assert visit in self.opened, "seen although nobody opened it, or something cut it"
                assert tag_of(data).decode() == self.truth.bed_of[FAMILIES[visit][0]], "another baby's bed"
                assert read(self.rooms.rooms[visit].state).is_live
                self.shown += 1


@pytest.fixture
def told_by_truth(monkeypatch: pytest.MonkeyPatch) -> Callable[[Day], None]:
    """The record says what the day's truth is, to everybody who reads it."""

    def told(day: Day) -> None:
        async def read_facts(
            store: object, visits: Sequence[Booked], cameras: Iterable[str], *asked: object, now: Instant
        ) -> Mapping[str, Facts]:
            return day.truth.facts(visits, cameras)

        async def visit_of(house: House, caller: Caller, visit: str) -> Booked:
            return day.booked[visit]

        for module in (keeping, at_bed, scanning):
            monkeypatch.setattr(module, "read_facts", read_facts)
        for module in (confirming, opening):
            monkeypatch.setattr(module, "visit_of", visit_of)
        for module in (drawing, moving):
            monkeypatch.setattr(module, "kept_visit_of", visit_of)

    return told


async def test_no_family_is_ever_sent_a_picture_of_another_baby(told_by_truth: Callable[[Day], None]) -> None:
    shown = days_seen = 0
    for number in range(DAYS):
        day = Day(number)
        told_by_truth(day)
        await day.begin()
        for _ in range(ACTS_PER_DAY):
            await day.act()
        shown += day.shown
        days_seen += day.shown > 0
    assert days_seen > DAYS // 3, "pictures were seen on many days"
    assert shown > 10 * DAYS
