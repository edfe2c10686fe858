"""A nurse's round of visits in a browser: on a telephone by touch, and at a desk by the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.journeys.conftest import DOCUMENTS, Desk
from tests.journeys.entering import press
from tests.journeys.filled_ward import filled_ward
from tests.journeys.looking import look_at
from tests.pictures import take_picture
from tianfu.kernel.instants import china_date, system_clock

pytestmark = pytest.mark.slow  # imports a small demo province, and serves it

BEDS = 10
"""For each of two journeys one that is shown, one that is declined, two checked after one another, and one whose visit
the head nurse declines."""

WORDS = "<b>看不清她的脸</b>"
NOTE = "今天吃了 12 ml，体温平稳。"

DESK_WIDTH = 1200
"""From here on the round stands beside the bed."""

TABS_MAX = 80
HAPPENS_MILLISECONDS = 60_000
"""Generous: a camera's first picture, or the next look at what is booked."""

NIGHT = "night.clinician.off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A nurse's screen, and how she works at it."""

    width: int
    language: str
    look: str
    by_keyboard: bool
    bed: int
    declined: int
    row: tuple[int, int]
    head: int

    @property
    def shown(self) -> dict[str, Any]:
        """How her pages are opened."""
        return {"width": self.width, "language": self.language, "look": self.look}

    def deed(self, control: Locator) -> None:
        """Do what a control does, and wait for the page to which it leads."""
        if not self.by_keyboard:
            press(control)
            return
        page = control.page
        for _ in range(TABS_MAX):
            if control.evaluate("control => control === document.activeElement"):
                with page.expect_navigation():
                    page.keyboard.press("Enter")
                return
            page.keyboard.press("Tab")
        pytest.fail(f"no key leads to {control}")

    def choose(self, control: Locator) -> None:
        """Choose one of several."""
        if not self.by_keyboard:
            control.check()
            return
        page, group = control.page, control.get_attribute("name")
        for _ in range(TABS_MAX):
            if page.evaluate("group => document.activeElement.name === group", group):
                break
            page.keyboard.press("Tab")
        for _ in range(TABS_MAX):
            if control.is_checked():
                return
            page.keyboard.press("ArrowDown")
        pytest.fail(f"no key chooses {control}")


