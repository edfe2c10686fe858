"""Remote consultations over HTTP: a ward's doctor asks, an expert answers, looks and says what he thinks.

No name, number or question is ever in an address.  Rule: docs/rules/newborn-consultations.md
"""

from __future__ import annotations

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.agree_to_experts import agree_no_more, agree_to_experts
from tianfu.apps.newborn.actions.consult import accept_asking, ask_expert, decline_asking, withdraw_asking
from tianfu.apps.newborn.actions.give_opinion import give_opinion
from tianfu.apps.newborn.consultation_ports import Consulting
from tianfu.apps.newborn.live.bed import practitioner_of
from tianfu.apps.newborn.model.consultation import (
    OPINION_CHARACTERS_MAX,
    QUESTION_CHARACTERS_MAX,
    REASON_CHARACTERS_MAX,
    UNUSABLE,
    Declined,
    Ground,
    Withdrawn,
    may_write_opinion,
    rule,
    text_in,
)
from tianfu.apps.newborn.model.visit import BEFORE_THE_BED, OVER, State
from tianfu.apps.newborn.pages import ROOT, doctor, faults_of, led, page_of, resident
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.consultations import one_of_mine, read_desk_of
from tianfu.apps.newborn.queries.desk import ward_babies
from tianfu.apps.newborn.queries.experts import read_experts
from tianfu.apps.newborn.queries.family_home import own_baby
from tianfu.apps.newborn.queries.family_visit import Expert, read_family_visit
from tianfu.apps.newborn.queries.measured import read_measured
from tianfu.apps.newborn.queries.records import not_found, ward_of_unit
from tianfu.apps.newborn.visit_routes import CONSULTATIONS, consultation_page, consultation_visit_routes
from tianfu.kernel.instants import china_date
from tianfu.kernel.refusal import Refusal
from tianfu.web.admission import prove_at
from tianfu.web.asking import HttpRequest
from tianfu.web.formats import Formats
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages

EXPERTS = f"{ROOT}/experts/{{baby:str}}"
ONE = f"{CONSULTATIONS}/{{visit:str}}"
AGREEMENT = f"{ROOT}/consent/{{baby:str}}/experts"

DOCTORS = frozenset({"doctor"})
DONE = frozenset({"asked", "accepted", "declined", "withdrawn", "written"})
FIELDS = ("expert", "question", "reason", "day", "time", "minutes", "ground")


def consultation_routes(pages: Pages, consulting: Consulting) -> list[HTTPRouteHandler]:
    """For doctors: those of the ward, and those from elsewhere."""
    return [
        *_desk(pages, consulting),
        *_answers(pages, consulting),
        *_expert(pages, consulting),
        *consultation_visit_routes(pages, consulting.windows),
    ]


