"""Signs in through the pages, as people do, with what a demonstration shows: its table of logins, and its log."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

CODE_SECONDS_MAX = 70
"""An authenticator's code lives half a minute, and a telephone gets a code a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A made-up person's login as the command prints it; a resident has no password."""

    role: str
    name: str
    number: str
    password: str

    @property
    def is_staff(self) -> bool:
        """Whether he comes by password and authenticator, rather than by a code to his telephone."""
        return bool(self.password)


def demo_logins(environment: Mapping[str, str]) -> dict[str, Login]:
    """The logins by role, made by the command where they are missing."""
    program = Path(sys.executable).with_name("tianfu")
    said = subprocess.run(
        [program, "demo-logins", "--json"], env=dict(environment), check=True, capture_output=True, text=True
    ).stdout
    return {
        row["role"]: Login(role=row["role"], name=row["name"], number=row["number"], password=row["password"])
        for row in json.loads(said)
    }


@dataclass(frozen=True, slots=True)
class Entrance:
    """Knows the logins, and which codes were used: each counts once."""

    logins: Mapping[str, Login]
    log: Path
    used: dict[str, str] = field(default_factory=dict)

    def sign_in(self, page: Page, role: str) -> None:
        """From wherever the page is to where the role begins."""
        if "/sign-in" not in page.url:
            page.goto("/sign-in")
        if self.logins[role].is_staff:
            self.give_password(page, role)
            self.give_second(page, role)
        else:
            self.give_telephone(page, role)
            self.give_code(page, role)
        expect(page).not_to_have_url(re.compile("/sign-in"))

    def give_password(self, page: Page, role: str) -> None:
        """Staff's first step, when there is a code for the second that was not used yet."""
        login = self.logins[role]
        self.wait_for_code(page, role)
        page.locator("#staff-number").fill(login.number)
        page.locator("#password").fill(login.password)
        press(page.locator("form[action='/sign-in/staff'] button"))

    def wait_for_code(self, page: Page, role: str) -> None:
        """Load the page anew until it shows a code that was not used yet, and keep that."""
        until = time.monotonic() + CODE_SECONDS_MAX
        while self.shown_code(page, role) == self.used.get(role) and time.monotonic() < until:
            page.wait_for_timeout(1_000)
            page.goto("/sign-in")
        self.used[role] = self.shown_code(page, role)  # which is good for half a minute more than it is shown

    def give_second(self, page: Page, role: str) -> None:
        """Staff's second step, with the code that the first page showed."""
        page.locator("#code").fill(self.used[role])
        press(page.locator("form[action='/sign-in/second'] button").first)

    def give_telephone(self, page: Page, role: str) -> None:
        """A resident's first step."""
        page.locator("#number").fill(self.logins[role].number)
        press(page.locator("form[action='/sign-in/telephone'] button"))

    def give_code(self, page: Page, role: str) -> None:
        """A resident's second step; whoever was here a moment ago waits for a code that he has not used."""
        until = time.monotonic() + CODE_SECONDS_MAX
        while self.sent_code(role) in ("", self.used.get(role)) and time.monotonic() < until:
            page.wait_for_timeout(1_000)
            page.goto("/sign-in")
            self.give_telephone(page, role)
        self.used[role] = self.sent_code(role)
        page.locator("#code").fill(self.used[role])
        press(page.locator("form[action='/sign-in/code'] button"))

    def shown_code(self, page: Page, role: str) -> str:
        """What the table on the page to sign in says that the role's authenticator shows."""
        row = page.locator(".demologins tr", has_text=self.logins[role].number)
        return row.locator("td").last.inner_text().strip()

    def sent_code(self, role: str) -> str:
        """The last code that the log says went to the role's telephone."""
        tail = self.logins[role].number[-4:]
        sent = re.findall(rf"code for the telephone that ends in {tail}: (\d+)", self.log.read_text("utf-8"))
        return sent[-1] if sent else ""


def press(button: Locator) -> None:
    """Press a button that leads to another page, and wait for that."""
    with button.page.expect_navigation():
        button.click()
