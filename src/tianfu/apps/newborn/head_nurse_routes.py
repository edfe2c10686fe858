"""The ward's desk and the head nurse over HTTP: guardians, first visits, bookings, windows, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.answer_claim import (
    approve_claim,
    decline_claim,
    flag_dispute,
    give_paper,
    revoke_guardian,
)
from tianfu.apps.newborn.actions.book_slot import approve_first_visit, cancel_for_ward
from tianfu.apps.newborn.actions.enrol_at_desk import book_at_desk, enrol_at_desk, keep_paper_consent, withdraw_at_desk
from tianfu.apps.newborn.actions.set_policy import broken_by, set_policy
from tianfu.apps.newborn.actions.sign_consent import KEPT_OTHERWISE
from tianfu.apps.newborn.family_routes import SHOWN_AGAIN, start_in
from tianfu.apps.newborn.model.booking import WARD_REASONS
from tianfu.apps.newborn.model.consent import Scope, words_in
from tianfu.apps.newborn.model.fairness import rule
from tianfu.apps.newborn.model.feedback import ANSWERS, QUESTIONS
from tianfu.apps.newborn.model.guardians import FITTING, Evidence, Relation
from tianfu.apps.newborn.model.windows import BOUNDS, OPTIONAL, policy_on, told
from tianfu.apps.newborn.model.workload import usual_starts
from tianfu.apps.newborn.pages import DESK, faults_of, head_nurse, is_head, led, nurse, nurse_or_doctor, page_of
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.consultations import about_baby
from tianfu.apps.newborn.queries.desk import read_baby_desk, read_desk, read_report, ward_babies
from tianfu.apps.newborn.queries.feedback import count_feedback, read_feedback
from tianfu.apps.newborn.queries.free_slots import read_calendar, read_policies
from tianfu.apps.newborn.queries.records import ward_of_unit
from tianfu.kernel.instants import china_date
from tianfu.kernel.refusal import Refusal
from tianfu.services.realtime.kept import KeptRooms
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

DONE = frozenset(
    {
        "approved",
        "declined",
        "revoked",
        "disputed",
        "settled",
        "enrolled",
        "signed",
        "withdrawn",
        "booked",
        "cancelled",
        "set",
        "paused",
        "resumed",
        "pause-why",
    }
)
POLICY_FIELDS = ("from_day", "windows", "closed", "agreed", "stills", "shifts", *BOUNDS, *OPTIONAL)
SAID_AGAIN = SHOWN_AGAIN | {
    "evidence-missing",
    "evidence-unfitting",
    "guardian-unusable",
    "consent-incomplete",
    "consent-empty",
    "consent-needs-view",
    "consent-outdated",
    "consent-missing",
    KEPT_OTHERWISE,
    "reason-missing",
}


def head_nurse_routes(pages: Pages, nursery: Nursery, rooms: KeptRooms | None) -> list[HTTPRouteHandler]:
    """The desk of the ward, one baby at it, windows, the report, and what families said."""
    return [*_desk(pages, nursery), *_baby(pages, nursery), *_windows(pages, nursery), *_told(pages, nursery, rooms)]


def _desk(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    async def desk_page(request: HttpRequest, *, status: int = 200, **said: object) -> Response[str]:
        signed_in = nurse_or_doctor(request)
        done = request.query_params.get("done", "")
        return page_of(pages, request)(
            "head-nurse/desk.html",
            status=status,
            desk=await read_desk(nursery, signed_in.caller),
            evidences=tuple(Evidence),
            fitting=FITTING,
            relation_of=Relation,
            is_nurse=signed_in.caller.role == "nurse",
            is_head=is_head(signed_in),
            reasons=WARD_REASONS,
            done=done if done in DONE else "",
            **said,
        )

    @get(DESK)
    async def show_desk(request: HttpRequest) -> Response[str]:
        return await desk_page(request)

    @post(f"{DESK}/claims/{{claim:str}}/approve", status_code=200)
    async def approve(request: HttpRequest, claim: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "evidence", "seen")
        try:
            await approve_claim(nursery, nurse(request).caller, claim, form)
        except Refusal as refusal:
            if refusal.code not in SAID_AGAIN:
                raise
            return await desk_page(request, status=status_of(refusal), refused=refusal.code)
        return led(DESK, done="approved")

    @post(f"{DESK}/claims/{{claim:str}}/decline", status_code=303)
    async def decline(request: HttpRequest, claim: FromPath[str]) -> Redirect:
        await decline_claim(nursery, nurse(request).caller, claim)
        return led(DESK, done="declined")

    @post(f"{DESK}/visits/{{visit:str}}/approve", status_code=303)
    async def approve_visit(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        await approve_first_visit(nursery, nurse_or_doctor(request).caller, visit)
        return led(DESK, done="approved")

    @post(f"{DESK}/visits/{{visit:str}}/cancel", status_code=200)
    async def cancel(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "reason")
        try:
            await cancel_for_ward(nursery, nurse(request).caller, visit, form["reason"])
        except Refusal as refusal:
            if refusal.code != "reason-missing":
                raise
            return await desk_page(request, status=status_of(refusal), refused=refusal.code)
        return led(DESK, done="cancelled")

    return [show_desk, approve, decline, approve_visit, cancel]


def _baby(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    at = f"{DESK}/babies/{{baby:str}}"

    async def baby_page(request: HttpRequest, baby: str, *, status: int = 200, **said: object) -> Response[str]:
        signed_in = nurse(request)
        desk = await read_baby_desk(nursery, signed_in.caller, baby)
        done = request.query_params.get("done", "")
        return page_of(pages, request)(
            "head-nurse/baby.html",
            status=status,
            desk=desk,
            consultations=await about_baby(nursery, baby),
            calendar=await read_calendar(nursery, desk.ward, baby, request.query_params.get("day", "")),
            evidences=tuple(Evidence),
            relations=tuple(Relation),
            words=words_in(pages.asking(request).language.tag),
            scopes=tuple(Scope),
            **{"paper": "", "done": done if done in DONE else "", **said},
        )

    @get(at)
    async def show_baby(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        return await baby_page(request, baby)

    @post(f"{at}/paper", status_code=200)
    async def make_paper(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        code = await give_paper(nursery, nurse(request).caller, baby)
        return await baby_page(request, baby, paper=f"{code[:5]} {code[5:]}")

    @post(f"{at}/guardians", status_code=200)
    async def add_guardian(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "name", "relation", "evidence", "seen")
        try:
            await enrol_at_desk(nursery, nurse(request).caller, baby, form)
        except Refusal as refusal:
            return await _again(request, baby, refusal)
        return led(f"{DESK}/babies/{baby}", done="enrolled")

    @post(f"{at}/guardians/{{related:str}}/revoke", status_code=303)
    async def revoke(request: HttpRequest, baby: FromPath[str], related: FromPath[str]) -> Redirect:
        await revoke_guardian(nursery, nurse(request).caller, related)
        return led(f"{DESK}/babies/{baby}", done="revoked")

    @post(f"{at}/consent", status_code=200)
    async def paper_consent(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "guardian", "version", *(each.value for each in Scope))
        language = pages.asking(request).language.tag
        try:
            is_back = await keep_paper_consent(nursery, nurse(request).caller, baby, form, language=language)
        except Refusal as refusal:
            return await _again(request, baby, refusal)
        return led(f"{DESK}/babies/{baby}", done="withdrawn" if is_back else "signed")

    @post(f"{at}/guardians/{{related:str}}/withdraw", status_code=303)
    async def take_consent_back(request: HttpRequest, baby: FromPath[str], related: FromPath[str]) -> Redirect:
        await withdraw_at_desk(nursery, nurse(request).caller, baby, related)
        return led(f"{DESK}/babies/{baby}", done="withdrawn")

    @post(f"{at}/book", status_code=200)
    async def book_for(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "guardian", "start")
        try:
            await book_at_desk(nursery, nurse(request).caller, baby, form["guardian"], start_in(form["start"]))
        except Refusal as refusal:
            return await _again(request, baby, refusal)
        return led(f"{DESK}/babies/{baby}", done="booked")

    @post(f"{at}/dispute", status_code=303)
    async def dispute(request: HttpRequest, baby: FromPath[str]) -> Redirect:
        form = await read_form(request, "is")
        is_disputed = form["is"] != "over"  # whatever is not clearly the end of a dispute is one
        await flag_dispute(nursery, nurse(request).caller, baby, is_disputed=is_disputed)
        return led(f"{DESK}/babies/{baby}", done="disputed" if is_disputed else "settled")

    async def _again(request: HttpRequest, baby: str, refusal: Refusal) -> Response[str]:
        if refusal.code not in SAID_AGAIN:
            raise refusal
        return await baby_page(request, baby, status=status_of(refusal), refused=refusal.code)

    return [show_baby, make_paper, add_guardian, revoke, paper_consent, take_consent_back, book_for, dispute]


def _windows(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    async def windows_page(request: HttpRequest, *, status: int = 200, **said: object) -> Response[str]:
        caller = head_nurse(request).caller
        ward = await ward_of_unit(nursery.store, caller)
        policies = await read_policies(nursery, ward.id)
        now = policy_on(policies, china_date(nursery.clock()))
        lost = await broken_by(nursery, ward.id, None)
        return page_of(pages, request)(
            "head-nurse/windows.html",
            status=status,
            policy=None if now is None else told(now),
            coming=[told(each) for each in policies if each.from_day > china_date(nursery.clock())],
            lost=lost,
            babies=await ward_babies(nursery, caller),
            numbers=tuple(BOUNDS.items()),
            optional=tuple(OPTIONAL.items()),
            usual_shifts=" ".join(f"{each // 60:02}:{each % 60:02}" for each in usual_starts()),
            rule=rule(),
            **{"would_break": "", "form": {} if now is None else _as_form(told(now)), **said},
        )

    @get(f"{DESK}/windows")
    async def show_windows(request: HttpRequest) -> Response[str]:
        done = request.query_params.get("done", "")
        return await windows_page(request, done=done if done in DONE else "")

    @post(f"{DESK}/windows", status_code=200)
    async def take_windows(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, *POLICY_FIELDS)
        try:
            await set_policy(nursery, head_nurse(request).caller, form)
        except Refusal as refusal:
            if refusal.code not in {"policy-unusable", "bookings-would-break"}:
                raise
            return await windows_page(
                request,
                status=status_of(refusal),
                faults=faults_of(refusal),
                form=form,
                would_break=refusal.details.get("count", ""),
            )
        return led(f"{DESK}/windows", done="set")

    return [show_windows, take_windows]


def _told(pages: Pages, nursery: Nursery, rooms: KeptRooms | None) -> list[HTTPRouteHandler]:
    @get(f"{DESK}/report")
    async def show_report(request: HttpRequest) -> Response[str]:
        caller = head_nurse(request).caller
        return page_of(pages, request)(
            "head-nurse/report.html",
            report=await read_report(nursery, caller, rooms),
            months=await count_feedback(nursery, caller),
            questions=QUESTIONS,
            answers=ANSWERS,
        )

    @get(f"{DESK}/feedback")
    async def show_feedback(request: HttpRequest) -> Response[str]:
        caller, cursor = nurse(request).caller, request.query_params.get("cursor", "")
        feedback = await read_feedback(nursery, caller, cursor=cursor)
        return page_of(pages, request)(
            "head-nurse/feedback.html", feedback=feedback, cursor=cursor, questions=QUESTIONS, answers=ANSWERS
        )

    return [show_report, show_feedback]


def _as_form(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A policy as the form shows it; the day from which it holds is chosen anew each time."""
    lines = {name: "\n".join(kept[name]) for name in ("windows", "closed")}
    empty = {name: "" if kept[name] is None else kept[name] for name in OPTIONAL}
    return {**kept, **lines, **empty, "shifts": " ".join(kept["shifts"]), "from_day": ""}
