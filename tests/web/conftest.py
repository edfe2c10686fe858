"""A site of two made-up pages, asked without a network."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient

from tests.web.letting_in import doorkeeping
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.web.asking import HttpRequest
from tianfu.web.assets import Asset, Assets
from tianfu.web.pages import Pages
from tianfu.web.site import App, SiteSettings, build_site

NOON = Instant(1_795_406_400_000_000)
"""23 November 2026, 12:00 in China."""

SOURCES = ("styles/site.css", "islands/index.ts", "drawings/drawings.svg", "drawings/flower.svg")


def made_up_assets() -> Assets:
    """Assets as a build would leave them, without building."""
    plain = b"a{}"
    style = Asset(name="site-1234.css", media_type="text/css; charset=utf-8", plain=plain, gzipped=gzip.compress(plain))
    names = dict.fromkeys(SOURCES, "site-1234.css")
    return Assets({"site-1234.css": style}, names)


def fixed_clock() -> Instant:
    return NOON


def broken_pages(pages: Pages) -> list[HTTPRouteHandler]:
    """Routes that go wrong in every way a page can."""

    @get("/refused")
    async def refused() -> None:
        raise Refusal(
            "database-unavailable",
            next_step="try-again-later",
            retryable=True,
            faults=(Fault("Patient.name[0]", "made-up-fault"),),
        )

    @get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("Wen Zhixia 510104199106099283")

    @post("/sent")
    async def sent(request: HttpRequest) -> Response[str]:
        await request.form()
        return pages.page("web/preferences.html", pages.asking(request), back="/", schemes=(), densities=())

    return [refused, broken, sent]


@pytest.fixture
def site() -> Iterator[TestClient[Any]]:
    """A client of the site; it follows no redirects."""
    app = App(name="broken", folder=Path(__file__).parent / "made_up_app", places=(), routes=broken_pages)
    built = build_site(
        apps=[app],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=True, is_production=False, hosts={"made-up.local"}),
        doorkeeping=doorkeeping(),
        clock=fixed_clock,
        assets=made_up_assets(),
    )
    with TestClient(built, base_url="http://made-up.local", raise_server_exceptions=False) as client:
        client.follow_redirects = False
        yield client
