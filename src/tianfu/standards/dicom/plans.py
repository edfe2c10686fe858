"""RT Plan to beams and control points and back (PS3.3 A.20)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pydicom.uid import RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.attributes import completed
from tianfu.standards.dicom.beams import SETUP, Beam, read_beams, write_beam
from tianfu.standards.dicom.contradictions import counts_that_differ, refuse_same_numbers
from tianfu.standards.dicom.dates import impossible_dates
from tianfu.standards.dicom.elements import Item, filled
from tianfu.standards.dicom.encoding import Decoded, encode
from tianfu.standards.dicom.findings import Finding, Reading, found
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
from tianfu.standards.dicom.quiet import reading, writing

PRESCRIBED_GY_MOST = 200
"""No course of beams is prescribed, or limited, above: such a number is one of centigray. [ours]"""

Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class DoseReference:
    """What is prescribed or limited, and where (C.8.8.10).

    `place` is POINT, VOLUME, COORDINATES or SITE; `kind` TARGET or ORGAN_AT_RISK; doses in gray over the whole course.
    """

    number: int
    place: str
    kind: str
    uid: str | None = None
    description: str = ""
    structure: int | None = None
    point_mm: Point | None = None
    prescribed_gy: float | None = None
    target_least_gy: float | None = None
    target_most_gy: float | None = None
    organ_most_gy: float | None = None
    organ_limit_gy: float | None = None
    warning_gy: float | None = None
    most_gy: float | None = None


@dataclass(frozen=True, kw_only=True)
class FractionBeam:
    """A beam in a fraction group; `meterset` in the beam's dosimeter unit, for one fraction."""

    beam: int
    meterset: float | None = None
    dose_gy: float | None = None
    dose_point_mm: Point | None = None


@dataclass(frozen=True, kw_only=True)
class FractionGroup:
    """Beams that are given together, so many times (C.8.8.13)."""

    number: int
    fractions: int | None
    beams: tuple[FractionBeam, ...]
    dose_references: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ToleranceTable:
    """How far the machine may be from the plan (C.8.8.11); `devices` are pairs of device and millimetres."""

    number: int
    label: str = ""
    gantry_degrees: float | None = None
    collimator_degrees: float | None = None
    couch_degrees: float | None = None
    vertical_mm: float | None = None
    longitudinal_mm: float | None = None
    lateral_mm: float | None = None
    devices: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How the patient lies (C.8.8.12); displacements of the table from the setup to the treatment."""

    number: int
    position: str
    label: str = ""
    technique: str = ""
    vertical_mm: float | None = None
    longitudinal_mm: float | None = None
    lateral_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`structure_set` and `doses` are SOP Instance UIDs; a plan without a structure set has machine geometry only."""

    header: Header
    instance: str
    label: str
    name: str
    date: str
    time: str
    intent: str
    structure_set: str | None
    beams: tuple[Beam, ...]
    fraction_groups: tuple[FractionGroup, ...]
    description: str = ""
    doses: tuple[str, ...] = ()
    dose_references: tuple[DoseReference, ...] = ()
    tolerances: tuple[ToleranceTable, ...] = ()
    setups: tuple[Setup, ...] = ()
    approval: Approval = UNSAID

    def beam(self, number: int) -> Beam | None:
        """The beam of this number."""
        return next((beam for beam in self.beams if beam.number == number), None)


_REFERENCE: Final = {
    "prescribed_gy": "TargetPrescriptionDose",
    "target_least_gy": "TargetMinimumDose",
    "target_most_gy": "TargetMaximumDose",
    "organ_most_gy": "OrganAtRiskMaximumDose",
    "organ_limit_gy": "OrganAtRiskLimitDose",
    "warning_gy": "DeliveryWarningDose",
    "most_gy": "DeliveryMaximumDose",
}
_NUMBERS: Final = {
    "FractionGroupSequence": "FractionGroupNumber",
    "DoseReferenceSequence": "DoseReferenceNumber",
    "PatientSetupSequence": "PatientSetupNumber",
    "ToleranceTableSequence": "ToleranceTableNumber",
}
_NUMBERS_OF_A_GROUP: Final = {"ReferencedBeamSequence": "ReferencedBeamNumber"}
"""A beam that one fraction has twice has two metersets: nobody knows whether it is given once or twice."""

