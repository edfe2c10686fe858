"""A nurse's pages at the bed as a browser shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.apps.newborn.test_live_page import fit
from tests.apps.newborn.window import VISIT, Window, until, window_of
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.model.visit import OVER
from tianfu.db import Addresses, Database

pytestmark = pytest.mark.anyio

GONE = {"zh-CN": "这次探视的预约已不存在", "en": "The booking of this visit is gone"}


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 320), ("en", 1440)])
async def test_a_nurse_whose_visit_lost_its_booking_reads_so_and_finds_back(
    window: Window, language: str, width: int
) -> None:
    nurse = await window.nurse(language=language, width=width)
    page = await nurse.new_page()
    await page.goto(f"{window.address}/newborn/visits/{VISIT}")
    await window.ward.store.delete(VISITS, Purpose.TREATMENT, "Appointment", VISIT)

    async def is_over() -> bool:
        return await window.ward.state(7) in OVER

    await until(is_over)
    await page.locator("[data-part=shield] button").click()
    await page.get_by_role("heading", name=GONE[language]).wait_for()
    await fit(page, f"{language}-bed-unbooked")
    await page.locator("[data-part=unbooked] a").click()
    await page.wait_for_url("**/newborn/round")
