"""Numbers with units.  http://hl7.org/fhirpath/N1/#quantity

Units written as words (`4 days`) are calendar durations, units in quotes UCUM codes.  Weeks and shorter are the
same in both; a calendar year or month has no fixed length, so it equals no UCUM `a` or `mo`, but is equivalent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from tianfu.standards.fhir.fhirpath.numbers import (
    Number,
    divided,
    multiplied,
    rounded,
    significant_places,
)
from tianfu.standards.fhir.fhirpath.ucum import Unit, unit_of

_UCUM_OF_CALENDAR = {
    "week": "wk", "day": "d", "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
}  # fmt: skip
_CALENDAR_OF_UCUM = {code: word for word, code in _UCUM_OF_CALENDAR.items()}
_LONG = {
    "year": (Unit(factor=Fraction(12), dimensions=(("calendar month", 1),)), "a"),
    "month": (Unit(factor=Fraction(1), dimensions=(("calendar month", 1),)), "mo"),
}
_WORDS = frozenset({*_UCUM_OF_CALENDAR, *_LONG})
_TEXT = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*(?:'([^']+)'|([a-zA-Z]+))?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A value and its unit; `calendar` if the unit is a word of the calendar."""

    value: Decimal
    unit: str
    calendar: bool = False

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit}" if self.calendar else f"{self.value:f} '{self.unit}'"

    @property
    def calendar_unit(self) -> str | None:
        """The calendar word in the singular, for UCUM's exact durations too; None for any other unit."""
        word = self.unit.removesuffix("s")
        if word in _WORDS:
            return word
        return None if self.calendar else _CALENDAR_OF_UCUM.get(self.unit)

    @property
    def measure(self) -> Unit | None:
        """The unit in base units; None if it is not known."""
        if not self.calendar:
            return unit_of(self.unit)
        word = self.unit.removesuffix("s")
        return _LONG[word][0] if word in _LONG else unit_of(_UCUM_OF_CALENDAR[word])


def quantity_of(number: Number) -> Quantity:
    """A number as a quantity without a unit."""
    return Quantity(value=Decimal(number), unit="1")


def quantity_from(text: str) -> Quantity | None:
    """Read `4`, `4 'mg'`, `4 days`; None if the text is nothing of the kind."""
    found = _TEXT.match(text)
    if found is None:
        return None
    value, code, word = found.groups()
    if word is None:
        return Quantity(value=Decimal(value), unit=code or "1")
    return Quantity(value=Decimal(value), unit=word, calendar=True) if word.removesuffix("s") in _WORDS else None


def are_comparable(left: Quantity, right: Quantity) -> bool:
    """Whether both measure the same kind of thing."""
    return _measured(left, right) is not None


def _measured(left: Quantity, right: Quantity) -> tuple[Unit, Unit] | None:
    """The units of two quantities that can be compared."""
    left_unit, right_unit = left.measure, right.measure
    if left_unit is None or right_unit is None:
        same = left.unit == right.unit and left.calendar == right.calendar
        return (_SAME, _SAME) if same else None
    return (left_unit, right_unit) if left_unit.dimensions == right_unit.dimensions else None


_SAME = Unit(factor=Fraction(1))


def compared_quantities(left: Quantity, right: Quantity) -> int | None:
    """-1, 0 or 1; None when the units do not fit."""
    units = _measured(left, right)
    if units is None:
        return None
    left_amount, right_amount = _amount(left, units[0]), _amount(right, units[1])
    return (left_amount > right_amount) - (left_amount < right_amount)


def _amount(quantity: Quantity, unit: Unit) -> Fraction:
    """The quantity in base units."""
    return (Fraction(quantity.value) + unit.zero) * unit.factor


def are_equivalent(left: Quantity, right: Quantity) -> bool:
    """Equal as far as the less precise of the two was written, in the larger of both units."""
    left, right = _definite(left), _definite(right)
    units = _measured(left, right)
    if units is None:
        return False
    larger = max(units, key=lambda unit: unit.factor)
    values = [_in(_amount(quantity, unit), larger) for quantity, unit in zip((left, right), units, strict=True)]
    places = min(map(significant_places, values))
    return rounded(values[0], places) == rounded(values[1], places)


def _definite(quantity: Quantity) -> Quantity:
    word = quantity.unit.removesuffix("s")
    if quantity.calendar and word in _LONG:
        return Quantity(value=quantity.value, unit=_LONG[word][1])
    return quantity


def _in(amount: Fraction, unit: Unit) -> Decimal:
    """An amount of base units in `unit`."""
    value = amount / unit.factor - unit.zero
    return decimal_from(value)


def decimal_from(value: Fraction) -> Decimal:
    """The decimal nearest to a fraction."""
    quotient = divided(Decimal(value.numerator), Decimal(value.denominator))
    return Decimal("NaN") if quotient is None else quotient


def combined(left: Quantity, right: Quantity, operation: Callable[[Number, Number], Number | None]) -> Quantity | None:
    """The sum or difference in the finer of both units; None when the units do not fit."""
    if left.unit == right.unit and left.calendar == right.calendar:
        return _with_value(left, operation(left.value, right.value))
    units = _measured(left, right)
    if units is None:
        return None
    finer = left if units[0].factor <= units[1].factor else right
    unit = min(units, key=lambda unit: unit.factor)
    left_value, right_value = _in(_amount(left, units[0]), unit), _in(_amount(right, units[1]), unit)
    return _with_value(finer, operation(left_value, right_value))


def product(left: Quantity, right: Quantity) -> Quantity | None:
    """The product, its unit composed of both."""
    value = multiplied(left.value, right.value)
    if left.unit == "1" or right.unit == "1":
        return _with_value(right if left.unit == "1" else left, value)
    return _with_value(Quantity(value=left.value, unit=f"{_code(left)}.{_code(right)}"), value)


def quotient(left: Quantity, right: Quantity) -> Quantity | None:
    """The quotient, its unit composed of both; None for a division by zero."""
    value = divided(left.value, right.value)
    if right.unit == "1":
        return _with_value(left, value)
    if left.unit == right.unit:
        return _with_value(quantity_of(1), value)
    below = f"/{_code(right)}" if "." not in right.unit and "/" not in right.unit else f"/({_code(right)})"
    above = "" if left.unit == "1" else _code(left)
    return _with_value(Quantity(value=left.value, unit=above + below), value)


def _code(quantity: Quantity) -> str:
    """The UCUM code of the unit."""
    if not quantity.calendar:
        return quantity.unit
    word = quantity.unit.removesuffix("s")
    return _LONG[word][1] if word in _LONG else _UCUM_OF_CALENDAR[word]


def _with_value(quantity: Quantity, value: Number | None) -> Quantity | None:
    if value is None:
        return None
    return Quantity(value=Decimal(value), unit=quantity.unit, calendar=quantity.calendar)
