"""Plans that were made over HTTP: their list, one with its files, two beside each other.  For demonstration alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tianfu.apps.radiotherapy.pages import CASES, Physicist, not_found, page_of, physicist
from tianfu.apps.radiotherapy.plan_forms.seen import TOLD_DIGITS
from tianfu.apps.radiotherapy.plan_results import ComplexityFigures, PlanResult
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.protocols import shipped_protocols
from tianfu.apps.radiotherapy.queries.comparison import ComparedResult, lines_compared
from tianfu.apps.radiotherapy.queries.plan_differences import COLUMNS, differences, facts, places_mm
from tianfu.apps.radiotherapy.wishes import PLAN, PlanTold, plan_of, wish_told
from tianfu.apps.radiotherapy.work_routes import work_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import EXPORT, OPEN, KeptCase
from tianfu.services.jobs.works import State, Work
from tianfu.web.asking import HttpRequest
from tianfu.web.outcome import OTHERWISE
from tianfu.web.pages import Pages

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.drawing import DrawnDvh

PLANS = CASES + "/{case:str}/plans"

TEMPLATE: Final = "template.json"
DENSITY_TABLE: Final = "density-table.json"

SMALL_MM: Final = "10"
"""The limit of the small aperture score that the page shows, in millimetres."""

FILE_HEADERS: Final = {"cache-control": "no-store", "cross-origin-resource-policy": "same-origin"}


def plan_result_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """All pages of plans that were made."""
    return [*_lists(pages, desk), *_results(pages, desk), *_files(desk)]


def _lists(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    @get(PLANS)
    async def show_plans(request: HttpRequest, case: FromPath[str]) -> Response[str]:
        who = physicist(request)
        return await _list_page(pages, desk, request, await desk.cases.one(case, who.organisation))

    @get(f"{CASES}/{{case:str}}/plans-compared")
    async def show_plans_compared(request: HttpRequest, case: FromPath[str]) -> Response[str]:
        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        names = [str(request.query_params.get(name, "")) for name in ("first", "second")]
        if not all(names) or names[0] == names[1]:
            return await _list_page(pages, desk, request, found, refused=Refusal("plans-not-chosen"))
        first, second = [await made_plan(desk, who, found, name) for name in names]
        await desk.cases.tell(found, OPEN, by=who.caller, works=" ".join(names))
        return page_of(pages, request)(
            "plans_compared.html",
            case=found,
            names=names,
            first=first,
            second=second,
            facts=facts(first, second),
            rows=differences(first.structures, second.structures),
            columns=COLUMNS,
            lines=_lines(first, second),
            drawn=await _drawn(pages, request, (first, second)),
        )

    return [show_plans, show_plans_compared]


def _results(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    @get(f"{PLANS}/{{work:str}}")
    async def show_made_plan(request: HttpRequest, case: FromPath[str], work: FromPath[str]) -> Response[str]:
        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        result, done = await made_plan(desk, who, found, work), await work_of(desk, who, work)
        await desk.cases.tell(found, OPEN, by=who.caller, work=done.id)
        others = [pair for pair in await _plans(desk, found) if pair[0].state is State.DONE and pair[0].id != done.id]
        return page_of(pages, request)(
            "planned.html",
            case=found,
            work=done,
            result=result,
            standings=await asyncio.to_thread(desk.machines.standings),
            drawn=await _drawn(pages, request, (result,)),
            protocol_title=_title_of(result.protocol, pages.asking(request).language.tag),
            seconds=() if result.second is None else differences(result.structures, result.second.structures),
            columns=COLUMNS,
            others=others,
            small=_small,
            isocentres=places_mm(result),
            told_digits=TOLD_DIGITS,
        )

    return [show_made_plan]


def _files(desk: Desk) -> list[HTTPRouteHandler]:
    @get(f"{PLANS}/{{work:str}}/files/{{name:str}}")
    async def show_plan_file(
        request: HttpRequest, case: FromPath[str], work: FromPath[str], name: FromPath[str]
    ) -> Response[bytes]:
        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        result = await made_plan(desk, who, found, work)
        documents = {f"{each.kind}.dcm": each.document for each in result.objects}
        documents[DENSITY_TABLE] = result.density_table.document
        if name not in {*documents, TEMPLATE}:
            raise not_found()
        await desk.cases.tell(found, EXPORT, by=who.caller, work=work, file=name)
        content = result.wish.encode() if name == TEMPLATE else await desk.documents.content(documents[name])
        return Response(
            content,
            media_type="application/json" if name.endswith(".json") else "application/dicom",
            # Who finds the file in a folder later sees from its name alone that it treats nobody.
            headers={**FILE_HEADERS, "content-disposition": f'attachment; filename="demonstration-unapproved-{name}"'},
        )

    return [show_plan_file]


async def _list_page(
    pages: Pages, desk: Desk, request: HttpRequest, case: KeptCase, *, refused: Refusal | None = None
) -> Response[str]:
    who = physicist(request)
    await desk.cases.tell(case, OPEN, by=who.caller, seen="plans")
    return page_of(pages, request)(
        "plans.html",
        status=200 if refused is None else OTHERWISE,
        case=case,
        plans=await _plans(desk, case),
        own=who.caller.id,
        chosen={name: str(request.query_params.get(name, "")) for name in ("first", "second")},
        refused=refused,
    )


async def _plans(desk: Desk, case: KeptCase) -> list[tuple[Work, PlanTold]]:
    """The plans that were asked for, the newest first."""
    works = await desk.works.about(case.id)
    return [(work, wish_told(work)) for work in works if work.kind == PLAN]


async def made_plan(desk: Desk, who: Physicist, case: KeptCase, name: str) -> PlanResult:
    """A plan of this case that is done; raises Refusal `not-found` for anything else."""
    work = await work_of(desk, who, name)
    if work.kind != PLAN or work.about != case.id or work.state is not State.DONE:
        raise not_found()
    return await plan_of(desk.documents, work)


def _lines(first: PlanResult, second: PlanResult) -> tuple[ComparedResult, ...]:
    """Goals of both; none where they were judged by different protocols."""
    try:
        return lines_compared(first.lines, second.lines)
    except Refusal:
        return ()


def _title_of(protocol: str, tag: str) -> str:
    found = shipped_protocols().get(protocol)
    return protocol if found is None else found.title.get(tag, protocol)


def _small(figures: ComplexityFigures) -> float:
    return figures.sas[SMALL_MM]


async def _drawn(pages: Pages, request: HttpRequest, results: Sequence[PlanResult]) -> DrawnDvh | None:
    from tianfu.apps.radiotherapy.drawing import drawn_dvh, plan_histograms  # loaded by the first who looks

    language = pages.asking(request).language
    names = [f"{number} · {each.name}" for number, each in enumerate(results, start=1)]
    plans = (names[0], names[1]) if len(names) > 1 else ("", "")
    return await asyncio.to_thread(drawn_dvh, [plan_histograms(each) for each in results], language, plans=plans)
