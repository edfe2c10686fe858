"""The head nurse keeps her ward's cameras in a browser: on a telephone in Chinese, at a desk in English."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.journeys.conftest import Desk
from tests.journeys.entering import press
from tests.journeys.filled_ward import filled_ward
from tests.journeys.looking import look_at
from tests.journeys.test_newborn_nurse import eventually

pytestmark = pytest.mark.slow  # imports a small demo province, and serves it


@pytest.fixture(scope="module")
def ward(chromium: Browser) -> Iterator[Desk]:
    """The made-up ward with its test cameras."""
    with filled_ward() as filled, filled.served(chromium) as desk:
        yield desk


@pytest.mark.parametrize(("width", "language"), [(320, "zh-CN"), (1440, "en")])
def test_she_registers_changes_moves_and_retires(ward: Desk, width: int, language: str) -> None:
    name, label = f"cameras-{{}}-{language}".format, f"CART-{width}"
    with ward.page(role="head-nurse", width=width, language=language, is_refused=True) as page:
        eventually(page, "/newborn/cameras", "[data-part=cameras] .tag.good >> nth=11")
        look_at(page, name("list"))
        page.locator("form.wide").evaluate("form => form.noValidate = true")
        press(page.locator("form.wide button"))
        expect(page.locator("[href='#bed']")).to_be_visible()
        look_at(page, name("faulty"))
        page.locator("#label").fill(label)
        page.locator("#bed").select_option(index=3)
        page.locator("label:has(input[value=cart])").click()
        press(page.locator("form.wide button"))
        expect(page).to_have_url(re.compile("done=registered"))
        press(page.locator("li", has_text="CAM-05").locator("a"))
        look_at(page, name("one"))
        page.locator("#address").fill("http://camera.example/5")
        press(page.locator("form[action$='/login'] button"))
        expect(page.locator("#refused")).to_be_visible()
        look_at(page, name("no-address"))
        page.locator("#address").fill("rtsp://127.0.0.1:554/bed-05")
        press(page.locator("form[action$='/login'] button"))
        expect(page.locator("#refused")).to_be_visible()
        look_at(page, name("this-machine"))
        page.goto("/newborn/cameras")
        press(page.locator("li", has_text=label).locator("a"))
        page.locator("#bed").select_option(index=5)
        press(page.locator("form[action$='/bed'] button"))
        expect(page).to_have_url(re.compile("done=hung"))
        press(page.locator("li", has_text=label).locator("a"))
        press(page.locator("form[action$='/retire'] button"))
        expect(page).to_have_url(re.compile("done=retired"))
        look_at(page, name("retired"))
