"""What the pages of newborn visits share: who may come, and what an address says was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlencode

from litestar import Response
from litestar.response import Redirect

from tianfu.apps.newborn.voices import Voice
from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.people import Kind, SignedIn, refuse_unless_settled
from tianfu.web.admission import SIGNED_IN
from tianfu.web.asking import HttpRequest
from tianfu.web.pages import Pages

ROOT = "/newborn"
DESK = "/newborn/desk"

HEADS = frozenset({"护士长", "head nurse"})
"""The titles of whoever sets windows and policies; given by the security administrator. [inferred]"""

CAMERA_HERE = {"permissions-policy": "camera=(self), geolocation=(), microphone=()"}
"""The Permissions-Policy of a page that reads codes."""

VOICE_HERE = {"permissions-policy": "camera=(), geolocation=(), microphone=(self)"}
"""The same of a page from which somebody speaks to a family."""

CART_HERE = {"permissions-policy": "camera=(self), geolocation=(), microphone=(self)"}
"""The same of a page that stands for a camera, whose microphone a nurse may turn on."""

Page = Callable[..., Response[str]]


def page_of(pages: Pages, request: HttpRequest, voice: Voice | None = None, *, here: str = "") -> Page:
    """Render a template of this app for a request; with a voice as it speaks, and then the device remembers it.

    `here` is the page's own address, where it answers a form that was sent to another.
    """
    asking = pages.asking(request)
    if here:
        asking = replace(asking, path=here)
    if voice is not None and voice.chosen != (asking.tongue or asking.language.tag):
        asking = replace(asking, language=voice.language, tongue=voice.tongue, language_was_asked=True)

    def page(template: str, *, status: int = 200, **values: object) -> Response[str]:
        said: dict[str, object] = {
            "voice": voice,
            "faults": {},
            "form": {},
            "refused": "",
            "done": request.query_params.get("done", ""),
            **values,
        }
        return pages.page(f"newborn/{template}", asking, status=status, **said)

    return page


def resident(request: HttpRequest) -> SignedIn:
    """A resident who signed in; to everybody else these pages are not there."""
    return _of_kind(request, Kind.RESIDENT)


def nurse_or_doctor(request: HttpRequest) -> SignedIn:
    """Staff of a ward; to everybody else these pages are not there."""
    signed_in = _of_kind(request, Kind.STAFF)
    if signed_in.caller.role not in {"nurse", "doctor"}:
        raise _not_found()
    return signed_in


def doctor(request: HttpRequest) -> SignedIn:
    """A doctor of any house; to everybody else these pages are not there."""
    signed_in = nurse_or_doctor(request)
    if signed_in.caller.role != "doctor":
        raise _not_found()
    return signed_in


def nurse(request: HttpRequest) -> SignedIn:
    """A nurse; to everybody else these pages are not there."""
    signed_in = nurse_or_doctor(request)
    if signed_in.caller.role != "nurse":
        raise _not_found()
    return signed_in


def head_nurse(request: HttpRequest) -> SignedIn:
    """The head nurse of a ward; to everybody else these pages are not there."""
    signed_in = nurse(request)
    if not is_head(signed_in):
        raise _not_found()
    return signed_in


def administrator(request: HttpRequest) -> SignedIn:
    """A system administrator; to everybody else these pages are not there."""
    signed_in = _of_kind(request, Kind.STAFF)
    if signed_in.workplace is None or signed_in.workplace.role != "administrator":
        raise _not_found()
    refuse_unless_settled(signed_in)
    return signed_in


def is_head(signed_in: SignedIn) -> bool:
    """Whether somebody sets windows and policies."""
    place = signed_in.workplace
    return place is not None and place.role == "nurse" and (place.title or "").strip().casefold() in HEADS


def led(address: str, **said: str) -> Redirect:
    """On to a page after something was done."""
    return Redirect(f"{address}?{urlencode(said)}" if said else address, status_code=303)


def faults_of(refusal: Refusal) -> Mapping[str, str]:
    """What is wrong with each field, as keys of phrases."""
    return {fault.path: f"newborn.fault-{fault.code}" for fault in refusal.faults}


def _of_kind(request: HttpRequest, kind: Kind) -> SignedIn:
    signed_in = request.scope["state"].get(SIGNED_IN)
    if not isinstance(signed_in, SignedIn) or signed_in.account.kind is not kind:
        raise _not_found()
    return signed_in


def _not_found() -> Refusal:
    return Refusal("not-found", next_step="start-again")
