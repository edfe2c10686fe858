"""The pictures of the documentation: build/pictures/docs holds them, to be copied to docs/pictures.

Those of an emergency, of a ledger and of reviews are taken on the way of test_trust.py.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import DOCUMENTS, NOBODY, Desk
from tests.pictures import take_picture

pytestmark = pytest.mark.slow  # a browser and a whole installation


def take(page: Page, name: str, *, height: int) -> None:
    """What the window shows, if it is so high."""
    width = page.evaluate("innerWidth")
    page.set_viewport_size({"width": width, "height": height})
    take_picture(page, DOCUMENTS / f"{name}.png")


def test_the_entrance_shows_the_logins_of_the_demonstration(desk: Desk) -> None:
    with desk.page(role=NOBODY, look="") as page:
        page.goto("/sign-in")
        expect(page.locator(".demologins tbody tr")).to_have_count(len(desk.entrance.logins))
        # A code of this minute is worth nothing to whoever looks at the picture later.
        take(page, "sign-in-desk", height=1_000)


def test_a_life_is_shown_at_a_desk_and_in_english_and_dark(desk: Desk, life: str) -> None:
    with desk.page() as page:
        page.goto("/lifelong")
        page.locator("#who").fill("wenzhixia")
        page.get_by_role("button", name="查找").click()
        expect(page.locator("#found")).to_contain_text("找到")
        take(page, "find-desk", height=900)
        page.goto(life)
        take(page, "life-desk", height=1_000)
        page.goto(f"{life}/trend")
        take(page, "trend-desk", height=900)
    with desk.page(look="dark.clinician.off", language="en") as page:
        page.goto(life)
        take(page, "life-desk-en", height=1_000)


def test_a_resident_sees_her_own_life_on_a_telephone(desk: Desk) -> None:
    with desk.page(role="citizen", width=320, look="", language="en") as page:
        page.goto("/")
        own = page.url
        page.goto(f"{own}/trend")
        expect(page.locator("tianfu-chart")).to_be_visible()
        take(page, "trend-phone", height=700)
    with desk.page(role="citizen", width=320, look="") as page:
        page.goto(own)
        take(page, "life-phone", height=700)
