"""RT Dose to a volume in gray and back (PS3.3 A.18): its grid is its own, in any orientation, never that of the CT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RTDoseStorage, RTPlanStorage

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.attributes import completed
from tianfu.standards.dicom.dates import impossible_dates
from tianfu.standards.dicom.elements import Item, decimal, decimals, filled
from tianfu.standards.dicom.encoding import Decoded, encode
from tianfu.standards.dicom.findings import Finding, Reading, found
from tianfu.standards.dicom.grids import Floats, Grid, Volume
from tianfu.standards.dicom.headers import Header, header_dataset, read_header, reference
from tianfu.standards.dicom.pixels import Integers, stored_values, surplus_findings
from tianfu.standards.dicom.planes import WIDE_MM, axes_of, corner_of, pixel_spacing_of
from tianfu.standards.dicom.quiet import reading, writing

EVEN_WITHIN_MM = 0.01
"""How far a plane may be from where equal steps would put it. [ours]"""

SAME_OFFSET_WITHIN_MM = 0.01
"""How near the first offset must be to zero or to the first plane's z. [ours]"""

MOST_GY = 1000
"""No course of beams gives more anywhere: such a dose was scaled wrongly. [ours]"""

LEAST_GY = 1e-6
"""A largest dose below this is none that anybody plans. [ours]"""

FRAMES_MAX = 10_000
"""Planes of one dose. [ours]"""

_STEPS_OF_32_BITS = 2**31 - 1
"""Doses are written with 31 bits: readers that take the pixels as signed still read them right."""


@dataclass(frozen=True, kw_only=True)
class Dose:
    """A dose in gray on its own grid.

    `kind` is Dose Type (PHYSICAL, EFFECTIVE, ERROR), `summation` Dose Summation Type (PLAN, FRACTION, BEAM ...),
    `heterogeneity` Tissue Heterogeneity Correction (IMAGE, ROI_OVERRIDE, WATER), empty if unsaid.  `plan` is the SOP
    Instance UID of the plan, None if the object names none; fraction group and beams as far as the summation needs.
    """

    header: Header
    instance: str
    volume: Volume[np.float32]
    kind: str
    summation: str
    heterogeneity: tuple[str, ...] = ()
    plan: str | None = None
    fraction_group: int | None = None
    beams: tuple[int, ...] = ()
    comment: str = ""


def read_dose(decoded: Decoded, *, voxels_max: int) -> Reading[Dose]:
    """The dose of one object of at most `voxels_max` voxels.

    Planes are put in order along the normal, whichever way the offsets run.  Raises Refusal `dose-not-a-dose`,
    `dose-not-in-gray`, `dose-scaling`, `dose-beyond`, `dose-without-grid`, `dose-offsets-unclear`,
    `dose-offsets-uneven`, `dose-single-plane`, and those of attributes and pixels; a dose without a frame of reference
    hangs nowhere and is refused too.  A DVH in the object is told and not read (`dose-holds-dvh`): those we give are
    computed.  A dose of nothing, or next to nothing, is told (`dose-all-zero`, `dose-tiny`).
    """
    item = Item(dataset=decoded.dataset)
    with reading() as findings:
        _refuse_other(item)
        frames = item.whole("NumberOfFrames") if item.has("NumberOfFrames") else 1
        if not item.has("Rows"):
            raise Refusal("dose-without-grid")
        if not 1 <= frames <= FRAMES_MAX:
            raise item.invalid("NumberOfFrames")
        scaling = _scaling(item)
        _refuse_loose(item)
        stored = stored_values(decoded, frames=frames, voxels_max=voxels_max)
        _refuse_beyond(stored, scaling)
        grid, is_reversed = _grid(item, stored.shape)
        values = (stored[::-1] if is_reversed else stored) * scaling
        plan = item.first("ReferencedRTPlanSequence")
        value = _dose(item, Volume(grid=grid, values=np.ascontiguousarray(values, np.float32)), plan)
        told = [*_oddities(item, value), *surplus_findings(decoded, stored), *impossible_dates(item)]
    return Reading(value=value, findings=(*decoded.findings, *findings, *told))


