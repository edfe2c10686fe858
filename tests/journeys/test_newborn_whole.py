"""The whole way of a visit in real browsers: booked, scanned, confirmed, seen, shielded, seen again, moved, over.

The picture of each bed bears the bed's code and its own number: what a page draws is read from its canvas.  Meanwhile
files and processes are watched: nothing of a picture is written anywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.journeys.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, PICTURES
from tests.journeys.entering import press
from tests.journeys.media_watch import MEDIA_PROGRAMS, Seen, marks_of, watching
from tests.journeys.newborn_ward import (
    BED,
    OTHER_BED,
    WAIT_MILLISECONDS,
    Ward,
    baby_in,
    book,
    drawn_on,
    give_eyes,
    open_picture,
    scan,
    sees,
    served_ward,
    set_window,
    sign,
)
from tests.journeys.test_for_everybody import findings, overflow

pytestmark = pytest.mark.slow  # imports a small demo province, serves it, and waits for a slot to begin

FAKE_SOUND = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
LEEWAY_MS = 250
"""A picture that was on its way through the browser when the ward's curtain was drawn may still be drawn. [ours]"""

BRIEF = re.compile(r"postgres/data/|audit/heads/[0-9a-f]+\.lock(ing)?$|audit/roots/\.[a-z0-9_]+$")
"""Files of the home that may be gone before anybody looked into them: PostgreSQL's own, as media programs have no
database; the lock of an audit lane; a signed root before it got its name, under which it is looked into."""

DISK_BYTES_MAX = 1 << 18
"""What a media program may have written meanwhile: lines of its log."""


@pytest.fixture(scope="module")
def listening_browser(driver: Playwright) -> Iterator[Browser]:
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, *FAKE_SOUND])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def ward(listening_browser: Browser) -> Iterator[Ward]:
    with served_ward(listening_browser) as served:
        yield served


def look(page: Page, name: str) -> None:
    """A picture of the page; nothing for axe to find, nothing that sticks out."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"whole-{name}.png", full_page=True)
    assert (name, findings(page), overflow(page)) == (name, [], 0)


def covered(page: Page) -> int:
    """Wait until the page shows a card instead of the picture; how many pictures it drew until then."""
    expect(page.locator("[data-watch=screen]")).to_be_visible(timeout=WAIT_MILLISECONDS)
    expect(page.locator("[data-watch=video]")).to_be_hidden()
    return len(drawn_on(page))


def nothing_more(page: Page, before: int) -> None:
    """For two seconds nothing is drawn."""
    page.wait_for_timeout(2_000)
    assert len(drawn_on(page)) == before


def test_a_mother_sees_her_baby_from_the_nurses_yes_until_it_is_moved(ward: Ward) -> None:
    marks = marks_of(BED, 4)
    for role in ("head-nurse", "neonatologist", "second-nurse", "ward-nurse"):
        ward.desk.signed_in(role)
    set_window(ward)
    with (
        watching(ward.folder, ward.environment["TIANFU_HOME"], marks) as seen,
        ward.desk.page(role="mother", look="", width=320, is_refused=True) as mother,
        ward.desk.page(role="ward-nurse", look="", language="en", is_refused=True) as nurse,
    ):
        baby = baby_in(mother, BED)
        sign(mother, baby)
        book(mother, baby)
        look(mother, "home-320")
        _approve(ward)
        mother.goto("/newborn")
        mother.locator("a[href^='/newborn/watch/']").last.click()
        visit = mother.url.rpartition("/")[2]
        look(mother, "before-320")
        _arm(ward, nurse, visit, BED)
        _talk_and_see(ward, mother, nurse, visit)
        _moved(ward, mother, nurse, visit, baby)
    _ledger(ward, baby)
    _life(ward, baby)
    _nothing_was_kept(ward, seen)


def _approve(ward: Ward) -> None:
    """A doctor says that the baby may be seen: it is the first visit."""
    with ward.desk.page(role="neonatologist", look="", language="en") as doctor:
        doctor.goto("/newborn/desk")
        press(doctor.locator("[data-part=first] form button").first)


def _begins(nurse: Page, visit: str) -> None:
    """Wait for the slot, and for the family's page to have made the visit wait."""
    until = time.monotonic() + 15 * 60
    while time.monotonic() < until:
        nurse.goto(f"/newborn/visits/{visit}")
        if nurse.locator("[data-part=check]").count():
            return
        nurse.wait_for_timeout(2_000)
    raise AssertionError("the visit never waited")


