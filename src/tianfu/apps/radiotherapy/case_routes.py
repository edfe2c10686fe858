"""Cases over HTTP: the list, one case, and its judged doses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.radiotherapy.pages import CASES, ROOT, WORKS, not_found, page_of, physicist
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.queries.comparison import compared
from tianfu.apps.radiotherapy.results import EvaluationResult, GammaResult
from tianfu.apps.radiotherapy.wishes import (
    EVALUATE,
    GAMMA,
    criteria_from,
    evaluation_of,
    evaluation_wish,
    gamma_of,
    gamma_wish,
)
from tianfu.apps.radiotherapy.work_routes import work_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import OPEN, KeptCase
from tianfu.services.jobs.works import State, Work
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import OTHERWISE
from tianfu.web.pages import Pages

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.drawing import DrawnDvh
    from tianfu.apps.radiotherapy.looking import ShownGamma

CASE = CASES + "/{case:str}"
CRITERIA = (
    "dose_difference_percent",
    "distance_mm",
    "difference",
    "normalisation_gy",
    "threshold_percent",
    "gamma_max",
    "search",
)
DONE = frozenset({"discarded"})
"""What an address may say was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a form of the case's page said, and why it was refused: it stands there again as it was sent."""

    form: Mapping[str, str]
    judging: Refusal | None = None
    comparing: Refusal | None = None


def case_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """All pages of cases."""
    return [*_lists(pages, desk), *_asking(pages, desk), *_results(pages, desk)]


