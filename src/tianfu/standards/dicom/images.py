"""CT slices to one volume in Hounsfield units, and back (PS3.3 A.3).

A series is one volume or it is refused: slices of two patients, two frames, with a gap or a tilt never become one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import CTImageStorage

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.attributes import completed
from tianfu.standards.dicom.dates import impossible_dates
from tianfu.standards.dicom.elements import Item, decimal, decimals
from tianfu.standards.dicom.encoding import Decoded, encode
from tianfu.standards.dicom.findings import Finding, Reading, found
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.headers import Header, header_dataset, read_header
from tianfu.standards.dicom.pixels import Integers, refuse_many, stored_values, surplus_findings
from tianfu.standards.dicom.planes import WIDE_MM, axes_of, corner_of, pixel_spacing_of, size_of
from tianfu.standards.dicom.quiet import reading, writing

SAME_POSITION_WITHIN_MM = 0.01
"""Slices nearer than this along the normal are at one position. [ours]"""

UNEVEN_WITHIN_MM = 0.1
"""How far a slice may be from where equal steps would put it: positions are written with one to three decimals.
[ours]"""

SIDEWAYS_WITHIN_MM = 0.1
"""How far the first voxels of slices may shift sideways against the normal before the gantry was tilted. [ours]"""

GAP_STEPS = 1.5
"""A step of so many usual steps lacks a slice. [ours]"""

DIRECTION_WITHIN = 1e-3
"""Directions of slices that differ by less are the same. [ours]"""

SLOPE_MOST = 1000
"""A step of so many Hounsfield units is none of a scanner's. [ours]"""

HOUNSFIELD_RANGE = (-32_768, 65_535)
"""What sixteen bits can hold, signed or not: padding and metal are within, no scanner measures beyond. [ours]"""

Hounsfield = Volume[np.int16] | Volume[np.float32]

_NUMBERS_SAID = 12


@dataclass(frozen=True, kw_only=True)
class ImageSeries:
    """A CT: `instances` are the SOP Instance UIDs of its slices, in the volume's order along the normal.

    Values are Hounsfield units: int16 if every slice has whole ones, else float32.  `position` is Patient Position
    (HFS, FFS ...), empty if unsaid.
    """

    header: Header
    instances: tuple[str, ...]
    volume: Hounsfield
    position: str
    thickness_mm: float | None


@dataclass(frozen=True, kw_only=True)
class _Slice:
    number: str
    decoded: Decoded
    item: Item
    header: Header
    instance: str
    corner: Floats
    axes: Floats
    spacing: Floats
    size: tuple[int, int]


def read_images(objects: Sequence[Decoded], *, voxels_max: int) -> Reading[ImageSeries]:
    """One series of CT slices, in any order, as one volume of at most `voxels_max` voxels.

    Raises Refusal `images-none`, `images-not-ct`, `images-mixed-patients`, `images-mixed-studies`,
    `images-mixed-series`, `images-mixed-frames`, `images-mixed-orientations`, `images-mixed-sizes`,
    `images-mixed-spacings`, `images-duplicate-instance`, `images-duplicate-position`, `images-missing-slice`,
    `images-uneven-spacing`, `images-tilted`, `images-single-without-thickness`, and those of attributes and pixels.
    Told are `images-tilt-stated`, `images-thickness-differs`, `images-single`, `images-position-unsaid`,
    `images-hounsfield-beyond`, `dicom-pixels-surplus` and `dicom-date-impossible`.
    """
    if not objects:
        raise Refusal("images-none")
    with reading() as findings:
        slices = [_slice(decoded, place) for place, decoded in enumerate(objects, 1)]
        _refuse_mixtures(slices)
        rows, columns = slices[0].size
        refuse_many(rows * columns * len(slices), voxels_max)
        slices, step_mm = _in_order(slices)
        stored = [stored_values(one.decoded, frames=1, voxels_max=voxels_max) for one in slices]
        series = _series(slices, step_mm, stored)
        odd = [*_oddities(slices, step_mm), *_value_oddities(slices, stored, series)]
    told = [finding for decoded in objects for finding in decoded.findings]
    return Reading(value=series, findings=(*_once(told), *findings, *odd))


