"""Trust in a browser: a citizen reads who looked and objects, a doctor breaks the glass, an officer reviews."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import DOCUMENTS, PICTURES, Desk, Installation
from tests.journeys.test_for_everybody import findings, overflow
from tests.pictures import take_picture
from tianfu.kernel.ids import derived_id

pytestmark = pytest.mark.slow  # a browser and a whole installation

WOMAN = "温知夏"
CITIZEN = "light.citizen.off"
REASON = "晕倒在门诊大厅，叫不醒，用药前要知道过敏史和在用的药"


def resources(library: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The resources of a library, as the generator wrote them."""
    for line in gzip.decompress((library / f"{kind}.ndjson.gz").read_bytes()).splitlines():
        yield json.loads(line)


@dataclass(frozen=True, slots=True)
class Library:
    """One library of the province; ids are those that the import gives."""

    folder: Path
    source: str

    def ids(self, kind: str, name: str = "") -> list[str]:
        """The ids of a kind, or of those of a name alone."""
        found = resources(self.folder, kind)
        named = [one for one in found if not name or one["name"][0]["text"] == name]
        return [derived_id(self.source, kind, one["id"]) for one in named]


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The woman's records and number, a doctor who never saw her, and the child of the parent who signs in."""

    woman: tuple[str, ...]
    number: str
    child: str
    child_name: str


def libraries(province: Path) -> list[Library]:
    """The public-health library first, then the hospitals."""
    folders = sorted(
        (file.parent for file in province.glob("*/source.json")), key=lambda one: one.name != "public-health"
    )
    return [Library(one, json.loads((one / "source.json").read_text("utf-8"))["source"]) for one in folders]


def identity_number(library: Library, name: str) -> str:
    """The number of somebody, as his Patient record carries it."""
    found = next(one for one in resources(library.folder, "Patient") if one["name"][0]["text"] == name)
    return next(str(one["value"]) for one in found["identifier"] if len(str(one["value"])) == 18)


@pytest.fixture(scope="session")
def people(installation: Installation) -> People:
    """Whom the journeys are about, as the province's files have them."""
    public_health, *hospitals = libraries(installation.province)
    woman = tuple(each for library in (public_health, *hospitals) for each in library.ids("Patient", WOMAN))
    parent = installation.logins["parent"].name
    child = next(
        one["patient"]["reference"].partition("/")[2]
        for one in resources(public_health.folder, "RelatedPerson")
        if one["name"][0]["text"] == parent
    )
    name = next(str(one["name"][0]["text"]) for one in resources(public_health.folder, "Patient") if one["id"] == child)
    return People(
        woman=woman,
        number=identity_number(public_health, WOMAN),
        child=derived_id(public_health.source, "Patient", child),
        child_name=name,
    )


