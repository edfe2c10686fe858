"""Finished stages of plans that nobody goes on with are gone from the disk, and those that somebody may are not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.radiotherapy_house import House, house_of
from tests.radiotherapy_plan_works import CASE
from tianfu.apps.radiotherapy import tidying
from tianfu.apps.radiotherapy.code_version import code_version
from tianfu.apps.radiotherapy.tidying import DAY_SECONDS, KEPT_DAYS, goes_on_after_stages, plan_parts_forgotten
from tianfu.apps.radiotherapy.wishes import PLAN
from tianfu.db import Database, Query
from tianfu.kernel.instants import SECOND, Clock, Instant, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.jobs.works import State, Wish, Works
from tianfu.supervision import job_worker

pytestmark = pytest.mark.anyio

DAY = DAY_SECONDS * SECOND


class Days:
    """A clock that is told the time."""

    def __init__(self) -> None:
        self.now = Instant(1_774_000_000_000_000)

    def __call__(self) -> Instant:
        return self.now

    def pass_(self, days: float) -> None:
        self.now = Instant(int(self.now + days * DAY))


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    return await house_of(database, tmp_path)


def wish(name: str, *, version: str) -> Wish:
    return Wish(
        kind=PLAN,
        queue="heavy",
        about=CASE,
        organisation="county-hospital",
        arguments={"name": name},
        inputs=(),
        version=version,
    )


async def is_there(house: House, document: str) -> bool:
    try:
        return await house.documents.size(document) > 0
    except Refusal:
        return False


async def given_up(house: House, works: Works, clock: Clock, name: str, *, version: str, document: str) -> str:
    """A plan that was given up after a stage, whose result is a document."""
    work = await works.ask(wish(name, version=version), by="lin")
    add = (
        "insert into work_part (work, name, result, made_at) values (%(work)s::uuid, 'plan-fluence', %(name)s, %(now)s)"
    )
    async with house.database.connection("owner") as session:
        await session.run(Query.composed("add", add), work=work, name=document, now=clock())
    await works.give_up(work)
    return work


async def test_stages_of_old_plans_and_of_other_states_of_the_code_go_from_the_disk_with_nothing_else(
    house: House,
) -> None:
    clock = Days()
    works = Works(house.database, clock, most={})
    old, other, late, kept = [await house.documents.keep(each) for each in (b"old", b"other", b"late", b"an object")]
    await given_up(house, works, clock, "old", version=code_version(), document=old)
    clock.pass_(KEPT_DAYS - 1)
    await given_up(house, works, clock, "late", version=code_version(), document=late)
    await given_up(house, works, clock, "other", version="before", document=other)
    clock.pass_(1.5)
    assert await plan_parts_forgotten(works, house.documents, clock) == 2
    files = {file.name.partition(".")[0] for file in house.folder.rglob("*") if file.is_file()}
    assert files == {late, kept}


async def test_equal_stages_of_two_plans_go_with_the_last_of_them(house: House) -> None:
    clock = Days()
    works = Works(house.database, clock, most={})
    document = await house.documents.keep(b"both")
    await given_up(house, works, clock, "first", version=code_version(), document=document)
    clock.pass_(10)
    await given_up(house, works, clock, "second", version=code_version(), document=document)
    clock.pass_(5)
    assert await plan_parts_forgotten(works, house.documents, clock) == 1
    assert await house.documents.content(document) == b"both"
    clock.pass_(10)
    assert await plan_parts_forgotten(works, house.documents, clock) == 1
    assert not [file for file in house.folder.rglob("*") if file.is_file()]


async def test_whether_a_plan_goes_on_after_its_stages_is_what_the_sweep_does(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Days()
    works = Works(house.database, clock, most={})
    document = await house.documents.keep(b"stage")
    name = await given_up(house, works, clock, "one", version=code_version(), document=document)
    work = await works.now(name)
    assert work.state is State.CANCELLED
    assert goes_on_after_stages(work, clock)
    assert not goes_on_after_stages(replace(work, version="before"), clock)
    clock.pass_(KEPT_DAYS)
    assert goes_on_after_stages(work, clock)
    assert await plan_parts_forgotten(works, house.documents, clock) == 0
    clock.pass_(0.01)
    assert not goes_on_after_stages(work, clock)
    monkeypatch.setattr(tidying, "KEPT_DAYS", KEPT_DAYS + 1)
    assert await plan_parts_forgotten(works, house.documents, clock) == 0
    monkeypatch.undo()
    assert await plan_parts_forgotten(works, house.documents, clock) == 1


async def test_the_worker_that_keeps_tidy_forgets_them_again_and_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_worker, "TIDY_SECONDS", 0.01)
    works = Works(house.database, system_clock, most={})
    tidying_up = asyncio.create_task(job_worker.keep_tidy(house.deliveries, house.documents, works))
    async with asyncio.timeout(20):
        for content in (b"one", b"two"):
            document = await house.documents.keep(content)
            await given_up(house, works, system_clock, content.decode(), version="before", document=document)
            while await is_there(house, document):  # noqa: ASYNC110 - another task takes it away
                await asyncio.sleep(0.01)
    tidying_up.cancel()
    await asyncio.gather(tidying_up, return_exceptions=True)


def test_the_days_are_told_in_the_reference() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "limits.md").read_text("utf-8")
    assert f"{KEPT_DAYS} days" in page
