"""The pages of trust over HTTP.  No name, number or address of a patient is ever in an address here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.actions.end_emergency_access import end_emergency_access
from tianfu.apps.trust.actions.give_consent import ConsentForm, give_consent
from tianfu.apps.trust.actions.object_to_access import object_to_access
from tianfu.apps.trust.actions.open_emergency_access import open_emergency_access
from tianfu.apps.trust.actions.review_access import ReviewForm, review_access
from tianfu.apps.trust.actions.withdraw_consent import withdraw_consent
from tianfu.apps.trust.door import ROOT, entitled, faults_of, not_found, officer, page_of
from tianfu.apps.trust.model.consent import read_decision
from tianfu.apps.trust.model.emergency import ReasonKind, may_break_glass, read_emergency_wish
from tianfu.apps.trust.model.ledger import Sort, months_back, read_month, read_sort
from tianfu.apps.trust.model.roles import EMERGENCY_ROLES, OFFICER_ROLES, PERSON_ROLES
from tianfu.apps.trust.model.tasks import Verdict
from tianfu.apps.trust.queries.consents import read_consent_history, read_consents, read_offer
from tianfu.apps.trust.queries.emergency import read_emergency_desk, read_session
from tianfu.apps.trust.queries.ledger import read_ledger, read_look
from tianfu.apps.trust.queries.notices import read_notices
from tianfu.apps.trust.queries.people import people_of
from tianfu.apps.trust.queries.reviews import read_case, read_queue
from tianfu.apps.trust.store import TrustStore
from tianfu.apps.trust.trail_routes import trail_routes
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.web.admission import for_purpose, limited
from tianfu.web.asking import Asking, HttpRequest
from tianfu.web.failures import Help
from tianfu.web.forms import read_form
from tianfu.web.pages import Pages, Place
from tianfu.web.site import App

MONTHS_OFFERED = 12

_LIFE = re.compile(r"/(?:lifelong|trust)/people/([A-Za-z0-9\-.]{1,64})(?:/|\Z)")


def trust(store: TrustStore, *, clock: Clock) -> App:
    """The app as the site takes it."""
    return App(
        name="trust",
        folder=Path(__file__).parent,
        places=(
            Place(key="place.ledger", address=ROOT, icon="i-eye", roles=PERSON_ROLES),
            Place(key="place.consents", address=f"{ROOT}/consents", icon="i-sign", roles=PERSON_ROLES - {"desk"}),
            Place(key="place.emergency", address=f"{ROOT}/emergency", icon="i-lock", roles=EMERGENCY_ROLES - {"desk"}),
            Place(key="place.reviews", address=f"{ROOT}/reviews", icon="i-check", roles=OFFICER_ROLES),
            Place(key="place.trail", address=f"{ROOT}/trail", icon="i-search", roles=OFFICER_ROLES - {"desk"}),
        ),
        routes=lambda pages: [
            *_start(pages, store, clock),
            *for_purpose(Purpose.PATIENT_REQUEST, _ledger(pages, store, clock)),
            *for_purpose(Purpose.PATIENT_REQUEST, _consents(pages, store, clock)),
            *for_purpose(Purpose.EMERGENCY, _emergency(pages, store, clock)),
            *for_purpose(Purpose.OPERATIONS, _reviews(pages, store, clock)),
            *for_purpose(Purpose.OPERATIONS, trail_routes(pages, store, clock)),
        ],
        help=help_after,
    )


def help_after(asking: Asking, refusal: Refusal) -> Help | None:
    """A doctor who finds no such life may ask for it in an emergency; the offer is the same if there is none."""
    found = _LIFE.match(asking.path)
    if refusal.code != "not-found" or found is None or not may_break_glass(asking.caller):
        return None
    return Help(key="emergency.offer", button="emergency.offer-button", address=f"{ROOT}/emergency?patient={found[1]}")


def _person(asking: Asking) -> Caller:
    """Somebody who comes for his own record; raises Refusal as `_entitled` does."""
    return entitled(asking, PERSON_ROLES, Purpose.PATIENT_REQUEST)


def _doctor(asking: Asking) -> Caller:
    """Somebody who may break the glass."""
    if not may_break_glass(asking.caller):
        raise not_found()
    return entitled(asking, EMERGENCY_ROLES, Purpose.EMERGENCY)


def _start(pages: Pages, store: TrustStore, clock: Clock) -> list[HTTPRouteHandler]:
    async def own(request: HttpRequest, page: str) -> Redirect | None:
        people = await people_of(store, _person(pages.asking(request)), now=clock())
        return Redirect(f"{ROOT}/people/{people[0].id}/{page}", status_code=303) if people else None

    @get(ROOT)
    async def start(request: HttpRequest) -> Response[str] | Redirect:
        caller = pages.asking(request).caller
        if caller.role in OFFICER_ROLES - PERSON_ROLES:
            return Redirect(f"{ROOT}/reviews", status_code=303)
        if caller.role in EMERGENCY_ROLES - PERSON_ROLES:
            return Redirect(f"{ROOT}/emergency", status_code=303)
        return await own(request, "ledger") or page_of(pages, request)("start.html")

    @get(f"{ROOT}/consents")
    async def own_consents(request: HttpRequest) -> Response[str] | Redirect:
        return await own(request, "consents") or page_of(pages, request)("start.html")

    return [start, own_consents]


def _ledger(pages: Pages, store: TrustStore, clock: Clock) -> list[HTTPRouteHandler]:
    person_path = f"{ROOT}/people/{{person:str}}"

    @get(f"{person_path}/ledger")
    async def show_ledger(request: HttpRequest, person: FromPath[str]) -> Response[str]:
        query = request.query_params
        today = pages.today()
        ledger = await read_ledger(
            store,
            _person(pages.asking(request)),
            person,
            month=read_month(query.get("month", ""), today),
            sort=read_sort(query.get("sort", "")),
            cursor=query.get("cursor") or None,
            now=clock(),
        )
        months = months_back(today, MONTHS_OFFERED)
        return page_of(pages, request)("ledger.html", ledger=ledger, months=months, sorts=tuple(Sort), asked=query)

    @get(f"{person_path}/objection")
    async def ask_objection(request: HttpRequest, person: FromPath[str]) -> Response[str]:
        return await objection(request, person, event=request.query_params.get("event", ""), form={}, faults={})

    @post(f"{person_path}/objection", status_code=303)
    async def send_objection(request: HttpRequest, person: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "event", "at", "reason")
        caller = _person(pages.asking(request))
        try:
            at = _instant(form["at"])
            await object_to_access(store, caller, person, form["event"], at, form["reason"], now=clock())
        except Refusal as refusal:
            return await objection(
                request, person, event=form["event"], form=form, faults=faults_of(refusal), status=422
            )
        return Redirect(f"{ROOT}/people/{person}/ledger?sent={form['event']}#sent", status_code=303)

    async def objection(
        request: HttpRequest, person: str, *, event: str, form: Mapping[str, str], faults: object, status: int = 200
    ) -> Response[str]:
        at = _instant(form.get("at") or str(request.query_params.get("at", "")))
        one = await read_look(store, _person(pages.asking(request)), person, event, at, now=clock())
        return page_of(pages, request)("objection.html", status=status, one=one, form=form, faults=faults)

    @get(f"{person_path}/notices")
    async def show_notices(request: HttpRequest, person: FromPath[str]) -> Response[str]:
        notices = await read_notices(store, _person(pages.asking(request)), person, now=clock())
        return page_of(pages, request)("notices.html", notices=notices)

    return [show_ledger, ask_objection, send_objection, show_notices]


def _instant(text: str) -> Instant:
    """Microseconds since 1970 as an address says them; raises Refusal `not-found` for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) <= 17):
        raise not_found()
    return Instant(int(text))


