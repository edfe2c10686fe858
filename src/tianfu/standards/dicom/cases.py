"""A case: all objects of one patient's plan, and whether they belong together (PS3.3 A.20.2, the chain of UIDs)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.uid import (
    CTImageStorage,
    RTBeamsTreatmentRecordStorage,
    RTDoseStorage,
    RTPlanStorage,
    RTStructureSetStorage,
)

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.doses import Dose, read_dose
from tianfu.standards.dicom.elements import Item
from tianfu.standards.dicom.encoding import Decoded, decode
from tianfu.standards.dicom.findings import Finding, Reading, found
from tianfu.standards.dicom.grids import Floats
from tianfu.standards.dicom.headers import Header
from tianfu.standards.dicom.images import ImageSeries, read_images
from tianfu.standards.dicom.plans import Plan, read_plan
from tianfu.standards.dicom.quiet import reading
from tianfu.standards.dicom.structure_sets import StructureSet, read_structure_set
from tianfu.standards.dicom.structures import Ring, RingKind
from tianfu.standards.dicom.treatments import Treatment, read_treatment

OFF_SLICE_MM = 1.0
"""How far a point of a contour may be from the nearest slice. [ours]"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What was read of a case; each kind in the order in which it came."""

    images: tuple[ImageSeries, ...] = ()
    structure_sets: tuple[StructureSet, ...] = ()
    plans: tuple[Plan, ...] = ()
    doses: tuple[Dose, ...] = ()
    treatments: tuple[Treatment, ...] = ()


Named = tuple[str, Header, str]
"""What an object is called in a finding, its header, and its SOP Instance UID."""


def read_case(contents: Sequence[bytes], *, bytes_max: int, voxels_max: int) -> Reading[Case]:
    """All objects of a case, and every broken link among them as a finding.

    An object that comes twice with the same bytes is read once.  Raises Refusal `case-instance-differs` if one UID
    comes with different bytes, and whatever its readers refuse: half a case is none.  What cannot be decoded says
    which of the contents it is (`object`, from one).  Objects of other kinds are told (`case-object-not-read`).
    """
    decoded = _each_once([_decoded(content, place, bytes_max) for place, content in enumerate(contents, start=1)])
    by_class: dict[str, list[Decoded]] = {}
    for one in decoded:
        by_class.setdefault(_text(one, "SOPClassUID"), []).append(one)
    images = [read_images(one, voxels_max=voxels_max) for one in _series(by_class.pop(CTImageStorage, []))]
    sets = [read_structure_set(one) for one in by_class.pop(RTStructureSetStorage, [])]
    plans = [read_plan(one) for one in by_class.pop(RTPlanStorage, [])]
    doses = [read_dose(one, voxels_max=voxels_max) for one in by_class.pop(RTDoseStorage, [])]
    treatments = [read_treatment(one) for one in by_class.pop(RTBeamsTreatmentRecordStorage, [])]
    case = Case(
        images=tuple(one.value for one in images),
        structure_sets=tuple(one.value for one in sets),
        plans=tuple(one.value for one in plans),
        doses=tuple(one.value for one in doses),
        treatments=tuple(one.value for one in treatments),
    )
    readings: tuple[Reading[Any], ...] = (*images, *sets, *plans, *doses, *treatments)
    told = [finding for one in readings for finding in one.findings]
    others = [
        found("case-object-not-read", modality=_text(objects[0], "Modality"), count=len(objects))
        for objects in by_class.values()
    ]
    return Reading(value=case, findings=(*told, *others, *broken_links(case)))


def broken_links(case: Case) -> tuple[Finding, ...]:
    """Every place where objects of a case do not belong together, or refer to what is not there."""
    return (
        *_same(case, "case-mixed-patients", lambda header: header.patient.number),
        *_same(case, "case-mixed-names", lambda header: header.patient.name.rstrip("^")),
        *_same(case, "case-mixed-studies", lambda header: header.study.uid),
        *_frames(case),
        *_same_instances(case),
        *_structure_links(case),
        *_slice_links(case),
        *_plan_links(case),
        *_dose_links(case),
        *_treatment_links(case),
    )


