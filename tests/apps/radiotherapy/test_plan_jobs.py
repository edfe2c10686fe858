"""A plan through the real queue: asked for once, followed, given up, and taken up where it was broken off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.radiotherapy_house import PHYSICIST, House, house_of
from tests.radiotherapy_plan import small_case
from tests.radiotherapy_plan_works import AT, Pad, small_choice, small_contents
from tianfu.apps.radiotherapy import plan_computing
from tianfu.apps.radiotherapy.jobs import Bench
from tianfu.apps.radiotherapy.model.planning import steps
from tianfu.apps.radiotherapy.plan_asking import plan_wish
from tianfu.apps.radiotherapy.plan_progress import PlanProgress, progress_of
from tianfu.apps.radiotherapy.tidying import plan_parts_forgotten
from tianfu.apps.radiotherapy.wishes import plan_of
from tianfu.db import Addresses, Database, Query
from tianfu.kernel.instants import system_clock
from tianfu.services.imaging.cases import KeptCase
from tianfu.services.jobs.doing import KeptDoing
from tianfu.services.jobs.worker import Worker
from tianfu.services.jobs.works import State, Wish, Work, Works
from tianfu.standards.dicom.structure_sets import write_structure_set

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each makes a plan with kernels that are loaded first

WAIT_SECONDS = 120.0


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    return await house_of(database, tmp_path)


@pytest.fixture
def works(house: House) -> Works:
    return Works(house.database, system_clock, most={})


def bench_of(house: House) -> Bench:
    """Its clock stands, so that plans that are begun twice are named alike."""
    return Bench(cases=house.cases, deliveries=house.deliveries, documents=house.documents, clock=lambda: AT)


@asynccontextmanager
async def working(house: House, addresses: Addresses) -> AsyncIterator[None]:
    worker = Worker(house.database, bench_of(house).heavy(), system_clock)
    task = asyncio.create_task(worker.run(addresses, "heavy"))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(works: Works, work: str, is_so: Callable[[Work], bool]) -> Work:
    async with asyncio.timeout(WAIT_SECONDS):
        while not is_so(now := await works.now(work)):  # noqa: ASYNC110 - a worker changes it
            await asyncio.sleep(0.02)
    return now


async def ended(works: Works, work: str) -> Work:
    return await until(works, work, lambda now: now.state.is_end)


async def wished(house: House, case: KeptCase) -> Wish:
    read = (await house.cases.read(case)).value
    return await plan_wish(house.documents, case, await house.cases.objects(case), read, small_choice())


def other_structures() -> bytes:
    """Contours of the small case under another name."""
    drawn = small_case().structure_sets[0]
    return write_structure_set(replace(drawn, instance=f"{drawn.instance[:40]}9"))


class Held:
    """A step that waits where it begins until it is let go, the first time only."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.reached, self._go = asyncio.Event(), threading.Event()
        self._loop, self._real = asyncio.get_running_loop(), getattr(steps, name)
        monkeypatch.setattr(steps, name, self._waiting)
        self.count, self._within, self.within_most = 0, 0, 0

    def _waiting(self, *arguments: Any, **named: Any) -> Any:
        self.count, self._within = self.count + 1, self._within + 1
        self.within_most = max(self.within_most, self._within)
        try:
            if self.count == 1:
                self._loop.call_soon_threadsafe(self.reached.set)
                self._go.wait(WAIT_SECONDS)
            return self._real(*arguments, **named)
        finally:
            self._within -= 1

    def let_go_once_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A worker that is stopped waits for the thread, and the thread for this."""
        real = KeptDoing.give_up

        def give_up(doing: KeptDoing) -> None:
            real(doing)
            self.let_go()

        monkeypatch.setattr(KeptDoing, "give_up", give_up)

    def let_go(self) -> None:
        self._go.set()


async def test_a_plan_is_seen_while_it_is_made_and_its_result_is_that_of_the_computation(
    house: House, works: Works, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await house.case_of(small_contents())
    wish = await wished(house, case)
    held = Held(monkeypatch, "sequenced")
    work = await works.ask(wish, by=PHYSICIST.id)
    async with working(house, addresses):
        await asyncio.wait_for(held.reached.wait(), WAIT_SECONDS)
        seen = await works.now(work)
        assert (await works.about(case.id))[0].latest == ""
        held.let_go()
        done = await ended(works, work)
    progress = progress_of(seen)
    assert isinstance(progress, PlanProgress)
    assert (seen.step, progress.step, progress.of_step) == ("segments", "segments", "fluence")
    assert [curve.structure for curve in progress.curves] == ["PTV_5000", "SpinalCord"]
    assert (done.state, done.latest, progress_of(done)) == (State.DONE, "", None)
    result = await plan_of(house.documents, done)
    assert result.provenance.asked_by == PHYSICIST.id
    assert {each.kind for each in result.objects} == {"plan", "dose"}
    assert await works.ask(await wished(house, case), by=PHYSICIST.id) == work
    pad = Pad(arguments=wish.arguments, asked_by=PHYSICIST.id)
    assert await plan_computing.plan_made(bench_of(house), pad) == done.result


async def test_a_worker_that_takes_up_goes_on_after_the_last_step_and_makes_the_same_plan(
    house: House, works: Works, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker is stopped in the segments, whose fluence is kept."""
    case = await house.case_of(small_contents())
    held, fluence = Held(monkeypatch, "sequenced"), Held(monkeypatch, "optimise")
    fluence.let_go()
    held.let_go_once_given_up(monkeypatch)
    wish = await wished(house, case)
    work = await works.ask(wish, by=PHYSICIST.id)
    async with working(house, addresses):
        await asyncio.wait_for(held.reached.wait(), WAIT_SECONDS)
    assert (await works.now(work)).state is State.RUNNING
    async with working(house, addresses):
        done = await ended(works, work)
    assert done.state is State.DONE
    assert (fluence.count, held.count) == (1, 2)
    assert done.tries == 1, "a worker that was stopped in order did not die of the work"


