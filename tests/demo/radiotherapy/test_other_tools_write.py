"""Objects that other open tools write are read by us with equal content: plastimatch and SimpleITK."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself
from demo.radiotherapy.made import MadeCase
from numpy.typing import NDArray
from small_cases import LIMITS, case_of

from tianfu.apps.radiotherapy.model.masks import mask_of
from tianfu.apps.radiotherapy.model.shapes import shape_of
from tianfu.standards.dicom.cases import Case, read_case
from tianfu.standards.dicom.findings import Reading
from tianfu.standards.dicom.grids import Grid
from tianfu.standards.dicom.structures import Structure


def image_of(values: NDArray[np.generic], grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(values)
    image.SetOrigin(grid.origin.tolist())
    image.SetSpacing(grid.spacing.tolist())
    image.SetDirection(grid.axes.T.reshape(-1).tolist())
    return image


def mask(structure: Structure, grid: Grid) -> NDArray[np.bool_]:
    return mask_of(shape_of(structure, grid), grid, step_mm=float(grid.spacing[2])).full()


def by_plastimatch(case: MadeCase, folder: Path) -> Reading[Case]:
    """The case as volumes, which plastimatch makes a CT, a structure set and a dose of."""
    (folder / "masks").mkdir()
    sitk.WriteImage(image_of(case.ct.values, case.ct.grid), str(folder / "ct.mha"))
    for structure in case.structures:
        inside = mask(structure, case.ct.grid).astype(np.uint8)
        sitk.WriteImage(image_of(inside, case.ct.grid), str(folder / "masks" / f"{structure.name}.mha"))
    assert case.dose is not None
    sitk.WriteImage(image_of(case.dose.values, case.dose.grid), str(folder / "dose.mha"))
    subprocess.run(
        [
            "plastimatch",
            "convert",
            *("--input", str(folder / "ct.mha")),
            *("--input-prefix", str(folder / "masks")),
            *("--input-dose-img", str(folder / "dose.mha")),
            *("--patient-id", "DEMO-1"),
            *("--output-dicom", str(folder / "dicom")),
        ],
        check=True,
        capture_output=True,
    )
    contents = [file.read_bytes() for file in (folder / "dicom").iterdir()]
    return read_case(contents, bytes_max=LIMITS.bytes_max, voxels_max=LIMITS.voxels_max)


@pytest.mark.slow  # plastimatch is started, and draws contours from masks
@pytest.mark.parametrize("name", ["ring", "parts"])
def test_what_plastimatch_writes_is_read_with_holes_and_parts(name: str, tmp_path: Path) -> None:
    case = case_of(name)
    reading = by_plastimatch(case, tmp_path)
    (images,), (structure_set,), (dose,) = reading.value.images, reading.value.structure_sets, reading.value.doses
    assert images.volume.grid.is_same(case.ct.grid, within_mm=1e-3)
    assert np.array_equal(images.volume.values, case.ct.values)
    assert {structure.name for structure in structure_set.structures} == {one.name for one in case.structures}
    for structure in structure_set.structures:
        assert np.array_equal(mask(structure, case.ct.grid), mask(case.structure(structure.name), case.ct.grid))
    assert case.dose is not None
    assert dose.volume.grid.is_same(case.dose.grid, within_mm=1e-3)
    # plastimatch writes sixteen bits a voxel.
    assert np.abs(dose.volume.values - case.dose.values).max() < 1e-3
    # It repeats first points, and names no plan: nothing else is odd.
    assert reading.codes() == {"ring-closed-twice", "dose-without-plan"}


def test_a_series_that_simpleitk_writes_is_read_with_equal_values(tmp_path: Path) -> None:
    case = case_of("cone")
    image = image_of(case.ct.values, case.ct.grid)
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    common = {
        "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
        "0008|0060": "CT",
        "0010|0020": "DEMO-2",
        "0020|000d": "2.25.70",
        "0020|000e": "2.25.71",
        "0020|0052": "2.25.72",
        "0020|0037": "\\".join(str(one) for one in case.ct.grid.axes[:2].reshape(-1).tolist()),
        "0028|1052": "0",
        "0028|1053": "1",
    }
    for number in range(image.GetDepth()):
        slice_ = image[:, :, number]
        corner = "\\".join(map(str, image.TransformIndexToPhysicalPoint((0, 0, number))))
        own = {"0008|0018": f"2.25.8{number}", "0020|0032": corner, "0020|0013": str(number + 1)}
        for tag, value in {**common, **own}.items():
            slice_.SetMetaData(tag, value)
        writer.SetFileName(str(tmp_path / f"{number}.dcm"))
        writer.Execute(slice_)
    contents = [file.read_bytes() for file in tmp_path.iterdir()]
    (images,) = read_case(contents, bytes_max=LIMITS.bytes_max, voxels_max=LIMITS.voxels_max).value.images
    assert images.volume.grid.is_same(case.ct.grid, within_mm=1e-3)
    assert np.array_equal(images.volume.values, case.ct.values)
