"""What a program's token may do, as values: the scopes of SMART App Launch 2, read and written.

https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html ; our rules: docs/rules/scopes.md .
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from math import prod
from typing import NamedTuple
from urllib.parse import quote, unquote

from tianfu.kernel.refusal import Refusal
from tianfu.standards.fhir.definitions import definitions

NOT_UNDERSTOOD = "scope-not-understood"
"""Code of the refusal for a scope that is written wrongly or asks for what is not there."""

TEXT_LENGTH_MAX = 8_000
"""Characters of all scopes together; a token travels in one header."""

SCOPES_MAX = 200
WAYS_MAX = 64
"""In so many ways at most may a record meet the conditions of one scope: the product of their lists' lengths."""

ANY = "*"
IDENTITY = frozenset({"openid", "fhirUser", "profile"})
LAUNCH = frozenset({"launch", "launch/patient", "launch/encounter"})
REFRESH = frozenset({"offline_access", "online_access"})
WITHOUT_RECORDS = IDENTITY | LAUNCH | REFRESH
"""Scopes that open no record: who signed in, where an app was launched, and whether it may come again."""

PARAMETERS = ("category", "code")
"""Search parameters by which a scope can be narrowed to some records of a type."""


class Act(StrEnum):
    """What a scope lets a program do, in the order in which its letters must stand."""

    CREATE = "c"
    READ = "r"
    UPDATE = "u"
    DELETE = "d"
    SEARCH = "s"


