"""RT Beams Treatment Record to what was delivered, fraction by fraction, and back (PS3.3 A.29)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from pydicom.dataset import Dataset
from pydicom.uid import RTBeamsTreatmentRecordStorage, RTPlanStorage

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.attributes import completed
from tianfu.standards.dicom.contradictions import counts_that_differ
from tianfu.standards.dicom.control_points import Stand, read_stand, write_stand
from tianfu.standards.dicom.dates import impossible_dates
from tianfu.standards.dicom.elements import Item, filled
from tianfu.standards.dicom.encoding import Decoded, encode
from tianfu.standards.dicom.findings import Finding, Reading, found
from tianfu.standards.dicom.headers import Header, header_dataset, read_header, reference
from tianfu.standards.dicom.quiet import reading, writing

METERSET_WITHIN = 0.01
"""How far, as a part of what was specified, a delivered meterset may be before it is told. [ours]"""

_CONTROL_POINTS = 0x30080040
"""The tag of Control Point Delivery Sequence."""

NORMAL = "NORMAL"
"""Treatment Termination Status of a beam that was given to its end; others are OPERATOR, MACHINE, UNKNOWN."""


CONTINUATION = "CONTINUATION"
"""Treatment Delivery Type of the rest of a beam that was broken off: such a beam may come twice in a session."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine that treated, as the record names it."""

    name: str
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    institution: str = ""


@dataclass(frozen=True, kw_only=True)
class Override:
    """A parameter that somebody overrode; `parameter` is its tag as eight hexadecimal digits, empty if unsaid."""

    parameter: str
    reason: str
    operator: str


@dataclass(frozen=True, kw_only=True)
class Correction:
    """A parameter that was moved from its plan, and by how much: so a couch shift is recorded."""

    parameter: str
    value: float


