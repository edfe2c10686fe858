"""The operators.  http://hl7.org/fhirpath/N1/#operations"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tianfu.standards.fhir.fhirpath import numbers
from tianfu.standards.fhir.fhirpath.equality import (
    compare,
    distinct,
    equal,
    equal_collections,
    equivalent_collections,
)
from tianfu.standards.fhir.fhirpath.frames import Closure, Frame, Run
from tianfu.standards.fhir.fhirpath.limits import STRING_CHARACTERS_MAX
from tianfu.standards.fhir.fhirpath.moments import Moment, MomentKind, moved
from tianfu.standards.fhir.fhirpath.nodes import Collection, Node, System, TypeInfo, type_of
from tianfu.standards.fhir.fhirpath.numbers import Number
from tianfu.standards.fhir.fhirpath.quantities import Quantity, combined, product, quantity_of, quotient
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import is_number, of, of_truth, one, one_value, text_in, truth

Operator = Callable[[Run, Collection, Collection], Collection]
Operand = System | Node | TypeInfo
Arithmetic = Callable[[Number, Number], Number | None]


def _plus(run: Run, left: Collection, right: Collection) -> Collection:
    one_side, other = one_value(left), one_value(right)
    if one_side is None or other is None:
        return []
    if isinstance(one_side, str) and isinstance(other, str):
        return [joined(run, [one_side, other])]
    if isinstance(one_side, Moment) and isinstance(other, Quantity):
        return of(_moved(one_side, other, 1))
    return of(_sum(one_side, other, "+", numbers.added))


def _minus(run: Run, left: Collection, right: Collection) -> Collection:
    one_side, other = one_value(left), one_value(right)
    if one_side is None or other is None:
        return []
    if isinstance(one_side, Moment) and isinstance(other, Quantity):
        return of(_moved(one_side, other, -1))
    return of(_sum(one_side, other, "-", numbers.subtracted))


def joined(run: Run, texts: list[str]) -> str:
    """The texts one after the other; raises when that gets too long."""
    length = sum(map(len, texts))
    run.spend(length // 1_000 + 1)
    if length > STRING_CHARACTERS_MAX:
        raise FailedEvaluation("string-too-long")
    return "".join(texts)


def _sum(left: Operand, right: Operand, sign: str, operation: Arithmetic) -> System | None:
    if is_number(left) and is_number(right):
        return operation(left, right)
    pair = _as_quantities(left, right)
    if pair is None:
        raise _cannot(sign, left, right)
    return combined(*pair, operation)


def _as_quantities(left: Operand, right: Operand) -> tuple[Quantity, Quantity] | None:
    """Two quantities, of which one may be a bare number."""
    if is_number(left):
        left = quantity_of(left)
    elif is_number(right):
        right = quantity_of(right)
    return (left, right) if isinstance(left, Quantity) and isinstance(right, Quantity) else None


def _cannot(sign: str, left: Operand, right: Operand) -> FailedEvaluation:
    return FailedEvaluation("no-such-operation", said=f"{type_of(left).name} {sign} {type_of(right).name}")


_SUBSECOND = {"second": 1_000, "millisecond": 1}
_CLOCK_UNITS = frozenset({"hour", "minute", "second", "millisecond"})


def _moved(moment: Moment, duration: Quantity, direction: int) -> Moment | None:
    """Fractions of a unit do not count, but for seconds."""
    unit = duration.calendar_unit
    if unit is None or not _moves(unit, moment.kind):
        raise FailedEvaluation("not-a-duration", said=duration.unit)
    if unit in _SUBSECOND:
        return moved(moment, direction * numbers.cut(duration.value * _SUBSECOND[unit]), "millisecond")
    return moved(moment, direction * numbers.cut(duration.value), unit)


def _moves(unit: str, kind: MomentKind) -> bool:
    """Whether moments of a kind move by a unit: a date not by hours, a time by nothing longer."""
    return kind is MomentKind.DATE_TIME or (unit in _CLOCK_UNITS) is (kind is MomentKind.TIME)


def _times(_run: Run, left: Collection, right: Collection) -> Collection:
    one_side, other = one_value(left), one_value(right)
    if one_side is None or other is None:
        return []
    if is_number(one_side) and is_number(other):
        return of(numbers.multiplied(one_side, other))
    pair = _as_quantities(one_side, other)
    if pair is None:
        raise _cannot("*", one_side, other)
    return of(product(*pair))


def _over(_run: Run, left: Collection, right: Collection) -> Collection:
    one_side, other = one_value(left), one_value(right)
    if one_side is None or other is None:
        return []
    if is_number(one_side) and is_number(other):
        return of(numbers.divided(one_side, other))
    pair = _as_quantities(one_side, other)
    if pair is None:
        raise _cannot("/", one_side, other)
    return of(quotient(*pair))


def _whole_numbers(sign: str, operation: Arithmetic) -> Operator:
    def apply(_run: Run, left: Collection, right: Collection) -> Collection:
        one_side, other = one_value(left), one_value(right)
        if one_side is None or other is None:
            return []
        if not is_number(one_side) or not is_number(other):
            raise _cannot(sign, one_side, other)
        return of(operation(one_side, other))

    return apply


def _ampersand(run: Run, left: Collection, right: Collection) -> Collection:
    return [joined(run, [text_in(left) or "", text_in(right) or ""])]


def _equal(_run: Run, left: Collection, right: Collection) -> Collection:
    return of_truth(equal_collections(left, right))


def _unequal(_run: Run, left: Collection, right: Collection) -> Collection:
    decided = equal_collections(left, right)
    return [] if decided is None else [not decided]


def _equivalent(run: Run, left: Collection, right: Collection) -> Collection:
    return [equivalent_collections(run, left, right)]


def _not_equivalent(run: Run, left: Collection, right: Collection) -> Collection:
    return [not equivalent_collections(run, left, right)]


def _ordered(fits: Callable[[int], bool]) -> Operator:
    def apply(_run: Run, left: Collection, right: Collection) -> Collection:
        order = compare(left, right)
        return [] if order is None else [fits(order)]

    return apply


def union(run: Run, left: Collection, right: Collection) -> Collection:
    """Both without what is in them twice."""
    if not left or not right:
        return distinct(run, left or right)
    return distinct(run, [*left, *right])


def _in(run: Run, left: Collection, right: Collection) -> Collection:
    item = one(left)
    if item is None:
        return []
    run.spend(len(right))
    return [any(equal(item, other) is True for other in right)]


def _contains(run: Run, left: Collection, right: Collection) -> Collection:
    return _in(run, right, left)


OPERATORS: Mapping[str, Operator] = {
    "+": _plus,
    "-": _minus,
    "*": _times,
    "/": _over,
    "div": _whole_numbers("div", numbers.divided_whole),
    "mod": _whole_numbers("mod", numbers.remainder),
    "&": _ampersand,
    "=": _equal,
    "!=": _unequal,
    "~": _equivalent,
    "!~": _not_equivalent,
    "<": _ordered(lambda order: order < 0),
    "<=": _ordered(lambda order: order <= 0),
    ">": _ordered(lambda order: order > 0),
    ">=": _ordered(lambda order: order >= 0),
    "|": union,
    "in": _in,
    "contains": _contains,
}
"""Operators that look at both sides always."""


def _and(left: Closure, right: Closure) -> Closure:
    def run(frame: Frame) -> Collection:
        one_side = truth(left(frame))
        if one_side is False:
            return [False]
        other = truth(right(frame))
        if other is False:
            return [False]
        return [] if one_side is None or other is None else [True]

    return run


def _or(left: Closure, right: Closure) -> Closure:
    def run(frame: Frame) -> Collection:
        one_side = truth(left(frame))
        if one_side:
            return [True]
        other = truth(right(frame))
        if other:
            return [True]
        return [] if one_side is None or other is None else [False]

    return run


def _xor(left: Closure, right: Closure) -> Closure:
    def run(frame: Frame) -> Collection:
        one_side, other = truth(left(frame)), truth(right(frame))
        return [] if one_side is None or other is None else [one_side is not other]

    return run


def _implies(left: Closure, right: Closure) -> Closure:
    def run(frame: Frame) -> Collection:
        one_side = truth(left(frame))
        if one_side is False:
            return [True]
        other = truth(right(frame))
        if other:
            return [True]
        return [] if one_side is None or other is None else [False]

    return run


LOGIC: Mapping[str, Callable[[Closure, Closure], Closure]] = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}
"""Operators that need not look at the right side; http://hl7.org/fhirpath/N1/#boolean-logic"""


def negated(collection: Collection) -> Collection:
    """`-` before a number or quantity."""
    value = one_value(collection)
    if value is None:
        return []
    if is_number(value):
        return of(numbers.subtracted(0, value))
    if isinstance(value, Quantity):
        return [Quantity(value=-value.value, unit=value.unit, calendar=value.calendar)]
    raise FailedEvaluation("no-such-operation", said=f"-{type_of(value).name}")


def affirmed(collection: Collection) -> Collection:
    """`+` before a number or quantity."""
    negated(collection)
    return collection
