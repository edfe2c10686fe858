"""Faults of a dose: units, scaling, planes, what it is a dose of, and where it lies."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import put
from demo.radiotherapy.faults.fault import LATER, Record, by_codec, by_geometry, in_one
from demo.radiotherapy.objects import Kind

RD = Kind.DOSE


@in_one(RD, by_codec("dose-not-in-gray"), "The dose is in percent of something.")
def relative(dataset: Dataset, dice: Dice) -> Record:
    dataset.DoseUnits = dice.pick(("RELATIVE", ""))
    return {"units": dataset.DoseUnits}


@in_one(
    RD,
    by_codec("dose-scaling", "dicom-attribute-missing", "dicom-attribute-invalid"),
    "Nobody can say what a stored value is in gray.",
)
def scaling_lost(dataset: Dataset, dice: Dice) -> Record:
    dataset.DoseGridScaling = dice.pick(("", "0", "-0.001", "nan"))
    return {"scaling": str(dataset.DoseGridScaling)}


@in_one(RD, by_codec("dose-offsets-uneven"), "A plane of the dose is not where equal steps would put it.")
def plane_moved(dataset: Dataset, dice: Dice) -> Record:
    offsets = [float(one) for one in dataset.GridFrameOffsetVector]
    plane, by_mm = dice.randrange(1, len(offsets) - 1), dice.uniform(0.1, 1.0) * dice.pick((-1, 1))
    offsets[plane] += by_mm
    dataset.GridFrameOffsetVector = [f"{one:.4f}" for one in offsets]
    return {"plane": str(plane + 1), "by_mm": f"{by_mm:.3f}"}


@in_one(RD, by_codec("dose-offsets-unclear"), "The first offset is neither zero nor the first plane's height.")
def offsets_unclear(dataset: Dataset, dice: Dice) -> Record:
    by_mm = dice.uniform(3000, 5000)
    dataset.GridFrameOffsetVector = [f"{float(one) + by_mm:.4f}" for one in dataset.GridFrameOffsetVector]
    return {"first_mm": f"{by_mm:.2f}"}


@in_one(RD, by_codec("dicom-attribute-invalid"), "There are fewer offsets than planes.")
def offsets_short(dataset: Dataset, dice: Dice) -> Record:
    count = dice.randrange(1, 5)
    dataset.GridFrameOffsetVector = list(dataset.GridFrameOffsetVector)[:-count]
    return {"offsets_lost": str(count)}


@in_one(RD, by_codec("dicom-pixels-short"), "Planes of the dose are missing from its pixels.")
def planes_short(dataset: Dataset, dice: Dice) -> Record:
    left = int(len(dataset.PixelData) * dice.uniform(0.1, 0.9)) // 4 * 4
    dataset.PixelData = dataset.PixelData[:left]
    return {"bytes_left": str(left)}


@in_one(RD, by_codec("dicom-attribute-missing", "dose-without-grid"), "The dose does not say where its grid lies.")
def grid_lost(dataset: Dataset, dice: Dice) -> Record:
    keyword = dice.pick(("PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "Rows"))
    delattr(dataset, keyword)
    return {"attribute": keyword}


@in_one(RD, by_codec("dose-has-negative"), "The dose is negative in some voxels.")
def negative(dataset: Dataset, dice: Dice) -> Record:
    values, count = np.frombuffer(dataset.PixelData, "<i4").copy(), dice.randrange(1, 50)
    values[: count * 7 : 7] = -dice.randrange(1_000_000, 900_000_000)
    dataset.PixelData, dataset.PixelRepresentation = values.tobytes(), 1
    return {"voxels": str(count)}


@in_one(RD, by_codec("dose-not-physical"), "The dose is a biologically weighted one, or an error.")
def not_physical(dataset: Dataset, dice: Dice) -> Record:
    dataset.DoseType = dice.pick(("EFFECTIVE", "ERROR"))
    return {"kind": dataset.DoseType}


@in_one(RD, by_codec("dose-not-of-plan"), "The dose is that of one fraction or beam, not of the whole plan.")
def of_a_part(dataset: Dataset, dice: Dice) -> Record:
    dataset.DoseSummationType = dice.pick(("FRACTION", "BEAM", "MULTI_PLAN", "CONTROL_POINT"))
    return {"summation": dataset.DoseSummationType}


@in_one(RD, by_codec("dose-without-plan"), "The dose does not say of which plan it is.")
def without_plan(dataset: Dataset, dice: Dice) -> Record:
    del dataset.ReferencedRTPlanSequence
    return {}


@in_one(RD, by_codec("dicom-attribute-missing"), "An attribute that says what the dose is, or is one of, is missing.")
def attribute_missing(dataset: Dataset, dice: Dice) -> Record:
    keyword = dice.pick(("DoseType", "DoseSummationType", "SOPInstanceUID", "SeriesInstanceUID"))
    delattr(dataset, keyword)
    return {"attribute": keyword}


@in_one(RD, by_geometry("target-outside-dose"), "The dose grid ends within the target.")
def grid_too_small(dataset: Dataset, dice: Dice) -> Record:
    share = dice.uniform(0.45, 0.6)
    lost = int(dataset.NumberOfFrames * share)
    frame = 4 * dataset.Rows * dataset.Columns
    dataset.PixelData = dataset.PixelData[: frame * (dataset.NumberOfFrames - lost)]
    dataset.GridFrameOffsetVector = list(dataset.GridFrameOffsetVector)[:-lost]
    dataset.NumberOfFrames -= lost
    return {"planes_lost": str(lost)}


@in_one(RD, by_geometry("target-outside-dose"), "The dose lies beside the patient.")
def far_beside(dataset: Dataset, dice: Dice) -> Record:
    by_mm = dice.uniform(300, 900) * dice.pick((-1, 1))
    _shift(dataset, by_mm)
    return {"by_mm": f"{by_mm:.1f}"}


@in_one(RD, LATER, "The dose lies a little beside where it belongs.")
def shifted(dataset: Dataset, dice: Dice) -> Record:
    by_mm = dice.uniform(4, 12) * dice.pick((-1, 1))
    _shift(dataset, by_mm)
    return {"by_mm": f"{by_mm:.2f}"}


@in_one(RD, LATER, "All doses are too high or too low by one factor.")
def scaled(dataset: Dataset, dice: Dice) -> Record:
    factor = dice.pick((dice.uniform(0.02, 0.95), dice.uniform(1.05, 3.0)))
    dataset.DoseGridScaling = f"{float(dataset.DoseGridScaling) * factor:.9e}"[:16]
    return {"factor": f"{factor:.4f}"}


@in_one(RD, LATER, "The dose is said to run from feet to head and does the opposite.")
def planes_reversed(dataset: Dataset, dice: Dice) -> Record:
    shape = (int(dataset.NumberOfFrames), int(dataset.Rows), int(dataset.Columns))
    values = np.frombuffer(dataset.PixelData, "<u4").reshape(shape)
    dataset.PixelData = np.ascontiguousarray(values[::-1]).tobytes()
    return {}


@in_one(RD, LATER, "The dose has a hot spot that no beam could make.")
def hot_spot(dataset: Dataset, dice: Dice) -> Record:
    values = np.frombuffer(dataset.PixelData, "<u4").copy()
    place, factor = dice.randrange(len(values)), dice.uniform(1.5, 1.9)
    # The scaling makes room: what was the highest dose stays what it was.
    values = np.rint(values / 2).astype("<u4")
    values[place] = int(values.max() * factor)
    dataset.PixelData, dataset.DoseGridScaling = values.tobytes(), f"{float(dataset.DoseGridScaling) * 2:.9e}"[:16]
    return {"voxel": str(place), "factor": f"{factor:.2f}"}


@in_one(RD, by_codec("dicom-attribute-missing"), "The dose does not say in which frame of reference it lies.")
def without_frame(dataset: Dataset, dice: Dice) -> Record:
    del dataset.FrameOfReferenceUID
    return {}


@in_one(RD, by_codec("dose-all-zero"), "The dose is nothing everywhere.")
def nothing(dataset: Dataset, dice: Dice) -> Record:
    dataset.PixelData = bytes(len(dataset.PixelData))
    return {}


@in_one(RD, by_codec("dose-beyond", "dose-tiny"), "The doses are in no range that is ever given.")
def beyond(dataset: Dataset, dice: Dice) -> Record:
    return put(dataset, "DoseGridScaling", dice.pick((1e9, 1e-30)))


def _shift(dataset: Dataset, by_mm: float) -> None:
    row = [float(one) for one in dataset.ImageOrientationPatient][:3]
    corner = [float(one) for one in dataset.ImagePositionPatient]
    dataset.ImagePositionPatient = [f"{one + by_mm * along:.5f}" for one, along in zip(corner, row, strict=True)]
