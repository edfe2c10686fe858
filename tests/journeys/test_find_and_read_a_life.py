"""A doctor's minute: find a person by pinyin, read the life, filter, chart, open a record and its history."""

from __future__ import annotations

import re
import zlib
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import PICTURES, Desk, Installation
from tests.pictures import take_picture

pytestmark = pytest.mark.slow  # a browser and a whole installation


def shown(page: Page) -> tuple[int, int]:
    """The two numbers of `显示 384 / 412`."""
    said = page.locator("#records").inner_text()
    found = re.search(r"显示 ([\d\u202f]+) / ([\d\u202f]+)", said)
    assert found is not None, said
    return int(found[1].replace("\u202f", "")), int(found[2].replace("\u202f", ""))


def test_a_doctor_reads_a_life_with_the_keyboard(desk: Desk) -> None:
    with desk.page() as page:
        page.goto("/")
        expect(page).to_have_url(re.compile("/lifelong$"))
        page.locator("body").click()
        page.keyboard.press("/")
        page.keyboard.type("wenzhixia")
        page.keyboard.press("Enter")
        expect(page.locator("#found")).to_contain_text("找到")
        page.keyboard.press("j")
        expect(page.locator(".people .who").first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".banner")).to_contain_text("温知夏")
        expect(page.locator(".banner .tag.solid")).to_contain_text("青霉素")
        take_picture(page, PICTURES / "life-1440.png", full_page=True)