async def test_a_plan_that_is_given_up_leaves_whole_steps_with_which_asking_again_goes_on(
    house: House, works: Works, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await house.case_of(small_contents())
    wish = await wished(house, case)
    held, fluence = Held(monkeypatch, "sequenced"), Held(monkeypatch, "optimise")
    fluence.let_go()
    held.let_go_once_given_up(monkeypatch)
    work = await works.ask(wish, by=PHYSICIST.id)
    async with working(house, addresses):
        await asyncio.wait_for(held.reached.wait(), WAIT_SECONDS)
        assert await works.give_up(work)
        given_up = await works.now(work)
        assert (given_up.state, given_up.latest, given_up.result) == (State.CANCELLED, "", None)
        assert {each.document for each in await house.cases.objects(case)} == set(wish.arguments["inputs"])
        again = await works.ask(wish, by=PHYSICIST.id)
        assert again != work
        done = await ended(works, again)
    assert done.state is State.DONE
    assert (fluence.count, held.count) == (1, 2)
    assert held.within_most == 1, "what was stopped computes no more beside what goes on"
    await plan_parts_forgotten(works, house.documents, lambda: AT)
    async with house.database.connection("owner") as session:
        left = await session.all(Query.composed("parts", "select name from work_part"))
    assert not left, "stages of both works are gone"
    files = {file.name.partition(".")[0] for file in house.folder.rglob("*") if file.is_file()}
    objects = {each.document for each in (await plan_of(house.documents, done)).objects}
    asked_with = {wish.arguments[name] for name in ("machine", "density_table")}
    kept = {*wish.arguments["inputs"], *asked_with, str(done.result), *objects}
    assert len(files - kept) == 1, "and what the case says of itself"
    assert kept <= files


async def test_a_case_that_changed_since_it_was_asked_about_is_not_planned_on(
    house: House, works: Works, addresses: Addresses
) -> None:
    case = await house.case_of(small_contents())
    work = await works.ask(await wished(house, case), by=PHYSICIST.id)
    await house.taken(await house.sent([other_structures()], into=case.id))
    async with working(house, addresses):
        done = await ended(works, work)
    assert (done.state, done.refusal) == (State.FAILED, "case-changed")
