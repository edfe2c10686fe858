"""Planes over HTTP: a page of three planes, and their pictures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar
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

Kind = TypeVar("Kind", bound=StrEnum)

CASE = CASES + "/{case:str}"
PNG_HEADERS = {"cache-control": "no-store", "cross-origin-resource-policy": "same-origin"}


def look_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """The page and its pictures."""
    return [*_planes(pages, desk), *_pictures(desk)]


def _planes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    @get(f"{CASE}/look")
    async def show_planes(request: HttpRequest, case: FromPath[str]) -> Response[str]:
        # Loaded by the first who looks: what draws brings compiled kernels with it.
        from tianfu.apps.radiotherapy import looking
        from tianfu.apps.radiotherapy.pictures.frames import PlaneKind
        from tianfu.apps.radiotherapy.pictures.windows import WindowName

        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        await desk.cases.tell(found, OPEN, by=who.caller, seen="planes")
        asked = {name: str(value) for name, value in request.query_params.items()}
        page, language = page_of(pages, request), pages.asking(request).language
        window = _one_of(WindowName, asked.get("window", ""), WindowName.SOFT_TISSUE)
        try:
            opened = await desk.looking.opened(found)
            dose = asked.get("dose", "") if opened.dose(asked.get("dose", "")) is not None else ""
            reference = _number(_reference(asked, dose)) or looking.reference_of(opened, dose)

            def drawn() -> list[looking.ShownPlane]:
                shown = []
                for kind in PlaneKind:
                    place = _number(asked.get(kind.value, ""))
                    at_mm = looking.middle_mm(opened, kind) if place is None else place
                    wish = looking.Wish(kind=kind, at_mm=at_mm, window=window, dose=dose, reference_gy=reference)
                    fields = urlencode({"at": f"{at_mm:.3f}", "window": window.value})
                    picture = f"{CASES}/{found.id}/planes/{kind.value}.png?{fields}"
                    shown.append(looking.shown_plane(opened, wish, language, picture=picture))
                return shown

            planes = await asyncio.to_thread(drawn)
        except Refusal as refusal:
            return page("look.html", case=found, refused=refusal, planes=())
        kept = {plane.kind.value: f"{plane.at_mm:.3f}" for plane in planes}
        kept |= {"window": window.value, "dose": dose, "reference": "" if reference is None else f"{reference:g}"}
        return page(
            "look.html",
            case=found,
            planes=planes,
            windows=tuple(WindowName),
            levels=looking.LEVELS,
            kept=kept,
            at=lambda **changes: f"{CASES}/{found.id}/look?{urlencode({**kept, **changes})}",
        )

    return [show_planes]


def _pictures(desk: Desk) -> list[HTTPRouteHandler]:
    @get(f"{CASE}/planes/{{name:str}}")
    async def show_picture(request: HttpRequest, case: FromPath[str], name: FromPath[str]) -> Response[bytes]:
        from tianfu.apps.radiotherapy import looking
        from tianfu.apps.radiotherapy.pictures.frames import PlaneKind
        from tianfu.apps.radiotherapy.pictures.windows import WindowName

        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        kind, at_mm = name.removesuffix(".png"), _number(str(request.query_params.get("at", "")))
        if kind not in set(PlaneKind) or at_mm is None:
            raise not_found()
        window = _one_of(WindowName, str(request.query_params.get("window", "")), WindowName.SOFT_TISSUE)
        await desk.cases.tell(found, OPEN, by=who.caller, seen=kind)
        opened = await desk.looking.opened(found)
        wish = looking.Wish(kind=PlaneKind(kind), at_mm=at_mm, window=window)
        picture = await asyncio.to_thread(looking.plane_picture, opened, wish)
        return Response(picture, media_type="image/png", headers=PNG_HEADERS)

    @get(f"{CASE}/gamma/{{work:str}}/plane.png")
    async def show_gamma_picture(request: HttpRequest, case: FromPath[str], work: FromPath[str]) -> Response[bytes]:
        from tianfu.apps.radiotherapy import looking

        who = physicist(request)
        found, done = await desk.cases.one(case, who.organisation), await work_of(desk, who, work)
        at_mm = _number(str(request.query_params.get("at", "")))
        if done.kind != GAMMA or done.about != found.id or done.state is not State.DONE or at_mm is None:
            raise not_found()
        await desk.cases.tell(found, OPEN, by=who.caller, seen="gamma", work=done.id)
        result = await gamma_of(desk.documents, done)
        picture = await asyncio.to_thread(looking.gamma_picture, result, at_mm)
        return Response(picture, media_type="image/png", headers=PNG_HEADERS)

    return [show_picture, show_gamma_picture]


def _reference(asked: Mapping[str, str], dose: str) -> str:
    """What was said to be 100 %; nothing if it only still stood there when another dose was chosen.

    It is what that dose's plan prescribes, or was said of it, and no other plan's.
    """
    said = asked.get("reference", "")
    is_left = dose != asked.get("shown_dose", dose) and said == asked.get("shown_reference", "")
    return "" if is_left else said


def _number(text: str) -> float | None:
    """A number from an address; None for anything else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _one_of(kinds: type[Kind], name: str, otherwise: Kind) -> Kind:
    """A word of an address; what is none of the words counts as unsaid."""
    return kinds(name) if name in {each.value for each in kinds} else otherwise
