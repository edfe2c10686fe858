"""The same pages with Janus behind them: the camera, the nurse, the mother, the curtain and her voice, in Chromium."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page

from tests.apps.newborn.test_interpreter import agreed, ask
from tests.apps.newborn.test_live_page import EMPTY, MILLISECOND, fit, reads, sees
from tests.apps.newborn.test_nurse_view import VIEW_EMPTY, WORDS, at_bed, loudest, told, turn_on
from tests.apps.newborn.ward import QIN
from tests.apps.newborn.window import (
    GRANDMOTHER,
    HEARING_PAGE,
    MOTHER,
    QUIET,
    VISIT,
    WATCH,
    Window,
    falls_silent,
    until,
    window_of,
)
from tests.services.realtime.janus_running import adapted_janus
from tianfu.apps.newborn.actions.interpret import let_interpret
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.realtime.protocol.parts import Part

pytestmark = pytest.mark.anyio

ANSWERS = """async () => {
  const peer = window.peer = new RTCPeerConnection(), context = window.context = new AudioContext();
  let sounds = 0;
  peer.ontrack = event => {
    if (event.track.kind !== 'audio') return;
    const stream = new MediaStream([event.track]), player = new Audio();
    player.muted = true; player.srcObject = stream; player.play();
    if (++sounds < 2) return;  // the ward's comes first
    const ear = window.ear = context.createAnalyser();
    context.createMediaStreamSource(stream).connect(ear);
  };
  await peer.setRemoteDescription({type: 'offer', sdp: await whepOffer()});
  await peer.setLocalDescription(await peer.createAnswer());
  await whepAnswer(peer.localDescription.sdp);
}"""


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses, server=adapted_janus, has_sound=True) as made:
        yield made


async def listen(window: Window) -> Page:
    """The loudspeaker at the bed, which takes Janus's offer."""
    page = await window.quiet.new_page()
    media = window.ward.running.port
    await page.expose_function(
        "whepOffer", lambda: media.whep_offer(VISIT, "loudspeaker", Part.BEDSIDE, may_speak=False)
    )
    await page.expose_function("whepAnswer", lambda answer: media.whep_answer(VISIT, "loudspeaker", answer))
    await page.route(
        "http://tianfu.invalid/**", lambda route: route.fulfill(body=HEARING_PAGE, content_type="text/html")
    )
    await page.goto("http://tianfu.invalid/")
    await page.evaluate(ANSWERS)
    await page.wait_for_function("window.ear")
    return page


async def test_a_mother_sees_and_speaks_through_janus_and_the_curtain_ends_both(window: Window) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await reads(page, "title", "The curtain is drawn")
    assert await page.evaluate(EMPTY)
    bed = await listen(window)
    opened = window.ward.clock()
    await window.open()
    first = (await sees(page))[0]
    assert opened <= first * MILLISECOND, "no picture of what was before the curtain was opened"
    assert "示例妈妈 1111" in await page.inner_text("[data-watch=mark]")
    assert await bed.evaluate("loudest()") < QUIET
    await page.get_by_role("button", name="Hold to talk").focus()
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    assert await bed.evaluate("loudest()") > 10 * QUIET
    await page.keyboard.up("Space")
    await reads(page, "told", "Your microphone is off")
    assert await falls_silent(lambda: bed.evaluate("loudest()"))
    await window.shield("feeding")
    shielded = window.ward.clock()
    await reads(page, "title", "It is feeding time")
    assert await page.evaluate(EMPTY)
    drawn = await page.evaluate("drawn")
    await asyncio.sleep(1)
    assert await page.evaluate("drawn") == drawn, "nothing moves behind the curtain"
    assert drawn[-1] * MILLISECOND <= shielded
    await window.open()
    await sees(page, len(drawn) + 5)


async def test_a_relative_who_only_looks_sees_through_janus_and_has_no_way_to_speak(window: Window) -> None:
    context, _ = await window.relative()
    page = await window.watching(context)
    await window.open()
    await sees(page)
    assert await page.get_by_role("button", name="Hold to talk").count() == 0
    [grandmother] = [each for each in await window.ward.running.port.stats() if each.visit == VISIT]
    assert grandmother.packets > 0


async def test_a_nurse_sees_what_the_family_is_sent_and_both_hear_each_other_through_janus(window: Window) -> None:
    mother = await window.watching(await window.resident(MOTHER, "mother-7"))
    page = await at_bed(await window.nurse(), window)
    await page.get_by_role("button", name=WORDS["en"]["open"]).click()
    await turn_on(page)
    await sees(page)
    await sees(mother)
    assert await page.locator("[data-view=sound]").is_hidden(), "Janus sends her the voices with the picture"
    hold = page.get_by_role("button", name=WORDS["en"]["hold"])
    await until(hold.is_enabled)
    assert await loudest(mother, "[data-watch=video]") < QUIET
    await hold.focus()
    await page.keyboard.down("Space")
    await told(page, "You are heard")
    assert await loudest(mother, "[data-watch=video]") > 10 * QUIET
    await page.keyboard.up("Space")
    assert await falls_silent(lambda: loudest(mother, "[data-watch=video]"))
    await mother.get_by_role("button", name="Hold to talk").focus()
    await mother.keyboard.down("Space")
    await reads(mother, "told", "Those in the visit with you hear you")
    assert await loudest(page, "[data-view=voices]") > 10 * QUIET
    await mother.keyboard.up("Space")
    await window.shield("feeding")
    await told(page, "It is feeding time", "title")
    assert await page.evaluate(VIEW_EMPTY)


NO_SOUND_ALONE = {"zh-CN": "不能只听不看地翻译", "en": "Nobody can interpret here without seeing"}


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 320), ("en", 1440)])
async def test_nobody_is_asked_to_interpret_without_a_picture_where_janus_always_sends_one(
    window: Window, language: str, width: int
) -> None:
    mother = await window.resident(MOTHER, "mother-7", language=language, width=width)
    page = await ask(window, mother, "no")
    said = page.locator("#refused")
    assert NO_SOUND_ALONE[language] in await said.inner_text()
    await fit(page, f"{language}-interpreter-janus")
    assert not await window.house.rows("select 1 from newborn_interpreter")
    page = await ask(window, mother, "yes")
    await page.locator("[data-part=asked]").wait_for()


async def test_who_interprets_without_a_picture_is_told_so_on_janus_and_comes_once(window: Window) -> None:
    await window.windows.nursery.interpreters.ask(  # before the hospital changed to Janus
        QIN,
        visit=VISIT,
        baby="baby-7",
        guardian="mother-7",
        telephone=GRANDMOTHER,
        name="示例外婆",
        sees=False,
        until=Instant(window.ward.clock() + 3_600 * SECOND),
    )
    person = await window.resident(GRANDMOTHER, "nobody", is_tied=False)
    await agreed(window, person)
    await let_interpret(window.windows, QIN, "qin", VISIT, (await window.signed_in(person)).account.id)
    page = await person.new_page()
    joins: list[str] = []
    page.on("request", lambda each: joins.append(each.url) if each.url.endswith("/join") else None)
    await page.goto(f"{window.address}{WATCH}")
    await page.get_by_role("button", name="Begin to interpret").click()
    await reads(page, "alarm", NO_SOUND_ALONE["en"])
    await page.get_by_role("button", name="Begin to interpret").wait_for()
    assert len(joins) == 1
    assert not [each for each in await window.told() if "whep" in each], "neither a grant nor a try at the door"
    await fit(page, "en-interpreting-janus")
