"""The pages of families over HTTP.  No name, number or telephone is ever in an address."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.answer_claim import withdraw_claim
from tianfu.apps.newborn.actions.ask_to_enrol import ask_to_enrol
from tianfu.apps.newborn.actions.book_slot import book_slot, cancel_visit, wait_for_slot, wait_no_more
from tianfu.apps.newborn.actions.invite_relative import end_invitation, invite_relative
from tianfu.apps.newborn.actions.sign_consent import KEPT_OTHERWISE, sign_consent, withdraw_consent
from tianfu.apps.newborn.model.booking import FAMILY_REASONS
from tianfu.apps.newborn.model.consent import Scope, words_in
from tianfu.apps.newborn.model.guardians import Relation, read_ask
from tianfu.apps.newborn.pages import ROOT, faults_of, led, page_of, resident
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.family_home import my_baby, own_baby, read_babies, read_home
from tianfu.apps.newborn.queries.free_slots import read_calendar
from tianfu.apps.newborn.queries.invited import read_invited
from tianfu.apps.newborn.queries.records import not_found
from tianfu.apps.newborn.voices import voice_of
from tianfu.kernel.instants import Instant
from tianfu.kernel.refusal import Refusal
from tianfu.web.admission import limited, prove_at
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

DONE = frozenset(
    {
        "asked",
        "asked-back",
        "signed",
        "withdrawn",
        "booked",
        "waiting",
        "cancelled",
        "waits-no-more",
        "invited",
        "ended",
        "accepted",
        "interprets",
        "declined",
    }
)
"""What an address may say that was done; anything else is passed over."""

ENROL_FIELDS = ("relation", "inpatient", "tail", "code", "certificate")
SHOWN_AGAIN = frozenset(
    {
        "baby-not-here",
        "slot-taken",
        "slot-kept-for-others",
        "slot-yours-already",
        "too-many-that-day",
        "slot-over",
        "slot-too-far",
        "slot-unknown",
        "no-slots-in-a-row",
        "slot-not-full",
    }
)
"""Refusals of a slot after which the family chooses another on the same page."""


def family_routes(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    """Home, enrolment, consent, booking, invited relatives."""
    return [
        *_home(pages, nursery),
        *_enrolment(pages, nursery),
        *_consent(pages, nursery),
        *_booking(pages, nursery),
        *_invited(pages, nursery),
    ]


def _home(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    @get(ROOT)
    async def show_home(request: HttpRequest) -> Response[str]:
        home = await read_home(nursery, resident(request))
        done = request.query_params.get("done", "")
        return page_of(pages, request, await voice_of(pages, nursery, request))(
            "family/home.html",
            home=home,
            reasons=FAMILY_REASONS,
            done=done if done in DONE else "",
        )

    return [show_home]


def _enrolment(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    @get(f"{ROOT}/enrol")
    async def show_enrolment(request: HttpRequest) -> Response[str]:
        signed_in = resident(request)
        return page_of(pages, request)(
            "family/enrol.html", relations=tuple(Relation), is_named=signed_in.account.name_stands
        )

    @post(f"{ROOT}/enrol", status_code=200, opt=dict(limited("identity-search")))
    async def take_enrolment(request: HttpRequest) -> Response[str] | Redirect:
        signed_in, form = resident(request), await read_form(request, *ENROL_FIELDS)
        try:
            await ask_to_enrol(nursery, signed_in, read_ask(form))
        except Refusal as refusal:
            if refusal.code != "claim-unusable":
                raise
            return page_of(pages, request)(
                "family/enrol.html",
                status=status_of(refusal),
                relations=tuple(Relation),
                is_named=signed_in.account.name_stands,
                faults=faults_of(refusal),
                form=form,
            )
        return led(ROOT, done="asked")

    @post(f"{ROOT}/claims/{{claim:str}}/withdraw", status_code=303)
    async def take_claim_back(request: HttpRequest, claim: FromPath[str]) -> Redirect:
        await withdraw_claim(nursery, resident(request), claim)
        return led(ROOT, done="asked-back")

    return [show_enrolment, take_enrolment, take_claim_back]


def _consent(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    @get(f"{ROOT}/consent/{{baby:str}}")
    async def show_consent(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        mine = await own_baby(nursery, resident(request).caller, baby)
        if not (mine.ward or mine.has_agreed):  # elsewhere there is nothing to sign, but what stands is taken back
            raise not_found()
        language = pages.asking(request).language.tag
        return page_of(pages, request)(
            "family/consent.html", baby=mine, words=words_in(language), scopes=tuple(Scope), one_word="", form={}
        )

    @post(f"{ROOT}/consent/{{baby:str}}", status_code=200)
    async def take_consent(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        signed_in = resident(request)
        form = await read_form(request, "version", *(each.value for each in Scope))
        language = pages.asking(request).language.tag
        try:
            await sign_consent(nursery, signed_in, baby, form, language=language)
        except Refusal as refusal:
            if refusal.code == "proof-too-old":
                return Redirect(prove_at(f"{ROOT}/consent/{baby}"), status_code=303)
            if refusal.code not in {
                "consent-incomplete",
                "consent-empty",
                "consent-needs-view",
                "consent-outdated",
                KEPT_OTHERWISE,
            }:
                raise
            return page_of(pages, request)(
                "family/consent.html",
                status=status_of(refusal),
                baby=await my_baby(nursery, signed_in.caller, baby),
                words=words_in(language),
                scopes=tuple(Scope),
                refused=refusal.code,
                form=form,
            )
        return led(ROOT, done="signed")

    @post(f"{ROOT}/consent/{{baby:str}}/withdraw", status_code=303)
    async def take_consent_back(request: HttpRequest, baby: FromPath[str]) -> Redirect:
        await withdraw_consent(nursery, resident(request), baby)
        return led(ROOT, done="withdrawn")

    return [show_consent, take_consent, take_consent_back]


def _booking(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    async def calendar_page(request: HttpRequest, baby: str, *, status: int = 200, **said: object) -> Response[str]:
        caller = resident(request).caller
        mine = await my_baby(nursery, caller, baby)
        calendar = await read_calendar(nursery, mine.ward, baby, request.query_params.get("day", ""))
        twins = [each for each in await read_babies(nursery, caller) if each.ward == mine.ward]
        return page_of(pages, request)(
            "family/book.html", status=status, baby=mine, calendar=calendar, twins=twins, **said
        )

    @get(f"{ROOT}/book/{{baby:str}}")
    async def show_booking(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        return await calendar_page(request, baby)

    @post(f"{ROOT}/book/{{baby:str}}", status_code=200)
    async def take_booking(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        signed_in, form = resident(request), await read_form(request, "start", "deed", "row")
        start = start_in(form["start"])
        try:
            if form["deed"] == "wait":
                await wait_for_slot(nursery, signed_in.caller, baby, start)
                return led(ROOT, done="waiting")
            await book_slot(nursery, signed_in.caller, baby, start, all_in_a_row=form["row"] == "yes")
        except Refusal as refusal:
            if refusal.code not in SHOWN_AGAIN:
                raise
            return await calendar_page(request, baby, status=status_of(refusal), refused=refusal.code)
        return led(ROOT, done="booked")

    @post(f"{ROOT}/visits/{{visit:str}}/cancel", status_code=303)
    async def take_cancelling(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        form = await read_form(request, "reason")
        await cancel_visit(nursery, resident(request).caller, visit, form["reason"])
        return led(ROOT, done="cancelled")

    @post(f"{ROOT}/waiting/{{wish:str}}/end", status_code=303)
    async def take_wish_back(request: HttpRequest, wish: FromPath[str]) -> Redirect:
        await wait_no_more(nursery, resident(request).caller, wish)
        return led(ROOT, done="waits-no-more")

    return [show_booking, take_booking, take_cancelling, take_wish_back]


def _invited(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    async def invited_page(request: HttpRequest, baby: str, *, status: int = 200, **said: object) -> Response[str]:
        mine = await my_baby(nursery, resident(request).caller, baby)
        return page_of(pages, request)(
            "family/invited.html", status=status, baby=mine, found=await read_invited(nursery, mine), **said
        )

    @get(f"{ROOT}/invited/{{baby:str}}")
    async def show_invited(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        return await invited_page(request, baby)

    @post(f"{ROOT}/invited/{{baby:str}}", status_code=200, opt=dict(limited("identity-search")))
    async def take_invitation(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "name", "telephone")
        try:
            await invite_relative(nursery, resident(request), baby, form)
        except Refusal as refusal:
            if refusal.code not in {"invitation-unusable", "invited-too-many", "invited-too-often"}:
                raise
            refused = "" if refusal.faults else refusal.code
            return await invited_page(
                request, baby, status=status_of(refusal), faults=faults_of(refusal), form=form, refused=refused
            )
        return led(ROOT, done="invited")

    @post(f"{ROOT}/invitations/{{invitation:str}}/accept", status_code=303)
    async def accept_invitation(request: HttpRequest, invitation: FromPath[str]) -> Redirect:
        await nursery.claims.accept(resident(request), invitation)
        return led(ROOT, done="accepted")

    @post(f"{ROOT}/invitations/{{invitation:str}}/decline", status_code=303)
    async def decline_invitation(request: HttpRequest, invitation: FromPath[str]) -> Redirect:
        await nursery.claims.decline(resident(request), invitation)
        return led(ROOT, done="declined")

    @post(f"{ROOT}/invitations/{{invitation:str}}/end", status_code=303)
    async def take_invitation_back(request: HttpRequest, invitation: FromPath[str]) -> Redirect:
        await end_invitation(nursery, resident(request), invitation)
        return led(ROOT, done="ended")

    return [show_invited, take_invitation, accept_invitation, decline_invitation, take_invitation_back]


def start_in(text: str) -> Instant:
    """The start of a slot as a form says it; raises Refusal `not-found` for what no page of ours wrote."""
    if not (text.isascii() and text.isdigit() and len(text) <= 17):
        raise not_found()
    return Instant(int(text))
