"""The pages of the life-long record over HTTP.  No name, number or address of a patient is ever in an address here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.access.caller import Caller
from tianfu.access.rules import roles
from tianfu.apps.lifelong.charts import chart_of, points_shown
from tianfu.apps.lifelong.model.filters import FIRST_KINDS
from tianfu.apps.lifelong.model.way_back import way_back, way_of
from tianfu.apps.lifelong.model.wish import Wish, read_wish
from tianfu.apps.lifelong.queries.find_person import find_people, page_number
from tianfu.apps.lifelong.queries.life import read_life
from tianfu.apps.lifelong.queries.my_patients import CLINICIANS, behind, read_my_patients, told_behind
from tianfu.apps.lifelong.queries.person import KnownPerson
from tianfu.apps.lifelong.queries.record import read_record
from tianfu.apps.lifelong.queries.record_history import read_history
from tianfu.apps.lifelong.queries.trend import read_trend_page
from tianfu.apps.lifelong.speech import Speech
from tianfu.apps.lifelong.store import LifeStore
from tianfu.kernel.refusal import Fault, Refusal
from tianfu.web.admission import REAL_NAME_PATH, limited
from tianfu.web.asking import HttpRequest
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages, Place
from tianfu.web.site import App

ROOT = "/lifelong"
SEALED_AS = "find-person"
LIST_SEALED_AS = "my-patients"
READERS = frozenset(roles()) - {"administrator", "security", "officer", "regulator"}
"""Roles that may have records of people before them."""

FORM_FIELDS = ("who", "year", "month", "day")


def lifelong(store: LifeStore) -> App:
    """The app as the site takes it."""
    return App(
        name="lifelong",
        folder=Path(__file__).parent,
        places=(Place(key="place.lifelong", address=ROOT, icon="i-record", roles=READERS),),
        routes=lambda pages: [*_finding(pages, store), *_life(pages, store), *_records(pages, store)],
    )


def _page(pages: Pages, request: HttpRequest) -> Callable[..., Response[str]]:
    """A page of this app, with its way of speaking."""
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        always = {"speech": Speech(asking.language), "root": ROOT, "way": "", "mine": None}
        return pages.page(f"lifelong/{template}", asking, status=status, **{**always, **values})

    return page


def _finding(pages: Pages, store: LifeStore) -> list[HTTPRouteHandler]:
    @get(ROOT)
    async def ask(request: HttpRequest) -> Response[str] | Redirect:
        caller = _reader(pages, request)
        if caller.role == "citizen":  # nobody but himself is his to find; of his family he knows where they are
            own = f"{ROOT}/people/{caller.patients[0]}" if caller.patients else REAL_NAME_PATH
            return Redirect(own, status_code=303)
        mine = await _mine(pages, store, request) if caller.role in CLINICIANS else {}
        empty = dict.fromkeys(FORM_FIELDS, "")
        return _page(pages, request)("find.html", form=empty, faults={}, found=None, **mine)

    @get(f"{ROOT}/find")
    async def begin() -> Redirect:
        """Where forms are sent to there is nothing to see: whoever opens it starts at the form."""
        return Redirect(ROOT, status_code=303)

    @post(f"{ROOT}/find", status_code=303)
    async def send(request: HttpRequest) -> Redirect:
        _reader(pages, request)
        form = {name: value.strip() for name, value in (await read_form(request, *FORM_FIELDS)).items()}
        return Redirect(f"{ROOT}/found/{pages.sealer.seal(SEALED_AS, form)}", status_code=303)

    @get(f"{ROOT}/found/{{letters:str}}", opt=dict(limited("identity-search")))
    async def show_found(request: HttpRequest, letters: FromPath[str]) -> Response[str]:
        _reader(pages, request)
        page, form = _page(pages, request), pages.sealer.open(SEALED_AS, letters)
        try:
            wish = _wish(form, pages.today())
        except Refusal as refusal:
            faults = {fault.path: f"fault.{fault.code}" for fault in refusal.faults}
            return page("find.html", status=422, form=form, faults=faults, found=None)
        number = page_number(request.query_params.get("page", ""))
        found = await find_people(store, pages.asking(request), wish, page=number)
        return page("find.html", form=form, faults={}, found=found, wish=wish)

    return [ask, begin, send, show_found]


async def _mine(pages: Pages, store: LifeStore, request: HttpRequest) -> dict[str, object]:
    """A clinician's own patients, as the page shows them; where the next page begins is sealed in its address."""
    letters = request.query_params.get("after", "")
    after = behind(pages.sealer.open(LIST_SEALED_AS, letters)) if letters else None
    mine = await read_my_patients(store, pages.asking(request), after)
    onward = "" if mine.next is None else pages.sealer.seal(LIST_SEALED_AS, told_behind(mine.next))
    return {"mine": mine, "onward": onward}


