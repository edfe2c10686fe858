"""A journey for each role: in by the real page, the one thing it comes for, what is not its own is not there, and out.

Each is walked on a telephone or at a desk, in Chinese or in English; doctor and citizen in all four.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import NOBODY, PICTURES, Desk, Installation
from tests.journeys.entering import Entrance, press
from tests.journeys.test_for_everybody import findings, overflow
from tests.pictures import take_picture

pytestmark = pytest.mark.slow  # a browser and a whole installation

PATIENT = "解素芳"
"""She lies in the hospital at which all staff of the demonstration work, but for the township doctor."""

SIGNED = "柏若兰"
"""She signed with the township doctor, and was never in that hospital."""

DESK_WIDTH = 900
"""There all places stand above."""

LIFE = "/lifelong/people/"
PAGES = {
    "/lifelong": {
        *("doctor", "nurse", "township", "pharmacist", "physicist", "registrar", "steward", "researcher"),
        *("ward-nurse", "second-nurse", "head-nurse", "neonatologist", "expert"),
    },
    "/trust/emergency": {"doctor", "neonatologist", "expert"},
    "/trust/consents": {"citizen", "parent", "mother", "interpreter"},
    "/family": {"citizen", "parent", "mother", "interpreter"},
    "/newborn": {"citizen", "parent", "mother", "interpreter"},
    "/newborn/quality": {"administrator"},
    "/radiotherapy": {"physicist"},
    "/trust/reviews": {"officer"},
    "/trust/trail": {"officer"},
    "/administration/organisations": {"administrator"},
    "/administration/staff": {"security"},
}
"""Whose each page is, of those that somebody might type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One reader on the way: what was looked at and was not right is gathered, and fails the walk at its end."""

    page: Page
    role: str
    width: int
    language: str
    entrance: Entrance
    wrong: dict[str, object] = field(default_factory=dict)

    def look(self, name: str) -> None:
        """Take a picture of the whole page, ask axe about it, and see that nothing sticks out."""
        take_picture(self.page, PICTURES / f"role-{self.role}-{name}-{self.width}-{self.language}.png", full_page=True)
        found, wide = findings(self.page), overflow(self.page)
        if found or wide:
            self.wrong[f"{name} {self.page.url}"] = found, wide

    def open(self, path: str, name: str) -> None:
        """Go to a page that is there, and look at it."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == 200, path
        self.look(name)

    def find(self, who: str) -> None:
        """Look for somebody by name, as at the form."""
        self.page.goto("/lifelong")
        self.page.locator("#who").fill(who)
        press(self.page.locator("main form button.main").first)

    def read(self, who: str) -> None:
        """Find somebody and open the life."""
        self.find(who)
        self.look("found")
        press(self.page.locator(".people .who", has_text=who).first)
        assert LIFE in self.page.url
        expect(self.page.locator(".banner .name")).to_contain_text(who)
        self.look("life")


@contextmanager
def walk(desk: Desk, role: str, width: int, language: str) -> Iterator[Walk]:
    """Somebody comes for the first time: he has chosen a language and nothing else."""
    with desk.page(role=NOBODY, width=width, look="", language=language, is_refused=True) as page:
        walk = Walk(page=page, role=role, width=width, language=language, entrance=desk.entrance)
        yield walk
    assert walk.wrong == {}


def doctor(walk: Walk) -> None:
    """His patient's life, and nobody else's."""
    walk.read(PATIENT)
    walk.find(SIGNED)
    expect(walk.page.locator(".people .who")).to_have_count(0)
    walk.open("/trust/emergency", "emergency")


def nurse(walk: Walk) -> None:
    """A patient of the house in which she works."""
    walk.read(PATIENT)
    walk.find(SIGNED)
    expect(walk.page.locator(".people .who")).to_have_count(0)


def township(walk: Walk) -> None:
    """Somebody who signed a contract with him, and no patient of the hospital."""
    walk.read(SIGNED)
    walk.find(PATIENT)
    expect(walk.page.locator(".people .who")).to_have_count(0)