JOURNEYS = (
    Journey(width=320, language="zh-CN", look=NIGHT, by_keyboard=False, bed=0, declined=2, row=(4, 6), head=8),
    Journey(
        width=1440,
        language="en",
        look="light.clinician.off",
        by_keyboard=True,
        bed=1,
        declined=3,
        row=(5, 7),
        head=9,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The ward behind `tianfu serve`, and what is printed at its beds."""

    desk: Desk
    booked: list[dict[str, str]]


@pytest.fixture(scope="module")
def ward(chromium: Browser) -> Iterator[Served]:
    """The made-up ward with its test cameras, and visits whose time has come."""
    with filled_ward() as filled:
        booked = filled.booked(BEDS)
        with filled.served(chromium) as desk:
            yield Served(desk=desk, booked=booked)


def eventually(page: Page, address: str, shown: str) -> None:
    """Look at a page again and again until something stands on it."""
    for _ in range(HAPPENS_MILLISECONDS // 1_000):
        page.goto(address)
        if page.locator(shown).count():
            return
        page.wait_for_timeout(1_000)
    pytest.fail(f"{address} never showed {shown}")


def is_in_view(control: Locator) -> bool:
    """Whether a finger reaches a control without scrolling, and nothing lies over it."""
    inside: bool = control.evaluate(
        """control => {
          const box = control.getBoundingClientRect();
          const above = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
          return box.top >= 0 && box.bottom <= innerHeight && control.contains(above);
        }"""
    )
    return inside


def at_bed(codes: dict[str, str]) -> str:
    """The address of a visit."""
    return f"/newborn/visits/{codes['visit']}"


def scan(page: Page, codes: dict[str, str]) -> None:
    """Scan the three codes on the bed's page: each goes by itself, as a scanner ends with a return."""
    for field in ("wristband", "bed", "camera"):
        expect(page.locator("input[data-scan]").first).to_be_focused()
        page.locator(f"input[name={field}]").fill(codes[field])
        with page.expect_navigation():
            page.locator(f"input[name={field}]").press("Enter")
        expect(page).to_have_url(re.compile("done=scanned"))


def check_again(
    page: Page, ward: Served, journey: Journey, at: str, codes: dict[str, str], name: Callable[[str], str] | None = None
) -> None:
    """Scan the three codes on the bed's page and have the second nurse confirm on hers; with a name, look at both."""
    scan(page, codes)
    if name:
        look_at(page, name("scanned"))
    with ward.desk.page(role="second-nurse", **journey.shown) as second:
        second.goto(at)
        if name:
            look_at(second, name("second"))
        journey.deed(second.locator(f"form[action='{at}/confirm'] button"))
        expect(second).to_have_url(re.compile("done=armed"))
    page.goto(at)


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda each: f"{each.width}-{each.language}")
def test_a_nurse_checks_opens_draws_goes_on_holds_and_declines(ward: Served, journey: Journey) -> None:
    codes = ward.booked[journey.bed]
    at, name = at_bed(codes), f"nurse-{{}}-{journey.language}".format
    with ward.desk.page(role="ward-nurse", is_refused=True, **journey.shown) as page:
        eventually(page, "/newborn/ward", "[data-part=cameras] .tag.good >> nth=11")
        look_at(page, name("ward"))
        eventually(page, at, "[data-part=check]")
        page.goto("/newborn/round")
        expect(page.locator(".rail [aria-current]")).to_be_in_viewport(ratio=1)
        look_at(page, name("round"))
        journey.deed(page.locator(f"a[href='{at}']"))
        assert page.request.get(at).headers["permissions-policy"].startswith("camera=(self)")
        look_at(page, name("bed"))
        check_again(page, ward, journey, at, codes, name)
        assert page.request.get(at).headers["permissions-policy"].startswith("camera=()")
        journey.deed(page.locator(f"form[action='{at}/open'] button"))
        expect(page).to_have_url(re.compile("done=opened"))
        look_at(page, name("live"))
        curtain = page.locator(".curtain .shieldbtn")
        for part in (0, 0.5, 1):
            page.evaluate("part => scrollTo(0, part * document.documentElement.scrollHeight)", part)
            assert is_in_view(curtain), part
        page.locator("[data-view=turn]").press("Enter")
        expect(page.locator("[data-view=video]")).to_be_visible(timeout=HAPPENS_MILLISECONDS)
        expect(page.locator("[data-view=heard]")).to_be_visible()  # nobody of the family is there
        page.locator("[data-view=hold]").scroll_into_view_if_needed()
        assert is_in_view(curtain), "beside the picture, too"
        if journey.width >= DESK_WIDTH:
            page.set_viewport_size({"width": journey.width, "height": 1_300})
            page.evaluate("scrollTo(0, 0)")
            take_picture(page, DOCUMENTS / "nurse-bed-desk.png")
        look_at(page, name("view"))
        page.goto("/newborn/round")
        look_at(page, name("round-live"))
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        assert is_in_view(page.locator("[data-part=curtains] button").first)
        journey.deed(page.locator(f"form[action='{at}/shield'] button"))
        expect(page).to_have_url(re.compile("done=shielded"))
        journey.deed(page.locator("button[name=reason][value=feeding]"))
        expect(page.locator("button[name=reason][value=feeding]")).to_have_attribute("aria-pressed", "true")
        look_at(page, name("shielded"))
        journey.deed(page.locator(f"form[action='{at}/open'] button"))
        expect(page).to_have_url(re.compile("done=opened"))
        journey.deed(page.locator("[data-part=camera-moved] button"))
        expect(page).to_have_url(re.compile("done=camera-moved"))
        expect(page.locator("[data-part=check]")).to_be_visible()
        expect(page.locator(f"form[action='{at}/open']")).to_have_count(0)
        journey.deed(page.locator("button[name=reason][value=better-view]"))
        expect(page.locator("button[name=reason][value=better-view]")).to_have_attribute("aria-pressed", "true")
        look_at(page, name("camera-moved"))
        check_again(page, ward, journey, at, codes)
        journey.deed(page.locator(f"form[action='{at}/open'] button"))
        expect(page).to_have_url(re.compile("done=opened"))
        beside = ".roundside a:not([aria-current])" if journey.width >= DESK_WIDTH else "nav.beds a[rel]"
        journey.deed(page.locator(beside).last)
        assert at not in page.url
        page.goto("/newborn/ward")
        look_at(page, name("ward-live"))
        journey.deed(page.locator("form[action$='/hold'] button"))
        expect(page.locator("[data-part=curtains]")).to_have_count(0)
        look_at(page, name("held"))
        page.goto(at)
        expect(page.locator("button[name=reason]").first).to_be_visible()
        journey.deed(page.locator(f"form[action='{at}/open'] button"))
        expect(page.locator("[role=alert]")).to_be_visible()
        page.goto("/newborn/ward")
        journey.deed(page.locator("form[action$='/release'] button"))
        expect(page).to_have_url(re.compile("done=released"))
        declined = at_bed(ward.booked[journey.declined])
        page.goto(declined)
        journey.choose(page.locator("input[name=reason][value=baby-needs-rest]"))
        journey.deed(page.locator(f"form[action='{declined}/decline'] button"))
        expect(page).to_have_url(re.compile("done=declined"))
        look_at(page, name("declined"))


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda each: f"{each.width}-{each.language}")
def test_a_nurse_checks_two_beds_in_a_row_answers_writes_and_ends(ward: Served, journey: Journey) -> None:
    row = [ward.booked[each] for each in journey.row]
    at, name = at_bed(row[0]), f"nurse-{{}}-{journey.language}".format
    with (
        ward.desk.page(role="ward-nurse", **journey.shown) as page,
        ward.desk.page(role="mother", **{**journey.shown, "look": ""}, is_refused=True) as mother,
    ):
        eventually(page, "/newborn/ward", "[data-part=cameras] .tag.good >> nth=11")
        for codes in row:
            eventually(page, at_bed(codes), "[data-part=check]")
            scan(page, codes)
        with ward.desk.page(role="second-nurse", **journey.shown) as second:
            for codes in row:
                second.goto("/newborn/round")
                journey.deed(second.locator(f"a[href='{at_bed(codes)}']"))
                journey.deed(second.locator(f"form[action='{at_bed(codes)}/confirm'] button"))
                expect(second).to_have_url(re.compile("done=armed"))
        for codes in row:
            page.goto("/newborn/round")
            journey.deed(page.locator(f"a[href='{at_bed(codes)}']").first)
            journey.deed(page.locator(f"form[action='{at_bed(codes)}/open'] button"))
            expect(page).to_have_url(re.compile("done=opened"))
        page.goto("/newborn/round")
        for codes in row:
            expect(page.locator(f"form[action='{at_bed(codes)}/shield'] button")).to_be_visible()
        mother.goto(f"/newborn/watch/{row[0]['visit']}")
        mother.locator("[data-watch=words]").fill(WORDS)
        mother.locator("[data-question=cannot-see]").click()
        expect(mother.locator("[data-watch=call]")).to_have_attribute("data-state", "waiting")
        page.goto("/newborn/round")
        look_at(page, name("round-called"))
        page.goto(at)
        expect(page.locator("[data-part=call]")).to_contain_text(WORDS)
        look_at(page, name("called"))
        journey.deed(page.locator("[data-part=call] button[value=moving]"))
        expect(page).to_have_url(re.compile("done=answered"))
        expect(mother.locator("[data-watch=ask]")).to_be_visible(timeout=HAPPENS_MILLISECONDS)
        _note(ward, page, mother, journey, at)
        page.goto(at)
        journey.deed(page.locator(f"form[action='{at}/end'] button"))
        expect(page).to_have_url(re.compile("done=ended"))
        expect(page.locator("[data-part=sound], form[action$='/decline']")).to_have_count(0)
        look_at(page, name("ended"))
        expect(mother.locator("#ended")).to_be_visible(timeout=HAPPENS_MILLISECONDS)
        look_at(mother, f"mother-ended-{journey.language}")


