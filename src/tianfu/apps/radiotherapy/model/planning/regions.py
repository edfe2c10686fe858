"""The voxels that objectives speak of: structures, and what a wish makes of the body around them."""

from __future__ import annotations

from collections.abc import Mapping

from tianfu.apps.radiotherapy.model.optimisation.regions import Region, region_in, ring_of, sampled
from tianfu.apps.radiotherapy.model.planning.subjects import Subject
from tianfu.apps.radiotherapy.model.planning.wishes import PlanWish, RegionWish
from tianfu.apps.radiotherapy.model.scanlines import Bools


def regions_of(wish: PlanWish, subject: Subject) -> Mapping[str, Region]:
    """A region for each name that an objective has, of rows that count the voxels of the body.

    Raises Refusal `structure-without-voxels` for what no voxel of the body is in, and those of `ring_of`.
    """
    made = {region.name: region for region in wish.regions}
    regions: dict[str, Region] = {}
    for name in dict.fromkeys(objective.structure for objective in wish.objectives):
        if name in made:
            whole = region_in(subject.wanted, region_mask(made[name], subject), structure=name)
            regions[name] = sampled(whole, share=made[name].share, seed=wish.optimisation.seed)
        else:
            regions[name] = region_in(subject.wanted, subject.masks[name], structure=name)
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
