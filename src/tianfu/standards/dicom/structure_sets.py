"""RT Structure Set to structures and back (PS3.3 A.19): rings are kept as they were drawn, holes and keyholes too."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, RTStructureSetStorage

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.attributes import completed
from tianfu.standards.dicom.contradictions import refuse_same_numbers
from tianfu.standards.dicom.dates import impossible_dates
from tianfu.standards.dicom.elements import Item, filled, many_decimals
from tianfu.standards.dicom.encoding import Decoded, encode
from tianfu.standards.dicom.findings import Finding, Reading, found
from tianfu.standards.dicom.grids import Floats
from tianfu.standards.dicom.headers import (
    UNSAID,
    Approval,
    Header,
    approval_findings,
    header_dataset,
    read_approval,
    read_header,
    reference,
    write_approval,
)
from tianfu.standards.dicom.planes import FAR_MM
from tianfu.standards.dicom.quiet import reading, writing
from tianfu.standards.dicom.structures import Ring, RingKind, Structure

STUDY_OF_THE_RETIRED_CLASS = "1.2.840.10008.3.1.2.3.1"
"""Detached Study Management, still the SOP Class with which writers name the referenced study (C.8.8.5)."""

_CLOSED = frozenset({RingKind.CLOSED, RingKind.CLOSED_XOR})
_POINTS_MIN = {RingKind.CLOSED: 3, RingKind.CLOSED_XOR: 3, RingKind.OPEN: 2, RingKind.POINT: 1}


@dataclass(frozen=True, kw_only=True)
class ReferencedImages:
    """The images on which a structure set was drawn."""

    study: str
    series: str
    instances: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PhysicalProperty:
    """What a structure is made of, if somebody said so (REL_ELEC_DENSITY ...): it changes a dose."""

    structure: int
    name: str
    value: float


@dataclass(frozen=True, kw_only=True)
class StructureSet:
    """`header.frame` is the frame of reference of all rings; `images` are empty if the object names none."""

    header: Header
    instance: str
    label: str
    date: str
    time: str
    images: tuple[ReferencedImages, ...]
    structures: tuple[Structure, ...]
    properties: tuple[PhysicalProperty, ...] = ()
    approval: Approval = UNSAID


@dataclass(kw_only=True)
class _Repairs:
    """What was done to the rings of one structure."""

    counts: Counter[str] = field(default_factory=Counter)

    def findings(self, structure: str) -> list[Finding]:
        return [found(code, structure=structure, count=count) for code, count in sorted(self.counts.items())]


@dataclass(frozen=True, kw_only=True)
class _Observed:
    """What the RT ROI Observations say of one structure."""

    kind: str = ""
    interpreter: str = ""
    interpreted_at: str = ""


def read_structure_set(decoded: Decoded) -> Reading[StructureSet]:
    """The structures of one object.

    Closed rings of fewer than three points are dropped and told (`ring-too-few-points`), a repeated first point is
    removed (`ring-closed-twice`), contours that are not planar are dropped (`ring-not-planar`); a structure without
    rings is told (`structure-empty`), one without a name too (`structure-nameless`), and a set that says of none what
    it is (`structures-without-observations`).  Raises Refusal `structures-not-a-set`, `structures-mixed-frames`,
    `structures-same-number`, `contours-same-number`, `contour-broken`, and those of attributes.
    """
    item = Item(dataset=decoded.dataset)
    with reading() as findings:
        if item.needed_text("SOPClassUID") != RTStructureSetStorage:
            raise Refusal("structures-not-a-set", details={"modality": item.text("Modality")})
        frame = _frame(item)
        header = read_header(item)
        structures, told = _structures(item)
        value = StructureSet(
            header=Header(
                patient=header.patient,
                study=header.study,
                series=header.series,
                frame=frame,
                manufacturer=header.manufacturer,
            ),
            instance=item.uid("SOPInstanceUID"),
            label=item.text("StructureSetLabel"),
            date=item.text("StructureSetDate"),
            time=item.text("StructureSetTime"),
            images=_referenced_images(item),
            structures=structures,
            properties=_properties(item),
            approval=read_approval(item),
        )
        told += impossible_dates(item, ("StructureSetDate", "ReviewDate"))
        if structures and not item.items("RTROIObservationsSequence"):
            told.append(found("structures-without-observations"))
    if not value.images:
        told.append(found("structures-without-images"))
    told += approval_findings(value.approval)
    return Reading(value=value, findings=(*decoded.findings, *findings, *told))


def write_structure_set(structure_set: StructureSet) -> bytes:
    """One file; points are written to a ten-thousandth of a millimetre."""
    with writing():
        dataset = header_dataset(
            structure_set.header, sop_class=RTStructureSetStorage, instance=structure_set.instance, modality="RTSTRUCT"
        )
        dataset.StructureSetLabel = structure_set.label or "?"
        dataset.StructureSetDate = structure_set.date
        dataset.StructureSetTime = structure_set.time
        frame = structure_set.header.frame
        if frame is None:
            raise Refusal("dicom-attribute-missing", details={"attribute": "FrameOfReferenceUID"})
        dataset.ReferencedFrameOfReferenceSequence = [_referenced_frame(frame, structure_set.images)]
        structures = structure_set.structures
        if not structures:
            raise Refusal("structures-none")
        dataset.StructureSetROISequence = [_roi(structure, frame) for structure in structures]
        dataset.ROIContourSequence = [_contours(structure) for structure in structures]
        dataset.RTROIObservationsSequence = [
            _observation(structure, structure_set.properties) for structure in structures
        ]
        write_approval(dataset, structure_set.approval)
        return encode(completed(dataset, "RTSTRUCT"))


def _frame(item: Item) -> str | None:
    """The one frame in which everything is drawn."""
    by_frame: dict[str, list[str]] = {}
    for roi in item.items("StructureSetROISequence"):
        by_frame.setdefault(roi.text("ReferencedFrameOfReferenceUID"), []).append(roi.text("ROIName"))
    if len(by_frame) > 1:
        few = min(by_frame.values(), key=len)
        raise Refusal("structures-mixed-frames", details={"structures": ", ".join(few[:12])})
    drawn = next(iter(by_frame), "")
    stated = [one.text("FrameOfReferenceUID") for one in item.items("ReferencedFrameOfReferenceSequence")]
    return drawn or item.text("FrameOfReferenceUID") or next(iter(stated), "") or None


def _referenced_images(item: Item) -> tuple[ReferencedImages, ...]:
    return tuple(
        ReferencedImages(
            study=study.text("ReferencedSOPInstanceUID"),
            series=series.text("SeriesInstanceUID"),
            instances=tuple(image.uid("ReferencedSOPInstanceUID") for image in series.items("ContourImageSequence")),
        )
        for frame in item.items("ReferencedFrameOfReferenceSequence")
        for study in frame.items("RTReferencedStudySequence")
        for series in study.items("RTReferencedSeriesSequence")
    )


def _structures(item: Item) -> tuple[tuple[Structure, ...], list[Finding]]:
    refuse_same_numbers(item, {"ROIContourSequence": "ReferencedROINumber"}, code="contours-same-number")
    contours = {one.whole("ReferencedROINumber"): one for one in item.items("ROIContourSequence")}
    observed = _observations(item)
    findings: list[Finding] = []
    structures: dict[int, Structure] = {}
    for roi in item.items("StructureSetROISequence"):
        number = roi.whole("ROINumber")
        if number in structures:
            raise Refusal("structures-same-number", details={"number": str(number)})
        drawn = contours.get(number)
        structures[number], told = _structure(roi, drawn, observed.get(number, _Observed()))
        findings.extend(told)
    lost = sorted(set(contours) - set(structures))
    if lost:
        findings.append(found("contours-of-no-structure", numbers=", ".join(map(str, lost[:12]))))
    return tuple(structures.values()), [*findings, *_name_findings(tuple(structures.values()))]


def _name_findings(structures: tuple[Structure, ...]) -> list[Finding]:
    nameless = [found("structure-nameless", number=one.number) for one in structures if not one.name]
    names = Counter(structure.name for structure in structures if structure.name)
    return [
        *nameless,
        *(found("structures-same-name", structure=name, count=count) for name, count in names.items() if count > 1),
    ]


def _observations(item: Item) -> dict[int, _Observed]:
    """What was observed of each structure; of each attribute the first observation that says it counts."""
    observed: dict[int, _Observed] = {}
    for observation in item.items("RTROIObservationsSequence"):
        former = observed.get(number := observation.whole("ReferencedROINumber"), _Observed())
        observed[number] = _Observed(
            kind=former.kind or observation.text("RTROIInterpretedType"),
            interpreter=former.interpreter or observation.text("ROIInterpreter"),
            interpreted_at=former.interpreted_at or observation.text("ROIObservationDateTime"),
        )
    return observed


def _properties(item: Item) -> tuple[PhysicalProperty, ...]:
    return tuple(
        PhysicalProperty(
            structure=observation.whole("ReferencedROINumber"),
            name=one.text("ROIPhysicalProperty"),
            value=one.number("ROIPhysicalPropertyValue"),
        )
        for observation in item.items("RTROIObservationsSequence")
        for one in observation.items("ROIPhysicalPropertiesSequence")
    )


def _structure(roi: Item, drawn: Item | None, observed: _Observed) -> tuple[Structure, list[Finding]]:
    name, repairs = roi.text("ROIName"), _Repairs()
    contours = drawn.items("ContourSequence") if drawn else ()
    rings = tuple(ring for contour in contours if (ring := _ring(contour, name, repairs)) is not None)
    structure = Structure(
        number=roi.whole("ROINumber"),
        name=name,
        kind=observed.kind,
        colour=_colour(drawn),
        generation=roi.text("ROIGenerationAlgorithm"),
        rings=rings,
        method=roi.text("ROIGenerationDescription"),
        interpreter=observed.interpreter,
        interpreted_at=observed.interpreted_at,
    )
    told = repairs.findings(name)
    if len({ring.kind for ring in rings} & _CLOSED) > 1:
        told.append(found("rings-of-two-kinds", structure=name))
    if not rings:
        told.append(found("structure-empty", structure=name))
    return structure, told


def _colour(drawn: Item | None) -> tuple[int, int, int] | None:
    if drawn is None or not drawn.has("ROIDisplayColor"):
        return None
    values = drawn.numbers("ROIDisplayColor")
    if len(values) != 3 or not ((values >= 0) & (values <= 255)).all():
        return None
    red, green, blue = (int(value) for value in values)
    return red, green, blue


def _ring(contour: Item, structure: str, repairs: _Repairs) -> Ring | None:
    """One contour, repaired where that changes nothing; None if it is dropped."""
    stated = contour.text("ContourGeometricType")
    if stated not in set(RingKind):
        repairs.counts["ring-not-planar"] += 1
        return None
    kind = RingKind(stated)
    points = _points(contour, structure)
    if contour.whole_or_none("NumberOfContourPoints") not in {None, len(points)}:
        repairs.counts["ring-count-differs"] += 1
    if kind in _CLOSED and len(points) > 1 and np.array_equal(points[0], points[-1]):
        repairs.counts["ring-closed-twice"] += 1
        points = points[:-1]
    if len(points) < _POINTS_MIN[kind]:
        repairs.counts["ring-too-few-points"] += 1
        return None
    image = contour.first("ContourImageSequence")
    return Ring(points=points, kind=kind, image=image.uid("ReferencedSOPInstanceUID") if image else None)


def _points(contour: Item, structure: str) -> Floats:
    numbers = contour.numbers("ContourData")
    if len(numbers) % 3 or (len(numbers) and np.abs(numbers).max() > FAR_MM):
        raise Refusal("contour-broken", details={"structure": structure, "contour": contour.place.rstrip(".")})
    return numbers.reshape(-1, 3)


def _referenced_frame(frame: str, images: tuple[ReferencedImages, ...]) -> Dataset:
    studies = [
        reference(
            STUDY_OF_THE_RETIRED_CLASS,
            one.study,
            RTReferencedSeriesSequence=[
                filled(
                    SeriesInstanceUID=one.series,
                    ContourImageSequence=[reference(CTImageStorage, instance) for instance in one.instances],
                )
            ],
        )
        for one in images
        if one.instances
    ]
    return filled(FrameOfReferenceUID=frame, RTReferencedStudySequence=studies or None)


def _roi(structure: Structure, frame: str) -> Dataset:
    return filled(
        ROINumber=structure.number,
        ReferencedFrameOfReferenceUID=frame,
        ROIName=structure.name,
        ROIGenerationAlgorithm=structure.generation,
        ROIGenerationDescription=structure.method or None,
    )


def _contours(structure: Structure) -> Dataset:
    return filled(
        ReferencedROINumber=structure.number,
        ROIDisplayColor=None if structure.colour is None else list(structure.colour),
        ContourSequence=[_contour(ring) for ring in structure.rings] or None,
    )


def _contour(ring: Ring) -> Dataset:
    if not np.isfinite(ring.points).all() or (len(ring.points) and np.abs(ring.points).max() > FAR_MM):
        raise Refusal("dicom-value-not-writable", details={"reason": "contour"})
    dataset = filled(
        ContourImageSequence=[reference(CTImageStorage, ring.image)] if ring.image else None,
        ContourGeometricType=str(ring.kind),
        NumberOfContourPoints=len(ring.points),
    )
    dataset.add(many_decimals("ContourData", [f"{value:.4f}" for value in ring.points.reshape(-1).tolist()]))
    return dataset


def _observation(structure: Structure, properties: tuple[PhysicalProperty, ...]) -> Dataset:
    said = [
        filled(ROIPhysicalProperty=one.name, ROIPhysicalPropertyValue=one.value)
        for one in properties
        if one.structure == structure.number
    ]
    return filled(
        ObservationNumber=structure.number,
        ReferencedROINumber=structure.number,
        ROIPhysicalPropertiesSequence=said or None,
        RTROIInterpretedType=structure.kind,
        ROIInterpreter=structure.interpreter,
        ROIObservationDateTime=structure.interpreted_at or None,
    )
