"""Where a session ends."""

from __future__ import annotations

from urllib.parse import urlencode

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.web.admission import LEAVING, SIGN_IN_PATH, SessionCookies
from tianfu.web.asking import HttpRequest
from tianfu.web.callers import Callers

LEAVE_PATH = "/leave"

LEFT = "left"
"""What the entrance is told about whoever has just left."""


def leaving_routes(callers: Callers, cookies: SessionCookies) -> list[HTTPRouteHandler]:
    """The way out."""

    @post(LEAVE_PATH, status_code=303, opt=dict(LEAVING))
    async def leave(request: HttpRequest) -> Redirect:
        await callers.leave(cookies.carried(request))
        address = f"{SIGN_IN_PATH}?{urlencode({'why': LEFT})}"
        # Whatever the browser still shows from its memory was this person's.
        headers = {"clear-site-data": '"cache"', "cache-control": "no-store"}
        return Redirect(address, status_code=303, cookies=[cookies.no_cookie()], headers=headers)

    return [leave]
