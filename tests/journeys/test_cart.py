"""A nurse's telephone stands for a camera: on air for the media server, and seen by nobody yet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.journeys.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, Desk
from tests.journeys.filled_ward import filled_ward
from tests.journeys.looking import look_at

pytestmark = pytest.mark.slow  # imports a small demo province, and serves it

FAKE_CAMERA = ["--use-fake-device-for-media-stream=device-count=2", "--use-fake-ui-for-media-stream"]
ON_AIR_MILLISECONDS = 30_000
SOUNDS = {"zh-CN": ("正在播出", "摄像已关闭"), "en": ("ON AIR", "Camera is off")}


@pytest.fixture(scope="module")
def camera_browser(driver: Playwright) -> Iterator[Browser]:
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, *FAKE_CAMERA])
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def ward(camera_browser: Browser) -> Iterator[Desk]:
    """The made-up ward behind `tianfu serve`, with its test cameras."""
    with filled_ward() as filled, filled.served(camera_browser) as desk:
        yield desk


@pytest.mark.parametrize(("width", "language"), [(320, "zh-CN"), (1440, "en")])
def test_a_nurse_puts_her_telephone_on_air_and_takes_it_off_again(ward: Desk, width: int, language: str) -> None:
    on_air, off = SOUNDS[language]
    with ward.page(role="ward-nurse", width=width, language=language) as page:
        page.goto("/newborn/cart")
        look_at(page, f"cart-list-{language}")
        page.locator(".bedlist a").first.click()
        expect(page.locator("h1")).to_contain_text("NICU-12")
        sign = page.locator("[data-part=sign]")
        expect(sign).to_have_text(off)
        look_at(page, f"cart-off-{language}")
        page.locator("[data-part=start]").click()
        expect(sign).to_have_text(on_air, timeout=ON_AIR_MILLISECONDS)
        expect(page.locator("[data-part=torch]")).to_have_attribute("aria-pressed", "false")
        assert page.locator("[data-part=own]").evaluate("own => own.srcObject.getAudioTracks().length") == 0
        page.wait_for_function("document.querySelector('[data-part=own]').videoWidth > 0")
        look_at(page, f"cart-on-{language}")
        page.locator("[data-part=turn]").click()
        expect(page.locator("[data-part=turned]")).to_have_attribute("data-turned", "done")
        expect(sign).to_have_text(on_air, timeout=ON_AIR_MILLISECONDS)
        page.locator("[data-part=stop]").click()
        expect(sign).to_have_text(off)
        assert page.locator("[data-part=own]").evaluate("own => own.srcObject === null")


def test_nobody_but_nurses_of_the_ward_finds_a_cart(ward: Desk) -> None:
    with ward.page(role="ward-nurse") as page:
        page.goto("/newborn/cart")
        address = page.locator(".bedlist a").first.get_attribute("href")
        assert address is not None
        headers = page.request.get(address).headers
        assert headers["permissions-policy"].startswith("camera=(self)")
        assert page.request.get("/newborn/cart").headers["permissions-policy"].startswith("camera=()")
    for role in ("neonatologist", "mother"):
        with ward.page(role=role, is_refused=True) as page:
            answer = page.goto(address)
            assert answer is not None
            assert answer.status == 404
