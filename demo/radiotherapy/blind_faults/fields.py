"""Fields whose geometry is not that of the computed dose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demo.dice import Dice
from demo.radiotherapy.blind_faults.blind import blind
from demo.radiotherapy.blind_faults.changing import (
    at_points,
    beams_given,
    sideways,
    some_beam,
    with_beam,
    with_beams,
    with_openings,
)
from tianfu.standards.dicom.beams import ControlPoint
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.control_points import LEAVES, X_JAWS, Opening
from tianfu.standards.dicom.grids import Floats


@blind(
    wrong="One field turns about another point than the rest.",
    harm="Its dose falls beside the target, or the patient is shifted wrongly between fields.",
    counts="Fifteen millimetres.",
)
def isocentre_of_one_field(case: Case, dice: Dice) -> Case:
    by_mm = sideways(dice, least_mm=15, most_mm=60)
    return with_beam(case, at_points(some_beam(case, dice), lambda point: _at(point, by_mm)))


@blind(
    wrong="The isocentre of the whole plan was left at another point than the target: the shift was never made.",
    harm="The whole course misses the tumour.",
    counts="Six centimetres.",
)
def isocentre_never_set(case: Case, dice: Dice) -> Case:
    by_mm = sideways(dice, least_mm=60, most_mm=75)
    return with_beams(case, lambda beam: at_points(beam, lambda point: _at(point, by_mm)))


@blind(
    wrong="A field lost its leaf positions on the way to the machine: only jaws are left.",
    harm="An open field of full monitor units: a fatal overdose, as happened in New York in 2005.",
    counts="All control points of one field.",
)
def leaf_positions_lost(case: Case, dice: Dice) -> Case:
    def without(opening: Opening) -> Opening | None:
        return None if opening.device in LEAVES else opening

    return with_beam(case, at_points(some_beam(case, dice), lambda point: with_openings(point, without)))


@blind(
    wrong="All leaves and jaws of a field stand wide open in every segment.",
    harm="The same overdose, far beyond the target.",
    counts="Twenty centimetres square.",
)
def leaves_wide_open(case: Case, dice: Dice) -> Case:
    half = dice.uniform(100, 140)

    def opened(opening: Opening) -> Opening:
        pairs = len(opening.positions_mm) // 2
        return replace(opening, positions_mm=(-half,) * pairs + (half,) * pairs)

    return with_beam(case, at_points(some_beam(case, dice), lambda point: with_openings(point, opened)))


@blind(
    wrong="A field's leaves and jaws stand centimetres beside the target.",
    harm="Healthy tissue is treated instead.",
    counts="25 mm along the leaves' travel.",
)
def field_beside_the_target(case: Case, dice: Dice) -> Case:
    by_mm = dice.pick((-1, 1)) * round(dice.uniform(25, 50), 1)

    def beside(opening: Opening) -> Opening:
        if opening.device not in LEAVES | X_JAWS:
            return opening
        return replace(opening, positions_mm=tuple(round(one + by_mm, 1) for one in opening.positions_mm))

    return with_beam(case, at_points(some_beam(case, dice), lambda point: with_openings(point, beside)))


@blind(
    wrong="The jaws of a field stand far outside its leaves, whose closed pairs meet under open sky.",
    harm="Rounded leaf ends leak tens of per cent in a line through the patient.",
    counts="Jaws ten centimetres and more beyond the leaves.",
)
def jaws_far_beyond_the_leaves(case: Case, dice: Dice) -> Case:
    half = dice.uniform(140, 200)

    def opened(opening: Opening) -> Opening:
        return opening if opening.device in LEAVES else replace(opening, positions_mm=(-half, half))

    return with_beam(case, at_points(some_beam(case, dice), lambda point: with_openings(point, opened)))


@blind(
    wrong="The energy changes within a field.",
    harm="Depth dose and output are those of another beam for part of the monitor units.",
    counts="Another energy from some segment on.",
)
def energy_changes_within_a_field(case: Case, dice: Dice) -> Case:
    beam, energy = some_beam(case, dice), dice.pick((10.0, 15.0, 18.0))
    start = dice.randrange(1, len(beam.control_points) // 2) * 2
    points = tuple(
        replace(point, stand=replace(point.stand, energy_mv=energy)) if at >= start else point
        for at, point in enumerate(beam.control_points)
    )
    return with_beam(case, replace(beam, control_points=points))


@blind(
    wrong="One segment of a static field stands at another gantry angle.",
    harm="That segment comes from a side for which it was not shaped, or the field becomes an arc unawares.",
    counts="Ten degrees.",
)
def gantry_of_one_segment(case: Case, dice: Dice) -> Case:
    beam, by_degrees = some_beam(case, dice), dice.pick((-1, 1)) * dice.uniform(10, 40)
    start = dice.randrange(len(beam.control_points) // 2) * 2
    points = tuple(
        replace(
            point, stand=replace(point.stand, gantry_degrees=((point.stand.gantry_degrees or 0.0) + by_degrees) % 360)
        )
        if at in {start, start + 1}
        else point
        for at, point in enumerate(beam.control_points)
    )
    return with_beam(case, replace(beam, control_points=points))


@blind(
    wrong="The couch is turned far while the gantry stands at its side or beneath: they collide.",
    harm="The patient is hit.",
    counts="Sixty degrees of couch with the gantry between 90 and 270.",
)
def couch_and_gantry_collide(case: Case, dice: Dice) -> Case:
    lateral = [
        beam for beam in beams_given(case.plans[0]) if 100 < (beam.control_points[0].stand.gantry_degrees or 0) < 260
    ]
    couch = dice.pick((dice.uniform(60, 90), dice.uniform(270, 300)))

    def turned(point: ControlPoint) -> ControlPoint:
        return replace(point, stand=replace(point.stand, couch_degrees=couch))

    return with_beam(case, at_points(dice.pick(lateral), turned))


@blind(
    wrong="The last segments of a field were lost: its weights end before the final one.",
    harm="Part of the dose is never given, or the machine scales the rest up.",
    counts="One segment.",
)
def weights_end_early(case: Case, dice: Dice) -> Case:
    beam = some_beam(case, dice)
    return with_beam(case, replace(beam, control_points=beam.control_points[: -2 * dice.randrange(1, 3)]))


def _at(point: ControlPoint, by_mm: Floats) -> ControlPoint:
    x, y, z = np.round(np.array(point.isocentre_mm) + by_mm, 1).tolist()
    return replace(point, isocentre_mm=(x, y, z))
