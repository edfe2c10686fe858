"""What keeps a baby's curtain drawn, over HTTP: a doctor's pause at the bed and at the desk; an alarm that is over."""

from __future__ import annotations

from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.halt_visits import end_alarm, pause_visits, resume_visits
from tianfu.apps.newborn.live.bed import STAFF, practitioner_of, visit_of
from tianfu.apps.newborn.nurse_routes import VISITS, Bedsides
from tianfu.apps.newborn.pages import DESK, doctor, led
from tianfu.apps.newborn.ports import Nursery
from tianfu.kernel.refusal import Refusal
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages


def desk_halt_routes(nursery: Nursery) -> list[HTTPRouteHandler]:
    """A doctor pauses and resumes from the desk."""

    @post(f"{DESK}/babies/{{baby:str}}/pause", status_code=303)
    async def pause_at_desk(request: HttpRequest, baby: FromPath[str]) -> Redirect:
        return led(DESK, done=await _paused(nursery, request, baby))

    return [pause_at_desk]


def bed_halt_routes(pages: Pages, bedsides: Bedsides) -> list[HTTPRouteHandler]:
    """The same at the bed; and staff there say that an alarm is over."""
    house, nursery = bedsides.house, bedsides.nursery

    @post(f"{VISITS}/{{visit:str}}/pause", status_code=303)
    async def pause_at_bed(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        booked = await visit_of(house, doctor(request).caller, visit)
        return led(f"{VISITS}/{visit}", done=await _paused(nursery, request, booked.baby))

    @post(f"{VISITS}/{{visit:str}}/alarm-over", status_code=303)
    async def alarm_over(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        asking = pages.asking(request)
        practitioner_of(asking, STAFF)
        booked = await visit_of(house, asking.caller, visit)
        await end_alarm(nursery.store, asking.caller, booked.baby, now=nursery.clock())
        return led(f"{VISITS}/{visit}", done="alarm-over")

    return [pause_at_bed, alarm_over]


async def _paused(nursery: Nursery, request: HttpRequest, baby: str) -> str:
    """Pause or resume as the form says; what was done, in a word.  Whatever is not clearly the end is a pause."""
    caller, form = doctor(request).caller, await read_form(request, "is", "why")
    if form["is"] == "over":
        await resume_visits(nursery.store, caller, baby, now=nursery.clock())
        return "resumed"
    try:
        await pause_visits(nursery.store, caller, baby, form["why"], now=nursery.clock())
    except Refusal as refusal:
        if refusal.code != "reason-missing":
            raise
        return "pause-why"
    return "paused"