def beside(walk: Walk) -> None:
    """Those who work beside the ward find its patient, and of her what their work needs."""
    walk.read(PATIENT)
    expect(walk.page.locator(".tl .title").first).to_be_visible()


def steward(walk: Walk) -> None:
    """Who somebody is, and none of what happened to him."""
    walk.read(PATIENT)
    expect(walk.page.locator(".tl .title")).to_have_count(0)


def researcher(walk: Walk) -> None:
    """Nobody is found by name, because nobody's name is his to see."""
    walk.find(PATIENT)
    expect(walk.page.locator(".people .who")).to_have_count(0)
    walk.look("found")


def regulator(walk: Walk) -> None:
    """There is no page for him yet but his account: he begins there."""
    expect(walk.page).to_have_url(re.compile("/account$"))


def citizen(walk: Walk) -> None:
    """Her own life, who looked at it, what she agreed to."""
    page = walk.page
    expect(page.locator("html")).to_have_attribute("data-density", "citizen")
    expect(page.locator(".banner .name")).to_contain_text(walk.entrance.logins["citizen"].name)
    walk.look("life")
    walk.open("/trust", "ledger")
    expect(page.locator(".look").first).to_be_visible()
    press(page.locator("nav[aria-label] a[href$='/notices']").first)
    walk.look("notices")
    walk.open("/trust/consents", "consents")
    expect(page.locator(".consents .card").first).to_be_visible()
    walk.open("/family", "family")
    go_by_more(walk)


def go_by_more(walk: Walk) -> None:
    """On a telephone the fifth tab opens what has no room, by the keyboard too, and says when the reader is there."""
    page, more = walk.page, walk.page.locator(".tabbar .more")
    rest, summary = more.locator(".rest a"), more.locator("summary")
    if walk.width >= DESK_WIDTH:
        expect(more).not_to_be_visible()
        return
    expect(page.locator(".tabbar > a")).to_have_count(4)
    expect(rest.first).not_to_be_visible()
    summary.focus()
    page.keyboard.press("Enter")
    expect(rest.last).to_be_in_viewport(ratio=1)
    walk.look("more")
    page.keyboard.press("Tab")
    expect(rest.first).to_be_focused()
    address = rest.first.get_attribute("href")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"{address}$"))
    expect(summary).to_have_attribute("data-current", "yes")


def parent(walk: Walk) -> None:
    """From the family to the child's life, who looked at it, and back to it."""
    page = walk.page
    walk.open("/family", "family")
    press(page.locator("main a.btn[href^='/lifelong/people/']").first)
    child = page.url
    expect(page.locator(".banner .name")).not_to_contain_text(walk.entrance.logins["parent"].name)
    page.goto("/trust")
    own = page.locator("nav.family [aria-current]").inner_text()
    press(page.locator("nav.family a:not([aria-current])").first)
    assert page.locator("nav.family [aria-current]").inner_text() != own
    walk.look("ledger")
    press(page.locator("main a.btn[href^='/lifelong/people/']"))
    assert LIFE in page.url
    expect(page.locator(".banner .name")).not_to_contain_text(walk.entrance.logins["parent"].name)
    page.goto(child)
    walk.look("life")


def officer(walk: Walk) -> None:
    """What waits for review, and the trail."""
    page = walk.page
    expect(page).to_have_url(re.compile("/trust/reviews$"))
    walk.look("reviews")
    press(page.locator(".worklist a.what").first)
    walk.look("review")
    walk.open("/trust/trail?span=7", "trail")
    expect(page.locator(".eventline").first).to_be_visible()


def administrator(walk: Walk) -> None:
    """The units below one's own, and a page on which one is renamed."""
    page = walk.page
    expect(page).to_have_url(re.compile("/administration/organisations/"))
    walk.look("organisation")
    press(page.locator(".worklist a.what").first)
    walk.look("unit")
    press(page.locator("main a[href$='/name']").first)
    walk.look("name")