def _lists(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    page = _case_page(pages, desk)

    @get(ROOT)
    async def show_cases(request: HttpRequest) -> Response[str]:
        who = physicist(request)
        before = str(request.query_params.get("before", ""))
        done = str(request.query_params.get("done", ""))
        return page_of(pages, request)(
            "cases.html",
            cases=await desk.cases.of(who.organisation, before=before),
            deliveries=await desk.deliveries.of(who.organisation),
            before=before,
            done=done if done in DONE else "",
        )

    @get(CASE)
    async def show_case(request: HttpRequest, case: FromPath[str]) -> Response[str]:
        who = physicist(request)
        return await page(request, await desk.cases.one(case, who.organisation), Asked(form={}))

    return [show_cases, show_case]


def _asking(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    page = _case_page(pages, desk)

    @post(f"{CASE}/judge", status_code=303)
    async def judge(request: HttpRequest, case: FromPath[str]) -> Response[str] | Redirect:
        who, form = physicist(request), await read_form(request, "dose", "protocol")
        found = await desk.cases.one(case, who.organisation)
        protocols = shipped_protocols()
        try:
            if form["dose"] not in {dose.instance for dose in found.about.doses}:
                raise Refusal("dose-not-chosen")
            if form["protocol"] not in {*protocols, "none"}:
                raise Refusal("protocol-not-chosen")
        except Refusal as refusal:
            return await page(request, found, Asked(form=form, judging=refusal))
        wish = evaluation_wish(
            found,
            await desk.cases.objects(found),
            dose=form["dose"],
            protocol=protocols.get(form["protocol"]),
        )
        return Redirect(f"{WORKS}/{await desk.works.ask(wish, by=who.caller.id)}", status_code=303)

    @post(f"{CASE}/gamma", status_code=303)
    async def compare_doses(request: HttpRequest, case: FromPath[str]) -> Response[str] | Redirect:
        who, form = physicist(request), await read_form(request, "reference", "evaluated", *CRITERIA)
        found = await desk.cases.one(case, who.organisation)
        doses = {dose.instance for dose in found.about.doses}
        try:
            if not {form["reference"], form["evaluated"]} <= doses or form["reference"] == form["evaluated"]:
                raise Refusal("doses-not-chosen")
            criteria = criteria_from(form)
        except Refusal as refusal:
            return await page(request, found, Asked(form=form, comparing=refusal))
        wish = gamma_wish(found, await desk.cases.objects(found), (form["reference"], form["evaluated"]), criteria)
        return Redirect(f"{WORKS}/{await desk.works.ask(wish, by=who.caller.id)}", status_code=303)

    return [judge, compare_doses]


def _results(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    @get(f"{CASE}/judged/{{work:str}}")
    async def show_judged(request: HttpRequest, case: FromPath[str], work: FromPath[str]) -> Response[str]:
        who = physicist(request)
        found, done = await desk.cases.one(case, who.organisation), await work_of(desk, who, work)
        _refuse_other(done, EVALUATE, found)
        await desk.cases.tell(found, OPEN, by=who.caller, work=done.id)
        return page_of(pages, request)(
            "judged.html",
            case=found,
            work=done,
            result=(result := await evaluation_of(desk.documents, done)),
            drawn=await _drawn(pages, request, [result]),
            protocol_title=_title_of(result.protocol, pages.asking(request).language.tag),
        )

    @get(f"{CASE}/compared")
    async def show_compared(request: HttpRequest, case: FromPath[str]) -> Response[str] | Redirect:
        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        names = [str(request.query_params.get(name, "")) for name in ("first", "second")]
        works = [await work_of(desk, who, name) for name in names]
        for work in works:
            _refuse_other(work, EVALUATE, found)
        first, second = [await evaluation_of(desk.documents, work) for work in works]
        await desk.cases.tell(found, OPEN, by=who.caller, works=" ".join(names))
        return page_of(pages, request)(
            "compared.html",
            case=found,
            first=first,
            second=second,
            lines=compared(first, second),
            drawn=await _drawn(pages, request, [first, second]),
        )

    @get(f"{CASE}/gamma/{{work:str}}")
    async def show_gamma(request: HttpRequest, case: FromPath[str], work: FromPath[str]) -> Response[str]:
        who = physicist(request)
        found, done = await desk.cases.one(case, who.organisation), await work_of(desk, who, work)
        _refuse_other(done, GAMMA, found)
        await desk.cases.tell(found, OPEN, by=who.caller, work=done.id)
        result = await gamma_of(desk.documents, done)
        shown = await _shown(pages, request, result)
        page = page_of(pages, request)
        return page("gamma.html", case=found, work=done, result=result, shown=shown, at=_place(request, shown))

    return [show_judged, show_compared, show_gamma]


def _case_page(pages: Pages, desk: Desk) -> Callable[[HttpRequest, KeptCase, Asked], Awaitable[Response[str]]]:
    """Makes the page of one case with what was and may be computed."""

    async def page(request: HttpRequest, found: KeptCase, asked: Asked) -> Response[str]:
        await desk.cases.tell(found, OPEN, by=physicist(request).caller)
        return page_of(pages, request)(
            "case.html",
            case=found,
            objects=await desk.cases.objects(found),
            works=await desk.works.about(found.id),
            protocols=shipped_protocols(),
            form={**dict.fromkeys(("dose", "protocol", "reference", "evaluated", *CRITERIA), ""), **asked.form},
            judging=asked.judging,
            comparing=asked.comparing,
            status=200 if asked.judging is None and asked.comparing is None else OTHERWISE,
        )

    return page


def _title_of(protocol: str, tag: str) -> str:
    """What a protocol is called in a language; one that is shipped no more by its name."""
    found = shipped_protocols().get(protocol)
    return protocol if found is None else found.title.get(tag, protocol)


async def _drawn(pages: Pages, request: HttpRequest, results: list[EvaluationResult]) -> DrawnDvh | None:
    from tianfu.apps.radiotherapy.drawing import drawn_dvh  # loaded by the first who looks

    language = pages.asking(request).language
    plans = tuple(f"{number} · {each.plan_label}".rstrip(" ·") for number, each in enumerate(results, start=1))
    names = (plans[0], plans[1]) if len(plans) > 1 else ("", "")
    return await asyncio.to_thread(drawn_dvh, results, language, plans=names)


async def _shown(pages: Pages, request: HttpRequest, result: GammaResult) -> ShownGamma:
    from tianfu.apps.radiotherapy.looking import shown_gamma  # loaded by the first who looks

    return await asyncio.to_thread(shown_gamma, result, pages.asking(request).language)


def _place(request: HttpRequest, shown: ShownGamma) -> int:
    """Which plane of a map is asked for, by its number from 0; the middle one unless it says."""
    said = str(request.query_params.get("plane", ""))
    count = len(shown.positions)
    return min(int(said), count - 1) if said.isascii() and said.isdigit() and len(said) < 6 else count // 2


def _refuse_other(work: Work, kind: str, case: KeptCase) -> None:
    if work.kind != kind or work.about != case.id or work.state is not State.DONE:
        raise not_found()
