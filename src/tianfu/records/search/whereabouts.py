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


@dataclass(frozen=True, slots=True)
class Yield:
    """The FHIR types that an expression can yield, and whether it can yield more than one value."""

    types: frozenset[str]
    repeats: bool

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
    branches = parameter.expression.split(" | ")
    found = [_branch(branch) for branch in branches]
    types = frozenset[str]().union(*(each.types for each in found))
    return Yield(types, len(branches) > 1 or any(each.repeats for each in found))


def _branch(text: str) -> Yield:
    path = _PATH.search(text)
    if path is None:
        return Yield(frozenset({"Element"}), True)
    holder, repeats, element = path[1], False, None
    for name in path[2].strip(".").split("."):
        element = _element(holder, name)
        if element is None:
            return Yield(frozenset({"Element"}), True)
        repeats = repeats or element.repeats
        holder = element.types[0]
    narrowed = _NARROWED.search(text)
    types = frozenset(element.types) if element is not None else frozenset()
    return Yield(frozenset({narrowed[1]}) if narrowed else types, repeats)


def _element(holder: str, name: str) -> ElementDefinition | None:
    definition = definitions().types.get(holder)
    return definition.elements.get(name) if definition is not None else None
