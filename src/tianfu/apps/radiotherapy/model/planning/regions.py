"""The voxels that objectives speak of: structures, and what a wish makes of the body around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tianfu.apps.radiotherapy.model.optimisation.objectives import (
    AtLeastVolume,
    EquivalentAtLeast,
    MinimumDose,
    Objective,
)
from tianfu.apps.radiotherapy.model.optimisation.regions import Region, region_in, ring_of, sampled
from tianfu.apps.radiotherapy.model.planning.subjects import Subject
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish, RegionWish
from tianfu.apps.radiotherapy.model.scanlines import Bools

AT_LEAST = (MinimumDose, AtLeastVolume, EquivalentAtLeast)


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


def to_surface(name: str) -> str:
    """What a target with all voxels that it touches is called; no structure has such a name."""
    return f"{name}\0"


def regions_of(wish: PlanWish, subject: Subject) -> Mapping[str, Region]:
    """A region for each name that an objective has, of rows that count the voxels of the body.

    Raises Refusal `structure-without-voxels` for what no voxel of the body is in, and those of `ring_of`.
    """
    made = {region.name: region for region in wish.regions}
    surfaces = {to_surface(name): mask for name, mask in subject.touched.items()}
    regions: dict[str, Region] = {}
    for name in dict.fromkeys(objective.structure for objective in objectives_of(wish, subject)):
        if name in made:
            whole = region_in(subject.wanted, region_mask(made[name], subject), structure=name)
            regions[name] = sampled(whole, share=made[name].share, seed=wish.optimisation.seed)
        else:
            mask = surfaces[name] if name in surfaces else subject.masks[name]
            regions[name] = region_in(subject.wanted, mask, structure=name)
    return regions


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
