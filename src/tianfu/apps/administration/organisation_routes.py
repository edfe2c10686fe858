"""The pages of organisations over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.administration.actions.change_unit import add_unit, close_unit, move_unit, rename_unit
from tianfu.apps.administration.model.units import may_stand
from tianfu.apps.administration.pages import (
    ROOT,
    WRONG,
    Faults,
    came,
    faults_of,
    known,
    page_of,
    version_in,
)
from tianfu.apps.administration.ports import House, own_place
from tianfu.apps.administration.queries.organisations import read_branch
from tianfu.apps.administration.queries.units import read_place
from tianfu.kernel.refusal import Refusal
from tianfu.web.admission import prove_at
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages

UNITS = f"{ROOT}/organisations"
UNIT = UNITS + "/{organisation:str}"
KEEPER = "administrator"
DONE = frozenset({"added", "renamed", "moved", "closed"})


def organisation_routes(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    """All pages of the system administrator."""
    return [*_branches(pages, house), *_changes(pages, house)]


async def _branch(
    pages: Pages,
    house: House,
    request: HttpRequest,
    organisation: str,
    *,
    form: Mapping[str, str],
    faults: Faults,
    status: int = 200,
) -> Response[str]:
    by = came(request, KEEPER)
    branch = await read_branch(house, by, organisation)
    said = str(request.query_params.get("done", ""))
    page = page_of(pages, request, house, by)
    return page(
        "organisation.html",
        branch=branch,
        form=form,
        faults=faults,
        status=status,
        done=said if said in DONE else "",
        prove=prove_at(f"{UNITS}/{organisation}"),
    )


def _branches(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    @get(UNITS)
    async def show_own(request: HttpRequest) -> Redirect:
        own = own_place(came(request, KEEPER)).organisation
        return Redirect(f"{UNITS}/{own}", status_code=303)

    @get(UNIT)
    async def show_unit(request: HttpRequest, organisation: FromPath[str]) -> Response[str]:
        return await _branch(pages, house, request, known(organisation), form={}, faults={})

    @post(UNIT + "/units", status_code=303)
    async def add(request: HttpRequest, organisation: FromPath[str]) -> Response[str] | Redirect:
        by = came(request, KEEPER)
        form = await read_form(request, "name", "kind")
        try:
            await add_unit(house, by, known(organisation), name=form["name"], kind=form["kind"])
        except Refusal as refusal:
            faults = faults_of(refusal)
            return await _branch(pages, house, request, organisation, form=form, faults=faults, status=WRONG)
        return _back(organisation, "added")

    return [show_own, show_unit, add]


def _changes(pages: Pages, house: House) -> list[HTTPRouteHandler]:
    async def asked(
        request: HttpRequest,
        organisation: str,
        act: str,
        *,
        form: Mapping[str, str],
        faults: Faults | None = None,
    ) -> Response[str]:
        """The page on which a unit is renamed, moved or closed, again with what is wrong."""
        by = came(request, KEEPER)
        place = await read_place(house, by, known(organisation))
        if act != "name" and place.is_own:
            raise Refusal("not-found", next_step="start-again")
        where = await read_place(house, by, form.get("to", "")) if act == "move" else None
        page = page_of(pages, request, house, by)
        return page(
            f"unit_{act}.html",
            standing=place,
            where=where,
            may_stand=may_stand,
            form=form,
            faults=faults or {},
            status=WRONG if faults else 200,
        )

    @get(UNIT + "/name")
    async def ask_renaming(request: HttpRequest, organisation: FromPath[str]) -> Response[str]:
        return await asked(request, organisation, "name", form={})

    @post(UNIT + "/name", status_code=303)
    async def rename(request: HttpRequest, organisation: FromPath[str]) -> Response[str] | Redirect:
        by = came(request, KEEPER)
        form = await read_form(request, "name", "version")
        try:
            version = version_in(form["version"])
            await rename_unit(house, by, known(organisation), name=form["name"], version=version)
        except Refusal as refusal:
            return await asked(request, organisation, "name", form=form, faults=faults_of(refusal))
        return _back(organisation, "renamed")

    @get(UNIT + "/move")
    async def ask_moving(request: HttpRequest, organisation: FromPath[str]) -> Response[str]:
        return await asked(request, organisation, "move", form={"to": str(request.query_params.get("to", ""))})

    @post(UNIT + "/move", status_code=303)
    async def move(request: HttpRequest, organisation: FromPath[str]) -> Response[str] | Redirect:
        by = came(request, KEEPER)
        form = await read_form(request, "to", "version")
        try:
            version = version_in(form["version"])
            await move_unit(house, by, known(organisation), to=known(form["to"]), version=version)
        except Refusal as refusal:
            return await asked(request, organisation, "move", form=form, faults=faults_of(refusal))
        return _back(organisation, "moved")

    @get(UNIT + "/close")
    async def ask_closing(request: HttpRequest, organisation: FromPath[str]) -> Response[str]:
        return await asked(request, organisation, "close", form={})

    @post(UNIT + "/close", status_code=303)
    async def close(request: HttpRequest, organisation: FromPath[str]) -> Response[str] | Redirect:
        by = came(request, KEEPER)
        form = await read_form(request, "version")
        try:
            await close_unit(house, by, known(organisation), version=version_in(form["version"]))
        except Refusal as refusal:
            return await asked(request, organisation, "close", form=form, faults=faults_of(refusal))
        return _back(organisation, "closed")

    return [ask_renaming, rename, ask_moving, move, ask_closing, close]


def _back(organisation: str, done: str) -> Redirect:
    return Redirect(f"{UNITS}/{organisation}?done={done}#done", status_code=303)
