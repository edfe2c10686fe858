"""Faults of CT slices: mixed, missing, twice, tilted, and with numbers that are none."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import MRImageStorage

from demo.dice import Dice
from demo.radiotherapy.faults.editing import edited, put
from demo.radiotherapy.faults.fault import (
    LATER,
    Record,
    Spoiled,
    between,
    by_codec,
    by_links,
    changed,
    fault,
    in_all,
    in_one,
)
from demo.radiotherapy.objects import Kind, Objects
from tianfu.standards.dicom.grids import Floats

CT = Kind.CT
OTHER_UID = "2.25.999"


@fault(CT, by_codec("images-missing-slice"), "A slice within the series is missing.")
def slice_missing(objects: Objects, dice: Dice) -> Spoiled:
    files = list(objects.of(CT))
    first = between(objects, CT, dice)
    count = dice.randrange(1, min(4, len(files) - first))
    del files[first : first + count]
    return Spoiled(
        objects=objects.with_files(CT, tuple(files)), record={"first": str(first + 1), "slices_missing": str(count)}
    )


@fault(CT, by_links("case-images-missing"), "The last slices of the series are missing.")
def end_missing(objects: Objects, dice: Dice) -> Spoiled:
    files = objects.of(CT)
    count = dice.randrange(1, 4)
    kept = files[count:] if dice.happens(0.5) else files[:-count]
    return Spoiled(objects=objects.with_files(CT, kept), record={"slices_missing": str(count)})


@fault(CT, by_codec("images-duplicate-position"), "A slice is there twice under two UIDs.")
def slice_twice(objects: Objects, dice: Dice) -> Spoiled:
    files = objects.of(CT)
    number = dice.randrange(len(files))
    twin = edited(files[number], lambda dataset: setattr(dataset, "SOPInstanceUID", OTHER_UID))
    return Spoiled(objects=objects.with_files(CT, (*files, twin)), record={"object": str(number + 1)})


@fault(CT, by_codec("case-instance-differs"), "Two slices with different pixels have one UID.")
def same_uid(objects: Objects, dice: Dice) -> Spoiled:
    files = list(objects.of(CT))
    one, other = dice.sample(range(len(files)), 2)
    taken: list[str] = []
    edited(files[one], lambda dataset: taken.append(dataset.SOPInstanceUID))
    files[other] = edited(files[other], lambda dataset: setattr(dataset, "SOPInstanceUID", taken[0]))
    return Spoiled(objects=objects.with_files(CT, tuple(files)), record={"object": str(other + 1), "as": str(one + 1)})


@fault(CT, by_codec("images-tilted"), "The gantry was tilted: each slice is shifted against the one below.")
def tilted(objects: Objects, dice: Dice) -> Spoiled:
    degrees = dice.uniform(2, 20) * dice.pick((-1, 1))
    first: list[Floats] = []

    def change(dataset: Dataset) -> None:
        corner, axes = _corner(dataset), _axes(dataset)
        first.append(corner)
        height = float((corner - first[0]) @ np.cross(axes[0], axes[1]))
        _move(dataset, axes[1] * height * np.tan(np.radians(degrees)))

    files = tuple(edited(content, change) for content in objects.of(CT))
    return Spoiled(objects=objects.with_files(CT, files), record={"tilt_degrees": f"{degrees:.2f}"})


@in_all(CT, by_codec("images-tilt-stated"), "The slices say that the gantry was tilted, and lie as if it was not.")
def tilt_stated(dataset: Dataset, dice: Dice) -> Record:
    dataset.GantryDetectorTilt = f"{dice.uniform(1, 25):.1f}"
    return {"tilt_degrees": str(dataset.GantryDetectorTilt)}


@in_one(CT, by_codec("images-mixed-patients"), "A slice of somebody else has got into the series.")
def mixed_patient(dataset: Dataset, dice: Dice) -> Record:
    dataset.PatientID = f"DEMO-{dice.randrange(70_000, 80_000)}"
    dataset.PatientName = dice.pick(("示例^甲", "示例^乙"))
    return {"patient": dataset.PatientID}


@in_one(CT, by_codec("images-mixed-studies"), "A slice of another examination has got into the series.")
def mixed_study(dataset: Dataset, dice: Dice) -> Record:
    dataset.StudyInstanceUID = OTHER_UID
    return {"study": OTHER_UID}


@in_one(CT, by_codec("images-mixed-frames"), "A slice has a frame of reference of its own.")
def mixed_frame(dataset: Dataset, dice: Dice) -> Record:
    dataset.FrameOfReferenceUID = OTHER_UID
    return {"frame": OTHER_UID}


@in_one(CT, by_codec("images-mixed-orientations"), "A slice is turned in its plane against the others.")
def mixed_orientation(dataset: Dataset, dice: Dice) -> Record:
    turn = np.radians(dice.uniform(1, 30))
    row, column = _axes(dataset)
    turned = np.cos(turn) * row + np.sin(turn) * column, np.cos(turn) * column - np.sin(turn) * row
    dataset.ImageOrientationPatient = [f"{value:.8f}" for value in np.concatenate(turned)]
    return {"turn_degrees": f"{np.degrees(turn):.2f}"}


@in_one(CT, by_codec("images-mixed-spacings"), "A slice has pixels of another size.")
def mixed_spacing(dataset: Dataset, dice: Dice) -> Record:
    return _scale_pixels(dataset, dice.uniform(1.01, 1.3))


@in_one(CT, by_codec("images-mixed-sizes"), "A slice has fewer rows than the others.")
def mixed_size(dataset: Dataset, dice: Dice) -> Record:
    lost = dice.randrange(1, dataset.Rows // 2)
    dataset.Rows -= lost
    dataset.PixelData = dataset.PixelData[: 2 * dataset.Rows * dataset.Columns]
    return {"rows_lost": str(lost)}


@fault(CT, by_codec("images-uneven-spacing"), "A slice lies nearer to one neighbour than to the other.")
def uneven(objects: Objects, dice: Dice) -> Spoiled:
    return changed(objects, CT, between(objects, CT, dice), _shift_along, dice)


def _shift_along(dataset: Dataset, dice: Dice) -> Record:
    by_mm = float(dataset.SliceThickness) * dice.uniform(0.15, 0.4)
    axes = _axes(dataset)
    _move(dataset, np.cross(axes[0], axes[1]) * by_mm)
    return {"by_mm": f"{by_mm:.2f}"}


@fault(CT, by_codec("images-missing-slice"), "A slice within the series has the UID of another series.")
def series_split(objects: Objects, dice: Dice) -> Spoiled:
    return changed(objects, CT, between(objects, CT, dice), _other_series, dice)


def _other_series(dataset: Dataset, dice: Dice) -> Record:
    dataset.SeriesInstanceUID = OTHER_UID
    return {"series": OTHER_UID}


@fault(CT, by_codec("images-missing-slice"), "A slice within the series says that it is a magnetic resonance image.")
def other_class(objects: Objects, dice: Dice) -> Spoiled:
    return changed(objects, CT, between(objects, CT, dice), _magnetic, dice)


def _magnetic(dataset: Dataset, dice: Dice) -> Record:
    dataset.SOPClassUID, dataset.Modality = MRImageStorage, "MR"
    return {"modality": "MR"}


@in_one(
    CT,
    by_codec("dicom-attribute-missing"),
    "A slice does not say how large its pixels are, where it lies, or what its values mean.",
)
def attribute_missing(dataset: Dataset, dice: Dice) -> Record:
    keyword = dice.pick(
        (
            "PixelSpacing",
            "ImagePositionPatient",
            "ImageOrientationPatient",
            "RescaleSlope",
            "RescaleIntercept",
            "Rows",
            "PixelData",
            "StudyInstanceUID",
            "SOPInstanceUID",
            "BitsAllocated",
        )
    )
    delattr(dataset, keyword)
    return {"attribute": keyword}


@in_all(CT, by_codec("dicom-attribute-missing"), "No slice says in which frame of reference it lies.")
def without_frame(dataset: Dataset, dice: Dice) -> Record:
    del dataset.FrameOfReferenceUID
    return {}


@in_one(CT, by_codec("dicom-attribute-invalid"), "A number of a slice is none, or beyond all measure.")
def attribute_broken(dataset: Dataset, dice: Dice) -> Record:
    keyword, value = dice.pick(
        (
            ("ImagePositionPatient", ["nan", "0", "0"]),
            ("ImagePositionPatient", ["1e300", "0", "0"]),
            ("ImagePositionPatient", ["0", "0"]),
            ("ImageOrientationPatient", ["1", "0", "0", "0", "1"]),
            ("PixelSpacing", ["0", "0"]),
            ("PixelSpacing", ["-1", "1"]),
            ("RescaleSlope", "0"),
            ("BitsStored", 17),
            ("SOPInstanceUID", "2.25.abc"),
        )
    )
    setattr(dataset, keyword, value)
    return {"attribute": keyword, "value": str(value)}


@in_one(CT, by_codec("image-axes-not-orthogonal"), "Rows and columns of a slice are no right angle.")
def skew(dataset: Dataset, dice: Dice) -> Record:
    turn = np.radians(dice.uniform(0.5, 10))
    row, column = _axes(dataset)
    dataset.ImageOrientationPatient = [
        f"{value:.8f}" for value in np.concatenate([row, np.cos(turn) * column + np.sin(turn) * row])
    ]
    return {"skew_degrees": f"{np.degrees(turn):.2f}"}


@in_one(CT, by_codec("dicom-pixels-short"), "A slice has fewer pixels than its rows and columns.")
def pixels_short(dataset: Dataset, dice: Dice) -> Record:
    left = 2 * dice.randrange(1, len(dataset.PixelData) // 2)
    dataset.PixelData = dataset.PixelData[:left]
    return {"bytes_left": str(left)}


@in_one(CT, by_codec("dicom-pixels-not-grey"), "A slice is a colour picture.")
def colour(dataset: Dataset, dice: Dice) -> Record:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
    return {"samples": "3"}


@in_all(CT, by_codec("dicom-too-many-voxels"), "The slices claim to be larger than any image is.")
def too_large(dataset: Dataset, dice: Dice) -> Record:
    dataset.Rows = dataset.Columns = dice.randrange(40_000, 65_536)
    return {"rows": str(dataset.Rows)}


@in_all(CT, by_codec("images-thickness-differs"), "The slices say another thickness than their distance.")
def thickness_differs(dataset: Dataset, dice: Dice) -> Record:
    thickness_mm = float(dataset.SliceThickness) * dice.pick((0.5, 1.5, 2.0))
    dataset.SliceThickness = f"{thickness_mm:.3f}"
    return {"thickness_mm": str(dataset.SliceThickness)}


@in_all(CT, by_codec("images-position-unsaid"), "Nobody knows how the patient lay.")
def position_unsaid(dataset: Dataset, dice: Dice) -> Record:
    dataset.PatientPosition = ""
    return {}


@in_all(CT, LATER, "All slices say that their pixels are larger than they are: the patient has grown.")
def wrong_spacing(dataset: Dataset, dice: Dice) -> Record:
    return _scale_pixels(dataset, dice.uniform(1.03, 1.2))


@in_all(CT, LATER, "Hounsfield units are off by a constant: water is no longer near zero.")
def wrong_intercept(dataset: Dataset, dice: Dice) -> Record:
    shift = dice.randrange(100, 1100) * dice.pick((-1, 1))
    dataset.RescaleIntercept = str(int(dataset.RescaleIntercept) + shift)
    return {"shift_hu": str(shift)}


@in_all(CT, LATER, "The images say that the patient lay feet first, the plan that he lay head first.")
def wrong_position(dataset: Dataset, dice: Dice) -> Record:
    dataset.PatientPosition = dice.pick(("FFS", "HFP", "FFP"))
    return {"position": dataset.PatientPosition}


@fault(CT, LATER, "The pixels of two slices are exchanged.")
def pixels_exchanged(objects: Objects, dice: Dice) -> Spoiled:
    files, pixels = list(objects.of(CT)), dict[int, bytes]()
    one = dice.randrange(len(files) // 2)
    other = len(files) - 1 - one
    for number in (one, other):
        edited(files[number], lambda dataset, number=number: pixels.update({number: dataset.PixelData}))  # type: ignore[misc]  # mypy infers no lambda with a default
    files[one] = edited(files[one], lambda dataset: setattr(dataset, "PixelData", pixels[other]))
    files[other] = edited(files[other], lambda dataset: setattr(dataset, "PixelData", pixels[one]))
    return Spoiled(objects=objects.with_files(CT, tuple(files)), record={"one": str(one + 1), "other": str(other + 1)})


@in_all(CT, LATER, "The pixels of every slice are mirrored from left to right.")
def mirrored(dataset: Dataset, dice: Dice) -> Record:
    pixels = np.frombuffer(dataset.PixelData, "<i2").reshape(dataset.Rows, dataset.Columns)
    dataset.PixelData = np.ascontiguousarray(pixels[:, ::-1]).tobytes()
    return {}


@in_all(
    CT,
    by_codec("dicom-attribute-invalid", "images-hounsfield-beyond"),
    "Hounsfield units are beyond all that a scanner measures.",
)
def hounsfield_beyond(dataset: Dataset, dice: Dice) -> Record:
    return put(dataset, "RescaleSlope", dice.pick((50, 1e30)))


def _axes(dataset: Dataset) -> Floats:
    return np.array(dataset.ImageOrientationPatient, dtype=np.float64).reshape(2, 3)


def _corner(dataset: Dataset) -> Floats:
    return np.array(dataset.ImagePositionPatient, dtype=np.float64)


def _move(dataset: Dataset, by: Floats) -> None:
    dataset.ImagePositionPatient = [f"{value:.6f}" for value in _corner(dataset) + by]


def _scale_pixels(dataset: Dataset, factor: float) -> Record:
    dataset.PixelSpacing = [f"{float(value) * factor:.6f}" for value in dataset.PixelSpacing]
    return {"factor": f"{factor:.4f}"}
