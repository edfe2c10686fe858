"""Doses of plans that were made here, on the planes of their case: one plan's, or two plans' beside each other.

For demonstration alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.radiotherapy.look_routes import look_values
from tianfu.apps.radiotherapy.pages import CASES, page_of, physicist
from tianfu.apps.radiotherapy.plan_result_routes import PLANS, made_plan
from tianfu.apps.radiotherapy.plan_results import PlanResult
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.work_routes import has_changed, work_of
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import OPEN, KeptCase
from tianfu.services.jobs.works import Work
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.planes import ShownPlanes
    from tianfu.standards.dicom.doses import Dose

FIRST, SECOND = "dose", "second-dose"
"""Kinds of a plan's doses: that of its own engine, and that of a second one, if one was wished."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A plan whose dose is looked at."""

    work: Work
    result: PlanResult
    is_changed: bool
    """Whether the case holds other objects than those that the plan was made on."""

    def document(self, kind: str) -> str:
        """Where the dose of a kind lies; empty if the plan has none."""
        return next((each.document for each in self.result.objects if each.kind == kind), "")


def plan_look_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """The page of one plan, and that of two."""

    @get(f"{PLANS}/{{work:str}}/look")
    async def show_plan_planes(request: HttpRequest, case: FromPath[str], work: FromPath[str]) -> Response[str]:
        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        plans = await _looked(desk, request, found, [work])
        await desk.cases.tell(found, OPEN, by=who.caller, seen="planes", work=work)
        return await _page(pages, desk, request, found, plans)

    @get(f"{CASES}/{{case:str}}/plans-compared/look")
    async def show_planes_of_both(request: HttpRequest, case: FromPath[str]) -> Response[str] | Redirect:
        who = physicist(request)
        found = await desk.cases.one(case, who.organisation)
        named = _both(request)
        names = list(named.values())
        if not all(names) or names[0] == names[1]:
            return Redirect(f"{CASES}/{found.id}/plans-compared?{urlencode(named)}", status_code=303)
        plans = await _looked(desk, request, found, names)
        await desk.cases.tell(found, OPEN, by=who.caller, seen="planes", works=" ".join(names))
        return await _page(pages, desk, request, found, plans)

    return [show_plan_planes, show_planes_of_both]


def _both(request: HttpRequest) -> dict[str, str]:
    return {name: str(request.query_params.get(name, "")) for name in ("first", "second")}


async def _looked(desk: Desk, request: HttpRequest, case: KeptCase, names: Sequence[str]) -> list[Looked]:
    """Plans of this case that are done; raises Refusal `not-found` for anything else."""
    who = physicist(request)
    looked = []
    for name in names:
        result, work = await made_plan(desk, who, case, name), await work_of(desk, who, name)
        looked.append(Looked(work=work, result=result, is_changed=await has_changed(desk, case, work)))
    return looked


async def _page(
    pages: Pages, desk: Desk, request: HttpRequest, case: KeptCase, plans: Sequence[Looked]
) -> Response[str]:
    page, is_both = page_of(pages, request), len(plans) > 1
    at = f"{CASES}/{case.id}"
    address = f"{at}/plans-compared/look" if is_both else f"{at}/plans/{plans[0].work.id}/look"
    fixed = _both(request) if is_both else {}
    try:
        shown = await _shown(pages, desk, request, case, plans)
    except Refusal as refusal:
        return page("look.html", case=case, plans=plans, look_at=address, fixed=fixed, refused=refusal)
    values = look_values(address, shown, fixed=fixed)
    return page("look.html", case=case, plans=plans, made_doses=_kinds(plans), **values)


async def _shown(
    pages: Pages, desk: Desk, request: HttpRequest, case: KeptCase, plans: Sequence[Looked]
) -> ShownPlanes:
    """The planes with the dose that is asked for, a plan's own unless another is, or none.

    Raises Refusal `plans-on-other-images`, and what opening a case or a dose and drawing them raises.
    """
    from tianfu.apps.radiotherapy.planes import shown_planes  # loaded by the first who looks

    if len({each.result.images for each in plans}) > 1:
        raise Refusal("plans-on-other-images")
    asked = {name: str(value) for name, value in request.query_params.items()}
    named, language = asked.get("dose", FIRST), pages.asking(request).language
    opened, is_made = await desk.looking.opened(case), named in _kinds(plans)
    doses: list[Dose | None] = [await desk.looking.dose(each.document(named)) if is_made else None for each in plans]
    is_cases = not is_made and len(plans) == 1 and opened.dose(named) is not None
    dose, names = named if is_made or is_cases else "", _names(plans)

    def drawn() -> ShownPlanes:
        if is_cases:
            grounds = [opened.ground(dose, images=plans[0].result.images)]
        else:
            grounds = [
                opened.ground_of_plan(each.result, of, whose=name)
                for each, of, name in zip(plans, doses, names, strict=True)
            ]
        return shown_planes(grounds, asked, language, dose=dose, pictures=f"{CASES}/{case.id}/planes")

    return await asyncio.to_thread(drawn)


def _kinds(plans: Sequence[Looked]) -> tuple[str, ...]:
    """The kinds of doses that all of the plans have."""
    return tuple(kind for kind in (FIRST, SECOND) if all(each.document(kind) for each in plans))


def _names(plans: Sequence[Looked]) -> list[str]:
    """What plans are called by on pictures; of two the number tells them apart, if nothing else does."""
    if len(plans) == 1:
        return [plans[0].result.name]
    return [f"{number} · {each.result.name}" for number, each in enumerate(plans, start=1)]
