"""Finished parts stay as long as somebody may go on with them, and go with what they stand for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from tests.services.jobs.test_works import wish
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.jobs.doing import Doing, GivenUp, Kind
from tianfu.services.jobs.worker import Worker
from tianfu.services.jobs.works import DROPPED_AT_ONCE, Wish, Works

pytestmark = pytest.mark.anyio

DAY = 86_400_000_000
BEGUN = Instant(1_000 * DAY)


@pytest.fixture
def addresses(addresses_on_each_engine: Addresses) -> Addresses:
    return addresses_on_each_engine


@dataclass
class Shelf:
    """Where results of parts lie."""

    gone: list[str] = field(default_factory=list)
    is_away: bool = False

    async def forget(self, names: Sequence[str]) -> None:
        if self.is_away:
            raise Refusal("documents-not-kept")
        self.gone.extend(names)


@dataclass(kw_only=True)
class Bench:
    """Works, what does them, and a clock that is told the time."""

    database: Database
    now: Instant = BEGUN
    ends: str = "given-up"
    parts: dict[str, str] = field(default_factory=dict)
    shelf: Shelf = field(default_factory=Shelf)

    @property
    def works(self) -> Works:
        return Works(self.database, lambda: self.now, most={})

    async def did(self, asked: Wish, **parts: str) -> str:
        """A work that finished these parts and ended as the bench says."""
        self.parts = parts
        work = await self.works.ask(asked, by="lin")
        kind = Kind(name="count", do=self._do)
        try:
            await Worker(self.database, [kind], lambda: self.now).do(kind, work)
        except asyncio.CancelledError:
            assert self.ends == "dead"
        if self.ends == "given-up":
            await self.works.give_up(work)
        return work

    async def _do(self, doing: Doing) -> str:
        for name, result in self.parts.items():
            await asyncio.to_thread(doing.finish, name, result)
        if self.ends == "dead":
            raise asyncio.CancelledError
        if self.ends == "given-up":
            raise GivenUp
        return "counted"

    async def dropped(self, *, days: float = 14, version: str = "1") -> int:
        before = Instant(int(self.now - days * DAY))
        return await self.works.drop_parts("count", version=version, before=before, forget=self.shelf.forget)

    def pass_days(self, days: float) -> None:
        self.now = Instant(int(self.now + days * DAY))


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database=database)


async def test_what_was_given_up_may_be_gone_on_with_for_so_many_days_and_then_goes(bench: Bench) -> None:
    await bench.did(wish(), first="one", second="two")
    bench.pass_days(13.9)
    assert await bench.dropped() == 0
    bench.pass_days(0.2)
    assert await bench.dropped() == 2
    assert bench.shelf.gone == ["one", "two"]
    assert await bench.dropped() == 0, "each goes once"


async def test_what_is_open_keeps_its_parts_however_old_and_of_whatever_version(bench: Bench) -> None:
    bench.ends = "dead"
    await bench.did(wish(), first="one")
    bench.pass_days(100)
    assert await bench.dropped(version="2") == 0


async def test_what_was_asked_of_another_state_of_the_code_goes_at_once(bench: Bench) -> None:
    await bench.did(wish(), first="one")
    assert await bench.dropped(version="2") == 1
    assert bench.shelf.gone == ["one"]


async def test_what_is_done_needs_its_parts_no_more(bench: Bench) -> None:
    bench.ends = "done"
    await bench.did(wish(), first="one")
    assert await bench.dropped() == 1


async def test_old_parts_that_serve_who_asked_for_the_same_lately_stay(bench: Bench) -> None:
    await bench.did(wish(), first="one")
    bench.pass_days(20)
    await bench.did(wish())
    assert await bench.dropped() == 0
    bench.pass_days(15)
    assert await bench.dropped() == 1


async def test_a_result_that_another_works_part_has_stays_until_that_goes(bench: Bench) -> None:
    await bench.did(wish(), first="shared", second="own")
    bench.pass_days(10)
    await bench.did(wish("two"), first="shared")
    bench.pass_days(5)
    assert await bench.dropped() == 2
    assert bench.shelf.gone == ["own"]
    bench.pass_days(10)
    assert await bench.dropped() == 1
    assert bench.shelf.gone == ["own", "shared"]


async def test_a_result_may_be_as_long_as_a_histogram(bench: Bench) -> None:
    long = random.Random(7).randbytes(50_000).hex()
    await bench.did(wish(), first=long)
    bench.pass_days(15)
    assert await bench.dropped() == 1
    assert bench.shelf.gone == [long]


async def test_other_kinds_keep_their_parts(bench: Bench) -> None:
    await bench.did(replace(wish(), kind="other"), first="one")
    assert await bench.dropped(days=-1) == 0


async def test_what_cannot_be_reached_now_is_not_lost_sight_of(bench: Bench) -> None:
    await bench.did(wish(), first="one")
    bench.pass_days(15)
    bench.shelf.is_away = True
    with pytest.raises(Refusal, match="documents-not-kept"):
        await bench.dropped()
    bench.shelf.is_away = False
    assert await bench.dropped() == 1
    assert bench.shelf.gone == ["one"]


async def test_more_than_go_at_once_go_one_portion_after_the_other(bench: Bench) -> None:
    count = 2 * DROPPED_AT_ONCE + 1
    await bench.did(wish(), **{f"part-{number}": str(number) for number in range(count)})
    bench.pass_days(15)
    assert await bench.dropped() == count
    assert sorted(map(int, bench.shelf.gone)) == list(range(count))
