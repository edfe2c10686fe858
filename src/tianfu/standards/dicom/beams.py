"""Beams of a plan and their control points (PS3.3 C.8.8.14), and how many monitor units each segment gets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from pydicom.dataset import Dataset

from tianfu.kernel.refusal import Refusal
from tianfu.standards.dicom.contradictions import counts_that_differ
from tianfu.standards.dicom.control_points import LEAVES, Opening, Stand, read_stand, write_stand
from tianfu.standards.dicom.elements import Item, filled
from tianfu.standards.dicom.findings import Finding, found

WEIGHT_WITHIN = 1e-5
"""How far, as a part of the final weight, two weights may be that mean the same: writers round. [ours]"""

ENERGY_MV_MOST = 1000
"""No beam of a treatment machine has more; a larger number is one of kilovolts. [ours]"""

ISOCENTRE_FAR_MM = 5000
"""No isocentre is so far from the origin of a patient's images. [ours]"""

SETUP = "SETUP"
"""Treatment Delivery Type of a beam that takes a picture and gives no dose: it needs neither weights nor energy."""

Point = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class LimitingDevice:
    """Jaws or a multileaf collimator, whose `boundaries_mm` are one more than its pairs."""

    kind: str
    pairs: int
    boundaries_mm: tuple[float, ...] = ()
    distance_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class ControlPoint:
    """`weight` is the Cumulative Meterset Weight, None if the object leaves it out."""

    weight: float | None
    stand: Stand
    isocentre_mm: Point | None
    dose_rate: float | None
    surface_mm: float | None = None


@dataclass(frozen=True, kw_only=True)
class Beam:
    """`kind` is STATIC or DYNAMIC; `not_read` names what the object has and this value has not: wedges, blocks."""

    number: int
    name: str
    kind: str
    radiation: str
    machine: str
    delivery: str
    unit: str
    axis_mm: float | None
    final_weight: float | None
    devices: tuple[LimitingDevice, ...]
    control_points: tuple[ControlPoint, ...]
    description: str = ""
    fluence: str = ""
    fluence_id: str = ""
    setup: int | None = None
    tolerance: int | None = None
    not_read: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Segment:
    """What is given between two neighbouring control points, from their numbers."""

    start: int
    stop: int
    meterset: float


class Technique(StrEnum):
    """How the machine moves while it gives dose."""

    STATIC = "static"
    STEP_AND_SHOOT = "step-and-shoot"
    DYNAMIC = "dynamic"
    ARC = "arc"
    MODULATED_ARC = "modulated-arc"


_COUNTS_NOT_READ = {
    "NumberOfWedges": "WedgeSequence",
    "NumberOfCompensators": "CompensatorSequence",
    "NumberOfBoli": "ReferencedBolusSequence",
    "NumberOfBlocks": "BlockSequence",
}
_NOT_READ = {
    "wedges": ("NumberOfWedges", "WedgeSequence"),
    "compensators": ("NumberOfCompensators", "CompensatorSequence"),
    "boli": ("NumberOfBoli", "ReferencedBolusSequence"),
    "blocks": ("NumberOfBlocks", "BlockSequence"),
    "applicator": (None, "ApplicatorSequence"),
    "accessories": (None, "GeneralAccessorySequence"),
}


def segments(beam: Beam, *, meterset: float) -> tuple[Segment, ...]:
    """The beam's meterset divided among its segments by their weights; segments without dose are there too.

    Raises Refusal `beam-without-weights` if a control point has none or the final one is zero.
    """
    weights = _weights(beam)
    if beam.final_weight is None or beam.final_weight <= 0:
        raise Refusal("beam-without-weights", details={"beam": str(beam.number)})
    return tuple(
        Segment(start=number, stop=number + 1, meterset=meterset * (after - before) / beam.final_weight)
        for number, (before, after) in enumerate(pairwise(weights))
    )


