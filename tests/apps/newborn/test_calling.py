"""A family calls the nurse from home and reads her answer; and why the picture is off while she turns a camera."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.apps.newborn.test_live_page import EMPTY, fit, reads, sees
from tests.apps.newborn.ward import QIN
from tests.apps.newborn.window import MOTHER, VISIT, WATCH, Window, until, window_of
from tianfu.apps.newborn.actions.call_ward import answer_family
from tianfu.apps.newborn.actions.move_camera import move_camera
from tianfu.db import Addresses, Database

pytestmark = pytest.mark.anyio

FORM = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


@pytest.mark.parametrize(
    ("language", "talk", "waits", "turning"),
    [
        ("zh-CN", "想和护士说几句", "护士会回复您", "护士正在为您调整摄像头"),
        ("en", "I would like to talk", "will answer", "turning the camera"),
    ],
)
async def test_a_mother_calls_and_reads_the_answer_and_why_the_picture_is_off(
    window: Window, language: str, talk: str, waits: str, turning: str
) -> None:
    context = await window.resident(MOTHER, "mother-7", width=320, language=language)
    page = await context.new_page()
    await page.goto(f"{window.address}{WATCH}")
    await window.open()
    await page.locator("[data-watch=words]").fill("<b>只看到被子</b>")
    await page.get_by_role("button", name=talk).click()
    await reads(page, "called", waits)
    assert await page.locator("[data-question]").first.is_hidden(), "one call at a time"
    await fit(page, f"{language}-called")
    standing = await window.ward.standing(7)
    assert standing.call is not None
    record = await window.ward.read("Communication", f"{VISIT}-c-{standing.call.at}")
    assert record["sender"] == {"reference": "RelatedPerson/mother-7"}
    assert record["payload"][1] == {"contentString": "<b>只看到被子</b>"}
    now = window.ward.clock()
    await answer_family(
        window.ward.house, QIN, "qin", VISIT, "written", "<i>我把她抱近些</i>", seen=standing.call.name, now=now
    )
    await reads(page, "called", "<i>我把她抱近些</i>")
    await page.locator("[data-question]").first.wait_for(state="visible")
    await fit(page, f"{language}-answered")
    await move_camera(window.ward.house, QIN, "qin", VISIT, "", now=window.ward.clock())
    await reads(page, "title", turning)
    assert await page.evaluate(EMPTY)
    await fit(page, f"{language}-camera-moved")


async def test_what_the_camera_showed_before_it_was_moved_stays_off_the_page(window: Window) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await sees(page)
    await move_camera(window.ward.house, QIN, "qin", VISIT, "", now=window.ward.clock())
    await reads(page, "title", "turning the camera")
    drawn = await page.evaluate("drawn")
    await asyncio.sleep(1)
    assert await page.evaluate("drawn") == drawn
    await window.ward.arm(7)
    await reads(page, "title", "turning the camera")
    await window.open()
    await sees(page, len(drawn) + 5)


async def test_a_relative_neither_calls_nor_reads_what_was_answered(window: Window) -> None:
    mother = await window.resident(MOTHER, "mother-7")
    page = await mother.new_page()
    await page.goto(f"{window.address}{WATCH}")
    await page.get_by_role("button", name="Another question").click()
    await reads(page, "called", "will answer")
    relative, _ = await window.relative()
    hers = await relative.new_page()
    await hers.goto(f"{window.address}{WATCH}")
    assert await hers.locator("[data-question]").count() == 0
    sent = await relative.request.post(f"{window.address}{WATCH}/call", data="question=talk", headers=FORM)
    assert sent.status == 404
    beat = await relative.request.post(f"{window.address}{WATCH}/beat", data="", headers=FORM)
    assert "call" not in await beat.json()
    again = await mother.request.post(f"{window.address}{WATCH}/call", data="question=talk", headers=FORM)
    assert (await again.json())["refused"] == "call-waits"

    async def is_told() -> bool:
        return [row[:2] for row in await window.ward.trail("call-ward")] == [("call-ward", "success")]

    await until(is_told)
