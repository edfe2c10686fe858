"""Who asks for a page, why, in which language, and how it should look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Request

from tianfu.access.caller import NOBODY, Caller
from tianfu.access.purpose import Purpose
from tianfu.web.callers import Admitted
from tianfu.web.languages import Language, choose_language, choose_tongue
from tianfu.web.look import LANGUAGE_COOKIE, LOOK_COOKIE, Look
from tianfu.web.news import News

HttpRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request as an app may know it; `purposes` are those for which his role has rules.

    `tongue` is the language without a catalogue that its reader chose, empty if none.
    """

    caller: Caller
    purpose: Purpose
    purposes: tuple[Purpose, ...]
    language: Language
    look: Look
    path: str
    query: tuple[tuple[str, str], ...]
    language_was_asked: bool
    news: tuple[News, ...] = ()
    tongue: str = ""

    def waiting_at(self, place: str) -> int:
        """How much waits for the reader at one of his places."""
        return sum(each.count for each in self.news if each.place == place)

    @property
    def here(self) -> str:
        """The address of this page without the wish for a language."""
        return self.here_with()

    def here_with(self, **changes: str | Sequence[str]) -> str:
        """The address of this page with some query fields replaced; an empty value takes a field away."""
        kept = [pair for pair in self.query if pair[0] != "lang" and pair[0] not in changes]
        fields = [*kept, *((name, one) for name, value in changes.items() for one in _values(value) if one)]
        return f"{self.path}?{urlencode(fields)}" if fields else self.path

    def allows(self, purpose: Purpose) -> bool:
        """Whether the reader was let in for this purpose too; a page that asks for another must look first."""
        return purpose in self.purposes


def _values(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


ADMITTED = "admitted"
"""Where a request's state keeps who was let in."""


NEWS = "news"
"""Where a request's state keeps what waits for its reader."""


def likely_density(caller: Caller) -> str:
    """How a page looks for whoever has chosen nothing: made for residents, if he is one or may be one."""
    return "citizen" if caller is NOBODY or caller.role == "citizen" else "clinician"


def likely_purpose(look: Look) -> Purpose:
    """Why somebody unknown opens a page that is open to all: a look made for residents is a resident's."""
    return Purpose.PATIENT_REQUEST if look.density == "citizen" else Purpose.TREATMENT


def read_asking(request: HttpRequest, languages: Mapping[str, Language]) -> Asking:
    """Everything the request says about its reader; on a page that is open to all the caller is nobody."""
    admitted: Admitted | None = request.scope["state"].get(ADMITTED)
    asked = request.query_params.get("lang")
    remembered, accepted = request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", "")
    language = choose_language(languages, asked=asked, remembered=remembered, accepted=accepted)
    tongue = choose_tongue(languages, asked=asked, remembered=remembered, accepted=accepted)
    caller = NOBODY if admitted is None else admitted.caller
    look = Look.remembered(request.cookies.get(LOOK_COOKIE), density=likely_density(caller))
    return Asking(
        caller=caller,
        purpose=likely_purpose(look) if admitted is None else admitted.purpose,
        purposes=() if admitted is None else admitted.purposes,
        language=language,
        look=look,
        path=request.url.path,
        query=tuple(request.query_params.multi_items()),
        language_was_asked=asked is not None and asked == (tongue or language.tag),
        tongue=tongue,
        news=tuple(request.scope["state"].get(NEWS, ())),
    )
