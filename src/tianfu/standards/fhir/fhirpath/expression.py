"""Compile an expression once, evaluate it as often as wanted, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from tianfu.standards.fhir.fhirpath.checks import check
from tianfu.standards.fhir.fhirpath.compiler import Compiler
from tianfu.standards.fhir.fhirpath.frames import NO_SERVICES, Closure, Frame, Run, Services
from tianfu.standards.fhir.fhirpath.limits import COMPILED_MAX, STEPS_MAX
from tianfu.standards.fhir.fhirpath.model import is_resource
from tianfu.standards.fhir.fhirpath.moments import Moment
from tianfu.standards.fhir.fhirpath.nodes import Collection, Item, Json, Node, TypeInfo, type_of
from tianfu.standards.fhir.fhirpath.parser import parse
from tianfu.standards.fhir.fhirpath.paths import walk_of
from tianfu.standards.fhir.fhirpath.quantities import Quantity
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation
from tianfu.standards.fhir.fhirpath.steps import NotPlain
from tianfu.standards.fhir.fhirpath.syntax import Call, Member, Operation, TypeOperation
from tianfu.standards.fhir.fhirpath.syntax import Expression as Tree
from tianfu.standards.fhir.fhirpath.walks import Walk

NO_VARIABLES: Mapping[str, object] = {}


class Reading(Protocol):
    """Read values out of JSON; `root` is the resource around it, for references into itself."""

    def __call__(self, value: Json, root: Json | None = None) -> list[Json]: ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Expression:
    """A compiled expression.

    `values(resource)` are plain JSON values; `typed_values(resource)` are (type, value) pairs, the type being FHIR's
    name (`CodeableConcept`, `dateTime`, `Observation.component`).  Elements that have extensions but no value are
    left out of both.  They take the fast road where `is_plain`, and trust the shape of the JSON to be that of
    `base_type`.
    """

    text: str
    base_type: str | None
    is_plain: bool
    values: Reading = field(repr=False)
    typed_values: Reading = field(repr=False)
    _closure: Closure = field(repr=False)

    def evaluate(
        self,
        value: Json,
        *,
        root: Json | None = None,
        environment: Mapping[str, object] = NO_VARIABLES,
        services: Services = NO_SERVICES,
        steps_max: int = STEPS_MAX,
    ) -> Collection:
        """All items for a resource or another value; raises FailedEvaluation.

        `root` is the resource that holds the value, if it is not itself one.  `environment` are the variables
        behind `%name`, each a JSON value, a System value or a list of them.
        """
        item = _item(value, self.base_type)
        around = item if root is None else _item(root, None)
        variables = {name: _items(given) for name, given in environment.items()}
        run = Run(resource=around, root=around, variables=variables, services=services, steps=steps_max)
        return _evaluated(self._closure, run, item)


@lru_cache(maxsize=COMPILED_MAX)
def compile_expression(
    text: str, *, base_type: str | None = None, strict: bool = False, check_order: bool = False
) -> Expression:
    """Compile an expression over values of `base_type`; the same text gives the same object again.

    Raises InvalidSyntax, or InvalidMeaning for functions that do not exist.  `strict` also refuses what makes no
    sense for `base_type`, such as elements it does not have, and `as` on several items; otherwise those find
    nothing, and `as` chooses among several items as `ofType` does.  `check_order` also refuses to count on the
    order of what has none.
    """
    tree = parse(text)
    if strict and base_type is not None:
        check(tree, base_type, check_order=check_order)
    closure = Compiler(strict=strict).compile(tree)
    walks = None if strict else _walks(tree, base_type)
    if walks is None:
        values, typed_values = _general(closure, base_type, _plain_value), _general(closure, base_type, _typed_value)
    else:
        values, typed_values = _reading(walks.plain, walks.only), _reading(walks.typed, walks.only)
    return Expression(
        text=text,
        base_type=base_type,
        is_plain=walks is not None,
        values=values,
        typed_values=typed_values,
        _closure=closure,
    )


# The fast road


class _Walks(NamedTuple):
    plain: Walk
    typed: Walk
    only: str | None
    """The resource type that the walks are for, if the caller did not promise one."""


def _walks(tree: Tree, base_type: str | None) -> _Walks | None:
    start = base_type or _first_type(tree)
    if start is None:
        return None
    try:
        return _Walks(walk_of(tree, start, typed=False), walk_of(tree, start, typed=True), None if base_type else start)
    except NotPlain:
        return None


def _first_type(tree: Tree) -> str | None:
    """The resource type that every part of a union begins with, if they agree."""
    match tree:
        case Operation(operator="|", left=left, right=right):
            first = _first_type(left)
            return first if first is not None and first == _first_type(right) else None
        case Member(target=None, name=name):
            return name if is_resource(name) and name not in ("Resource", "DomainResource") else None
        case Member(target=target) | Call(target=target) if target is not None:
            return _first_type(target)
        case TypeOperation(operand=operand):
            return _first_type(operand)
        case _:
            return None


def _reading(walk: Walk, only: str | None) -> Reading:
    if only is None:

        def read(value: Json, root: Json | None = None) -> list[Json]:
            found: list[Json] = []
            walk(value, found, value if root is None else root)
            return found

        return read

    def read_if_of_type(value: Json, root: Json | None = None) -> list[Json]:
        found: list[Json] = []
        if value.get("resourceType") == only:
            walk(value, found, value if root is None else root)
        return found

    return read_if_of_type


# The general way


def _evaluated(closure: Closure, run: Run, item: Item) -> Collection:
    try:
        return list(closure(Frame(run, [item])))
    except RecursionError as error:
        raise FailedEvaluation("too-deep") from error


def _item(value: Json, base_type: str | None) -> Item:
    """A value given from outside as an item."""
    if isinstance(value, dict):
        return Node(value, value.get("resourceType", base_type or "Element"))
    if base_type is not None:
        return Node(value, base_type)
    return Decimal(str(value)) if isinstance(value, float) else value


def _items(given: object) -> Collection:
    return [_item(each, None) for each in (given if isinstance(given, list | tuple) else [given])]


def _general(closure: Closure, base_type: str | None, shown: Callable[[Item], Json]) -> Reading:
    def read(value: Json, root: Json | None = None) -> list[Json]:
        item = _item(value, base_type)
        around = item if root is None else _item(root, None)
        run = Run(resource=around, root=around, variables={}, services=NO_SERVICES, steps=STEPS_MAX)
        items = _evaluated(closure, run, item)
        return [shown(item) for item in items if not isinstance(item, Node) or item.value is not None]

    return read


def _plain_value(item: Item) -> Json:
    match item:
        case Node(value=value):
            return value
        case Moment() | TypeInfo():
            return str(item) if isinstance(item, Moment) else f"{item.namespace}.{item.name}"
        case Quantity(value=value, unit=unit):
            return {"value": value, "unit": unit}
        case _:
            return item


def _typed_value(item: Item) -> Json:
    kind = type_of(item)
    name = kind.name if kind.namespace == "FHIR" else kind.name[0].lower() + kind.name[1:]
    return ("Quantity" if name == "quantity" else name, _plain_value(item))
