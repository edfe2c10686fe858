"""The app of newborn visits as the site takes it: the pages of families, of the ward's desk and of the head nurse."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.family_routes import family_routes
from tianfu.apps.newborn.head_nurse_routes import head_nurse_routes
from tianfu.apps.newborn.pages import DESK, ROOT
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.news import news_of_visits
from tianfu.web.admission import for_purpose
from tianfu.web.pages import Place
from tianfu.web.site import App

FAMILY_PLACE = "place.newborn"
DESK_PLACE = "place.newborn-desk"


def newborn(nursery: Nursery) -> App:
    """The app as the site takes it."""
    places: Sequence[Place] = (
        Place(key=FAMILY_PLACE, address=ROOT, icon="i-baby", roles=frozenset({"citizen"})),
        Place(key=DESK_PLACE, address=DESK, icon="i-baby", roles=frozenset({"nurse"})),
    )
    return App(
        name="newborn",
        folder=Path(__file__).parent,
        places=tuple(places),
        news=partial(news_of_visits, nursery, FAMILY_PLACE),
        routes=lambda pages: [
            *for_purpose(Purpose.PATIENT_REQUEST, family_routes(pages, nursery)),
            *for_purpose(Purpose.TREATMENT, head_nurse_routes(pages, nursery)),
        ],
    )
