"""Signing in by an outside provider, and linking one, over HTTP.

The way there is a page of ours that leads on, and no redirect: browsers hold a form to the `form-action` of its page
through every redirect that follows, and nobody knows how many of those a provider has (CSP 3, section 6.4.1).
The way back is a GET that another site's page leads to, which carries the browser's own cookies because they are
`SameSite=Lax`; what proves it is ours is its state, which counts once and in one browser alone.
"""

from __future__ import annotations

from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.entrance.answering import (
    ACCOUNT,
    Entrance,
    arrival_of,
    further,
    page_of,
    signed_in_of,
    to_prove,
)
from tianfu.apps.entrance.speech import Speech
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.coming import Away
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.providers import PATH
from tianfu.web.admission import OPEN, OPEN_FORM, SIGN_IN_PATH
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages
from tianfu.web.preferences import own_path

SAID = frozenset(
    {
        "outside-refused",
        "outside-denied",
        "outside-busy",
        "outside-unreachable",
        "outside-not-linked",
        "outside-linked",
        "step-over",
        "session-over",
        "sign-in-refused",
        "workplace-missing",
    }
)
"""Refusals that have a page of their own, with a way on."""


def outside_routes(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """The pages of outside providers; without any provider they are all not found."""
    coming = house.accounts.coming

    def name_of(request: HttpRequest, key: str) -> str:
        """What people call a provider; raises Refusal `not-found` for one that nobody set."""
        for each in coming.providers:
            if each.key == key:
                return Speech(pages.asking(request).language).provider(each)
        raise Refusal("not-found", next_step="start-again")

    def away_page(request: HttpRequest, key: str, away: Away, back: str) -> Response[str]:
        page = page_of(pages, request)("outside_away.html", name=name_of(request, key), address=away.address, back=back)
        page.headers["refresh"] = f"0; url={away.address}"
        page.set_cookie(house.cookies.device_cookie(away.device))
        return page

    def over_page(request: HttpRequest, key: str, refusal: Refusal) -> Response[str]:
        """What went wrong and what to do; what is not about coming in from outside is refused as everywhere."""
        if refusal.code not in SAID:
            raise refusal
        return page_of(pages, request)(
            "outside_over.html",
            status=status_of(refusal),
            refused=refusal.code,
            name=name_of(request, key),
        )

    async def signed_in_here(request: HttpRequest) -> SignedIn | None:
        """Who is signed in at this browser, on a page that is open to all."""
        carried = house.cookies.carried(request)
        try:
            return await house.accounts.sessions.look_up(carried.session, carried.device)
        except Refusal as refusal:
            if refusal.code != "session-over":
                raise
            return None

    @get(PATH, opt=dict(OPEN))
    async def show_over(request: HttpRequest) -> Response[str]:
        """Where a way back that failed ends: what its address held stays in no history and is sent by no link."""
        why, key = (request.query_params.get(name, "") for name in ("why", "provider"))
        return over_page(request, key, Refusal(why if why in SAID else "outside-refused"))

    @post(f"{SIGN_IN_PATH}/outside", status_code=200, opt=dict(OPEN_FORM))
    async def go_outside(request: HttpRequest) -> Response[str]:
        form = await read_form(request, "provider", "next")
        try:
            away = await coming.begin(
                form["provider"], own_path(form["next"] or "/"), arrival_of(request, house.cookies)
            )
        except Refusal as refusal:
            return over_page(request, form["provider"], refusal)
        return away_page(request, form["provider"], away, SIGN_IN_PATH)

    @get(PATH + "/{key:str}", opt=dict(OPEN_FORM))
    async def come_back(request: HttpRequest, key: FromPath[str]) -> Response[str] | Redirect:
        parameters = list(request.query_params.multi_items())
        here = await signed_in_here(request)
        try:
            back = await coming.back(key, parameters, arrival_of(request, house.cookies), here)
        except Refusal as refusal:
            if refusal.code == "proof-too-old":
                return to_prove(ACCOUNT)
            if refusal.code not in SAID:
                raise
            return Redirect(f"{PATH}?{urlencode({'provider': key, 'why': refusal.code})}", status_code=303)
        if back.answer is None:
            return Redirect(f"{ACCOUNT}?done=linked", status_code=303)
        return await further(pages, house, request, back.answer, own_path(back.onward))

    @post(f"{ACCOUNT}/outside/link", status_code=200)
    async def link_outside(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "provider")
        try:
            away = await coming.begin_link(signed_in_of(request), form["provider"], arrival_of(request, house.cookies))
        except Refusal as refusal:
            if refusal.code == "proof-too-old":
                return to_prove(ACCOUNT)
            return over_page(request, form["provider"], refusal)
        return away_page(request, form["provider"], away, ACCOUNT)

    @post(f"{ACCOUNT}/outside/unlink", status_code=303)
    async def unlink_outside(request: HttpRequest) -> Redirect:
        form = await read_form(request, "issuer")
        try:
            await coming.unlink(signed_in_of(request), form["issuer"])
        except Refusal as refusal:
            if refusal.code != "proof-too-old":
                raise
            return to_prove(ACCOUNT)
        return Redirect(f"{ACCOUNT}?done=unlinked", status_code=303)

    return [show_over, go_outside, come_back, link_outside, unlink_outside]
