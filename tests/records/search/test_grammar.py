"""The grammar of searches: what is understood, and what is refused before anything is looked up."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.kernel.refusal import Refusal
from tianfu.records.search.escapes import escaped, split, unescaped
from tianfu.records.search.grammar import ALTERNATIVES_MAX, PARAMETERS_MAX, parse_syntax
from tianfu.records.search.syntax import Chain, Include, ReverseChain, SortKey, Term


def clause_of(name: str, value: str = "x") -> object:
    return parse_syntax([(name, value)]).clauses[0]


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("code", "a", Term(code="code", modifier=None, values=("a",))),
        ("code:not", "a,b", Term(code="code", modifier="not", values=("a", "b"))),
        ("code", r"a\,b,c", Term(code="code", modifier=None, values=(r"a\,b", "c"))),
        ("subject:Patient", "1", Term(code="subject", modifier="Patient", values=("1",))),
        ("identifier:ofType", "s|c|v", Term(code="identifier", modifier="of-type", values=("s|c|v",))),
        ("_id", "1", Term(code="_id", modifier=None, values=("1",))),
        (
            "subject:Patient.name:exact",
            "Li",
            Chain(code="subject", type="Patient", inner=Term(code="name", modifier="exact", values=("Li",))),
        ),
        (
            "subject.general-practitioner.name",
            "Li",
            Chain(
                code="subject",
                type=None,
                inner=Chain(
                    code="general-practitioner", type=None, inner=Term(code="name", modifier=None, values=("Li",))
                ),
            ),
        ),
        (
            "_has:Observation:patient:code",
            "8302-2",
            ReverseChain(
                type="Observation", code="patient", inner=Term(code="code", modifier=None, values=("8302-2",))
            ),
        ),
        (
            "_has:Observation:patient:_has:AuditEvent:entity:agent",
            "x",
            ReverseChain(
                type="Observation",
                code="patient",
                inner=ReverseChain(
                    type="AuditEvent", code="entity", inner=Term(code="agent", modifier=None, values=("x",))
                ),
            ),
        ),
        (
            "patient._has:Condition:patient:code",
            "x",
            Chain(
                code="patient",
                type=None,
                inner=ReverseChain(
                    type="Condition", code="patient", inner=Term(code="code", modifier=None, values=("x",))
                ),
            ),
        ),
    ],
)
def test_every_kind_of_clause_is_understood(name: str, value: str, expected: object) -> None:
    assert clause_of(name, value) == expected


def test_a_clause_knows_the_name_it_was_asked_by() -> None:
    name = "_has:Observation:patient:performer:Practitioner.name:exact"
    clause = clause_of(name)
    assert isinstance(clause, ReverseChain)
    assert clause.name == name


def test_result_parameters_are_told_apart_from_conditions() -> None:
    syntax = parse_syntax(
        [
            ("_sort", "-date,_id"),
            ("_count", "5"),
            ("_total", "accurate"),
            ("_summary", "data"),
            ("_elements", "id,name.given"),
            ("_include", "Observation:subject:Patient"),
            ("_revinclude:iterate", "*:*"),
            ("_cursor", "abc"),
            ("_format", "json"),
        ]
    )
    assert syntax.clauses == ()
    assert syntax.sort == (SortKey(code="date", descending=True), SortKey(code="_id", descending=False))
    assert (syntax.count, syntax.total, syntax.summary, syntax.cursor) == (5, "accurate", "data", "abc")
    assert syntax.elements == ("id", "name.given")
    assert syntax.includes == (
        Include(reverse=False, iterate=False, type="Observation", code="subject", target="Patient"),
        Include(reverse=True, iterate=True, type="*", code="*", target=None),
    )


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("", "x", "search-value-malformed"),
        ("code:", "x", "search-value-malformed"),
        ("code.", "x", "search-value-malformed"),
        (".code", "x", "search-value-malformed"),
        ("code' or 1=1 --", "x", "search-value-malformed"),
        ("code:fuzzy", "x", "search-modifier-not-allowed"),
        ("subject:patient.name", "x", "search-modifier-not-allowed"),
        ("_has:Observation:patient", "x", "search-value-malformed"),
        ("_has:observation:patient:code", "x", "search-value-malformed"),
        ("_has", "x", "search-parameter-unknown"),
        ("code", "", "search-value-malformed"),
        ("code", "a,,b", "search-value-malformed"),
        ("code", "a\0b", "search-value-malformed"),
        ("code", "\ud800", "search-value-malformed"),
        ("code", "x" * 10_000, "search-too-large"),
        ("code", ",".join(["x"] * (ALTERNATIVES_MAX + 1)), "search-too-large"),
        ("x" * 1_000, "x", "search-too-large"),
        ("a.b.c.d.e.f.g", "x", "search-too-large"),
        ("_count", "-1", "search-value-malformed"),
        ("_count", "ten", "search-value-malformed"),
        ("_total", "yes", "search-value-malformed"),
        ("_sort", "a,b,c,d,e", "search-too-large"),
        ("_sort", "-", "search-value-malformed"),
        ("_elements", "../etc", "search-value-malformed"),
        ("_include", "Observation", "search-value-malformed"),
        ("_include:maybe", "Observation:subject", "search-modifier-not-allowed"),
        ("_filter", "name eq x", "search-not-supported"),
        ("_text", "x", "search-not-supported"),
    ],
)
def test_what_is_no_search_is_refused(name: str, value: str, code: str) -> None:
    if code == "search-parameter-unknown":
        # `_has` alone is a well-formed name that no type has; looking it up refuses it.
        assert clause_of(name, value) == Term(code="_has", modifier=None, values=(value,))
        return
    with pytest.raises(Refusal) as refused:
        parse_syntax([(name, value)])
    assert refused.value.code == code


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(Refusal) as refused:
        parse_syntax([("code", "x")] * (PARAMETERS_MAX + 1))
    assert refused.value.details["what"] == "parameters"


def test_a_refusal_never_repeats_the_value_searched_for() -> None:
    with pytest.raises(Refusal) as refused:
        parse_syntax([("name", "Zhang Wei\0")])
    assert "Zhang" not in str(refused.value)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=6), st.sampled_from(",$|"))
def test_escaped_parts_come_back_as_they_were(parts: list[str], separator: str) -> None:
    joined = separator.join(escaped(part) for part in parts)
    assert [unescaped(part) for part in split(joined, separator)] == parts


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_understood_or_refused_but_never_crashes(name: str, value: str) -> None:
    with suppress(Refusal):
        parse_syntax([(name, value)])
