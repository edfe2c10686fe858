"""The wall clock is set while pictures are shown: no visit is cut for it, none lasts longer than its slot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.apps.newborn.test_keeper import heard, live
from tests.apps.newborn.ward import QIN, MadeWard, made_ward
from tests.services.realtime.made import camera
from tests.services.realtime.running import embedded
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.live.keeper import LEASE_SECONDS
from tianfu.apps.newborn.live.silence import Silence
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.model.watermark import SILENT_SECONDS
from tianfu.db import Database
from tianfu.kernel.instants import SECOND, Instant, system_clock
from tianfu.services.realtime.protocol.parts import Part
from tianfu.services.realtime.viewers import Viewer

pytestmark = pytest.mark.anyio

SLOT_SECONDS_LEFT = 9 * 60
STEPS = [-300.0, -20.0, 20.0, 300.0]


class TwoClocks:
    """A wall clock that a test sets, and seconds that only ever pass."""

    def __init__(self) -> None:
        self._wall = system_clock()
        self.seconds = 0.0

    def __call__(self) -> Instant:
        return self._wall

    def pass_(self, seconds: float) -> None:
        self.seconds += seconds
        self.set_by(seconds)

    def set_by(self, seconds: float) -> None:
        self._wall = Instant(self._wall + int(seconds * SECOND))


@pytest.fixture
def clocks() -> TwoClocks:
    return TwoClocks()


@pytest.fixture
async def ward(database: Database, clocks: TwoClocks) -> AsyncIterator[MadeWard]:
    async with embedded() as running, made_ward(database, running, clocks) as made:
        made.house = replace(made.house, monotonic=lambda: clocks.seconds)
        lens = await camera(running.port, "camera-7")
        yield made
        await lens.peer.close()


@pytest.mark.parametrize("step", STEPS)
def test_a_page_that_answers_is_not_let_go_and_one_that_is_silent_is_however_the_clock_is_set(
    clocks: TwoClocks, step: float
) -> None:
    silence = Silence(lambda: clocks.seconds)
    pages = {name: _page(name, clocks()) for name in ("answers", "silent")}
    assert not silence.silent(list(pages.values()), now=clocks())
    clocks.set_by(step)
    for _ in range(SILENT_SECONDS + 1):
        assert not silence.silent(list(pages.values()), now=clocks())
        clocks.pass_(1)
        pages["answers"] = _page("answers", clocks())
    found = silence.silent(list(pages.values()), now=clocks())
    assert [each.participant for each in found] == ["silent"]


def test_a_page_that_was_silent_before_anybody_looked_is_let_go_at_the_first_look(clocks: TwoClocks) -> None:
    long_ago = Instant(clocks() - 60 * SECOND)
    assert Silence(lambda: clocks.seconds).silent([_page("mother", long_ago)], now=clocks())
    ahead = Instant(clocks() + 60 * SECOND)  # the clock was set back since
    silence = Silence(lambda: clocks.seconds)
    assert not silence.silent([_page("mother", ahead)], now=clocks())
    clocks.pass_(SILENT_SECONDS + 1)
    assert silence.silent([_page("mother", ahead)], now=clocks())


def _page(participant: str, heard_at: Instant) -> Viewer:
    return Viewer(
        visit="visit-7",
        participant=participant,
        caller=Caller(id=participant, role="citizen"),
        part=Part.FAMILY,
        device="device",
        since=heard_at,
        heard_at=heard_at,
        is_away=False,
        faults=0,
        level="full",
    )


async def tablet(ward: MadeWard) -> None:
    await ward.house.rooms.heard(["visit-7"], at=ward.clock())


@pytest.mark.parametrize("step", STEPS)
async def test_a_visit_goes_on_and_a_silent_tablet_still_draws_its_curtain(
    ward: MadeWard, clocks: TwoClocks, step: float
) -> None:
    keeper = await live(ward)
    clocks.set_by(step)
    await keeper.tick()
    assert await ward.state(7) is State.LIVE
    for _ in range(4):
        clocks.pass_(5)
        await tablet(ward)
        await keeper.tick()
        assert await ward.state(7) is State.LIVE
    clocks.pass_(15)
    await keeper.tick()
    assert await ward.state(7) is State.LIVE
    clocks.pass_(1)
    await keeper.tick()
    visit = (await ward.standing(7)).visit
    assert (visit.state, visit.reason) == (State.SHIELDED, "nurse-gone")


@pytest.mark.parametrize("step", STEPS)
async def test_a_lease_is_asked_for_in_time(
    ward: MadeWard, clocks: TwoClocks, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper, renewed, renew = await live(ward), [], ward.house.media.renew

    async def counted(visit: str, *, lease_seconds: float) -> None:
        renewed.append(lease_seconds)
        await renew(visit, lease_seconds=lease_seconds)

    monkeypatch.setattr(ward.house.media, "renew", counted)
    clocks.set_by(step)
    await keeper.tick()
    assert not renewed
    clocks.pass_(4)
    await keeper.tick()
    assert renewed == [LEASE_SECONDS]


@pytest.mark.parametrize("step", [-300.0, -20.0])
async def test_a_clock_that_is_set_back_prolongs_no_visit(ward: MadeWard, clocks: TwoClocks, step: float) -> None:
    keeper = await live(ward)
    clocks.set_by(step)
    await keeper.tick()
    clocks.pass_(SLOT_SECONDS_LEFT - 1)
    await tablet(ward)
    await keeper.tick()
    assert await ward.state(7) is State.LIVE
    room = await ward.house.rooms.find("visit-7")
    assert room is not None
    assert room.lease_until <= (await ward.standing(7)).visit.slot_end
    clocks.pass_(1)
    await keeper.tick()
    visit = (await ward.standing(7)).visit
    assert (visit.state, visit.reason) == (State.ENDING, "slot-ended")


async def test_the_next_keeper_prolongs_none_either(ward: MadeWard, clocks: TwoClocks) -> None:
    await live(ward)
    clocks.set_by(-300)
    await ward.house.rooms.leave_keeping("one")
    second = ward.keeper("two")
    await second.tick()
    await heard(second, "camera-7")
    await open_curtain(ward.house, QIN, "visit-7", now=ward.clock())
    await second.tick()
    assert await ward.state(7) is State.LIVE
    clocks.pass_(SLOT_SECONDS_LEFT + LEASE_SECONDS)
    await tablet(ward)
    await second.tick()
    assert (await ward.standing(7)).visit.reason == "slot-ended"


async def test_of_two_clocks_the_one_that_ends_a_slot_sooner_counts(ward: MadeWard, clocks: TwoClocks) -> None:
    keeper = await live(ward)
    clocks.set_by(SLOT_SECONDS_LEFT)
    await keeper.tick()
    assert (await ward.standing(7)).visit.reason == "slot-ended"