def technique_of(beam: Beam) -> Technique:
    """How a beam moves: judged by what moves while weight is given, not by what its type says."""
    weights = _weights(beam)
    moving = {"gantry": False, "leaves while on": False, "leaves": False}
    for (before, after), (start, stop) in zip(pairwise(beam.control_points), pairwise(weights), strict=True):
        is_on = stop > start
        changed = before.stand.openings != after.stand.openings
        moving["leaves"] |= changed
        moving["leaves while on"] |= changed and is_on
        moving["gantry"] |= is_on and before.stand.gantry_degrees != after.stand.gantry_degrees
    if moving["gantry"]:
        return Technique.MODULATED_ARC if moving["leaves"] else Technique.ARC
    if moving["leaves while on"]:
        return Technique.DYNAMIC
    return Technique.STEP_AND_SHOOT if moving["leaves"] else Technique.STATIC


def _weights(beam: Beam) -> list[float]:
    weights = [point.weight for point in beam.control_points if point.weight is not None]
    if len(weights) != len(beam.control_points):
        raise Refusal("beam-without-weights", details={"beam": str(beam.number)})
    return weights


def read_beams(item: Item) -> tuple[tuple[Beam, ...], list[Finding]]:
    """All beams of a plan.

    Raises Refusal `plan-same-beam-number`, `beam-weights-decrease`, `beam-first-weight`, `beam-control-points-missing`,
    `beam-leaves-differ` (positions do not fit the pairs of their device), `beam-leaf-boundaries`, and
    `dicom-attribute-invalid` for an angle, energy or isocentre that no machine has.  Told are `beam-not-whole`,
    `beam-without-weights`, `beam-final-weight-differs`, `beam-leaves-cross`, `beam-leaves-without-boundaries`,
    `beam-without-isocentre` and `dicom-count-differs`.
    """
    items = item.items("BeamSequence")
    beams = tuple(_beam(one) for one in items)
    numbers = [beam.number for beam in beams]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise Refusal("plan-same-beam-number", details={"beam": str(twice)})
    contradictions = [finding for one in items for finding in counts_that_differ(one, _COUNTS_NOT_READ)]
    return beams, [*contradictions, *(finding for beam in beams for finding in _oddities(beam))]


def write_beam(beam: Beam) -> Dataset:
    """The item of a beam; raises Refusal `beam-not-whole` if it was read without some of its parts."""
    if beam.not_read:
        raise Refusal("beam-not-whole", details={"beam": str(beam.number), "parts": ", ".join(beam.not_read)})
    fluence = filled(FluenceMode=beam.fluence, FluenceModeID=beam.fluence_id or None) if beam.fluence else None
    return filled(
        TreatmentMachineName=beam.machine,
        PrimaryDosimeterUnit=beam.unit or None,
        SourceAxisDistance=beam.axis_mm,
        BeamLimitingDeviceSequence=[_written_device(device) for device in beam.devices] or None,
        BeamNumber=beam.number,
        BeamName=beam.name or None,
        BeamDescription=beam.description or None,
        BeamType=beam.kind,
        RadiationType=beam.radiation,
        PrimaryFluenceModeSequence=[fluence] if fluence else None,
        TreatmentDeliveryType=beam.delivery or None,
        NumberOfWedges=0,
        NumberOfCompensators=0,
        NumberOfBoli=0,
        NumberOfBlocks=0,
        FinalCumulativeMetersetWeight=beam.final_weight,
        NumberOfControlPoints=len(beam.control_points),
        ControlPointSequence=list(_written_points(beam.control_points)),
        ReferencedPatientSetupNumber=beam.setup,
        ReferencedToleranceTableNumber=beam.tolerance,
    )


