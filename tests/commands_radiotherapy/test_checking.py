"""A plan looked over in a terminal: what is said, in which language, and how the command ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from demo.radiotherapy.objects import Making, write_case, written
from demo.radiotherapy.phantoms import made_phantom, ring_phantom
from demo.radiotherapy.sound import GENERIC, sound_case
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from tests.radiotherapy_plan import small_machine
from tianfu.apps.radiotherapy.model.checking.complexity import complexity_of
from tianfu.apps.radiotherapy.model.checking.subjects import checked_of, machine_limits_of
from tianfu.apps.radiotherapy.model.checking.verdicts import RULES, outcomes_of, worst
from tianfu.commands_radiotherapy import radiotherapy_commands
from tianfu.commands_radiotherapy.checking import told
from tianfu.standards.dicom.cases import read_case
from tianfu.standards.dicom.encoding import decode, encode

program = pytest.mark.slow  # starts the program, which loads its compiled kernels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound case as files."""
    place = tmp_path_factory.mktemp("checks")
    write_case(written(sound_case(made_phantom(ring_phantom()), Making(seed=4, fractions_given=1))), place / "case")
    return place


def check(*words: object, language: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tianfu")), "rt", "check", *map(str, words)]
    environment = {**os.environ, "LC_ALL": language, "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=120, check=False)


def test_a_sound_plan_that_was_written_and_read_again_has_no_fault(folder: Path) -> None:
    contents = [file.read_bytes() for file in (folder / "case").iterdir()]
    case = read_case(contents, bytes_max=1 << 24, voxels_max=1 << 22).value
    checked = checked_of(case, plan=None, machine=GENERIC, protocol=None)
    outcomes = outcomes_of(checked)
    reported = told(outcomes, worst(outcomes), complexity_of(checked))
    assert reported["cleared_for_clinical_use"] is False
    assert [one for one in reported["rules"] if one["faults"]] == []
    assert len(reported["rules"]) == len(RULES)
    assert {one["verdict"] for one in reported["rules"]} == {"passed", "not-judged"}
    assert 0 < reported["complexity"]["plan"]["mcs"] < 1


@program
def test_a_plan_without_its_dose_ends_with_a_stop_and_says_so_in_chinese(folder: Path, tmp_path: Path) -> None:
    for file in (folder / "case").iterdir():
        if not file.name.startswith("RD"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    done = check(tmp_path, language="zh_CN.UTF-8")
    assert done.returncode == 12, done.stderr
    assert "停止 · 计划没有剂量 (dose-missing)" in done.stdout
    assert "未选择机器 (leaf-gap-small)" in done.stdout
    assert "未获准用于临床" in done.stdout


def edited(folder: Path, into: Path, edit: Callable[[Dataset], None]) -> Path:
    """The sound case without what was given, and with another plan object."""
    for file in (one for one in (folder / "case").iterdir() if one.name[:2] in {"CT", "RS", "RP", "RD"}):
        content = file.read_bytes()
        if file.name.startswith("RP"):
            dataset = decode(content, bytes_max=1 << 24).dataset
            edit(dataset)
            content = encode(dataset)
        (into / file.name).write_bytes(content)
    return into


def of_another_patient(plan: Dataset) -> None:
    plan.PatientID = "another"


def with_a_wedge(plan: Dataset) -> None:
    plan.BeamSequence[0].NumberOfWedges = 1


@pytest.mark.parametrize(
    ("edit", "ends_with", "worst_is", "code"),
    [(of_another_patient, 12, "stop", "case-mixed-patients"), (with_a_wedge, 11, "warning", "beam-not-whole")],
)
def test_what_reading_tells_and_no_rule_says_is_in_the_answer_and_never_ends_with_nothing_found(
    folder: Path, tmp_path: Path, edit: Callable[[Dataset], None], ends_with: int, worst_is: str, code: str
) -> None:
    place = edited(folder, tmp_path, edit)
    done = CliRunner().invoke(radiotherapy_commands, ["check", str(place), "--json"])
    assert done.exit_code == ends_with, done.output
    answer = json.loads(done.stdout)
    assert answer["worst"] == worst_is
    assert code in {one["code"] for one in answer["odd"]}
    assert not any(one["faults"] for one in answer["rules"])


def test_rules_ask_of_a_machine_what_its_file_says() -> None:
    machine = small_machine()
    limits = machine_limits_of(machine)
    assert (limits.name, limits.jaws, limits.leaves, limits.limits) == (
        machine.name,
        machine.jaws,
        machine.leaves,
        machine.limits,
    )
