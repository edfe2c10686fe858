"""Rotation: everything ends up under the new key, whoever writes or kills meanwhile, and nothing else changes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.records.conftest import Desk, patient
from tests.records.made import KEYS, WHO, open_store, put
from tests.trails import trail_of

from tianfu.db import Addresses, Database, Query
from tianfu.kernel.instants import system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.records.erasure import erase
from tianfu.records.opening import open_parts
from tianfu.records.outcomes import Found
from tianfu.records.resealing import Rotated, key_overviews, retire_keys, rotate, unsealed_versions
from tianfu.records.sealing import Sealer
from tianfu.records.store import Store
from tianfu.standards.fhir.parsing import parse_resource

pytestmark = pytest.mark.anyio

PEOPLE = 12
_PLAINLY = [
    Query.composed("plainly", f"update {table} set body = %(body)s, sealed_with = null where {which}")  # noqa: S608
    for table in ("resource", "history")
    for which in ("rid = %(rid)s and version = %(version)s",)
]
OWN = "select type, rid, version, sealed_with, body from {} where body is not null order by type, rid, version"


def person(number: int, version: int = 1) -> dict[str, Any]:
    return {
        "name": [{"family": f"Shili{number}"}],
        "identifier": [{"system": "urn:made-up:card", "value": f"C-{number:06}"}],
        "telecom": [{"system": "phone", "value": f"1380000{number:04}"}],
        "address": [{"line": [f"Example Road {version}"], "city": "成都市"}],
    }


async def given_people(store: Store) -> None:
    """People of two versions each, and an Observation in which nothing is sealed."""
    for number in range(PEOPLE):
        for version in (1, 2):
            await put(store, "Patient", f"p{number}", **person(number, version))
    await put(store, "Observation", "o", status="final", code={"text": "weight"}, subject={"reference": "Patient/p0"})


async def rows(database: Database) -> list[tuple[int, int, int, int | None, bytes]]:
    async with database.connection("owner") as owner:
        return [
            (row[0], row[1], row[2], row[3], bytes(row[4]))
            for table in ("resource", "history")
            for row in await owner.all(Query.composed("own", OWN.format(table)))
        ]


async def sealer_of(database: Database) -> Sealer:
    preparer, _ = await open_parts(database, KEYS)
    return preparer.sealer


async def rotated(database: Database, sealer: Sealer | None = None, **more: Any) -> Rotated:
    sealer = sealer or await sealer_of(database)
    writer = (await trail_of(database)).lanes
    more = {"writer": writer, "progress": lambda done, total: None, "batch": 5, **more}
    return await rotate(*WHO, database, sealer, clock=system_clock, **more)


async def contents(store: Store) -> list[bytes]:
    page = await store.history(*WHO, "Patient", None, limit=1_000)
    return [entry.record.text for entry in page.entries if entry.record is not None]


async def test_every_version_is_sealed_by_the_new_key_and_says_what_it_said(database_on_each_engine: Database) -> None:
    store = await open_store(database_on_each_engine)
    await given_people(store)
    before, said = await rows(database_on_each_engine), await contents(store)
    told: list[tuple[int, int]] = []
    done = await rotated(database_on_each_engine, progress=lambda *at: told.append(at))
    after = await rows(database_on_each_engine)
    assert (done.is_new, done.versions) == (True, 2 * PEOPLE)
    assert {row[3] for row in after} == {0, done.key}
    assert [row[:3] for row in after] == [row[:3] for row in before]
    assert all(old[4] != new[4] for old, new in zip(before, after, strict=True) if old[3])
    assert told[0] == (0, 2 * PEOPLE)
    assert told[-1] == (2 * PEOPLE, 2 * PEOPLE)
    # The store that was open all the while learns of the key as it reads.
    assert await contents(store) == said
    assert len(said) == 2 * PEOPLE


async def test_a_second_rotation_makes_another_key_and_old_keys_can_be_forgotten(database: Database) -> None:
    store = await open_store(database)
    await given_people(store)
    said = await contents(store)
    first = (await key_overviews(database))[0]
    assert (first.state, first.versions) == ("current", 2 * PEOPLE)
    assert await retire_keys(database) == []
    done = await rotated(database)
    assert [(each.number, each.state, each.versions) for each in await key_overviews(database)] == [
        (first.number, "old", 0),
        (done.key, "current", 2 * PEOPLE),
    ]
    assert await retire_keys(database) == [first.number]
    assert [each.state for each in await key_overviews(database)] == ["retired", "current"]
    assert await contents(await open_store(database)) == said


async def test_a_key_that_still_seals_something_is_not_forgotten(database: Database) -> None:
    store = await open_store(database)
    await given_people(store)
    sealer = await sealer_of(database)
    sealer.keyring.begin_new_key()
    assert await retire_keys(database) == []
    assert len(await contents(store)) == 2 * PEOPLE


async def test_versions_from_before_there_were_keys_are_sealed(database: Database) -> None:
    store = await open_store(database)
    await given_people(store)
    said, sealer = await contents(store), await sealer_of(database)
    async with database.transaction("owner") as owner:
        for _, rid, version, key, body in await rows(database):
            if key:
                plain = sealer.codec.compress("Patient", sealer.opened("Patient", rid, version, body))
                for plainly in _PLAINLY:
                    await owner.run(plainly, body=plain, rid=rid, version=version)
    assert await unsealed_versions(database) == 2 * PEOPLE
    assert await contents(store) == said
    await rotated(database)
    assert await unsealed_versions(database) == 0
    assert all(b"C-0000" not in row[4] for row in await rows(database))
    assert await contents(store) == said


async def test_a_broken_off_rotation_goes_on_with_its_own_key(database: Database) -> None:
    store = await open_store(database)
    await given_people(store)
    said = await contents(store)

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await rotated(database, progress=stop)
    halfway = {row[3] for row in await rows(database)}
    assert len(halfway) == 3  # the old key, the new one, and none
    assert await contents(store) == said
    done = await rotated(database)
    assert (done.is_new, done.versions) == (False, 2 * PEOPLE - 5)
    assert {row[3] for row in await rows(database)} == {0, done.key}
    assert await contents(store) == said


async def test_two_rotations_do_not_run_at_once(database: Database) -> None:
    await given_people(await open_store(database))
    sealers = [await sealer_of(database) for _ in range(3)]
    outcomes = await asyncio.gather(*(rotated(database, each) for each in sealers), return_exceptions=True)
    refused = [each.code for each in outcomes if isinstance(each, Refusal)]
    done = [each for each in outcomes if isinstance(each, Rotated)]
    assert set(refused) == {"rotation-under-way"}
    assert len(done) + len(refused) == 3
    assert len(await key_overviews(database)) == 1 + len(done)


async def test_writers_go_on_and_nothing_stays_under_the_old_key(database: Database) -> None:
    """The writers' own process knows only the old key when the rotation begins."""
    store = await open_store(database)
    await given_people(store)
    first = (await key_overviews(database))[0].number
    is_over = asyncio.Event()
    written: dict[str, str] = {}

    async def write(writer: int) -> None:
        round_ = 0
        while not is_over.is_set():
            round_ += 1
            logical_id = f"p{(writer * 5 + round_) % PEOPLE}" if round_ % 2 else f"w{writer}-{round_}"
            street = f"Road {writer}-{round_}"
            resource = {"resourceType": "Patient", "id": logical_id, **person(writer), "address": [{"line": [street]}]}
            await store.update(*WHO, parse_resource(orjson.dumps(resource)), logical_id)
            if logical_id.startswith("w"):
                written[logical_id] = street

    async def turn() -> Rotated:
        try:
            await asyncio.sleep(0.05)
            return await rotated(database, batch=3)
        finally:
            is_over.set()

    done, *_ = await asyncio.gather(turn(), *(write(number) for number in range(4)))
    assert written
    found = await rows(database)
    assert {row[3] for row in found} == {0, done.key}
    assert first not in {row[3] for row in found}
    for logical_id, street in written.items():
        answer = await store.read(*WHO, "Patient", logical_id)
        assert isinstance(answer, Found)
        assert answer.record.value["address"][0]["line"] == [street]