def security(walk: Walk) -> None:
    """Who works here, one of them, and the form by which somebody is taken on."""
    page = walk.page
    expect(page).to_have_url(re.compile("/administration/staff$"))
    walk.look("staff")
    press(page.locator(".worklist a.what", has_text=walk.entrance.logins["doctor"].name).first)
    walk.look("member")
    press(page.locator("main a[href$='/appoint']").first)
    walk.look("appoint")
    page.goto("/administration/staff")
    press(page.locator("main a[href*='/staff/new']").first)
    page.locator("#name").fill("新来的（演示）")
    press(page.locator("main form[action$='/staff/new'] button.main"))
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    expect(page.locator("#name")).to_have_value("新来的（演示）")
    walk.look("join")


def at_the_ward(walk: Walk) -> None:
    """Today's round of the newborns' ward, and the ward at a look."""
    walk.open("/newborn/round", "round")
    walk.open("/newborn/ward", "ward")


def head_nurse(walk: Walk) -> None:
    """Her desk, the windows of the ward, and how visits were shared."""
    at_the_ward(walk)
    walk.open("/newborn/desk", "desk")
    walk.open("/newborn/desk/windows", "windows")
    walk.open("/newborn/desk/report", "report")


def mother(walk: Walk) -> None:
    """Her babies in the ward, and what is the next thing."""
    walk.open("/newborn", "babies")
    walk.open("/newborn/diary", "diary")


def interpreter(here: Walk) -> None:
    """Whom no record knows: he is asked for nothing yet, and finds where he would be."""
    here.page.goto("/newborn")
    here.look("interpreter-home")
    expect(here.page.locator("[data-part=interpreting]")).to_have_count(0)


def expert(here: Walk) -> None:
    """A doctor of another house: he finds what he is asked about newborns, or that nobody asks him."""
    here.page.goto("/newborn/consultations")
    here.look("expert-consultations")
    expect(here.page.locator("h1")).to_be_visible()


DEEDS: dict[str, Callable[[Walk], None]] = {
    "doctor": doctor,
    "nurse": nurse,
    "township": township,
    "pharmacist": beside,
    "physicist": beside,
    "registrar": beside,
    "steward": steward,
    "researcher": researcher,
    "regulator": regulator,
    "citizen": citizen,
    "parent": parent,
    "officer": officer,
    "administrator": administrator,
    "security": security,
    "ward-nurse": at_the_ward,
    "second-nurse": at_the_ward,
    "neonatologist": at_the_ward,
    "head-nurse": head_nurse,
    "mother": mother,
    "interpreter": interpreter,
    "expert": expert,
}

WALKS = [
    # Those who come several times are spread out: no code counts twice.
    ("doctor", 1440, "zh-CN"),
    ("citizen", 320, "zh-CN"),
    ("nurse", 1440, "en"),
    ("township", 320, "zh-CN"),
    ("pharmacist", 320, "en"),
    ("doctor", 320, "zh-CN"),
    ("citizen", 1440, "zh-CN"),
    ("physicist", 1440, "zh-CN"),
    ("registrar", 320, "zh-CN"),
    ("steward", 1440, "en"),
    ("doctor", 1440, "en"),
    ("citizen", 320, "en"),
    ("officer", 320, "en"),
    ("administrator", 320, "zh-CN"),
    ("security", 1440, "en"),
    ("doctor", 320, "en"),
    ("citizen", 1440, "en"),
    ("regulator", 1440, "zh-CN"),
    ("researcher", 320, "en"),
    ("parent", 320, "zh-CN"),
    ("ward-nurse", 320, "zh-CN"),
    ("second-nurse", 1440, "en"),
    ("neonatologist", 1440, "zh-CN"),
    ("head-nurse", 320, "en"),
    ("mother", 320, "zh-CN"),
    ("interpreter", 320, "en"),
    ("expert", 1440, "zh-CN"),
]


