"""Faults of treatment records, and of treatments that they tell of."""

from __future__ import annotations

from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import put
from demo.radiotherapy.faults.fault import LATER, Record, by_codec, in_one
from demo.radiotherapy.objects import Kind

RT = Kind.RECORD


@in_one(RT, by_codec("treatment-ended-early"), "A beam was broken off.")
def ended_early(dataset: Dataset, dice: Dice) -> Record:
    beam = _pick(dataset, dice)
    beam.TreatmentTerminationStatus = dice.pick(("OPERATOR", "MACHINE", "UNKNOWN"))
    return {"beam": beam.BeamName, "status": beam.TreatmentTerminationStatus}


@in_one(RT, by_codec("treatment-meterset-differs"), "A beam was given other monitor units than planned.")
def meterset_differs(dataset: Dataset, dice: Dice) -> Record:
    beam, factor = _pick(dataset, dice), dice.pick((dice.uniform(0.2, 0.97), dice.uniform(1.03, 2.0)))
    beam.DeliveredPrimaryMeterset = f"{float(beam.SpecifiedPrimaryMeterset) * factor:.3f}"
    return {"beam": beam.BeamName, "factor": f"{factor:.3f}"}


@in_one(RT, by_codec("treatment-overridden"), "Somebody overrode an interlock of a beam.")
def overridden(dataset: Dataset, dice: Dice) -> Record:
    beam = _pick(dataset, dice)
    beam.TreatmentVerificationStatus = "VERIFIED_OVR"
    return {"beam": beam.BeamName}


@in_one(RT, by_codec("treatment-not-verified"), "A beam was given without verification.")
def not_verified(dataset: Dataset, dice: Dice) -> Record:
    beam = _pick(dataset, dice)
    beam.TreatmentVerificationStatus = "NOT_VERIFIED"
    return {"beam": beam.BeamName}


@in_one(RT, by_codec("treatment-without-fraction"), "A beam's record does not say of which fraction it is.")
def without_fraction(dataset: Dataset, dice: Dice) -> Record:
    beam = _pick(dataset, dice)
    beam.CurrentFractionNumber = None
    return {"beam": beam.BeamName}


@in_one(RT, by_codec("treatment-without-plan"), "A record does not say which plan was given.")
def without_plan(dataset: Dataset, dice: Dice) -> Record:
    dataset.ReferencedRTPlanSequence = []
    return {}


@in_one(RT, by_codec("dicom-attribute-missing"), "A record does not say how a beam ended, or what was delivered.")
def attribute_missing(dataset: Dataset, dice: Dice) -> Record:
    beam, keyword = _pick(dataset, dice), dice.pick(("TreatmentTerminationStatus", "DeliveredMeterset"))
    holder = beam if keyword in beam else beam.ControlPointDeliverySequence[-1]
    delattr(holder, keyword)
    return {"attribute": keyword}


@in_one(RT, LATER, "A fraction is recorded under the number of another one.")
def fraction_twice(dataset: Dataset, dice: Dice) -> Record:
    number = dice.randrange(60, 90)
    for beam in dataset.TreatmentSessionBeamSequence:
        beam.CurrentFractionNumber = number
    return {"fraction": str(number)}


@in_one(RT, LATER, "A session was given on another machine than planned.")
def other_machine(dataset: Dataset, dice: Dice) -> Record:
    dataset.TreatmentMachineSequence[0].TreatmentMachineName = f"示例加速器 {dice.randrange(2, 9)}"
    return {"machine": dataset.TreatmentMachineSequence[0].TreatmentMachineName}


@in_one(RT, LATER, "A beam was left out of a session.")
def beam_left_out(dataset: Dataset, dice: Dice) -> Record:
    beams = list(dataset.TreatmentSessionBeamSequence)
    lost = beams.pop(dice.randrange(len(beams)))
    dataset.TreatmentSessionBeamSequence = beams
    return {"beam": lost.BeamName}


@in_one(RT, LATER, "A beam was given from another angle than planned.")
def other_gantry(dataset: Dataset, dice: Dice) -> Record:
    beam, by = _pick(dataset, dice), dice.uniform(2, 90)
    point = beam.ControlPointDeliverySequence[0]
    point.GantryAngle = f"{(float(point.GantryAngle) + by) % 360:.1f}"
    return {"beam": beam.BeamName, "by_degrees": f"{by:.1f}"}


@in_one(RT, by_codec("treatment-beams-missing"), "A session has no beams.")
def without_beams(dataset: Dataset, dice: Dice) -> Record:
    del dataset.TreatmentSessionBeamSequence
    return {}


@in_one(RT, by_codec("treatment-points-missing"), "A beam's record does not say what was given at any control point.")
def without_points(dataset: Dataset, dice: Dice) -> Record:
    beam = _pick(dataset, dice)
    del beam.ControlPointDeliverySequence
    return {"beam": beam.BeamName}


@in_one(RT, by_codec("dicom-attribute-invalid", "treatment-meterset-falls"), "Monitor units were taken back.")
def delivered_falls(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.TreatmentSessionBeamSequence))
    point = beam.ControlPointDeliverySequence[len(beam.ControlPointDeliverySequence) // 2]
    return put(point, "DeliveredMeterset", dice.pick((0, -5)))


@in_one(RT, by_codec("treatment-beam-twice"), "A beam was given twice in one session.")
def beam_given_twice(dataset: Dataset, dice: Dice) -> Record:
    beams = list(dataset.TreatmentSessionBeamSequence)
    twice = dice.pick(beams)
    dataset.TreatmentSessionBeamSequence = [*beams, twice]
    return {"beam": twice.BeamName}


@in_one(RT, LATER, "The record specifies other monitor units than the plan.")
def specified_differs(dataset: Dataset, dice: Dice) -> Record:
    beam, factor = dice.pick(list(dataset.TreatmentSessionBeamSequence)), dice.uniform(1.2, 5)
    for keyword in ("SpecifiedPrimaryMeterset", "DeliveredPrimaryMeterset"):
        setattr(beam, keyword, f"{float(getattr(beam, keyword)) * factor:.2f}")
    return {"beam": beam.BeamName, "factor": f"{factor:.2f}"}


def _pick(dataset: Dataset, dice: Dice) -> Dataset:
    beam: Dataset = dice.pick(list(dataset.TreatmentSessionBeamSequence))
    return beam
