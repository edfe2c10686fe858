"""Reading FHIR elements that may be anything: what has not the form that R4 gives it counts as not there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from tianfu.access.purpose import Purpose
from tianfu.access.relation import FOR_EVER
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import DAY, range_of

_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})\Z")

Element = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The record that a local reference points to."""

    type: str
    number: int


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` until before `until`, in UTC microseconds; None where a period is open."""

    since: int | None
    until: int | None

    def and_days(self, days: int) -> Span:
        """The same, ending so many days later."""
        return Span(self.since, None if self.until is None else self.until + days * DAY)

    def at_most_days(self, days: int) -> Span:
        """The same, ending at the latest so many days after its start, which it must have."""
        latest = (self.since or 0) + days * DAY
        return Span(self.since, latest if self.until is None else min(self.until, latest))

    def within(self, other: Span) -> Span:
        """The time that both cover; perhaps none."""
        since = max((each for each in (self.since, other.since) if each is not None), default=None)
        until = min((each for each in (self.until, other.until) if each is not None), default=None)
        return Span(since, until)

    @property
    def first(self) -> int:
        """The start as a relation holds it."""
        return 0 if self.since is None else self.since

    @property
    def end(self) -> int:
        """The end as a relation holds it."""
        return FOR_EVER if self.until is None else self.until

    @property
    def is_empty(self) -> bool:
        return self.first >= self.end


ALWAYS = Span(None, None)


def items(value: object) -> list[Any]:
    """The list, whatever is in it; an empty one if it is none."""
    return value if isinstance(value, list) else []


def elements(value: object) -> list[Element]:
    """The objects of a list; none if it is no list."""
    return [each for each in items(value) if isinstance(each, dict)]


def element(value: object) -> Element:
    """The object; an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def local(value: object) -> Target | None:
    """The record that a Reference names as `Type/id`, or None: an address elsewhere opens nothing here."""
    text = element(value).get("reference")
    parts = _LOCAL.match(text) if isinstance(text, str) else None
    return None if parts is None else Target(parts[1], record_number(parts[1], parts[2]))


def coded(value: object) -> set[tuple[str, str]]:
    """System and code of each coding of a CodeableConcept."""
    return {pair for each in elements(element(value).get("coding")) if (pair := coding(each)) is not None}


def coding(value: Element) -> tuple[str, str] | None:
    """System and code of a Coding, or None if it has not both."""
    system, code = value.get("system"), value.get("code")
    return (system, code) if isinstance(system, str) and isinstance(code, str) else None


def period_of(holder: Element) -> Span | None:
    """The time that an element's `period` covers, its last day included; always, if it has none.

    None if the period cannot be read, is empty, or ends before it begins.
    """
    if "period" not in holder:
        return ALWAYS
    value = element(holder["period"])
    if not {"start", "end"} & value.keys():
        return None
    since = until = None
    try:
        if "start" in value:
            since = range_of(value["start"])[0]
        if "end" in value:
            until = range_of(value["end"])[1] + 1
    except (ValueError, TypeError):
        return None
    span = Span(since, until)
    return None if span.is_empty else span


def instant_of(value: object) -> int | None:
    """The first microsecond of a date, or None if it is none."""
    try:
        return range_of(value)[0] if isinstance(value, str) else None
    except ValueError:
        return None


@cache
def choices() -> Element:
    """relations.json: the days, levels and codings that relations are made by."""
    table: Element = orjson.loads(files("tianfu.access").joinpath("relations.json").read_bytes())
    return table


def purposes_of(codes: Iterable[str]) -> int:
    """The mask of purposes; ValueError for a code that is none."""
    return _mask(tuple(codes))


@cache
def _mask(codes: tuple[str, ...]) -> int:
    mask = 0
    for code in codes:
        mask |= Purpose(code).bit
    return mask
