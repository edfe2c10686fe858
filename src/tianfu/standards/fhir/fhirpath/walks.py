"""The closures that walk JSON, one for each kind of step."""

from __future__ import annotations

from collections.abc import Callable

from tianfu.standards.fhir.fhirpath.model import is_resource
from tianfu.standards.fhir.fhirpath.nodes import Json

Found = list[Json]
Walk = Callable[[Json, Found, Json], None]
"""Walk from a value, add what is found, knowing the resource around it all."""

Decide = Callable[[Json, Json], bool | None]
"""Look at a value, knowing the resource around it; None stands for an empty answer."""


def nowhere(_value: Json, _found: Found, _root: Json) -> None:
    """Find nothing."""


def once_each(walks: tuple[Walk, ...], *, typed: bool) -> Walk:
    """All walks one after the other, equal values once."""

    def walk(value: Json, found: Found, root: Json) -> None:
        for each in walks:
            each(value, found, root)
        if len(found) > 1:
            found[:] = _different(found, typed=typed)

    return walk


def _different(found: Found, *, typed: bool) -> Found:
    seen: Found = []
    kept: Found = []
    for each in found:
        value = each[1] if typed else each
        # For Python, True equals 1.
        if not any(value == other and isinstance(value, bool) is isinstance(other, bool) for other in seen):
            seen.append(value)
            kept.append(each)
    return kept


def all_of(walks: tuple[Walk, ...]) -> Walk:
    def walk(value: Json, found: Found, root: Json) -> None:
        for each in walks:
            each(value, found, root)

    return walk


def leaf(type_name: str, *, typed: bool) -> Walk:
    if not typed:
        return lambda value, found, _root: found.append(value)
    if is_resource(type_name):
        return lambda value, found, _root: found.append((value.get("resourceType", type_name), value))
    return lambda value, found, _root: found.append((type_name, value))


def filtered(decide: Decide, after: Walk) -> Walk:
    def walk(value: Json, found: Found, root: Json) -> None:
        if decide(value, root):
            after(value, found, root)

    return walk


def through_one(key: str, after: Walk) -> Walk:
    def walk(value: Json, found: Found, root: Json) -> None:
        inside = value.get(key)
        if inside is not None:
            after(inside, found, root)

    return walk


def through_many(key: str, after: Walk) -> Walk:
    def walk(value: Json, found: Found, root: Json) -> None:
        inside = value.get(key)
        if inside is not None:
            for each in inside:
                if each is not None:
                    after(each, found, root)

    return walk


def to_one_of_many(key: str, place: int, after: Walk) -> Walk:
    def walk(value: Json, found: Found, root: Json) -> None:
        inside = value.get(key)
        if inside is not None and place < len(inside) and inside[place] is not None:
            after(inside[place], found, root)

    return walk


def ending_in_one(key: str, type_name: str | None) -> Walk:
    if type_name is None:

        def plain(value: Json, found: Found, _root: Json) -> None:
            inside = value.get(key)
            if inside is not None:
                found.append(inside)

        return plain

    def typed(value: Json, found: Found, _root: Json) -> None:
        inside = value.get(key)
        if inside is not None:
            found.append((type_name, inside))

    return typed


def ending_in_many(key: str, type_name: str | None) -> Walk:
    if type_name is None:

        def plain(value: Json, found: Found, _root: Json) -> None:
            inside = value.get(key)
            if inside is not None:
                found.extend([each for each in inside if each is not None])

        return plain

    def typed(value: Json, found: Found, _root: Json) -> None:
        inside = value.get(key)
        if inside is not None:
            found.extend([(type_name, each) for each in inside if each is not None])

    return typed