def write_images(series: ImageSeries) -> tuple[bytes, ...]:
    """One file for each slice, in the volume's order; float values are rounded to at most 1/65535 of their range."""
    values, slope, intercept = _stored(series.volume.values)
    with writing():
        return tuple(_written(series, number, values[number], slope, intercept) for number in range(len(values)))


def _slice(decoded: Decoded, place: int) -> _Slice:
    item = Item(dataset=decoded.dataset)
    number = item.text("InstanceNumber") or f"({place})"
    if item.text("SOPClassUID") != CTImageStorage:
        raise Refusal("images-not-ct", details={"slice": number, "modality": item.text("Modality")})
    try:
        return _Slice(
            number=number,
            decoded=decoded,
            item=item,
            header=read_header(item),
            instance=item.uid("SOPInstanceUID"),
            corner=corner_of(item),
            axes=axes_of(item),
            spacing=pixel_spacing_of(item),
            size=size_of(item),
        )
    except Refusal as refusal:
        raise Refusal(refusal.code, details={**refusal.details, "slice": number}) from refusal


def _refuse_mixtures(slices: list[_Slice]) -> None:
    first = slices[0]
    rules: tuple[tuple[str, Callable[[_Slice], bool]], ...] = (
        ("images-mixed-patients", lambda one: _person(one) == _person(first)),
        ("images-mixed-studies", lambda one: one.header.study.uid == first.header.study.uid),
        ("images-mixed-frames", lambda one: one.header.frame == first.header.frame),
        ("images-mixed-series", lambda one: one.header.series.uid == first.header.series.uid),
        ("images-mixed-orientations", lambda one: bool(np.abs(one.axes - first.axes).max() <= DIRECTION_WITHIN)),
        ("images-mixed-sizes", lambda one: one.size == first.size),
        ("images-mixed-spacings", lambda one: bool(np.allclose(one.spacing, first.spacing, rtol=1e-4, atol=0))),
    )
    for code, agrees in rules:
        others = [one for one in slices if not agrees(one)]
        if others:
            raise Refusal(code, details={"slices": _numbers(others), "first": first.number})
    if first.header.frame is None:
        raise Refusal("dicom-attribute-missing", details={"attribute": "FrameOfReferenceUID", "slice": first.number})
    _refuse_same_instance(slices)


def _person(one: _Slice) -> tuple[str, str, str]:
    patient = one.header.patient
    return patient.number, patient.name.rstrip("^"), patient.birth_date


def _refuse_same_instance(slices: list[_Slice]) -> None:
    by_instance: dict[str, list[_Slice]] = {}
    for one in slices:
        by_instance.setdefault(one.instance, []).append(one)
    twice = [same for same in by_instance.values() if len(same) > 1]
    if twice:
        raise Refusal("images-duplicate-instance", details={"slices": _numbers(twice[0])})


def _in_order(slices: list[_Slice]) -> tuple[list[_Slice], float]:
    """Slices along the normal, and their step; raises Refusal if they are no row of equal steps."""
    normal = slices[0].axes[2]
    slices = sorted(slices, key=lambda one: float(one.corner @ normal))
    if len(slices) == 1:
        return slices, _thickness(slices[0])
    corners = np.array([one.corner for one in slices])
    along = corners @ normal
    _refuse_tilt(corners, normal)
    steps = np.diff(along)
    _refuse_same_position(slices, along, steps)
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    _refuse_gap(slices, along, steps, usual)
    step_mm = float(along[-1] - along[0]) / (len(slices) - 1)
    wrong = np.abs(along - along[0] - step_mm * np.arange(len(slices)))
    if wrong.max() > UNEVEN_WITHIN_MM:
        worst = int(wrong.argmax())
        details = {"slice": slices[worst].number, "position_mm": f"{along[worst]:.2f}", "by_mm": f"{wrong[worst]:.2f}"}
        raise Refusal("images-uneven-spacing", details=details)
    return slices, step_mm


