"""From the parameters of a request to the syntax tree of a search.

Grammar: https://hl7.org/fhir/R4/search.html .  Everything in the grammar is understood here; what is not
executed yet is refused later, by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tianfu.records.search.escapes import split
from tianfu.records.search.refusals import malformed, modifier_not_allowed, not_supported, too_large
from tianfu.records.search.syntax import (
    SUMMARIES,
    TOTALS,
    Chain,
    Clause,
    Include,
    ReverseChain,
    SearchSyntax,
    SortKey,
    Summary,
    Term,
    Total,
)

PARAMETERS_MAX = 100
ALTERNATIVES_MAX = 2_000
VALUE_CHARACTERS_MAX = 2_000
NAME_CHARACTERS_MAX = 400
CHAIN_STEPS_MAX = 3
SORT_KEYS_MAX = 4
ELEMENTS_MAX = 100

PRESENTATION = frozenset({"_format", "_pretty"})
"""Parameters about the answer's form; the gateway deals with them."""

NOT_EXECUTED = frozenset(
    {"_contained", "_containedType", "_score", "_filter", "_query", "_text", "_content", "_list", "_type"}
)
"""Parameters of every search that FHIR has and this server does not execute yet."""

MODIFIERS = frozenset(
    {
        "exact", "contains", "missing", "not", "text", "in", "not-in", "below", "above", "of-type",
        "ofType", "identifier",
    }
)  # fmt: skip
"""Modifiers of R4; `of-type` is also written `ofType` in places."""

Choice = TypeVar("Choice", bound=str)

_CODE = re.compile(r"_?[A-Za-z][A-Za-z0-9_\-]*\Z")
_TYPE = re.compile(r"[A-Z][A-Za-z]+\Z")


def parse_syntax(parameters: Sequence[tuple[str, str]]) -> SearchSyntax:
    """The syntax tree of a search; raises Refusal for what is not in the grammar or too large."""
    if len(parameters) > PARAMETERS_MAX:
        raise too_large("parameters", PARAMETERS_MAX)
    parser = _Parser()
    for name, value in parameters:
        _refuse_monsters(name, value)
        parser.take(name, value)
    return parser.finished()


def _refuse_monsters(name: str, value: str) -> None:
    if len(name) > NAME_CHARACTERS_MAX:
        raise too_large("parameter-name", NAME_CHARACTERS_MAX)
    if "\0" in value or "\0" in name:
        raise malformed(name, "text-without-nul")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise malformed(name, "unicode-text") from error


@dataclass(slots=True)
class _Parser:
    """Gathers clauses and result parameters."""

    clauses: list[Clause] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    sort: list[SortKey] = field(default_factory=list)
    count: int | None = None
    total: Total = "none"
    summary: Summary = "false"
    elements: list[str] = field(default_factory=list)
    cursor: str | None = None

    def take(self, name: str, value: str) -> None:
        """Understand one parameter."""
        match name:
            case "_sort":
                self._take_sort(value)
            case "_count":
                self.count = _whole_number(name, value)
            case "_total":
                self.total = _choice(name, value, TOTALS)
            case "_summary":
                self.summary = _choice(name, value, SUMMARIES)
            case "_elements":
                self._take_elements(value)
            case "_cursor":
                self.cursor = value
            case _ if name in PRESENTATION:
                return
            case _ if name.partition(":")[0] in {"_include", "_revinclude"}:
                self.includes.append(_include(name, value))
            case _ if name.partition(":")[0] in NOT_EXECUTED:
                raise not_supported(name, "parameter")
            case _:
                self._take_clause(name, value)

    def _take_sort(self, value: str) -> None:
        for part in value.split(","):
            code = part.strip().removeprefix("-")
            if not _CODE.match(code):
                raise malformed("_sort", "parameter-names")
            self.sort.append(SortKey(code=code, descending=part.strip().startswith("-")))
        if len(self.sort) > SORT_KEYS_MAX:
            raise too_large("sort-keys", SORT_KEYS_MAX)

    def _take_elements(self, value: str) -> None:
        for part in value.split(","):
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*", part.strip()):
                raise malformed("_elements", "element-names")
            self.elements.append(part.strip())
        if len(self.elements) > ELEMENTS_MAX:
            raise too_large("elements", ELEMENTS_MAX)

    def _take_clause(self, name: str, value: str) -> None:
        values = tuple(split(value, ","))
        if len(values) > ALTERNATIVES_MAX:
            raise too_large("alternatives", ALTERNATIVES_MAX)
        if any(len(each) > VALUE_CHARACTERS_MAX for each in values):
            raise too_large("value-characters", VALUE_CHARACTERS_MAX)
        if any(not each.strip() for each in values):
            # An empty alternative has no meaning; answering as if it were absent would widen the result.
            raise malformed(name, "a-value")
        self.clauses.append(parse_clause(name, values))

    def finished(self) -> SearchSyntax:
        """The tree of everything taken."""
        return SearchSyntax(
            clauses=tuple(self.clauses),
            includes=tuple(self.includes),
            sort=tuple(self.sort),
            count=self.count,
            total=self.total,
            summary=self.summary,
            elements=tuple(self.elements),
            cursor=self.cursor,
        )


