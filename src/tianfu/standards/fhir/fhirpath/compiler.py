"""Turn a syntax tree into closures that work on collections of items.  http://hl7.org/fhirpath/N1/#expressions"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tianfu.standards.fhir.fhirpath.frames import Closure, Frame
from tianfu.standards.fhir.fhirpath.functions import FUNCTIONS
from tianfu.standards.fhir.fhirpath.functions.filtering import sorted_by
from tianfu.standards.fhir.fhirpath.functions.subsetting import at_index
from tianfu.standards.fhir.fhirpath.model import is_a
from tianfu.standards.fhir.fhirpath.moments import constant_moment
from tianfu.standards.fhir.fhirpath.nodes import Collection, Node, step
from tianfu.standards.fhir.fhirpath.operators import LOGIC, OPERATORS, affirmed, negated
from tianfu.standards.fhir.fhirpath.quantities import Quantity
from tianfu.standards.fhir.fhirpath.refusals import FailedEvaluation, InvalidMeaning
from tianfu.standards.fhir.fhirpath.singletons import one
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
    type_text,
)
from tianfu.standards.fhir.fhirpath.typenames import (
    NamedType,
    as_written_in_parameters,
    is_of,
    named_type,
    passes_as,
    type_name_in,
)

TYPE_FUNCTIONS = ("is", "as", "ofType")
_VALUE_SETS = "http://hl7.org/fhir/ValueSet/"
_EXTENSIONS = "http://hl7.org/fhir/StructureDefinition/"
NAMED_SYSTEMS = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "ucum": "http://unitsofmeasure.org",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiler:
    """Compiles trees; `strict` makes `as` refuse several items, which R4's own search parameters do not expect."""

    strict: bool

    def compile(self, tree: Expression) -> Closure:
        """The closure of a tree; raises InvalidMeaning for functions that do not exist or take other arguments."""
        match tree:
            case Nothing():
                return _constant([])
            case Constant(value=value):
                return _constant([value])
            case MomentConstant(text=text):
                return _moment(text)
            case QuantityConstant(value=value, unit=unit, calendar=calendar):
                return _constant([Quantity(value=value, unit=unit, calendar=calendar)])
            case Scoped(name=name):
                return _SCOPES[name]
            case Variable(name=name):
                return _variable(name)
            case Member(target=target, name=name):
                return _first_name(name) if target is None else _member(self.compile(target), name)
            case Indexed(target=target, index=index):
                return _indexed(self.compile(target), self.compile(index))
            case Signed(sign=sign, operand=operand):
                return _signed(sign, self.compile(operand))
            case Operation():
                return self._operation(tree)
            case TypeOperation(operator=operator, operand=operand, type=kind):
                return self._type_test(operator, self.compile(operand), kind)
            case Call():
                return self._call(tree)
            case SortKey(at=at):
                raise InvalidMeaning("misplaced-sort-key", at=at)

    def _operation(self, tree: Operation) -> Closure:
        left, right = self.compile(tree.left), self.compile(tree.right)
        if tree.operator in LOGIC:
            return LOGIC[tree.operator](left, right)
        apply = OPERATORS[tree.operator]
        return lambda frame: apply(frame.run, left(frame), right(frame))

    def _type_test(self, operator: str, operand: Closure, name: TypeName) -> Closure:
        wanted = named_type(name)
        if not wanted.known:
            return _failing("unknown-type", type_text(name))
        if operator == "is":
            return _is(operand, wanted)
        if not self.strict:
            wanted = as_written_in_parameters(wanted)
        return _as(operand, wanted, only_one=self.strict and operator == "as")

    def _call(self, call: Call) -> Closure:
        target = _this if call.target is None else self.compile(call.target)
        if call.name in TYPE_FUNCTIONS:
            name = type_name_in(call.arguments[0]) if len(call.arguments) == 1 else None
            if name is None:
                raise InvalidMeaning("type-name-missing", at=call.at, said=call.name)
            return self._type_test(call.name, target, name)
        function = FUNCTIONS.get(call.name)
        if function is None:
            raise InvalidMeaning("unknown-function", at=call.at, said=call.name)
        if not function.arguments_min <= len(call.arguments) <= function.arguments_max:
            raise InvalidMeaning("wrong-number-of-arguments", at=call.at, said=call.name)
        if call.name == "sort":
            return self._sort(target, call)
        apply = function.apply
        arguments = tuple(map(self.compile, call.arguments))
        return lambda frame: apply(frame, target(frame), arguments)

    def _sort(self, target: Closure, call: Call) -> Closure:
        keys = tuple(map(self._sort_key, call.arguments)) or ((_this, False),)
        return lambda frame: sorted_by(frame, target(frame), keys)

    def _sort_key(self, tree: Expression) -> tuple[Closure, bool]:
        """A key with whether it counts downwards; `-key` does, whatever its type."""
        match tree:
            case SortKey(key=key, descending=descending):
                return self.compile(key), descending
            case Signed(sign="-", operand=operand):
                return self.compile(operand), True
            case _:
                return self.compile(tree), False


