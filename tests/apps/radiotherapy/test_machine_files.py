"""Machines that a page may name: those of the operator's folder, none of them chosen by anybody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.radiotherapy_plan import small_machine
from tianfu.apps.radiotherapy.machine_files import MachineFiles
from tianfu.apps.radiotherapy.model.machines.writing import fingerprint_of, write_machine
from tianfu.kernel.refusal import Refusal


def put(folder: Path, name: str, *, version: int = 1) -> bytes:
    content = write_machine(replace(small_machine(), version=version))
    (folder / name).write_bytes(content)
    return content


def test_machines_are_listed_by_name_and_version_and_other_files_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "a.json", version=2)
    first = put(tmp_path, "b.json")
    for name, content in (("c.json", b"{}"), ("d.json", b"\xff"), ("e.json", b"[" * 10_000), ("f.txt", first)):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "g.json").mkdir()
    files = MachineFiles(tmp_path)
    assert [(each.name, each.version, each.purpose) for each in files.all()] == [
        ("generic-6mv", 1, "demonstration"),
        ("generic-6mv", 2, "demonstration"),
    ]
    assert all("en" in each.notice for each in files.all())
    assert files.content("generic-6mv", 1) == first
    assert [each.fingerprint for each in files.all()] == [
        fingerprint_of(replace(small_machine(), version=version)) for version in (1, 2)
    ]


def test_a_machine_that_is_not_there_or_twice_is_refused_and_no_other_taken(tmp_path: Path) -> None:
    nowhere = MachineFiles(tmp_path / "none")
    assert nowhere.all() == ()
    with pytest.raises(Refusal, match="machine-unknown"):
        nowhere.content("generic-6mv", 1)
    put(tmp_path, "a.json")
    files = MachineFiles(tmp_path)
    with pytest.raises(Refusal, match="machine-unknown") as refused:
        files.content("generic-6mv", 2)
    assert refused.value.details["known"] == "generic-6mv 1"
    put(tmp_path, "b.json")
    with pytest.raises(Refusal, match="machine-unclear"):
        files.content("generic-6mv", 1)