def _consents(pages: Pages, store: TrustStore, clock: Clock) -> list[HTTPRouteHandler]:
    consents_path = f"{ROOT}/people/{{person:str}}/consents"

    @get(consents_path)
    async def show_consents(request: HttpRequest, person: FromPath[str]) -> Response[str]:
        consents = await read_consents(store, _person(pages.asking(request)), person, now=clock())
        done = request.query_params.get("done", "")
        return page_of(pages, request)("consents.html", consents=consents, done=done)

    @get(consents_path + "/{offer:str}")
    async def show_offer(request: HttpRequest, person: FromPath[str], offer: FromPath[str]) -> Response[str]:
        return await asked(request, person, offer)

    async def asked(
        request: HttpRequest, person: str, offer: str, *, faults: object = (), status: int = 200
    ) -> Response[str]:
        wanted = str(request.query_params.get("institution", "")).strip()
        one = await read_offer(store, _person(pages.asking(request)), person, offer, wanted=wanted, now=clock())
        return page_of(pages, request)("consent.html", status=status, one=one, faults=faults, wanted=wanted)

    @post(consents_path + "/{offer:str}", status_code=303)
    async def decide(request: HttpRequest, person: FromPath[str], offer: FromPath[str]) -> Response[str] | Redirect:
        sent = await read_form(request, "decision", "text", "institution")
        asking = pages.asking(request)
        try:
            form = ConsentForm(
                decision=read_decision(sent["decision"]),
                institution=sent["institution"],
                text_version=sent["text"],
                language=asking.language.tag,
            )
            await give_consent(store, _person(asking), person, offer, form, now=clock())
        except Refusal as refusal:
            return await asked(request, person, offer, faults=faults_of(refusal), status=422)
        return Redirect(f"{ROOT}/people/{person}/consents?done={offer}#{offer}", status_code=303)

    @post(consents_path + "/{offer:str}/withdrawal", status_code=303)
    async def withdraw(request: HttpRequest, person: FromPath[str], offer: FromPath[str]) -> Redirect:
        sent = await read_form(request, "institution")
        caller = _person(pages.asking(request))
        await withdraw_consent(store, caller, person, offer, institution=sent["institution"], now=clock())
        return Redirect(f"{ROOT}/people/{person}/consents?done={offer}#{offer}", status_code=303)

    @get(consents_path + "/{offer:str}/history")
    async def show_history(request: HttpRequest, person: FromPath[str], offer: FromPath[str]) -> Response[str]:
        history = await read_consent_history(store, _person(pages.asking(request)), person, offer, now=clock())
        return page_of(pages, request)("consent_history.html", history=history)

    return [show_consents, show_offer, decide, withdraw, show_history]


