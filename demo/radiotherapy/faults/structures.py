"""Faults of a structure set as an object: numbers, names, frames, references."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import contours_by_structure, put
from demo.radiotherapy.faults.fault import LATER, Record, by_codec, in_one
from demo.radiotherapy.objects import Kind

RS = Kind.STRUCTURES


@in_one(RS, by_codec("structures-same-number"), "Two structures have one number.")
def same_number(dataset: Dataset, dice: Dice) -> Record:
    one, other = dice.sample(list(dataset.StructureSetROISequence), 2)
    other.ROINumber = one.ROINumber
    return {"number": str(one.ROINumber), "structure": other.ROIName}


@in_one(RS, by_codec("structures-same-name"), "Two structures have one name.")
def same_name(dataset: Dataset, dice: Dice) -> Record:
    one, other = dice.sample(list(dataset.StructureSetROISequence), 2)
    before, other.ROIName = other.ROIName, one.ROIName
    return {"name": one.ROIName, "before": before}


@in_one(RS, by_codec("structures-mixed-frames"), "A structure was drawn in another frame of reference.")
def mixed_frames(dataset: Dataset, dice: Dice) -> Record:
    roi = dice.pick(list(dataset.StructureSetROISequence))
    roi.ReferencedFrameOfReferenceUID = "2.25.999"
    return {"structure": roi.ROIName}


@in_one(RS, by_codec("structure-empty"), "A structure has no contours.")
def without_contours(dataset: Dataset, dice: Dice) -> Record:
    name, item = _pick(dataset, dice)
    del item.ContourSequence
    return {"structure": name}


@in_one(RS, by_codec("contours-of-no-structure"), "Contours belong to a structure that is not there.")
def contours_of_nobody(dataset: Dataset, dice: Dice) -> Record:
    rois = list(dataset.StructureSetROISequence)
    lost = rois.pop(dice.randrange(len(rois)))
    dataset.StructureSetROISequence = rois
    return {"structure": lost.ROIName}


@in_one(RS, by_codec("structures-without-images"), "The structure set does not say on which images it was drawn.")
def without_images(dataset: Dataset, dice: Dice) -> Record:
    del dataset.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence
    return {}


@in_one(RS, by_codec("dicom-attribute-missing"), "A number by which a structure is known, or a UID, is missing.")
def attribute_missing(dataset: Dataset, dice: Dice) -> Record:
    keyword = dice.pick(("SOPInstanceUID", "SeriesInstanceUID", "ROINumber", "ReferencedROINumber"))
    holder = {
        "ROINumber": dataset.StructureSetROISequence[0],
        "ReferencedROINumber": dataset.ROIContourSequence[0],
    }.get(keyword, dataset)
    delattr(holder, keyword)
    return {"attribute": keyword}


@in_one(RS, by_codec("dicom-attribute-invalid"), "A UID holds letters.")
def broken_uid(dataset: Dataset, dice: Dice) -> Record:
    keyword = dice.pick(("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"))
    setattr(dataset, keyword, "2.25.xyz")
    return {"attribute": keyword}


@in_one(RS, LATER, "Left and right are exchanged in the names of a pair.")
def left_right_names(dataset: Dataset, dice: Dice) -> Record:
    pairs = [
        (one, other)
        for one in dataset.StructureSetROISequence
        for other in dataset.StructureSetROISequence
        if one.ROIName.endswith("_L") and other.ROIName == one.ROIName[:-1] + "R"
    ]
    left, right = dice.pick(pairs) if pairs else dice.sample(list(dataset.StructureSetROISequence), 2)
    left.ROIName, right.ROIName = right.ROIName, left.ROIName
    return {"one": right.ROIName, "other": left.ROIName}


@in_one(RS, LATER, "A structure has got a name that no list knows.")
def renamed(dataset: Dataset, dice: Dice) -> Record:
    roi = dice.pick(list(dataset.StructureSetROISequence))
    before, roi.ROIName = roi.ROIName, f"New ROI {dice.randrange(1, 99)}"
    return {"before": before, "name": roi.ROIName}


@in_one(RS, LATER, "The target is said to be an organ.")
def target_as_organ(dataset: Dataset, dice: Dice) -> Record:
    targets = [one for one in dataset.RTROIObservationsSequence if one.RTROIInterpretedType == "PTV"]
    target = dice.pick(targets)
    target.RTROIInterpretedType = "ORGAN"
    return {"number": str(target.ReferencedROINumber)}


@in_one(RS, LATER, "A structure is shifted as a whole within its slices.")
def shifted(dataset: Dataset, dice: Dice) -> Record:
    name, item = _pick(dataset, dice)
    by_mm, axes = dice.uniform(5, 20) * dice.pick((-1, 1)), _plane_axes(item)
    for contour in item.ContourSequence:
        points = np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3) + by_mm * axes[0]
        contour.ContourData = [f"{value:.4f}" for value in points.reshape(-1)]
    return {"structure": name, "by_mm": f"{by_mm:.2f}"}


@in_one(RS, LATER, "The highest planes of a structure were never drawn.")
def end_not_drawn(dataset: Dataset, dice: Dice) -> Record:
    name, item = _pick(dataset, dice)
    contours = list(item.ContourSequence)
    kept = contours[: int(len(contours) * dice.uniform(0.6, 0.9))]
    planes = {tuple(contour.ContourData[2::3])[:1] for contour in kept}
    item.ContourSequence = kept
    return {"structure": name, "contours_lost": str(len(contours) - len(kept)), "planes_left": str(len(planes))}


@in_one(RS, by_codec("structures-without-observations"), "Nothing says which structure is a target and which an organ.")
def observations_lost(dataset: Dataset, dice: Dice) -> Record:
    del dataset.RTROIObservationsSequence
    return {}


@in_one(RS, by_codec("structure-nameless"), "A structure has no name.")
def nameless(dataset: Dataset, dice: Dice) -> Record:
    roi = dice.pick(list(dataset.StructureSetROISequence))
    return {"before": str(roi.ROIName), **put(roi, "ROIName", "")}


def _pick(dataset: Dataset, dice: Dice) -> tuple[str, Dataset]:
    return dice.pick(list(contours_by_structure(dataset, least=6)))


def _plane_axes(item: Dataset) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Two directions in the plane of a structure's largest contour."""
    largest = max(item.ContourSequence, key=lambda contour: int(contour.NumberOfContourPoints))
    points = np.array(largest.ContourData, dtype=np.float64).reshape(-1, 3)
    return np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][:2]
