"""Ask whether an item is of a named type.  http://hl7.org/fhirpath/N1/#types

A name without a namespace may be a FHIR type or a System type: `Quantity` is both.
`is` accepts subtypes; `as` and `ofType` too, but for primitives, where a code is not taken for a string.
"""

from __future__ import annotations

from typing import NamedTuple

from tianfu.standards.fhir.fhirpath.model import (
    PRIMITIVE_SYSTEM_TYPES,
    SYSTEM_TYPES,
    is_a,
    is_fhir_type,
    is_primitive,
)
from tianfu.standards.fhir.fhirpath.nodes import Item, Node, type_of
from tianfu.standards.fhir.fhirpath.syntax import Expression, Member, TypeName


class NamedType(NamedTuple):
    """What a type's name may mean; `known` if any type has this name."""

    fhir: str | None
    system: str | None
    known: bool


def named_type(name: TypeName) -> NamedType:
    fhir = name.name if is_fhir_type(name.name) else None
    system = name.name if name.name in SYSTEM_TYPES else None
    return NamedType(
        fhir=fhir if name.namespace != "System" else None,
        system=system if name.namespace != "FHIR" else None,
        known=fhir is not None or system is not None,
    )


def type_name_in(argument: Expression) -> TypeName | None:
    """Read the argument of `is(…)`, `as(…)` and `ofType(…)`; None if it is no name."""
    match argument:
        case Member(target=None, name=name, at=at):
            return TypeName(namespace=None, name=name, at=at)
        case Member(target=Member(target=None, name=namespace), name=name, at=at) if namespace in ("System", "FHIR"):
            return TypeName(namespace=namespace, name=name, at=at)
        case _:
            return None


def is_of(item: Item, wanted: NamedType) -> bool:
    """`is`"""
    if isinstance(item, Node):
        return wanted.fhir is not None and is_a(item.type, wanted.fhir)
    return wanted.system == "Any" or (wanted.system is not None and type_of(item).name == wanted.system)


def passes_as(item: Item, wanted: NamedType) -> bool:
    """`as`, `ofType`"""
    if isinstance(item, Node):
        return wanted.fhir is not None and narrows_to(item.type, wanted.fhir)
    return is_of(item, wanted)


def narrows_to(type_name: str, wanted: str) -> bool:
    """Whether a value of a FHIR type passes `as` another."""
    return type_name == wanted or (not is_primitive(wanted) and is_a(type_name, wanted))


def as_written_in_parameters(wanted: NamedType) -> NamedType:
    """A System type with the FHIR primitive of its name: R4's own search parameters say `as(DateTime)`."""
    if wanted.fhir is not None or wanted.system is None:
        return wanted
    name = wanted.system[0].lower() + wanted.system[1:]
    return wanted._replace(fhir=name if name in PRIMITIVE_SYSTEM_TYPES else None)
