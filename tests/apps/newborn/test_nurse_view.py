"""What the family sees, at the nurse's bed: her page and a mother's in real browsers, the real door and media server.

Chromium's made-up microphone beeps once a second; a camera's lens is a canvas that tells when it was drawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import orjson
import pytest
from playwright.async_api import BrowserContext, Page

from tests.apps.newborn.test_live_page import EMPTY, MILLISECOND, fit, reads, sees
from tests.apps.newborn.ward import QIN
from tests.apps.newborn.window import MOTHER, QUIET, SEEN, VISIT, Window, falls_silent, until, window_of
from tests.services.realtime.devices import MadeUpDevice
from tianfu.apps.newborn.actions.end_visit import end_visit
from tianfu.apps.newborn.actions.set_sound import Sound, set_sound
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import system_clock
from tianfu.services.accounts.store import Post

pytestmark = pytest.mark.anyio

BED = f"/newborn/visits/{VISIT}"
VIEW_SEEN = SEEN.replace("#watch", "#view")
VIEW_EMPTY = EMPTY.replace("#watch", "#view")
LOUDEST = """async where => {
  const context = new AudioContext(), ear = context.createAnalyser();
  for (const track of document.querySelector(where).srcObject?.getAudioTracks() ?? [])
    context.createMediaStreamSource(new MediaStream([track])).connect(ear);
  const samples = new Float32Array(ear.fftSize);
  let most = 0;
  for (let count = 0; count < 100; count++) {
    ear.getFloatTimeDomainData(samples);
    for (const sample of samples) most = Math.max(most, Math.abs(sample));
    await new Promise(resolve => setTimeout(resolve, 20));
  }
  await context.close();
  return most;
}"""
"""The loudest sample of about two seconds of what a page plays."""

MICROPHONES = """() => {
  const asks = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices), tracks = window.tracks = [];
  navigator.mediaDevices.getUserMedia = async wanted => {
    await window.hangs;
    const stream = await asks(wanted);
    tracks.push(...stream.getTracks());
    return stream;
  };
}"""
ON_TOP = """() => {
  const key = document.querySelector('[data-part=shield] button'), box = key.getBoundingClientRect();
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return box.top >= 0 && box.bottom <= innerHeight && key.contains(top);
}"""
"""Whether a touch reaches the curtain's key where the page is scrolled to now."""

WORDS = {
    "en": {
        "open": "Open the curtain",
        "on": "Turn the picture on",
        "hold": "Hold to talk to the family",
        "title": "What the family sees",
    },
    "zh-CN": {"open": "拉开帘子", "on": "打开画面", "hold": "按住对家属说话", "title": "家属看到的画面"},
}
HEADERS = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


async def at_bed(context: BrowserContext, window: Window) -> Page:
    page = await context.new_page()
    await page.add_init_script(f"({MICROPHONES})()")
    await page.goto(f"{window.address}{BED}")
    return page


async def turn_on(page: Page, language: str = "en") -> None:
    await page.evaluate(VIEW_SEEN)
    await page.get_by_role("button", name=WORDS[language]["on"]).click()


async def told(page: Page, text: str, part: str = "told") -> None:
    async def says() -> bool:
        return text in (await page.locator(f"[data-view={part}]").inner_text())

    await until(says)


async def loudest(page: Page, where: str) -> float:
    most: float = await page.evaluate(LOUDEST, where)
    return most


