"""Language, scheme, density and elder mode: chosen on one page or by one press in the bar, kept in cookies."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.web.admission import RECOGNISED
from tianfu.web.asking import HttpRequest
from tianfu.web.languages import TONGUES
from tianfu.web.look import COOKIE_SECONDS, DENSITIES, LANGUAGE_COOKIE, LOOK_COOKIE, SCHEMES, has_density
from tianfu.web.pages import Pages

PREFERENCES_PATH = "/preferences"


def preference_routes(pages: Pages) -> list[HTTPRouteHandler]:
    """The page of choices, and where a choice is sent."""

    @get(PREFERENCES_PATH, opt=dict(RECOGNISED))
    async def show_preferences(request: HttpRequest) -> Response[str]:
        asking = pages.asking(request)
        back = own_path(request.query_params.get("back", "/"))
        return pages.page("web/preferences.html", asking, back=back, schemes=SCHEMES, densities=DENSITIES)

    @post(PREFERENCES_PATH, status_code=303, opt=dict(RECOGNISED))
    async def keep_preferences(request: HttpRequest) -> Redirect:
        form = {name: str(value) for name, value in (await request.form()).items()}
        look = pages.asking(request).look.with_choices(form)
        is_chosen = form.get("density") in DENSITIES or has_density(request.cookies.get(LOOK_COOKIE))
        cookies = _cookies(pages, look.as_cookie(with_density=is_chosen), form)
        return Redirect(own_path(form.get("back", "/")), status_code=303, cookies=cookies)

    return [show_preferences, keep_preferences]


def own_path(path: str) -> str:
    """A path of this site, or the start page for anything else: a redirect must not lead people away."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"


def _cookies(pages: Pages, look: str, form: Mapping[str, str]) -> list[Cookie]:
    kept = {LOOK_COOKIE: look}
    if form.get("lang") in (*pages.languages, *TONGUES):
        kept[LANGUAGE_COOKIE] = form["lang"]
    return [
        Cookie(key=key, value=value, max_age=COOKIE_SECONDS, httponly=True, samesite="lax")
        for key, value in kept.items()
    ]
