"""Proving again who one is, over HTTP, before what asks for a fresh proof."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.answering import ACCOUNT, EARLIEST, Entrance, arrival_of, page_of, said_again, signed_in_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Kind, Method, SignedIn
from tianfu.web.admission import PROVE_PATH
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages
from tianfu.web.preferences import own_path


def proving_routes(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """The page and its forms; whoever has proved it goes on to the page he wanted."""
    signing_in, cookies = house.accounts.signing_in, house.cookies

    async def methods(here: SignedIn) -> tuple[Method, ...]:
        if here.account.kind is Kind.RESIDENT:
            return (Method.TELEPHONE,) if signing_in.proves_by_code(here.account) else ()
        kinds = {each.kind for each in await house.accounts.credentials.listed(here.account.id)}
        if not kinds & {"totp", "passkey"}:
            return (Method.PASSWORD,)
        return (Method.TOTP,) if "totp" in kinds else ()

    async def shown(request: HttpRequest, *, onward: str, **values: object) -> Response[str]:
        here = signed_in_of(request)
        has_passkey = bool(await house.accounts.credentials.passkeys_of(here.account.id))
        return page_of(pages, request)(
            "prove.html",
            here=here,
            methods=await methods(here),
            has_passkey=has_passkey,
            onward=onward,
            logins=house.logins(),
            **values,
        )

    @get(PROVE_PATH, opt=dict(EARLIEST))
    async def show_prove(request: HttpRequest) -> Response[str]:
        return await shown(request, onward=own_path(request.query_params.get("next", ACCOUNT)), is_sent=False)

    @post(f"{PROVE_PATH}/code", status_code=200, opt=dict(EARLIEST))
    async def send_code(request: HttpRequest) -> Response[str]:
        form = await read_form(request, "next")
        onward = own_path(form["next"] or ACCOUNT)
        try:
            await signing_in.send_step_up_code(signed_in_of(request), arrival_of(request, cookies))
        except Refusal as refusal:
            return await shown(request, onward=onward, is_sent=False, **said_again(refusal))
        return await shown(request, onward=onward, is_sent=True)

    @post(PROVE_PATH, status_code=200, opt=dict(EARLIEST))
    async def prove(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "method", "secret", "next")
        onward = own_path(form["next"] or ACCOUNT)
        here = signed_in_of(request)
        allowed = await methods(here)
        try:
            method = allowed[0] if allowed else Method.PASSKEY  # which nobody types
            await signing_in.step_up(here, method, form["secret"], arrival_of(request, cookies))
        except Refusal as refusal:
            return await shown(request, onward=onward, is_sent=True, **said_again(refusal))
        return Redirect(onward, status_code=303)

    return [show_prove, send_code, prove]
