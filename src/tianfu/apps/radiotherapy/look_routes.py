"""Planes over HTTP: a page of three planes, and their pictures."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tianfu.apps.radiotherapy.pages import CASES, not_found, page_of, physicist
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.wishes import GAMMA, gamma_of
from tianfu.apps.radiotherapy.work_routes import work_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import OPEN
from tianfu.services.jobs.works import State
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.planes import ShownPlanes

CASE = CASES + "/{case:str}"
PNG_HEADERS = {"cache-control": "no-store", "cross-origin-resource-policy": "same-origin"}


def look_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """The page and its pictures."""
    return [*_planes(pages, desk), *_pictures(desk)]


def look_values(address: str, shown: ShownPlanes, *, fixed: Mapping[str, str]) -> dict[str, object]:
    """What the page of planes is filled with; `fixed` belongs to each of its addresses and is no reader's choice."""
    from tianfu.apps.radiotherapy.looking import LEVELS
    from tianfu.apps.radiotherapy.pictures.windows import WindowName

    return {
        "look_at": address,
        "fixed": fixed,
        "planes": shown.planes,
        "kept": shown.kept,
        "windows": tuple(WindowName),
        "levels": LEVELS,
        "at": lambda **changes: f"{address}?{urlencode({**fixed, **shown.kept, **changes})}",
    }


def _planes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    @get(f"{CASE}/look")
    async def show_planes(request: HttpRequest, case: FromPath[str]) -> Response[str]:
        # Loaded by the first who looks: what draws brings compiled kernels with it.
        from tianfu.apps.radiotherapy.planes import shown_planes

        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        await desk.cases.tell(found, OPEN, by=who.caller, seen="planes")
        asked = {name: str(value) for name, value in request.query_params.items()}
        page, language = page_of(pages, request), pages.asking(request).language
        address = f"{CASES}/{found.id}/look"
        try:
            opened = await desk.looking.opened(found)
            dose = asked.get("dose", "") if opened.dose(asked.get("dose", "")) is not None else ""

            def drawn() -> ShownPlanes:
                ground = opened.ground(dose, images=None)
                return shown_planes([ground], asked, language, dose=dose, pictures=f"{CASES}/{found.id}/planes")

            shown = await asyncio.to_thread(drawn)
        except Refusal as refusal:
            return page("look.html", case=found, plans=(), look_at=address, fixed={}, refused=refusal)
        return page("look.html", case=found, plans=(), made_doses=(), **look_values(address, shown, fixed={}))

    return [show_planes]


def _pictures(desk: Desk) -> list[HTTPRouteHandler]:
    @get(f"{CASE}/planes/{{name:str}}")
    async def show_picture(request: HttpRequest, case: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        from tianfu.apps.radiotherapy import looking
        from tianfu.apps.radiotherapy.pictures.frames import PlaneKind
        from tianfu.apps.radiotherapy.pictures.windows import WindowName
        from tianfu.apps.radiotherapy.planes import number_in, one_of

        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        kind, at_mm = name.removesuffix(".png"), number_in(str(request.query_params.get("at", "")))
        if kind not in set(PlaneKind) or at_mm is None:
            raise not_found()
        window = one_of(WindowName, str(request.query_params.get("window", "")), WindowName.SOFT_TISSUE)
        series = request.query_params.get("images")
        await desk.cases.tell(found, OPEN, by=who.caller, seen=kind)
        opened = await desk.looking.opened(found)
        wish = looking.Wish(kind=PlaneKind(kind), at_mm=at_mm, window=window)
        images = opened.images(None if series is None else str(series))
        picture = await asyncio.to_thread(looking.plane_picture, images, wish)
        return Response(picture, media_type="image/png", headers=PNG_HEADERS)

    @get(f"{CASE}/gamma/{{work:str}}/plane.png")
    async def show_gamma_picture(request: HttpRequest, case: FromPath[str], work: FromPath[str]) -> Response[bytes]:
        from tianfu.apps.radiotherapy import looking
        from tianfu.apps.radiotherapy.planes import number_in

        who = physicist(request)
        found, done = await desk.cases.one(case, who.organisation), await work_of(desk, who, work)
        at_mm = number_in(str(request.query_params.get("at", "")))
        if done.kind != GAMMA or done.about != found.id or done.state is not State.DONE or at_mm is None:
            raise not_found()
        await desk.cases.tell(found, OPEN, by=who.caller, seen="gamma", work=done.id)
        result = await gamma_of(desk.documents, done)
        picture = await asyncio.to_thread(looking.gamma_picture, result, at_mm)
        return Response(picture, media_type="image/png", headers=PNG_HEADERS)

    return [show_picture, show_gamma_picture]
