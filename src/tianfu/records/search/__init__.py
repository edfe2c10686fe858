"""Search: from a request's parameters to one SQL statement (https://hl7.org/fhir/R4/search.html)."""

from tianfu.records.search.conditions import wanted_identities
from tianfu.records.search.cursor import CursorSealer, Question
from tianfu.records.search.plan import (
    Position,
    SearchPlan,
    executed_modifiers,
    executed_parameters,
    parse_search,
)
from tianfu.records.search.statement import compile_count, compile_search

__all__ = [
    "CursorSealer",
    "Position",
    "Question",
    "SearchPlan",
    "compile_count",
    "compile_search",
    "executed_modifiers",
    "executed_parameters",
    "parse_search",
    "wanted_identities",
]
