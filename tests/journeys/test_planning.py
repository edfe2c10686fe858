"""A physicist plans in a browser: everything is chosen, the histogram moves, a plan is stopped, varied and compared.

Everything is real: the served installation, its job workers, its sealed files; the plan is a small one of a made case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from demo.radiotherapy.objects import write_case, written
from demo.radiotherapy.showing import show_machine
from playwright.sync_api import Page, expect

from tests.journeys.conftest import Desk, Installation
from tests.journeys.entering import press
from tests.journeys.planning import (
    CHOSEN,
    FIGURES,
    FLUENCE,
    RADIOS,
    TEMPLATE,
    WAIT_MS,
    Reader,
    ask,
    fill,
    finished,
    fluence_done,
    keep_beams,
    kill_worker,
    look_until,
    make,
    not_chosen,
    reach,
    standing_still,
    workers,
)
from tests.radiotherapy_plan import small_case

pytestmark = pytest.mark.slow  # a browser, a whole installation, and plans that are computed

BEAMS_ALL = 9
"""Of the template: their plan takes some seconds, in which it is seen, stopped or loses its program."""

HEAR = f"""() => {{
  const part = document.querySelector("[data-part=planning]");
  const tell = () => heard(part.querySelector("[data-moves=left]").textContent,
                           part.querySelector(".rtstages > li:nth-child({FLUENCE})").className);
  new MutationObserver(tell).observe(part, {{childList: true, subtree: true}});
}}"""
"""Tells whenever the page shows something else what it says of the try, and how it stands with the fluence."""


@pytest.fixture(scope="module")
def home(installation: Installation) -> Path:
    """The installation's, with the made-up machine where pages look for machines."""
    home = Path(installation.environment["TIANFU_HOME"])
    show_machine(home)
    return home


@pytest.fixture(scope="module")
def case(desk: Desk, home: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a small case that was sent and taken in."""
    folder = tmp_path_factory.mktemp("case")
    write_case(written(small_case(radius_mm=25.0)), folder)
    with desk.page(role="physicist") as page:
        page.goto("/radiotherapy")
        press(page.locator("form[action='/radiotherapy/deliveries'] button"))
        page.locator("[data-sending=folder]").set_input_files(folder)
        page.locator("[data-sending=send]").click()
        page.locator("form[action$='/take-in'] button").click(timeout=WAIT_MS)
        page.wait_for_url(re.compile("/radiotherapy/cases/"), timeout=WAIT_MS)
        return page.url


def reading(desk: Desk, language: str, *, is_refused: bool) -> Iterator[Reader]:
    """A physicist's page; whatever was wrong with one on the way is told at its end."""
    with desk.page(role="physicist", look="", language=language, is_refused=is_refused) as page:
        reader = Reader(page=page, language=language)
        yield reader
    assert reader.wrong == []


@pytest.fixture
def chinese(desk: Desk) -> Iterator[Reader]:
    """Reads Chinese; a form that is not filled in is refused on the way."""
    yield from reading(desk, "zh-CN", is_refused=True)


@pytest.fixture
def english(desk: Desk) -> Iterator[Reader]:
    """Reads English."""
    yield from reading(desk, "en", is_refused=False)


def test_a_plan_is_chosen_watched_looked_at_varied_and_compared(chinese: Reader, case: str) -> None:
    page, look = chinese.page, chinese.look
    page.goto(case)
    press(page.locator("[data-part=planning] a.main"))
    expect(page.locator("[name=template]:checked")).to_have_count(0)
    look("templates")
    page.check(f"[name=template][value={TEMPLATE}]")
    press(page.locator("[data-part=templates] button"))
    not_chosen(page)
    look("form")
    press(page.locator("[name=deed][value=make]"))
    for at in ("name", *CHOSEN, *RADIOS, "confirmed"):
        expect(page.locator(f".nhsuk-error-summary a[href='#{at}']")).to_have_count(1)
    not_chosen(page)
    look("refused")
    fill(page, "Nine beams", beams=BEAMS_ALL)
    make(page)
    watch_it_move(page)
    with standing_still(page):
        look("moving")
    first = finished(page)
    look("plan")
    press(page.locator(f"a[href$='{first.rpartition('/')[2]}/look']"))
    expect(page.locator(".rtplanes [data-plane]")).to_have_count(3)
    look("images")
    page.goto(first)
    press(page.locator("a[href*='/plan?variant=']"))
    expect(page.locator("#machine")).to_have_value(CHOSEN["machine"])
    expect(page.locator("#confirmed")).not_to_be_checked()
    look("variant")
    page.fill("#name", "Three beams")
    keep_beams(page, 3)
    make(page)
    finished(page)
    page.select_option("#with", first.rpartition("/")[2])
    press(page.locator("[data-part=others] button"))
    expect(page.locator("[data-part=both] tbody tr").first).to_contain_text("Three beams")
    expect(page.locator("[data-part=differences] tbody tr")).to_have_count(3)
    look("compared")
    press(page.locator("header a[href*='/plans-compared/look']"))
    expect(page.locator(".rtpicture")).to_have_count(6)
    look("images-of-both")


def watch_it_move(page: Page) -> None:
    """The stage is spoken of, and both the drawing and its figures become others while the page stays."""
    figures, drawing = page.locator(FIGURES), page.locator("[data-moves=curves] svg").first
    expect(figures.locator("tr")).not_to_have_count(0, timeout=WAIT_MS)
    before, drawn = figures.text_content(), drawing.inner_html()
    assert before
    expect(figures).not_to_have_text(before, timeout=WAIT_MS)
    assert drawing.inner_html() != drawn
    expect(page.locator("#doing")).not_to_be_empty()


def test_a_plan_is_stopped_by_keys_and_the_case_is_as_it_was(english: Reader, case: str) -> None:
    page, look = english.page, english.look
    page.goto(case)
    before = contents(page)
    ask(page, case, "Stopped", beams=BEAMS_ALL)
    look_until(page, page.locator(f"{FIGURES} tr"))
    reach(page.locator("[data-part=stop] summary"))
    page.keyboard.press("Enter")
    reach(page.locator("[data-part=stop] button"))
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("[data-part=planning]")).to_have_attribute("data-state", "cancelled")
    expect(page.locator("[data-part=planning]")).to_contain_text("The case was not changed.")
    look("stopped")
    page.goto(case)
    assert contents(page) == before
    page.goto(f"{case}/plans")
    expect(page.locator("[data-part=made-plans] li").first).to_contain_text("stopped")
    look("plans")


def contents(page: Page) -> list[str]:
    """What a case's page says that the case holds."""
    told = [page.locator(f"section[aria-labelledby={at}]").inner_text() for at in ("plans", "structures", "judge")]
    return [*told, page.locator(".rtpatient").inner_text()]


def test_a_plan_whose_program_is_killed_is_finished_from_its_last_step(english: Reader, case: str, home: Path) -> None:
    page, look = english.page, english.look
    heard: list[tuple[str, str]] = []
    page.expose_function("heard", lambda left, stands: heard.append((left, stands)))
    ask(page, case, "Killed", beams=BEAMS_ALL)
    look_until(page, fluence_done(page))
    killed = kill_worker(home)
    page.evaluate(HEAR)
    again = page.locator("[data-moves=left]", has_text="try 2 of 3")
    again.wait_for(timeout=WAIT_MS)
    with standing_still(page):
        look("taken-up")
    finished(page)
    stands = {fluence for left, fluence in heard if "try 2 of 3" in left}
    assert stands == {"done"}, heard
    assert workers(home) not in ([], [killed])