def _refuse_tilt(corners: Floats, normal: Floats) -> None:
    shift = corners - corners[0]
    along = shift @ normal
    sideways = np.linalg.norm(shift - np.outer(along, normal), axis=1)
    worst = int(sideways.argmax())
    if sideways[worst] > SIDEWAYS_WITHIN_MM:
        degrees = float(np.degrees(np.arctan2(sideways[worst], abs(along[worst]))))
        raise Refusal("images-tilted", details={"degrees": f"{degrees:.1f}", "sideways_mm": f"{sideways[worst]:.2f}"})


def _refuse_same_position(slices: list[_Slice], along: Floats, steps: Floats) -> None:
    if steps.min() < SAME_POSITION_WITHIN_MM:
        place = int(steps.argmin())
        details = {"slices": _numbers(slices[place : place + 2]), "position_mm": f"{along[place]:.2f}"}
        raise Refusal("images-duplicate-position", details=details)


def _refuse_gap(slices: list[_Slice], along: Floats, steps: Floats, usual: float) -> None:
    gaps = np.flatnonzero(steps > GAP_STEPS * usual)
    if len(gaps):
        place = int(gaps[0])
        raise Refusal(
            "images-missing-slice",
            details={
                "slices": _numbers(slices[place : place + 2]),
                "from_mm": f"{along[place]:.2f}",
                "to_mm": f"{along[place + 1]:.2f}",
                "missing": str(max(1, round(float(steps[place]) / usual) - 1)),
                "gaps": str(len(gaps)),
            },
        )


def _thickness(one: _Slice) -> float:
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        thickness = one.item.number_or_none(keyword)
        if thickness is not None and 0 < thickness <= WIDE_MM:
            return thickness
    raise Refusal("images-single-without-thickness")


def _series(slices: list[_Slice], step_mm: float, stored: list[Integers]) -> ImageSeries:
    first = slices[0]
    grid = Grid(
        origin=first.corner,
        axes=first.axes,
        spacing=np.array([*first.spacing, step_mm]),
        shape=(len(slices), *first.size),
    )
    return ImageSeries(
        header=first.header,
        instances=tuple(one.instance for one in slices),
        volume=_hounsfield(grid, slices, [frames[0] for frames in stored]),
        position=first.item.text("PatientPosition"),
        thickness_mm=first.item.number_or_none("SliceThickness"),
    )


def _hounsfield(grid: Grid, slices: list[_Slice], stored: list[Integers]) -> Hounsfield:
    rescales = [(_rescale(one.item, "RescaleSlope"), _rescale(one.item, "RescaleIntercept")) for one in slices]
    if all(slope == 1 and intercept == round(intercept) for slope, intercept in rescales):
        whole = _whole(grid, stored, [int(intercept) for _, intercept in rescales])
        if whole is not None:
            return Volume(grid=grid, values=whole)
    values = np.empty(grid.shape, np.float32)
    for place, (slope, intercept) in enumerate(rescales):
        values[place] = stored[place].astype(np.float64) * slope + intercept
    return Volume(grid=grid, values=values)


def _whole(grid: Grid, stored: Sequence[Integers], intercepts: list[int]) -> NDArray[np.int16] | None:
    """Whole Hounsfield units as int16, None if they do not fit."""
    values = np.empty(grid.shape, np.int16)
    room = np.iinfo(np.int16)
    for place, (one, intercept) in enumerate(zip(stored, intercepts, strict=True)):
        if int(one.min()) + intercept < room.min or int(one.max()) + intercept > room.max:
            return None
        # Whatever wraps round on the way comes back: the sum fits.
        values[place] = one.astype(np.int16) + np.array(intercept).astype(np.int16)
    return values


