"""Extract all index values of a resource: each type's search parameters compiled once into a plan.

Only parameters whose first element is present are looked at, so that an Observation costs what it holds
and not what its type could hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tianfu.access.derivation import relations_of
from tianfu.access.labels import SEVERAL_SUBJECTS, labels_of_resource
from tianfu.records.index import values as convert
from tianfu.records.index.hashing import UNIT_PARAMETER, blind_prefixes, blind_text, pair_hash
from tianfu.records.index.layout import Layout
from tianfu.records.index.values import BLIND, IndexValues, TypedValues, folded
from tianfu.records.protected import protected
from tianfu.standards.fhir.definitions import SearchParameter, definitions
from tianfu.standards.fhir.fhirpath import Expression, compile_expression

GENERATION = 2
"""Raise by one whenever extraction yields other values than before; `tianfu reindex` then brings old rows along."""

LATITUDE_MAX = 90.0
LONGITUDE_MAX = 180.0
"""Degrees; a position beyond them is nowhere."""

NOT_INDEXED = frozenset({"_id", "_lastUpdated", "_content", "_text", "_query", "_has", "_type", "_list", "_filter"})
"""Parameters answered from columns that every row has, or not by this index."""

_FROM_COLUMNS = {("Observation", "code-value-quantity")}
"""Composites whose components lie in columns of the same row."""

Step = Callable[[IndexValues, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to extract from one type: `subjects` and `always` for every resource, `by_member` by what it holds."""

    type_name: str
    subjects: tuple[tuple[int, Expression], ...]
    by_member: Mapping[str, tuple[int, ...]]
    always: tuple[int, ...]
    steps: tuple[Step, ...]


def extract(resource: dict[str, Any], record: int, *, identifier_key: bytes) -> IndexValues:
    """All index values of a valid resource whose record number is `record`."""
    plan = plan_for(resource["resourceType"], identifier_key)
    found = IndexValues()
    _set_subjects(found, plan, resource, record)
    wanted = set(plan.always)
    for member in resource:
        wanted.update(plan.by_member.get(member, ()))
    for number in sorted(wanted):
        plan.steps[number](found, resource)
    found.tokens = sorted(set(found.tokens))
    _set_secrecy(found, resource, record)
    return found

    return 3, 0


def _set_secrecy(found: IndexValues, resource: dict[str, Any], record: int) -> None:
    """How secret the record is, and what it says about who may see whose records."""
    found.level, found.labels = labels_of_resource(resource, has_patient=found.prid is not None)
    if found.also_about:
        found.labels |= SEVERAL_SUBJECTS
    subjects = {found.prid, *found.also_about}
    found.relations = tuple(each for each in relations_of(resource, record) if each.patient in subjects)


def _set_subjects(found: IndexValues, plan: Plan, resource: dict[str, Any], record: int) -> None:
    if plan.type_name == "Patient":
        found.prid = record
        return
    subjects: dict[int, None] = {}
    for _, expression in plan.subjects:
        for kind, target in convert.targets(expression.typed_values(resource)):
            if kind == "Patient":
                subjects[target] = None
    if subjects:
        found.prid, *found.also_about = subjects


@cache
def plan_for(resource_type: str, identifier_key: bytes) -> Plan:
    """The compiled plan of one resource type."""
    layout = Layout.for_type(resource_type)
    parameters = definitions().search_parameters[resource_type]
    indexed = [p for p in parameters if _is_indexed(resource_type, p, layout)]
    compiler = _Compiler(resource_type, layout, identifier_key)
    # Timeline dates first choice first; the columns take the first value that comes.
    indexed.sort(key=lambda p: layout.timeline_dates.index(p.code) if p.code in layout.timeline_dates else 99)
    members = [_leading_members(resource_type, parameter) for parameter in indexed]
    by_member: dict[str, tuple[int, ...]] = {}
    for number, names in enumerate(members):
        for name in names or ():
            by_member[name] = (*by_member.get(name, ()), number)
    return Plan(
        type_name=resource_type,
        subjects=tuple(
            (p.number, compile_expression(p.expression, base_type=resource_type))
            for code in layout.subjects
            for p in parameters
            if p.code == code
        ),
        by_member=by_member,
        always=tuple(number for number, names in enumerate(members) if names is None),
        steps=tuple(compiler.step(parameter) for parameter in indexed),
    )


def _is_indexed(resource_type: str, parameter: SearchParameter, layout: Layout) -> bool:
    return (
        parameter.code not in NOT_INDEXED
        and parameter.code not in layout.unions
        and parameter.code not in layout.within_composite
        and (resource_type, parameter.code) not in _FROM_COLUMNS
        and bool(parameter.expression)
    )


