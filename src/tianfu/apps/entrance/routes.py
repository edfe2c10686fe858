"""The pages of the entrance over HTTP.  No number, code or secret is ever in an address."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.answering import ACCOUNT, CHOOSING, EARLIEST, FRESH, Entrance
from tianfu.apps.entrance.answering import arrival_of as _arrival
from tianfu.apps.entrance.answering import cookies_of as _cookies
from tianfu.apps.entrance.answering import form_of as _form
from tianfu.apps.entrance.answering import further as _further
from tianfu.apps.entrance.answering import page_of as _page
from tianfu.apps.entrance.answering import said_again as _again
from tianfu.apps.entrance.answering import signed_in_of as _here
from tianfu.apps.entrance.answering import to_prove as _to_prove
from tianfu.apps.entrance.outside_routes import outside_routes
from tianfu.apps.entrance.passkey_routes import passkey_routes
from tianfu.apps.entrance.real_name_routes import real_name_routes
from tianfu.apps.entrance.square import square_code
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Kind, Method, SignedIn
from tianfu.services.accounts.signing_in import SECOND as SECOND_STAGE
from tianfu.services.accounts.signing_in import TELEPHONE, WORKPLACE, Arrival, Entered, Next
from tianfu.web.admission import OPEN, OPEN_FORM, SIGN_IN_PATH
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages, Place
from tianfu.web.preferences import own_path
from tianfu.web.site import App

REASONS = frozenset({"sign-in-needed", "session-over", "left"})
"""What an address may say about why somebody stands here; anything else is passed over."""


def entrance(house: Entrance) -> App:
    """The app as the site takes it."""
    return App(
        name="entrance",
        folder=Path(__file__).parent,
        places=(Place(key="place.account", address=ACCOUNT, icon="i-user"),),
        routes=lambda pages: [
            *_signing_in(pages, house),
            *_account(pages, house),
            *_proving(pages, house),
            *real_name_routes(pages, house),
            *passkey_routes(pages, house),
            *outside_routes(pages, house),
        ],
    )


def _signing_in(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    signing_in, cookies = house.accounts.signing_in, house.cookies

    def arrival(request: HttpRequest) -> Arrival:
        return _arrival(request, cookies)

    def shown(request: HttpRequest, *, onward: str, **values: object) -> Response[str]:
        return _page(pages, request)(
            "sign_in.html",
            onward=onward,
            logins=house.logins(),
            providers=house.accounts.coming.providers,
            **values,
        )

    async def further(request: HttpRequest, answer: Next | Entered, onward: str) -> Response[str] | Redirect:
        return await _further(pages, house, request, answer, onward)

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
        form = await _form(request, "number", "next")
        onward = own_path(form["next"] or "/")
        try:
            answer = await signing_in.send_code(form["number"], arrival(request))
        except Refusal as refusal:
            return shown(request, onward=onward, why="", way="telephone", form=form, **_again(refusal))
        return await further(request, answer, onward)

    async def taken(
        request: HttpRequest, form: Mapping[str, str], stage: str, going_on: Awaitable[Next | Entered]
    ) -> Response[str] | Redirect:
        """What follows a step; a wrong answer shows the step again, and one that is over the beginning."""
        onward = own_path(form["next"] or "/")
        try:
            return await further(request, await going_on, onward)
        except Refusal as refusal:
            if refusal.code in {"step-over", "workplace-unknown"}:
                return shown(request, onward=onward, why="step-over", way="", status=401)
            again = StepAgain(stage=stage, step=form["step"])
            return _page(pages, request)(
                "step.html", step=again, onward=onward, names={}, logins=house.logins(), **_again(refusal)
            )

    @post(f"{SIGN_IN_PATH}/code", status_code=200, opt=dict(OPEN_FORM))
    async def take_code(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "step", "code", "next")
        going_on = signing_in.with_code(form["step"], form["code"], arrival(request))
        return await taken(request, form, TELEPHONE, going_on)

    @post(f"{SIGN_IN_PATH}/staff", status_code=200, opt=dict(OPEN_FORM))
    async def take_password(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "number", "password", "next")
        onward = own_path(form["next"] or "/")
        try:
            answer = await signing_in.with_password(form["number"], form["password"], arrival(request))
        except Refusal as refusal:
            kept = {"number": form["number"]}
            return shown(request, onward=onward, why="", way="staff", form=kept, **_again(refusal))
        return await further(request, answer, onward)

    @post(f"{SIGN_IN_PATH}/second", status_code=200, opt=dict(OPEN_FORM))
    async def take_second(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "step", "code", "recovery", "next")
        method, code = (Method.RECOVERY, form["recovery"]) if form["recovery"] else (Method.TOTP, form["code"])
        going_on = signing_in.with_second(form["step"], method, code, arrival(request))
        return await taken(request, form, SECOND_STAGE, going_on)

    @post(f"{SIGN_IN_PATH}/workplace", status_code=200, opt=dict(OPEN_FORM))
    async def take_workplace(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "step", "workplace", "next")
        going_on = signing_in.choose_workplace(form["step"], form["workplace"], arrival(request))
        return await taken(request, form, WORKPLACE, going_on)

    return [show_sign_in, send_code, take_code, take_password, take_second, take_workplace]


def _account(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    accounts, cookies = house.accounts, house.cookies

    async def shown(request: HttpRequest, *, status: int = 200, **values: object) -> Response[str]:
        here = _here(request)
        return _page(pages, request)(
            "account.html",
            status=status,
            here=here,
            sessions=await accounts.sessions.sessions_of(here.account.id),
            credentials=await accounts.credentials.listed(here.account.id),
            recovery_left=await accounts.credentials.recovery_codes_left(here.account.id),
            providers=accounts.coming.providers,
            ways=await accounts.coming.links_of(here),
            **values,
        )

    @get(ACCOUNT)
    async def show_account(request: HttpRequest) -> Response[str]:
        return await shown(request, done=request.query_params.get("done", ""))

    @post(f"{ACCOUNT}/sessions/end", status_code=303)
    async def end_session(request: HttpRequest) -> Redirect:
        form = await _form(request, "session")
        await accounts.signing_in.end_session(_here(request), form["session"])
        return Redirect(f"{ACCOUNT}?done=ended", status_code=303)

    @post(f"{ACCOUNT}/sessions/end-others", status_code=303)
    async def end_others(request: HttpRequest) -> Redirect:
        await accounts.signing_in.end_other_sessions(_here(request))
        return Redirect(f"{ACCOUNT}?done=others-ended", status_code=303)

    @post(f"{ACCOUNT}/credentials/end", status_code=303)
    async def end_credential(request: HttpRequest) -> Redirect:
        form = await _form(request, "credential")
        return await _if_fresh(accounts.enrolling.end_credential(_here(request), form["credential"]), "removed")

    @get(f"{ACCOUNT}/second-factor", opt=dict(FRESH))
    async def show_second_factor(request: HttpRequest) -> Response[str] | Redirect:
        try:
            offer = await accounts.enrolling.offer_totp(_staff(request), _arrival(request, cookies))
        except Refusal as refusal:
            if refusal.code != "proof-too-old":
                raise
            return _to_prove(f"{ACCOUNT}/second-factor")
        return _page(pages, request)("second_factor.html", offer=offer, square=square_code(offer.uri))

    @post(f"{ACCOUNT}/second-factor", status_code=200, opt=dict(FRESH))
    async def keep_second_factor(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "step", "code", "label")
        here, arrival = _staff(request), _arrival(request, cookies)
        try:
            entered, codes = await accounts.enrolling.confirm_totp(
                here, form["step"], form["code"], form["label"], arrival
            )
        except Refusal as refusal:
            if refusal.code == "step-over":
                return Redirect(f"{ACCOUNT}/second-factor", status_code=303)
            if refusal.code == "proof-too-old":
                return _to_prove(f"{ACCOUNT}/second-factor")
            return _page(pages, request)("second_factor.html", offer=None, form=form, square="", **_again(refusal))
        page = _page(pages, request)("recovery_codes.html", codes=codes)
        for cookie in _cookies(entered, house):
            page.set_cookie(cookie)
        return page

    @post(f"{ACCOUNT}/recovery-codes", status_code=200)
    async def new_recovery_codes(request: HttpRequest) -> Response[str] | Redirect:
        try:
            codes = await accounts.enrolling.new_recovery_codes(_here(request))
        except Refusal as refusal:
            if refusal.code != "proof-too-old":
                raise
            return _to_prove(ACCOUNT)
        return _page(pages, request)("recovery_codes.html", codes=codes, about="codes")

    @get(f"{ACCOUNT}/password", opt=dict(CHOOSING))
    async def show_password(request: HttpRequest) -> Response[str]:
        return _page(pages, request)("password.html", here=_staff(request))

    @post(f"{ACCOUNT}/password", status_code=200, opt=dict(CHOOSING))
    async def change_password(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "password", "again")
        here = _staff(request)
        try:
            if form["password"] != form["again"]:
                raise Refusal("passwords-differ")
            return await _if_fresh(accounts.enrolling.change_password(here, form["password"]), "password")
        except Refusal as refusal:
            return _page(pages, request)("password.html", here=here, **_again(refusal))

    return [
        show_account,
        end_session,
        end_others,
        end_credential,
        show_second_factor,
        keep_second_factor,
        new_recovery_codes,
        show_password,
        change_password,
    ]


def _proving(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    signing_in, cookies = house.accounts.signing_in, house.cookies

    async def methods(here: SignedIn) -> tuple[Method, ...]:
        if here.account.kind is Kind.RESIDENT:
            return (Method.TELEPHONE,)
        kinds = {each.kind for each in await house.accounts.credentials.listed(here.account.id)}
        if not kinds & {"totp", "passkey"}:
            return (Method.PASSWORD,)
        return (Method.TOTP,) if "totp" in kinds else ()

    async def shown(request: HttpRequest, *, onward: str, **values: object) -> Response[str]:
        here = _here(request)
        has_passkey = bool(await house.accounts.credentials.passkeys_of(here.account.id))
        return _page(pages, request)(
            "prove.html",
            here=here,
            methods=await methods(here),
            has_passkey=has_passkey,
            onward=onward,
            logins=house.logins(),
            **values,
        )

    @get(f"{ACCOUNT}/prove", opt=dict(EARLIEST))
    async def show_prove(request: HttpRequest) -> Response[str]:
        return await shown(request, onward=own_path(request.query_params.get("next", ACCOUNT)), is_sent=False)

    @post(f"{ACCOUNT}/prove/code", status_code=200, opt=dict(EARLIEST))
    async def send_code(request: HttpRequest) -> Response[str]:
        form = await _form(request, "next")
        onward = own_path(form["next"] or ACCOUNT)
        try:
            await signing_in.send_step_up_code(_here(request), _arrival(request, cookies))
        except Refusal as refusal:
            return await shown(request, onward=onward, is_sent=False, **_again(refusal))
        return await shown(request, onward=onward, is_sent=True)

    @post(f"{ACCOUNT}/prove", status_code=200, opt=dict(EARLIEST))
    async def prove(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "method", "secret", "next")
        onward = own_path(form["next"] or ACCOUNT)
        here = _here(request)
        allowed = await methods(here)
        try:
            method = allowed[0] if allowed else Method.PASSKEY  # which nobody types
            await signing_in.step_up(here, method, form["secret"], _arrival(request, cookies))
        except Refusal as refusal:
            return await shown(request, onward=onward, is_sent=True, **_again(refusal))
        return Redirect(onward, status_code=303)

    return [show_prove, send_code, prove]


def _staff(request: HttpRequest) -> SignedIn:
    """Somebody who signs in by password; a resident has none, and the page is not there for him."""
    here = _here(request)
    if here.account.kind is not Kind.STAFF:
        raise Refusal("not-found", next_step="start-again")
    return here


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAgain:
    """A step that is shown once more after a wrong answer."""

    stage: str
    step: str
    workplaces: tuple[()] = ()
    again_in_seconds: int = 0
    is_sent: bool = False


async def _if_fresh(change: Awaitable[object], done: str) -> Redirect:
    """Make a change, or send to the page where one proves again who one is."""
    try:
        await change
    except Refusal as refusal:
        if refusal.code != "proof-too-old":
            raise
        return _to_prove(ACCOUNT)
    return Redirect(f"{ACCOUNT}?done={done}", status_code=303)
