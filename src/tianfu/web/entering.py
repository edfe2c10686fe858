"""Where a ticket is shown and a session begins, and where it ends; until people can sign in."""

from __future__ import annotations

from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.kernel.refusal import Refusal
from tianfu.web.admission import ENTER_PATH, OPEN, SessionCookies
from tianfu.web.asking import HttpRequest
from tianfu.web.callers import Callers
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages
from tianfu.web.preferences import own_path
from tianfu.web.proxies import client_of

LEAVE_PATH = "/leave"

REASONS = frozenset({"ticket-missing", "ticket-refused", "ticket-expired", "ticket-ended"})
"""What an address may say about why somebody stands here; anything else is passed over."""

LEFT = "left"


def entering_routes(pages: Pages, callers: Callers, cookies: SessionCookies) -> list[HTTPRouteHandler]:
    """The page of the entrance, and the ways in and out."""

    @get(ENTER_PATH, opt=dict(OPEN))
    async def show_entrance(request: HttpRequest) -> Response[str]:
        why = request.query_params.get("why", "")
        onward = own_path(request.query_params.get("next", "/"))
        return _entrance(pages, request, onward=onward, why=why if why in {*REASONS, LEFT} else "", fault="")

    @post(ENTER_PATH, status_code=303, opt=dict(OPEN))
    async def enter(request: HttpRequest) -> Response[str] | Redirect:
        form = await request.form()
        onward = own_path(str(form.get("next") or "/"))
        try:
            entry = await callers.enter(str(form.get("ticket") or ""), client=client_of(request.scope))
        except Refusal as refusal:
            if refusal.code not in REASONS:
                raise
            return _entrance(pages, request, onward=onward, why="", fault=refusal.code, status=status_of(refusal))
        cookie = cookies.cookie(entry.cookie, seconds=entry.seconds)
        return Redirect(onward, status_code=303, cookies=[cookie])

    @post(LEAVE_PATH, status_code=303, opt=dict(OPEN))
    async def leave(request: HttpRequest) -> Redirect:
        await callers.leave(cookies.carried(request))
        address = f"{ENTER_PATH}?{urlencode({'why': LEFT})}"
        # Whatever the browser still shows from its memory was this person's.
        headers = {"clear-site-data": '"cache"', "cache-control": "no-store"}
        return Redirect(address, status_code=303, cookies=[cookies.no_cookie()], headers=headers)

    return [show_entrance, enter, leave]


def _entrance(
    pages: Pages, request: HttpRequest, *, onward: str, why: str, fault: str, status: int = 200
) -> Response[str]:
    asking = pages.asking(request)
    return pages.page("web/enter.html", asking, status=status, onward=onward, why=why, fault=fault)
