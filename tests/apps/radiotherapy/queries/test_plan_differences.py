"""Two plans beside each other: doses that differ by what was added, and structures that only one has."""

from __future__ import annotations

import msgspec
import pytest

from tests.radiotherapy_plan_result import small_result, small_structure
from tianfu.apps.radiotherapy.queries.plan_differences import COLUMNS, differences, facts


def test_each_dose_of_a_hotter_plan_is_more_by_what_was_added() -> None:
    first, second = small_result("first", {}), small_result("second", {}, more_gy=2.0)
    rows = differences(first.structures, second.structures)
    assert [row.name for row in rows] == ["PTV_5000", "SpinalCord"]
    assert [cell.more for row in rows for cell in row.cells] == pytest.approx([2.0] * 2 * len(COLUMNS))


def test_a_structure_that_one_plan_has_alone_or_under_another_number_is_not_compared() -> None:
    one, other = (small_structure(number, "PTV", low_gy=1.0, high_gy=2.0) for number in (1, 2))
    assert differences((one,), (other,)) == ()
    assert differences((one,), ()) == ()


def test_another_isocentre_and_another_density_table_are_facts_that_differ() -> None:
    first = small_result("first", {})
    (field,) = first.fields
    second = msgspec.structs.replace(
        first,
        fields=(msgspec.structs.replace(field, isocentre_mm=(0.0, -12.5, 2.5)),),
        density_table=msgspec.structs.replace(first.density_table, version=2),
    )
    assert [row for row in facts(first, second) if row[1] != row[2]] == [
        ("density-table", "TG-119 phantom 1", "TG-119 phantom 2"),
        ("isocentre", "x 0.0, y 0.0, z 0.0 mm", "x 0.0, y -12.5, z 2.5 mm"),
    ]


def test_facts_say_the_same_of_both_but_for_what_differs() -> None:
    told = facts(small_result("first", {}), small_result("second", {}, more_gy=1.0))
    assert {key for key, one, other in told if one != other} == {"name", "hottest"}


def test_machines_of_one_name_and_version_whose_files_differ_are_told_apart() -> None:
    first = small_result("one", {})
    machine = msgspec.structs.replace(first.machine, fingerprint="f" * 64)
    told = facts(first, msgspec.structs.replace(first, machine=machine))
    assert {key for key, one, other in told if one != other} == {"machine-file"}