_TOLERANCE: Final = {
    "gantry_degrees": "GantryAngleTolerance",
    "collimator_degrees": "BeamLimitingDeviceAngleTolerance",
    "couch_degrees": "PatientSupportAngleTolerance",
    "vertical_mm": "TableTopVerticalPositionTolerance",
    "longitudinal_mm": "TableTopLongitudinalPositionTolerance",
    "lateral_mm": "TableTopLateralPositionTolerance",
}
_SETUP: Final = {
    "vertical_mm": "TableTopVerticalSetupDisplacement",
    "longitudinal_mm": "TableTopLongitudinalSetupDisplacement",
    "lateral_mm": "TableTopLateralSetupDisplacement",
}


def read_plan(decoded: Decoded) -> Reading[Plan]:
    """The plan of one object.

    Raises Refusal `plan-not-a-plan`, `plan-brachytherapy`, `plan-same-beam-number`, `plan-same-number`, those of beams
    and of attributes.  What it cannot hold is told: `beam-not-whole` (wedges, blocks, compensators, boli, applicators);
    what it names and has not: `plan-beam-unknown`, `plan-setup-unknown`, `plan-dose-reference-unknown`; what is lacking
    or odd: `plan-beam-in-no-fraction`, `plan-without-fractions`, `plan-without-structures`, `plan-without-meterset`,
    `plan-position-unsaid`, `plan-dose-beyond`, `approval-unknown`, `dicom-count-differs`, `dicom-date-impossible`.
    """
    item = Item(dataset=decoded.dataset)
    with reading() as findings:
        if item.needed_text("SOPClassUID") != RTPlanStorage:
            raise Refusal("plan-not-a-plan", details={"modality": item.text("Modality")})
        if item.items("ApplicationSetupSequence"):
            raise Refusal("plan-brachytherapy")
        refuse_same_numbers(item, _NUMBERS, code="plan-same-number")
        for group in item.items("FractionGroupSequence"):
            refuse_same_numbers(group, _NUMBERS_OF_A_GROUP, code="plan-same-number")
        beams, told = read_beams(item)
        plan = _plan(item, beams)
        told += [*_contradictions(item, plan), *impossible_dates(item, ("RTPlanDate", "ReviewDate"))]
    return Reading(value=plan, findings=(*decoded.findings, *findings, *told, *_oddities(plan)))


def write_plan(plan: Plan) -> bytes:
    """One file; raises Refusal `beam-not-whole` rather than lose a wedge that was read elsewhere."""
    with writing():
        dataset = header_dataset(plan.header, sop_class=RTPlanStorage, instance=plan.instance, modality="RTPLAN")
        dataset.update(_general(plan))
        write_approval(dataset, plan.approval)
        return encode(completed(dataset, "RTPLAN"))


def _plan(item: Item, beams: tuple[Beam, ...]) -> Plan:
    structure_set = item.first("ReferencedStructureSetSequence")
    return Plan(
        header=read_header(item),
        instance=item.uid("SOPInstanceUID"),
        label=item.text("RTPlanLabel"),
        name=item.text("RTPlanName"),
        description=item.text("RTPlanDescription"),
        date=item.text("RTPlanDate"),
        time=item.text("RTPlanTime"),
        intent=item.text("PlanIntent"),
        structure_set=structure_set.uid("ReferencedSOPInstanceUID") if structure_set else None,
        doses=tuple(one.uid("ReferencedSOPInstanceUID") for one in item.items("ReferencedDoseSequence")),
        dose_references=tuple(_dose_reference(one) for one in item.items("DoseReferenceSequence")),
        tolerances=tuple(_tolerance(one) for one in item.items("ToleranceTableSequence")),
        setups=tuple(_setup(one) for one in item.items("PatientSetupSequence")),
        fraction_groups=tuple(_group(one) for one in item.items("FractionGroupSequence")),
        beams=beams,
        approval=read_approval(item),
    )


