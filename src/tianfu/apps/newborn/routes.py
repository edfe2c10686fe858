"""The app of newborn visits as the site takes it."""

from __future__ import annotations

from pathlib import Path

from litestar.handlers import HTTPRouteHandler

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.cart_routes import Carts, cart_routes
from tianfu.apps.newborn.live.bed import STAFF
from tianfu.apps.newborn.nurse_routes import ROUND, Bedsides, nurse_routes
from tianfu.web.admission import for_purpose
from tianfu.web.pages import Pages, Place
from tianfu.web.site import App


def newborn(bedsides: Bedsides, carts: Carts | None = None) -> App:
    """The app as the site takes it; without `carts` where no browser may stand for a camera."""
    return App(
        name="newborn",
        folder=Path(__file__).parent,
        places=(Place(key="place.round", address=ROUND, icon="i-camera", roles=STAFF),),
        routes=lambda pages: for_purpose(Purpose.TREATMENT, _routes(pages, bedsides, carts)),
    )


def _routes(pages: Pages, bedsides: Bedsides, carts: Carts | None) -> list[HTTPRouteHandler]:
    return [*nurse_routes(pages, bedsides), *([] if carts is None else cart_routes(pages, carts))]
