"""What we write is read by others with the same content: dcmtk's dcmdump and SimpleITK."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself
from numpy.typing import NDArray

from tests.standards.dicom.made_objects import ORIENTATIONS, dose, images, plan, structure_set, treatment
from tianfu.standards.dicom.doses import write_dose
from tianfu.standards.dicom.grids import Grid
from tianfu.standards.dicom.images import write_images
from tianfu.standards.dicom.plans import write_plan
from tianfu.standards.dicom.structure_sets import write_structure_set
from tianfu.standards.dicom.treatments import write_treatment

WRITTEN = {
    "CTImageStorage": write_images(images())[0],
    "RTStructureSetStorage": write_structure_set(structure_set()),
    "RTPlanStorage": write_plan(plan()),
    "RTDoseStorage": write_dose(dose()),
    "RTBeamsTreatmentRecordStorage": write_treatment(treatment()),
}


def dumped(content: bytes, folder: Path) -> str:
    file = folder / "object.dcm"
    file.write_bytes(content)
    ran = subprocess.run(["dcmdump", "+L", "+U8", str(file)], capture_output=True, check=False)
    said = ran.stderr.decode()
    assert (ran.returncode, said) == (0, "")
    return ran.stdout.decode()


@pytest.mark.parametrize("sop_class", WRITTEN)
def test_dcmdump_reads_what_we_write_without_a_word_of_warning(sop_class: str, tmp_path: Path) -> None:
    text = dumped(WRITTEN[sop_class], tmp_path)
    assert f"={sop_class}" in text
    assert "王^小明" in text
    assert "=LittleEndianExplicit" in text


def test_dcmdump_reads_the_same_contours(tmp_path: Path) -> None:
    text = dumped(WRITTEN["RTStructureSetStorage"], tmp_path)
    rings = [
        np.array([float(number) for number in said.split("\\")]).reshape(-1, 3)
        for said in re.findall(r"\(3006,0050\) DS \[([^\]]*)\]", text)
    ]
    ours = [ring.points for structure in structure_set().structures for ring in structure.rings]
    assert len(rings) == len(ours)
    assert all(np.abs(ring - other).max() <= 1e-4 for ring, other in zip(rings, ours, strict=True))


def test_dcmdump_reads_the_same_leaves_and_weights(tmp_path: Path) -> None:
    text = dumped(WRITTEN["RTPlanStorage"], tmp_path)
    leaves = re.findall(r"\(300a,011c\) DS \[([^\]]*)\]", text)
    assert leaves == ["-40\\40", "-5\\-6\\5\\6.5", "-1.25\\-2\\5\\6.5", "-1.25\\-2\\2\\3"]
    assert re.findall(r"\(300a,0134\) DS \[([^\]]*)\]", text) == ["0", "0.4", "1"]


def assert_same_place(image: sitk.Image, grid: Grid, *, within_mm: float) -> None:
    """Every corner is at the same place; SimpleITK says directions as columns."""
    directions = np.array(image.GetDirection()).reshape(3, 3).T
    theirs = Grid(
        origin=np.array(image.GetOrigin()),
        axes=directions,
        spacing=np.array(image.GetSpacing()),
        shape=image.GetSize()[::-1],
    )
    assert theirs.is_same(grid, within_mm=within_mm)


def pixels_of(image: sitk.Image) -> NDArray[np.float64]:
    return np.asarray(sitk.GetArrayFromImage(image), dtype=np.float64)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_simpleitk_reads_the_same_volume(orientation: str, tmp_path: Path) -> None:
    series = images(orientation)
    for number, content in enumerate(write_images(series)):
        (tmp_path / f"{number}.dcm").write_bytes(content)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    assert_same_place(image, series.volume.grid, within_mm=1e-4)
    assert np.array_equal(pixels_of(image), series.volume.values)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_simpleitk_reads_the_same_dose(orientation: str, tmp_path: Path) -> None:
    value = dose(orientation)
    file = tmp_path / "dose.dcm"
    file.write_bytes(write_dose(value))
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(file))
    image = reader.Execute()
    assert_same_place(image, value.volume.grid, within_mm=1e-4)
    # The toolkit leaves Dose Grid Scaling to its caller, or applies it, by its version.
    scaling = float(reader.GetMetaData("3004|000e"))
    pixels = pixels_of(image)
    factor = scaling if pixels.max() > 1000 else 1.0
    assert np.abs(pixels * factor - value.volume.values).max() < 1e-4
