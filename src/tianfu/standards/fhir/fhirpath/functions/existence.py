"""Functions about whether there is something.  http://hl7.org/fhirpath/N1/#existence"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.standards.fhir.fhirpath.equality import Seen, distinct
from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Apply, Function
from tianfu.standards.fhir.fhirpath.nodes import Collection, system_value
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import truth

Arguments = tuple[Closure, ...]


def _empty(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return [not items]


def _exists(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    if not arguments:
        return [bool(items)]
    (criterion,) = arguments
    return [any(truth(criterion(frame.turn(item, index))) for index, item in enumerate(items))]


def _all(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    (criterion,) = arguments
    return [all(truth(criterion(frame.turn(item, index))) for index, item in enumerate(items))]


def _over_booleans(*, every: bool, wanted: bool) -> Apply:
    def apply(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
        values = [system_value(item) for item in items]
        if not all(isinstance(value, bool) for value in values):
            raise FailedEvaluation("wrong-type", said="not Boolean")
        found = [value is wanted for value in values]
        return [all(found) if every else any(found)]

    return apply


def _subset_of(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    others = Seen(frame.run, arguments[0](frame))
    return [all(item in others for item in items)]


def _superset_of(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    own = Seen(frame.run, items)
    return [all(item in own for item in arguments[0](frame))]


def _count(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return [len(items)]


def _distinct(frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    return distinct(frame.run, items)


def _is_distinct(frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    seen = Seen(frame.run)
    return [all(seen.add(item) for item in items)]


def _not(_frame: Frame, items: Collection, _arguments: Arguments) -> Collection:
    value = truth(items)
    return [] if value is None else [not value]


EXISTENCE: Mapping[str, Function] = {
    "empty": Function(_empty, gives="Boolean", one_item=True),
    "exists": Function(_exists, 0, 1, gives="Boolean", each_item=True, one_item=True),
    "all": Function(_all, 1, 1, gives="Boolean", each_item=True, one_item=True),
    "allTrue": Function(_over_booleans(every=True, wanted=True), gives="Boolean", one_item=True),
    "anyTrue": Function(_over_booleans(every=False, wanted=True), gives="Boolean", one_item=True),
    "allFalse": Function(_over_booleans(every=True, wanted=False), gives="Boolean", one_item=True),
    "anyFalse": Function(_over_booleans(every=False, wanted=False), gives="Boolean", one_item=True),
    "subsetOf": Function(_subset_of, 1, 1, gives="Boolean", one_item=True),
    "supersetOf": Function(_superset_of, 1, 1, gives="Boolean", one_item=True),
    "count": Function(_count, gives="Integer", one_item=True),
    "distinct": Function(_distinct, gives="same"),
    "isDistinct": Function(_is_distinct, gives="Boolean", one_item=True),
    "not": Function(_not, gives="Boolean", one_item=True),
}