def _rescale(item: Item, keyword: str) -> float:
    """Type 1 in a CT (C.8.2.1): without it nobody knows what a value means."""
    value = item.number(keyword)
    if keyword == "RescaleSlope" and not 0 < value <= SLOPE_MOST:
        raise item.invalid(keyword)
    return value


def _oddities(slices: list[_Slice], step_mm: float) -> list[Finding]:
    findings = []
    tilts = [one for one in slices if abs(one.item.number_or_none("GantryDetectorTilt") or 0) > 0.05]
    if tilts:
        findings.append(found("images-tilt-stated", slices=_numbers(tilts)))
    thickness = slices[0].item.number_or_none("SliceThickness")
    if thickness and len(slices) > 1 and abs(thickness - step_mm) > UNEVEN_WITHIN_MM:
        findings.append(found("images-thickness-differs", thickness_mm=f"{thickness:.2f}", step_mm=f"{step_mm:.2f}"))
    if len(slices) == 1:
        findings.append(found("images-single"))
    if not slices[0].item.text("PatientPosition"):
        findings.append(found("images-position-unsaid"))
    return findings


def _value_oddities(slices: list[_Slice], stored: list[Integers], series: ImageSeries) -> list[Finding]:
    surplus = [
        one for slice_, frames in zip(slices, stored, strict=True) for one in surplus_findings(slice_.decoded, frames)
    ]
    findings = [*_once(surplus), *impossible_dates(slices[0].item)]
    if series.volume.values.dtype != np.int16:
        least, most = float(series.volume.values.min()), float(series.volume.values.max())
        if least < HOUNSFIELD_RANGE[0] or most > HOUNSFIELD_RANGE[1]:
            findings.append(found("images-hounsfield-beyond", least=f"{least:.4g}", most=f"{most:.4g}"))
    return findings


def _once(findings: list[Finding]) -> list[Finding]:
    """One finding of each code: 150 slices of one scanner are odd in one way."""
    return list({finding.code: finding for finding in findings}.values())


def _numbers(slices: Sequence[_Slice]) -> str:
    said = ", ".join(one.number for one in slices[:_NUMBERS_SAID])
    return said if len(slices) <= _NUMBERS_SAID else f"{said} … ({len(slices)})"


_SIGNED_16: Final = np.dtype("<i2")


def _stored(values: NDArray[np.int16] | NDArray[np.float32]) -> tuple[NDArray[np.int16], float, float]:
    if values.dtype == np.int16:
        return np.asarray(values, _SIGNED_16), 1.0, 0.0
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise Refusal("dicom-value-not-writable", details={"reason": "not finite"})
    slope = float(decimal((high - low) / 65534 or 1.0))
    middle = float(decimal((high + low) / 2))
    return np.rint((values.astype(np.float64) - middle) / slope).astype(_SIGNED_16), slope, middle


def _written(series: ImageSeries, number: int, values: NDArray[np.int16], slope: float, intercept: float) -> bytes:
    grid = series.volume.grid
    dataset = header_dataset(series.header, sop_class=CTImageStorage, instance=series.instances[number], modality="CT")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = number + 1
    dataset.PatientPosition = series.position
    dataset.ImagePositionPatient = decimals((grid.origin + grid.axes[2] * grid.spacing[2] * number).tolist())
    dataset.ImageOrientationPatient = decimals(grid.axes[:2].reshape(-1).tolist())
    dataset.PixelSpacing = decimals([grid.spacing[1], grid.spacing[0]])
    dataset.SliceThickness = decimal(series.thickness_mm or float(grid.spacing[2]))
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = values.shape
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 1
    dataset.RescaleSlope = decimal(slope)
    dataset.RescaleIntercept = decimal(intercept)
    dataset.RescaleType = "HU"
    dataset.add_new("PixelData", "OW", values.tobytes())
    return encode(completed(dataset, "CT"))
