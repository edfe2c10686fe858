"""The radiotherapy commands as a physicist runs them: in a terminal, on files."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from demo.radiotherapy.made import Drawn, structure_of_shape

from tianfu.apps.radiotherapy.model.shapes import shape_from
from tianfu.standards.dicom.doses import Dose, write_dose
from tianfu.standards.dicom.grids import Grid, Volume
from tianfu.standards.dicom.headers import Header, Patient, Series, Study
from tianfu.standards.dicom.images import ImageSeries, write_images
from tianfu.standards.dicom.structure_sets import ReferencedImages, StructureSet, write_structure_set

pytestmark = pytest.mark.slow  # each starts the program, which loads its compiled kernels

NOTICE = "Not for clinical use until commissioned and registered."
RADIUS_MM, HEIGHT_MM, GY, GY_MM = 20.0, 40.0, 30.0, 0.2
GRID = Grid(
    origin=np.array([-49.0, -49.0, -39.0]), axes=np.eye(3), spacing=np.array([2.0, 2.0, 2.0]), shape=(40, 50, 50)
)
GAMMA = [
    "--dose-percent",
    "2",
    "--distance-mm",
    "2",
    "--difference",
    "global",
    "--normalise",
    "50",
    "--threshold-percent",
    "10",
    "--search",
    "3d",
]


def header(series: str) -> Header:
    person = Patient(name="示例^病例", number="MADE-UP-1", birth_date="19600101", sex="O")
    return Header(patient=person, study=Study(uid="2.25.1"), series=Series(uid=series), frame="2.25.2")


def write_case(folder: Path, *, more_gy: float = 0.0, structure_name: str = "PTV") -> Path:
    """A cylinder along z in water, in a dose that grows by 2 Gy/cm along x from 30 Gy at its axis."""
    folder.mkdir()
    water = np.zeros(GRID.shape, dtype=np.int16)
    names = tuple(f"2.25.3{number}" for number in range(GRID.shape[0]))
    volume = Volume(grid=GRID, values=water)
    series = ImageSeries(header=header("2.25.4"), instances=names, volume=volume, position="HFS", thickness_mm=2.0)
    for number, content in enumerate(write_images(series)):
        (folder / f"ct-{number}").write_bytes(content)
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    ring = RADIUS_MM * np.column_stack([np.cos(angles), np.sin(angles)]) - GRID.origin[:2]
    heights = np.arange(-HEIGHT_MM / 2 + 1, HEIGHT_MM / 2, 2) - GRID.origin[2]
    drawn = Drawn(name=structure_name, kind="PTV", colour=(200, 0, 0))
    structure = structure_of_shape(1, drawn, shape_from((float(z), ring) for z in heights), GRID)
    images = ReferencedImages(study="2.25.1", series="2.25.4", instances=names)
    structures = StructureSet(
        header=header("2.25.5"),
        instance="2.25.6",
        label="DRAWN",
        date="",
        time="",
        images=(images,),
        structures=(structure,),
    )
    (folder / "rs").write_bytes(write_structure_set(structures))
    across = GRID.origin[0] + 2.0 * np.arange(GRID.shape[2])
    values = np.broadcast_to(GY + more_gy + GY_MM * across, GRID.shape).astype(np.float32)
    dose = Dose(
        header=header("2.25.7"),
        instance="2.25.8",
        volume=Volume(grid=GRID, values=np.ascontiguousarray(values)),
        kind="PHYSICAL",
        summation="PLAN",
    )
    (folder / "rd").write_bytes(write_dose(dose))
    return folder


def run(*arguments: object, language: str = "C.UTF-8") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("tianfu")), "rt", *map(str, arguments)]
    environment = {**os.environ, "LC_ALL": language, "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=environment, timeout=120, check=False)


def test_a_case_is_shown_and_judged_as_its_closed_form_says(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "case")
    shown = run("show", folder)
    assert shown.returncode == 0, shown.stderr
    assert "40 × 50 × 50" in shown.stdout
    assert NOTICE in shown.stderr
    assert "dose-without-plan" in shown.stderr
    judged = run("dvh", folder, "--json", "--protocol", "tg119-c-shape-easier")
    told = json.loads(judged.stdout)
    figures = told["structures"]["PTV"]
    assert told["notice"] == NOTICE
    assert figures["volume_cc"] == pytest.approx(np.pi * RADIUS_MM**2 * HEIGHT_MM / 1000, rel=0.01)
    assert figures["mean_gy"] == pytest.approx(GY, abs=0.05)
    assert figures["max_gy"] == pytest.approx(GY + GY_MM * RADIUS_MM, abs=0.05)
    assert {line["mark"] for line in told["scorecard"]} == {"memory"}


def test_two_plans_and_two_doses_are_compared(tmp_path: Path) -> None:
    folder, higher = write_case(tmp_path / "case"), write_case(tmp_path / "higher", more_gy=0.5)
    compared = run("compare", folder, higher, "--protocol", "tg119-c-shape-easier")
    assert compared.returncode == 0, compared.stderr
    assert "+0.50" in compared.stdout
    found = json.loads(run("gamma", folder / "rd", higher, *GAMMA, "--json").stdout)
    # Low 1998 (doi 10.1118/1.598248): the nearest point of an offset dose lies against its gradient; at the one edge
    # where the grid ends there is none, and the offset stays.
    assert found["highest"] == pytest.approx(0.5, abs=0.001)
    assert found["p95"] == pytest.approx(0.5 / np.hypot(1.0, GY_MM * 2), abs=0.02)
    assert found["pass_percent"] == 100
    missing = run("gamma", folder, higher, "--dose-percent", "2")
    assert missing.returncode == 2
    assert "distance-mm" in missing.stderr


@pytest.mark.parametrize("name", ["GTV[boost]", "[/oar]"])
def test_a_name_is_shown_as_it_stands_whatever_is_in_it(tmp_path: Path, name: str) -> None:
    folder = write_case(tmp_path / "case", structure_name=name)
    for command in (("show", folder), ("dvh", folder)):
        done = run(*command)
        assert done.returncode == 0, done.stderr
        assert name in done.stdout


def test_what_is_refused_is_said_in_words_and_in_chinese(tmp_path: Path) -> None:
    folder = write_case(tmp_path / "case")
    (folder / "ct-17").unlink()
    refused = run("show", folder)
    assert refused.returncode == 2
    assert "images-missing-slice" in refused.stderr
    assert "missing" in refused.stderr.replace("images-missing-slice", "")
    assert "未经验收和注册" in run("show", folder, language="zh_CN.UTF-8").stderr
    assert "no files" in run("show", tmp_path / "nowhere").stderr
    (folder / "notes.txt").write_text("read me")
    assert "notes.txt" in run("show", folder).stderr


def test_a_case_without_identity_names_nobody_and_its_links_are_for_the_owner_alone(tmp_path: Path) -> None:
    folder, into = write_case(tmp_path / "case"), tmp_path / "out"
    key, links = tmp_path / "key", tmp_path / "links.json"
    done = run("deidentify", folder, into, "--key-file", key, "--links", links)
    assert done.returncode == 0, done.stderr
    written = [each.read_bytes() for each in into.glob("*.dcm")]
    assert len(written) == 42
    assert not any("示例".encode() in each or b"MADE-UP-1" in each for each in written)
    assert stat.S_IMODE(links.stat().st_mode) == stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(json.loads(links.read_text("utf-8"))) == 42
    assert run("show", into).returncode == 0, "it still belongs together"
    again = run("deidentify", folder, tmp_path / "again", "--key-file", key, "--links", links)
    assert again.returncode == 2
    assert not (tmp_path / "again").exists()
