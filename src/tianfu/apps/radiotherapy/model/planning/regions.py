"""The voxels that objectives speak of: structures, and what a wish makes of the body around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from tianfu.apps.radiotherapy.model.optimisation.goals import asks_for_dose, objective_of
from tianfu.apps.radiotherapy.model.optimisation.objectives import (
    AtLeastVolume,
    EquivalentAtLeast,
    MinimumDose,
    Objective,
)
from tianfu.apps.radiotherapy.model.optimisation.regions import Region, region_in, ring_of, sampled
from tianfu.apps.radiotherapy.model.planning.subjects import Subject
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish, RegionWish
from tianfu.apps.radiotherapy.model.protocols import Goal
from tianfu.apps.radiotherapy.model.scanlines import Bools

AT_LEAST = (MinimumDose, AtLeastVolume, EquivalentAtLeast)

SURFACE = "\0"


def objectives_of(wish: PlanWish, subject: Subject) -> tuple[Objective, ...]:
    """What is wished; of a target at least a dose to its surface.

    A histogram ends at the contour, voxels with their middles inside end up to half a voxel before it, and the dose
    falls by several percent in each millimetre there.
    """
    objectives = [objective.objective for objective in wish.objectives]
    return tuple(
        replace(each, structure=to_surface(each.structure))
        if isinstance(each, AT_LEAST) and each.structure in subject.touched
        else each
        for each in objectives
    )


def goals_of(wish: PlanWish, subject: Subject) -> tuple[Goal, ...]:
    """The goals in their order, if any are wished; those that want dose in a target, to its surface."""
    return tuple(
        msgspec.structs.replace(goal, structure=to_surface(goal.structure))
        if asks_for_dose(goal.constraint) and goal.structure in subject.touched
        else goal
        for goal in wish.goals
    )


def to_surface(name: str) -> str:
    """What a target with all voxels that it touches is called; no structure has such a name."""
    return f"{name}{SURFACE}"


def drawn_name(name: str) -> str:
    """The structure's own name, of a name that may be that of its surface."""
    return name.removesuffix(SURFACE)


def regions_of(wish: PlanWish, subject: Subject) -> Mapping[str, Region]:
    """A region for each name that an objective or a goal has, of rows that count the voxels of the body.

    A surface's voxels stand for the volume of its own structure.

    Raises Refusal `structure-without-voxels` for what no voxel of the body is in, and those of `ring_of`.
    """
    made = {region.name: region for region in wish.regions}
    surfaces = {to_surface(name): mask for name, mask in subject.touched.items()}
    regions: dict[str, Region] = {}
    named = [objective.structure for objective in objectives_of(wish, subject)]
    named += [goal.structure for goal in goals_of(wish, subject)]
    for name in dict.fromkeys(named):
        if name in made:
            whole = region_in(subject.wanted, region_mask(made[name], subject), structure=name)
            regions[name] = sampled(whole, share=made[name].share, seed=wish.optimisation.seed)
        elif name in surfaces:
            touched = region_in(subject.wanted, surfaces[name], structure=name)
            own_cc = float(subject.masks[drawn_name(name)].sum()) * subject.grid.voxel_mm3 / 1000
            regions[name] = replace(touched, volume_cc=own_cc or touched.volume_cc)
        else:
            regions[name] = region_in(subject.wanted, subject.masks[name], structure=name)
    return regions


def refuse_unless_reachable(wish: PlanWish, subject: Subject, regions: Mapping[str, Region]) -> None:
    """Do nothing if each goal's structure has the volume that the goal speaks of.

    Raises Refusal `volume-beyond-structure` otherwise.
    """
    for goal in goals_of(wish, subject):
        objective_of(
            goal,
            goal.constraint,
            regions[goal.structure],
            weight=1.0,
            prescription_gy=wish.prescription.dose_gy,
        )


def region_mask(region: RegionWish, subject: Subject) -> Bools:
    """The voxels of a region on the dose's grid."""
    around, body = subject.together(region.around), subject.body
    if region.to_mm is not None:
        inside = ring_of(around, subject.grid, inner_mm=region.from_mm, outer_mm=region.to_mm) & body
    else:
        inside = body & ~around
        if region.from_mm > 0:
            inside &= ~ring_of(around, subject.grid, inner_mm=0.0, outer_mm=region.from_mm)
    for name in region.without:
        inside = inside & ~subject.masks[name]
    return inside
