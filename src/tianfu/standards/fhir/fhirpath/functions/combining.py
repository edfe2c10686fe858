"""Functions that put collections together.  http://hl7.org/fhirpath/N1/#combining"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Function
from tianfu.standards.fhir.fhirpath.nodes import Collection
from tianfu.standards.fhir.fhirpath.operators import union


def _union(frame: Frame, items: Collection, arguments: tuple[Closure, ...]) -> Collection:
    return union(frame.run, items, arguments[0](frame))


def _combine(frame: Frame, items: Collection, arguments: tuple[Closure, ...]) -> Collection:
    both = [*items, *arguments[0](frame)]
    frame.run.spend(len(both))
    return both


COMBINING: Mapping[str, Function] = {
    "union": Function(_union, 1, 1),
    "combine": Function(_combine, 1, 1),
}
