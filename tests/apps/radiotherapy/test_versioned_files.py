"""Files that people choose from, of every kind: read once to be listed, anew to be used, however one is replaced."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.radiotherapy_plan import clinic_table, table_text
from tianfu.apps.radiotherapy.density_tables import DensityTables
from tianfu.apps.radiotherapy.versioned_files import FILES_MOST, VersionedFiles
from tianfu.kernel.refusal import Refusal

MINE = "Made-up CT 120 kV"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files as they are read."""
    names: list[str] = []
    real = Path.read_bytes

    def read(file: Path) -> bytes:
        names.append(file.name)
        return real(file)

    monkeypatch.setattr(Path, "read_bytes", read)
    return names


def test_a_table_that_stands_as_it_stood_is_read_once_to_be_listed_and_anew_to_be_used(
    tmp_path: Path, reads: list[str]
) -> None:
    (tmp_path / "a.json").write_bytes(table_text())
    (tmp_path / "b.json").write_bytes(b"{}")
    tables = DensityTables(tmp_path)
    first = tables.all()
    assert tables.all() == first
    assert (reads.count("a.json"), reads.count("b.json")) == (1, 1)
    assert tables.one(MINE, 1).sound == clinic_table()
    assert (reads.count("a.json"), reads.count("b.json")) == (2, 1)


def test_a_table_that_is_renamed_over_with_the_same_size_and_time_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(table_text(version=1))
    tables = DensityTables(tmp_path)
    assert tables.one(MINE, 1).sound == clinic_table(version=1)
    before = (tmp_path / "a.json").stat()
    (tmp_path / "new").write_bytes(table_text(version=2))
    os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (tmp_path / "new").stat().st_size == before.st_size
    (tmp_path / "new").replace(tmp_path / "a.json")
    assert tables.one(MINE, 2).sound == clinic_table(version=2)
    with pytest.raises(Refusal, match="density-table-unknown"):
        tables.one(MINE, 1)


@pytest.mark.parametrize(
    ("after", "code"),
    [
        (table_text(version=2), "density-table-unknown"),
        (b"{}", "density-table-unknown"),
        (table_text(measured=None), "density-table-not-told"),
    ],
)
def test_what_a_file_has_become_since_it_was_listed_is_not_used(
    after: bytes, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_bytes(table_text())
    tables = DensityTables(tmp_path)
    real = VersionedFiles._listed

    def replaced(files: VersionedFiles[Any], name: str, version: int) -> Any:
        listed = real(files, name, version)
        (tmp_path / "a.json").write_bytes(after)
        return listed

    monkeypatch.setattr(VersionedFiles, "_listed", replaced)
    with pytest.raises(Refusal) as refused:
        tables.one(MINE, 1)
    assert refused.value.code == code


def test_in_a_folder_of_more_files_than_are_read_nothing_is_chosen(tmp_path: Path) -> None:
    for number in range(FILES_MOST):
        (tmp_path / f"{number:03}.json").write_bytes(b"{}")
    assert DensityTables(tmp_path).all()
    (tmp_path / "zzz.json").write_bytes(table_text())
    with pytest.raises(Refusal, match="files-too-many"):
        DensityTables(tmp_path).one(MINE, 1)
