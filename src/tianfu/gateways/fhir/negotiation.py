"""What a client sends and what it takes: formats, preferences, versions.

Mime types and `_format`: https://hl7.org/fhir/R4/http.html#mime-type .  Prefer: RFC 7240.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Literal

from tianfu.kernel.refusal import Refusal
from tianfu.records.write import ANY_VERSION

FHIR_JSON = b"application/fhir+json; charset=utf-8"
FORM = "application/x-www-form-urlencoded"

_TAKEN = frozenset({"application/fhir+json", "application/json", "text/json"})
_OFFERED = _TAKEN | {"*/*", "application/*", "text/*", "json"}
_VERSIONS = frozenset({"", "4.0", "4.0.1"})
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"\Z')

Representation = Literal["minimal", "representation", "OperationOutcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What a client would rather have; `representation` None leaves it to the interaction."""

    representation: Representation | None = None
    strict: bool = True


@lru_cache(maxsize=256)
def refuse_unless_json_is_taken(accept: str) -> None:
    """Raise Refusal unless an Accept header (or a `_format`) lets us answer in FHIR JSON."""
    if not accept.strip():
        return
    for part in accept.split(","):
        kind, _, parameters = part.partition(";")
        if kind.strip().lower() not in _OFFERED:
            continue
        values = _parameters(parameters)
        if values.get("fhirversion", "") in _VERSIONS and values.get("q", "1") not in {"0", "0.0", "0.00", "0.000"}:
            return
    raise Refusal("format-not-offered", next_step="ask-for-fhir-json")


@lru_cache(maxsize=256)
def refuse_unless_json_is_sent(content_type: str) -> None:
    """Raise Refusal unless a body is declared to be FHIR JSON in UTF-8."""
    kind, _, parameters = content_type.partition(";")
    values = _parameters(parameters)
    is_json = kind.strip().lower() in _TAKEN
    is_utf8 = values.get("charset", "utf-8").lower() in {"utf-8", "utf8"}
    if not is_json or not is_utf8 or values.get("fhirversion", "") not in _VERSIONS:
        raise Refusal("format-not-taken", next_step="send-fhir-json")


def is_form(content_type: str) -> bool:
    """Whether a body is declared to be a form."""
    return content_type.partition(";")[0].strip().lower() == FORM


def _parameters(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";") if "=" in part)
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


@lru_cache(maxsize=256)
def preferences_of(prefer: str) -> Preferences:
    """The preferences in a Prefer header; what is not understood is no preference."""
    representation: Representation | None = None
    strict = True
    for part in re.split(r"[,;]", prefer):
        match part.strip().replace(" ", "").replace('"', ""):
            case "return=minimal":
                representation = "minimal"
            case "return=OperationOutcome":
                representation = "OperationOutcome"
            case "return=representation":
                representation = "representation"
            case "handling=lenient":
                strict = False
            case "handling=strict":
                strict = True
            case _:
                continue
    return Preferences(representation=representation, strict=strict)


def etag(version: int) -> bytes:
    """The weak entity tag of a version."""
    return b'W/"%d"' % version


def expected_version(if_match: str) -> int | None:
    """The version that an If-Match header asks for, ANY_VERSION for `*`; None without the header."""
    text = if_match.strip()
    if not text:
        return None
    if text == "*":
        return ANY_VERSION
    match = _ETAG.match(text)
    if match is None:
        raise Refusal("header-malformed", details={"header": "If-Match"})
    return int(match[1])


def has_this_version(if_none_match: str, version: int) -> bool:
    """Whether an If-None-Match header names the version, or any."""
    tags = [part.strip() for part in if_none_match.split(",")]
    return "*" in tags or any((match := _ETAG.match(tag)) is not None and int(match[1]) == version for tag in tags)


def http_date(instant: int) -> bytes:
    """An instant as an HTTP date (RFC 9110, section 5.6.7)."""
    return _http_date_of_second(instant // 1_000_000)


@lru_cache(maxsize=4_096)
def _http_date_of_second(second: int) -> bytes:
    return format_datetime(datetime.fromtimestamp(second, UTC), usegmt=True).encode()


def is_unchanged_since(if_modified_since: str, changed_at: int) -> bool:
    """Whether nothing changed after the second that an If-Modified-Since header names."""
    try:
        since = parsedate_to_datetime(if_modified_since)
    except ValueError:
        return False
    if since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return changed_at // 1_000_000 <= int(since.timestamp())
