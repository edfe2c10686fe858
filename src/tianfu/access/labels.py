"""How sensitive a record is: level 1 to 5 and special labels, by its type and codes.  The lists are data: labels.json.

Levels after GB/T 39725-2020; security labels: https://terminology.hl7.org/CodeSystem-v3-Confidentiality.html .
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any
from unicodedata import normalize

import orjson

from tianfu.access.relation import EVERY_LABEL

SEVERAL_SUBJECTS = 1
"""Bit 0 of a record's labels: it is about several people.  No special label; opening never looks at it."""

CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

CODES_CACHED = 65_536

Codings = Iterable[tuple[str, str]]
"""System and code; the system is empty if there is none."""

Raise = tuple[int, int]
"""The least level of a record with a code, and its special labels."""

NOTHING: Raise = (0, 0)

_DIAGNOSIS = re.compile(r"[A-Z][0-9]{2}")
"""How a code of ICD-10 begins; one that names no system is read as a diagnosis, because hospitals leave it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A special kind of record; `level` is the least that a record with it has."""

    key: str
    bit: int
    level: int
    zh: str
    en: str

    @property
    def mask(self) -> int:
        return 1 << self.bit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lists:
    """labels.json, compiled; codes are written without dots."""

    by_type: Mapping[str, int]
    about_a_patient: int
    about_nobody_known: int
    codes_count_from_level: int
    exact: Mapping[str, Mapping[str, Raise]]
    prefixed: Mapping[str, Mapping[str, Raise]]
    lengths: tuple[int, ...]


def labels_of(resource_type: str, codings: Codings, security: Codings, *, has_patient: bool) -> Raise:
    """The level of a record and the mask of its special labels (bit 0 never among them).

    `codings` are all codes of the record, `security` those of its security labels.  Both only ever raise.  Codes of
    what is said about nobody do not count: a value set of HIV codes is public.  A level of 5 always has a label.
    """
    lists = _lists()
    level = lists.by_type.get(resource_type)
    if level is None:
        level = lists.about_a_patient if has_patient else lists.about_nobody_known
    mask = 0
    for system, code in security:
        least, bits = _raise(system, code)
        level, mask = max(level, least), mask | bits
    if level >= lists.codes_count_from_level:
        for system, code in codings:
            least, bits = _raise(system, code)
            if least:
                level, mask = max(level, least), mask | bits
    return level, mask


def labels_of_resource(resource: dict[str, Any], *, has_patient: bool) -> Raise:
    """The level and labels of a resource, from every code in it.

    The search index does not know them all: a Claim's diagnoses, a prescription's reason and a Flag's code have no
    search parameter.
    """
    return labels_of(resource["resourceType"], codings_in(resource), security_of(resource), has_patient=has_patient)


def codings_in(resource: dict[str, Any]) -> list[tuple[str, str]]:
    """System and code of every coding anywhere in a resource, contained resources included."""
    found: list[tuple[str, str]] = []
    _gather(resource, found)
    return found


def _gather(value: dict[str, Any], found: list[tuple[str, str]]) -> None:
    """Add the codings in a value; runs at every write, so it looks at each member once and at no text."""
    for member in value.values():
        if member.__class__ is list:
            for each in member:
                if each.__class__ is dict:
                    _gather(each, found)
        elif member.__class__ is dict:
            _gather(member, found)
    if "code" in value:
        system, code = value.get("system", ""), value["code"]
        if isinstance(system, str) and isinstance(code, str):
            found.append((system, code))


def security_of(resource: dict[str, Any]) -> list[tuple[str, str]]:
    """The security labels of a resource: those of its meta, and a Composition's confidentiality."""
    meta = resource.get("meta")
    found = codings_in({"security": meta.get("security")}) if isinstance(meta, dict) else []
    confidentiality = resource.get("confidentiality")
    if isinstance(confidentiality, str):
        found.append((CONFIDENTIALITY, confidentiality))
    return found


