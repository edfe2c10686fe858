"""The made-up ward of newborns in a home of its own, and its test cameras: what journeys at its beds begin with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from playwright.sync_api import Browser

from tests.journeys.conftest import ROOT, Desk, _free_port, _served, _tianfu
from tests.journeys.entering import Entrance, Login, demo_logins

RESIDENTS = 20
BEDS = 12
TWINS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledWard:
    """A home with the ward in it, not served yet; all its temporary files lie in `folder`."""

    folder: Path
    environment: dict[str, str]
    logins: Mapping[str, Login]

    def booked(self, beds: int) -> list[dict[str, str]]:
        """Visits that begin now at the first beds, and what is printed at each (tests/journeys/booked_today.py)."""
        command = [sys.executable, "-m", "tests.journeys.booked_today", str(beds)]
        said = subprocess.run(command, env=self.environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        booked: list[dict[str, str]] = json.loads(said.stdout)
        return booked

    @contextmanager
    def served(self, browser: Browser) -> Iterator[Desk]:
        """The ward behind `tianfu serve`, with its test cameras."""
        port = int(self.environment["TIANFU_PORT"])
        with cameras_of(self.environment), _served(self.folder, self.environment, port) as address:
            yield Desk(browser, address, Entrance(self.logins, self.folder / "log"))


@contextmanager
def filled_ward() -> Iterator[FilledWard]:
    """The ward, told and imported; gone with the block."""
    folder = Path(tempfile.mkdtemp(prefix="tianfu-ward-"))
    folder.chmod(0o755)
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o1777)
    environment = {
        **os.environ,
        "TIANFU_HOME": str(folder / "home"),
        "TIANFU_PORT": str(_free_port()),
        "TIANFU_WORKERS": "1",
        "TMPDIR": str(folder / "tmp"),
    }
    environment.pop("TIANFU_DATABASE_URL", None)
    wish = ["--residents", str(RESIDENTS), "--today", date.today().isoformat(), "--ward"]  # noqa: DTZ011 - the pages' today
    try:
        made = [sys.executable, "-m", "demo", "--out", str(folder / "province"), *wish]
        subprocess.run(made, cwd=ROOT, check=True, capture_output=True)
        _tianfu(environment, "migrate")
        _tianfu(environment, "import", str(folder / "province"), "--rejects", str(folder / "rejects"))
        yield FilledWard(folder=folder, environment=environment, logins=demo_logins(environment))
    finally:
        _tianfu(environment, "database", "stop", check=False)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cameras_of(environment: dict[str, str]) -> Iterator[None]:
    """The ward's test cameras, for as long as the block lasts."""
    command = [sys.executable, "-m", "demo.ward"]
    cameras = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert cameras.stdout is not None
        hung, *labels = cameras.stdout.readline().strip().split(" · ")
        assert (hung, len(labels)) == (str(BEDS), TWINS)
        yield
    finally:
        cameras.terminate()
        cameras.communicate(timeout=30)
