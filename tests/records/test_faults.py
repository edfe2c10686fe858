"""Faults before and after every statement: what was acknowledged is there once, all else wholly or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Sequence
from contextlib import suppress
from typing import Any

import orjson
import pytest
from tests.records.conftest import KEYS, WHO, WHY, Desk, entry, patient
from tests.trails import trail_of

from tianfu.db import Addresses, Database, Query
from tianfu.db.link import Link
from tianfu.db.prepared import Call, Reply
from tianfu.kernel.refusal import Refusal
from tianfu.records.importing.files import Piece
from tianfu.records.importing.worker import Work, _Importer
from tianfu.records.opening import open_parts
from tianfu.records.outcomes import Found
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

STATEMENTS_MAX = 40
WAITS_MAX = 60


class Faults:
    """Breaks the connection before or after the n-th round trip."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.after = False
        self.met = False
        plain = Link.batch
        faults = self

        async def batch(self: Link, calls: Sequence[Call], *, deadline_seconds: float | None) -> list[Reply]:
            if faults.left is None:
                return await plain(self, calls, deadline_seconds=deadline_seconds)
            faults.left -= 1
            if faults.left != 0:
                return await plain(self, calls, deadline_seconds=deadline_seconds)
            faults.left, faults.met = None, True
            if faults.after:
                await plain(self, calls, deadline_seconds=deadline_seconds)
            self.close()
            raise Refusal("database-unavailable", retryable=True, details={"reason": "injected"})

        monkeypatch.setattr(Link, "batch", batch)

    def at(self, number: int, *, after: bool) -> None:
        self.left, self.after, self.met = number, after, False

    def off(self) -> None:
        self.left = None


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return Faults(monkeypatch)


@pytest.mark.parametrize("after", [False, True])
async def test_a_transaction_broken_anywhere_is_whole_or_absent(one_desk: Desk, faults: Faults, *, after: bool) -> None:
    """Takes over a second: the bundle is sent once for every round trip it makes."""
    for number in range(1, STATEMENTS_MAX):
        ids = [f"p{number}-{part}" for part in range(3)]
        wishes = [entry("PUT", f"Patient/{each}", patient(id=each, gender="male")) for each in ids]
        faults.at(number, after=after)
        try:
            await one_desk.transaction(*wishes)
            acknowledged = True
        except Refusal:
            acknowledged = False
        finally:
            faults.off()
        there = [each for each in ids if await one_desk.ids("Patient", ("_id", each))]
        assert there in ([], ids)
        assert there == ids or not acknowledged
        assert await _told(one_desk.database) == await one_desk.count("resource")
        if not faults.met:
            return
    pytest.fail("the transaction makes more round trips than expected")


def piece_of(number: int) -> Work:
    """A piece of four people."""
    lines = b"".join(b'{"resourceType":"Patient","id":"i%d-%d"}\n' % (number, part) for part in range(4))
    piece = Piece(number=number, first_line=1, kind="lines", data=lines, read_bytes=len(lines))
    return Work(run=bytes(16), source="urn:test", org=1, piece=piece)


@pytest.mark.parametrize("after", [False, True])
async def test_a_piece_broken_anywhere_is_whole_or_absent_and_done_once_in_the_end(
    addresses: Addresses, database: Database, faults: Faults, *, after: bool
) -> None:
    preparer, known = await open_parts(database, KEYS)
    trail = await trail_of(database)
    for number in range(1, STATEMENTS_MAX):
        work = piece_of(number)
        importer = _Importer(database, preparer, known, trail.lanes)
        faults.at(number, after=after)
        first = await importer.take(work)
        faults.off()
        finished = await _one(database, "select count(*) from import_piece where piece = %(n)s", n=number)
        assert finished == 1 or first.failed is not None
        if not finished:
            assert (await importer.take(work)).failed is None
        assert await _one(database, "select count(*) from resource") == 4 * number
        assert await _told(database) == 4 * number
        if not faults.met:
            return
    pytest.fail("a piece makes more round trips than expected")


@pytest.mark.parametrize("after", [False, True])
async def test_a_group_of_writes_broken_anywhere_does_nothing_twice(
    one_desk: Desk, faults: Faults, *, after: bool
) -> None:
    """Takes over a second: five writes go together, once for every round trip they make."""
    for number in range(1, STATEMENTS_MAX):
        ids = [f"g{number}-{part}" for part in range(5)]
        for each in ids[:2]:
            await one_desk.transaction(entry("PUT", f"Patient/{each}", patient(id=each)))
        wishes = [parse_resource(orjson.dumps(patient(id=each, gender="male"))) for each in ids]
        faults.at(number, after=after)
        answers = await asyncio.gather(
            *(one_desk.store.update(WHO, WHY, wish, each) for wish, each in zip(wishes, ids, strict=True)),
            return_exceptions=True,
        )
        faults.off()
        for each, answer, first in zip(ids, answers, (2, 2, 1, 1, 1), strict=True):
            standing = await one_desk.store.read(WHO, WHY, "Patient", each)
            version = standing.record.version if isinstance(standing, Found) else 0
            assert version in {first - 1, first}, (number, each)
            if not isinstance(answer, BaseException):
                assert (answer.version, version) == (first, first)
        if not faults.met:
            return
    pytest.fail("a group makes more round trips than expected")


