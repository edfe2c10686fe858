"""From a FHIR datatype to the values by which it is found.

Search rules: https://hl7.org/fhir/R4/search.html .  One `IndexValues` gathers all of one resource.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from tianfu.access.relation import Relation
from tianfu.kernel.ids import record_number
from tianfu.kernel.instants import EARLIEST, LATEST, range_of
from tianfu.records.index.hashing import (
    HASHES_CACHED,
    UNIT_PARAMETER,
    canonical_number,
    identifier_hash,
    token_hash,
    token_text,
)
from tianfu.standards.china.names import search_keys

ORDINARY_LEVEL = 3
"""GB/T 39725 level of health records in general."""

TypedValues = Iterable[tuple[str, Any]]
"""FHIR type and plain JSON value, as a search parameter's expression yields them."""

STRING_LENGTH_MAX = 400
"""Longer text is indexed by its beginning; a B-tree entry cannot hold more."""

_RELATIVE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?\Z")
_CURRENCY = "urn:iso:std:iso:4217"
_WORDS = frozenset({"string", "markdown", "code"})
"""Types in which a choice says a time in words, which no range can be made of."""


class IndexValues:
    """All index values of one resource: columns first, then the rows of the narrow tables."""

    __slots__ = (
        "also_about",
        "category",
        "code",
        "date_high",
        "date_low",
        "dates",
        "encounter",
        "identifiers",
        "labels",
        "level",
        "number",
        "prid",
        "quantities",
        "references",
        "relations",
        "seen",
        "status",
        "strings",
        "tokens",
        "unit",
    )

    def __init__(self) -> None:
        self.prid: int | None = None
        self.also_about: list[int] = []
        self.level = ORDINARY_LEVEL
        self.labels = 0
        self.relations: tuple[Relation, ...] = ()
        self.date_low: int | None = None
        self.date_high: int | None = None
        self.code: int | None = None
        self.category: int | None = None
        self.status: int | None = None
        self.number: float | None = None
        self.unit: int | None = None
        self.encounter: int | None = None
        self.tokens: list[int] = []
        self.seen: dict[int, tuple[int, str, str]] = {}
        self.identifiers: list[tuple[bytes, int]] = []
        self.references: list[tuple[int, int]] = []
        self.strings: list[tuple[int, int, str, int | None]] = []
        self.dates: list[tuple[int, int, int, int | None]] = []
        self.quantities: list[tuple[int, float, int | None, int | None]] = []

    def token(self, parameter: int, system: str, code: str) -> int:
        """The hash of one coding, noted for the dictionary of tokens."""
        number = token_hash(parameter, system, code)
        self.seen[number] = (parameter, token_text(system), token_text(code))
        return number


def codings(values: TypedValues) -> Iterable[tuple[str, str]]:
    """System and code of every coding in token values; identifiers and telecoms are not codings."""
    for kind, value in values:
        if kind == "CodeableConcept":
            for coding in value.get("coding", ()):
                if "code" in coding:
                    yield coding.get("system", ""), coding["code"]
        elif kind == "Coding":
            if "code" in value:
                yield value.get("system", ""), value["code"]
        elif value is True or value is False:
            yield "", "true" if value else "false"
        elif isinstance(value, str):
            yield "", value


def identifiers(values: TypedValues, key: bytes, parameter: int) -> Iterable[bytes]:
    """The hashes of identifiers and telecoms: with their system, and by value alone."""
    for kind, value in values:
        if kind in {"Identifier", "ContactPoint"} and isinstance(value.get("value"), str):
            yield identifier_hash(key, parameter, value.get("system", ""), value["value"])
            yield identifier_hash(key, parameter, None, value["value"])


TAIL_SYSTEM = "tail"
TAIL_CHARACTERS = 4


def identifier_tails(values: TypedValues, key: bytes, parameter: int) -> Iterable[bytes]:
    """The hashes of the last four characters of identifiers, by which staff find a person at a desk."""
    for kind, value in values:
        if kind == "Identifier" and isinstance(value.get("value"), str):
            yield identifier_hash(key, parameter, TAIL_SYSTEM, value["value"].strip()[-TAIL_CHARACTERS:].upper())


@lru_cache(HASHES_CACHED)
def reference_target(reference: str) -> tuple[str, int] | None:
    """The type and record number a literal reference points to; type "" for an address elsewhere; None if contained."""
    if reference.startswith("#"):
        return None
    parts = _RELATIVE.match(reference)
    if parts is None or reference.startswith("urn:"):
        return "", canonical_number(reference)
    return parts[1], record_number(parts[1], parts[2])


