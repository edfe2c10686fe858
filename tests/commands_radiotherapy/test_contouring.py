"""`tianfu rt contour` as a physicist runs it: what it writes is beside the case, and nobody's yet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from demo.radiotherapy.thorax import Thorax, thorax_grid
from typer.testing import CliRunner

from tianfu.commands_radiotherapy import radiotherapy_commands
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.headers import Header, Patient, Series, Study
from tianfu.standards.dicom.images import ImageSeries, write_images
from tianfu.standards.dicom.structure_sets import StructureSet, read_structure_set

GRID = thorax_grid(spacing_mm=(6.0, 6.0, 6.0))


def run(*words: object) -> Result:
    """The command in this process: to start the program for each takes longer than what it does."""
    return CliRunner().invoke(radiotherapy_commands, ["contour", *map(str, words)])


def refused(*words: object) -> Refusal:
    done = run(*words)
    assert isinstance(done.exception, Refusal), done.output
    return done.exception


def write_chest(folder: Path, *, seed: int, frame: str = "2.25.3") -> Path:
    """A made chest on slices of 6 mm, without structures."""
    folder.mkdir(parents=True)
    person = Patient(name="示例^病例", number=f"MADE-UP-{seed}", birth_date="19600101", sex="O")
    series = ImageSeries(
        header=Header(patient=person, study=Study(uid=f"2.25.1{seed}"), series=Series(uid="2.25.2"), frame=frame),
        instances=tuple(f"2.25.4{seed}{number:03}" for number in range(GRID.shape[0])),
        volume=Thorax().ct(GRID, seed=seed),
        position="HFS",
        thickness_mm=6.0,
    )
    for number, content in enumerate(write_images(series)):
        (folder / f"ct-{number:03}.dcm").write_bytes(content)
    return folder


def written_set(folder: Path) -> StructureSet:
    (file,) = folder.glob("RS-*.dcm")
    return read_structure_set(decode(file.read_bytes(), bytes_max=1 << 26)).value


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chest(tmp_path_factory.mktemp("contour") / "chest", seed=1)


def test_rules_write_an_unreviewed_structure_set_beside_the_case(chest: Path, tmp_path: Path) -> None:
    before = {file.name: file.read_bytes() for file in chest.iterdir()}
    done = run(chest, "--with", "rules", "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    told, made = json.loads(done.stdout), written_set(tmp_path / "out")
    assert told["unreviewed"] is True
    assert "Not for clinical use" in told["notice"]
    assert [each["name"] for each in told["structures"]] == [each.name for each in made.structures]
    assert {each.generation for each in made.structures} == {"AUTOMATIC"}
    assert made.approval.status == "UNAPPROVED"
    assert made.images[0].series == "2.25.2"
    assert "unreviewed" in done.stderr
    assert {file.name: file.read_bytes() for file in chest.iterdir()} == before


def test_nothing_draws_unless_it_is_named(chest: Path, tmp_path: Path) -> None:
    unnamed = run(chest, "--out", tmp_path / "none")
    assert unnamed.exit_code == 2
    unknown = refused(chest, "--with", "anything", "--out", tmp_path / "none")
    assert unknown.code == "option-unknown"
    assert unknown.details["known"] == "rules, atlas=FOLDER, onnx=FOLDER"


def test_nothing_is_written_over(chest: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    assert refused(chest, "--with", "rules", "--out", tmp_path).code == "folder-not-empty"
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