@cache
def labels() -> Mapping[str, Label]:
    """Every special label by its key."""
    return {
        key: Label(key=key, bit=row["bit"], level=row["level"], zh=row["zh"], en=row["en"])
        for key, row in _table()["labels"].items()
    }


def label_mask(keys: Iterable[str]) -> int:
    """The mask of the labels with these keys, `*` being all; KeyError if there is no such label."""
    return _mask(tuple(keys))


@cache
def _mask(keys: tuple[str, ...]) -> int:
    if keys == ("*",):
        return EVERY_LABEL
    mask = 0
    for key in keys:
        mask |= labels()[key].mask
    return mask


@cache
def of_roles_alone() -> int:
    """The mask of the labels that ask nothing of a tie or a denial: a rule withholds them, or they are open."""
    return label_mask(key for key, row in _table()["labels"].items() if row.get("of_roles_alone", False))


def label_of_security(system: str, code: str) -> int:
    """The mask of the labels that a sensitivity code names, or 0 if it names none."""
    table = _table()
    if system not in table["systems"]["act-code"]:
        return 0
    return label_mask(key for key, row in table["labels"].items() if code in row.get("act-code", ()))


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = orjson.loads(files("tianfu.access").joinpath("labels.json").read_bytes())
    return table


@lru_cache(CODES_CACHED)
def _raise(system: str, code: str) -> Raise:
    lists, system = _lists(), _plain(system)
    exact = lists.exact.get(system)
    if exact is not None:
        return exact.get(code.strip(), NOTHING)
    prefixed = lists.prefixed.get(system)
    plain = normalize("NFKC", code).replace(".", "").strip().upper()
    if prefixed is None or (not system and not _DIAGNOSIS.match(plain)):
        return NOTHING
    for length in lists.lengths:
        found = prefixed.get(plain[:length])
        if found is not None:
            return found
    return NOTHING


def _plain(system: str) -> str:
    """The address of a code system without what senders spell differently: case, scheme, version, a last slash."""
    return system.partition("|")[0].strip().lower().removeprefix("https://").removeprefix("http://").rstrip("/")


@cache
def _lists() -> _Lists:
    table = _table()
    levels, confidentiality = table["levels"], table["confidentiality"]
    exact: dict[str, dict[str, Raise]] = {}
    prefixed: dict[str, dict[str, Raise]] = {}
    for kind, systems in table["systems"].items():
        is_prefixed = kind in table["prefix_systems"]
        for system in systems:
            (prefixed if is_prefixed else exact)[_plain(system)] = _raises(kind, is_prefixed=is_prefixed)
    exact[_plain(CONFIDENTIALITY)] = _confidentiality(confidentiality)
    return _Lists(
        by_type={name: int(level) for level, names in levels["by_type"].items() for name in names},
        about_a_patient=levels["about_a_patient"],
        about_nobody_known=levels["about_nobody_known"],
        codes_count_from_level=levels["codes_count_from_level"],
        exact=exact,
        prefixed=prefixed,
        lengths=tuple(sorted({len(code) for codes in prefixed.values() for code in codes}, reverse=True)),
    )


def _raises(kind: str, *, is_prefixed: bool) -> dict[str, Raise]:
    """What the codes of one kind of system raise; a code of several labels has them all."""
    found: dict[str, Raise] = {}
    for key, row in _table()["labels"].items():
        for code in row.get(kind, ()):
            plain = code.replace(".", "") if is_prefixed else code
            level, mask = found.get(plain, NOTHING)
            found[plain] = (max(level, row["level"]), mask | labels()[key].mask)
    for code in _table()["no_label"].get(kind, ()):
        found[code.replace(".", "")] = NOTHING
    return found


def _confidentiality(row: dict[str, Any]) -> dict[str, Raise]:
    label = labels()[row["label_of_level_5"]]
    return {code: (level, label.mask if level >= label.level else 0) for code, level in row["levels"].items()}