def _beam(item: Item) -> Beam:
    number = item.whole("BeamNumber")
    points = _control_points(item, number)
    if item.text("TreatmentDeliveryType") != SETUP:
        _refuse_impossible(item, number, points)
    fluence = item.first("PrimaryFluenceModeSequence")
    beam = Beam(
        number=number,
        name=item.text("BeamName"),
        description=item.text("BeamDescription"),
        kind=item.needed_text("BeamType"),
        radiation=item.text("RadiationType"),
        machine=item.text("TreatmentMachineName"),
        delivery=item.text("TreatmentDeliveryType"),
        unit=item.text("PrimaryDosimeterUnit"),
        axis_mm=item.number_or_none("SourceAxisDistance"),
        final_weight=item.number_or_none("FinalCumulativeMetersetWeight"),
        devices=tuple(_device(one) for one in item.items("BeamLimitingDeviceSequence")),
        control_points=points,
        fluence=fluence.text("FluenceMode") if fluence else "",
        fluence_id=fluence.text("FluenceModeID") if fluence else "",
        setup=item.whole_or_none("ReferencedPatientSetupNumber"),
        tolerance=item.whole_or_none("ReferencedToleranceTableNumber"),
        not_read=tuple(_not_read(item)),
    )
    _refuse_unfit_leaves(beam)
    return beam


def _not_read(item: Item) -> Iterator[str]:
    for name, (count, sequence) in _NOT_READ.items():
        if item.items(sequence) or (count and item.whole_or_none(count)):
            yield name


def _device(item: Item) -> LimitingDevice:
    return LimitingDevice(
        kind=item.needed_text("RTBeamLimitingDeviceType"),
        pairs=item.whole("NumberOfLeafJawPairs"),
        boundaries_mm=tuple(item.numbers("LeafPositionBoundaries").tolist()),
        distance_mm=item.number_or_none("SourceToBeamLimitingDeviceDistance"),
    )


def _control_points(beam: Item, number: int) -> tuple[ControlPoint, ...]:
    items = beam.items("ControlPointSequence")
    if beam.whole_or_none("NumberOfControlPoints") not in {None, len(items)} or len(items) < 1:
        details = {"beam": str(number), "stated": beam.text("NumberOfControlPoints"), "found": str(len(items))}
        raise Refusal("beam-control-points-missing", details=details)
    if [one.whole("ControlPointIndex") for one in items] != list(range(len(items))):
        raise Refusal("beam-control-points-missing", details={"beam": str(number), "stated": "", "found": "order"})
    points: list[ControlPoint] = []
    for one in items:
        points.append(_control_point(one, points[-1] if points else None))
    weights = [point.weight for point in points if point.weight is not None]
    if any(after < before for before, after in pairwise(weights)):
        raise Refusal("beam-weights-decrease", details={"beam": str(number)})
    return tuple(points)


def _refuse_impossible(item: Item, number: int, points: tuple[ControlPoint, ...]) -> None:
    """Refuse what would give a segment another dose: the first weight is zero (C.8.8.14.1), an energy is one."""
    first, last = points[0].weight, points[-1].weight
    if first and abs(first) > WEIGHT_WITHIN * abs(last or 0):
        raise Refusal("beam-first-weight", details={"beam": str(number), "weight": str(first)})
    for one, point in zip(item.items("ControlPointSequence"), points, strict=True):
        if point.stand.energy_mv is not None and not 0 < point.stand.energy_mv <= ENERGY_MV_MOST:
            raise one.invalid("NominalBeamEnergy")


def _control_point(item: Item, before: ControlPoint | None) -> ControlPoint:
    isocentre = before.isocentre_mm if before else None
    if item.has("IsocenterPosition"):
        x, y, z = item.exactly("IsocenterPosition", 3).tolist()
        isocentre = (x, y, z)
        if max(map(abs, isocentre)) > ISOCENTRE_FAR_MM:
            raise item.invalid("IsocenterPosition")
    rate, surface = item.number_or_none("DoseRateSet"), item.number_or_none("SourceToSurfaceDistance")
    return ControlPoint(
        weight=item.number_or_none("CumulativeMetersetWeight"),
        stand=read_stand(item, before.stand if before else None),
        isocentre_mm=isocentre,
        dose_rate=before.dose_rate if rate is None and before else rate,
        surface_mm=before.surface_mm if surface is None and before else surface,
    )


