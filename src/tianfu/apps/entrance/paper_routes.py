"""Papers at a registration desk, over HTTP: the registrar has the person and the document before him."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.answering import ACCOUNT, Entrance, page_of, said_again, signed_in_of, to_prove
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.papers import DESK
from tianfu.standards.china.identity_number import parse_identity_number
from tianfu.web.admission import limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages

PAPERS = f"{ACCOUNT}/papers"
"""Where a registrar writes papers."""


def paper_routes(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """The page and its form; to everybody but a registrar they are not there."""

    def registrar(request: HttpRequest) -> SignedIn:
        here = signed_in_of(request)
        if here.workplace is None or here.workplace.role != DESK:
            raise Refusal("not-found", next_step="start-again")
        return here

    @get(PAPERS)
    async def show_papers(request: HttpRequest) -> Response[str]:
        registrar(request)
        return page_of(pages, request)("papers.html", paper=None)

    @post(PAPERS, status_code=200, opt=dict(limited("identity-search")))
    async def write_paper(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "number", "seen")
        here = registrar(request)
        try:
            if form["seen"] != "yes":
                raise Refusal("document-not-seen", next_step="look-at-the-document")
            number = parse_identity_number(form["number"])
            paper = await house.accounts.papers.write(here, number.text)
        except Refusal as refusal:
            if refusal.code == "proof-too-old":
                return to_prove(PAPERS)
            return page_of(pages, request)("papers.html", paper=None, **said_again(refusal))
        return page_of(pages, request)("papers.html", paper=paper)

    return [show_papers, write_paper]
