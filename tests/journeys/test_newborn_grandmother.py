"""A grandmother by invitation: by telephone; she agrees, looks at the mother's visit, and no more once she may not.

She sees the live picture with her own name over it, and is heard by nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import Desk
from tests.journeys.entering import Login, press
from tests.journeys.filled_ward import filled_ward
from tests.journeys.looking import look_at
from tests.journeys.newborn_ward import (
    BED,
    OTHER_BED,
    WAIT_MILLISECONDS,
    baby_in,
    drawn_on,
    give_eyes,
    open_picture,
    scan,
    sees,
    set_policy,
    sign,
)
from tests.journeys.test_newborn_nurse import eventually
from tianfu.kernel.instants import china_date, system_clock

pytestmark = pytest.mark.slow  # imports a small demo province, and serves it

BEDS = 6
"""As far as the bed of the second twin; their mother invites for each of the two."""

GRANDMOTHER = "citizen"
"""A resident whose real name is known, and who is nobody's guardian."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """At which screens the mother and the grandmother sit, and which baby they look at."""

    width: int
    language: str
    bed: str
    view_only: str


JOURNEYS = (
    Journey(width=320, language="zh-CN", bed=BED, view_only="只能看"),
    Journey(width=1440, language="en", bed=OTHER_BED, view_only="You may look only"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """The ward behind `tianfu serve`, and by its bed what is booked and printed there."""

    desk: Desk
    booked: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def ward(chromium: Browser) -> Iterator[Served]:
    """The made-up ward with its test cameras, where relatives may be invited, and visits whose time has come."""
    with filled_ward() as filled, filled.served(chromium) as desk:
        numbers = {"slot_minutes": 20, "gap_minutes": 0, "at_once": 2, "days_ahead": 2, "per_baby_a_day": 6}
        day = china_date(system_clock())
        set_policy(desk, day, "1-7 00:00-24:00", **numbers, cancel_minutes=0, invited_max=1)
        yield Served(desk=desk, booked={each["bed"]: each for each in filled.booked(BEDS)})


def look(page: Page, name: str, journey: Journey) -> None:
    """Nothing is wrong with the page, on a telephone and at a desk."""
    look_at(page, f"grandmother-{name}-{journey.language}")


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda each: f"{each.width}-{each.language}")
def test_a_grandmother_sees_the_baby_as_long_as_she_is_invited(ward: Served, journey: Journey) -> None:
    codes, who = ward.booked[journey.bed], ward.desk.entrance.logins[GRANDMOTHER]
    at = f"/newborn/watch/{codes['visit']}"
    shown = {"width": journey.width, "language": journey.language, "look": "", "is_refused": True}
    with (
        ward.desk.page(role="mother", **shown) as mother,
        ward.desk.page(role=GRANDMOTHER, **shown) as grandmother,
        ward.desk.page(role="ward-nurse", look="", language="en", is_refused=True) as nurse,
    ):
        baby = baby_in(mother, journey.bed)
        sign(mother, baby)
        _invite(mother, baby, who, journey)
        _decline(grandmother, mother, baby, journey)
        _agree(grandmother, at, journey)
        _arm(ward, nurse, codes)
        press(grandmother.locator(f"a[href='{at}']"))
        pills = grandmother.locator("[data-watch=clock]:visible [data-watch=digits]")
        assert all(pills.all_inner_texts()), "no empty pill before she looks"
        look(grandmother, "before", journey)
        _watch(grandmother, nurse, codes, who, journey)
        _take_back(mother, baby, journey)
        _looks_no_more(grandmother, at, journey)


def _invite(mother: Page, baby: str, who: Login, journey: Journey) -> None:
    """By name and telephone; without either the form says what is missing."""
    mother.goto("/newborn")
    press(mother.locator(f"a[href='/newborn/invited/{baby}']"))
    mother.locator("#name").fill(who.name)
    mother.locator("#telephone").fill("12")
    press(mother.locator("main form button.main"))
    look(mother, "invite-faulty", journey)
    mother.locator("#telephone").fill(who.number)
    press(mother.locator("main form button.main"))
    expect(mother).to_have_url(re.compile("done=invited"))
    look(mother, "invited-home", journey)
    mother.goto(f"/newborn/invited/{baby}")
    expect(mother.locator(".worklist li")).to_contain_text(who.name)
    look(mother, "invited", journey)


def _decline(grandmother: Page, mother: Page, baby: str, journey: Journey) -> None:
    """She says no; the mother sees it, and she may think again."""
    grandmother.goto("/newborn")
    press(grandmother.locator("[data-part=invited] form[action$='/decline'] button"))
    expect(grandmother).to_have_url(re.compile("done=declined"))
    look(grandmother, "declined", journey)
    mother.goto(f"/newborn/invited/{baby}")
    expect(mother.locator(".worklist li .tag.warning")).to_be_visible()
    look(mother, "invited-declined", journey)


def _agree(grandmother: Page, at: str, journey: Journey) -> None:
    """The visit is on her page once she has agreed, and not before."""
    grandmother.goto("/newborn")
    card = grandmother.locator("[data-part=invited]")
    expect(card.locator("[data-part=visit]")).to_have_count(0)
    assert grandmother.goto(at).status == 404  # type: ignore[union-attr]  # a page that was gone to has an answer
    grandmother.goto("/newborn")
    look(grandmother, "asked", journey)
    press(card.locator("form[action$='/accept'] button"))
    expect(grandmother).to_have_url(re.compile("done=accepted"))
    expect(card.locator(f"a[href='{at}']")).to_be_visible()
    look(grandmother, "agreed", journey)


def _arm(ward: Served, nurse: Page, codes: dict[str, str]) -> None:
    """Three scans by one nurse, the word of another."""
    at = f"/newborn/visits/{codes['visit']}"
    eventually(nurse, "/newborn/ward", "[data-part=cameras] .tag.good >> nth=11")
    eventually(nurse, at, "[data-part=check]")
    scan(nurse, codes["visit"], {name: codes[name] for name in ("wristband", "bed", "camera")})
    with ward.desk.page(role="second-nurse", look="", language="en") as second:
        second.goto(at)
        press(second.locator(f"form[action='{at}/confirm'] button"))
        expect(second).to_have_url(re.compile("done=armed"))


def _watch(grandmother: Page, nurse: Page, codes: dict[str, str], who: Login, journey: Journey) -> None:
    """She sees this baby's bed, her name stands over it, and there is nothing by which she could speak."""
    give_eyes(grandmother)
    grandmother.locator("[data-watch=see]").click()
    open_picture(nurse, codes["visit"])
    sees(grandmother)
    assert {each.code for each in drawn_on(grandmother)} == {journey.bed}
    expect(grandmother.locator("[data-watch=mark]")).to_contain_text(f"{who.name} {who.number[-4:]}")
    expect(grandmother.locator("[data-watch=bar]")).to_contain_text(journey.view_only)
    expect(grandmother.locator("[data-watch=hold], [data-check=microphone]")).to_have_count(0)
    assert _speaks(grandmother) == "view-only"
    look(grandmother, "live", journey)


def _speaks(page: Page) -> str:
    """What the server says to a voice that the page does not offer."""
    asked = """async () => {
      const address = document.getElementById('watch').dataset.address;
      const answer = await fetch(`${address}/talk`, {method: 'POST', body: new URLSearchParams({pressed: 'yes'})});
      return (await answer.json()).refused;
    }"""
    refused: str = page.evaluate(asked)
    return refused


def _take_back(mother: Page, baby: str, journey: Journey) -> None:
    mother.goto(f"/newborn/invited/{baby}")
    look(mother, "invited-agreed", journey)
    press(mother.locator("form[action$='/end'] button"))
    expect(mother).to_have_url(re.compile("done=ended"))
    mother.goto(f"/newborn/invited/{baby}")
    expect(mother.locator(".worklist li")).to_have_count(0)


def _looks_no_more(grandmother: Page, at: str, journey: Journey) -> None:
    """Her picture ends by itself, her page says why, and neither it nor her home leads to the baby again."""
    expect(grandmother.locator("[data-part=invitation-over]")).to_be_visible(timeout=WAIT_MILLISECONDS)
    expect(grandmother.locator("video")).to_have_count(0)
    look(grandmother, "over", journey)
    press(grandmother.locator("[data-part=invitation-over] a.main"))
    expect(grandmother.locator("[data-part=invited]")).to_have_count(0)
    look(grandmother, "home-after", journey)
    assert grandmother.goto(at).status == 410  # type: ignore[union-attr]  # a page that was gone to has an answer
