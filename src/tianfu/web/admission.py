"""At the door of every page: who asks, whether too often, and who must sign in first.

A handler that is open to all says so in its options (`opt=OPEN`); every other one needs somebody who was let in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from litestar import Request
from litestar.datastructures import Cookie
from litestar.enums import ScopeType
from litestar.handlers import HTTPRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.response import Redirect
from litestar.types import ASGIApp, Receive, Scope, Send

from tianfu.access.purpose import Purpose
from tianfu.kernel.refusal import Refusal
from tianfu.services.limits.limiter import Limiter
from tianfu.services.limits.limits import LIMIT_CLASSES, LimitClass
from tianfu.web.asking import ADMITTED, NEWS, HttpRequest
from tianfu.web.callers import Admitted, Callers, Carried
from tianfu.web.news import Telling
from tianfu.web.protection import SAFE_METHODS
from tianfu.web.proxies import client_of

SIGN_IN_PATH = "/sign-in"
SECOND_FACTOR_PATH = "/account/second-factor"
PROVE_PATH = "/account/prove"
REAL_NAME_PATH = "/account/real-name"
OWN_PASSWORD_PATH = "/account/password"  # noqa: S105 - an address, no password

OPEN: Mapping[str, Any] = {"open": True}
"""The options of a handler that needs nobody."""

OPEN_FORM: Mapping[str, Any] = {**OPEN, "limit": "open-form"}
"""The options of a handler that needs nobody and asks the database: counted by the address that it comes from."""

LEAVING: Mapping[str, Any] = {**OPEN_FORM, "bucket": "leaving"}
"""The options of the way out: counted by address too, but apart, so that many who come in shut nobody in."""

RECOGNISED: Mapping[str, Any] = {"open": True, "recognised": True}
"""The options of a handler that needs nobody, and speaks to whoever signed in as who he is."""

SETTING_UP = "setting-up"
"""The option of a handler that is open also to a session that must still set up a second factor."""

CHOOSING_PASSWORD = "choosing-password"  # noqa: S105 - the name of an option, no password
"""The option of a handler that is open also to a session whose password was handed over."""

SIGNED_IN = "signed_in"
"""Where a request's state keeps the session of somebody who signed in."""


def limited(limit_class: LimitClass) -> Mapping[str, Any]:
    """The options of a handler whose requests count as this class, rather than as a page or a form."""
    return {"limit": limit_class}


