"""The values a search compares with, typed by the kind of parameter; no text of a request goes further than this.

Dates, numbers and prefixes: https://hl7.org/fhir/R4/search.html#prefix .
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from tianfu.kernel.ids import FHIR_ID
from tianfu.kernel.instants import EARLIEST, LATEST, range_of
from tianfu.records.search.escapes import split, unescaped
from tianfu.records.search.refusals import malformed

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
PREFIXES: dict[str, Prefix] = {p: p for p in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")}

APPROXIMATELY = 0.1
"""`ap` means within a tenth: of the number, or of the distance between a date and now."""

NUMBER_MAX = Decimal("1e300")

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\Z")
"""Decimal would take underscores and the digits of every script as well."""

_SPACE_FOR_PLUS = re.compile(r"(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:\d\d)\Z")


@dataclass(frozen=True, slots=True)
class DateOperand:
    """A range of microseconds, both ends inclusive, and how to compare with it."""

    prefix: Prefix
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class NumberOperand:
    """A number with the range that its digits imply: `100` means 99.5 up to 100.5."""

    prefix: Prefix
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QuantityOperand:
    """A number with a unit; `system` None means any system, `unit` None means any unit."""

    number: NumberOperand
    system: str | None
    unit: str | None


@dataclass(frozen=True, slots=True)
class TokenOperand:
    """A coding; `system` None means any system, "" means no system; `code` None means any code of the system."""

    system: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class StringOperand:
    """Text as it was written."""

    text: str


@dataclass(frozen=True, slots=True)
class UriOperand:
    """An address as it was written."""

    uri: str


@dataclass(frozen=True, slots=True)
class ReferenceOperand:
    """A target: a bare logical id, or the literal text of a reference or address."""

    id: str | None
    literal: str | None
    type: str | None


@dataclass(frozen=True, slots=True)
class MissingOperand:
    """Whether the parameter must be without a value."""

    missing: bool


@dataclass(frozen=True, slots=True)
class CompositeOperand:
    """The values of a composite's components, in order."""

    parts: tuple[Operand, ...]


Operand = (
    DateOperand
    | NumberOperand
    | QuantityOperand
    | TokenOperand
    | StringOperand
    | UriOperand
    | ReferenceOperand
    | MissingOperand
    | CompositeOperand
)


def parse_missing(name: str, value: str) -> MissingOperand:
    """`true` or `false`."""
    if value not in {"true", "false"}:
        raise malformed(name, "true | false")
    return MissingOperand(value == "true")


def parse_date(name: str, value: str, *, now: int) -> DateOperand:
    """A prefix and a FHIR date; `ap` widens the range by a tenth of its distance to `now`."""
    prefix, rest = _prefixed(value)
    # A plus sign that was not percent-encoded arrives as a space, and nothing else can be meant.
    text = _SPACE_FOR_PLUS.sub(r"\1+\2", unescaped(rest).strip())
    try:
        low, high = range_of(text)
    except (ValueError, OverflowError) as error:
        raise malformed(name, "a-date") from error
    if prefix == "ap":
        margin = int(APPROXIMATELY * min(abs(now - low), abs(now - high)))
        return DateOperand(prefix, max(low - margin, EARLIEST), min(high + margin, LATEST))
    return DateOperand(prefix, low, high)


def parse_number(name: str, value: str) -> NumberOperand:
    """A prefix and a decimal number."""
    prefix, rest = _prefixed(value)
    if not _NUMBER.match(rest.strip()):
        raise malformed(name, "a-number")
    number = Decimal(rest.strip())
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or abs(number) > NUMBER_MAX or abs(exponent) > 300:
        raise malformed(name, "a-number")
    margin = abs(number) * Decimal(str(APPROXIMATELY)) if prefix == "ap" else Decimal((0, (5,), exponent - 1))
    low, high = float(number - margin), float(number + margin)
    if not all(map(math.isfinite, (low, high))):
        raise malformed(name, "a-number")
    return NumberOperand(prefix, float(number), low, high)


def parse_quantity(name: str, value: str) -> QuantityOperand:
    """`number`, `number|system|code` or `number||code`."""
    parts = split(value, "|")
    if len(parts) not in {1, 3}:
        raise malformed(name, "number or number|system|unit")
    number = parse_number(name, parts[0])
    if len(parts) == 1:
        return QuantityOperand(number, None, None)
    system, unit = (unescaped(part).strip() for part in parts[1:])
    if not unit and system:
        raise malformed(name, "number or number|system|unit")
    return QuantityOperand(number, system or None, unit or None)


def parse_token(name: str, value: str) -> TokenOperand:
    """`code`, `system|code`, `|code` or `system|`."""
    parts = [unescaped(part).strip() for part in split(value, "|")]
    if len(parts) > 2 or not any(parts):
        raise malformed(name, "code or system|code")
    if len(parts) == 1:
        return TokenOperand(None, parts[0])
    return TokenOperand(parts[0], parts[1] or None)


def parse_reference(name: str, value: str, *, target_type: str | None) -> ReferenceOperand:
    """A bare id, `Type/id`, or an address; `target_type` comes from a `:Type` modifier."""
    text = unescaped(value).strip()
    if FHIR_ID.match(text):
        return ReferenceOperand(text, None, target_type)
    if target_type is not None and not text.startswith(f"{target_type}/"):
        raise malformed(name, "an-id")
    if "/" not in text and ":" not in text:
        raise malformed(name, "an-id, Type/id or an address")
    return ReferenceOperand(None, text, target_type)


def parse_string(name: str, value: str) -> StringOperand:
    """Text that is more than spaces."""
    text = unescaped(value)
    if not text.strip():
        raise malformed(name, "a-value")
    return StringOperand(text)


def parse_uri(name: str, value: str) -> UriOperand:
    """An address, compared by its characters."""
    text = unescaped(value).strip()
    if not text:
        raise malformed(name, "an-address")
    return UriOperand(text)


def _prefixed(value: str) -> tuple[Prefix, str]:
    prefix = PREFIXES.get(value[:2])
    return ("eq", value) if prefix is None else (prefix, value[2:])
