"""The pages of the entrance over HTTP.  No number, code or secret is ever in an address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.datastructures import Cookie, UploadFile
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.ports import Demonstration, Directory
from tianfu.apps.entrance.queries.names import names_of_places
from tianfu.apps.entrance.speech import Speech
from tianfu.apps.entrance.square import square_code
from tianfu.kernel.instants import SECOND, Clock
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Kind, Method, SignedIn
from tianfu.services.accounts.opening import Accounts
from tianfu.services.accounts.signing_in import SECOND as SECOND_STAGE
from tianfu.services.accounts.signing_in import TELEPHONE, WORKPLACE, Arrival, Entered, Next
from tianfu.web.admission import CHOOSING_PASSWORD, OPEN, SETTING_UP, SIGN_IN_PATH, SIGNED_IN, SessionCookies
from tianfu.web.asking import HttpRequest
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages, Place
from tianfu.web.preferences import own_path
from tianfu.web.site import App

ACCOUNT = "/account"

AGAIN = frozenset(
    {
        "number-malformed",
        "sign-in-refused",
        "sign-in-closed",
        "sign-in-busy",
        "codes-used-up",
        "code-not-sent",
        "code-wrong",
        "workplace-unknown",
        "password-too-short",
        "password-too-long",
        "password-of-yourself",
        "password-common",
        "password-unchanged",
        "passwords-differ",
        "method-not-yours",
        "too-many-credentials",
    }
)
"""Refusals that are said beside the form, which is shown again."""

FRESH: Mapping[str, object] = {SETTING_UP: True}
"""The options of a page that is open also before a second factor is set up."""

CHOOSING: Mapping[str, object] = {CHOOSING_PASSWORD: True}
"""The options of a page that is open also to a password that was handed over, but to nobody who must set up more."""

EARLIEST: Mapping[str, object] = {**FRESH, **CHOOSING}
"""The options of a page that is open before both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """What the pages stand on."""

    accounts: Accounts
    cookies: SessionCookies
    directory: Directory
    demonstration: Demonstration
    clock: Clock


def entrance(house: Entrance) -> App:
    """The app as the site takes it."""
    return App(
        name="entrance",
        folder=Path(__file__).parent,
        places=(Place(key="place.account", address=ACCOUNT, icon="i-user"),),
        routes=lambda pages: [*_signing_in(pages, house), *_account(pages, house), *_proving(pages, house)],
    )


def _page(pages: Pages, request: HttpRequest) -> Callable[..., Response[str]]:
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        always = {"speech": Speech(asking.language), "fault": "", "details": {}}
        return pages.page(f"entrance/{template}", asking, status=status, **{**always, **values})

    return page


async def _form(request: HttpRequest, *names: str) -> dict[str, str]:
    """The fields of a form as text; what was not sent is empty."""
    sent = await request.form()
    values = {name: sent.get(name) for name in names}
    return {
        name: "" if value is None or isinstance(value, UploadFile) else str(value) for name, value in values.items()
    }


def _again(refusal: Refusal) -> Mapping[str, object]:
    """What a form says that is shown again; raises what is not about a form."""
    if refusal.code not in AGAIN:
        raise refusal
    return {"fault": refusal.code, "details": refusal.details, "status": status_of(refusal)}


def _here(request: HttpRequest) -> SignedIn:
    """Who signed in; for whoever came by a ticket, or is the desk, these pages are not there."""
    signed_in = request.scope["state"].get(SIGNED_IN)
    if not isinstance(signed_in, SignedIn):
        raise Refusal("not-found", next_step="start-again")
    return signed_in


