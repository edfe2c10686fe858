"""The nurse's pages over HTTP: her round, the bed, the ward.  No name and no number of a baby is in an address.

Whatever draws a curtain is a plain form: it works without a script, in every state, and asks nothing first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.apps.newborn.actions.call_ward import answer_family
from tianfu.apps.newborn.actions.confirm_binding import confirm_binding
from tianfu.apps.newborn.actions.draw_curtain import draw_curtain
from tianfu.apps.newborn.actions.end_visit import decline_visit, end_visit
from tianfu.apps.newborn.actions.hold_ward import hold_ward, release_ward
from tianfu.apps.newborn.actions.move_camera import move_camera
from tianfu.apps.newborn.actions.open_curtain import open_curtain
from tianfu.apps.newborn.actions.scan_codes import scan_code
from tianfu.apps.newborn.actions.set_sound import Sound, set_sound
from tianfu.apps.newborn.actions.write_note import approve_note, write_note
from tianfu.apps.newborn.live.bed import NURSES, STAFF, kept_visit_of, not_found, practitioner_of, visit_of
from tianfu.apps.newborn.live.doors import GrantedDoors
from tianfu.apps.newborn.live.house import House
from tianfu.apps.newborn.model.binding import Code
from tianfu.apps.newborn.model.calls import TOUCHES, WORDS_MAX
from tianfu.apps.newborn.model.reasons import (
    DeclineReason,
    MoveReason,
    ShieldReason,
    read_decline_reason,
    read_move_reason,
    read_shield_reason,
    told,
)
from tianfu.apps.newborn.nurse_ports import Colleagues
from tianfu.apps.newborn.pages import CAMERA_HERE, CART_HERE, VOICE_HERE, is_head, nurse_or_doctor
from tianfu.apps.newborn.ports import Nursery
from tianfu.apps.newborn.queries.bedside import read_bedside, read_unbooked
from tianfu.apps.newborn.queries.round import calls_among, heard_of, read_round, read_wards, refuse_unless_hers
from tianfu.apps.newborn.queries.watch import CameraHealth, read_watch
from tianfu.apps.newborn.queries.workload import read_shifts
from tianfu.kernel.refusal import Refusal
from tianfu.web.admission import limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.outcome import status_of
from tianfu.web.pages import Pages
from tianfu.web.proxies import client_of

ROUND = "/newborn/round"
WARD = "/newborn/ward"
VISITS = "/newborn/visits"

DOCTORS = frozenset({"doctor"})

CALLS_HEADER = "tianfu-calls"
"""The visits whose families wait for an answer, as a nurse's tablet hears of them."""

BEATS = limited("page")
"""What a page says all the time takes nothing from what a nurse does."""

DRAWS = limited("write")
"""By which a curtain falls: nothing else that a nurse or her pages do can use this up."""

SHOWN_AGAIN = frozenset(
    {
        "scan-unusable",
        "scan-one-at-a-time",
        "scan-twice",
        "scan-missing",
        "scans-of-several",
        "scans-too-old",
        "wristband-unknown",
        "bed-unknown",
        "camera-unknown",
        "baby-in-another-bed",
        "camera-at-another-bed",
        "another-baby",
        "same-person",
        "sign-in-refused",
        "sign-in-closed",
        "colleague-elsewhere",
        "visit-cut",
        "visit-not-there-yet",
        "slot-not-begun",
        "camera-away",
        "lease-lost",
        "media-unavailable",
        "decline-unusable",
        "note-unusable",
        "room-closed",
        "room-unknown",
        "answer-unusable",
        "call-answered",
        "curtain-drawn",
        "nurse-at-capacity",
    }
)
"""What is said beside the bed, on the same page, because the nurse stands there with her hands full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bedsides:
    """What the nurse's pages stand on."""

    house: House
    colleagues: Colleagues
    nursery: Nursery
    cameras: CameraHealth


def nurse_routes(pages: Pages, bedsides: Bedsides) -> list[HTTPRouteHandler]:
    """All pages and forms of nurses; each is for treatment, and for staff alone."""
    parts = (_round, _bed, _family, _binding, _notes)
    return [handler for part in parts for handler in part(pages, bedsides)]


def _page(pages: Pages, request: HttpRequest) -> Callable[..., Response[str]]:
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        said = {"refused": "", "why": "", "has": (), "done": request.query_params.get("done", ""), **values}
        return pages.page(f"newborn/nurse/{template}", asking, status=status, **said)

    return page


def _to_bed(visit: str, done: str) -> Redirect:
    return Redirect(f"{VISITS}/{visit}?{urlencode({'done': done})}", status_code=303)


