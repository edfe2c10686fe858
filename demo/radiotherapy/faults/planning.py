"""Faults of the trade: the plan is a sound object that fits its case, and would hurt somebody."""

from __future__ import annotations

from dataclasses import replace

from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import edited
from demo.radiotherapy.faults.fault import LATER, Record, Spoiled, by_codec, changed, fault, in_one
from demo.radiotherapy.objects import Kind, Objects

RP = Kind.PLAN


@in_one(RP, LATER, "The monitor units of a beam, or of all, are ten times what they should be, or a tenth.")
def meterset_tenfold(dataset: Dataset, dice: Dice) -> Record:
    beams, factor = list(dataset.FractionGroupSequence[0].ReferencedBeamSequence), dice.pick((0.1, 10.0))
    chosen = beams if dice.happens(0.3) else [dice.pick(beams)]
    for beam in chosen:
        beam.BeamMeterset = f"{float(beam.BeamMeterset) * factor:.2f}"
    return {"factor": str(factor), "beams": str(len(chosen))}


@in_one(RP, LATER, "The monitor units of a beam are some percent off.")
def meterset_slightly_off(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.FractionGroupSequence[0].ReferencedBeamSequence))
    factor = dice.pick((dice.uniform(0.7, 0.95), dice.uniform(1.05, 1.3)))
    beam.BeamMeterset = f"{float(beam.BeamMeterset) * factor:.2f}"
    return {"beam": str(beam.ReferencedBeamNumber), "factor": f"{factor:.3f}"}


@in_one(RP, LATER, "The monitor units of two beams are exchanged.")
def metersets_exchanged(dataset: Dataset, dice: Dice) -> Record:
    one, other = dice.sample(list(dataset.FractionGroupSequence[0].ReferencedBeamSequence), 2)
    one.BeamMeterset, other.BeamMeterset = other.BeamMeterset, one.BeamMeterset
    return {"one": str(one.ReferencedBeamNumber), "other": str(other.ReferencedBeamNumber)}


@in_one(RP, LATER, "More or less is prescribed than the dose gives.")
def wrong_prescription(dataset: Dataset, dice: Dice) -> Record:
    reference, by = dataset.DoseReferenceSequence[0], dice.pick((-20.0, -10.0, 10.0, 20.0))
    reference.TargetPrescriptionDose = f"{float(reference.TargetPrescriptionDose) + by:.2f}"
    return {"by_gy": str(by)}


@in_one(RP, LATER, "What is prescribed to the target is prescribed to an organ.")
def prescribed_to_organ(dataset: Dataset, dice: Dice) -> Record:
    target, *organs = list(dataset.DoseReferenceSequence)
    target.ReferencedROINumber = dice.pick(organs).ReferencedROINumber
    return {"number": str(target.ReferencedROINumber)}


@in_one(RP, LATER, "The course has another number of fractions than was prescribed.")
def wrong_fractions(dataset: Dataset, dice: Dice) -> Record:
    group, by = dataset.FractionGroupSequence[0], dice.pick((-10, -5, -1, 1, 5, 10))
    group.NumberOfFractionsPlanned = int(group.NumberOfFractionsPlanned) + by
    return {"by_fractions": str(by)}


@in_one(RP, LATER, "The isocentre of all beams lies about two centimetres beside the target's middle.")
def isocentre_moved(dataset: Dataset, dice: Dice) -> Record:
    axis, by_mm = dice.randrange(3), dice.uniform(15, 25) * dice.pick((-1, 1))
    for beam in dataset.BeamSequence:
        _move_isocentre(beam, axis, by_mm)
    return {"axis": "xyz"[axis], "by_mm": f"{by_mm:.2f}"}


@in_one(RP, LATER, "One beam has an isocentre of its own.")
def isocentre_of_one_beam(dataset: Dataset, dice: Dice) -> Record:
    beam, axis, by_mm = dice.pick(list(dataset.BeamSequence)), dice.randrange(3), dice.uniform(3, 30)
    _move_isocentre(beam, axis, by_mm)
    return {"beam": str(beam.BeamNumber), "axis": "xyz"[axis], "by_mm": f"{by_mm:.2f}"}


