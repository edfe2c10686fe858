"""Faults of a plan as an object: beams, control points, leaves and fraction groups that do not fit each other."""

from __future__ import annotations

from pydicom.dataset import Dataset

from demo.dice import Dice
from demo.radiotherapy.faults.editing import put
from demo.radiotherapy.faults.fault import Record, by_codec, in_one
from demo.radiotherapy.objects import Kind

RP = Kind.PLAN


@in_one(RP, by_codec("plan-same-beam-number"), "Two beams have one number.")
def same_beam_number(dataset: Dataset, dice: Dice) -> Record:
    one, other = dice.sample(list(dataset.BeamSequence), 2)
    other.BeamNumber = one.BeamNumber
    return {"beam": str(one.BeamNumber)}


@in_one(RP, by_codec("beam-weights-decrease"), "The weight of a beam falls from one control point to the next.")
def weights_decrease(dataset: Dataset, dice: Dice) -> Record:
    beam, points = _pick(dataset, dice)
    place = dice.randrange(2, len(points) - 1)
    points[place].CumulativeMetersetWeight = f"{float(points[place - 1].CumulativeMetersetWeight) * 0.5:.6f}"
    return {"beam": beam, "control_point": str(place)}


@in_one(RP, by_codec("beam-final-weight-differs"), "A beam's final weight is not that of its last control point.")
def final_weight_differs(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    beam.FinalCumulativeMetersetWeight = f"{dice.uniform(1.01, 3):.4f}"
    return {"beam": str(beam.BeamNumber), "final_weight": str(beam.FinalCumulativeMetersetWeight)}


@in_one(RP, by_codec("beam-control-points-missing"), "A beam lacks control points that it says it has.")
def control_points_missing(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    count = dice.randrange(1, 3)
    beam.ControlPointSequence = list(beam.ControlPointSequence)[:-count]
    return {"beam": str(beam.BeamNumber), "control_points_lost": str(count)}


@in_one(RP, by_codec("beam-control-points-missing"), "The control points of a beam are not in order.")
def control_points_mixed(dataset: Dataset, dice: Dice) -> Record:
    beam, points = _pick(dataset, dice)
    one, other = dice.sample(range(1, len(points)), 2)
    points[one].ControlPointIndex, points[other].ControlPointIndex = other, one
    return {"beam": beam, "one": str(one), "other": str(other)}


@in_one(RP, by_codec("beam-leaves-differ"), "A control point has a leaf pair too few.")
def leaf_pair_lost(dataset: Dataset, dice: Dice) -> Record:
    device = _leaves(dataset, dice)
    positions, pair = list(device.LeafJawPositions), dice.randrange(10, 50)
    half = len(positions) // 2
    device.LeafJawPositions = [one for place, one in enumerate(positions) if place not in {pair, pair + half}]
    return {"pair": str(pair + 1)}


@in_one(RP, by_codec("beam-leaves-cross"), "A leaf has run past the one opposite.")
def leaves_cross(dataset: Dataset, dice: Dice) -> Record:
    device = _leaves(dataset, dice)
    positions = [float(one) for one in device.LeafJawPositions]
    half, pair, by_mm = len(positions) // 2, dice.randrange(len(positions) // 2), dice.uniform(1, 20)
    positions[pair] = positions[pair + half] + by_mm
    device.LeafJawPositions = [f"{one:.2f}" for one in positions]
    return {"pair": str(pair + 1), "by_mm": f"{by_mm:.2f}"}


@in_one(RP, by_codec("beam-leaves-without-boundaries"), "Nobody knows how wide the leaves are.")
def boundaries_missing(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    for device in beam.BeamLimitingDeviceSequence:
        if device.RTBeamLimitingDeviceType == "MLCX":
            del device.LeafPositionBoundaries
    return {"beam": str(beam.BeamNumber)}


@in_one(RP, by_codec("beam-leaves-differ"), "The leaves have a boundary too few for their pairs.")
def boundary_lost(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    for device in beam.BeamLimitingDeviceSequence:
        if device.RTBeamLimitingDeviceType == "MLCX":
            device.LeafPositionBoundaries = list(device.LeafPositionBoundaries)[1:]
    return {"beam": str(beam.BeamNumber)}


@in_one(RP, by_codec("beam-without-isocentre"), "A beam has no isocentre.")
def without_isocentre(dataset: Dataset, dice: Dice) -> Record:
    beam, points = _pick(dataset, dice)
    del points[0].IsocenterPosition
    return {"beam": beam}


@in_one(RP, by_codec("beam-not-whole"), "A beam has a wedge or a bolus that we do not read.")
def wedge(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    keyword = dice.pick(("NumberOfWedges", "NumberOfBoli", "NumberOfBlocks", "NumberOfCompensators"))
    setattr(beam, keyword, 1)
    return {"beam": str(beam.BeamNumber), "attribute": keyword}


@in_one(RP, by_codec("plan-beam-unknown"), "A fraction group gives a beam that is not there.")
def beam_unknown(dataset: Dataset, dice: Dice) -> Record:
    one = dice.pick(list(dataset.FractionGroupSequence[0].ReferencedBeamSequence))
    one.ReferencedBeamNumber = dice.randrange(40, 90)
    return {"beam": str(one.ReferencedBeamNumber)}


@in_one(RP, by_codec("plan-beam-in-no-fraction"), "A beam is given in no fraction.")
def beam_never_given(dataset: Dataset, dice: Dice) -> Record:
    group = dataset.FractionGroupSequence[0]
    beams = list(group.ReferencedBeamSequence)
    lost = beams.pop(dice.randrange(len(beams)))
    group.ReferencedBeamSequence, group.NumberOfBeams = beams, len(beams)
    return {"beam": str(lost.ReferencedBeamNumber)}


@in_one(RP, by_codec("plan-without-fractions"), "The plan has no fraction group.")
def without_fractions(dataset: Dataset, dice: Dice) -> Record:
    del dataset.FractionGroupSequence
    return {}


@in_one(RP, by_codec("plan-without-meterset"), "A beam has no monitor units.")
def without_meterset(dataset: Dataset, dice: Dice) -> Record:
    one = dice.pick(list(dataset.FractionGroupSequence[0].ReferencedBeamSequence))
    del one.BeamMeterset
    return {"beam": str(one.ReferencedBeamNumber)}


@in_one(RP, by_codec("plan-without-structures"), "The plan names no structure set.")
def without_structures(dataset: Dataset, dice: Dice) -> Record:
    del dataset.ReferencedStructureSetSequence
    return {}


@in_one(RP, by_codec("dicom-attribute-missing"), "An attribute without which a plan says nothing is missing.")
def attribute_missing(dataset: Dataset, dice: Dice) -> Record:
    keyword = dice.pick(("SOPInstanceUID", "StudyInstanceUID", "BeamNumber", "BeamType", "ControlPointIndex"))
    beam = dice.pick(list(dataset.BeamSequence))
    holder = {"BeamNumber": beam, "BeamType": beam, "ControlPointIndex": beam.ControlPointSequence[1]}
    delattr(holder.get(keyword, dataset), keyword)
    return {"attribute": keyword}


@in_one(RP, by_codec("dicom-attribute-invalid"), "A number of a beam is none.")
def attribute_broken(dataset: Dataset, dice: Dice) -> Record:
    _, points = _pick(dataset, dice)
    keyword, value = dice.pick((("GantryAngle", "nan"), ("IsocenterPosition", ["0", "0"]), ("GantryAngle", "inf")))
    setattr(points[0], keyword, value)
    return {"attribute": keyword, "value": str(value)}


@in_one(RP, by_codec("dicom-attribute-invalid"), "A gantry angle is none between 0 and 360 degrees.")
def gantry_beyond(dataset: Dataset, dice: Dice) -> Record:
    return put(_first_point(dataset, dice), "GantryAngle", dice.pick((-10, 400, 1e9)))


@in_one(RP, by_codec("dicom-attribute-invalid", "plan-without-meterset"), "A beam has negative monitor units, or none.")
def meterset_negative(dataset: Dataset, dice: Dice) -> Record:
    return put(_given(dataset, dice), "BeamMeterset", dice.pick((0, -round(dice.uniform(1, 200), 1))))


@in_one(RP, by_codec("dicom-attribute-invalid"), "A course has no fractions, or fewer.")
def fractions_negative(dataset: Dataset, dice: Dice) -> Record:
    return put(dataset.FractionGroupSequence[0], "NumberOfFractionsPlanned", dice.pick((0, -3)))


@in_one(RP, by_codec("dicom-attribute-invalid"), "An energy is negative, or a thousand times too high.")
def energy_beyond(dataset: Dataset, dice: Dice) -> Record:
    return put(_first_point(dataset, dice), "NominalBeamEnergy", dice.pick((-6, 6000)))


@in_one(RP, by_codec("dicom-attribute-invalid"), "An isocentre lies far beyond any patient.")
def isocentre_far_away(dataset: Dataset, dice: Dice) -> Record:
    return put(_first_point(dataset, dice), "IsocenterPosition", [round(10 ** dice.uniform(4, 8)), 0, 0])


@in_one(RP, by_codec("beam-first-weight", "beam-weights-decrease"), "A beam has given something before it begins.")
def first_weight(dataset: Dataset, dice: Dice) -> Record:
    return put(_first_point(dataset, dice), "CumulativeMetersetWeight", round(dice.uniform(0.05, 0.35), 3))


@in_one(
    RP,
    by_codec("beam-without-weights"),
    "The control points of a beam have no weights, so that nobody knows what each segment gets.",
)
def without_weights(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    for point in beam.ControlPointSequence:
        point.CumulativeMetersetWeight = None
    return {"beam": str(beam.BeamNumber)}


@in_one(RP, by_codec("beam-leaf-boundaries"), "The boundaries of the leaves run backwards.")
def boundaries_reversed(dataset: Dataset, dice: Dice) -> Record:
    beam = dice.pick(list(dataset.BeamSequence))
    for device in beam.BeamLimitingDeviceSequence:
        if "LeafPositionBoundaries" in device:
            device.LeafPositionBoundaries = list(device.LeafPositionBoundaries)[::-1]
    return {"beam": str(beam.BeamNumber)}


@in_one(RP, by_codec("plan-dose-beyond"), "What is prescribed was written in centigray.")
def prescribed_centigray(dataset: Dataset, dice: Dice) -> Record:
    reference = dataset.DoseReferenceSequence[0]
    return put(reference, "TargetPrescriptionDose", float(reference.TargetPrescriptionDose) * 100)


@in_one(RP, by_codec("plan-setup-unknown"), "A beam is for a setup that the plan has not.")
def setup_unknown(dataset: Dataset, dice: Dice) -> Record:
    return put(dice.pick(list(dataset.BeamSequence)), "ReferencedPatientSetupNumber", dice.randrange(20, 90))


def _pick(dataset: Dataset, dice: Dice) -> tuple[str, list[Dataset]]:
    beam = dice.pick(list(dataset.BeamSequence))
    return str(beam.BeamNumber), list(beam.ControlPointSequence)


def _leaves(dataset: Dataset, dice: Dice) -> Dataset:
    """The leaves' positions at some control point that states them."""
    stated: list[Dataset] = [
        device
        for beam in dataset.BeamSequence
        for point in beam.ControlPointSequence
        for device in point.get("BeamLimitingDevicePositionSequence", ())
        if device.RTBeamLimitingDeviceType == "MLCX"
    ]
    return dice.pick(stated)


def _first_point(dataset: Dataset, dice: Dice) -> Dataset:
    point: Dataset = dice.pick(list(dataset.BeamSequence)).ControlPointSequence[0]
    return point


def _given(dataset: Dataset, dice: Dice) -> Dataset:
    beam: Dataset = dice.pick(list(dataset.FractionGroupSequence[0].ReferencedBeamSequence))
    return beam