def _signing_in(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    signing_in, cookies = house.accounts.signing_in, house.cookies

    def arrival(request: HttpRequest) -> Arrival:
        return _arrival(request, cookies)

    def shown(request: HttpRequest, *, onward: str, **values: object) -> Response[str]:
        return _page(pages, request)(
            "sign_in.html", onward=onward, logins=house.demonstration.logins(house.clock()), **values
        )

    async def further(request: HttpRequest, answer: Next | Entered, onward: str) -> Response[str] | Redirect:
        """The next step of a sign-in, or the page that somebody wanted."""
        if isinstance(answer, Entered):
            return _entered(answer, house, onward)
        names = await names_of_places(house.directory, answer.workplaces) if answer.stage == WORKPLACE else {}
        page = _page(pages, request)("step.html", step=answer, onward=onward, names=names)
        page.set_cookie(cookies.device_cookie(answer.device))
        return page

    @get(SIGN_IN_PATH, opt=dict(OPEN))
    async def show_sign_in(request: HttpRequest) -> Response[str]:
        why = request.query_params.get("why", "")
        onward = own_path(request.query_params.get("next", "/"))
        return shown(request, onward=onward, why=why if why == "session-over" else "", way="")

    @post(f"{SIGN_IN_PATH}/telephone", status_code=200, opt=dict(OPEN))
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
            if refusal.code == "step-over":
                return shown(request, onward=onward, why="step-over", way="", status=401)
            again = StepAgain(stage=stage, step=form["step"])
            return _page(pages, request)("step.html", step=again, onward=onward, names={}, **_again(refusal))

    @post(f"{SIGN_IN_PATH}/code", status_code=200, opt=dict(OPEN))
    async def take_code(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "step", "code", "next")
        going_on = signing_in.with_code(form["step"], form["code"], arrival(request))
        return await taken(request, form, TELEPHONE, going_on)

    @post(f"{SIGN_IN_PATH}/staff", status_code=200, opt=dict(OPEN))
    async def take_password(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "number", "password", "next")
        onward = own_path(form["next"] or "/")
        try:
            answer = await signing_in.with_password(form["number"], form["password"], arrival(request))
        except Refusal as refusal:
            kept = {"number": form["number"]}
            return shown(request, onward=onward, why="", way="staff", form=kept, **_again(refusal))
        return await further(request, answer, onward)

    @post(f"{SIGN_IN_PATH}/second", status_code=200, opt=dict(OPEN))
    async def take_second(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "step", "code", "recovery", "next")
        method, code = (Method.RECOVERY, form["recovery"]) if form["recovery"] else (Method.TOTP, form["code"])
        going_on = signing_in.with_second(form["step"], method, code, arrival(request))
        return await taken(request, form, SECOND_STAGE, going_on)

    @post(f"{SIGN_IN_PATH}/workplace", status_code=200, opt=dict(OPEN))
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
            offer = await accounts.enrolling.offer_totp(_here(request), _arrival(request, cookies))
        except Refusal as refusal:
            if refusal.code != "proof-too-old":
                raise
            return _to_prove(f"{ACCOUNT}/second-factor")
        return _page(pages, request)("second_factor.html", offer=offer, square=square_code(offer.uri))

    @post(f"{ACCOUNT}/second-factor", status_code=200, opt=dict(FRESH))
    async def keep_second_factor(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "step", "code", "label")
        here, arrival = _here(request), _arrival(request, cookies)
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
        return _page(pages, request)("recovery_codes.html", codes=codes)

    @get(f"{ACCOUNT}/password", opt=dict(CHOOSING))
    async def show_password(request: HttpRequest) -> Response[str]:
        return _page(pages, request)("password.html", here=_here(request))

    @post(f"{ACCOUNT}/password", status_code=200, opt=dict(CHOOSING))
    async def change_password(request: HttpRequest) -> Response[str] | Redirect:
        form = await _form(request, "password", "again")
        here = _here(request)
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
        has = await house.accounts.credentials.has_second_factor(here.account.id)
        return (Method.TOTP,) if has else (Method.PASSWORD,)

    async def shown(request: HttpRequest, *, onward: str, **values: object) -> Response[str]:
        here = _here(request)
        return _page(pages, request)("prove.html", here=here, methods=await methods(here), onward=onward, **values)

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
            await signing_in.step_up(here, allowed[0], form["secret"], _arrival(request, cookies))
        except Refusal as refusal:
            return await shown(request, onward=onward, is_sent=True, **_again(refusal))
        return Redirect(onward, status_code=303)

    return [show_prove, send_code, prove]


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


def _to_prove(onward: str) -> Redirect:
    return Redirect(f"{ACCOUNT}/prove?{urlencode({'next': onward})}", status_code=303)


def _arrival(request: HttpRequest, cookies: SessionCookies) -> Arrival:
    carried = cookies.carried(request)
    return Arrival(address=carried.client, device=carried.device, agent=request.headers.get("user-agent", ""))


def _entered(entered: Entered, house: Entrance, onward: str) -> Redirect:
    return Redirect(onward, status_code=303, cookies=_cookies(entered, house))


def _cookies(entered: Entered, house: Entrance) -> list[Cookie]:
    seconds = max(1, (entered.signed_in.until - house.clock()) // SECOND)
    return [house.cookies.cookie(entered.secret, seconds=seconds), house.cookies.device_cookie(entered.device)]
