"""Goals in their order on a subject: what is wanted of its voxels, and what became of it under the goals' own names."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from tianfu.apps.radiotherapy.model.optimisation.fused import Problem
from tianfu.apps.radiotherapy.model.optimisation.goals import Holding, Line, Wanted, last_problem
from tianfu.apps.radiotherapy.model.planning.regions import drawn_name, goals_of, objectives_of
from tianfu.apps.radiotherapy.model.planning.subjects import Subject
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish


def wanted_of(wish: PlanWish, subject: Subject, weighed: Problem) -> Wanted:
    """The goals of a wish, and its objectives that every level has, on the influence and the regions of a problem."""
    return Wanted(
        influence=weighed.influence,
        goals=goals_of(wish, subject),
        always=objectives_of(wish, subject),
        regions=weighed.regions,
        prescription_gy=wish.prescription.dose_gy,
        fractions=weighed.fractions,
    )


def drawn_lines(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The lines with goals as they were wished, of structures and not of their surfaces."""
    return tuple(_about(line, drawn_name(line.goal.structure)) for line in lines)


def last_level(wanted: Wanted, lines: tuple[Line, ...], holding: Holding) -> Problem:
    """What the last level asked, of lines as `drawn_lines` has them; raises what `last_problem` raises."""
    voxels = {(drawn_name(goal.structure), goal.goal): goal.structure for goal in wanted.goals}
    known = tuple(_about(line, voxels[line.goal.structure, line.goal.goal]) for line in lines)
    return last_problem(wanted, known, holding)


def are_of(lines: tuple[Line, ...] | None, wish: PlanWish) -> bool:
    """Whether there is a line for each goal of a wish, and for nothing else."""
    told = [line.goal for line in lines or ()]
    return len(told) == len(wish.goals) and set(told) == set(wish.goals)


def _about(line: Line, structure: str) -> Line:
    return replace(line, goal=msgspec.structs.replace(line.goal, structure=structure))