def _decoded(content: bytes, place: int, bytes_max: int) -> Decoded:
    try:
        return decode(content, bytes_max=bytes_max)
    except Refusal as refusal:
        raise Refusal(refusal.code, details={**refusal.details, "object": str(place)}) from refusal


def _each_once(objects: list[Decoded]) -> list[Decoded]:
    by_instance: dict[str, Decoded] = {}
    for one in objects:
        instance = _text(one, "SOPInstanceUID")
        former = by_instance.setdefault(instance, one)
        if former is not one and _digest(former) != _digest(one):
            raise Refusal("case-instance-differs", details={"modality": _text(one, "Modality"), "instance": instance})
    return list(by_instance.values())


def _digest(one: Decoded) -> bytes:
    return hashlib.sha256(one.content).digest()


def _series(slices: list[Decoded]) -> list[list[Decoded]]:
    by_series: dict[str, list[Decoded]] = {}
    for one in slices:
        by_series.setdefault(_text(one, "SeriesInstanceUID"), []).append(one)
    return list(by_series.values())


def _text(one: Decoded, keyword: str) -> str:
    with reading():
        return Item(dataset=one.dataset).text(keyword)


def _objects(case: Case) -> Iterator[Named]:
    for series in case.images:
        yield "CT", series.header, ""
    for structure_set in case.structure_sets:
        yield f"RTSTRUCT {structure_set.label}", structure_set.header, structure_set.instance
    for plan in case.plans:
        yield f"RTPLAN {plan.label}", plan.header, plan.instance
    for dose in case.doses:
        yield f"RTDOSE {dose.summation}", dose.header, dose.instance
    for treatment in case.treatments:
        yield f"RTRECORD {treatment.number}", treatment.header, treatment.instance


def _same(case: Case, code: str, of: Callable[[Header], str]) -> Iterator[Finding]:
    objects = list(_objects(case))
    for name, header, _ in objects[1:]:
        if of(header) != of(objects[0][1]):
            yield found(code, object=name, first=objects[0][0])


def _frames(case: Case) -> Iterator[Finding]:
    """Plans and records may leave the frame out; what is drawn or computed never does."""
    stated = [(name, header.frame) for name, header, _ in _objects(case) if header.frame is not None]
    for name, frame in stated[1:]:
        if frame != stated[0][1]:
            yield found("case-mixed-frames", object=name, first=stated[0][0])


def _same_instances(case: Case) -> Iterator[Finding]:
    seen: dict[str, str] = {instance: "CT" for series in case.images for instance in series.instances}
    for name, _, instance in _objects(case):
        if instance and instance in seen:
            yield found("case-same-instance", object=name, first=seen[instance])
        seen[instance] = name


def _structure_links(case: Case) -> Iterator[Finding]:
    known = {series.header.series.uid: frozenset(series.instances) for series in case.images}
    every = frozenset().union(*known.values())
    for structure_set in case.structure_sets:
        for images in structure_set.images:
            there = known.get(images.series)
            if there is None:
                yield found("case-structures-of-other-images", object=structure_set.label)
            elif lost := frozenset(images.instances) - there:
                yield found("case-images-missing", object=structure_set.label, count=len(lost))
            elif missing := there - frozenset(images.instances):
                yield found("case-images-not-referenced", object=structure_set.label, count=len(missing))
        for structure in structure_set.structures if known else ():
            count = sum(ring.image is not None and ring.image not in every for ring in structure.rings)
            if count:
                yield found("case-ring-of-other-image", structure=structure.name, count=count)


