"""Functions that walk through a resource.  http://hl7.org/fhirpath/N1/#tree-navigation"""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Function
from tianfu.standards.fhir.fhirpath.nodes import Collection, children


def _children(frame: Frame, items: Collection, _arguments: tuple[Closure, ...]) -> Collection:
    found: Collection = [child for item in items for child in children(item)]
    frame.run.spend(len(found))
    return found


def _descendants(frame: Frame, items: Collection, arguments: tuple[Closure, ...]) -> Collection:
    found: Collection = []
    generation = _children(frame, items, arguments)
    while generation:
        found.extend(generation)
        generation = _children(frame, generation, arguments)
    return found


TREE: Mapping[str, Function] = {
    "children": Function(_children),
    "descendants": Function(_descendants),
}
UNORDERED = frozenset(TREE)
"""Functions whose results have no order to rely on."""
