"""Signing in over HTTP: by telephone, or by password and a second factor, and from which place of work."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.answering import Entrance, arrival_of, further, page_of, said_again
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Method
from tianfu.services.accounts.signing_in import SECOND, TELEPHONE, WORKPLACE, Entered, Next
from tianfu.web.admission import OPEN, OPEN_FORM, SIGN_IN_PATH
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages
from tianfu.web.preferences import own_path

REASONS = frozenset({"sign-in-needed", "session-over", "left"})
"""What an address may say about why somebody stands here; anything else is passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAgain:
    """A step that is shown once more after a wrong answer."""

    stage: str
    step: str
    workplaces: tuple[()] = ()
    again_in_seconds: int = 0
    is_sent: bool = False


def sign_in_routes(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """The page and the steps that lead to a session; none needs one."""
    signing_in, cookies = house.accounts.signing_in, house.cookies

    def shown(request: HttpRequest, *, onward: str, **values: object) -> Response[str]:
        return page_of(pages, request)(
            "sign_in.html",
            onward=onward,
            logins=house.logins(),
            providers=house.accounts.coming.providers,
            **values,
        )

    @get(SIGN_IN_PATH, opt=dict(OPEN))
    async def show_sign_in(request: HttpRequest) -> Response[str]:
        why = request.query_params.get("why", "")
        onward = own_path(request.query_params.get("next", "/"))
        return shown(
            request,
            onward=onward,
            why=why if why in REASONS and not (why == "sign-in-needed" and onward == "/") else "",
            way="",
        )

    @post(f"{SIGN_IN_PATH}/telephone", status_code=200, opt=dict(OPEN_FORM))
    async def send_code(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "number", "next")
        onward = own_path(form["next"] or "/")
        try:
            answer = await signing_in.send_code(form["number"], arrival_of(request, cookies))
        except Refusal as refusal:
            return shown(request, onward=onward, why="", way="telephone", form=form, **said_again(refusal))
        return await further(pages, house, request, answer, onward)

    async def taken(
        request: HttpRequest, form: Mapping[str, str], stage: str, going_on: Awaitable[Next | Entered]
    ) -> Response[str] | Redirect:
        """What follows a step; a wrong answer shows the step again, and one that is over the beginning."""
        onward = own_path(form["next"] or "/")
        try:
            return await further(pages, house, request, await going_on, onward)
        except Refusal as refusal:
            if refusal.code in {"step-over", "workplace-unknown"}:
                return shown(request, onward=onward, why="step-over", way="", status=401)
            again = StepAgain(stage=stage, step=form["step"])
            return page_of(pages, request)(
                "step.html", step=again, onward=onward, names={}, logins=house.logins(), **said_again(refusal)
            )

    @post(f"{SIGN_IN_PATH}/code", status_code=200, opt=dict(OPEN_FORM))
    async def take_code(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "code", "next")
        going_on = signing_in.with_code(form["step"], form["code"], arrival_of(request, cookies))
        return await taken(request, form, TELEPHONE, going_on)

    @post(f"{SIGN_IN_PATH}/staff", status_code=200, opt=dict(OPEN_FORM))
    async def take_password(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "number", "password", "next")
        onward = own_path(form["next"] or "/")
        try:
            answer = await signing_in.with_password(form["number"], form["password"], arrival_of(request, cookies))
        except Refusal as refusal:
            kept = {"number": form["number"]}
            return shown(request, onward=onward, why="", way="staff", form=kept, **said_again(refusal))
        return await further(pages, house, request, answer, onward)

    @post(f"{SIGN_IN_PATH}/second", status_code=200, opt=dict(OPEN_FORM))
    async def take_second(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "code", "recovery", "next")
        method, code = (Method.RECOVERY, form["recovery"]) if form["recovery"] else (Method.TOTP, form["code"])
        going_on = signing_in.with_second(form["step"], method, code, arrival_of(request, cookies))
        return await taken(request, form, SECOND, going_on)

    @post(f"{SIGN_IN_PATH}/workplace", status_code=200, opt=dict(OPEN_FORM))
    async def take_workplace(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "workplace", "next")
        going_on = signing_in.choose_workplace(form["step"], form["workplace"], arrival_of(request, cookies))
        return await taken(request, form, WORKPLACE, going_on)

    return [show_sign_in, send_code, take_code, take_password, take_second, take_workplace]
