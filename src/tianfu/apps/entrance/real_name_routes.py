"""The page on which a resident says who he is, so that his records become his own to open."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.actions.show_real_name import Told, show_real_name
from tianfu.apps.entrance.answering import ACCOUNT, Entrance, arrival_of, page_of, said_again, signed_in_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Kind
from tianfu.web.admission import REAL_NAME_PATH, limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages


def real_name_routes(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """The page and its form."""

    @get(REAL_NAME_PATH)
    async def show_form(request: HttpRequest) -> Response[str] | Redirect:
        account = signed_in_of(request).account
        if account.kind is not Kind.RESIDENT:
            raise Refusal("not-found", next_step="start-again")
        if account.name_stands:
            return Redirect(ACCOUNT, status_code=303)
        return page_of(pages, request)("real_name.html", form={}, here=signed_in_of(request))

    @post(REAL_NAME_PATH, status_code=200, opt=dict(limited("identity-search")))
    async def take_name(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "name", "number", "paper")
        signed_in = signed_in_of(request)
        told = Told(name=form["name"].strip(), identity_number=form["number"], paper=form["paper"])
        address = arrival_of(request, house.cookies).address
        try:
            await show_real_name(house.accounts, house.directory, signed_in, told, address=address, now=house.clock())
        except Refusal as refusal:
            if refusal.code == "real-name-known":
                return Redirect(ACCOUNT, status_code=303)
            # The number is not sent back: what stands in a page stays in the browser's memory.
            kept = {"name": form["name"]}
            page = page_of(pages, request)
            by_paper = bool(form["paper"])
            return page("real_name.html", form=kept, here=signed_in, by_paper=by_paper, **said_again(refusal))
        return Redirect("/", status_code=303)

    return [show_form, take_name]
