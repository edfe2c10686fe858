"""Fifty random days with real Chromium at both ends: nobody is ever shown another bed, nor what was drawn behind the
curtain.

What is shown says itself which device drew it at which bed, and when; what may be seen is kept apart from the server.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from tests.services.realtime.chromium import Browsers, browsers
from tests.services.realtime.running import Running, embedded
from tests.services.realtime.sights import Lens, Seat, Seen, Sights, Verdict
from tianfu.kernel.instants import SECOND, system_clock
from tianfu.services.realtime.port import CAMERA_BACK
from tianfu.services.realtime.protocol.rooms import LEASE_SECONDS_MAX, Gate

pytestmark = pytest.mark.anyio

DAYS = 50
ACTS_PER_DAY = 6
BEDS = {"bed-1": 1, "bed-2": 2}
SEATS = (Seat("visit", "mother"), Seat("visit", "father"), Seat("twin", "mother"))
VISITS = ("visit", "twin")
ACTS = [
    *["open"] * 6, *["shield"] * 5, *["move"] * 4, *["rejoin"] * 3, *["kick"] * 2, *["withdraw"] * 2,
    *["rebind"] * 2, "unplug", "crash",
]  # fmt: skip
SEEN_SECONDS_MAX = 120.0
"""A machine that does much else is patient with a picture, too."""

MILLISECOND = SECOND // 1_000


def now_ms() -> float:
    """The machine's clock, as the pages read it."""
    return system_clock() / MILLISECOND


@dataclass
class Ward:
    """Two beds and two visits, and what should be true of them."""

    running: Running
    pages: Browsers
    drawn: random.Random
    sights: Sights = field(default_factory=Sights)
    lenses: dict[str, Lens] = field(default_factory=dict)
    """The device that shows each bed."""
    rooms: dict[str, str] = field(default_factory=dict)
    """The bed of each visit whose room is open."""
    devices: int = 0
    heard: int = 0
    done: Counter[str] = field(default_factory=Counter)
    shown: Counter[Seat] = field(default_factory=Counter)
    wrong: list[tuple[Verdict, Seen]] = field(default_factory=list)

    async def put_up(self, camera: str) -> None:
        """A device comes anew as a bed's camera, and takes its place."""
        self.devices += 1
        lens = Lens(BEDS[camera], self.devices)
        await self.pages.publish(camera, lens)
        replaced_ms = await self._replaced_ms(camera)
        self._draw_curtains(camera, at_ms=replaced_ms)
        self.lenses[camera] = lens

    async def _replaced_ms(self, camera: str) -> float:
        async with asyncio.timeout(SEEN_SECONDS_MAX):
            while True:
                for each in await self.running.port.events(self.heard):
                    self.heard = each.number
                    if each.what == CAMERA_BACK and each.who == camera:
                        return each.at / MILLISECOND

    async def enter(self, visit: str, camera: str) -> None:
        """A room is opened on a bed, and everybody of the visit joins."""
        await self.running.port.open_room(visit, camera, lease_seconds=LEASE_SECONDS_MAX)
        self.rooms[visit] = camera
        await self.join(*[seat for seat in SEATS if seat.visit == visit])

    async def join(self, *seats: Seat) -> None:
        """Some join, or join once more; the phone may not have noticed that it was let go, and listens on."""
        goes_before_on = self.drawn.random() < 0.5
        for seat in seats:
            self.sights.comes(seat, at_ms=now_ms())
        are_in = await asyncio.gather(*[self.pages.watch(seat, goes_before_on=goes_before_on) for seat in seats])
        assert all(are_in), "not let in"

    async def live(self, visit: str) -> None:
        """The curtain is opened."""
        await self.running.port.renew(visit, lease_seconds=LEASE_SECONDS_MAX)
        self.sights.opens(visit, self.lenses[self.rooms[visit]], at_ms=now_ms())
        await self.running.port.gate(visit, Gate.LIVE, "nurse")

    async def close(self, visit: str, reason: str) -> None:
        """A room ends."""
        await self.running.port.close(visit, reason)
        del self.rooms[visit]
        self._all_gone(visit, at_ms=now_ms())

    async def act(self, kind: str) -> None:
        """Something happens, and things take their course for a moment."""
        visit, camera, seat = self.drawn.choice(VISITS), self.drawn.choice(list(BEDS)), self.drawn.choice(SEATS)
        self.done[kind] += 1
        match kind:
            case "open":
                await self._ensure(visit, camera)
                await self.live(visit)
            case "shield":
                await self._shield(visit, camera)
            case "move":
                await self._move(visit, camera)
            case "rejoin":
                await self._ensure(seat.visit, camera)
                await self.join(seat)
            case "kick":
                await self.running.port.kick(seat.visit, seat.who)
                self.sights.goes(seat, at_ms=now_ms())
            case "withdraw":
                await self._ensure(visit, camera)
                await self.close(visit, "consent-withdrawn")
            case "rebind":
                await self.put_up(camera)
            case "unplug":
                await self.running.port.unplug(camera)
                self._draw_curtains(camera, at_ms=now_ms())
                await self.put_up(camera)
            case _:
                await self._crash()
        await asyncio.sleep(self.drawn.uniform(0.1, 0.4))

    async def _ensure(self, visit: str, camera: str) -> None:
        if visit not in self.rooms:
            await self.enter(visit, camera)

    async def _shield(self, visit: str, camera: str) -> None:
        await self._ensure(visit, camera)
        drawn = await self.running.port.gate(visit, Gate.SHIELDED, "care")
        self.sights.draws(visit, at_ms=drawn / MILLISECOND)

    async def _move(self, visit: str, camera: str) -> None:
        """The newborn lies in another bed now; mostly the nurse opens the curtain there at once."""
        before = self.rooms.get(visit, camera)
        if visit in self.rooms:
            await self.close(visit, "bed-moved")
        await self.enter(visit, next(bed for bed in BEDS if bed != before))
        if self.drawn.random() < 0.7:
            await self.live(visit)

    async def _crash(self) -> None:
        """The media server dies and comes back; it knows nothing then, and is told all of it again."""
        await self.running.kill()
        for visit in VISITS:
            self._all_gone(visit, at_ms=now_ms())
        self.heard = 0
        await self.running.start()
        for camera in BEDS:
            await self.put_up(camera)
        before, self.rooms = self.rooms, {}
        for visit, camera in before.items():
            await self.enter(visit, camera)
            if self.drawn.random() < 0.7:
                await self.live(visit)

    def _draw_curtains(self, camera: str, *, at_ms: float) -> None:
        for visit, bed in self.rooms.items():
            if bed == camera:
                self.sights.draws(visit, at_ms=at_ms)

    def _all_gone(self, visit: str, *, at_ms: float) -> None:
        self.sights.draws(visit, at_ms=at_ms)
        for seat in SEATS:
            if seat.visit == visit:
                self.sights.goes(seat, at_ms=at_ms)

    async def day(self) -> None:
        """A random day.  In its evening everybody sees his bed once more before all rooms are closed."""
        for visit in VISITS:
            await self.enter(visit, self.drawn.choice(list(BEDS)))
            if self.drawn.random() < 0.7:
                await self.live(visit)
        for kind in self.drawn.choices(ACTS, k=ACTS_PER_DAY):
            await self.act(kind)
        await self.evening()
        for visit in list(self.rooms):
            await self.close(visit, "over")
        await asyncio.sleep(0.1)
        for seat in SEATS:
            await self.pages.leave(seat)

    async def evening(self) -> None:
        """Everybody joins whose place is free, all curtains are open, and everybody sees what he should."""
        for visit in VISITS:
            await self._ensure(visit, self.drawn.choice(list(BEDS)))
            await self.live(visit)
        away = [seat for seat in SEATS if not self.sights.is_there(seat)]
        if away:
            await self.join(*away)
        await self.see(*SEATS)

    async def see(self, *seats: Seat) -> None:
        """Wait until these have seen what is drawn at their beds from now on."""
        since_ms, blind = now_ms(), set(seats)
        async with asyncio.timeout(SEEN_SECONDS_MAX):
            while blind:
                new = await self.look()
                blind -= {each.seat for each in new if each.drawn_ms >= since_ms and self._is_his(each)}
                await asyncio.sleep(0.02)

    def _is_his(self, seen: Seen) -> bool:
        return seen.lens == self.lenses[self.rooms[seen.seat.visit]]

    async def look(self) -> Sequence[Seen]:
        """What was seen since we last looked; each of it is judged."""
        new = await self.pages.seen()
        self.shown.update(each.seat for each in new)
        judged = [(self.sights.judge(each), each) for each in new]
        self.wrong += [(verdict, each) for verdict, each in judged if verdict is not Verdict.RIGHT]
        return new


