"""Every page at every width and look: no serious finding of axe, nothing sideways, light enough for a far village.

Rules of axe: https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import AXE, PICTURES, Desk
from tests.pictures import take_picture

pytestmark = pytest.mark.slow  # a browser and a whole installation

WIDTHS = (320, 390, 768, 1440)
LOOKS = ("light.{}.off", "dark.{}.off", "night.{}.off", "light.{}.on")
CITIZEN_BYTES_MAX = 100_000
CLINICIAN_BYTES_MAX = 250_000
SCRIPT_BYTES_MAX = 25_000


def findings(page: Page) -> list[str]:
    """What axe calls serious or critical, with the first place of each."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text("utf-8"))
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']} at {each['nodes'][0]['target']}: {each['nodes'][0]['failureSummary']}"
        for each in result["violations"]
        if each["impact"] in ("serious", "critical")
    ]


def overflow(page: Page) -> int:
    """How far the page reaches beyond its window."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


@pytest.mark.parametrize("density", ["clinician", "citizen"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_life_is_readable_by_everybody(desk: Desk, life: str, density: str, width: int) -> None:
    wrong: dict[str, object] = {}
    for look in (pattern.format(density) for pattern in LOOKS):
        with desk.page(width=width, look=look) as page:
            page.goto(life)
            found = findings(page)
            if found or overflow(page):
                wrong[look] = found, overflow(page)
            take_picture(page, PICTURES / f"life-{look}-{width}.png", full_page=True)
    assert wrong == {}


@pytest.mark.parametrize("width", [320, 390])
@pytest.mark.parametrize("look", ["light.clinician.off", "light.citizen.off", "light.clinician.on", "light.citizen.on"])
def test_a_phone_tells_who_it_is_and_leaves_room_to_read(desk: Desk, life: str, look: str, width: int) -> None:
    with desk.page(width=width, look=look) as page:
        page.set_viewport_size({"width": width, "height": 640})
        page.goto(life)
        for said in ("性别", "年龄", "出生", "身份证尾号", "血型"):
            expect(page.locator(".banner .fact", has_text=said)).to_be_visible()
        page.evaluate("scrollTo(0, 900)")
        for stays in (".banner .name", ".banner .tag.solid"):
            expect(page.locator(stays).first).to_be_in_viewport(ratio=1)
        covered = page.evaluate(
            """[...document.querySelectorAll('.banner, .banner > .head, .tabbar')]
              .map((one) => [getComputedStyle(one), one.getBoundingClientRect()])
              .filter(([style]) => ['sticky', 'fixed'].includes(style.position) && style.display !== 'contents')
              .reduce((sum, [, box]) => sum + box.height, 0)"""
        )
    assert 0 < covered < 640 * 0.4


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("look", ["light.clinician.off", "light.citizen.on"])
def test_limits_of_a_chart_are_whole_on_a_phone(desk: Desk, life: str, look: str, language: str) -> None:
    with desk.page(width=320, look=look, language=language) as page:
        for address in (life, f"{life}/trend"):
            page.goto(address)
            page.wait_for_timeout(100)
            cut = page.evaluate(
                """(() => { const edge = document.querySelector('tianfu-chart').getBoundingClientRect();
                  return [...document.querySelectorAll('.chart .limit + text')]
                    .map((words) => [words.textContent, words.getBoundingClientRect()])
                    .filter(([, box]) => box.left < edge.left - 1 || box.right > edge.right + 1)
                    .map(([words]) => words) })()"""
            )
            assert cut == []


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("width", [320, 1440])
def test_other_pages_are_readable_by_everybody(desk: Desk, life: str, language: str, width: int) -> None:
    wrong: dict[str, object] = {}
    with desk.page() as page:
        page.goto(life)
        record = page.locator(".tl .title").first.get_attribute("href")
    for path in ("/lifelong", f"{life}/trend", str(record), f"{record}/history", "/preferences"):
        for look in ("light.clinician.off", "night.citizen.on"):
            with desk.page(width=width, look=look, language=language) as page:
                page.goto(path)
                found = findings(page)
                if found or overflow(page):
                    wrong[f"{path} {look}"] = found, overflow(page)
    assert wrong == {}


def test_a_form_with_a_mistake_takes_the_reader_to_what_is_wrong(desk: Desk) -> None:
    with desk.page(language="", is_refused=True) as page:
        page.goto("/lifelong")
        page.get_by_label("年", exact=True).fill("0000")
        page.get_by_role("button", name="查找").click()
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        assert findings(page) == []
        page.get_by_role("link", name="EN English").click()
        expect(page.locator(".nhsuk-error-summary")).to_contain_text("Write a year")
        expect(page.get_by_label("Year", exact=True)).to_have_value("0000")


def test_an_error_is_readable_by_everybody(desk: Desk) -> None:
    with desk.page(is_refused=True) as page:
        assert page.goto("/nowhere").status == 404  # type: ignore[union-attr]  # there is an answer
        assert findings(page) == []


def weigh(page: Page, *paths: str) -> tuple[int, int]:
    """Bytes over the wire for a visit to these pages with an empty cache: all, and scripts alone."""
    sizes: dict[str, int] = {}
    kinds: dict[str, str] = {}
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.on("Network.responseReceived", lambda event: kinds.__setitem__(event["requestId"], event["type"]))
    wire.on("Network.loadingFinished", lambda event: sizes.__setitem__(event["requestId"], event["encodedDataLength"]))
    for path in paths:
        page.goto(path, wait_until="networkidle")
    scripts = sum(int(sizes.get(request, 0)) for request, kind in kinds.items() if kind == "Script")
    return int(sum(sizes.values())), scripts


def test_a_citizens_way_to_their_life_fits_a_slow_line(desk: Desk, life: str) -> None:
    with desk.page(width=390, look="light.citizen.off") as page:
        total, scripts = weigh(page, "/lifelong", life)
    print(json.dumps({"citizen_flow_bytes": total, "script_bytes": scripts}))
    assert 0 < total < CITIZEN_BYTES_MAX
    assert 0 < scripts < SCRIPT_BYTES_MAX


def test_a_doctors_page_fits_the_ward_network(desk: Desk, life: str) -> None:
    with desk.page() as page:
        total, _ = weigh(page, life)
    print(json.dumps({"clinician_page_bytes": total}))
    assert 0 < total < CLINICIAN_BYTES_MAX


def test_links_to_records_are_large_enough_for_a_mouse(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto(life)
        heights = page.evaluate(
            "[...document.querySelectorAll('.tl .title')].map((one) => one.getBoundingClientRect().height)"
        )
    assert heights
    assert min(heights) >= 24


def test_targets_for_a_thumb_are_large_enough(desk: Desk, life: str) -> None:
    """WCAG 2.2, 2.5.8: 24 px; our own rule for citizens' buttons, chips and tabs: 44 and more."""
    with desk.page(width=390, look="light.citizen.off") as page:
        page.goto(life)
        small = page.evaluate(
            """[...document.querySelectorAll('.btn, .chip, .tabbar a, .switches a, .switches button, select')]
              .map((one) => [one.className, one.getBoundingClientRect()])
              .filter(([, box]) => box.height > 0 && box.height < 44).map(([name, box]) => name + ' ' + box.height)"""
        )
    assert small == []
