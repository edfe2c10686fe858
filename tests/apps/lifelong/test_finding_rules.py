"""Whom somebody is looking for, and which records are one person's."""

from __future__ import annotations

from datetime import date

import pytest

from tests.apps.lifelong.made_up import HER_NUMBER, patient
from tianfu.apps.lifelong.mapping.patients import patient_of
from tianfu.apps.lifelong.model.people import people_among, person_of
from tianfu.apps.lifelong.model.wish import Wish, read_wish
from tianfu.kernel.refusal import Refusal
from tianfu.standards.china.identity_number import shortened

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("typed", "wish"),
    [
        ("沈清和", Wish(name="沈清和")),
        ("shen qinghe", Wish(name="shen qinghe")),
        ("sqh", Wish(name="sqh")),
        (HER_NUMBER, Wish(identifier=HER_NUMBER)),
        (HER_NUMBER.lower(), Wish(identifier=HER_NUMBER)),
        ("MZ20261106", Wish(identifier="MZ20261106")),
        ("0428", Wish(tail="0428")),
        ("042x", Wish(tail="042X")),
        ("沈清和 0428", Wish(name="沈清和", tail="0428")),
        ("沈清和\u30001992-04-18", Wish(name="沈清和", born="1992-04-18")),
        ("1992年4月18日 沈清和", Wish(name="沈清和", born="1992-04-18")),
        ("1992/4", Wish(born="1992-04")),
        ("19920418", Wish(born="1992-04-18")),
        ("阿说·拉铁", Wish(name="阿说·拉铁")),
        ("", Wish()),
        ("wen 1991", Wish(name="wen", born="1991")),
        ("1991 温知夏", Wish(name="温知夏", born="1991")),
        ("温知夏 1899", Wish(name="温知夏", tail="1899")),
        ("温知夏 2027", Wish(name="温知夏", tail="2027")),
        ("1991", Wish(tail="1991")),
        ("１９９２－０４－１８　温知夏", Wish(name="温知夏", born="1992-04-18")),
        ("０４２Ｘ", Wish(tail="042X")),
        ("1992-04-18 0428 温知夏", Wish(name="温知夏", tail="0428", born="1992-04-18")),
    ],
)
def test_parts_of_what_was_typed_are_told_by_their_shape(typed: str, wish: Wish) -> None:
    assert read_wish(typed, today=TODAY) == wish


@pytest.mark.parametrize(
    ("fields", "born"),
    [
        ({"year": "1992"}, "1992"),
        ({"year": "1992", "month": "4"}, "1992-04"),
        ({"year": "1992", "month": "4", "day": "8"}, "1992-04-08"),
        ({"year": "１９９２", "month": "０４"}, "1992-04"),
    ],
)
def test_a_birth_date_may_be_partial(fields: dict[str, str], born: str) -> None:
    assert read_wish("", today=TODAY, **fields).born == born


@pytest.mark.parametrize(
    ("typed", "fields", "field", "code"),
    [
        ("", {"year": "92"}, "year", "year-needed"),
        ("", {"year": "1992", "day": "8"}, "month", "month-needed"),
        ("", {"year": "1993", "month": "2", "day": "29"}, "day", "no-such-date"),
        ("1993-02-29", {}, "who", "no-such-date"),
        ("0428 0429", {}, "who", "two-of-one-sort"),
        ("", {"year": "0000"}, "year", "no-such-year"),
        ("", {"year": "2027"}, "year", "no-such-year"),
        ("", {"year": "١٩٩٢"}, "year", "year-needed"),
        ("0000-01-01", {}, "who", "no-such-date"),
        ("温知夏 1992-04-18 1991", {}, "who", "date-and-year"),
        ("温知夏 1992-04-18", {"year": "1991"}, "year", "two-dates"),
        ("温知夏 1991", {"year": "1992"}, "year", "two-dates"),
        ("甲" * 61, {}, "who", "name-too-long"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_field(
    typed: str, fields: dict[str, str], field: str, code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        read_wish(typed, today=TODAY, **fields)
    assert [(fault.path, fault.code) for fault in refused.value.faults] == [(field, code)]


def test_the_same_valid_number_joins_libraries_in_either_of_its_forms() -> None:
    hers = patient_of(patient("a", "hospital", "温知夏", number=HER_NUMBER))
    older = patient_of(patient("b", "centre", "溫知夏", number=shortened(HER_NUMBER)))
    assert person_of(hers, [older]).ids == ("a", "b")


@pytest.mark.parametrize("number", [None, HER_NUMBER[:-1] + ("0" if HER_NUMBER[-1] != "0" else "1"), "510104199204189"])
def test_a_missing_wrong_or_foreign_number_joins_nobody(number: str | None) -> None:
    hers = patient_of(patient("a", "hospital", "温知夏", number=HER_NUMBER))
    namesake = patient_of(patient("b", "centre", "温知夏", number=number))
    assert person_of(hers, [namesake]).ids == ("a",)
    assert len(people_among([hers, namesake])) == 2


def test_two_people_without_a_number_stay_two() -> None:
    one = patient_of(patient("a", "hospital", "温知夏", number=None))
    other = patient_of(patient("b", "hospital", "温知夏", number=None))
    assert len(people_among([one, other])) == 2


def test_what_libraries_tell_differently_is_named() -> None:
    one = patient_of(patient("a", "hospital", "温知夏", number=HER_NUMBER))
    other = patient_of(patient("b", "centre", "溫知夏", number=HER_NUMBER, born="1992-04-28"))
    assert person_of(one, [other]).disagreements == ("name", "born")
