"""Works over HTTP: how far one is, what came of it, an end to it, and a plan that goes on after its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.radiotherapy.pages import CASES, DELIVERIES, WORKS, Physicist, not_found, page_of, physicist
from tianfu.apps.radiotherapy.plan_following import PERCENTS, curve_row, stages_of
from tianfu.apps.radiotherapy.plan_progress import PlanProgress, progress_of
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.tidying import KEPT_DAYS, goes_on_after_stages
from tianfu.apps.radiotherapy.wishes import EVALUATE, GAMMA, PLAN, TAKE_IN, asked_again, documents_of, wish_told
from tianfu.kernel.ids import is_uuid
from tianfu.kernel.instants import SECOND, Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import GO_ON_PLAN, OPEN, STOP_PLAN, KeptCase
from tianfu.services.jobs.works import TOO_MANY, TRIES_MAX, State, Work
from tianfu.web.asking import HttpRequest
from tianfu.web.outcome import OTHERWISE
from tianfu.web.pages import Pages

if TYPE_CHECKING:
    from tianfu.apps.radiotherapy.drawing import DrawnDvh

WORK = WORKS + "/{work:str}"
LOOK_SECONDS = 600
"""A page that is left open is told again after so long. [ours]"""

LOOKS_MOST = 1000
RESULTS = {EVALUATE: "judged", GAMMA: "gamma", PLAN: "plans"}


def work_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """A page that follows a work and leads on when it is done."""
    following = Following(pages=pages, desk=desk, looks=Looks(desk.clock))

    @get(WORK)
    async def show_work(request: HttpRequest, work: FromPath[str]) -> Response[str] | Redirect:
        found = await work_of(desk, physicist(request), work)
        if found.state is State.DONE:
            return Redirect(result_at(found), status_code=303)
        if found.state is not State.RUNNING and found.kind == TAKE_IN and found.state.is_end:
            return Redirect(back_at(found), status_code=303)
        if found.kind == PLAN:
            return await following.page(request, found)
        return page_of(pages, request)("work.html", work=found, back=back_at(found))

    @post(f"{WORK}/give-up", status_code=303)
    async def give_up(request: HttpRequest, work: FromPath[str]) -> Redirect:
        who = physicist(request)
        found = await work_of(desk, who, work)
        if found.kind == PLAN and not found.state.is_end:
            case = await desk.cases.one(found.about, who.organisation)
            await desk.cases.tell(case, STOP_PLAN, by=who.caller, work=found.id)
        await desk.works.give_up(found.id)
        # A plan that was stopped may be gone on with, and its page says so.
        return Redirect(f"{WORKS}/{found.id}" if found.kind == PLAN else back_at(found), status_code=303)

    @post(f"{WORK}/go-on", status_code=303)
    async def go_on(request: HttpRequest, work: FromPath[str]) -> Response[str] | Redirect:
        who = physicist(request)
        found = await work_of(desk, who, work)
        if found.kind != PLAN or found.state not in {State.CANCELLED, State.FAILED}:
            return Redirect(f"{WORKS}/{found.id}", status_code=303)
        case = await desk.cases.one(found.about, who.organisation)
        if await has_changed(desk, case, found) or not await _are_still_endorsed(desk, found):
            # The old question has no answer any more: the form asks about the case, and who signs, as they are.
            return Redirect(f"{CASES}/{case.id}/plan?variant={found.id}", status_code=303)
        await desk.cases.tell(case, GO_ON_PLAN, by=who.caller, work=found.id)
        try:
            again = await desk.works.ask(asked_again(found), by=who.caller.id)
        except Refusal as refusal:
            if refusal.code not in TOO_MANY:
                raise
            return await following.page(request, found, refused=refusal)
        return Redirect(f"{WORKS}/{again}", status_code=303)

    return [show_work, give_up, go_on]


async def _are_still_endorsed(desk: Desk, work: Work) -> bool:
    """Whether a clinical machine's signatures, and whoever may sign, are as they were when the plan was asked for."""
    signatures, signatories = work.arguments["machine_signatures"], work.arguments["signatories"]
    if not signatures and signatories is None:
        return True  # a machine for demonstrations needs nobody's
    return await asyncio.to_thread(
        desk.machines.are_endorsed_so,
        work.arguments["machine_fingerprint"],
        signatures=signatures,
        signatories=signatories,
    )


class Looks:
    """Who looked at which work lately: a page that follows itself is one look and not one in each second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at: dict[tuple[str, str], Instant] = {}

    def is_new(self, who: str, work: str) -> bool:
        """Whether this look is to be told; those that follow it within LOOK_SECONDS are not."""
        now = self._clock()
        self._at = {key: at for key, at in self._at.items() if now - at < LOOK_SECONDS * SECOND}
        if (who, work) in self._at:
            return False
        # Whoever finds no room is told each time.
        if len(self._at) < LOOKS_MOST:
            self._at[who, work] = now
        return True


@dataclass(frozen=True, kw_only=True)
class Following:
    """Makes the page of a plan in the making, and of one that ended without a result."""

    pages: Pages
    desk: Desk
    looks: Looks

    async def page(self, request: HttpRequest, work: Work, *, refused: Refusal | None = None) -> Response[str]:
        """How far a plan is, with its curves; whose case it is stands above, so that it is told to the trail."""
        who, progress, desk = physicist(request), progress_of(work), self.desk
        case = await desk.cases.one(work.about, who.organisation)
        if self.looks.is_new(who.caller.id, work.id):
            await desk.cases.tell(case, OPEN, by=who.caller, work=work.id)
        wish = wish_told(work)
        return page_of(self.pages, request)(
            "planning.html",
            status=200 if refused is None else OTHERWISE,
            refused=refused,
            work=work,
            case=case,
            wish=wish,
            progress=progress,
            stages=stages_of(progress, has_second=wish.has_second),
            rows=() if progress is None else tuple(curve_row(each, progress.top_gy) for each in progress.curves),
            percents=PERCENTS,
            drawn=await self._drawn(request, progress),
            has_changed=work.state.is_end and await has_changed(desk, case, work),
            goes_on=goes_on_after_stages(work, desk.clock),
            kept_days=KEPT_DAYS,
            tries_most=TRIES_MAX,
        )

    async def _drawn(self, request: HttpRequest, progress: PlanProgress | None) -> DrawnDvh | None:
        if progress is None or not progress.curves:
            return None
        from tianfu.apps.radiotherapy.drawing import drawn_progress  # loaded by the first who follows a plan

        return await asyncio.to_thread(drawn_progress, progress, self.pages.asking(request).language)


async def has_changed(desk: Desk, case: KeptCase, work: Work) -> bool:
    """Whether a case holds other objects than those that a plan was asked for of."""
    return list(documents_of(await desk.cases.objects(case))) != list(work.arguments["inputs"])


async def work_of(desk: Desk, who: Physicist, work: str) -> Work:
    """A work about a case or a delivery of one's organisation; raises Refusal `not-found` for any other."""
    if not is_uuid(work):
        raise not_found()
    found = await desk.works.now(work)
    if found.kind not in {EVALUATE, GAMMA, PLAN, TAKE_IN} or found.arguments.get("organisation") != who.organisation:
        raise not_found()
    return found


def result_at(work: Work) -> str:
    """Where the result of a work that is done is shown."""
    if work.kind == TAKE_IN:
        return f"{CASES}/{work.result}"
    return f"{CASES}/{work.about}/{RESULTS[work.kind]}/{work.id}"


def back_at(work: Work) -> str:
    """Where the work was asked for."""
    return f"{DELIVERIES if work.kind == TAKE_IN else CASES}/{work.about}"
