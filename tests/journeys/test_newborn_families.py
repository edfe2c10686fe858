"""A family's way to a booked slot, and how the head nurse answers it, through the pages, with what axe says of each.

A resident who is nobody's guardian yet enrols, is confirmed by the head nurse, signs and books.
"""

from __future__ import annotations

import gzip
import re

import orjson
import pytest
from playwright.sync_api import expect

from tests.journeys.conftest import Desk, Installation
from tests.journeys.entering import press
from tests.journeys.looking import wrong_at
from tests.journeys.newborn_ward import set_policy
from tianfu.kernel.instants import china_date, system_clock

pytestmark = pytest.mark.slow  # a browser and a whole installation

INPATIENT = "urn:oid:2.16.156.10011.1.12"
WRISTBAND = "urn:tianfu:wristband"
LOOKS = (((320, 1440), "zh-CN", ""), ((320,), "en", "light.clinician.off"), ((1440,), "en", ""))
"""Widths, language, and what was chosen of the display; the dense one has another row of places."""


def numbers_in(installation: Installation) -> tuple[str, str]:
    """The inpatient number of a baby who is no twin, and the last four of its wristband, as its mother reads them."""
    stays, bands = {}, {}
    for file in sorted(installation.province.glob("*/*.ndjson.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            if INPATIENT.encode() not in line and WRISTBAND.encode() not in line:
                continue
            resource = orjson.loads(line)
            for each in resource.get("identifier", ()):
                if each.get("system") == INPATIENT and resource.get("status") == "in-progress":
                    stays[resource["subject"]["reference"].rpartition("/")[2]] = each["value"]
                if each.get("system") == WRISTBAND and "multipleBirthInteger" not in resource:
                    bands[resource["id"]] = re.sub(r"[^0-9A-Za-z]", "", each["value"])[-4:]
    baby = max(stays.keys() & bands.keys())
    return stays[baby], bands[baby]


def seen_everywhere(desk: Desk, role: str, pages: dict[str, str]) -> list[object]:
    """Look at pages on a small telephone, also in the dense display, and at a desk."""
    wrong: list[object] = []
    for widths, language, chosen in LOOKS:
        with desk.page(role=role, width=widths[0], look=chosen, language=language) as page:
            for name, path in pages.items():
                answer = page.goto(path)
                assert answer is not None
                assert answer.status == 200, path
                wrong += wrong_at(page, f"newborn-{name}-{language}", widths)
    return wrong


def test_a_family_enrols_signs_and_books_and_the_head_nurse_answers(desk: Desk, installation: Installation) -> None:
    wrong: list[object] = []
    numbers = {"slot_minutes": 20, "gap_minutes": 10, "at_once": 1, "days_ahead": 7, "per_baby_a_day": 2}
    set_policy(desk, china_date(system_clock()), "1-7 00:00-24:00", **numbers, cancel_minutes=60, invited_max=3)
    wrong += seen_everywhere(desk, "citizen", {"home-empty": "/newborn", "enrol": "/newborn/enrol"})
    inpatient, tail = numbers_in(installation)
    with desk.page(role="citizen", look="", width=390) as page:
        page.goto("/newborn/enrol")
        page.locator("input[name=relation][value=FTH]").check()
        page.locator("#inpatient").fill(inpatient)
        page.locator("#tail").fill(tail)
        press(page.locator("main form button.main"))
        expect(page).to_have_url(re.compile("done=asked"))
    wrong += seen_everywhere(desk, "citizen", {"home-waits": "/newborn"})
    wrong += seen_everywhere(desk, "head-nurse", {"desk-claims": "/newborn/desk"})
    with desk.page(role="head-nurse", look="") as page:
        page.goto("/newborn/desk")
        page.locator("[data-part=claims] summary").first.click()
        page.locator("[data-part=claims] input[value=birth-certificate]").check()
        page.locator("[data-part=claims] input[name=seen]").fill("P110000001")
        press(page.locator("[data-part=claims] form button.main"))
        expect(page).to_have_url(re.compile("done=approved"))
    with desk.page(role="citizen", look="", width=390) as page:
        page.goto("/newborn")
        consent = page.locator("a[href^='/newborn/consent/']").first.get_attribute("href")
        assert consent is not None
        baby = consent.rpartition("/")[2]
    wrong += seen_everywhere(desk, "citizen", {"home-consent": "/newborn", "consent": consent})
    with desk.page(role="citizen", look="", width=390) as page:
        page.goto(consent)
        assert page.locator("input[type=radio]:checked").count() == 0
        for scope in ("view", "talk", "diary"):
            page.locator(f"input[name={scope}][value=yes]").check()
        page.locator("input[name=photo][value=no]").check()
        press(page.locator("main form button.main"))
        expect(page).to_have_url(re.compile("done=signed"))
    wrong += seen_everywhere(
        desk,
        "citizen",
        {"home-book": "/newborn", "book": f"/newborn/book/{baby}", "invited": f"/newborn/invited/{baby}"},
    )
    with desk.page(role="citizen", look="", width=390) as page:
        page.goto(f"/newborn/book/{baby}")
        page.locator("nav.days a.open").nth(1).click()
        page.locator("input[name=start]:not([disabled])").first.check(force=True)
        press(page.locator("main form button.main"))
        expect(page).to_have_url(re.compile("done=booked"))
        expect(page.locator("[data-part=visit]")).to_be_visible()
    wrong += seen_everywhere(desk, "citizen", {"home-booked": "/newborn", "told-elsewhere": "/account"})
    wrong += seen_everywhere(
        desk,
        "head-nurse",
        {
            "desk": "/newborn/desk",
            "desk-baby": f"/newborn/desk/babies/{baby}",
            "feedback": "/newborn/desk/feedback",
        },
    )
    assert wrong == []
