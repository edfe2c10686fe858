"""The syntax tree of an expression, and the text it prints as.  Grammar: http://hl7.org/fhirpath/N1/grammar.html

`printed(parse(text))` reads back as an equal tree.  `at`, the character where a node began, is not part of equality.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal as Choice


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """Anything that stands in a tree."""

    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing(Syntax):
    """`{}`"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant(Syntax):
    """A boolean, a string, an integer or a decimal."""

    value: bool | int | str | Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentConstant(Syntax):
    """`@2015`, `@2015T`, `@T14:30`; whether such a moment exists is found out later."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantityConstant(Syntax):
    """`10 'mg'`, `4 days`."""

    value: Decimal
    unit: str
    calendar: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoped(Syntax):
    """`$this`, `$index`, `$total`"""

    name: Choice["this", "index", "total"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable(Syntax):
    """`%resource`, `` %`vs-name` ``"""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member(Syntax):
    """`target.name`; without a target the element of `$this`, or the name of its type."""

    target: Expression | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Syntax):
    """`target.name(arguments)`"""

    target: Expression | None
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed(Syntax):
    """`target[index]`"""

    target: Expression
    index: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed(Syntax):
    """`-operand`, `+operand`"""

    sign: Choice["+", "-"]
    operand: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Syntax):
    """`left operator right`"""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeName(Syntax):
    """`Patient`, `FHIR.Patient`, `System.String`"""

    namespace: str | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeOperation(Syntax):
    """`operand is Type`, `operand as Type`"""

    operator: Choice["is", "as"]
    operand: Expression
    type: TypeName


@dataclass(frozen=True, slots=True, kw_only=True)
class SortKey(Syntax):
    """A key of `sort()` with its direction: `family desc`."""

    key: Expression
    descending: bool


Expression = (
    Nothing
    | Constant
    | MomentConstant
    | QuantityConstant
    | Scoped
    | Variable
    | Member
    | Call
    | Indexed
    | Signed
    | Operation
    | TypeOperation
    | SortKey
)

BINDING: dict[str, int] = {
    "implies": 2, "or": 3, "xor": 3, "and": 4, "in": 5, "contains": 5,
    "=": 6, "!=": 6, "~": 6, "!~": 6, "<": 7, ">": 7, "<=": 7, ">=": 7, "|": 8,
    "is": 9, "as": 9, "+": 10, "-": 10, "&": 10, "*": 11, "/": 11, "div": 11, "mod": 11,
}  # fmt: skip
"""How tightly each operator binds; http://hl7.org/fhirpath/N1/#operator-precedence"""

SIGN_BINDING = 12
POSTFIX_BINDING = 13

_PLAIN_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_RESERVED = frozenset({"and", "or", "xor", "implies", "div", "mod", "true", "false"})
_UNPRINTED = re.compile(r"[\\\x00-\x1f]")


def children_of(tree: Expression) -> Iterator[Expression]:
    """The expressions directly below a node."""
    match tree:
        case Member(target=target):
            if target is not None:
                yield target
        case Call(target=target, arguments=arguments):
            if target is not None:
                yield target
            yield from arguments
        case Indexed(target=target, index=index):
            yield from (target, index)
        case Signed(operand=operand) | TypeOperation(operand=operand):
            yield operand
        case Operation(left=left, right=right):
            yield from (left, right)
        case SortKey(key=key):
            yield key
        case Nothing() | Constant() | MomentConstant() | QuantityConstant() | Scoped() | Variable():
            return


def depth_of(tree: Expression) -> int:
    """The number of nodes on the longest way down; safe for trees of any depth."""
    deepest = 0
    waiting = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting.extend((child, depth + 1) for child in children_of(node))
    return deepest


def printed(tree: Expression) -> str:
    """The text of a tree, with only the parentheses it needs."""
    return _printed(tree)[0]


def _printed(tree: Expression) -> tuple[str, int]:
    """The text of a node, and how tightly it holds together."""
    match tree:
        case Member(target=target, name=name):
            return _after(target) + _word(name), POSTFIX_BINDING
        case Call(target=target, name=name, arguments=arguments):
            return f"{_after(target)}{_word(name)}({', '.join(map(printed, arguments))})", POSTFIX_BINDING
        case Indexed(target=target, index=index):
            return f"{_held(target, POSTFIX_BINDING)}[{printed(index)}]", POSTFIX_BINDING
        case Signed(sign=sign, operand=operand):
            return sign + _held(operand, SIGN_BINDING), SIGN_BINDING
        case Operation(operator=operator, left=left, right=right):
            binding = BINDING[operator]
            return f"{_held(left, binding)} {operator} {_held(right, binding + 1)}", binding
        case TypeOperation(operator=operator, operand=operand, type=kind):
            return f"{_held(operand, BINDING[operator])} {operator} {type_text(kind)}", BINDING[operator]
        case SortKey(key=key, descending=descending):
            return f"{printed(key)} {'desc' if descending else 'asc'}", 0
        case _:
            return _leaf(tree), POSTFIX_BINDING


def _leaf(tree: Nothing | Constant | MomentConstant | QuantityConstant | Scoped | Variable) -> str:
    match tree:
        case Nothing():
            return "{}"
        case Constant(value=value):
            return _constant(value)
        case MomentConstant(text=text):
            return text
        case QuantityConstant(value=number, unit=unit, calendar=calendar):
            return f"{number:f} {unit if calendar else _quoted(unit)}"
        case Scoped(name=name):
            return f"${name}"
        case Variable(name=name):
            return f"%{_word(name)}"


def _constant(value: bool | int | str | Decimal) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def type_text(kind: TypeName) -> str:
    """The text of a type's name."""
    return _word(kind.name) if kind.namespace is None else f"{_word(kind.namespace)}.{_word(kind.name)}"


def _after(target: Expression | None) -> str:
    return "" if target is None else _held(target, POSTFIX_BINDING) + "."


def _held(tree: Expression, binding: int) -> str:
    text, own = _printed(tree)
    return text if own >= binding else f"({text})"


def _word(name: str) -> str:
    if _PLAIN_WORD.match(name) and name not in _RESERVED:
        return name
    return "`" + _escaped(name).replace("`", "\\`") + "`"


def _quoted(text: str) -> str:
    return "'" + _escaped(text).replace("'", "\\'") + "'"


def _escaped(text: str) -> str:
    return _UNPRINTED.sub(lambda found: "\\\\" if found.group() == "\\" else f"\\u{ord(found.group()):04x}", text)
