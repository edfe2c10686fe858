"""Machines that a page may name: those of the operator's folder, none of them chosen by anybody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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
