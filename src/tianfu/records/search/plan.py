"""From the syntax tree to a plan: names looked up, values typed, everything that cannot be done refused by name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tianfu.kernel.refusal import Refusal
from tianfu.records.search import operands
from tianfu.records.search.escapes import split
from tianfu.records.search.followed import is_followed, leads_to
from tianfu.records.search.grammar import parse_syntax
from tianfu.records.search.inclusions import INCLUSIONS_MAX, Inclusion, inclusion_of
from tianfu.records.search.operands import Operand
from tianfu.records.search.parameters import (
    ROW_PARAMETERS,
    component_parameters,
    refuse_modifier,
    usable_parameter,
)
from tianfu.records.search.refusals import (
    malformed,
    modifier_not_allowed,
    not_supported,
    too_large,
    unknown_parameter,
)
from tianfu.records.search.syntax import Chain, Clause, ReverseChain, SearchSyntax, SortKey, Summary, Term, Total
from tianfu.records.search.whereabouts import yield_of
from tianfu.standards.fhir.definitions import SearchParameter, definitions

COUNT_DEFAULT = 20
COUNT_MAX = 1_000

IGNORABLE = frozenset({"search-parameter-unknown", "search-not-supported", "search-parameter-not-indexed"})
"""What lenient handling leaves out, and says so."""

UNTYPED_TARGETS_MAX = 8
"""A chain through a reference that may point to more types than these must name one."""

CHAIN_ENDS_MAX = 32
"""How many kinds of records one chain may look at, all its steps together."""

Searchable = Callable[[str], Collection[str]]
"""The codes of the parameters of a type that all its records are indexed for."""

Part = TypeVar("Part")
Made = TypeVar("Made")

SORTABLE = {"date", "quantity", "number", "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One condition; a record matches if it matches any of the operands."""

    parameter: SearchParameter
    modifier: str | None
    operands: tuple[Operand, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """Records of one type at the other end of a reference, and what must be true of them."""

    type: str
    criterion: Criterion | Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A condition on other records; a record matches if it is linked to one that matches any of the ends.

    Of a chain, `parameter` is the record's own and leads to the ends; of a reverse chain (`_has`) it is the ends'
    and leads here.
    """

    parameter: SearchParameter
    reverse: bool
    ends: tuple[End, ...]


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

    A record matches if it meets all `criteria` and all `links`; `inclusions` tell what else to bring.
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
    links: tuple[Link, ...] = ()
    inclusions: tuple[Inclusion, ...] = ()

    @property
    def counts_only(self) -> bool:
        """Whether only the number of matches was asked for."""
        return self.summary == "count" or self.count == 0


def parse_search(
    resource_type: str,
    parameters: Sequence[tuple[str, str]],
    *,
    strict: bool,
    searchable: Searchable,
    now: int,
    after: Position | None = None,
) -> SearchPlan:
    """The plan of a search for one type; raises Refusal for anything that would not be done as asked.

    `searchable` tells the codes of the parameters that all records of a type are indexed for.
    With `strict` false, parameters unknown or not executed are left out and named in the plan.
    """
    syntax, ignored = _syntax(parameters, strict=strict)
    binder = _Binder(resource_type, searchable, now)
    attempt = _Attempt(strict=strict, ignored=ignored)
    conditions = attempt.each(syntax.clauses, binder.condition, lambda clause: clause.name)
    sort = attempt.each(syntax.sort, binder.sort_by, lambda _: "_sort")
    inclusions = attempt.each(
        syntax.includes,
        lambda include: inclusion_of(include, resource_type, searchable),
        lambda include: include.name,
    )
    if len(inclusions) > INCLUSIONS_MAX:
        raise too_large("inclusions", INCLUSIONS_MAX)
    return SearchPlan(
        type=resource_type,
        criteria=tuple(each for each in conditions if isinstance(each, Criterion)),
        links=tuple(each for each in conditions if isinstance(each, Link)),
        sort=tuple(sort),
        count=COUNT_DEFAULT if syntax.count is None else min(syntax.count, COUNT_MAX),
        total=syntax.total,
        summary=syntax.summary,
        elements=syntax.elements,
        asked=tuple((name, value) for name, value in parameters if name != "_cursor"),
        ignored=tuple(dict.fromkeys(ignored)),
        after=after,
        inclusions=tuple(dict.fromkeys(inclusions)),
    )


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Does what can be done; under lenient handling, notes the names of what cannot."""

    strict: bool
    ignored: list[str]

    def each(self, parts: Iterable[Part], make: Callable[[Part], Made], name_of: Callable[[Part], str]) -> list[Made]:
        """What is made of each part."""
        made: list[Made] = []
        for part in parts:
            try:
                made.append(make(part))
            except Refusal as refusal:
                if self.strict or refusal.code not in IGNORABLE:
                    raise
                self.ignored.append(name_of(part))
        return made


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
    return parse_syntax(kept), ignored


@dataclass(frozen=True, slots=True)
class _Binder:
    """Looks names up for one resource type."""

    resource_type: str
    searchable: Searchable
    now: int

    def condition(self, clause: Clause) -> Criterion | Link:
        """The condition that one clause puts."""
        condition = self._condition(clause)
        if isinstance(condition, Link) and _ends_of(condition) > CHAIN_ENDS_MAX:
            raise too_large("chain-ends", CHAIN_ENDS_MAX)
        return condition

    def _condition(self, clause: Clause) -> Criterion | Link:
        match clause:
            case Chain():
                return self._chain(clause)
            case ReverseChain():
                return self._reverse_chain(clause)
            case Term():
                return self._term(clause)

    def _chain(self, chain: Chain) -> Link:
        parameter = self._followed(self.resource_type, chain.code)
        types = self._chained_types(parameter, chain)
        ends: list[End] = []
        unknown: Refusal | None = None
        for each in types:
            try:
                ends.append(End(type=each, criterion=_Binder(each, self.searchable, self.now)._condition(chain.inner)))
            except Refusal as refusal:
                # Of the types that a reference may point to, those count that know the parameter.
                if refusal.code != "search-parameter-unknown" or chain.type is not None:
                    raise
                unknown = refusal
        if not ends:
            raise unknown or unknown_parameter(self.resource_type, chain.name, ())
        return Link(parameter=parameter, reverse=False, ends=tuple(ends))

    def _chained_types(self, parameter: SearchParameter, chain: Chain) -> Sequence[str]:
        if chain.type is not None:
            self._refuse_wrong_target(parameter, chain.type)
            return (chain.type,)
        if not parameter.targets or len(parameter.targets) > UNTYPED_TARGETS_MAX:
            raise not_supported(chain.name, f"chain-without-type ({parameter.code}:Type)")
        return parameter.targets

    def _reverse_chain(self, chain: ReverseChain) -> Link:
        if chain.type not in definitions().type_numbers:
            raise malformed(f"_has:{chain.type}", "a resource type")
        parameter = self._followed(chain.type, chain.code)
        if not leads_to(parameter, self.resource_type):
            raise malformed(f"_has:{chain.type}:{chain.code}", f"a reference that may point to {self.resource_type}")
        inner = _Binder(chain.type, self.searchable, self.now)._condition(chain.inner)
        return Link(parameter=parameter, reverse=True, ends=(End(type=chain.type, criterion=inner),))

    def _followed(self, resource_type: str, code: str) -> SearchParameter:
        parameter = usable_parameter(resource_type, code, self.searchable(resource_type))
        if parameter.type != "reference":
            raise malformed(code, "a reference")
        if not is_followed(parameter):
            raise not_supported(code, "no-reference-by-id")
        return parameter

    def parameter(self, code: str) -> SearchParameter:
        """The parameter of this code; raises Refusal if there is none, or if it cannot be used."""
        return usable_parameter(self.resource_type, code, self.searchable(self.resource_type))

    def _term(self, term: Term) -> Criterion:
        parameter = self.parameter(term.code)
        modifier = term.modifier
        target_type = modifier if modifier is not None and modifier[0].isupper() else None
        if target_type is not None:
            self._refuse_wrong_target(parameter, target_type)
            modifier = None
        elif modifier is not None:
            refuse_modifier(self.resource_type, parameter, modifier)
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
        if parameter.code not in ROW_PARAMETERS and parameter.type not in SORTABLE:
            raise not_supported("_sort", f"by-{parameter.type}")
        return SortBy(parameter=parameter, descending=key.descending)


def _ends_of(condition: Criterion | Link) -> int:
    """How many kinds of records a condition looks at beside the one searched."""
    return sum(1 + _ends_of(end.criterion) for end in condition.ends) if isinstance(condition, Link) else 0
