"""Every seeded fault of the library on its way in: a case of all objects with its findings, or nothing at all."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from demo.dice import Dice
from demo.radiotherapy.faults import FAULTS, apply
from demo.radiotherapy.faults.fault import Fault

from tests.radiotherapy_house import HOSPITAL, House, house_of, small_objects
from tianfu.db import Database, Query
from tianfu.kernel.refusal import Refusal

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # each writes, seals, opens and reads a whole case


@pytest.fixture
async def house(database: Database, short_folder: Path) -> House:
    return await house_of(database, short_folder)


async def rows(house: House, table: str) -> int:
    async with house.database.connection("owner") as session:
        counted = Query.composed("count", "select count(*) from " + table)  # noqa: S608 - the table is one of ours
        return int((await session.all(counted))[0][0])


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.id)
async def test_a_spoilt_case_is_taken_in_whole_or_not_at_all(house: House, fault: Fault) -> None:
    spoiled = apply(fault, small_objects(), Dice("delivered", fault.id)).objects.contents()
    delivery = await house.sent([])
    arrived = set()
    for content in spoiled:
        try:
            arrived.add((await house.deliveries.add(delivery, content)).document)
        except Refusal:
            assert len(await house.deliveries.arrivals(delivery)) == len(arrived)
    taken = None
    with suppress(Refusal):
        taken = await house.taken(delivery)
    if taken is None:
        assert (await rows(house, "imaging_case"), await rows(house, "imaging_object")) == (0, 0)
        assert {each.document for each in await house.deliveries.arrivals(delivery)} == arrived
    else:
        case = await house.cases.one(taken.case, HOSPITAL)
        assert {each.document for each in await house.cases.objects(case)} == arrived
        assert {each.code for each in case.about.findings} == taken.reading.codes()
