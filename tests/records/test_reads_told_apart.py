"""Reads that share a statement are told to the trail each under the name of whoever read."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.desk import DESK
from tests.records.conftest import WHY, Desk, patient

from tianfu.db import Query

pytestmark = pytest.mark.anyio


async def test_of_two_who_see_everything_and_read_at_one_moment_each_stands_in_the_trail(one_desk: Desk) -> None:
    record = (await one_desk.create(**patient())).id
    who = [replace(DESK, id=f"desk-{number}", session=f"s{number}") for number in range(8)]
    await asyncio.gather(*(one_desk.store.read(each, WHY, "Patient", record) for each in who))
    async with one_desk.database.connection("owner") as connection:
        rows = await connection.all(
            Query.composed("told", "select caller, count(*) from audit where interaction = 'read' group by caller")
        )
    assert {row[0]: row[1] for row in rows} == {each.id: 1 for each in who}
