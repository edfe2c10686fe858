"""Exports: everything once, nothing hidden, a trace of each chunk, and never more than a chunk in memory."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.records.conftest import WHO, WHY, Desk
from tests.records.search.hiding import filled
from tests.records.search.linked_world import Draw, address

from tianfu.access.caller import OPERATOR, Caller
from tianfu.access.purpose import Purpose
from tianfu.db import Query
from tianfu.kernel.ids import record_number
from tianfu.kernel.refusal import Refusal
from tianfu.records import export as module
from tianfu.records.export_folder import ExportFolder
from tianfu.records.store import SearchRequest

pytestmark = pytest.mark.anyio


async def exported(desk: Desk, **asked: Any) -> list[dict[str, Any]]:
    export = await desk.store.export(OPERATOR, Purpose.OPERATIONS, **asked)
    found: list[dict[str, Any]] = []
    async for chunk in export.chunks:
        lines = chunk.lines.split(b"\n")
        assert lines.pop() == b""
        assert len(lines) == chunk.count
        read = [orjson.loads(line) for line in lines]
        assert {each["resourceType"] for each in read} == {chunk.type}
        found += read
    return found


async def events(desk: Desk) -> list[tuple[str, list[int], list[int]]]:
    async with desk.database.connection("owner") as owner:
        text = "select outcome, rids, prids from audit where interaction = 'export' order by at, seq"
        rows = await owner.all(Query.composed("audit", text))
    return [(row[0], row[1], row[2]) for row in rows]


@pytest.mark.parametrize("rows_max", [1, 7, 500])
async def test_everything_that_stands_is_exported_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    monkeypatch.setattr(module, "ROWS_MAX", rows_max)
    draw = Draw(random.Random(5))
    world = draw.world()
    await filled(desk, world)
    deleted = draw.chance.sample(world, 9)
    for each in deleted:
        await desk.store.delete(WHO, WHY, each["resourceType"], each["id"])
    found = [address(each) for each in await exported(desk)]
    assert len(found) == len(set(found))
    assert set(found) == {address(each) for each in world if each not in deleted}


async def test_a_chunk_ends_where_its_bodies_weigh_enough(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STORED_BYTES_MAX", 1)
    for number in range(5):
        await desk.update(f"p{number}", resourceType="Patient")
    export = await desk.store.export(OPERATOR, Purpose.OPERATIONS)
    assert [chunk.count async for chunk in export.chunks] == [1] * 5


async def test_types_and_changes_narrow_an_export(one_desk: Desk) -> None:
    await one_desk.update("p", resourceType="Patient")
    await one_desk.update("o", resourceType="Organization", name="made up")
    export = await one_desk.store.export(OPERATOR, Purpose.OPERATIONS, types=["Organization"])
    assert [chunk.type async for chunk in export.chunks] == ["Organization"]
    await one_desk.update("p", resourceType="Patient", gender="male")
    assert [address(each) for each in await exported(one_desk, since=export.as_of)] == ["Patient/p"]
    with pytest.raises(Refusal, match="type-unknown"):
        await one_desk.store.export(OPERATOR, Purpose.OPERATIONS, types=["Nothing"])


async def test_a_caller_exports_exactly_what_he_finds(desk: Desk) -> None:
    world = Draw(random.Random(6)).world()
    await filled(desk, world)
    citizen = Caller(id="someone", role="citizen", patients=("p1",))
    found: set[str] = set()
    for kind in sorted({each["resourceType"] for each in world}):
        request = SearchRequest(type=kind, parameters=(("_count", "1000"),))
        page = await desk.store.search(citizen, Purpose.PATIENT_REQUEST, request)
        found |= {f"{record.type}/{record.id}" for record in page.records}
    export = await desk.store.export(citizen, Purpose.PATIENT_REQUEST)
    given = [orjson.loads(line) async for chunk in export.chunks for line in chunk.lines.splitlines()]
    assert {address(each) for each in given} == found
    assert "Patient/p1" in found
    assert "Patient/p2" not in found


async def test_each_chunk_is_traced_before_it_is_given(one_desk: Desk) -> None:
    await one_desk.update("p", resourceType="Patient")
    await one_desk.create(
        resourceType="Encounter",
        status="finished",
        subject={"reference": "Patient/p"},
        **{"class": {"code": "AMB"}},
    )
    export = await one_desk.store.export(OPERATOR, Purpose.OPERATIONS, types=["Patient", "Encounter"])
    assert await events(one_desk) == []
    told = [[outcome for outcome, _, _ in await events(one_desk)] async for _ in export.chunks]
    assert told == [["begun", "success"], ["begun", "success", "success"]]
    patient = record_number("Patient", "p")
    traced = await events(one_desk)
    assert [(outcome, len(records), patients) for outcome, records, patients in traced] == [
        ("begun", 0, []),
        ("success", 1, [patient]),
        ("success", 1, [patient]),
        ("finished", 0, []),
    ]


async def test_an_export_that_is_broken_off_says_so_in_the_trace(one_desk: Desk) -> None:
    for number in range(3):
        await one_desk.update(f"p{number}", resourceType="Patient")
    export = await one_desk.store.export(OPERATOR, Purpose.OPERATIONS)
    async for _ in export.chunks:
        break
    await export.chunks.aclose()
    assert [outcome for outcome, _, _ in await events(one_desk)] == ["begun", "success", "broken-off"]


async def test_a_folder_holds_a_file_for_each_type_and_a_manifest(one_desk: Desk, tmp_path: Path) -> None:
    await filled(one_desk, world := Draw(random.Random(5)).world())
    folder = tmp_path / "out"
    export = await one_desk.store.export(OPERATOR, Purpose.OPERATIONS)
    counts = await ExportFolder(folder).take(export, progress=lambda _, __: None)
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    files = {each["type"]: (folder / each["url"], each["count"]) for each in manifest["output"]}
    assert {file.name for file in folder.iterdir()} == {"manifest.json", *(file.name for file, _ in files.values())}
    read = [orjson.loads(line) for file, _ in files.values() for line in file.read_bytes().splitlines()]
    assert sorted(map(address, read)) == sorted(map(address, world))
    assert {name: count for name, (_, count) in files.items()} == dict(counts)
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(Refusal, match="folder-not-usable"):
        ExportFolder(folder)


async def test_an_export_to_a_folder_that_breaks_off_leaves_no_finished_file(one_desk: Desk, tmp_path: Path) -> None:
    await filled(one_desk, Draw(random.Random(5)).world())
    export = await one_desk.store.export(OPERATOR, Purpose.OPERATIONS)

    def stop(_: str, __: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await ExportFolder(tmp_path / "out").take(export, progress=stop)
    assert {file.suffix for file in (tmp_path / "out").iterdir()} == {".part"}
    assert [outcome for outcome, _, _ in await events(one_desk)][-1] == "broken-off"
