"""The live page of families in a real browser, through the real door and the real media server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest
from playwright.async_api import Page, Route

from tests.apps.newborn.ward import ELSEWHERE, QIN, UNIT
from tests.apps.newborn.window import (
    MOTHER,
    OTHER_MOTHER,
    QUIET,
    SEEN,
    VISIT,
    WATCH,
    Window,
    agreed,
    falls_silent,
    listen,
    until,
    window_of,
)
from tests.journeys.conftest import AXE, PICTURES
from tests.pictures import take_picture_of
from tianfu.apps.newborn.actions.interpret import let_interpret
from tianfu.apps.newborn.actions.invite_relative import end_invitation
from tianfu.apps.newborn.actions.set_sound import Sound, set_sound
from tianfu.apps.newborn.live.doors import GrantedDoors
from tianfu.apps.newborn.model.visit import State
from tianfu.apps.newborn.model.watermark import STEP_SECONDS
from tianfu.db import Addresses, Database
from tianfu.kernel.instants import SECOND
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.store import Post

pytestmark = pytest.mark.anyio

MILLISECOND = SECOND // 1_000
EMPTY = "(() => { const video = document.querySelector('#watch video'); return video.hidden && !video.srcObject; })()"
TURNED = """state => {
  Object.defineProperty(document, 'visibilityState', {value: state, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""
"""Chromium without a screen hides no page by itself."""
COVERS = """document.querySelector('[data-watch=stage]').append(
  Object.assign(document.createElement('div'), {style: 'position:absolute;inset:0;z-index:9;background:#000'}))"""
HELD_BACK = """
  const real = HTMLVideoElement.prototype.requestVideoFrameCallback;
  window.uncovered = [];
  HTMLVideoElement.prototype.requestVideoFrameCallback = function (told) {
    return real.call(this, (now, picture) => {
      if (window.receivedAt === undefined) return told(now, picture);
      told(now, {...picture, receiveTime: receivedAt});
      uncovered.push(!this.hidden);
    });
  };
"""
"""Lets every picture be one that was received at the moment `receivedAt`, and notes whether it uncovered the page."""


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


async def sees(page: Page, more_than: int = 5) -> list[int]:
    """The instants (ms) of the pictures that were drawn, once there are more than so many."""

    async def enough() -> bool:
        return len(await page.evaluate("drawn")) > more_than

    try:
        await until(enough)
    except TimeoutError:
        said = await page.locator("[data-watch=stage], [data-watch=told], [data-watch=alarm]").all_inner_texts()
        pytest.fail(f"no picture came, and the page says {said}")
    drawn: list[int] = await page.evaluate("drawn")
    return drawn


async def reads(page: Page, part: str, text: str) -> None:
    """Wait until a part of the page says this."""

    async def says() -> bool:
        return text in (await page.locator(f"[data-watch={part}]").inner_text())

    await until(says)


async def test_a_guardian_sees_after_the_nurse_opens_and_nothing_after_she_draws(window: Window) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await reads(page, "title", "The curtain is drawn")
    assert await page.evaluate(EMPTY)
    opened = window.ward.clock()
    await window.open()
    first = (await sees(page))[0]
    assert opened <= first * MILLISECOND, "no picture of what was before the curtain was opened"
    assert "示例妈妈 1111" in await page.inner_text("[data-watch=mark]")
    await window.shield("feeding")
    shielded = window.ward.clock()
    await reads(page, "title", "It is feeding time")
    assert await page.evaluate(EMPTY)
    assert "Back about" in await page.inner_text("[data-watch=back]")
    drawn = await page.evaluate("drawn")
    await asyncio.sleep(1)
    assert await page.evaluate("drawn") == drawn, "no frame more after the curtain"
    assert drawn[-1] * MILLISECOND <= shielded
    opened = window.ward.clock()
    await window.open()
    again = await sees(page, len(drawn) + 5)
    assert opened <= again[len(drawn)] * MILLISECOND, "never the last picture of before"


async def test_a_picture_of_before_the_curtain_that_is_decoded_after_it_stays_covered(window: Window) -> None:
    """However busy her device is; the first one that is received after it uncovers the page."""
    context = await window.resident(MOTHER, "mother-7")
    await context.add_init_script(HELD_BACK)
    page = await window.watching(context)
    await window.open()
    await sees(page)
    await window.shield("feeding")
    await reads(page, "title", "It is feeding time")
    await page.evaluate("receivedAt = performance.now()")
    await window.open()
    await until(lambda: page.evaluate("uncovered.length > 0"))
    assert await page.evaluate("uncovered[0]") is False
    drawn = await page.evaluate("receivedAt = undefined, drawn")
    await sees(page, len(drawn) + 5)


async def test_the_ward_hears_her_only_while_the_key_is_pressed(window: Window) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    bed = await listen(window)
    await window.open()
    await sees(page)
    assert await bed.evaluate("loudest()") < QUIET
    hold = page.get_by_role("button", name="Hold to talk")
    await hold.focus()
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    assert await bed.evaluate("loudest()") > 10 * QUIET
    await page.keyboard.up("Space")
    await reads(page, "told", "Your microphone is off")
    assert await falls_silent(lambda: bed.evaluate("loudest()"))
    await page.get_by_label("Turn my microphone off").check()
    assert await hold.is_disabled()


@pytest.mark.parametrize("obeys", [True, False])
async def test_a_consent_to_talk_that_is_taken_back_ends_a_voice_that_sounds(window: Window, *, obeys: bool) -> None:
    """Also of a page that does not heed what it is told."""
    page = await window.watching(await window.resident(MOTHER, "mother-7"))

    async def unheeded(route: Route) -> None:
        answer = await route.fetch()
        said = await answer.json()
        said.pop("speaks", None)
        await route.fulfill(response=answer, json=said)

    if not obeys:
        await page.route("**/beat", unheeded)
    bed = await listen(window)
    await window.open()
    await sees(page)
    hold = page.get_by_role("button", name="Hold to talk")
    await hold.focus()
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    assert await bed.evaluate("loudest()") > 10 * QUIET
    await window.ward.consent(7, "active")  # to be seen, and no more to talk
    if obeys:
        await reads(page, "told", "You may not speak any more")
        assert await hold.is_disabled()
        await fit(page, "en-may-not-speak")
    else:
        await asyncio.sleep(STEP_SECONDS + 2)
        assert await hold.get_attribute("aria-pressed") == "true"
    assert await falls_silent(lambda: bed.evaluate("loudest()"))
    if obeys:
        await sees(page)
        await page.keyboard.up("Space")
        await agreed(window.ward, 7)
        await page.locator("[data-watch=hold]:not([disabled])").wait_for()
        await reads(page, "told", "Your microphone is off")
        await hold.focus()
        await page.keyboard.down("Space")
        await reads(page, "told", "You are heard in the ward")
        await page.keyboard.up("Space")
    else:
        await page.unroute_all(behavior="wait")  # nothing is on its way when the ward is taken down


async def test_a_nurse_takes_the_familys_voice_and_gives_it_back(window: Window) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    bed = await listen(window)
    await window.open()
    await sees(page)
    await page.get_by_role("button", name="Hold to talk").focus()
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    await set_sound(window.ward.house, QIN, VISIT, Sound.FAMILY_OFF)
    assert await falls_silent(lambda: bed.evaluate("loudest()"))
    await reads(page, "told", "The ward has turned your sound off")
    await page.keyboard.up("Space")
    await page.keyboard.down("Space")
    await reads(page, "told", "The ward has turned your sound off")
    assert await bed.evaluate("loudest()") < QUIET
    await page.keyboard.up("Space")
    await set_sound(window.ward.house, QIN, VISIT, Sound.FAMILY_ON)
    await page.keyboard.down("Space")
    await reads(page, "told", "You are heard in the ward")
    assert await bed.evaluate("loudest()") > 10 * QUIET
    await page.keyboard.up("Space")


@pytest.mark.parametrize(
    "deed",
    [
        "document.querySelector('[data-watch=mark]').remove()",
        "document.querySelector('[data-watch=mark]').style.display = 'none'",
        "document.querySelector('[data-watch=mark]').style.opacity = 0",
        "document.querySelector('[data-watch=mark]').textContent = 'somebody else'",
        "document.querySelector('[data-watch=mark]').style.translate = '900px'",
        COVERS,
    ],
)
async def test_who_takes_the_watermark_away_sees_no_more_and_is_let_go(window: Window, deed: str) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await sees(page)
    await page.evaluate(deed)
    await reads(page, "alarm", "watermark is missing")
    assert await page.evaluate(EMPTY)

    async def is_told() -> bool:
        return any("revoke-room-grants" in each and "watermark-missing" in each for each in await window.told())

    await until(is_told)


async def test_a_page_whose_watermark_is_asked_in_vain_is_let_go(window: Window) -> None:
    """A page that is told to answer wrongly, or not at all, loses the picture by the server's hand."""
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await sees(page)
    await page.route("**/beat", lambda route: route.abort())

    async def is_told() -> bool:
        return any("revoke-room-grants" in each and "page-silent" in each for each in await window.told())

    await until(is_told)


async def test_a_lost_network_is_said_and_she_comes_back_by_herself(window: Window) -> None:
    context = await window.resident(MOTHER, "mother-7")
    page = await window.watching(context)
    await window.open()
    before = await sees(page)
    participant = (await window.ward.running.port.stats())[0].participant
    await context.set_offline(True)
    await window.ward.running.port.kick(VISIT, participant)
    await reads(page, "alarm", "connection is weak")
    assert await page.evaluate(EMPTY)
    before = await page.evaluate("drawn")
    await context.set_offline(False)
    await sees(page, len(before) + 5)
    grants = [each for each in await window.told() if each.startswith("issue-room-grant") and "whep" in each]
    assert len(grants) == 2, "by a grant of its own"


async def test_an_invited_relative_only_looks_and_no_longer_than_she_is_invited(window: Window) -> None:
    context, invitation = await window.relative()
    page = await window.watching(context)
    await window.open()
    await sees(page)
    assert await page.get_by_role("button", name="Hold to talk").count() == 0
    headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
    spoken = await context.request.post(f"{window.address}{WATCH}/talk", data="pressed=yes", headers=headers)
    assert (await spoken.json())["refused"] == "view-only"
    await window.windows.nursery.claims.end_invitation(await window.signed_in(context), invitation, [])

    async def is_told() -> bool:
        return any("revoke-room-grants" in each and "no-longer-invited" in each for each in await window.told())

    await until(is_told)
    await page.get_by_role("heading", name="You cannot look at this baby any more").wait_for()
    assert await page.locator("video").count() == 0


async def test_a_relative_who_is_taken_back_is_told_when_her_page_asks_next(window: Window) -> None:
    context, invitation = await window.relative()
    page = await window.watching(context)
    await window.open()
    await sees(page)
    signed_in, nursery = await window.signed_in(context), window.windows.nursery
    doors = GrantedDoors(grants=window.windows.grants, viewers=window.windows.viewers)
    await end_invitation(replace(nursery, taking=doors), signed_in, invitation)
    said = [each for each in await window.told() if "no-longer-invited" in each]
    assert "connections=1" in said[0], "she was sent away as it was taken back, and not when her page was looked at"
    await page.get_by_role("heading", name="You cannot look at this baby any more").wait_for()
    later = [each for each in await window.told() if "no-longer-invited" in each][1:]
    assert all("connections=0" in each for each in later), "whoever looks later finds nobody there any more"


async def test_a_relative_interprets_once_the_guardian_asked_and_a_nurse_agreed(window: Window) -> None:
    relative, _ = await window.relative()
    mother = await window.resident(MOTHER, "mother-7")
    helper = (await window.signed_in(relative)).account.id
    with pytest.raises(Refusal) as refused:
        await let_interpret(window.windows, QIN, "qin", VISIT, helper)
    assert refused.value.code == "not-found", "nobody asked for her"
    page = await window.watching(relative)
    await listen(window)  # something sounds at the bed, or nobody could hear whom she interprets
    await window.open()
    await sees(page)
    asking = await mother.new_page()
    await asking.goto(f"{window.address}{WATCH}")
    await asking.get_by_role("link", name="Who interprets").click()
    await asking.get_by_role("button", name="Ask to interpret").click()
    await asking.get_by_text("Waits for the nurse").wait_for()
    with pytest.raises(Refusal):
        await let_interpret(window.windows, ELSEWHERE, "far", VISIT, helper)
    await let_interpret(window.windows, QIN, "qin", VISIT, helper)
    assert [(row[0], row[2]) for row in await window.ward.trail("let-interpret")] == [("let-interpret", QIN.id)]
    await page.get_by_role("button", name="See the baby").click()  # the page has begun anew by itself
    await page.evaluate(SEEN)
    await sees(page)
    await page.get_by_role("button", name="Hold to talk").focus()
    await page.keyboard.down("Enter")
    await reads(page, "told", "You are heard in the ward")


async def test_a_page_that_is_hidden_leaves_the_visit_and_comes_back(window: Window) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await sees(page)
    await page.evaluate(TURNED, "hidden")

    async def is_gone() -> bool:
        return not await window.ward.running.port.stats()

    await until(is_gone)
    assert await page.evaluate(EMPTY)
    before = await page.evaluate("drawn")
    await page.evaluate(TURNED, "visible")
    await sees(page, len(before) + 5)


async def test_another_guardian_finds_no_such_visit(window: Window) -> None:
    context = await window.resident(OTHER_MOTHER, "mother-8")
    page = await context.new_page()
    answer = await page.goto(f"{window.address}{WATCH}")
    assert answer is not None
    assert answer.status == 404
    for what in ("join", "beat", "talk", "leave", "feedback", "call"):
        sent = await context.request.post(
            f"{window.address}{WATCH}/{what}",
            data="key=%7B%7D&pressed=yes",
            headers={"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"},
        )
        assert sent.status == 404, what


async def test_an_old_proof_of_who_she_is_leads_to_a_new_one(window: Window) -> None:
    context = await window.resident(MOTHER, "mother-7")
    window.house.time.pass_(301)
    page = await window.watching(context)
    await reads(page, "alarm", "show once more that it is you")
    link = await page.get_by_role("link", name="Show that it is you").get_attribute("href")
    assert link is not None
    assert link.startswith("/account/prove?next=")


async def test_who_is_in_comes_back_on_her_device_and_whoever_has_her_cookies_alone_does_not(window: Window) -> None:
    context = await window.resident(MOTHER, "mother-7")
    page = await window.watching(context)
    await window.open()
    await sees(page)
    window.house.time.pass_(301)
    thief = await window.resident(OTHER_MOTHER, "mother-8")
    await thief.clear_cookies()
    await thief.add_cookies(cast("Any", await context.cookies()))
    theirs = await window.watching(thief)
    await reads(theirs, "alarm", "show once more that it is you")
    await window.shield()  # five minutes without a touch of the nurse would draw it at some time
    await window.open()
    await page.reload()
    await reads(theirs, "alarm", "show once more that it is you")
    assert not await theirs.locator("[data-watch=video]").is_visible()
    await page.evaluate(SEEN)
    await page.get_by_role("button", name="See the baby").click()
    await sees(page)


async def test_numbers_of_the_connection_are_kept_and_the_end_thanks_her(window: Window) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7"))
    await window.open()
    await sees(page)

    async def has_numbers() -> bool:
        return any(each.delay_ms for _, _, each in await window.windows.viewers.arrivals(VISIT))

    await until(has_numbers)
    _, _, arrival = (await window.windows.viewers.arrivals(VISIT))[0]
    assert arrival.join_ms > 0
    assert arrival.shows == "full"
    window.house.time.pass_(10 * 60)
    await page.get_by_role("heading", name="Thank you for coming").wait_for()
    assert await window.ward.state(7) in {State.ENDING, State.CLOSED}
    await page.get_by_role("button", name="Send").click()
    await page.get_by_text("There is a problem").or_(page.get_by_role("alert")).first.wait_for()
    await page.get_by_role("group", name="Picture and sound").get_by_text("Good").click()
    await page.get_by_role("group", name="Did you feel looked after?").get_by_text("Good").click()
    await page.get_by_label("Anything else").fill("Thank you, all\nof you")
    await page.get_by_role("button", name="Send").click()
    await page.get_by_text("Thank you; the ward reads it.").wait_for()
    ward = await (await window.nurse(width=320)).new_page()
    await ward.goto(f"{window.address}/newborn/desk/feedback")
    await ward.locator("[data-part=feedback]").get_by_text("Thank you, all").wait_for()
    assert await ward.locator("[data-part=feedback] li").count() == 1
    await fit(ward, "feedback")
    head = await (await window.nurse(width=320, language="zh-CN", is_head=True)).new_page()
    await head.goto(f"{window.address}/newborn/workload")
    assert await head.locator("[data-part=workload] tbody tr").count() == 3, "one shift, its sum, one nurse"
    await fit(head, "workload")


@pytest.mark.parametrize(("language", "see"), [("zh-CN", "看宝宝"), ("en", "See the baby")])
async def test_the_page_is_for_everybody_in_each_of_its_states(window: Window, language: str, see: str) -> None:
    context = await window.resident(MOTHER, "mother-7", width=320, language=language)
    page = await context.new_page()
    await page.goto(f"{window.address}{WATCH}")
    await page.get_by_role("button", name=see).wait_for()
    await fit(page, f"{language}-check")
    await rests(window, page, language)
    await page.evaluate(SEEN)
    await page.keyboard.press("Tab")
    await page.get_by_role("button", name=see).focus()
    await page.keyboard.press("Enter")
    await window.open()
    await sees(page)
    await fit(page, f"{language}-live")
    await window.shield("feeding")
    await until_drawn(page)
    await fit(page, f"{language}-drawn")
    window.house.time.pass_(10 * 60)
    await page.get_by_role("radio").first.wait_for(state="attached")
    await fit(page, f"{language}-over")
    await window.ward.died(7)
    await page.reload()
    assert await page.locator("[data-part=asks-ward]").count() == 1
    assert await page.get_by_role("radio").count() == await page.locator("[data-part=ended]").count() == 0
    said = (await page.locator("main").inner_text()).lower()
    assert [word for word in ("died", "death", "deceased", "去世", "离世", "死", "谢谢", "thank") if word in said] == []
    await fit(page, f"{language}-asks-ward")


async def test_who_watches_when_a_death_is_told_only_by_the_end_of_the_stay_is_asked_to_speak_with_the_ward(
    window: Window,
) -> None:
    page = await window.watching(await window.resident(MOTHER, "mother-7", width=320))
    await window.open()
    await sees(page)
    stay = await window.ward.read("Encounter", "stay-7")
    how = [{"system": "http://terminology.hl7.org/CodeSystem/discharge-disposition", "code": "exp"}]
    kept = {name: each for name, each in stay.items() if name not in {"id", "meta"}}
    ended = {"status": "finished", "hospitalization": {"dischargeDisposition": {"coding": how}}}
    await window.ward.write("stay-7", **{**kept, **ended})
    await page.locator("[data-part=asks-ward]").wait_for()
    assert (await window.ward.standing(7)).visit.reason == "discharged"
    assert await page.get_by_role("radio").count() == await page.locator("[data-part=ended]").count() == 0
    said = (await page.locator("main").inner_text()).lower()
    assert [word for word in ("thank", "left the ward", "book") if word in said] == []
    await page.goto(f"{window.address}/newborn")
    home = await page.locator("main").inner_text()
    assert "Please speak with the ward." in home
    assert "Not in intensive care" not in home


async def rests(window: Window, page: Page, language: str) -> None:
    """A doctor pauses the baby's visits at the bed, where an alarm sounds; what the family then reads, and the ward."""
    word = "医生请宝宝先好好休息" if language == "zh-CN" else "The doctor asks for rest"
    post = Post(organisation=UNIT, role="doctor", practitioner="he")
    doctor = await (await window.staff("H510003", post, width=320, language=language)).new_page()
    await window.ward.flag(7, "newborn-alarm")
    await doctor.goto(f"{window.address}/newborn/visits/{VISIT}")
    pausing = doctor.locator("[data-part=pause]")
    await pausing.locator("summary").click()
    await fit(doctor, f"{language}-pausing")
    await pausing.get_by_role("textbox").fill("抽搐, 观察")
    await pausing.get_by_role("button").click()
    await doctor.locator("[data-part=alarm]").get_by_role("button").click()
    title = page.locator("[data-watch=title]")
    await title.filter(has_text=word).wait_for()
    assert "抽搐" not in await page.content()
    await fit(page, f"{language}-rests")
    await doctor.goto(f"{window.address}/newborn/desk")
    await fit(doctor, f"{language}-desk-paused")
    await doctor.goto(f"{window.address}/newborn/visits/{VISIT}")
    await pausing.get_by_role("button").click()
    await pausing.locator("summary").wait_for()
    await doctor.close()
    await title.filter(has_not_text=word).wait_for()


async def until_drawn(page: Page) -> None:
    async def is_drawn() -> bool:
        return await page.locator(".screen.drawn").count() > 0 and await page.evaluate(EMPTY)

    await until(is_drawn)


async def fit(page: Page, name: str) -> None:
    """Nothing for axe to find, nothing wider than the screen; pictures of it at three widths."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found["violations"]] == []
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for width in (1440, 390, 320):
        await page.set_viewport_size({"width": width, "height": 844})
        await take_picture_of(page, PICTURES / f"newborn-watch-{name}-{width}.png", full_page=True)
