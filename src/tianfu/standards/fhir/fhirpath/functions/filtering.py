"""Functions that choose, make or order items one by one.  http://hl7.org/fhirpath/N1/#filtering-and-projection

`sort` is from the later trial edition: http://hl7.org/fhirpath/ ; items without a key come first either way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cmp_to_key

from tianfu.standards.fhir.fhirpath.equality import Seen, order_of
from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions.registry import Function
from tianfu.standards.fhir.fhirpath.nodes import Collection, Item, Node, System, TypeInfo
from tianfu.standards.fhir.fhirpath.singletons import one_value, truth

Arguments = tuple[Closure, ...]
Key = System | Node | TypeInfo | None


def _where(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    (criterion,) = arguments
    return [item for index, item in enumerate(items) if truth(criterion(frame.turn(item, index)))]


def _select(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    (projection,) = arguments
    found: Collection = []
    for index, item in enumerate(items):
        made = projection(frame.turn(item, index))
        frame.run.spend(len(made))
        found.extend(made)
    return found


def _repeat(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    (projection,) = arguments
    seen = Seen(frame.run)
    found: Collection = []
    waiting = items
    while waiting:
        fresh: Collection = []
        for index, item in enumerate(waiting):
            fresh.extend(made for made in projection(frame.turn(item, index)) if seen.add(made))
        found.extend(fresh)
        waiting = fresh
    return found


def _repeat_all(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    (projection,) = arguments
    found: Collection = []
    waiting = items
    while waiting:
        waiting = [made for index, item in enumerate(waiting) for made in projection(frame.turn(item, index))]
        frame.run.spend(len(waiting))
        found.extend(waiting)
    return found


def _aggregate(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    total = arguments[1](frame) if len(arguments) > 1 else []
    for index, item in enumerate(items):
        frame.run.spend(len(total) + 1)
        total = arguments[0](Frame(frame.run, [item], index, total))
    return total


def sorted_by(frame: Frame, items: Collection, keys: tuple[tuple[Closure, bool], ...]) -> Collection:
    """`items` in the order of their keys; each key comes with whether it counts downwards."""
    rows = [
        (tuple(one_value(key(turn)) for key, _ in keys), item)
        for item, turn in ((item, frame.turn(item, index)) for index, item in enumerate(items))
    ]
    directions = tuple(descending for _, descending in keys)

    def order(left: tuple[tuple[Key, ...], Item], right: tuple[tuple[Key, ...], Item]) -> int:
        frame.run.spend(1)
        for one, other, descending in zip(left[0], right[0], directions, strict=True):
            if one is None or other is None:
                difference = (one is not None) - (other is not None)
            else:
                difference = (order_of(one, other) or 0) * (-1 if descending else 1)
            if difference:
                return difference
        return 0

    return [item for _, item in sorted(rows, key=cmp_to_key(order))]


def _sort(frame: Frame, items: Collection, arguments: Arguments) -> Collection:
    return sorted_by(frame, items, tuple((key, False) for key in arguments or (_itself,)))


def _itself(frame: Frame) -> Collection:
    return frame.this


def _coalesce(frame: Frame, _items: Collection, arguments: Arguments) -> Collection:
    for argument in arguments:
        found = argument(frame)
        if found:
            return found
    return []


FILTERING: Mapping[str, Function] = {
    "where": Function(_where, 1, 1, gives="same", each_item=True),
    "select": Function(_select, 1, 1, gives="argument", each_item=True),
    "repeat": Function(_repeat, 1, 1, gives="argument", each_item=True),
    "repeatAll": Function(_repeat_all, 1, 1, gives="argument", each_item=True),
    "aggregate": Function(_aggregate, 1, 2, each_item=True),
    "sort": Function(_sort, 0, 10, gives="same", each_item=True),
    "coalesce": Function(_coalesce, 1, 20),
}
