"""The page on which a person lets a program in, or does not (OAuth 2.1, section 4.1.1; SMART App Launch 2.2).

There are two answers of equal weight and none is chosen beforehand.  The page can be put into no frame, its form goes
to nobody but us, and it is bound to the session that it was made for.

Whoever must sign in first comes back by `CONTINUED_PATH`.  Browsers hold the form by which he signed in to the
`form-action` of its page through every redirect that follows (CSP 3, section 6.4.1), and that page knows nothing of
programs: so from there a program is answered by a page that leads on, which is no part of the form's way.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect

from tianfu.access.caller import NOBODY, Caller
from tianfu.gateways.smart.metadata import AUTHORISE_PATH
from tianfu.gateways.smart.ports import Choice, PatientChoices, WhoIsHere
from tianfu.gateways.smart.programs_routes import programs_routes
from tianfu.gateways.smart.speech import lines_of
from tianfu.kernel.instants import Clock, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import SignedIn
from tianfu.services.accounts.oauth.authorising import Authorising, Proposal, RefusedToProgram
from tianfu.services.accounts.oauth.clients import Clients
from tianfu.services.accounts.oauth.launches import Launches
from tianfu.services.accounts.oauth.model.freshness import must_prove
from tianfu.services.accounts.oauth.model.redirects import form_target, place_of_redirect
from tianfu.services.accounts.oauth.permitted import Permitted
from tianfu.web.admission import OPEN_FORM
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages
from tianfu.web.protection import CONTENT_SECURITY_POLICY
from tianfu.web.site import App

APPROVAL = "smart approval"
"""What a sealed request is good for: this page's form alone."""

CONTINUED = "smart continued"
"""What a sealed request is good for that waits for its person to sign in: going on with it."""

APPROVAL_PATH = f"{AUTHORISE_PATH}/answer"

CONTINUED_PATH = f"{AUTHORISE_PATH}/continued"

FIELDS_MAX = 50

Fields = list[tuple[str, str]]

_UNKEPT = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """What the page stands on."""

    authorising: Authorising
    who: WhoIsHere
    people: PatientChoices
    permitted: Permitted
    clients: Clients
    launches: Launches
    clock: Clock


def smart(approvals: Approvals) -> App:
    """The pages as the site takes them."""
    return App(name="smart", folder=Path(__file__).parent, places=(), routes=lambda pages: _routes(pages, approvals))


def _routes(pages: Pages, approvals: Approvals) -> list[HTTPRouteHandler]:
    page = _ApprovalPage(pages, approvals)

    @get(AUTHORISE_PATH, opt=dict(OPEN_FORM))
    async def show_request(request: HttpRequest) -> Response[str] | Redirect:
        return await page.show(request, list(request.query_params.multi_items()))

    @post(AUTHORISE_PATH, status_code=200, opt=dict(OPEN_FORM))
    async def show_posted_request(request: HttpRequest) -> Response[str] | Redirect:
        return await page.show(request, await _fields(request))

    @get(CONTINUED_PATH, opt=dict(OPEN_FORM))
    async def go_on(request: HttpRequest) -> Response[str] | Redirect:
        return await page.go_on(request)

    @post(APPROVAL_PATH, status_code=303, opt=dict(OPEN_FORM))
    async def answer_request(request: HttpRequest) -> Response[str] | Redirect:
        return await page.answer(request, await _fields(request))

    programs = programs_routes(
        pages, approvals.who, approvals.people, approvals.permitted, approvals.clients, approvals.launches
    )
    return [show_request, show_posted_request, go_on, answer_request, *programs]


