"""From objectives to segments and their dose: the C-shape of AAPM's Task Group 119 on the generic machine.

A skeleton of the way, not yet the plan of a case: no RTPLAN is written.  What is told of the target holds after
monitor units are scaled so that 95 % of its volume get the prescribed dose.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bench.radiotherapy_tg119 import Phantom
from tianfu.apps.radiotherapy.model.machines.machines import Machine
from tianfu.apps.radiotherapy.model.optimisation.apertures import Delivery, FieldSegments
from tianfu.apps.radiotherapy.model.optimisation.delivered import Collimated, delivered
from tianfu.apps.radiotherapy.model.optimisation.direct_apertures import Moves, Refinement, refined
from tianfu.apps.radiotherapy.model.optimisation.fluence import Settings as Stop
from tianfu.apps.radiotherapy.model.optimisation.fluence import Step, even_start, optimise
from tianfu.apps.radiotherapy.model.optimisation.fused import Problem, judged
from tianfu.apps.radiotherapy.model.optimisation.objectives import MaximumDose, MinimumDose, Objective
from tianfu.apps.radiotherapy.model.optimisation.regions import Region, region_in, ring_of, sampled
from tianfu.apps.radiotherapy.model.optimisation.sequencing import sequenced
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.apps.radiotherapy.model.transport.pencil_beam import DoseVoxels
from tianfu.apps.radiotherapy.model.transport.pencil_beam import Settings as Traced

Result = dict[str, object]

TARGET, CORE, RING, BODY = "OuterTarget", "Core", "ring", "beyond"
PRESCRIBED_GY, FRACTIONS = 50.0, 25
LEVELS = 7
WITHIN = 1.01
"""Of the converged objective."""

OBJECTIVES: tuple[Objective, ...] = (
    MinimumDose(structure=TARGET, weight=100, dose_gy=50.5),
    MaximumDose(structure=TARGET, weight=100, dose_gy=52.0),
    MaximumDose(structure=CORE, weight=30, dose_gy=10.0),
    MaximumDose(structure=RING, weight=20, dose_gy=45.0),
    MaximumDose(structure=BODY, weight=20, dose_gy=25.0),
)
FLUENCE = Stop(iterations_most=80, change_least=1e-3, smoothing=0.3)
CONVERGED = Stop(iterations_most=400, change_least=1e-5, smoothing=0.3)
APERTURES = Stop(iterations_most=25, change_least=3e-3, smoothing=0.0)
MOVES = Moves(rounds=3, farthest_mm=5.0)
BODY_SHARE, SEED = 0.1, 1


def deliverable_keys(phantom: Phantom, machine: Machine, found: Influence, traced: Traced) -> Result:
    """Seconds and figures of each step after the influence; kernels are compiled before."""
    problem = Problem(influence=found, objectives=OBJECTIVES, regions=regions_of(phantom, found), fractions=FRACTIONS)
    start = even_start(problem, structure=TARGET, dose_gy=PRESCRIBED_GY)
    judged(problem, start)
    converged = optimise(problem, start=start, settings=CONVERGED, heard=lambda _: True)
    took, iterations = _to_within(problem, start, converged.objective * WITHIN)
    began = time.perf_counter()
    fluence = optimise(problem, start=start, settings=FLUENCE, heard=lambda _: True)
    delivery = Delivery(leaves=machine.leaves, limits=machine.limits)
    cut = sequenced(found.beamlets, fluence.weights, delivery, levels=LEVELS)
    task = Refinement(problem=problem, delivery=delivery, moves=MOVES, settings=APERTURES, heard=lambda _: True)
    better = refined(task, cut)
    wanted = DoseVoxels(grid=found.grid, voxels=found.voxels)
    collimated = Collimated(beam=machine.beam, jaws=machine.jaws, leaves=machine.leaves)
    dose = FRACTIONS * delivered(better.parts, found.beamlets.fields, collimated, phantom.density, wanted, traced)
    seconds = time.perf_counter() - began
    return {
        "fluence_seconds": round(took, 2),
        "fluence_iterations": iterations,
        "fluence_objective": round(converged.objective, 1),
        "deliverable_plan_seconds": round(seconds, 2),
        "deliverable_segments": sum(len(part.segments) for part in better.parts),
        "deliverable_objectives": [round(value, 1) for value in better.objectives],
        **_figures(phantom, found, dose, better.parts),
    }


def _to_within(problem: Problem, start: NDArray[np.float64], goal: float) -> tuple[float, int]:
    """Seconds and iterations until the objective is that low."""
    began, reached = time.perf_counter(), [0.0, 0.0]

    def heard(step: Step) -> bool:
        if not reached[1] and step.objective <= goal:
            reached[:] = [time.perf_counter() - began, step.iteration]
        return True

    optimise(problem, start=start, settings=CONVERGED, heard=heard)
    return reached[0], int(reached[1])


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


def _figures(phantom: Phantom, found: Influence, dose: NDArray[np.float32], parts: tuple[FieldSegments, ...]) -> Result:
    """After 95 % of the target's voxels get the prescribed dose."""
    target, core = (dose[np.searchsorted(found.voxels, phantom.structures[name])] for name in (TARGET, CORE))
    scale = PRESCRIBED_GY / float(np.percentile(target, 5))
    return {
        "c_shape_target_d10_gy": round(scale * float(np.percentile(target, 90)), 2),
        "c_shape_core_d10_gy": round(scale * float(np.percentile(core, 90)), 2),
        "c_shape_scaled_by": round(scale, 4),
        "c_shape_fraction_mu": round(scale * sum(part.mu for part in parts), 1),
    }
