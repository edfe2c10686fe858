"""From the syntax tree to a plan: names looked up, values typed, everything that cannot be done refused by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from tianfu.kernel.refusal import Refusal
from tianfu.records.index.extract import hides_addresses
from tianfu.records.search import operands
from tianfu.records.search.escapes import split
from tianfu.records.search.grammar import parse_syntax
from tianfu.records.search.operands import Operand
from tianfu.records.search.refusals import (
    malformed,
    modifier_not_allowed,
    not_indexed,
    not_supported,
    unknown_parameter,
)
from tianfu.records.search.syntax import Chain, Clause, ReverseChain, SearchSyntax, SortKey, Summary, Term, Total
from tianfu.records.search.whereabouts import yield_of
from tianfu.standards.fhir.definitions import SearchParameter, definitions

COUNT_DEFAULT = 20
COUNT_MAX = 1_000

IGNORABLE = frozenset({"search-parameter-unknown", "search-not-supported", "search-parameter-not-indexed"})
"""What lenient handling leaves out, and says so."""

ROW_PARAMETERS = frozenset({"_id", "_lastUpdated"})
"""Parameters answered by columns that every row has, so that they need no index of their own."""

IDENTIFIER_TAIL = "identifier-tail"
"""Our own parameter of Patient: the last four characters of an identifier, by which staff find a person at a desk."""

_MODIFIERS = {
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

_EXECUTED = {
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

_SORTABLE = {"date", "quantity", "number", "string"}
_COMPOSITE_PAIRS = {"token", "reference", "quantity", "number", "date", "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition; a record matches if it matches any of the operands."""

    parameter: SearchParameter
    modifier: str | None
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SortBy:
    """One key of the order."""

    parameter: SearchParameter
    descending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in the order of results: the last row that was given, by its sort values and record number."""

    values: tuple[int | float | str | bytes | None, ...]
    record: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlan:
    """A search that can be done.

    `asked` are the parameters as they came, without the cursor; `ignored` names those left out under lenient
    handling; `after` is where the previous page ended.
    """

    type: str
    criteria: tuple[Criterion, ...]
    sort: tuple[SortBy, ...]
    count: int
    total: Total
    summary: Summary
    elements: tuple[str, ...]
    asked: tuple[tuple[str, str], ...]
    ignored: tuple[str, ...]
    after: Position | None

    @property
    def counts_only(self) -> bool:
        """Whether only the number of matches was asked for."""
        return self.summary == "count" or self.count == 0


def parse_search(
    resource_type: str,
    parameters: Sequence[tuple[str, str]],
    *,
    strict: bool,
    searchable: Collection[str],
    now: int,
    after: Position | None = None,
) -> SearchPlan:
    """The plan of a search for one type; raises Refusal for anything that would not be done as asked.

    `searchable` are the codes of the parameters that all records of the type are indexed for.
    With `strict` false, parameters unknown or not executed are left out and named in the plan.
    """
    syntax, ignored = _syntax(parameters, strict=strict)
    binder = _Binder(resource_type, frozenset(searchable) | ROW_PARAMETERS, now)
    criteria: list[Criterion] = []
    for clause in syntax.clauses:
        try:
            criteria.append(binder.criterion(clause))
        except Refusal as refusal:
            if strict or refusal.code not in IGNORABLE:
                raise
            ignored.append(clause.name)
    sort: list[SortBy] = []
    for key in syntax.sort:
        try:
            sort.append(binder.sort_by(key))
        except Refusal as refusal:
            if strict or refusal.code not in IGNORABLE:
                raise
            ignored.append("_sort")
    return SearchPlan(
        type=resource_type,
        criteria=tuple(criteria),
        sort=tuple(sort),
        count=COUNT_DEFAULT if syntax.count is None else min(syntax.count, COUNT_MAX),
        total=syntax.total,
        summary=syntax.summary,
        elements=syntax.elements,
        asked=tuple((name, value) for name, value in parameters if name != "_cursor"),
        ignored=tuple(dict.fromkeys(ignored)),
        after=after,
    )


def _syntax(parameters: Sequence[tuple[str, str]], *, strict: bool) -> tuple[SearchSyntax, list[str]]:
    """The tree of the whole search; under lenient handling, of those parameters that are understood."""
    ignored: list[str] = []
    kept = list(parameters)
    if not strict:
        kept = []
        for name, value in parameters:
            try:
                parse_syntax([(name, value)])
            except Refusal as refusal:
                if refusal.code not in IGNORABLE:
                    raise
                ignored.append(name)
            else:
                kept.append((name, value))
    syntax = parse_syntax(kept)
    if syntax.includes:
        names = [include.name for include in syntax.includes]
        if strict:
            raise not_supported(names[0], "parameter")
        ignored.extend(names)
        syntax = replace(syntax, includes=())
    return syntax, ignored


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
    return tuple(p for p in known_parameters(resource_type).values() if _unsupported(p) is None)


def executed_modifiers(parameter_type: str) -> tuple[str, ...]:
    """The modifiers that are executed for a type of parameter."""
    return tuple(sorted(_EXECUTED.get(parameter_type, ())))


def _unsupported(parameter: SearchParameter) -> str | None:
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


@dataclass(frozen=True, slots=True)
class _Binder:
    """Looks names up for one resource type."""

    resource_type: str
    searchable: frozenset[str]
    now: int

    def criterion(self, clause: Clause) -> Criterion:
        """The criterion of one clause."""
        match clause:
            case Chain() | ReverseChain():
                self._refuse_unknown_links(clause)
                raise not_supported(clause.name, "chain")
            case Term():
                return self._term(clause)

    def _refuse_unknown_links(self, clause: Chain | ReverseChain) -> None:
        if isinstance(clause, Chain):
            self.parameter(clause.code)

    def parameter(self, code: str) -> SearchParameter:
        """The parameter of this code; raises Refusal if there is none, or if it cannot be used."""
        known = known_parameters(self.resource_type)
        parameter = known.get(code)
        if parameter is None:
            raise unknown_parameter(self.resource_type, code, [p.code for p in executed_parameters(self.resource_type)])
        reason = _unsupported(parameter)
        if reason is not None:
            raise not_supported(code, reason)
        if code not in self.searchable:
            raise not_indexed(code)
        return parameter

    def _term(self, term: Term) -> Criterion:
        parameter = self.parameter(term.code)
        modifier = term.modifier
        target_type = modifier if modifier is not None and modifier[0].isupper() else None
        if target_type is not None:
            self._refuse_wrong_target(parameter, target_type)
            modifier = None
        elif modifier is not None:
            _refuse_modifier(self.resource_type, parameter, modifier)
        return Criterion(
            parameter=parameter,
            modifier=modifier,
            operands=tuple(self._operands(term, parameter, modifier, target_type)),
        )

    def _refuse_wrong_target(self, parameter: SearchParameter, target_type: str) -> None:
        is_type = target_type in definitions().type_numbers
        if parameter.type != "reference" or not is_type or (parameter.targets and target_type not in parameter.targets):
            raise modifier_not_allowed(parameter.code, target_type)

    def _operands(
        self, term: Term, parameter: SearchParameter, modifier: str | None, target_type: str | None
    ) -> Iterable[Operand]:
        for value in term.values:
            if modifier == "missing":
                yield operands.parse_missing(term.name, value)
            elif modifier == "identifier":
                yield operands.parse_token(term.name, value)
            elif parameter.type == "composite":
                yield self._composite(term.name, parameter, value)
            else:
                yield self._operand(term.name, parameter, value, target_type)

    def _operand(self, name: str, parameter: SearchParameter, value: str, target_type: str | None) -> Operand:
        match parameter.type:
            case "token":
                token = operands.parse_token(name, value)
                if token.code is None and yield_of(parameter).has_identifiers:
                    raise not_supported(name, "system-without-value")
                return token
            case "date":
                return operands.parse_date(name, value, now=self.now)
            case "string":
                return operands.parse_string(name, value)
            case "number":
                return operands.parse_number(name, value)
            case "quantity":
                return operands.parse_quantity(name, value)
            case "uri":
                return operands.parse_uri(name, value)
            case "reference":
                return operands.parse_reference(name, value, target_type=target_type)
            case _:
                raise not_supported(name, parameter.type)

    def _composite(self, name: str, parameter: SearchParameter, value: str) -> Operand:
        parts = split(value, "$")
        components = component_parameters(parameter)
        if len(parts) != len(components) or not all(parts):
            raise malformed(name, "$".join(component.code for component in parameter.components))
        return operands.CompositeOperand(
            tuple(self._operand(name, component, part, None) for component, part in zip(components, parts, strict=True))
        )

    def sort_by(self, key: SortKey) -> SortBy:
        """The sort key of this name."""
        parameter = self.parameter(key.code)
        if parameter.code not in ROW_PARAMETERS and parameter.type not in _SORTABLE:
            raise not_supported("_sort", f"by-{parameter.type}")
        return SortBy(parameter=parameter, descending=key.descending)


def is_hidden(resource_type: str, parameter: SearchParameter) -> bool:
    """Whether a parameter's texts are indexed blind: whole, and by their beginnings, but not by what is within."""
    return parameter.type == "string" and "Address" in yield_of(parameter).types and hides_addresses(resource_type)


def _refuse_modifier(resource_type: str, parameter: SearchParameter, modifier: str) -> None:
    if modifier not in _MODIFIERS[parameter.type]:
        raise modifier_not_allowed(parameter.code, modifier)
    if modifier not in _EXECUTED[parameter.type] or parameter.code in ROW_PARAMETERS:
        raise not_supported(f"{parameter.code}:{modifier}", "modifier")
    if modifier == "contains" and is_hidden(resource_type, parameter):
        raise not_supported(f"{parameter.code}:{modifier}", "part-of-what-is-encrypted")