def _leading_members(resource_type: str, parameter: SearchParameter) -> tuple[str, ...] | None:
    """The JSON members without which the parameter has no value; None if it may have one all the same."""
    text = parameter.expression
    if parameter.type == "composite" and "." not in text:
        # Both halves must be there; the second one is the rarer.
        text = " ".join(f"{resource_type}.{each.strip()}" for each in parameter.components[-1].expression.split("|"))
    if re.search(r"exists\(\)|empty\(\)|not\(\)|!=", text) and ".where(" not in text:
        return None
    paths = re.findall(rf"\b(?:{resource_type}|Resource|DomainResource)\.(\w+)", text)
    if not paths:
        return None
    elements = definitions().types[resource_type].elements
    names: dict[str, None] = {}
    for path in paths:
        element = elements.get(path)
        if element is not None and element.choice:
            names.update(
                dict.fromkeys(path + kind[0].upper() + kind[1:] for kind in _wanted_kinds(text, path) or element.types)
            )
        else:
            names[path] = None
    return tuple(names)


def _wanted_kinds(text: str, path: str) -> tuple[str, ...]:
    """The types that an expression narrows a choice element to; none if it takes the element as it is somewhere."""
    narrowed = re.findall(rf"\.{path}(?: as |\.as\(|\.ofType\()(\w+)", text)
    return tuple(narrowed) if len(narrowed) == len(re.findall(rf"\.{path}\b", text)) else ()


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Makes the step of one search parameter."""

    type_name: str
    layout: Layout
    identifier_key: bytes

    def step(self, parameter: SearchParameter) -> Step:
        expression = compile_expression(parameter.expression, base_type=self.type_name)
        values = expression.typed_values
        if parameter.type == "composite":
            return self._composite(parameter, values)
        convert_values = self._converter(parameter)

        def step(found: IndexValues, resource: dict[str, Any]) -> None:
            present = values(resource)
            if present:
                convert_values(found, present)

        return step

    def _converter(self, parameter: SearchParameter) -> convert.Convert:
        match parameter.type:
            case "token":
                return self._token(parameter)
            case "reference":
                return self._reference(parameter)
            case "string":
                return self._string(parameter)
            case "date":
                return self._date(parameter)
            case "number" | "quantity":
                return self._quantity(parameter)
            case "uri":
                return _uri(parameter.number)
            case "special":
                return _position(parameter.number)
            case _:
                raise ValueError(parameter.type)

    def _token(self, parameter: SearchParameter) -> convert.Convert:
        number, key, layout = parameter.number, self.identifier_key, self.layout
        with_tails = (self.type_name, parameter.code) == ("Patient", "identifier")
        column = {layout.code: "code", layout.category: "category", layout.status: "status"}.get(parameter.code)

        def plain(found: IndexValues, values: TypedValues) -> None:
            for coding in convert.codings(values):
                found.tokens.append(found.token(number, *coding))
            for hashed in convert.identifiers(values, key, number):
                found.identifiers.append((hashed, number))
            if with_tails:
                found.identifiers.extend((hashed, number) for hashed in convert.identifier_tails(values, key, number))

        def into_column(found: IndexValues, values: TypedValues) -> None:
            hashes = [found.token(number, *coding) for coding in convert.codings(values)]
            if hashes:
                setattr(found, column or "", hashes[0])
                found.tokens.extend(hashes[1:])

        return into_column if column else plain

    def _reference(self, parameter: SearchParameter) -> convert.Convert:
        number, key = parameter.number, self.identifier_key
        is_subject = parameter.code in self.layout.subjects
        is_encounter = parameter.code == self.layout.encounter

        def step(found: IndexValues, values: TypedValues) -> None:
            for _, target in dict.fromkeys(convert.targets(values)):
                if is_subject and target == found.prid:
                    continue
                if is_encounter and found.encounter in {None, target}:
                    found.encounter = target
                else:
                    found.references.append((target, number))
            for kind, value in values:
                if kind == "Reference" and "identifier" in value:
                    for hashed in convert.identifiers([("Identifier", value["identifier"])], key, number):
                        found.identifiers.append((hashed, number))

        return step

    def _string(self, parameter: SearchParameter) -> convert.Convert:
        if hides_addresses(self.type_name):
            return _hidden_string(parameter.number, self.identifier_key)
        return _string(parameter.number)

    def _date(self, parameter: SearchParameter) -> convert.Convert:
        number = parameter.number
        is_timeline = parameter.code in self.layout.timeline_dates
        is_main = parameter.code == self.layout.main_date

        def step(found: IndexValues, values: TypedValues) -> None:
            ranges = list(dict.fromkeys(convert.date_ranges(values)))
            if is_timeline and ranges and found.date_low is None:
                found.date_low, found.date_high = ranges[0]
                if is_main:
                    del ranges[0]
            found.dates.extend((number, low, high, None) for low, high in ranges)

        return step

    def _quantity(self, parameter: SearchParameter) -> convert.Convert:
        number = parameter.number
        has_column = parameter.code == self.layout.quantity

        def step(found: IndexValues, values: TypedValues) -> None:
            for amount, system, unit in convert.numbers(values):
                hashed = convert.unit_hash(found, system, unit)
                if has_column and found.number is None:
                    found.number, found.unit = amount, hashed
                else:
                    found.quantities.append((number, amount, hashed, None))

        return step

    def _kind(self, code: str) -> str:
        parameter = definitions().search_parameter(self.type_name, code)
        if parameter is None:
            raise KeyError(f"{self.type_name} has no parameter {code}")
        return parameter.type

    def _composite(self, parameter: SearchParameter, values: Callable[[dict[str, Any]], Any]) -> Step:
        base = [_element_type(self.type_name, parameter.expression)]
        halves = [
            (self._kind(component.code), compile_expression(component.expression, base_type=base[0]).typed_values)
            for component in parameter.components
        ]
        number = parameter.number

        def step(found: IndexValues, resource: dict[str, Any]) -> None:
            for _, element in values(resource) or ():
                parts = [(kind, path(element)) for kind, path in halves]
                _add_composite(found, number, parts, self.identifier_key)

        return step


def _element_type(resource_type: str, expression: str) -> str:
    """The type of the element a composite's components start from: the resource itself or `Type.element`."""
    return expression if "." in expression else resource_type


