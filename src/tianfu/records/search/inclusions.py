"""What else a page of results brings along: `_include` and `_revinclude`, with their names looked up.

https://hl7.org/fhir/R4/search.html#revinclude
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from tianfu.records.search.followed import is_followed, leads_to
from tianfu.records.search.parameters import known_parameters, usable_parameter
from tianfu.records.search.refusals import malformed, not_supported
from tianfu.records.search.syntax import Include
from tianfu.standards.fhir.definitions import SearchParameter, definitions

INCLUSIONS_MAX = 20
"""How many times one search may say `_include` or `_revinclude`."""

INCLUDED_MAX = 1_000
"""How many records a page brings along; when there are more, the answer says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """Records that `parameters` of the page's records lead to, or (`reverse`) whose parameters lead to the page.

    `type` is the one that the parameters belong to; None means those of every type.
    `target` narrows what is brought to one type.
    """

    reverse: bool
    type: str | None
    parameters: tuple[SearchParameter, ...]
    target: str | None = None


def inclusion_of(include: Include, searched: str, searchable: Callable[[str], Collection[str]]) -> Inclusion:
    """What one parameter asks for beside the records of the type that is searched; raises Refusal."""
    if include.iterate:
        raise not_supported(include.name, "iterate")
    return _reverse(include, searched, searchable) if include.reverse else _forward(include, searched, searchable)


def _forward(include: Include, searched: str, searchable: Callable[[str], Collection[str]]) -> Inclusion:
    if include.type not in {"*", searched}:
        raise malformed(include.name, f"{searched}:reference")
    parameters = _parameters(include, searched, searchable(searched))
    target = include.target
    if target is not None and not any(leads_to(each, _known_type(include, target)) for each in parameters):
        raise malformed(include.name, "a type that the reference may point to")
    return Inclusion(reverse=False, type=searched, parameters=parameters, target=target)


def _reverse(include: Include, searched: str, searchable: Callable[[str], Collection[str]]) -> Inclusion:
    if include.target not in {None, searched}:
        raise malformed(include.name, f"Type:reference:{searched}")
    if include.type == "*":
        if include.code != "*":
            raise malformed(include.name, "* or Type:reference")
        return Inclusion(reverse=True, type=None, parameters=())
    holder = _known_type(include, include.type)
    parameters = [each for each in _parameters(include, holder, searchable(holder)) if leads_to(each, searched)]
    if not parameters:
        raise malformed(include.name, f"a reference that may point to {searched}")
    return Inclusion(reverse=True, type=holder, parameters=tuple(parameters))


def _parameters(include: Include, holder: str, searchable: Collection[str]) -> tuple[SearchParameter, ...]:
    if include.code == "*":
        return tuple(p for p in known_parameters(holder).values() if is_followed(p) and p.code in searchable)
    parameter = usable_parameter(holder, include.code, searchable)
    if not is_followed(parameter):
        raise not_supported(f"{include.name}={holder}:{include.code}", "no-reference-by-id")
    return (parameter,)


def _known_type(include: Include, name: str) -> str:
    if name not in definitions().type_numbers:
        raise malformed(include.name, "a resource type")
    return name
