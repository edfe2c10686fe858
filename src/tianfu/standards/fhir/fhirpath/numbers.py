"""Decimal arithmetic of expressions: 28 digits, and nothing instead of what cannot be.

http://hl7.org/fhirpath/N1/#math
"""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)

INTEGER_MIN = -(2**31)
INTEGER_MAX = 2**31 - 1
DIGITS = 28

Number = int | Decimal

_EXACT = Context(prec=DIGITS, Emax=999, Emin=-999, traps=[InvalidOperation, DivisionByZero, Overflow])
_WIDE = Context(prec=DIGITS + 12, Emax=9999, Emin=-9999, traps=[InvalidOperation, DivisionByZero, Overflow])


def decimal_of(number: Number | float) -> Decimal:
    """The decimal that a JSON number was written as, as far as the reader of the JSON kept it."""
    return number if isinstance(number, Decimal) else Decimal(str(number))


def within_integer(value: int) -> int | None:
    """An integer, or None when it leaves the 32 bits of FHIRPath's Integer."""
    return value if INTEGER_MIN <= value <= INTEGER_MAX else None


def added(left: Number, right: Number) -> Number | None:
    if isinstance(left, int) and isinstance(right, int):
        return within_integer(left + right)
    return _decimal("add", left, right)


def subtracted(left: Number, right: Number) -> Number | None:
    if isinstance(left, int) and isinstance(right, int):
        return within_integer(left - right)
    return _decimal("subtract", left, right)


def multiplied(left: Number, right: Number) -> Number | None:
    if isinstance(left, int) and isinstance(right, int):
        return within_integer(left * right)
    return _decimal("multiply", left, right)


def divided(left: Number, right: Number) -> Decimal | None:
    """`/`: always a decimal; None for a division by zero."""
    return _decimal("divide", left, right)


def divided_whole(left: Number, right: Number) -> int | None:
    """`div`: the quotient without its fraction, rounded towards zero."""
    quotient = _decimal("divide_int", left, right)
    return None if quotient is None else within_integer(int(quotient))


def remainder(left: Number, right: Number) -> Number | None:
    """`mod`: has the sign of the dividend."""
    rest = _decimal("remainder", left, right)
    if rest is not None and isinstance(left, int) and isinstance(right, int):
        return int(rest)
    return rest


def _decimal(operation: str, left: Number, right: Number) -> Decimal | None:
    try:
        result: Decimal = getattr(_EXACT, operation)(Decimal(left), Decimal(right))
    except DecimalException:
        return None
    return result


def magnitude(number: Number) -> Number | None:
    return within_integer(abs(number)) if isinstance(number, int) else number.copy_abs()


def ceiling(number: Number) -> int | None:
    return within_integer(int(Decimal(number).to_integral_value(ROUND_CEILING)))


def floor(number: Number) -> int | None:
    return within_integer(int(Decimal(number).to_integral_value(ROUND_FLOOR)))


def truncated(number: Number) -> int | None:
    return within_integer(int(number))


def rounded(number: Number, places: int) -> Decimal:
    """Halves go away from zero; `places` beyond those written change nothing."""
    value = Decimal(number)
    return value if places >= places_of(value) else _quantized(value, places, ROUND_HALF_UP)


def rounded_down(number: Decimal, places: int) -> Decimal:
    """The greatest number of so many decimal places that is not above `number`."""
    return _quantized(number, places, ROUND_FLOOR)


def rounded_up(number: Decimal, places: int) -> Decimal:
    """The least number of so many decimal places that is not below `number`."""
    return _quantized(number, places, ROUND_CEILING)


def cut(number: Decimal) -> int:
    """The number without its fraction."""
    return int(number.to_integral_value(ROUND_DOWN))


def _quantized(number: Decimal, places: int, rounding: str) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-places), rounding=rounding, context=Context(prec=2_100))


def places_of(number: Decimal) -> int:
    """The decimal places that a number was written with."""
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def significant_places(number: Decimal) -> int:
    """The decimal places of a number without zeros at its end."""
    digits = number.as_tuple()
    if not isinstance(digits.exponent, int) or not number:
        return 0
    zeros = len(digits.digits) - len("".join(map(str, digits.digits)).rstrip("0"))
    return max(0, -(digits.exponent + zeros))


def square_root(number: Number) -> Decimal | None:
    return None if number < 0 else _tidy(_WIDE.sqrt(Decimal(number)))


def natural_logarithm(number: Number) -> Decimal | None:
    return None if number <= 0 else _tidy(_WIDE.ln(Decimal(number)))


def logarithm(number: Number, base: Number) -> Decimal | None:
    if number <= 0 or base <= 0 or base == 1:
        return None
    return _tidy(_WIDE.divide(_WIDE.ln(Decimal(number)), _WIDE.ln(Decimal(base))))


def exponential(number: Number) -> Decimal | None:
    try:
        return _tidy(_WIDE.exp(Decimal(number)))
    except DecimalException:
        return None


def power(base: Number, exponent: Number) -> Number | None:
    """None where no real number answers, or none of bearable size."""
    try:
        result = _tidy(_WIDE.power(Decimal(base), Decimal(exponent)))
    except DecimalException:
        return None
    if isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        return within_integer(int(result))
    return result


def _tidy(number: Decimal) -> Decimal:
    """Round away the last digits of an inexact result, so that log(16, 2) is 4."""
    try:
        short = _EXACT.plus(number)
    except DecimalException:
        return number
    whole = short.to_integral_value()
    if short == whole and abs(whole) < 10**DIGITS:
        return whole.quantize(Decimal(1), context=_WIDE)
    return short.normalize(_EXACT)
