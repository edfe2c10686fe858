"""A family without a telephone at the station of the ward's door, in a real browser; and what a station never opens."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, Page

from tests.apps.newborn.test_live_page import EMPTY, fit, reads, sees
from tests.apps.newborn.ward import QIN, WARD
from tests.apps.newborn.window import MOTHER, QUIET, SEEN, VISIT, Window, listen, until, window_of
from tests.permission_table import page_rows
from tianfu.apps.newborn.door_routes import DOOR, DOOR_WATCH, STATION_COOKIE
from tianfu.db import Addresses, Database

pytestmark = pytest.mark.anyio

WATCH_AT_DOOR = f"{DOOR_WATCH}/{VISIT}"
FORM = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


async def station(window: Window, *, may_talk: bool = True, width: int = 390) -> tuple[BrowserContext, str]:
    """A browser that is a station with the seventh baby's visit on its screen, and the station's secret."""
    stations = window.windows.nursery.stations
    secret = await stations.open(WARD, by=QIN)
    await begin(window, secret, may_talk=may_talk)
    context = await window.chromium.new_context(
        locale="en", viewport={"width": width, "height": 844}, extra_http_headers={"accept-language": "en"}
    )
    window.contexts.append(context)
    await context.add_cookies(
        [{"name": STATION_COOKIE, "value": secret, "domain": "localhost", "path": "/newborn", "httpOnly": True}]
    )
    return context, secret


async def begin(window: Window, secret: str, *, may_talk: bool = True) -> None:
    """A nurse's code, typed in at the station."""
    stations, ends = window.windows.nursery.stations, (await window.ward.booked(7)).end
    code = await stations.give_code(WARD, VISIT, visit_until=ends, may_talk=may_talk, seen="passport", by=QIN)
    await stations.enter(secret, code)


async def watching(window: Window, context: BrowserContext) -> Page:
    page = await context.new_page()
    await page.goto(f"{window.address}{DOOR}")
    await page.get_by_role("link", name="To the visit").click()
    await page.get_by_role("button", name="See the baby").wait_for()
    await page.evaluate(SEEN)
    await page.get_by_role("button", name="See the baby").click()
    return page


async def is_alone(window: Window) -> bool:
    """Whether nobody is connected any more."""
    return not await window.ward.running.port.stats()


async def test_a_guardian_sees_at_the_door_and_the_trail_says_whose_visit_it_was_and_where(window: Window) -> None:
    context, _ = await station(window)
    page = await watching(window, context)
    await window.open()
    await sees(page)
    mark = await page.inner_text("[data-watch=mark]")
    assert "Station at the door 新生儿二病区" in mark
    for text in ("演示之子", "示例", "1111"):
        assert text not in await page.content()
    await fit(page, "door-live")
    await page.locator("[data-watch=end]").click()
    await page.get_by_role("button", name="I am done").click()
    await page.get_by_label("Code from the nurse").wait_for()
    await until(lambda: is_alone(window))

    async def is_told() -> bool:
        return len(await window.ward.trail("watch-begin", "watch-end")) == 2

    await until(is_told)
    for _, outcome, who, _ in await window.ward.trail("watch-begin", "watch-end"):
        assert outcome == "success"
        assert re.fullmatch(r"station-[0-9a-f]{16}\.mother-7", who)


@pytest.mark.parametrize("deed", ["leave", "close", "slot"])
async def test_what_ends_the_stations_visit_ends_its_picture(window: Window, deed: str) -> None:
    context, secret = await station(window)
    page = await watching(window, context)
    await window.open()
    await sees(page)
    if deed == "slot":
        window.house.time.pass_(10 * 60)
    else:
        sent = await context.request.post(f"{window.address}{DOOR}/{deed}", headers=FORM, max_redirects=0)
        assert sent.status == 303
        assert await is_alone(window), "at once, before the answer"
    await until(lambda: is_alone(window))
    if deed == "close":
        await page.get_by_text("could not find this page").wait_for()  # it looks by itself, which ends another's way
        await page.goto(f"{window.address}{DOOR}")
        await page.get_by_text("no station of a ward").wait_for()
    else:
        await page.get_by_text("Code from the nurse").wait_for()
    again = await context.request.post(f"{window.address}{WATCH_AT_DOOR}/join", data="key=%7B%7D", headers=FORM)
    assert again.status == 404
    found = await window.windows.nursery.stations.find(secret)
    assert found is None or found.shown is None


