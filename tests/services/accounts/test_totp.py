"""Codes of authenticators against RFC 6238's own numbers."""

from __future__ import annotations

import pytest

from tianfu.kernel.instants import SECOND, Instant
from tianfu.services.accounts.totp import code_at, step_of

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_rfc_6238_appendix_b_cut_to_six_digits(seconds: int, code: str) -> None:
    now = Instant(seconds * SECOND)
    assert code_at(SECRET, now) == code
    assert step_of(SECRET, code, now) == seconds // 30


@pytest.mark.parametrize(("drift", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_one_step_away(drift: int, is_taken: bool) -> None:
    now = Instant(1_111_111_111 * SECOND)
    code = code_at(SECRET, Instant(now + drift * 30 * SECOND))
    assert (step_of(SECRET, code, now) is not None) is is_taken


@pytest.mark.parametrize(
    "code", ["", "28708", "2870822", "28708a", "２８７０８２", "٢٨٧٠٨٢", "-28708", "287082\x00", "9" * 9_999]
)
def test_what_is_no_code_is_none(code: str) -> None:
    assert step_of(SECRET, code, Instant(59 * SECOND)) is None


def test_a_code_may_be_typed_with_a_gap() -> None:
    assert step_of(SECRET, " 287 082 ", Instant(59 * SECOND)) == 1
