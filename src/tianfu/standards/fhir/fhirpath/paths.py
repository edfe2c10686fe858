"""The fast road for plain paths: closures that walk JSON itself, without nodes.

Nearly all search parameters are such paths (https://hl7.org/fhir/R4/searchparameter-registry.html).  What an
expression needs beyond them raises NotPlain, and the expression goes the general way.  Types are decided once, while
compiling: `(Observation.value as Quantity)` looks under `valueQuantity` and nowhere else.
"""

from __future__ import annotations

from tianfu.standards.fhir.fhirpath.model import (
    PRIMITIVE_SYSTEM_TYPES,
    Edge,
    edges,
    is_a,
    is_primitive,
    is_resource,
)
from tianfu.standards.fhir.fhirpath.nodes import Json
from tianfu.standards.fhir.fhirpath.references import type_in_url, type_of_reference
from tianfu.standards.fhir.fhirpath.steps import At, Go, Narrow, NotPlain, Start, Step, Where, steps_of
from tianfu.standards.fhir.fhirpath.syntax import (
    Call,
    Constant,
    Expression,
    Operation,
    TypeName,
    TypeOperation,
)
from tianfu.standards.fhir.fhirpath.typenames import named_type, narrows_to
from tianfu.standards.fhir.fhirpath.walks import (
    Decide,
    Found,
    Walk,
    all_of,
    ending_in_many,
    ending_in_one,
    filtered,
    leaf,
    nowhere,
    once_each,
    through_many,
    through_one,
    to_one_of_many,
)


def walk_of(tree: Expression, base_type: str, *, typed: bool) -> Walk:
    """The walk of a plain expression over values of `base_type`; raises NotPlain.

    A `typed` walk finds (type, value) pairs, others plain values.  A union's values come once each.
    """
    branches = _branches(tree)
    walks = tuple(walk for branch in branches if (walk := _walk_of_branch(branch, base_type, typed=typed)) is not None)
    if len(branches) == 1:
        return walks[0] if walks else nowhere
    return once_each(walks, typed=typed)


def _branches(tree: Expression) -> list[Expression]:
    if isinstance(tree, Operation) and tree.operator == "|":
        return _branches(tree.left) + _branches(tree.right)
    return [tree]


def _walk_of_branch(tree: Expression, base_type: str, *, typed: bool) -> Walk | None:
    if isinstance(tree, Operation) or (isinstance(tree, Call) and tree.name == "exists"):
        return _boolean_walk(_decision(tree, base_type), typed=typed)
    return _built(steps_of(tree), base_type, typed=typed)


def _boolean_walk(decide: Decide, *, typed: bool) -> Walk:
    def walk(value: Json, found: Found, root: Json) -> None:
        decided = decide(value, root)
        if decided is not None:
            found.append(("boolean", decided) if typed else decided)

    return walk


def _built(steps: list[Step], type_name: str, *, typed: bool, one: bool = True) -> Walk | None:
    """The walk along steps from a value of a type, the only `one` or one of many; None if it can lead nowhere."""
    if not steps:
        return leaf(type_name, typed=typed)
    step, rest = steps[0], steps[1:]
    match step:
        case Start(type=wanted):
            return _built(rest, type_name, typed=typed, one=one) if is_a(type_name, wanted) else None
        case Narrow(type=wanted):
            return _narrowed(rest, type_name, wanted, typed=typed)
        case Where(criterion=criterion):
            after = _built(rest, type_name, typed=typed, one=False)
            return None if after is None else filtered(_decision(criterion, type_name), after)
        case At():
            raise NotPlain
        case Go(name=name):
            return _gone(name, rest, type_name, typed=typed, one=one)


def _narrowed(rest: list[Step], type_name: str, wanted: str, *, typed: bool) -> Walk | None:
    if narrows_to(type_name, wanted):
        return _built(rest, type_name, typed=typed, one=False)
    if not is_resource(type_name) or not is_a(wanted, type_name):
        return None
    after = _built(rest, wanted, typed=typed, one=False)
    return None if after is None else filtered(lambda value, _root: value.get("resourceType") == wanted, after)


def _gone(name: str, rest: list[Step], type_name: str, *, typed: bool, one: bool) -> Walk | None:
    if is_primitive(type_name) or type_name in _OF_ANY_TYPE:
        raise NotPlain
    ways = edges(type_name, name)
    place = None
    if rest and isinstance(rest[0], At):
        # A place counts over all values found so far, so there must be one list of them.
        if not one or len(ways) != 1 or not ways[0].many:
            raise NotPlain
        place, rest = rest[0].place, rest[1:]
    walks = [walk for edge in ways if (walk := _along(edge, rest, place, typed=typed, one=one)) is not None]
    return None if not walks else walks[0] if len(walks) == 1 else all_of(tuple(walks))


