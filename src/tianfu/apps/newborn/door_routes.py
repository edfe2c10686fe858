"""The station at the ward's door over HTTP, for people without phones, and the nurse's page of its codes.

The station itself needs no sign-in: it is a device with a secret of its own, and works only while nobody is signed in
there.  It tells nobody's name.
"""

from __future__ import annotations

from contextlib import suppress

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.give_door_code import Paper, give_door_code
from tianfu.apps.newborn.actions.stay import leave as leave_window
from tianfu.apps.newborn.pages import ROOT, nurse, page_of
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.door import read_door_visits
from tianfu.apps.newborn.queries.family_visit import at_door
from tianfu.apps.newborn.queries.records import ward_of_unit
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.booking.stations import STATION_SECONDS
from tianfu.web.admission import OPEN_FORM, RECOGNISED
from tianfu.web.asking import ADMITTED, HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

DOOR = f"{ROOT}/door"
DOOR_WATCH = f"{DOOR}/watch"
CODES = f"{ROOT}/door-codes"

STATION_COOKIE = "station"
STATION_OPEN = {**OPEN_FORM, "bucket": "station", "recognised": True}
"""Nobody signs in at a station; what is typed there counts by the address of the device, apart from sign-in."""

STATION_WATCHES = {**STATION_OPEN, "bucket": "station-watches"}
"""A page that watches asks often; codes are still taken however often it does."""

FORGETS = {"clear-site-data": '"cache"', "cache-control": "no-store"}


def door_codes_routes(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    """The nurse's side: codes for visits, and making a device a station."""

    async def codes_page(request: HttpRequest, *, status: int = 200, **said: object) -> Response[str]:
        visits = await read_door_visits(nursery, nurse(request).caller)
        shown = {"code": "", **said}
        return page_of(pages, request)("door/codes.html", status=status, visits=visits, papers=tuple(Paper), **shown)

    @get(CODES)
    async def show_codes(request: HttpRequest) -> Response[str]:
        return await codes_page(request)

    @post(f"{CODES}/{{visit:str}}", status_code=200)
    async def give(request: HttpRequest, visit: FromPath[str]) -> Response[str]:
        caller, form = nurse(request).caller, await read_form(request, "paper", "seen")
        try:
            code = await give_door_code(nursery, caller, visit, form)
        except Refusal as refusal:
            if refusal.code not in {"paper-not-seen", "door-not-now", "consent-missing"}:
                raise
            return await codes_page(request, status=status_of(refusal), refused=refusal.code)
        # Shown once, on this answer alone: it lies nowhere to be shown again.
        return await codes_page(request, code=f"{code[:4]}-{code[4:]}")

    @post(f"{CODES}/station/open", status_code=303)
    async def open_station(request: HttpRequest) -> Redirect:
        caller = nurse(request).caller
        ward = await ward_of_unit(nursery.store, caller)
        secret = await nursery.stations.open(ward.id, by=caller)
        return Redirect(DOOR, status_code=303, cookies=[_cookie(request, secret, STATION_SECONDS)])

    return [show_codes, give, open_station]


def door_routes(pages: Pages, nursery: Nursery, windows: Windows | None) -> list[HTTPRouteHandler]:
    """The device's side; without windows there is nothing to watch."""

    async def let_go(request: HttpRequest) -> None:
        """Whoever watches at this station watches no more."""
        if windows is not None:
            with suppress(Refusal):
                watcher = await at_door(windows, request.cookies.get(STATION_COOKIE, ""))
                await leave_window(windows, watcher, watcher.shown.visit)

    async def station_page(request: HttpRequest, *, status: int = 200, **said: object) -> Response[str]:
        is_signed_in = ADMITTED in request.scope["state"]
        station = None if is_signed_in else await nursery.stations.find(request.cookies.get(STATION_COOKIE, ""))
        shown = station.shown if station is not None else None
        answer = page_of(pages, request)(
            "door/station.html", status=status, station=station, shown=shown, is_signed_in=is_signed_in, **said
        )
        answer.headers["cache-control"] = "no-store"
        if shown is not None:
            answer.headers.update(nothing_stays(shown.until, now=nursery.clock()))
        return answer

    @get(DOOR, opt=dict(RECOGNISED))
    async def show_station(request: HttpRequest) -> Response[str]:
        return await station_page(request)

    @post(f"{DOOR}/enter", status_code=200, opt=dict(STATION_OPEN))
    async def enter(request: HttpRequest) -> Response[str] | Redirect:
        refuse_signed_in(request)
        form = await read_form(request, "code")
        try:
            await let_go(request)
            await nursery.stations.enter(request.cookies.get(STATION_COOKIE, ""), form["code"])
        except Refusal as refusal:
            if refusal.code != "door-code-wrong":
                raise
            return await station_page(request, status=status_of(refusal), refused=refusal.code)
        return Redirect(DOOR, status_code=303, headers=FORGETS)

    @post(f"{DOOR}/leave", status_code=303, opt=dict(STATION_OPEN))
    async def leave(request: HttpRequest) -> Redirect:
        await let_go(request)
        await nursery.stations.leave(request.cookies.get(STATION_COOKIE, ""))
        return Redirect(DOOR, status_code=303, headers=FORGETS)

    @post(f"{DOOR}/close", status_code=303, opt=dict(STATION_OPEN))
    async def close(request: HttpRequest) -> Redirect:
        await let_go(request)
        await nursery.stations.close(request.cookies.get(STATION_COOKIE, ""))
        return Redirect(DOOR, status_code=303, headers=FORGETS, cookies=[_cookie(request, "", 0)])

    return [show_station, enter, leave, close]


def nothing_stays(until: Instant, *, now: Instant) -> dict[str, str]:
    """Headers by which the screen is empty again at the end of the slot, also without a script."""
    return {"cache-control": "no-store", "refresh": f"{max(1, (until - now) // SECOND + 1)}; url={DOOR}"}


def refuse_signed_in(request: HttpRequest) -> None:
    """Raise Refusal `not-found` where somebody is signed in.

    A device at which somebody is signed in is no station: whoever stands there would be him."""
    if ADMITTED in request.scope["state"]:
        raise Refusal("not-found", next_step="start-again")


def _cookie(request: HttpRequest, secret: str, seconds: int) -> Cookie:
    return Cookie(
        key=STATION_COOKIE,
        value=secret,
        max_age=seconds,
        path=ROOT,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
