"""Find what can make no sense in an expression before it runs, from the types that elements have.

http://hl7.org/fhirpath/N1/#type-safety-and-strict-evaluation : what cannot be known here is left to the evaluation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from tianfu.standards.fhir.fhirpath.functions import FUNCTIONS
from tianfu.standards.fhir.fhirpath.functions.registry import Function
from tianfu.standards.fhir.fhirpath.functions.tree import UNORDERED
from tianfu.standards.fhir.fhirpath.model import edges, is_a, is_fhir_type, is_primitive, is_resource
from tianfu.standards.fhir.fhirpath.refusals import InvalidMeaning
from tianfu.standards.fhir.fhirpath.syntax import (
    Call,
    Constant,
    Expression,
    Indexed,
    Member,
    MomentConstant,
    Nothing,
    Operation,
    QuantityConstant,
    Scoped,
    Signed,
    SortKey,
    TypeName,
    TypeOperation,
    Variable,
)
from tianfu.standards.fhir.fhirpath.typenames import type_name_in

Types = frozenset[str]
"""FHIR types by their names, System types as `System.Name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What is known of a collection; `types` is None if its items may be anything."""

    types: Types | None
    ordered: bool = True


ANYTHING = Shape(types=None)
_ABSTRACT = frozenset({"Resource", "DomainResource", "Element", "BackboneElement", "System.Any"})
_NUMBERS = frozenset({"System.Integer", "System.Decimal", "integer", "positiveInt", "unsignedInt", "decimal"})
_MOMENTS = frozenset(
    {"System.Date", "System.DateTime", "System.Time", "date", "dateTime", "instant", "time"},
)
_BOOLEANS = frozenset({"System.Boolean", "boolean"})
_BOOLEAN_OPERATORS = frozenset(
    {"and", "or", "xor", "implies", "=", "!=", "~", "!~", "<", ">", "<=", ">=", "in", "contains"}
)
_SYSTEM_PARTS = {("System.Quantity", "value"): "System.Decimal", ("System.Quantity", "unit"): "System.String"}


def check(tree: Expression, base_type: str, *, check_order: bool) -> None:
    """Raise InvalidMeaning if the tree can make no sense for values of `base_type`.

    `check_order` refuses functions that rely on the order of something that has none.
    """
    root = _of(base_type)
    _Checker(root=root, check_order=check_order).shape(tree, root)


def _of(*names: str) -> Shape:
    return Shape(types=frozenset(names))


def _system(name: str) -> Shape:
    return _of(f"System.{name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checker:
    root: Shape
    check_order: bool

    def shape(self, tree: Expression, this: Shape) -> Shape:
        """What a tree gives when `$this` has a shape."""
        match tree:
            case Nothing():
                return _of()
            case Constant(value=value):
                return _system(_name_of(value))
            case MomentConstant(text=text):
                return _system("Time" if text.startswith("@T") else "DateTime" if "T" in text else "Date")
            case QuantityConstant():
                return _system("Quantity")
            case Scoped(name=name):
                return {"this": this, "index": _system("Integer")}.get(name, ANYTHING)
            case Variable(name=name):
                return self.root if name in ("resource", "context") else ANYTHING
            case Member():
                return self._member(tree, this)
            case Indexed(target=target, index=index):
                self.shape(index, this)
                return self._in_order(self.shape(target, this), tree.at)
            case Signed(operand=operand):
                return self.shape(operand, this)
            case SortKey(key=key):
                return self.shape(key, this)
            case TypeOperation(operator=operator, operand=operand, type=kind):
                return _typed(operator, self.shape(operand, this), kind)
            case Operation():
                return self._operation(tree, this)
            case Call():
                return self._call(tree, this)

    def _in_order(self, shape: Shape, at: int) -> Shape:
        if self.check_order and not shape.ordered:
            raise InvalidMeaning("no-order", at=at)
        return shape

    def _member(self, tree: Member, this: Shape) -> Shape:
        if tree.target is None and tree.name[:1].isupper():
            return _narrowed_to_type(tree, this)
        target = this if tree.target is None else self.shape(tree.target, this)
        if target.types is None or target.types & _ABSTRACT:
            known = {edge.type for name in target.types or () for edge in edges(name, tree.name)}
            return replace(target, types=frozenset(known) or None)
        found = {made for name in target.types for made in _types_below(name, tree.name)}
        if target.types and not found:
            raise InvalidMeaning("unknown-element", at=tree.at, said=tree.name)
        return replace(target, types=frozenset(found))

    def _operation(self, tree: Operation, this: Shape) -> Shape:
        left, right = self.shape(tree.left, this), self.shape(tree.right, this)
        if tree.operator == "|":
            return _joined(left, right)
        if tree.operator in _BOOLEAN_OPERATORS:
            return _system("Boolean")
        if tree.operator in ("+", "-") and _all_in(left, _MOMENTS):
            if _all_in(right, _NUMBERS):
                raise InvalidMeaning("moment-and-number", at=tree.at, said=tree.operator)
            return left
        if tree.operator == "&":
            return _system("String")
        return left if left.types == right.types and tree.operator != "/" else ANYTHING

    def _call(self, tree: Call, this: Shape) -> Shape:
        target = this if tree.target is None else self.shape(tree.target, this)
        if tree.name in ("is", "as", "ofType"):
            kind = type_name_in(tree.arguments[0]) if tree.arguments else None
            return ANYTHING if kind is None else _typed(tree.name, target, kind)
        function = FUNCTIONS.get(tree.name)
        if function is None:
            return ANYTHING
        if function.needs_order:
            self._in_order(target, tree.at)
        if function.takes == "text" and target.types and not any(map(_is_scalar, target.types)):
            raise InvalidMeaning("not-text", at=tree.at, said=tree.name)
        item = target if function.each_item else this
        arguments = [self.shape(argument, item) for argument in tree.arguments]
        if tree.name == "iif" and arguments and _none_in(arguments[0], _BOOLEANS):
            raise InvalidMeaning("criterion-not-boolean", at=tree.at, said=tree.name)
        return _given(tree.name, function, target, arguments)


def _given(name: str, function: Function, target: Shape, arguments: list[Shape]) -> Shape:
    """What a function gives."""
    if name in UNORDERED:
        return Shape(types=None, ordered=False)
    if name in ("union", "combine"):
        return _joined(target, arguments[0])
    if name == "iif":
        return _joined(*arguments[1:3]) if len(arguments) > 2 else arguments[1]
    if name == "extension":
        return _of("Extension")
    if function.gives == "same":
        return target
    if function.gives == "argument":
        return arguments[0]
    return ANYTHING if function.gives == "anything" else _system(function.gives)


def _name_of(value: bool | int | str | Decimal) -> str:
    if isinstance(value, bool):
        return "Boolean"
    return "String" if isinstance(value, str) else "Integer" if isinstance(value, int) else "Decimal"


def _narrowed_to_type(tree: Member, this: Shape) -> Shape:
    """The name of a type at the beginning of a path."""
    fits = this.types is None or any(is_a(name, tree.name) or is_a(tree.name, name) for name in this.types)
    if not fits:
        raise InvalidMeaning("wrong-context", at=tree.at, said=tree.name)
    narrower = frozenset(name for name in this.types or () if is_a(name, tree.name))
    return replace(this, types=narrower or (frozenset({tree.name}) if is_fhir_type(tree.name) else None))


def _types_below(type_name: str, element: str) -> set[str]:
    if (type_name, element) in _SYSTEM_PARTS:
        return {_SYSTEM_PARTS[type_name, element]}
    return {edge.type for edge in edges(type_name, element)}


def _typed(operator: str, target: Shape, kind: TypeName) -> Shape:
    if operator == "is":
        return _system("Boolean")
    if is_fhir_type(kind.name) and kind.namespace != "System":
        # `Quantity` may be System's as well.
        both = kind.name == "Quantity" and kind.namespace is None
        types = frozenset({kind.name, "System.Quantity"} if both else {kind.name})
        return replace(target, types=None if is_resource(kind.name) and kind.name in _ABSTRACT else types)
    return replace(target, types=frozenset({f"System.{kind.name}"}))


def _joined(left: Shape, right: Shape) -> Shape:
    types = None if left.types is None or right.types is None else left.types | right.types
    return Shape(types=types, ordered=left.ordered and right.ordered)


def _all_in(shape: Shape, types: Types) -> bool:
    return bool(shape.types) and shape.types is not None and shape.types <= types


def _none_in(shape: Shape, types: Types) -> bool:
    return bool(shape.types) and shape.types is not None and not shape.types & (types | _ABSTRACT)


def _is_scalar(name: str) -> bool:
    return name.startswith("System.") or is_primitive(name) or name in _ABSTRACT
