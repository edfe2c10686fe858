"""Schema steps run once, in order, for ever unchanged, on each engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tianfu.db import Addresses, Migration, Role, migrate, migrations_in
from tianfu.db.migrations import OUTSIDE_TRANSACTION, Phase, pending
from tianfu.kernel.refusal import Refusal


def step(number: int, text: str, *, phase: Phase = "pre") -> Migration:
    return Migration(set_name="steps", number=number, title="title", phase=phase, text=text)


ONE = step(1, "create table one (id bigint)")
ONE_POST = step(1, 'alter table one add column late text collate "C"', phase="post")
TWO = step(2, "create table two (id bigint); create table three (id bigint)")

Empty = Callable[[], AbstractContextManager[Addresses]]


@pytest.fixture
def empty(empty_database: Empty) -> Iterator[Addresses]:
    with empty_database() as addresses:
        yield addresses


def tables(addresses: Addresses) -> list[str]:
    with psycopg.connect(addresses.of(Role.OWNER)) as connection:
        rows = connection.execute("select tablename from pg_tables where schemaname = 'tianfu' order by 1")
        return [name for (name,) in rows if name != "migration"]


def test_steps_run_in_order_and_once(empty: Addresses) -> None:
    assert migrate(empty, [ONE, ONE_POST]) == ["steps/0001_title.pre", "steps/0001_title.post"]
    assert migrate(empty, [ONE, ONE_POST, TWO]) == ["steps/0002_title.pre"]
    assert migrate(empty, [ONE, ONE_POST, TWO]) == []
    assert tables(empty) == ["one", "three", "two"]


def test_pre_steps_alone_leave_the_post_steps_waiting(empty: Addresses) -> None:
    assert migrate(empty, [ONE, ONE_POST, TWO], phases=["pre"]) == ["steps/0001_title.pre", "steps/0002_title.pre"]
    assert pending(empty, [ONE, ONE_POST, TWO]) == ["steps/0001_title.post"]


def test_before_the_first_migration_everything_waits(empty: Addresses) -> None:
    migrate(empty, [])
    assert pending(empty, [ONE]) == ["steps/0001_title.pre"]


def test_newer_schema_is_refused_and_left_alone(empty: Addresses) -> None:
    migrate(empty, [ONE, TWO])
    with pytest.raises(Refusal, match="schema-newer"):
        migrate(empty, [ONE, ONE_POST])
    assert tables(empty) == ["one", "three", "two"]


def test_changed_step_is_refused(empty: Addresses) -> None:
    migrate(empty, [ONE])
    with pytest.raises(Refusal, match="migration-changed"):
        migrate(empty, [replace(ONE, text="create table one (id integer)"), TWO])
    assert tables(empty) == ["one"]


def test_failed_step_leaves_nothing_of_itself_and_those_before_it(empty: Addresses) -> None:
    wrong = step(3, "create table four (id bigint); select 1 / 0")
    with pytest.raises(Refusal, match="migration-failed") as caught:
        migrate(empty, [ONE, wrong])
    assert caught.value.details["step"] == "steps/0003_title.pre"
    assert tables(empty) == ["one"]


def test_step_that_no_transaction_allows_runs_outside_one(empty: Addresses) -> None:
    indexing = step(2, f"{OUTSIDE_TRANSACTION}\ncreate index concurrently one_id on one (id)")
    assert len(migrate(empty, [ONE, indexing])) == 2


def test_two_programs_at_once_run_each_step_once(empty: Addresses) -> None:
    ran: list[str] = []
    threads = [threading.Thread(target=lambda: ran.extend(migrate(empty, [ONE, TWO]))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == ["steps/0001_title.pre", "steps/0002_title.pre"]


def test_tables_belong_to_the_owner(empty: Addresses) -> None:
    migrate(empty, [ONE])
    with psycopg.connect(empty.admin) as connection:
        found = connection.execute("select tableowner from pg_tables where tablename = 'one'").fetchone()
    assert found == ("tianfu_owner",)


def test_steps_lie_in_files_named_by_number_title_and_phase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "steps_of_a_test"
    package.mkdir()
    for name in ("0002_b.pre.sql", "0001_a.post.sql", "0001_a.pre.sql"):
        (package / name).write_text("select 1;", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    names = [found.name.split("/")[1] for found in migrations_in("steps_of_a_test")]
    assert names == ["0001_a.pre", "0001_a.post", "0002_b.pre"]
    (package / "3.sql").write_text("select 1;", "utf-8")
    with pytest.raises(ValueError, match="a step is named"):
        migrations_in("steps_of_a_test")