def _slice_links(case: Case) -> Iterator[Finding]:
    """Contours that lie on no slice, or on another than they say, where it is clear on which series they were drawn."""
    for structure_set in case.structure_sets:
        named = {images.series for images in structure_set.images}
        drawn_on = [series for series in case.images if not named or series.header.series.uid in named]
        if len(drawn_on) != 1 or drawn_on[0].header.frame != structure_set.header.frame:
            continue
        for structure in structure_set.structures:
            rings = [ring for ring in structure.rings if ring.kind is not RingKind.POINT and len(ring.points)]
            for code, count in _slice_faults(rings, drawn_on[0]).items():
                if count:
                    yield found(code, structure=structure.name, count=count)


def _slice_faults(rings: list[Ring], series: ImageSeries) -> Counter[str]:
    if not rings:
        return Counter()
    least, most = _heights(rings, series)
    step_mm, top = float(series.volume.grid.spacing[2]), series.volume.grid.shape[0] - 1
    off_mm = [np.abs(one - np.clip(np.rint(one), 0, top)) * step_mm for one in (least, most)]
    stated = {instance: number for number, instance in enumerate(series.instances)}
    numbers = np.array([stated.get(ring.image or "", np.nan) for ring in rings])
    return Counter(
        {
            "case-ring-off-slices": int((np.maximum(*off_mm) > OFF_SLICE_MM).sum()),
            # Between two slices a contour may say either.
            "case-ring-of-another-slice": int((np.abs((least + most) / 2 - numbers) > 0.5 + 1e-6).sum()),
        }
    )


def _heights(rings: list[Ring], series: ImageSeries) -> tuple[Floats, Floats]:
    """Slice numbers, with fractions, of the lowest and the highest point of each ring."""
    grid = series.volume.grid
    points = np.concatenate([ring.points for ring in rings])
    along = (points - grid.origin) @ grid.axes[2] / grid.spacing[2]
    starts = np.cumsum([0, *(len(ring.points) for ring in rings[:-1])])
    return np.minimum.reduceat(along, starts), np.maximum.reduceat(along, starts)


def _plan_links(case: Case) -> Iterator[Finding]:
    doses = {dose.instance for dose in case.doses}
    for plan in case.plans:
        lost = set(plan.doses) - doses
        if lost:
            yield found("case-plan-of-other-doses", object=plan.label, count=len(lost))
    yield from _prescription_links(case)


def _prescription_links(case: Case) -> Iterator[Finding]:
    known = {structure_set.instance: structure_set for structure_set in case.structure_sets}
    for plan in case.plans:
        structure_set = known.get(plan.structure_set or "")
        if plan.structure_set and structure_set is None:
            yield found("case-plan-of-other-structures", object=plan.label)
        if structure_set is None:
            continue
        numbers = {structure.number for structure in structure_set.structures}
        for reference in plan.dose_references:
            if reference.structure is not None and reference.structure not in numbers:
                yield found("case-prescription-of-no-structure", object=plan.label, number=reference.structure)


def _dose_links(case: Case) -> Iterator[Finding]:
    known = {plan.instance: plan for plan in case.plans}
    for dose in case.doses:
        plan = known.get(dose.plan or "")
        if dose.plan and plan is None:
            yield found("case-dose-of-other-plan", object=dose.summation)
        if plan is None:
            continue
        for number in dose.beams:
            if plan.beam(number) is None:
                yield found("case-dose-of-no-beam", object=dose.summation, beam=number)


def _treatment_links(case: Case) -> Iterator[Finding]:
    known = {plan.instance: plan for plan in case.plans}
    for treatment in case.treatments:
        plan = known.get(treatment.plan or "")
        if treatment.plan and plan is None:
            yield found("case-treatment-of-other-plan", object=treatment.number)
        if plan is None:
            continue
        groups = {group.number for group in plan.fraction_groups}
        if treatment.fraction_group is not None and treatment.fraction_group not in groups:
            yield found("case-treatment-of-no-group", object=treatment.number, group=treatment.fraction_group)
        for beam in treatment.beams:
            if beam.number is not None and plan.beam(beam.number) is None:
                yield found("case-treatment-of-no-beam", object=treatment.number, beam=beam.number)
