"""The items of a collection: FHIR elements with their types, and plain values of the System types.

https://hl7.org/fhir/R4/fhirpath.html#types : a FHIR primitive turns into a System value wherever one is needed.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import zip_longest
from typing import Any, NamedTuple

from tianfu.standards.fhir.fhirpath.model import (
    MOMENT_KINDS,
    PRIMITIVE_SYSTEM_TYPES,
    Edge,
    edges,
    edges_by_key,
    is_a,
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
    if type_name in _OPEN and isinstance(value, dict):
        return Node(value, value.get("resourceType", type_name))
    return Node(value, type_name)


_OPEN = frozenset({"Resource", "DomainResource"})
"""The types of elements that hold any resource."""


def step(item: Item, name: str) -> Collection:
    """The elements of that name below an item."""
    if not isinstance(item, Node):
        return _part(item, name)
    inside = item.value if isinstance(item.value, dict) else item.sibling
    found: Collection = []
    if isinstance(inside, dict):
        for edge in edges(item.type, name):
            _gather(found, inside, edge)
    return found


def _part(item: Item, name: str) -> Collection:
    if isinstance(item, Quantity):
        if name == "value":
            return [item.value]
        return [item.unit] if name == "unit" else []
    if isinstance(item, TypeInfo) and name in ("namespace", "name"):
        return [item.namespace if name == "namespace" else item.name]
    return []


def children(item: Item) -> Collection:
    """Everything directly below an item."""
    found: Collection = []
    if not isinstance(item, Node):
        return found
    inside = item.value if isinstance(item.value, dict) else item.sibling
    if isinstance(inside, dict):
        by_key = edges_by_key(item.type)
        for key in inside:
            edge = by_key.get(key)
            # A primitive without a value is found by its second name alone.
            if edge is not None and (key == edge.key or edge.key not in inside):
                _gather(found, inside, edge)
    return found


def _gather(found: Collection, value: dict[str, Json], edge: Edge) -> None:
    """Add what lies along an edge."""
    key, type_name, _, sibling = edge
    there = value.get(key)
    if sibling is None:
        if there is None:
            return
        if isinstance(there, list):
            found += [node_of(each, type_name) for each in there if each is not None]
        else:
            found.append(node_of(there, type_name))
        return
    beside = value.get(sibling)
    if isinstance(there, list) or isinstance(beside, list):
        _gather_primitives(found, there, beside, type_name)
    elif there is not None or beside is not None:
        found.append(Node(there, type_name, beside if isinstance(beside, dict) else None))


def _gather_primitives(found: Collection, there: Json, beside: Json, type_name: str) -> None:
    values = there if isinstance(there, list) else []
    siblings = beside if isinstance(beside, list) else []
    if not siblings:
        found += [Node(value, type_name) for value in values if value is not None]
        return
    for value, sibling in zip_longest(values, siblings):
        if value is not None or sibling is not None:
            found.append(Node(value, type_name, sibling if isinstance(sibling, dict) else None))


def system_value(item: Item) -> System | Node | TypeInfo | None:
    """The System value that an item stands for; None for a primitive without a value, a complex node as it is."""
    if not isinstance(item, Node):
        return item
    kind = PRIMITIVE_SYSTEM_TYPES.get(item.type)
    if kind is None:
        return (quantity_in(item) or item) if is_a(item.type, "Quantity") else item
    value = item.value
    if kind == "String" and isinstance(value, str):
        return value
    return _primitive(value, item.type, kind)


def _primitive(value: Json, type_name: str, kind: str) -> System | None:
    if isinstance(value, float) or (kind == "Decimal" and isinstance(value, int | Decimal)):
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
