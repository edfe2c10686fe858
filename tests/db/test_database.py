"""Transactions, statements, COPY, deadlines and errors, on each engine."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from struct import pack

import pytest

from tianfu.db import (
    Database,
    Ending,
    Query,
    SerializationFailure,
    StatementFailed,
    Transaction,
    UniqueViolation,
    bytea_array,
    copy_file,
    float8_array,
    int2_array,
    int4_array,
    int8_array,
    text_array,
    uuid_array,
)
from tianfu.db.database import WAIT_SECONDS
from tianfu.db.prepared import STATEMENTS_MAX
from tianfu.kernel.refusal import Refusal

pytestmark = pytest.mark.anyio

MAKE = Query.composed("make", 'create table sheet (id bigint primary key, words text collate "C", bytes bytea)')
GRANT = Query.composed("grant", "grant select, insert, update, delete on sheet to tianfu_app")
ADD = Query.composed("add", "insert into sheet values (%(id)s, %(words)s, %(bytes)s)")
ALL = Query.composed("all", "select id, words, bytes from sheet order by id")
COUNT = Query.composed("count", "select count(*) from sheet")
COPY = Query.composed("copy", "copy sheet from stdin (format binary)")
COPY_OUT = Query.composed("copy_out", "copy sheet to stdout (format binary)")
SLEEP = Query.composed("sleep", "select pg_sleep(%(seconds)s)::text")
MY_PROCESS = Query.composed("my_process", "select pg_backend_pid()")


@pytest.fixture
async def sheet(database_on_each_engine: Database) -> Database:
    """A database with one table for trying things out."""
    async with database_on_each_engine.transaction("owner") as t:
        await t.run(MAKE)
        await t.run(GRANT)
    return database_on_each_engine


async def numbers(database: Database) -> list[int]:
    async with database.connection("app") as session:
        return [row[0] for row in await session.all(ALL)]


async def add(t: Transaction, number: int) -> None:
    await t.run(ADD, id=number, words=None, bytes=None)


async def test_values_come_back_as_they_went(sheet: Database) -> None:
    async with sheet.transaction("app") as t:
        assert await t.run(ADD, id=2**62, words="二 \U00020bb7", bytes=b"\0\xff") == 1
        assert await t.one(ALL) == (2**62, "二 \U00020bb7", b"\0\xff")


async def test_arrays_come_back_as_they_went(sheet: Database) -> None:
    query = Query.composed(
        "arrays",
        "select %(i2)s::smallint[], %(i4)s::integer[], %(i8)s::bigint[], %(f8)s::float8[], %(t)s::text[],"
        " %(b)s::bytea[], %(u)s::uuid[]::text[]",
    )
    async with sheet.connection("app") as session:
        row = await session.one(
            query,
            i2=int2_array([-1, 2]),
            i4=int4_array([3, -4]),
            i8=int8_array([2**63 - 1, -(2**63)]),
            f8=float8_array([0.1, float("inf")]),
            t=text_array(["a", None, "天府"]),
            b=bytea_array([b"", None]),
            u=uuid_array([bytes(range(16))]),
        )
    assert row is not None
    assert row[:6] == ([-1, 2], [3, -4], [2**63 - 1, -(2**63)], [0.1, float("inf")], ["a", None, "天府"], [b"", None])
    assert row[6] == ["00010203-0405-0607-0809-0a0b0c0d0e0f"]


async def test_two_queries_of_one_text_keep_their_own_parameters(sheet: Database) -> None:
    first = Query.composed("first", "select %(a)s::bigint, %(b)s::bigint")
    second = Query.composed("second", "select %(b)s::bigint, %(c)s::bigint")
    async with sheet.connection("app") as connection:
        assert await connection.all(first, a=1, b=2, c=3) == [(1, 2)]
        assert await connection.all(second, a=1, b=2, c=3) == [(2, 3)]


async def test_null_parameters_are_null(sheet: Database) -> None:
    async with sheet.connection("app") as session:
        query = Query.composed("nulls", "select %(a)s::bigint[] is null, %(b)s::text is null")
        assert await session.one(query, a=None, b=None) == (True, True)


async def test_exception_rolls_everything_back(sheet: Database) -> None:
    with pytest.raises(LookupError):
        async with sheet.transaction("app") as t:
            await add(t, 1)
            raise LookupError
    assert await numbers(sheet) == []


async def test_transaction_without_statements_costs_nothing(sheet: Database) -> None:
    async with sheet.transaction("app"):
        pass


async def test_savepoint_undoes_its_block_alone(sheet: Database) -> None:
    async with sheet.transaction("app") as t:
        await add(t, 1)
        with pytest.raises(UniqueViolation):
            async with t.savepoint():
                await add(t, 2)
                await add(t, 1)
        await add(t, 3)
    assert await numbers(sheet) == [1, 3]


async def test_savepoints_nest(sheet: Database) -> None:
    async with sheet.transaction("app") as t, t.savepoint():
        await add(t, 1)
        with pytest.raises(LookupError):
            async with t.savepoint():
                await add(t, 2)
                raise LookupError
    assert await numbers(sheet) == [1]


async def test_swallowed_failure_does_not_pass_for_a_commit(sheet: Database) -> None:
    with pytest.raises(RuntimeError, match="use a savepoint"):
        async with sheet.transaction("app") as t:
            await add(t, 1)
            with suppress(UniqueViolation):
                await add(t, 1)
    assert await numbers(sheet) == []


async def test_pipeline_answers_after_its_block(sheet: Database) -> None:
    async with sheet.transaction("app") as t, t.pipeline() as p:
        added = p.add(ADD, id=1, words="a", bytes=None)
        counted = p.add(COUNT)
        with pytest.raises(RuntimeError, match="after its block"):
            assert added.count
    assert (added.count, counted.rows) == (1, [(1,)])


class Endings:
    """What transactions told of how they ended."""

    def __init__(self) -> None:
        self.told: list[Ending] = []

    async def tell(self, ending: Ending) -> None:
        self.told.append(ending)


async def test_last_pipeline_carries_the_commit(sheet: Database) -> None:
    async with sheet.transaction("app") as t:
        await add(t, 1)
        async with t.last_pipeline() as p:
            added = p.add(ADD, id=2, words="b", bytes=None)
        assert added.count == 1
        assert await numbers(sheet) == [1, 2]  # another connection sees it before the block ends
        with pytest.raises(RuntimeError, match="after the last pipeline"):
            await add(t, 3)


async def test_last_pipeline_may_be_the_whole_transaction(sheet: Database) -> None:
    endings = Endings()
    async with sheet.transaction("app") as t:
        t.when_ended(endings.tell)
        async with t.last_pipeline() as p:
            p.add(ADD, id=1, words=None, bytes=None)
    assert (await numbers(sheet), endings.told) == ([1], ["committed"])


async def test_last_pipeline_that_fails_commits_nothing(sheet: Database) -> None:
    endings = Endings()
    with pytest.raises(UniqueViolation):
        async with sheet.transaction("app") as t:
            t.when_ended(endings.tell)
            await add(t, 1)
            async with t.last_pipeline() as p:
                p.add(ADD, id=2, words=None, bytes=None)
                p.add(ADD, id=1, words=None, bytes=None)
    assert (await numbers(sheet), endings.told) == ([], ["rolled-back"])


async def test_last_pipeline_that_the_server_refuses_is_known_to_be_undone(sheet: Database) -> None:
    endings = Endings()
    read_only = Query.composed("read_only", "set transaction read only")
    with pytest.raises(Refusal) as caught:
        async with sheet.transaction("app") as t:
            t.when_ended(endings.tell)
            await t.run(read_only)
            async with t.last_pipeline() as p:
                p.add(ADD, id=2, words=None, bytes=None)
    assert not caught.value.is_uncertain
    assert (await numbers(sheet), endings.told) == ([], ["rolled-back"])


async def test_exception_after_the_last_pipeline_cannot_undo_it(sheet: Database) -> None:
    with pytest.raises(LookupError):
        async with sheet.transaction("app") as t:
            async with t.last_pipeline() as p:
                p.add(ADD, id=1, words=None, bytes=None)
            raise LookupError
    assert await numbers(sheet) == [1]


async def test_pipeline_on_a_connection_happens_together_or_not_at_all(sheet: Database) -> None:
    with pytest.raises(UniqueViolation):
        async with sheet.connection("app") as session, session.pipeline() as p:
            p.add(ADD, id=1, words=None, bytes=None)
            p.add(ADD, id=1, words=None, bytes=None)
            p.add(ADD, id=2, words=None, bytes=None)
    assert await numbers(sheet) == []


async def test_long_pipeline_with_large_values_does_not_lock_up(sheet: Database) -> None:
    large = bytes(200_000)
    echo = Query.composed("echo", "select %(value)s::bytea")
    async with sheet.connection("app") as session, session.pipeline() as p:
        answers = [p.add(echo, value=large) for _ in range(200)]
    assert all(answer.rows == [(large,)] for answer in answers)


async def test_copy_stores_all_rows(sheet: Database) -> None:
    rows = [(pack("!q", number), b"words", bytes(1_000)) for number in range(5_000)]
    async with sheet.transaction("app") as t:
        assert await t.copy(COPY, copy_file(rows)) == 5_000
        await add(t, 9_999)
    assert len(await numbers(sheet)) == 5_001


async def test_copy_takes_a_stream_in_parts(sheet: Database) -> None:
    stream = copy_file([(pack("!q", number), None, None) for number in range(10)])
    async with sheet.transaction("app") as t:
        assert await t.copy(COPY, (stream[at : at + 7] for at in range(0, len(stream), 7))) == 10


async def test_copy_that_fails_leaves_nothing_and_the_pool_sound(sheet: Database) -> None:
    rows = [(pack("!q", number % 4_000), b"words", bytes(1_000)) for number in range(5_000)]
    with pytest.raises(UniqueViolation):
        async with sheet.transaction("app") as t:
            await t.copy(COPY, copy_file(rows))
    assert await numbers(sheet) == []


async def test_copy_whose_source_breaks_leaves_nothing(sheet: Database) -> None:
    def stream() -> itertools.chain[bytes]:
        return itertools.chain([copy_file([(pack("!q", 1), None, None)])[:-2]], (1 // 0 for _ in range(1)))  # type: ignore[arg-type]

    with pytest.raises(ZeroDivisionError):
        async with sheet.transaction("app") as t:
            await t.copy(COPY, stream())
    assert await numbers(sheet) == []


async def test_copy_out_gives_what_copy_took(sheet: Database) -> None:
    stream = copy_file([(pack("!q", number), b"words", None) for number in range(1_000)])
    async with sheet.transaction("app") as t:
        await t.copy(COPY, stream)
    async with sheet.connection("app") as session:
        assert b"".join([chunk async for chunk in session.copy_out(COPY_OUT)]) == stream
        assert await session.one(COUNT) == (1_000,)


async def test_unique_violation_names_its_rule(sheet: Database) -> None:
    with pytest.raises(UniqueViolation) as caught:
        async with sheet.transaction("app") as t:
            await add(t, 1)
            await add(t, 1)
    assert caught.value.constraint == "sheet_pkey"


async def test_second_of_two_serializable_writers_is_told_to_try_again(sheet: Database) -> None:
    with pytest.raises(SerializationFailure):
        async with sheet.transaction("app", isolation="serializable") as one:
            await one.one(COUNT)
            async with sheet.transaction("app", isolation="serializable") as two:
                await two.one(COUNT)
                await add(two, 2)
            await add(one, 1)


async def test_one_of_two_that_wait_for_each_other_is_told_to_try_again(sheet: Database) -> None:
    lock = Query.composed("lock", "select pg_advisory_xact_lock(%(key)s)::text")
    both_hold = asyncio.Barrier(2)

    async def hold(first: int, second: int) -> None:
        async with sheet.transaction("app") as t:
            await t.run(lock, key=first)
            await both_hold.wait()
            await t.run(lock, key=second)

    results = await asyncio.gather(hold(1, 2), hold(2, 1), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", "SerializationFailure"]


async def test_deadline_ends_a_statement_and_keeps_the_connection(sheet: Database) -> None:
    started = asyncio.get_running_loop().time()
    async with sheet.connection("app", deadline_seconds=0.1) as session:
        with pytest.raises(Refusal, match="deadline-passed"):
            await session.run(SLEEP, seconds=30.0)
        assert await session.one(COUNT) == (0,)
    assert asyncio.get_running_loop().time() - started < 5


async def test_cancelled_task_stops_its_statement_on_the_server(sheet: Database) -> None:
    running = Query.composed(
        "running",
        "select count(*) from pg_stat_activity"
        " where wait_event = 'PgSleep' and datname = current_database() and pid <> pg_backend_pid()",
    )

    async def sleep() -> None:
        async with sheet.transaction("app") as t:
            await t.run(SLEEP, seconds=30.0)

    task = asyncio.create_task(sleep())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5), sheet.connection("app") as session:
        while await session.one(running) != (0,):  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.02)


async def test_lost_connection_is_a_refusal_and_the_next_one_is_new(sheet: Database, terminate: Query) -> None:
    with pytest.raises(Refusal, match="database-unavailable") as caught:
        async with sheet.transaction("app") as t:
            await add(t, 1)
            await kill_session(sheet, t, terminate)
            await add(t, 2)
    assert (caught.value.retryable, caught.value.kept) == (True, "nothing-changed")
    assert await numbers(sheet) == []


async def test_connection_lost_during_the_commit_leaves_the_outcome_open(sheet: Database, terminate: Query) -> None:
    with pytest.raises(Refusal, match="database-unavailable") as caught:
        async with sheet.transaction("app") as t:
            await add(t, 1)
            await kill_session(sheet, t, terminate)
    assert caught.value.kept == "perhaps-everything"


async def test_connection_lost_during_the_last_pipeline_leaves_the_outcome_open(
    sheet: Database, terminate: Query
) -> None:
    endings = Endings()
    with pytest.raises(Refusal, match="database-unavailable") as caught:
        async with sheet.transaction("app") as t:
            t.when_ended(endings.tell)
            await add(t, 1)
            await kill_session(sheet, t, terminate)
            async with t.last_pipeline() as p:
                p.add(ADD, id=2, words=None, bytes=None)
    assert (caught.value.kept, endings.told) == ("perhaps-everything", ["unknown"])


async def test_idle_connection_that_died_is_replaced(sheet: Database, terminate: Query) -> None:
    async with sheet.connection("app") as session:
        await kill_session(sheet, session, terminate)
    await asyncio.sleep(0.1)
    assert await numbers(sheet) == []


@pytest.fixture
def terminate() -> Query:
    return Query.composed("terminate", "select pg_terminate_backend(%(process)s, 5000)")


async def kill_session(database: Database, session: object, terminate: Query) -> None:
    process = await session.one(MY_PROCESS)  # type: ignore[attr-defined]
    async with database.connection("app") as other:
        await other.one(terminate, process=process[0])


async def test_mistake_in_a_statement_names_query_and_state_but_no_values(sheet: Database) -> None:
    wrong = Query.composed("wrong", "select %(value)s::text::date::text")
    with pytest.raises(StatementFailed) as caught:
        async with sheet.connection("app") as session:
            await session.one(wrong, value="Li Si")
    assert str(caught.value) == "wrong: 22007"


async def test_statement_that_does_not_exist_names_the_reason(sheet: Database) -> None:
    with pytest.raises(StatementFailed, match="missing_table"):
        async with sheet.connection("app") as session:
            await session.one(Query.composed("wrong", "select 1 from missing_table"))


async def test_missing_parameter_is_noticed_before_anything_is_sent(sheet: Database) -> None:
    async with sheet.connection("app") as session:
        with pytest.raises(KeyError):
            await session.run(ADD, id=1)
        assert await session.one(COUNT) == (0,)


async def test_two_rows_where_one_was_promised_are_a_mistake(sheet: Database) -> None:
    with pytest.raises(LookupError, match="2 rows"):
        async with sheet.connection("app") as session:
            await session.one(Query.composed("two", "select generate_series(1, 2)"))


async def test_two_statements_at_once_on_one_connection_are_a_mistake(sheet: Database) -> None:
    async with sheet.connection("app") as session:
        both = (session.one(SLEEP, seconds=0.1), session.one(SLEEP, seconds=0.1))
        first, second = await asyncio.gather(*both, return_exceptions=True)
    assert first == ("",)
    assert isinstance(second, RuntimeError)


async def test_more_statements_than_a_connection_keeps_still_run(sheet: Database) -> None:
    async with sheet.connection("app") as session:
        for number in range(STATEMENTS_MAX + 50):
            assert await session.one(Query.composed("n", f"select {number}")) == (number,)
        held = await session.one(Query.composed("held", "select count(*) from pg_prepared_statements"))
    assert held is not None
    assert held[0] <= STATEMENTS_MAX


async def test_tasks_wait_for_a_connection_and_all_get_one(sheet: Database) -> None:
    async def look() -> None:
        async with sheet.connection("app") as session:
            await session.one(COUNT)

    await asyncio.gather(*(look() for _ in range(200)))


async def test_task_that_gives_up_waiting_takes_no_connection_along(sheet: Database) -> None:
    held = [sheet.connection("app") for _ in range(8)]
    for session in held:
        await session.__aenter__()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), sheet.connection("app"):
            pass
    for session in held:
        await session.__aexit__(None, None, None)
    assert WAIT_SECONDS > 1
    assert await numbers(sheet) == []


async def test_full_disk_is_a_refusal(database: Database, server_writer: None) -> None:
    full = Query.composed("full", "copy (select repeat('x', 100000)) to '/dev/full'")
    with pytest.raises(Refusal, match="disk-full") as caught:
        async with database.connection("app") as session:
            await session.run(full)
    assert caught.value.retryable
