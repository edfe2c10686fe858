"""A case with one of its parts changed; each takes the first object of its kind, for the cases have one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from demo.dice import Dice
from tianfu.standards.dicom.beams import SETUP, Beam, ControlPoint
from tianfu.standards.dicom.cases import Case
from tianfu.standards.dicom.control_points import Opening
from tianfu.standards.dicom.doses import Dose
from tianfu.standards.dicom.grids import Floats
from tianfu.standards.dicom.plans import FractionGroup, Plan
from tianfu.standards.dicom.structure_sets import StructureSet
from tianfu.standards.dicom.structures import Ring, Structure
from tianfu.standards.dicom.treatments import Treatment


def with_plan(case: Case, **changes: Any) -> Case:
    """Fields of the plan replaced."""
    return replace(case, plans=(replace(case.plans[0], **changes), *case.plans[1:]))


def with_group(case: Case, **changes: Any) -> Case:
    """Fields of the fraction group replaced."""
    group: FractionGroup = replace(case.plans[0].fraction_groups[0], **changes)
    return with_plan(case, fraction_groups=(group, *case.plans[0].fraction_groups[1:]))


def with_dose(case: Case, **changes: Any) -> Case:
    """Fields of the dose replaced."""
    dose: Dose = replace(case.doses[0], **changes)
    return replace(case, doses=(dose, *case.doses[1:]))


def with_set(case: Case, **changes: Any) -> Case:
    """Fields of the structure set replaced."""
    changed: StructureSet = replace(case.structure_sets[0], **changes)
    return replace(case, structure_sets=(changed, *case.structure_sets[1:]))


def with_treatment(case: Case, at: int, **changes: Any) -> Case:
    """Fields of one record replaced."""
    treatments = list(case.treatments)
    changed: Treatment = replace(treatments[at], **changes)
    treatments[at] = changed
    return replace(case, treatments=tuple(treatments))


def beams_given(plan: Plan) -> tuple[Beam, ...]:
    """The beams that give dose."""
    return tuple(beam for beam in plan.beams if beam.delivery != SETUP)


def some_beam(case: Case, dice: Dice) -> Beam:
    """Any beam that gives dose."""
    return dice.pick(beams_given(case.plans[0]))


def with_beam(case: Case, beam: Beam) -> Case:
    """The beam of this number replaced."""
    beams = tuple(beam if one.number == beam.number else one for one in case.plans[0].beams)
    return with_plan(case, beams=beams)


def with_beams(case: Case, change: Callable[[Beam], Beam]) -> Case:
    """Every beam changed, pictures too."""
    return with_plan(case, beams=tuple(map(change, case.plans[0].beams)))


def at_points(beam: Beam, change: Callable[[ControlPoint], ControlPoint]) -> Beam:
    """Every control point changed."""
    return replace(beam, control_points=tuple(map(change, beam.control_points)))


def with_openings(point: ControlPoint, change: Callable[[Opening], Opening | None]) -> ControlPoint:
    """Every opening changed, or left out."""
    openings = tuple(changed for one in point.stand.openings if (changed := change(one)) is not None)
    return replace(point, stand=replace(point.stand, openings=openings))


def with_structure(case: Case, changed: Structure) -> Case:
    """The structure of this number replaced."""
    structures = case.structure_sets[0].structures
    return with_set(case, structures=tuple(changed if one.number == changed.number else one for one in structures))


def of_kind(case: Case, kind: str) -> tuple[Structure, ...]:
    """The structures of a kind; raises ValueError if there are none."""
    found = tuple(one for one in case.structure_sets[0].structures if one.kind == kind)
    if not found:
        message = f"no structure is {kind}"
        raise ValueError(message)
    return found


def moved(rings: tuple[Ring, ...], by_mm: Floats) -> tuple[Ring, ...]:
    """Rings elsewhere."""
    return tuple(replace(ring, points=ring.points + by_mm) for ring in rings)


def heights(structure: Structure) -> list[float]:
    """The planes of a structure from foot to head, each once."""
    return sorted({round(float(ring.points[0, 2]), 3) for ring in structure.rings})


def box_of(structure: Structure) -> tuple[Floats, Floats]:
    """The corners of the box around a structure."""
    points = np.concatenate([ring.points for ring in structure.rings])
    return points.min(axis=0), points.max(axis=0)


def sideways(dice: Dice, *, least_mm: float, most_mm: float) -> Floats:
    """So far in any direction across the patient."""
    turn, length = dice.uniform(0, 2 * np.pi), dice.uniform(least_mm, most_mm)
    return np.array([length * np.cos(turn), length * np.sin(turn), 0.0])