def test_a_doctor_breaks_the_glass_the_citizen_objects_and_an_officer_reviews(desk: Desk, people: People) -> None:
    with desk.page(role="doctor", is_refused=True) as page:
        page.goto(f"/lifelong/people/{people.woman[0]}")
        expect(page.locator("h1")).to_contain_text("没有找到")
        page.get_by_role("link", name="紧急查看").last.click()
        page.get_by_role("button", name="打开档案").click()
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        expect(page.locator(".nhsuk-error-summary li")).to_have_count(3)
        page.get_by_role("link", name="换一个人").click()
        page.get_by_label("病人的身份证号").fill(people.number)
        page.get_by_label("病人昏迷或说不清").check()
        page.get_by_label("具体理由").fill(REASON)
        page.get_by_label("我是为了救治").check()
        take_picture(page, PICTURES / "emergency-form-1440.png", full_page=True)
        page.get_by_role("button", name="打开档案").click()
        expect(page.locator(".banner")).to_contain_text(WOMAN)
        expect(page.locator(".banner .tag.solid")).to_contain_text("过敏：青霉素")
        expect(page.locator(".clock")).to_have_text(re.compile(r"^(30:00|29:\d\d)$"))
        before = page.locator(".clock").inner_text()
        expect(page.locator(".clock")).not_to_have_text(before)
        take_picture(page, DOCUMENTS / "emergency-desk.png", full_page=True)
        page.get_by_role("button", name="现在就结束").click()
        expect(page.locator("h1")).to_contain_text("紧急查看已结束")
        expect(page.locator("main")).not_to_contain_text("青霉素")

    with desk.page(width=390, look=CITIZEN, role="citizen") as page:
        page.goto("/trust")
        expect(page.locator("h1")).to_have_text("谁看过我的档案")
        expect(page.locator(".note.warning").first).to_contain_text(REASON)
        look = page.locator(".look", has_text="为了急救").first
        expect(look).to_contain_text("过敏和警示")
        take_picture(page, PICTURES / "ledger-390.png", full_page=True)
        look.get_by_role("link", name=re.compile("我有异议")).click()
        page.get_by_label("您为什么有异议").fill("我那天在家，没有去过这家医院。")
        page.get_by_role("button", name="提交异议").click()
        expect(page.locator("#sent")).to_contain_text("异议已提交")
        expect(page.locator(".steps [aria-current]")).to_contain_text("已提交")
        page.get_by_role("link", name="通知", exact=True).click()
        expect(page.locator("main")).to_contain_text(REASON)

    with desk.page(role="officer", is_refused=True) as page:
        page.goto("/trust")
        expect(page.locator(".badge")).to_contain_text("超过 24 小时")
        take_picture(page, DOCUMENTS / "reviews-desk.png", full_page=True)
        page.locator(".worklist a", has_text="异议").first.click()
        expect(page.locator("main")).to_contain_text("我那天在家")
        expect(page.locator(".look").first).to_contain_text("过敏和警示")
        page.get_by_role("button", name="保存判断").click()
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        page.get_by_label("没有正当理由").check()
        page.get_by_label("依据").fill("门诊大厅没有这位病人的登记")
        page.get_by_label("给本人的答复").fill("您说得对，这次查看没有理由，已经通报医院处理。")
        take_picture(page, PICTURES / "review-1440.png", full_page=True)
        page.get_by_role("button", name="保存判断").click()
        expect(page.locator("#done")).to_contain_text("已保存")

    with desk.page(look=CITIZEN, role="citizen") as page:
        page.goto("/trust")
        expect(page.locator(".objected").first).to_contain_text("已经通报医院处理")
        expect(page.locator(".steps").first).to_contain_text("已答复")
        take_picture(page, DOCUMENTS / "ledger-desk.png", full_page=True)
        page.set_viewport_size({"width": 390, "height": 900})
        height = int(page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": 390, "height": height})  # else the bar below stands in the middle
        take_picture(page, DOCUMENTS / "ledger-phone.png")


def test_an_officer_searches_the_trail_by_keys_alone_and_takes_it_away(
    desk: Desk, people: People, installation: Installation
) -> None:
    with desk.page(role="doctor", is_refused=True) as page:
        page.goto(f"/lifelong/people/{people.woman[0]}")
    with desk.page(role="officer", is_refused=True) as page:
        page.goto("/trust/reviews")
        page.get_by_role("link", name="审计").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("审计查询")
        page.get_by_label("谁的档案").focus()
        page.keyboard.type(people.woman[0])
        page.keyboard.press("Enter")
        expect(page.locator("#found")).to_contain_text("新的在前")
        assert people.number not in page.url
        assert "person=" in page.url
        take_picture(page, PICTURES / "trail-1440.png", full_page=True)
        page.get_by_label("谁的档案").fill("123")
        page.get_by_text("更多条件").click()
        page.get_by_label("到（时间，可不填）").fill("09:30")
        page.get_by_role("button", name="查询").click()
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        expect(page.get_by_label("谁的档案")).to_have_value("123")
        expect(page.get_by_label("到（时间，可不填）")).to_have_value("09:30")
        page.get_by_role("link", name="清空条件").click()
        page.get_by_role("link", name="最近 7 天").click()
        page.locator(".eventline .what").first.click()
        expect(page.locator("main")).to_contain_text("在链上的位置")
        take_picture(page, PICTURES / "trail-event-1440.png", full_page=True)
        page.get_by_role("link", name="这个账号当天的全部").click()
        expect(page.locator(".conditions")).to_be_visible()
        with page.expect_download() as begun:
            page.get_by_role("link", name="下载 CSV").click()
        taken = Path(begun.value.path()).read_text("utf-8-sig")
        assert taken.startswith('"时间（北京）"')
        page.get_by_label("做了什么").select_option("audit_export")
        page.get_by_role("button", name="查询").click()
        expect(page.locator(".eventline").first).to_contain_text("下载审计痕迹")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_audit_search_works_without_scripts_on_a_phone(desk: Desk, people: People, language: str) -> None:
    with desk.page(width=320, role="officer", scripts=False, language=language, is_refused=True) as page:
        page.goto("/trust/trail")
        page.locator("#who").fill("nobody-at-all")
        page.locator("main button.main").click()
        expect(page.locator(".empty")).to_be_visible()
        page.locator(".conditions a").first.click()
        page.locator(".eventline .what").first.click()
        expect(page.locator("#chain")).to_be_visible()
        take_picture(page, PICTURES / f"trail-event-320-{language}.png", full_page=True)


def test_a_citizen_decides_takes_back_and_sees_the_history_without_scripts(desk: Desk, people: People) -> None:
    with desk.page(width=390, look=CITIZEN, role="citizen", scripts=False, is_refused=True) as page:
        page.goto("/trust/consents")
        page.get_by_role("link", name=re.compile("精神心理")).first.click()
        page.get_by_role("button", name="我同意").click()
        expect(page.locator(".nhsuk-error-summary")).to_contain_text("选择一家机构")
        page.get_by_label("哪一家机构").select_option(index=1)
        page.get_by_role("button", name="我同意").click()
        card = page.locator("#special-mental")
        expect(card).to_contain_text("已同意，马上生效")
        card.get_by_role("link", name=re.compile("看内容")).click()
        page.get_by_role("button", name=re.compile("^撤回")).click()
        expect(card).to_contain_text("已撤回，马上生效")
        card.get_by_role("link", name=re.compile("决定的历史")).click()
        expect(page.locator(".versions > li")).to_have_count(2)
        page.locator(".versions summary").first.click()
        expect(page.locator(".signedtext").first).to_be_visible()


def test_a_mother_reads_and_decides_for_her_child(desk: Desk, people: People) -> None:
    with desk.page(width=390, look=CITIZEN, role="parent") as page:
        page.goto(f"/trust/people/{people.child}/ledger")
        expect(page.locator("h1")).to_have_text(f"谁看过{people.child_name}的档案")
        page.goto(f"/trust/people/{people.child}/consents/research")
        page.get_by_role("button", name=f"为{people.child_name}不同意").click()
        expect(page.locator("#research")).to_contain_text("监护人")


def test_an_officer_moves_along_the_list_with_the_keyboard(desk: Desk, people: People) -> None:
    with desk.page(role="officer") as page:
        page.goto("/trust/reviews")
        page.locator("h1").click()
        page.keyboard.press("j")
        expect(page.locator(".worklist a").first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#judge")).to_be_visible()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("width", [320, 1440])
def test_pages_of_trust_are_readable_by_everybody(desk: Desk, people: People, language: str, width: int) -> None:
    person = f"/trust/people/{people.woman[0]}"
    with desk.page(role="officer") as page:
        page.goto("/trust/reviews")
        case = str(page.locator(".worklist a").last.get_attribute("href"))
        page.goto("/trust/trail?span=7")
        event = str(page.locator(".eventline .what").first.get_attribute("href"))
    pages = {
        "citizen": [f"{person}/{each}" for each in ("ledger?sort=all", "notices", "consents", "consents/special-hiv")],
        "doctor": ["/trust/emergency"],
        "officer": ["/trust/reviews", case, "/trust/trail?span=7", "/trust/trail?who=nobody&deed=look", event],
    }
    wrong: dict[str, object] = {}
    for role, paths in pages.items():
        for look in ("light.clinician.off", "night.citizen.on"):
            with desk.page(width=width, look=look, language=language, role=role) as page:
                for path in paths:
                    page.goto(path)
                    found = findings(page)
                    if found or overflow(page):
                        wrong[f"{path} {look}"] = found, overflow(page)
    assert wrong == {}
