"""Faults of single contours: broken ones, flawed ones, forgotten ones."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import contours_by_structure, put
from demo.radiotherapy.faults.fault import Record, by_codec, by_geometry, by_links, in_one
from demo.radiotherapy.objects import Kind
from tianfu.standards.dicom.grids import Floats

RS = Kind.STRUCTURES


@in_one(RS, by_codec("ring-too-few-points"), "A contour has two points only.")
def two_points(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    return _redraw(contour, name, _points(contour)[:2])


@in_one(RS, by_codec("ring-closed-twice"), "A contour repeats its first point as its last.")
def closed_twice(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    points = _points(contour)
    return _redraw(contour, name, np.vstack([points, points[:1]]))


@in_one(RS, by_codec("ring-not-planar"), "A contour is said to be no plane one.")
def not_planar(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    contour.ContourGeometricType = "OPEN_NONPLANAR"
    return {"structure": name}


@in_one(
    RS, by_codec("rings-of-two-kinds"), "One contour of a structure is to be taken exclusively, the others are not."
)
def two_kinds(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    contour.ContourGeometricType = "CLOSEDPLANAR_XOR"
    return {"structure": name}


@in_one(RS, by_codec("ring-count-differs"), "A contour says another number of points than it has.")
def count_differs(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    contour.NumberOfContourPoints += dice.randrange(1, 40)
    return {"structure": name, "stated": str(contour.NumberOfContourPoints)}


@in_one(RS, by_codec("contour-broken"), "A contour lacks the last coordinate of its last point.")
def coordinate_lost(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    contour.ContourData = list(contour.ContourData)[: -dice.pick((1, 2))]
    return {"structure": name}


@in_one(RS, by_codec("contour-broken", "dicom-attribute-invalid"), "A point of a contour lies far beyond any patient.")
def point_far_away(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    points = _points(contour)
    points[dice.randrange(len(points))] += 10 ** dice.uniform(5.5, 9)
    return _redraw(contour, name, points)


@in_one(RS, by_codec("dicom-attribute-invalid"), "A coordinate of a contour is no number.")
def coordinate_no_number(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    numbers = [f"{value:.4f}" for value in _points(contour).reshape(-1)]
    numbers[dice.randrange(len(numbers))] = dice.pick(("nan", "inf"))
    contour.ContourData = numbers
    return {"structure": name}


@in_one(RS, by_links("case-ring-of-other-image"), "A contour says that it was drawn on an image that is not there.")
def other_image(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    contour.ContourImageSequence[0].ReferencedSOPInstanceUID = "2.25.999"
    return {"structure": name}


@in_one(RS, by_geometry("structure-slice-missing"), "A slice of a structure was forgotten.")
def slice_forgotten(dataset: Dataset, dice: Dice) -> Record:
    name, item = dice.pick([pair for pair in contours_by_structure(dataset, least=6) if len(_planes(pair[1])) >= 6])
    planes = _planes(item)
    first = dice.randrange(2, len(planes) - 3)
    lost = [contour for plane in planes[first : first + dice.randrange(1, 3)] for contour in plane]
    item.ContourSequence = [contour for contour in item.ContourSequence if not any(contour is one for one in lost)]
    return {"structure": name, "contours_lost": str(len(lost))}


@in_one(RS, by_geometry("ring-crosses-itself"), "A contour crosses itself like an eight.")
def crosses_itself(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice, least_points=12)
    points = _points(contour)
    third = len(points) // 3
    points[third : 2 * third] = points[third : 2 * third][::-1].copy()
    return _redraw(contour, name, points)


@in_one(RS, by_geometry("ring-repeats-points"), "Points of a contour come several times in a row.")
def repeats_points(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    points, times = _points(contour), dice.randrange(2, 9)
    place = dice.randrange(1, len(points) - 1)
    return _redraw(contour, name, np.insert(points, [place] * times, points[place], axis=0))


@in_one(RS, by_geometry("ring-without-area"), "A contour runs forth and back on one line.")
def without_area(dataset: Dataset, dice: Dice) -> Record:
    name, contour = _pick(dataset, dice)
    points = _points(contour)
    return _redraw(
        contour, name, np.array([points[0], points[len(points) // 2], (points[0] + points[len(points) // 2]) / 2])
    )


@in_one(RS, by_geometry("rings-cross-each-other"), "A contour was drawn a second time, a little beside the first.")
def drawn_twice(dataset: Dataset, dice: Dice) -> Record:
    name, item = dice.pick(list(contours_by_structure(dataset, least=6)))
    contours = list(item.ContourSequence)
    contour = max(contours, key=lambda one: int(one.NumberOfContourPoints))
    points = _points(contour)
    middle, by = points.mean(axis=0), dice.uniform(0.05, 0.2)
    twin = Dataset()
    twin.update(contour)
    along = np.linalg.svd(points - middle, full_matrices=False)[2][0]
    _redraw(twin, name, points + along * by * np.abs((points - middle) @ along).max())
    item.ContourSequence = [*contours, twin]
    return {"structure": name, "by_share": f"{by:.3f}"}


@in_one(RS, by_geometry("contour-not-in-plane"), "A contour is tilted against the slices.")
def tilted(dataset: Dataset, dice: Dice) -> Record:
    name, item = dice.pick(list(contours_by_structure(dataset, least=6)))
    contour = max(item.ContourSequence, key=lambda one: int(one.NumberOfContourPoints))
    points, degrees = _points(contour), dice.uniform(3, 15)
    axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2]
    height = (points - points.mean(axis=0)) @ axes[0] * np.tan(np.radians(degrees))
    return {**_redraw(contour, name, points + height[:, None] * axes[2]), "tilt_degrees": f"{degrees:.2f}"}


@in_one(
    RS,
    by_links("case-ring-of-another-slice"),
    "A contour says that it was drawn on another slice than the one it lies on.",
)
def image_of_another_slice(dataset: Dataset, dice: Dice) -> Record:
    name, item = dice.pick(list(contours_by_structure(dataset, least=6)))
    first, last = item.ContourSequence[0], item.ContourSequence[-1]
    image = last.ContourImageSequence[0].ReferencedSOPInstanceUID
    return {"structure": name, **put(first.ContourImageSequence[0], "ReferencedSOPInstanceUID", image)}


def _points(contour: Dataset) -> Floats:
    return np.array(contour.ContourData, dtype=np.float64).reshape(-1, 3)


def _pick(dataset: Dataset, dice: Dice, *, least_points: int = 4) -> tuple[str, Dataset]:
    """A contour, neither of the body nor a tiny one."""
    return dice.pick(
        [
            (name, contour)
            for name, item in contours_by_structure(dataset, least=6)
            for contour in item.ContourSequence
            if int(contour.NumberOfContourPoints) >= least_points
        ]
    )


def _redraw(contour: Dataset, name: str, points: Floats) -> Record:
    contour.ContourData = [f"{value:.4f}" if abs(value) < 1e9 else f"{value:.8e}" for value in points.reshape(-1)]
    contour.NumberOfContourPoints = len(points)
    return {"structure": name, "points": str(len(points))}


def _planes(item: Dataset) -> list[list[Dataset]]:
    """Contours by the image on which they were drawn, in the order of the images' first contours, lowest first."""
    by_image: dict[str, list[Dataset]] = defaultdict(list)
    for contour in item.ContourSequence:
        by_image[contour.ContourImageSequence[0].ReferencedSOPInstanceUID].append(contour)
    middles = {image: _points(contours[0])[0] for image, contours in by_image.items()}
    spread = np.array(list(middles.values()))
    normal = _normal(item)
    order = np.argsort((spread - spread[0]) @ normal)
    images = list(by_image)
    return [by_image[images[number]] for number in order]


def _normal(item: Dataset) -> Floats:
    largest = max(item.ContourSequence, key=lambda one: int(one.NumberOfContourPoints))
    points = _points(largest)
    return np.asarray(np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][2])