class Interrupted:
    """Runs something and cancels it the n-th time it waits; `waits` tells how often it waited."""

    def __init__(self, work: Coroutine[Any, Any, Any], number: int) -> None:
        self.waits = 0
        self._work = work
        self._number = number

    def __await__(self) -> Generator[Any, Any, Any]:
        running = self._work.__await__()
        waited = running.send(None)
        while True:
            self.waits += 1
            try:
                if self.waits == self._number:
                    waited = running.throw(asyncio.CancelledError())
                else:
                    yield waited
                    waited = running.send(None)
            except StopIteration as end:
                return end.value


async def test_a_transaction_cancelled_at_any_wait_is_whole_or_absent(one_desk: Desk) -> None:
    """Takes over a second: the bundle is sent once for every place where it waits."""
    for number in range(1, WAITS_MAX):
        ids = [f"c{number}-{part}" for part in range(3)]
        wishes = [entry("PUT", f"Patient/{each}", patient(id=each)) for each in ids]
        condition = f"identifier=urn:c|{number}"
        wishes.append(
            entry(
                "POST",
                "Patient",
                patient(identifier=[{"system": "urn:c", "value": str(number)}]),
                ifNoneExist=condition,
            )
        )
        attempt = Interrupted(one_desk.transaction(*wishes), number)
        with suppress(asyncio.CancelledError, Refusal):
            await attempt
        await _nothing_under_way(one_desk.database)
        there = [each for each in ids if await one_desk.ids("Patient", ("_id", each))]
        found = await one_desk.ids("Patient", ("identifier", f"urn:c|{number}"))
        assert (there, len(found)) in (([], 0), (ids, 1))
        assert await _told(one_desk.database) == await one_desk.count("resource")
        if attempt.waits < number:
            return
    pytest.fail("the transaction waits more often than expected")


async def test_a_piece_cancelled_at_any_wait_is_whole_or_absent_and_done_once_in_the_end(database: Database) -> None:
    """Takes over a second: a piece is sent once for every place where it waits."""
    preparer, known = await open_parts(database, KEYS)
    importer = _Importer(database, preparer, known, (await trail_of(database)).lanes)
    for number in range(1, WAITS_MAX):
        work = piece_of(number)
        attempt = Interrupted(importer.take(work), number)
        with suppress(asyncio.CancelledError, Refusal):
            await attempt
        await _nothing_under_way(database)
        finished = await _one(database, "select count(*) from import_piece where piece = %(n)s", n=number)
        if not finished:
            assert (await importer.take(work)).failed is None
        assert await _one(database, "select count(*) from resource") == 4 * number
        assert await _told(database) == 4 * number
        if attempt.waits < number:
            return
    pytest.fail("a piece waits more often than expected")


async def test_a_full_disk_is_told_and_nothing_is_half_written(one_desk: Desk) -> None:
    full = Refusal("disk-full", next_step="free-space-then-send-again", retryable=True)
    plain = Link.batch

    async def batch(self: Link, calls: Sequence[Call], *, deadline_seconds: float | None) -> list[Reply]:
        if any(query.name == "add_feed" for query, _ in calls):
            await plain(self, calls[:1], deadline_seconds=deadline_seconds)
            raise full
        return await plain(self, calls, deadline_seconds=deadline_seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Link, "batch", batch)
        with pytest.raises(Refusal, match="disk-full"):
            await one_desk.create(**patient())
    assert await one_desk.count("resource") == 0
    await one_desk.create(**patient())
    assert await one_desk.count("resource") == 1


async def _nothing_under_way(database: Database) -> None:
    """Wait until the server has done or given up what was sent: a commit goes on though nobody waits for it."""
    asked = """select count(*) from pg_stat_activity where usename = current_user
      and datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()"""
    for _ in range(200):
        async with database.connection("app") as connection:
            row = await connection.one(Query.composed("under_way", asked))
        if row is not None and row[0] == 0:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the server is still at it")


async def _told(database: Database) -> int:
    return await _one(database, "select coalesce(sum(cardinality(rids)), 0)::bigint from feed")


async def _one(database: Database, statement: str, **values: Any) -> int:
    async with database.connection("owner") as connection:
        row = await connection.one(Query.composed("counted", statement), **values)
    assert row is not None
    return int(row[0])
