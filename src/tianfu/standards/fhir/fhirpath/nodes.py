"""The items of a collection: FHIR elements with their types, and plain values of the System types.

https://hl7.org/fhir/R4/fhirpath.html#types : a FHIR primitive turns into a System value wherever one is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from tianfu.standards.fhir.fhirpath.model import (
    MOMENT_KINDS,
    PRIMITIVE_SYSTEM_TYPES,
    Edge,
    edges,
    edges_by_key,
    is_a,
    is_resource,
)
from tianfu.standards.fhir.fhirpath.moments import Moment, moment_of
from tianfu.standards.fhir.fhirpath.numbers import decimal_of
from tianfu.standards.fhir.fhirpath.quantities import Quantity
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation

UCUM = "http://unitsofmeasure.org"
MAGNITUDE_MAX = 999

Json = Any
"""A JSON value as the parser made it; its shape is that of the node's type."""


class Node(NamedTuple):
    """A FHIR element or resource: its JSON, its type, and for a primitive its id and extensions."""

    value: Json
    type: str
    sibling: dict[str, Json] | None = None


class TypeInfo(NamedTuple):
    """What `type()` answers."""

    namespace: str
    name: str


System = bool | int | Decimal | str | Moment | Quantity
Item = Node | TypeInfo | bool | int | Decimal | str | Moment | Quantity
Collection = list[Item]


def node_of(value: Json, type_name: str) -> Node:
    """A complex value as a node; a resource is of the type that it says it is."""
    if is_resource(type_name) and isinstance(value, dict):
        return Node(value, value.get("resourceType", type_name))
    return Node(value, type_name)


def step(item: Item, name: str) -> Collection:
    """The elements of that name below an item."""
    if isinstance(item, Node):
        if isinstance(item.value, dict):
            found: Collection = []
            for edge in edges(item.type, name):
                found.extend(_along(item.value, edge))
            return found
        if item.sibling is not None and item.type in PRIMITIVE_SYSTEM_TYPES:
            return [node for edge in edges(item.type, name) for node in _along(item.sibling, edge)]
        return []
    return _part(item, name)


def _part(item: Item, name: str) -> Collection:
    if isinstance(item, Quantity):
        if name == "value":
            return [item.value]
        return [item.unit] if name == "unit" else []
    if isinstance(item, TypeInfo) and name in ("namespace", "name"):
        return [item.namespace if name == "namespace" else item.name]
    return []


def children(item: Item) -> Iterator[Node]:
    """Everything directly below an item."""
    if not isinstance(item, Node):
        return
    inside = item.value if isinstance(item.value, dict) else item.sibling
    if not isinstance(inside, dict):
        return
    by_key = edges_by_key(item.type)
    for key in inside:
        edge = by_key.get(key)
        # A primitive without a value is found by its second name alone.
        if edge is not None and (key == edge.key or edge.key not in inside):
            yield from _along(inside, edge)


def _along(value: dict[str, Json], edge: Edge) -> Iterator[Node]:
    found = value.get(edge.key)
    beside = value.get(edge.sibling) if edge.sibling else None
    if found is None and beside is None:
        return
    if isinstance(found, list) or isinstance(beside, list):
        yield from _several(found, beside, edge)
    elif edge.sibling:
        yield Node(found, edge.type, beside if isinstance(beside, dict) else None)
    else:
        yield node_of(found, edge.type)


def _several(found: Json, beside: Json, edge: Edge) -> Iterator[Node]:
    values = found if isinstance(found, list) else []
    if not edge.sibling:
        yield from (node_of(value, edge.type) for value in values if value is not None)
        return
    siblings = beside if isinstance(beside, list) else []
    for place in range(max(len(values), len(siblings))):
        value = values[place] if place < len(values) else None
        sibling = siblings[place] if place < len(siblings) else None
        if value is not None or sibling is not None:
            yield Node(value, edge.type, sibling if isinstance(sibling, dict) else None)


def system_value(item: Item) -> System | Node | TypeInfo | None:
    """The System value that an item stands for; None for a primitive without a value, a complex node as it is."""
    if not isinstance(item, Node):
        return item
    if item.type in PRIMITIVE_SYSTEM_TYPES:
        return _primitive(item.value, item.type)
    if is_a(item.type, "Quantity"):
        return quantity_in(item) or item
    return item


def _primitive(value: Json, type_name: str) -> System | None:
    if isinstance(value, float) or (isinstance(value, int | Decimal) and type_name == "decimal"):
        return _bounded(decimal_of(value))
    if isinstance(value, str) and type_name in MOMENT_KINDS:
        return moment_of(value, MOMENT_KINDS[type_name]) or value
    if isinstance(value, bool | int | str | Decimal):
        return value
    return None


def _bounded(value: Decimal) -> Decimal:
    if not value.is_finite() or abs(value.adjusted()) > MAGNITUDE_MAX:
        raise FailedEvaluation("number-out-of-bounds")
    return value


def quantity_in(node: Node) -> Quantity | None:
    """A FHIR Quantity as a System quantity; None if it has no value, is only a bound, or is malformed."""
    inside = node.value
    if not isinstance(inside, dict) or "comparator" in inside:
        return None
    value = inside.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    unit = inside.get("code") if inside.get("system") == UCUM else inside.get("unit") or inside.get("code")
    return Quantity(value=_bounded(decimal_of(value)), unit=unit if isinstance(unit, str) and unit else "1")


def type_of(item: Item) -> TypeInfo:
    """The namespace and name of an item's type."""
    match item:
        case Node():
            return TypeInfo("FHIR", item.type)
        case bool():
            return TypeInfo("System", "Boolean")
        case int():
            return TypeInfo("System", "Integer")
        case Decimal():
            return TypeInfo("System", "Decimal")
        case str():
            return TypeInfo("System", "String")
        case Moment():
            return TypeInfo("System", item.kind.value)
        case Quantity():
            return TypeInfo("System", "Quantity")
        case TypeInfo():
            return TypeInfo("System", "TypeInfo")
