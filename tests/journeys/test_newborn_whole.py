"""The whole way of two families in real browsers, and the head nurse's day meanwhile.

Each mother says who she is, enrols, is confirmed by the head nurse, signs, books, tries her device, sees her baby,
is heard while she presses, is shielded during care, sees again, and reads the diary when it is over: one visit ends
because the baby is moved, one by the nurse's hand.
The picture of each bed bears the bed's code and its own number: what a page draws is read from its canvas; the
microphones hear a tone.  Meanwhile files and processes are watched: nothing of picture or voice is written anywhere.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from tests.journeys.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.journeys.entering import press
from tests.journeys.media_watch import MEDIA_PROGRAMS, Seen, marks_of, watching
from tests.journeys.newborn_family import (
    DENSE,
    FAMILIES,
    Walker,
    admit,
    approve_all,
    check_device,
    enrol,
    hears_tone,
    hold,
    is_silent,
    let_go,
    look,
    prove_again,
    say_her_name,
    walkers_of,
    write_tone,
)
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

pytestmark = pytest.mark.slow  # imports a small demo province, serves it, and waits for a slot to begin

LEEWAY_MS = 250
"""A picture that was on its way through the browser when the ward's curtain was drawn may still be drawn. [ours]"""

BRIEF = re.compile(r"postgres/data/|audit/heads/[0-9a-f]+\.lock(ing)?$|audit/roots/\.[a-z0-9_]+$")
"""Files of the home that may be gone before anybody looked into them: PostgreSQL's own, as media programs have no
database; the lock of an audit lane; a signed root before it got its name, under which it is looked into."""

WRITTEN = re.compile(r"log$|home/(audit/|postgres/|postgres\.(lock|users)$)")
"""All that an installation writes on the way of a visit: its log, its database, the trail's heads and roots.  Whatever
else came would be a recording, also one that nobody knows by its bytes or its name, as of a voice."""

DISK_BYTES_MAX = 1 << 18
"""What a media program may have written meanwhile: lines of its log."""

SIGNS_OF_CARE = {"zh-CN": "喂奶", "en": "feeding"}
NOTES = {"zh-CN": "今天睡得很安稳。", "en": "Slept calmly all day."}
SEEN_LIVE = {"zh-CN": ("看了实时画面", r"画面 \d"), "en": ("saw the live picture", r"picture \d")}


