"""Functions over numbers.  http://hl7.org/fhirpath/N1/#math"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tianfu.standards.fhir.fhirpath import numbers
from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Apply, Function
from tianfu.standards.fhir.fhirpath.nodes import Collection
from tianfu.standards.fhir.fhirpath.numbers import Number
from tianfu.standards.fhir.fhirpath.quantities import Quantity
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import integer_in, number_in, of, one_value

Arguments = tuple[Closure, ...]
ROUNDING_PLACES_MAX = 400


def _of_one(compute: Callable[[Number], Number | None]) -> Apply:
    def apply(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
        number = number_in(items)
        return [] if number is None else of(compute(number))

    return apply


def _of_two(compute: Callable[[Number, Number], Number | None]) -> Apply:
    def apply(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
        number, other = number_in(items), number_in(arguments[0](frame))
        return [] if number is None or other is None else of(compute(number, other))

    return apply


def _abs(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    value = one_value(items)
    if isinstance(value, Quantity):
        return [Quantity(value=abs(value.value), unit=value.unit, calendar=value.calendar)]
    number = number_in(items)
    return [] if number is None else of(numbers.magnitude(number))


def _round(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    number = number_in(items)
    places = integer_in(arguments[0](frame)) if arguments else 0
    if number is None:
        return []
    if places is None or not 0 <= places <= ROUNDING_PLACES_MAX:
        raise FailedEvaluation("argument-out-of-bounds")
    return [numbers.rounded(number, places)]


MATHEMATICS: Mapping[str, Function] = {
    "abs": Function(_abs, one_item=True),
    "ceiling": Function(_of_one(numbers.ceiling), gives="Integer", one_item=True),
    "exp": Function(_of_one(numbers.exponential), gives="Decimal", one_item=True),
    "floor": Function(_of_one(numbers.floor), gives="Integer", one_item=True),
    "ln": Function(_of_one(numbers.natural_logarithm), gives="Decimal", one_item=True),
    "log": Function(_of_two(numbers.logarithm), 1, 1, gives="Decimal", one_item=True),
    "power": Function(_of_two(numbers.power), 1, 1, one_item=True),
    "round": Function(_round, 0, 1, gives="Decimal", one_item=True),
    "sqrt": Function(_of_one(numbers.square_root), gives="Decimal", one_item=True),
    "truncate": Function(_of_one(numbers.truncated), gives="Integer", one_item=True),
}
