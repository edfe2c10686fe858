"""The pages of administrators over HTTP.  They need a session of somebody who signed in; else they are not there."""

from __future__ import annotations

from pathlib import Path

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.access.purpose import Purpose
from tianfu.apps.administration.organisation_routes import UNITS, organisation_routes
from tianfu.apps.administration.pages import ROOT, came
from tianfu.apps.administration.ports import House
from tianfu.apps.administration.queries.units import not_found
from tianfu.apps.administration.staff_routes import STAFF, staff_routes
from tianfu.web.admission import for_purpose
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages, Place
from tianfu.web.site import App

STARTS = {"security": STAFF, "administrator": UNITS}
"""Where each of the two begins."""


def administration(house: House) -> App:
    """The app as the site takes it."""
    return App(
        name="administration",
        folder=Path(__file__).parent,
        places=(
            Place(key="place.staff", address=STAFF, icon="i-user", roles=frozenset({"security"})),
            Place(key="place.organisations", address=UNITS, icon="i-hospital", roles=frozenset({"administrator"})),
        ),
        routes=lambda pages: for_purpose(
            Purpose.SYSTEM_ADMINISTRATION,
            [*_start(pages), *staff_routes(pages, house), *organisation_routes(pages, house)],
        ),
    )


def _start(pages: Pages) -> list[HTTPRouteHandler]:
    @get(ROOT)
    async def start_administration(request: HttpRequest) -> Redirect:
        role = pages.asking(request).caller.role
        if role not in STARTS:
            raise not_found()
        came(request, role)
        return Redirect(STARTS[role], status_code=303)

    return [start_administration]
