"""Reading expressions: what binds how tightly, what is refused, and that a printed tree reads back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.standards.fhir.fhirpath import InvalidSyntax
from tianfu.standards.fhir.fhirpath.limits import NESTING_MAX, TEXT_CHARACTERS_MAX, TREE_DEPTH_MAX
from tianfu.standards.fhir.fhirpath.parser import CALENDAR_UNITS, parse
from tianfu.standards.fhir.fhirpath.syntax import (
    BINDING,
    Call,
    Constant,
    Expression,
    Indexed,
    Member,
    MomentConstant,
    Nothing,
    Operation,
    QuantityConstant,
    Scoped,
    Signed,
    TypeName,
    TypeOperation,
    Variable,
    printed,
)


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("-a.b()", "-(a.b())"),
        ("a | b = c", "(a | b) = c"),
        ("a or b and c", "a or (b and c)"),
        ("a implies b or c", "a implies (b or c)"),
        ("1 > 2 is Boolean", "1 > (2 is Boolean)"),
        ("1 | 1 is Integer", "1 | (1 is Integer)"),
        ("a in b and c", "(a in b) and c"),
        ("a & b + c", "(a & b) + c"),
        ("a.b[0].c", "((a.b)[0]).c"),
    ],
)
def test_operators_bind_as_the_specification_orders_them(text: str, grouped: str) -> None:
    assert parse(text) == parse(grouped)


@pytest.mark.parametrize("text", ["as", "is.as", "contains.in", "day.month", "text.div", "`and`.`a\\`b`"])
def test_words_of_the_grammar_can_be_names_of_elements(text: str) -> None:
    assert isinstance(parse(text), Member)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "a.", "1 +", "(a", "a)", "a b", "'open", "$that", "a..b", "f(,)", "{a}", "@20", "'\\q'", "a.$this",
     "and", "%", "2 + 2 /* open", "name.where(use = 'a' asc)", "a[", "`open", "1 is", "1 is 2"],
)  # fmt: skip
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(InvalidSyntax):
        parse(text)


def test_a_refusal_says_where() -> None:
    with pytest.raises(InvalidSyntax) as refused:
        parse("name.given ) x")

    assert refused.value.details == {"reason": "unexpected", "said": ")", "at": "11"}


@pytest.mark.parametrize(
    "text",
    [
        "(" * (NESTING_MAX + 1) + "1" + ")" * (NESTING_MAX + 1),
        "f(" * (NESTING_MAX + 1) + "1" + ")" * (NESTING_MAX + 1),
        "-" * (NESTING_MAX + 1) + "1",
        "a" + ".a" * TREE_DEPTH_MAX,
        "1" + "+1" * TREE_DEPTH_MAX,
        "a" * (TEXT_CHARACTERS_MAX + 1),
    ],
)
def test_expressions_beyond_bounds_are_refused(text: str) -> None:
    with pytest.raises(InvalidSyntax):
        parse(text)


names = st.sampled_from(["name", "given", "as", "contains", "day", "and", "with space", "é", "`", "a'b", "x\\y"])
texts = st.text(max_size=8)
constants = st.one_of(
    st.booleans(),
    st.integers(min_value=0, max_value=2**31 - 1),
    st.decimals(min_value=0, max_value=10**6, places=3),
    texts,
).map(lambda value: Constant(value=value))
moments = st.sampled_from(["@2015", "@2015-02", "@2015T", "@2015-02-04T14:34:28.123+10:00", "@T14:34"])
quantities = st.one_of(
    st.builds(QuantityConstant, value=st.just(Decimal("1.50")), unit=texts, calendar=st.just(False)),
    st.builds(
        QuantityConstant,
        value=st.just(Decimal(4)),
        unit=st.sampled_from(sorted(CALENDAR_UNITS)),
        calendar=st.just(True),
    ),
)
types = st.builds(TypeName, namespace=st.sampled_from([None, "FHIR", "System"]), name=names)
leaves: st.SearchStrategy[Expression] = st.one_of(
    st.builds(Nothing),
    constants,
    moments.map(lambda text: MomentConstant(text=text)),
    quantities,
    st.sampled_from(["this", "index", "total"]).map(lambda name: Scoped(name=name)),  # type: ignore[arg-type]
    names.map(lambda name: Variable(name=name)),
    names.map(lambda name: Member(target=None, name=name)),
)


def _branches(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(Member, target=inner, name=names),
        st.builds(
            Call, target=st.one_of(st.none(), inner), name=names, arguments=st.lists(inner, max_size=3).map(tuple)
        ),
        st.builds(Indexed, target=inner, index=inner),
        st.builds(Signed, sign=st.sampled_from(["+", "-"]), operand=inner),
        st.builds(Operation, operator=st.sampled_from(sorted(set(BINDING) - {"is", "as"})), left=inner, right=inner),
        st.builds(TypeOperation, operator=st.sampled_from(["is", "as"]), operand=inner, type=types),
    )


@given(st.recursive(leaves, _branches, max_leaves=12))
def test_a_printed_tree_reads_back_as_itself(tree: Expression) -> None:
    assert parse(printed(tree)) == tree
