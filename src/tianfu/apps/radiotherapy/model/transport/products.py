"""Doses of weighted beamlets, and what a change of dose asks of each beamlet: an influence times a vector, both ways.

All threads share the voxels in parts that do not depend on how many threads there are: the same arguments give the same
numbers, bit for bit.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from tianfu.apps.radiotherapy.model.compiled import compiled_in_parallel, compiled_in_parallel_regrouped
from tianfu.apps.radiotherapy.model.transport.influence import Influence
from tianfu.standards.dicom.grids import Floats

Reals = NDArray[np.float32]

PARTS = 64
"""In how many parts voxels are summed up for beamlets, whatever the number of threads."""


def dose_of(influence: Influence, weights: Floats | Reals) -> Reals:
    """Gray in each voxel (V) for so many monitor units of each beamlet (B)."""
    _must_fit(weights, influence.beamlets.count)
    return _doses(
        influence.voxel_runs,
        influence.run_beamlets,
        influence.run_values,
        influence.values,
        influence.scale,
        np.ascontiguousarray(weights, np.float32),
    )


def gradient_of(influence: Influence, voxel_gradient: Floats | Reals) -> Floats:
    """For each beamlet (B) the sum over voxels (V) of its dose for one monitor unit times the voxel's number."""
    _must_fit(voxel_gradient, len(influence.voxels))
    parts = _gradients(
        influence.voxel_runs,
        influence.run_beamlets,
        influence.run_values,
        influence.values,
        influence.scale,
        np.ascontiguousarray(voxel_gradient, np.float32),
        np.zeros((PARTS, influence.beamlets.count), np.float32),
    )
    return np.asarray(parts.sum(axis=0, dtype=np.float64))


def _must_fit(vector: Floats | Reals, length: int) -> None:
    if vector.shape != (length,):
        raise ValueError(f"{vector.shape} numbers for {length}")


@compiled_in_parallel_regrouped
def _doses(
    voxel_runs: NDArray[np.int64],
    run_beamlets: NDArray[np.uint16],
    run_values: NDArray[np.int32],
    values: NDArray[np.uint16],
    scale: Reals,
    weights: Reals,
) -> Reals:
    doses = np.zeros(len(scale), np.float32)
    for voxel in numba.prange(len(scale)):
        total = np.float32(0.0)
        for run in range(voxel_runs[voxel], voxel_runs[voxel + 1]):
            part = values[run_values[run] : run_values[run + 1]]
            beamlet = np.int64(run_beamlets[run])
            theirs = weights[beamlet : beamlet + len(part)]
            for i in range(len(part)):
                total += np.float32(part[i]) * theirs[i]
        doses[voxel] = total * scale[voxel]
    return doses


@compiled_in_parallel
def _gradients(
    voxel_runs: NDArray[np.int64],
    run_beamlets: NDArray[np.uint16],
    run_values: NDArray[np.int32],
    values: NDArray[np.uint16],
    scale: Reals,
    voxel_gradient: Reals,
    sums: Reals,
) -> Reals:
    parts = len(sums)
    voxels = len(scale)
    for part in numba.prange(parts):
        mine = sums[part]
        for voxel in range(part * voxels // parts, (part + 1) * voxels // parts):
            factor = voxel_gradient[voxel] * scale[voxel]
            if factor == 0.0:
                continue
            for run in range(voxel_runs[voxel], voxel_runs[voxel + 1]):
                there = values[run_values[run] : run_values[run + 1]]
                beamlet = np.int64(run_beamlets[run])
                theirs = mine[beamlet : beamlet + len(there)]
                for i in range(len(there)):
                    theirs[i] += factor * np.float32(there[i])
    return sums