def for_purpose(purpose: Purpose, handlers: Sequence[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """These handlers, open only to roles that have a rule for the purpose; whoever comes there comes for it."""
    for handler in handlers:
        handler.opt["purpose"] = purpose
    return list(handlers)


DEVICE_SECONDS = 400 * 86_400
"""As long as browsers keep a cookie at most (RFC 6265bis, section 5.5)."""


class SessionCookies:
    """The cookie that keeps a session of pages, and that which tells one browser from another."""

    def __init__(self, *, is_secure: bool) -> None:
        self._is_secure = is_secure
        # The prefix makes browsers refuse a cookie of that name from another host or without HTTPS (RFC 6265bis).
        prefix = "__Host-" if is_secure else ""
        self.name = f"{prefix}session"
        self.device_name = f"{prefix}device"

    def carried(self, request: HttpRequest) -> Carried:
        """What a request carries of both."""
        cookies = request.cookies
        return Carried(
            session=cookies.get(self.name, ""),
            device=cookies.get(self.device_name, ""),
            client=client_of(request.scope),
        )

    def cookie(self, value: str, *, seconds: int) -> Cookie:
        """A session cookie: unseen by scripts, not sent along from other sites."""
        return self._cookie(self.name, value, seconds)

    def device_cookie(self, value: str) -> Cookie:
        """The browser's own secret, without which its session opens nothing."""
        return self._cookie(self.device_name, value, DEVICE_SECONDS)

    def _cookie(self, name: str, value: str, seconds: int) -> Cookie:
        return Cookie(
            key=name,
            value=value,
            max_age=seconds,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self._is_secure,
        )

    def no_cookie(self) -> Cookie:
        """What takes the session cookie away."""
        return self.cookie("", seconds=0)


NOT_ADMITTED = frozenset({"sign-in-needed", "session-over"})
"""Refusals that lead to the page where people sign in."""


class SecondFactorMissingError(Exception):
    """Somebody signed in without the second factor that his office asks for: he sets one up first."""


class PasswordHandedOverError(Exception):
    """Somebody signed in by a password that was handed over to him: he chooses one of his own first."""


class NotAdmittedError(Exception):
    """Somebody must sign in first; `refusal` says whether his session is over."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def to_entrance(request: HttpRequest, refusal: Refusal, cookies: SessionCookies) -> Redirect:
    """An answer that leads to the page where people sign in, and takes away a session that is over."""
    query = {"why": refusal.code}
    if request.method in SAFE_METHODS:
        query["next"] = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return Redirect(
        f"{SIGN_IN_PATH}?{urlencode(query)}",
        status_code=303,
        headers={"cache-control": "no-store"},
        cookies=[] if refusal.code == "sign-in-needed" else [cookies.no_cookie()],
    )


def prove_at(onward: str) -> str:
    """The address where somebody proves again who he is, and then comes to a page of ours."""
    return f"{PROVE_PATH}?{urlencode({'next': onward})}"


class LetIn(ASGIMiddleware):
    """Lets in whoever may enter, and holds them to their limits."""

    def __init__(
        self, callers: Callers, limiter: Limiter, cookies: SessionCookies, *, telling: Sequence[Telling] = ()
    ) -> None:
        self._callers = callers
        self._limiter = limiter
        self._cookies = cookies
        self._telling = telling

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Admit, count, go on; or send to the page where people sign in."""
        options = scope["route_handler"].opt
        if scope["type"] != ScopeType.HTTP:
            await next_app(scope, receive, send)
            return
        request: HttpRequest = Request(scope)
        if options.get("open"):
            if options.get("limit") == "open-form":
                await self._limiter.take(f"{options.get('bucket', 'address')}:{client_of(scope)}", "", "open-form")
            if options.get("recognised"):
                await self._recognise(request, scope)
            await next_app(scope, receive, send)
            return
        try:
            admitted = await self._callers.visitor(self._cookies.carried(request))
        except Refusal as refusal:
            if refusal.code not in NOT_ADMITTED:
                raise
            raise NotAdmittedError(refusal) from refusal
        scope["state"][ADMITTED] = admitted  # also where the page is refused: its reader is still who they are
        scope["state"][SIGNED_IN] = admitted.signed_in
        _refuse_unsettled(admitted, options)
        scope["state"][ADMITTED] = admitted = _for_this_page(admitted, options.get("purpose"))
        await self._limiter.take(admitted.bucket, admitted.caller.role, _limit_class(options, scope["method"]))
        if admitted.signed_in is not None and scope["method"] in SAFE_METHODS:
            scope["state"][NEWS] = [news for tell in self._telling for news in await tell(admitted.signed_in)]
        await next_app(scope, receive, send)

    async def _recognise(self, request: HttpRequest, scope: Scope) -> None:
        """Who comes to a page that needs nobody; whoever could not come in elsewhere is nobody here too."""
        carried = self._cookies.carried(request)
        if not carried.session:
            return
        try:
            admitted = await self._callers.visitor(carried)
        except Refusal:
            return
        if admitted.signed_in is None or admitted.signed_in.is_settled:
            scope["state"][ADMITTED] = admitted


def _refuse_unsettled(admitted: Admitted, options: Mapping[str, Any]) -> None:
    """A session that must choose its own password opens nothing else, nor does one that must set up a second factor."""
    signed_in = admitted.signed_in
    if signed_in is not None and signed_in.needs_own_password:
        if not options.get(CHOOSING_PASSWORD):
            raise PasswordHandedOverError
    elif signed_in is not None and signed_in.needs_second_factor and not options.get(SETTING_UP):
        raise SecondFactorMissingError


def _for_this_page(admitted: Admitted, purpose: Purpose | None) -> Admitted:
    """The same visitor, for the purpose that the page is for; to a role without it the page is not there."""
    if purpose is None or purpose == admitted.purpose:
        return admitted
    if purpose not in admitted.purposes:
        raise Refusal("not-found", next_step="start-again")
    return replace(admitted, purpose=purpose)


def _limit_class(options: Mapping[str, Any], method: str) -> LimitClass:
    named = options.get("limit")
    if named in LIMIT_CLASSES:
        chosen: LimitClass = named
        return chosen
    return "page" if method in SAFE_METHODS else "form"
