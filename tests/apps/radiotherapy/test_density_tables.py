"""Density tables that may be named: the program's own and those of the operator's folder, none chosen by anybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.radiotherapy_plan import clinic_table, phantom_table, table_text
from tianfu.apps.radiotherapy.density_tables import (
    DensityTables,
    refuse_taken_name,
    shipped_density_table,
    shipped_density_tables,
)
from tianfu.apps.radiotherapy.model.transport.density_tables import fingerprint_of_table, write_density_table
from tianfu.kernel.refusal import Refusal

MINE = "Made-up CT 120 kV"
SHIPPED = ("TG-119 phantom", 1)


def refused(tables: DensityTables, name: str, version: int) -> Refusal:
    with pytest.raises(Refusal) as raised:
        tables.one(name, version)
    return raised.value


def test_a_folder_that_is_not_there_leaves_what_comes_with_the_program(tmp_path: Path) -> None:
    tables = DensityTables(tmp_path / "none")
    assert [(each.name, each.version, each.file) for each in tables.all()] == [(*SHIPPED, None)]
    assert tables.one(*SHIPPED).sound == phantom_table() == shipped_density_table(*SHIPPED)
    refusal = refused(tables, MINE, 1)
    assert (refusal.code, refusal.details["known"]) == ("density-table-unknown", "TG-119 phantom 1")
    with pytest.raises(Refusal, match="density-table-not-shipped"):
        shipped_density_table(MINE, 1)


def test_tables_are_listed_by_name_and_version_with_fingerprints_and_other_files_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(table_text(version=2))
    (tmp_path / "b.json").write_bytes(table_text())
    for name, content in (("c.json", b"{}"), ("d.json", b"\xff"), ("e.json", b"[" * 10_000), ("f.txt", table_text())):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "g.json").write_bytes(b" " * 100_001)
    (tmp_path / "h.json").mkdir()
    tables = DensityTables(tmp_path)
    assert [(each.name, each.version, each.is_phantoms) for each in tables.all()] == [
        (MINE, 1, False),
        (MINE, 2, False),
        (*SHIPPED, True),
    ]
    assert tables.one(MINE, 2).sound == clinic_table(version=2)
    assert tables.one(MINE, 2).fingerprint == fingerprint_of_table(clinic_table(version=2))


def test_two_files_of_one_name_and_version_are_refused_and_neither_is_taken(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(table_text())
    (tmp_path / "b.json").write_bytes(table_text(scanner="another"))
    assert refused(DensityTables(tmp_path), MINE, 1).code == "density-table-unclear"


@pytest.mark.parametrize("name", ["TG-119 phantom", "tg-119  PHANTOM", "ＴＧ-119 phantom"])
def test_a_file_cannot_take_the_name_of_the_programs_own_in_any_version(name: str, tmp_path: Path) -> None:
    """Neither by other letters that look the same (Unicode's NFKC), and a file beside it makes none of both usable."""
    (tmp_path / "a.json").write_bytes(table_text(name=name, version=2))
    tables = DensityTables(tmp_path)
    assert refused(tables, name, 2).code == "density-table-name-taken"
    assert tables.one(*SHIPPED).sound == phantom_table()
    (tmp_path / "b.json").write_bytes(table_text(name="TG-119 phantom"))
    assert refused(tables, *SHIPPED).code == "density-table-name-taken"
    with pytest.raises(Refusal, match="density-table-name-taken"):
        refuse_taken_name(clinic_table(name=name))


def test_the_programs_own_is_no_other_under_its_name() -> None:
    for table in shipped_density_tables():
        refuse_taken_name(table)
    refuse_taken_name(clinic_table())


def test_a_file_that_says_its_name_and_is_no_table_is_listed_with_the_reason_and_refused(tmp_path: Path) -> None:
    spoilt = table_text(measured=None)
    (tmp_path / "a.json").write_bytes(spoilt)
    (known, _) = DensityTables(tmp_path).all()
    assert (known.name, known.is_sound, known.findings) == (MINE, False, ())
    assert known.fingerprint == hashlib.sha256(spoilt).hexdigest()
    assert refused(DensityTables(tmp_path), MINE, 1).code == "density-table-not-told"
    with pytest.raises(Refusal, match="density-table-not-told"):
        _ = known.sound


def test_a_name_alone_is_enough_where_there_is_one_version_and_never_means_the_newest(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(table_text())
    tables = DensityTables(tmp_path)
    assert tables.called(MINE).version == 1
    (tmp_path / "b.json").write_bytes(table_text(version=2))
    with pytest.raises(Refusal, match="density-table-version-unclear") as unclear:
        tables.called(MINE)
    assert unclear.value.details["versions"] == "1, 2"
    assert [tables.called(f"{MINE} {version}").version for version in (1, 2)] == [1, 2]
    for name in (f"{MINE} 3", "water", "", "water 9999999999", "water ²"):
        with pytest.raises(Refusal, match="density-table-unknown"):
            tables.called(name)


def test_a_file_of_the_programs_table_that_was_printed_is_that_table(tmp_path: Path) -> None:
    refuse_taken_name(phantom_table())
    (tmp_path / "a.json").write_bytes(write_density_table(phantom_table()))
    assert refused(DensityTables(tmp_path), *SHIPPED).code == "density-table-name-taken"