@pytest.fixture
async def ward() -> AsyncIterator[Ward]:
    """Two beds, each with a camera."""
    async with embedded() as running, browsers(running.port) as pages:
        made = Ward(running, pages, random.Random())
        for camera in BEDS:
            await made.put_up(camera)
        yield made


@pytest.mark.slow  # fifty days of two seconds and more, in two browsers
async def test_in_chromium_nobody_is_ever_shown_another_bed_or_what_is_behind_the_curtain(ward: Ward) -> None:
    for number in range(DAYS):
        ward.drawn = random.Random(number)
        await ward.day()
        assert not ward.wrong, f"on day {number}: {ward.wrong[0]}"
    await asyncio.sleep(0.5)
    await ward.look()
    assert not ward.wrong, f"at last: {ward.wrong[0]}"
    assert not ward.pages.blurred, "what cannot be read might be anything"
    assert ward.done.keys() == set(ACTS), "all of it has happened"
    assert min(ward.shown[seat] for seat in SEATS) > 4 * DAYS, "pictures were shown, too"


@pytest.mark.slow  # two browsers, and what they show
async def test_in_chromium_it_would_be_noticed(ward: Ward) -> None:
    mother, father, twin = SEATS
    for visit, camera in zip(VISITS, BEDS, strict=True):
        await ward.enter(visit, camera)
        await ward.live(visit)
    await ward.see(*SEATS)
    assert not ward.wrong
    ward.sights.goes(father, at_ms=now_ms())  # nobody tells the server
    await noticed(ward, Verdict.NOT_IN_THE_ROOM, father)
    ward.sights.comes(father, at_ms=now_ms())
    ward.sights.draws(twin.visit, at_ms=now_ms())
    await noticed(ward, Verdict.BEHIND_THE_CURTAIN, twin)
    await ward.close(twin.visit, "over")
    await ward.put_up("bed-1")
    ward.lenses["bed-1"] = ward.lenses["bed-2"]  # as if his room had been opened on the other bed
    await ward.live(mother.visit)
    await noticed(ward, Verdict.WRONG_BED, mother)


async def noticed(ward: Ward, verdict: Verdict, seat: Seat) -> None:
    """Wait until somebody is shown what he may not see, for this reason; fails if he never is."""
    async with asyncio.timeout(SEEN_SECONDS_MAX):
        while (verdict, seat) not in [(why, seen.seat) for why, seen in ward.wrong]:
            await asyncio.sleep(0.02)
            await ward.look()
