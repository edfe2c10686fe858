"""Dates, ages, numbers and sealed forms."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tests.web.conftest import NOON, fixed_clock
from tests.web.test_languages import FOLDERS
from tianfu.kernel.instants import SECOND, Instant
from tianfu.kernel.refusal import Refusal
from tianfu.web.formats import THIN_SPACE, Formats
from tianfu.web.languages import load_languages
from tianfu.web.sealing import SEAL_SECONDS_MAX, Sealer

LANGUAGES = load_languages(FOLDERS)
CHINESE, ENGLISH = Formats(LANGUAGES["zh-CN"]), Formats(LANGUAGES["en"])


def test_dates_read_as_people_of_each_language_write_them() -> None:
    day = date(2026, 11, 23)
    assert CHINESE.date_and_weekday(day) == "2026年11月23日 星期一"
    assert ENGLISH.day(day) == "23 November 2026"
    assert ENGLISH.day_of_year(day) == "23 Nov"


def test_a_moment_is_told_in_chinas_time() -> None:
    assert CHINESE.moment(NOON) == "2026年11月23日 12:00"


@pytest.mark.parametrize(
    ("born", "said"),
    [
        (date(1991, 6, 9), "35岁"),
        (date(2025, 1, 24), "21个月"),
        (date(2024, 11, 23), "2岁"),
        (date(2026, 10, 24), "30天"),
        (date(2026, 11, 23), "0天"),
    ],
)
def test_an_age_is_told_in_years_months_or_days(born: date, said: str) -> None:
    assert CHINESE.age(born, date(2026, 11, 23)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("1.50", "1.50"),
        ("1640", f"1{THIN_SPACE}640"),
        ("-1234567.8", f"-1{THIN_SPACE}234{THIN_SPACE}567.8"),
        ("0", "0"),
        ("4.5E-7", "0.00000045"),
    ],
)
def test_numbers_keep_their_decimals_and_get_thin_spaces(value: str, said: str) -> None:
    assert CHINESE.number(Decimal(value)) == said


def test_a_sealed_form_opens_again_and_says_nothing_in_between() -> None:
    sealer = Sealer(b"k" * 32, fixed_clock)
    letters = sealer.seal("find", {"who": "温知夏"})
    assert sealer.open("find", letters) == {"who": "温知夏"}
    assert "温" not in letters
    assert letters.isascii()


@pytest.mark.parametrize("letters", ["", "x", "AAAA", "%%%", "A" * 200])
def test_letters_that_are_not_ours_are_refused(letters: str) -> None:
    with pytest.raises(Refusal, match="address-not-ours"):
        Sealer(b"k" * 32, fixed_clock).open("find", letters)


def test_a_seal_is_good_for_one_use_and_one_key() -> None:
    letters = Sealer(b"k" * 32, fixed_clock).seal("find", {"who": "x"})
    with pytest.raises(Refusal, match="address-not-ours"):
        Sealer(b"k" * 32, fixed_clock).open("other", letters)
    with pytest.raises(Refusal, match="address-not-ours"):
        Sealer(b"j" * 32, fixed_clock).open("find", letters)


def test_an_old_seal_has_expired() -> None:
    letters = Sealer(b"k" * 32, fixed_clock).seal("find", {"who": "x"})
    later = Sealer(b"k" * 32, lambda: Instant(NOON + (SEAL_SECONDS_MAX + 1) * SECOND))
    with pytest.raises(Refusal, match="address-too-old"):
        later.open("find", letters)
