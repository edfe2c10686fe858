"""A family's page whose picture stands still: covered within two seconds, said, and back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from bench.newborn_cut_off import ALL, PICTURES, cut_beside
from playwright.async_api import Page

from tests.apps.newborn.test_levels import is_shown, says
from tests.apps.newborn.window import MOTHER, Window, until, window_of
from tests.services.realtime.running import embedded
from tianfu.apps.newborn.model.visit import State
from tianfu.db import Addresses, Database

pytestmark = pytest.mark.anyio

AWAY_SECONDS = 4.0
PATIENCE_SECONDS = 20.0
"""The bench holds the bounds (`stall_noticed_s`, `resumed_s`); a busy machine is slow."""

TURNS = """() => {
  const video = document.querySelector('#watch video'), turns = window.turns = [];
  const turned = () => turns.push([video.hidden, Date.now() / 1000]);
  new MutationObserver(turned).observe(video, {attributeFilter: ['hidden']});
}"""


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    server = partial(embedded, module="bench.newborn_cut_off")
    async with window_of(database, addresses, server=server) as made:
        yield made


async def turned(page: Page, *, is_hidden: bool, since: float) -> float:
    """How many seconds after `since` the picture was covered, or was seen again."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            turns: list[tuple[bool, float]] = await page.evaluate("turns")
            later = [at - since for hidden, at in turns if hidden is is_hidden and at >= since]
            if later:
                return later[0]
            await asyncio.sleep(0.05)


async def grants(window: Window) -> int:
    return len([each for each in await window.told() if each.startswith("issue-room-grant") and "whep" in each])


async def test_a_picture_that_stands_still_is_covered_and_comes_back_by_itself(window: Window) -> None:
    cut = cut_beside(Path(window.ward.running.socket))
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await page.evaluate(TURNS)
    await window.open()
    await until(lambda: is_shown(page, "live"))
    cut.write_text(ALL)
    noticed = await turned(page, is_hidden=True, since=time.time())
    await says(page, "alarm", "connection is weak")
    assert await is_shown(page, "screen")
    assert not await is_shown(page, "live"), "a frozen picture never looks live"
    await asyncio.sleep(AWAY_SECONDS)
    cut.write_text("")
    resumed = await turned(page, is_hidden=False, since=time.time())
    await says(page, "told", "connection is back")
    assert not await is_shown(page, "alert")
    tries = await grants(window)
    assert 2 <= tries <= 4, "by a grant of its own, and it does not hammer"
    print(f"noticed after {noticed:.2f} s, resumed after {resumed:.2f} s with {tries} grants")

    await asyncio.sleep(1)
    cut.write_text(PICTURES)
    await says(page, "title", "picture stands still")
    assert not await is_shown(page, "video")
    await asyncio.sleep(2)
    cut.write_text("")
    await until(lambda: is_shown(page, "video"))
    assert await grants(window) == tries, "something still arrived: the media server mends that, nobody joins anew"

    await window.shield("feeding")
    await says(page, "title", "feeding time")
    await asyncio.sleep(3)
    assert await grants(window) == tries, "a curtain is no standstill"
    await window.open()
    await until(lambda: is_shown(page, "live"))
    assert await grants(window) == tries

    for each in window.quiet.contexts:
        await each.close()  # the camera's own browser
    await until(lambda: is_shown(page, "screen"))

    async def is_drawn() -> bool:
        return await window.ward.state(7) is State.SHIELDED

    await until(is_drawn)
    await asyncio.sleep(1)
    asked = await grants(window)
    assert asked <= tries + 3, "pauses that double"
    await asyncio.sleep(5)
    assert await grants(window) == asked, "behind a curtain nobody asks for a camera that is away"