def _oddities(plan: Plan) -> list[Finding]:
    known = {beam.number for beam in plan.beams}
    given = {one.beam for group in plan.fraction_groups for one in group.beams}
    findings = [found("plan-beam-unknown", beam=number) for number in sorted(given - known)]
    findings += [found("plan-beam-in-no-fraction", beam=number) for number in sorted(known - given)]
    if not plan.fraction_groups or any(group.fractions is None for group in plan.fraction_groups):
        findings.append(found("plan-without-fractions"))
    if plan.structure_set is None:
        findings.append(found("plan-without-structures"))
    pictures = {beam.number for beam in plan.beams if beam.delivery == SETUP}
    if any(not one.meterset and one.beam not in pictures for group in plan.fraction_groups for one in group.beams):
        findings.append(found("plan-without-meterset"))
    return [*findings, *_setup_oddities(plan), *_dose_oddities(plan), *approval_findings(plan.approval)]


def _setup_oddities(plan: Plan) -> list[Finding]:
    known = {setup.number for setup in plan.setups}
    findings = [
        found("plan-setup-unknown", beam=beam.number, setup=beam.setup)
        for beam in plan.beams
        if beam.setup is not None and beam.setup not in known
    ]
    if not plan.setups or not all(setup.position for setup in plan.setups):
        findings.append(found("plan-position-unsaid"))
    return findings


def _dose_oddities(plan: Plan) -> list[Finding]:
    findings = []
    for one in plan.dose_references:
        doses = [dose for name in _REFERENCE if (dose := getattr(one, name)) is not None]
        beyond = [dose for dose in doses if not 0 <= dose <= PRESCRIBED_GY_MOST]
        if beyond:
            findings.append(found("plan-dose-beyond", number=one.number, dose_gy=beyond[0]))
    return findings


def _contradictions(item: Item, plan: Plan) -> list[Finding]:
    """What the object counts otherwise than it has it, and the dose references that it names and has not."""
    known = {reference.number for reference in plan.dose_references}
    points = [point for beam in item.items("BeamSequence") for point in beam.items("ControlPointSequence")]
    groups = item.items("FractionGroupSequence")
    named = {
        one.whole("ReferencedDoseReferenceNumber")
        for holder in (*groups, *points)
        for one in holder.items("ReferencedDoseReferenceSequence")
    }
    return [
        *(found("plan-dose-reference-unknown", number=number) for number in sorted(named - known)),
        *(
            finding
            for group in groups
            for finding in counts_that_differ(group, {"NumberOfBeams": "ReferencedBeamSequence"})
        ),
    ]


def _numbers_of(item: Item, keywords: dict[str, str]) -> dict[str, float | None]:
    return {name: item.number_or_none(keyword) for name, keyword in keywords.items()}


def _point(item: Item, keyword: str) -> Point | None:
    if not item.has(keyword):
        return None
    x, y, z = item.exactly(keyword, 3).tolist()
    return x, y, z


def _dose_reference(item: Item) -> DoseReference:
    return DoseReference(
        number=item.whole("DoseReferenceNumber"),
        place=item.needed_text("DoseReferenceStructureType"),
        kind=item.needed_text("DoseReferenceType"),
        uid=item.uid_or_none("DoseReferenceUID"),
        description=item.text("DoseReferenceDescription"),
        structure=item.whole_or_none("ReferencedROINumber"),
        point_mm=_point(item, "DoseReferencePointCoordinates"),
        **_numbers_of(item, _REFERENCE),
    )


def _tolerance(item: Item) -> ToleranceTable:
    return ToleranceTable(
        number=item.whole("ToleranceTableNumber"),
        label=item.text("ToleranceTableLabel"),
        devices=tuple(
            (one.needed_text("RTBeamLimitingDeviceType"), one.number("BeamLimitingDevicePositionTolerance"))
            for one in item.items("BeamLimitingDeviceToleranceSequence")
        ),
        **_numbers_of(item, _TOLERANCE),
    )


def _setup(item: Item) -> Setup:
    return Setup(
        number=item.whole("PatientSetupNumber"),
        position=item.text("PatientPosition"),
        label=item.text("PatientSetupLabel"),
        technique=item.text("SetupTechnique"),
        **_numbers_of(item, _SETUP),
    )