def parse_clause(name: str, values: tuple[str, ...], *, steps: int = 0) -> Clause:
    """One condition: a plain parameter, a chain or a reverse chain, nested as deep as is allowed."""
    if steps > CHAIN_STEPS_MAX:
        raise too_large("chain-steps", CHAIN_STEPS_MAX)
    if name.startswith("_has:"):
        return _reverse_chain(name, values, steps)
    head, dot, rest = name.partition(".")
    code, colon, modifier = head.partition(":")
    if not _CODE.match(code) or (colon and not modifier) or (dot and not rest):
        raise malformed(name, "a-parameter-name")
    if dot:
        if colon and not _TYPE.match(modifier):
            raise modifier_not_allowed(name, modifier)
        inner = parse_clause(rest, values, steps=steps + 1)
        return Chain(code=code, type=modifier or None, inner=inner)
    if colon and modifier not in MODIFIERS and not _TYPE.match(modifier):
        raise modifier_not_allowed(code, modifier)
    return Term(code=code, modifier=_canonical(modifier) if colon else None, values=values)


def _canonical(modifier: str) -> str:
    return "of-type" if modifier == "ofType" else modifier


def _reverse_chain(name: str, values: tuple[str, ...], steps: int) -> ReverseChain:
    parts = name.split(":", 3)
    if len(parts) != 4 or not _TYPE.match(parts[1]) or not _CODE.match(parts[2]) or not parts[3]:
        raise malformed(name, "_has:Type:reference:parameter")
    inner = parse_clause(parts[3], values, steps=steps + 1)
    return ReverseChain(type=parts[1], code=parts[2], inner=inner)


def _include(name: str, value: str) -> Include:
    base, _, modifier = name.partition(":")
    if modifier not in {"", "iterate", "recurse"}:
        raise modifier_not_allowed(base, modifier)
    parts = value.split(":")
    well_formed = value == "*" or (
        len(parts) in {2, 3}
        and (_TYPE.match(parts[0]) or parts[0] == "*")
        and (_CODE.match(parts[1]) or parts[1] == "*")
        and (len(parts) == 2 or _TYPE.match(parts[2]))
    )
    if not well_formed:
        raise malformed(name, "Type:reference or Type:reference:TargetType")
    return Include(
        reverse=base == "_revinclude",
        iterate=modifier != "",
        type=parts[0],
        code=parts[1] if len(parts) > 1 else "*",
        target=parts[2] if len(parts) > 2 else None,
    )


def _whole_number(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise malformed(name, "a-whole-number")
    return int(value)


def _choice(name: str, value: str, choices: Mapping[str, Choice]) -> Choice:
    if value not in choices:
        raise malformed(name, " | ".join(choices))
    return choices[value]
