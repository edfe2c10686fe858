"""One's own account over HTTP: its sessions, ways to sign in, second factor, recovery codes and password."""

from __future__ import annotations

from collections.abc import Awaitable

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.answering import (
    ACCOUNT,
    CHOOSING,
    FRESH,
    Entrance,
    arrival_of,
    cookies_of,
    page_of,
    said_again,
    signed_in_of,
    to_prove,
)
from tianfu.apps.entrance.queries.names import names_of_places
from tianfu.apps.entrance.square import square_code
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Kind, SignedIn
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages


def account_routes(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """The page of one's own account, and the forms that change it."""
    accounts, cookies = house.accounts, house.cookies

    async def shown(request: HttpRequest, *, status: int = 200, **values: object) -> Response[str]:
        here = signed_in_of(request)
        workplaces = await accounts.people.workplaces(here.account.id)
        return page_of(pages, request)(
            "account.html",
            status=status,
            here=here,
            sessions=await accounts.sessions.sessions_of(here.account.id),
            credentials=await accounts.credentials.listed(here.account.id),
            recovery_left=await accounts.credentials.recovery_codes_left(here.account.id),
            providers=accounts.coming.providers,
            ways=await accounts.coming.links_of(here),
            workplaces=workplaces,
            names=await names_of_places(house.directory, workplaces) if len(workplaces) > 1 else {},
            **values,
        )

    @get(ACCOUNT)
    async def show_account(request: HttpRequest) -> Response[str]:
        return await shown(request, done=request.query_params.get("done", ""))

    @post(f"{ACCOUNT}/workplace", status_code=303)
    async def change_workplace(request: HttpRequest) -> Redirect:
        form = await read_form(request, "workplace")
        arrival = arrival_of(request, cookies)
        entered = await accounts.signing_in.change_workplace(signed_in_of(request), form["workplace"], arrival)
        return Redirect("/", status_code=303, cookies=cookies_of(entered, house))

    @post(f"{ACCOUNT}/sessions/end", status_code=303)
    async def end_session(request: HttpRequest) -> Redirect:
        form = await read_form(request, "session")
        await accounts.signing_in.end_session(signed_in_of(request), form["session"])
        return Redirect(f"{ACCOUNT}?done=ended", status_code=303)

    @post(f"{ACCOUNT}/sessions/end-others", status_code=303)
    async def end_others(request: HttpRequest) -> Redirect:
        await accounts.signing_in.end_other_sessions(signed_in_of(request))
        return Redirect(f"{ACCOUNT}?done=others-ended", status_code=303)

    @post(f"{ACCOUNT}/credentials/end", status_code=303)
    async def end_credential(request: HttpRequest) -> Redirect:
        form = await read_form(request, "credential")
        return await _if_fresh(accounts.enrolling.end_credential(signed_in_of(request), form["credential"]), "removed")

    @get(f"{ACCOUNT}/second-factor", opt=dict(FRESH))
    async def show_second_factor(request: HttpRequest) -> Response[str] | Redirect:
        try:
            offer = await accounts.enrolling.offer_totp(_staff(request), arrival_of(request, cookies))
        except Refusal as refusal:
            if refusal.code != "proof-too-old":
                raise
            return to_prove(f"{ACCOUNT}/second-factor")
        return page_of(pages, request)("second_factor.html", offer=offer, square=square_code(offer.uri))

    @post(f"{ACCOUNT}/second-factor", status_code=200, opt=dict(FRESH))
    async def keep_second_factor(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "code", "label")
        here, arrival = _staff(request), arrival_of(request, cookies)
        try:
            entered, codes = await accounts.enrolling.confirm_totp(
                here, form["step"], form["code"], form["label"], arrival
            )
        except Refusal as refusal:
            if refusal.code == "step-over":
                return Redirect(f"{ACCOUNT}/second-factor", status_code=303)
            if refusal.code == "proof-too-old":
                return to_prove(f"{ACCOUNT}/second-factor")
            return page_of(pages, request)(
                "second_factor.html", offer=None, form=form, square="", **said_again(refusal)
            )
        page = page_of(pages, request)("recovery_codes.html", codes=codes)
        for cookie in cookies_of(entered, house):
            page.set_cookie(cookie)
        return page

    @post(f"{ACCOUNT}/recovery-codes", status_code=200)
    async def new_recovery_codes(request: HttpRequest) -> Response[str] | Redirect:
        try:
            codes = await accounts.enrolling.new_recovery_codes(signed_in_of(request))
        except Refusal as refusal:
            if refusal.code != "proof-too-old":
                raise
            return to_prove(ACCOUNT)
        return page_of(pages, request)("recovery_codes.html", codes=codes, about="codes")

    @get(f"{ACCOUNT}/password", opt=dict(CHOOSING))
    async def show_password(request: HttpRequest) -> Response[str]:
        return page_of(pages, request)("password.html", here=_staff(request))

    @post(f"{ACCOUNT}/password", status_code=200, opt=dict(CHOOSING))
    async def change_password(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "password", "again")
        here = _staff(request)
        try:
            if form["password"] != form["again"]:
                raise Refusal("passwords-differ")
            return await _if_fresh(accounts.enrolling.change_password(here, form["password"]), "password")
        except Refusal as refusal:
            return page_of(pages, request)("password.html", here=here, **said_again(refusal))

    return [
        show_account,
        change_workplace,
        end_session,
        end_others,
        end_credential,
        show_second_factor,
        keep_second_factor,
        new_recovery_codes,
        show_password,
        change_password,
    ]


def _staff(request: HttpRequest) -> SignedIn:
    """Somebody who signs in by password; a resident has none, and the page is not there for him."""
    here = signed_in_of(request)
    if here.account.kind is not Kind.STAFF:
        raise Refusal("not-found", next_step="start-again")
    return here


async def _if_fresh(change: Awaitable[object], done: str) -> Redirect:
    """Make a change, or send to the page where one proves again who one is."""
    try:
        await change
    except Refusal as refusal:
        if refusal.code != "proof-too-old":
            raise
        return to_prove(ACCOUNT)
    return Redirect(f"{ACCOUNT}?done={done}", status_code=303)
