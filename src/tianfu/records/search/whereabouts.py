"""What a search parameter's expression yields, told from the definitions alone: which types, and whether several.

Needed because a `token` parameter may lead to codings, identifiers or telecoms, which are indexed apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from tianfu.standards.fhir.definitions import ElementDefinition, SearchParameter, definitions

HASHED_WITH_KEY = frozenset({"Identifier", "ContactPoint"})
"""Types whose values are compared by a keyed hash in the table `identifier`."""

_PATH = re.compile(r"\b([A-Z][A-Za-z]+)((?:\.[a-z][A-Za-z]*(?![A-Za-z(]))+)")
_NARROWED = re.compile(r"(?:\bas\s+|\.as\(|\.ofType\()([A-Za-z]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Yield:
    """The FHIR types that an expression can yield, and whether it can yield more than one value.

    `value_set` is the required value set of a coded element, from which the code's system is known.
    """

    path: str
    types: frozenset[str]
    repeats: bool
    value_set: str | None

    @property
    def is_primitive(self) -> bool:
        """Whether all values are plain codes, text or booleans, which are indexed without a system."""
        return all(kind[0].islower() for kind in self.types)

    @property
    def has_identifiers(self) -> bool:
        """Whether values may lie in the table `identifier`."""
        return bool(self.types & HASHED_WITH_KEY)

    @property
    def has_codings(self) -> bool:
        """Whether values may lie among the tokens."""
        return bool(self.types - HASHED_WITH_KEY)


@cache
def yield_of(parameter: SearchParameter) -> Yield:
    """What a parameter's expression yields; one that cannot be told repeats and may be anything."""
    found = [_branch(branch) for branch in parameter.expression.split(" | ")]
    types = frozenset[str]().union(*(each.types for each in found))
    # Branches of one path are the types of one choice, of which a resource has one; a Range counts twice.
    several = len({each.path for each in found}) > 1 or "Range" in types
    return Yield(
        path=found[0].path,
        types=types,
        repeats=several or any(each.repeats for each in found),
        value_set=found[0].value_set if not several else None,
    )


def _branch(text: str) -> Yield:
    path = _PATH.search(text)
    if path is None:
        return _unknown(text)
    holder, repeats, element = path[1], False, None
    for name in path[2].strip(".").split("."):
        element = _element(holder, name)
        if element is None:
            return _unknown(text)
        repeats = repeats or element.repeats
        holder = element.types[0]
    if element is None:
        return _unknown(text)
    narrowed = _NARROWED.search(text)
    types = frozenset({narrowed[1]}) if narrowed else frozenset(element.types)
    return Yield(path=path[0], types=types, repeats=repeats, value_set=element.binding)


def _unknown(text: str) -> Yield:
    return Yield(path=text, types=frozenset({"Element"}), repeats=True, value_set=None)


def _element(holder: str, name: str) -> ElementDefinition | None:
    definition = definitions().types.get(holder)
    return definition.elements.get(name) if definition is not None else None
