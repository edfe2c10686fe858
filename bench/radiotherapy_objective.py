"""One objective that solvers are held against each other by: on the C-shape of AAPM's Task Group 119."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bench.radiotherapy_tg119 import Phantom
from tianfu.apps.radiotherapy.model.optimisation.objectives import MaximumDose, MinimumDose, Objective
from tianfu.apps.radiotherapy.model.optimisation.regions import Region, region_in, ring_of, sampled
from tianfu.apps.radiotherapy.model.transport.influence import Influence

TARGET, CORE, RING, BODY = "OuterTarget", "Core", "ring", "beyond"
PRESCRIBED_GY, FRACTIONS = 50.0, 25
WITHIN = 1.01
"""Of the converged objective."""

OBJECTIVES: tuple[Objective, ...] = (
    MinimumDose(structure=TARGET, weight=100, dose_gy=50.5),
    MaximumDose(structure=TARGET, weight=100, dose_gy=52.0),
    MaximumDose(structure=CORE, weight=30, dose_gy=10.0),
    MaximumDose(structure=RING, weight=20, dose_gy=45.0),
    MaximumDose(structure=BODY, weight=20, dose_gy=25.0),
)
BODY_SHARE, SEED = 0.1, 1


def regions_of(phantom: Phantom, found: Influence) -> Mapping[str, Region]:
    """The voxels of target, core, a ring about the target and a sample of what lies beyond."""
    shape = found.grid.shape
    masks = {name: _mask(phantom, name) for name in (TARGET, CORE, "BODY")}
    ring = ring_of(masks[TARGET], found.grid, inner_mm=3.0, outer_mm=12.0) & ~masks[CORE] & masks["BODY"]
    near = ring_of(masks[TARGET], found.grid, inner_mm=0.0, outer_mm=12.0) | masks[TARGET]
    whole = {TARGET: masks[TARGET], CORE: masks[CORE], RING: ring, BODY: masks["BODY"] & ~near & ~masks[CORE]}
    regions = {name: region_in(found, mask.reshape(shape), structure=name) for name, mask in whole.items()}
    return regions | {BODY: sampled(regions[BODY], share=BODY_SHARE, seed=SEED)}


def _mask(phantom: Phantom, name: str) -> NDArray[np.bool_]:
    mask = np.zeros(phantom.density.grid.shape, np.bool_)
    mask.flat[phantom.structures[name]] = True
    return mask
