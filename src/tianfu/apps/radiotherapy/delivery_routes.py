"""Deliveries over HTTP: objects are sent one by one by the page's script, and what arrived stays whatever happens."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.radiotherapy.pages import DELIVERIES, WORKS, page_of, physicist
from tianfu.apps.radiotherapy.ports import Desk
from tianfu.apps.radiotherapy.room import Room
from tianfu.apps.radiotherapy.speech import Speech
from tianfu.apps.radiotherapy.wishes import take_in_wish
from tianfu.kernel.refusal import Refusal
from tianfu.services.imaging.cases import KeptObject
from tianfu.services.imaging.limits import CASE_BYTES_MAX, OBJECTS_MAX
from tianfu.services.jobs.works import State
from tianfu.web.admission import limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import TAKES_DICOM, read_form
from tianfu.web.pages import Pages

SENT_BYTES_MAX = 256 << 20
"""One object sent by a browser; larger ones come by `tianfu rt import`. [ours]"""

HELD_BYTES_MAX = 3 * SENT_BYTES_MAX
"""Of bodies, in one web worker at once; the others wait unread. [ours]"""

SAID_BY_SCRIPT = (
    "rt.send-",
    "refusal.images-",
    "refusal.case-instance-differs",
    "refusal.case-too-",
    "refusal.dicom-attribute-missing",
)
"""Beginnings of the phrases that the page's script says: it checks by the reader's rules, in the reader's words."""

SENT = {**TAKES_DICOM, **limited("write")}
"""A case has hundreds of objects, sent one after another: counted as what machines write, not as forms."""

DELIVERY = DELIVERIES + "/{delivery:str}"


def delivery_routes(pages: Pages, desk: Desk) -> list[HTTPRouteHandler]:
    """Begin, send, look, take in, discard."""
    room = Room(HELD_BYTES_MAX)

    @post(DELIVERIES, status_code=303)
    async def begin_delivery(request: HttpRequest) -> Redirect:
        who, form = physicist(request), await read_form(request, "into")
        delivery = await desk.deliveries.begin(who.organisation, into=form["into"] or None, by=who.caller)
        return Redirect(f"{DELIVERIES}/{delivery}", status_code=303)

    @get(DELIVERY)
    async def show_delivery(request: HttpRequest, delivery: FromPath[str]) -> Response[str] | Redirect:
        who = physicist(request)
        found = await desk.deliveries.one(delivery, who.organisation)
        works = await desk.works.about(found.id)
        running = next((work for work in works if not work.state.is_end), None)
        if running is not None:
            return Redirect(f"{WORKS}/{running.id}", status_code=303)
        failed = works[0] if works and works[0].state is State.FAILED and found.state == "arriving" else None
        into = None if found.into is None else await desk.cases.one(found.into, who.organisation)
        return page_of(pages, request)(
            "delivery.html",
            delivery=found,
            into=into,
            arrived=await desk.deliveries.arrivals(found),
            refused=None if failed is None else (failed.refusal, failed.details),
            words=Speech(pages.asking(request).language).phrases(*SAID_BY_SCRIPT),
            most={"bytes": SENT_BYTES_MAX, "case": CASE_BYTES_MAX, "objects": OBJECTS_MAX},
        )

    @get(DELIVERY + "/objects")
    async def tell_objects(request: HttpRequest, delivery: FromPath[str]) -> Response[Any]:
        found = await desk.deliveries.one(delivery, physicist(request).organisation)
        return _answer({"objects": [_told(each) for each in await desk.deliveries.arrivals(found)]})

    @post(DELIVERY + "/objects", status_code=201, opt=SENT, request_max_body_size=SENT_BYTES_MAX)
    async def take_object(request: HttpRequest, delivery: FromPath[str]) -> Response[Any]:
        found = await desk.deliveries.one(delivery, physicist(request).organisation)
        try:
            async with room.of(_held_bytes(request)):
                return _answer(_told(await desk.deliveries.add(found, await request.body())), status=201)
        except Refusal as refusal:
            said = Speech(pages.asking(request).language).said(refusal.code, refusal.details)
            return _answer({"refusal": refusal.code, "said": said}, status=422)

    @post(DELIVERY + "/take-back", status_code=303)
    async def take_back(request: HttpRequest, delivery: FromPath[str]) -> Redirect:
        found = await desk.deliveries.one(delivery, physicist(request).organisation)
        form = await read_form(request, "document")
        await desk.deliveries.take_back(found, form["document"])
        return Redirect(f"{DELIVERIES}/{found.id}", status_code=303)

    @post(DELIVERY + "/take-in", status_code=303)
    async def take_in(request: HttpRequest, delivery: FromPath[str]) -> Redirect:
        who = physicist(request)
        found = await desk.deliveries.one(delivery, who.organisation)
        arrived = await desk.deliveries.arrivals(found)
        wish = take_in_wish(found, [each.document for each in arrived], by=who.caller)
        return Redirect(f"{WORKS}/{await desk.works.ask(wish, by=who.caller.id)}", status_code=303)

    @post(DELIVERY + "/discard", status_code=303)
    async def discard(request: HttpRequest, delivery: FromPath[str]) -> Redirect:
        who = physicist(request)
        await desk.deliveries.discard(await desk.deliveries.one(delivery, who.organisation), by=who.caller)
        return Redirect("/radiotherapy?done=discarded", status_code=303)

    return [begin_delivery, show_delivery, tell_objects, take_object, take_back, take_in, discard]


def _held_bytes(request: HttpRequest) -> int:
    """How much a body may come to hold: none if it is refused unread, the most if its length is not said."""
    said = request.content_length
    return SENT_BYTES_MAX if said is None else said if 0 <= said <= SENT_BYTES_MAX else 0


def _told(kept: KeptObject) -> dict[str, Any]:
    return {
        "instance": kept.instance,
        "modality": kept.modality,
        "document": kept.document,
        "bytes": kept.size_bytes,
    }


def _answer(told: dict[str, Any], *, status: int = 200) -> Response[Any]:
    return Response(told, status_code=status, media_type="application/json", headers={"cache-control": "no-store"})
