"""How primitive values are written.  https://hl7.org/fhir/R4/datatypes.html#primitive

One pattern per type, used by the quick check and by the walk alike, so that both draw the same line.
The day patterns know the calendar: 2023-02-29 does not match.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

STRING_LENGTH_MAX = 1_048_576
"""https://hl7.org/fhir/R4/datatypes.html#string : one MiB, counted in characters."""

ID = r"[A-Za-z0-9\-.]{1,64}"

_YEAR = r"(?!0000)[0-9]{4}"
_MONTH = r"(?:0[1-9]|1[0-2])"
_LEAP_YEAR = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    rf"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    rf"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

_VISIBLE = r"[^\s\x00-\x1f]"
r"""What words are made of: `\S` alone would let control characters pass."""

_WORD = rf"\A{_VISIBLE}+\Z"

_GAP = r"[ \t\r\n]*+"
_SIXTY_FOUR = rf"[A-Za-z0-9+/]{_GAP}"

PATTERNS: dict[str, str] = {
    "base64Binary": (
        rf"\A{_GAP}(?=[A-Za-z0-9+/])(?:(?:{_SIXTY_FOUR}){{4}})*+"
        rf"(?:(?:{_SIXTY_FOUR}){{2}}={_GAP}=|(?:{_SIXTY_FOUR}){{3}}=)?{_GAP}\Z"
    ),
    "canonical": _WORD,
    "code": rf"\A{_VISIBLE}++(?: {_VISIBLE}++)*+\Z",
    "date": rf"\A(?:{_DAY}|{_YEAR}(?:-{_MONTH})?)\Z",
    "dateTime": rf"\A(?:{_DAY}(?:T{_TIME}{_ZONE})?|{_YEAR}(?:-{_MONTH})?)\Z",
    "id": rf"\A{ID}\Z",
    "instant": rf"\A{_DAY}T{_TIME}{_ZONE}\Z",
    "oid": r"\Aurn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+\Z",
    "time": rf"\A{_TIME}\Z",
    "uri": _WORD,
    "url": _WORD,
    "uuid": r"\Aurn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z",
}
"""Types of JSON string that have a form of their own; `string`, `markdown` and `xhtml` are free text."""

INTEGER_MAX = 2_147_483_647
RANGES: dict[str, tuple[int, int]] = {
    "integer": (-INTEGER_MAX - 1, INTEGER_MAX),
    "positiveInt": (1, INTEGER_MAX),
    "unsignedInt": (0, INTEGER_MAX),
}

_FORBIDDEN_CHARACTER = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DAY_SHAPE = re.compile(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T|\Z)")
_REAL_DAY = re.compile(rf"\A{_DAY}")


class Wrong(NamedTuple):
    """Why a primitive is not accepted."""

    code: str
    details: dict[str, str]


Check = Callable[[object], Wrong | None]


def check_of(type_: str) -> Check:
    """The check of a primitive type, explaining what is wrong."""
    if type_ == "boolean":
        return _boolean
    if type_ == "decimal":
        return _decimal
    if type_ in RANGES:
        return _integer_check(type_)
    return _text_check(type_)


def _boolean(value: object) -> Wrong | None:
    return None if type(value) is bool else Wrong("type-wrong", {"expected": "boolean"})


def _decimal(value: object) -> Wrong | None:
    return None if type(value) in (int, float) else Wrong("type-wrong", {"expected": "decimal"})


def _integer_check(type_: str) -> Check:
    low, high = RANGES[type_]

    def check(value: object) -> Wrong | None:
        if type(value) is not int:
            return Wrong("type-wrong", {"expected": type_})
        if not low <= value <= high:
            return Wrong("number-out-of-range", {"low": str(low), "high": str(high)})
        return None

    return check


def _text_check(type_: str) -> Check:
    pattern = re.compile(PATTERNS[type_]).search if type_ in PATTERNS else None

    def check(value: object) -> Wrong | None:
        if type(value) is not str:
            return Wrong("type-wrong", {"expected": type_})
        if not value:
            return Wrong("string-empty", {})
        if pattern is not None:
            return None if pattern(value) else _wrong_format(type_, value)
        if len(value) > STRING_LENGTH_MAX and type_ != "xhtml":
            return Wrong("string-too-long", {"length_max": str(STRING_LENGTH_MAX)})
        if _FORBIDDEN_CHARACTER.search(value):
            return Wrong("control-character", {})
        return None

    return check


def _wrong_format(type_: str, value: str) -> Wrong:
    if type_ in ("date", "dateTime", "instant") and _DAY_SHAPE.match(value) and not _REAL_DAY.match(value):
        return Wrong("date-impossible", {})
    return Wrong("format-wrong", {"expected": type_})
