"""Who asks for a page, why, in which language, and how it should look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Request

from tianfu.access.caller import LOOPBACK, Caller
from tianfu.access.purpose import Purpose
from tianfu.web.languages import Language, choose_language
from tianfu.web.look import LANGUAGE_COOKIE, LOOK_COOKIE, Look

HttpRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """One request as an app may know it."""

    caller: Caller
    purpose: Purpose
    language: Language
    look: Look
    path: str
    query: tuple[tuple[str, str], ...]
    language_was_asked: bool

    @property
    def here(self) -> str:
        """The address of this page without the wish for a language."""
        return self.here_with()

    def here_with(self, **changes: str | Sequence[str]) -> str:
        """The address of this page with some query fields replaced; an empty value takes a field away."""
        kept = [pair for pair in self.query if pair[0] != "lang" and pair[0] not in changes]
        fields = [*kept, *((name, one) for name, value in changes.items() for one in _values(value) if one)]
        return f"{self.path}?{urlencode(fields)}" if fields else self.path


def _values(value: str | Sequence[str]) -> Sequence[str]:
    return [value] if isinstance(value, str) else value


def read_asking(request: HttpRequest, languages: Mapping[str, Language]) -> Asking:
    """Everything the request says about its reader.  The caller is this machine's user until people can sign in."""
    asked = request.query_params.get("lang")
    language = choose_language(
        languages,
        asked=asked,
        remembered=request.cookies.get(LANGUAGE_COOKIE),
        accepted=request.headers.get("accept-language", ""),
    )
    look = Look.remembered(request.cookies.get(LOOK_COOKIE))
    return Asking(
        caller=LOOPBACK,
        purpose=Purpose.PATIENT_REQUEST if look.density == "citizen" else Purpose.TREATMENT,
        language=language,
        look=look,
        path=request.url.path,
        query=tuple(request.query_params.multi_items()),
        language_was_asked=asked == language.tag,
    )