def _emergency(pages: Pages, store: TrustStore, clock: Clock) -> list[HTTPRouteHandler]:
    @get(f"{ROOT}/emergency")
    async def show_desk(request: HttpRequest) -> Response[str]:
        form = {"patient": request.query_params.get("patient", "")}
        return await desk(request, form=form, faults={})

    async def desk(
        request: HttpRequest, *, form: Mapping[str, str], faults: object, status: int = 200
    ) -> Response[str]:
        shown = await read_emergency_desk(store, _doctor(pages.asking(request)))
        return page_of(pages, request)(
            "emergency.html", status=status, desk=shown, form=form, faults=faults, kinds=tuple(ReasonKind)
        )

    # Whoever guesses numbers is stopped as whoever searches for them.
    @post(f"{ROOT}/emergency", status_code=303, opt=dict(limited("identity-search")))
    async def open_access(request: HttpRequest) -> Response[str] | Redirect:
        form = await read_form(request, "patient", "number", "kind", "reason", "understood")
        try:
            wish = read_emergency_wish(
                patient=form["patient"],
                number=form["number"],
                kind=form["kind"],
                reason=form["reason"],
                has_read=form["understood"] == "yes",
            )
        except Refusal as refusal:
            return await desk(request, form=form, faults=faults_of(refusal), status=422)
        task = await open_emergency_access(store, _doctor(pages.asking(request)), wish, now=clock())
        return Redirect(f"{ROOT}/emergency/{task}", status_code=303)

    @get(f"{ROOT}/emergency/{{task:str}}")
    async def show_session(request: HttpRequest, task: FromPath[str]) -> Response[str]:
        now = clock()
        try:
            session = await read_session(store, _doctor(pages.asking(request)), task, now=now)
        except Refusal as refusal:
            if refusal.code != "not-found":
                raise
            return page_of(pages, request)("over.html", status=404)
        answer = page_of(pages, request)("session.html", session=session)
        if left := session.task.seconds_left(now):
            # The page goes by itself when its time is over, also where no script runs.
            answer.headers["refresh"] = str(left + 1)
        return answer

    @post(f"{ROOT}/emergency/{{task:str}}/end", status_code=303)
    async def end_access(request: HttpRequest, task: FromPath[str]) -> Redirect:
        await end_emergency_access(store, _doctor(pages.asking(request)), task, now=clock())
        return Redirect(f"{ROOT}/emergency/{task}", status_code=303)

    return [show_desk, open_access, show_session, end_access]


def _reviews(pages: Pages, store: TrustStore, clock: Clock) -> list[HTTPRouteHandler]:
    @get(f"{ROOT}/reviews")
    async def show_queue(request: HttpRequest) -> Response[str]:
        queue = await read_queue(store, officer(pages.asking(request)), now=clock())
        return page_of(pages, request)("reviews.html", queue=queue, done=request.query_params.get("done", ""))

    @get(f"{ROOT}/reviews/{{task:str}}")
    async def show_case(request: HttpRequest, task: FromPath[str]) -> Response[str]:
        return await case(request, task, form={}, faults={})

    async def case(
        request: HttpRequest, task: str, *, form: Mapping[str, str], faults: object, status: int = 200
    ) -> Response[str]:
        shown = await read_case(store, officer(pages.asking(request)), task)
        return page_of(pages, request)(
            "review.html", status=status, case=shown, form=form, faults=faults, verdicts=tuple(Verdict)
        )

    @post(f"{ROOT}/reviews/{{task:str}}", status_code=303)
    async def send_review(request: HttpRequest, task: FromPath[str]) -> Response[str] | Redirect:
        form = await read_form(request, "verdict", "comment", "answer", "version")
        number = form["version"]
        review = ReviewForm(
            verdict=form["verdict"],
            comment=form["comment"],
            answer=form["answer"],
            version=int(number) if number.isascii() and number.isdigit() and len(number) <= 9 else 0,
        )
        try:
            await review_access(store, officer(pages.asking(request)), task, review, now=clock())
        except Refusal as refusal:
            return await case(request, task, form=form, faults=faults_of(refusal), status=422)
        return Redirect(f"{ROOT}/reviews?done={task}#done", status_code=303)

    return [show_queue, show_case, send_review]
