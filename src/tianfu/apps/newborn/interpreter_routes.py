"""Interpreters over HTTP: a guardian asks for one, whoever is asked answers, and a nurse lets him in or sends him away.

No name, number or telephone is ever in an address.
"""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.interpret import (
    ask_for_interpreter,
    ask_third,
    end_third,
    interpret_no_more,
    let_interpret,
)
from tianfu.apps.newborn.live.bed import NURSES, STAFF, practitioner_of, visit_of
from tianfu.apps.newborn.pages import ROOT, faults_of, led, page_of, resident
from tianfu.apps.newborn.queries.family_visit import coming_to, helpers_of
from tianfu.apps.newborn.queries.records import not_found
from tianfu.apps.newborn.visit_ports import Windows
from tianfu.apps.newborn.voices import voice_of
from tianfu.kernel.refusal import Refusal
from tianfu.web.admission import limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

INTERPRETER = f"{ROOT}/watch/{{visit:str}}/interpreter"
INTERPRETERS = f"{ROOT}/interpreters/{{visit:str}}"
INTERPRETING = f"{ROOT}/interpreting/{{interpreter:str}}"

SHOWN_AGAIN = frozenset({"invitation-unusable", "interpreters-too-many", "sound-alone-not-carried"})


def asked_routes(pages: Pages, windows: Windows) -> list[HTTPRouteHandler]:
    """For guardians, and for whoever is asked to interpret."""
    return [*_family(pages, windows), *_answers(windows)]


def _family(pages: Pages, windows: Windows) -> list[HTTPRouteHandler]:
    async def shown(request: HttpRequest, visit: str, *, status: int = 200, **said: object) -> Response[str]:
        coming = await coming_to(windows, resident(request), visit)
        if not coming.is_own:
            raise not_found()
        helpers = [each for each in await helpers_of(windows, coming.booked) if each.sees is None]
        asked = await windows.nursery.interpreters.of_visit(visit)
        return page_of(pages, request, await voice_of(pages, windows.nursery, request))(
            "family/interpreter.html", status=status, booked=coming.booked, helpers=helpers, asked=asked, **said
        )

    @get(INTERPRETER)
    async def show_interpreter(request: HttpRequest, visit: FromPath[str]) -> Response[str]:
        return await shown(request, visit)

    @post(INTERPRETER, status_code=200, opt=dict(limited("identity-search")))
    async def take_interpreter(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "account", "name", "telephone", "sees")
        try:
            if form["account"]:
                await ask_for_interpreter(windows, resident(request), visit, form["account"])
            else:
                await ask_third(windows, resident(request), visit, form)
        except Refusal as refusal:
            if refusal.code not in SHOWN_AGAIN:
                raise
            refused = "" if refusal.faults else refusal.code
            return await shown(
                request, visit, status=status_of(refusal), faults=faults_of(refusal), form=form, refused=refused
            )
        return Redirect(INTERPRETER.replace("{visit:str}", visit), status_code=303)

    return [show_interpreter, take_interpreter]


def _answers(windows: Windows) -> list[HTTPRouteHandler]:
    interpreters = windows.nursery.interpreters

    @post(f"{INTERPRETING}/accept", status_code=303)
    async def accept_interpreting(request: HttpRequest, interpreter: FromPath[str]) -> Redirect:
        await interpreters.accept(resident(request), interpreter)
        return led(ROOT, done="interprets")

    @post(f"{INTERPRETING}/decline", status_code=303)
    async def decline_interpreting(request: HttpRequest, interpreter: FromPath[str]) -> Redirect:
        await interpreters.decline(resident(request), interpreter)
        return led(ROOT, done="declined")

    @post(f"{INTERPRETING}/end", status_code=303)
    async def end_interpreting(request: HttpRequest, interpreter: FromPath[str]) -> Redirect:
        await end_third(windows, resident(request), interpreter)
        return led(ROOT, done="ended")

    return [accept_interpreting, decline_interpreting, end_interpreting]


def interpreter_routes(pages: Pages, windows: Windows) -> list[HTTPRouteHandler]:
    """Where a nurse sees whom a family asks for as interpreter, lets him speak, and sends him away."""

    @get(INTERPRETERS)
    async def show_interpreters(request: HttpRequest, visit: FromPath[str]) -> Response[str]:
        asking = pages.asking(request)
        practitioner_of(asking, STAFF)
        booked = await visit_of(windows.house, asking.caller, visit)
        helpers = [each for each in await helpers_of(windows, booked) if each.is_asked]
        return page_of(pages, request)(
            "nurse/interpreters.html", visit=visit, helpers=helpers, may_agree=asking.caller.role in NURSES
        )

    @post(INTERPRETERS, status_code=303)
    async def take_agreement(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        asking = pages.asking(request)
        nurse = practitioner_of(asking, NURSES)
        form = await read_form(request, "account")
        await let_interpret(windows, asking.caller, nurse, visit, form["account"])
        return Redirect(INTERPRETERS.replace("{visit:str}", visit), status_code=303)

    @post(f"{INTERPRETERS}/end", status_code=303)
    async def take_it_back(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        form = await read_form(request, "account")
        await interpret_no_more(windows, asking.caller, visit, form["account"])
        return Redirect(INTERPRETERS.replace("{visit:str}", visit), status_code=303)

    return [show_interpreters, take_agreement, take_it_back]
