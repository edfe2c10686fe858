"""Deliveries and cases: whole or not at all, for one organisation, and through every interruption."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

import pytest
from demo.radiotherapy.objects import Kind

from tests.radiotherapy_house import HOSPITAL, OTHER, PHYSICIST, House, house_of, second_dose, small_objects
from tianfu.db import Database, Query
from tianfu.kernel.instants import SECOND, Instant, system_clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import EXPORT
from tianfu.services.imaging.deliveries import DROPPED_SECONDS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(database_on_each_engine: Database, tmp_path: Path) -> House:
    return await house_of(database_on_each_engine, tmp_path)


async def test_a_case_has_the_bytes_that_were_delivered(house: House) -> None:
    contents = small_objects().contents()
    case = await house.case_of(contents)
    kept = [await house.cases.content(each) for each in await house.cases.objects(case)]
    assert sorted(kept) == sorted(contents)
    assert case.about.patient_name == "示例^演示11"
    assert case.about.slices == len(small_objects().of(Kind.CT))
    assert case.about.modalities["CT"] == case.about.slices
    assert [plan.approval for plan in case.about.plans] != []
    assert (await house.cases.read(case)).value.plans[0].label == case.about.plans[0].label


async def test_another_organisation_sees_neither_case_nor_delivery(house: House) -> None:
    delivery = await house.sent(small_objects().contents())
    with pytest.raises(Refusal, match="delivery-unknown"):
        await house.deliveries.one(delivery.id, OTHER)
    case = (await house.taken(delivery)).case
    with pytest.raises(Refusal, match="case-unknown"):
        await house.cases.one(case, OTHER)
    assert await house.cases.of(OTHER) == ()
    with pytest.raises(Refusal, match="case-unknown"):
        await house.deliveries.begin(OTHER, into=case, by=PHYSICIST)


@pytest.mark.parametrize("name", ["", "x", "00000000-0000-0000-0000-000000000000", "'; drop table imaging_case"])
async def test_a_case_that_is_none_is_unknown(house: House, name: str) -> None:
    with pytest.raises(Refusal, match="case-unknown"):
        await house.cases.one(name, HOSPITAL)
    with pytest.raises(Refusal, match="delivery-unknown"):
        await house.deliveries.one(name, HOSPITAL)


async def test_a_missing_slice_keeps_everything_out_until_it_is_sent(house: House) -> None:
    contents = list(small_objects().contents())
    missing = contents.pop(5)
    delivery = await house.sent(contents)
    with pytest.raises(Refusal, match="images-missing-slice"):
        await house.taken(delivery)
    assert await house.cases.of(HOSPITAL) == ()
    assert len(await house.deliveries.arrivals(delivery)) == len(contents)
    await house.deliveries.add(delivery, missing)
    assert (await house.taken(delivery)).case == (await house.cases.of(HOSPITAL))[0].id


async def test_another_patients_plan_makes_no_case(house: House) -> None:
    contents = [*small_objects().contents(), small_objects(12).of(Kind.PLAN)[0]]
    delivery = await house.sent(contents)
    with pytest.raises(Refusal, match="case-mixed"):
        await house.taken(delivery)
    assert await house.cases.of(HOSPITAL) == ()
    strange = (await house.deliveries.arrivals(delivery))[-1]
    await house.deliveries.take_back(delivery, strange.document)
    assert (await house.taken(delivery)).reading.value.plans


async def test_the_same_bytes_twice_are_one_object(house: House) -> None:
    contents = small_objects().contents()
    delivery = await house.sent([*contents, *contents[:3]])
    assert len(await house.deliveries.arrivals(delivery)) == len(contents)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "dicom-truncated"),
        (b"this is a letter and no image" * 20, "dicom-unreadable"),
        (small_objects().of(Kind.DOSE)[0][:700], "dicom-truncated"),
    ],
)
async def test_what_is_no_object_is_refused_as_it_arrives(house: House, content: bytes, code: str) -> None:
    delivery = await house.sent([])
    with pytest.raises(Refusal) as refused:
        await house.deliveries.add(delivery, content)
    assert refused.value.code in {code, "dicom-attribute-missing", "dicom-truncated"}
    assert await house.deliveries.arrivals(delivery) == ()
    assert not any(house.folder.rglob("*.*"))


async def test_a_modality_that_no_table_can_hold_is_refused(house: House) -> None:
    """PS3.5 6.2: a Code String has no control characters, and PostgreSQL keeps no NUL."""
    content = small_objects().of(Kind.PLAN)[0]
    delivery = await house.sent([])
    with pytest.raises(Refusal, match="dicom-attribute-invalid"):
        await house.deliveries.add(delivery, content.replace(b"CS\x06\x00RTPLAN", b"CS\x06\x00RT\0LAN"))


async def test_a_bomb_is_refused_before_it_is_inflated(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tianfu.services.imaging.deliveries.OBJECT_BYTES_MAX", 1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = packer.compress(bytes(64 << 20)) + packer.flush()
    head = small_objects().of(Kind.PLAN)[0]
    meta_end = 128 + 4 + 12 + int.from_bytes(head[128 + 4 + 8 : 128 + 4 + 12], "little")
    deflated = _with_syntax(head[:meta_end], "1.2.840.10008.1.2.1.99") + bomb
    delivery = await house.sent([])
    with pytest.raises(Refusal, match="dicom-inflates-too-much"):
        await house.deliveries.add(delivery, deflated)


def _with_syntax(meta: bytes, syntax: str) -> bytes:
    """File meta with another transfer syntax; its group length is put right."""
    tag = b"\x02\x00\x10\x00UI"
    at = meta.index(tag)
    length = int.from_bytes(meta[at + 6 : at + 8], "little")
    value = syntax.encode() + b"\0" * (len(syntax) % 2)
    whole = meta[:at] + tag + len(value).to_bytes(2, "little") + value + meta[at + 8 + length :]
    group = int.from_bytes(whole[140:144], "little") + len(value) - length
    return whole[:140] + group.to_bytes(4, "little") + whole[144:]


async def test_a_taking_in_that_is_broken_off_leaves_nothing_of_a_case(house: House) -> None:
    """Broken off after each step that is told, and once in the middle of its transaction."""
    delivery = await house.sent(small_objects().contents())
    for told in range(len(small_objects().contents()) + 1):
        steps = 0

        async def stop(_step: str, _done: int, _total: int, at: int = told) -> None:
            nonlocal steps
            steps += 1
            if steps > at:
                raise asyncio.CancelledError

        with pytest.raises(asyncio.CancelledError):
            await house.deliveries.take_in(delivery, by=PHYSICIST, on_progress=stop)
        assert await house.cases.of(HOSPITAL) == ()
    assert (await house.taken(delivery)).case


async def test_two_who_take_in_the_same_delivery_make_one_case(house: House) -> None:
    delivery = await house.sent(small_objects().contents())
    done = await asyncio.gather(house.taken(delivery), house.taken(delivery), return_exceptions=True)
    assert sorted(type(each).__name__ for each in done) == ["Refusal", "TakenIn"]
    assert len(await house.cases.of(HOSPITAL)) == 1


async def test_a_delivery_in_which_one_object_took_anothers_place_meanwhile_is_read_again(house: House) -> None:
    """As many as before are not the same as before: the one was not read, the other was taken back."""
    delivery = await house.sent([*small_objects().contents(), second_dose()])
    dose = (await house.deliveries.arrivals(delivery))[-1]
    plan = next(each for each in await house.deliveries.arrivals(delivery) if each.modality == "RTPLAN")
    await house.deliveries.take_back(delivery, plan.document)

    async def exchange(step: str, _done: int, _total: int) -> None:
        if step == "keeping":
            await house.deliveries.take_back(delivery, dose.document)
            await house.deliveries.add(delivery, small_objects().of(Kind.PLAN)[0])

    with pytest.raises(Refusal, match="delivery-changed"):
        await house.deliveries.take_in(delivery, by=PHYSICIST, on_progress=exchange)
    case = await house.cases.one((await house.taken(delivery)).case, HOSPITAL)
    assert (len(case.about.plans), len(case.about.doses)) == (1, 1)


async def test_a_second_dose_is_added_to_a_case(house: House) -> None:
    case = await house.case_of(small_objects().contents())
    await house.taken(await house.sent([second_dose()], into=case.id))
    changed = await house.cases.one(case.id, HOSPITAL)
    assert len(changed.about.doses) == 2
    assert len(await house.cases.of(HOSPITAL)) == 1


async def test_another_patients_objects_are_not_added_to_a_case(house: House) -> None:
    case = await house.case_of(small_objects().contents())
    delivery = await house.sent([small_objects(12).of(Kind.PLAN)[0]], into=case.id)
    with pytest.raises(Refusal, match="case-mixed"):
        await house.taken(delivery)
    assert (await house.cases.one(case.id, HOSPITAL)).about == case.about


async def test_nothing_arrives_after_the_end(house: House) -> None:
    delivery = await house.sent(small_objects().contents())
    await house.taken(delivery)
    with pytest.raises(Refusal, match="delivery-over"):
        await house.deliveries.add(delivery, second_dose())
    with pytest.raises(Refusal, match="delivery-over"):
        await house.deliveries.discard(delivery, by=PHYSICIST)


async def test_an_empty_delivery_makes_no_case(house: House) -> None:
    with pytest.raises(Refusal, match="delivery-empty"):
        await house.taken(await house.sent([]))


async def test_too_many_objects_or_bytes_are_refused_and_the_others_stay(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = small_objects().contents()
    delivery = await house.sent(contents[:3])
    monkeypatch.setattr("tianfu.services.imaging.deliveries.OBJECTS_MAX", 3)
    with pytest.raises(Refusal, match="case-too-many-files"):
        await house.deliveries.add(delivery, contents[3])
    monkeypatch.setattr("tianfu.services.imaging.deliveries.OBJECTS_MAX", 100)
    monkeypatch.setattr("tianfu.services.imaging.deliveries.CASE_BYTES_MAX", sum(map(len, contents[:3])) + 10)
    with pytest.raises(Refusal, match="case-too-large"):
        await house.deliveries.add(delivery, contents[3])
    assert len(await house.deliveries.arrivals(delivery)) == 3


async def test_what_was_discarded_is_forgotten_a_day_later_unless_it_came_again(
    database_on_each_engine: Database, tmp_path: Path
) -> None:
    now = [system_clock()]
    house = await house_of(database_on_each_engine, tmp_path, lambda: Instant(now[0]))
    contents = small_objects().contents()
    delivery = await house.sent(contents)
    await house.deliveries.discard(delivery, by=PHYSICIST)
    assert await house.deliveries.of(HOSPITAL) == ()
    assert await house.deliveries.tidy() == 0
    again = await house.sent(contents[:2])
    now[0] = Instant(now[0] + (DROPPED_SECONDS + 1) * SECOND)
    assert await house.deliveries.tidy() == len(contents) - 2
    assert [await house.documents.content(each.document) for each in await house.deliveries.arrivals(again)]
    assert await house.deliveries.tidy() == 0


async def test_a_name_stands_in_clear_neither_in_the_database_nor_in_the_files(house: House) -> None:
    await house.case_of(small_objects().contents())
    name = "演示11"
    async with house.database.connection("owner") as session:
        for table in ("imaging_case", "imaging_object", "imaging_delivery", "imaging_arrival", "document", "audit"):
            rows = await session.all(Query.composed("all rows", "select t::text from " + table + " t"))  # noqa: S608 - the table is one of ours
            assert name not in str(rows)
    for file in house.folder.rglob("*"):
        assert not file.is_file() or name.encode() not in file.read_bytes()


async def test_the_trail_says_who_took_in_and_exported(house: House) -> None:
    case = await house.case_of(small_objects().contents())
    await house.cases.tell(case, EXPORT, by=PHYSICIST)
    async with house.database.connection("owner") as session:
        rows = await session.all(Query.composed("told", "select interaction, query from audit order by at"))
    told = {row[0]: row[1] for row in rows}
    assert case.id in told["take-in-imaging-case"]
    assert case.id in told["export-imaging-case"]


async def test_progress_is_told_object_by_object(house: House) -> None:
    delivery = await house.sent(small_objects().contents())
    told: list[tuple[str, int, int]] = []

    async def hear(step: str, done: int, total: int) -> None:
        told.append((step, done, total))

    await house.deliveries.take_in(delivery, by=PHYSICIST, on_progress=hear)
    total = len(small_objects().contents())
    assert told[:-1] == [("reading", number, total) for number in range(1, total + 1)]
