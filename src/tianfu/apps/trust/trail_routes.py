"""The officer's search of the audit trail over HTTP.  An identity number is posted and never stands in an address."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from tianfu.apps.trust.door import ROOT, faults_of, officer, page_of
from tianfu.apps.trust.mapping.trail import people_of_event
from tianfu.apps.trust.model.trail import DEEDS, FIELDS, REFUSALS, Span, TrailWish, read_wish, ways_on
from tianfu.apps.trust.queries.names import Names
from tianfu.apps.trust.queries.trail import (
    EXPORTED_MAX,
    meant,
    read_event,
    read_trail,
    refuse_unless_officer,
    roles_known,
    take_away,
)
from tianfu.apps.trust.spreadsheet import BYTE_ORDER_MARK, csv_line
from tianfu.apps.trust.store import TrustStore
from tianfu.apps.trust.trail_speech import TrailSpeech
from tianfu.kernel.instants import Clock, china_date
from tianfu.kernel.refusal import Refusal
from tianfu.records.trail.reading import TrailPage
from tianfu.web.admission import limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.languages import Language
from tianfu.web.pages import Pages

TRAIL = f"{ROOT}/trail"


def trail_routes(pages: Pages, store: TrustStore, clock: Clock) -> list[HTTPRouteHandler]:
    """The search, its form, its download, and one event."""

    def show(request: HttpRequest, *, status: int = 200, **values: object) -> Response[str]:
        always: dict[str, Any] = {
            "speech": TrailSpeech(pages.asking(request).language),
            "roles": roles_known(),
            "deeds": DEEDS,
            "refusals": REFUSALS,
            "spans": tuple(Span),
            "exported_max": EXPORTED_MAX,
            "wish": None,
            "found": None,
        }
        return page_of(pages, request)("trail.html", status=status, **{**always, **values})

    @get(TRAIL)
    async def search(request: HttpRequest) -> Response[str]:
        caller = officer(pages.asking(request))
        given = _said(request.query_params)
        try:
            wish = read_wish(given, roles=roles_known(), today=pages.today())
        except Refusal as refusal:
            return show(request, status=422, form=_without_number(given, refusal), faults=faults_of(refusal))
        cursor = request.query_params.get("cursor") or None
        found = await read_trail(store, caller, wish, cursor=cursor)
        return show(request, form=given, wish=wish, found=found, cursor=cursor, onward=_onward(wish))

    # Whoever guesses numbers is stopped as whoever searches for them.
    @post(TRAIL, status_code=303, opt=dict(limited("identity-search")))
    async def send(request: HttpRequest) -> Response[str] | Redirect:
        caller = officer(pages.asking(request))
        form = await read_form(request, *FIELDS)
        try:
            asked = await meant(store, caller, form)
            read_wish(asked, roles=roles_known(), today=pages.today())
        except Refusal as refusal:
            return show(request, status=422, form=form, faults=faults_of(refusal))
        return Redirect(f"{TRAIL}?{_address(asked)}#found", status_code=303)

    @get(f"{TRAIL}.csv", opt=dict(limited("gather")))
    async def download(request: HttpRequest) -> Stream:
        asking = pages.asking(request)
        caller = officer(asking)
        wish = read_wish(_said(request.query_params), roles=roles_known(), today=pages.today())
        now = clock()
        given = await take_away(store, caller, wish, now=now)
        name = f"{asking.language.say('trail.file')}-{china_date(now).isoformat()}.csv"
        headers = {
            "content-disposition": f"attachment; filename=\"audit-search.csv\"; filename*=UTF-8''{quote(name)}",
            "cache-control": "no-store",
        }
        lines = _lines(given, asking.language)
        return Stream(lines, media_type="text/csv", headers=headers)

    @get(f"{TRAIL}/{{event:str}}")
    async def show_event(request: HttpRequest, event: FromPath[str]) -> Response[str]:
        asking = pages.asking(request)
        caller = officer(asking)
        refuse_unless_officer(caller)
        one = await read_event(store, caller, event)
        ways = ways_on(
            at=one.event.at,
            caller=one.event.caller,
            people=people_of_event(one.event),
            session=one.event.session,
            outcome=one.event.outcome,
        )
        addresses = [(way.key, f"{TRAIL}?{urlencode(way.fields)}") for way in ways]
        return page_of(pages, request)(
            "trail_event.html", speech=TrailSpeech(asking.language), one=one, event=one.event, ways=addresses
        )

    return [search, send, download, show_event]


def _said(query: Mapping[str, str]) -> dict[str, str]:
    return {name: str(query.get(name, "")) for name in FIELDS}


def _without_number(given: Mapping[str, str], refusal: Refusal) -> dict[str, str]:
    """What was typed, but not a number that came in an address: the page must not lead there again."""
    is_there = any(fault.code == "number-in-address" for fault in refusal.faults)
    return {**given, "person": ""} if is_there else dict(given)


def _address(asked: Mapping[str, str]) -> str:
    return urlencode([(name, asked[name]) for name in FIELDS if asked[name]])


def _onward(wish: TrailWish) -> dict[str, str]:
    """The changes to an address whose next page is the same tomorrow: days instead of "the last seven"."""
    if wish.span is None or wish.since is None:
        return {}
    return {"span": "", "from": china_date(wish.since).isoformat()}


async def _lines(given: AsyncIterator[tuple[TrailPage, Names]], language: Language) -> AsyncIterator[str]:
    """The file, page by page; its last line says so if it is not everything."""
    speech = TrailSpeech(language)
    yield BYTE_ORDER_MARK + csv_line(speech.columns())
    count, page = 0, None
    async for page, names in given:
        count += len(page.events)
        yield "".join(csv_line(speech.cells(event, names)) for event in page.events)
    if page is not None and page.next_cursor is not None:
        yield csv_line([_why_it_ends(page, count, speech, language)])


def _why_it_ends(page: TrailPage, count: int, speech: TrailSpeech, language: Language) -> str:
    if page.looked_until is not None and count < EXPORTED_MAX:
        return language.say("trail.stopped", moment=speech.moment(page.looked_until))
    return language.say("trail.cut-off", count=count)