_LETTERS = re.compile(r"c?r?u?d?s?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_OF_VERSION_1 = {letters: word for word, letters in _VERSION_1.items()}
_RESOURCES = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(\*|[a-z]+)(?:\?(.+))?\Z", re.DOTALL)
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")
"""RFC 6749, section 3.3."""

_UNQUOTED = ":/|.-_~"

OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
CONDITION_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"

_NAMED_ALONE = {
    ("Observation", "category"): (
        OBSERVATION_CATEGORY,
        frozenset(
            {
                "social-history", "vital-signs", "imaging", "laboratory", "procedure", "survey", "exam", "therapy",
                "activity",
            }
        ),
    ),
    ("Condition", "category"): (CONDITION_CATEGORY, frozenset({"problem-list-item", "encounter-diagnosis"})),
}  # fmt: skip
"""Codes that mean one thing without their system, because R4 binds the element to it beyond an example."""


class Coding(NamedTuple):
    """A code of a system; the system is empty where codes are stored without one."""

    system: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One of the codings of a record under a search parameter must be among `any_of`, which is sorted."""

    parameter: str
    any_of: tuple[Coding, ...]

    def is_within(self, other: Condition) -> bool:
        """Whether whatever meets this condition meets the other."""
        return self.parameter == other.parameter and set(self.any_of) <= set(other.any_of)

    def __str__(self) -> str:
        values = [each.code if not each.system else f"{each.system}|{each.code}" for each in self.any_of]
        return f"{self.parameter}={','.join(quote(value, safe=_UNQUOTED) for value in values)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceScope:
    """Records of a type that may be dealt with in some ways; `str()` writes it.

    `whose` is `patient` (the one patient of the launch), `user` or `system`; `type` None means every type.
    `is_version_1` only tells how it is written.
    """

    whose: str
    type: str | None
    acts: tuple[Act, ...]
    conditions: tuple[Condition, ...] = ()
    is_version_1: bool = field(default=False, compare=False)

    def __str__(self) -> str:
        letters = "".join(self.acts)
        said = _OF_VERSION_1.get(letters, letters) if self.is_version_1 and not self.conditions else letters
        asked = "&".join(map(str, self.conditions))
        return f"{self.whose}/{self.type or ANY}.{said}{'?' if asked else ''}{asked}"

    def both(self, other: ResourceScope) -> ResourceScope | None:
        """What this scope and another allow alike; None if that is nothing, or has more than WAYS_MAX ways."""
        acts = tuple(act for act in self.acts if act in other.acts)
        differ = None not in {self.type, other.type} and self.type != other.type
        if not acts or differ or self.whose != other.whose:
            return None
        kind = self.type or other.type
        # `*` has no conditions, so each belongs to the type that is left.
        conditions = tuple(_needed([*self.conditions, *other.conditions]))
        if _ways(conditions) > WAYS_MAX:
            return None
        return replace(self, type=kind, acts=acts, conditions=conditions)

    def holds(self, other: ResourceScope) -> bool:
        """Whether everything that another scope allows is allowed by this one."""
        return (
            self.whose == other.whose
            and self.type in {None, other.type}
            and set(other.acts) <= set(self.acts)
            and all(any(theirs.is_within(ours) for theirs in other.conditions) for ours in self.conditions)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scopes:
    """What a token may do: any of its `resources`; `others` open no record."""

    resources: tuple[ResourceScope, ...] = ()
    others: frozenset[str] = frozenset()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.resources, self.others)))

    def __hash__(self) -> int:
        """Reckoned once: every request looks its caller up, and his scopes are the longest part of him."""
        return self._hash

    def __str__(self) -> str:
        return " ".join([*sorted(self.others), *map(str, self.resources)])

    @property
    def needs_patient(self) -> bool:
        """Whether they mean nothing without the patient of a launch."""
        return "launch/patient" in self.others or any(each.whose == "patient" for each in self.resources)


NO_SCOPES = Scopes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What was asked for, and what of it cannot be given because it is not understood."""

    scopes: Scopes
    dropped: tuple[str, ...]


def parse_scopes(text: str) -> Scopes:
    """The scopes of a token or of a client's registration.

    Raises Refusal `scope-not-understood` for the first that is not understood: in what was granted already, a
    restriction that is passed over would widen.
    """
    return _gathered(map(_scope, _words(text)))


def understood(text: str) -> Understood:
    """The scopes of a request for authorisation; what is not understood is dropped, as the standard allows.

    The answer has to name what was granted.  Raises Refusal `scope-not-understood` if the whole is too long.
    """
    kept: list[ResourceScope | str] = []
    dropped: list[str] = []
    for word in _words(text):
        try:
            kept.append(_scope(word))
        except Refusal:
            dropped.append(word)
    return Understood(scopes=_gathered(kept), dropped=tuple(dict.fromkeys(dropped)))


def allowed_scopes(asked: Scopes, allowed: Scopes) -> Scopes:
    """What of the scopes that were asked for is among those allowed: never more than either says."""
    found = [both for wanted in asked.resources for given in allowed.resources if (both := wanted.both(given))]
    return _gathered([*found, *sorted(asked.others & allowed.others)])


def _words(text: str) -> list[str]:
    if len(text) > TEXT_LENGTH_MAX:
        raise _not_understood("", f"at most {TEXT_LENGTH_MAX} characters")
    words = [word for word in text.split(" ") if word]
    if len(words) > SCOPES_MAX:
        raise _not_understood("", f"at most {SCOPES_MAX} scopes")
    return words


def _scope(word: str) -> ResourceScope | str:
    """One scope; raises Refusal."""
    if word in WITHOUT_RECORDS:
        return word
    found = _RESOURCES.match(word)
    if found is None or not _TOKEN.match(word):
        raise _not_understood(word, "patient|user|system/Type.cruds")
    whose, kind, said, query = found.groups()
    if kind != ANY and kind not in definitions().type_numbers:
        raise _not_understood(word, "a resource type")
    is_version_1 = said in _VERSION_1
    letters = _VERSION_1.get(said, said)
    if not _LETTERS.fullmatch(letters):
        raise _not_understood(word, "letters of cruds, in this order")
    if query is not None and (is_version_1 or kind == ANY):
        raise _not_understood(word, "conditions on one type, with letters of cruds")
    conditions = () if query is None else _conditions(word, kind, query)
    return ResourceScope(
        whose=whose,
        type=None if kind == ANY else kind,
        acts=tuple(map(Act, letters)),
        conditions=conditions,
        is_version_1=is_version_1,
    )


def _conditions(word: str, kind: str, query: str) -> tuple[Condition, ...]:
    found = tuple(_needed(_condition(word, kind, part) for part in query.split("&")))
    if _ways(found) > WAYS_MAX:
        raise _not_understood(word, f"at most {WAYS_MAX} combinations of codes")
    return found


def _ways(conditions: Iterable[Condition]) -> int:
    return prod(len(each.any_of) for each in conditions)


def _condition(word: str, kind: str, part: str) -> Condition:
    name, equals, said = part.partition("=")
    # What is not known must not be passed over: without its condition the scope would be wider.
    if name not in PARAMETERS or _element_type(kind, name) is None:
        raise _not_understood(word, f"one of {', '.join(PARAMETERS)}, where {kind} has it as a plain element")
    values = [_unquoted(word, each) for each in said.split(",")]
    if not equals or not all(values):
        raise _not_understood(word, "param=system|code")
    return Condition(parameter=name, any_of=tuple(sorted({_coding(word, kind, name, each) for each in values})))


def _unquoted(word: str, text: str) -> str:
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise _not_understood(word, "percent-encoded UTF-8") from error
    if not plain.isprintable() or set(plain) & set("\\,$ "):
        raise _not_understood(word, "codes without escapes and spaces")
    return plain


def _coding(word: str, kind: str, name: str, value: str) -> Coding:
    system, bar, code = value.rpartition("|")
    if not code or "|" in system:
        raise _not_understood(word, "system|code")
    if _element_type(kind, name) == "code":
        return _plain_code(word, kind, name, system, code)
    if bar:
        return Coding(system, code)
    known = _NAMED_ALONE.get((kind, name))
    if known is None or code not in known[1]:
        raise _not_understood(word, "system|code, for the code alone is ambiguous")
    return Coding(known[0], code)


def _plain_code(word: str, kind: str, name: str, system: str, code: str) -> Coding:
    """A code of an element whose codes are stored without their system, because it has only one."""
    binding = definitions().types[kind].elements[name].binding
    known = definitions().codings.get(binding or "", ())
    if system and (system, code) not in known:
        raise _not_understood(word, "a code of the element's own system")
    return Coding("", code)


@cache
def _element_type(kind: str, name: str) -> str | None:
    """The type of the element that a parameter of the same name leads to, if it leads to nothing else."""
    parameter = definitions().search_parameter(kind, name)
    element = definitions().types[kind].elements.get(name)
    if parameter is None or element is None or parameter.expression != f"{kind}.{name}":
        return None
    return element.types[0] if element.types in {("CodeableConcept",), ("Coding",), ("code",)} else None


def _needed(conditions: Iterable[Condition]) -> Iterator[Condition]:
    """The conditions in a fixed order, each once, without those that another one implies."""
    each_once = sorted(dict.fromkeys(conditions), key=str)
    for place, each in enumerate(each_once):
        others = each_once[:place] + each_once[place + 1 :]
        if not any(other.is_within(each) for other in others):
            yield each


def _gathered(scopes: Iterable[ResourceScope | str]) -> Scopes:
    """The scopes, those of the same records as one, those that another one holds left out."""
    others: set[str] = set()
    merged: dict[tuple[str, str | None, tuple[Condition, ...]], ResourceScope] = {}
    for each in scopes:
        if isinstance(each, str):
            others.add(each)
            continue
        key = each.whose, each.type, each.conditions
        known = merged.get(key)
        merged[key] = each if known is None else _joined(known, each)
        if len(merged) > SCOPES_MAX:
            raise _not_understood("", f"at most {SCOPES_MAX} scopes")
    found = list(merged.values())
    kept = [each for each in found if not any(other is not each and other.holds(each) for other in found)]
    return Scopes(resources=tuple(kept), others=frozenset(others))


def _joined(one: ResourceScope, other: ResourceScope) -> ResourceScope:
    acts = tuple(act for act in Act if act in {*one.acts, *other.acts})
    return replace(one, acts=acts, is_version_1=one.is_version_1 and other.is_version_1)


def _not_understood(scope: str, expected: str) -> Refusal:
    return Refusal(NOT_UNDERSTOOD, details={"scope": scope[:200], "expected": expected})
