"""Functions that take part of a collection.  http://hl7.org/fhirpath/N1/#subsetting"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.standards.fhir.fhirpath.equality import Seen, distinct
from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Function
from tianfu.standards.fhir.fhirpath.nodes import Collection
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import integer_in, one

Arguments = tuple[Closure, ...]


def _single(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    one(items)
    return items


def _first(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return items[:1]


def _last(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return items[-1:]


def _tail(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return items[1:]


def _skip(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    return items[max(0, _number(frame, arguments[0])) :]


def _take(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    return items[: max(0, _number(frame, arguments[0]))]


def _number(frame: Frame, argument: Closure) -> int:
    number = integer_in(argument(frame))
    if number is None:
        raise FailedEvaluation("argument-missing")
    return number


def at_index(items: Collection, index: Collection) -> Collection:
    """The item at a place, counted from 0; none outside the collection."""
    place = integer_in(index)
    if place is None or place < 0:
        return []
    return items[place : place + 1]


def _intersect(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    others = Seen(frame.run, arguments[0](frame))
    return distinct(frame.run, [item for item in items if item in others])


def _exclude(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    others = Seen(frame.run, arguments[0](frame))
    return [item for item in items if item not in others]


SUBSETTING: Mapping[str, Function] = {
    "single": Function(_single, gives="same", one_item=True),
    "first": Function(_first, gives="same", needs_order=True, one_item=True),
    "last": Function(_last, gives="same", needs_order=True, one_item=True),
    "tail": Function(_tail, gives="same", needs_order=True),
    "skip": Function(_skip, 1, 1, gives="same", needs_order=True),
    "take": Function(_take, 1, 1, gives="same", needs_order=True),
    "intersect": Function(_intersect, 1, 1, gives="same"),
    "exclude": Function(_exclude, 1, 1, gives="same"),
}