class _ApprovalPage:
    def __init__(self, pages: Pages, approvals: Approvals) -> None:
        self._pages = pages
        self._authorising = approvals.authorising
        self._who = approvals.who
        self._people = approvals.people
        self._clock = approvals.clock

    async def show(self, request: HttpRequest, fields: Fields) -> Response[str] | Redirect:
        """The request in plain words, or the way to where somebody signs in first."""
        asked = [(name, value) for name, value in fields if name != "lang"]
        try:
            return await self._shown(request, asked, sent_at=None)
        except RefusedToProgram as refused:
            return _away(refused.address)

    async def go_on(self, request: HttpRequest) -> Response[str] | Redirect:
        """The same after somebody signed in for it; raises Refusal for an address that is not ours or too old."""
        sealed = self._pages.sealer.open(CONTINUED, request.query_params.get("request", ""))
        asked: Fields = [(name, value) for name, value in json.loads(sealed["fields"])]
        try:
            return await self._shown(request, asked, sent_at=Instant(int(sealed["sent_at"])))
        except RefusedToProgram as refused:
            return self._back_page(request, refused.address)

    async def _shown(self, request: HttpRequest, asked: Fields, *, sent_at: Instant | None) -> Response[str] | Redirect:
        signed_in = await self._who.signed_in(request)
        proposal = await self._authorising.propose(signed_in, asked)
        if signed_in is None:
            return await self._to_entrance(NOBODY, proposal, asked, again=False)
        proved_at, now = signed_in.proved_at, self._clock()
        if must_prove(proposal.request, proved_at=proved_at, sent_at=sent_at, now=now):
            return await self._to_entrance(signed_in.caller, proposal, asked, again=True)
        if proposal.request.is_silent:
            raise await self._authorising.told_program(
                signed_in.caller, proposal, "oauth-approval-needed", "prompt-none"
            )
        return await self._page(request, signed_in, proposal, asked, fault="")

    async def answer(self, request: HttpRequest, fields: Fields) -> Response[str] | Redirect:
        """Carry out what the person decided; raises Refusal for a form that is not his or not whole."""
        sent = dict(fields)
        sealed = self._pages.sealer.open(APPROVAL, sent.get("request", ""))
        signed_in = await self._who.signed_in(request)
        if signed_in is None or signed_in.session != sealed["session"]:
            # Made for another session: somebody else may have signed in at this browser since.
            raise Refusal("oauth-page-not-yours", next_step="start-again")
        asked: Fields = [(name, value) for name, value in json.loads(sealed["fields"])]
        try:
            proposal = await self._authorising.propose(signed_in, asked)
            match sent.get("decision"):
                case "permit":
                    return await self._permit(request, signed_in, proposal, asked, sent.get("patient", ""))
                case "deny":
                    return _away(await self._authorising.deny(signed_in, proposal))
                case _:
                    return await self._page(request, signed_in, proposal, asked, fault="decision")
        except RefusedToProgram as refused:
            return _away(refused.address)

    async def _permit(
        self, request: HttpRequest, signed_in: SignedIn, proposal: Proposal, fields: Fields, patient: str
    ) -> Response[str] | Redirect:
        if proposal.needs_patient:
            choices = await self._people.of(signed_in)
            if len(choices) > 1 and not patient:
                return await self._page(request, signed_in, proposal, fields, fault="patient")
            chosen = choices[0].patient if len(choices) == 1 else patient
            if chosen not in {each.patient for each in choices}:
                raise Refusal("not-found", next_step="start-again")
            return _away(await self._authorising.approve(signed_in, proposal, patient=chosen))
        if proposal.patient is not None and await self._people.may_see(signed_in, proposal.patient) is None:
            raise Refusal("not-found", next_step="start-again")
        return _away(await self._authorising.approve(signed_in, proposal, patient=None))

    async def _page(
        self, request: HttpRequest, signed_in: SignedIn, proposal: Proposal, fields: Fields, *, fault: str
    ) -> Response[str]:
        if not signed_in.is_settled:
            raise Refusal("oauth-second-factor-needed", next_step="start-again")
        choices = await self._choices(signed_in, proposal)
        asking = self._pages.asking(request)
        sealed = self._pages.sealer.seal(APPROVAL, {"session": signed_in.session, "fields": json.dumps(fields)})
        answer = self._pages.page(
            "smart/approval.html",
            asking,
            status=422 if fault else 200,
            program=proposal.client.name,
            goes_to=place_of_redirect(proposal.request.redirect),
            lines=lines_of(proposal.scopes, asking.language),
            choices=choices,
            sealed=sealed,
            fault=fault,
            action=APPROVAL_PATH,
        )
        # Browsers hold an answer to a form to `form-action` too, and this one leads to the program.
        target = f"form-action 'self' {form_target(proposal.request.redirect)}"
        answer.headers["content-security-policy"] = CONTENT_SECURITY_POLICY.replace("form-action 'self'", target)
        return answer

    async def _choices(self, signed_in: SignedIn, proposal: Proposal) -> Sequence[Choice]:
        if proposal.patient is not None:
            name = await self._people.may_see(signed_in, proposal.patient)
            if name is None:
                raise Refusal("not-found", next_step="start-again")
            return [Choice(patient=proposal.patient, name=name)]
        if not proposal.needs_patient:
            return []
        choices = await self._people.of(signed_in)
        if not choices:
            raise await self._authorising.told_program(
                signed_in.caller, proposal, "oauth-patient-missing", "nobody-to-choose"
            )
        return choices

    async def _to_entrance(self, caller: Caller, proposal: Proposal, fields: Fields, *, again: bool) -> Redirect:
        if proposal.request.is_silent:
            raise await self._authorising.told_program(caller, proposal, "oauth-sign-in-needed", "prompt-none")
        waiting = {"fields": json.dumps(fields), "sent_at": str(self._clock())}
        onward = f"{CONTINUED_PATH}?{urlencode({'request': self._pages.sealer.seal(CONTINUED, waiting)})}"
        return _away(self._who.entrance(onward, again=again))

    def _back_page(self, request: HttpRequest, address: str) -> Response[str]:
        """A page that leads on to the program by itself, and by a link where a browser does not."""
        asking, place = self._pages.asking(request), place_of_redirect(address)
        page = self._pages.page("smart/back.html", asking, address=address, goes_to=place)
        page.headers.update({"refresh": f"0; url={address}", **_UNKEPT})
        return page


def _away(address: str) -> Redirect:
    """Send the browser on; neither the answer nor where it led is kept."""
    return Redirect(address, status_code=303, headers=_UNKEPT)


async def _fields(request: HttpRequest) -> Fields:
    """The fields of a form in their order; a file among them is no text and is passed over."""
    sent = await request.form()
    return [(name, value) for name, value in sent.multi_items() if isinstance(value, str)][:FIELDS_MAX]
