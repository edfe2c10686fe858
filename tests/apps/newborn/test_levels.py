"""What a family's page says of its picture is what the media server really sends, on a network that is too narrow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.apps.newborn.ward import QIN, WARD
from tests.apps.newborn.window import MOTHER, VISIT, Window, cart_on_air, until, window_of
from tests.journeys.conftest import AXE, PICTURES
from tests.pictures import take_picture_of
from tests.services.realtime.narrow import room_beside
from tests.services.realtime.running import Running, embedded
from tianfu.apps.newborn.actions.set_sound import Sound, set_sound
from tianfu.apps.newborn.model.windows import BOUNDS, read_policy, told
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import china_date

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # a media server gives a picture up, and back, only after seconds

PATIENCE_SECONDS = 150.0
"""Each climb that did not hold doubles the wait for the next, up to 80 s (`UP_SECONDS_MAX`)."""

NARROW = "8000"
"""Bits per second: no live picture comes through, a still in five seconds does, and what is asked and answered, too."""

SMALLER = "200000"
"""Bits per second: a smaller picture comes through, and the full one does not."""

LOOKS = (("encoder", 320, "zh-CN"), ("cart", 1440, "en"))
"""What shows the bed, and width and language in which each state is looked at.  Only a cart sends a smaller picture."""

MOVES = """async () => {
  const video = document.querySelector('[data-watch=video]');
  const seen = () => video.getVideoPlaybackQuality().totalVideoFrames, before = seen();
  await new Promise(resolve => setTimeout(resolve, 1000));
  return seen() > before + 3 ? Math.min(video.videoWidth, video.videoHeight) : 0;
}"""
"""How many lines the short side of a picture has that moves; 0 of one that does not."""

SAID = {
    "zh-CN": {
        "none": ("您的网络太慢，传不了画面", "网络好一些，画面会自己回来"),
        "sound": ("现在只能听到病房的声音", "网络好一些，画面会自己回来"),
        "stills": ("静止画面", "不是直播"),
        "small": ("网络较慢", ""),
        "full": ("画面恢复清楚了", "清楚"),
    },
    "en": {
        "none": ("too slow for a picture", "It comes back by itself"),
        "sound": ("you hear the ward only", "It comes back by itself"),
        "stills": ("still picture", "not live"),
        "small": ("the picture is smaller", "Smaller"),
        "full": ("The full picture is back", "Good"),
    },
}


@pytest.fixture
async def window(source: str, database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    cart = cart_on_air if source == "cart" else None
    async with window_of(database, addresses, server=narrow, cart=cart) as made:
        yield made


def narrow() -> AbstractAsyncContextManager[Running]:
    return embedded(module="tests.services.realtime.narrow")


async def says(page: Page, part: str, text: str) -> None:
    async def does() -> bool:
        return text.lower() in (await page.locator(f"[data-watch={part}]").text_content() or "").lower()

    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await does():  # noqa: ASYNC110 - a page tells nobody
            await asyncio.sleep(0.05)


async def look(page: Page, name: str) -> None:
    """What axe finds of the page as it stands, and a picture to look at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    size = page.viewport_size
    assert size is not None
    language = await page.evaluate("document.documentElement.lang")
    await take_picture_of(page, PICTURES / f"newborn-level-{name}-{size['width']}-{language}.png")
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run().then(all => all.violations.map(each => [each.id, each.nodes[0].html]))")
    assert found == [], name
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


async def is_shown(page: Page, part: str) -> bool:
    return await page.locator(f"[data-watch={part}]").is_visible()


async def is_small(page: Page) -> bool:
    lines: int = await page.evaluate(MOVES)
    return lines == 180


@pytest.mark.parametrize(("source", "width", "language"), LOOKS)
async def test_a_page_says_smaller_sound_only_and_stills_and_when_the_picture_is_back(
    window: Window, source: str, width: int, language: str
) -> None:
    said, room = SAID[language], room_beside(Path(window.ward.running.socket))
    page = await window.watching(await window.resident(MOTHER, "mother-7", width=width, language=language))
    await window.open()
    await until(lambda: is_shown(page, "live"))
    assert await page.locator("[data-watch=told]").get_attribute("role") == "status", "read out politely"
    if source == "cart":
        room.write_text(SMALLER)
        await says(page, "told", said["small"][0])
        await until(lambda: is_small(page))
        await says(page, "quality", said["small"][1])
        assert await is_shown(page, "live"), "it is live all the same"
        await look(page, "small")
    room.write_text(NARROW)
    await says(page, "told", said["none"][0])
    await says(page, "back", said["none"][1])
    assert not await is_shown(page, "video"), "no picture stands as if it were live"
    assert not await is_shown(page, "live")
    await look(page, "none")
    await set_sound(window.ward.house, QIN, VISIT, Sound.WARD_ON)
    await says(page, "told", said["sound"][0])
    await set_sound(window.ward.house, QIN, VISIT, Sound.WARD_OFF)
    await allow_stills(window)
    await says(page, "told", said["stills"][0])
    await until(lambda: is_shown(page, "video"))
    await says(page, "quality", said["stills"][0])
    assert not await is_shown(page, "live"), "a still is not taken for a live picture"
    await look(page, "stills")
    room.write_text("")
    await says(page, "told", said["full"][0])
    await until(lambda: is_shown(page, "live"))
    await says(page, "quality", said["full"][1])


async def allow_stills(window: Window) -> None:
    today = china_date(window.ward.clock())
    form = {"from_day": today.isoformat(), "windows": "1-7 09:00-10:00", "stills": "yes"}
    policy = read_policy({**form, **{name: str(least) for name, (least, _) in BOUNDS.items()}}, today=today)
    await window.windows.nursery.places.set_policy(WARD, policy.from_day, told(policy), by="head")
