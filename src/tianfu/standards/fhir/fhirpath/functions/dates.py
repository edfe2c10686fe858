"""Functions about time, and about how precise a value is.  http://hl7.org/fhirpath/N1/#utility-functions

`lowBoundary`, `highBoundary`, `precision` and `comparable` are from the trial edition: http://hl7.org/fhirpath/
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Apply, Function
from tianfu.standards.fhir.fhirpath.moments import Moment, MomentKind, boundary
from tianfu.standards.fhir.fhirpath.nodes import Collection, System
from tianfu.standards.fhir.fhirpath.numbers import Number, places_of, rounded_down, rounded_up
from tianfu.standards.fhir.fhirpath.quantities import Quantity, are_comparable
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import integer_in, is_number, of, one_value, wrong_type

Arguments = tuple[Closure, ...]
PLACES_DEFAULT = 8
PLACES_MAX = 31
_DIGITS_DEFAULT = {MomentKind.DATE: 8, MomentKind.DATE_TIME: 17, MomentKind.TIME: 9}


def _now(frame: Frame, _items: Collection, _arguments: Arguments) -> Collection:
    return [frame.run.now()]


def _today(frame: Frame, _items: Collection, _arguments: Arguments) -> Collection:
    return [Moment(kind=MomentKind.DATE, parts=frame.run.now().parts[:3])]


def _time_of_day(frame: Frame, _items: Collection, _arguments: Arguments) -> Collection:
    now = frame.run.now()
    return [Moment(kind=MomentKind.TIME, parts=now.parts[3:], fraction=now.fraction)]


def _boundary(*, high: bool) -> Apply:
    def apply(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
        value = one_value(items)
        precision = integer_in(arguments[0](frame)) if arguments else None
        if value is None:
            return []
        if isinstance(value, Moment):
            return of(boundary(value, _DIGITS_DEFAULT[value.kind] if precision is None else precision, high=high))
        places = PLACES_DEFAULT if precision is None else precision
        if is_number(value):
            return of(_number_boundary(value, places, high=high))
        if isinstance(value, Quantity):
            return of(_quantity_boundary(value, places, high=high))
        raise wrong_type(value, "a number or a moment")

    return apply


def _number_boundary(number: Number, places: int, *, high: bool) -> Decimal | None:
    """The edge of what rounds to `number` as it was written, itself rounded away from the number."""
    if not 0 <= places <= PLACES_MAX:
        return None
    value = Decimal(number)
    half = Decimal(5).scaleb(-places_of(value) - 1)
    return rounded_up(value + half, places) if high else rounded_down(value - half, places)


def _quantity_boundary(quantity: Quantity, places: int, *, high: bool) -> System | None:
    value = _number_boundary(quantity.value, places, high=high)
    return None if value is None else Quantity(value=value, unit=quantity.unit, calendar=quantity.calendar)


def _precision(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    value = one_value(items)
    if value is None:
        return []
    if isinstance(value, Moment):
        return [value.digits]
    if is_number(value):
        return [places_of(Decimal(value))]
    raise wrong_type(value, "a number or a moment")


def _comparable(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    left, right = one_value(items), one_value(arguments[0](frame))
    if left is None or right is None:
        return []
    if not isinstance(left, Quantity) or not isinstance(right, Quantity):
        raise FailedEvaluation("wrong-type", said="not Quantity")
    return [are_comparable(left, right)]


DATES: Mapping[str, Function] = {
    "now": Function(_now, gives="DateTime", one_item=True),
    "today": Function(_today, gives="Date", one_item=True),
    "timeOfDay": Function(_time_of_day, gives="Time", one_item=True),
    "lowBoundary": Function(_boundary(high=False), 0, 1, one_item=True),
    "highBoundary": Function(_boundary(high=True), 0, 1, one_item=True),
    "precision": Function(_precision, gives="Integer", one_item=True),
    "comparable": Function(_comparable, 1, 1, gives="Boolean", one_item=True),
}
