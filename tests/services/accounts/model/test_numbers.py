"""One number has one form, however it is typed; what can be nobody's is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.services.accounts.model.numbers import normal_number
from tianfu.services.accounts.model.people import Kind


@pytest.mark.parametrize(
    ("kind", "typed", "number"),
    [
        (Kind.RESIDENT, "13800001234", "13800001234"),
        (Kind.RESIDENT, " +86 138-0000-1234 ", "13800001234"),
        (Kind.RESIDENT, "１３８００００１２３４", "13800001234"),
        (Kind.RESIDENT, "10000001234", "10000001234"),
        (Kind.RESIDENT, "10100001234", None),
        (Kind.RESIDENT, "12800001234", None),
        (Kind.RESIDENT, "1380000123", None),
        (Kind.RESIDENT, "138000012345", None),
        (Kind.RESIDENT, "١٣٨٠٠٠٠١٢٣٤", None),
        (Kind.RESIDENT, "13800001234\n", "13800001234"),
        (Kind.RESIDENT, "138 0000 1234; drop", None),
        (Kind.RESIDENT, "", None),
        (Kind.RESIDENT, "1" * 10_000_000, None),
        (Kind.STAFF, "h510001", "H510001"),
        (Kind.STAFF, " H510001 ", "H510001"),
        (Kind.STAFF, "Ｈ５１０００１", "H510001"),
        (Kind.STAFF, "H 510001", None),
        (Kind.STAFF, "H510001\x00", None),
        (Kind.STAFF, "\ud800", None),
        (Kind.STAFF, "' or 1=1 --", None),
        (Kind.STAFF, "../../etc", None),
    ],
    ids=lambda each: str(each)[:20].encode("unicode_escape").decode(),
)
def test_a_number_has_one_form(kind: Kind, typed: str, number: str | None) -> None:
    assert normal_number(kind, typed) == number


@given(st.sampled_from(Kind), st.text(max_size=70))
def test_a_number_in_its_form_keeps_it(kind: Kind, typed: str) -> None:
    number = normal_number(kind, typed)
    assert number is None or normal_number(kind, number) == number
