"""`tianfu rt contour` as a physicist runs it: what it writes is beside the case, and nobody's yet."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from demo.radiotherapy.made import Drawn, structure_of_mask
from demo.radiotherapy.thorax import Thorax, thorax_grid
from typer.testing import CliRunner

from tests.apps.radiotherapy.model.contouring.made_models import convolution, manifest
from tianfu.apps.radiotherapy.model.contouring.reviews import accepted_by
from tianfu.commands_radiotherapy import radiotherapy_commands
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.headers import Header, Patient, Series, Study
from tianfu.standards.dicom.images import ImageSeries, write_images
from tianfu.standards.dicom.structure_sets import (
    ReferencedImages,
    StructureSet,
    read_structure_set,
    write_structure_set,
)

GRID = thorax_grid(spacing_mm=(6.0, 6.0, 6.0))


def run(*words: object) -> Result:
    """The command in this process: to start the program for each takes longer than what it does."""
    return CliRunner().invoke(radiotherapy_commands, ["contour", *map(str, words)])


def refused(*words: object) -> Refusal:
    done = run(*words)
    assert isinstance(done.exception, Refusal), done.output
    return done.exception


def header(seed: int, series: str) -> Header:
    person = Patient(name="示例^病例", number=f"MADE-UP-{seed}", birth_date="19600101", sex="O")
    return Header(patient=person, study=Study(uid=f"2.25.1{seed}"), series=Series(uid=series), frame="2.25.3")


def instances(seed: int) -> tuple[str, ...]:
    return tuple(f"2.25.4{seed}{number:03}" for number in range(GRID.shape[0]))


def write_chest(folder: Path, *, seed: int, thorax: Thorax) -> Path:
    """A made chest on slices of 6 mm, without structures."""
    folder.mkdir(parents=True)
    series = ImageSeries(
        header=header(seed, "2.25.2"),
        instances=instances(seed),
        volume=thorax.ct(GRID, seed=seed),
        position="HFS",
        thickness_mm=6.0,
    )
    for number, content in enumerate(write_images(series)):
        (folder / f"ct-{number:03}.dcm").write_bytes(content)
    return folder


def write_atlas(folder: Path, thorax: Thorax, *, seed: int, person: str = "Wang^Fang") -> Path:
    """A chest with its lungs drawn by a program and accepted by a person, or by nobody."""
    write_chest(folder, seed=seed, thorax=thorax)
    parts = thorax.parts(GRID)
    drawn = [
        structure_of_mask(number, Drawn(name=name, kind="ORGAN", colour=(1, 2, 3)), parts[part], GRID)
        for number, (name, part) in enumerate([("Lung_L", "Lung_L"), ("Lung_R", "Lung_R"), ("my bone", "Bone")], 1)
    ]
    if person:
        drawn = [accepted_by(each, person=person, at=datetime.now(UTC)) for each in drawn]
    made = StructureSet(
        header=header(seed, "2.25.6"),
        instance=f"2.25.7{seed}",
        label="ATLAS",
        date="20260301",
        time="",
        images=(ReferencedImages(study=f"2.25.1{seed}", series="2.25.2", instances=instances(seed)),),
        structures=tuple(drawn),
    )
    (folder / "rs.dcm").write_bytes(write_structure_set(made))
    return folder


def written_set(folder: Path) -> StructureSet:
    (file,) = folder.glob("RS-*.dcm")
    return read_structure_set(decode(file.read_bytes(), bytes_max=1 << 26)).value


@pytest.fixture(scope="module")
def chest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chest(tmp_path_factory.mktemp("contour") / "chest", seed=1, thorax=Thorax())


@pytest.mark.slow  # the first to load everything that a case is read with
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


def test_a_sites_model_writes_what_it_draws(chest: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    content = convolution((0.0, -100.0, 100.0), (0.0, 30.0, -68.0), (16, 24, 32))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.onnx").write_bytes(content)
    (tmp_path / "model" / "manifest.json").write_bytes(manifest(content))
    done = run(chest, "--with", f"onnx={tmp_path / 'model'}", "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    made = written_set(tmp_path / "out")
    assert [each.name for each in made.structures] == ["Lungs", "Bone"]
    assert all(each.method.startswith("UNREVIEWED, confidence ") for each in made.structures)


@pytest.fixture(scope="module")
def atlases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("atlases")
    write_atlas(folder / "one", Thorax(half_x_mm=150, lungs_apart_mm=145), seed=2)
    write_atlas(folder / "two", Thorax(half_x_mm=170, lungs_apart_mm=155), seed=3)
    words = {"origin": "made up", "consent": "nobody's data"}
    (folder / "atlases.json").write_text(json.dumps({"one": words, "two": words}), encoding="utf-8")
    return folder


@pytest.mark.slow  # two atlases are read and fitted
def test_atlases_write_what_they_agree_on_and_say_what_they_left_out(
    chest: Path, atlases: Path, tmp_path: Path
) -> None:
    pytest.importorskip("SimpleITK")
    chosen = ["--with", f"atlas={atlases}", "--agreement-min", "0.8", "--working-mm", "6"]
    done = run(chest, *chosen, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    assert [each.name for each in written_set(tmp_path / "out").structures] == ["Lung_L", "Lung_R"]
    assert all(each["confidence"] >= 0.8 for each in json.loads(done.stdout)["structures"])
    assert "atlas-others-left-out" in done.stderr


@pytest.mark.parametrize("said", [("--agreement-min", "0.8"), ("--working-mm", "6")])
def test_atlases_are_not_fitted_unless_every_choice_is_made(
    chest: Path, atlases: Path, tmp_path: Path, said: tuple[str, str]
) -> None:
    refusal = refused(chest, "--with", f"atlas={atlases}", *said, "--out", tmp_path / "out")
    assert refusal.code == "atlas-missing-choice"
    assert not (tmp_path / "out").exists()


def test_contours_that_nobody_has_accepted_make_no_atlas(chest: Path, tmp_path: Path) -> None:
    write_atlas(tmp_path / "one", Thorax(), seed=4, person="")
    (tmp_path / "atlases.json").write_text('{"one": {"origin": "made", "consent": "made"}}', encoding="utf-8")
    chosen = ["--with", f"atlas={tmp_path}", "--agreement-min", "0.8", "--working-mm", "6"]
    assert refused(chest, *chosen, "--out", tmp_path / "out").code == "atlas-unreviewed"


@pytest.mark.parametrize("words", ["[]", '{"../one": {"origin": "a", "consent": "b"}}', '{"one": {"origin": "a"}}'])
def test_a_list_of_atlases_that_leaves_its_folder_or_says_too_little_is_refused(
    chest: Path, atlases: Path, tmp_path: Path, words: str
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "atlases.json").write_text(words, encoding="utf-8")
    chosen = ["--with", f"atlas={tmp_path}", "--agreement-min", "0.8", "--working-mm", "6"]
    assert refused(chest, *chosen, "--out", tmp_path / "out").code == "atlas-list-not-understood"


def test_a_case_of_several_series_needs_one_named(chest: Path, tmp_path: Path) -> None:
    named = refused(chest, "--with", "rules", "--series", "2.25.999", "--out", tmp_path / "out")
    assert (named.code, named.details) == ("image-series-unclear", {"series": "2.25.2"})
