"""A caller is held to a limit by all workers together, and a caller in a hurry costs few statements."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tianfu.db import Addresses, Database, Query
from tianfu.kernel.refusal import Refusal
from tianfu.services.limits.limiter import LEASE_SECONDS, Given, KeptBuckets, Limiter
from tianfu.services.limits.limits import LIMIT_CLASSES, Limit, LimitClass, Limits, OpenWorks, load_limits

pytestmark = pytest.mark.anyio

SMALL = Limit(burst=5, per_second=0.5)


class Time:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def limits(limit: Limit) -> Limits:
    return Limits(classes=dict.fromkeys(LIMIT_CLASSES, limit), roles={"system": 10.0})


class CountedBuckets:
    """Buckets in PostgreSQL, and how often they were asked."""

    def __init__(self, database: Database) -> None:
        self.kept = KeptBuckets(database)
        self.asked = 0

    async def take(self, caller: str, limit_class: LimitClass, limit: Limit, *, need: int, want: int) -> Given:
        self.asked += 1
        await asyncio.sleep(0)
        return await self.kept.take(caller, limit_class, limit, need=need, want=want)


async def let_pass(database: Database, seconds: float) -> None:
    """As if so much time had passed for all buckets."""
    async with database.connection("owner") as owner:
        await owner.run(Query.composed("age", "update token_bucket set at = at - %(by)s"), by=int(seconds * 1_000_000))


async def taken(limiter: Limiter, times: int, *, caller: str = "c", role: str = "", count: int = 1) -> int:
    """How many of so many requests passed."""
    passed = 0
    for _ in range(times):
        try:
            await limiter.take(caller, role, "search", count=count)
        except Refusal as refusal:
            if refusal.code != "too-many-requests":
                raise
        else:
            passed += 1
    return passed


async def test_a_bucket_gives_its_burst_and_then_says_when_to_come_again(database_on_each_engine: Database) -> None:
    limiter = Limiter(KeptBuckets(database_on_each_engine), limits(SMALL), monotonic=Time())
    assert await taken(limiter, 9) == 5
    with pytest.raises(Refusal) as refused:
        await limiter.take("c", "", "search")
    assert refused.value.retryable
    assert refused.value.details["seconds"] == "2"


async def test_a_bucket_fills_again_but_not_over(database_on_each_engine: Database) -> None:
    time = Time()
    limiter = Limiter(KeptBuckets(database_on_each_engine), limits(SMALL), monotonic=time)
    assert await taken(limiter, 9) == 5
    for seconds, passes in ((4, 2), (3_600, 5)):
        time.now += seconds
        await let_pass(database_on_each_engine, seconds)
        assert await taken(limiter, 9) == passes


async def test_callers_and_classes_have_buckets_of_their_own(database: Database) -> None:
    limiter = Limiter(KeptBuckets(database), limits(SMALL), monotonic=Time())
    assert await taken(limiter, 9, caller="a") == 5
    assert await taken(limiter, 9, caller="b") == 5
    await limiter.take("a", "", "read")


async def test_a_role_may_have_several_times_as_much(database: Database) -> None:
    limiter = Limiter(KeptBuckets(database), limits(SMALL), monotonic=Time())
    assert await taken(limiter, 60, role="system") == 50


async def test_workers_together_give_no_more_than_the_bucket_holds(addresses: Addresses, database: Database) -> None:
    limit = limits(Limit(burst=500, per_second=0.2))
    async with await Database.open(addresses) as other:
        workers = [Limiter(KeptBuckets(each), limit, monotonic=Time()) for each in (database, other)]
        passed = await asyncio.gather(*(taken(worker, 100) for worker in workers for _ in range(8)))
    assert sum(passed) == 500


async def test_a_caller_in_a_hurry_costs_few_statements(database: Database) -> None:
    buckets = CountedBuckets(database)
    limiter = Limiter(buckets, limits(Limit(burst=10_000, per_second=1_000)), monotonic=Time())
    passed = await asyncio.gather(*(taken(limiter, 250) for _ in range(32)))
    assert sum(passed) == 8_000
    assert buckets.asked < 40


async def test_whoever_has_no_tokens_is_refused_from_memory(database: Database) -> None:
    buckets = CountedBuckets(database)
    limiter = Limiter(buckets, limits(SMALL), monotonic=Time())
    await taken(limiter, 9)
    before = buckets.asked
    assert await taken(limiter, 1_000) == 0
    assert buckets.asked == before


async def test_tokens_do_not_outlive_their_lease(database: Database) -> None:
    time = Time()
    limiter = Limiter(KeptBuckets(database), limits(Limit(burst=1_000, per_second=0.3)), monotonic=time)
    await taken(limiter, 40)
    time.now += LEASE_SECONDS
    again = Limiter(KeptBuckets(database), limits(Limit(burst=1_000, per_second=0.3)), monotonic=time)
    # What the first worker had leased and not used is gone; the second one cannot have it either.
    assert 900 <= await taken(again, 1_000) + await taken(limiter, 1_000) < 960


async def test_a_request_that_weighs_more_takes_more(database: Database) -> None:
    limiter = Limiter(KeptBuckets(database), limits(Limit(burst=100, per_second=0.1)), monotonic=Time())
    assert await taken(limiter, 5, count=30) == 3
    assert await taken(limiter, 20) == 10


async def test_a_request_that_weighs_more_than_the_bucket_needs_a_full_one(database: Database) -> None:
    limiter = Limiter(KeptBuckets(database), limits(SMALL), monotonic=Time())
    assert await taken(limiter, 2, count=10_000) == 1


async def test_a_full_bucket_is_forgotten(database: Database) -> None:
    buckets = KeptBuckets(database)
    await buckets.take("c", "read", SMALL, need=1, want=1)
    await let_pass(database, 3_000)
    await buckets.take("d", "read", SMALL, need=1, want=1)
    await let_pass(database, 700)
    await buckets.forget_full()
    async with database.connection("owner") as owner:
        rows = await owner.all(Query.composed("left", "select caller from token_bucket"))
    assert [row[0] for row in rows] == ["d"]


class NoDatabase:
    """Buckets that cannot be asked."""

    async def take(self, caller: str, limit_class: LimitClass, limit: Limit, *, need: int, want: int) -> Given:
        raise Refusal("database-unavailable", retryable=True)


async def test_without_the_database_only_what_needs_none_passes() -> None:
    limiter = Limiter(NoDatabase(), limits(SMALL), monotonic=Time())
    for limit_class in LIMIT_CLASSES:
        if limit_class in {"describe", "bad-credential"}:
            await limiter.take("c", "", limit_class)
        else:
            with pytest.raises(Refusal, match="database-unavailable"):
                await limiter.take("c", "", limit_class)


async def test_a_failed_question_wakes_those_who_wait_for_it() -> None:
    limiter = Limiter(NoDatabase(), limits(SMALL), monotonic=Time())
    answers = await asyncio.gather(*(limiter.take("c", "", "read") for _ in range(20)), return_exceptions=True)
    assert {str(answer) for answer in answers} == {"database-unavailable"}


# The data


def our_data() -> dict[str, Any]:
    file = Path(__file__).parents[2] / "src" / "tianfu" / "services" / "limits" / "limits.json"
    data: dict[str, Any] = json.loads(file.read_bytes())
    return data


async def test_our_limits_are_told_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "limits.md").read_text("utf-8")
    told = {
        cells[0].strip("` "): (cells[2].strip().replace(",", ""), cells[3].strip().replace(",", ""))
        for cells in (line.strip("|").split("|") for line in page.splitlines() if line.startswith("| `"))
    }
    ours = our_data()["classes"]
    assert told == {name: (f"{limit['burst']:g}", f"{limit['per_second']:g}") for name, limit in ours.items()}


async def test_how_many_works_may_be_open_is_told_in_the_reference() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "limits.md").read_text("utf-8")
    told = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| a plan ")]
    most = load_limits(None).open_works["radiotherapy-plan"]
    assert told == [["a plan of radiotherapy", "`radiotherapy-plan`", str(most.person), str(most.organisation)]]


async def test_an_operators_file_limits_works_that_it_names_and_leaves_others_as_ours(tmp_path: Path) -> None:
    data, file = our_data(), tmp_path / "limits.json"
    data["open_works"] = {"another-kind": {"person": 1, "organisation": 2}}
    file.write_text(json.dumps(data))
    ours = load_limits(None).open_works
    assert load_limits(file).open_works == {**ours, "another-kind": OpenWorks(person=1, organisation=2)}
    del data["open_works"]
    file.write_text(json.dumps(data))
    assert load_limits(file).open_works == ours, "a file that is older than these limits has them too"


async def test_an_operators_file_takes_the_place_of_ours(tmp_path: Path) -> None:
    data = our_data()
    data["classes"]["read"] = {"burst": 7, "per_second": 1}
    file = tmp_path / "limits.json"
    file.write_text(json.dumps(data))
    assert load_limits(file).of("read", "doctor") == Limit(burst=7, per_second=1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data["classes"].pop("identity-search"),
        lambda data: data["classes"].update(more={"burst": 1, "per_second": 1}),
        lambda data: data["classes"]["read"].update(burst=0),
        lambda data: data["classes"]["read"].update(per_second=0),
        lambda data: data["classes"]["read"].update(per_second=0.001),
        lambda data: data["classes"]["read"].pop("burst"),
        lambda data: data["roles"].update(doctor=0),
        lambda data: data.update(version=2),
        lambda data: data["open_works"]["radiotherapy-plan"].update(person=0),
        lambda data: data["open_works"]["radiotherapy-plan"].pop("organisation"),
    ],
)
async def test_a_file_that_is_not_understood_is_refused(spoil: Any, tmp_path: Path) -> None:
    data = our_data()
    spoil(data)
    file = tmp_path / "limits.json"
    file.write_text(json.dumps(data))
    with pytest.raises(Refusal, match="limits-invalid"):
        load_limits(file)


async def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="limits-invalid"):
        load_limits(tmp_path / "limits.json")
