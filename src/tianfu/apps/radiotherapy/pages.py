"""What the pages of radiotherapy share: who may come, for which organisation, and what stands on every page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from litestar import Response

from tianfu.access.caller import Caller
from tianfu.apps.radiotherapy.speech import Speech
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Kind, SignedIn, refuse_unless_settled
from tianfu.web.admission import SIGNED_IN
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages

ROOT = "/radiotherapy"
DELIVERIES = f"{ROOT}/deliveries"
CASES = f"{ROOT}/cases"
WORKS = f"{ROOT}/works"

ROLE = "physicist"

Page = Callable[..., Response[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Physicist:
    """Who came, and the organisation whose cases are before him."""

    caller: Caller
    organisation: str


def physicist(request: HttpRequest) -> Physicist:
    """A physicist of an organisation; to everybody else these pages are not there."""
    signed_in = request.scope["state"].get(SIGNED_IN)
    if not isinstance(signed_in, SignedIn) or signed_in.account.kind is not Kind.STAFF:
        raise not_found()
    refuse_unless_settled(signed_in)
    organisation = signed_in.caller.organisation
    if signed_in.caller.role != ROLE or organisation is None:
        raise not_found()
    return Physicist(caller=signed_in.caller, organisation=organisation)


def not_found() -> Refusal:
    """What is not there, or not for the reader: nobody learns which."""
    return Refusal("not-found", next_step="start-again")


def page_of(pages: Pages, request: HttpRequest) -> Page:
    """Makes a page of this app: it says that nothing on it is for clinical use."""
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        always = {"root": ROOT, "speech": Speech(asking.language), "refused": None, "form": {}}
        return pages.page(f"radiotherapy/{template}", asking, status=status, **{**always, **values})

    return page
