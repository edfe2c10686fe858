"""The last released photo of the diary beside a drawn curtain: for a guardian who agreed to it, and no longer."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image
from playwright.async_api import BrowserContext, Page

from tests.apps.newborn.test_live_page import fit
from tests.apps.newborn.ward import MadeWard
from tests.apps.newborn.window import MOTHER, OTHER_MOTHER, WATCH, Window, agreed, until, window_of
from tianfu.apps.newborn.mapping.codes import CONSENT
from tianfu.apps.newborn.mapping.diary import Entry, entry_of, photo_resource, restated
from tianfu.apps.newborn.model.diary import State, Told
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import china_date

pytestmark = pytest.mark.anyio

ADDRESS = f"{WATCH}/photo"


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


def picture(*, red: int) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (400, 300), (red, 150, 140)).save(held, "JPEG")
    return held.getvalue()


async def photo_of(ward: MadeWard, state: State, *, days_ago: int, note: str) -> None:
    """The entry of a day with its photo."""
    day = china_date(ward.clock()) - timedelta(days=days_ago)
    name = f"photo-{days_ago}"
    made = photo_resource(picture(red=40 * days_ago), baby="baby-7", day=day, author="qin", now=ward.clock())
    await ward.write(name, **restated(made, state))
    entry = Entry(
        id=f"day-{days_ago}",
        version=0,
        baby="baby-7",
        day=day,
        state=state,
        author="qin",
        photo=name,
        told=Told(note=note),
    )
    entry = replace(entry, reason="错了" if state is State.TAKEN_BACK else "")
    written = entry_of(entry, (), now=ward.clock())
    await ward.write(entry.id, **{name: value for name, value in written.items() if name != "id"})


async def agrees(ward: MadeWard, *scopes: str) -> None:
    await agreed(ward, 7)
    consent = await ward.read("Consent", "consent-7")
    category = [{"coding": [{"system": CONSENT, "code": each}]} for each in ("view", "talk", *scopes)]
    kept = {name: value for name, value in consent.items() if name not in {"id", "meta"}}
    await ward.write("consent-7", **{**kept, "category": category})


async def shows(page: Page, name: str) -> None:
    """Wait until this photo is there, and was loaded."""
    loaded = f"document.querySelector('.lastphoto img[src$=\"{name}\"]')?.naturalWidth > 0"

    async def is_there() -> bool:
        return bool(await page.evaluate(loaded))

    await until(is_there)


async def shows_none(page: Page) -> None:
    async def is_gone() -> bool:
        return await page.locator(".lastphoto").count() == 0

    await until(is_gone)


async def test_the_newest_released_photo_stands_beside_a_drawn_curtain_and_no_longer(window: Window) -> None:
    ward = window.ward
    await agrees(ward, "diary", "photo")
    await photo_of(ward, State.RELEASED, days_ago=3, note="喝了奶。")
    await photo_of(ward, State.RELEASED, days_ago=2, note="今天自己吃了 <b>三</b> 次奶，睡得很香。")
    await photo_of(ward, State.DRAFT, days_ago=1, note="还没有给家里看。")
    page = await window.watching(await window.resident(MOTHER, "mother-7", width=320, language="zh-CN"))
    await shows(page, "photo-2")
    assert "<b>三</b>" in await page.locator(".lastphoto").inner_text()
    await fit(page, "zh-CN-drawn-photo")
    await window.open()
    await until(page.locator("[data-watch=live]").is_visible)
    assert await page.locator(".lastphoto").count() == 0, "beside a live picture stands no old one"
    await photo_of(ward, State.TAKEN_BACK, days_ago=2, note="")
    await window.shield("feeding")
    await shows(page, "photo-3")
    await agrees(ward, "diary")
    await shows_none(page)
    await agrees(ward, "diary", "photo")
    await window.open()
    await until(page.locator("[data-watch=live]").is_visible)
    await window.shield("feeding")
    await shows(page, "photo-3")
    await photo_of(ward, State.TAKEN_BACK, days_ago=3, note="")
    await shows_none(page)
    english = await page.context.new_page()
    await english.goto(f"{window.address}{WATCH}?lang=en")
    await english.get_by_text("There is no photo in the diary yet.").wait_for()
    await photo_of(ward, State.RELEASED, days_ago=3, note="Fed by herself today.")
    await shows(english, "photo-3")
    await fit(english, "en-drawn-photo")


async def test_nobody_else_is_given_the_photo(window: Window) -> None:
    ward = window.ward
    await agrees(ward, "diary", "photo")
    await photo_of(ward, State.RELEASED, days_ago=2, note="")

    async def status(context: BrowserContext) -> int:
        return (await context.request.get(f"{window.address}{ADDRESS}")).status

    mother = await window.resident(MOTHER, "mother-7")
    relative, _ = await window.relative()
    assert await status(mother) == 200
    assert await status(relative) == 404, "who is invited sees the visit, and no diary"
    page = await relative.new_page()
    await page.goto(f"{window.address}{WATCH}")
    assert await page.locator("[data-watch=photo]").count() == 0
    assert await status(await window.resident(OTHER_MOTHER, "mother-8")) == 404
    for missing in ("photo", "diary"):
        await agrees(ward, missing)
        said = await mother.request.get(f"{window.address}{ADDRESS}")
        assert (await said.text()).strip() == "", missing
    await agrees(ward, "diary", "photo")
    assert "photo-2" in await (await mother.request.get(f"{window.address}{ADDRESS}")).text()
    await ward.dispute(7)
    assert await status(mother) == 404