@in_one(RP, LATER, "The gantry angles of two beams are exchanged.")
def gantries_exchanged(dataset: Dataset, dice: Dice) -> Record:
    one, other = (beam.ControlPointSequence[0] for beam in dice.sample(list(dataset.BeamSequence), 2))
    one.GantryAngle, other.GantryAngle = other.GantryAngle, one.GantryAngle
    return {"one_degrees": str(one.GantryAngle), "other_degrees": str(other.GantryAngle)}


@in_one(RP, LATER, "Gantry angles are counted the other way round.")
def gantry_mirrored(dataset: Dataset, dice: Dice) -> Record:
    for beam in dataset.BeamSequence:
        point = beam.ControlPointSequence[0]
        point.GantryAngle = f"{(360 - float(point.GantryAngle)) % 360:.1f}"
    return {}


@in_one(RP, LATER, "The collimator or the couch of a beam stands at another angle.")
def turned(dataset: Dataset, dice: Dice) -> Record:
    point = dice.pick(list(dataset.BeamSequence)).ControlPointSequence[0]
    keyword, by = dice.pick(("BeamLimitingDeviceAngle", "PatientSupportAngle")), dice.uniform(5, 90)
    setattr(point, keyword, f"{(float(getattr(point, keyword)) + by) % 360:.1f}")
    return {"attribute": keyword, "by_degrees": f"{by:.1f}"}


@in_one(RP, LATER, "A beam has another energy, or one that the machine has not.")
def wrong_energy(dataset: Dataset, dice: Dice) -> Record:
    point = dice.pick(list(dataset.BeamSequence)).ControlPointSequence[0]
    point.NominalBeamEnergy = dice.pick(("4", "7", "10", "15", "18", "60"))
    return {"energy_mv": str(point.NominalBeamEnergy)}


