"""The app of newborn visits as the site takes it: families, the ward's desk, the head nurse, and the live part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from litestar.handlers import HTTPRouteHandler

from tianfu.access.purpose import Purpose
from tianfu.apps.newborn.actions.keep_cameras import CameraDesk
from tianfu.apps.newborn.camera_routes import camera_routes
from tianfu.apps.newborn.care_routes import CARE, care_routes
from tianfu.apps.newborn.cart_routes import Carts, cart_routes
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.consultation_routes import agreement_routes, consultation_routes
from tianfu.apps.newborn.diary_routes import diary_routes
from tianfu.apps.newborn.door_routes import door_codes_routes, door_routes
from tianfu.apps.newborn.family_routes import family_routes
from tianfu.apps.newborn.halt_routes import bed_halt_routes, desk_halt_routes
from tianfu.apps.newborn.head_nurse_routes import head_nurse_routes
from tianfu.apps.newborn.interpreter_routes import asked_routes, interpreter_routes
from tianfu.apps.newborn.live.bed import STAFF
from tianfu.apps.newborn.nurse_routes import ROUND, Bedsides, nurse_routes
from tianfu.apps.newborn.nurse_view_routes import nurse_view_routes
from tianfu.apps.newborn.pages import DESK, ROOT
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.quality_ports import Observatory
from tianfu.apps.newborn.quality_routes import ADMINISTRATORS, QUALITY, news_of_quality, quality_routes
from tianfu.apps.newborn.queries.news import news_of_visits
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.apps.newborn.visit_routes import CONSULTATIONS, door_visit_routes, visit_routes
from tianfu.apps.newborn.wording_routes import language_routes, wording_routes
from tianfu.apps.newborn.workload_routes import workload_routes
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.realtime.kept import KeptRooms
from tianfu.web.admission import for_purpose
from tianfu.web.news import News
from tianfu.web.pages import Pages, Place
from tianfu.web.site import App

FAMILY_PLACE = "place.newborn"
DESK_PLACE = "place.newborn-desk"
CARE_PLACE = "place.newborn-care"
QUALITY_PLACE = "place.newborn-quality"
CONSULTATION_PLACE = "place.newborn-consultations"


def newborn(
    nursery: Nursery,
    bedsides: Bedsides | None,
    windows: Windows | None = None,
    carts: Carts | None = None,
    observatory: Observatory | None = None,
    cameras: CameraDesk | None = None,
    consulting: Consulting | None = None,
) -> App:
    """The app as the site takes it.

    Without bedsides and windows an installation books visits and shows none; without carts no browser stands for a
    camera, without a desk of cameras none is kept by a page, and without an observatory no operator sees how visits go.
    Without consulting no expert from elsewhere is asked.
    """
    watched = Place(key=QUALITY_PLACE, address=QUALITY, icon="i-camera", roles=ADMINISTRATORS)
    asked = Place(key=CONSULTATION_PLACE, address=CONSULTATIONS, icon="i-steth", roles=frozenset({"doctor"}))
    live = (Place(key="place.round", address=ROUND, icon="i-camera", roles=STAFF),)
    return App(
        name="newborn",
        folder=Path(__file__).parent,
        places=(
            Place(key=FAMILY_PLACE, address=ROOT, icon="i-baby", roles=frozenset({"citizen"})),
            Place(key=DESK_PLACE, address=DESK, icon="i-baby", roles=frozenset({"nurse"})),
            Place(key=CARE_PLACE, address=CARE, icon="i-heart", roles=frozenset({"nurse"})),
            *(live if bedsides is not None else ()),
            *((asked,) if consulting is not None else ()),
            *((watched,) if observatory is not None else ()),
        ),
        news=partial(_news, nursery, observatory),
        routes=lambda pages: [
            *_booking(pages, nursery, windows, None if bedsides is None else bedsides.house.rooms),
            *_live(pages, bedsides, carts),
            *([] if cameras is None else for_purpose(Purpose.TREATMENT, camera_routes(pages, cameras))),
            *_watch(pages, windows),
            *_consultations(pages, consulting),
            *_quality(pages, observatory),
        ],
    )


def _booking(
    pages: Pages, nursery: Nursery, windows: Windows | None, rooms: KeptRooms | None
) -> list[HTTPRouteHandler]:
    return [
        *for_purpose(Purpose.PATIENT_REQUEST, family_routes(pages, nursery)),
        *for_purpose(Purpose.PATIENT_REQUEST, diary_routes(pages, nursery)),
        *for_purpose(Purpose.PATIENT_REQUEST, language_routes(nursery)),
        *for_purpose(Purpose.TREATMENT, head_nurse_routes(pages, nursery, rooms)),
        *for_purpose(Purpose.TREATMENT, desk_halt_routes(nursery)),
        *for_purpose(Purpose.TREATMENT, wording_routes(pages, nursery)),
        *for_purpose(Purpose.TREATMENT, care_routes(pages, nursery)),
        *for_purpose(Purpose.TREATMENT, door_codes_routes(pages, nursery)),
        *door_routes(pages, nursery, windows),
    ]


def _live(pages: Pages, bedsides: Bedsides | None, carts: Carts | None) -> list[HTTPRouteHandler]:
    if bedsides is None:
        return []
    at_the_bed = [*nurse_routes(pages, bedsides), *bed_halt_routes(pages, bedsides)]
    at_the_bed += workload_routes(pages, bedsides.house)
    at_the_bed += [] if carts is None else cart_routes(pages, carts)
    return for_purpose(Purpose.TREATMENT, at_the_bed)


def _watch(pages: Pages, windows: Windows | None) -> list[HTTPRouteHandler]:
    if windows is None:
        return []
    return [
        *for_purpose(Purpose.PATIENT_REQUEST, visit_routes(pages, windows)),
        *for_purpose(Purpose.PATIENT_REQUEST, asked_routes(pages, windows)),
        *door_visit_routes(pages, windows),
        *for_purpose(Purpose.TREATMENT, interpreter_routes(pages, windows)),
        *for_purpose(Purpose.TREATMENT, nurse_view_routes(pages, windows)),
    ]


def _consultations(pages: Pages, consulting: Consulting | None) -> list[HTTPRouteHandler]:
    if consulting is None:
        return []
    nursery = consulting.windows.nursery
    return [
        *for_purpose(Purpose.TREATMENT, consultation_routes(pages, consulting)),
        *for_purpose(Purpose.PATIENT_REQUEST, agreement_routes(pages, nursery)),
    ]


def _quality(pages: Pages, observatory: Observatory | None) -> list[HTTPRouteHandler]:
    if observatory is None:
        return []
    return for_purpose(Purpose.SYSTEM_ADMINISTRATION, quality_routes(pages, observatory))


async def _news(nursery: Nursery, observatory: Observatory | None, signed_in: SignedIn) -> Sequence[News]:
    """What waits for a family or, from an observatory, for an operator."""
    found = await news_of_visits(nursery, FAMILY_PLACE, signed_in)
    return found if observatory is None else [*found, *await news_of_quality(observatory, QUALITY_PLACE, signed_in)]