def _add_composite(found: IndexValues, number: int, parts: list[tuple[str, Any]], key: bytes) -> None:
    """Note one occurrence of a composite: two tokens as a pair, a token with a value as a row with a code."""
    if len(parts) != 2 or not all(values for _, values in parts):
        return
    (_, first), (kind, second) = parts
    codes = [found.token(UNIT_PARAMETER, *coding) for coding in convert.codings(first)]
    match kind:
        case "token":
            others = [found.token(UNIT_PARAMETER, *coding) for coding in convert.codings(second)]
            found.tokens.extend(pair_hash(number, code, other) for code in codes for other in others)
        case "reference":
            found.tokens.extend(
                pair_hash(number, code, target) for code in codes for _, target in convert.targets(second)
            )
        case "quantity" | "number":
            for amount, system, unit in convert.numbers(second):
                hashed = convert.unit_hash(found, system, unit)
                found.quantities.extend((number, amount, hashed, code) for code in codes)
        case "date":
            found.dates.extend((number, low, high, code) for low, high in convert.date_ranges(second) for code in codes)
        case "string":
            found.strings.extend((number, form, text, code) for form, text in convert.strings(second) for code in codes)
        case _:
            raise ValueError(kind)


def _string(number: int) -> convert.Convert:
    def step(found: IndexValues, values: TypedValues) -> None:
        found.strings.extend(
            (number, form, text, None) for form, text in dict.fromkeys(convert.strings(values)) if text
        )

    return step


def _hidden_string(number: int, key: bytes) -> convert.Convert:
    """Strings of a type whose addresses are sealed: what tells the house is indexed blind."""
    plain = _string(number)

    def step(found: IndexValues, values: TypedValues) -> None:
        shown = []
        for kind, value in values:
            if kind == "Address":
                for text in convert.houses(value):
                    found.strings.append((number, BLIND, blind_text(key, number, text), None))
                    found.tokens.extend(blind_prefixes(key, number, folded(text)))
                value = convert.coarse(value)
            shown.append((kind, value))
        plain(found, shown)

    return step


def hides_addresses(resource_type: str) -> bool:
    """Whether addresses of a type are sealed, so that its index must not show them."""
    return not protected(resource_type).is_public


def _uri(number: int) -> convert.Convert:
    def step(found: IndexValues, values: TypedValues) -> None:
        found.tokens.extend(found.token(number, "", value) for _, value in values if isinstance(value, str))

    return step


def _position(number: int) -> convert.Convert:
    """Location.position: the number is the latitude, the code the longitude in ten-millionths of a degree."""

    def step(found: IndexValues, values: TypedValues) -> None:
        for _, value in values:
            if isinstance(value, dict) and "latitude" in value and "longitude" in value:
                latitude, longitude = float(value["latitude"]), float(value["longitude"])
                if abs(latitude) <= LATITUDE_MAX and abs(longitude) <= LONGITUDE_MAX:
                    found.quantities.append((number, latitude, None, round(longitude * 10_000_000)))

    return step
