"""Faults of the chain that holds a case together: each object is sound, and belongs to another case."""

from __future__ import annotations

from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import put
from demo.radiotherapy.faults.fault import Fault, Record, by_codec, by_links, in_one
from demo.radiotherapy.objects import Kind

OTHER_UID = "2.25.998"

NAMES = {Kind.STRUCTURES: "structure set", Kind.PLAN: "plan", Kind.DOSE: "dose", Kind.RECORD: "treatment record"}


def _other_patient(kind: Kind) -> Fault:
    def other_patient(dataset: Dataset, dice: Dice) -> Record:
        dataset.PatientID = f"DEMO-{dice.randrange(80_000, 90_000)}"
        return {"patient": dataset.PatientID}

    return in_one(kind, by_links("case-mixed-patients"), f"The {NAMES[kind]} is somebody else's.")(other_patient)


def _other_name(kind: Kind) -> Fault:
    def other_name(dataset: Dataset, dice: Dice) -> Record:
        dataset.PatientName = dice.pick(("示例^丙", "示例^丁"))
        return {"name": str(dataset.PatientName)}

    sentence = f"The {NAMES[kind]} has the patient's number and another name."
    return in_one(kind, by_links("case-mixed-names"), sentence)(other_name)


def _other_study(kind: Kind) -> Fault:
    def other_study(dataset: Dataset, dice: Dice) -> Record:
        dataset.StudyInstanceUID = OTHER_UID
        return {"study": OTHER_UID}

    sentence = f"The {NAMES[kind]} belongs to another examination."
    return in_one(kind, by_links("case-mixed-studies"), sentence)(other_study)


def _other_frame(kind: Kind) -> Fault:
    def other_frame(dataset: Dataset, dice: Dice) -> Record:
        dataset.FrameOfReferenceUID = OTHER_UID
        for roi in dataset.get("StructureSetROISequence", ()):
            roi.ReferencedFrameOfReferenceUID = OTHER_UID
        return {"frame": OTHER_UID}

    sentence = f"The {NAMES[kind]} lies in another frame of reference than the images."
    return in_one(kind, by_links("case-mixed-frames"), sentence)(other_frame)


_LINKED = (Kind.STRUCTURES, Kind.PLAN, Kind.DOSE, Kind.RECORD)
structures_of_another, plan_of_another, dose_of_another, record_of_another = map(_other_patient, _LINKED)
structures_named, plan_named, dose_named, record_named = map(_other_name, _LINKED)
structures_study, plan_study, dose_study, record_study = map(_other_study, _LINKED)
structures_frame, plan_frame, dose_frame, record_frame = map(_other_frame, _LINKED)


@in_one(Kind.STRUCTURES, by_links("case-structures-of-other-images"), "The structures were drawn on another series.")
def other_series(dataset: Dataset, dice: Dice) -> Record:
    _series(dataset).SeriesInstanceUID = OTHER_UID
    return {"series": OTHER_UID}


@in_one(Kind.STRUCTURES, by_links("case-images-missing"), "The structure set names an image that is not there.")
def image_unknown(dataset: Dataset, dice: Dice) -> Record:
    dice.pick(list(_series(dataset).ContourImageSequence)).ReferencedSOPInstanceUID = OTHER_UID
    return {"image": OTHER_UID}


@in_one(Kind.STRUCTURES, by_links("case-images-not-referenced"), "The structure set leaves out images of its series.")
def image_left_out(dataset: Dataset, dice: Dice) -> Record:
    images, count = list(_series(dataset).ContourImageSequence), dice.randrange(1, 5)
    _series(dataset).ContourImageSequence = images[count:]
    return {"images_left_out": str(count)}


@in_one(Kind.PLAN, by_links("case-plan-of-other-structures"), "The plan was made on another structure set.")
def other_structures(dataset: Dataset, dice: Dice) -> Record:
    dataset.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID = OTHER_UID
    return {"structure_set": OTHER_UID}


@in_one(
    Kind.PLAN, by_links("case-prescription-of-no-structure"), "The prescription is for a structure that is not there."
)
def prescribed_to_nobody(dataset: Dataset, dice: Dice) -> Record:
    dataset.DoseReferenceSequence[0].ReferencedROINumber = dice.randrange(500, 900)
    return {"number": str(dataset.DoseReferenceSequence[0].ReferencedROINumber)}


@in_one(Kind.DOSE, by_links("case-dose-of-other-plan"), "The dose is that of another plan.")
def of_other_plan(dataset: Dataset, dice: Dice) -> Record:
    dataset.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = OTHER_UID
    return {"plan": OTHER_UID}


@in_one(Kind.DOSE, by_links("case-dose-of-no-beam"), "The dose is that of a beam which the plan has not.")
def of_no_beam(dataset: Dataset, dice: Dice) -> Record:
    beam, group = Dataset(), Dataset()
    beam.ReferencedBeamNumber = dice.randrange(40, 90)
    group.ReferencedFractionGroupNumber, group.ReferencedBeamSequence = 1, [beam]
    dataset.ReferencedRTPlanSequence[0].ReferencedFractionGroupSequence = [group]
    return {"beam": str(beam.ReferencedBeamNumber)}


@in_one(Kind.RECORD, by_links("case-treatment-of-other-plan"), "The session was one of another plan.")
def session_of_other_plan(dataset: Dataset, dice: Dice) -> Record:
    dataset.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = OTHER_UID
    return {"plan": OTHER_UID}


@in_one(Kind.RECORD, by_links("case-treatment-of-no-beam"), "A beam was given that the plan has not.")
def beam_of_no_plan(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.TreatmentSessionBeamSequence))
    beam.ReferencedBeamNumber = dice.randrange(40, 90)
    return {"beam": str(beam.ReferencedBeamNumber)}


@in_one(Kind.DOSE, by_codec("case-instance-differs"), "The dose has the plan's UID.")
def uid_of_the_plan(dataset: Dataset, dice: Dice) -> Record:
    dataset.SOPInstanceUID = dataset.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID
    return {"uid": dataset.SOPInstanceUID}


@in_one(Kind.PLAN, by_links("case-plan-of-other-doses"), "The plan names a dose that is not there.")
def dose_unknown(dataset: Dataset, dice: Dice) -> Record:
    return put(dataset.ReferencedDoseSequence[0], "ReferencedSOPInstanceUID", "2.25.997")


@in_one(
    Kind.RECORD,
    by_links("case-treatment-of-no-group"),
    "The session belongs to a fraction group that the plan has not.",
)
def group_unknown(dataset: Dataset, dice: Dice) -> Record:
    return put(dataset, "ReferencedFractionGroupNumber", dice.randrange(5, 50))


def _series(dataset: Dataset) -> Dataset:
    frame: Dataset = dataset.ReferencedFrameOfReferenceSequence[0]
    series: Dataset = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    return series
