"""Read the committed table of FHIR R4 facts.  How it is made: scripts/compile_fhir_definitions.py"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import orjson

from tianfu.standards.fhir.definitions.model import (
    Constraint,
    Definitions,
    ElementDefinition,
    SearchComponent,
    SearchParameter,
    TypeDefinition,
)

Facts = Mapping[str, Any]


@cache
def definitions() -> Definitions:
    """The definitions of FHIR R4; read once per process."""
    table = orjson.loads(files("tianfu.standards.fhir.definitions").joinpath("table.json").read_bytes())
    types = _types(table["types"])
    resources = tuple(sorted(name for name, type_ in types.items() if type_.kind == "resource" and not type_.abstract))
    return Definitions(
        resource_types=resources,
        types=MappingProxyType(types),
        search_parameters=MappingProxyType(_search_parameters(table, types, resources)),
        compartment_patient=MappingProxyType({k: tuple(v) for k, v in table["compartment_patient"].items()}),
        type_numbers=MappingProxyType({name: table["type_numbers"][name] for name in resources}),
        codings=MappingProxyType(
            {
                value_set: frozenset((system, code) for system, codes in by_system.items() for code in codes)
                for value_set, by_system in table["codes"].items()
            }
        ),
        _codes=MappingProxyType(
            {
                value_set: frozenset(code for codes in by_system.values() for code in codes)
                for value_set, by_system in table["codes"].items()
            }
        ),
    )


def _types(table: Mapping[str, Facts]) -> dict[str, TypeDefinition]:
    """Types by name; the table lists every base before what is built on it."""
    types: dict[str, TypeDefinition] = {}
    for name, facts in table.items():
        base = types.get(facts.get("b", ""))
        own = {element.name: element for element in map(_element, facts["e"], facts["e"].values())}
        types[name] = TypeDefinition(
            name=name,
            kind=facts["k"],
            base=facts.get("b"),
            abstract="a" in facts,
            elements=MappingProxyType({**base.elements, **own} if base else own),
            constraints=(base.constraints if base else ()) + tuple(map(_constraint, facts.get("c", ()))),
            regex=facts.get("x"),
        )
    return types


def _element(key: str, facts: Facts) -> ElementDefinition:
    low, high = facts.get("n", "0..1").split("..")
    return ElementDefinition(
        name=key.removesuffix("[x]"),
        types=tuple(facts["t"].split("|")),
        choice=key.endswith("[x]"),
        min=int(low),
        max=None if high == "*" else int(high),
        binding=facts.get("v"),
        targets=_names(facts.get("r")),
        profile=facts.get("p"),
        summary="s" in facts,
        modifier="m" in facts,
    )


def _constraint(facts: Facts) -> Constraint:
    return Constraint(facts.get("on", ""), facts["key"], facts["severity"], facts["expression"])


def _names(joined: str | None) -> tuple[str, ...]:
    return tuple(joined.split("|")) if joined else ()


def _search_parameters(
    table: Facts, types: Mapping[str, TypeDefinition], resources: Iterable[str]
) -> dict[str, tuple[SearchParameter, ...]]:
    stated: dict[str, list[SearchParameter]] = {}
    for facts in table["parameters"]:
        number = table["parameter_numbers"][facts["u"]]
        for base, expression in facts["e"].items():
            stated.setdefault(base, []).append(_search_parameter(number, facts, base, expression))
    return {name: tuple(_for_resource(name, stated, types)) for name in resources}


def _search_parameter(number: int, facts: Facts, base: str, expression: str) -> SearchParameter:
    return SearchParameter(
        number=number,
        code=facts["c"],
        type=facts["t"],
        expression=expression,
        targets=_names(facts.get("r", {}).get(base)),
        components=tuple(SearchComponent(*component) for component in facts.get("p", ())),
    )


def _for_resource(
    name: str, stated: Mapping[str, list[SearchParameter]], types: Mapping[str, TypeDefinition]
) -> Iterable[SearchParameter]:
    """Own parameters and those of every base: `Resource.id` is read as `Patient.id` on a Patient."""
    yield from stated.get(name, ())
    base = types[name].base
    while base is not None:
        for parameter in stated.get(base, ()):
            yield SearchParameter(
                number=parameter.number,
                code=parameter.code,
                type=parameter.type,
                expression=parameter.expression.replace(f"{base}.", f"{name}.", 1),
                targets=parameter.targets,
                components=parameter.components,
            )
        base = types[base].base
