"""Complete sets that we write are read by others with equal content: dcmtk, SimpleITK and Orthanc."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself
from demo.radiotherapy.objects import Kind, objects_of, values_of, write_case
from orthanc import orthanc
from small_cases import MAKING, ROTATIONS, case_of, objects_named, turned_case

from tianfu.standards.dicom.grids import Grid


@pytest.mark.slow  # dcmdump is started for every object
def test_dcmdump_reads_every_object_without_a_word(tmp_path: Path) -> None:
    files = [str(file) for file in write_case(objects_named("coarse ring"), tmp_path)]
    ran = subprocess.run(["dcmdump", "+L", "+U8", *files], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr.decode()) == (0, "")
    text = ran.stdout.decode()
    assert text.count("(0010,0010) PN [示例^演示11]") == len(files)


def grid_of(image: sitk.Image) -> Grid:
    """SimpleITK says directions as columns."""
    return Grid(
        origin=np.array(image.GetOrigin()),
        axes=np.array(image.GetDirection()).reshape(3, 3).T,
        spacing=np.array(image.GetSpacing()),
        shape=image.GetSize()[::-1],
    )


@pytest.mark.parametrize("orientation", ROTATIONS)
@pytest.mark.parametrize("name", ["coarse ring", "cone"])
def test_simpleitk_reads_the_same_image_and_dose(name: str, orientation: str, tmp_path: Path) -> None:
    case = turned_case(name, orientation)
    write_case(objects_of(case, MAKING), tmp_path)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(sorted(map(str, tmp_path.glob("CT*.dcm"))))
    image = reader.Execute()
    assert grid_of(image).is_same(case.ct.grid, within_mm=1e-3)
    assert np.array_equal(sitk.GetArrayFromImage(image), case.ct.values)
    dose = sitk.ImageFileReader()
    dose.SetFileName(str(tmp_path / "RD0001.dcm"))
    image = dose.Execute()
    assert case.dose is not None
    assert grid_of(image).is_same(case.dose.grid, within_mm=1e-3)
    pixels = sitk.GetArrayFromImage(image).astype(np.float64)
    # The toolkit leaves Dose Grid Scaling to its caller, or applies it, by its version.
    factor = float(dose.GetMetaData("3004|000e")) if pixels.max() > 1000 else 1.0
    assert np.abs(pixels * factor - case.dose.values).max() < 1e-4


@pytest.mark.slow  # Orthanc takes a second to start
def test_orthanc_keeps_every_object_byte_for_byte_and_sees_the_same_tree(tmp_path: Path) -> None:
    objects, values = objects_named("coarse ring"), values_of(case_of("coarse ring"), MAKING)
    with orthanc(tmp_path) as client:
        stored = {
            content: client.post("/instances", content=content).raise_for_status().json()
            for content in objects.contents()
        }
        assert {one["Status"] for one in stored.values()} == {"Success"}
        for content, one in stored.items():
            assert client.get(f"/instances/{one['ID']}/file").content == content
        (study,) = client.get("/studies?expand").json()
        assert study["MainDicomTags"]["StudyInstanceUID"] == values.plans[0].header.study.uid
        assert study["PatientMainDicomTags"]["PatientID"] == values.plans[0].header.patient.number
        series = {one["MainDicomTags"]["SeriesInstanceUID"]: one for one in client.get("/series?expand").json()}
        kinds = {one["MainDicomTags"]["Modality"]: len(one["Instances"]) for one in series.values()}
    assert kinds == {"CT": len(objects.of(Kind.CT)), "RTSTRUCT": 1, "RTPLAN": 1, "RTDOSE": 1, "RTRECORD": 1}
    assert set(series) == {
        value.header.series.uid
        for value in (*values.images, *values.structure_sets, *values.plans, *values.doses, *values.treatments)
    }


@pytest.mark.slow  # Orthanc takes a second to start
def test_orthanc_reads_the_same_beams(tmp_path: Path) -> None:
    with orthanc(tmp_path) as client:
        (content,) = objects_named("coarse ring").of(Kind.PLAN)
        instance = client.post("/instances", content=content).raise_for_status().json()["ID"]
        tags = client.get(f"/instances/{instance}/simplified-tags?ignore-length=300a-011c").json()
    (plan,) = values_of(case_of("coarse ring"), MAKING).plans
    assert [beam["BeamName"] for beam in tags["BeamSequence"]] == [beam.name for beam in plan.beams]
    theirs = [
        [float(one) for one in device["LeafJawPositions"].split("\\")]
        for beam in tags["BeamSequence"]
        for device in beam["ControlPointSequence"][0]["BeamLimitingDevicePositionSequence"]
    ]
    ours = [list(opening.positions_mm) for beam in plan.beams for opening in beam.control_points[0].stand.openings]
    assert theirs == ours