def test_every_role_of_the_demonstration_walks(installation: Installation) -> None:
    assert {role for role, _, _ in WALKS} | {"desk"} == set(installation.logins)


@pytest.mark.parametrize(("role", "width", "language"), WALKS)
def test_somebody_comes_does_what_he_came_for_and_leaves(desk: Desk, role: str, width: int, language: str) -> None:
    with walk(desk, role, width, language) as here:
        come_in(here)
        DEEDS[role](here)
        see_nothing_of_others(here)
        look_at_the_account(here)
        leave(here)


def come_in(here: Walk) -> None:
    """By the page, step by step, each looked at."""
    page, entrance, role = here.page, here.entrance, here.role
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in"))
    here.look("sign-in")
    if entrance.logins[role].is_staff:
        entrance.give_password(page, role)
        here.look("second")
        entrance.give_second(page, role)
    else:
        entrance.give_telephone(page, role)
        here.look("code")
        entrance.give_code(page, role)
    expect(page).not_to_have_url(re.compile("/sign-in"))
    expect(page.locator("html")).to_have_attribute("lang", here.language)


def see_nothing_of_others(here: Walk) -> None:
    """A page of another role is not there, and says no more than a page that never was."""
    for path, roles in PAGES.items():
        if here.role not in roles and not (
            path == "/lifelong" and here.role in {"citizen", "parent", "mother", "interpreter"}
        ):
            answer = here.page.goto(path)
            assert answer is not None
            assert answer.status == 404, path
    here.look("not-there")


def look_at_the_account(here: Walk) -> None:
    """Where one is signed in, and that it is this browser."""
    here.open("/account", "account")
    page = here.page
    expect(page.locator("#sessions")).to_be_visible()
    expect(page.locator(".worklist li", has=page.locator(".tag.good")).locator("b")).to_have_text(
        {"zh-CN": "Linux 上的 Chrome", "en": "Chrome on Linux"}[here.language]
    )
    here.open("/preferences", "preferences")
    expect(page.locator("form[action='/leave']").first).to_be_attached()


def leave(here: Walk) -> None:
    """Out, and going back shows nothing."""
    page = here.page
    page.goto("/account")
    number = here.entrance.logins[here.role].number
    press(page.locator("form[action='/leave'] button:visible").first)
    expect(page).to_have_url(re.compile(r"/sign-in\?why=left"))
    expect(page.locator(".note.good")).to_be_visible()
    here.look("left")
    page.go_back()
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.locator("#sessions")).to_have_count(0)
    answer = page.goto("/account")
    assert answer is not None
    assert "/sign-in" in page.url
    assert number not in page.url


def test_a_nurse_comes_in_with_the_keyboard_alone(desk: Desk) -> None:
    with desk.page(role=NOBODY, look="", is_refused=True) as page:
        entrance = desk.entrance
        page.goto("/sign-in")
        entrance.wait_for_code(page, "nurse")
        tab_to(page, "#staff-number")
        page.keyboard.type(entrance.logins["nurse"].number)
        page.keyboard.press("Tab")
        page.keyboard.type(entrance.logins["nurse"].password)
        page.keyboard.press("Tab")
        expect(page.locator("form[action='/sign-in/staff'] button")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("form[action='/sign-in/second']").first).to_be_visible()
        tab_to(page, "#code")
        page.keyboard.type(entrance.used["nurse"])
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/lifelong$"))
        expect(page.locator("[data-part='mine']")).to_be_visible()
        page.keyboard.press("/")
        expect(page.locator("#who")).to_be_focused()
        page.keyboard.type(PATIENT)
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/lifelong/found/"))
        expect(page.locator(".people .who").first).to_be_visible()
        tab_to(page, "header form[action='/leave'] button")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("why=left"))


