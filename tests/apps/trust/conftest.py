"""The app's pages over a store in memory, asked without a network, as whom a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from tests.apps.trust.made_up import made_up_world
from tests.apps.trust.memory_store import MemoryStore
from tests.web.conftest import NOON, made_up_assets
from tests.web.letting_in import doorkeeping, word_for
from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.routes import trust
from tianfu.kernel.instants import Instant
from tianfu.web.site import SiteSettings, build_site


@dataclass(slots=True)
class Clock:
    """A clock that a test sets."""

    now: Instant = NOON

    def __call__(self) -> Instant:
        return self.now


@dataclass(slots=True)
class Browser:
    """A browser of somebody who was let in; it follows redirects as browsers do, and keeps a look."""

    client: TestClient[Any]
    clock: Clock
    caller: Caller
    purposes: tuple[Purpose, ...]
    look: str = "light.clinician.off"

    def get(self, path: str, **more: Any) -> httpx.Response:
        """Open a page."""
        return self._sent("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """Send a form."""
        return self._sent("POST", path, **more)

    def _sent(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.client.cookies.clear()
        self.client.cookies.set("look", self.look)
        if self.caller.role != "desk":
            self.client.cookies.set("session", session_of(self.caller, *self.purposes))
        return self.client.request(method, path, headers={"sec-fetch-site": "same-origin"}, **more)


BrowserOf = Callable[..., Browser]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return made_up_world()


PURPOSES = {
    "citizen": (Purpose.PATIENT_REQUEST,),
    "doctor": (Purpose.TREATMENT, Purpose.EMERGENCY),
    "nurse": (Purpose.TREATMENT,),
    "officer": (Purpose.OPERATIONS,),
}
"""For what each role comes."""


def session_of(caller: Caller, *purposes: Purpose) -> str:
    """What the session cookie of a caller holds."""
    return word_for(caller, *(purposes or PURPOSES[caller.role]))


@pytest.fixture
def browser_of(store: MemoryStore, clock: Clock) -> Iterator[BrowserOf]:
    """Makes a client of the app of somebody who signed in; it follows redirects as a browser does."""
    site = build_site(
        apps=[trust(store, clock=clock)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, is_production=False, hosts={"made-up.local"}),
        doorkeeping=doorkeeping(),
        clock=clock,
        assets=made_up_assets(),
    )
    with TestClient(site, base_url="http://made-up.local", raise_server_exceptions=False) as client:

        def browser(caller: Caller, *purposes: Purpose) -> Browser:
            return Browser(client, clock, caller, purposes)

        yield browser
