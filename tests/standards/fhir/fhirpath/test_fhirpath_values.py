"""Laws that numbers, moments and quantities keep."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tianfu.standards.fhir.fhirpath import numbers
from tianfu.standards.fhir.fhirpath.moments import SECOND, Moment, MomentKind, boundary, compared, moment_of, moved
from tianfu.standards.fhir.fhirpath.quantities import (
    Quantity,
    are_comparable,
    combined,
    compared_quantities,
    product,
    quantity_from,
    quotient,
)
from tianfu.standards.fhir.fhirpath.ucum import unit_of

integers = st.integers(min_value=-(2**15), max_value=2**15)
decimals = st.decimals(min_value=-(10**6), max_value=10**6, places=4)
days = st.dates(min_value=date(1800, 1, 1), max_value=date(2200, 12, 31))


def _day(day: date) -> Moment:
    return Moment(kind=MomentKind.DATE, parts=(day.year, day.month, day.day))


@given(integers | decimals, integers | decimals, integers | decimals)
def test_sums_and_products_do_not_depend_on_order(a: Decimal, b: Decimal, c: Decimal) -> None:
    assert numbers.added(a, b) == numbers.added(b, a)
    assert numbers.multiplied(a, b) == numbers.multiplied(b, a)
    assert numbers.added(numbers.added(a, b) or 0, c) == numbers.added(a, numbers.added(b, c) or 0)


@given(integers, integers.filter(bool))
def test_quotient_and_remainder_make_the_dividend_again(a: int, b: int) -> None:
    whole, rest = numbers.divided_whole(a, b), numbers.remainder(a, b)

    assert whole is not None
    assert rest is not None
    assert whole * b + rest == a
    assert abs(rest) < abs(b)


@given(days, st.integers(min_value=-100_000, max_value=100_000))
def test_days_move_as_the_calendar_does(day: date, amount: int) -> None:
    assert moved(_day(day), amount, "day") == _day(day + timedelta(days=amount))


@given(days, st.integers(min_value=-1200, max_value=1200))
def test_months_forth_and_back_lose_only_days_that_a_month_lacks(day: date, amount: int) -> None:
    there = moved(_day(day), amount, "month")
    assert there is not None
    back = moved(there, -amount, "month")

    assert back is not None
    assert back.parts[:2] == (day.year, day.month)
    assert 0 <= day.day - back.parts[2] <= 3


@given(days, days)
def test_dates_compare_as_the_calendar_does(left: date, right: date) -> None:
    assert compared(_day(left), _day(right)) == (left > right) - (left < right)


@given(days, st.sampled_from([4, 6, 8]), st.sampled_from([4, 6, 8, 10, 12, 14, 17]))
def test_boundaries_hold_what_they_bound(day: date, written: int, wanted: int) -> None:
    text = day.isoformat()[: {4: 4, 6: 7, 8: 10}[written]]
    moment = moment_of(text, MomentKind.DATE_TIME)
    assert moment is not None
    low, high = boundary(moment, wanted, high=False), boundary(moment, wanted, high=True)

    assert low is not None
    assert high is not None
    assert low.digits == high.digits == wanted
    assert low.first <= moment.first
    assert high.last + SECOND > moment.last


@given(days)
def test_a_moment_is_written_as_it_was_read(day: date) -> None:
    for text in (
        day.isoformat(),
        day.isoformat()[:7],
        f"{day.isoformat()}T10:20:30.040+08:00",
        f"{day.isoformat()}T10Z",
    ):
        assert str(moment_of(text, MomentKind.DATE_TIME)) == text


LENGTHS = ["m", "cm", "mm", "km", "[in_i]", "[ft_i]"]
amounts = st.builds(
    Quantity, value=st.decimals(min_value=-1000, max_value=1000, places=2), unit=st.sampled_from(LENGTHS)
)


@given(amounts, amounts)
def test_lengths_compare_and_add_in_any_unit(left: Quantity, right: Quantity) -> None:
    order, other = compared_quantities(left, right), compared_quantities(right, left)
    one_sum, other_sum = combined(left, right, numbers.added), combined(right, left, numbers.added)

    assert order is not None
    assert other is not None
    assert order == -other
    assert one_sum is not None
    assert other_sum is not None
    assert one_sum.value == other_sum.value


@given(amounts, amounts.filter(lambda quantity: bool(quantity.value)))
def test_a_quotient_times_its_divisor_is_what_was_divided(left: Quantity, right: Quantity) -> None:
    ratio = quotient(left, right)
    assert ratio is not None
    again = product(ratio, right)

    assert again is not None
    assert are_comparable(again, left)
    unit, wanted = again.measure, left.measure
    assert unit is not None
    assert wanted is not None
    assert abs(Fraction(again.value) * unit.factor - Fraction(left.value) * wanted.factor) < Fraction(1, 10**15)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 'kg'", "1000 'g'"),
        ("1 'mmol/L'", "1 'mol/m3'"),
        ("120 'mm[Hg]'", "15.99864 'kPa'"),
        ("1 'L'", "1 'dm3'"),
        ("60 '/min'", "1 'Hz'"),
        ("37 'Cel'", "98.6 '[degF]'"),
        ("0 'Cel'", "273.15 'K'"),
        ("1 'mg/dL'", "0.01 'g/L'"),
        ("1 '10*3/uL'", "1 '10*9/L'"),
        ("100 '%'", "1"),
        ("2 'Gy'", "200 'RAD'"),
        ("1 'mL/(kg.min)'", "60 'mL/kg/h'"),
        ("80 '{beats}/min'", "80 '/min'"),
        ("1 week", "7 days"),
        ("1 year", "12 months"),
        ("1 'k[IU]/L'", "1 '[IU]/mL'"),
    ],
)
def test_the_same_amount_in_other_units_is_equal(one: str, other: str) -> None:
    left, right = quantity_from(one), quantity_from(other)

    assert left is not None
    assert right is not None
    assert compared_quantities(left, right) == 0


@pytest.mark.parametrize(
    ("one", "other"), [("1 'kg'", "1 'm'"), ("1 year", "1 'a'"), ("1 '[IU]'", "1 'U'"), ("1 'x'", "1 'y'")]
)
def test_amounts_of_different_things_do_not_compare(one: str, other: str) -> None:
    left, right = quantity_from(one), quantity_from(other)

    assert left is not None
    assert right is not None
    assert compared_quantities(left, right) is None


@pytest.mark.parametrize(
    "code", ["", "/", "m..s", "(m", "m)", "kkg", "m^2", "10*99", "m" * 200, "5-", "{open", "mg dL"]
)
def test_a_code_that_is_no_unit_is_none(code: str) -> None:
    assert unit_of(code) is None
