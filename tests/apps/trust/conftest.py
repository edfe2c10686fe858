"""The app's pages over a store in memory, asked without a network, as whom a test says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from tests.apps.trust.made_up import made_up_world
from tests.apps.trust.memory_store import MemoryStore
from tests.web.conftest import NOON, made_up_assets
from tianfu.access.caller import Caller
from tianfu.apps.trust.routes import trust
from tianfu.kernel.instants import Instant
from tianfu.web.asking import Asking, HttpRequest
from tianfu.web.pages import Pages
from tianfu.web.site import SiteSettings, build_site


@dataclass(slots=True)
class Browser:
    """A browser of somebody who was let in; it follows redirects as browsers do, and keeps a look."""

    client: TestClient[Any]
    who: str
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
        return self.client.request(method, path, headers={"who": self.who}, **more)


BrowserOf = Callable[[Caller], Browser]


@dataclass(slots=True)
class Clock:
    """A clock that a test sets."""

    now: Instant = NOON

    def __call__(self) -> Instant:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return made_up_world()


@pytest.fixture
def browser_of(store: MemoryStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[BrowserOf]:
    """Makes a client of the app that is let in as somebody; it follows redirects as a browser does."""
    callers: dict[str, Caller] = {}
    asking = Pages.asking

    def let_in(pages: Pages, request: HttpRequest) -> Asking:
        return replace(asking(pages, request), caller=callers[request.headers["who"]])

    monkeypatch.setattr(Pages, "asking", let_in)
    site = build_site(
        apps=[trust(store, clock=clock)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, hosts={"made-up.local"}),
        clock=clock,
        assets=made_up_assets(),
    )
    with TestClient(site, base_url="http://made-up.local", raise_server_exceptions=False) as client:

        def browser(caller: Caller) -> Browser:
            callers[caller.id] = caller
            return Browser(client, caller.id)

        yield browser
