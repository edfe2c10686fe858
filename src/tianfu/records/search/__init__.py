"""Search: from a request's parameters to one SQL statement (https://hl7.org/fhir/R4/search.html)."""

from tianfu.records.search.conditions import wanted_identities
from tianfu.records.search.cursor import CursorSealer, Question
from tianfu.records.search.included import compile_included
from tianfu.records.search.inclusions import INCLUDED_MAX
from tianfu.records.search.parameters import executed_modifiers, executed_parameters
from tianfu.records.search.plan import Position, SearchPlan, parse_search
from tianfu.records.search.statement import compile_count, compile_search, sight

__all__ = [
    "INCLUDED_MAX",
    "CursorSealer",
    "Position",
    "Question",
    "SearchPlan",
    "compile_count",
    "compile_included",
    "compile_search",
    "executed_modifiers",
    "executed_parameters",
    "parse_search",
    "sight",
    "wanted_identities",
]
