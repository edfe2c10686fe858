"""The app's pages over a store in memory, asked without a network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient

from tests.apps.lifelong.made_up import life_of_a_woman
from tests.apps.lifelong.memory_store import MemoryStore
from tests.web.conftest import fixed_clock, made_up_assets
from tests.web.letting_in import doorkeeping
from tianfu.apps.lifelong.routes import lifelong
from tianfu.web.site import SiteSettings, build_site


@pytest.fixture
def store() -> MemoryStore:
    return life_of_a_woman()


@pytest.fixture
def browser(store: MemoryStore) -> Iterator[TestClient[Any]]:
    """A client of the app that follows redirects as a browser does."""
    site = build_site(
        apps=[lifelong(store)],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, is_production=False, hosts={"made-up.local"}),
        doorkeeping=doorkeeping(),
        clock=fixed_clock,
        assets=made_up_assets(),
    )
    with TestClient(site, base_url="http://made-up.local", raise_server_exceptions=False) as client:
        yield client