def _reader(pages: Pages, request: HttpRequest) -> Caller:
    """Who looks for people; to whoever may have nobody's records before him the page is not there."""
    caller = pages.asking(request).caller
    if caller.role not in READERS:
        raise Refusal("not-found", next_step="start-again")
    return caller


def _wish(form: Mapping[str, str], today: date) -> Wish:
    """What the form asks for; refuses a form that asks for nothing."""
    wish = read_wish(form["who"], year=form["year"], month=form["month"], day=form["day"], today=today)
    if wish.is_empty:
        raise Refusal("search-not-understood", faults=(Fault("who", "nothing-asked"),))
    return wish


def _life(pages: Pages, store: LifeStore) -> list[HTTPRouteHandler]:
    @get(f"{ROOT}/people/{{person:str}}")
    async def show_life(request: HttpRequest, person: FromPath[str]) -> Response[str]:
        asking = pages.asking(request)
        life = await read_life(store, asking, person, today=pages.today())
        chart = chart_of(life.trend, asking, is_card=True) if life.trend else None
        return _page(pages, request)(
            "life.html",
            life=life,
            known=life.known,
            chart=chart,
            points_shown=points_shown(asking),
            first_kinds=FIRST_KINDS,
            person_address=f"{ROOT}/people/{person}",
            way=way_of(person, asking.query),
        )

    @get(f"{ROOT}/people/{{person:str}}/trend")
    async def show_trend(request: HttpRequest, person: FromPath[str]) -> Response[str]:
        asking = pages.asking(request)
        key = request.query_params.get("measure", "")
        shown = await read_trend_page(store, asking, person, key, today=pages.today())
        chart = chart_of(shown.trend, asking, is_card=False) if shown.trend else None
        return _page(pages, request)(
            "trend.html",
            shown=shown,
            known=shown.known,
            chart=chart,
            person_address=f"{ROOT}/people/{person}",
            way=_way_back(request, shown.known, person),
        )

    return [show_life, show_trend]


def _way_back(request: HttpRequest, known: KnownPerson | None, person: str = "") -> str:
    """The end of the address of the life that this page was opened from; empty if it is about nobody."""
    if known is None:
        return ""
    return way_back(request.query_params.get("from", ""), person or known.person.first.id, known.person.ids)


def _records(pages: Pages, store: LifeStore) -> list[HTTPRouteHandler]:
    record_path = f"{ROOT}/records/{{kind:str}}/{{record:str}}"

    @get(record_path)
    async def show_record(request: HttpRequest, kind: FromPath[str], record: FromPath[str]) -> Response[str]:
        try:
            view = await read_record(store, pages.asking(request), kind, record)
        except Refusal as refusal:
            if refusal.code != "gone":
                raise
            return _page(pages, request)("gone.html", status=410, history=f"{ROOT}/records/{kind}/{record}/history")
        return _page(pages, request)("record.html", view=view, known=view.known, way=_way_back(request, view.known))

    @get(record_path + "/versions/{version:int}")
    async def show_version(
        request: HttpRequest, kind: FromPath[str], record: FromPath[str], version: FromPath[int]
    ) -> Response[str]:
        view = await read_record(store, pages.asking(request), kind, record, version=version)
        return _page(pages, request)("record.html", view=view, known=view.known, way=_way_back(request, view.known))

    @get(record_path + "/history")
    async def show_history(request: HttpRequest, kind: FromPath[str], record: FromPath[str]) -> Response[str]:
        cursor = request.query_params.get("cursor")
        history = await read_history(store, pages.asking(request), kind, record, cursor=cursor)
        return _page(pages, request)(
            "history.html", history=history, known=history.known, way=_way_back(request, history.known)
        )

    return [show_record, show_version, show_history]