async def test_erased_content_does_not_come_back_by_rotation(desk: Desk) -> None:
    written = await desk.create(**patient(**person(1)))
    await desk.update(written.id, **patient(**person(1, 2)))
    writer = (await trail_of(desk.database)).lanes
    await erase(*WHO, desk.database, "Patient", written.id, authority="Order 7", clock=system_clock, writer=writer)
    await rotated(desk.database, desk.store._preparer.sealer)
    assert await rows(desk.database) == []


PROGRAM = """
import asyncio, sys
from pathlib import Path
from tianfu.access.caller import OPERATOR
from tianfu.access.purpose import Purpose
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import system_clock
from tianfu.records.opening import open_parts
from tianfu.records.resealing import rotate
from tianfu.records.trail.epochs import open_trail
from tianfu.vault.files import FileKeys
from tianfu.vault.provider import Keys

async def main(admin, secret, master, home):
    keys = Keys(provider=FileKeys(bytes.fromhex(master)), cipher="sm4")
    addresses = Addresses(admin=admin, secret=bytes.fromhex(secret))
    async with await Database.open(addresses, links_max=3) as database:
        preparer, _ = await open_parts(database, keys)
        def told(done, total):
            print(done, total, flush=True)
            if done:
                sys.stdin.readline()
        trail = await open_trail(database, Path(home), system_clock)
        more = dict(clock=system_clock, writer=trail.lanes, progress=told, batch=2)
        await rotate(OPERATOR, Purpose.OPERATIONS, database, preparer.sealer, **more)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.slow  # starts programs and kills them
async def test_a_rotation_that_is_killed_at_any_batch_loses_nothing(
    addresses: Addresses, database: Database, tmp_path: Path
) -> None:
    store = await open_store(database)
    await given_people(store)
    said = await contents(store)
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), addresses.admin, addresses.secret.hex(), (b"m" * 32).hex(), str(tmp_path)]
    for batches in (1, 3):
        process = await asyncio.to_thread(_rotating, command, batches)
        os.kill(process.pid, signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
        assert len({row[3] for row in await rows(database) if row[3]}) == 2
        assert await contents(store) == said
    done = await _after_the_killed(database)
    assert (done.is_new, done.versions) == (False, 2 * PEOPLE - 2 - 2 * 3)
    assert {row[3] for row in await rows(database)} == {0, done.key}
    assert await contents(store) == said


def _rotating(command: list[str], batches: int) -> subprocess.Popen[str]:
    """A rotation that has done so many batches and waits."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    process.stdout.readline()
    for batch in range(batches):
        assert process.stdout.readline().split()[0] == str(2 * (batch + 1))
        if batch + 1 < batches:
            process.stdin.write("on\n")
            process.stdin.flush()
    return process


async def _after_the_killed(database: Database) -> Rotated:
    """The server needs a moment to notice that the other end of a connection has gone."""
    while True:
        try:
            return await rotated(database)
        except Refusal as refusal:
            if refusal.code != "rotation-under-way":
                raise
            await asyncio.sleep(0.05)