def _group(item: Item) -> FractionGroup:
    fractions = item.whole_or_none("NumberOfFractionsPlanned")
    if fractions is not None and fractions < 1:
        raise item.invalid("NumberOfFractionsPlanned")
    return FractionGroup(
        number=item.whole("FractionGroupNumber"),
        fractions=fractions,
        beams=tuple(
            FractionBeam(
                beam=one.whole("ReferencedBeamNumber"),
                meterset=_meterset(one),
                dose_gy=one.number_or_none("BeamDose"),
                dose_point_mm=_point(one, "BeamDoseSpecificationPoint"),
            )
            for one in item.items("ReferencedBeamSequence")
        ),
        dose_references=tuple(
            one.whole("ReferencedDoseReferenceNumber") for one in item.items("ReferencedDoseReferenceSequence")
        ),
    )


def _meterset(item: Item) -> float | None:
    meterset = item.number_or_none("BeamMeterset")
    if meterset is not None and meterset < 0:
        raise item.invalid("BeamMeterset")
    return meterset


def _general(plan: Plan) -> Dataset:
    structures = plan.structure_set and [reference(RTStructureSetStorage, plan.structure_set)]
    return filled(
        RTPlanLabel=plan.label or "?",
        RTPlanName=plan.name or None,
        RTPlanDescription=plan.description or None,
        RTPlanDate=plan.date,
        RTPlanTime=plan.time,
        PlanIntent=plan.intent or None,
        RTPlanGeometry="PATIENT" if plan.structure_set else "TREATMENT_DEVICE",
        ReferencedStructureSetSequence=structures,
        ReferencedDoseSequence=[reference(RTDoseStorage, dose) for dose in plan.doses] or None,
        DoseReferenceSequence=[_written_reference(one) for one in plan.dose_references] or None,
        ToleranceTableSequence=[_written_tolerance(one) for one in plan.tolerances] or None,
        PatientSetupSequence=[_written_setup(one) for one in plan.setups] or None,
        FractionGroupSequence=[_written_group(one) for one in plan.fraction_groups] or None,
        BeamSequence=[write_beam(one) for one in plan.beams] or None,
    )


def _named(value: object, keywords: dict[str, str]) -> dict[str, object]:
    return {keyword: getattr(value, name) for name, keyword in keywords.items()}


def _written_reference(one: DoseReference) -> Dataset:
    return filled(
        DoseReferenceNumber=one.number,
        DoseReferenceUID=one.uid,
        DoseReferenceStructureType=one.place,
        DoseReferenceDescription=one.description or None,
        DoseReferenceType=one.kind,
        ReferencedROINumber=one.structure,
        DoseReferencePointCoordinates=one.point_mm,
        **_named(one, _REFERENCE),
    )


def _written_tolerance(one: ToleranceTable) -> Dataset:
    devices = [
        filled(RTBeamLimitingDeviceType=device, BeamLimitingDevicePositionTolerance=float(within))
        for device, within in one.devices
    ]
    return filled(
        ToleranceTableNumber=one.number,
        ToleranceTableLabel=one.label or None,
        BeamLimitingDeviceToleranceSequence=devices or None,
        **_named(one, _TOLERANCE),
    )


def _written_setup(one: Setup) -> Dataset:
    return filled(
        PatientSetupNumber=one.number,
        PatientSetupLabel=one.label or None,
        PatientPosition=one.position,
        SetupTechnique=one.technique or None,
        **_named(one, _SETUP),
    )


def _written_group(group: FractionGroup) -> Dataset:
    beams = [
        filled(
            ReferencedBeamNumber=one.beam,
            BeamMeterset=one.meterset,
            BeamDose=one.dose_gy,
            BeamDoseSpecificationPoint=one.dose_point_mm,
        )
        for one in group.beams
    ]
    references = [filled(ReferencedDoseReferenceNumber=number) for number in group.dose_references]
    return filled(
        FractionGroupNumber=group.number,
        NumberOfFractionsPlanned="" if group.fractions is None else group.fractions,
        NumberOfBeams=len(group.beams),
        NumberOfBrachyApplicationSetups=0,
        ReferencedBeamSequence=beams or None,
        ReferencedDoseReferenceSequence=references or None,
    )
