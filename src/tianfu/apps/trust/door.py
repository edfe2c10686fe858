"""Who may open which page of trust, and how its pages and forms are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from litestar import Response

from tianfu.access.caller import Caller
from tianfu.access.purpose import Purpose
from tianfu.apps.trust.model.roles import OFFICER_ROLES
from tianfu.apps.trust.speech import Speech
from tianfu.kernel.instants import china_date
from tianfu.kernel.refusal import Refusal
from tianfu.web.asking import Asking, HttpRequest
from tianfu.web.pages import Pages

ROOT = "/trust"

FIELD_OF_REFUSAL = {"decision-missing": "decision", "institution-missing": "institution"}

FORM_REFUSALS = frozenset(
    {"emergency-unusable", "objection-unusable", "review-unusable", "trail-unusable", *FIELD_OF_REFUSAL}
)
"""Refusals that say what is wrong with a form: it is shown again with what was written."""


def page_of(pages: Pages, request: HttpRequest) -> Callable[..., Response[str]]:
    """A page of this app, with its way of speaking."""
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        always = {"root": ROOT, "speech": Speech(asking.language), "china_date": china_date, "faults": {}, "form": {}}
        return pages.page(f"trust/{template}", asking, status=status, **{**always, **values})

    return page


def entitled(asking: Asking, roles: frozenset[str], purpose: Purpose) -> Caller:
    """The caller of one of these roles, which has a rule for this purpose too.

    Raises Refusal: not-found for other roles, for whom the page does not exist, and purpose-not-allowed.
    """
    if asking.caller.role not in roles:
        raise not_found()
    if not asking.allows(purpose):
        raise Refusal("purpose-not-allowed", next_step="start-again")
    return asking.caller


def officer(asking: Asking) -> Caller:
    """Somebody who reviews and searches the trail; raises Refusal as `entitled` does."""
    return entitled(asking, OFFICER_ROLES, Purpose.OPERATIONS)


def not_found() -> Refusal:
    """What every page answers that does not exist for its reader."""
    return Refusal("not-found", next_step="start-again")


def faults_of(refusal: Refusal) -> Mapping[str, tuple[str, Mapping[str, str]]]:
    """What is wrong with each field, for a form that is shown again; raises what is not about a form."""
    if refusal.code not in FORM_REFUSALS:
        raise refusal
    faults = {fault.path: (f"fault.{fault.code}", fault.details) for fault in refusal.faults}
    return faults or {FIELD_OF_REFUSAL[refusal.code]: (f"refusal.{refusal.code}", {})}
