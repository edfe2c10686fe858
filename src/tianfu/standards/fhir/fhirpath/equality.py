"""When items are equal, equivalent, before or after each other.  http://hl7.org/fhirpath/N1/#equality"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from decimal import Decimal

from tianfu.standards.fhir.fhirpath.frames import Run
from tianfu.standards.fhir.fhirpath.model import elements_by_key
from tianfu.standards.fhir.fhirpath.moments import Moment, comparable_kinds, compared
from tianfu.standards.fhir.fhirpath.nodes import (
    Collection,
    Item,
    Node,
    System,
    TypeInfo,
    step,
    system_value,
    type_of,
)
from tianfu.standards.fhir.fhirpath.numbers import Number, rounded, significant_places
from tianfu.standards.fhir.fhirpath.quantities import Quantity, are_equivalent, compared_quantities, quantity_of
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.singletons import is_number

Value = System | Node | TypeInfo | None


def equal(left: Item, right: Item) -> bool | None:
    """Whether two items are equal; None when that is undecided."""
    if isinstance(left, Node) and isinstance(right, Node) and left.value is not None and left.value == right.value:
        # JSON true equals 1 for Python, yet one place of a type never holds both.
        return left.type == right.type or _equal_values(system_value(left), system_value(right))
    return _equal_values(system_value(left), system_value(right))


def _equal_values(left: Value, right: Value) -> bool | None:
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if left is None or right is None:
        return None
    if isinstance(left, Moment) and isinstance(right, Moment):
        if not comparable_kinds(left, right):
            return False
        order = compared(left, right)
        return None if order is None else order == 0
    if isinstance(left, Quantity) or isinstance(right, Quantity):
        return _equal_quantities(left, right)
    if is_number(left) and is_number(right):
        return left == right
    if isinstance(left, Node) and isinstance(right, Node):
        return left.type == right.type and left.value == right.value
    return type(left) is type(right) and left == right


def _equal_quantities(left: Value, right: Value) -> bool | None:
    pair = _quantities(left, right)
    if pair is None:
        return False
    order = compared_quantities(*pair)
    return None if order is None else order == 0


def _quantities(left: Value, right: Value) -> tuple[Quantity, Quantity] | None:
    """Both as quantities, a bare number counting as one; None if either is something else."""
    if is_number(left):
        left = quantity_of(left)
    if is_number(right):
        right = quantity_of(right)
    return (left, right) if isinstance(left, Quantity) and isinstance(right, Quantity) else None


def equal_collections(left: Collection, right: Collection) -> bool | None:
    """Item by item in order; None when either is empty or a pair is undecided and no other differs."""
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    if len(left) == 1:
        return equal(left[0], right[0])
    decided = [equal(one, other) for one, other in zip(left, right, strict=True)]
    if False in decided:
        return False
    return None if None in decided else True


def equivalent(run: Run, left: Item, right: Item) -> bool:
    """Equal but for case, spaces, order, and precision beyond what both were written with."""
    one, other = system_value(left), system_value(right)
    if isinstance(one, str) and isinstance(other, str):
        return _plain(one) == _plain(other)
    if isinstance(one, Node) and isinstance(other, Node):
        return one.type == other.type and _equivalent_nodes(run, one, other)
    if is_number(one) and is_number(other):
        return _equivalent_numbers(one, other)
    pair = _quantities(one, other)
    if pair is not None:
        return are_equivalent(*pair)
    return _equal_values(one, other) is True


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _equivalent_numbers(left: Number, right: Number) -> bool:
    places = min(significant_places(Decimal(left)), significant_places(Decimal(right)))
    return rounded(left, places) == rounded(right, places)


def _equivalent_nodes(run: Run, left: Node, right: Node) -> bool:
    run.spend(1)
    names = _names(left) | _names(right)
    return all(equivalent_collections(run, step(left, name), step(right, name)) for name in names)


def _names(node: Node) -> set[str]:
    """The elements that a node has, as names without the type of a choice."""
    by_key = elements_by_key(node.type)
    return {by_key[key] for key in node.value if key in by_key} if isinstance(node.value, dict) else set()


def equivalent_collections(run: Run, left: Collection, right: Collection) -> bool:
    """The same items in any order."""
    if len(left) != len(right):
        return False
    run.spend(len(left) * len(right))
    left_over = list(right)
    for item in left:
        place = next((place for place, other in enumerate(left_over) if equivalent(run, item, other)), None)
        if place is None:
            return False
        del left_over[place]
    return True


def compare(left: Collection, right: Collection) -> int | None:
    """-1, 0 or 1; None when either is empty or it is undecided.  Raises for what has no order."""
    if not left or not right:
        return None
    if len(left) > 1 or len(right) > 1:
        raise FailedEvaluation("several-items")
    one, other = system_value(left[0]), system_value(right[0])
    if one is None or other is None:
        return None
    return order_of(one, other)


def order_of(left: System | Node | TypeInfo, right: System | Node | TypeInfo) -> int | None:
    """As `compare`, for values."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    if is_number(left) and is_number(right):
        return (left > right) - (left < right)
    if isinstance(left, Moment) and isinstance(right, Moment) and comparable_kinds(left, right):
        return compared(left, right)
    pair = _quantities(left, right)
    if pair is None:
        raise FailedEvaluation("not-comparable", said=f"{type_of(left).name}, {type_of(right).name}")
    return compared_quantities(*pair)


class Seen:
    """The different items met so far, found again fast."""

    __slots__ = ("_buckets", "_run")

    def __init__(self, run: Run, items: Iterable[Item] = ()) -> None:
        self._run = run
        self._buckets: dict[Hashable, Collection] = {}
        for item in items:
            self.add(item)

    def __contains__(self, item: Item) -> bool:
        alike = self._buckets.get(_bucket(item), ())
        self._run.spend(len(alike) + 1)
        return any(equal(item, other) is True for other in alike)

    def add(self, item: Item) -> bool:
        """Whether the item is new."""
        if item in self:
            return False
        self._buckets.setdefault(_bucket(item), []).append(item)
        return True


def _bucket(item: Item) -> Hashable:
    """Equal items fall into one bucket; a bucket of scalars holds one value."""
    value = system_value(item)
    if isinstance(value, bool | str):
        return type(value), value
    if is_number(value):
        return value
    if isinstance(value, Quantity):
        # A number equals the quantity without a unit.
        return value.value if value.unit == "1" else Quantity
    if isinstance(value, Node):
        return value.type, len(value.value) if isinstance(value.value, dict) else 0
    return type(value).__name__


def distinct(run: Run, items: Iterable[Item]) -> Collection:
    """Each different item once, in the order of first appearance."""
    seen = Seen(run)
    return [item for item in items if seen.add(item)]
