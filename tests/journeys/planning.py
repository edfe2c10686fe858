"""What a physicist does on the pages of planning, in either language, and what befalls the program beneath them."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys.entering import press
from tests.journeys.looking import wrong_at

WAIT_MS = 180_000
"""For a plan, also by a program that compiles first, on a machine that has other things to do."""

TABS_MAX = 120
TEMPLATE = "tg119-c-shape"
MACHINE = "made-up-6mv@1"
STRUCTURES = {"BODY": "BODY", "PTV": "PTV_5000", "Core": "SpinalCord"}
"""What the template's structures are in the small case."""

CHOSEN = {"machine": MACHINE, "density": "TG-119 phantom@1", "protocol": "tg119-c-shape-easier"}
RADIOS = {"second": "none", "how": "weighted"}
NOTICE = {"en": "Not for clinical use until commissioned and registered.", "zh-CN": "未经验收和注册，不得用于临床。"}

FIGURES = "[data-moves=rows]"
"""The table of the histogram that moves."""

FLUENCE = 5
"""The number of its stage in the list of stages."""


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Looks at every page on the way at both sizes, in one language, and keeps what is wrong with any."""

    page: Page
    language: str
    wrong: list[object] = field(default_factory=list)

    def look(self, name: str) -> None:
        """The page is in this language, has its heading for a title, is nobody's clearance, and nothing sticks out."""
        page = self.page
        expect(page.locator("html")).to_have_attribute("lang", self.language)
        expect(page.locator("[data-part=not-cleared]")).to_have_text(NOTICE[self.language])
        heading = page.locator("h1").inner_text()
        assert page.title().startswith(heading), (page.title(), heading)
        self.wrong.extend(wrong_at(page, f"planning-{name}-{self.language}"))


def not_chosen(page: Page) -> None:
    """Nothing of what makes a plan this one is chosen on a new form."""
    for name in CHOSEN:
        expect(page.locator(f"#{name}")).to_have_value("")
    expect(page.locator(", ".join(f"[name={name}]:checked" for name in (*RADIOS, "confirmed")))).to_have_count(0)


def fill(page: Page, name: str, *, beams: int) -> None:
    """Fill the form in for a plan of so many of the template's beams, but for the confirmation."""
    page.fill("#name", name)
    for at, value in CHOSEN.items():
        page.select_option(f"#{at}", value)
    for at, value in RADIOS.items():
        page.check(f"[name={at}][value={value}]")
    for number, meant in enumerate(STRUCTURES.values(), start=1):
        page.select_option(f"#structure-{number}", meant)
    keep_beams(page, beams)


def keep_beams(page: Page, beams: int) -> None:
    """Take beams away from the last until so many are left."""
    for number in range(page.locator(".rtbeams > li").count(), beams, -1):
        press(page.locator(f"[name=deed][value=remove-beam-{number}]"))


def make(page: Page) -> None:
    """Confirm the structures and ask for the plan; its page comes."""
    page.check("#confirmed")
    press(page.locator("[name=deed][value=make]"))
    expect(page).to_have_url(re.compile("/radiotherapy/(works|cases/[^/]+/plans)/"))


def ask(page: Page, case: str, name: str, *, beams: int) -> None:
    """Ask for a plan of a case from the template."""
    page.goto(f"{case}/plan?template={TEMPLATE}")
    fill(page, name, beams=beams)
    make(page)


def finished(page: Page) -> str:
    """The address of the plan that the page leads to by itself."""
    page.wait_for_url(re.compile("/plans/[^/]+$"), timeout=WAIT_MS)
    return page.url


def look_until(page: Page, shown: Locator) -> None:
    """Look at a plan in the making again and again, sooner than its page does by itself, until it shows this."""
    until = time.monotonic() + WAIT_MS / 1_000
    while not shown.count():
        assert time.monotonic() < until, f"not seen: {shown}"
        page.goto(page.url)


def fluence_done(page: Page) -> Locator:
    """What the page of a plan in the making shows once its fluence is kept."""
    return page.locator(f".rtstages > li:nth-child({FLUENCE}).done")


@contextmanager
def standing_still(page: Page) -> Iterator[None]:
    """Whatever the page asks for anew meanwhile is what it shows, so that there is time to look at it."""
    address, shown = page.url, page.content()
    page.route(address, lambda route: route.fulfill(body=shown, content_type="text/html; charset=utf-8"))
    try:
        yield
    finally:
        page.unroute(address)


def reach(control: Locator) -> None:
    """Go to a control by the tabulator alone."""
    for _ in range(TABS_MAX):
        if control.evaluate("control => control === document.activeElement"):
            return
        control.page.keyboard.press("Tab")
    pytest.fail(f"no key leads to {control}")


def kill_worker(home: Path) -> int:
    """End the program that computes plans as a crash does; its number."""
    (worker,) = workers(home)
    os.kill(worker, signal.SIGKILL)
    return worker


def workers(home: Path) -> list[int]:
    """The processes of an installation that do heavy works."""
    marker, found = f"TIANFU_HOME={home}\0".encode(), []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if words[2:4] == [b"tianfu.supervision.job_worker", b"heavy"]:
                    found += [int(folder.name)] * (marker in (folder / "environ").read_bytes())
    return found
