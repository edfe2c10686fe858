"""What makes a password good enough."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.kernel.refusal import Refusal
from tianfu.services.accounts.model.passwords import LENGTH_MAX, LENGTH_MIN, normal_password, refuse_unless_good


def code_of(password: str, *, number: str = "H510001", name: str = "An Demo") -> str | None:
    try:
        refuse_unless_good(password, number=number, name=name)
    except Refusal as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("lotus pond at dusk 7", None),
        ("荷塘月色照着旧石桥边的钟", None),
        ("$%&§/()=?`+#-.,", None),
        ("uwqpxkvmzrtb", None),
        ("lotus pond", "password-too-short"),
        ("", "password-too-short"),
        ("荷塘月色照着旧石桥", "password-too-short"),
        ("x" * 129, "password-too-long"),
        ("a1!b2?" * 21 + "ab", None),
        ("a" * 1_000_000, "password-too-long"),
        ("ﷺ" * 12, "password-too-long"),
        ("H510001H510001", "password-of-yourself"),
        ("h510001-2026!", None),
        ("h510001h51000", None),
        ("An Demo H510001", "password-of-yourself"),
        ("an demo an demo 1", "password-of-yourself"),
        ("password1234", "password-common"),
        ("PassWord1234", "password-common"),
        ("password-1234", "password-common"),
        ("aaaaaaaaaaaa", "password-common"),
        ("abababababab", "password-common"),
        ("abcabcabcabcab", "password-common"),
        ("123456789012", "password-common"),
        ("0123456789012345", "password-common"),
        ("qwertyuiopasdfgh", "password-common"),
        ("abcdefghijklm", "password-common"),
        ("zyxwvutsrqponm", "password-common"),
        ("!!!!!!!!!!!!", "password-common"),
        ("administrator", "password-common"),
        ("woaini1314520", "password-common"),
    ],
)
def test_a_password_is_long_and_nobody_would_guess_it(password: str, code: str | None) -> None:
    assert code_of(password[:200_000]) == code


def test_an_empty_name_or_number_takes_nothing_away() -> None:
    assert code_of("lotus pond at dusk 7", number="", name=" ") is None


@given(st.text(max_size=200))
def test_a_password_that_is_taken_has_a_fitting_length_and_reads_alike_composed_or_not(password: str) -> None:
    code = code_of(password)
    if code is None:
        assert LENGTH_MIN <= len(normal_password(password)) <= LENGTH_MAX
    decomposed = unicodedata.normalize("NFD", password)
    if len(decomposed) <= LENGTH_MAX:
        assert code_of(decomposed) == code or len(password) > LENGTH_MAX
    assert normal_password(decomposed) == normal_password(password)
