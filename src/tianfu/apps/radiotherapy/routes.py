"""The pages of radiotherapy over HTTP: cases and what is on its way, judged plans, pictures, plans that are made."""

from __future__ import annotations

from pathlib import Path

from tianfu.access.purpose import Purpose
from tianfu.apps.radiotherapy.case_routes import case_routes
from tianfu.apps.radiotherapy.delivery_routes import delivery_routes
from tianfu.apps.radiotherapy.look_routes import look_routes
from tianfu.apps.radiotherapy.pages import ROLE, ROOT
from tianfu.apps.radiotherapy.plan_look_routes import plan_look_routes
from tianfu.apps.radiotherapy.plan_result_routes import plan_result_routes
from tianfu.apps.radiotherapy.plan_routes import plan_routes
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.work_routes import work_routes
from tianfu.web.admission import for_purpose
from tianfu.web.pages import Place
from tianfu.web.site import App


def radiotherapy(desk: Desk) -> App:
    """The app as the site takes it."""
    return App(
        name="radiotherapy",
        folder=Path(__file__).parent,
        places=(Place(key="place.radiotherapy", address=ROOT, icon="i-target", roles=frozenset({ROLE})),),
        routes=lambda pages: for_purpose(
            Purpose.TREATMENT,
            [
                *delivery_routes(pages, desk),
                *case_routes(pages, desk),
                *look_routes(pages, desk),
                *plan_routes(pages, desk),
                *plan_result_routes(pages, desk),
                *plan_look_routes(pages, desk),
                *work_routes(pages, desk),
            ],
        ),
    )
