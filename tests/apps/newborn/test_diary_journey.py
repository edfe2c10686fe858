"""A nurse writes and releases days of the diary, and a mother sees photo and curve, in a real browser."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from granian.constants import Interfaces
from granian.server.embed import Server
from PIL import Image, ImageDraw
from playwright.async_api import Browser as Chromium
from playwright.async_api import BrowserContext, Page, async_playwright

from tests.apps.newborn.conftest import MOTHER, Browser, Ward, current
from tests.journeys.conftest import AXE, CHROMIUM, CHROMIUM_ARGUMENTS, PICTURES
from tests.pictures import take_picture_of
from tests.records.made import put
from tianfu.apps.newborn.mapping.codes import VISITS
from tianfu.apps.newborn.mapping.diary import Entry, entry_of, gestation_resource, observations_of
from tianfu.apps.newborn.model.diary import Feed, State, Told
from tianfu.kernel.instants import china_date, days_later
from tianfu.web.assets import load_assets

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 30.0
ALL = {"view": "yes", "talk": "yes", "diary": "yes", "photo": "yes"}
WIDTHS = (1440, 320)
TOO_WIDE = """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll('main *')]
  .filter(each => each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML.slice(0, 120))"""
"""What sticks out of the page, if the page has to be moved sideways."""

WEIGHTS = (1310, 1295, 1330, 1372)
"""Of the days before today, the earliest first; a baby loses weight at first."""


@asynccontextmanager
async def served(ward: Ward) -> AsyncIterator[str]:
    """The site with its real style, over real HTTP on this machine alone."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = ward.site_with(assets=load_assets())
    server = Server(site, address="127.0.0.1", port=port, interface=Interfaces.ASGI, websockets=False)
    serving = asyncio.create_task(server.serve())
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(WAIT_SECONDS):
            while True:
                try:
                    await client.get(f"http://127.0.0.1:{port}/healthz")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.05)
        yield f"http://localhost:{port}"
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # granian types it not
        with suppress(TimeoutError):
            await asyncio.wait_for(serving, WAIT_SECONDS)


async def browser_of(chromium: Chromium, address: str, who: Browser, language: str) -> BrowserContext:
    """A browser of somebody who signed in."""
    context = await chromium.new_context(
        locale=language, viewport={"width": 390, "height": 844}, extra_http_headers={"accept-language": language}
    )
    cookies = (("session", who.entered.secret), ("device", who.entered.device))
    await context.add_cookies([{"name": name, "value": value, "url": address} for name, value in cookies])
    return context


