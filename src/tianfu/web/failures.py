"""Errors as pages: what happened, what was kept, what to do next, and a number that is also in the log."""

from __future__ import annotations

import secrets
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from litestar import Response
from litestar.exceptions import HTTPException

from tianfu.kernel.refusal import Refusal
from tianfu.web.asking import Asking, HttpRequest
from tianfu.web.outcome import STATUSES, status_of
from tianfu.web.pages import Pages

REFERENCE_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""No 0, 1, I, O: the number is read out on the telephone."""

_CODE_OF_STATUS: Mapping[int, str] = {403: "not-allowed", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}

PLACES_MAX = 12
"""So many innermost places of an error are logged."""

_log = structlog.get_logger("tianfu.web")


def new_reference() -> str:
    """A number such as `7F3K-2Q`: thirty bits, enough to find a line in a week's log."""
    letters = "".join(secrets.choice(REFERENCE_LETTERS) for _ in range(6))
    return f"{letters[:4]}-{letters[4:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Help:
    """A way on from a refusal: a sentence, the words of a button (both keys of phrases), and where it leads."""

    key: str
    button: str
    address: str


class Failures:
    """Turns whatever went wrong into a page and a line in the log."""

    def __init__(self, pages: Pages, helps: Sequence[Callable[[Asking, Refusal], Help | None]] = ()) -> None:
        self._pages = pages
        self._helps = tuple(helps)

    def refused(self, request: HttpRequest, refusal: Refusal) -> Response[str]:
        """A refusal: the app knew what it would not do."""
        status = status_of(refusal)
        reference = new_reference()
        _log.warning("request_refused", reference=reference, status=status, code=refusal.code, route=_route(request))
        return self._page(request, refusal, status, reference, retry_after(refusal))

    def http_error(self, request: HttpRequest, error: HTTPException) -> Response[str]:
        """An address, method or size that the site does not take."""
        code = error.detail if error.detail in STATUSES else _CODE_OF_STATUS.get(error.status_code, "not-understood")
        reference = new_reference()
        _log.info("request_not_taken", reference=reference, status=error.status_code, code=code, route=_route(request))
        return self._page(request, Refusal(code, next_step="start-again"), error.status_code, reference, error.headers)

    def unexpected(self, request: HttpRequest, error: Exception) -> Response[str]:
        """A mistake of ours; the log gets the kind of error and its places, never its words or values."""
        reference = new_reference()
        places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        kind = type(error).__name__
        _log.error(
            "request_failed", reference=reference, route=_route(request), error=kind, places=places[-PLACES_MAX:]
        )
        refusal = Refusal("unexpected", kept="nothing-changed-by-reading", next_step="try-again-later", retryable=True)
        return self._page(request, refusal, 500, reference)

    def _page(
        self,
        request: HttpRequest,
        refusal: Refusal,
        status: int,
        reference: str,
        headers: Mapping[str, str] | None = None,
    ) -> Response[str]:
        asking = self._pages.asking(request)
        ways = [way for help_after in self._helps if (way := help_after(asking, refusal))]
        answer = self._pages.page(
            "web/failure.html", asking, status=status, refusal=refusal, reference=reference, ways=ways
        )
        answer.headers.update(headers or {})
        return answer


def retry_after(refusal: Refusal) -> Mapping[str, str]:
    """The header that says when to come again (RFC 9110, section 10.2.3), for a refusal that knows it."""
    return {"retry-after": refusal.details["seconds"]} if refusal.code == "too-many-requests" else {}


def _route(request: HttpRequest) -> str:
    """The route's pattern, never the address itself: an id in a log line is one too many."""
    return str(request.scope.get("path_template", ""))
