"""What stands below what, and what may be moved or closed."""

from __future__ import annotations

import pytest

from tianfu.apps.administration.model.units import (
    NAME_CHARACTERS_MAX,
    Unit,
    UnitKind,
    in_order,
    may_stand,
    read_name,
    read_new_unit,
    refuse_unless_closable,
    refuse_unless_movable,
)
from tianfu.kernel.refusal import Refusal


def made(kind: UnitKind, name: str = "unit", *, part_of: str = "", is_open: bool = True) -> Unit:
    return Unit(id=name, name=name, kind=kind, version=1, is_open=is_open, part_of=part_of)


def faults(refusal: pytest.ExceptionInfo[Refusal]) -> list[tuple[str, str]]:
    return [(each.path, each.code) for each in refusal.value.faults]


@pytest.mark.parametrize(
    ("kind", "above", "stands"),
    [
        (UnitKind.PREFECTURE, UnitKind.PROVINCE, True),
        (UnitKind.COUNTY, UnitKind.PREFECTURE, True),
        (UnitKind.TOWNSHIP, UnitKind.COUNTY, True),
        (UnitKind.VILLAGE, UnitKind.TOWNSHIP, True),
        (UnitKind.INSTITUTION, UnitKind.PROVINCE, True),
        (UnitKind.INSTITUTION, UnitKind.VILLAGE, True),
        (UnitKind.DEPARTMENT, UnitKind.INSTITUTION, True),
        (UnitKind.DEPARTMENT, UnitKind.DEPARTMENT, True),
        (UnitKind.OTHER, UnitKind.VILLAGE, True),
        (UnitKind.COUNTY, UnitKind.PROVINCE, False),
        (UnitKind.PROVINCE, UnitKind.PROVINCE, False),
        (UnitKind.INSTITUTION, UnitKind.INSTITUTION, False),
        (UnitKind.DEPARTMENT, UnitKind.COUNTY, False),
        (UnitKind.VILLAGE, UnitKind.DEPARTMENT, False),
    ],
)
def test_each_kind_stands_where_it_belongs(kind: UnitKind, above: UnitKind, *, stands: bool) -> None:
    assert may_stand(kind, above) is stands


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "unit-name-missing"),
        (" \n ", "unit-name-missing"),
        ("x" * (NAME_CHARACTERS_MAX + 1), "unit-name-too-long"),
        ("a\u202eb", "unit-name-unreadable"),
        ("a\x00b", "unit-name-unreadable"),
    ],
)
def test_a_name_that_cannot_be_shown_is_refused(text: str, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_name(text)
    assert faults(refusal) == [("name", code)]


def test_a_name_loses_spaces_that_say_nothing() -> None:
    assert read_name("  东山   县 ") == "东山 县"


def test_all_faults_of_a_new_unit_are_said_at_once() -> None:
    with pytest.raises(Refusal) as refusal:
        read_new_unit("", "", above=made(UnitKind.COUNTY))
    assert faults(refusal) == [("name", "unit-name-missing"), ("kind", "unit-kind-missing")]


def test_nothing_is_added_below_a_closed_unit() -> None:
    with pytest.raises(Refusal) as refusal:
        read_new_unit("东山镇", "township", above=made(UnitKind.COUNTY, is_open=False))
    assert faults(refusal) == [("kind", "unit-closed-above")]


COUNTY = made(UnitKind.COUNTY, "county")
HOSPITAL = made(UnitKind.INSTITUTION, "hospital", part_of="county")
WARD = made(UnitKind.DEPARTMENT, "ward", part_of="hospital")


@pytest.mark.parametrize(
    ("unit", "way", "code"),
    [
        (HOSPITAL, (COUNTY, HOSPITAL), "unit-into-itself"),
        (HOSPITAL, (COUNTY, HOSPITAL, WARD), "unit-into-itself"),
        (HOSPITAL, (COUNTY,), "unit-there-already"),
        (WARD, (COUNTY,), "unit-kind-not-here"),
        (HOSPITAL, (made(UnitKind.TOWNSHIP, "town", is_open=False),), "unit-closed-above"),
    ],
)
def test_a_unit_does_not_move_where_it_cannot_stand(unit: Unit, way: tuple[Unit, ...], code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        refuse_unless_movable(unit, way[-1], way)
    assert faults(refusal) == [("to", code)]


def test_a_unit_moves_to_a_place_of_its_kind() -> None:
    town = made(UnitKind.TOWNSHIP, "town", part_of="county")
    refuse_unless_movable(HOSPITAL, town, (COUNTY, town))


@pytest.mark.parametrize(
    ("unit", "open_below", "staff", "code"),
    [
        (WARD, 1, 0, "unit-has-units"),
        (WARD, 0, 1, "unit-has-staff"),
        (made(UnitKind.DEPARTMENT, is_open=False), 0, 0, "unit-closed-already"),
    ],
)
def test_what_is_in_use_is_not_closed(unit: Unit, open_below: int, staff: int, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        refuse_unless_closable(unit, open_below=open_below, staff=staff)
    assert refusal.value.code == code


def test_open_units_come_first_then_the_higher_kind_then_the_name() -> None:
    closed = made(UnitKind.COUNTY, "a", is_open=False)
    town, hospital, other = made(UnitKind.TOWNSHIP, "b"), made(UnitKind.INSTITUTION, "a"), made(UnitKind.TOWNSHIP, "a")
    assert in_order([closed, hospital, town, other]) == (other, town, hospital, closed)
