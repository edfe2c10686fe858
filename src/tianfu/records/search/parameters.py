"""The search parameters of a type: which there are, which searches can use, and with which modifiers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import cache

from tianfu.records.index.extract import hides_addresses
from tianfu.records.search.refusals import modifier_not_allowed, not_indexed, not_supported, unknown_parameter
from tianfu.records.search.whereabouts import yield_of
from tianfu.standards.fhir.definitions import SearchParameter, definitions

ROW_PARAMETERS = frozenset({"_id", "_lastUpdated"})
"""Parameters answered by columns that every row has, so that they need no index of their own."""

IDENTIFIER_TAIL = "identifier-tail"
"""Our own parameter of Patient: the last four characters of an identifier, by which staff find a person at a desk."""

MODIFIERS_OF = {
    "token": {"missing", "not", "text", "in", "not-in", "below", "above", "of-type"},
    "string": {"missing", "exact", "contains", "text"},
    "reference": {"missing", "identifier", "below", "above", "text", "not"},
    "uri": {"missing", "below", "above"},
    "date": {"missing"},
    "number": {"missing"},
    "quantity": {"missing"},
    "composite": {"missing"},
}
"""Modifiers that FHIR knows for each type of parameter."""

EXECUTED_MODIFIERS = {
    "token": {"missing", "not"},
    "string": {"missing", "exact", "contains"},
    "reference": {"missing", "identifier"},
    "uri": {"missing", "below", "above"},
    "date": {"missing"},
    "number": {"missing"},
    "quantity": {"missing"},
    "composite": set[str](),
}
"""Those that are executed."""

_COMPOSITE_PAIRS = {"token", "reference", "quantity", "number", "date", "string"}


@cache
def known_parameters(resource_type: str) -> dict[str, SearchParameter]:
    """The search parameters of a type by code, our own included."""
    known = {parameter.code: parameter for parameter in definitions().search_parameters[resource_type]}
    if resource_type == "Patient":
        known[IDENTIFIER_TAIL] = replace(known["identifier"], code=IDENTIFIER_TAIL)
    return known


@cache
def executed_parameters(resource_type: str) -> tuple[SearchParameter, ...]:
    """The parameters of a type that searches can use, for a server's statement of what it can do."""
    return tuple(p for p in known_parameters(resource_type).values() if unsupported(p) is None)


def executed_modifiers(parameter_type: str) -> tuple[str, ...]:
    """The modifiers that are executed for a type of parameter."""
    return tuple(sorted(EXECUTED_MODIFIERS.get(parameter_type, ())))


def unsupported(parameter: SearchParameter) -> str | None:
    """Why searches cannot use a parameter; None if they can."""
    if parameter.type == "special":
        return "special-parameter"
    if parameter.type == "composite":
        kinds = [kind for kind, _ in _component_kinds(parameter)]
        if len(kinds) != 2 or kinds[0] != "token" or kinds[1] not in _COMPOSITE_PAIRS:
            return "composite-of-these-types"
    return None


@cache
def _component_kinds(parameter: SearchParameter) -> tuple[tuple[str, SearchParameter | None], ...]:
    """The type of each component of a composite, with the parameter that defines it."""
    holder = next(
        known for known in definitions().search_parameters.values() if any(p.number == parameter.number for p in known)
    )
    by_code = {p.code: p for p in holder}
    found = [by_code.get(component.code) for component in parameter.components]
    return tuple(("unknown" if p is None else p.type, p) for p in found)


def component_parameters(parameter: SearchParameter) -> tuple[SearchParameter, ...]:
    """The parameters that a supported composite joins."""
    return tuple(p for _, p in _component_kinds(parameter) if p is not None)


def usable_parameter(resource_type: str, code: str, searchable: Collection[str]) -> SearchParameter:
    """The parameter of this code; raises Refusal if there is none, or if it cannot be used (now)."""
    parameter = known_parameters(resource_type).get(code)
    if parameter is None:
        raise unknown_parameter(resource_type, code, [p.code for p in executed_parameters(resource_type)])
    reason = unsupported(parameter)
    if reason is not None:
        raise not_supported(code, reason)
    if code not in searchable and code not in ROW_PARAMETERS:
        raise not_indexed(code)
    return parameter


def is_hidden(resource_type: str, parameter: SearchParameter) -> bool:
    """Whether a parameter's texts are indexed blind: whole, and by their beginnings, but not by what is within."""
    return parameter.type == "string" and "Address" in yield_of(parameter).types and hides_addresses(resource_type)


def refuse_modifier(resource_type: str, parameter: SearchParameter, modifier: str) -> None:
    """Refuse a modifier that the kind of parameter does not take, or that is not executed."""
    if modifier not in MODIFIERS_OF[parameter.type]:
        raise modifier_not_allowed(parameter.code, modifier)
    if modifier not in EXECUTED_MODIFIERS[parameter.type] or parameter.code in ROW_PARAMETERS:
        raise not_supported(f"{parameter.code}:{modifier}", "modifier")
    if modifier == "contains" and is_hidden(resource_type, parameter):
        raise not_supported(f"{parameter.code}:{modifier}", "part-of-what-is-encrypted")