def test_a_filter_applies_at_once_and_its_address_can_be_shared(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(life)
        before, total = shown(page)
        with page.expect_response(lambda answer: "chosen=1" in answer.url):
            page.get_by_label(re.compile("^检验")).uncheck()
        expect(page).to_have_url(re.compile("chosen=1"))
        after, still = shown(page)
        assert after < before
        assert still == total
        page.reload()
        assert shown(page) == (after, total)
        expect(page.get_by_label(re.compile("^检验"))).not_to_be_checked()


def test_a_filter_says_what_it_left_and_everything_on_the_page_follows_it(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(life)
        status = page.locator("#told")
        expect(status).to_have_role("status")
        expect(status).to_be_empty()
        page.get_by_label(re.compile("^检验")).uncheck()
        expect(status).to_contain_text(re.compile("^显示 "))
        expect(page.get_by_label(re.compile("^检验"))).to_be_focused()
        assert shown(page)[0] == int(re.findall(r"\d+", status.inner_text())[0])
        page.get_by_role("link", name=re.compile("^婴幼儿")).click()
        expect(page).to_have_url(re.compile("chosen=1.*phase=infancy"))
        expect(page.get_by_label(re.compile("^检验"))).not_to_be_checked()


def test_a_resident_leaves_out_a_source_and_everything_follows(desk: Desk, life: str) -> None:
    with desk.page(width=390, look="light.citizen.off") as page:
        page.goto(life)
        before = shown(page)[0]
        page.locator("summary", has_text="来源").first.click()
        page.get_by_role("group", name="来源").get_by_role("checkbox").first.uncheck()
        expect(page.locator("#told")).to_contain_text("显示")
        assert shown(page)[0] < before
        page.get_by_role("link", name="化验").click()
        expect(page.locator("details[open] input[name=source]").first).not_to_be_checked()


def test_the_way_back_keeps_filter_and_phase(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(f"{life}?phase=infancy")
        page.get_by_label(re.compile("^检验")).uncheck()
        expect(page.locator("#told")).not_to_be_empty()
        before, address = shown(page), page.url
        page.locator(".tl .title").first.click()
        page.get_by_role("link", name="修改历史").click()
        page.get_by_role("link", name="回到一生").click()
        expect(page.locator("#records")).to_be_visible()
        assert sorted(parse_qsl(urlsplit(page.url).query)) == sorted(parse_qsl(urlsplit(address).query))
        assert shown(page) == before


@pytest.mark.parametrize("scripts", [True, False])
def test_boxes_and_list_agree_after_going_back(desk: Desk, life: str, *, scripts: bool) -> None:
    with desk.page(scripts=scripts) as page:
        page.goto(life)
        before = shown(page)
        page.get_by_label(re.compile("^检验")).uncheck()
        page.locator(".tl .title").first.click()
        expect(page.locator("h1")).to_be_visible()
        page.go_back()
        expect(page.get_by_label(re.compile("^检验"))).to_be_checked()
        assert shown(page) == before


def test_the_life_strip_leads_to_a_phase_and_back(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(life)
        total = shown(page)[0]
        page.get_by_role("link", name=re.compile("^婴幼儿")).click()
        expect(page.locator("h3.phase")).to_have_count(1)
        assert shown(page)[0] < total
        page.get_by_role("link", name="看整个一生").click()
        assert shown(page)[0] == total


def test_a_chart_is_chosen_pointed_at_and_read_as_a_table(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(life)
        choice = page.get_by_label("看哪一项")
        choice.select_option(str(choice.locator("option", has_text="体重").first.get_attribute("value")))
        expect(page.locator("#trend")).to_contain_text("体重")
        chart = page.locator("tianfu-chart")
        chart.focus()
        page.keyboard.press("ArrowLeft")
        expect(chart.get_by_role("status")).to_contain_text("kg")
        page.get_by_role("link", name="放大看").click()
        expect(page.locator("table tbody tr").first).to_be_visible()
        take_picture(page, PICTURES / "trend-1440.png", full_page=True)


@pytest.mark.parametrize("place", ["", "/trend"])
def test_a_chart_is_chosen_with_the_keyboard(desk: Desk, life: str, place: str) -> None:
    with desk.page() as page:
        page.goto(f"{life}{place}")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if "measure=" in request.url else None)
        menu = page.get_by_label("看哪一项")
        menu.focus()
        for _ in range(3):
            page.keyboard.press("ArrowDown")
        chosen = menu.input_value()
        page.wait_for_timeout(400)
        assert asked == []
        page.keyboard.press("Enter")
        expect(page.locator("#told")).to_contain_text("最近一次")
        expect(menu).to_be_focused()
        assert menu.input_value() == chosen
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="显示", exact=True)).to_be_focused()
        expect(menu).not_to_have_value(chosen)
        assert len(set(asked)) == len(asked) == 2
        page.keyboard.press("Enter")
        page.wait_for_timeout(400)
        expect(page.get_by_role("button", name="显示", exact=True)).to_be_focused()
        page.reload()
        expect(menu).not_to_have_value(chosen)


def test_an_entry_opens_its_record_and_its_history(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(life)
        page.get_by_role("link", name="血脂四项").first.click()
        expect(page.locator("h1")).to_contain_text("血脂四项")
        expect(page.locator(".banner")).to_contain_text("温知夏")
        take_picture(page, PICTURES / "record-1440.png", full_page=True)
        page.get_by_role("link", name="修改历史").click()
        expect(page.locator("h1")).to_contain_text("修改历史")
        expect(page.locator(".versions")).to_contain_text("第 1 版")
        page.get_by_role("link", name="回到一生").click()
        expect(page.locator("#records")).to_be_visible()


def test_the_language_changes_where_one_is_and_stays(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(f"{life}?kind=result")
        page.get_by_role("link", name="EN English").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")
        expect(page.locator("#records")).to_contain_text("showing")
        assert "kind=result" in page.url
        page.goto("/lifelong")
        expect(page.locator("h1")).to_have_text("Find a person")


def test_elder_mode_is_one_press_and_stays(desk: Desk, life: str) -> None:
    with desk.page(width=390, look="light.citizen.off") as page:
        page.goto(life)
        size = "parseFloat(getComputedStyle(document.body).fontSize)"
        small = page.evaluate(size)
        page.get_by_role("button", name="长辈版").click()
        expect(page.locator("html")).to_have_attribute("data-elder", "on")
        assert page.evaluate(size) > small * 1.2
        assert page.url.endswith(life)


def test_everything_works_without_scripts(desk: Desk, life: str) -> None:
    with desk.page(scripts=False) as page:
        page.goto("/lifelong")
        page.locator("#who").fill("温知夏")
        page.get_by_role("button", name="查找").click()
        page.locator(".people .who").first.click()
        before, _ = shown(page)
        page.get_by_label(re.compile("^检验")).uncheck()
        page.get_by_role("button", name="按此筛选").click()
        assert shown(page)[0] < before
        page.get_by_role("link", name="再看更早的").click()
        expect(page.get_by_role("link", name="回到最新的")).to_be_visible()
        page.get_by_text("看成表格").click()
        expect(page.locator("#trend-part table, [data-part=trend] table").first).to_be_visible()


def test_a_page_on_paper_keeps_the_person_and_loses_the_tools(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(life)
        page.emulate_media(media="print")
        expect(page.locator(".banner .name")).to_be_visible()
        for tool in (".rail", ".switches", ".filter form", ".trendform"):
            expect(page.locator(tool).first).to_be_hidden()


HEAD_GLYPHS_MIN = 30


def glyphs_of_pages(pdf: bytes) -> list[bytes]:
    """The glyphs of each page in the order of drawing, without their places."""
    pages = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        with suppress(zlib.error):
            pages.append(b"".join(re.findall(rb"<[0-9A-F]+> Tj", zlib.decompress(stream))))
    return [page for page in pages if page]


def repeated(pages: list[bytes]) -> bool:
    """Whether a run as long as a running head is drawn on every page."""
    glyphs = re.findall(rb"<[0-9A-F]+> Tj", pages[1])
    runs = (b"".join(glyphs[start : start + HEAD_GLYPHS_MIN]) for start in range(len(glyphs) - HEAD_GLYPHS_MIN))
    return any(all(run in page for page in pages) for run in runs)


@pytest.mark.parametrize("look", ["light.clinician.off", "night.citizen.on"])
def test_every_printed_page_says_whose_it_is(desk: Desk, life: str, look: str) -> None:
    with desk.page(look=look) as page:
        page.goto(life)
        pages = glyphs_of_pages(page.pdf(prefer_css_page_size=True))
        page.emulate_media(media="print")
        head = re.sub(r"\s", "", page.locator(".running").inner_text())
        facts = [re.sub(r"\s", "", fact) for fact in page.locator(".banner .fact").all_inner_texts()[:4]]
    assert len(pages) > 2
    for said in ("温知夏", *facts, "打印于"):
        assert said in head
    assert repeated(pages)


def test_the_life_strip_is_whole_on_paper(desk: Desk, life: str) -> None:
    with desk.page(width=703) as page:  # A4 between its margins
        page.goto(life)
        page.emulate_media(media="print")
        strip, paper = page.locator(".ribbon").bounding_box(), page.locator("main").bounding_box()
    assert strip is not None
    assert paper is not None
    assert strip["x"] + strip["width"] <= paper["x"] + paper["width"] + 1


def test_no_name_or_number_reaches_the_log(desk: Desk, life: str, installation: Installation) -> None:
    with desk.page() as page:
        page.goto("/lifelong")
        page.locator("#who").fill("温知夏 wenzhixia 1991")
        page.get_by_role("button", name="查找").click()
        page.goto(life)
        tail = page.locator(".banner .fact", has_text="身份证尾号").inner_text()[-4:]
    log = installation.log.read_text("utf-8")
    for secret in ("温知夏", "wenzhixia", "%E6%B8%A9", tail, life.rpartition("/")[2]):
        assert secret not in log