def _this(frame: Frame) -> Collection:
    return frame.this


def _index(frame: Frame) -> Collection:
    return [] if frame.index is None else [frame.index]


def _total(frame: Frame) -> Collection:
    return frame.total or []


_SCOPES = {"this": _this, "index": _index, "total": _total}


def _constant(items: Collection) -> Closure:
    return lambda _frame: items


def _moment(text: str) -> Closure:
    moment = constant_moment(text)
    return _failing("no-such-moment", text) if moment is None else _constant([moment])


def _failing(reason: str, said: str) -> Closure:
    def run(_frame: Frame) -> Collection:
        raise FailedEvaluation(reason, said=said)

    return run


def _variable(name: str) -> Closure:
    """What was given for this evaluation comes before what the specification names."""
    standing = _standing(name)

    def run(frame: Frame) -> Collection:
        given = frame.run.variables.get(name)
        if given is not None:
            return given
        if name in ("resource", "context"):
            return [frame.run.resource]
        if name == "rootResource":
            return [frame.run.root]
        if standing is None:
            raise FailedEvaluation("unknown-variable", said=name)
        return [standing]

    return run


def _standing(name: str) -> str | None:
    """The variables that always mean the same."""
    if name.startswith("vs-"):
        return _VALUE_SETS + name[3:]
    if name.startswith("ext-"):
        return _EXTENSIONS + name[4:]
    return NAMED_SYSTEMS.get(name)


def _first_name(name: str) -> Closure:
    """An element of `$this`; a name with a capital is that of its type, for no element begins with one."""
    if not name[:1].isupper():
        return _member(_this, name)

    def run(frame: Frame) -> Collection:
        return [item for item in frame.this if isinstance(item, Node) and is_a(item.type, name)]

    return run


def _member(target: Closure, name: str) -> Closure:
    def run(frame: Frame) -> Collection:
        found: Collection = []
        for item in target(frame):
            found += step(item, name)
        frame.run.spend(len(found) + 1)
        return found

    return run


def _indexed(target: Closure, index: Closure) -> Closure:
    return lambda frame: at_index(target(frame), index(frame))


def _signed(sign: str, operand: Closure) -> Closure:
    apply: Callable[[Collection], Collection] = negated if sign == "-" else affirmed
    return lambda frame: apply(operand(frame))


def _is(operand: Closure, wanted: NamedType) -> Closure:
    def run(frame: Frame) -> Collection:
        item = one(operand(frame))
        return [] if item is None else [is_of(item, wanted)]

    return run


def _as(operand: Closure, wanted: NamedType, *, only_one: bool) -> Closure:
    def run(frame: Frame) -> Collection:
        items = operand(frame)
        if only_one:
            one(items)
        return [item for item in items if passes_as(item, wanted)]

    return run