def tab_to(page: Page, place: str) -> None:
    """Press Tab until somebody stands there."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.locator(place).evaluate("each => each === document.activeElement"):
            return
    pytest.fail(f"no way to {place} with Tab")


@pytest.mark.parametrize(("width", "language"), [(320, "en"), (1440, "zh-CN")])
def test_a_wrong_password_and_a_wrong_code_read_well_and_keep_what_was_typed(
    desk: Desk, width: int, language: str
) -> None:
    with walk(desk, "pharmacist", width, language) as here:
        page, entrance = here.page, here.entrance
        page.goto("/sign-in")
        page.locator("#staff-number").fill(entrance.logins["pharmacist"].number)
        page.locator("#password").fill("not my password at all")
        press(page.locator("form[action='/sign-in/staff'] button"))
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        expect(page.locator("#staff-number")).to_have_value(entrance.logins["pharmacist"].number)
        expect(page.locator("#password")).to_have_value("")
        here.look("wrong-password")
        entrance.give_password(page, "pharmacist")
        page.locator("#code").fill(str((int(entrance.used["pharmacist"]) + 1) % 1_000_000).zfill(6))
        press(page.locator("form[action='/sign-in/second'] button").first)
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        here.look("wrong-second")
        entrance.give_second(page, "pharmacist")
        expect(page).to_have_url(re.compile("/lifelong$"))


def test_a_resident_who_mistypes_is_told_and_comes_in_all_the_same(desk: Desk) -> None:
    with walk(desk, "parent", 320, "zh-CN") as here:
        page, entrance = here.page, here.entrance
        page.goto("/sign-in")
        page.locator("#number").fill("12345")
        press(page.locator("form[action='/sign-in/telephone'] button"))
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        expect(page.locator("#number")).to_have_value("12345")
        here.look("wrong-number")
        entrance.give_telephone(page, "parent")
        page.locator("#code").fill("000000")
        press(page.locator("form[action='/sign-in/code'] button"))
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        here.look("wrong-code")
        entrance.give_code(page, "parent")
        expect(page).to_have_url(re.compile(LIFE))


@pytest.mark.parametrize(("width", "language"), [(320, "zh-CN"), (1440, "en")])
def test_a_closed_number_says_when_it_opens(desk: Desk, width: int, language: str) -> None:
    number = f"NOBODY-{width}"  # a number that nobody has is closed just so
    with walk(desk, "closed", width, language) as here:
        page = here.page
        page.goto("/sign-in")
        for _ in range(6):
            page.locator("#staff-number").fill(number)
            page.locator("#password").fill("not my password at all")
            press(page.locator("form[action='/sign-in/staff'] button"))
        expect(page.locator(".nhsuk-error-summary")).to_contain_text(re.compile(r"\d"))
        expect(page.locator("#staff-number")).to_have_value(number)
        here.look("sign-in")


@pytest.mark.parametrize(("width", "language"), [(320, "zh-CN"), (1440, "en")])
def test_staff_look_after_their_ways_to_sign_in(desk: Desk, width: int, language: str) -> None:
    with walk(desk, "physicist", width, language) as here:
        page = here.page
        here.entrance.sign_in(page, "physicist")
        here.open("/account/second-factor", "second-factor")
        expect(page.locator("figure.square svg")).to_be_visible()
        page.locator("#code").fill("000000")
        press(page.locator("form[action='/account/second-factor'] button"))
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        here.look("second-factor-wrong")
        here.open("/account/password", "password")
        page.locator("#password").fill("short")
        page.locator("#again").fill("short")
        press(page.locator("form[action='/account/password'] button"))
        expect(page.locator(".nhsuk-error-summary")).to_be_focused()
        here.look("password-wrong")
        here.open("/account/passkeys/new", "passkey")
        here.open("/account/prove", "prove")
        page.goto("/account")
        press(page.locator("form[action='/account/recovery-codes'] button"))
        expect(page.locator(".codes li")).to_have_count(10)
        here.look("recovery-codes")
