"""Where the elements of FHIR types lie in JSON, and which type is a kind of which.

https://hl7.org/fhir/R4/fhirpath.html#types and https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from tianfu.standards.fhir.definitions import ElementDefinition, definitions
from tianfu.standards.fhir.fhirpath.moments import MomentKind


class Edge(NamedTuple):
    """One way in JSON from a value of some type to an element: the name to look under, and what lies there."""

    key: str
    type: str
    many: bool
    sibling: str | None
    """Where the id and extensions of a primitive lie; None for other types."""


PRIMITIVE_SYSTEM_TYPES: Mapping[str, str] = {
    "boolean": "Boolean", "integer": "Integer", "unsignedInt": "Integer", "positiveInt": "Integer",
    "decimal": "Decimal", "date": "Date", "dateTime": "DateTime", "instant": "DateTime", "time": "Time",
    "string": "String", "code": "String", "id": "String", "markdown": "String", "uri": "String", "url": "String",
    "canonical": "String", "oid": "String", "uuid": "String", "base64Binary": "String", "xhtml": "String",
}  # fmt: skip
"""The System type that each FHIR primitive turns into; https://hl7.org/fhir/R4/fhirpath.html#types"""

SYSTEM_TYPES = frozenset({"Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity"})

MOMENT_KINDS: Mapping[str, MomentKind] = {
    name: MomentKind(system)
    for name, system in PRIMITIVE_SYSTEM_TYPES.items()
    if system in ("Date", "DateTime", "Time")
}


def is_fhir_type(name: str) -> bool:
    return name in definitions().types


def is_primitive(name: str) -> bool:
    return name in PRIMITIVE_SYSTEM_TYPES


@cache
def is_resource(name: str) -> bool:
    found = definitions().types.get(name)
    return found is not None and found.kind == "resource"


@cache
def lineage(name: str) -> tuple[str, ...]:
    """A type and all that it is built on."""
    known = definitions().types
    line: list[str] = []
    current: str | None = name
    while current is not None and current in known:
        line.append(current)
        current = known[current].base
    return tuple(line)


def is_a(name: str, ancestor: str) -> bool:
    """Whether a type is another or built on it."""
    return name == ancestor or ancestor in lineage(name)


@cache
def edges(type_name: str, element: str) -> tuple[Edge, ...]:
    """All ways to an element of a type, one for each possible type of a choice; none if there is no such element."""
    found = definitions().types.get(type_name)
    if found is None or element not in found.elements:
        return ()
    return _edges_of(found.elements[element])


@cache
def edges_by_key(type_name: str) -> Mapping[str, Edge]:
    """All ways from a type by the name to look under, a primitive's second name included."""
    found = definitions().types.get(type_name)
    by_key: dict[str, Edge] = {}
    for element in found.elements.values() if found else ():
        for edge in _edges_of(element):
            by_key[edge.key] = edge
            if edge.sibling:
                by_key[edge.sibling] = edge
    return by_key


@cache
def elements_by_key(type_name: str) -> Mapping[str, str]:
    """The elements of a type by the names they can have in JSON."""
    found = definitions().types.get(type_name)
    by_key: dict[str, str] = {}
    for name, element in found.elements.items() if found else ():
        for edge in _edges_of(element):
            by_key[edge.key] = name
            if edge.sibling:
                by_key[edge.sibling] = name
    return by_key


def _edges_of(element: ElementDefinition) -> tuple[Edge, ...]:
    return tuple(
        Edge(key=key, type=name, many=element.repeats, sibling=f"_{key}" if is_primitive(name) else None)
        for key, name in element.json_names().items()
    )


def element_names(type_name: str) -> frozenset[str]:
    """The elements of a type."""
    found = definitions().types.get(type_name)
    return frozenset(found.elements) if found else frozenset()
