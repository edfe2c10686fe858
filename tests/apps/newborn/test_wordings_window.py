"""A family reads, at home and live, what is approved in Tibetan or Yi, marked as such, and asks for an interpreter in
one touch.  The strings are letters of an alphabet and no translation of anything."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route

from tests.apps.newborn.test_live_page import fit, reads
from tests.apps.newborn.test_wording_rules import BACK, letters
from tests.apps.newborn.ward import QIN
from tests.apps.newborn.window import MOTHER, WATCH, Window, window_of
from tianfu.access.caller import Caller
from tianfu.apps.newborn.actions.keep_wordings import withdraw_wording
from tianfu.apps.newborn.model.wordings import digest, phrases, sources
from tianfu.db import Addresses, Database
from tianfu.services.booking.wordings import New, Wordings

pytestmark = pytest.mark.anyio

HEAD = Caller(id="made-up-head", role="nurse")
FEEDING, HOLD = "newborn.watch-title-feeding", "newborn.watch-hold"
CALL = "newborn.watch-call"
NOT_SAID, SMALL = "newborn.watch-check", "newborn.watch-word-level-small"
"""Sentences that nobody has translated in these tests."""


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


async def fill(wordings: Wordings, tongue: str) -> None:
    """Letters for every sentence but two, approved by somebody else."""
    new = [
        New(phrase=each, text=letters(tongue, each), source=digest(sources()[each]), translator="Demo", capacity="test")
        for each in phrases()
        if each not in {NOT_SAID, SMALL}
    ]
    await wordings.enter(HEAD, tongue, new)
    for each in await wordings.of(tongue):
        await wordings.approve(QIN, tongue, each.id)


async def tongue_of(page: Page, part: str) -> str:
    """The language that a part of the live page is marked with, as its innermost element has it."""
    return str(
        await page.locator(f"[data-watch={part}]").evaluate("each => (each.querySelector('[lang]') ?? each).lang")
    )


@pytest.mark.parametrize(("tongue", "width"), [("bo", 320), ("ii", 1440)])
async def test_a_mother_reads_what_is_approved_in_her_language_at_home_and_live(
    window: Window, tongue: str, width: int
) -> None:
    wordings = window.windows.nursery.wordings
    await fill(wordings, tongue)
    mother = await window.resident(MOTHER, "mother-7", language="en", width=width)
    home = await mother.new_page()
    await home.goto(f"{window.address}/newborn")
    assert await home.locator("[data-part=language] button").all_inner_texts() == ["中文", "English", "བོད་ཡིག", "ꆈꌠꉙ"]
    await home.locator(f"[data-part=language] button[value={tongue}]").click()
    await home.locator("[data-part=partly]").wait_for()
    assert await home.locator("html").get_attribute("lang") == "zh-CN"
    await fit(home, f"wordings-home-{tongue}")
    await home.close()
    page = await window.watching(mother)
    await reads(page, "told", letters(tongue, "newborn.watch-word-waiting"))
    assert await tongue_of(page, "told") == tongue
    heading = page.locator("section[data-watch=check] h2")
    assert await heading.inner_text() == sources()[NOT_SAID]
    assert await heading.locator("[lang]").count() == 0, "what is not approved is Chinese, as its page"
    hold = page.locator("[data-watch=hold]")
    assert (await hold.get_attribute("aria-label"), await hold.get_attribute("lang")) == (letters(tongue, HOLD), tongue)
    await window.open()
    await reads(page, "told", letters(tongue, "newborn.watch-word-live"))
    await says_two_sentences_in_two_languages(page, tongue)
    await window.shield("feeding")
    await reads(page, "title", letters(tongue, FEEDING))
    await reads(page, "back", letters(tongue, "newborn.watch-back").split(" {")[0])
    assert [await tongue_of(page, part) for part in ("title", "back", "drawn")] == [tongue] * 3
    size = "each => [getComputedStyle(each).fontSize, getComputedStyle(each.parentElement).fontSize].map(parseFloat)"
    inside, around = await page.locator("[data-watch=title] span").evaluate(size)
    assert inside == pytest.approx(around * {"bo": 1.15, "ii": 1.08}[tongue], rel=0.01)
    await page.set_viewport_size({"width": width, "height": 844})
    await fit(page, f"wordings-drawn-{tongue}")
    # Taken back: a few seconds later the page that is open says it in Chinese, wherever it stands, without a reload.
    await page.locator("#call-words").fill("half a word")
    assert await tongue_of(page, "told") == tongue
    for phrase in (FEEDING, HOLD, CALL):
        [shown] = [each for each in await wordings.of(tongue) if each.phrase == phrase]
        await withdraw_wording(window.windows.nursery, HEAD, tongue, phrase, shown.id, "wrong letters")
    await reads(page, "title", sources()[FEEDING])
    assert await tongue_of(page, "title") == ""
    heading = page.locator("section[data-watch=call] h2")
    await page.locator(f"section[data-watch=call] h2:has-text('{sources()[CALL]}')").wait_for()
    assert await heading.locator("[lang]").count() == 0
    assert (await hold.get_attribute("aria-label"), await hold.get_attribute("lang")) == (sources()[HOLD], None)
    assert letters(tongue, FEEDING) not in await page.locator("[data-watch=told]").inner_text()
    assert f"{len(phrases()) - 5} 句译文" in await page.locator("[data-part=partly]").inner_text()
    assert await page.locator("#call-words").input_value() == "half a word"
    await fit(page, f"wordings-taken-back-{tongue}")
    await page.locator("[data-part=partly] a").click()
    await page.locator("form.wide").wait_for()
    assert page.url.endswith(f"{WATCH}/interpreter"), "an interpreter is one touch away"
    await fit(page, f"wordings-interpreter-{tongue}")


async def says_two_sentences_in_two_languages(page: Page, tongue: str) -> None:
    """A slow network goes and comes back: what is translated is marked, and what is not is in the page's language."""
    is_away, level = False, "small"

    async def heard(route: Route) -> None:
        answer = await route.fetch()
        if is_away:
            await route.abort()
        else:
            await route.fulfill(response=answer, json={**(await answer.json()), "level": level})

    await page.route("**/beat", heard)
    small, again = sources()[SMALL], letters(tongue, "newborn.watch-word-again")
    await reads(page, "told", small)
    is_away = True
    await reads(page, "title", letters(tongue, "newborn.watch-word-weak"))
    is_away = False
    await reads(page, "told", f"{again} {small}")
    told = page.locator("[data-watch=told]")
    assert await told.evaluate("each => [...each.children].map(one => [one.lang, one.textContent])") == [
        [tongue, again]
    ]
    assert await page.locator("[data-watch=quality]").inner_text() == letters(tongue, "newborn.watch-word-shows-small")
    level = "sound"
    await reads(
        page, "told", " ".join(letters(tongue, f"newborn.watch-word-level-{each}") for each in ("sound", "back"))
    )
    assert [await tongue_of(page, part) for part in ("title", "back", "quality")] == [tongue] * 3
    await page.unroute_all(behavior="wait")


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 320), ("en", 1440)])
async def test_a_head_nurse_enters_and_a_colleague_approves_at_their_screens(
    window: Window, language: str, width: int
) -> None:
    head = await (await window.nurse(language=language, width=width, is_head=True)).new_page()
    await head.goto(f"{window.address}/newborn/desk")
    await head.locator("a[href='/newborn/desk/wordings/bo']").click()
    await head.locator("[data-part=progress]").wait_for()
    await fit(head, f"wordings-list-{language}")
    group = head.locator("section:has(#group-curtain)")
    await group.locator("summary").click()
    await group.locator(f"[data-phrase='{BACK}'] a").click()
    await head.locator("#text").fill("ཀ ཁ {moment}")
    await head.locator("#translator").fill("Demo office")
    await head.locator("#capacity").fill("test")
    await head.locator("form.wide button").click()
    await head.locator("[href='#text']").wait_for()
    assert await head.locator("#text").input_value() == "ཀ ཁ {moment}"
    await head.set_viewport_size({"width": width, "height": 844})
    await fit(head, f"wordings-faulty-{language}")
    await head.locator("#text").fill("ཀ ཁ {time}")
    await head.locator("form.wide button").click()
    await head.locator("[data-part=waits]").wait_for()
    assert await head.locator("form[action$='/answer']").count() == 0, "not her own"
    nurse = await (await window.nurse(language=language, width=width)).new_page()
    await nurse.goto(head.url.partition("?")[0])
    await fit(nurse, f"wordings-waits-{language}")
    await nurse.locator("label:has(input[name=reads])").click()
    await nurse.locator("button[value=approve]").click()
    await nurse.locator("[data-part=versions] .tag.good").wait_for()
    assert await nurse.locator("[data-part=waits]").count() == 0
    await head.goto(f"{window.address}/newborn/desk/wordings/bo")
    assert await head.locator(f"[data-phrase='{BACK}'] span[lang=bo]").text_content() == "ཀ ཁ {time}"
    async with head.expect_download() as sent:
        await head.locator("a[download]").click()
    await head.locator("#file").set_input_files(await (await sent.value).path())
    await head.locator("form[enctype] button").click()
    await head.wait_for_url("**done=nothing")


async def test_the_page_after_a_refused_form_leads_back_to_the_visit(window: Window) -> None:
    mother = await window.resident(MOTHER, "mother-7", language="en")
    page = await mother.new_page()
    await page.goto(f"{window.address}{WATCH}")
    await window.open()
    window.house.time.pass_(10 * 60)
    await page.locator("form[action$='/feedback'] button").click()
    await page.locator(".nhsuk-error-summary").wait_for()
    assert page.url.endswith(f"{WATCH}/feedback")
    await page.locator("[data-part=language] button[value='zh-CN']").click()
    await page.locator("html[lang='zh-CN']").wait_for()
    assert page.url.endswith(WATCH)
    assert await page.locator("form[action$='/feedback']").count() == 1