@dataclass(frozen=True, kw_only=True)
class DeliveredPoint:
    """What was given until one control point; metersets are cumulative, in the record's dosimeter unit."""

    index: int | None
    date: str
    time: str
    specified: float | None
    delivered: float
    rate_set: float | None
    rate_delivered: float | None
    stand: Stand
    overrides: tuple[Override, ...] = ()
    corrections: tuple[Correction, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DeliveredBeam:
    """One beam of one session; `verification` is VERIFIED, VERIFIED_OVR, NOT_VERIFIED or empty."""

    number: int | None
    name: str
    kind: str
    radiation: str
    delivery: str
    fraction: int | None
    termination: str
    verification: str
    specified: float | None
    delivered: float | None
    points: tuple[DeliveredPoint, ...]
    leaf_pairs: tuple[tuple[str, int], ...] = ()
    wedges: int = 0
    setup: int | None = None
    description: str = ""

    @property
    def given(self) -> float:
        """What was delivered in all: as the record sums it, else until its last control point."""
        if self.delivered is not None:
            return self.delivered
        return max((point.delivered for point in self.points), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """One record: the beams of one session; `plan` is the SOP Instance UID, None if the record names none."""

    header: Header
    instance: str
    number: int
    date: str
    time: str
    plan: str | None
    fraction_group: int | None
    fractions: int | None
    unit: str
    machine: Machine
    beams: tuple[DeliveredBeam, ...]
    operator: str = ""


def read_treatment(decoded: Decoded) -> Reading[Treatment]:
    """The session of one record.

    Raises Refusal `treatment-not-a-record`, `treatment-delivered-unsaid` (neither the beam nor its control points say
    what was given) and those of attributes; a negative meterset is one.  Told are `treatment-ended-early`,
    `treatment-meterset-differs`, `treatment-meterset-falls`, `treatment-overridden`, `treatment-not-verified`,
    `treatment-without-plan`, `treatment-without-fraction`, `treatment-beams-missing`, `treatment-points-missing`,
    `treatment-machine-unsaid`, `treatment-beam-twice`, `beam-not-whole` (wedges), `dicom-count-differs`,
    `dicom-date-impossible`.
    """
    item = Item(dataset=decoded.dataset)
    with reading() as findings:
        if item.needed_text("SOPClassUID") != RTBeamsTreatmentRecordStorage:
            raise Refusal("treatment-not-a-record", details={"modality": item.text("Modality")})
        treatment = _treatment(item)
        told = [*_contradictions(item), *_dates(item)]
    return Reading(value=treatment, findings=(*decoded.findings, *findings, *told, *_oddities(treatment)))


def write_treatment(treatment: Treatment) -> bytes:
    """One file; raises Refusal `treatment-without-beams` for a record without a beam or a beam without points."""
    if not treatment.beams or not all(beam.points for beam in treatment.beams):
        raise Refusal("treatment-without-beams")
    with writing():
        dataset = header_dataset(
            treatment.header, sop_class=RTBeamsTreatmentRecordStorage, instance=treatment.instance, modality="RTRECORD"
        )
        dataset.update(_general(treatment))
        return encode(completed(dataset, "RTRECORD"))


def _treatment(item: Item) -> Treatment:
    machine, plan = item.first("TreatmentMachineSequence"), item.first("ReferencedRTPlanSequence")
    return Treatment(
        header=read_header(item),
        instance=item.uid("SOPInstanceUID"),
        number=item.whole_or_none("InstanceNumber") or 0,
        date=item.text("TreatmentDate"),
        time=item.text("TreatmentTime"),
        plan=plan.uid("ReferencedSOPInstanceUID") if plan else None,
        fraction_group=item.whole_or_none("ReferencedFractionGroupNumber"),
        fractions=item.whole_or_none("NumberOfFractionsPlanned"),
        unit=item.text("PrimaryDosimeterUnit"),
        machine=_machine(machine) if machine else Machine(name=""),
        beams=tuple(_beam(one) for one in item.items("TreatmentSessionBeamSequence")),
        operator=item.text("OperatorsName"),
    )


def _machine(item: Item) -> Machine:
    return Machine(
        name=item.text("TreatmentMachineName"),
        manufacturer=item.text("Manufacturer"),
        model=item.text("ManufacturerModelName"),
        serial=item.text("DeviceSerialNumber"),
        institution=item.text("InstitutionName"),
    )


def _beam(item: Item) -> DeliveredBeam:
    points: list[DeliveredPoint] = []
    for one in item.items("ControlPointDeliverySequence"):
        points.append(_point(one, points[-1].stand if points else None))
    delivered = _meterset(item, "DeliveredPrimaryMeterset")
    if delivered is None and not points:
        raise Refusal("treatment-delivered-unsaid", details={"beam": item.text("ReferencedBeamNumber")})
    return DeliveredBeam(
        number=item.whole_or_none("ReferencedBeamNumber"),
        name=item.text("BeamName"),
        description=item.text("BeamDescription"),
        kind=item.text("BeamType"),
        radiation=item.text("RadiationType"),
        delivery=item.text("TreatmentDeliveryType"),
        fraction=item.whole_or_none("CurrentFractionNumber"),
        termination=item.needed_text("TreatmentTerminationStatus"),
        verification=item.text("TreatmentVerificationStatus"),
        specified=_meterset(item, "SpecifiedPrimaryMeterset"),
        delivered=delivered,
        points=tuple(points),
        leaf_pairs=tuple(
            (one.needed_text("RTBeamLimitingDeviceType"), one.whole("NumberOfLeafJawPairs"))
            for one in item.items("BeamLimitingDeviceLeafPairsSequence")
        ),
        wedges=item.whole_or_none("NumberOfWedges") or 0,
        setup=item.whole_or_none("ReferencedPatientSetupNumber"),
    )


def _point(item: Item, before: Stand | None) -> DeliveredPoint:
    return DeliveredPoint(
        index=item.whole_or_none("ReferencedControlPointIndex"),
        date=item.text("TreatmentControlPointDate"),
        time=item.text("TreatmentControlPointTime"),
        specified=item.number_or_none("SpecifiedMeterset"),
        delivered=_delivered(item),
        rate_set=item.number_or_none("DoseRateSet"),
        rate_delivered=item.number_or_none("DoseRateDelivered"),
        stand=read_stand(item, before),
        overrides=tuple(_override(one) for one in item.items("OverrideSequence")),
        corrections=tuple(
            Correction(parameter=_pointer(one, "ParameterPointer"), value=one.number("CorrectionValue"))
            for one in item.items("CorrectedParameterSequence")
        ),
    )


def _meterset(item: Item, keyword: str) -> float | None:
    """What nobody said is None; nothing is given, or specified, below zero."""
    meterset = item.number_or_none(keyword)
    if meterset is not None and meterset < 0:
        raise item.invalid(keyword)
    return meterset


def _delivered(item: Item) -> float:
    delivered = item.number("DeliveredMeterset")
    if delivered < 0:
        raise item.invalid("DeliveredMeterset")
    return delivered


def _contradictions(item: Item) -> Iterator[Finding]:
    for beam in item.items("TreatmentSessionBeamSequence"):
        yield from counts_that_differ(beam, {"NumberOfControlPoints": "ControlPointDeliverySequence"})


def _dates(item: Item) -> Iterator[Finding]:
    """One finding for the dates of all control points: they are of one day."""
    yield from impossible_dates(item, ("TreatmentDate",))
    points = [
        point
        for beam in item.items("TreatmentSessionBeamSequence")
        for point in beam.items("ControlPointDeliverySequence")
    ]
    yield from islice((one for point in points for one in impossible_dates(point, ("TreatmentControlPointDate",))), 1)


def _override(item: Item) -> Override:
    return Override(
        parameter=_pointer(item, "OverrideParameterPointer"),
        reason=item.text("OverrideReason"),
        operator=item.text("OperatorsName"),
    )


def _pointer(item: Item, keyword: str) -> str:
    return f"{int(item.numbers(keyword)[0]):08X}" if item.has(keyword) else ""


def _oddities(treatment: Treatment) -> list[Finding]:
    findings = [] if treatment.plan else [found("treatment-without-plan")]
    if not treatment.beams:
        findings.append(found("treatment-beams-missing"))
    if not treatment.machine.name:
        findings.append(found("treatment-machine-unsaid"))
    whole = Counter(
        beam.number for beam in treatment.beams if beam.delivery != CONTINUATION and beam.number is not None
    )
    findings += [
        found("treatment-beam-twice", beam=number, count=count) for number, count in whole.items() if count > 1
    ]
    for beam in treatment.beams:
        findings.extend(_beam_oddities(beam, str(beam.number if beam.number is not None else beam.name)))
    return findings


def _beam_oddities(beam: DeliveredBeam, name: str) -> list[Finding]:
    findings = []
    if beam.termination != NORMAL:
        findings.append(found("treatment-ended-early", beam=name, status=beam.termination))
    if beam.specified and abs(beam.given - beam.specified) > METERSET_WITHIN * abs(beam.specified):
        findings.append(found("treatment-meterset-differs", beam=name, specified=beam.specified, delivered=beam.given))
    overridden = sum(len(point.overrides) for point in beam.points)
    if overridden or beam.verification == "VERIFIED_OVR":
        findings.append(found("treatment-overridden", beam=name, count=overridden))
    if beam.verification in {"", "NOT_VERIFIED"}:
        findings.append(found("treatment-not-verified", beam=name))
    if beam.fraction is None:
        findings.append(found("treatment-without-fraction", beam=name))
    if not beam.points:
        findings.append(found("treatment-points-missing", beam=name))
    fallen = [after for before, after in pairwise(beam.points) if after.delivered < before.delivered]
    if fallen:
        findings.append(found("treatment-meterset-falls", beam=name, count=len(fallen)))
    if beam.wedges:
        findings.append(found("beam-not-whole", beam=name, parts="wedges"))
    return findings


def _general(treatment: Treatment) -> Dataset:
    machine = treatment.machine
    return filled(
        OperatorsName=treatment.operator,
        InstanceNumber=treatment.number,
        TreatmentDate=treatment.date,
        TreatmentTime=treatment.time,
        ReferencedRTPlanSequence=[reference(RTPlanStorage, treatment.plan)] if treatment.plan else [],
        ReferencedFractionGroupNumber=treatment.fraction_group,
        NumberOfFractionsPlanned="" if treatment.fractions is None else treatment.fractions,
        PrimaryDosimeterUnit=treatment.unit,
        TreatmentMachineSequence=[
            filled(
                TreatmentMachineName=machine.name,
                Manufacturer=machine.manufacturer,
                ManufacturerModelName=machine.model,
                DeviceSerialNumber=machine.serial,
                InstitutionName=machine.institution,
            )
        ],
        TreatmentSessionBeamSequence=[_written_beam(beam) for beam in treatment.beams],
    )


def _written_beam(beam: DeliveredBeam) -> Dataset:
    if beam.wedges:
        raise Refusal("beam-not-whole", details={"beam": str(beam.number), "parts": "wedges"})
    pairs = [filled(RTBeamLimitingDeviceType=device, NumberOfLeafJawPairs=count) for device, count in beam.leaf_pairs]
    return filled(
        ReferencedBeamNumber=beam.number,
        BeamName=beam.name or None,
        BeamDescription=beam.description or None,
        BeamType=beam.kind,
        RadiationType=beam.radiation,
        TreatmentDeliveryType=beam.delivery,
        CurrentFractionNumber="" if beam.fraction is None else beam.fraction,
        TreatmentTerminationStatus=beam.termination,
        TreatmentVerificationStatus=beam.verification,
        SpecifiedPrimaryMeterset=beam.specified,
        DeliveredPrimaryMeterset=beam.delivered,
        BeamLimitingDeviceLeafPairsSequence=pairs or None,
        NumberOfWedges=0,
        NumberOfControlPoints=len(beam.points),
        ControlPointDeliverySequence=[
            _written_point(point, number, beam.points[number - 1].stand if number else None)
            for number, point in enumerate(beam.points)
        ],
        ReferencedPatientSetupNumber=beam.setup,
    )


def _written_point(point: DeliveredPoint, number: int, before: Stand | None) -> Dataset:
    dataset = write_stand(point.stand, before)
    dataset.update(
        filled(
            ReferencedControlPointIndex=point.index,
            TreatmentControlPointDate=point.date,
            TreatmentControlPointTime=point.time,
            SpecifiedMeterset="" if point.specified is None else point.specified,
            DeliveredMeterset=point.delivered,
            DoseRateSet="" if point.rate_set is None else point.rate_set,
            DoseRateDelivered="" if point.rate_delivered is None else point.rate_delivered,
            OverrideSequence=[_written_override(one) for one in point.overrides] or None,
            CorrectedParameterSequence=[_written_correction(one, number) for one in point.corrections] or None,
        )
    )
    if point.stand.energy_mv is not None and "NominalBeamEnergy" in dataset:
        dataset.NominalBeamEnergyUnit = "MV"
    return dataset


def _written_override(one: Override) -> Dataset:
    return filled(
        OverrideParameterPointer=int(one.parameter, 16) if one.parameter else "",
        OverrideReason=one.reason or None,
        OperatorsName=one.operator,
    )


def _written_correction(one: Correction, point: int) -> Dataset:
    """The parameter is one of the control point itself: items are counted from one (C.8.8.21)."""
    return filled(
        ParameterSequencePointer=_CONTROL_POINTS,
        ParameterItemIndex=point + 1,
        ParameterPointer=int(one.parameter, 16),
        CorrectionValue=one.value,
    )
