"""Every route and interaction has its row in docs/reference/permissions.md, and no row is about nothing."""

from __future__ import annotations

from typing import Any, cast, get_args
from unittest.mock import MagicMock

from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.permission_table import interaction_rows, page_rows
from tests.web.conftest import fixed_clock, made_up_assets
from tests.web.letting_in import doorkeeping
from tianfu.apps.administration.routes import administration
from tianfu.apps.entrance.routes import entrance
from tianfu.apps.family.routes import family
from tianfu.apps.lifelong.routes import lifelong
from tianfu.apps.newborn.routes import newborn
from tianfu.apps.radiotherapy.routes import radiotherapy
from tianfu.apps.trust.routes import trust
from tianfu.gateways.fhir.addresses import Interaction, target_of
from tianfu.gateways.fhir.admission import LIMIT_OF
from tianfu.gateways.smart.routes import smart
from tianfu.web.site import SiteSettings, build_site


def site() -> Litestar:
    """The site as `main` builds it, in front of no store: only its routes are looked at."""
    nothing = cast("Any", None)
    approvals = MagicMock()
    return build_site(
        apps=[
            lifelong(nothing),
            trust(nothing, clock=fixed_clock),
            administration(nothing),
            entrance(MagicMock()),
            family(MagicMock()),
            newborn(*(MagicMock() for _ in range(7))),
            smart(approvals),
            radiotherapy(MagicMock()),
        ],
        settings=SiteSettings(seal_key=b"k" * 32, is_demonstration=False, is_production=True),
        doorkeeping=doorkeeping(),
        clock=fixed_clock,
        assets=made_up_assets(),
    )


def pages_there() -> dict[tuple[str, str], str]:
    """Method and path of every page, and for what it is opened."""
    found: dict[tuple[str, str], str] = {}
    for route in site().routes:
        assert isinstance(route, HTTPRoute), route.path
        for method, (handler, _) in route.route_handler_map.items():
            if method != "OPTIONS":  # which Litestar makes for every path; it says what methods there are
                purpose = handler.opt.get("purpose", "the role's first")
                found[method, route.path] = "open" if handler.opt.get("open") else str(purpose)
    return found


def test_every_page_has_its_row_and_every_row_its_page() -> None:
    assert {(row.method, row.path): row.purpose for row in page_rows()} == pages_there()


def test_no_page_has_two_rows() -> None:
    rows = [(row.method, row.path) for row in page_rows()]
    assert len(rows) == len(set(rows))


def test_every_interaction_has_its_row_and_every_row_its_interaction() -> None:
    assert sorted(row.interaction for row in interaction_rows()) == sorted(get_args(Interaction))


def test_every_interaction_is_counted() -> None:
    assert set(LIMIT_OF) == set(get_args(Interaction))


def target_named(request: str) -> str:
    """The interaction that the door takes a request of the table for."""
    method, _, address = request.partition(" ")
    path = address.partition("?")[0].replace("Type", "Condition").replace("version", "1")
    return target_of(method, tuple(part for part in path.split("/") if part)).interaction


def test_a_row_names_the_requests_of_its_interaction() -> None:
    wrong = [
        (row.interaction, request)
        for row in interaction_rows()
        for request in row.requests
        if target_named(request) != row.interaction
    ]
    assert wrong == []
