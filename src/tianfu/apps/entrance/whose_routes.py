"""Whose account it is, over HTTP, after a telephone's code that alone says too little; all who come are asked alike."""

from __future__ import annotations

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.actions.show_real_name import Told, say_whose
from tianfu.apps.entrance.answering import Entrance, arrival_of, further, page_of, said_again
from tianfu.apps.entrance.sign_in_routes import StepAgain
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.signing_in import WHOSE
from tianfu.web.admission import OPEN_FORM, SIGN_IN_PATH
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages
from tianfu.web.preferences import own_path

WHOSE_PATH = f"{SIGN_IN_PATH}/whose"


def whose_routes(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """The two forms of the step: begin an account of one's own, or say who one is; the third is by passkey."""

    def over(request: HttpRequest, onward: str) -> Response[str]:
        return page_of(pages, request)(
            "sign_in.html",
            status=401,
            onward=onward,
            logins=house.logins(),
            providers=house.accounts.coming.providers,
            why="step-over",
            way="",
        )

    @post(f"{WHOSE_PATH}/new", status_code=200, opt=dict(OPEN_FORM))
    async def begin_anew(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "next")
        onward = own_path(form["next"] or "/")
        try:
            entered = await house.accounts.whose.begin_anew(form["step"], arrival_of(request, house.cookies))
        except Refusal as refusal:
            if refusal.code != "step-over":
                raise
            return over(request, onward)
        return await further(pages, house, request, entered, onward)

    @post(f"{WHOSE_PATH}/named", status_code=200, opt=dict(OPEN_FORM))
    async def take_name(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "name", "number", "next")
        onward = own_path(form["next"] or "/")
        told = Told(name=form["name"].strip(), identity_number=form["number"])
        arrival = arrival_of(request, house.cookies)
        try:
            entered = await say_whose(
                house.accounts, house.directory, form["step"], told, arrival=arrival, now=house.clock()
            )
        except Refusal as refusal:
            if refusal.code == "step-over":
                return over(request, onward)
            # The identity number is not sent back: what stands in a page stays in the browser's memory.
            return page_of(pages, request)(
                "step.html",
                step=StepAgain(stage=WHOSE, step=form["step"]),
                onward=onward,
                names={},
                logins=house.logins(),
                written={"name": form["name"]},
                **said_again(refusal),
            )
        return await further(pages, house, request, entered, onward)

    return [begin_anew, take_name]
