"""What all pages of administrators share: who came, how a page is made, and how a refusal stands beside its field."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from litestar import Response

from tianfu.apps.administration.ports import House, signed_in_of
from tianfu.apps.administration.speech import Speech
from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.lifetimes import is_fresh
from tianfu.services.accounts.model.people import SignedIn
from tianfu.web.admission import prove_at
from tianfu.web.asking import HttpRequest
from tianfu.web.outcome import OTHERWISE
from tianfu.web.pages import Pages

ROOT = "/administration"

Faults = Mapping[str, tuple[str, Mapping[str, str]]]
"""What is wrong, by field: the key of its sentence, and what fills the blanks."""

FIELD_OF_REFUSAL: Mapping[str, str] = {
    "number-malformed": "number",
    "number-taken": "number",
    "record-unknown": "practitioner",
    "organisation-unknown": "organisation",
    "organisation-closed": "organisation",
    "not-below-you": "organisation",
    "role-not-given": "role",
    "two-offices": "role",
    "office-stands-alone": "role",
    "appointed-already": "role",
    "appointing-not-yours": "send",
    "appointing-oneself": "send",
    "proof-too-old": "send",
    "version-conflict": "send",
    "workplace-unknown": "send",
    "unit-is-own": "send",
    "unit-has-units": "send",
    "unit-has-staff": "send",
    "unit-closed-already": "send",
}
"""Refusals that say what is wrong with a form: it is shown again with what was typed."""

FORM_REFUSALS = frozenset({"post-unusable", "unit-unusable"})
FIELDS = (
    "name",
    "number",
    "organisation",
    "to",
    "kind",
    "role",
    "title",
    "licence",
    "practising_since",
    "practitioner",
    "send",
)
"""The order in which a summary lists what is wrong: that of the fields on a page."""


def came(request: HttpRequest, role: str) -> SignedIn:
    """Who signed in, in this role; raises Refusal as `signed_in_of` does."""
    return signed_in_of(request.scope["state"], role)


def page_of(pages: Pages, request: HttpRequest, house: House, by: SignedIn) -> Callable[..., Response[str]]:
    """Makes a page of this app, with its way of speaking and whether the last proof is fresh."""
    asking = pages.asking(request)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        always = {
            "root": ROOT,
            "speech": Speech(asking.language),
            "by": by,
            "faults": {},
            "form": {},
            "fields": FIELDS,
            "is_fresh": is_fresh(by.proved_at, house.clock()),
            "prove": prove_at(asking.here),
        }
        return pages.page(f"administration/{template}", asking, status=status, **{**always, **values})

    return page


def known(text: str) -> str:
    """An id as it stands in an address; raises Refusal `not-found` for what can be none."""
    if not FHIR_ID.match(text):
        raise Refusal("not-found", next_step="start-again")
    return text


def faults_of(refusal: Refusal) -> Faults:
    """What is wrong with each field, for a form that is shown again; raises what is not about a form."""
    if refusal.code in FORM_REFUSALS:
        return {fault.path: (f"fault.{fault.code}", fault.details) for fault in refusal.faults}
    if refusal.code not in FIELD_OF_REFUSAL:
        raise refusal
    return {FIELD_OF_REFUSAL[refusal.code]: (f"refusal.{refusal.code}", refusal.details)}


def version_in(text: str) -> int:
    """The version that a form was made from; 0, which none has, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0


WRONG = OTHERWISE
"""The status of a form that is shown again."""
