"""Take the one item that an operator or function needs.

http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeGuard

from tianfu.standards.fhir.fhirpath.nodes import Collection, Item, Node, System, TypeInfo, system_value, type_of
from tianfu.standards.fhir.fhirpath.numbers import Number
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation


def one(collection: Collection) -> Item | None:
    """The only item, None if there is none; raises if there are several."""
    if len(collection) > 1:
        raise FailedEvaluation("several-items")
    return collection[0] if collection else None


def one_value(collection: Collection) -> System | Node | TypeInfo | None:
    """The only item as a System value where it has one."""
    if not collection:
        return None
    item = one(collection)
    return None if item is None else system_value(item)


def truth(collection: Collection) -> bool | None:
    """A boolean as it is; any other single item is true; nothing is None."""
    value = one_value(collection)
    if value is None or isinstance(value, bool):
        return value
    return True


def text_in(collection: Collection) -> str | None:
    value = one_value(collection)
    if value is None or isinstance(value, str):
        return value
    raise wrong_type(value, "String")


def integer_in(collection: Collection) -> int | None:
    value = one_value(collection)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise wrong_type(value, "Integer")


def number_in(collection: Collection) -> Number | None:
    value = one_value(collection)
    if value is None:
        return None
    if is_number(value):
        return value
    raise wrong_type(value, "Decimal")


def is_number(value: object) -> TypeGuard[Number]:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def wrong_type(value: System | Node | TypeInfo, wanted: str) -> FailedEvaluation:
    return FailedEvaluation("wrong-type", said=f"{type_of(value).name} is not {wanted}")


def of(value: Item | None) -> Collection:
    """A collection of one value, or of none."""
    return [] if value is None else [value]


def of_truth(value: bool | None) -> Collection:
    """A collection of a boolean, or of none."""
    return [] if value is None else [value]
