"""The app of newborn visits as the site takes it."""

from __future__ import annotations

from pathlib import Path

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.live.bed import STAFF
from tianfu.apps.newborn.nurse_routes import ROUND, Bedsides, nurse_routes
from tianfu.web.admission import for_purpose
from tianfu.web.pages import Place
from tianfu.web.site import App


def newborn(bedsides: Bedsides) -> App:
    """The app as the site takes it."""
    return App(
        name="newborn",
        folder=Path(__file__).parent,
        places=(Place(key="place.round", address=ROUND, icon="i-camera", roles=STAFF),),
        routes=lambda pages: for_purpose(Purpose.TREATMENT, nurse_routes(pages, bedsides)),
    )