def _desk(pages: Pages, consulting: Consulting) -> list[HTTPRouteHandler]:
    nursery = consulting.windows.nursery

    @get(CONSULTATIONS)
    async def show_consultations(request: HttpRequest) -> Response[str]:
        done = request.query_params.get("done", "")
        return page_of(pages, request)(
            "consultation/list.html",
            desk=await read_desk_of(nursery, doctor(request).caller),
            withdrawn=tuple(Withdrawn),
            done=done if done in DONE else "",
        )

    async def asking(request: HttpRequest, baby: str, *, status: int = 200, **said: object) -> Response[str]:
        caller = doctor(request).caller
        await ward_of_unit(nursery.store, caller)
        babies = await ward_babies(nursery, caller)
        if baby not in babies:
            raise not_found()
        now = nursery.clock()
        form = {"day": china_date(now).isoformat(), "time": Formats(pages.asking(request).language).time(now)}
        experts = await read_experts(nursery.store, caller)
        return page_of(pages, request)(
            "consultation/ask.html",
            status=status,
            baby=babies[baby],
            experts=[each for each in experts if each.practitioner != caller.practitioner],
            grounds=tuple(Ground),
            law=rule(),
            question_max=QUESTION_CHARACTERS_MAX,
            reason_max=REASON_CHARACTERS_MAX,
            **{"form": form, **said},
        )

    @get(EXPERTS)
    async def show_asking(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        return await asking(request, baby)

    @post(EXPERTS, status_code=200)
    async def take_asking(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        who = practitioner_of(pages.asking(request), DOCTORS)
        form = await read_form(request, *FIELDS)
        try:
            await ask_expert(consulting, doctor(request).caller, who, baby, form)
        except Refusal as refusal:
            if refusal.code not in {UNUSABLE, "consultations-too-many"}:
                raise
            said = {"faults": faults_of(refusal), "refused": "" if refusal.faults else refusal.code}
            return await asking(request, baby, status=status_of(refusal), form=form, **said)
        return led(CONSULTATIONS, done="asked")

    @post(f"{ONE}/withdraw", status_code=303)
    async def take_withdrawal(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        practitioner_of(pages.asking(request), DOCTORS)
        form = await read_form(request, "reason")
        await withdraw_asking(consulting, doctor(request).caller, visit, form["reason"])
        return led(CONSULTATIONS, done="withdrawn")

    return [show_consultations, show_asking, take_asking, take_withdrawal]


def _answers(pages: Pages, consulting: Consulting) -> list[HTTPRouteHandler]:
    @post(f"{ONE}/accept", status_code=303)
    async def take_yes(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        who = practitioner_of(pages.asking(request), DOCTORS)
        await accept_asking(consulting, doctor(request).caller, who, visit)
        return led(CONSULTATIONS, done="accepted")

    @post(f"{ONE}/decline", status_code=303)
    async def take_no(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        who = practitioner_of(pages.asking(request), DOCTORS)
        form = await read_form(request, "reason")
        await decline_asking(consulting, doctor(request).caller, who, visit, form["reason"])
        return led(CONSULTATIONS, done="declined")

    return [take_yes, take_no]


def _expert(pages: Pages, consulting: Consulting) -> list[HTTPRouteHandler]:
    windows = consulting.windows
    nursery = windows.nursery

    async def shown(request: HttpRequest, visit: str, *, status: int = 200, **said: object) -> Response[str]:
        expert = Expert(signed_in=doctor(request))
        one = await one_of_mine(nursery, expert.caller, visit)
        was_at_bed = await windows.house.rooms.find(visit) is not None
        state = one.booked.state
        if state is State.APPROVED or (state in OVER and not was_at_bed):
            return page_of(pages, request)(
                "consultation/asked.html", status=status, one=one, declined=tuple(Declined), **said
            )
        found = await read_family_visit(windows, expert, visit)
        may_write = may_write_opinion(one.booked.end, was_at_bed=was_at_bed, now=nursery.clock())
        return await consultation_page(
            pages,
            windows,
            request,
            found,
            status=status,
            one=one,
            declined=tuple(Declined) if state in BEFORE_THE_BED else (),
            measured=await read_measured(windows, expert, found),
            may_write=may_write and one.opinion is None,
            opinion_max=OPINION_CHARACTERS_MAX,
            **{"prove": "", **said},
        )

    @get(ONE)
    async def show_consultation(request: HttpRequest, visit: FromPath[str]) -> Response[str]:
        done = request.query_params.get("done", "")
        return await shown(request, visit, done=done if done in DONE else "")

    @post(f"{ONE}/opinion", status_code=200)
    async def take_opinion(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        who = practitioner_of(pages.asking(request), DOCTORS)
        form = await read_form(request, "opinion")
        at = ONE.replace("{visit:str}", visit)
        try:
            await give_opinion(consulting, doctor(request), who, visit, form["opinion"])
        except Refusal as refusal:
            if refusal.code not in {"opinion-unusable", "opinion-closed", "opinion-written", "proof-too-old"}:
                raise
            said = {"faults": faults_of(refusal), "refused": "" if refusal.faults else refusal.code}
            prove = prove_at(at) if refusal.code == "proof-too-old" else ""
            return await shown(request, visit, status=status_of(refusal), form=form, prove=prove, **said)
        return led(at, done="written")

    return [show_consultation, take_opinion]


def agreement_routes(pages: Pages, nursery: Nursery) -> list[HTTPRouteHandler]:
    """Where a guardian agrees that experts are asked, and takes it back."""

    async def shown(request: HttpRequest, baby: str, *, status: int = 200, **said: object) -> Response[str]:
        signed_in = resident(request)
        mine = await own_baby(nursery, signed_in.caller, baby)
        if not (mine.ward or mine.agrees_to_experts):
            raise not_found()
        return page_of(pages, request)(
            "family/experts.html",
            status=status,
            baby=mine,
            text=text_in(pages.asking(request).language.tag),
            is_agreed=mine.agrees_to_experts,
            **said,
        )

    @get(AGREEMENT)
    async def show_agreement(request: HttpRequest, baby: FromPath[str]) -> Response[str]:
        return await shown(request, baby)

    @post(AGREEMENT, status_code=200)
    async def take_agreement(request: HttpRequest, baby: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "version")
        language = pages.asking(request).language.tag
        try:
            await agree_to_experts(nursery, resident(request), baby, form["version"], language=language)
        except Refusal as refusal:
            if refusal.code == "proof-too-old":
                return Redirect(prove_at(AGREEMENT.replace("{baby:str}", baby)), status_code=303)
            if refusal.code != "consent-outdated":
                raise
            return await shown(request, baby, status=status_of(refusal), refused=refusal.code)
        return led(ROOT, done="signed")

    @post(f"{AGREEMENT}/withdraw", status_code=303)
    async def take_agreement_back(request: HttpRequest, baby: FromPath[str]) -> Redirect:
        await agree_no_more(nursery, resident(request), baby)
        return led(ROOT, done="withdrawn")

    return [show_agreement, take_agreement, take_agreement_back]