@pytest.fixture(scope="module")
def listening_browser(driver: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose microphone hears a tone."""
    tone = tmp_path_factory.mktemp("microphone") / "tone.wav"
    write_tone(tone)
    sound = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tone}",
    ]
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, *sound])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def ward(listening_browser: Browser) -> Iterator[Ward]:
    """The made-up ward, where two families are new."""
    with served_ward(listening_browser, before=admit, more={each.role: each.login for each in FAMILIES}) as served:
        yield served


def covered(page: Page) -> int:
    """Wait until the page shows a card instead of the picture; how many pictures it drew until then."""
    expect(page.locator("[data-watch=screen]")).to_be_visible(timeout=WAIT_MILLISECONDS)
    expect(page.locator("[data-watch=video]")).to_be_hidden()
    return len(drawn_on(page))


def nothing_more(page: Page, before: int) -> None:
    """For two seconds nothing is drawn."""
    page.wait_for_timeout(2_000)
    assert len(drawn_on(page)) == before


def test_two_mothers_come_to_see_their_babies_until_one_is_moved_and_one_has_read_the_diary(ward: Ward) -> None:
    marks = [each for family in FAMILIES for each in marks_of(family.baby.code, family.baby.bed - 1)]
    for role in ("head-nurse", "neonatologist", "second-nurse", "ward-nurse"):
        ward.desk.signed_in(role)
    with (
        watching(ward.folder, ward.environment["TIANFU_HOME"], marks) as seen,
        walkers_of(ward) as walkers,
        ward.desk.page(role="ward-nurse", look="", language="en", is_refused=True) as nurse,
    ):
        _enrolled(ward, walkers)
        _booked(ward, walkers)
        _head_nurses_day(ward, walkers)
        visits = _ready(ward, walkers)
        for each in walkers:
            _arm(ward, nurse, each, visits[each.baby])
        for each in walkers:
            _talk_and_see(each, nurse, visits[each.baby])
        for each in walkers:
            _shielded(each, nurse, visits[each.baby])
        twins, single = walkers
        _moved(ward, twins, nurse, visits[twins.baby])
        _ended(ward, single, nurse, visits[single.baby])
        _over(ward, twins, nurse, visits[twins.baby])
        for each in walkers:
            _diary(each, nurse)
            _ledger(each)
        _life(ward, twins)
    _nothing_was_kept(ward, seen)


def _enrolled(ward: Ward, walkers: list[Walker]) -> None:
    """Each says who she is and whose mother; the head nurse has seen the papers; each agrees."""
    for each in walkers:
        each.look_everywhere("home-unknown", "/newborn")
        say_her_name(each.page, each.family)
        each.look_everywhere("home-empty", "/newborn")
        each.look_everywhere("enrol", "/newborn/enrol")
        for baby in each.family.babies:
            enrol(each.page, baby)
        each.look_everywhere("home-waits", "/newborn")
    claims = sum(len(each.family.babies) for each in walkers)
    with ward.desk.page(role="head-nurse", look="", language="en") as head:
        head.goto("/newborn/desk")
        look(head, "desk-claims-1440")
        approve_all(head, claims)
    for each in walkers:
        assert baby_in(each.page, each.family.baby.code) == each.baby
        each.look_everywhere("home-consent", "/newborn")
        each.look_everywhere("consent", f"/newborn/consent/{each.baby}")
        sign(each.page, each.baby, "diary")
        each.look_everywhere("home-book", "/newborn")


def _booked(ward: Ward, walkers: list[Walker]) -> None:
    """Each has the slot that is about to begin, and one of another day; a doctor says that the baby may be seen."""
    set_window(ward)
    for each in walkers:
        is_twin = len(each.family.babies) > 1
        book(each.page, each.baby, is_twin=is_twin)
        book(each.page, each.baby, is_twin=is_twin, days_ahead=1)
        expect(each.page.locator("[data-part=visit]")).to_have_count(2)
    with ward.desk.page(role="neonatologist", look="", language="en") as doctor:
        for _ in walkers:
            doctor.goto("/newborn/desk")
            press(doctor.locator("[data-part=first] form button").first)
    for each in walkers:
        each.look_everywhere("invited", f"/newborn/invited/{each.baby}")
        each.look_everywhere("book", f"/newborn/book/{each.baby}")
        each.look_everywhere("home-booked", "/newborn")
        each.look_everywhere("told-elsewhere", "/account")


def _head_nurses_day(ward: Ward, walkers: list[Walker]) -> None:
    """What she has to look at while the families wait for their slot."""
    pages = {
        "desk": "/newborn/desk",
        "desk-baby": f"/newborn/desk/babies/{walkers[0].baby}",
        "windows": "/newborn/desk/windows",
        "report": "/newborn/desk/report",
        "feedback": "/newborn/desk/feedback",
        "workload": "/newborn/workload",
    }
    for width, language, chosen in ((320, "zh-CN", ""), (320, "en", DENSE), (1440, "en", "")):
        with ward.desk.page(role="head-nurse", width=width, look=chosen, language=language) as head:
            for name, path in pages.items():
                answer = head.goto(path)
                assert answer is not None
                assert answer.status == 200, path
                look(head, f"{name}-{width}-{language}")


def _ready(ward: Ward, walkers: list[Walker]) -> dict[str, str]:
    """Each tries her device, and shows anew that it is she; the visits by their babies."""
    visits = {}
    for each in walkers:
        each.page.goto("/newborn")
        press(each.page.locator("a[href^='/newborn/watch/']").first)
        visits[each.baby] = each.page.url.rpartition("/")[2]
        check_device(each.page)
        each.look("before")
        prove_again(each.page, ward.desk, each.family, f"/newborn/watch/{visits[each.baby]}")
    return visits


def _begins(nurse: Page, visit: str) -> None:
    """Wait for the slot, and for the family's page to have made the visit wait."""
    until = time.monotonic() + 15 * 60
    while time.monotonic() < until:
        nurse.goto(f"/newborn/visits/{visit}")
        if nurse.locator("[data-part=check]").count():
            return
        nurse.wait_for_timeout(2_000)
    raise AssertionError("the visit never waited")


def _arm(ward: Ward, nurse: Page, walker: Walker, visit: str) -> None:
    """Three scans by one nurse, the word of another; the picture may be opened then."""
    _begins(nurse, visit)
    look(nurse, f"waiting-{walker.family.baby.bed}-1440")
    scan(nurse, visit, walker.family.baby.printed)
    look(nurse, f"scanned-{walker.family.baby.bed}-1440")
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


def _talk_and_see(walker: Walker, nurse: Page, visit: str) -> None:
    """She sees from the nurse's yes on; who hears at the bed hears her voice while she presses, and else nothing."""
    mother, bed = walker.page, walker.family.baby.code
    expect(mother.locator("[data-watch=screen]")).to_have_class(re.compile("drawn"), timeout=WAIT_MILLISECONDS)
    give_eyes(mother)
    mother.locator("[data-watch=see]").click()
    opened = open_picture(nurse, visit)
    sees(mother)
    first = drawn_on(mother)
    assert {each.code for each in first} == {bed}
    assert opened - LEEWAY_MS <= first[0].shown, "no picture of what was before the curtain was opened"
    who = walker.family
    expect(mother.locator("[data-watch=mark]")).to_contain_text(f"{who.name} {who.telephone[-4:]}")
    key = mother.locator("[data-watch=hold]")
    expect(key).to_be_disabled()  # there is nobody at the bed who would hear
    nurse.locator("[data-view=turn]").click()
    expect(nurse.locator("[data-view=video]")).to_be_visible(timeout=WAIT_MILLISECONDS)
    nurse.locator("[data-view=sound]").click()
    expect(key).to_be_enabled(timeout=WAIT_MILLISECONDS)
    walker.look("live")
    look(nurse, f"live-{who.baby.bed}-1440")
    nurse.wait_for_function("document.querySelector('[data-view=voices]').srcObject")
    _is_heard_while_pressed(key, nurse, "[data-view=voices]", by_keyboard=who.by_keyboard)
    answer = nurse.locator("[data-view=hold]")
    expect(answer).to_be_enabled(timeout=WAIT_MILLISECONDS)
    _is_heard_while_pressed(answer, mother, "[data-watch=video]", by_keyboard=True)


def _is_heard_while_pressed(key: Locator, listener: Page, where: str, *, by_keyboard: bool) -> None:
    """The microphone hears a tone all the time; the other side hears it only while the key is held."""
    assert is_silent(listener, where), "nobody presses"
    hold(key, by_keyboard=by_keyboard)
    assert hears_tone(listener, where), "the key is held"
    let_go(key, by_keyboard=by_keyboard)
    assert is_silent(listener, where), "the key was let go"


def _shielded(walker: Walker, nurse: Page, visit: str) -> None:
    """The nurse draws the curtain for care and opens it again."""
    mother, language = walker.page, walker.family.language
    nurse.goto(f"/newborn/visits/{visit}")
    press(nurse.locator("[data-part=shield] button").first)
    expect(nurse).to_have_url(re.compile("done=shielded"))
    acknowledged = time.time() * 1_000
    press(nurse.locator("form.reasons button[value=feeding]"))
    shown = covered(mother)
    assert all(each.at <= acknowledged + LEEWAY_MS for each in drawn_on(mother)), "nothing is drawn behind the curtain"
    nothing_more(mother, shown)
    title = mother.locator("[data-watch=title]")
    expect(title).to_contain_text(SIGNS_OF_CARE[language], timeout=WAIT_MILLISECONDS)
    walker.look("shielded")
    look(nurse, f"shielded-{walker.family.baby.bed}-1440")
    again = open_picture(nurse, visit)
    sees(mother)
    later = drawn_on(mother)[shown:]
    assert {each.code for each in later} == {walker.family.baby.code}
    assert again - LEEWAY_MS <= later[0].shown


def _moved(ward: Ward, walker: Walker, nurse: Page, visit: str) -> None:
    """The record says that the baby lies elsewhere: the curtain falls by itself, and opens for no old scans."""
    mother = walker.page
    ward.move(walker.baby, OTHER_BED)
    written = time.time() * 1_000
    shown = covered(mother)
    assert {each.code for each in drawn_on(mother)} == {BED}
    assert drawn_on(mother)[-1].at <= written + 1_000 + LEEWAY_MS
    nothing_more(mother, shown)
    walker.look("moved")
    nurse.goto(f"/newborn/visits/{visit}")
    look(nurse, "moved-1440")


def _ended(ward: Ward, walker: Walker, nurse: Page, visit: str) -> None:
    """The nurse ends a visit: nothing is drawn any more, and the page says so."""
    assert {each.code for each in drawn_on(walker.page)} == {walker.family.baby.code}, "a move elsewhere is none here"
    sees(walker.page)
    nurse.goto(f"/newborn/visits/{visit}")
    press(nurse.locator(f"form[action='/newborn/visits/{visit}/end'] button"))
    expect(nurse).to_have_url(re.compile("done=ended"))
    _over(ward, walker, nurse, visit)


def _over(ward: Ward, walker: Walker, nurse: Page, visit: str) -> None:
    expect(walker.page.locator("#ended")).to_be_visible(timeout=120_000)  # nobody scans a moved bed anew
    expect(walker.page.locator("video")).to_have_count(0)
    walker.look("over")
    nurse.goto(f"/newborn/visits/{visit}")
    look(nurse, f"over-{walker.family.baby.bed}-1440")
    assert ward.read("Encounter", visit)["status"] == "finished"  # something was seen, however it ended


def _diary(walker: Walker, nurse: Page) -> None:
    """The nurse writes down the day, and lets it go to the family: only then it is in the mother's diary."""
    mother, note = walker.page, NOTES[walker.family.language]
    at = f"/newborn/care/{walker.baby}/diary"
    nurse.goto(at)
    for name, said in {"grams": "1405", "millilitres": "150", "note": note}.items():
        nurse.locator(f"#{name}").fill(said)
    nurse.locator("input[name=feed][value=own-milk]").check()
    press(nurse.locator("[data-part=entry] button"))
    mother.goto(f"/newborn/diary/{walker.baby}")
    expect(mother.locator("[data-part=day]")).to_have_count(0)
    look(nurse, f"care-{walker.family.baby.bed}-1440")
    press(nurse.locator("[data-part=release] form button"))
    expect(nurse).to_have_url(re.compile("done=released"))
    mother.goto("/newborn")
    press(mother.locator(f"a[href='/newborn/diary/{walker.baby}']"))
    expect(mother.locator("[data-part=day]")).to_contain_text(note)
    walker.look("diary")


def _ledger(walker: Walker) -> None:
    """The baby's ledger says to its mother who saw it, from when to when."""
    walker.page.goto(f"/trust/people/{walker.baby}/ledger?sort=own")  # she is family
    walker.look("ledger")
    said = walker.page.locator("main").inner_text()
    saw, interval = SEEN_LIVE[walker.family.language]
    assert said.count(saw) >= 1, said
    assert len(re.findall(interval, said)) >= 2, said  # before the shield and after it


def _life(ward: Ward, walker: Walker) -> None:
    """The baby's life, as its doctor reads it, tells of the stay and of the visit."""
    with ward.desk.page(role="neonatologist", look="", language="en") as page:
        page.goto(f"/lifelong/people/{walker.baby}")
        look(page, "life-1440")
        said = page.locator("main").inner_text()
    assert "Inpatient" in said, said
    assert "Online" in said, said


def _nothing_was_kept(ward: Ward, seen: Seen) -> None:
    assert set(MEDIA_PROGRAMS) <= seen.programs, "the media programs were looked at"
    unread = {path for path in seen.unread if not BRIEF.match(path.removeprefix(f"{ward.folder}/home/"))}
    assert (seen.marked, seen.media, unread, seen.folders) == (set(), set(), set(), set())
    passing = {path.removeprefix(f"{ward.folder}/") for path in seen.passing}
    assert {path for path in passing if not WRITTEN.match(path)} == set()
    log = str(ward.folder / "log")
    assert {path for name in MEDIA_PROGRAMS for path in seen.held.get(name, ())} <= {log}
    assert all(count <= DISK_BYTES_MAX for count in seen.written.values()), seen.written