def _arm(ward: Ward, nurse: Page, visit: str, bed: str) -> None:
    """Three scans by one nurse, the word of another; the picture may be opened then."""
    _begins(nurse, visit)
    look(nurse, "waiting-1440")
    codes = {"wristband": ward.wristband(BED), "bed": bed, "camera": f"CAM-{bed[-2:]}"}
    scan(nurse, visit, codes)
    look(nurse, "scanned-1440")
    with ward.desk.page(role="second-nurse", look="", language="en", is_refused=True) as second:
        until = time.monotonic() + 110
        while time.monotonic() < until:
            second.goto(f"/newborn/visits/{visit}")
            press(second.locator(f"form[action='/newborn/visits/{visit}/confirm'] button"))
            if "done=armed" in second.url:
                break
            expect(second.locator("[role=alert]")).to_contain_text("slot", ignore_case=True)
            second.wait_for_timeout(2_000)
        expect(second).to_have_url(re.compile("done=armed"))


def _talk_and_see(ward: Ward, mother: Page, nurse: Page, visit: str) -> None:
    expect(mother.locator("[data-watch=screen]")).to_have_class(re.compile("drawn"), timeout=WAIT_MILLISECONDS)
    give_eyes(mother)
    mother.locator("[data-watch=see]").click()
    opened = open_picture(nurse, visit)
    sees(mother)
    look(mother, "live-320")
    look(nurse, "live-1440")
    first = drawn_on(mother)
    assert {each.code for each in first} == {BED}
    assert opened - LEEWAY_MS <= first[0].shown, "no picture of what was before the curtain was opened"

    press(nurse.locator("[data-part=shield] button").first)
    expect(nurse).to_have_url(re.compile("done=shielded"))
    acknowledged = time.time() * 1_000
    press(nurse.locator("form.reasons button[value=feeding]"))
    shown = covered(mother)
    assert all(each.at <= acknowledged + LEEWAY_MS for each in drawn_on(mother)), "nothing is drawn behind the curtain"
    nothing_more(mother, shown)
    expect(mother.locator("[data-watch=title]")).to_contain_text("喂奶", timeout=WAIT_MILLISECONDS)
    look(mother, "shielded-320")
    look(nurse, "shielded-1440")

    again = open_picture(nurse, visit)
    sees(mother)
    later = drawn_on(mother)[shown:]
    assert {each.code for each in later} == {BED}
    assert again - LEEWAY_MS <= later[0].shown


def _moved(ward: Ward, mother: Page, nurse: Page, visit: str, baby: str) -> None:
    """The record says that the baby lies elsewhere: the curtain falls by itself, and opens for no old scans."""
    ward.move(baby, OTHER_BED)
    written = time.time() * 1_000
    shown = covered(mother)
    assert {each.code for each in drawn_on(mother)} == {BED}
    assert drawn_on(mother)[-1].at <= written + 1_000 + LEEWAY_MS
    nothing_more(mother, shown)
    look(mother, "moved-320")
    nurse.goto(f"/newborn/visits/{visit}")
    look(nurse, "moved-1440")
    expect(mother.locator("#ended")).to_be_visible(timeout=120_000)  # nobody scans anew: the visit is over
    look(mother, "over-320")
    nurse.goto(f"/newborn/visits/{visit}")
    look(nurse, "over-1440")
    assert ward.read("Encounter", visit)["status"] == "finished"  # something was seen, however it ended


def _ledger(ward: Ward, baby: str) -> None:
    """The baby's ledger says to its mother who saw it, from when to when."""
    with ward.desk.page(role="mother", look="", width=320) as page:
        page.goto(f"/trust/people/{baby}/ledger?sort=own")  # she is family
        look(page, "ledger-320")
        said = page.locator("main").inner_text()
    assert said.count("看了实时画面") >= 1, said
    assert said.count("画面 ") >= 2, said  # before the shield and after it


def _life(ward: Ward, baby: str) -> None:
    """The baby's life, as its doctor reads it, tells of the stay and of the visit."""
    with ward.desk.page(role="neonatologist", look="", language="en") as page:
        page.goto(f"/lifelong/people/{baby}")
        look(page, "life-1440")
        said = page.locator("main").inner_text()
    assert "Inpatient" in said, said
    assert "Online" in said, said


def _nothing_was_kept(ward: Ward, seen: Seen) -> None:
    assert set(MEDIA_PROGRAMS) <= seen.programs, "the media programs were looked at"
    unread = {path for path in seen.unread if not BRIEF.match(path.removeprefix(f"{ward.folder}/home/"))}
    assert (seen.marked, seen.media, unread, seen.folders) == (set(), set(), set(), set())
    log = str(ward.folder / "log")
    assert {path for name in MEDIA_PROGRAMS for path in seen.held.get(name, ())} <= {log}
    assert all(count <= DISK_BYTES_MAX for count in seen.written.values()), seen.written
