"""Identity numbers of made-up people; GB 11643-1999."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.kernel.refusal import Refusal
from tianfu.standards.china.identity_number import (
    check_character,
    compose_identity_number,
    is_identity_number,
    lengthened,
    parse_identity_number,
    shortened,
)


@pytest.mark.parametrize(("first", "check"), [("51010420200101001", "3"), ("11010519491231002", "X")])
def test_check_characters_agree_with_known_numbers(first: str, check: str) -> None:
    assert check_character(first) == check


def test_a_number_tells_area_birth_date_and_sex() -> None:
    number = parse_identity_number("11010519491231002x")
    assert (number.text, number.area, number.born, number.sex) == (
        "11010519491231002X",
        "110105",
        date(1949, 12, 31),
        "female",
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("513401199902292310", "identity-number-date"),
        ("510104202001010014", "identity-number-check"),
        ("5101042020010100", "identity-number-form"),
        ("51010420200101001A", "identity-number-form"),
        ("５１０１０４２０２００１０１００１３", "identity-number-form"),
        ("510104201331001", "identity-number-date"),
        ("", "identity-number-form"),
    ],
)
def test_what_is_no_number_is_refused_with_its_reason(text: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_identity_number(text)
    assert refused.value.code == code
    assert not is_identity_number(text)


def test_an_unknown_area_is_no_fault() -> None:
    assert is_identity_number(compose_identity_number(area="512301", born=date(1960, 5, 1), sequence=17))


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)), st.integers(1, 999))
def test_every_composed_number_is_read_back(born: date, sequence: int) -> None:
    number = parse_identity_number(compose_identity_number(area="510104", born=born, sequence=sequence))
    assert (number.born, number.sequence, number.sex) == (born, sequence, "male" if sequence % 2 else "female")


@given(st.dates(date(1900, 1, 1), date(1999, 12, 31)), st.integers(1, 999))
def test_the_old_form_and_back_is_the_same_number(born: date, sequence: int) -> None:
    number = compose_identity_number(area="510104", born=born, sequence=sequence)
    assert lengthened(shortened(number)) == number
    assert parse_identity_number(shortened(number)).text == number


@given(st.dates(date(1930, 1, 1), date(2026, 1, 1)), st.integers(1, 999), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(born: date, sequence: int, place: int, change: int) -> None:
    number = compose_identity_number(area="510104", born=born, sequence=sequence)
    wrong = number[:place] + str((int(number[place]) + change) % 10) + number[place + 1 :]
    assert not is_identity_number(wrong)


def test_nobody_born_after_1999_has_an_old_number() -> None:
    with pytest.raises(Refusal):
        shortened(compose_identity_number(area="510104", born=date(2000, 1, 1), sequence=1))


def test_a_sequence_outside_three_digits_is_refused() -> None:
    with pytest.raises(Refusal):
        compose_identity_number(area="510104", born=date(2000, 1, 1), sequence=0)
