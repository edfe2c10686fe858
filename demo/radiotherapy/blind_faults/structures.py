"""Structures that are not where, or what, they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demo.dice import Dice
from demo.radiotherapy.blind_faults.blind import blind
from demo.radiotherapy.blind_faults.changing import (
    box_of,
    heights,
    moved,
    of_kind,
    sideways,
    with_set,
    with_structure,
)
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.structure_sets import PhysicalProperty
from tianfu.standards.dicom.structures import Ring, Structure

ENDS = 2
"""So many slices at either end of a structure are never taken away: what is left is not merely shorter."""


@blind(
    wrong="The body's contour is missing on some neighbouring slices at the target's height.",
    harm="There the engine sees air: the depth is wrong, and the dose too high behind.",
    counts="Three slices.",
)
def body_lacks_slices(case: Case, dice: Dice) -> Case:
    return with_structure(case, _without_slices(of_kind(case, "EXTERNAL")[0], dice.randrange(3, 6), dice))


@blind(
    wrong="The body's contour lies well within the skin: it was drawn with a wrong threshold.",
    harm="The tissue before the contour is left out of the computation: the target gets less than shown.",
    counts="A tenth of the patient's width.",
)
def body_within_the_skin(case: Case, dice: Dice) -> Case:
    (body, *_), share = of_kind(case, "EXTERNAL"), dice.uniform(0.8, 0.9)
    least, most = box_of(body)
    middle = (least + most) / 2
    scale = np.array([share, share, 1.0])
    rings = tuple(replace(ring, points=(ring.points - middle) * scale + middle) for ring in body.rings)
    return with_structure(case, replace(body, rings=rings))


@blind(
    wrong="All structures lie beside what the images show, as after a registration that was not undone.",
    harm="The beams aim at a target that is not there.",
    counts="More than 15 mm.",
)
def structures_beside_the_anatomy(case: Case, dice: Dice) -> Case:
    by_mm = sideways(dice, least_mm=15, most_mm=30)
    structures = case.structure_sets[0].structures
    return with_set(case, structures=tuple(replace(one, rings=moved(one.rings, by_mm)) for one in structures))


@blind(
    wrong="The target's contours are missing on slices in its middle: they were never interpolated.",
    harm="The optimiser leaves a cold band through the tumour.",
    counts="Two slices.",
)
def target_lacks_slices(case: Case, dice: Dice) -> Case:
    return with_structure(case, _without_slices(of_kind(case, "PTV")[0], dice.randrange(2, 4), dice))


@blind(
    wrong="The target has a stray speck far from the rest, from a slip of the mouse.",
    harm="Dose is driven to healthy tissue, and statistics of the target are wrong.",
    counts="A speck of some millimetres, four centimetres away.",
)
def target_has_a_speck(case: Case, dice: Dice) -> Case:
    target = of_kind(case, "PTV")[0]
    least, most = box_of(target)
    ring = dice.pick(target.rings)
    side, size = dice.pick((-1, 1)), dice.uniform(2.0, 4.0)
    middle = (least + most) / 2 + np.array([side * ((most[0] - least[0]) / 2 + 40.0), 0.0, 0.0])
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    points = np.column_stack(
        [middle[0] + size * np.cos(turn), middle[1] + size * np.sin(turn), np.full(12, ring.points[0, 2])]
    )
    return with_structure(case, replace(target, rings=(*target.rings, Ring(points=points, image=ring.image))))


@blind(
    wrong="Left and right organ bear each other's names.",
    harm="The organ that should be spared gets the dose that was allowed to the other one.",
    counts="A pair.",
)
def sides_are_swapped(case: Case, dice: Dice) -> Case:
    structures = case.structure_sets[0].structures
    left = next(one for one in structures if one.name.endswith("_L"))
    right = next(one for one in structures if one.name == left.name[:-1] + "R")
    return with_structure(with_structure(case, replace(left, name=right.name)), replace(right, name=left.name))


@blind(
    wrong="The clinical target sticks out of the planning target: the margin was made from a former contour.",
    harm="Part of the disease lies without margin, or outside the dose.",
    counts="Six millimetres.",
)
def clinical_target_sticks_out(case: Case, dice: Dice) -> Case:
    target = of_kind(case, "PTV")[0]
    structures = case.structure_sets[0].structures
    number = max(one.number for one in structures) + 1
    rings = moved(target.rings, sideways(dice, least_mm=6, most_mm=10))
    clinical = replace(target, number=number, name=target.name.replace("PTV", "CTV"), kind="CTV", rings=rings)
    return with_set(case, structures=(*structures, clinical))


@blind(
    wrong="One organ is a copy of another under a new name that was never drawn anew.",
    harm="The organ that is named is not spared, nor is its dose known.",
    counts="The same contours.",
)
def organ_is_a_copy(case: Case, dice: Dice) -> Case:
    organs = list(of_kind(case, "ORGAN"))
    dice.shuffle(organs)
    return with_structure(case, replace(organs[0], rings=organs[1].rings))


@blind(
    wrong="A density that somebody typed for a structure is ten times too high or too low.",
    harm="The dose in and behind the structure is wrong by tens of per cent.",
    counts="A factor of ten from water.",
)
def density_mistyped(case: Case, dice: Dice) -> Case:
    structure = dice.pick([one for one in case.structure_sets[0].structures if one.kind in {"PTV", "ORGAN"}])
    name = dice.pick(("REL_ELEC_DENSITY", "REL_MASS_DENSITY"))
    value = PhysicalProperty(structure=structure.number, name=name, value=dice.pick((0.1, 10.0)))
    return with_set(case, properties=(value,))


@blind(
    wrong="A lobe of the target reaches out of the body, into air.",
    harm="The optimiser piles up fluence to reach dose in air: the skin burns.",
    counts="At least six millimetres.",
)
def target_out_of_the_body(case: Case, dice: Dice) -> Case:
    target, body = of_kind(case, "PTV")[0], of_kind(case, "EXTERNAL")[0]
    lobe, (_, skin) = target.rings[len(target.rings) // 2 :][:3], box_of(body)
    reached = max(float(ring.points[:, 0].max()) for ring in lobe)
    lobes = moved(lobe, np.array([skin[0] - reached + dice.uniform(6, 12), 0.0, 0.0]))
    return with_structure(case, replace(target, rings=(*target.rings, *lobes)))


def _without_slices(structure: Structure, count: int, dice: Dice) -> Structure:
    """Without so many neighbouring slices, or as many as there are between the outermost two of either end."""
    planes = heights(structure)
    lost_count = min(count, len(planes) - 2 * ENDS)
    low = dice.randrange(ENDS, len(planes) - ENDS - lost_count + 1)
    lost = set(planes[low : low + lost_count])
    rings = tuple(ring for ring in structure.rings if round(float(ring.points[0, 2]), 3) not in lost)
    return replace(structure, rings=rings)
