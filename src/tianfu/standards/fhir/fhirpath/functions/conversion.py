"""Functions that turn one type into another.  http://hl7.org/fhirpath/N1/#conversion"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Apply, Function, Gives
from tianfu.standards.fhir.fhirpath.moments import Moment, MomentKind, moment_of
from tianfu.standards.fhir.fhirpath.nodes import Collection, Node, System, TypeInfo, system_value
from tianfu.standards.fhir.fhirpath.numbers import within_integer
from tianfu.standards.fhir.fhirpath.quantities import Quantity, combined, quantity_from, quantity_of
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import is_number, of, one, one_value, text_in

Arguments = tuple[Closure, ...]
Value = System | Node | TypeInfo
Conversion = Callable[[Value], System | None]

_INTEGER = re.compile(r"[+-]?\d{1,40}\Z")
_DECIMAL = re.compile(r"[+-]?\d{1,400}(\.\d{1,400})?\Z")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})


def to_boolean(value: Value) -> bool | None:
    if isinstance(value, bool):
        return value
    if is_number(value):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        text = value.lower()
        return True if text in _TRUE else False if text in _FALSE else None
    return None


def to_integer(value: Value) -> int | None:
    if isinstance(value, int):
        return int(value)
    return within_integer(int(value)) if isinstance(value, str) and _INTEGER.match(value) else None


def to_decimal(value: Value) -> Decimal | None:
    if isinstance(value, int | Decimal):
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and _DECIMAL.match(value) else None


def to_text(value: Value) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return None if isinstance(value, Node | TypeInfo) else str(value)


def to_date(value: Value) -> Moment | None:
    if isinstance(value, Moment):
        return _as_date(value)
    if not isinstance(value, str):
        return None
    found = moment_of(value, MomentKind.DATE_TIME)
    return None if found is None else _as_date(found)


def _as_date(moment: Moment) -> Moment | None:
    return None if moment.kind is MomentKind.TIME else Moment(kind=MomentKind.DATE, parts=moment.parts[:3])


def to_date_time(value: Value) -> Moment | None:
    if isinstance(value, Moment):
        if value.kind is MomentKind.DATE:
            return Moment(kind=MomentKind.DATE_TIME, parts=value.parts)
        return value if value.kind is MomentKind.DATE_TIME else None
    return moment_of(value, MomentKind.DATE_TIME) if isinstance(value, str) else None


def to_time(value: Value) -> Moment | None:
    if isinstance(value, Moment):
        return value if value.kind is MomentKind.TIME else None
    return moment_of(value, MomentKind.TIME) if isinstance(value, str) else None


def to_quantity(value: Value) -> Quantity | None:
    if isinstance(value, Quantity):
        return value
    if isinstance(value, bool):
        return quantity_of(int(value))
    if is_number(value):
        return quantity_of(value)
    return quantity_from(value) if isinstance(value, str) else None


def _to(conversion: Conversion) -> Apply:
    def apply(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
        value = one_value(items)
        converted = None if value is None else conversion(value)
        return of(_in_unit(converted, frame, arguments))

    return apply


def _converts_to(conversion: Conversion) -> Apply:
    def apply(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
        item = one(items)
        if item is None:
            return []
        value = system_value(item)
        converted = None if value is None else conversion(value)
        return [_in_unit(converted, frame, arguments) is not None]

    return apply


def _in_unit(value: System | None, frame: Frame, arguments: Arguments) -> System | None:
    """A quantity in the unit asked for; other values as they are."""
    if not arguments or not isinstance(value, Quantity):
        return value
    unit = text_in(arguments[0](frame))
    if unit is None or unit == value.unit:
        return value
    # Nothing added to a quantity, in the finer unit of both, is that quantity in the unit asked for or in its own.
    return in_unit(value, unit)


def in_unit(quantity: Quantity, unit: str) -> Quantity | None:
    """The same amount in another unit; None if the units do not fit."""
    return combined(Quantity(value=Decimal(0), unit=unit), quantity, lambda left, right: Decimal(left) + right)


def _iif(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    if len(items) > 1:
        raise FailedEvaluation("several-items")
    turn = frame if items is frame.this else Frame(frame.run, items, frame.index, frame.total)
    criterion = one_value(arguments[0](turn))
    if criterion is not None and not isinstance(criterion, bool):
        raise FailedEvaluation("wrong-type", said="the criterion is not Boolean")
    if criterion:
        return arguments[1](turn)
    return arguments[2](turn) if len(arguments) > 2 else []


_CONVERSIONS: Mapping[Gives, Conversion] = {
    "Boolean": to_boolean,
    "Integer": to_integer,
    "Decimal": to_decimal,
    "String": to_text,
    "Date": to_date,
    "DateTime": to_date_time,
    "Time": to_time,
    "Quantity": to_quantity,
}

CONVERSION: Mapping[str, Function] = {
    "iif": Function(_iif, 2, 3, each_item=True),
    **{
        f"to{name}": Function(_to(conversion), 0, 1 if name == "Quantity" else 0, gives=name, one_item=True)
        for name, conversion in _CONVERSIONS.items()
    },
    **{
        f"convertsTo{name}": Function(
            _converts_to(conversion), 0, 1 if name == "Quantity" else 0, gives="Boolean", one_item=True
        )
        for name, conversion in _CONVERSIONS.items()
    },
}
