"""Works over HTTP: how far one is, what came of it, and an end to it."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.radiotherapy.pages import CASES, DELIVERIES, WORKS, Physicist, not_found, page_of, physicist
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.wishes import EVALUATE, GAMMA, TAKE_IN
from tianfu.kernel.ids import is_uuid
from tianfu.services.jobs.works import State, Work
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages

WORK = WORKS + "/{work:str}"


def work_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """A page that follows a work and leads on when it is done."""

    @get(WORK)
    async def show_work(request: HttpRequest, work: FromPath[str]) -> Response[str] | Redirect:
        found = await work_of(desk, physicist(request), work)
        if found.state is State.DONE:
            return Redirect(result_at(found), status_code=303)
        if found.state is not State.RUNNING and found.kind == TAKE_IN and found.state.is_end:
            return Redirect(back_at(found), status_code=303)
        return page_of(pages, request)("work.html", work=found, back=back_at(found))

    @post(f"{WORK}/give-up", status_code=303)
    async def give_up(request: HttpRequest, work: FromPath[str]) -> Redirect:
        found = await work_of(desk, physicist(request), work)
        await desk.works.give_up(found.id)
        return Redirect(back_at(found), status_code=303)

    return [show_work, give_up]


async def work_of(desk: Desk, who: Physicist, work: str) -> Work:
    """A work about a case or a delivery of one's organisation; raises Refusal `not-found` for any other."""
    if not is_uuid(work):
        raise not_found()
    found = await desk.works.now(work)
    if found.kind not in {EVALUATE, GAMMA, TAKE_IN} or found.arguments.get("organisation") != who.organisation:
        raise not_found()
    return found


def result_at(work: Work) -> str:
    """Where the result of a work that is done is shown."""
    if work.kind == TAKE_IN:
        return f"{CASES}/{work.result}"
    return f"{CASES}/{work.about}/{'judged' if work.kind == EVALUATE else 'gamma'}/{work.id}"


def back_at(work: Work) -> str:
    """Where the work was asked for."""
    return f"{DELIVERIES if work.kind == TAKE_IN else CASES}/{work.about}"
