"""The rules of permission as values: one for each role and purpose.  The data: rules.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import orjson

from tianfu.access.labels import label_mask, of_roles_alone
from tianfu.access.purpose import Purpose
from tianfu.access.relation import ANYBODY, Kind
from tianfu.standards.fhir.definitions import definitions

LEVEL_OF_EVERYTHING = 5
EVERY = "*"
GROUP = "@"


class Denials(StrEnum):
    """Which denials bind: all that concern the caller, only those that name the practitioner himself, or none."""

    ALL = "all"
    NAMED = "named"
    NONE = "none"

    def binding(self, *, actors: tuple[int, ...], named: tuple[int, ...]) -> tuple[int, ...]:
        """The actors whose denials bind somebody for whom `actors` stand, and whom `named` names himself."""
        return {Denials.ALL: (ANYBODY, *actors), Denials.NAMED: named, Denials.NONE: ()}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a role may do for a purpose; the members are those of `Grant`, which it is made into.

    `zh` and `en` say why; `mark` how sure we are: found, known or inferred.
    """

    name: str
    zh: str
    en: str
    mark: str
    role: str
    purposes: tuple[Purpose, ...]
    development_only: bool
    sees_everything: bool
    own: bool
    custodian: bool
    kinds: int
    denials: Denials
    level: int
    labels: int
    types: tuple[int, ...] | None
    public_level: int
    writes: frozenset[str]
    registers: bool
    chooses_ids: bool
    reads_trail: bool
    requires: int


@cache
def rules() -> Mapping[tuple[str, Purpose], Rule]:
    """Every rule by role and purpose, in the order of the data; a pair that is not there may do nothing."""
    table = _table()
    made = [_rule(row, table["groups"]) for row in table["rules"]]
    return MappingProxyType({(rule.role, purpose): rule for rule in made for purpose in rule.purposes})


@cache
def roles() -> tuple[str, ...]:
    """Every role, in the order of the data."""
    return tuple(dict.fromkeys(rule.role for rule in rules().values()))


@cache
def purposes_of(role: str) -> tuple[Purpose, ...]:
    """For what a role has rules, in the order of the data: the first is meant where nobody names one."""
    return tuple(purpose for name, purpose in rules() if name == role)


def sentence(key: str, language: str) -> str:
    """Why, in `zh` or `en`: the sentence of a rule's name, or of a decision's `because`."""
    return _sentences()[key][language]


@cache
def _sentences() -> Mapping[str, Mapping[str, str]]:
    table = _table()
    reasons: dict[str, Mapping[str, str]] = table["reasons"]
    return reasons | {row["name"]: {"zh": row["zh"], "en": row["en"]} for row in table["rules"]}


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = orjson.loads(files("tianfu.access").joinpath("rules.json").read_bytes())
    return table


def _rule(row: Mapping[str, Any], groups: Mapping[str, list[str]]) -> Rule:
    everything = row.get("sees_everything", False)
    return Rule(
        name=row["name"],
        zh=row["zh"],
        en=row["en"],
        mark=row["mark"],
        role=row["role"],
        purposes=tuple(Purpose) if row["purposes"] == [EVERY] else tuple(map(Purpose, row["purposes"])),
        development_only=row.get("development_only", False),
        sees_everything=everything,
        own=row.get("own", False),
        custodian=row.get("custodian", False),
        kinds=sum(Kind[name].bit for name in row.get("relations", ())),
        # A rule that sees everything is bound by nothing; every other rule has to say which denials bind it.
        denials=Denials.NONE if everything else Denials(row["denials"]),
        level=LEVEL_OF_EVERYTHING if everything else row["level"],
        labels=_labels([EVERY] if everything else row.get("labels", []), withheld=row.get("withheld", [])),
        types=_numbers([EVERY] if everything else row["types"], groups),
        public_level=LEVEL_OF_EVERYTHING if everything else row["public_level"],
        writes=frozenset(_names([EVERY] if everything else row.get("writes", []), groups)),
        registers=everything or row.get("registers", False),
        chooses_ids=everything or row.get("chooses_ids", False),
        reads_trail=everything or row.get("reads_trail", False),
        requires=label_mask(row.get("requires", [])),
    )


def _labels(keys: list[str], *, withheld: list[str]) -> int:
    """The special labels that are open: those named, and those of roles alone that the rule does not withhold."""
    return (label_mask(keys) | of_roles_alone()) & ~label_mask(withheld)


def _numbers(names: list[str], groups: Mapping[str, list[str]]) -> tuple[int, ...] | None:
    if names == [EVERY]:
        return None
    return type_numbers(_names(names, groups))


def _names(names: list[str], groups: Mapping[str, list[str]]) -> Iterable[str]:
    """Names of types; a group stands for its members."""
    if names == [EVERY]:
        return definitions().resource_types
    return [each for name in names for each in (groups[name[1:]] if name.startswith(GROUP) else [name])]


def type_numbers(names: Iterable[str]) -> tuple[int, ...]:
    """The numbers of resource types, sorted; KeyError for a name that R4 does not know."""
    return tuple(sorted({definitions().type_number(name) for name in names}))
