"""A nurse's telephone stands for a camera: on air for the media server, and seen by nobody yet."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.journeys.conftest import (
    AXE,
    CHROMIUM,
    CHROMIUM_ARGUMENTS,
    PICTURES,
    ROOT,
    Desk,
    _free_port,
    _served,
    _tianfu,
)
from tests.journeys.entering import Entrance, demo_logins

pytestmark = pytest.mark.slow  # imports a small demo province, and serves it

FAKE_CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
ON_AIR_MILLISECONDS = 30_000
SOUNDS = {"zh-CN": ("正在播出", "摄像已关闭"), "en": ("ON AIR", "Camera is off")}


@pytest.fixture(scope="module")
def camera_browser(driver: Playwright) -> Iterator[Browser]:
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_ARGUMENTS, *FAKE_CAMERA])
    yield browser
    browser.close()


@contextmanager
def hung(environment: dict[str, str]) -> Iterator[None]:
    """With the ward's test cameras, and its cart registered."""
    command = [sys.executable, "-m", "demo.ward"]
    cameras = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert cameras.stdout is not None
        assert cameras.stdout.readline().strip() == "12"
        yield
    finally:
        cameras.terminate()
        cameras.communicate(timeout=30)


@pytest.fixture(scope="module")
def ward(camera_browser: Browser) -> Iterator[Desk]:
    """The made-up ward behind `tianfu serve`, with its test cameras."""
    folder = Path(tempfile.mkdtemp(prefix="tianfu-cart-"))
    folder.chmod(0o755)
    port = _free_port()
    environment = {**os.environ, "TIANFU_HOME": str(folder / "home"), "TIANFU_PORT": str(port), "TIANFU_WORKERS": "1"}
    environment.pop("TIANFU_DATABASE_URL", None)
    wish = ["--residents", "20", "--today", date.today().isoformat(), "--ward"]  # noqa: DTZ011 - the pages' today
    try:
        made = [sys.executable, "-m", "demo", "--out", str(folder / "province"), *wish]
        subprocess.run(made, cwd=ROOT, check=True, capture_output=True)
        _tianfu(environment, "migrate")
        _tianfu(environment, "import", str(folder / "province"), "--rejects", str(folder / "rejects"))
        logins = demo_logins(environment)
        with hung(environment), _served(folder, environment, port) as address:
            yield Desk(camera_browser, address, Entrance(logins, folder / "log"))
    finally:
        _tianfu(environment, "database", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def look_at(page: Page, name: str) -> None:
    """Take a picture of the page, ask axe about it, and see that nothing sticks out."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [each["id"] for each in found["violations"] if each["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(("width", "language"), [(320, "zh-CN"), (1440, "en")])
def test_a_nurse_puts_her_telephone_on_air_and_takes_it_off_again(ward: Desk, width: int, language: str) -> None:
    on_air, off = SOUNDS[language]
    with ward.page(role="ward-nurse", width=width, language=language) as page:
        page.goto("/newborn/cart")
        look_at(page, f"cart-list-{width}")
        page.locator(".bedlist a").first.click()
        expect(page.locator("h1")).to_contain_text("NICU-12")
        sign = page.locator("[data-part=sign]")
        expect(sign).to_have_text(off)
        look_at(page, f"cart-off-{width}")
        page.locator("[data-part=start]").click()
        expect(sign).to_have_text(on_air, timeout=ON_AIR_MILLISECONDS)
        expect(page.locator("[data-part=torch]")).to_have_attribute("aria-pressed", "false")
        assert page.locator("[data-part=own]").evaluate("own => own.srcObject.getAudioTracks().length") == 0
        page.wait_for_function("document.querySelector('[data-part=own]').videoWidth > 0")
        look_at(page, f"cart-on-{width}")
        page.locator("[data-part=turn]").click()
        expect(sign).to_have_text(on_air)
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
