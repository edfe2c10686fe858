"""Sealed cursors: they open for the one who got them, for the search they belong to, and for nobody else."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.kernel.refusal import Refusal
from tianfu.records.search import CursorSealer, Position, SearchPlan, executed_parameters, parse_search
from tianfu.records.search.cursor import CURSOR_CHARACTERS_MAX

SEALER = CursorSealer(b"k" * 32)
ASKED = (("name", "Zhang"), ("_count", "2"))
ROW = (17, 1, b"id", 1, 5, b"body", 9, 1_234_567)


def plan(parameters: tuple[tuple[str, str], ...] = ASKED) -> SearchPlan:
    return parse_search(
        "Patient", parameters, strict=True, searchable=lambda name: {p.code for p in executed_parameters(name)}, now=0
    )


def sealed() -> str:
    return SEALER.seal(plan(), ROW, caller="li")


def is_refused(text: str, *, resource_type: str = "Patient", caller: str = "li", **more: str) -> bool:
    with pytest.raises(Refusal) as caught:
        SEALER.question(resource_type, [("_cursor", text), *more.items()], caller=caller)
    return caught.value.code == "cursor-invalid"


def test_a_cursor_alone_brings_back_the_search_and_the_place() -> None:
    question = SEALER.question("Patient", [("_cursor", sealed())], caller="li")
    assert question.parameters == ASKED
    assert question.after == Position(values=(1_234_567,), record=17)


def test_the_search_may_be_repeated_beside_the_cursor() -> None:
    assert SEALER.question("Patient", [*ASKED, ("_cursor", sealed())], caller="li").parameters == ASKED


def test_a_cursor_names_nobody() -> None:
    assert "Zhang" not in sealed()


def test_a_cursor_opens_nothing_for_another_caller() -> None:
    assert is_refused(sealed(), caller="wang")


def test_a_cursor_opens_nothing_for_another_type() -> None:
    assert is_refused(sealed(), resource_type="Person")


def test_a_cursor_does_not_go_with_another_search() -> None:
    assert is_refused(sealed(), name="Li")


def test_two_cursors_are_none() -> None:
    with pytest.raises(Refusal):
        SEALER.question("Patient", [("_cursor", sealed()), ("_cursor", sealed())], caller="li")


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_cursor_changed_in_any_place_opens_nothing(place: int, change: int) -> None:
    text = sealed()
    place %= len(text)
    other = chr((ord(text[place]) + change) % 256)
    if other != text[place]:
        # The last character may carry unused bits; any text that decodes to the same bytes is the same cursor.
        changed = text[:place] + other + text[place + 1 :]
        try:
            opened = SEALER.question("Patient", [("_cursor", changed)], caller="li")
        except Refusal:
            return
        assert place == len(text) - 1
        assert opened.parameters == ASKED


@given(st.text(max_size=300))
def test_no_text_from_outside_does_harm(text: str) -> None:
    assert is_refused(text)


@pytest.mark.parametrize("value", [None, 5, 5.5, "li", b"\0id"])
def test_every_kind_of_sort_value_comes_back_as_it_was(value: object) -> None:
    text = SEALER.seal(plan(), (*ROW[:7], value), caller="li")
    after = SEALER.question("Patient", [("_cursor", text)], caller="li").after
    assert after is not None
    assert after.values == (value,)


def test_a_search_too_large_for_an_address_is_refused_when_it_needs_pages() -> None:
    ids = ",".join(sha256(str(number).encode()).hexdigest() for number in range(1_500))
    found = plan((("_id", ids),))
    with pytest.raises(Refusal) as caught:
        SEALER.seal(found, ROW, caller="li")
    assert caught.value.details["limit"] == str(CURSOR_CHARACTERS_MAX)
