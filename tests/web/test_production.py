"""No page is for developers: none shows a trace, a schema or a debugger, whatever the environment says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient

from tests.web.conftest import fixed_clock, made_up_assets
from tests.web.letting_in import doorkeeping
from tianfu.web.admission import OPEN
from tianfu.web.pages import Pages
from tianfu.web.site import App, SiteSettings, build_site


def breaking_pages(_pages: Pages) -> Sequence[HTTPRouteHandler]:
    """A page with a mistake of ours in it."""

    @get("/break", opt=dict(OPEN))
    async def broken() -> str:
        marked_value = "marked-" + "secret"
        raise RuntimeError(marked_value)

    return [broken]


@pytest.mark.parametrize("is_production", [True, False])
def test_a_mistake_shows_no_trace_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, is_production: bool
) -> None:
    monkeypatch.setenv("LITESTAR_DEBUG", "1")
    monkeypatch.setenv("LITESTAR_PDB", "1")
    built = build_site(
        apps=[
            App(name="made-up", folder=Path(__file__).parent / "made_up_app", places=(), routes=breaking_pages),
        ],
        settings=SiteSettings(
            seal_key=b"k" * 32, is_demonstration=False, is_production=is_production, hosts={"made-up.local"}
        ),
        doorkeeping=doorkeeping(desk=None),
        clock=fixed_clock,
        assets=made_up_assets(),
    )
    assert not built.debug
    with TestClient(built, base_url="https://made-up.local", raise_server_exceptions=False) as client:
        answer = client.get("/break", headers={"accept": "text/html"})
        assert answer.status_code == 500
        assert [word for word in ("marked", "RuntimeError", "Traceback", ".py") if word in answer.text] == []
        for path in ("/schema", "/schema/openapi.json", "/docs", "/redoc", "/debug", "/metrics"):
            assert client.get(path).status_code == 404, path
