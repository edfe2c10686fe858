"""A cart's page in a real browser, through the real door: refused at a bound bed in words that help."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from tests.apps.newborn.test_live_page import fit
from tests.apps.newborn.window import Window, has_camera, window_of
from tianfu.db import Addresses, Database
from tianfu.services.realtime.cameras.registry import Kind

pytestmark = pytest.mark.anyio

BOUND = {"zh-CN": "本床的探视已绑定另一台设备", "en": "A visit at this bed is bound to the device"}


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        await made.cameras.add("camera-7", Kind.CART, None)
        yield made


async def begun(window: Window, *, language: str, width: int) -> Page:
    """The cart's page of the seventh bed, on which a nurse has just touched the key."""
    nurse = await window.nurse(language=language, width=width)
    page = await nurse.new_page()
    await page.goto(f"{window.address}/newborn/cart/camera-7")
    await page.locator("[data-part=start]").click()
    return page


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 320), ("en", 1440)])
async def test_another_device_at_a_bound_bed_reads_what_happened_what_was_kept_and_what_to_do(
    window: Window, language: str, width: int
) -> None:
    page = await begun(window, language=language, width=width)
    await page.get_by_text(BOUND[language]).wait_for()
    assert await page.locator("[data-cart]").get_attribute("data-state") == "bound"
    assert await page.locator("[data-part=start]").is_visible(), "after the visit it may begin here"
    assert await has_camera(window.ward), "the device that was bound sends on"
    await fit(page, f"{language}-cart-bound")