def targets(values: TypedValues) -> Iterable[tuple[str, int]]:
    """The targets of references and canonical addresses."""
    for kind, value in values:
        if kind == "Reference":
            reference = value.get("reference")
            target = reference_target(reference) if isinstance(reference, str) else None
            if target is not None:
                yield target
        elif isinstance(value, str):
            yield "", canonical_number(value.partition("|")[0])


def date_ranges(values: TypedValues) -> Iterable[tuple[int, int]]:
    """First and last microsecond of dates, periods and timings; an open end is the end of the calendar."""
    for kind, value in values:
        if isinstance(value, str):
            if kind not in _WORDS:
                yield _range(value)
        elif kind == "Period":
            low = _range(value["start"])[0] if "start" in value else EARLIEST
            high = _range(value["end"])[1] if "end" in value else LATEST
            if low <= high:
                yield low, high
        elif kind == "Timing":
            events = [_range(event) for event in value.get("event", ()) if event]
            bounds = value.get("repeat", {}).get("boundsPeriod")
            if bounds:
                events.extend(date_ranges([("Period", bounds)]))
            if events:
                yield min(low for low, _ in events), max(high for _, high in events)


@lru_cache(HASHES_CACHED)
def _range(text: str) -> tuple[int, int]:
    return range_of(text)


def numbers(values: TypedValues) -> Iterable[tuple[float, str | None, str]]:
    """Number, unit system and unit of quantities, ages, money and plain numbers; None as system means no unit."""
    for kind, value in values:
        if kind == "Money":
            if _is_number(value.get("value")):
                yield float(value["value"]), _CURRENCY, value.get("currency", "")
        elif kind == "Range":
            for end in ("low", "high"):
                yield from numbers([("Quantity", value.get(end, {}))])
        elif isinstance(value, dict):
            if _is_number(value.get("value")):
                yield float(value["value"]), value.get("system", ""), value.get("code") or value.get("unit", "")
        elif _is_number(value):
            yield float(value), None, ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def unit_hash(values: IndexValues, system: str | None, unit: str) -> int | None:
    """The hash of a unit, noted for the dictionary; None for a bare number."""
    return None if system is None or not unit else values.token(UNIT_PARAMETER, system, unit)


@lru_cache(HASHES_CACHED)
def folded(text: str) -> str:
    """Text as strings compare: no case, no accents, single spaces, full-width forms made narrow."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(unicodedata.normalize("NFC", bare).split())[:STRING_LENGTH_MAX]


EXACT = 0
FOLDED = 1
BLIND = 2
"""Forms in which a text lies in the table `string`; of a blind one only a keyed hash is there."""

_COARSE_PARTS = ("city", "district", "state", "postalCode", "country")
"""Parts of an address that tell where, but not which house."""

_NAME_PARTS = ("text", "family")
_NAME_LISTS = ("given", "prefix", "suffix")


def strings(values: TypedValues) -> Iterable[tuple[int, str]]:
    """Form and text under which strings, names (with pinyin) and addresses are found."""
    for kind, value in values:
        if kind == "HumanName":
            for text in _name_texts(value):
                yield from name_forms(text)
        elif kind == "Address":
            for text in (*(value.get(part) for part in _COARSE_PARTS), *houses(value)):
                if text:
                    yield from string_forms(text)
        elif isinstance(value, str):
            yield from string_forms(value) if value.isascii() else name_forms(value)


def houses(address: dict[str, Any]) -> Iterable[str]:
    """The texts of an address that can tell the house."""
    return (text for text in (address.get("text"), *address.get("line", ())) if text)


def coarse(address: dict[str, Any]) -> dict[str, Any]:
    """An address without what can tell the house."""
    return {part: value for part, value in address.items() if part in _COARSE_PARTS}


def _name_texts(name: dict[str, Any]) -> Iterable[str]:
    family, given = name.get("family", ""), "".join(part for part in name.get("given", ()) if part)
    if "text" not in name and family and given:
        yield f"{family} {given}" if family.isascii() else f"{family}{given}"
    yield from (name[part] for part in _NAME_PARTS if part in name)
    yield from (text for part in _NAME_LISTS for text in name.get(part, ()) if text)


@lru_cache(HASHES_CACHED)
def string_forms(text: str) -> tuple[tuple[int, str], ...]:
    """The text as written, and folded."""
    return (EXACT, text[:STRING_LENGTH_MAX]), (FOLDED, folded(text))


@lru_cache(HASHES_CACHED)
def name_forms(text: str) -> tuple[tuple[int, str], ...]:
    """The name as written, folded, in joined pinyin, and by its initials."""
    keys = dict.fromkeys((folded(text), *(key[:STRING_LENGTH_MAX] for key in search_keys(text))))
    return (EXACT, text[:STRING_LENGTH_MAX]), *((FOLDED, key) for key in keys if key)


Convert = Callable[[IndexValues, TypedValues], None]
