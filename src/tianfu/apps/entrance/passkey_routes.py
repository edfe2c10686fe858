"""Passkeys over HTTP: set up, sign in, prove again.  The browser's answer comes as JSON text in a plain form."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.apps.entrance.answering import (
    ACCOUNT,
    FRESH,
    Entrance,
    arrival_of,
    cookies_of,
    further,
    page_of,
    said_again,
    signed_in_of,
    to_prove,
)
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.passkeys import Challenge
from tianfu.web.admission import OPEN_FORM, PROVE_PATH, SIGN_IN_PATH
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages
from tianfu.web.preferences import own_path

NEW = f"{ACCOUNT}/passkeys/new"


def passkey_routes(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """All routes about passkeys."""
    return [*_showing(pages, house), *_setting_up(pages, house)]


def _showing(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    """Sign in, and prove again: the page that asks the device begins at once, and again when its reader wants."""
    passkeys, cookies = house.accounts.passkeys, house.cookies

    def asking(request: HttpRequest, act: str, onward: str, challenge: Challenge) -> Response[str]:
        page = page_of(pages, request)("passkey.html", act=act, onward=onward, challenge=challenge)
        page.set_cookie(cookies.device_cookie(challenge.device))
        return page

    def said(request: HttpRequest, act: str, onward: str, refusal: Refusal) -> Response[str]:
        again = said_again(refusal)
        return page_of(pages, request)("passkey.html", act=act, onward=onward, challenge=None, **again)

    @post(f"{SIGN_IN_PATH}/passkey/begin", status_code=200, opt=dict(OPEN_FORM))
    async def begin_sign_in(request: HttpRequest) -> Response[str]:
        form = await read_form(request, "next", "whose")
        onward = own_path(form["next"] or "/")
        try:
            challenge = await passkeys.begin_sign_in(arrival_of(request, cookies), whose=form["whose"])
        except Refusal as refusal:
            return said(request, "sign-in", onward, refusal)
        return asking(request, "sign-in", onward, challenge)

    @post(f"{SIGN_IN_PATH}/passkey", status_code=200, opt=dict(OPEN_FORM))
    async def sign_in(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "answer", "next")
        onward = own_path(form["next"] or "/")
        try:
            answer = await passkeys.sign_in(form["step"], form["answer"], arrival_of(request, cookies))
        except Refusal as refusal:
            return said(request, "sign-in", onward, refusal)
        return await further(pages, house, request, answer, onward)

    @post(f"{PROVE_PATH}/passkey/begin", status_code=200)
    async def begin_proof(request: HttpRequest) -> Response[str]:
        onward = own_path((await read_form(request, "next"))["next"] or ACCOUNT)
        try:
            challenge = await passkeys.begin_proof(signed_in_of(request), arrival_of(request, cookies))
        except Refusal as refusal:
            return said(request, "prove", onward, refusal)
        return asking(request, "prove", onward, challenge)

    @post(f"{PROVE_PATH}/passkey", status_code=200)
    async def prove(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "answer", "next")
        onward = own_path(form["next"] or ACCOUNT)
        here, arrival = signed_in_of(request), arrival_of(request, cookies)
        try:
            await passkeys.prove(here, form["step"], form["answer"], arrival)
        except Refusal as refusal:
            return said(request, "prove", onward, refusal)
        return Redirect(onward, status_code=303)

    return [begin_sign_in, sign_in, begin_proof, prove]


def _setting_up(pages: Pages, house: Entrance) -> list[HTTPRouteHandler]:
    passkeys, cookies = house.accounts.passkeys, house.cookies

    def said(request: HttpRequest, refusal: Refusal, label: str) -> Response[str] | Redirect:
        """The page without a challenge, or the one where one proves again who one is."""
        if refusal.code == "proof-too-old":
            return to_prove(NEW)
        return page_of(pages, request)("passkey_new.html", challenge=None, label=label, **said_again(refusal))

    @get(NEW, opt=dict(FRESH))
    async def show_new(request: HttpRequest) -> Response[str] | Redirect:
        try:
            challenge = await passkeys.begin_set_up(signed_in_of(request), arrival_of(request, cookies))
        except Refusal as refusal:
            return said(request, refusal, "")
        return page_of(pages, request)("passkey_new.html", challenge=challenge, label="")

    @post(NEW, status_code=200, opt=dict(FRESH))
    async def keep_new(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "step", "answer", "label")
        here, arrival = signed_in_of(request), arrival_of(request, cookies)
        try:
            entered, codes = await passkeys.set_up(here, form["step"], form["answer"], form["label"], arrival)
        except Refusal as refusal:
            return said(request, refusal, form["label"])
        if not codes:
            return Redirect(f"{ACCOUNT}?done=passkey", status_code=303, cookies=cookies_of(entered, house))
        page = page_of(pages, request)("recovery_codes.html", codes=codes, about="passkey")
        for cookie in cookies_of(entered, house):
            page.set_cookie(cookie)
        return page

    return [show_new, keep_new]
