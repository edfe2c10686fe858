"""Regions, record numbers, value sets and the immunisation schedule."""

from __future__ import annotations

from datetime import date

import pytest

from tianfu.kernel.refusal import Refusal
from tianfu.standards.china.immunisation import campaigns, editions, schedule_for, vaccines
from tianfu.standards.china.record_number import parse_record_number
from tianfu.standards.china.regions import counties, prefectures, region_name
from tianfu.standards.china.value_sets import value_set


def test_sichuan_has_21_prefectures_and_183_counties() -> None:
    assert len(prefectures()) == 21
    assert len(counties()) == 183
    assert all(county.code[:4] == county.prefecture[:4] for county in counties().values())


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("510000", "四川省"),
        ("510100", "四川省成都市"),
        ("513433", "四川省凉山彝族自治州冕宁县"),
        ("510200", None),
    ],
)
def test_a_region_is_called_by_its_full_name(code: str, name: str | None) -> None:
    assert region_name(code) == name


def test_a_record_number_tells_where_it_was_given() -> None:
    number = parse_record_number("510104-001-101-00023")
    assert (number.county, number.town, number.unit, number.sequence) == ("510104", "001", "101", "00023")
    assert number.unit_kind == "village-committee"
    assert number.text == "51010400110100023"


@pytest.mark.parametrize(
    ("unit", "kind"), [("001", "residents-committee"), ("905", "other-organisation"), ("500", "unknown")]
)
def test_the_third_block_tells_the_kind_of_unit(unit: str, kind: str) -> None:
    assert parse_record_number(f"510104001{unit}00023").unit_kind == kind


def test_a_record_number_of_sixteen_digits_is_refused() -> None:
    with pytest.raises(Refusal):
        parse_record_number("5101040011010002")


def test_there_are_56_ethnic_groups_and_two_further_codes() -> None:
    groups = value_set("ethnic-group")
    assert len(groups.names) == 58
    assert [groups.code_of(name) for name in ("汉族", "藏族", "彝族", "羌族")] == ["01", "04", "07", "33"]


@pytest.mark.parametrize(
    ("born", "edition"),
    [
        (date(2006, 12, 31), None),
        (date(2010, 5, 1), "2008"),
        (date(2016, 3, 1), "2016"),
        (date(2020, 1, 1), "2021"),
        (date(2025, 1, 1), "2025"),
    ],
)
def test_a_child_follows_the_edition_of_its_birth(born: date, edition: str | None) -> None:
    found = schedule_for(born)
    assert (found.edition if found else None) == edition


def test_every_dose_is_of_a_known_vaccine_and_numbered_in_order() -> None:
    for edition in editions():
        for vaccine in {dose.vaccine for dose in edition.doses}:
            assert vaccine in vaccines()
            numbers = [dose.number for dose in edition.doses if dose.vaccine == vaccine]
            assert numbers == list(range(1, len(numbers) + 1))
    assert all(dose.vaccine in vaccines() for campaign in campaigns() for dose in campaign.doses)
