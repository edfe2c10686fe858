"""Machines that a page may name: those of the operator's folder, none of them chosen by anybody."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.radiotherapy_plan import small_machine
from tests.radiotherapy_signing import measured_machine, put_machine, signatories
from tianfu.apps.radiotherapy.machine_files import SIGNATORIES, MachineFiles, signature_file
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.machines.standing import Standing
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


def standing(folder: Path, machine: Machine) -> Standing | None:
    return MachineFiles(folder).standings()[fingerprint_of(machine)]


def test_a_machine_is_unsigned_signed_or_told_what_it_lacks(tmp_path: Path) -> None:
    machine = measured_machine(purpose="clinical")
    put_machine(tmp_path, machine)
    assert [each.name for each in MachineFiles(tmp_path).all()] == [machine.name], "signatories are no machine"
    assert standing(tmp_path, machine) is None
    put_machine(tmp_path, machine, "physicist")
    half = standing(tmp_path, machine)
    assert half is not None
    assert half.approval is None
    assert [each.code for each in half.problems] == ["machine-not-signed"]
    put_machine(tmp_path, machine, "physicist", "approver")
    whole = standing(tmp_path, machine)
    assert whole is not None
    assert whole.approval is not None
    assert (whole.approval.physicist, whole.approval.approver) == ("Lin", "Chen")


def test_what_changes_beside_a_machine_is_seen_by_the_same_files(tmp_path: Path) -> None:
    machine = measured_machine(purpose="clinical")
    file = put_machine(tmp_path, machine, "physicist", "approver")
    files = MachineFiles(tmp_path)

    def problems() -> list[str]:
        found = files.standings()[fingerprint_of(machine)]
        return [] if found is None else [each.code for each in found.problems]

    assert problems() == []
    (tmp_path / SIGNATORIES).write_bytes(signatories().replace(b"Chen", b"Shen"))
    assert problems() == ["signer-not-known"]
    (tmp_path / SIGNATORIES).write_bytes(b"{}")
    assert problems() == ["signatories-not-understood"]
    (tmp_path / SIGNATORIES).unlink()
    assert problems() == ["signer-not-known", "signer-not-known"]
    (tmp_path / SIGNATORIES).write_bytes(signatories())
    signature_file(file, "approver").write_bytes(b"{}")
    assert problems() == ["signature-not-understood"]


def test_a_signature_is_of_one_file_and_not_of_one_with_a_longer_name(tmp_path: Path) -> None:
    machine = measured_machine(purpose="clinical")
    put_machine(tmp_path, machine)
    put_machine(tmp_path, measured_machine(purpose="clinical", version=2), "physicist", name="small.json.json")
    assert standing(tmp_path, machine) is None


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of files as they are read."""
    names: list[str] = []
    real = Path.open

    def opened(file: Path, *how: Any, **named: Any) -> Any:
        if how == ("rb",) or named.get("mode") == "rb":
            names.append(file.name)
        return real(file, *how, **named)

    monkeypatch.setattr(Path, "open", opened)
    return names


def test_a_file_that_stands_as_it_stood_is_read_once_to_be_listed_and_anew_to_be_used(
    tmp_path: Path, reads: list[str]
) -> None:
    put(tmp_path, "a.json")
    (tmp_path / "b.json").write_bytes(b"{}")
    files = MachineFiles(tmp_path)
    first = files.all()
    assert files.all() == first
    assert sorted(reads) == ["a.json", "b.json"]
    files.content("generic-6mv", 1)
    assert sorted(reads) == ["a.json", "a.json", "b.json"]


@pytest.mark.parametrize("how", ["written over", "renamed over with the same size and time"])
def test_a_file_that_is_replaced_is_read_again_however_it_was(how: str, tmp_path: Path) -> None:
    put(tmp_path, "a.json", version=1)
    files = MachineFiles(tmp_path)
    assert [each.version for each in files.all()] == [1]
    before = (tmp_path / "a.json").stat()
    if how == "written over":
        put(tmp_path, "a.json", version=23)
    else:
        put(tmp_path, "new", version=2)
        os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (tmp_path / "new").stat().st_size == before.st_size
        (tmp_path / "new").replace(tmp_path / "a.json")
    assert [each.version for each in files.all()] == [23 if how == "written over" else 2]


def test_what_is_remembered_is_no_more_than_what_lies_there(tmp_path: Path, reads: list[str]) -> None:
    content = put(tmp_path, "a.json")
    files = MachineFiles(tmp_path)
    files.all()
    (tmp_path / "a.json").unlink()
    assert files.all() == ()
    assert files._seen == {}
    (tmp_path / "a.json").write_bytes(content)
    files.all()
    assert reads == ["a.json", "a.json"]
