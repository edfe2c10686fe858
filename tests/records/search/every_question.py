"""Every kind of question that can be asked about a made-up world, its values taken from the world's own records.

A world with hidden records is asked with the values of all records, the hidden ones above all: who may not see them
must get the answers of a world in which they are absent.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, TypeVar

from tianfu.records.search import executed_modifiers, executed_parameters
from tianfu.records.search.escapes import escaped
from tianfu.records.search.followed import is_followed, leads_to
from tianfu.records.search.parameters import ROW_PARAMETERS, is_hidden
from tianfu.standards.fhir.definitions import SearchParameter, definitions
from tianfu.standards.fhir.fhirpath import compile_expression

Resource = dict[str, Any]

VALUES_MAX = 3
"""Values of one parameter that are asked for, of all that the world has."""

PREFIXES = ("", "ge", "lt", "ne", "sa")
SORTABLE = frozenset({"date", "string", "quantity", "number"})
NOWHERE = {
    "token": "urn:made-up:nowhere|nothing",
    "string": "zzzz",
    "date": "1888-08-08",
    "number": "88888",
    "quantity": "88888|urn:made-up:nowhere|nothing",
    "reference": "nowhere",
    "uri": "urn:made-up:nowhere",
}
"""A value of each kind that no record has, for parameters that the world leaves empty."""


Way = TypeVar("Way")


class Question(NamedTuple):
    """A search: the type, and its parameters in order."""

    type: str
    parameters: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class World:
    """Records, and what can be asked about them."""

    resources: tuple[Resource, ...]
    chance: random.Random

    @property
    def types(self) -> list[str]:
        """The types of the records."""
        return sorted({each["resourceType"] for each in self.resources})

    def values(self, kind: str, parameter: SearchParameter) -> list[str]:
        """Some of the values by which a parameter finds records of the world; one that finds none if there is none."""
        found: dict[str, None] = {}
        for each in self.resources:
            if each["resourceType"] == kind:
                found.update(dict.fromkeys(values_of(each, parameter)))
        drawn = self.chance.sample(list(found), min(len(found), VALUES_MAX))
        return drawn or [nowhere(kind, parameter)]

    # One type alone

    def plain(self, kind: str) -> Iterator[Question]:
        """Every parameter with values, prefixes and modifiers."""
        for parameter in executed_parameters(kind):
            values = self.values(kind, parameter)
            for value in values:
                yield ask(kind, parameter.code, value)
            yield ask(kind, parameter.code, ",".join([*values, nowhere(kind, parameter)]))
            yield Question(kind, ((parameter.code, values[0]), ("_total", "accurate")))
            yield Question(kind, ((parameter.code, values[0]), ("_summary", "count")))
            yield Question(kind, ((parameter.code, values[0]), ("_count", "0")))
            if parameter.type in {"date", "number", "quantity"}:
                yield from (ask(kind, parameter.code, f"{prefix}{values[0]}") for prefix in PREFIXES)
            yield from self.modified(kind, parameter, values)

    def modified(self, kind: str, parameter: SearchParameter, values: Sequence[str]) -> Iterator[Question]:
        """Every modifier that is executed, and the types that a reference may be narrowed to."""
        for modifier in modifiers_of(kind, parameter):
            if modifier == "missing":
                yield from (ask(kind, f"{parameter.code}:missing", each) for each in ("true", "false"))
            elif modifier == "identifier":
                yield ask(kind, f"{parameter.code}:identifier", "urn:made-up|A1")
            else:
                yield ask(kind, f"{parameter.code}:{modifier}", values[0])
        if parameter.type == "reference":
            for target in self.types:
                if leads_to(parameter, target):
                    yield ask(kind, f"{parameter.code}:{target}", self.an_id(target))

    def an_id(self, kind: str) -> str:
        """The id of one record of a type."""
        return str(self.chance.choice([each["id"] for each in self.resources if each["resourceType"] == kind]))

    def ordered(self, kind: str) -> Iterator[Question]:
        """Every order both ways, of all records and of one person's, in small pages."""
        codes = {p.code for p in executed_parameters(kind)}
        for parameter in executed_parameters(kind):
            if parameter.code not in ROW_PARAMETERS and parameter.type not in SORTABLE:
                continue
            for sort in (parameter.code, f"-{parameter.code}"):
                yield Question(kind, (("_sort", sort), ("_count", "3")))
                if "patient" in codes:
                    bound = ("patient", f"{self.an_id('Patient')},{self.an_id('Patient')}")
                    yield Question(kind, (bound, ("_sort", sort), ("_count", "3")))
        yield Question(kind, (("_count", "3"), ("_total", "accurate")))

    # Over references

    def brought_along(self, kind: str) -> Iterator[Question]:
        """Every reference in both directions, each target by itself, and all of them."""
        for parameter in filter(is_followed, executed_parameters(kind)):
            yield ask(kind, "_include", f"{kind}:{parameter.code}")
            for target in self.types:
                if leads_to(parameter, target):
                    yield ask(kind, "_include", f"{kind}:{parameter.code}:{target}")
        for source, parameter in self.pointing_at(kind):
            yield ask(kind, "_revinclude", f"{source}:{parameter.code}")
        yield ask(kind, "_include", "*")
        yield ask(kind, "_revinclude", "*")
        yield Question(kind, (("_include", "*"), ("_revinclude", "*"), ("_count", "3"), ("_total", "accurate")))

    def pointing_at(self, kind: str) -> Iterator[tuple[str, SearchParameter]]:
        """The references of the world's types that may point to a type."""
        for source in self.types:
            for parameter in executed_parameters(source):
                if leads_to(parameter, kind):
                    yield source, parameter

    def chained(self, target: str) -> Iterator[Question]:
        """Every reference to the type, and every parameter of it at the far end; the parameters take turns."""
        for (kind, reference), (name, value) in in_turn(list(self.pointing_at(target)), self.leaves(target)):
            yield ask(kind, f"{reference.code}:{target}.{name}", value)
            if reference.targets == (target,):
                yield ask(kind, f"{reference.code}.{name}", value)

    def reverse_chained(self, source: str) -> Iterator[Question]:
        """Every reference of the type in reverse, and every parameter of it at the far end; these take turns, too."""
        ways = [(p, kind) for p in executed_parameters(source) for kind in self.types if leads_to(p, kind)]
        for (reference, kind), (name, value) in in_turn(ways, self.leaves(source)):
            yield ask(kind, f"_has:{source}:{reference.code}:{name}", value)

    def two_steps(self, kind: str) -> Iterator[Question]:
        """Two references after one another, forward and backward, once for each pair of types on the way."""
        for target in self.types:
            first = next((p for p in executed_parameters(kind) if leads_to(p, target)), None)
            if first is None:
                continue
            for further in self.types:
                second = next((p for p in executed_parameters(target) if leads_to(p, further)), None)
                if second is not None:
                    chain = f"{first.code}:{target}.{second.code}:{further}._id"
                    yield ask(kind, chain, self.an_id(further))
                    back = f"_has:{target}:{second.code}:_has:{kind}:{first.code}:_id"
                    yield ask(further, back, self.an_id(kind))
                for source, backward in self.pointing_at(target):
                    if source == further:
                        yield ask(kind, f"{first.code}:{target}._has:{source}:{backward.code}:_id", self.an_id(source))
                        break

    def leaves(self, kind: str) -> list[tuple[str, str]]:
        """Every parameter of a type with one value, and with the modifiers that turn an answer round."""
        found: list[tuple[str, str]] = []
        for parameter in executed_parameters(kind):
            value = self.values(kind, parameter)[0]
            found.append((parameter.code, value))
            if "missing" in modifiers_of(kind, parameter):
                found.append((f"{parameter.code}:missing", "true"))
            if "not" in modifiers_of(kind, parameter):
                found.append((f"{parameter.code}:not", value))
        return found