def _refuse_unfit_leaves(beam: Beam) -> None:
    """Leaves are given by their order alone: one too few would shift all others."""
    devices = {device.kind: device for device in beam.devices}
    for point in beam.control_points:
        for opening in point.stand.openings:
            device = devices.get(opening.device)
            if device is None or len(opening.positions_mm) != 2 * device.pairs:
                details = {"beam": str(beam.number), "device": opening.device}
                raise Refusal("beam-leaves-differ", details=details)
    for device in beam.devices:
        if device.boundaries_mm and len(device.boundaries_mm) != device.pairs + 1:
            raise Refusal("beam-leaves-differ", details={"beam": str(beam.number), "device": device.kind})
        if any(after <= before for before, after in pairwise(device.boundaries_mm)):
            raise Refusal("beam-leaf-boundaries", details={"beam": str(beam.number), "device": device.kind})


def _oddities(beam: Beam) -> list[Finding]:
    findings = []
    if beam.not_read:
        findings.append(found("beam-not-whole", beam=beam.number, parts=", ".join(beam.not_read)))
    last = beam.control_points[-1].weight
    if beam.delivery != SETUP and _lacks_weights(beam):
        findings.append(found("beam-without-weights", beam=beam.number))
    if beam.final_weight is not None and last is not None and _differ(last, beam.final_weight):
        findings.append(found("beam-final-weight-differs", beam=beam.number, stated=beam.final_weight, last=last))
    if any(_crosses(opening) for point in beam.control_points for opening in point.stand.openings):
        findings.append(found("beam-leaves-cross", beam=beam.number))
    without = [device.kind for device in beam.devices if device.kind in LEAVES and not device.boundaries_mm]
    if without:
        findings.append(found("beam-leaves-without-boundaries", beam=beam.number))
    if beam.control_points[0].isocentre_mm is None and beam.delivery != SETUP:
        findings.append(found("beam-without-isocentre", beam=beam.number))
    return findings


def _lacks_weights(beam: Beam) -> bool:
    return not beam.final_weight or beam.final_weight < 0 or any(point.weight is None for point in beam.control_points)


def _differ(one: float, other: float) -> bool:
    return abs(one - other) > WEIGHT_WITHIN * max(abs(one), abs(other))


def _crosses(opening: Opening) -> bool:
    half = len(opening.positions_mm) // 2
    banks = zip(opening.positions_mm[:half], opening.positions_mm[half:], strict=True)
    return any(first > second for first, second in banks)


def _written_device(device: LimitingDevice) -> Dataset:
    return filled(
        RTBeamLimitingDeviceType=device.kind,
        SourceToBeamLimitingDeviceDistance=device.distance_mm,
        NumberOfLeafJawPairs=device.pairs,
        LeafPositionBoundaries=list(device.boundaries_mm) or None,
    )


def _written_points(points: tuple[ControlPoint, ...]) -> Iterator[Dataset]:
    before: ControlPoint | None = None
    for number, point in enumerate(points):
        dataset = write_stand(point.stand, before.stand if before else None)
        dataset.ControlPointIndex = number
        dataset.update(
            filled(
                CumulativeMetersetWeight="" if point.weight is None else point.weight,
                IsocenterPosition=_changed(point.isocentre_mm, before.isocentre_mm if before else None),
                DoseRateSet=_changed(point.dose_rate, before.dose_rate if before else None),
                SourceToSurfaceDistance=_changed(point.surface_mm, before.surface_mm if before else None),
            )
        )
        yield dataset
        before = point


def _changed(now: object, before: object) -> object:
    return None if now == before else now
