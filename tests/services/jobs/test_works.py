"""Works against a real queue: done once, followed, given up, and taken up after a worker died."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tianfu.db import Addresses, Database
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.jobs import worker
from tianfu.services.jobs import works as works_module
from tianfu.services.jobs.doing import LATEST_BYTES_MAX, Doing, Kind
from tianfu.services.jobs.worker import Worker
from tianfu.services.jobs.works import State, Wish, Work, Works

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 20.0


@pytest.fixture
def addresses(addresses_on_each_engine: Addresses) -> Addresses:
    """The queue's tables are another package's: both engines take them."""
    return addresses_on_each_engine


def wish(name: str = "one", **more: object) -> Wish:
    return Wish(
        kind="count",
        queue="heavy",
        about="case-1",
        organisation="county",
        arguments={"name": name, **more},
        inputs=("a",),
        version="1",
    )


@asynccontextmanager
async def working(database: Database, addresses: Addresses, kind: Kind) -> AsyncIterator[None]:
    task = asyncio.create_task(Worker(database, [kind], system_clock).run(addresses, "heavy"))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def ended(works: Works, work: str) -> Work:
    async with asyncio.timeout(WAIT_SECONDS):
        while not (now := await works.now(work)).state.is_end:  # noqa: ASYNC110 - another process may end it
            await asyncio.sleep(0.02)
    return now


async def test_the_same_wish_is_done_once_and_its_result_stays(database: Database, addresses: Addresses) -> None:
    begun: list[str] = []

    async def count(doing: Doing) -> str:
        begun.append(doing.arguments["name"])
        return "counted"

    works = Works(database, system_clock, most={})
    first, second = await asyncio.gather(works.ask(wish(), by="physicist"), works.ask(wish(), by="doctor"))
    assert first == second
    async with working(database, addresses, Kind(name="count", do=count)):
        assert (await ended(works, first)).result == "counted"
        assert await works.ask(wish(), by="doctor") == first
        other = await works.ask(wish("two"), by="doctor")
        await ended(works, other)
    assert begun == ["one", "two"]
    assert [work.id for work in await works.about("case-1")] == [other, first]


async def test_a_work_that_is_given_up_ends_where_it_tells_its_progress(
    database: Database, addresses: Addresses
) -> None:
    reached: list[int] = []
    begun = asyncio.Event()

    async def count(doing: Doing) -> str:
        begun.set()

        def compute() -> str:
            for number in range(10_000):
                reached.append(number)
                doing.progress("counting", number, 10_000)
                time.sleep(0.01)
            return "never"

        return await asyncio.to_thread(compute)

    works = Works(database, system_clock, most={})
    work = await works.ask(wish(), by="physicist")
    async with working(database, addresses, Kind(name="count", do=count)):
        await begun.wait()
        assert await works.give_up(work)
        assert (await ended(works, work)).state is State.CANCELLED
        assert not await works.give_up(work)
        other = await works.ask(wish("other"), by="physicist")
        assert other != work
        begun.clear()
        await begun.wait()  # the worker is free again, long before all was counted
        await works.give_up(other)
    assert len(reached) < 10_000


async def test_what_a_work_refuses_is_what_people_read(database: Database, addresses: Addresses) -> None:
    async def count(doing: Doing) -> str:
        raise Refusal("slice-missing", details={"after": "17"})

    works = Works(database, system_clock, most={})
    work = await works.ask(wish(), by="physicist")
    async with working(database, addresses, Kind(name="count", do=count)):
        now = await ended(works, work)
    assert (now.state, now.refusal, now.details) == (State.FAILED, "slice-missing", {"after": "17"})


async def test_a_work_that_wants_more_memory_than_there_is_is_refused_and_the_worker_goes_on(
    database: Database, addresses: Addresses
) -> None:
    async def count(doing: Doing) -> str:
        if doing.arguments["name"] == "huge":
            raise MemoryError
        return "fine"

    works = Works(database, system_clock, most={})
    huge, small = await works.ask(wish("huge"), by="p"), await works.ask(wish("small"), by="p")
    async with working(database, addresses, Kind(name="count", do=count)):
        assert (await ended(works, huge)).refusal == "work-too-large"
        assert (await ended(works, small)).result == "fine"


async def test_a_mistake_of_ours_ends_the_work_and_not_the_worker(database: Database, addresses: Addresses) -> None:
    async def count(doing: Doing) -> str:
        if doing.arguments["name"] == "bad":
            raise ZeroDivisionError
        return "fine"

    works = Works(database, system_clock, most={})
    bad, good = await works.ask(wish("bad"), by="p"), await works.ask(wish("good"), by="p")
    async with working(database, addresses, Kind(name="count", do=count)):
        assert (await ended(works, bad)).refusal == "unexpected"
        assert (await ended(works, good)).result == "fine"


async def test_what_a_dead_worker_left_is_taken_up_and_its_finished_parts_are_not_done_again(
    database: Database, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    begun = asyncio.Event()

    async def count(doing: Doing) -> str:
        for part in ("first", "second"):
            if part not in doing.finished:
                done.append(part)
                await asyncio.to_thread(doing.finish, part, part.upper())
            if len(done) == 1:
                begun.set()
                await asyncio.Event().wait()
        return " ".join(doing.finished[part] for part in ("first", "second"))

    monkeypatch.setattr(worker, "DEAD_SECONDS", 0.5)
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.2)
    works = Works(database, system_clock, most={})
    work = await works.ask(wish(), by="physicist")
    kind = Kind(name="count", do=count)
    dying = asyncio.create_task(Worker(database, [kind], system_clock).do(kind, work))
    await begun.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    done.append("died")
    async with working(database, addresses, kind):
        assert (await ended(works, work)).result == "FIRST SECOND"
    assert done == ["first", "died", "second"]
    assert (await works.now(work)).tries == 2


async def test_whether_the_worker_of_a_running_work_is_silent_can_be_seen(
    database: Database, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, seen = asyncio.Event(), asyncio.Event()

    async def count(doing: Doing) -> str:
        begun.set()
        await seen.wait()
        return "counted"

    jobs = Works(database, system_clock, most={})
    work = await jobs.ask(wish(), by="physicist")
    assert not (await jobs.now(work)).is_left, "it waits, and nobody had it"
    async with working(database, addresses, Kind(name="count", do=count)):
        await asyncio.wait_for(begun.wait(), WAIT_SECONDS)
        now = await jobs.now(work)
        assert (now.state, now.is_left) == (State.RUNNING, False)
        monkeypatch.setattr(works_module, "DEAD_SECONDS", -60.0)  # as if its last beat were long ago
        assert (await jobs.now(work)).is_left
        monkeypatch.undo()
        seen.set()
        assert not (await ended(jobs, work)).is_left


async def test_a_work_whose_worker_was_stopped_is_left_until_somebody_takes_it_up(
    database: Database, addresses: Addresses
) -> None:
    begun = asyncio.Event()

    async def count(doing: Doing) -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    jobs = Works(database, system_clock, most={})
    work = await jobs.ask(wish(), by="physicist")
    async with working(database, addresses, Kind(name="count", do=count)):
        await asyncio.wait_for(begun.wait(), WAIT_SECONDS)
    assert (await jobs.now(work)).is_left


async def test_a_work_that_ends_its_workers_is_given_to_no_fourth(database: Database, addresses: Addresses) -> None:
    tried: list[int] = []

    async def count(doing: Doing) -> str:
        tried.append(1)
        raise asyncio.CancelledError

    works = Works(database, system_clock, most={})
    work = await works.ask(wish(), by="physicist")
    kind = Kind(name="count", do=count)
    for _ in range(3):
        with pytest.raises(asyncio.CancelledError):
            await Worker(database, [kind], system_clock).do(kind, work)
    async with working(database, addresses, kind):
        assert (await ended(works, work)).refusal == "work-ends-workers"
    assert len(tried) == 3


async def test_a_worker_that_is_killed_while_it_works_leaves_its_job_to_the_next(
    database: Database, addresses: Addresses, tmp_path: Path
) -> None:
    """A real process of its own, killed as the kernel kills what takes too much memory."""
    works = Works(database, system_clock, most={})
    work = await works.ask(wish(), by="physicist")
    program = KILLED.format(admin=addresses.admin, secret=addresses.secret, begun=str(tmp_path / "begun"))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    async with asyncio.timeout(WAIT_SECONDS):
        while not (tmp_path / "begun").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.02)
    process.kill()
    await process.wait()
    assert (await works.now(work)).state is State.RUNNING

    async def count(doing: Doing) -> str:
        return "done by the next"

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(worker, "DEAD_SECONDS", 1.0)
        patched.setattr(worker, "LOOK_SECONDS", 0.2)
        async with working(database, addresses, Kind(name="count", do=count)):
            assert (await ended(works, work)).result == "done by the next"


KILLED = """
import asyncio
from pathlib import Path
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import system_clock
from tianfu.services.jobs import worker
from tianfu.services.jobs.doing import Kind
from tianfu.services.jobs.worker import Worker