def every_question(resources: Sequence[Resource], *, seed: int = 1) -> list[Question]:
    """Every kind of question about these records, each once, always the same for the same records and seed."""
    world = World(tuple(resources), random.Random(seed))
    ways = (
        world.plain,
        world.ordered,
        world.brought_along,
        world.chained,
        world.reverse_chained,
        world.two_steps,
    )
    return list(dict.fromkeys(question for kind in world.types for way in ways for question in way(kind)))


def modifiers_of(kind: str, parameter: SearchParameter) -> tuple[str, ...]:
    """The modifiers that are executed for a parameter of a type."""
    if parameter.code in ROW_PARAMETERS:
        return ()
    hidden = {"contains"} if is_hidden(kind, parameter) else set[str]()
    return tuple(each for each in executed_modifiers(parameter.type) if each not in hidden)


def ask(kind: str, name: str, value: str) -> Question:
    return Question(kind, ((name, value),))


def in_turn(ways: Sequence[Way], leaves: Sequence[tuple[str, str]]) -> Iterator[tuple[Way, tuple[str, str]]]:
    """Each way and each leaf at least once, in pairs."""
    if ways:
        for number in range(max(len(ways), len(leaves))):
            yield ways[number % len(ways)], leaves[number % len(leaves)]


# From a record to the values by which a parameter finds it