@in_one(RP, LATER, "A beam is said to be of electrons, or of protons.")
def wrong_radiation(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    beam.RadiationType = dice.pick(("ELECTRON", "PROTON"))
    return {"radiation": beam.RadiationType}


@in_one(RP, LATER, "A jaw stands outside what the machine can reach.")
def jaw_outside(dataset: Dataset, dice: Dice) -> Record:
    jaw, position = _device(dataset, dice, dice.pick(("ASYMX", "ASYMY"))), dice.uniform(205, 400)
    first, _ = jaw.LeafJawPositions
    jaw.LeafJawPositions = [str(first), f"{position:.1f}"]
    return {"position_mm": f"{position:.1f}"}


@in_one(RP, LATER, "A jaw covers half of the field that the leaves leave open.")
def jaw_closed(dataset: Dataset, dice: Dice) -> Record:
    jaw = _device(dataset, dice, dice.pick(("ASYMX", "ASYMY")))
    first, second = (float(one) for one in jaw.LeafJawPositions)
    middle = first + (second - first) * dice.uniform(0.3, 0.7)
    jaw.LeafJawPositions = [f"{middle:.1f}", f"{second:.1f}"]
    return {"from_mm": f"{first:.1f}", "to_mm": f"{middle:.1f}"}


@in_one(RP, LATER, "A leaf stands open far beside the target.")
def leaf_open(dataset: Dataset, dice: Dice) -> Record:
    leaves = _device(dataset, dice, "MLCX")
    positions = [float(one) for one in leaves.LeafJawPositions]
    half = len(positions) // 2
    pair, by_mm = dice.randrange(half), dice.uniform(10, 60)
    positions[pair + half] += by_mm
    leaves.LeafJawPositions = [f"{one:.1f}" for one in positions]
    return {"pair": str(pair + 1), "by_mm": f"{by_mm:.1f}"}


@in_one(RP, LATER, "All leaves of a bank are shifted.")
def bank_shifted(dataset: Dataset, dice: Dice) -> Record:
    leaves, by_mm = _device(dataset, dice, "MLCX"), dice.uniform(1, 8)
    positions = [float(one) for one in leaves.LeafJawPositions]
    half = len(positions) // 2
    leaves.LeafJawPositions = [f"{one - by_mm * (place < half):.2f}" for place, one in enumerate(positions)]
    return {"by_mm": f"{by_mm:.2f}"}


@in_one(RP, LATER, "The source stands at another distance than the machine's.")
def wrong_distance(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    beam.SourceAxisDistance = dice.pick(("800", "1010", "100"))
    return {"beam": str(beam.BeamNumber), "distance_mm": str(beam.SourceAxisDistance)}


@in_one(RP, LATER, "A beam is planned for another machine.")
def other_machine(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    beam.TreatmentMachineName = f"示例加速器 {dice.randrange(2, 9)}"
    return {"beam": str(beam.BeamNumber), "machine": beam.TreatmentMachineName}


@in_one(RP, LATER, "The plan says that the patient lies the other way than on the images.")
def wrong_setup(dataset: Dataset, dice: Dice) -> Record:
    dataset.PatientSetupSequence[0].PatientPosition = dice.pick(("FFS", "HFP", "FFP", "HFDL"))
    return {"position": dataset.PatientSetupSequence[0].PatientPosition}


@fault(RP, LATER, "A beam is missing from the plan, from its fractions and from its sessions.")
def beam_missing(objects: Objects, dice: Dice) -> Spoiled:
    number = 0

    def lose(dataset: Dataset, dice: Dice) -> Record:
        nonlocal number
        number = int(dice.pick(list(dataset.BeamSequence)).BeamNumber)
        group = dataset.FractionGroupSequence[0]
        dataset.BeamSequence = [one for one in dataset.BeamSequence if number != one.BeamNumber]
        kept = [one for one in group.ReferencedBeamSequence if number != one.ReferencedBeamNumber]
        group.ReferencedBeamSequence, group.NumberOfBeams = kept, len(kept)
        return {"beam": str(number)}

    def forget(dataset: Dataset) -> None:
        sessions = dataset.TreatmentSessionBeamSequence
        dataset.TreatmentSessionBeamSequence = [one for one in sessions if number != one.ReferencedBeamNumber]

    spoilt = changed(objects, RP, 0, lose, dice)
    records = tuple(edited(content, forget) for content in objects.of(Kind.RECORD))
    return replace(spoilt, objects=spoilt.objects.with_files(Kind.RECORD, records))


@in_one(RP, LATER, "The plan was rejected by its reviewer.")
def rejected(dataset: Dataset, dice: Dice) -> Record:
    dataset.ApprovalStatus, dataset.ReviewerName = "REJECTED", "示例^物理师"
    dataset.ReviewDate, dataset.ReviewTime = dataset.RTPlanDate, dataset.RTPlanTime
    return {"status": "REJECTED"}


@in_one(RP, LATER, "The dose rate is one that no machine has.")
def wrong_dose_rate(dataset: Dataset, dice: Dice) -> Record:
    point = dice.pick(list(dataset.BeamSequence)).ControlPointSequence[0]
    point.DoseRateSet = str(dice.pick((0, 6, 6000, 24_000)))
    return {"dose_rate": str(point.DoseRateSet)}


@in_one(RP, by_codec("plan-position-unsaid"), "The plan does not say how the patient is to lie.")
def position_unsaid(dataset: Dataset, dice: Dice) -> Record:
    del dataset.PatientSetupSequence[0].PatientPosition
    return {}


def _move_isocentre(beam: Dataset, axis: int, by_mm: float) -> None:
    point = beam.ControlPointSequence[0]
    place = [float(one) for one in point.IsocenterPosition]
    place[axis] += by_mm
    point.IsocenterPosition = [f"{one:.2f}" for one in place]


def _device(dataset: Dataset, dice: Dice, kind: str) -> Dataset:
    """The positions of a device at the first control point of a beam."""
    point = dice.pick(list(dataset.BeamSequence)).ControlPointSequence[0]
    devices: list[Dataset] = list(point.BeamLimitingDevicePositionSequence)
    return next(one for one in devices if one.RTBeamLimitingDeviceType == kind)