def _note(ward: Served, page: Page, mother: Page, journey: Journey, at: str) -> None:
    """How the baby is, in the nurse's words; the family reads it once a doctor has approved it, and not before."""
    page.locator("#text").fill(NOTE)
    journey.deed(page.locator(f"form[action='{at}/notes'] button"))
    expect(page).to_have_url(re.compile("done=noted"))
    look_at(page, f"nurse-noted-{journey.language}")
    with ward.desk.page(role="neonatologist", **{**journey.shown, "look": ""}) as doctor:
        doctor.goto(at)
        look_at(doctor, f"doctor-note-{journey.language}")
        mother.reload()
        expect(mother.locator("#note")).to_have_count(0)
        journey.deed(doctor.locator(f"form[action^='{at}/notes/'] button"))
        expect(doctor).to_have_url(re.compile("done=approved"))
    mother.reload()
    expect(mother.locator("[aria-labelledby=note]")).to_contain_text(NOTE)
    look_at(mother, f"mother-note-{journey.language}")


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda each: f"{each.width}-{each.language}")
def test_the_head_nurse_declines_sets_windows_and_reads_how_visits_were_shared(ward: Served, journey: Journey) -> None:
    name, at = f"head-{{}}-{journey.language}".format, at_bed(ward.booked[journey.head])
    with ward.desk.page(role="head-nurse", **{**journey.shown, "look": ""}, is_refused=True) as page:
        eventually(page, at, "[data-part=check]")
        journey.choose(page.locator("input[name=reason][value=ward-is-busy]"))
        journey.deed(page.locator(f"form[action='{at}/decline'] button"))
        expect(page).to_have_url(re.compile("done=declined"))
        page.goto("/newborn/ward")
        look_at(page, name("ward"))
        links = page.locator("[data-part=leads] a")
        leads = [each.get_attribute("href") or "" for each in links.all()]
        assert leads == [
            "/newborn/desk",
            "/newborn/desk/windows",
            "/newborn/desk/report",
            "/newborn/workload",
            "/newborn/cameras",
        ]
        page.goto("/newborn/desk")
        look_at(page, name("desk"))
        page.goto("/newborn/desk/windows")
        numbers = {"slot_minutes": 20, "gap_minutes": 10, "at_once": 2, "days_ahead": 7, "per_baby_a_day": 2}
        numbers |= {"cancel_minutes": 60, "invited_max": 3, "nurse_minutes": 90, "nurse_at_once": 20}
        page.locator("#from_day").fill(china_date(system_clock()).isoformat())
        for field, value in numbers.items():
            page.locator(f"#{field}").fill(str(value))
        page.locator("#windows").fill("noon")
        journey.deed(page.locator("main form button.main"))
        expect(page.locator("#windows-error")).to_be_visible()
        look_at(page, name("windows-faulty"))
        page.locator("#windows").fill("1-7 00:00-24:00")
        journey.deed(page.locator("main form button.main"))
        expect(page).to_have_url(re.compile("done=set"))
        look_at(page, name("windows"))
        page.goto("/newborn/desk/report")
        expect(page.locator("[aria-labelledby=why] li")).not_to_have_count(0)
        look_at(page, name("report"))
        page.goto("/newborn/workload")
        look_at(page, name("workload"))
        page.goto("/newborn/desk/wordings/bo")
        look_at(page, name("wordings"))
    with ward.desk.page(role="ward-nurse", width=320) as page:
        page.goto("/newborn/ward")
        expect(page.locator("[data-part=leads]")).to_have_count(0)