def values_of(resource: Resource, parameter: SearchParameter) -> Iterator[str]:
    """The values of one parameter in one record, written as a search would write them."""
    if parameter.code == "_lastUpdated":
        return
    kind = resource["resourceType"]
    found = expression(parameter.expression, kind)(resource)
    if parameter.type == "composite":
        yield from composites(kind, parameter, found)
        return
    for name, value in found:
        yield from texts(parameter.type, name, value)


@cache
def expression(text: str, base: str) -> Any:
    return compile_expression(text, base_type=base).typed_values


def composites(kind: str, parameter: SearchParameter, elements: Iterable[tuple[str, Any]]) -> Iterator[str]:
    base = parameter.expression if "." in parameter.expression else kind
    for _, element in elements:
        halves = []
        for component in parameter.components:
            known = definitions().search_parameter(kind, component.code)
            values = [
                text
                for name, value in expression(component.expression, base)(element)
                for text in texts(known.type if known else "", name, value)
            ]
            halves.append(values)
        if all(halves):
            yield "$".join(each[0] for each in halves)


def texts(kind: str, name: str, value: Any) -> Iterator[str]:
    """One value as the value of a search parameter of a kind."""
    match kind:
        case "token":
            yield from tokens(name, value)
        case "string":
            yield from (escaped(text) for text in words(value))
        case "date":
            yield from dates(value)
        case "number":
            yield str(value)
        case "quantity" if isinstance(value, dict) and "value" in value:
            yield str(value["value"])
            yield f"{value['value']}|{value.get('system', '')}|{value.get('code') or value.get('unit', '')}"
        case "reference":
            yield from references(value)
        case "uri":
            yield escaped(str(value))
        case _:
            return


def tokens(name: str, value: Any) -> Iterator[str]:
    if name in {"Identifier", "ContactPoint"}:
        if "value" in value:
            yield escaped(value["value"])
            yield f"{escaped(value.get('system', ''))}|{escaped(value['value'])}"
    elif isinstance(value, dict):
        for coding in value.get("coding", [value]):
            if "code" in coding:
                yield escaped(coding["code"])
                yield f"{escaped(coding.get('system', ''))}|{escaped(coding['code'])}"
                if "system" in coding:
                    yield f"{escaped(coding['system'])}|"
    else:
        yield str(value).lower() if isinstance(value, bool) else escaped(str(value))


def words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from (part,) if isinstance(part, str) else (each for each in part if isinstance(each, str))


def dates(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (value[end] for end in ("start", "end") if end in value)


def references(value: Any) -> Iterator[str]:
    text = value if isinstance(value, str) else value.get("reference") if isinstance(value, dict) else None
    if text is not None:
        yield escaped(text)
        if ":" not in text and "/" in text:
            yield text.rpartition("/")[2]


def nowhere(kind: str, parameter: SearchParameter) -> str:
    """A value that no record has."""
    if parameter.type != "composite":
        # Identifiers are not found by their system alone, nor primitive codes by any.
        return "nothing" if parameter.code == "_id" else NOWHERE[parameter.type]
    halves = [definitions().search_parameter(kind, each.code) for each in parameter.components]
    return "$".join(NOWHERE[each.type] for each in halves if each is not None)