async def looked_at(page: Page, name: str) -> None:
    """The page holds at each width, axe finds nothing, and a picture is kept to look at."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 844})
        found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found["violations"]] == [], (
            name
        )
        assert await page.evaluate(TOO_WIDE) == [], (name, width)
        await take_picture_of(page, PICTURES / f"newborn-{name}-{width}.png", full_page=True)


def drawn_photo(folder: Path) -> Path:
    """A made-up picture, drawn: a round face under a cap."""
    picture = Image.new("RGB", (800, 600), "#f3e6d8")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((250, 120, 550, 450), fill="#f2c6a8")
    pen.pieslice((240, 60, 560, 340), 180, 360, fill="#7fb3c8")
    pen.arc((320, 250, 380, 290), 0, 180, fill="#5b4636", width=5)
    pen.arc((420, 250, 480, 290), 0, 180, fill="#5b4636", width=5)
    pen.arc((370, 320, 430, 380), 20, 160, fill="#a8554e", width=6)
    written = BytesIO()
    picture.save(written, "JPEG")
    path = folder / "IMG_0001.JPG"
    path.write_bytes(written.getvalue())
    return path


async def days_before(ward: Ward) -> None:
    """Released days before today, a girl born after 31 weeks and 2 days."""
    today = china_date(ward.house.time.now)
    author = "made-nurse"
    born = days_later(today, -len(WEIGHTS))
    await put(
        ward.store,
        "Patient",
        "baby-3",
        name=[{"text": "示例宝宝3"}],
        birthDate=born.isoformat(),
        gender="female",
        identifier=[{"system": "urn:tianfu:wristband", "value": "W-2026-AB03", "use": "usual"}],
    )
    gestation = gestation_resource(31 * 7 + 2, baby="baby-3", author=author, day=born)
    await put(ward.store, "Observation", "gestation-3", **_rest(gestation))
    for number, grams in enumerate(WEIGHTS):
        day = days_later(born, number)
        told = Told(
            grams=grams, millilitres=60 + 20 * number, feed=Feed.OWN_MILK, stool="墨绿色" if number < 2 else "黄色"
        )
        observed = observations_of(told, baby="baby-3", day=day, author=author, state=State.RELEASED)
        for what, resource in observed.items():
            await put(ward.store, "Observation", f"{what}-{number}", **_rest(resource))
        entry = Entry(
            id=f"day-{number}", version=0, baby="baby-3", day=day, state=State.RELEASED, author=author, told=told
        )
        references = [f"Observation/{what}-{number}" for what in observed]
        resource = entry_of(entry, references, now=ward.house.time.now)
        await put(ward.store, "Composition", f"day-{number}", **_rest(resource))


def _rest(resource: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in resource.items() if name not in {"resourceType", "id"}}


@pytest.mark.parametrize(
    ("language", "note", "release", "send"),
    [
        ("zh-CN", "今天第一次自己吃完了一整顿奶，睡得很安稳。", "发布这一天", "放到这一天"),
        ("en", "Drank a whole feed by herself today, and slept calmly.", "Release this day", "Put it to this day"),
    ],
)
async def test_a_nurse_writes_and_releases_a_day_and_a_mother_sees_photo_and_curve(
    ward: Ward, tmp_path: Path, language: str, note: str, release: str, send: str
) -> None:
    nurse = await ward.staff("nurse")
    mother = await ward.guardian(nurse, MOTHER, "baby-3")
    await mother.done("/newborn/consent/baby-3", version=current(), **ALL)
    await days_before(ward)
    photo = drawn_photo(tmp_path)
    async with served(ward) as address, async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        try:
            at_work = await (await browser_of(chromium, address, nurse, language)).new_page()
            await at_work.goto(f"{address}/newborn/care")
            await looked_at(at_work, f"care-{language}")
            await at_work.goto(f"{address}/newborn/care/baby-3/diary")
            await at_work.fill("#grams", "1405")
            await at_work.fill("#millilitres", "150")
            await at_work.locator("input[name=feed][value=own-milk]").check()
            await at_work.fill("#note", note)
            await at_work.locator("[data-part=entry] button").click()
            await at_work.set_input_files("#file", photo)
            await at_work.get_by_role("button", name=send).click()
            await at_work.locator("img.diaryphoto").wait_for()
            await looked_at(at_work, f"care-diary-{language}")
            await at_work.get_by_role("button", name=release).click()
            await at_work.get_by_role("status").first.wait_for()
            for part in ("milk", "teaching"):
                await at_work.goto(f"{address}/newborn/care/baby-3/{part}")
                await looked_at(at_work, f"care-{part}-{language}")
            await at_work.goto(f"{address}/newborn/care/baby-3/milk")
            for name in ("wristband", "bottle_number", "bottle_band"):
                await at_work.fill(f"#{name}", "W-2026-AB02")
            await at_work.locator("input[name=kind][value=fresh]").check()
            await at_work.fill("#since", "2026-11-23T11:00")
            await at_work.locator("form[action$=milk] button.main").click()
            await at_work.locator("[data-part=verdict].stop").wait_for()
            await looked_at(at_work, f"care-milk-stop-{language}")
            await at_work.goto(f"{address}/newborn/door-codes")
            await looked_at(at_work, f"door-codes-{language}")
            at_home = await (await browser_of(chromium, address, mother, language)).new_page()
            await at_home.goto(f"{address}/newborn/diary")
            shown = at_home.locator("img.diaryphoto")
            await shown.wait_for()
            assert await shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 800
            assert note in await at_home.inner_text("[data-part=day] >> nth=0")
            assert await at_home.locator("svg.curves polyline.centile").count() == 5
            assert await at_home.locator("svg.curves circle").count() == len(WEIGHTS) + 1
            await looked_at(at_home, f"diary-{language}")
            station = await ward.nursery.stations.open("ward-1", by=VISITS)
            device = await chromium.new_context(locale=language, extra_http_headers={"accept-language": language})
            await device.add_cookies([{"name": "station", "value": station, "url": f"{address}/newborn"}])
            door = await device.new_page()
            await door.goto(f"{address}/newborn/door")
            await looked_at(door, f"door-{language}")
        finally:
            await chromium.close()
