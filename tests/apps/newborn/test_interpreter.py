"""Somebody who is no relative interprets in one visit: asked, let in, heard, shown what the family said, sent away."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import BrowserContext, Page

from tests.apps.newborn.test_live_page import fit, reads, sees
from tests.apps.newborn.ward import ELSEWHERE, QIN
from tests.apps.newborn.window import (
    GRANDMOTHER,
    MOTHER,
    OTHER_MOTHER,
    QUIET,
    VISIT,
    WATCH,
    Window,
    listen,
    until,
    window_of,
)
from tianfu.apps.newborn.actions.interpret import end_third, interpret_no_more, let_interpret
from tianfu.db import Addresses, Database, Query
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.protocol.parts import Part

pytestmark = pytest.mark.anyio

FORM = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
ASK = f"{WATCH}/interpreter"
AGREE = {"zh-CN": "答应", "en": "Agree"}
AFTER_ALL = {"zh-CN": "还是答应", "en": "Agree after all"}
NO = {"zh-CN": "谢绝", "en": "Say no"}


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        yield made


async def ask(window: Window, mother: BrowserContext, sees: str) -> Page:
    """The mother asks the demo grandmother, who is here no relative: nothing is chosen for her."""
    page = await mother.new_page()
    await page.goto(f"{window.address}{ASK}")
    assert await page.locator("input[name=sees]:checked").count() == 0
    await page.locator("#name").fill("示例外婆")
    await page.locator("#telephone").fill(GRANDMOTHER)
    if sees:
        await page.locator(f"label:has(input[name=sees][value={sees}])").click()
    await page.locator("form.wide").evaluate("form => form.noValidate = true")
    await page.locator("form.wide button").click()
    return page


async def agreed(window: Window, person: BrowserContext, *, language: str = "en") -> None:
    page = await person.new_page()
    await page.goto(f"{window.address}/newborn")
    await page.get_by_role("button", name=re.compile(f"{AGREE[language]}|{AFTER_ALL[language]}")).click()
    await page.locator("[data-part=interpreting] a").wait_for()
    await page.close()


@pytest.mark.parametrize(("language", "width"), [("zh-CN", 320), ("en", 1440)])
async def test_who_is_asked_may_say_no_and_think_again_and_the_family_sees_it(
    window: Window, language: str, width: int
) -> None:
    mother = await window.resident(MOTHER, "mother-7", language=language, width=width)
    page = await ask(window, mother, "")
    await page.locator("[href='#sees']").wait_for()
    await fit(page, f"{language}-interpreter-refused")
    page = await ask(window, mother, "no")
    await page.locator("[data-part=asked]").wait_for()
    person = await window.resident(GRANDMOTHER, "nobody", is_tied=False, language=language, width=width)
    home = await person.new_page()
    await home.goto(f"{window.address}/newborn")
    assert "示例妈妈" not in await home.content(), "a mother without a name in the record has none to tell"
    assert "演示之子" not in await home.content()
    await fit(home, f"{language}-interpreting-asked")
    await home.get_by_role("button", name=NO[language]).click()
    await home.get_by_role("button", name=AFTER_ALL[language]).wait_for()
    assert await home.get_by_role("button", name=NO[language]).count() == 0
    await page.reload()
    await page.locator("[data-part=asked] .tag.warning").wait_for()
    await fit(page, f"{language}-interpreter-declined")
    watched = await person.request.get(f"{window.address}{WATCH}")
    assert watched.status == 404, "who said no has nothing to do with the visit"
    await agreed(window, person, language=language)
    waits = await person.new_page()
    await waits.goto(f"{window.address}{WATCH}")
    await fit(waits, f"{language}-interpreter-waits")
    joined = await person.request.post(f"{window.address}{WATCH}/join", data="key=%7B%7D", headers=FORM)
    assert (await joined.json())["refused"] == "interpreter-waits"
    await page.reload()
    assert "示例外婆" in await page.locator("[data-part=asked]").inner_text(), "by her real name"
    told = [row[0] for row in await window.ward.trail("ask-interpreter", "decline-interpreting", "accept-interpreting")]
    assert told == ["ask-interpreter", "decline-interpreting", "accept-interpreting"]


async def test_whom_the_family_shows_nothing_hears_and_speaks_and_sees_nothing(window: Window) -> None:
    mother = await window.resident(MOTHER, "mother-7")
    await ask(window, mother, "no")
    person = await window.resident(GRANDMOTHER, "nobody", is_tied=False)
    await agreed(window, person)
    helper = (await window.signed_in(person)).account.id
    with pytest.raises(Refusal):
        await let_interpret(window.windows, ELSEWHERE, "far", VISIT, helper)
    await let_interpret(window.windows, QIN, "qin", VISIT, helper)
    page = await person.new_page()
    await page.goto(f"{window.address}{WATCH}")
    assert "演示之子" not in await page.content()
    await page.get_by_role("button", name="Begin to interpret").click()
    nurse = await listen(window, Part.NURSE)
    await window.open()
    await reads(page, "told", "there is no picture")
    await reads(page, "heard", "At the cot nobody hears you")
    await page.get_by_role("button", name="Hold to talk").focus()
    await page.keyboard.down("Space")
    await reads(page, "told", "Those in the visit with you hear you. At the cot nobody does.")
    assert await nurse.evaluate("loudest()") > 10 * QUIET
    await page.keyboard.up("Space")
    await fit(page, "en-interpreter-sound")
    assert await page.evaluate("document.querySelector('#watch video').hidden")
    kinds = await page.evaluate("document.querySelector('#watch video').srcObject.getTracks().map(each => each.kind)")
    assert set(kinds) == {"audio"}
    [issued] = [each for each in await window.told() if each.startswith("issue-room-grant") and "whep" in each]
    assert "whep-sound" in issued
    await window.shield("feeding")

    async def is_told() -> bool:
        rows = await window.house.rows("select role from audit where interaction = 'watch-end'")
        return ["interpreter"] in [list(row) for row in rows]

    await until(is_told)
    await interpret_no_more(window.windows, QIN, VISIT, helper)
    await page.get_by_role("heading", name="You cannot look at this baby any more").wait_for()


async def test_who_may_see_sees_until_the_family_takes_it_back_and_other_visits_stay_shut(window: Window) -> None:
    mother = await window.resident(MOTHER, "mother-7")
    await ask(window, mother, "yes")
    person = await window.resident(GRANDMOTHER, "nobody", is_tied=False)
    await agreed(window, person)
    helper = (await window.signed_in(person)).account.id
    waits = await (await person.request.get(f"{window.address}{WATCH}")).text()
    assert "a baby" in waits
    assert "No name yet" not in waits, "it has one, which he is not told yet"
    await let_interpret(window.windows, QIN, "qin", VISIT, helper)
    assert (await person.request.get(f"{window.address}{WATCH.replace(VISIT, 'visit-8')}")).status == 404
    for path, data in ((ASK, "name=x&telephone=13800009999&sees=yes"), (f"{WATCH}/call", "question=talk")):
        sent = await person.request.post(f"{window.address}{path}", data=data, headers=FORM)
        assert sent.status == 404, path
    page = await window.watching(person)
    await window.open()
    await sees(page)
    family = await mother.new_page()
    await family.goto(f"{window.address}{WATCH}")
    assert "示例外婆" in await family.locator("[data-part=interpreters]").inner_text()
    await family.goto(f"{window.address}{ASK}")
    await family.get_by_role("button", name=re.compile("Take back")).click()
    await page.get_by_role("heading", name="You cannot look at this baby any more").wait_for()
    other = await window.resident(OTHER_MOTHER, "mother-8")
    assert (await other.request.get(f"{window.address}{ASK}")).status == 404


async def test_a_nurse_of_the_ward_lets_in_and_sends_away_by_name(window: Window) -> None:
    mother = await window.resident(MOTHER, "mother-7")
    await ask(window, mother, "no")
    person = await window.resident(GRANDMOTHER, "nobody", is_tied=False)
    await agreed(window, person)
    nurse = await window.nurse()
    page = await nurse.new_page()
    await page.goto(f"{window.address}/newborn/interpreters/{VISIT}")
    assert "示例外婆" in await page.content()
    await fit(page, "nurse-interpreters")
    await page.get_by_role("button", name=re.compile("Let speak")).click()
    await page.get_by_role("button", name=re.compile("Let speak no more")).click()
    await page.get_by_text("Nobody was asked for").wait_for()
    told = [row[0] for row in await window.ward.trail("let-interpret", "end-interpreting")]
    assert told == ["let-interpret", "end-interpreting"]
    assert (await person.request.get(f"{window.address}{WATCH}")).status == 410


async def test_who_is_asked_twice_is_asked_once_and_is_sent_away_for_good(window: Window) -> None:
    mother = await window.resident(MOTHER, "mother-7")
    for said in ("no", "yes"):
        page = await ask(window, mother, said)
        await page.locator("[data-part=asked]").wait_for()
    rows = await window.house.rows("select sees from newborn_interpreter")
    assert [row[0] for row in rows] == [False], "the first word about the picture stands"
    person = await window.resident(GRANDMOTHER, "nobody", is_tied=False)
    await agreed(window, person)
    helper = (await window.signed_in(person)).account.id
    async with window.house.database.connection("owner") as owner:  # as the form of before could make it
        await owner.run(
            Query.composed(
                "second",
                "insert into newborn_interpreter select 'second', visit, baby, guardian, handle, named, true,"
                " asked_at + 1, until, accepted_by, accepted_at from newborn_interpreter",
            )
        )
    await let_interpret(window.windows, QIN, "qin", VISIT, helper)
    rows = await window.house.rows("select sees from newborn_interpreter where agreed_at is not null")
    assert [row[0] for row in rows] == [False], "a yes to hearing is none to seeing"
    await interpret_no_more(window.windows, QIN, VISIT, helper)
    assert not await window.house.rows("select 1 from newborn_interpreter where ended_at is null")


@pytest.mark.parametrize("who", ["nurse", "family", "himself"])
async def test_who_could_not_be_sent_away_is_sent_away_by_the_next_touch(window: Window, who: str) -> None:
    mother = await window.resident(MOTHER, "mother-7")
    await ask(window, mother, "yes")
    person = await window.resident(GRANDMOTHER, "nobody", is_tied=False)
    await agreed(window, person)
    helper = (await window.signed_in(person)).account.id
    await let_interpret(window.windows, QIN, "qin", VISIT, helper)
    page = await window.watching(person)
    await window.open()
    await sees(page)
    (asked,) = await window.windows.nursery.interpreters.of_visit(VISIT)
    grants = window.windows.grants
    plain = grants.revoke_person

    async def full(*_: object, **__: object) -> None:
        raise Refusal("audit-queue-full", retryable=True)

    async def send_away() -> None:
        if who == "nurse":
            await interpret_no_more(window.windows, QIN, VISIT, helper)
        else:
            await end_third(window.windows, await window.signed_in(mother if who == "family" else person), asked.id)

    grants.revoke_person = full  # type: ignore[method-assign]  # the disk is slow for a moment
    with pytest.raises(Refusal, match="audit-queue-full"):
        await send_away()
    grants.revoke_person = plain  # type: ignore[method-assign]
    with pytest.raises(Refusal, match="not-found"):
        await end_third(
            window.windows, await window.signed_in(await window.resident(OTHER_MOTHER, "mother-8")), asked.id
        )
    await send_away()
    await page.get_by_role("heading", name="You cannot look at this baby any more").wait_for()
    await ask(window, mother, "yes")
    await agreed(window, person)
    with pytest.raises(Refusal, match="not-found"):  # what is over ends nothing that was asked anew
        await end_third(window.windows, await window.signed_in(mother), asked.id)
    assert await window.windows.nursery.interpreters.accepted(helper, VISIT)