async def asks(context: BrowserContext, window: Window, what: str, form: str = "") -> tuple[int, dict[str, Any]]:
    answer = await context.request.post(
        f"{window.address}{BED}/view/{what}", data=form, headers=HEADERS, max_redirects=0
    )
    is_json = "json" in answer.headers.get("content-type", "")
    return answer.status, cast("dict[str, Any]", await answer.json()) if is_json else {}


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 320), ("en", 1440)])
async def test_a_nurse_sees_what_the_family_is_sent_and_the_curtain_covers_both_at_once(
    window: Window, language: str, width: int
) -> None:
    words = WORDS[language]
    mother = await window.watching(await window.resident(MOTHER, "mother-7"))
    page = await at_bed(await window.nurse(width=width, language=language), window)
    assert await page.locator("#view").count() == 0, "there is nothing to see yet"
    opened = system_clock()  # the ward's clock goes ahead when somebody signs in
    await page.get_by_role("button", name=words["open"]).click()
    await sees(mother)
    assert await page.evaluate(VIEW_EMPTY), "off until she turns it on"
    await turn_on(page, language)
    first = (await sees(page))[0]
    assert opened <= first * MILLISECOND
    assert not await page.evaluate("tracks.length"), "her microphone was not asked for"
    for scrolled in ("0", "document.querySelector('[data-view=hold]').getBoundingClientRect().bottom", "1e6"):
        await page.evaluate(f"scrollTo(0, {scrolled})")
        assert await page.evaluate(ON_TOP), f"one touch draws the curtain, scrolled to {scrolled}"
    await page.evaluate("scrollTo(0, 0)")
    await fit(page, f"{language}-nurse-view")
    await page.set_viewport_size({"width": width, "height": 844})
    await window.shield("feeding")
    shielded = system_clock()
    await reads(mother, "title", "It is feeding time")
    await told(page, "喂奶" if language == "zh-CN" else "It is feeding time", "title")
    assert await page.evaluate(VIEW_EMPTY)
    drawn = await page.evaluate("drawn")
    await fit(page, f"{language}-nurse-view-drawn")
    await page.set_viewport_size({"width": width, "height": 844})
    await asyncio.sleep(0.5)
    assert await page.evaluate("drawn") == drawn, "nothing moves behind the curtain, for her neither"
    assert drawn[-1] * MILLISECOND <= shielded
    await window.open()
    await sees(page, len(drawn) + 5)
    await page.locator("[data-part=shield] button").focus()
    await page.keyboard.press("Enter")  # her own touch
    await page.get_by_role("button", name=words["open"]).wait_for()
    await page.evaluate(VIEW_SEEN)
    assert await page.locator("#view").get_attribute("data-state") == "on", "what was on waits for the curtain"
    await page.get_by_role("button", name=words["open"]).click()
    await page.locator("[data-view=video]").wait_for(state="visible")
    await page.goto(f"{window.address}/newborn/round")

    async def is_alone() -> bool:
        return len(await window.ward.running.port.stats()) == 1

    await until(is_alone)
    await page.goto(f"{window.address}{BED}")
    assert await page.locator("#view").get_attribute("data-state") == "off", "she went elsewhere"

    hers = (await window.signed_in(page.context)).account.id

    async def stands_in_trail() -> bool:
        told = [each[0] for each in await window.ward.trail("watch-begin", "watch-end") if each[2] == hers]
        began, ended = told.count("watch-begin"), told.count("watch-end")
        return began == ended >= 3  # a connection that was lost on a busy machine divides one

    await until(stands_in_trail)


async def test_her_voice_reaches_the_mother_while_she_holds_the_key_and_she_hears_if_she_wants_to(
    window: Window,
) -> None:
    mother = await window.watching(await window.resident(MOTHER, "mother-7"))
    page = await at_bed(await window.nurse(width=390), window)
    await page.get_by_role("button", name="Open the curtain").click()
    await turn_on(page)
    await sees(page)
    await reads(mother, "heard", "Nobody would hear you")
    hold = page.get_by_role("button", name="Hold to talk to the family")
    await until(hold.is_enabled)
    await sees(mother)
    assert await loudest(mother, "[data-watch=video]") < QUIET
    await hold.focus()
    await page.keyboard.down("Space")
    await told(page, "You are heard")
    assert await loudest(mother, "[data-watch=video]") > 10 * QUIET, "while she holds it"
    assert await page.evaluate("tracks.map(each => each.readyState)") == ["live"]
    await page.keyboard.up("Space")
    await told(page, "Your microphone is off")
    assert await page.evaluate("tracks.map(each => each.readyState)") == ["ended"], "off between two presses"
    assert await falls_silent(lambda: loudest(mother, "[data-watch=video]")), "she let go"
    await page.evaluate("void (window.hangs = new Promise(done => window.answer = done))")
    for key in (page.keyboard.down, page.keyboard.up, page.keyboard.down):
        await key("Space")  # before the device gave the microphone of the first press
    await page.evaluate("answer()")
    await told(page, "You are heard")
    assert await page.evaluate("tracks.map(each => each.readyState).sort()") == ["ended", "ended", "live"]
    await page.keyboard.up("Space")
    assert await page.evaluate("tracks.every(each => each.readyState === 'ended')"), "nothing records on"
    await page.get_by_role("button", name="Hear the family here").click()
    await reads(mother, "heard", "At the cot nobody")
    hers = mother.get_by_role("button", name="Hold to talk")
    await until(hers.is_enabled)
    await hers.focus()
    await mother.keyboard.down("Space")
    await reads(mother, "told", "Those in the visit with you hear you")
    assert await loudest(page, "[data-view=voices]") > 10 * QUIET, "at the bed, by her tablet"
    await until(hold.is_enabled)
    await hold.focus()
    await page.keyboard.down("Space")
    await told(page, "You are heard")
    assert await loudest(mother, "[data-watch=video]") > 10 * QUIET, "she takes the floor"
    await set_sound(window.ward.house, QIN, VISIT, Sound.FAMILY_OFF)
    assert await loudest(mother, "[data-watch=video]") > 10 * QUIET, "the family is silenced, and she is not"
    await window.shield("feeding")
    assert await falls_silent(lambda: loudest(mother, "[data-watch=video]")), (
        "behind the curtain, though she still holds the key"
    )
    await mother.keyboard.up("Space")