def _round(pages: Pages, bedsides: Bedsides) -> list[HTTPRouteHandler]:
    house = bedsides.house

    @get(ROUND)
    async def show_round(request: HttpRequest) -> Response[str]:
        asking = pages.asking(request)
        practitioner_of(asking, STAFF)
        found = await read_round(house, asking.caller, now=house.clock())
        shifts = await read_shifts(house, asking.caller, now=house.clock())
        return _page(pages, request)("round.html", found=found, shifts=shifts, leads=is_head(nurse_or_doctor(request)))

    @post(f"{ROUND}/here", status_code=204, opt=dict(BEATS))
    async def here_for_all(request: HttpRequest) -> Response[None]:
        asking = pages.asking(request)
        nurse = practitioner_of(asking, NURSES)
        return await _heard(house, await heard_of(house, asking.caller, nurse))

    @get(WARD)
    async def show_ward(request: HttpRequest) -> Response[str]:
        asking = pages.asking(request)
        practitioner_of(asking, STAFF)
        found = await read_round(house, asking.caller, now=house.clock())
        return _page(pages, request)(
            "ward.html",
            found=found,
            shifts=await read_shifts(house, asking.caller, now=house.clock()),
            watch=await read_watch(house, bedsides.cameras, bedsides.nursery, asking.caller),
            leads=is_head(nurse_or_doctor(request)),
        )

    @post(f"{WARD}/{{ward:str}}/hold", status_code=303, opt=dict(DRAWS))
    async def hold(request: HttpRequest, ward: FromPath[str]) -> Redirect:
        asking = pages.asking(request)
        person = practitioner_of(asking, STAFF)
        refuse_unless_hers(await read_wards(house, asking.caller), ward)
        await hold_ward(house, asking.caller, person, ward, now=house.clock())
        return Redirect(f"{WARD}?done=held", status_code=303)

    @post(f"{WARD}/{{ward:str}}/release", status_code=303)
    async def release(request: HttpRequest, ward: FromPath[str]) -> Redirect:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        refuse_unless_hers(await read_wards(house, asking.caller), ward)
        await release_ward(house, asking.caller, ward)
        return Redirect(f"{WARD}?done=released", status_code=303)

    return [show_round, here_for_all, show_ward, hold, release]


