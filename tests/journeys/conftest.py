"""A whole installation for the browser: the demo province imported into an empty home, served as people get it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, StorageState, sync_playwright

from tests.folders import made_folder
from tests.journeys.entering import Entrance, Login, demo_logins

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "build" / "pictures"
DOCUMENTS = PICTURES / "docs"
"""Pictures as docs/pictures has them: copied there when the pages look different."""

CHROMIUM = "/usr/bin/chromium-headless-shell"
"""Debian's, without a desk around it that nobody sees: it begins and draws with two thirds of the work."""

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
RESIDENTS = 40
READY_SECONDS_MAX = 120
REFUSED = "Failed to load resource: the server responded with a status of 4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where it is served, its log, the province it was filled with, who it is to commands, who may sign in."""

    address: str
    log: Path
    province: Path
    environment: dict[str, str]
    logins: dict[str, Login]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Journeys run last: the browser driver keeps an event loop in this thread, beside which no other can run."""
    items.sort(key=lambda item: "journeys" in item.path.parts)


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """The demo province behind `tianfu serve`."""
    folder = made_folder("tianfu-journey-")
    port = _free_port()
    environment = {**os.environ, "TIANFU_HOME": str(folder / "home"), "TIANFU_PORT": str(port), "TIANFU_WORKERS": "1"}
    environment.pop("TIANFU_DATABASE_URL", None)
    try:
        _fill(folder, environment)
        logins = demo_logins(environment)
        with _served(folder, environment, port) as address:
            yield Installation(
                address=address,
                log=folder / "log",
                province=folder / "province",
                environment=environment,
                logins=logins,
            )
    finally:
        _tianfu(environment, "database", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, environment: dict[str, str]) -> None:
    out = folder / "province"
    wish = ["--out", str(out), "--ward", "--residents", str(RESIDENTS), "--today", date.today().isoformat()]  # noqa: DTZ011 - the pages' today
    subprocess.run([sys.executable, "-m", "demo", *wish], cwd=ROOT, check=True, capture_output=True)
    _tianfu(environment, "migrate")
    sources = [str(source.parent) for source in sorted(out.glob("*/source.json"))]
    _tianfu(environment, "import", *sources, "--rejects", str(folder / "rejects.tsv"))


def _tianfu(environment: dict[str, str], *arguments: str, check: bool = True) -> None:
    program = Path(sys.executable).with_name("tianfu")
    subprocess.run([program, *arguments], env=environment, check=check, capture_output=True)


@contextmanager
def _served(folder: Path, environment: dict[str, str], port: int) -> Iterator[str]:
    program = Path(sys.executable).with_name("tianfu")
    address = f"http://localhost:{port}"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program, "serve"], env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(address, server)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=60)


def _wait_until_ready(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail("the installation did not become ready")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """The driver of all browsers: a second one cannot run beside it."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
    yield browser
    browser.close()


NOBODY = "nobody"
"""A reader who has not signed in."""

NO_ENTRANCE = Entrance({}, Path(os.devnull))
"""In front of an installation without a demonstration: whoever comes signs in by himself."""

IDLE_SECONDS_MAX = 600
"""An office's session ends after fifteen minutes without use: what nobody used for ten is not relied on."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A session that a browser keeps, and when it was last used."""

    state: StorageState
    used_at: float


@dataclass(frozen=True, slots=True)
class Desk:
    """Opens pages as different readers: who they are, width of the screen, look, language, scripts or none."""

    chromium: Browser
    address: str
    entrance: Entrance = NO_ENTRANCE
    kept: dict[str, Kept] = field(default_factory=dict)

    @contextmanager
    def page(
        self,
        *,
        role: str = "",
        width: int = 1440,
        look: str = "light.clinician.off",
        language: str = "zh-CN",
        scripts: bool = True,
        is_refused: bool = False,
    ) -> Iterator[Page]:
        """A page of a fresh context, of somebody who signed in; a word on its console fails the journey.

        Each role signs in once by the page itself, and keeps its session; without one it is the desk, if there are
        logins.  Without a look nothing was chosen yet.
        Where something is refused on the way, the browser's own line about that answer is none.
        """
        role = role or ("desk" if self.entrance.logins else NOBODY)
        state = None if role == NOBODY else self.signed_in(role)
        context = self._context(width, look, language, scripts, state)
        page = context.new_page()
        said: list[str] = []

        def hear(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                said.append(f"{message.text} {message.location.get('url', '')}")

        page.on("console", hear)
        page.on("pageerror", lambda error: said.append(str(error)))
        try:
            yield page
            assert [line for line in said if not (is_refused and line.startswith(REFUSED))] == []
        finally:
            context.close()

    def signed_in(self, role: str) -> StorageState:
        """What the browser of a role keeps; it signs in if it has not, or not lately."""
        kept = self.kept.get(role)
        if kept is None or time.monotonic() - kept.used_at > IDLE_SECONDS_MAX:
            context = self._context(1440, "", "zh-CN", True, None)
            try:
                self.entrance.sign_in(context.new_page(), role)
                kept = Kept(context.storage_state(), 0)
            finally:
                context.close()
        self.keep(role, kept.state)
        return kept.state

    def keep(self, role: str, state: StorageState) -> None:
        """This is what the browser of a role keeps from now on."""
        self.kept[role] = Kept(state, time.monotonic())

    def forget(self, role: str) -> None:
        """The role has signed out: whoever needs it next signs in anew."""
        self.kept.pop(role, None)

    def _context(
        self, width: int, look: str, language: str, scripts: bool, state: StorageState | None
    ) -> BrowserContext:
        context = self.chromium.new_context(
            base_url=self.address,
            viewport={"width": width, "height": 900},
            locale="zh-CN",
            reduced_motion="reduce",
            java_script_enabled=scripts,
            storage_state=state,
        )
        remembered = {"look": look, "language": language}
        context.add_cookies(
            [{"name": name, "value": value, "url": self.address} for name, value in remembered.items() if value]
        )
        return context


@pytest.fixture(scope="session")
def desk(chromium: Browser, installation: Installation) -> Desk:
    """A desk in front of the installation."""
    return Desk(chromium, installation.address, Entrance(installation.logins, installation.log))


@pytest.fixture(scope="session")
def life(desk: Desk) -> str:
    """The address of a young woman's life: found as people find it."""
    with desk.page() as page:
        page.goto("/lifelong")
        page.get_by_label("姓名、拼音或号码").last.fill("wenzhixia")
        page.get_by_role("button", name="查找").click()
        found = page.locator(".people .who").first.get_attribute("href")
        assert found is not None
        return found