def write_dose(dose: Dose) -> bytes:
    """One file of 32-bit values with relative offsets.

    Raises Refusal `dose-negative` for negative values, which only a dose of the kind ERROR may have (C.8.8.3).
    """
    with writing():
        dataset = header_dataset(dose.header, sop_class=RTDoseStorage, instance=dose.instance, modality="RTDOSE")
        _write_grid(dataset, dose.volume.grid)
        _write_values(dataset, dose)
        dataset.DoseUnits = "GY"
        dataset.DoseType = dose.kind
        dataset.DoseSummationType = dose.summation
        if dose.comment:
            dataset.DoseComment = dose.comment
        if dose.heterogeneity:
            dataset.TissueHeterogeneityCorrection = list(dose.heterogeneity)
        if dose.plan:
            dataset.ReferencedRTPlanSequence = [_plan_reference(dose, dose.plan)]
        return encode(completed(dataset, "RTDOSE"))


def plane_offsets(offsets: Floats, corner: Floats, axes: Floats) -> Floats:
    """Millimetres of each plane from the first along the normal, from Grid Frame Offset Vector (C.8.8.3.2).

    Its first value is zero, and the offsets are relative; or it is the first plane's z, and they are positions, which
    is meant for transverse planes only.  Anything else is Refusal `dose-offsets-unclear`.
    """
    first = float(offsets[0])
    if abs(first) <= SAME_OFFSET_WITHIN_MM:
        return offsets - first
    along_z = float(axes[2, 2])
    if abs(first - corner[2]) <= SAME_OFFSET_WITHIN_MM and abs(abs(along_z) - 1) < 1e-3:
        return np.asarray((offsets - first) * np.sign(along_z))
    raise Refusal("dose-offsets-unclear", details={"first_mm": f"{first:.2f}", "z_mm": f"{float(corner[2]):.2f}"})


def _refuse_other(item: Item) -> None:
    if item.needed_text("SOPClassUID") != RTDoseStorage:
        raise Refusal("dose-not-a-dose", details={"modality": item.text("Modality")})
    if item.text("DoseUnits") != "GY":
        raise Refusal("dose-not-in-gray", details={"units": item.text("DoseUnits")})


def _scaling(item: Item) -> float:
    scaling = item.number("DoseGridScaling")
    if scaling <= 0:
        raise Refusal("dose-scaling", details={"scaling": decimal(scaling)})
    return scaling


def _refuse_loose(item: Item) -> None:
    """A dose is worth nothing without its place, nor if part of its bits may be another's (C.8.8.3.4)."""
    item.uid("FrameOfReferenceUID")
    if item.has("BitsStored") and item.whole("BitsStored") != item.whole("BitsAllocated"):
        raise item.invalid("BitsStored")


def _refuse_beyond(stored: Integers, scaling: float) -> None:
    most = max(abs(int(stored.max())), abs(int(stored.min()))) * scaling
    if most > MOST_GY:
        raise Refusal("dose-beyond", details={"most_gy": f"{most:.4g}", "limit_gy": str(MOST_GY)})


def _grid(item: Item, shape: tuple[int, ...]) -> tuple[Grid, bool]:
    """The grid with planes along the normal, and whether the object has them the other way."""
    axes, spacing, corner = axes_of(item), pixel_spacing_of(item), corner_of(item)
    frames, rows, columns = shape
    offsets = item.numbers("GridFrameOffsetVector")
    if frames == 1:
        step = _thickness(item)
    else:
        if len(offsets) != frames:
            raise item.invalid("GridFrameOffsetVector")
        step = _step(plane_offsets(offsets, corner, axes))
    if step < 0:
        corner = corner + axes[2] * step * (frames - 1)
    grid = Grid(origin=corner, axes=axes, spacing=np.array([*spacing, abs(step)]), shape=(frames, rows, columns))
    return grid, step < 0


def _step(offsets: Floats) -> float:
    step = float(offsets[-1] - offsets[0]) / (len(offsets) - 1)
    wrong = np.abs(offsets - offsets[0] - step * np.arange(len(offsets)))
    if wrong.max() > EVEN_WITHIN_MM or not EVEN_WITHIN_MM <= abs(step) <= WIDE_MM:
        plane = int(wrong.argmax())
        details = {"plane": str(plane + 1), "offset_mm": f"{offsets[plane]:.2f}", "by_mm": f"{wrong[plane]:.2f}"}
        raise Refusal("dose-offsets-uneven", details=details)
    return step


def _thickness(item: Item) -> float:
    thickness = item.number_or_none("SliceThickness")
    if thickness is None or not 0 < thickness <= WIDE_MM:
        raise Refusal("dose-single-plane")
    return thickness