async def count(doing):
    Path({begun!r}).touch()
    await asyncio.Event().wait()

async def main():
    addresses = Addresses(admin={admin!r}, secret={secret!r})
    async with await Database.open(addresses) as database:
        await Worker(database, [Kind(name="count", do=count)], system_clock).run(addresses, "heavy")

asyncio.run(main())
"""


async def test_what_a_running_work_shows_of_itself_is_seen_until_it_ends(
    database: Database, addresses: Addresses
) -> None:
    shown, seen = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def count(doing: Doing) -> str:
        def compute() -> str:
            doing.progress("counting", 1, 3, latest="one")
            doing.progress("counting", 2, 3)
            loop.call_soon_threadsafe(shown.set)
            asyncio.run_coroutine_threadsafe(seen.wait(), loop).result()
            return "counted"

        return await asyncio.to_thread(compute)

    works = Works(database, system_clock, most={})
    work = await works.ask(wish(), by="physicist")
    async with working(database, addresses, Kind(name="count", do=count)):
        await asyncio.wait_for(shown.wait(), WAIT_SECONDS)
        assert (await works.now(work)).latest == "one"
        assert [each.latest for each in await works.about("case-1")] == [""]
        seen.set()
        assert (await ended(works, work)).latest == ""


async def test_more_than_there_is_room_for_is_not_shown(database: Database, addresses: Addresses) -> None:
    async def count(doing: Doing) -> str:
        await asyncio.to_thread(doing.progress, "counting", 1, 3, latest="x" * (LATEST_BYTES_MAX + 1))
        return "never"

    works = Works(database, system_clock, most={})
    work = await works.ask(wish(), by="physicist")
    async with working(database, addresses, Kind(name="count", do=count)):
        assert (await ended(works, work)).refusal == "unexpected"


async def test_asking_again_goes_on_with_the_parts_of_a_work_that_was_given_up(
    database: Database, addresses: Addresses
) -> None:
    """Equal wishes have equal parts; those of another wish are nobody else's."""
    found: list[dict[str, str]] = []
    kept = asyncio.Event()

    async def count(doing: Doing) -> str:
        found.append(dict(doing.finished))
        if not doing.finished and doing.arguments["name"] == "one":
            await asyncio.to_thread(doing.finish, "half", "1")
            kept.set()
            await asyncio.sleep(WAIT_SECONDS)
        return "counted"

    works = Works(database, system_clock, most={})
    work = await works.ask(wish(), by="physicist")
    async with working(database, addresses, Kind(name="count", do=count)):
        await asyncio.wait_for(kept.wait(), WAIT_SECONDS)
        await works.give_up(work)
        again = await works.ask(wish(), by="physicist")
        assert (await ended(works, again)).result == "counted"
        await ended(works, await works.ask(wish("two"), by="physicist"))
    assert found == [{}, {"half": "1"}, {}]