async def test_an_answer_by_voice_turns_the_picture_on_with_the_key_in_hand(window: Window) -> None:
    nurse = await window.nurse()  # first: the ward's clock goes ahead when somebody signs in
    mother = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await mother.get_by_role("button", name="I would like to talk").click()
    await reads(mother, "called", "will answer")
    page = await at_bed(nurse, window)
    await page.get_by_role("button", name="Answer by voice").click()
    await page.locator("[data-view=video]").wait_for(state="visible")
    hold = page.get_by_role("button", name="Hold to talk to the family")
    await until(hold.is_enabled)

    async def is_in_hand() -> bool:
        return bool(await page.evaluate("document.activeElement.dataset.view === 'hold'"))

    await until(is_in_hand)
    await page.keyboard.down("Enter")
    await told(page, "You are heard")
    await page.keyboard.up("Enter")


async def test_a_grant_is_hers_alone_once_and_only_while_the_curtain_is_open(window: Window) -> None:
    device = MadeUpDevice()
    key = httpx.QueryParams({"key": orjson.dumps(device.jwk).decode()})
    nurse = await window.nurse()
    refused = await asks(nurse, window, "join", str(key))
    assert refused[1]["refused"] == "curtain-drawn", "there is nothing to see behind it"
    await asyncio.sleep(1.5)  # each sign-in sets the ward's clock on: her tablet is heard of in between
    far = await window.staff("H520001", Post(organisation="unit-far", role="nurse", practitioner="far", title=None))
    await asyncio.sleep(1.5)
    mother = await window.resident(MOTHER, "mother-7")
    await window.open()
    for stranger in (far, mother):
        for what in ("join", "beat", "talk", "leave"):
            assert (await asks(stranger, window, what, f"{key}&pressed=yes"))[0] == 404, what
    status, joined = await asks(nurse, window, "join", str(key))
    assert status == 200, joined
    offer = await (await nurse.new_page()).evaluate("""async () => {
      const peer = new RTCPeerConnection();
      peer.addTransceiver('video', {direction: 'recvonly'});
      return (await peer.createOffer()).sdp;
    }""")

    async def enter(by: MadeUpDevice, visit: str = VISIT) -> str:
        where = f"{window.address}/media/whep"
        proof = by.proof("POST", where, content=offer, grant=joined["grant"], visit=visit)
        headers = {"authorization": f"Bearer {joined['grant']}", "dpop": proof, "content-type": "application/sdp"}
        async with httpx.AsyncClient() as client:
            answer = await client.post(where, content=offer, headers=headers)
        return "entered" if answer.status_code == 201 else answer.text

    assert "grant-other-device" in await enter(MadeUpDevice())
    assert "grant-other-visit" in await enter(device, "visit-8")
    assert await enter(device) == "entered"
    assert "grant-used" in await enter(device)
    late = await asks(nurse, window, "join", str(key))
    window.house.time.pass_(61)
    joined = late[1]
    assert "grant-expired" in await enter(device)


async def test_the_end_of_her_session_and_of_the_visit_end_what_she_sees(window: Window) -> None:
    nurse = await window.nurse()
    page = await at_bed(nurse, window)
    await window.open()
    await page.reload()
    await turn_on(page)
    await sees(page)
    kept = {each["name"]: each["value"] for each in await nurse.cookies()}
    await nurse.clear_cookies()
    await told(page, "You cannot look at this bed any more")
    assert await page.evaluate(VIEW_EMPTY)

    async def is_gone() -> bool:
        return not await window.ward.running.port.stats()

    await until(is_gone)
    await nurse.add_cookies([{"name": name, "value": value, "url": window.address} for name, value in kept.items()])
    await turn_on(page)
    await page.locator("[data-view=video]").wait_for(state="visible")
    await end_visit(window.ward.house, (await window.signed_in(nurse)).caller, VISIT, now=window.ward.clock())
    await told(page, "The visit is over")
    assert await page.evaluate(VIEW_EMPTY)
    key = httpx.QueryParams({"key": orjson.dumps(MadeUpDevice().jwk).decode()})
    status, said = await asks(nurse, window, "join", str(key))
    assert (status, said["refused"]) == (410, "room-closed")
