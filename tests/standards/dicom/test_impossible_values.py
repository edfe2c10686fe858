"""Values that no standard allows or no machine has: a reader refuses them, or tells them, and never stays silent.

Each object is whole and clean before one value in it is changed.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date

import pytest
from pydicom.dataset import Dataset

from tests.standards.dicom.made_objects import VOXELS_MAX, decoded, dose, images, plan, structure_set, treatment
from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.dates import day_of
from tianfu.standards.dicom.doses import read_dose, write_dose
from tianfu.standards.dicom.encoding import Decoded
from tianfu.standards.dicom.findings import Reading
from tianfu.standards.dicom.images import read_images, write_images
from tianfu.standards.dicom.plans import read_plan, write_plan
from tianfu.standards.dicom.structure_sets import read_structure_set, write_structure_set
from tianfu.standards.dicom.treatments import read_treatment, write_treatment

Change = Callable[[Dataset], object]

FILES: dict[str, tuple[bytes, Callable[[Decoded], Reading[object]]]] = {
    "plan": (write_plan(plan()), read_plan),
    "structures": (write_structure_set(structure_set()), read_structure_set),
    "dose": (write_dose(dose()), lambda one: read_dose(one, voxels_max=VOXELS_MAX)),
    "image": (write_images(images())[0], lambda one: read_images([one], voxels_max=VOXELS_MAX)),
    "record": (write_treatment(treatment()), read_treatment),
}

FOUND_BEFORE = {"image": {"images-single"}, "record": {"treatment-overridden"}}
"""One slice is a series of one, and the record has an override: nothing else is odd."""


def read_with(kind: str, change: Change) -> Reading[object]:
    content, read = FILES[kind]
    one = decoded(content)
    change(one.dataset)
    return read(one)


def beam(dataset: Dataset) -> Dataset:
    item: Dataset = dataset.BeamSequence[0]
    return item


def point(dataset: Dataset, number: int = 0) -> Dataset:
    item: Dataset = beam(dataset).ControlPointSequence[number]
    return item


def group(dataset: Dataset) -> Dataset:
    item: Dataset = dataset.FractionGroupSequence[0]
    return item


def session(dataset: Dataset) -> Dataset:
    item: Dataset = dataset.TreatmentSessionBeamSequence[0]
    return item


def to(place: Callable[[Dataset], Dataset], keyword: str, value: object) -> Change:
    """Set an attribute of the item at a place."""
    return lambda dataset: setattr(place(dataset), keyword, value)


def at_top(dataset: Dataset) -> Dataset:
    return dataset


def without(place: Callable[[Dataset], Dataset], keyword: str) -> Change:
    return lambda dataset: delattr(place(dataset), keyword)


def twice(place: Callable[[Dataset], Dataset], keyword: str) -> Change:
    """Double the first item of a sequence."""

    def double(dataset: Dataset) -> None:
        items = list(getattr(place(dataset), keyword))
        setattr(place(dataset), keyword, [*items, deepcopy(items[0])])

    return double


def of(keyword: str) -> Dataset:
    """An item with one number."""
    item = Dataset()
    setattr(item, keyword, 77)
    return item


def with_pixels(change: Callable[[bytes], bytes]) -> Change:
    return lambda dataset: setattr(dataset, "PixelData", change(dataset.PixelData))


def leaves(dataset: Dataset) -> Dataset:
    return next(one for one in beam(dataset).BeamLimitingDeviceSequence if one.RTBeamLimitingDeviceType == "MLCX")


def no_weights(dataset: Dataset) -> None:
    for one in beam(dataset).ControlPointSequence:
        one.CumulativeMetersetWeight = None


REFUSED: list[tuple[str, str, Change]] = [
    *(
        ("plan", "dicom-attribute-invalid", to(point, keyword, angle))
        for keyword in ("GantryAngle", "BeamLimitingDeviceAngle", "PatientSupportAngle")
        for angle in (-10, 400, 1e9)
    ),
    ("plan", "dicom-attribute-invalid", to(lambda one: point(one, 2), "GantryAngle", 400)),
    ("plan", "dicom-attribute-invalid", to(point, "NominalBeamEnergy", 0)),
    ("plan", "dicom-attribute-invalid", to(point, "NominalBeamEnergy", -6)),
    ("plan", "dicom-attribute-invalid", to(point, "NominalBeamEnergy", 6000)),
    ("plan", "dicom-attribute-invalid", to(point, "IsocenterPosition", [10_000, 0, 0])),
    ("plan", "dicom-attribute-invalid", to(lambda one: group(one).ReferencedBeamSequence[0], "BeamMeterset", -5)),
    ("plan", "dicom-attribute-invalid", to(group, "NumberOfFractionsPlanned", 0)),
    ("plan", "dicom-attribute-invalid", to(group, "NumberOfFractionsPlanned", -3)),
    ("plan", "beam-first-weight", to(point, "CumulativeMetersetWeight", 0.2)),
    ("plan", "beam-leaf-boundaries", to(leaves, "LeafPositionBoundaries", [10, 0, -10])),
    ("plan", "beam-leaf-boundaries", to(leaves, "LeafPositionBoundaries", [-10, 0, 0])),
    ("plan", "plan-same-number", twice(at_top, "FractionGroupSequence")),
    ("plan", "plan-same-number", twice(at_top, "DoseReferenceSequence")),
    ("plan", "plan-same-number", twice(at_top, "PatientSetupSequence")),
    ("plan", "plan-same-number", twice(at_top, "ToleranceTableSequence")),
    ("structures", "contours-same-number", twice(at_top, "ROIContourSequence")),
    ("dose", "dicom-attribute-missing", without(at_top, "FrameOfReferenceUID")),
    ("dose", "dose-beyond", to(at_top, "DoseGridScaling", 1e9)),
    ("dose", "dose-beyond", to(at_top, "DoseGridScaling", 1e300)),
    ("dose", "dicom-attribute-invalid", lambda one: one.update({"BitsStored": 16, "HighBit": 15})),
    ("dose", "dicom-pixels-surplus", with_pixels(lambda pixels: pixels + pixels[: 4 * 5 * 6])),
    ("dose", "dicom-pixels-not-grey", to(at_top, "PhotometricInterpretation", "RGB")),
    ("image", "dicom-attribute-invalid", lambda one: one.update({"BitsStored": 12, "HighBit": 15})),
    ("image", "dicom-attribute-invalid", to(at_top, "PixelRepresentation", 2)),
    ("image", "dicom-pixels-surplus", lambda one: setattr(one, "Columns", one.Columns - 1)),
    ("image", "dicom-pixels-surplus", lambda one: setattr(one, "Rows", one.Rows - 1)),
    *(("image", "dicom-attribute-invalid", to(at_top, "RescaleSlope", slope)) for slope in (-1, 1001, 1e30)),
    ("record", "dicom-attribute-invalid", to(session, "DeliveredPrimaryMeterset", -1)),
    (
        "record",
        "dicom-attribute-invalid",
        to(lambda one: session(one).ControlPointDeliverySequence[1], "DeliveredMeterset", -5),
    ),
    (
        "record",
        "dicom-attribute-invalid",
        to(lambda one: session(one).ControlPointDeliverySequence[0], "GantryAngle", 400),
    ),
    (
        "record",
        "treatment-delivered-unsaid",
        lambda one: (
            without(session, "ControlPointDeliverySequence")(one),
            without(session, "DeliveredPrimaryMeterset")(one),
        ),
    ),
]

TOLD: list[tuple[str, str, Change]] = [
    ("plan", "plan-without-meterset", to(lambda one: group(one).ReferencedBeamSequence[0], "BeamMeterset", 0)),
    ("plan", "plan-without-fractions", to(group, "NumberOfFractionsPlanned", None)),
    ("plan", "beam-without-weights", no_weights),
    ("plan", "beam-without-weights", to(beam, "FinalCumulativeMetersetWeight", None)),
    ("plan", "plan-setup-unknown", to(beam, "ReferencedPatientSetupNumber", 77)),
    (
        "plan",
        "plan-dose-reference-unknown",
        to(point, "ReferencedDoseReferenceSequence", [of("ReferencedDoseReferenceNumber")]),
    ),
    (
        "plan",
        "plan-dose-reference-unknown",
        to(group, "ReferencedDoseReferenceSequence", [of("ReferencedDoseReferenceNumber")]),
    ),
    ("plan", "plan-dose-beyond", to(lambda one: one.DoseReferenceSequence[0], "TargetPrescriptionDose", 5000)),
    ("plan", "plan-dose-beyond", to(lambda one: one.DoseReferenceSequence[1], "OrganAtRiskMaximumDose", -1)),
    ("plan", "plan-position-unsaid", to(lambda one: one.PatientSetupSequence[0], "PatientPosition", "")),
    ("plan", "approval-unknown", to(at_top, "ApprovalStatus", "YES")),
    ("plan", "dicom-count-differs", to(group, "NumberOfBeams", 2)),
    *(
        ("plan", "dicom-count-differs", to(beam, keyword, 1))
        for keyword in ("NumberOfWedges", "NumberOfCompensators", "NumberOfBoli", "NumberOfBlocks")
    ),
    ("plan", "dicom-count-differs", to(beam, "WedgeSequence", [of("WedgeNumber")])),
    ("plan", "beam-not-whole", to(beam, "WedgeSequence", [of("WedgeNumber")])),
    ("plan", "dicom-date-impossible", to(at_top, "RTPlanDate", "20260231")),
    ("structures", "structure-nameless", to(lambda one: one.StructureSetROISequence[0], "ROIName", "")),
    ("structures", "structures-without-observations", without(at_top, "RTROIObservationsSequence")),
    ("structures", "approval-unknown", to(at_top, "ApprovalStatus", "MAYBE")),
    ("structures", "dicom-date-impossible", to(at_top, "StructureSetDate", "20260230")),
    ("dose", "dose-all-zero", with_pixels(lambda pixels: bytes(len(pixels)))),
    ("dose", "dose-tiny", to(at_top, "DoseGridScaling", 1e-30)),
    ("dose", "dicom-pixels-surplus", with_pixels(lambda pixels: pixels + b"\0\0\0\0")),
    ("dose", "dicom-date-impossible", to(at_top, "StudyDate", "20260229")),
    ("image", "dicom-pixels-surplus", with_pixels(lambda pixels: pixels + b"\0\0")),
    ("image", "images-hounsfield-beyond", to(at_top, "RescaleSlope", 50)),
    ("image", "dicom-date-impossible", to(at_top, "PatientBirthDate", "19610229")),
    ("record", "treatment-beams-missing", without(at_top, "TreatmentSessionBeamSequence")),
    ("record", "treatment-points-missing", without(session, "ControlPointDeliverySequence")),
    ("record", "treatment-machine-unsaid", without(at_top, "TreatmentMachineSequence")),
    ("record", "treatment-beam-twice", twice(at_top, "TreatmentSessionBeamSequence")),
    ("record", "dicom-count-differs", to(session, "NumberOfControlPoints", 9)),
    (
        "record",
        "treatment-meterset-falls",
        to(lambda one: session(one).ControlPointDeliverySequence[0], "DeliveredMeterset", 130),
    ),
    ("record", "dicom-date-impossible", to(at_top, "TreatmentDate", "19590101")),
    (
        "record",
        "dicom-date-impossible",
        to(lambda one: session(one).ControlPointDeliverySequence[0], "TreatmentControlPointDate", "20260431"),
    ),
]


def named(cases: list[tuple[str, str, Change]]) -> list[str]:
    return [f"{kind} {code} {number}" for number, (kind, code, _) in enumerate(cases)]


@pytest.mark.parametrize("kind", FILES)
def test_the_object_is_clean_before_anything_is_changed(kind: str) -> None:
    assert read_with(kind, lambda dataset: None).codes() == FOUND_BEFORE.get(kind, set())


@pytest.mark.parametrize(("kind", "code", "change"), REFUSED, ids=named(REFUSED))
def test_what_would_make_a_dose_or_a_beam_wrong_is_refused(kind: str, code: str, change: Change) -> None:
    with pytest.raises(Refusal) as refused:
        read_with(kind, change)
    assert refused.value.code == code


@pytest.mark.parametrize(("kind", "code", "change"), TOLD, ids=named(TOLD))
def test_what_is_odd_or_lacking_is_told(kind: str, code: str, change: Change) -> None:
    assert code in read_with(kind, change).codes()


@pytest.mark.parametrize("angle", [0, 360, 359.97, -0.05])
def test_an_angle_of_the_circle_is_read_as_it_stands(angle: float) -> None:
    assert read_with("plan", to(point, "GantryAngle", angle)).findings == ()


@pytest.mark.parametrize(("keyword", "value"), [("NominalBeamEnergy", 0), ("CumulativeMetersetWeight", None)])
def test_a_beam_that_only_takes_a_picture_needs_neither_energy_nor_weights(keyword: str, value: object) -> None:
    def picture(dataset: Dataset) -> None:
        beam(dataset).TreatmentDeliveryType = "SETUP"
        group(dataset).ReferencedBeamSequence[0].BeamMeterset = None
        setattr(point(dataset), keyword, value)

    assert read_with("plan", picture).findings == ()


def test_a_beam_may_come_twice_if_the_second_is_the_rest_of_the_first() -> None:
    def continued(dataset: Dataset) -> None:
        twice(at_top, "TreatmentSessionBeamSequence")(dataset)
        dataset.TreatmentSessionBeamSequence[1].TreatmentDeliveryType = "CONTINUATION"

    assert read_with("record", continued).codes() == FOUND_BEFORE["record"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20240229", date(2024, 2, 29)),
        ("1992.03.01", date(1992, 3, 1)),
        ("20230229", None),
        ("20261301", None),
        ("2026030", None),
        ("2026-03-01", None),
        ("００００００００", None),
    ],
)
def test_a_date_is_one_of_the_calendar(text: str, day: date | None) -> None:
    """With dots as it was written before DICOM (PS3.5 6.2, note on DA)."""
    assert day_of(text) == day


def test_one_byte_that_makes_pixels_even_is_no_surplus() -> None:
    def of_eight_bits(dataset: Dataset) -> None:
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit, dataset.PixelRepresentation = 7, 0
        dataset.Rows, dataset.Columns, dataset.PixelData = 3, 5, bytes(16)

    assert read_with("image", of_eight_bits).codes() == FOUND_BEFORE["image"]