def _dose(item: Item, volume: Volume[np.float32], plan: Item | None) -> Dose:
    group = plan.first("ReferencedFractionGroupSequence") if plan else None
    return Dose(
        header=read_header(item),
        instance=item.uid("SOPInstanceUID"),
        volume=volume,
        kind=item.needed_text("DoseType"),
        summation=item.needed_text("DoseSummationType"),
        heterogeneity=item.texts("TissueHeterogeneityCorrection"),
        # plastimatch 1.9 writes an item with an empty UID where it knows no plan: that names none.
        plan=plan.uid_or_none("ReferencedSOPInstanceUID") if plan else None,
        fraction_group=group.whole("ReferencedFractionGroupNumber") if group else None,
        beams=tuple(beam.whole("ReferencedBeamNumber") for beam in group.items("ReferencedBeamSequence"))
        if group
        else (),
        comment=item.text("DoseComment"),
    )


def _oddities(item: Item, dose: Dose) -> list[Finding]:
    findings = []
    if item.has("DVHSequence"):
        findings.append(found("dose-holds-dvh", count=len(item.items("DVHSequence"))))
    if len(item.items("ReferencedRTPlanSequence")) > 1:
        findings.append(found("dose-of-several-plans", count=len(item.items("ReferencedRTPlanSequence"))))
    if dose.plan is None:
        findings.append(found("dose-without-plan"))
    if dose.kind != "PHYSICAL":
        findings.append(found("dose-not-physical", kind=dose.kind))
    if dose.summation != "PLAN":
        findings.append(found("dose-not-of-plan", summation=dose.summation))
    if dose.volume.values.shape[0] == 1:
        findings.append(found("dose-one-plane"))
    least, most = float(dose.volume.values.min()), float(dose.volume.values.max())
    if least < 0:
        findings.append(found("dose-has-negative", least_gy=f"{least:.3f}"))
    if least == most == 0:
        findings.append(found("dose-all-zero"))
    elif max(abs(least), most) < LEAST_GY:
        findings.append(found("dose-tiny", most_gy=f"{max(abs(least), most):.3g}"))
    return findings


def _write_grid(dataset: Dataset, grid: Grid) -> None:
    frames, dataset.Rows, dataset.Columns = grid.shape
    dataset.NumberOfFrames = frames
    dataset.ImagePositionPatient = decimals(grid.origin.tolist())
    dataset.ImageOrientationPatient = decimals(grid.axes[:2].reshape(-1).tolist())
    dataset.PixelSpacing = decimals([grid.spacing[1], grid.spacing[0]])
    dataset.SliceThickness = decimal(grid.spacing[2])
    dataset.FrameIncrementPointer = 0x3004000C
    dataset.GridFrameOffsetVector = decimals((grid.spacing[2] * np.arange(frames)).tolist())


def _write_values(dataset: Dataset, dose: Dose) -> None:
    values = dose.volume.values.astype(np.float64)
    is_signed = dose.kind == "ERROR"
    if values.min() < 0 and not is_signed:
        raise Refusal("dose-negative", details={"least_gy": f"{values.min():.3f}"})
    scaling = _scaling_for(values)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 32
    dataset.HighBit = 31
    dataset.PixelRepresentation = int(is_signed)
    dataset.DoseGridScaling = decimal(scaling)
    kind = np.dtype("<i4" if is_signed else "<u4")
    dataset.add_new("PixelData", "OW", np.rint(values / scaling).astype(kind).tobytes())


def _scaling_for(values: NDArray[np.float64]) -> float:
    """The smallest scaling that fits, as it will be read: a Decimal String has sixteen characters."""
    largest = float(np.abs(values).max())
    if not np.isfinite(largest):
        raise Refusal("dicom-value-not-writable", details={"reason": "not finite"})
    scaling = float(decimal(largest / (_STEPS_OF_32_BITS - 1) or 1e-9))
    return scaling if largest / scaling <= _STEPS_OF_32_BITS else float(decimal(scaling * 1.001))


def _plan_reference(dose: Dose, plan: str) -> Dataset:
    groups = None
    if dose.fraction_group is not None:
        beams = [filled(ReferencedBeamNumber=beam) for beam in dose.beams]
        groups = [
            filled(ReferencedFractionGroupNumber=dose.fraction_group, ReferencedBeamSequence=beams or None),
        ]
    return reference(RTPlanStorage, plan, ReferencedFractionGroupSequence=groups)