async def test_without_a_consent_to_talk_when_the_code_was_given_the_station_only_sees(window: Window) -> None:
    context, _ = await station(window, may_talk=False)
    page = await watching(window, context)
    await window.open()
    await sees(page)
    assert await page.get_by_role("button", name="Hold to talk").count() == 0
    sent = await context.request.post(f"{window.address}{WATCH_AT_DOOR}/talk", data="pressed=yes", headers=FORM)
    assert (await sent.json())["refused"] == "view-only"


async def test_whoever_speaks_at_the_door_is_heard_while_the_key_is_pressed(window: Window) -> None:
    context, _ = await station(window)
    page = await watching(window, context)
    bed = await listen(window)
    await window.open()
    await sees(page)
    await page.get_by_role("button", name="Hold to talk").focus()
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    assert await bed.evaluate("loudest()") > 10 * QUIET
    await page.keyboard.up("Space")
    await reads(page, "told", "Your microphone is off")


async def test_who_takes_the_watermark_away_at_the_door_is_let_go(window: Window) -> None:
    context, _ = await station(window)
    page = await watching(window, context)
    await window.open()
    await sees(page)
    await page.evaluate("document.querySelector('[data-watch=mark]').remove()")
    await until(lambda: is_alone(window))
    assert await page.evaluate(EMPTY)


async def test_a_station_opens_no_other_visit_and_no_other_page(window: Window) -> None:
    context, secret = await station(window)
    things = {"{visit:str}": VISIT, "{baby:str}": "baby-7", "{ward:str}": WARD, "{camera:str}": "camera-7"}
    wrong = []
    asked = 0
    for row in page_rows():
        path = row.path
        for name, value in things.items():
            path = path.replace(name, value)
        path = re.sub(r"\{[^}]*\}", "x", path)
        if not path.startswith("/newborn") or path.startswith(DOOR + "/") or path == DOOR:
            continue
        asked += 1
        answer = await context.request.fetch(
            f"{window.address}{path}", method=row.method, headers=FORM if row.method == "POST" else {}, max_redirects=0
        )
        # 415: what is sent is refused before it is asked by whom.
        if answer.status not in {404, 415} and not (
            answer.status == 303 and answer.headers.get("location", "").startswith("/sign-in")
        ):
            wrong.append((row.method, path, answer.status))
    assert asked > 30
    assert wrong == []
    other = f"{window.address}{DOOR_WATCH}/visit-8"
    assert (await context.request.get(other, max_redirects=0)).status == 404
    for what in ("join", "beat", "talk", "leave"):
        sent = await context.request.post(f"{other}/{what}", data="key=%7B%7D&pressed=yes", headers=FORM)
        assert sent.status == 404, what
    # A session beside it: whoever stands there would be him.
    mother = await window.resident(MOTHER, "mother-7")
    await mother.add_cookies([{"name": STATION_COOKIE, "value": secret, "domain": "localhost", "path": "/newborn"}])
    for what in ("join", "beat", "talk", "leave"):
        sent = await mother.request.post(f"{window.address}{WATCH_AT_DOOR}/{what}", data="key=%7B%7D", headers=FORM)
        assert sent.status == 404, what
    nobody = await window.chromium.new_context()
    window.contexts.append(nobody)
    assert (await nobody.request.get(f"{window.address}{WATCH_AT_DOOR}")).status == 404


async def test_a_station_whose_guardian_lost_the_consent_sees_no_more(window: Window) -> None:
    context, _ = await station(window)
    page = await watching(window, context)
    await window.open()
    await sees(page)
    await window.ward.consent(7, "inactive")
    await until(lambda: is_alone(window))