def _bed(pages: Pages, bedsides: Bedsides) -> list[HTTPRouteHandler]:
    house, nursery = bedsides.house, bedsides.nursery

    @get(f"{VISITS}/{{visit:str}}")
    async def show_bed(request: HttpRequest, visit: FromPath[str]) -> Response[str]:
        practitioner_of(pages.asking(request), STAFF)
        return await _bedside(pages, request, house, visit)

    @post(f"{VISITS}/{{visit:str}}/shield", status_code=303, opt=dict(DRAWS))
    async def shield(request: HttpRequest, visit: FromPath[str]) -> Redirect:
        asking = pages.asking(request)
        if asking.caller.role not in STAFF:
            raise not_found()
        form = await read_form(request, "reason")
        await draw_curtain(house, asking.caller, visit, read_shield_reason(form["reason"]), now=house.clock())
        return _to_bed(visit, "shielded")

    @post(f"{VISITS}/{{visit:str}}/open", status_code=200)
    async def open_it(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        try:
            await open_curtain(house, asking.caller, visit, now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "opened")

    @post(f"{VISITS}/{{visit:str}}/sound", status_code=200)
    async def sound(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        form = await read_form(request, "sound")
        if form["sound"] not in {each.value for each in Sound}:
            raise not_found()
        try:
            await set_sound(house, asking.caller, visit, Sound(form["sound"]))
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, form["sound"])

    @post(f"{VISITS}/{{visit:str}}/end", status_code=200, opt=dict(DRAWS))
    async def end(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        try:
            await end_visit(house, asking.caller, visit, now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "ended")

    @post(f"{VISITS}/{{visit:str}}/decline", status_code=200)
    async def decline(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        form = await read_form(request, "reason")
        try:
            reason = read_decline_reason(form["reason"])
            await decline_visit(house, nursery, asking.caller, visit, reason, now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "declined")

    @post(f"{VISITS}/{{visit:str}}/here", status_code=204, opt=dict(BEATS))
    async def here(request: HttpRequest, visit: FromPath[str]) -> Response[None]:
        asking = pages.asking(request)
        nurse = practitioner_of(asking, NURSES)
        await kept_visit_of(house, asking.caller, visit)
        return await _heard(house, await heard_of(house, asking.caller, nurse, also=visit))

    return [show_bed, shield, open_it, sound, end, decline, here]


def _family(pages: Pages, bedsides: Bedsides) -> list[HTTPRouteHandler]:
    house = bedsides.house

    @post(f"{VISITS}/{{visit:str}}/camera-moved", status_code=200, opt=dict(DRAWS))
    async def camera_moved(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        person = practitioner_of(asking, STAFF)
        form = await read_form(request, "reason")
        try:
            await move_camera(house, asking.caller, person, visit, read_move_reason(form["reason"]), now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "camera-moved")

    @post(f"{VISITS}/{{visit:str}}/answer", status_code=200)
    async def answer(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        nurse = practitioner_of(asking, NURSES)
        form = await read_form(request, "answer", "said", "call")
        word, said, seen = form["answer"], form["said"], form["call"]
        try:
            await answer_family(house, asking.caller, nurse, visit, word, said, seen=seen, now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "answered")

    return [camera_moved, answer]


async def _heard(house: House, visits: list[str]) -> Response[None]:
    """Somebody is at the tablet of these visits; the answer says whose families wait for hers."""
    await house.rooms.heard(visits, at=house.clock())
    return Response(None, status_code=204, headers={CALLS_HEADER: ",".join(await calls_among(house, visits))})


def _binding(pages: Pages, bedsides: Bedsides) -> list[HTTPRouteHandler]:
    house = bedsides.house

    @post(f"{VISITS}/{{visit:str}}/scan", status_code=200)
    async def scan(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        nurse = practitioner_of(asking, NURSES)
        form = await read_form(request, *(code.value for code in Code))
        try:
            said = [code for code in Code if form[code.value].strip()]
            if len(said) != 1:  # of several sent at once nobody knows when each was scanned
                raise Refusal("scan-one-at-a-time", next_step="scan-again")
            await scan_code(house, asking.caller, nurse, visit, said[0], form[said[0].value], now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "scanned")

    @post(f"{VISITS}/{{visit:str}}/confirm", status_code=200)
    async def confirm(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        second = practitioner_of(asking, STAFF)
        try:
            await confirm_binding(house, asking.caller, second, visit, now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "armed")

    @post(f"{VISITS}/{{visit:str}}/confirm-here", status_code=200)
    async def confirm_here(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        practitioner_of(asking, NURSES)
        form = await read_form(request, "number", "password", "code")
        try:
            await visit_of(house, asking.caller, visit)
            colleague = await bedsides.colleagues.proved(
                form["number"],
                form["password"],
                form["code"],
                address=client_of(request.scope),
                organisation=asking.caller.organisation or "",
            )
            second = colleague.caller.practitioner if colleague.caller.role in NURSES | DOCTORS else None
            if second is None:
                raise Refusal("colleague-elsewhere", next_step="ask-a-colleague")
            await confirm_binding(house, colleague.caller, second, visit, now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "armed")

    return [scan, confirm, confirm_here]


def _notes(pages: Pages, bedsides: Bedsides) -> list[HTTPRouteHandler]:
    house = bedsides.house

    @post(f"{VISITS}/{{visit:str}}/notes", status_code=200)
    async def write(request: HttpRequest, visit: FromPath[str]) -> Response[str] | Redirect:
        asking = pages.asking(request)
        author = practitioner_of(asking, STAFF)
        form = await read_form(request, "text")
        try:
            await write_note(house, asking.caller, author, visit, form["text"], now=house.clock())
        except Refusal as refusal:
            return await _again(pages, request, house, visit, refusal)
        return _to_bed(visit, "noted")

    @post(f"{VISITS}/{{visit:str}}/notes/{{note:str}}/approve", status_code=303)
    async def approve(request: HttpRequest, visit: FromPath[str], note: FromPath[str]) -> Redirect:
        asking = pages.asking(request)
        doctor = practitioner_of(asking, DOCTORS)
        form = await read_form(request, "version")
        if not form["version"].isdecimal():
            raise not_found()
        await visit_of(house, asking.caller, visit)
        await approve_note(house, asking.caller, doctor, note, version=int(form["version"][:9]))
        return _to_bed(visit, "approved")

    return [write, approve]


async def _bedside(
    pages: Pages, request: HttpRequest, house: House, visit: str, *, status: int = 200, **values: object
) -> Response[str]:
    caller = pages.asking(request).caller
    try:
        found = await read_bedside(house, caller, visit, now=house.clock())
    except Refusal as refusal:
        return await _unbooked(pages, request, house, visit, refusal)
    may_scan = found.awaits_scans and caller.role in NURSES
    may_view = found.may_be_viewed and caller.role in NURSES and isinstance(house.doors, GrantedDoors)
    page = _page(pages, request)(
        "bed.html",
        status=status,
        found=found,
        shield_reasons=tuple(ShieldReason),
        decline_reasons=tuple(DeclineReason),
        codes=tuple(Code),
        move_reasons=tuple(MoveReason),
        answers=TOUCHES,
        words_max=WORDS_MAX,
        may_scan=may_scan,
        may_view=may_view,
        may_confirm=found.awaits_scans and found.is_scanned and caller.role in DOCTORS,
        **values,
    )
    if may_scan or may_view:
        page.headers.update(CAMERA_HERE if not may_view else CART_HERE if may_scan else VOICE_HERE)
    return page


async def _again(pages: Pages, request: HttpRequest, house: House, visit: str, refusal: Refusal) -> Response[str]:
    """The bed once more with what was refused; anything else is a page of its own."""
    if refusal.code not in SHOWN_AGAIN:
        return await _unbooked(pages, request, house, visit, refusal)
    return await _bedside(
        pages,
        request,
        house,
        visit,
        status=status_of(refusal),
        refused=refusal.code,
        why=told(refusal.details.get("reason", "")),
        has=refusal.details.get("visits", "").split(),
    )


async def _unbooked(pages: Pages, request: HttpRequest, house: House, visit: str, refusal: Refusal) -> Response[str]:
    """Where a visit at one of her beds is not found because its booking is gone, what became of it."""
    if refusal.code != "not-found":
        raise refusal
    found = await read_unbooked(house, pages.asking(request).caller, visit)
    return _page(pages, request)("unbooked.html", status=410, found=found)
