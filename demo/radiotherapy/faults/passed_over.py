"""Values that no standard allows or no machine has, which today's readers pass over: a list of work for later rules."""

from __future__ import annotations

from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import contours_by_structure
from demo.radiotherapy.faults.fault import LATER, Record, in_all, in_one
from demo.radiotherapy.objects import Kind

CT, RS, RP, RD, RT = Kind


@in_one(RP, LATER, "A gantry angle is none between 0 and 360 degrees.")
def gantry_beyond(dataset: Dataset, dice: Dice) -> Record:
    return _set(_first_point(dataset, dice), "GantryAngle", dice.pick((-10, 400, 1e9)))


@in_one(RP, LATER, "A beam has negative monitor units, or none.")
def meterset_negative(dataset: Dataset, dice: Dice) -> Record:
    return _set(_given(dataset, dice), "BeamMeterset", dice.pick((0, -round(dice.uniform(1, 200), 1))))


@in_one(RP, LATER, "A course has no fractions, or fewer.")
def fractions_negative(dataset: Dataset, dice: Dice) -> Record:
    return _set(dataset.FractionGroupSequence[0], "NumberOfFractionsPlanned", dice.pick((0, -3)))


@in_one(RP, LATER, "An energy is negative, or a thousand times too high.")
def energy_beyond(dataset: Dataset, dice: Dice) -> Record:
    return _set(_first_point(dataset, dice), "NominalBeamEnergy", dice.pick((-6, 6000)))


@in_one(RP, LATER, "An isocentre lies far beyond any patient.")
def isocentre_far_away(dataset: Dataset, dice: Dice) -> Record:
    return _set(_first_point(dataset, dice), "IsocenterPosition", [round(10 ** dice.uniform(4, 8)), 0, 0])


@in_one(RP, LATER, "A beam has given something before it begins.")
def first_weight(dataset: Dataset, dice: Dice) -> Record:
    return _set(_first_point(dataset, dice), "CumulativeMetersetWeight", round(dice.uniform(0.05, 0.35), 3))


@in_one(RP, LATER, "The control points of a beam have no weights, so that nobody knows what each segment gets.")
def without_weights(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    for point in beam.ControlPointSequence:
        point.CumulativeMetersetWeight = None
    return {"beam": str(beam.BeamNumber)}


@in_one(RP, LATER, "The boundaries of the leaves run backwards.")
def boundaries_reversed(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    for device in beam.BeamLimitingDeviceSequence:
        if "LeafPositionBoundaries" in device:
            device.LeafPositionBoundaries = list(device.LeafPositionBoundaries)[::-1]
    return {"beam": str(beam.BeamNumber)}


@in_one(RP, LATER, "What is prescribed was written in centigray.")
def prescribed_centigray(dataset: Dataset, dice: Dice) -> Record:
    reference = dataset.DoseReferenceSequence[0]
    return _set(reference, "TargetPrescriptionDose", float(reference.TargetPrescriptionDose) * 100)


@in_one(RP, LATER, "The plan names a dose that is not there.")
def dose_unknown(dataset: Dataset, dice: Dice) -> Record:
    return _set(dataset.ReferencedDoseSequence[0], "ReferencedSOPInstanceUID", "2.25.997")


@in_one(RP, LATER, "A beam is for a setup that the plan has not.")
def setup_unknown(dataset: Dataset, dice: Dice) -> Record:
    return _set(dice.pick(list(dataset.BeamSequence)), "ReferencedPatientSetupNumber", dice.randrange(20, 90))


@in_one(RD, LATER, "The dose is nothing everywhere.")
def nothing(dataset: Dataset, dice: Dice) -> Record:
    dataset.PixelData = bytes(len(dataset.PixelData))
    return {}


@in_one(RD, LATER, "The doses are in no range that is ever given.")
def beyond(dataset: Dataset, dice: Dice) -> Record:
    return _set(dataset, "DoseGridScaling", dice.pick((1e9, 1e-30)))


@in_one(RS, LATER, "A structure has no name.")
def nameless(dataset: Dataset, dice: Dice) -> Record:
    roi = dice.pick(list(dataset.StructureSetROISequence))
    return {"before": str(roi.ROIName), **_set(roi, "ROIName", "")}


@in_one(RS, LATER, "A contour says that it was drawn on another slice than the one it lies on.")
def image_of_another_slice(dataset: Dataset, dice: Dice) -> Record:
    name, item = dice.pick(list(contours_by_structure(dataset, least=6)))
    first, last = item.ContourSequence[0], item.ContourSequence[-1]
    image = last.ContourImageSequence[0].ReferencedSOPInstanceUID
    return {"structure": name, **_set(first.ContourImageSequence[0], "ReferencedSOPInstanceUID", image)}


@in_all(CT, LATER, "Hounsfield units are beyond all that a scanner measures.")
def hounsfield_beyond(dataset: Dataset, dice: Dice) -> Record:
    return _set(dataset, "RescaleSlope", dice.pick((50, 1e30)))


@in_one(RT, LATER, "Monitor units were taken back.")
def delivered_falls(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.TreatmentSessionBeamSequence))
    point = beam.ControlPointDeliverySequence[len(beam.ControlPointDeliverySequence) // 2]
    return _set(point, "DeliveredMeterset", dice.pick((0, -5)))


@in_one(RT, LATER, "A beam was given twice in one session.")
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


@in_one(RT, LATER, "The session belongs to a fraction group that the plan has not.")
def group_unknown(dataset: Dataset, dice: Dice) -> Record:
    return _set(dataset, "ReferencedFractionGroupNumber", dice.randrange(5, 50))


def _set(holder: Dataset, keyword: str, value: object) -> Record:
    setattr(holder, keyword, value)
    return {"attribute": keyword, "value": str(value)}


def _first_point(dataset: Dataset, dice: Dice) -> Dataset:
    point: Dataset = dice.pick(list(dataset.BeamSequence)).ControlPointSequence[0]
    return point


def _given(dataset: Dataset, dice: Dice) -> Dataset:
    beam: Dataset = dice.pick(list(dataset.FractionGroupSequence[0].ReferencedBeamSequence))
    return beam