_OF_ANY_TYPE = frozenset({"Resource", "DomainResource", "Element", "BackboneElement"})
"""Types whose values have elements that only their real type knows."""


def _along(edge: Edge, rest: list[Step], place: int | None, *, typed: bool, one: bool) -> Walk | None:
    """The way along one edge and on; the last edge of a path adds what it finds itself."""
    while rest and isinstance(rest[0], Narrow) and narrows_to(edge.type, rest[0].type):
        rest = rest[1:]
    after = _built(rest, edge.type, typed=typed, one=one and (place is not None or not edge.many))
    if after is None:
        return None
    if place is not None:
        return to_one_of_many(edge.key, place, after)
    if not rest and not is_resource(edge.type):
        ending = ending_in_many if edge.many else ending_in_one
        return ending(edge.key, edge.type if typed else None)
    return through_many(edge.key, after) if edge.many else through_one(edge.key, after)


# Criteria


def _decision(tree: Expression, type_name: str) -> Decide:
    match tree:
        case TypeOperation(operator="is", operand=Call(target=None, name="resolve", arguments=()), type=kind):
            return _points_to(kind, type_name)
        case Operation(operator="and" | "or" as operator, left=left, right=right):
            return _both_or_either(operator, _decision(left, type_name), _decision(right, type_name))
        case Operation(operator="=" | "!=" as operator, left=left, right=Constant(value=bool() | str() as wanted)):
            return _equals(steps_of(left), type_name, wanted, same=operator == "=")
        case Call(target=target, name="exists", arguments=()) if target is not None:
            return _exists(steps_of(target), type_name)
        case _:
            raise NotPlain


def _points_to(kind: TypeName, type_name: str) -> Decide:
    wanted = named_type(kind).fhir
    if wanted is None:
        raise NotPlain
    if type_name == "Reference":

        def reference(value: Json, root: Json) -> bool | None:
            found = type_of_reference(value, root)
            return None if found is None else found == wanted or is_a(found, wanted)

        return reference
    if PRIMITIVE_SYSTEM_TYPES.get(type_name) != "String":
        raise NotPlain

    def url(value: Json, _root: Json) -> bool | None:
        found = type_in_url(value) if isinstance(value, str) else None
        return None if found is None else is_a(found, wanted)

    return url


def _both_or_either(operator: str, left: Decide, right: Decide) -> Decide:
    final = operator == "or"

    def decide(value: Json, root: Json) -> bool | None:
        one = left(value, root)
        if one is final:
            return final
        other = right(value, root)
        if other is final:
            return final
        return None if one is None or other is None else not final

    return decide


def _equals(steps: list[Step], type_name: str, wanted: bool | str, *, same: bool) -> Decide:
    walk = _built(steps, type_name, typed=True) or nowhere
    system = "Boolean" if isinstance(wanted, bool) else "String"
    key = _only_key(steps, type_name, system)
    if key is not None and same:

        def equals(value: Json, _root: Json) -> bool | None:
            inside = value.get(key)
            return None if inside is None else bool(inside == wanted)

        return equals

    def decide(value: Json, root: Json) -> bool | None:
        found: Found = []
        walk(value, found, root)
        if not found:
            return None
        kind, inside = found[0]
        equal = len(found) == 1 and PRIMITIVE_SYSTEM_TYPES.get(kind) == system and inside == wanted
        return equal is same

    return decide


def _only_key(steps: list[Step], type_name: str, system: str) -> str | None:
    """Where to look if the steps lead to one place directly below, of the type wanted."""
    if len(steps) != 1 or not isinstance(steps[0], Go):
        return None
    ways = edges(type_name, steps[0].name)
    if len(ways) != 1 or ways[0].many or PRIMITIVE_SYSTEM_TYPES.get(ways[0].type) != system:
        return None
    return ways[0].key


def _exists(steps: list[Step], type_name: str) -> Decide:
    """Whether an element directly below is there, if only with an extension."""
    if steps and isinstance(steps[0], Start) and is_a(type_name, steps[0].type):
        steps = steps[1:]
    if len(steps) != 1 or not isinstance(steps[0], Go):
        raise NotPlain
    ways = edges(type_name, steps[0].name)
    keys = tuple(key for way in ways for key in (way.key, way.sibling) if key is not None)
    return lambda value, _root: any(value.get(key) is not None for key in keys)
