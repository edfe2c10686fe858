"""An expert of another house is asked to a baby's cot: he sees, is shielded, sees again, reads, speaks, and signs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from playwright.async_api import BrowserContext, Page

from tests.apps.newborn.expert import HOUR, HOUSE, arm, list_experts, measure, nurse_at
from tests.apps.newborn.test_live_page import EMPTY, fit, reads, sees
from tests.apps.newborn.ward import QIN, UNIT
from tests.apps.newborn.window import MOTHER, QUIET, SEEN, WATCH, Window, listen, until, window_of
from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.mapping.codes import CONSENT, CONSULTATION, VISITS
from tianfu.db import Addresses, Database
from tianfu.records.searching import SearchRequest
from tianfu.services.accounts.store import Post

pytestmark = pytest.mark.anyio

FORM = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
PLACES = "/newborn/consultations"


@pytest.fixture
async def window(database: Database, addresses: Addresses) -> AsyncIterator[Window]:
    async with window_of(database, addresses) as made:
        await list_experts(made.ward)
        yield made


async def doctor(window: Window, language: str = "en", width: int = 1440) -> BrowserContext:
    post = Post(organisation=UNIT, role="doctor", practitioner="shen")
    return await window.staff("H510009", post, name="梅影", language=language, width=width)


async def expert(window: Window, language: str = "en", width: int = 1440) -> BrowserContext:
    post = Post(organisation=HOUSE, role="doctor", practitioner="zhong")
    return await window.staff("Y900001", post, name="钟灵", language=language, width=width)


async def ask(window: Window, context: BrowserContext, ground: str, picture: str = "") -> Page:
    """The doctor fills the form in; nothing is chosen for her."""
    page = await context.new_page()
    await page.goto(f"{window.address}{PLACES}")
    await page.locator("a[href='/newborn/experts/baby-7']").click()
    assert await page.locator("input[type=radio]:checked").count() == 0
    await page.locator("form.wide button").click()
    for missing in ("expert", "question", "reason", "minutes", "ground"):
        await page.locator(f"[href='#{missing}']").wait_for()
    if picture:
        await fit(page, f"{picture}-expert-form-refused")
    await page.locator("label:has(input[name=expert][value=zhong])").click()
    await page.locator("#question").fill("呼吸机参数要不要调整？")
    await page.locator("#reason").fill("示例：夜里两次血氧下降")
    await page.locator("label:has(input[name=minutes][value='20'])").click()
    await page.locator(f"label:has(input[name=ground][value={ground}])").click()
    await page.locator("form.wide button").click()
    return page


def visit_in(address: str) -> str:
    return address.rpartition("/")[2].partition("?")[0]


async def test_an_expert_is_asked_sees_is_shielded_sees_again_and_his_opinion_stands_in_the_record(
    window: Window,
) -> None:
    ward = window.ward
    await measure(ward, "pulse-old", "8867-4", 160, "/min", ago=2 * HOUR, device={"display": "示例监护仪 M-07"})
    await measure(ward, "pulse", "8867-4", 148, "/min", ago=HOUR, device={"display": "示例监护仪 M-07"})
    await measure(ward, "weight", "29463-7", 1480, "g", ago=5 * HOUR, performer=[{"reference": "Practitioner/qin"}])
    his = await expert(window)
    hers = await doctor(window)
    page = await ask(window, hers, "emergency", "en")
    await page.get_by_text("The expert is asked").wait_for()
    await fit(page, "en-expert-desk-of-ward")

    desk = await his.new_page()
    await desk.goto(f"{window.address}{PLACES}")
    await fit(desk, "en-expert-desk")
    await desk.locator("[data-part=of-me] h3 a").click()
    assert "演示之子" not in await desk.content(), "before he says yes he does not learn whom it is about"
    await fit(desk, "en-expert-asked")
    visit = visit_in(desk.url)
    joined = await his.request.post(f"{window.address}{PLACES}/{visit}/join", data="key=%7B%7D", headers=FORM)
    assert (await joined.json())["refused"] == "visit-not-there-yet"
    await desk.get_by_role("button", name="I come").click()
    await desk.get_by_text("You said yes").wait_for()

    family = await (await window.resident(MOTHER, "mother-7", language="zh-CN", width=320)).new_page()
    await family.goto(f"{window.address}/newborn")
    told = await family.locator("[data-part=experts]").inner_text()
    assert "梅影（演示）" in told
    assert "钟灵（演示）" in told
    assert "示例远山医院" in told
    assert "来不及征得同意" in told
    await fit(family, "zh-CN-expert-family")
    await family.goto(f"{window.address}/newborn/consent/baby-7/experts")
    await fit(family, "zh-CN-expert-consent")
    for button, status in (("我同意", "active"), ("全部收回", "inactive")):
        await family.get_by_role("button", name=button).click()
        await family.get_by_role("status").first.wait_for()
        assert await agreement_of(window) == status
        await family.goto(f"{window.address}/newborn/consent/baby-7/experts")
    for path in (f"{WATCH.replace('visit-7', visit)}", f"{PLACES}/{visit}"):
        assert (await family.request.get(f"{window.address}{path}")).status == 404, "no family comes to a consultation"

    await arm(ward, visit)
    async with nurse_at(ward, visit):
        look = await his.new_page()
        await look.goto(f"{window.address}{PLACES}/{visit}")
        await look.evaluate(SEEN)
        await look.locator("[data-watch=see]").click()
        await reads(look, "title", "The curtain is drawn")
        assert await look.evaluate(EMPTY)
        bed = await (await window.nurse()).new_page()
        await bed.goto(f"{window.address}/newborn/visits/{visit}")

        async def waits() -> bool:
            await bed.reload()
            return "waits before the curtain" in await bed.locator("[data-part=expert]").inner_text()

        await until(waits)
        assert "钟灵（演示）" in await bed.locator("[data-part=expert]").inner_text()
        await open_curtain(ward.house, QIN, visit, now=ward.clock())
        await sees(look)
        await bed.reload()
        assert "sees now" in await bed.locator("[data-part=expert]").inner_text()
        await bed.get_by_role("region", name="What the expert sees").get_by_role("button").click()
        await bed.locator("[data-view=video]").wait_for(state="visible")
        await fit(bed, "en-expert-bed")
        assert "钟灵 0001" in await look.inner_text("[data-watch=mark]")
        values = await look.locator("[data-part=measured] tbody tr").all_inner_texts()
        assert [each.split("\t")[:2] for each in values] == [["Heart rate", "148 /min"], ["Body weight", "1480 g"]]
        assert "示例监护仪 M-07" in values[0]
        assert "not live, not for alarm" in await look.locator("[data-part=measured]").inner_text()
        await fit(look, "en-expert-sees")
        cot = await listen(window, visit=visit)
        hold = look.get_by_role("button", name="Hold to talk")
        await until(hold.is_enabled)  # until somebody hears him the key cannot be pressed
        await hold.focus()
        await look.keyboard.down("Space")
        await reads(look, "told", "You are heard in the ward")
        assert await cot.evaluate("loudest()") > 10 * QUIET
        await look.keyboard.up("Space")
        await draw_curtain(ward.house, QIN, visit, "procedure", now=ward.clock())
        await reads(look, "title", "The nurse is caring for the baby")
        assert await look.evaluate(EMPTY)
        drawn = await look.evaluate("drawn")
        await asyncio.sleep(1)
        assert await look.evaluate("drawn") == drawn, "no frame more after the curtain"
        await open_curtain(ward.house, QIN, visit, now=ward.clock())
        await sees(look, len(drawn) + 5)
        await look.locator("#opinion").fill("暂不调整。\n四小时后复查血气。")
        await bed.goto(f"{window.address}/newborn/visits/{visit}")
        await bed.get_by_role("button", name="End", exact=False).first.click()
        await until(lambda: look.evaluate("document.querySelector('#watch').hidden"))
        assert "四小时" in await look.locator("#opinion").input_value(), "what he was writing is not lost"
        await look.get_by_role("button", name="Sign").click()
        await look.locator("[data-part=opinion]").wait_for()
        await fit(look, "en-expert-opinion")
    report = await ward.read("DiagnosticReport", visit)
    assert report["conclusion"] == "暂不调整。\n四小时后复查血气。"
    assert report["performer"] == [{"reference": "Practitioner/zhong"}]
    assert (await ward.read("ServiceRequest", visit))["status"] == "completed"

    async def is_written() -> bool:
        return str((await ward.read("Encounter", visit))["status"]) == "finished"

    await until(is_written)
    encounter = await ward.read("Encounter", visit)
    assert encounter["class"]["code"] == "VR"
    assert encounter["basedOn"] == [{"reference": f"ServiceRequest/{visit}"}]
    again = await his.request.post(
        f"{window.address}{PLACES}/{visit}/opinion", data=f"opinion={quote('第二份')}", headers=FORM
    )
    refused = await again.text()
    assert "written already" in refused, "an opinion is written once"
    assert "What you wrote just now was not kept" in refused
    assert "第二份" in refused, "who comes second has his text still"
    rows = await window.house.rows("select interaction from audit where role = 'expert' order by seq")
    assert [row[0] for row in rows].count("watch-end") == 2, "each view, from when to when"
    desks = await bed.request.get(f"{window.address}/newborn/desk/babies/baby-7")
    assert "四小时后复查血气" in await desks.text()
    assert re.search("Signed by", await desks.text())


@pytest.mark.parametrize(("language", "width", "missing"), [("en", 1440, "not in the record"), ("zh-CN", 320, "没有")])
async def test_a_consultation_without_its_asking_stands_on_every_page_and_the_ward_takes_it_back(
    window: Window, language: str, width: int, missing: str
) -> None:
    his = await (await expert(window, language, width)).new_page()
    page = await ask(window, await doctor(window, language, width), "emergency")
    await page.locator("[data-part=of-ward] article").wait_for()
    await his.goto(f"{window.address}{PLACES}")
    visit = visit_in(str(await his.locator("[data-part=of-me] h3 a").get_attribute("href")))
    await window.ward.store.delete(VISITS, Purpose.TREATMENT, "ServiceRequest", visit)
    await his.reload()
    assert missing in await his.locator("[data-part=of-me] article").inner_text()
    await fit(his, f"{language}-expert-desk-missing")
    await his.locator("[data-part=of-me] h3 a").click()
    await his.locator("form[action$=accept]").wait_for()
    assert missing in await his.locator("dl.terms").inner_text()
    await fit(his, f"{language}-expert-asked-missing")
    family = await (await window.resident(MOTHER, "mother-7", language=language, width=width)).new_page()
    await family.goto(f"{window.address}/newborn")
    assert "钟灵（演示）" in await family.locator("[data-part=experts]").inner_text()
    await page.goto(f"{window.address}{PLACES}")
    assert missing in await page.locator("[data-part=of-ward] article").inner_text()
    await page.locator("[data-part=of-ward] details summary").click()
    await page.locator("label:has(input[name=reason][value=not-needed])").click()
    await page.locator("form[action$=withdraw] button").click()
    await page.get_by_role("status").wait_for()
    await fit(page, f"{language}-expert-ward-missing")
    assert await page.locator("form[action$=withdraw]").count() == 0


async def agreement_of(window: Window) -> str:
    """How the one consent to experts stands that the mother signed."""
    wanted = SearchRequest(type="Consent", parameters=(("category", f"{CONSENT}|{CONSULTATION}"),))
    [record] = (await window.ward.store.search(VISITS, Purpose.TREATMENT, wanted)).records
    return str(record.value["status"])
