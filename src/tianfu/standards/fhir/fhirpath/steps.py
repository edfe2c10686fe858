"""Plain paths as steps from one value to the next."""

from __future__ import annotations

from typing import NamedTuple

from tianfu.standards.fhir.fhirpath.syntax import (
    Call,
    Constant,
    Expression,
    Indexed,
    Member,
    Operation,
    Scoped,
    TypeName,
    TypeOperation,
)
from tianfu.standards.fhir.fhirpath.typenames import as_written_in_parameters, named_type, type_name_in


class NotPlain(Exception):  # noqa: N818 - no error, a fork in the road
    """The expression needs the general way."""


class Go(NamedTuple):
    """To an element."""

    name: str


class Narrow(NamedTuple):
    """To values of one type."""

    type: str


class Where(NamedTuple):
    """To values that meet a criterion."""

    criterion: Expression


class At(NamedTuple):
    """To the value at one place."""

    place: int


class Start(NamedTuple):
    """The name of a type at the beginning."""

    type: str


Step = Go | Narrow | Where | At | Start


def steps_of(tree: Expression) -> list[Step]:
    """The way from `$this`, in order."""
    match tree:
        case Scoped(name="this"):
            return []
        case Member(target=None, name=name):
            return [Start(name)] if name[:1].isupper() else [Go(name)]
        case Member(target=target, name=name) if target is not None:
            return [*steps_of(target), Go(name)]
        case TypeOperation(operator="as", operand=operand, type=kind):
            return [*steps_of(operand), _narrowing(kind)]
        case Indexed(target=target, index=Constant(value=int(index))):
            return [*steps_of(target), At(index)]
        case Call(target=target, name=name, arguments=(argument,)):
            before = [] if target is None else steps_of(target)
            return [*before, *_steps_of_call(name, argument)]
        case _:
            raise NotPlain


def _steps_of_call(name: str, argument: Expression) -> list[Step]:
    if name in ("as", "ofType"):
        kind = type_name_in(argument)
        if kind is not None:
            return [_narrowing(kind)]
    if name == "where":
        return [Where(argument)]
    if name == "extension" and isinstance(argument, Constant) and isinstance(argument.value, str):
        url = Operation(operator="=", left=Member(target=None, name="url"), right=argument)
        return [Go("extension"), Where(url)]
    raise NotPlain


def _narrowing(kind: TypeName) -> Narrow:
    wanted = as_written_in_parameters(named_type(kind)).fhir
    if wanted is None:
        raise NotPlain
    return Narrow(wanted)
